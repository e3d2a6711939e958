/*
 * keys.h: the keys of one connection, and which of them a record is under. Layer: decode. Pure: no
 * I/O, no clock, no globals.
 *
 * Each side has the keys that it may use now, in the order in which they come into use. A record
 * is tried under the one that opened the last record, then under the others: an alert may come
 * under the keys of the handshake or of the application, whatever the peer expects.
 */
#ifndef SHAKEDOWN_DECODE_KEYS_H
#define SHAKEDOWN_DECODE_KEYS_H

#include "decode/hello.h"
#include "decode/keylog.h"
#include "decode/protection.h"

#define KEYS_EARLY_MAX 4                    /* suites tried for early data */
#define KEYS_MAX (KEYS_EARLY_MAX + 2)       /* early data, handshake, application */

/* One side's. */
struct direction_keys {
	struct protection *tries[KEYS_MAX]; /* owned */
	size_t n_tries;
	size_t current;
	struct protection *pending; /* TLS 1.2: in use after ChangeCipherSpec; owned */
	bool changed;               /* a ChangeCipherSpec came */
	bool unsure;                /* one may have come in a gap */
};

/* Zero-initialised storage with `keylog` set is ready; keys_fini frees it. */
struct keys {
	const struct keylog *keylog; /* borrowed, may be NULL */
	uint16_t version;            /* negotiated, 0 if not known yet */
	uint8_t client_random[KEYLOG_RANDOM_LEN];
	struct direction_keys directions[2]; /* of the client, of the server */
};

enum seal {
	SEAL_NONE,   /* the record is in plaintext */
	SEAL_OPENED, /* it was protected, and its plaintext is known */
	SEAL_CLOSED, /* it is protected, and no key opens it */
};

void keys_fini(struct keys *keys);

/* Bytes of memory that that side's keys take, about. */
size_t keys_memory(const struct keys *keys, bool from_server);

/* What the hellos say. A HelloRetryRequest is no ServerHello here, but for its version. */
void keys_client_hello(struct keys *keys, const struct client_hello *hello);
void keys_server_hello(struct keys *keys, const struct server_hello *hello);

void keys_change_cipher_spec(struct keys *keys, bool from_server);
void keys_update(struct keys *keys, bool from_server);
void keys_gap(struct keys *keys, bool from_server);

/* True if there are keys for that side's records, so that their bodies are wanted. */
bool keys_has(const struct keys *keys, bool from_server);

/* True if `record`, this side's next one, is protected. Its body need not have come whole. */
bool keys_is_sealed(const struct keys *keys, bool from_server, const struct record *record);

/*
 * Says how `record` is protected; for SEAL_OPENED its plaintext is appended to `plain` and *type
 * set.
 */
enum seal keys_open(struct keys *keys, bool from_server, const struct record *record,
                    struct buf *plain, uint8_t *type);

#endif
