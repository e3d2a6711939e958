/*
 * fault_place.h: names for parts of the server's stream, as faults use them. Layer: peer. Pure: no
 * I/O, no clock, no globals.
 *
 * A place is a message by the name that decode/ tells it with, and a way into it, with dots:
 * "server_hello", "server_hello.extensions.key_share.group", "certificate_verify.signature.length",
 * "finished.record.tag", "record.length". The messages and their fields are tables: RFC 8446
 * sections 4 and 5, RFC 5246 sections 6 and 7, RFC 8422 section 5.4.
 */
#ifndef SHAKEDOWN_PEER_FAULT_PLACE_H
#define SHAKEDOWN_PEER_FAULT_PLACE_H

#include "base/buf.h"

#include <stdbool.h>

#define FAULT_VECTORS_MAX 6 /* vectors around a field, the message itself among them */

/* Versions, as a set. */
enum {
	FAULT_TLS_1_0 = 1u << 0,
	FAULT_TLS_1_1 = 1u << 1,
	FAULT_TLS_1_2 = 1u << 2,
	FAULT_TLS_1_3 = 1u << 3,
};

enum fault_target {
	TARGET_MESSAGE = 1u << 0,   /* a whole message */
	TARGET_FIXED = 1u << 1,     /* a field whose size never changes */
	TARGET_VECTOR = 1u << 2,    /* a field with a length before it, or the rest of a message */
	TARGET_EXTENSION = 1u << 3, /* an extension: its data, for some deeds type and length too */
	TARGET_RECORD = 1u << 4,    /* a part of a record, as it goes on the wire */
};

enum record_part { PART_TYPE, PART_VERSION, PART_LENGTH, PART_BODY, PART_TAG };

struct fault_place {
	const char *message;      /* static; "record": any record */
	const char *way;          /* borrowed: what comes behind the message's name and a dot */
	enum fault_target target;
	size_t size;              /* of TARGET_FIXED in bytes; else 0 */
	enum record_part part;    /* of TARGET_RECORD */
	unsigned versions;        /* in which the place exists */
};

/*
 * Reads `text`, which outlives the place. On failure `complaint` says what is unknown, and what is
 * known there; false.
 */
bool fault_place_read(struct fault_place *place, const char *text, struct buf *complaint);

/* The place's message in `version` (an enum protocol_version): content type and handshake type. */
bool fault_message_types(const char *name, uint8_t *content_type, uint8_t *handshake_type);

/*
 * The name of a unit of the stream: a whole handshake message, or the plaintext of a record of
 * another content type. NULL if it has none. Static text.
 */
const char *fault_message_name(uint8_t content_type, struct bytes unit);

/* Where a field lies in its message. */
struct fault_range {
	size_t at, len;             /* the content */
	size_t whole_at, whole_len; /* with the length before it; an extension: with its type */
	bool prefixed;              /* the innermost vector is its own length */
	size_t n_vectors;           /* around it, the outermost first */
	struct {
		size_t at, len; /* of the length */
	} vectors[FAULT_VECTORS_MAX];
};

/*
 * Finds the field of the place in `unit`, a message of the place's name, as `version` has it. False
 * if this message does not have it.
 */
bool fault_place_find(const struct fault_place *place, struct bytes unit, uint16_t version,
                      struct fault_range *range);

#endif
