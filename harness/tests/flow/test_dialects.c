/*
 * TLS behind another protocol's first words: the handshake of a golden capture is found by its
 * content, whatever the dialect and however the segments are cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/flow/data.h"
#include "tests/flow/frames.h"

#define CAPTURE "golden/tls-1.2-ecdsa/in.pcapng"
#define LINES_MAX 8
#define SEGMENTS_MAX 64

/* What one side says at once. */
struct line {
	bool from_server;
	const char *text;
	size_t len;
};

#define CLIENT(text) {false, text, sizeof(text) - 1}
#define SERVER(text) {true, text, sizeof(text) - 1}

static const struct dialect {
	const char *name;
	struct line lines[LINES_MAX];
} dialects[] = {
	{"SMTP (RFC 3207)",
	 {SERVER("220 mail ESMTP\r\n"), CLIENT("EHLO board\r\n"),
	  SERVER("250-mail\r\n250 STARTTLS\r\n"), CLIENT("STARTTLS\r\n"),
	  SERVER("220 Go ahead\r\n")}},
	{"IMAP (RFC 9051)",
	 {SERVER("* OK IMAP4rev2\r\n"), CLIENT("a STARTTLS\r\n"), SERVER("a OK Begin TLS\r\n")}},
	{"POP3 (RFC 2595)",
	 {SERVER("+OK POP3\r\n"), CLIENT("STLS\r\n"), SERVER("+OK Begin TLS\r\n")}},
	{"FTP (RFC 4217)",
	 {SERVER("220 FTP\r\n"), CLIENT("AUTH TLS\r\n"), SERVER("234 AUTH TLS\r\n")}},
	{"XMPP (RFC 6120)",
	 {CLIENT("<?xml version='1.0'?><stream:stream to='im.example' version='1.0'>"),
	  SERVER("<stream:stream id='s1'><stream:features><starttls/></stream:features>"),
	  CLIENT("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
	  SERVER("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")}},
	{"LDAP (RFC 4511)",
	 {CLIENT("\x30\x1d\x02\x01\x01\x77\x18\x80\x16" "1.3.6.1.4.1.1466.20037"),
	  SERVER("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\0\x04\0\x04\0")}},
	{"PostgreSQL", {CLIENT("\0\0\0\x08\x04\xd2\x16\x2f"), SERVER("S")}},
	{"MySQL",
	 {SERVER("\x4a\0\0\0\x0a" "8.0.36\0\x07\0\0\0" "12345678\0\xff\xff\xff\x02\0\xff\xdf\x15"
	         "\0\0\0\0\0\0\0\0\0\0" "123456789012\0" "caching_sha2_password\0"),
	  CLIENT("\x20\0\0\x01\x85\xae\xff\x19\0\0\0\x01\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	         "\0\0\0\0")}},
	{"HTTP CONNECT (RFC 9110)",
	 {CLIENT("CONNECT tls.example:443 HTTP/1.1\r\nHost: tls.example:443\r\n\r\n"),
	  SERVER("HTTP/1.1 200 Connection established\r\n\r\n")}},
	{"SOCKS 4", {CLIENT("\x04\x01\x01\xbb\x0a\0\0\x02" "me\0"),
	             SERVER("\0\x5a\x01\xbb\x0a\0\0\x02")}},
	{"SOCKS 5 (RFC 1928)",
	 {CLIENT("\x05\x01\0"), SERVER("\x05\0"), CLIENT("\x05\x01\0\x03\x0btls.example\x01\xbb"),
	  SERVER("\x05\0\0\x01\x0a\0\0\x02\x01\xbb")}},
};

/* The capture's segments with data, in its order; their bytes are borrowed from `packets`. */
static size_t read_handshake(const struct packet_list *packets, struct line segments[SEGMENTS_MAX])
{
	struct endpoint client = {0};
	size_t n = 0;

	for (size_t i = 0; i < packets->n; i++) {
		struct packet packet = packet_list_get(packets, i);
		struct segment segment;

		if (segment_decode(&packet, &segment) != SEGMENT_OK || segment.data.len == 0)
			continue;
		assert_true(n < SEGMENTS_MAX);
		if (n == 0) /* with its ClientHello */
			client = segment.from;
		segments[n++] = (struct line){!endpoint_equal(&segment.from, &client),
		                              (const char *)segment.data.data, segment.data.len};
	}
	return n;
}

/* A connection that is written as it is said, each line in segments of `step` bytes at most. */
struct talk {
	struct packet_list packets;
	uint32_t seq[2];
	size_t step;
};

static void add_frame(struct talk *talk, bool from_server, uint8_t flags, const char *data,
                      size_t len)
{
	struct frame frame = {.from_server = from_server,
	                      .seq = talk->seq[from_server],
	                      .ack = talk->seq[!from_server],
	                      .flags = flags,
	                      .data = data,
	                      .len = len,
	                      .t_ns = talk->packets.n * 1000};
	struct buf out = {0};
	struct packet packet = frame_raw(&out, &frame);

	packet_list_add(&talk->packets, &packet);
	talk->seq[from_server] += (uint32_t)len + ((flags & TCP_SYN) != 0);
	buf_fini(&out);
}

static void say(struct talk *talk, const struct line *lines, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t at = 0; at < lines[i].len; at += talk->step) {
			size_t left = lines[i].len - at;

			add_frame(talk, lines[i].from_server, TCP_ACK | TCP_PSH,
			          lines[i].text + at, left < talk->step ? left : talk->step);
		}
}

static json_t *decode_talk(const struct dialect *dialect, const struct line *handshake, size_t n,
                           size_t step)
{
	struct talk talk = {.seq = {1000, 9000}, .step = step};
	json_t *value;

	add_frame(&talk, false, TCP_SYN, NULL, 0);
	add_frame(&talk, true, TCP_SYN | TCP_ACK, NULL, 0);
	if (dialect != NULL)
		say(&talk, dialect->lines, LINES_MAX);
	say(&talk, handshake, n);
	value = data_decode(&talk.packets, NULL);
	packet_list_fini(&talk.packets);
	return value;
}

/* The same handshake; of its messages all but the times, which the words before it have moved. */
static void check_same(const char *dialect, const json_t *list, const json_t *plain)
{
	static const char *const members[] = {
		"client_hello", "server_hello", "version", "cipher_suite", "group",
		"signature_algorithm", "certificates", "server_key_exchange", "new_session_tickets"};
	const json_t *is = json_array_get(list, 0), *expected = json_array_get(plain, 0);
	const json_t *messages = json_object_get(is, "messages");

	assert_int_equal(json_array_size(list), 1);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (!json_equal(json_object_get(is, members[i]),
		                json_object_get(expected, members[i])))
			fail_msg("%s: %s differs", dialect, members[i]);
	assert_int_equal(json_array_size(messages),
	                 json_array_size(json_object_get(expected, "messages")));
}

static void tls_is_found_behind_the_words_of_each_dialect(void **state)
{
	static const size_t steps[] = {1, 3, 7, 1460};
	struct packet_list packets = {0};
	struct line handshake[SEGMENTS_MAX];
	struct capture *capture = NULL;
	struct error error = {0};
	char *path = data_capture(CAPTURE);
	json_t *plain;
	size_t n;

	(void)state;
	assert_int_equal(capture_open(&capture, path, &error), 0);
	assert_int_equal(data_read(capture, &packets, NULL, &error), 0);
	n = read_handshake(&packets, handshake);
	plain = decode_talk(NULL, handshake, n, 1460);
	assert_non_null(json_object_get(json_array_get(plain, 0), "certificates"));
	for (size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++)
		for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
			json_t *list = decode_talk(&dialects[i], handshake, n, steps[k]);

			check_same(dialects[i].name, list, plain);
			json_decref(list);
		}
	json_decref(plain);
	packet_list_fini(&packets);
	capture_close(capture);
	free(path);
}

static void check_refusal(const char *dialect, const json_t *list)
{
	const json_t *alerts = json_object_get(json_array_get(list, 0), "alerts");
	const json_t *alert = json_array_get(alerts, 0);

	if (json_array_size(alerts) != 1)
		fail_msg("%s: %zu alerts", dialect, json_array_size(alerts));
	assert_string_equal(json_string_value(json_object_get(alert, "from")), "server");
	assert_string_equal(json_string_value(json_object_get(alert, "description")),
	                    "handshake_failure");
}

static void an_alert_that_refuses_the_hello_is_found_behind_the_words_of_each_dialect(void **state)
{
	static const size_t steps[] = {1, 3, 1460};
	struct packet_list packets = {0};
	struct line lines[SEGMENTS_MAX], refused[2];
	struct capture *capture = NULL;
	struct error error = {0};
	char *path = data_capture(CAPTURE);

	(void)state;
	assert_int_equal(capture_open(&capture, path, &error), 0);
	assert_int_equal(data_read(capture, &packets, NULL, &error), 0);
	assert_true(read_handshake(&packets, lines) > 0);
	refused[0] = lines[0];
	refused[1] = (struct line)SERVER("\x15\x03\x03\0\x02\x02\x28");
	for (size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++)
		for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
			json_t *list = decode_talk(&dialects[i], refused, 2, steps[k]);

			check_refusal(dialects[i].name, list);
			json_decref(list);
		}
	packet_list_fini(&packets);
	capture_close(capture);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tls_is_found_behind_the_words_of_each_dialect),
		cmocka_unit_test(
			an_alert_that_refuses_the_hello_is_found_behind_the_words_of_each_dialect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
