/*
 * serve.h: the life of a forked server: one connection, from listening to the goodbye. Layer: peer.
 * Blocks; runs in a process of its own that nothing else uses.
 *
 * The server accepts one connection and closes the listener, shakes hands, echoes what it
 * receives until the client closes, answers close_notify, closes its sending side and waits for
 * the client to close too, so that no reset destroys what is under way. Each of listening,
 * handshake and echo has timeout_ms; the farewell has SERVE_FAREWELL_MS.
 *
 * SIGTERM, which must be blocked, ends it at any time: what has already arrived is still read,
 * for at most SERVE_STOP_MS.
 */
#ifndef SHAKEDOWN_PEER_SERVE_H
#define SHAKEDOWN_PEER_SERVE_H

#include "base/buf.h"
#include "peer/fault_plan.h"

#include <jansson.h>
#include <openssl/ssl.h>
#include <stdatomic.h>

#define SERVE_FAREWELL_MS 2000
#define SERVE_STOP_MS 200
#define SERVE_UNSENT_MAX (16u << 20) /* bytes of echo that wait before the server stops reading */

struct serve_plan {
	int listener;  /* closed here */
	SSL_CTX *context; /* changed here: it belongs to this process alone */
	const struct fault_plan *faults; /* NULL: none */
	int timeout_ms;
	atomic_int *reached; /* told while it happens; an enum reached */
};

/*
 * Serves, and returns the members that its message to the parent has, the caller's to release:
 * "testimony", "keylog", and "connections" as the socket carried them. `capture` gets their pcapng.
 */
json_t *serve(const struct serve_plan *plan, struct buf *capture);

#endif
