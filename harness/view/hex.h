/*
 * hex.h: a ClientHello with its bytes beside its fields, in text. Layer: view. Pure: no I/O, no
 * clock, no globals.
 */
#ifndef SHAKEDOWN_VIEW_HEX_H
#define SHAKEDOWN_VIEW_HEX_H

#include "view/terminal.h"

/*
 * Appends a line for each field of a ClientHello message (with its header of 4 bytes): where it
 * begins, its bytes, sixteen a line, and its name and value. A field that holds others has the
 * bytes before the first of them. A message that is damaged is told up to there, and its rest as
 * bytes.
 */
void hex_hello(struct bytes message, const struct terminal_options *options, struct buf *out);

#endif
