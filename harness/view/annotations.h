/*
 * annotations.h: the run as annotations of GitHub Actions, workflow commands on standard output.
 * Layer: view. Pure: no I/O, no clock, no globals.
 *
 * GitHub shows ten errors and ten warnings of a step. There is one for each cause, those of most
 * cells first, and the last tells how many are left out. With a base (verdict/baseline.h) causes
 * without a regression are warnings. Known failures are told by neither.
 */
#ifndef SHAKEDOWN_VIEW_ANNOTATIONS_H
#define SHAKEDOWN_VIEW_ANNOTATIONS_H

#include "base/buf.h"

#include <jansson.h>

#define ANNOTATIONS_MAX 10 /* of each kind */

/* Appends "::error title=...::..." lines for `results`, a checked results.json. */
void annotations_render(struct buf *out, const json_t *results);

#endif
