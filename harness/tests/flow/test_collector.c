#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/message.h"
#include "flow/capture.h"
#include "flow/collector.h"
#include "flow/evidence.h"
#include "tests/flow/frames.h"

#define MS 1000000u

static int begin(void **state)
{
	*state = collector_new("lo", LINKTYPE_RAW);
	return 0;
}

static int end(void **state)
{
	collector_free(*state);
	return 0;
}

static void give(struct collector *collector, const struct frame *frame)
{
	struct buf out = {0};
	struct packet packet = frame_raw(&out, frame);

	collector_packet(collector, &packet, 0);
	buf_fini(&out);
}

/* One message of a connection to port 443 from `client_port`, and its end. */
static void talk(struct collector *collector, uint16_t client_port)
{
	const struct frame syn = {.flags = TCP_SYN, .seq = 9, .client_port = client_port};
	const struct frame data = {
		.flags = TCP_ACK, .seq = 10, .client_port = client_port, .data = "hello"};

	give(collector, &syn);
	give(collector, &data);
}

static void reset(struct collector *collector, uint16_t client_port)
{
	const struct frame rst = {.flags = TCP_RST, .seq = 15, .client_port = client_port};

	give(collector, &rst);
}

static bool ask_for(struct collector *collector, int port, int connections, int wait_ms,
                    uint64_t now_ns)
{
	json_t *request = json_pack("{s:s, s:i, s:i, s:s, s:i}", "op", "collect", "port", port,
	                            "connections", connections, "keylog", "", "wait_ms", wait_ms);
	bool taken = collector_ask(collector, request, now_ns, 0);

	json_decref(request);
	return taken;
}

static bool ask(struct collector *collector, int port, int wait_ms, uint64_t now_ns)
{
	return ask_for(collector, port, 0, wait_ms, now_ns);
}

/* The answer that is there at `now_ns`, or NULL; *n_packets counts those in its capture. */
static json_t *answer(struct collector *collector, uint64_t now_ns, uint64_t n_dropped,
                      size_t *n_packets)
{
	struct message_reader reader = {0};
	struct capture *capture = NULL;
	struct packet packet;
	struct evidence evidence;
	struct bytes attached;
	struct error error = {0};
	json_t *message = NULL;
	struct buf out = {0};

	collector_answer(collector, now_ns, n_dropped, &out);
	message_feed(&reader, out.data, out.len);
	if (message_next(&reader, &message, &attached, &error) == 1) {
		evidence = evidence_unpack(message, attached);
		json_object_set_new(message, "connections", evidence_connections(&evidence));
		assert_int_equal(capture_from_bytes(&capture, "answer", evidence.pcapng, &error), 0);
		for (*n_packets = 0; capture_next(capture, &packet); ++*n_packets)
			assert_int_equal(packet.linktype, LINKTYPE_RAW);
		capture_close(capture);
	}
	message_reader_fini(&reader);
	buf_fini(&out);
	return message;
}

static size_t n_connections(const json_t *message)
{
	return json_array_size(json_object_get(message, "connections"));
}

static void a_port_is_answered_once_all_its_connections_have_closed(void **state)
{
	struct collector *collector = *state;
	size_t n_packets = 0;
	json_t *message;

	talk(collector, 40001);
	talk(collector, 40002);
	assert_true(ask(collector, 443, 300, 0));
	reset(collector, 40001);
	assert_null(answer(collector, 1 * MS, 0, &n_packets));
	reset(collector, 40002);
	message = answer(collector, 2 * MS, 0, &n_packets);
	assert_string_equal(json_text(message, "event"), "collected");
	assert_int_equal(json_number(message, "port"), 443);
	assert_int_equal(n_connections(message), 2);
	assert_int_equal(n_packets, 6);
	assert_null(json_object_get(message, "note"));
	json_decref(message);
	assert_int_equal(collector_wait_ms(collector, 2 * MS), -1);
}

/* The first connection has closed; the packets of the second are still with the kernel. */
static void a_port_is_answered_once_there_are_as_many_connections_as_were_told(void **state)
{
	struct collector *collector = *state;
	size_t n_packets = 0;
	json_t *message;

	talk(collector, 40001);
	reset(collector, 40001);
	assert_true(ask_for(collector, 443, 2, 300, 0));
	assert_null(answer(collector, 1 * MS, 0, &n_packets));
	talk(collector, 40002);
	assert_null(answer(collector, 2 * MS, 0, &n_packets));
	reset(collector, 40002);
	message = answer(collector, 3 * MS, 0, &n_packets);
	assert_int_equal(n_connections(message), 2);
	json_decref(message);
}

