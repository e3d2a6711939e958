/*
 * record.h: one side's byte stream, cut into TLS records. Layer: decode. Pure: no I/O, no clock,
 * no globals.
 *
 * Chunks of any size go in, whole records come out. A record that lies in one chunk is not copied.
 * TLS may begin at once, after other text (STARTTLS) with a hello or with the alert that answers
 * one, with an SSLv2-style hello, or in the middle of a connection. After bytes that are no record,
 * and after a gap, the next record is looked for.
 * Limits: RECORD_MAX bytes are held, RECORD_SEARCH_MAX bytes in a row are searched.
 */
#ifndef SHAKEDOWN_DECODE_RECORD_H
#define SHAKEDOWN_DECODE_RECORD_H

#include "base/buf.h"

#define RECORD_HEADER_LEN 5
#define HANDSHAKE_HEADER_LEN 4   /* before each message in a handshake record */
#define RECORD_BODY_MAX (16384 + 2048) /* RFC 5246 section 6.2.3; RFC 8446 allows less */
#define RECORD_MAX (RECORD_HEADER_LEN + RECORD_BODY_MAX)
#define RECORD_ALERT_SEALED_MIN 16 /* of a protected alert: two and the shortest tag or block */
#define RECORD_SEARCH_MAX (64u << 10) /* bytes; then the stream is given up */
#define RECORD_START_LEN 11           /* bytes by which a hello is known in mid-stream */

struct record {
	uint8_t type;
	uint16_t version;
	uint16_t length;
	struct bytes header; /* as on the wire */
	struct bytes body;   /* empty if it was passed over */
};

enum record_event {
	RECORD_NONE, /* all bytes are used up; more are needed */
	RECORD_WHOLE,
	RECORD_PASSED_OVER, /* application data that nobody wants: only the header was read */
	RECORD_SSLV2,       /* an SSLv2-style record: `body` begins behind its 2 bytes of length */
	RECORD_FOREIGN,     /* the stream does not begin with TLS: `body` holds its first bytes */
	RECORD_BROKEN,      /* no record where one should be: `body` holds what is there */
};

enum record_state { RECORDS_START, RECORDS_SEARCH, RECORDS_FLOW, RECORDS_GIVEN_UP };

/* Zero-initialised storage is the start of a stream; record_stream_fini frees it. */
struct record_stream {
	enum record_state state;
	bool want_application_data; /* set by the user: such records come whole */
	bool answers_tls; /* set by the user: the other side speaks TLS, and may be refused */
	bool in_step_before;        /* searching: for any record, not for a hello */
	struct buf held;            /* an incomplete record, or the end of what was searched */
	size_t handed_out;          /* bytes of `held` that the last event showed */
	size_t skip;                /* bytes left of a record that is passed over */
	size_t n_searched;          /* bytes in a row */
	uint8_t header[RECORD_HEADER_LEN]; /* of the record that is passed over */
};

/* Frees what is held. */
void record_stream_fini(struct record_stream *stream);

/* Makes it the start of another stream, which uses the same memory. */
void record_stream_restart(struct record_stream *stream);

/*
 * The next event of the stream. Takes what it needs from the start of *data; call it until it says
 * RECORD_NONE. *record is filled for all events that have one; it is valid until the next call,
 * and as long as the chunk.
 */
enum record_event record_stream_next(struct record_stream *stream, struct bytes *data,
                                     struct record *record);

/*
 * `n_bytes` are missing here. A record in which all of them lie is dropped and the next one is
 * found exactly; otherwise the next record is looked for.
 */
void record_stream_gap(struct record_stream *stream, uint64_t n_bytes);

/* Bytes that came of an incomplete record at the end of the stream, held or passed over. */
size_t record_stream_pending(const struct record_stream *stream);

/*
 * True if all that came of the stream is too short for a record's header, and cannot be the
 * beginning of one. *bytes is what came, valid until the stream changes.
 */
bool record_stream_foreign(const struct record_stream *stream, struct bytes *bytes);

/*
 * The incomplete record that is held: its header, and in `body` what came of it, both valid until
 * the stream changes. False if there is none, or not even its header.
 */
bool record_stream_incomplete(const struct record_stream *stream, struct record *record);

/*
 * Sets the fields of the header that `data` begins with (at least RECORD_HEADER_LEN bytes), and no
 * body.
 */
void record_read(struct record *record, struct bytes data);

/*
 * True if `data` (at least RECORD_HEADER_LEN bytes) can be the start of a record / SSLv2-style
 * hello.
 */
bool record_is_header(struct bytes data);
bool record_is_sslv2(struct bytes data);

/*
 * True if `record` is protected by the look of it, where nothing else tells: its content is not
 * what its type holds in plaintext. Its body need not have come whole.
 */
bool record_looks_sealed(const struct record *record);

#endif
