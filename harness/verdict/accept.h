/*
 * accept.h: entries for known.json (known.h) that would make the failures of a run known ones.
 * Layer: verdict. Pure: no I/O, no clock, no globals.
 *
 * They are proposals for a person to review. Cells of one board and suite with one cause share
 * patterns, as general as the run allows: a pattern names no cell of the run but such failures, so
 * that what passes, or fails for another cause, stays in sight. Flaky cells are never proposed.
 */
#ifndef SHAKEDOWN_VERDICT_ACCEPT_H
#define SHAKEDOWN_VERDICT_ACCEPT_H

#include <jansson.h>
#include <stdbool.h>

/*
 * The entries for the failures of `results`, in the order of its cells: a new list of {cells,
 * reason, link, fails_as, alert where all have the same}. The reason is the diagnosis' title, or
 * the judge's sentence where none explains it; the link is where the board's stack is told of, or
 * the section that decides it, or "".
 */
json_t *accept_entries(const json_t *results);

/* Whether a cell of results.json is one that accept_entries proposes. */
bool accept_concerns(const json_t *cell);

#endif
