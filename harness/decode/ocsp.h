/*
 * ocsp.h: what an OCSP responder says of certificates (RFC 6960 section 4.2). Layer: decode. Pure:
 * no I/O, no clock, no globals.
 */
#ifndef SHAKEDOWN_DECODE_OCSP_H
#define SHAKEDOWN_DECODE_OCSP_H

#include "decode/tell.h"

/*
 * Writes the object `key` of an OCSPResponse, which is all of `reader`: "response_status",
 * "response_type", and of a basic response "responder_id" (a name, or the hash of a key),
 * "produced_at", "responses" (each with "hash_algorithm", "issuer_name_hash", "issuer_key_hash",
 * "serial_number", "cert_status", "this_update", "next_update"), "signature_algorithm",
 * "signature", "certs" (certificate_tell).
 */
void ocsp_response_tell(struct emit *emit, const char *key, struct reader *reader);

/* A ResponderID; with `key` NULL as an element of a list. */
void ocsp_responder_tell(struct emit *emit, const char *key, struct reader *reader);

#endif
