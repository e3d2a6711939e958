/*
 * trial.h: all the connections that one cell takes, in their order. A program's part, above all
 * layers. No I/O: the owner runs what it is given and hands back what came of it.
 *
 * Most cells are one connection. A case that the board must refuse is three: the good twin of its
 * server (scenario/expect.h) before it, unless that is known to work, and after it, once more if it
 * fails: a board that refuses everything refuses nothing in particular, and one that refused and
 * then hangs has not come through.
 */
#ifndef SHAKEDOWN_TRIAL_H
#define SHAKEDOWN_TRIAL_H

#include <jansson.h>
#include <stdbool.h>

struct trial;

/*
 * Begins the trial of `cell`, as the plan made it, on `board` (of results.json; borrowed). Takes
 * over `cell`. `twins` remembers the good twins of this board from trial to trial: an object of the
 * caller's, empty at first, borrowed until trial_end.
 */
struct trial *trial_begin(json_t *cell, const json_t *board, json_t *twins);

/* The cell to run now, borrowed until trial_take; NULL when all has run. */
const json_t *trial_next(const struct trial *trial);

/*
 * What came of it: takes over the three values, as an observation has them (experiment.h). True
 * if this was the case itself, and so the evidence that is kept.
 */
bool trial_take(struct trial *trial, json_t *witnesses, json_t *trouble, json_t *timings_ms);

/* The cell as far as it is known, borrowed until trial_end. */
json_t *trial_cell(const struct trial *trial);

/*
 * Frees the trial and returns its cell with "witnesses", "trouble", "timings_ms" and in "twin" what
 * came of the twin; it can be ended at any time. The caller's to release.
 */
json_t *trial_end(struct trial *trial);

#endif
