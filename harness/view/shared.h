/*
 * shared.h: what the failing cells of a matrix have in common. Layer: view. Pure: no I/O, no clock,
 * no globals.
 */
#ifndef SHAKEDOWN_VIEW_SHARED_H
#define SHAKEDOWN_VIEW_SHARED_H

#include "view/report.h"

#define SHARED_SHOWN_MAX 3 /* values or pairs named for one scenario on one board */

/*
 * Appends a line for each scenario with a matrix, on each board where some of its cells failed (two
 * at least) and some passed: the value that all that failed have and none that passed, or, if there
 * is no such value, the pair of values. Nothing where there is neither.
 */
void shared_describe(const struct report *report, struct buf *out);

#endif
