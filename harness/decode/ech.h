/*
 * ech.h: the extensions of Encrypted Client Hello (RFC 9849), and of ESNI before it
 * (draft-ietf-tls-esni-06). Layer: decode. Pure: no I/O, no clock, no globals.
 *
 * Each function writes the members of one extension's body, as far as they can be read, and leaves
 * a fault in `body`. What is encrypted is shown as bytes.
 */
#ifndef SHAKEDOWN_DECODE_ECH_H
#define SHAKEDOWN_DECODE_ECH_H

#include "decode/tell.h"

/* ECHClientHello, RFC 9849 section 5: the inner one is only its type. */
void ech_show_client_hello(struct emit *emit, struct reader *body);

/* In EncryptedExtensions: the configurations to try again with, RFC 9849 sections 4 and 5. */
void ech_show_retry_configs(struct emit *emit, struct reader *body);

/* In a HelloRetryRequest, RFC 9849 section 7.2.1. */
void ech_show_confirmation(struct emit *emit, struct reader *body);

/* ech_outer_extensions, RFC 9849 section 5.1: what the inner hello takes over from the outer. */
void ech_show_outer_extensions(struct emit *emit, struct reader *body);

/* ClientEncryptedSNI, draft-ietf-tls-esni-06 section 5. */
void ech_show_encrypted_sni(struct emit *emit, struct reader *body);

#endif
