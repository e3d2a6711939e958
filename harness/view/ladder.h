/*
 * ladder.h: a connection as a ladder in text: client left, server right, a line for each thing that
 * somebody saw. Layer: view. Pure: no I/O, no clock, no globals.
 *
 * The three witnesses of a cell stand on one clock, zero at the first packet, in milliseconds: what
 * crossed the wire with an arrow, what the board and the server said below their own side. Each
 * message says whether it was plain, decrypted (opened with keys) or opaque (no key fits), the
 * first that ended what should have gone on is marked, and so is what the witnesses contradict each other
 * in. Of a connection from a capture there is the wire alone.
 */
#ifndef SHAKEDOWN_VIEW_LADDER_H
#define SHAKEDOWN_VIEW_LADDER_H

#include "view/terminal.h"

#define LADDER_LINES_MAX 160 /* of the rest only the number is told */

/*
 * Appends the ladder of a cell of results.json, and a sentence for each contradiction. Nothing if
 * no witness spoke.
 */
void ladder_cell(const json_t *cell, const struct terminal_options *options, struct buf *out);

/* Appends the ladder of a connection (connection.schema.json), a line of `shakedown decode --json`. */
void ladder_connection(const json_t *connection, const struct terminal_options *options,
                       struct buf *out);

#endif
