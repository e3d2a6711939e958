/*
 * inspection.h: the lines of a journal that another process wrote, held against the schema of
 * results.json. Layer: view.
 *
 * A journal is a run's own file, but what lies on a disk for a while can be damaged, or be of
 * another version. A line that is not as runs write it is left out; the first complaint is kept.
 */
#ifndef SHAKEDOWN_VIEW_INSPECTION_H
#define SHAKEDOWN_VIEW_INSPECTION_H

#include "base/error.h"
#include "base/schema.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct inspection {
	struct schema *schema; /* NULL: the lines are this process's own, and not inspected */
	const char *path;      /* of the journal, borrowed */
	size_t line;           /* that is read, from 1 on: the caller counts */
	struct error first;    /* complaint about a line that was left out */
	size_t n_left_out;
};

/* Loads the schema. `path` outlives the inspection, which inspection_fini ends in any case. */
int inspection_init(struct inspection *inspection, const char *path, struct error *error);
void inspection_fini(struct inspection *inspection);

/* Whether the line is JSON: `entry` is NULL if not. */
bool inspection_line(struct inspection *inspection, const json_t *entry);

/* Whether the line `entry` has a "cell", or a "board", that may be taken. */
bool inspection_cell(struct inspection *inspection, const json_t *entry);
bool inspection_board(struct inspection *inspection, const json_t *entry);

/*
 * Whether `frame`, results without cells, is one that reports can be made of. ERR_INPUT with the
 * journal's name and the place.
 */
int inspection_frame(const struct inspection *inspection, json_t *frame, struct error *error);

/* Tells in `text` (of ERROR_TEXT_MAX bytes or more) what was left out; false if nothing was. */
bool inspection_left_out(const struct inspection *inspection, char *text, size_t size);

#endif
