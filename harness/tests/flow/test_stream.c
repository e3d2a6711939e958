#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "flow/stream.h"

/* A stream whose data is written to `told`, with each gap as "[n]". */
struct fixture {
	struct stream stream;
	struct buf told;
	size_t budget;
};

static void on_data(void *context, enum side from, struct bytes data, uint64_t t_ns)
{
	struct fixture *fixture = context;

	(void)t_ns;
	assert_int_equal(from, SIDE_SERVER);
	assert_true(data.len > 0);
	buf_bytes(&fixture->told, data);
}

static void on_gap(void *context, enum side from, uint64_t n_bytes, uint64_t t_ns)
{
	struct fixture *fixture = context;

	(void)from, (void)t_ns;
	buf_printf(&fixture->told, "[%llu]", (unsigned long long)n_bytes);
}

static const struct stream_events events = {.data = on_data, .gap = on_gap};

static int begin(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	stream_init(&fixture->stream, SIDE_SERVER, &events, fixture, &fixture->budget);
	*state = fixture;
	return 0;
}

static int end(void **state)
{
	struct fixture *fixture = *state;

	stream_fini(&fixture->stream);
	assert_int_equal(fixture->budget, 0);
	buf_fini(&fixture->told);
	free(fixture);
	return 0;
}

/* Gives the stream a segment, its data in an exact-size copy that is freed at once. */
static void give_bytes(struct fixture *fixture, uint32_t seq, uint8_t flags, struct bytes data,
                       uint32_t length, uint64_t t_ns)
{
	uint8_t *copy = malloc(data.len > 0 ? data.len : 1);
	struct segment segment = {
		.t_ns = t_ns, .seq = seq, .flags = flags, .data = {copy, data.len}, .length = length};

	if (data.len > 0)
		memcpy(copy, data.data, data.len);
	stream_segment(&fixture->stream, &segment);
	free(copy);
}

static void give(struct fixture *fixture, uint32_t seq, uint8_t flags, const char *text)
{
	size_t len = strlen(text);

	give_bytes(fixture, seq, flags, (struct bytes){(const uint8_t *)text, len}, (uint32_t)len, 0);
}

static void assert_told(struct fixture *fixture, const char *expected)
{
	assert_string_equal(buf_string(&fixture->told), expected);
}

static void bytes_come_in_order_after_the_syn(void **state)
{
	struct fixture *fixture = *state;

	give(fixture, 99, TCP_SYN, "");
	give(fixture, 100, 0, "abc");
	give(fixture, 103, 0, "def");
	assert_told(fixture, "abcdef");
	assert_int_equal(fixture->stream.n_bytes, 6);
	assert_int_equal(fixture->stream.n_retransmissions, 0);
}

static void data_in_the_syn_counts(void **state)
{
	struct fixture *fixture = *state;

	give(fixture, 99, TCP_SYN, "fast");
	give(fixture, 104, 0, "open");
	assert_told(fixture, "fastopen");
}

/* RFC 5961 section 4: a host may answer a SYN for a connection that it still has. */
static void a_syn_tells_better_than_an_acknowledgement_of_another_connection(void **state)
{
	struct fixture *fixture = *state;

	give(fixture, 900000, 0, "");
	give(fixture, 99, TCP_SYN, "");
	give(fixture, 100, 0, "abc");
	assert_told(fixture, "abc");
	assert_int_equal(fixture->stream.n_gaps, 0);
}

/* A record with a ClientHello in it begins a handshake. */
#define HELLO "\x16\3\1\1\1\1"

static void without_a_syn_the_segment_that_begins_a_handshake_is_the_start(void **state)
{
	struct fixture *fixture = *state;

	give(fixture, 5000, 0, HELLO);
	give(fixture, 5006, 0, "abc");
	assert_told(fixture, HELLO "abc");
}

