#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "flow/decode_file.h"
#include "flow/pcapng.h"
#include "tests/flow/data.h"
#include "tests/flow/frames.h"

#include <unistd.h>

#define SEED "st-forum-rsa-refused.pcap"

/* What decode_file writes of `path`; the caller frees it. */
static char *decode(const char *path, enum emit_format format, int expected_rc, struct error *error)
{
	static char *text;
	static size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(decode_file(&(struct decode_request){.path = path, .format = format}, out,
	                             stderr, error), expected_rc);
	fclose(out);
	return text;
}

/* A new file that holds `content`; the caller unlinks it. */
static void make_file(char path[], struct bytes content)
{
	int fd = mkstemp(path);

	assert_int_equal(write(fd, content.data, content.len), content.len);
	close(fd);
}

/* The same of a file that holds `content`. */
static char *decode_content(struct bytes content, enum emit_format format, int expected_rc,
                            struct error *error)
{
	char path[] = "/tmp/shakedown-test-XXXXXX";
	char *text;

	make_file(path, content);
	text = decode(path, format, expected_rc, error);
	unlink(path);
	return text;
}

static void assert_holds(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no \"%s\" in: %s", part, text);
}

static void the_forum_capture_is_one_line_of_json(void **state)
{
	struct error error = {0};
	char *path = data_capture(SEED);
	char *text = decode(path, EMIT_JSON, 0, &error);
	json_t *connection = json_loads(text, 0, NULL), *hello, *alert;

	(void)state;
	assert_non_null(connection);
	assert_ptr_equal(strchr(text, '\n') + 1, text + strlen(text));
	hello = json_object_get(connection, "client_hello");
	assert_string_equal(json_string_value(json_object_get(hello, "ja3")),
	                    "0fe05bb12fd3c7ca77de173a4deb6eae");
	assert_string_equal(json_string_value(json_object_get(hello, "ja4")),
	                    "t13i120500_300ad538f728_2ddaf29219d6");
	alert = json_array_get(json_object_get(connection, "alerts"), 0);
	assert_string_equal(json_string_value(json_object_get(alert, "from")), "server");
	assert_int_equal(json_integer_value(json_object_get(alert, "number")), 40);
	json_decref(connection);
	free(text);
	free(path);
}

static void the_forum_capture_is_a_tree_for_people(void **state)
{
	struct error error = {0};
	char *path = data_capture(SEED);
	char *text = decode(path, EMIT_TEXT, 0, &error);

	(void)state;
	assert_memory_equal(
		text, "Connection 1: 192.168.1.5 port 62509 to 192.168.1.10 port 6000, TLS\n", 68);
	assert_holds(text, "Cipher Suite: TLS_AES_128_CCM_8_SHA256 (0x1305)\n");
	assert_holds(text, "JA4: t13i120500_300ad538f728_2ddaf29219d6\n");
	assert_holds(text, "Description: handshake_failure (40)\n");
	assert_holds(text, "\n2 packets, 1 connection\n");
	free(text);
	free(path);
}

static void a_cut_capture_is_told_up_to_the_cut_and_where_that_is(void **state)
{
	struct error error = {0};
	char *path = data_capture(SEED);
	struct buf file = {0};
	char *text;

	(void)state;
	assert_int_equal(file_read(path, 1 << 20, &file, &error), 0);
	file.len -= 70;
	text = decode_content(buf_view(&file), EMIT_TEXT, ERR_INPUT, &error);
	assert_holds(text, "JA4: t13i120500_300ad538f728_2ddaf29219d6\n");
	assert_holds(text, "1 packet, 1 connection\n");
	assert_holds(error.text, ": the file ends at byte 297, inside packet 2, which begins at byte 290 "
	                         "and takes 16 bytes; what came before was read");
	free(text);
	buf_fini(&file);
	free(path);
}

