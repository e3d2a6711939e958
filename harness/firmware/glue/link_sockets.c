#include "firmware/glue/link.h"

#include "firmware/glue/port.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#if !defined(MSG_NOSIGNAL) /* where no signal comes anyway */
#define MSG_NOSIGNAL 0
#endif

void link_init(struct link *link, const atomic_bool *aborted, uint32_t ms)
{
	*link = (struct link){.fd = -1, .aborted = aborted, .deadline_ms = port_now_ms() + ms};
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

int link_resolve(struct link *link, const char *host, uint16_t port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *addresses;
	char service[8];

	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(host, service, &hints, &addresses) != 0)
		return fail(link, LINK_NO_NAME);
	link->addresses = addresses;
	return 0;
}

/* The count of port_now_ms() may have begun again since the deadline was set. */
static int ms_left(const struct link *link)
{
	int32_t ms = (int32_t)(link->deadline_ms - port_now_ms());

	return ms > 0 ? (int)ms : 0;
}

/* Waits for `events` on the socket. 0, or -1 with `end` set. */
static int wait_for(struct link *link, short events)
{
	struct pollfd socket = {.fd = link->fd, .events = events};
	int rc;

	do {
		int ms = ms_left(link);

		if (atomic_load(link->aborted))
			return fail(link, LINK_ABORTED);
		if (ms == 0)
			return fail(link, LINK_TIMEOUT);
		rc = poll(&socket, 1, ms < LINK_LOOK_MS ? ms : LINK_LOOK_MS);
	} while (rc == 0 || (rc < 0 && errno == EINTR));
	return rc < 0 ? fail_by_errno(link) : 0;
}

static int connect_one(struct link *link, const struct addrinfo *address)
{
	int error = 0, on = 1;
	socklen_t size = sizeof(error);

	link->end = LINK_UP;
	link->fd = socket(address->ai_family, SOCK_STREAM, 0);
	if (link->fd < 0 || fcntl(link->fd, F_SETFL, O_NONBLOCK) < 0)
		return fail_by_errno(link);
	(void)setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(link->fd, address->ai_addr, address->ai_addrlen) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return fail_by_errno(link);
	if (wait_for(link, POLLOUT) != 0)
		return -1;
	if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0)
		return 0;
	if (error != 0)
		errno = error;
	return fail_by_errno(link);
}

int link_connect(struct link *link)
{
	struct addrinfo *addresses = link->addresses;
	int rc = -1;

	link->addresses = NULL;
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

int link_read(struct link *link, void *data, size_t size)
{
	while (link->end == LINK_UP) {
		ssize_t n = recv(link->fd, data, size, 0);

		if (n > 0)
			return (int)n;
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

int link_write(struct link *link, const void *data, size_t len)
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
	return done == len ? (int)len : -1;
}

void link_hurry(struct link *link, uint32_t ms)
{
	if ((uint32_t)ms_left(link) > ms)
		link->deadline_ms = port_now_ms() + ms;
}

void link_fini(struct link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	if (link->addresses != NULL)
		freeaddrinfo(link->addresses);
	link->addresses = NULL;
}
