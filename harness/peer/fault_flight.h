/*
 * fault_flight.h: what the server is about to send, as messages that can be changed. Layer: peer.
 * Pure: no I/O, no clock, no globals.
 *
 * A flight is a list of units: handshake messages put together from their records, and the
 * plaintext of each record of another kind. Between them stand acts: a pause, an end. Deeds
 * (fault_plan.h) change the list. fault_intake.h makes it of records, fault_stream.h records of it.
 */
#ifndef SHAKEDOWN_PEER_FAULT_FLIGHT_H
#define SHAKEDOWN_PEER_FAULT_FLIGHT_H

#include "peer/fault_plan.h"

enum act { ACT_NONE, ACT_DELAY, ACT_CLOSE, ACT_RESET, ACT_SILENCE };

/* The keys that a unit is under. */
enum under {
	UNDER_NOTHING,
	UNDER_HANDSHAKE,   /* TLS 1.3: handshake traffic keys; until TLS 1.2: the connection's */
	UNDER_APPLICATION, /* TLS 1.3: application traffic keys */
	N_UNDER,
};

struct unit {
	enum act act; /* if not ACT_NONE, only `ms` counts beside it */
	int ms;
	const char *name; /* static; NULL: none that a place has */
	unsigned nth;     /* of its name, from 1; 0: put in by a fault */
	uint8_t content_type;
	uint16_t record_version;
	enum under under;
	struct buf data;   /* owned */
	size_t fragment;   /* bytes of plaintext in one of its records, at most */
	bool whole;        /* in one record, whatever its size */
	bool joined;       /* with the next in one record */
	bool broken;       /* what proves it (signature, verify_data) is not to be repaired */
	enum act cut;      /* inside of its first record */
	size_t padding;    /* bytes, in its first record */
	const struct planned_fault *split; /* by its sizes; NULL: by `fragment` */
	const struct planned_fault *on_record[FAULTS_MAX_PLANNED]; /* of its first record */
	size_t n_on_record;
};

/* Zero-initialised storage is an empty flight. */
struct flight {
	struct unit *units; /* owned */
	size_t n, size;
};

/* Frees the units and leaves an empty flight. */
void flight_fini(struct flight *flight);

/* Removes all units and keeps the storage. */
void flight_clear(struct flight *flight);

/* Puts a unit in at `index`, taking over its data. Pointers to units are no longer valid. */
void flight_insert(struct flight *flight, size_t index, const struct unit *unit);

/* Replaces `len` bytes of the unit at `at`; the lengths of the vectors around them are mended. */
void unit_edit(struct unit *unit, const struct fault_range *range, size_t at, size_t len,
               struct bytes bytes);

/*
 * True if the unit is a part of the transcript: a HelloRequest is not (RFC 5246 section 7.4.1.1).
 */
bool unit_is_told(const struct unit *unit);

/* Looks up a message of the connection, the last of that name; empty if there was none. */
typedef struct bytes fault_lookup(const void *context, const char *name);

/*
 * Does the fault to the flight, `version` being an enum protocol_version. False, with nothing
 * changed, if its place is not in this flight.
 */
bool flight_do(struct flight *flight, const struct planned_fault *fault, uint16_t version,
               fault_lookup *lookup, const void *context);

/* True if the fault changes what the handshake messages say, or which of them come. */
bool fault_changes_messages(const struct planned_fault *fault);

/*
 * Does a fault at a part of a record to the record that begins at `at` in `out` and ends with it;
 * `tag_len` bytes at its end prove it (0: in plaintext).
 */
void fault_on_record(const struct planned_fault *fault, struct buf *out, size_t at, size_t tag_len);

#endif
