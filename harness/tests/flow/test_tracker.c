#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "flow/tracker.h"
#include "tests/flow/frames.h"

#define MS 1000000u

/* Keeps the finished connections as JSON, in the order in which they were finished. */
static void keep(void *context, struct connection *connection)
{
	struct buf text = {0};
	struct emit emit;

	emit_init(&emit, &text, EMIT_JSON);
	emit_object(&emit, NULL);
	connection_emit(connection, &emit);
	emit_close(&emit);
	json_array_append_new(context, json_loadb(buf_string(&text), text.len, 0, NULL));
	buf_fini(&text);
}

static void count(void *context, struct connection *connection)
{
	(void)connection;
	++*(int *)context;
}

static const struct tracker_events keeping = {.finished = keep}, counting = {.finished = count};

static void give(struct tracker *tracker, const struct frame *frame)
{
	struct buf out = {0};
	struct packet packet = frame_raw(&out, frame);

	tracker_packet(tracker, &packet);
	buf_fini(&out);
}

/* The connections in `frames`, a list that ends with one without flags. The caller releases it. */
static json_t *track(const struct frame *frames)
{
	json_t *list = json_array();
	struct tracker *tracker = tracker_new(TRACKER_DECODE, NULL, &keeping, list);

	for (; frames->flags != 0; frames++)
		give(tracker, frames);
	tracker_finish_all(tracker);
	tracker_free(tracker);
	return list;
}

/* The value at `path` ("0.close.first"), as text. */
static const char *at(json_t *list, const char *path)
{
	static char text[256];
	char copy[64], *rest = NULL;
	json_t *value = list;

	strcpy(copy, path);
	for (char *part = strtok_r(copy, ".", &rest); part; part = strtok_r(NULL, ".", &rest))
		value = json_is_array(value) ? json_array_get(value, (size_t)atoi(part))
		                             : json_object_get(value, part);
	if (json_is_string(value))
		return json_string_value(value);
	assert_non_null(value);
	text[json_dumpb(value, text, sizeof(text) - 1, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6))] = 0;
	return text;
}

static void the_syn_tells_who_the_client_is(void **state)
{
	const struct frame frames[] = {
		{.flags = TCP_SYN, .seq = 9, .client_port = 80, .t_ns = 1726669169214045000u},
		{.from_server = true, .client_port = 80, .flags = TCP_SYN | TCP_ACK, .seq = 99, .ack = 10},
		{0}};
	json_t *list = track(frames);

	(void)state;
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(at(list, "0.client.address"), "10.0.0.1");
	assert_string_equal(at(list, "0.client.port"), "80");
	assert_string_equal(at(list, "0.server.address"), "10.0.0.2");
	assert_string_equal(at(list, "0.server.port"), "443");
	assert_string_equal(at(list, "0.start"), "2024-09-18T14:19:29.214Z");
	assert_string_equal(at(list, "0.tcp.syn"), "true");
	assert_string_equal(at(list, "0.tcp.packets"), "2");
	json_decref(list);
}

/*
 * A board that begins again with the port that it had: the server answers for the old connection
 * (RFC 5961 section 4), the board resets that, and sends its SYN again.
 */
static void a_connection_that_the_server_still_has_does_not_spoil_the_next(void **state)
{
	const struct frame frames[] = {
		{.flags = TCP_SYN, .seq = 9, .t_ns = 1 * MS},
		{.from_server = true, .flags = TCP_ACK, .seq = 900000, .ack = 700000, .t_ns = 2 * MS},
		{.flags = TCP_RST, .seq = 700000, .t_ns = 3 * MS},
		{.flags = TCP_SYN, .seq = 9, .t_ns = 500 * MS},
		{.from_server = true, .flags = TCP_SYN | TCP_ACK, .seq = 99, .ack = 10, .t_ns = 501 * MS},
		{.flags = TCP_ACK, .seq = 10, .ack = 100, .data = "hello", .t_ns = 502 * MS},
		{.from_server = true, .flags = TCP_ACK, .seq = 100, .ack = 15, .data = "well",
		 .t_ns = 503 * MS},
		{.from_server = true, .flags = TCP_FIN | TCP_ACK, .seq = 104, .ack = 15, .t_ns = 504 * MS},
		{0}};
	json_t *list = track(frames);

	(void)state;
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(at(list, "0.tcp.bytes.server"), "4");
	assert_string_equal(at(list, "0.tcp.gaps"), "0");
	assert_string_equal(at(list, "0.close.first"), "server");
	assert_string_equal(at(list, "0.close.client"), "none");
	json_decref(list);
}

static void a_syn_and_ack_alone_tells_it_too(void **state)
{
	const struct frame frames[] = {
		{.from_server = true, .client_port = 80, .flags = TCP_SYN | TCP_ACK, .seq = 99, .ack = 10},
		{.client_port = 80, .flags = TCP_ACK, .seq = 12, .ack = 100, .data = "late"},
		{.client_port = 80, .flags = TCP_ACK, .seq = 10, .ack = 100, .data = "in"},
		{0}};
	json_t *list = track(frames);

	(void)state;
	assert_string_equal(at(list, "0.client.port"), "80");
	assert_string_equal(at(list, "0.tcp.bytes.client"), "6");
	assert_string_equal(at(list, "0.tcp.gaps"), "0");
	json_decref(list);
}

