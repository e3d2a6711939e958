/*
 * transcript_state.h: what a transcript holds. Private to transcript.c, which fills it, to
 * transcript_exchange.c, which makes keys of it, and to transcript_tell.c, which tells it. Layer:
 * decode. Pure: no I/O, no clock, no globals.
 */
#ifndef SHAKEDOWN_DECODE_TRANSCRIPT_STATE_H
#define SHAKEDOWN_DECODE_TRANSCRIPT_STATE_H

#include "decode/keys.h"
#include "decode/tell.h"
#include "decode/transcript.h"

/*
 * One message, alert, ChangeCipherSpec or record of application data, in the order of their ends.
 */
struct entry {
	uint64_t t_ns;
	uint32_t length;  /* of a handshake message's body, of a record's content otherwise */
	uint32_t kept_at; /* where the message stands in the side's `kept`, with its header */
	uint32_t kept_len; /* 0 if it is not kept; less than 4 + length if it was cut short */
	uint16_t record_version;
	uint8_t content_type;
	uint8_t handshake_type;
	bool from_server;
	bool is_protected;
	bool sealed; /* no key opened it */
	bool sslv2;
	bool no_length; /* it was cut short before its length */
	uint8_t under; /* enum epoch: the keys it came under, and those that were due */
	uint8_t due;
};

struct alert {
	uint64_t t_ns;
	uint8_t level;
	uint8_t description;
	bool from_server;
	bool is_protected;
	bool sealed;
	uint8_t under; /* as in struct entry */
	uint8_t due;
};

/* A handshake message that is not whole yet. */
struct assembly {
	uint8_t header[HANDSHAKE_HEADER_LEN];
	size_t n_header;
	uint32_t length;  /* of the body */
	uint32_t n_body;  /* bytes that came */
	uint32_t kept_at;
	uint32_t kept_len;
	uint16_t record_version;
	bool is_protected;
	enum epoch under; /* of its first bytes */
	enum epoch due;
	uint64_t t_ns; /* of its last bytes */
};

struct side_state {
	struct record_stream records;
	struct assembly message;
	struct buf kept;
	size_t n_not_kept; /* messages for which there was no room */
	uint8_t alert_level;
	bool has_alert_level; /* half of an alert came */
	/*
	 * Records that wait for the other side's messages: when each came (8 bytes), its header and
	 * body. What stands before `held_at` is done with.
	 */
	struct buf held;
	size_t held_at;
};

struct transcript {
	struct keylog *keylog; /* borrowed, may be NULL; sessions are remembered in it */
	struct keys keys;
	struct side_state sides[2];
	struct entry *entries; /* owned */
	size_t n_entries;
	size_t entries_size;
	bool entries_cut;
	struct alert *alerts; /* owned */
	size_t n_alerts;
	bool is_tls;
	bool by_time; /* the sides do not come in step: entries go where their times belong */
	uint16_t version; /* what was agreed on, 0 if it was not seen; so the next three */
	uint16_t cipher_suite;
	uint16_t group;
	uint16_t signature_algorithm;
	struct faults faults;
	struct buf plain; /* of the record that is being read */
};

/* The message of an entry, with its header; empty if it was not kept. */
struct bytes entry_message(const struct transcript *transcript, const struct entry *entry);

/*
 * TLS 1.2 and before: all of the key exchange has come, and the connection's keys are made from it,
 * with a private key or a premaster secret of the key log. A fault is noted if none opens it.
 */
void transcript_exchange(struct transcript *transcript);

/*
 * Keeps the session in the key log, for connections that resume it by its id or its ticket. At the
 * server's ChangeCipherSpec: by then its hello and its ticket have come.
 */
void transcript_remember(struct transcript *transcript);

/* A copy of what is told; it has no keys, but knows what is protected. The caller's to free. */
struct transcript *transcript_copy(const struct transcript *transcript);

/* Writes the members; nothing is unfinished in `transcript`. */
void transcript_tell(const struct transcript *transcript, uint64_t t0_ns, struct emit *emit);

#endif
