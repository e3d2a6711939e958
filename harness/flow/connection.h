/*
 * connection.h: one TCP connection: two streams, how it began and ended, and the TLS in it. Layer:
 * flow. Pure: no I/O, no globals; its clock is the packets'.
 */
#ifndef SHAKEDOWN_FLOW_CONNECTION_H
#define SHAKEDOWN_FLOW_CONNECTION_H

#include "decode/transcript.h"
#include "flow/story.h"
#include "flow/stream.h"

#include <sys/queue.h>

/* The other one. */
enum side side_other(enum side side);

/* How a side ended what it sends: not yet, in order, by a reset. */
enum ending { ENDING_NONE, ENDING_FIN, ENDING_RST };

/* For reading; the first six members are written by tracker.c. */
struct connection {
	LIST_ENTRY(connection) in_bucket;
	TAILQ_ENTRY(connection) in_order;
	uint64_t number;             /* 1 for the first that the tracker saw */
	bool settled;                /* stands among the closed ones */
	size_t n_decoded;            /* bytes of its transcript, as the tracker has counted them */
	bool replaced;               /* another one has begun between the same ends */
	void *attached;              /* whatever the tracker's user keeps with it; NULL at first */
	struct endpoint end[2];      /* by enum side */
	struct stream stream[2];     /* by the side that sends */
	uint32_t isn[2];             /* initial sequence numbers, where `isn_known` */
	bool isn_known[2];
	struct transcript *transcript; /* NULL if the connection is only followed */
	uint64_t start_ns, last_ns;  /* times of the first and last packet */
	uint64_t n_packets;
	struct story story;
	enum ending ending[2];        /* the first of each side */
	bool reset;                  /* a side has reset it, maybe after its end */
	enum side first_to_end;      /* of meaning once an ending is there */
	uint64_t ending_ns;          /* when the first ending came */
};

/*
 * A connection for connection_start. With `decode` its streams go to a transcript, with the secrets
 * of `keylog` (borrowed, or NULL).
 */
struct connection *connection_new(bool decode, struct keylog *keylog);

/*
 * Begins it with the segment `first`, which comes from `from`; connection_segment still has to be
 * called with that. `budget`: see stream.h.
 */
void connection_start(struct connection *connection, const struct segment *first, enum side from,
                      size_t *budget);

/*
 * Makes a connection that is over one for connection_start: its memory is at hand, and in the CPU's
 * cache. What is much of it is freed.
 */
void connection_clear(struct connection *connection);

/* connection_free(NULL) does nothing. */
void connection_free(struct connection *connection);

/* True if `segment` opens another connection between the same two ends. */
bool connection_is_other(const struct connection *connection, const struct segment *segment);

/* Takes the connection's next segment, of either side; its data is borrowed for the call. */
void connection_segment(struct connection *connection, const struct segment *segment);

/* True once both sides have ended, or one has reset the connection, or another has replaced it. */
bool connection_closed(const struct connection *connection);

/* No segment comes any more: what is held back goes to the transcript. */
void connection_finish(struct connection *connection);

/*
 * Brings what connection_emit reads into the CPU's cache, in stages that may be some time apart:
 * the connection, its transcript, what that points to.
 */
#define CONNECTION_FETCH_STAGES 3
void connection_fetch(const struct connection *connection, int stage);

/*
 * Writes the members "client", "server", "start", those of the transcript, "tcp" and "close" into
 * the object that is open in `emit`. Only for a connection with a transcript.
 */
void connection_emit(const struct connection *connection, struct emit *emit);

/* Writes the member "lint", what is to be said of the ClientHello (lint.h), if there is one. */
void connection_emit_lint(const struct connection *connection, struct emit *emit);

#endif
