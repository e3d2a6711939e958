/*
 * known.h: failures that are known, with a reason, from the known.json beside a board's profile.
 * Layer: verdict. Reads its file; the rest is pure.
 *
 * An entry names cells by a pattern of their ids, and may be bounded to versions of the board's
 * stack, and to a way of failing. A failure that an entry names becomes xfail, a pass xpass, so
 * that a mended stack shows; one that fails in another way than its entry tells stays what it is.
 * An entry that could have named a cell of a run and named none is stale.
 *
 * An entry may put its cells into quarantine: what fails or is inconclusive there becomes xfail, a
 * pass stays one. That is for cells that pass now and then.
 */
#ifndef SHAKEDOWN_VERDICT_KNOWN_H
#define SHAKEDOWN_VERDICT_KNOWN_H

#include "base/error.h"

#include <jansson.h>

struct known;

/*
 * Reads `path`, checked against the schema file `schema`; a file that is not there has no entries.
 * The caller frees *known. ERR_INPUT names file and place.
 */
int known_load(struct known **known, const char *path, const char *schema, struct error *error);

/* The same for the content of a file that was read elsewhere: {"file", "json"}, borrowed. */
int known_take(struct known **known, const json_t *document, const char *schema,
               struct error *error);

/* The entries of `first` (borrowed, or NULL) are asked before those of `known`. */
void known_ask_first(struct known *known, struct known *first);

void known_free(struct known *known);

/*
 * Where an entry names the judged `cell` of `board` (of results.json): sets "outcome" to xfail or
 * xpass and "known" to {"reason", "link"}, and "quarantine", true. Other outcomes stay. The first
 * entry that fits counts. If those that name the cell tell of other failures than it has, "outcome"
 * stays, "known" has "changed", true, and "detail" says so. Else there is no "known".
 */
void known_apply(struct known *known, json_t *cell, const json_t *board);

/*
 * The entries that named no cell so far, though they ask for one of `suites` (names) on one of
 * `boards` (as in results.json): a new list of sentences.
 */
json_t *known_stale(const struct known *known, const json_t *suites, const json_t *boards);

#endif
