/*
 * story.h: how a TCP connection went, beside the bytes that it carried: where boards fail for want
 * of buffers and time. Layer: flow. Pure: no I/O, no globals; its clock is the packets'.
 */
#ifndef SHAKEDOWN_FLOW_STORY_H
#define SHAKEDOWN_FLOW_STORY_H

#include "decode/transcript.h"
#include "flow/segment.h"

/* By enum side, of what that side sent. Zero-initialised storage is the beginning. */
struct story {
	uint64_t n_zero_windows[2];    /* times that its receive window closed */
	bool is_window_closed[2];
	uint32_t smallest_segment[2];  /* payload bytes of its smallest segment with any; 0: none */
	uint32_t end[2];               /* sequence number after the furthest thing that it sent */
	bool has_sent[2];
	enum side last_sender;         /* of something new; so the next two */
	uint64_t last_ns;
	bool has_begun;
	bool has_paused;
	uint64_t pause_ns, pause_begin_ns; /* the longest pause */
	enum side waited_for;
};

/* A segment that the side `from` sent. */
void story_segment(struct story *story, enum side from, const struct segment *segment);

/*
 * Writes into the open object:
 *   "zero_windows"      {"client": n, "server": n}: how often each side closed its receive window
 *   "smallest_segment"  {"client": bytes or null, ...}: payload of the smallest segment with any
 *   "longest_pause"     {"ms", "t_ms", "waited_for"} or null: the longest time in which neither
 *                       side sent anything new, when it began, and who sent next. Where the
 *                       connection ended instead, it is who did not answer. Retransmissions and
 *                       keep-alives are nothing new; SYN and FIN are.
 */
void story_emit(const struct story *story, uint64_t t0_ns, struct emit *emit);

/* What varies in what story_emit tells, and (4 bits) all that it depends on beside that. */
void story_slots(const struct story *story, uint64_t t0_ns, struct emit_slots *slots);
uint32_t story_key(const struct story *story);

#endif
