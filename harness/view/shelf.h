/*
 * shelf.h: the cells of a large run, of which memory has little. Layer: view.
 *
 * Most of a cell is what its witnesses said, which no report needs of all cells at once. It stays
 * in the file that the cell was read from; in memory the cell has a number for "witnesses", and
 * shelf_whole brings back the rest. What many cells have alike (a server, a cause) is there once:
 * so the members of such a cell, and of its diagnoses, may be replaced, but not changed.
 *
 * Where there is no shelf (NULL), cells are whole. Several threads at once may ask a shelf for what
 * it has (functions that take it as const).
 */
#ifndef SHAKEDOWN_VIEW_SHELF_H
#define SHAKEDOWN_VIEW_SHELF_H

#include "base/buf.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#define SHELF_FILES_MAX 10000 /* that one shelf has cells of */

struct shelf;

/* The caller frees it, after the last use of its cells. */
struct shelf *shelf_new(void);
void shelf_free(struct shelf *shelf);

/*
 * Opens another file for shelf_put. Its content must not change as long as the shelf is in use;
 * that it is renamed or removed does no harm. ERR_INPUT with the system's reason.
 */
int shelf_open(struct shelf *shelf, const char *path, struct error *error);

/*
 * Puts the testimony of `cell` back: it is in `text`, which is the cell as the last file opened has
 * it at `offset`. A cell that the shelf cannot find again keeps it.
 */
void shelf_put(struct shelf *shelf, json_t *cell, off_t offset, struct bytes text);

/*
 * The cell of that text without its testimony, as shelf_put would leave it, but that is not even
 * read: a new reference, or NULL if it is no object. For text that was JSON when it was written.
 */
json_t *shelf_take(struct shelf *shelf, off_t offset, struct bytes text);

/* Replaces the members of a cell without testimony by equal ones that other cells have. */
void shelf_share_members(struct shelf *shelf, json_t *cell);

/* What the witnesses of the cell said, as its file has it: a new reference, or NULL. */
json_t *shelf_witnesses(const struct shelf *shelf, const json_t *cell);

/*
 * Appends what shelf_witnesses would read, as text. False if there is none. `shelf` may be NULL.
 */
bool shelf_testimony(const struct shelf *shelf, const json_t *cell, struct buf *out);

/*
 * The cell with its testimony, as results.json has it: a new reference. Without its file's content
 * (see shelf_check) it is without testimony.
 */
json_t *shelf_whole(const struct shelf *shelf, const json_t *cell);

/*
 * Appends the cell, as one line of JSON has it: that of shelf_whole, or nearly, without reading
 * what its file has.
 */
void shelf_put_text(const struct shelf *shelf, const json_t *cell, struct buf *out);

/*
 * What lint_cells.h looks at of the cell's testimony: a new reference, or NULL. Its findings are
 * shared.
 */
json_t *shelf_hello(struct shelf *shelf, const json_t *cell);

/* ERR_ENVIRONMENT if one of the files could not be read again. `shelf` may be NULL. */
int shelf_check(const struct shelf *shelf, struct error *error);

#endif
