/*
 * witness.h: what each witness of a cell saw, in one sentence. Layer: verdict. Pure: no I/O, no
 * clock, no globals.
 *
 * The sentences state testimony and draw no conclusion; where a witness is missing they say that.
 */
#ifndef SHAKEDOWN_VERDICT_WITNESS_H
#define SHAKEDOWN_VERDICT_WITNESS_H

#include "base/buf.h"

#include <jansson.h>

/*
 * A new list of what the server, the wire and the board say about the cell, in this order:
 * [{"witness": "server", "text": "..."}, ...].
 */
json_t *witness_statements(const json_t *cell);

/* The extension of that name in a hello that the wire saw, borrowed; NULL if it is not there. */
const json_t *witness_extension(const json_t *hello, const char *name);

/*
 * Appends "handshake_failure (40)"; the bare number if it has no name, and "an alert that could not
 * be decrypted" if it could not.
 */
void witness_alert(const json_t *alert, struct buf *out);

/* Appends the same with its noun, to stand after a verb: "alert handshake_failure (40)". */
void witness_named_alert(const json_t *alert, struct buf *out);

/* Appends "0x114 NX_SECURE_TLS_ALERT_RECEIVED"; the bare code if it is not known. */
void witness_status(const json_t *board, struct buf *out);

/*
 * Appends OpenSSL's first reason, "no suitable signature algorithm (0A000076)"; nothing if there is
 * none.
 */
void witness_server_error(const json_t *server, struct buf *out);

#endif
