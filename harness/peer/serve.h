/*
 * serve.h: the life of a forked server: so many connections, one after the other. Layer: peer.
 * Blocks; runs in a process of its own that nothing else uses.
 *
 * The server takes its connections on one port and leads each to its end (visit.h) before it takes
 * the next; after the last one is accepted it listens no more. Each wait for a client has wait_ms.
 *
 * What sessions and tickets boards keep from earlier cases means nothing here; between the
 * connections of this one it does, unless the conduct says otherwise.
 *
 * SIGTERM, which must be blocked, ends it at any time: what has already arrived is still read, for
 * at most PATIENCE_STOP_MS.
 */
#ifndef SHAKEDOWN_PEER_SERVE_H
#define SHAKEDOWN_PEER_SERVE_H

#include "base/buf.h"
#include "peer/context.h"

#include <stdatomic.h>

#define SERVE_CONNECTIONS_MAX 8 /* of one case */

struct serve_plan {
	int listener;            /* closed here */
	const char *from;        /* the client's address; others are sent away. Empty: anybody's */
	struct context *context; /* changed here: it belongs to this process alone */
	int timeout_ms;
	int wait_ms;             /* for a client to come */
	int connections;         /* 1 to SERVE_CONNECTIONS_MAX */
	atomic_int *reached;     /* told while it happens; an enum reached */
};

/*
 * Serves, and returns the members that its message to the parent has, the caller's to release:
 * "testimony" (of the last connection that came; if there could be more than one, with
 * "connections": what each came to) and "keylog" (of all). What the socket carried is attached to
 * it, as evidence (flow/evidence.h).
 */
json_t *serve(const struct serve_plan *plan, struct buf *attached);

#endif
