#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "flow/tap.h"
#include "tests/flow/data.h"

#include <arpa/inet.h>
#include <unistd.h>

#define GOLDEN "golden/tls-1.3-rsa-with-secrets"

static struct sockaddr_storage address(int family, const char *text, uint16_t port)
{
	struct sockaddr_storage storage = {.ss_family = (sa_family_t)family};
	struct sockaddr_in *in = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;

	inet_pton(family, text, family == AF_INET ? (void *)&in->sin_addr : (void *)&in6->sin6_addr);
	if (family == AF_INET)
		in->sin_port = htons(port);
	else
		in6->sin6_port = htons(port);
	return storage;
}

/* Collects what was tapped: the decoded connections, and the capture in `pcapng`. */
static json_t *collect(const struct tap *tap, const char *keylog, struct buf *pcapng)
{
	struct bytes secrets = {(const uint8_t *)keylog, strlen(keylog)};
	struct buf json = {0};
	json_t *list;

	tap_collect(tap, secrets, &json, pcapng);
	list = json_loadb((char *)json.data, json.len, 0, NULL);
	assert_int_equal(json_array_size(list), 1);
	buf_fini(&json);
	return list;
}

/* Gives the tap what the two sockets of a golden capture carried. */
static void replay(struct tap *tap, const struct packet_list *packets)
{
	for (size_t i = 0; i < packets->n; i++) {
		struct packet packet = packet_list_get(packets, i);
		struct segment segment;
		enum side from;

		assert_int_equal(segment_decode(&packet, &segment), SEGMENT_OK);
		from = segment.from.port > segment.to.port ? SIDE_CLIENT : SIDE_SERVER;
		tap_data(tap, from, segment.data, segment.t_ns);
		if ((segment.flags & TCP_FIN) != 0)
			tap_close(tap, from, ENDING_FIN, segment.t_ns);
	}
}

/* What only packets have is taken away. */
static void forget_packets(json_t *connection)
{
	json_t *message;
	size_t i;

	json_object_del(connection, "client");
	json_object_del(connection, "server");
	json_object_del(connection, "start");
	json_object_del(json_object_get(connection, "tcp"), "packets");
	json_object_del(json_object_get(connection, "tcp"), "longest_pause");
	json_object_del(json_object_get(connection, "tcp"), "smallest_segment");
	json_object_del(json_object_get(connection, "close"), "t_ms");
	json_array_foreach(json_object_get(connection, "messages"), i, message)
		json_object_del(message, "t_ms");
	json_array_foreach(json_object_get(connection, "alerts"), i, message)
		json_object_del(message, "t_ms");
}

static void what_the_sockets_saw_decodes_as_what_was_captured(void **state)
{
	struct sockaddr_storage client = address(AF_INET6, "fd00::1", 40000);
	struct sockaddr_storage server = address(AF_INET6, "fd00::2", 443);
	struct keylog *keylog = keylog_new();
	struct packet_list packets = {0};
	struct capture *capture = NULL;
	struct error error = {0};
	char *path = data_capture(GOLDEN "/in.pcapng");
	struct tap *tap = tap_new(&client, &server, 0);
	struct buf pcapng = {0}, json = {0};
	json_t *captured, *tapped;

	(void)state;
	assert_int_equal(capture_open(&capture, path, &error), 0);
	assert_int_equal(data_read(capture, &packets, keylog, &error), 0);
	captured = data_decode(&packets, keylog);
	replay(tap, &packets);
	tap_collect(tap, (struct bytes){0}, &json, &pcapng);
	capture_close(capture);

	/* The tap's capture, with the golden's secrets. */
	packet_list_fini(&packets);
	assert_int_equal(capture_from_bytes(&capture, "tap", buf_view(&pcapng), &error), 0);
	assert_int_equal(data_read(capture, &packets, keylog, &error), 0);
	tapped = data_decode(&packets, keylog);
	forget_packets(json_array_get(captured, 0));
	forget_packets(json_array_get(tapped, 0));
	assert_true(json_equal(captured, tapped));

	json_decref(captured);
	json_decref(tapped);
	buf_fini(&pcapng);
	buf_fini(&json);
	capture_close(capture);
	packet_list_fini(&packets);
	keylog_free(keylog);
	tap_free(tap);
	free(path);
}