static void without_a_syn_the_first_payload_tells_it(void **state)
{
	/* The beginning of a record with a ServerHello, from port 443 and from port 40000. */
	static const char hello[] = "\x16\3\3\0\x31\2\0\0\x2d\3\3";
	const struct frame from_443[] = {
		{.from_server = true, .flags = TCP_ACK, .seq = 5, .data = hello, .len = 11}, {0}};
	const struct frame from_40000[] = {
		{.flags = TCP_ACK, .seq = 5, .data = hello, .len = 11}, {0}};
	json_t *list = track(from_443);

	(void)state;
	assert_string_equal(at(list, "0.server.port"), "443");
	assert_string_equal(at(list, "0.tcp.syn"), "false");
	json_decref(list);
	list = track(from_40000);
	assert_string_equal(at(list, "0.server.port"), "40000");
	json_decref(list);
}

static void without_a_syn_and_without_tls_the_lower_port_is_the_server(void **state)
{
	const struct frame frames[] = {
		{.from_server = true, .flags = TCP_ACK, .seq = 5, .data = "HTTP/1.1 200"}, {0}};
	json_t *list = track(frames);

	(void)state;
	assert_string_equal(at(list, "0.server.port"), "443");
	json_decref(list);
}

static void a_new_syn_on_the_same_ports_begins_another_connection(void **state)
{
	const struct frame frames[] = {
		{.flags = TCP_SYN, .seq = 9},
		{.flags = TCP_ACK, .seq = 10, .data = "one"},
		{.flags = TCP_SYN, .seq = 7000},
		{.flags = TCP_ACK, .seq = 7001, .data = "three"},
		{0}};
	json_t *list = track(frames);

	(void)state;
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(at(list, "0.tcp.bytes.client"), "3");
	assert_string_equal(at(list, "1.tcp.bytes.client"), "5");
	json_decref(list);
}

static void a_repeated_syn_begins_none(void **state)
{
	const struct frame frames[] = {
		{.flags = TCP_SYN, .seq = 9}, {.flags = TCP_SYN, .seq = 9}, {0}};
	/* Captured late, after the data that follows it. */
	const struct frame late[] = {
		{.flags = TCP_ACK, .seq = 10, .data = "data"}, {.flags = TCP_SYN, .seq = 9}, {0}};
	json_t *list = track(frames);

	(void)state;
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(at(list, "0.tcp.retransmissions"), "1");
	json_decref(list);
	list = track(late);
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(at(list, "0.tcp.syn"), "true");
	json_decref(list);
}

static void both_endings_are_told_with_the_first(void **state)
{
	const struct frame frames[] = {
		{.flags = TCP_SYN, .seq = 9, .t_ns = 1000 * MS},
		{.from_server = true, .flags = TCP_SYN | TCP_ACK, .seq = 99, .ack = 10, .t_ns = 1001 * MS},
		{.from_server = true, .flags = TCP_FIN | TCP_ACK, .seq = 100, .ack = 10, .t_ns = 1002 * MS},
		{.flags = TCP_FIN | TCP_ACK, .seq = 10, .ack = 101, .t_ns = 1003 * MS},
		{0}};
	json_t *list = track(frames);

	(void)state;
	assert_string_equal(at(list, "0.close.first"), "server");
	assert_string_equal(at(list, "0.close.client"), "fin");
	assert_string_equal(at(list, "0.close.server"), "fin");
	assert_string_equal(at(list, "0.close.t_ms"), "2.0");
	json_decref(list);
}

static void a_refused_connection_is_a_reset_of_the_server(void **state)
{
	const struct frame frames[] = {
		{.flags = TCP_SYN, .seq = 9},
		{.from_server = true, .flags = TCP_RST | TCP_ACK, .seq = 0, .ack = 10},
		{0}};
	json_t *list = track(frames);

	(void)state;
	assert_string_equal(at(list, "0.close.first"), "server");
	assert_string_equal(at(list, "0.close.client"), "none");
	assert_string_equal(at(list, "0.close.server"), "rst");
	json_decref(list);
}

static void an_open_connection_has_no_ending(void **state)
{
	const struct frame frames[] = {{.flags = TCP_SYN, .seq = 9}, {0}};
	json_t *list = track(frames);

	(void)state;
	assert_string_equal(at(list, "0.close"),
	                    "{\"first\": null, \"client\": \"none\", \"server\": \"none\", \"t_ms\": null}");
	json_decref(list);
}

static void segments_without_payload_begin_no_connection(void **state)
{
	const struct frame frames[] = {{.flags = TCP_ACK, .seq = 9},
	                               {.flags = TCP_RST, .seq = 9, .data = "go away"},
	                               {.from_server = true, .flags = TCP_FIN | TCP_ACK, .seq = 9},
	                               {0}};
	json_t *list = track(frames);

	(void)state;
	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
}

