/*
 * hello.h: ClientHello, ServerHello and HelloRetryRequest. Layer: decode. Pure: no I/O, no clock,
 * no globals.
 *
 * A hello is read once, into views; what did not come is marked as such. Messages are given with
 * their 4-byte header, and offsets count from it.
 */
#ifndef SHAKEDOWN_DECODE_HELLO_H
#define SHAKEDOWN_DECODE_HELLO_H

#include "decode/record.h"
#include "decode/tell.h"

/*
 * RFC 8446 section 4.1.2. A view into the message. Not to be copied: its readers point to `fault`.
 * A field with `data` NULL did not come; the last one that did may be cut short.
 */
struct client_hello {
	struct fault fault;
	bool has_version;
	uint16_t legacy_version;
	struct bytes random;
	struct reader legacy_session_id;
	struct reader cipher_suites;
	struct reader legacy_compression_methods;
	struct reader extensions; /* `data` NULL also if the client sent none */
};

/* RFC 8446 section 4.1.3. As struct client_hello. */
struct server_hello {
	struct fault fault;
	bool has_version;
	uint16_t legacy_version;
	struct bytes random;
	struct reader legacy_session_id_echo;
	bool has_cipher_suite;
	uint16_t cipher_suite;
	bool has_compression_method;
	uint8_t legacy_compression_method;
	struct reader extensions;
	bool is_retry;    /* a HelloRetryRequest (RFC 8446 section 4.1.4) */
	uint16_t version; /* negotiated: of supported_versions, or legacy_version */
};

/* `message` outlives *hello. */
void client_hello_read(struct client_hello *hello, struct bytes message);
void server_hello_read(struct server_hello *hello, struct bytes message);

/* True if a ServerHello is a HelloRetryRequest, going by its random number. */
bool hello_is_retry(struct bytes message);

/* TLS 1.3 or one of its drafts. */
bool version_is_tls13(uint16_t version);

/* Write all members of the object that is open, and note the faults. */
void client_hello_tell(const struct tell *tell, struct bytes message);
void server_hello_tell(const struct tell *tell, struct bytes message);

/*
 * The SSLv2-style hello of RFC 5246 appendix E.2: `body` begins behind the two bytes of its length.
 */
void sslv2_hello_tell(const struct tell *tell, struct bytes body);

#endif