/* `fragment` and `protocol` replace what IP says of the packet. */
static void put_changed(struct buf *file, const struct frame *frame, uint8_t fragment,
                        uint8_t protocol)
{
	struct buf out = {0};
	struct packet packet = frame_raw(&out, frame);

	out.data[6] = fragment;
	out.data[9] = protocol;
	pcapng_packet(file, &packet);
	buf_fini(&out);
}

static void put_packet(struct buf *file, const struct frame *frame)
{
	put_changed(file, frame, 0, 6);
}

/* A capture file of frames, decoded; the caller frees it. */
static char *decode_frames(const struct frame *frames, size_t n, enum emit_format format)
{
	struct error error = {0};
	struct buf file = {0};
	char *text;

	pcapng_begin(&file, "x", LINKTYPE_RAW, (struct bytes){0});
	for (size_t i = 0; i < n; i++)
		put_packet(&file, &frames[i]);
	text = decode_content(buf_view(&file), format, 0, &error);
	buf_fini(&file);
	return text;
}

static void connections_come_as_they_end_and_the_open_ones_last(void **state)
{
	const struct frame frames[] = {
		{.flags = TCP_SYN, .seq = 9, .client_port = 1001},
		{.flags = TCP_SYN, .seq = 9, .client_port = 1002},
		{.flags = TCP_SYN, .seq = 9, .client_port = 1003},
		{.flags = TCP_RST, .seq = 10, .client_port = 1002},
		{.flags = TCP_RST, .seq = 10, .client_port = 1003, .t_ns = 2000000000u},
		{.flags = TCP_SYN, .seq = 9, .client_port = 1004, .t_ns = 2000000001u},
	};
	char *text = decode_frames(frames, sizeof(frames) / sizeof(frames[0]), EMIT_TEXT);

	(void)state;
	assert_holds(text, "Connection 1: 10.0.0.1 port 1002 to 10.0.0.2 port 443, no TLS seen\n");
	assert_holds(text, "Connection 2: 10.0.0.1 port 1001");
	assert_holds(text, "Connection 3: 10.0.0.1 port 1003");
	assert_holds(text, "Connection 4: 10.0.0.1 port 1004");
	free(text);
}

static void packets_are_taken_in_the_order_of_their_times(void **state)
{
	/* The server's direction, then the client's; of equal times the first in the file comes first. */
	const struct frame frames[] = {
		{.from_server = true, .flags = TCP_SYN | TCP_ACK, .seq = 99, .ack = 10, .t_ns = 2000},
		{.from_server = true, .flags = TCP_ACK | TCP_FIN, .seq = 100, .ack = 12, .t_ns = 4000},
		{.flags = TCP_SYN, .seq = 9, .t_ns = 1000},
		{.flags = TCP_ACK, .seq = 10, .ack = 100, .data = "a", .t_ns = 3000},
		{.flags = TCP_ACK, .seq = 10, .ack = 100, .data = "\x15\3\3\0\2\2\x50", .len = 7, .t_ns = 3000},
		{.flags = TCP_ACK, .seq = 11, .ack = 101, .data = "b", .t_ns = 5000},
	};
	char *text = decode_frames(frames, sizeof(frames) / sizeof(frames[0]), EMIT_JSON);

	(void)state;
	assert_holds(text, "\"start\":\"1970-01-01T00:00:00.000Z\"");
	assert_holds(text, "\"close\":{\"first\":\"server\",\"client\":\"none\",\"server\":\"fin\","
	                   "\"t_ms\":0.003}");
	assert_holds(text, "does not begin with TLS: 61 03 03 00 02 (");
	free(text);
}

static void what_is_not_tcp_is_counted(void **state)
{
	const struct frame frame = {.flags = TCP_SYN};
	struct error error = {0};
	struct buf file = {0};
	char *text;

	(void)state;
	pcapng_begin(&file, "x", LINKTYPE_RAW, (struct bytes){0});
	put_packet(&file, &frame);
	put_changed(&file, &frame, 0, 17);
	put_changed(&file, &frame, 0x20, 6);
	text = decode_content(buf_view(&file), EMIT_TEXT, 0, &error);
	assert_holds(text, "3 packets, 1 connection; 1 not TCP; 1 part of a fragmented IP packet");
	free(text);
	buf_fini(&file);
}

