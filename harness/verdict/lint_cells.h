/*
 * lint_cells.h: what is to be said of the ClientHellos of a run. Layer: verdict. Pure: no I/O, no
 * clock, no globals.
 *
 * The capture tells the findings of each hello (decode/lint.h); here are those that only several
 * hellos of one board show. They stand beside the outcomes and change none.
 */
#ifndef SHAKEDOWN_VERDICT_LINT_CELLS_H
#define SHAKEDOWN_VERDICT_LINT_CELLS_H

#include <jansson.h>

#define LINT_RAND31_MIN 4 /* hellos of a board, from which on a pattern in its randoms is one */

/* The testimony of a cell that has it elsewhere: a new reference, or NULL. */
typedef json_t *lint_witnesses(void *context, const json_t *cell);

/*
 * Gives each of `cells` (all of a run) with a ClientHello its "lint", a list of {"id", "severity",
 * "rfc", "text"}: what its capture has, which loses it, and, against the cells of the same board
 * before it:
 *   random-repeat  the random of an earlier hello again
 *   ks-reuse       a key share of an earlier hello again
 *   random-rand31  at the board's last hello: in all, every fourth byte's highest bit is 0, as
 *                  where a 31-bit generator fills the random with little-endian words (rand() of C)
 * Cells that have been looked at before may be looked at again, with others. `witnesses` NULL: the
 * cells have their testimony themselves.
 */
void lint_cells(json_t *cells, lint_witnesses *witnesses, void *context);

#endif
