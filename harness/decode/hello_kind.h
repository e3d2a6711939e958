/*
 * hello_kind.h: whether two ClientHellos ask for the same. Layer: decode. Pure: no I/O, no clock,
 * no globals.
 */
#ifndef SHAKEDOWN_DECODE_HELLO_KIND_H
#define SHAKEDOWN_DECODE_HELLO_KIND_H

#include "base/buf.h"

/*
 * Appends what tells ClientHellos apart for a server that knows none of their sessions: all of
 * `message` (with its 4-byte header) but the random, the content of the session id, of key shares,
 * of tickets and of pre_shared_key; of these the length alone. Two connections of one client give
 * the same.
 */
void hello_kind(struct bytes message, struct buf *out);

#endif
