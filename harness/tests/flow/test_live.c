/* Packets of the loopback interface of a network of this test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "flow/interface.h"
#include "flow/live.h"
#include "flow/private_network.h"
#include "flow/segment.h"

#include <arpa/inet.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WAIT_MS 10000 /* only a failing test waits so long */

static const char text[] = "the bytes of one segment";

/* What was seen of the bytes that a client sends. */
struct seen {
	uint16_t port;
	struct buf data;
	uint64_t last_ns;
};

static void on_packet(void *context, const struct packet *packet)
{
	struct seen *seen = context;
	struct segment segment;

	assert_int_equal(segment_decode(packet, &segment), SEGMENT_OK);
	assert_true(packet->t_ns >= seen->last_ns);
	seen->last_ns = packet->t_ns;
	if (segment.from.port == seen->port)
		buf_bytes(&seen->data, segment.data);
}

/* A connection over `lo` on which the text is sent; its client. */
static int send_text(struct seen *seen)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(client, (struct sockaddr *)&address, &len), 0);
	seen->port = ntohs(address.sin_port);
	assert_int_equal(send(client, text, sizeof(text), 0), sizeof(text));
	close(listener);
	return client;
}

static void each_byte_on_the_loopback_interface_is_seen_once(void **state)
{
	static struct live *live; /* it lasts as long as the process */
	struct error error = {0};
	struct seen seen = {0};
	struct pollfd ready = {.events = POLLIN};
	int client;

	(void)state;
	if (live_open(&live, "lo", &error) != 0) {
		assert_non_null(strstr(error.text, "setcap cap_net_raw+ep"));
		skip(); /* a user without the right */
	}
	client = send_text(&seen);
	ready.fd = live_fd(live);
	while (seen.data.len < sizeof(text)) {
		assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
		assert_int_equal(live_read(live, on_packet, &seen, &error), 0);
	}
	assert_int_equal(seen.data.len, sizeof(text));
	assert_memory_equal(seen.data.data, text, sizeof(text));
	assert_int_equal(live_dropped(live), 0);
	buf_fini(&seen.data);
	close(client);
}

static void without_the_right_it_is_told_how_to_get_it(void **state)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct own[_LINUX_CAPABILITY_U32S_3], less[_LINUX_CAPABILITY_U32S_3];
	struct live *live;
	struct error error = {0};
	int rc;

	(void)state;
	assert_int_equal(syscall(SYS_capget, &header, own), 0);
	memcpy(less, own, sizeof(less));
	less[0].effective &= ~(1u << CAP_NET_RAW);
	assert_int_equal(syscall(SYS_capset, &header, less), 0);
	rc = live_open(&live, "lo", &error);
	assert_int_equal(syscall(SYS_capset, &header, own), 0);
	assert_int_equal(rc, ERR_ENVIRONMENT);
	assert_non_null(strstr(error.text, "run \"sudo setcap cap_net_raw+ep /"));
}

static void an_interface_that_is_not_there_is_named(void **state)
{
	struct live *live;
	struct error error = {0};

	(void)state;
	assert_int_equal(live_open(&live, "none0", &error), ERR_ENVIRONMENT);
	assert_non_null(strstr(error.text, "cannot capture on the interface none0: "));
}

static void an_interface_is_found_by_its_address(void **state)
{
	static const struct {
		const char *address, *name, *complaint;
	} rows[] = {
		{"127.0.0.1", "lo", NULL},
		{"::1", "lo", NULL},
		{"192.0.2.1", NULL,
	         "no network interface of this machine has the address 192.0.2.1"},
		{"2001:db8::1", NULL,
	         "no network interface of this machine has the address 2001:db8::1"},
		{"localhost", NULL, "\"localhost\" is not an IP address"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char name[IF_NAMESIZE];
		struct error error = {0};
		int rc = interface_of_address(rows[i].address, name, &error);

		assert_int_equal(rc, rows[i].name != NULL ? 0 : ERR_INPUT);
		assert_string_equal(rc == 0 ? name : error.text,
		                    rc == 0 ? rows[i].name : rows[i].complaint);
	}
}

static int enter_network(void **state)
{
	struct error error = {0};

	(void)state;
	if (private_network_enter(&error) != 0)
		print_message("%s\n", error.text); /* the machine's own will do */
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_byte_on_the_loopback_interface_is_seen_once),
		cmocka_unit_test(without_the_right_it_is_told_how_to_get_it),
		cmocka_unit_test(an_interface_that_is_not_there_is_named),
		cmocka_unit_test(an_interface_is_found_by_its_address),
	};

	return cmocka_run_group_tests(tests, enter_network, NULL);
}
