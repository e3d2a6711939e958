#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "flow/fragment.h"
#include "tests/flow/frames.h"

#include <stdlib.h>

static const char text[] = "An IP packet of forty bytes, in pieces.";

/* A fragment of `text`; `end` 0: up to its end. */
static struct fragment piece(size_t offset, size_t end)
{
	bool more = end != 0;

	if (!more)
		end = sizeof(text);
	return (struct fragment){.identification = 7,
	                         .protocol = offset == 0 ? 6 : 60,
	                         .from = {.ipv6 = true},
	                         .more = more,
	                         .offset = offset,
	                         .length = end - offset,
	                         .data = {(const uint8_t *)text + offset, end - offset}};
}

static void check_text(const struct whole *whole)
{
	assert_int_equal(whole->length, sizeof(text));
	assert_int_equal(whole->data.len, sizeof(text));
	assert_memory_equal(whole->data.data, text, sizeof(text));
	assert_int_equal(whole->protocol, 6);
}

static void fragments_in_every_order_make_the_packet(void **state)
{
	const struct fragment pieces[] = {piece(0, 8), piece(8, 24), piece(24, 32), piece(32, 0)};
	struct fragments *fragments = fragments_new();
	struct whole whole;

	(void)state;
	for (int order = 0; order < 256; order++) {
		unsigned seen = 0;
		bool done = false;

		for (int i = 0; i < 4; i++)
			seen |= 1u << (order >> 2 * i & 3);
		for (int i = 0; seen == 15 && i < 4; i++)
			done = fragments_add(fragments, &pieces[order >> 2 * i & 3], &whole);
		if (seen != 15)
			continue;
		assert_true(done);
		check_text(&whole);
		assert_int_equal(whole.n_fragments, 4);
	}
	fragments_free(fragments);
}

static void where_fragments_overlap_the_first_one_wins(void **state)
{
	struct fragments *fragments = fragments_new();
	struct fragment other = piece(8, 32), first = piece(0, 16), middle = piece(16, 24),
	                last = piece(24, 0);
	struct whole whole;
	uint8_t junk[24];

	(void)state;
	memset(junk, '#', sizeof(junk));
	assert_false(fragments_add(fragments, &first, &whole));
	assert_false(fragments_add(fragments, &last, &whole));
	assert_true(fragments_add(fragments, &middle, &whole));
	check_text(&whole);
	/* Half of what comes here is new, the other half is there already. */
	assert_false(fragments_add(fragments, &first, &whole));
	other.data.data = junk;
	assert_false(fragments_add(fragments, &other, &whole));
	assert_true(fragments_add(fragments, &last, &whole));
	assert_memory_equal(whole.data.data, text, 16);
	assert_memory_equal(whole.data.data + 16, junk, 16);
	assert_memory_equal(whole.data.data + 32, text + 32, 8);
	fragments_free(fragments);
}

static void what_was_not_captured_ends_the_data_and_not_the_length(void **state)
{
	struct fragments *fragments = fragments_new();
	struct fragment first = piece(0, 16), last = piece(16, 0);
	struct whole whole;

	(void)state;
	first.data.len = 11;
	last.data.len = 3;
	fragments_add(fragments, &last, &whole);
	assert_true(fragments_add(fragments, &first, &whole));
	assert_int_equal(whole.length, sizeof(text));
	assert_int_equal(whole.data.len, 11);
	assert_memory_equal(whole.data.data, text, 11);
	fragments_free(fragments);
}

static void fragments_of_other_packets_do_not_mix(void **state)
{
	struct fragments *fragments = fragments_new();
	struct fragment first = piece(0, 16), other = piece(16, 0);
	struct whole whole;

	(void)state;
	fragments_add(fragments, &first, &whole);
	other.identification = 8;
	assert_false(fragments_add(fragments, &other, &whole));
	other = piece(16, 0);
	other.to.address[15] = 1;
	assert_false(fragments_add(fragments, &other, &whole));
	other = piece(16, 0);
	other.from.ipv6 = false;
	assert_false(fragments_add(fragments, &other, &whole));
	fragments_free(fragments);
}

static void a_packet_is_given_up_after_its_time(void **state)
{
	struct fragments *fragments = fragments_new();
	struct fragment first = piece(0, 16), last = piece(16, 0);
	struct whole whole;

	(void)state;
	fragments_add(fragments, &first, &whole);
	last.t_ns = FRAGMENTS_WAIT_NS + 1;
	assert_false(fragments_add(fragments, &last, &whole));
	first.t_ns = FRAGMENTS_WAIT_NS + 2;
	assert_true(fragments_add(fragments, &first, &whole));
	fragments_free(fragments);
}

