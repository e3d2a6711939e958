#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "peer/listener.h"

static int open_at(const char *address, int port)
{
	struct error error = {0};
	int fd = listener_open(address, port, &error);

	if (fd < 0)
		fail_msg("%s", error.text);
	return fd;
}

static int port_of(int fd)
{
	struct sockaddr_in6 address; /* its port stands where that of IPv4 does */
	socklen_t len = sizeof(address);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	return ntohs(address.sin6_port);
}

static void port_that_was_just_free_is_not_given_anew(void **state)
{
	enum { N = 500 };
	static bool given[65536];

	(void)state;
	for (int i = 0; i < N; i++) {
		int fd = open_at(i % 2 == 0 ? "127.0.0.1" : "::1", 0), port = port_of(fd);

		assert_false(given[port]);
		given[port] = true;
		close(fd);
	}
}

static void port_that_is_taken_is_passed_over(void **state)
{
	int first = open_at("127.0.0.1", 0), next = port_of(first) + 1;
	struct error error = {0};
	int taken = listener_open("127.0.0.1", next, &error), second = open_at("127.0.0.1", 0);

	(void)state;
	assert_int_not_equal(port_of(second), next);
	close(first);
	close(second);
	if (taken >= 0)
		close(taken);
}

static void port_that_is_asked_for_is_had_again_at_once(void **state)
{
	int fd = open_at("127.0.0.1", 0), port = port_of(fd);

	(void)state;
	close(fd);
	fd = open_at("127.0.0.1", port);
	assert_int_equal(port_of(fd), port);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(port_that_was_just_free_is_not_given_anew),
		cmocka_unit_test(port_that_is_taken_is_passed_over),
		cmocka_unit_test(port_that_is_asked_for_is_had_again_at_once),
	};

	return cmocka_run_group_tests_name("peer/listener", tests, NULL, NULL);
}