static void without_a_syn_a_late_start_is_waited_for(void **state)
{
	struct fixture *fixture = *state;

	give(fixture, 5009, 0, "def");
	give(fixture, 5006, 0, "abc");
	assert_told(fixture, "");
	give(fixture, 5000, 0, HELLO);
	assert_told(fixture, HELLO "abcdef");
	assert_int_equal(fixture->stream.n_gaps, 0);
}

static void without_a_syn_what_is_acknowledged_is_the_start(void **state)
{
	struct fixture *fixture = *state;

	give(fixture, 5003, 0, "def");
	give(fixture, 5000, 0, "abc");
	stream_acknowledged(&fixture->stream, 5006, 0);
	assert_told(fixture, "abcdef");
	give(fixture, 5006, 0, "ghi");
	assert_told(fixture, "abcdefghi");
	assert_int_equal(fixture->stream.n_gaps, 0);
}

static void late_segments_are_put_in_order(void **state)
{
	struct fixture *fixture = *state;

	stream_assume_start(&fixture->stream, 0);
	give(fixture, 6, 0, "ghi");
	give(fixture, 3, 0, "def");
	assert_told(fixture, "");
	give(fixture, 0, 0, "abc");
	assert_told(fixture, "abcdefghi");
	assert_int_equal(fixture->stream.n_retransmissions, 0);
}

static void bytes_before_what_was_acknowledged_move_an_assumed_start_back(void **state)
{
	struct fixture *fixture = *state;

	stream_assume_start(&fixture->stream, 106);
	give(fixture, 105, 0, "x"); /* a keep-alive */
	give(fixture, 100, 0, "abcdef");
	give(fixture, 106, 0, "ghi");
	give(fixture, 97, 0, "old");
	assert_told(fixture, "abcdefghi");
	assert_int_equal(fixture->stream.n_gaps, 0);
}

static void bytes_far_before_an_assumed_start_are_old(void **state)
{
	struct fixture *fixture = *state;

	stream_assume_start(&fixture->stream, 200000);
	give(fixture, 100, 0, "abc");
	give(fixture, 200000, 0, "def");
	assert_told(fixture, "def");
}

static void repeated_segments_count_as_retransmissions(void **state)
{
	struct fixture *fixture = *state;

	give(fixture, 99, TCP_SYN, "");
	give(fixture, 99, TCP_SYN, "");
	give(fixture, 100, 0, "abc");
	give(fixture, 100, 0, "abc");
	give(fixture, 106, 0, "ghi");
	give(fixture, 106, 0, "ghi");
	give(fixture, 100, 0, "abcdef"); /* one that also brings something new */
	give(fixture, 109, TCP_FIN, "");
	give(fixture, 109, TCP_FIN, "");
	assert_told(fixture, "abcdefghi");
	assert_int_equal(fixture->stream.n_retransmissions, 5);
	assert_true(fixture->stream.ended);
}

static void of_overlapping_bytes_the_first_that_came_win(void **state)
{
	struct fixture *fixture = *state;

	stream_assume_start(&fixture->stream, 0);
	give(fixture, 4, 0, "EF");      /* held: 4 and 5 */
	give(fixture, 8, 0, "IJ");      /* held: 8 and 9 */
	give(fixture, 2, 0, "........"); /* new of it: 2, 3, 6, 7 */
	give(fixture, 0, 0, "xxxxxxxxxxxxLM");
	assert_told(fixture, "xx..EF..IJxxLM");
}

static void held_bytes_win_over_a_later_segment_that_fills_the_hole(void **state)
{
	struct fixture *fixture = *state;

	stream_assume_start(&fixture->stream, 0);
	give(fixture, 2, 0, "CD");
	give(fixture, 0, 0, "abcdef");
	assert_told(fixture, "abCDef");
}