static void a_link_type_that_is_not_read_is_said(void **state)
{
	const struct frame frame = {.flags = TCP_SYN};
	struct error error = {0};
	struct buf file = {0};
	char *text;

	(void)state;
	pcapng_begin(&file, "zigbee", 195, (struct bytes){0});
	put_packet(&file, &frame);
	text = decode_content(buf_view(&file), EMIT_JSON, ERR_INPUT, &error);
	assert_string_equal(text, "");
	assert_holds(error.text, ": link type 195 is not read; Ethernet, ");
	free(text);
	buf_fini(&file);
}

static void a_full_disk_is_told(void **state)
{
	struct error error = {0};
	char *path = data_capture(SEED);
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_int_equal(decode_file(&(struct decode_request){.path = path}, full, stderr, &error),
	                 ERR_ENVIRONMENT);
	assert_string_equal(error.text, "cannot write what was decoded: No space left on device");
	fclose(full);
	free(path);
}

/* The golden capture without its secrets, decoded with a key log of `text`. */
static char *decode_with_keylog(const char *text, size_t len, int expected_rc, char **notes,
                                struct error *error)
{
	static char *out_text;
	char path[] = "/tmp/shakedown-test-XXXXXX";
	char *capture = data_capture("golden/tls-1.3-rsa-with-secrets/in.pcapng");
	char stripped[] = "/tmp/shakedown-test-XXXXXX";
	struct packet_list packets = {0};
	struct keylog *keylog = keylog_new();
	struct capture *opened = NULL;
	struct buf file = {0};
	size_t out_len, notes_len;
	FILE *out = open_memstream(&out_text, &out_len), *said = open_memstream(notes, &notes_len);

	assert_int_equal(capture_open(&opened, capture, error), 0);
	data_read(opened, &packets, keylog, error);
	pcapng_begin(&file, "x", packet_list_get(&packets, 0).linktype, (struct bytes){0});
	for (size_t i = 0; i < packets.n; i++) {
		struct packet packet = packet_list_get(&packets, i);

		pcapng_packet(&file, &packet);
	}
	make_file(stripped, buf_view(&file));
	make_file(path, (struct bytes){(const uint8_t *)text, len});
	assert_int_equal(decode_file(&(struct decode_request){.path = stripped, .keylog = path,
	                                                      .format = EMIT_JSON},
	                             out, said, error), expected_rc);
	fclose(out);
	fclose(said);
	unlink(path);
	unlink(stripped);
	capture_close(opened);
	keylog_free(keylog);
	packet_list_fini(&packets);
	buf_fini(&file);
	free(capture);
	return out_text;
}

/* The text of the golden capture's secrets block. */
static void golden_secrets(struct buf *text)
{
	char *path = data_capture("golden/tls-1.3-rsa-with-secrets/in.pcapng");
	struct error error = {0};
	struct buf file = {0};
	const uint8_t *begin, *end;

	assert_int_equal(file_read(path, 1 << 20, &file, &error), 0);
	begin = memmem(file.data, file.len, "KSLT", 4);
	assert_non_null(begin);
	end = begin + 8 + (begin[4] | begin[5] << 8);
	buf_add(text, begin + 8, (size_t)(end - begin - 8));
	buf_fini(&file);
	free(path);
}

static void a_key_log_beside_the_capture_opens_it(void **state)
{
	struct error error = {0};
	struct buf secrets = {0};
	char *text, *notes;

	(void)state;
	golden_secrets(&secrets);
	text = decode_with_keylog(buf_string(&secrets), secrets.len, 0, &notes, &error);
	assert_holds(text, "\"description\":\"close_notify\",\"number\":0,\"protected\":true");
	assert_string_equal(notes, "");
	free(text);
	free(notes);
	buf_text(&secrets, "\r\n# a comment\nwhat is this\nCLIENT_RANDOM 00 11\n");
	text = decode_with_keylog(buf_string(&secrets), secrets.len, 0, &notes, &error);
	assert_holds(text, "\"description\":\"close_notify\"");
	assert_holds(notes, ": 2 lines were passed over: no secret of the form \"CLIENT_RANDOM ");
	free(text);
	free(notes);
	buf_fini(&secrets);
}

