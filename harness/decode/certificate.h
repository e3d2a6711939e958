/*
 * certificate.h: X.509 certificates (RFC 5280) and bare public keys (RFC 7250). Layer: decode.
 * Pure: no I/O, no clock, no globals.
 */
#ifndef SHAKEDOWN_DECODE_CERTIFICATE_H
#define SHAKEDOWN_DECODE_CERTIFICATE_H

#include "decode/tell.h"

/*
 * Writes into the object that is open: "version", "subject", "issuer" (RFC 4514), "serial" (hex;
 * with a sign if it is negative), "not_before", "not_after" (RFC 3339), "key" ("RSA 2048",
 * "EC secp256r1", "Ed25519"), "signature" (the algorithm), "names" (der_tell_general_name),
 * "extensions" (each with "name", "critical" and its fields), "sha256" (of the DER). A bare public
 * key has "key" and "sha256" only.
 *
 * What is damaged or no certificate shows what could be read, "length", "sha256" and "fault".
 * Returns false for these, with the fault, whose offset counts from the start of `der`.
 */
bool certificate_tell(struct emit *emit, struct bytes der, struct fault *fault);

/*
 * Writes the member "key" of the SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) that comes next in
 * `reader`, which keeps the first fault.
 */
void public_key_tell(struct emit *emit, struct reader *reader);

#endif