static void an_open_port_is_answered_when_its_time_is_over(void **state)
{
	struct collector *collector = *state;
	size_t n_packets = 0;
	json_t *message;

	talk(collector, 40001);
	assert_true(ask(collector, 443, 300, 7 * MS));
	assert_int_equal(collector_wait_ms(collector, 7 * MS + 1), 300);
	assert_null(answer(collector, 306 * MS, 0, &n_packets));
	assert_int_equal(collector_wait_ms(collector, 307 * MS), 0);
	message = answer(collector, 307 * MS, 0, &n_packets);
	assert_int_equal(n_connections(message), 1);
	assert_int_equal(n_packets, 2);
	json_decref(message);
}

static void a_port_that_was_collected_is_forgotten(void **state)
{
	struct collector *collector = *state;
	size_t n_packets = 0;

	talk(collector, 40001);
	reset(collector, 40001);
	ask(collector, 443, 300, 0);
	json_decref(answer(collector, 0, 0, &n_packets));
	assert_int_equal(n_packets, 3);
	reset(collector, 40001); /* a straggler */
	ask(collector, 443, 0, 0);
	json_decref(answer(collector, 0, 0, &n_packets));
	assert_int_equal(n_packets, 0);
}

/* The kernel gives a port anew, while the packets of the server before are still here. */
static void packets_from_before_the_server_are_not_its(void **state)
{
	const struct frame syn = {
		.flags = TCP_SYN, .seq = 9, .client_port = 40002, .t_ns = 2000000};
	const struct frame rst = {
		.flags = TCP_RST, .seq = 10, .client_port = 40002, .t_ns = 2000000};
	struct collector *collector = *state;
	json_t *request = json_pack("{s:s, s:i, s:i, s:s, s:i}", "op", "collect", "port", 443,
	                            "from_us", 2000, "keylog", "", "wait_ms", 300);
	size_t n_packets = 0;
	json_t *message;

	talk(collector, 40001);
	give(collector, &syn);
	give(collector, &rst);
	assert_true(collector_ask(collector, request, 0, 0));
	message = answer(collector, 0, 0, &n_packets);
	assert_int_equal(n_connections(message), 1);
	assert_int_equal(n_packets, 2);
	json_decref(message);
	json_decref(request);
}

static void a_side_that_resets_after_its_end_has_closed(void **state)
{
	const struct frame fin = {.flags = TCP_FIN | TCP_ACK, .seq = 15, .client_port = 40001};
	struct collector *collector = *state;
	size_t n_packets = 0;

	talk(collector, 40001);
	give(collector, &fin);
	ask(collector, 443, 300, 0);
	assert_null(answer(collector, 0, 0, &n_packets));
	reset(collector, 40001);
	json_decref(answer(collector, 0, 0, &n_packets));
	assert_int_equal(n_packets, 4);
}

static void a_port_without_connections_is_answered_with_none(void **state)
{
	struct collector *collector = *state;
	size_t n_packets = 1;
	json_t *message;

	talk(collector, 40001);
	ask(collector, 444, 5, 0);
	assert_null(answer(collector, 4 * MS, 0, &n_packets));
	message = answer(collector, 5 * MS, 0, &n_packets);
	assert_int_equal(n_connections(message), 0);
	assert_int_equal(n_packets, 0);
	json_decref(message);
}

static void packets_that_the_kernel_dropped_meanwhile_are_told(void **state)
{
	const struct frame syn = {.flags = TCP_SYN, .seq = 9};
	struct collector *collector = *state;
	struct buf out = {0};
	struct packet packet = frame_raw(&out, &syn);
	size_t n_packets;
	json_t *message;

	collector_packet(collector, &packet, 5);
	ask(collector, 443, 0, 0);
	message = answer(collector, 0, 12, &n_packets);
	assert_int_equal(json_number(message, "dropped"), 7);
	json_decref(message);
	buf_fini(&out);
}

static void beyond_the_cap_packets_are_left_out_and_that_is_said(void **state)
{
	static char large[60000];
	struct collector *collector = *state;
	struct frame data = {.flags = TCP_ACK, .seq = 15, .data = large, .len = sizeof(large)};
	size_t n_packets, n_given = 2 * COLLECTOR_PORT_MAX / sizeof(large);
	json_t *message;

	talk(collector, 40000);
	for (size_t i = 0; i < n_given; i++, data.seq += sizeof(large))
		give(collector, &data);
	ask(collector, 443, 0, 0);
	message = answer(collector, 0, 0, &n_packets);
	assert_true(n_packets > n_given / 3 && n_packets < n_given);
	assert_non_null(strstr(json_text(message, "note"), "packets beyond the 32 MB kept of"));
	json_decref(message);
}

