/*
 * matrix.h: the cases of one scenario: all combinations of its axes' values, less the excluded, or
 * with "cover" so many that each combination of two values (or more) is in one. Layer: scenario.
 *
 * Without a matrix there is one case, with the empty name. The last axis changes fastest, where all
 * combinations are taken.
 */
#ifndef SHAKEDOWN_SCENARIO_MATRIX_H
#define SHAKEDOWN_SCENARIO_MATRIX_H

#include "base/buf.h"
#include "base/json.h"

#include <stdint.h>

#define MATRIX_CASES_MAX 1000000 /* combinations of one scenario, the excluded ones among them */
#define MATRIX_AXES_MAX 20
#define MATRIX_NAME_MAX 100      /* bytes of a case's name; names of values are cut to keep to it */

struct axis {
	const char *path; /* "server.versions"; borrowed from the suite's JSON */
	json_t *values;   /* in normal form (setting.h); owned */
	char **names;     /* one for each value, unique in the axis; owned */
};

struct matrix {
	struct axis *axes;
	size_t n_axes;
	uint32_t *cases; /* the combinations that are not excluded, in order; or, with "cover", */
	uint16_t *rows;  /* for each case the index of each axis' value (cover.h) */
	size_t n_cases;
};

/*
 * Reads "matrix" and "exclude" of a scenario that its schema has accepted. On success the caller
 * frees with matrix_fini; on failure there is nothing to free. ERR_INPUT if two values of an axis
 * mean the same, if an exclude names what is not in the matrix, if nothing is left, if there are
 * too many, or if "cover" is more than the axes.
 */
int matrix_init(struct matrix *matrix, const struct json_node *scenario, struct error *error);
void matrix_fini(struct matrix *matrix);

/* Puts the values of the case `index` < n_cases into the objects `server` and `client`. */
void matrix_apply(const struct matrix *matrix, size_t index, json_t *server, json_t *client);

/* The index of each axis' value in the case `index`, into `digits`, which has room for all axes. */
void matrix_digits(const struct matrix *matrix, size_t index, uint16_t digits[]);

/* The index of the value that the case `index` has on the axis `path`; -1 if there is none. */
int matrix_value(const struct matrix *matrix, size_t index, const char *path);

/* A new object: for each axis' path its value in the case `index`. Values are shared. */
json_t *matrix_values(const struct matrix *matrix, size_t index);

/* A new object: for each axis' path all its values. They are shared. */
json_t *matrix_axes(const struct matrix *matrix);

/* Appends the case's name: the names of its values, joined by ','. */
void matrix_name(const struct matrix *matrix, size_t index, struct buf *out);

#endif
