/*
 * protocol.h: the run in the Test Anything Protocol, version 14. Layer: view. Pure: no I/O, no
 * clock, no globals.
 *
 * A test point for each cell, named by its id, in the order of the results. What is not as expected
 * is "not ok" and has a block of YAML that says why, with the ladder; a known failure is "not ok"
 * with TODO, which is no failure there; what was not run or is not supported is "ok" with SKIP.
 */
#ifndef SHAKEDOWN_VIEW_PROTOCOL_H
#define SHAKEDOWN_VIEW_PROTOCOL_H

#include "base/buf.h"
#include "view/shelf.h"

#include <jansson.h>

/* Appends the document for `results`, a checked results.json, with its shelf, or NULL. */
void protocol_render(struct buf *out, const json_t *results, const struct shelf *shelf);

#endif