static void impossible_fragments_are_passed_over(void **state)
{
	struct fragments *fragments = fragments_new();
	struct fragment odd = piece(0, 13), far = piece(16, 0), empty = piece(8, 8);
	struct whole whole;

	(void)state;
	far.offset = 65528;
	assert_false(fragments_add(fragments, &odd, &whole));
	assert_false(fragments_add(fragments, &far, &whole));
	assert_false(fragments_add(fragments, &empty, &whole));
	fragments_free(fragments);
}

static void a_flood_of_fragments_drops_the_oldest_packets(void **state)
{
	struct fragments *fragments = fragments_new();
	struct fragment first = piece(0, 16), last = piece(16, 0);
	struct whole whole;

	(void)state;
	for (uint32_t i = 0; i <= FRAGMENTS_PACKETS_MAX; i++) {
		first.identification = i;
		assert_false(fragments_add(fragments, &first, &whole));
	}
	last.identification = 0;
	assert_false(fragments_add(fragments, &last, &whole));
	last.identification = FRAGMENTS_PACKETS_MAX;
	assert_true(fragments_add(fragments, &last, &whole));
	/* Each of these takes 64 KB: the limit of bytes comes first. */
	for (uint32_t i = 0; i < 10000; i++) {
		last.offset = 65000;
		last.identification = 1000 + i;
		assert_false(fragments_add(fragments, &last, &whole));
	}
	fragments_free(fragments);
}

/* Cuts raw IP `plain` in `n` fragments and decodes them; `from_last` tells the order. */
static void check_packet(const struct buf *plain, bool ipv6, bool from_last)
{
	struct fragments *fragments = fragments_new();
	size_t n_header = ipv6 ? 40 : 20, n_payload = plain->len - n_header, n = n_payload / 8 + 1;
	struct segment segment;
	struct buf out = {0};

	for (size_t i = 0; i < n; i++) {
		size_t offset = (from_last ? n - 1 - i : i) * 8;
		size_t len = n_payload - offset < 8 ? n_payload - offset : 8;
		uint16_t more = offset + len < n_payload;
		struct packet packet;

		buf_clear(&out);
		buf_add(&out, plain->data, n_header);
		if (ipv6) {
			out.data[5] = (uint8_t)(8 + len);
			out.data[6] = 44;
			buf_u16(&out, 0x0600);
			buf_u16(&out, (uint16_t)(offset | more));
			buf_u32(&out, 77);
		} else {
			out.data[3] = (uint8_t)(20 + len);
			out.data[6] = (uint8_t)(more << 5);
			out.data[7] = (uint8_t)(offset / 8);
		}
		buf_add(&out, plain->data + n_header + offset, len);
		packet = frame_packet(&out, LINKTYPE_RAW, 5);
		assert_int_equal(segment_decode(&packet, &segment), SEGMENT_FRAGMENT);
		assert_int_equal(segment_decode_joined(&packet, fragments, &segment),
		                 i + 1 < n ? SEGMENT_FRAGMENT : SEGMENT_OK);
	}
	assert_int_equal(segment.length, 26);
	assert_memory_equal(segment.data.data, "abcdefghijklmnopqrstuvwxyz", 26);
	assert_int_equal(segment.from.port, 40000);
	fragments_free(fragments);
	buf_fini(&out);
}

static void fragmented_packets_of_both_ip_versions_are_read(void **state)
{
	const struct frame frame = {.flags = TCP_ACK, .data = "abcdefghijklmnopqrstuvwxyz"};
	struct buf plain = {0};

	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		buf_clear(&plain);
		(ipv6 ? frame_put_ipv6 : frame_put_ipv4)(&plain, &frame);
		check_packet(&plain, ipv6, false);
		check_packet(&plain, ipv6, true);
	}
	buf_fini(&plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fragments_in_every_order_make_the_packet),
		cmocka_unit_test(where_fragments_overlap_the_first_one_wins),
		cmocka_unit_test(what_was_not_captured_ends_the_data_and_not_the_length),
		cmocka_unit_test(fragments_of_other_packets_do_not_mix),
		cmocka_unit_test(a_packet_is_given_up_after_its_time),
		cmocka_unit_test(impossible_fragments_are_passed_over),
		cmocka_unit_test(a_flood_of_fragments_drops_the_oldest_packets),
		cmocka_unit_test(fragmented_packets_of_both_ip_versions_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