static void sequence_numbers_wrap(void **state)
{
	struct fixture *fixture = *state;

	give(fixture, 0xfffffffc, TCP_SYN, "");
	give(fixture, 3, 0, "gh");
	give(fixture, 0xffffffff, 0, "cdef");
	give(fixture, 0xfffffffd, 0, "ab");
	give(fixture, 0xfffffffd, 0, "ab");
	give(fixture, 5, TCP_FIN, "");
	assert_told(fixture, "abcdefgh");
	assert_true(fixture->stream.ended);
	assert_int_equal(fixture->stream.n_retransmissions, 1);
}

static void keep_alives_change_nothing(void **state)
{
	struct fixture *fixture = *state;

	give(fixture, 99, TCP_SYN, "");
	give(fixture, 100, 0, "abc");
	give(fixture, 102, 0, "?");
	give(fixture, 102, 0, "");
	give(fixture, 103, 0, "def");
	assert_told(fixture, "abcdef");
	assert_int_equal(fixture->stream.n_retransmissions, 0);
}

static void segments_may_be_far_larger_than_any_mtu(void **state)
{
	struct fixture *fixture = *state;
	static uint8_t large[1 << 20];
	struct bytes data = {large, sizeof(large)};

	memset(large, 'x', sizeof(large));
	stream_assume_start(&fixture->stream, 0);
	give_bytes(fixture, 0, 0, data, sizeof(large), 0);
	assert_int_equal(fixture->told.len, sizeof(large));
}

static void nothing_after_the_fin_belongs_to_the_stream(void **state)
{
	struct fixture *fixture = *state;

	stream_assume_start(&fixture->stream, 0);
	give(fixture, 3, TCP_FIN, "def");
	give(fixture, 6, 0, "ghi");
	assert_false(fixture->stream.ended);
	give(fixture, 0, 0, "abc");
	assert_true(fixture->stream.ended);
	give(fixture, 4, 0, "efXYZ");
	assert_told(fixture, "abcdef");
}

static void a_hole_is_told_when_the_stream_is_finished(void **state)
{
	struct fixture *fixture = *state;

	stream_assume_start(&fixture->stream, 0);
	give(fixture, 0, 0, "abc");
	give(fixture, 10, 0, "klm");
	give(fixture, 20, TCP_FIN, "");
	assert_told(fixture, "abc");
	stream_finish(&fixture->stream, 0);
	assert_told(fixture, "abc[7]klm[7]");
	assert_int_equal(fixture->stream.n_gaps, 2);
}

static void an_acknowledged_hole_is_given_up_after_a_while(void **state)
{
	struct fixture *fixture = *state;
	struct bytes late = {(const uint8_t *)"late", 4};

	stream_assume_start(&fixture->stream, 0);
	give_bytes(fixture, 5, 0, late, 4, 1000);
	stream_acknowledged(&fixture->stream, 9, 1000 + STREAM_REORDER_NS);
	assert_told(fixture, "");
	stream_acknowledged(&fixture->stream, 0, 2000 + STREAM_REORDER_NS);
	assert_told(fixture, "");
	stream_acknowledged(&fixture->stream, 9, 2000 + STREAM_REORDER_NS);
	assert_told(fixture, "[5]late");
}

static void a_hole_is_given_up_when_too_much_is_held(void **state)
{
	struct fixture *fixture = *state;
	static uint8_t large[STREAM_HELD_MAX / 2];
	struct bytes data = {large, sizeof(large)};

	stream_assume_start(&fixture->stream, 0);
	give_bytes(fixture, 7, 0, data, sizeof(large), 0);
	assert_int_equal(fixture->told.len, 0);
	give_bytes(fixture, 7 + sizeof(large), 0, data, sizeof(large), 0);
	assert_memory_equal(fixture->told.data, "[7]", 3);
	assert_int_equal(fixture->stream.n_bytes, 2 * sizeof(large));
	assert_int_equal(fixture->stream.n_held, 0);
}

