/*
 * fault_intake.h: what libssl writes, opened and put together into a flight. Layer: peer. Pure: no
 * I/O, no clock, no globals.
 */
#ifndef SHAKEDOWN_PEER_FAULT_INTAKE_H
#define SHAKEDOWN_PEER_FAULT_INTAKE_H

#include "decode/record.h"
#include "peer/fault_flight.h"
#include "peer/fault_keys.h"

#define FAULT_SEEN_MAX 24 /* kinds of messages kept to be copied: more than a place can name */

struct fault_intake {
	struct fault_keys *keys;  /* borrowed; set from the ServerHello */
	const struct buf *client; /* borrowed: what the client has sent so far */
	struct record_stream records;
	struct buf message;   /* an incomplete handshake message */
	size_t fragment;      /* bytes of plaintext of the record that it began in */
	enum under written;   /* what libssl seals under */
	struct flight flight; /* what came since its owner last cleared it */
	struct {
		const char *name; /* static */
		unsigned n;
		struct buf last;
	} seen[FAULT_SEEN_MAX];
	size_t n_seen;
};

/* An intake at the start of the stream; fault_intake_fini frees what it holds, but not the keys. */
void fault_intake_init(struct fault_intake *intake, struct fault_keys *keys,
                       const struct buf *client);
void fault_intake_fini(struct fault_intake *intake);

/* Takes bytes of libssl's stream. Records that cannot be opened are units that are left whole. */
void fault_intake_feed(struct fault_intake *intake, struct bytes bytes);

/* A fault_lookup; `context` is the intake. Its bytes last until the next feed. */
struct bytes fault_intake_seen(const void *context, const char *name);

#endif
