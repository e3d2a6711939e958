/*
 * comparison.h: a run against an earlier one (verdict/baseline.h), in words that every report
 * shows. Layer: view. Pure: no I/O, no clock, no globals.
 *
 * `baseline` is the member "baseline" of results.json; where it is NULL nothing is said. Text is as
 * it stands there: whoever shows it cleans it (text.h).
 */
#ifndef SHAKEDOWN_VIEW_COMPARISON_H
#define SHAKEDOWN_VIEW_COMPARISON_H

#include "base/buf.h"
#include "verdict/baseline.h"

#include <jansson.h>

/*
 * Appends "2 regressions against the run 20260102-101112: 2 newly failing, 1 fixed, 20 as before."
 * and a line for each thing that makes the two runs differ: another stack, cells elsewhere.
 */
void comparison_summary(const json_t *baseline, struct buf *out);

/* "newly failing". Static text. */
const char *comparison_title(enum baseline_change change);

/*
 * Appends a line for each cell of this change, "story/x/netx-fixed: fail timeout, was pass", the
 * regressions first; at most `most`, then how many more there are.
 */
void comparison_lines(const json_t *baseline, enum baseline_change change, size_t most,
                      struct buf *out);

/*
 * Appends the summary, and the cells of each change but those that fail as before, a line each:
 * "Newly failing: story/x/netx-fixed: fail timeout, was pass".
 */
void comparison_remarks(const json_t *baseline, struct buf *out);

/*
 * Appends "newly failing: it was pass in the run 20260102-101112" for a cell of `index`
 * (baseline_index); nothing for one that is as before.
 */
void comparison_of(const json_t *baseline, const json_t *index, const char *id, struct buf *out);

#endif
