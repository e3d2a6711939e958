/*
 * suite.h: what the name of a cipher suite says of it. Layer: decode. Pure: no I/O, no clock, no
 * globals.
 *
 * IANA's names are systematic ("TLS_<key exchange>_WITH_<cipher>_<hash>"; TLS 1.3 has no key
 * exchange in them), so the name is the only record of these facts.
 */
#ifndef SHAKEDOWN_DECODE_SUITE_H
#define SHAKEDOWN_DECODE_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum key_exchange {
	KX_UNKNOWN, /* also TLS 1.3, where the suite does not say */
	KX_RSA,
	KX_DH,
	KX_DHE,
	KX_ECDH,
	KX_ECDHE,
	KX_PSK,
	KX_RSA_PSK,
	KX_DHE_PSK,
	KX_ECDHE_PSK,
	KX_SRP,
	KX_ECCPWD,
	KX_KRB5,
};

enum cipher_mode { MODE_NULL, MODE_CBC, MODE_GCM, MODE_CCM, MODE_CHACHA20_POLY1305 };

/* How one cipher protects records. Static. */
struct suite_cipher {
	const char *name;  /* in the suite's name: "AES_128_CCM_8" */
	const char *fetch; /* libcrypto's name: "AES-128-CCM"; NULL for MODE_NULL */
	enum cipher_mode mode;
	uint8_t key_len; /* bytes, as are the following */
	uint8_t block_len;
	uint8_t tag_len;
};

struct suite_exchange {
	enum key_exchange key_exchange;
	bool is_signed; /* the server signs its key exchange (until TLS 1.2) */
};

struct suite {
	struct suite_exchange exchange;
	const struct suite_cipher *cipher; /* NULL if records under it cannot be opened */
	const char *mac;                   /* libcrypto's name of the hash; NULL for an AEAD */
	const char *hash;                  /* of PRF (TLS 1.2) or HKDF, libcrypto's name */
};

/* What is known of the suite; unknown values yield KX_UNKNOWN and no cipher. */
struct suite suite_describe(uint16_t cipher_suite);

/* The first member of it alone, which takes less time. */
struct suite_exchange suite_exchange(uint16_t cipher_suite);

#endif
