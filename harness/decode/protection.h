/*
 * protection.h: opening and sealing the protected records of one direction under one secret. Layer:
 * decode. Pure: no I/O, no clock, no globals.
 *
 * TLS 1.3 (RFC 8446 sections 5.2, 7.1 to 7.3): AES-GCM, AES-CCM, AES-CCM_8, ChaCha20-Poly1305,
 * from a traffic secret. TLS 1.2 and before (RFC 5246 section 6): the same and CBC ciphers (MAC
 * first, or encrypt-then-MAC of RFC 7366), NULL ciphers, from a master secret. All by libcrypto.
 *
 * A protection owns its keys and wipes them. Opening says truly whether the record is authentic,
 * so a caller may try several protections on one record.
 */
#ifndef SHAKEDOWN_DECODE_PROTECTION_H
#define SHAKEDOWN_DECODE_PROTECTION_H

#include "decode/record.h"

#define PROTECTION_LOST_MAX 64  /* records that a gap may hide, for the next to be opened */
#define PROTECTION_SEARCH_MAX 8 /* records that are tried so before the gap counts as longer */
#define MASTER_SECRET_LEN 48    /* bytes; RFC 5246 section 8.1 */
#define PROTECTION_MEMORY 2048  /* bytes that one takes, about, with what libcrypto holds */

struct protection;

/*
 * Under a traffic secret of TLS 1.3, from sequence number 0. The caller owns it; NULL if the cipher
 * suite is not known or not to be had, or the secret's length is wrong.
 */
struct protection *protection_tls13(uint16_t cipher_suite, struct bytes secret);

/*
 * As above, for opening under the rules of a draft (`version` 0x7fXX, 0xfbXX): before draft 20
 * other labels, before draft 25 no additional data.
 */
struct protection *protection_tls13_draft(uint16_t version, uint16_t cipher_suite,
                                          struct bytes secret);

/* What the keys of TLS 1.2 and before are made from (RFC 5246 section 6.3). */
struct protection_secrets {
	struct bytes master_secret; /* empty: unknown; the suites that do not encrypt are read */
	const uint8_t *client_random; /* 32 bytes, as is the next */
	const uint8_t *server_random;
	uint16_t version;
	uint16_t cipher_suite;
	bool encrypt_then_mac;
};

/* As above, for the records that the client (`from_server` false) or the server sends. */
struct protection *protection_tls12(const struct protection_secrets *secrets, bool from_server);

/* protection_free(NULL) does nothing. */
void protection_free(struct protection *protection);

/*
 * Opens a record: appends its plaintext to `plain`, sets *type to the content type (in TLS 1.3
 * that inside), moves to the next sequence number, returns true. False, with nothing changed, if
 * it is not authentic under this key and sequence number.
 */
bool protection_open(struct protection *protection, const struct record *record, struct buf *plain,
                     uint8_t *type);

/*
 * Seals `plain` as one record of `type` (in TLS 1.3 the type inside, with `padding` zeros behind
 * it) and record version `version`, appends it to `out` with its header, and moves to the next
 * sequence number. A protection seals or opens, not both: each counts from 0. What must differ
 * between records (nonces, IVs) is made of the sequence number. No length is refused: up to 65535
 * bytes of body fit into a header. False, with nothing changed, if libcrypto fails.
 */
bool protection_seal(struct protection *protection, uint8_t type, uint16_t version,
                     struct bytes plain, size_t padding, struct buf *out);

/* Bytes at the end of a sealed record that prove it: the tag or, in CBC suites, the last block. */
size_t protection_tag_len(const struct protection *protection);

/*
 * HKDF-Expand-Label (RFC 8446 section 7.1) with an empty context and libcrypto's name of a hash:
 * `len` bytes to `out`. False if libcrypto fails.
 */
bool hkdf_expand_label(const char *hash, struct bytes secret, const char *label, uint8_t *out,
                       size_t len);

/* Records may be missing: the next one may have a later sequence number. */
void protection_gap(struct protection *protection);

/*
 * TLS 1.3: to the next generation of keys, after a KeyUpdate (RFC 8446 section 7.2). Others have
 * none, and stay as they are.
 */
void protection_update(struct protection *protection);

/* The next generation as a protection of its own, the caller's. For TLS 1.3 alone. */
struct protection *protection_next(const struct protection *protection);

/*
 * The pseudorandom function of TLS 1.0 to 1.2 (RFC 5246 section 5) with `version`'s hash, which in
 * TLS 1.2 is the cipher suite's: `len` bytes of PRF(secret, label, seed) to `out`. False if
 * libcrypto fails.
 */
bool protection_prf(uint16_t version, uint16_t cipher_suite, struct bytes secret, const char *label,
                    struct bytes seed, uint8_t *out, size_t len);

#endif
