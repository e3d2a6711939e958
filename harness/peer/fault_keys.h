/*
 * fault_keys.h: the keys of the server's direction, twice: to open what libssl has sealed, and to
 * seal it again after the faults. Layer: peer. Pure: no I/O, no clock, no globals.
 *
 * The secrets are those of libssl's key log. The two are apart, as each counts its own records.
 */
#ifndef SHAKEDOWN_PEER_FAULT_KEYS_H
#define SHAKEDOWN_PEER_FAULT_KEYS_H

#include "decode/keylog.h"
#include "decode/protection.h"
#include "peer/fault_flight.h"

/* Zero-initialised storage with `keylog` set is ready. */
struct fault_keys {
	const struct buf *keylog;       /* borrowed: its text so far */
	uint16_t version, cipher_suite; /* 0: the server has settled on none yet */
	bool encrypt_then_mac;
	uint8_t client_random[KEYLOG_RANDOM_LEN], server_random[KEYLOG_RANDOM_LEN];
	struct protection *opening[N_UNDER], *sealing[N_UNDER]; /* NULL: not needed yet */
};

/*
 * Takes what the server settles on from its ServerHello, with header, and the randoms from there
 * and from `client_stream`, what the client has sent. False for a HelloRetryRequest, after which no
 * keys come.
 */
bool fault_keys_settle(struct fault_keys *keys, struct bytes message, struct bytes client_stream);

/*
 * The keys to open or to seal with, made when they are first needed. NULL if decode/ does not have
 * the cipher. `keys` owns them.
 */
struct protection *fault_keys_opening(struct fault_keys *keys, enum under under);
struct protection *fault_keys_sealing(struct fault_keys *keys, enum under under);

/* The key log as it is by now. The caller frees it with keylog_free. */
struct keylog *fault_keys_log(const struct fault_keys *keys);

/* Frees both. */
void fault_keys_fini(struct fault_keys *keys);

#endif
