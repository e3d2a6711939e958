/*
 * handshake.h: the handshake messages of TLS 1.0 to 1.3, told one by one. Layer: decode. Pure: no
 * I/O, no clock, no globals.
 *
 * Messages are given whole or cut short, with their 4-byte header; offsets count from it.
 */
#ifndef SHAKEDOWN_DECODE_HANDSHAKE_H
#define SHAKEDOWN_DECODE_HANDSHAKE_H

#include "decode/tell.h"

/* A kind of message that is told by a member of its own. */
struct handshake_kind {
	uint8_t type;
	const char *key; /* the member */
	bool many; /* a list, with "from" and "protected" in each; else an object, the first one */
	void (*tell)(const struct tell *tell, struct bytes message);
};

/*
 * The kinds in the order in which they are told. ClientHello and ServerHello are not among them:
 * hello.h tells them, by their place in the handshake.
 */
extern const struct handshake_kind handshake_kinds[];
extern const size_t n_handshake_kinds;

/* Group and signature algorithm of a ServerKeyExchange; 0 for what it does not have. */
void server_key_exchange_read(struct bytes message, uint16_t version, uint16_t cipher_suite,
                              uint16_t *group, uint16_t *signature_algorithm);

/* The signature algorithm of a CertificateVerify of TLS 1.2 or 1.3, or 0. */
uint16_t certificate_verify_read(struct bytes message, uint16_t version);

#endif
