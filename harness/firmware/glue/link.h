/*
 * link.h: one TCP connection, for TLS stacks that leave it to the application. Firmware.
 *
 * link_sockets.c has it for BSD sockets: POSIX, lwIP, ESP-IDF, Zephyr. Every call waits until it is
 * done, the run's deadline is over or the run is aborted, so that a stack can be driven as with a
 * simple blocking socket. The first failure sticks: later calls fail at once, and `end` keeps why,
 * for the stack to put into its own status.
 */
#ifndef SHAKEDOWN_FIRMWARE_GLUE_LINK_H
#define SHAKEDOWN_FIRMWARE_GLUE_LINK_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_LOOK_MS 50 /* how often a call that waits looks whether the run is aborted */

enum link_end {
	LINK_UP,
	LINK_NO_NAME,     /* the host name has no address */
	LINK_REFUSED,     /* the host answered with a reset */
	LINK_UNREACHABLE, /* no way to the host */
	LINK_CLOSED,      /* the peer closed its side */
	LINK_RESET,       /* the peer reset the connection */
	LINK_TIMEOUT,     /* the deadline is over */
	LINK_ABORTED,     /* the host asked for the end */
	LINK_N_ENDS,
};

struct link {
	int fd;                     /* owned; -1 while not connected, or without descriptors */
	void *addresses;            /* owned, between link_resolve and link_connect */
	const atomic_bool *aborted; /* borrowed; set once the run is to end */
	uint32_t deadline_ms;       /* on port_now_ms() */
	enum link_end end;
};

/* A link that is not connected, with `ms` milliseconds until its deadline. */
void link_init(struct link *link, const atomic_bool *aborted, uint32_t ms);

/*
 * Finds the addresses of `host` (a name, or an IP address in text). 0, or -1 with `end` set. The
 * system's search for a name heeds neither deadline nor abort.
 */
int link_resolve(struct link *link, const char *host, uint16_t port);

/* Connects to the first address that answers. 0, or -1 with `end` set. */
int link_connect(struct link *link);

/* Reads what is there: its length; 0 at the peer's end; -1. `end` is set below 1. */
int link_read(struct link *link, void *data, size_t size);

/*
 * Writes all of it: `len`, or -1 with `end` set. After a reset by a peer whose last words have not
 * been read yet, it only seems to, so that the words are.
 */
int link_write(struct link *link, const void *data, size_t len);

/* Brings the deadline nearer: to at most `ms` milliseconds from now. */
void link_hurry(struct link *link, uint32_t ms);

/* Closes the connection. */
void link_fini(struct link *link);

#endif