static void a_key_log_of_what_the_capture_holds_already_is_welcome(void **state)
{
	char *capture = data_capture("golden/tls-1.3-rsa-with-secrets/in.pcapng");
	char path[] = "/tmp/shakedown-test-XXXXXX";
	struct decode_request request = {.path = capture, .keylog = path};
	struct error error = {0};
	struct buf secrets = {0};
	FILE *out = fopen("/dev/null", "w");

	(void)state;
	golden_secrets(&secrets);
	make_file(path, buf_view(&secrets));
	assert_int_equal(decode_file(&request, out, stderr, &error), 0);
	fclose(out);
	unlink(path);
	buf_fini(&secrets);
	free(capture);
}

static void a_file_that_is_no_key_log_is_refused_with_a_sentence(void **state)
{
	static const char text[] = "-----BEGIN CERTIFICATE-----\n";
	struct error error = {0};
	char *notes;
	char *decoded = decode_with_keylog(text, strlen(text), ERR_INPUT, &notes, &error);

	(void)state;
	assert_string_equal(decoded, "");
	assert_string_equal(notes, "");
	assert_holds(error.text, " is not a key log: not one of its lines reads as ");
	free(decoded);
	free(notes);
}

/* As OpenSSL and Python leave it behind when the handshake fails before there are secrets. */
static void a_key_log_without_secrets_is_noted(void **state)
{
	static const char *const logs[] = {"", "# TLS secrets log file, generated by OpenSSL\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		struct error error = {0};
		char *notes;
		char *text = decode_with_keylog(logs[i], strlen(logs[i]), 0, &notes, &error);

		assert_holds(text, "client_hello");
		assert_holds(notes, " has no secret yet: its program came to none, or had not set "
		             "SSLKEYLOGFILE when it started\n");
		free(text);
		free(notes);
	}
}

static void a_key_log_that_is_not_there_is_said(void **state)
{
	struct error error = {0};
	char *path = data_capture(SEED);
	struct decode_request request = {.path = path, .keylog = "/nowhere/keys"};

	(void)state;
	assert_int_equal(decode_file(&request, stdout, stderr, &error), ERR_INPUT);
	assert_string_equal(error.text,
	                    "--keylog: cannot open /nowhere/keys: No such file or directory");
	request = (struct decode_request){.path = "-", .keylog = "-"};
	assert_int_equal(decode_file(&request, stdout, stderr, &error), ERR_INPUT);
	assert_holds(error.text, "cannot both come from standard input");
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_forum_capture_is_one_line_of_json),
		cmocka_unit_test(the_forum_capture_is_a_tree_for_people),
		cmocka_unit_test(a_cut_capture_is_told_up_to_the_cut_and_where_that_is),
		cmocka_unit_test(connections_come_as_they_end_and_the_open_ones_last),
		cmocka_unit_test(packets_are_taken_in_the_order_of_their_times),
		cmocka_unit_test(what_is_not_tcp_is_counted),
		cmocka_unit_test(a_link_type_that_is_not_read_is_said),
		cmocka_unit_test(a_full_disk_is_told),
		cmocka_unit_test(a_key_log_beside_the_capture_opens_it),
		cmocka_unit_test(a_key_log_of_what_the_capture_holds_already_is_welcome),
		cmocka_unit_test(a_file_that_is_no_key_log_is_refused_with_a_sentence),
		cmocka_unit_test(a_key_log_without_secrets_is_noted),
		cmocka_unit_test(a_key_log_that_is_not_there_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
