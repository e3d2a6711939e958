/*
 * hello_map.h: which bytes of a ClientHello mean what. Layer: view. Pure: no I/O, no clock, no
 * globals.
 */
#ifndef SHAKEDOWN_VIEW_HELLO_MAP_H
#define SHAKEDOWN_VIEW_HELLO_MAP_H

#include "base/reader.h"

#include <jansson.h>

/*
 * The fields of a ClientHello message (with its 4-byte header) in their order, as a new list of
 * [offset, length, depth, name, value]: both counted in bytes from the message's beginning, `depth`
 * 0 for the message's own fields, 1 and 2 for what is in them. A field that holds others stands
 * before them. `value` is the decoded one, "" where the bytes say all. A message that is cut short
 * or damaged yields the fields up to there.
 */
json_t *hello_map(struct bytes message);

#endif
