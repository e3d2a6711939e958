#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/story.h"

#define MS 1000000u

/* One segment; `t_ms` since the first. */
struct step {
	enum side from;
	uint32_t seq, length;
	uint8_t flags;
	uint16_t window;
	uint64_t t_ms;
};

static void check(const struct step *steps, size_t n, const char *expected)
{
	struct story story = {0};
	struct buf text = {0};
	struct emit emit;

	for (size_t i = 0; i < n; i++) {
		struct segment segment = {.t_ns = steps[i].t_ms * MS,
			                  .seq = steps[i].seq,
			                  .flags = steps[i].flags,
			                  .window = steps[i].window,
			                  .length = steps[i].length};

		story_segment(&story, steps[i].from, &segment);
	}
	emit_init(&emit, &text, EMIT_JSON);
	emit_object(&emit, NULL);
	story_emit(&story, 0, &emit);
	emit_close(&emit);
	assert_string_equal(buf_string(&text), expected);
	buf_fini(&text);
}

#define CHECK_STORY(steps, expected) check(steps, sizeof(steps) / sizeof((steps)[0]), expected)
#define NO_WINDOWS "{\"zero_windows\":{\"client\":0,\"server\":0},"

static void who_let_the_other_wait_longest_is_told(void **state)
{
	const struct step steps[] = {
		{SIDE_CLIENT, 99, 0, TCP_SYN, 9, 0},
		{SIDE_SERVER, 499, 0, TCP_SYN | TCP_ACK, 9, 1},
		{SIDE_CLIENT, 100, 200, TCP_ACK, 9, 5},
		{SIDE_CLIENT, 100, 200, TCP_ACK, 9, 900}, /* again: nothing new */
		{SIDE_SERVER, 500, 1000, TCP_ACK, 9, 1005},
		{SIDE_CLIENT, 300, 0, TCP_ACK, 9, 1006},
		{SIDE_CLIENT, 300, 7, TCP_ACK, 9, 1050},
	};

	(void)state;
	CHECK_STORY(steps, NO_WINDOWS "\"smallest_segment\":{\"client\":7,\"server\":1000},"
	            "\"longest_pause\":{\"ms\":1000.000,\"t_ms\":5.000,\"waited_for\":\"server\"}}");
}

static void a_connection_given_up_names_who_did_not_answer(void **state)
{
	const struct step steps[] = {
		{SIDE_CLIENT, 100, 200, TCP_ACK, 9, 0},
		{SIDE_CLIENT, 299, 1, TCP_ACK, 9, 5000}, /* a keep-alive */
		{SIDE_CLIENT, 300, 0, TCP_ACK | TCP_FIN, 9, 10000},
		{SIDE_SERVER, 500, 0, TCP_RST, 0, 10001},
	};

	(void)state;
	CHECK_STORY(steps, NO_WINDOWS "\"smallest_segment\":{\"client\":200,\"server\":null},"
	            "\"longest_pause\":{\"ms\":10000.000,\"t_ms\":0.000,\"waited_for\":\"server\"}}");
}

static void a_window_is_counted_when_it_closes(void **state)
{
	const struct step steps[] = {
		{SIDE_CLIENT, 99, 0, TCP_SYN, 0, 0},
		{SIDE_CLIENT, 100, 0, TCP_ACK, 0, 0},
		{SIDE_CLIENT, 100, 0, TCP_ACK, 0, 0}, /* still closed */
		{SIDE_CLIENT, 100, 0, TCP_ACK, 5, 0},
		{SIDE_CLIENT, 100, 0, TCP_ACK, 0, 0},
		{SIDE_SERVER, 500, 0, TCP_ACK, 0, 0},
	};

	(void)state;
	CHECK_STORY(steps, "{\"zero_windows\":{\"client\":2,\"server\":1},"
	            "\"smallest_segment\":{\"client\":null,\"server\":null},\"longest_pause\":null}");
}

static void sequence_numbers_wrap(void **state)
{
	const struct step steps[] = {
		{SIDE_CLIENT, UINT32_MAX - 9, 20, TCP_ACK, 9, 0},
		{SIDE_CLIENT, 10, 5, TCP_ACK, 9, 3},
	};

	(void)state;
	CHECK_STORY(steps, NO_WINDOWS "\"smallest_segment\":{\"client\":5,\"server\":null},"
	            "\"longest_pause\":{\"ms\":3.000,\"t_ms\":0.000,\"waited_for\":\"client\"}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_let_the_other_wait_longest_is_told),
		cmocka_unit_test(a_connection_given_up_names_who_did_not_answer),
		cmocka_unit_test(a_window_is_counted_when_it_closes),
		cmocka_unit_test(sequence_numbers_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
