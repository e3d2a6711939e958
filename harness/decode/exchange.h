/*
 * exchange.h: the master secret of TLS 1.0 to 1.2, from the handshake. Layer: decode. Pure: no
 * I/O, no clock, no globals.
 *
 * The premaster secret comes from the key log or, with static RSA (RFC 5246 section 7.4.7.1), from
 * the private key of the server's certificate. The session hash is that of RFC 7627.
 */
#ifndef SHAKEDOWN_DECODE_EXCHANGE_H
#define SHAKEDOWN_DECODE_EXCHANGE_H

#include "decode/keylog.h"
#include "decode/protection.h"

/* What is known of the handshake. All is borrowed; messages have their 4-byte headers. */
struct exchange {
	const struct keylog *keylog;
	uint16_t version;
	uint16_t cipher_suite;
	const uint8_t *client_random; /* 32 bytes, as is the next */
	const uint8_t *server_random;
	bool extended_master_secret;
	struct bytes certificate;         /* the server's Certificate message; may be empty */
	struct bytes client_key_exchange; /* message */
	struct bytes messages;            /* all from ClientHello to ClientKeyExchange */
};

/* True if secrets or keys at hand may tell this exchange: *exchange may lack its last three. */
bool exchange_is_hopeful(const struct exchange *exchange);

/* The master secret to `out`; false if it is not to be had. */
bool exchange_master(const struct exchange *exchange, uint8_t out[MASTER_SECRET_LEN]);

#endif
