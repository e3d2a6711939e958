/*
 * visit.h: one connection of a forked server's, from the accepted socket to the goodbye. Layer:
 * peer. Blocks; runs in a process of its own that nothing else uses.
 *
 * The server shakes hands, talks as its application does until the client closes or all is said,
 * answers close_notify, closes its sending side and waits for the client to close too, so that no
 * reset destroys what is under way; unless the context's conduct says otherwise. Handshake and
 * application have timeout_ms each, the farewell VISIT_FAREWELL_MS.
 */
#ifndef SHAKEDOWN_PEER_VISIT_H
#define SHAKEDOWN_PEER_VISIT_H

#include "peer/application.h"
#include "peer/context.h"
#include "peer/fault_stream.h"
#include "peer/omission.h"
#include "peer/outlet.h"
#include "peer/patience.h"
#include "peer/testimony.h"
#include "peer/wiretap.h"

#define VISIT_FAREWELL_MS 2000
#define VISIT_UNSENT_MAX (16u << 20) /* bytes to send that wait before the server stops reading */

struct visit {
	struct context *context; /* borrowed, and changed: it belongs to this process alone */
	struct patience *patience; /* borrowed */
	int timeout_ms;
	int connection; /* the accepted socket, which does not block; closed here */
	struct testimony testimony;
	struct wiretap wiretap;
	struct outlet outlet;
	struct fault_stream *faults; /* NULL: none */
	struct omission *omission;   /* NULL: nothing is left out */
	struct application application;
	SSL *ssl;        /* NULL until the handshake begins */
	struct buf out;  /* what is to be sent, from `sent` on */
	size_t sent;
};

/* A visit that is expected, and nobody has come yet. `reached` outlives it. */
void visit_init(struct visit *visit, struct context *context, struct patience *patience,
                int timeout_ms, atomic_int *reached);
void visit_fini(struct visit *visit);

/*
 * Leads the visit from the accepted `connection` to its end. `met` is how the wait for it ended; if
 * not with STEP_ON there is no connection, and that alone is noted.
 */
void visit_lead(struct visit *visit, int connection, enum step met);

/* The testimony, the caller's to release. */
json_t *visit_tell(const struct visit *visit);

#endif
