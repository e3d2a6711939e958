#include "firmware/link.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

void link_init(struct link *link, int abort_fd, uint64_t deadline_ns)
{
	*link = (struct link){.fd = -1, .abort_fd = abort_fd, .deadline_ns = deadline_ns};
}

static int fail(struct link *link, enum link_end end)
{
	link->end = end;
	return -1;
}

static int fail_by_errno(struct link *link)
{
	if (errno == ECONNREFUSED)
		return fail(link, LINK_REFUSED);
	if (errno == ECONNRESET || errno == EPIPE)
		return fail(link, LINK_RESET);
	return fail(link, errno == ETIMEDOUT ? LINK_TIMEOUT : LINK_UNREACHABLE);
}

int link_resolve(struct link *link, const char *host, uint16_t port, struct addrinfo **addresses)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	char service[8];

	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(host, service, &hints, addresses) != 0)
		return fail(link, LINK_NO_NAME);
	return 0;
}

static int ms_left(const struct link *link)
{
	uint64_t now = clock_steady_ns();
	uint64_t ms = now < link->deadline_ns ? (link->deadline_ns - now + 999999) / 1000000 : 0;

	return ms < INT_MAX ? (int)ms : INT_MAX;
}

/* Waits for `events` on the socket. 0, or -1 with `end` set. */
static int wait_for(struct link *link, short events)
{
	struct pollfd fds[] = {
		{.fd = link->fd, .events = events},
		{.fd = link->abort_fd, .events = POLLIN},
	};
	int rc;

	do {
		int ms = ms_left(link);

		if (ms == 0)
			return fail(link, LINK_TIMEOUT);
		rc = poll(fds, 2, ms);
	} while (rc == 0 || (rc < 0 && errno == EINTR));
	if (rc < 0)
		return fail_by_errno(link);
	return fds[1].revents != 0 ? fail(link, LINK_ABORTED) : 0;
}

static int connect_one(struct link *link, const struct addrinfo *address)
{
	socklen_t size = sizeof(errno);
	int on = 1;

	link->end = LINK_UP;
	link->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (link->fd < 0)
		return fail_by_errno(link);
	(void)setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(link->fd, address->ai_addr, address->ai_addrlen) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return fail_by_errno(link);
	if (wait_for(link, POLLOUT) != 0)
		return -1;
	if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &errno, &size) != 0 || errno != 0)
		return fail_by_errno(link);
	return 0;
}

int link_connect(struct link *link, struct addrinfo *addresses)
{
	int rc = -1;

	for (struct addrinfo *address = addresses; rc != 0 && address != NULL;
	     address = address->ai_next) {
		rc = connect_one(link, address);
		if (rc != 0)
			link_fini(link);
		if (link->end == LINK_ABORTED || link->end == LINK_TIMEOUT)
			break;
	}
	freeaddrinfo(addresses);
	return rc;
}

ssize_t link_read(struct link *link, void *data, size_t size)
{
	while (link->end == LINK_UP) {
		ssize_t n = recv(link->fd, data, size, 0);

		if (n > 0)
			return n;
		if (n == 0) {
			link->end = LINK_CLOSED;
			return 0;
		}
		if (errno == EAGAIN)
			(void)wait_for(link, POLLIN);
		else if (errno != EINTR)
			(void)fail_by_errno(link);
	}
	return -1;
}

/*
 * Whether the peer said something before it reset the connection. On loopback its reset overtakes
 * what a board is still sending; over a real network the board has sent it all and reads the alert.
 */
static bool has_last_words(const struct link *link)
{
	int reason = errno;
	bool has;
	char byte;

	has = (reason == EPIPE || reason == ECONNRESET) &&
	      recv(link->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
	errno = reason;
	return has;
}

ssize_t link_write(struct link *link, const void *data, size_t len)
{
	const char *bytes = data;
	size_t done = 0;

	while (link->end == LINK_UP && done < len) {
		ssize_t n = send(link->fd, bytes + done, len - done, MSG_NOSIGNAL);

		if (n >= 0)
			done += (size_t)n;
		else if (errno == EAGAIN)
			(void)wait_for(link, POLLOUT);
		else if (errno != EINTR && has_last_words(link))
			done = len;
		else if (errno != EINTR)
			(void)fail_by_errno(link);
	}
	return done == len ? (ssize_t)len : -1;
}

void link_hurry(struct link *link, uint64_t ms)
{
	uint64_t deadline_ns = clock_steady_ns() + ms * 1000000;

	if (deadline_ns < link->deadline_ns)
		link->deadline_ns = deadline_ns;
}

void link_fini(struct link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
}