/* A ClientHello with the host name "a\0b". */
static void a_zero_byte_from_a_peer_breaks_no_message(void **state)
{
	static const char hello[] =
		"\x16\3\1\0\x3b\1\0\0\x37\3\3RRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRR\0\0\2\x13\1\1\0"
		"\0\x0c\0\0\0\x08\0\6\0\0\3a\0b";
	const struct frame syn = {.flags = TCP_SYN, .seq = 9};
	const struct frame data = {
		.flags = TCP_ACK, .seq = 10, .data = hello, .len = sizeof(hello) - 1};
	struct collector *collector = *state;
	size_t n_packets;
	json_t *message, *value;

	give(collector, &syn);
	give(collector, &data);
	ask(collector, 443, 0, 0);
	message = answer(collector, 0, 0, &n_packets);
	value = json_array_get(json_object_get(message, "connections"), 0);
	value = json_object_get(json_object_get(value, "client_hello"), "extensions");
	value = json_object_get(json_array_get(value, 0), "server_name_list");
	value = json_array_get(value, 0);
	assert_int_equal(json_string_length(value), 3);
	assert_memory_equal(json_string_value(value), "a\0b", 3);
	json_decref(message);
}

static void what_is_no_request_is_refused(void **state)
{
	struct collector *collector = *state;
	json_t *other = json_pack("{s:s, s:i}", "op", "stop", "port", 443);

	assert_false(ask(collector, 0, 1, 0));
	assert_false(ask(collector, 65536, 1, 0));
	assert_false(ask(collector, 443, -1, 0));
	assert_false(collector_ask(collector, other, 0, 0));
	assert_int_equal(collector_wait_ms(collector, 0), -1);
	json_decref(other);
}

/* What is left at the end, packets and requests, is freed: a sanitizer would see it. */
static void a_collector_may_end_while_ports_are_asked_for(void **state)
{
	talk(*state, 40001);
	assert_true(ask(*state, 443, 1000, 0));
	assert_true(ask(*state, 444, 1000, 0));
	assert_int_equal(collector_wait_ms(*state, 0), 1000);
}

/* As many packets of a connection to `port` as a port keeps, or more. */
static void fill(struct collector *collector, uint16_t port)
{
	static char large[60000];
	/* The side that the frames call the server opens it, so its client's port is the other's. */
	const struct frame syn = {
		.from_server = true, .flags = TCP_SYN, .seq = 9, .client_port = port};
	struct frame data = {.from_server = true, .flags = TCP_ACK, .seq = 10, .client_port = port,
	                     .data = large, .len = sizeof(large)};

	give(collector, &syn);
	for (size_t i = 0; i <= COLLECTOR_PORT_MAX / sizeof(large); i++, data.seq += sizeof(large))
		give(collector, &data);
}

static void beyond_the_cap_of_all_ports_the_one_idle_longest_is_forgotten(void **state)
{
	struct collector *collector = *state;
	size_t n_packets;
	json_t *message;

	talk(collector, 40001);
	for (int port = 500; port <= 500 + (int)(COLLECTOR_ALL_MAX / COLLECTOR_PORT_MAX); port++)
		fill(collector, (uint16_t)port);
	assert_true(ask(collector, 443, 0, 0));
	message = answer(collector, 0, 0, &n_packets);
	assert_int_equal(n_connections(message), 0);
	json_decref(message);
	assert_true(ask(collector, 502, 0, 0));
	message = answer(collector, 0, 0, &n_packets);
	assert_int_equal(n_connections(message), 1);
	json_decref(message);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_port_is_answered_once_all_its_connections_have_closed),
		TEST(a_port_is_answered_once_there_are_as_many_connections_as_were_told),
		TEST(an_open_port_is_answered_when_its_time_is_over),
		TEST(a_port_that_was_collected_is_forgotten),
		TEST(packets_from_before_the_server_are_not_its),
		TEST(a_side_that_resets_after_its_end_has_closed),
		TEST(a_port_without_connections_is_answered_with_none),
		TEST(packets_that_the_kernel_dropped_meanwhile_are_told),
		TEST(beyond_the_cap_packets_are_left_out_and_that_is_said),
		TEST(a_zero_byte_from_a_peer_breaks_no_message),
		TEST(what_is_no_request_is_refused),
		TEST(a_collector_may_end_while_ports_are_asked_for),
		TEST(beyond_the_cap_of_all_ports_the_one_idle_longest_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