static void a_hole_is_given_up_when_too_many_pieces_are_held(void **state)
{
	struct fixture *fixture = *state;

	stream_assume_start(&fixture->stream, 0);
	for (uint32_t i = 0; i < STREAM_PIECES_MAX; i++)
		give(fixture, 1 + 2 * i, 0, "x");
	assert_told(fixture, "");
	give(fixture, 1 + 2 * STREAM_PIECES_MAX, 0, "x");
	assert_told(fixture, "[1]x");
	assert_int_equal(fixture->stream.n_pieces, STREAM_PIECES_MAX);
}

static void a_hole_is_given_up_when_the_budget_is_used_up(void **state)
{
	struct fixture *fixture = *state;

	stream_assume_start(&fixture->stream, 0);
	fixture->budget = STREAM_HELD_ALL_MAX;
	give(fixture, 3, 0, "def");
	assert_told(fixture, "[3]def");
	fixture->budget = 0;
}

static void bytes_cut_by_the_snapshot_length_are_a_gap(void **state)
{
	struct fixture *fixture = *state;
	struct bytes cut = {(const uint8_t *)"abc", 3};

	stream_assume_start(&fixture->stream, 0);
	give_bytes(fixture, 0, 0, cut, 10, 0);
	give_bytes(fixture, 12, 0, cut, 5, 0);
	give(fixture, 10, 0, "--");
	assert_told(fixture, "abc[7]--abc[2]");
}

/* A small generator, so that each run of the test is the same. */
static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static void any_order_and_any_overlap_give_the_same_bytes(void **state)
{
	struct fixture *fixture = *state;
	char text[400];
	uint32_t random = 1;

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('a' + i % 26);
	text[sizeof(text) - 1] = '\0';
	for (uint32_t round = 0; round < 500; round++) {
		uint32_t start = 0xffffff00u + round;

		stream_fini(&fixture->stream);
		buf_clear(&fixture->told);
		stream_init(&fixture->stream, SIDE_SERVER, &events, fixture, &fixture->budget);
		stream_assume_start(&fixture->stream, start);
		for (int i = 0; i < 40; i++) {
			uint32_t at = next_random(&random) % 399, n = next_random(&random) % 60;
			struct bytes data = {(const uint8_t *)text + at, n < 399 - at ? n : 399 - at};

			give_bytes(fixture, start + at, 0, data, (uint32_t)data.len, 0);
		}
		for (uint32_t at = 0; at < 399; at += 7) {
			struct bytes data = {(const uint8_t *)text + at, 7};

			give_bytes(fixture, start + at, 0, data, 7, 0);
		}
		assert_told(fixture, text);
		assert_int_equal(fixture->stream.n_held, 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_come_in_order_after_the_syn),
		TEST(data_in_the_syn_counts),
		TEST(a_syn_tells_better_than_an_acknowledgement_of_another_connection),
		TEST(without_a_syn_the_segment_that_begins_a_handshake_is_the_start),
		TEST(without_a_syn_a_late_start_is_waited_for),
		TEST(without_a_syn_what_is_acknowledged_is_the_start),
		TEST(late_segments_are_put_in_order),
		TEST(bytes_before_what_was_acknowledged_move_an_assumed_start_back),
		TEST(bytes_far_before_an_assumed_start_are_old),
		TEST(repeated_segments_count_as_retransmissions),
		TEST(of_overlapping_bytes_the_first_that_came_win),
		TEST(held_bytes_win_over_a_later_segment_that_fills_the_hole),
		TEST(sequence_numbers_wrap),
		TEST(keep_alives_change_nothing),
		TEST(segments_may_be_far_larger_than_any_mtu),
		TEST(nothing_after_the_fin_belongs_to_the_stream),
		TEST(a_hole_is_told_when_the_stream_is_finished),
		TEST(an_acknowledged_hole_is_given_up_after_a_while),
		TEST(a_hole_is_given_up_when_too_much_is_held),
		TEST(a_hole_is_given_up_when_too_many_pieces_are_held),
		TEST(a_hole_is_given_up_when_the_budget_is_used_up),
		TEST(bytes_cut_by_the_snapshot_length_are_a_gap),
		TEST(any_order_and_any_overlap_give_the_same_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
