/*
 * merge.h: the results of all shards of a plan, as those of one run. Layer: view. Pure: no I/O, no
 * clock, no globals.
 */
#ifndef SHAKEDOWN_VIEW_MERGE_H
#define SHAKEDOWN_VIEW_MERGE_H

#include "base/error.h"

#include "view/shelf.h"

#include <jansson.h>

/* What one shard left. */
struct merge_part {
	const char *folder;    /* its name in complaints */
	const json_t *results; /* its results.json, checked against the schema */
};

/*
 * The cells of the parts are on `shelf`, or whole (NULL), and so are those of *merged.
 *
 * Sets *merged, new, to the results of a run `id` that has the cells of all parts in the order of
 * the plan, as one run would have left them: it began with the first part and ended with the last,
 * and its cells prove each other's diagnoses. "run" gets "shards", a list of {"index", "id",
 * "started", "finished"}, and a notice where they had differing versions.
 *
 * ERR_INPUT if a part is no shard or was cut short, if parts are of differing plans, if two are the
 * same shard, or if shards are missing: which, and what to do.
 */
int merge_results(const struct merge_part *parts, size_t n_parts, struct shelf *shelf,
                  const char *id, json_t **merged, struct error *error);

#endif
