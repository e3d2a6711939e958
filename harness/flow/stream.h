/*
 * stream.h: one direction of a TCP connection, put in order. Layer: flow. Pure: no I/O, no globals;
 * its clock is the packets'.
 *
 * Segments come as they were captured: late, twice, overlapping, larger than any MTU, across the
 * wrap of the sequence number (RFC 9293 section 3.4). The stream hands on each byte once, in order.
 * Where copies of a byte differ, the first one that came wins. Bytes after a hole are held back
 * until the hole is filled or given up; then the hole is told as a gap. It is given up when too
 * much is held, when the receiver has acknowledged it and STREAM_REORDER_NS have passed (the
 * capture missed it), and at the end.
 *
 * A stream of which neither a SYN nor the other side tells the start begins with its first segment
 * if that begins a TLS handshake. If not, it may be a late one: it is held back as if there was a
 * hole before it, of at most STREAM_EARLIER_MAX bytes, and no gap is told.
 */
#ifndef SHAKEDOWN_FLOW_STREAM_H
#define SHAKEDOWN_FLOW_STREAM_H

#include "decode/transcript.h"
#include "flow/segment.h"

#define STREAM_HELD_MAX (1u << 20)       /* bytes held back by one stream */
#define STREAM_PIECES_MAX 4096           /* pieces held back by one stream: they are searched */
#define STREAM_HELD_ALL_MAX (64u << 20)  /* bytes held back by all that share a budget */
#define STREAM_EARLIER_MAX (64u << 10)   /* bytes before the start that the other side tells */
#define STREAM_REORDER_NS 50000000u      /* nanoseconds */

struct stream_events {
	/* The next bytes, borrowed for the call, and when the packet with them came. */
	void (*data)(void *context, enum side from, struct bytes data, uint64_t t_ns);
	/* `n_bytes` of the stream are missing here. */
	void (*gap)(void *context, enum side from, uint64_t n_bytes, uint64_t t_ns);
};

struct piece; /* bytes held back */

/* The caller's storage. `n_...` are for reading. */
struct stream {
	const struct stream_events *events; /* borrowed */
	void *context;
	enum side from;
	size_t *budget; /* bytes held by all streams that share it; borrowed */
	bool started;   /* `next` is known */
	bool assumed;   /* no byte came yet, and the start is what the other side acknowledged */
	bool uncertain; /* nothing tells the start: what came is held, earlier bytes may come */
	bool syn_seen, fin_seen;
	bool ended;     /* all up to the FIN was handed on */
	uint32_t next;  /* sequence number of the byte to hand on next */
	uint32_t fin_seq;
	struct piece *first, *last; /* after `next`, by sequence number, without overlap */
	size_t n_pieces;
	size_t n_held;              /* bytes that they take */
	uint64_t n_bytes;           /* handed on */
	uint64_t n_retransmissions; /* segments that repeat what was seen, but keep-alives */
	uint64_t n_gaps;
};

/*
 * The stream that the side `from` sends. `events` and `budget` (0 at first) are borrowed for the
 * stream's life. stream_fini tells nothing.
 */
void stream_init(struct stream *stream, enum side from, const struct stream_events *events,
                 void *context, size_t *budget);
void stream_fini(struct stream *stream);

/*
 * The sequence number at which the stream may start, before any segment of it: what the other side
 * acknowledged. If its first segment begins before, by STREAM_EARLIER_MAX at most, it starts there.
 */
void stream_assume_start(struct stream *stream, uint32_t seq);

/* A segment of this direction: its data and its FIN. */
void stream_segment(struct stream *stream, const struct segment *segment);

/* The receiver has acknowledged all before `ack`. */
void stream_acknowledged(struct stream *stream, uint32_t ack, uint64_t t_ns);

/* Nothing more comes: hands on what is held, telling the gaps. */
void stream_finish(struct stream *stream, uint64_t t_ns);

#endif