static void addresses_times_and_endings_are_kept(void **state)
{
	struct sockaddr_storage client = address(AF_INET, "192.168.1.5", 62509);
	struct sockaddr_storage server = address(AF_INET, "192.168.1.10", 6000);
	struct tap *tap = tap_new(&client, &server, 1726669169214045000u);
	struct bytes text = {(const uint8_t *)"not TLS", 7};
	struct buf pcapng = {0};
	json_t *list, *expected, *connection, *value;
	const char *key;

	(void)state;
	tap_data(tap, SIDE_CLIENT, text, 1726669169215045000u);
	tap_data(tap, SIDE_SERVER, text, 1726669169216045000u);
	tap_close(tap, SIDE_SERVER, ENDING_FIN, 1726669169217045000u);
	tap_close(tap, SIDE_CLIENT, ENDING_RST, 1726669169218045000u);
	list = collect(tap, "", &pcapng);
	connection = json_array_get(list, 0);
	expected = json_pack("{s:{s:s, s:i}, s:{s:s, s:i}, s:{s:s, s:s, s:s, s:f}}", "client",
	                     "address", "192.168.1.5", "port", 62509, "server", "address",
	                     "192.168.1.10", "port", 6000, "close", "first", "server", "client",
	                     "rst", "server", "fin", "t_ms", 3.0);
	assert_string_equal(json_string_value(json_object_get(connection, "start")),
	                    "2024-09-18T14:19:29.214Z");
	json_object_foreach(expected, key, value)
		assert_true(json_equal(json_object_get(connection, key), value));
	json_decref(expected);
	json_decref(list);
	buf_fini(&pcapng);
	tap_free(tap);
}

/* tshark finds nothing wrong, checksums included. */
static void wireshark_reads_the_capture(void **state)
{
	static char large[40000];
	struct sockaddr_storage client = address(AF_INET, "127.0.0.1", 40000);
	struct sockaddr_storage server = address(AF_INET, "127.0.0.1", 443);
	struct tap *tap = tap_new(&client, &server, 1000000000u);
	struct bytes data = {(const uint8_t *)large, sizeof(large)};
	char path[] = "/tmp/shakedown-test-XXXXXX", command[256], line[80] = "";
	struct buf pcapng = {0};
	int fd = mkstemp(path);
	FILE *tshark;

	(void)state;
	tap_data(tap, SIDE_CLIENT, data, 1000000000u);
	tap_data(tap, SIDE_SERVER, data, 1000000000u);
	tap_close(tap, SIDE_SERVER, ENDING_FIN, 1000000000u);
	tap_close(tap, SIDE_CLIENT, ENDING_FIN, 1000000000u);
	json_decref(collect(tap, "", &pcapng));
	assert_int_equal(write(fd, pcapng.data, pcapng.len), pcapng.len);
	snprintf(command, sizeof(command),
	         "WIRESHARK_CONFIG_DIR=/nonexistent tshark -r %s -o ip.check_checksum:TRUE "
	         "-o tcp.check_checksum:TRUE -Y 'tcp.checksum.status == 1 && "
	         "ip.checksum.status == 1' 2>/dev/null | wc -l", path);
	tshark = popen(command, "r");
	assert_non_null(fgets(line, sizeof(line), tshark));
	assert_int_equal(atoi(line), 11); /* the handshake, three of data each way, two FINs */
	pclose(tshark);
	close(fd);
	unlink(path);
	buf_fini(&pcapng);
	tap_free(tap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_sockets_saw_decodes_as_what_was_captured),
		cmocka_unit_test(addresses_times_and_endings_are_kept),
		cmocka_unit_test(wireshark_reads_the_capture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
