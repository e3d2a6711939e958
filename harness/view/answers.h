/*
 * answers.h: what servers would answer to a ClientHello, as people read it in a terminal. Layer:
 * view. Pure: no I/O, no clock, no globals.
 */
#ifndef SHAKEDOWN_VIEW_ANSWERS_H
#define SHAKEDOWN_VIEW_ANSWERS_H

#include "base/buf.h"
#include "view/terminal.h"

#include <jansson.h>

/*
 * Appends a table of `answers` (lineup.h): a line for each case below its suite, and how many
 * servers would do what. Within options->width columns, if that is known.
 */
void answers_render(const json_t *answers, const struct terminal_options *options, struct buf *out);

/*
 * Appends one answer in words: "TLS 1.2, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, secp256r1,
 * rsa_pkcs1_sha256", "refuses with handshake_failure (40): no suitable signature
 * algorithm".
 */
void answers_words(const json_t *answer, struct buf *out);

/* Whether the server would go on with the client: by a ServerHello or a HelloRetryRequest. */
bool answers_goes_on(const json_t *answer);

/*
 * Appends what the client of a hello offers, a paragraph for each kind of thing: `hello` is the
 * "client_hello" of connection.schema.json.
 */
void answers_offer(const json_t *hello, const struct terminal_options *options, struct buf *out);

/* Appends `text`, cleaned and broken into lines behind a bold label of ten columns. */
void answers_paragraph(const char *label, const char *text, const struct terminal_options *options,
                       struct buf *out);

#endif
