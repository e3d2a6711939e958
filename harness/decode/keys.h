/*
 * keys.h: the keys of one connection, and which of them a record is under. Layer: decode. Pure: no
 * I/O, no clock, no globals.
 *
 * Each side has the keys that it may use now, in the order in which they come into use. A record
 * is tried under the one that opened the last record, then under the others: an alert may come
 * under the keys of the handshake or of the application, whatever the peer expects. Which keys are
 * due is known from what the side has sent (RFC 8446 section 2 and appendix A).
 */
#ifndef SHAKEDOWN_DECODE_KEYS_H
#define SHAKEDOWN_DECODE_KEYS_H

#include "decode/hello.h"
#include "decode/keylog.h"
#include "decode/protection.h"

#define KEYS_EARLY_MAX 4                    /* suites tried for early data */
#define KEYS_MAX (KEYS_EARLY_MAX + 2)       /* early data, handshake, application */
#define KEYS_EXPLANATION_MAX 160            /* bytes of keys_explain's text */

/* Which of a side's keys. */
enum epoch {
	EPOCH_NONE, /* plaintext */
	EPOCH_EARLY,
	EPOCH_HANDSHAKE,
	EPOCH_APPLICATION,
	EPOCH_BEFORE_UPDATE, /* those of the application before the last KeyUpdate */
	EPOCH_CONNECTION,    /* TLS 1.2 and before: the one there is */
	EPOCH_MAX,
};

/* One side's. */
struct direction_keys {
	struct protection *tries[KEYS_MAX]; /* owned */
	enum epoch epochs[KEYS_MAX];
	size_t n_tries;
	size_t current;
	struct protection *before_update; /* owned */
	struct protection *pending; /* TLS 1.2: in use after ChangeCipherSpec; owned */
	bool changed;               /* a ChangeCipherSpec came */
	bool unsure;                /* one may have come in a gap */
	bool late;                  /* or before the capture */
	bool hello;    /* of the handshake that is under way: the side's hello came */
	bool flight;   /* and its ServerHelloDone, or its ClientKeyExchange */
	bool finished; /* TLS 1.3: its Finished came */
	unsigned n_changes;  /* handshakes that its ChangeCipherSpec has ended */
	bool has_opened;     /* a record under its keys */
	unsigned explained;  /* a bit for each epoch: keys_explain has spoken of it */
};

/*
 * The caller's storage: keys_init makes it ready, keys_fini frees what it holds. Zero-initialised,
 * with `keylog` set, it is ready too, and lets no record wait.
 */
struct keys {
	const struct keylog *keylog; /* borrowed, may be NULL */
	bool hopeful; /* secrets may be there: what comes before they are known may wait */
	bool has_tls13_secrets;
	bool offers_early_data, early_data_over;
	bool needs_exchange; /* the master secret is to be had from the key exchange alone */
	uint16_t version; /* negotiated, 0 if not known yet */
	uint16_t cipher_suite;
	bool encrypt_then_mac, extended_master_secret;
	uint8_t client_random[KEYLOG_RANDOM_LEN];
	uint8_t server_random[KEYLOG_RANDOM_LEN];
	uint8_t master_secret[MASTER_SECRET_LEN]; /* not of the log, where has_master_secret */
	bool has_master_secret;
	struct direction_keys directions[2]; /* of the client, of the server */
};

enum seal {
	SEAL_NONE,   /* the record is in plaintext */
	SEAL_OPENED, /* it was protected, and its plaintext is known */
	SEAL_CLOSED, /* it is protected, and no key opens it */
	SEAL_WAITS,  /* the other side's messages, which have not come yet, will tell */
};

/* What keys_open says of a record that does not wait. */
struct opening {
	uint8_t type;     /* of its content */
	enum epoch under; /* the keys it came under */
	enum epoch due;   /* those that its side ought to have used */
};

/* `keylog` (or NULL) is borrowed. What comes ahead of the other side may wait. */
void keys_init(struct keys *keys, const struct keylog *keylog);
void keys_fini(struct keys *keys);

/* Bytes of memory that that side's keys take, about. */
size_t keys_memory(const struct keys *keys, bool from_server);

/*
 * What the hellos say, in whichever order they come. A HelloRetryRequest is no ServerHello here,
 * but for its version.
 */
void keys_client_hello(struct keys *keys, const struct client_hello *hello);
void keys_server_hello(struct keys *keys, const struct server_hello *hello);

/* Another handshake message came whole, `is_protected` or not. */
void keys_message(struct keys *keys, bool from_server, uint8_t handshake_type, bool is_protected);

/*
 * The master secret of the session: of the key exchange, of the session that is resumed, or of the
 * key log. Empty if none is known, and in TLS 1.3.
 */
struct bytes keys_master_secret(const struct keys *keys);

/*
 * True if a ChangeCipherSpec that comes now needs the master secret of the key exchange: all of the
 * exchange has come.
 */
bool keys_wants_exchange(const struct keys *keys);

/* That master secret; empty if it is not to be had. */
void keys_exchange(struct keys *keys, struct bytes master_secret);

/* That side's ChangeCipherSpec came. In TLS 1.3 it means nothing (RFC 8446 section 5). */
void keys_change_cipher_spec(struct keys *keys, bool from_server);

/* Bytes of that side are missing: records and a ChangeCipherSpec may have been among them. */
void keys_gap(struct keys *keys, bool from_server);

/*
 * The capture begins in mid-connection: until a side says hello, its records may be protected, as
 * those of a renegotiation are.
 */
void keys_begin_late(struct keys *keys);

/* True if there are or may be keys for that side's records, so that their bodies are wanted. */
bool keys_has(const struct keys *keys, bool from_server);

/*
 * True if that side is ahead of the other, as in captures with one direction wholly before the
 * other, so that what it sends may have to wait. keys_give_up ends that for the connection.
 */
bool keys_undecided(const struct keys *keys, bool from_server);
void keys_give_up(struct keys *keys);

/*
 * Why a record that has just been SEAL_CLOSED did not open though the key log knows the connection:
 * one clause in `text`. False if there is nothing to say, or it was said.
 */
bool keys_explain(struct keys *keys, bool from_server, char text[KEYS_EXPLANATION_MAX]);

/* True if `record`, this side's next one, is protected. Its body need not have come whole. */
bool keys_is_sealed(const struct keys *keys, bool from_server, const struct record *record);

/*
 * Says how `record` is protected, and fills *opening; for SEAL_OPENED its plaintext is appended to
 * `plain`.
 */
enum seal keys_open(struct keys *keys, bool from_server, const struct record *record,
                    struct buf *plain, struct opening *opening);

#endif