static void closed_connections_linger_for_stragglers(void **state)
{
	const struct frame syn = {.flags = TCP_SYN, .seq = 9, .t_ns = 1};
	const struct frame rst = {.flags = TCP_RST, .seq = 10, .t_ns = 2};
	const struct frame other = {.flags = TCP_SYN, .seq = 9, .client_port = 41000, .t_ns = 2};
	int n = 0;
	struct tracker *tracker = tracker_new(TRACKER_DECODE, NULL, &counting, &n);

	(void)state;
	give(tracker, &syn);
	give(tracker, &other);
	tracker_settle(tracker, 9 * (uint64_t)TRACKER_LINGER_NS);
	assert_int_equal(n, 0);
	give(tracker, &rst);
	tracker_settle(tracker, 2 + TRACKER_LINGER_NS);
	assert_int_equal(n, 0);
	tracker_settle(tracker, 3 + TRACKER_LINGER_NS);
	assert_int_equal(n, 1);
	tracker_free(tracker);
	assert_int_equal(n, 1);
}

static void beyond_the_cap_the_connection_idle_longest_is_finished(void **state)
{
	struct frame syn = {.flags = TCP_SYN, .seq = 9};
	int n = 0;
	struct tracker *tracker = tracker_new(TRACKER_FOLLOW, NULL, &counting, &n);

	(void)state;
	for (uint32_t i = 1; i <= TRACKER_CONNECTIONS_MAX; i++) {
		syn.client_port = (uint16_t)i;
		give(tracker, &syn);
	}
	assert_int_equal(n, 0);
	syn.client_port = 1; /* no longer idle */
	give(tracker, &syn);
	syn.client_port = 50000;
	give(tracker, &syn);
	assert_int_equal(n, 1);
	assert_int_equal(tracker_n_cut(tracker), 1);
	for (struct connection *each = tracker_next(tracker, NULL); each != NULL;
	     each = tracker_next(tracker, each))
		assert_int_not_equal(each->end[SIDE_CLIENT].port, 2);
	tracker_free(tracker);
}

#define RECORD_LEN 16384

/* Message after message that never ends: what is kept of each is the most that a side may keep. */
static void beyond_the_memory_the_connection_idle_longest_is_told(void **state)
{
	size_t n_enough = TRACKER_DECODED_MAX / TRANSCRIPT_KEPT_MAX + 1;
	static char record[5 + RECORD_LEN] = "\x16\x03\x01\x40\x00" "\x01\xff\xff\xff\x03\x03";
	struct frame data = {.flags = TCP_ACK, .data = record, .len = sizeof(record)};
	int n = 0;
	struct tracker *tracker = tracker_new(TRACKER_DECODE, NULL, &counting, &n);

	(void)state;
	for (size_t i = 1; i <= n_enough; i++) {
		data.client_port = (uint16_t)i;
		data.seq = 0;
		for (size_t kept = 0; kept < TRANSCRIPT_KEPT_MAX; kept += RECORD_LEN) {
			give(tracker, &data);
			data.seq += sizeof(record);
		}
	}
	assert_true(n > 0);
	assert_int_equal(tracker_n_cut(tracker), n);
	assert_int_equal(tracker_next(tracker, NULL)->end[SIDE_CLIENT].port, 1 + n);
	tracker_free(tracker);
}

static void following_begins_with_a_syn_alone(void **state)
{
	const struct frame data = {.flags = TCP_ACK, .seq = 9, .data = "data"};
	const struct frame syn = {.flags = TCP_SYN, .seq = 8};
	int n = 0;
	struct tracker *tracker = tracker_new(TRACKER_FOLLOW, NULL, &counting, &n);

	(void)state;
	give(tracker, &data);
	assert_null(tracker_next(tracker, NULL));
	give(tracker, &syn);
	give(tracker, &data);
	assert_int_equal(tracker_next(tracker, NULL)->stream[SIDE_CLIENT].n_bytes, 4);
	tracker_free(tracker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_syn_tells_who_the_client_is),
		cmocka_unit_test(a_syn_and_ack_alone_tells_it_too),
		cmocka_unit_test(a_connection_that_the_server_still_has_does_not_spoil_the_next),
		cmocka_unit_test(without_a_syn_the_first_payload_tells_it),
		cmocka_unit_test(without_a_syn_and_without_tls_the_lower_port_is_the_server),
		cmocka_unit_test(a_new_syn_on_the_same_ports_begins_another_connection),
		cmocka_unit_test(a_repeated_syn_begins_none),
		cmocka_unit_test(both_endings_are_told_with_the_first),
		cmocka_unit_test(a_refused_connection_is_a_reset_of_the_server),
		cmocka_unit_test(an_open_connection_has_no_ending),
		cmocka_unit_test(segments_without_payload_begin_no_connection),
		cmocka_unit_test(closed_connections_linger_for_stragglers),
		cmocka_unit_test(beyond_the_cap_the_connection_idle_longest_is_finished),
		cmocka_unit_test(beyond_the_memory_the_connection_idle_longest_is_told),
		cmocka_unit_test(following_begins_with_a_syn_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
