/*
 * certificate.h: a summary of one X.509 certificate (RFC 5280). Layer: decode. Pure: no I/O, no
 * clock, no globals.
 */
#ifndef SHAKEDOWN_DECODE_CERTIFICATE_H
#define SHAKEDOWN_DECODE_CERTIFICATE_H

#include "decode/emit.h"

#define CERTIFICATE_NAMES_MAX 256 /* subject alternative names told */

/*
 * Writes into the object that is open: "subject", "issuer" (RFC 4514), "serial" (hex),
 * "not_before", "not_after" (RFC 3339, UTC), "key" ("RSA 2048", "EC secp256r1", "Ed25519"),
 * "signature" (the algorithm), "names" ("DNS:..", "IP:..", "email:..", "URI:.."), "sha256" (of the
 * DER). A bare public key (RFC 7250) has "key" and "sha256" only. Bytes that are neither have
 * "length", "sha256" and "fault". Returns false for these.
 */
bool certificate_tell(struct emit *emit, struct bytes der);

#endif
