/*
 * tracker.h: packets in, connections out. Layer: flow. Pure: no I/O, no globals; its clock is the
 * packets'.
 *
 * A tracker finds the TCP segment in each packet and the connection that it belongs to. A SYN says
 * who the client is; without one, the first payload does (transcript_guess), else the lower port is
 * the server's. A new SYN with another initial sequence number begins another connection.
 *
 * Memory is bounded, whatever comes: by the two limits below, by STREAM_HELD_ALL_MAX (stream.h) for
 * what waits for a hole, by FRAGMENTS_HELD_MAX (fragment.h). Beyond the number of connections, and
 * beyond the memory of what was decoded, the connection idle longest is finished: it is told as far
 * as it came, and counted. What comes of it later is another connection.
 */
#ifndef SHAKEDOWN_FLOW_TRACKER_H
#define SHAKEDOWN_FLOW_TRACKER_H

#include "flow/connection.h"

#define TRACKER_CONNECTIONS_MAX 16384 /* at once; beyond it the one idle longest is finished */
#define TRACKER_DECODED_MAX (128u << 20) /* bytes of memory of their transcripts; the same beyond */
#define TRACKER_LINGER_NS 1000000000u /* how long a closed connection waits for stragglers */

enum tracker_mode {
	/* Connections are decoded. They may begin in the middle: with any payload. */
	TRACKER_DECODE,
	/*
	 * Connections are only followed, for a user who keeps the packets. They begin with a SYN.
	 */
	TRACKER_FOLLOW,
};

struct tracker_events {
	/* Nothing more comes of this connection, which is freed after the call. */
	void (*finished)(void *context, struct connection *connection);
};

struct tracker;

/*
 * A new tracker, the caller's to free; tracker_free(NULL) does nothing. `keylog` (or NULL),
 * `events` and `context` are borrowed for its life.
 */
struct tracker *tracker_new(enum tracker_mode mode, struct keylog *keylog,
                            const struct tracker_events *events, void *context);

/*
 * Frees the tracker and its connections. `finished` is called for none of them: see
 * tracker_finish_all.
 */
void tracker_free(struct tracker *tracker);

/*
 * Takes a packet, which may be freed after the call. Returns the connection that it belongs to,
 * borrowed until it is finished, or NULL for a packet of no connection.
 */
struct connection *tracker_packet(struct tracker *tracker, const struct packet *packet);

/* Finishes the connections that closed and were then silent for TRACKER_LINGER_NS before `t_ns`. */
void tracker_settle(struct tracker *tracker, uint64_t t_ns);

/* Finishes one connection now; or all, in the order in which they began. */
void tracker_finish(struct tracker *tracker, struct connection *connection);
void tracker_finish_all(struct tracker *tracker);

/*
 * Walks through the connections: the closed ones, then the others, in each group the one idle
 * longest first. `previous` is NULL to start with; returns NULL at the end.
 */
struct connection *tracker_next(const struct tracker *tracker, const struct connection *previous);

/* How many connections were finished for the sake of a limit, although they had not closed. */
uint64_t tracker_n_cut(const struct tracker *tracker);

/* How many packets came to each result of segment_decode. */
uint64_t tracker_count(const struct tracker *tracker, enum segment_result result);

#endif
