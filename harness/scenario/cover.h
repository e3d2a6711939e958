/*
 * cover.h: few combinations of axes that contain every combination of any two (or t) of their
 * values: covering arrays of mixed levels. Layer: scenario. Pure: no I/O, no clock, no globals.
 *
 * Faults of peers mostly come from one value or from two that meet. Trying every pair once takes a
 * handful of cases where the product takes thousands. Rows are made greedily, the best of several
 * candidates each, as in D. M. Cohen et al., "The AETG System: An Approach to Testing Based on
 * Combinatorial Design" (1997); then, while effort is left, one after the other is dropped and
 * what it had moved into the rest. The same model and seed give the same rows.
 */
#ifndef SHAKEDOWN_SCENARIO_COVER_H
#define SHAKEDOWN_SCENARIO_COVER_H

#include <stddef.h>
#include <stdint.h>

#define COVER_AXES_MAX 256
#define COVER_VALUES_MAX 1024     /* of one axis */
#define COVER_TUPLES_MAX 50000000 /* combinations of values that must be covered */
#define COVER_ANY UINT16_MAX      /* in an exclusion: whatever the value of this axis */

struct cover_model {
	size_t n_axes;
	const uint16_t *n_values; /* of each axis; at least 1 */
	const uint16_t *excluded; /* n_excluded rows of n_axes: a value each, or COVER_ANY */
	size_t n_excluded;
};

/* How many combinations of `strength` values there are, SIZE_MAX if more than COVER_TUPLES_MAX. */
size_t cover_n_tuples(const struct cover_model *model, unsigned strength);

/*
 * Chooses rows, each with one value's index for each axis, such that every combination of
 * `strength` values (1 to n_axes; cover_n_tuples must be in bounds) that some row without an
 * excluded combination can have is in one of them, and no row has an excluded one. Returns their
 * number and sets *rows to a new array of that many times n_axes, the caller's to free. 0 if every
 * row is excluded.
 */
size_t cover_rows(const struct cover_model *model, unsigned strength, uint64_t seed,
                  uint16_t **rows);

#endif
