#include "view/merge.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/json.h"
#include "scenario/plan.h"
#include "scenario/shard.h"
#include "verdict/confirm.h"
#include "verdict/lint_cells.h"

#include <stdlib.h>
#include <string.h>

#define MAX_NAMED 8 /* missing shards; of more only the number is told */

struct merging {
	const struct merge_part *parts; /* as they were named */
	size_t n_parts;
	const struct merge_part **shards; /* by index, from 0 on */
	size_t n_shards;
	size_t n_boards, n_cases; /* of the whole plan */
	struct error *error;
};

static const json_t *run_of(const struct merge_part *part)
{
	return json_object_get(part->results, "run");
}

static const json_t *shard_of(const struct merge_part *part)
{
	return json_object_get(run_of(part), "shard");
}

/* --- whether the parts are one plan ----------------------------------------------------------- */

/* What this part says of the plan is what the first says. */
static int check_plan(const struct merging *merging, const struct merge_part *part)
{
	const struct merge_part *first = &merging->parts[0];

	if (shard_of(part) == NULL)
		return error_set(merging->error, ERR_INPUT,
		                 "%s is no shard: merge takes the folders of runs with --shard",
		                 part->folder);
	if (!json_flag(run_of(part), "complete"))
		return error_set(merging->error, ERR_INPUT,
		                 "%s was cut short: `shakedown run --resume %s` goes on with it; "
		                 "merge the shards when all have come to their end",
		                 part->folder, part->folder);
	if (strcmp(json_text(shard_of(part), "plan"), json_text(shard_of(first), "plan")) != 0)
		return error_set(merging->error, ERR_INPUT,
		                 "%s and %s are not of one plan: their suites or boards differ; run "
		                 "all shards with the same suites, boards and version",
		                 first->folder, part->folder);
	if (json_number(shard_of(part), "count") != json_number(shard_of(first), "count"))
		return error_set(merging->error, ERR_INPUT,
		                 "%s is one of %lld shards, %s one of %lld: run all with the same "
		                 "number",
		                 first->folder, json_number(shard_of(first), "count"), part->folder,
		                 json_number(shard_of(part), "count"));
	return 0;
}

static int place_shard(struct merging *merging, const struct merge_part *part)
{
	size_t index = (size_t)json_number(shard_of(part), "index");

	if (index > merging->n_shards)
		return error_set(merging->error, ERR_INPUT, "%s is shard %zu of %zu", part->folder,
		                 index, merging->n_shards);
	if (merging->shards[index - 1] != NULL)
		return error_set(merging->error, ERR_INPUT,
		                 "%s and %s are both shard %zu/%zu: name one of them",
		                 merging->shards[index - 1]->folder, part->folder, index,
		                 merging->n_shards);
	merging->shards[index - 1] = part;
	return 0;
}

static int check_all_there(const struct merging *merging)
{
	struct buf names = {0};
	size_t n_missing = 0;
	int rc = 0;

	for (size_t i = 0; i < merging->n_shards; i++)
		if (merging->shards[i] == NULL && n_missing++ < MAX_NAMED)
			buf_printf(&names, "%s%zu/%zu", names.len > 0 ? ", " : "", i + 1,
			           merging->n_shards);
	if (n_missing > MAX_NAMED)
		buf_printf(&names, " and %zu more", n_missing - MAX_NAMED);
	if (n_missing > 0)
		rc = error_set(merging->error, ERR_INPUT,
		               "missing: shard%s %s; run what is missing, and name its folder too",
		               n_missing > 1 ? "s" : "", buf_string(&names));
	buf_fini(&names);
	return rc;
}

/* A plan has boards, and no more shards than there can be, whatever a file says. */
static int check_numbers(const struct merging *merging)
{
	long long count = json_number(shard_of(&merging->parts[0]), "count");

	if (merging->n_boards > 0 && count <= SHARD_MAX)
		return 0;
	return error_set(merging->error, ERR_INPUT,
	                 "%s is one of %lld shards on %zu boards, which is no plan: the file was "
	                 "changed after the run",
	                 merging->parts[0].folder, count, merging->n_boards);
}

static int sort_shards(struct merging *merging)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < merging->n_parts; i++)
		rc = check_plan(merging, &merging->parts[i]);
	if (rc == 0)
		rc = check_numbers(merging);
	if (rc != 0)
		return rc;
	merging->n_shards = (size_t)json_number(shard_of(&merging->parts[0]), "count");
	merging->shards = calloc(merging->n_shards, sizeof(merging->shards[0]));
	CHECK(merging->shards != NULL);
	for (size_t i = 0; rc == 0 && i < merging->n_parts; i++)
		rc = place_shard(merging, &merging->parts[i]);
	return rc != 0 ? rc : check_all_there(merging);
}

/* --- cells ------------------------------------------------------------------------------------ */

/* Puts the cells of one shard where the plan has them. */
static int place_cells(const struct merging *merging, const struct merge_part *part,
                       const json_t **places)
{
	const json_t *cases = json_object_get(shard_of(part), "cases");
	const json_t *cells = json_object_get(part->results, "cells"), *cell;
	size_t i;

	json_array_foreach(cells, i, cell) {
		const json_t *position = json_array_get(cases, i / merging->n_boards);
		size_t at = (size_t)json_integer_value(position);

		if (position == NULL || at >= merging->n_cases ||
		    places[at * merging->n_boards + i % merging->n_boards] != NULL)
			return error_set(merging->error, ERR_INPUT,
			                 "%s: $.cells[%zu] has no place of its own in the plan: the "
			                 "file was changed after the run",
			                 part->folder, i);
		places[at * merging->n_boards + i % merging->n_boards] = cell;
	}
	return 0;
}

static int check_size(const struct merging *merging)
{
	size_t n = merging->n_cases > SIZE_MAX / merging->n_boards
	                   ? SIZE_MAX
	                   : merging->n_cases * merging->n_boards;

	if (n <= PLAN_CELLS_MAX)
		return 0;
	return error_set(merging->error, ERR_INPUT,
	                 "the shards have %zu cells together, more than the %d that one report can "
	                 "hold: read each by itself, with show, report and compare",
	                 n, PLAN_CELLS_MAX);
}

/* What other cells show of it changes its diagnoses and the list of its lint. */
static json_t *own_copy(const json_t *cell)
{
	json_t *copy = json_made(json_copy((json_t *)cell)), *diagnosis;
	json_t *diagnoses = json_made(json_array());
	size_t i;

	json_array_foreach(json_object_get(cell, "diagnosis"), i, diagnosis)
		json_array_append_new(diagnoses, json_made(json_copy(diagnosis)));
	if (json_object_get(cell, "diagnosis") != NULL)
		json_object_set(copy, "diagnosis", diagnoses);
	json_decref(diagnoses);
	if (json_object_get(cell, "lint") != NULL)
		json_object_set_new(copy, "lint",
		                    json_made(json_copy(json_object_get(cell, "lint"))));
	return copy;
}

/* For lint_cells. */
static json_t *witnesses_of(void *context, const json_t *cell)
{
	return shelf_hello(context, cell);
}

/* A new list of all cells, or NULL. */
static json_t *join_cells(const struct merging *merging)
{
	size_t n_cells = merging->n_cases * merging->n_boards;
	const json_t **places = calloc(n_cells + 1, sizeof(places[0]));
	json_t *cells = json_made(json_array());
	int rc = 0;

	CHECK(places != NULL);
	for (size_t i = 0; rc == 0 && i < merging->n_shards; i++)
		rc = place_cells(merging, merging->shards[i], places);
	for (size_t i = 0; rc == 0 && i < n_cells; i++)
		if (places[i] == NULL)
			rc = error_set(merging->error, ERR_INPUT,
			               "the shards have no cell %zu of the plan's %zu: a "
			               "results.json was changed after its run",
			               i + 1, n_cells);
		else
			json_array_append_new(cells, own_copy(places[i]));
	free(places);
	if (rc == 0)
		return cells;
	json_decref(cells);
	return NULL;
}

/* --- the run ---------------------------------------------------------------------------------- */

/* The times are all in UTC, in one form: their order is that of their texts. */
static void widen(json_t *run, const json_t *other)
{
	if (strcmp(json_text(other, "started"), json_text(run, "started")) < 0)
		json_object_set(run, "started", json_object_get(other, "started"));
	if (strcmp(json_text(other, "finished"), json_text(run, "finished")) > 0)
		json_object_set(run, "finished", json_object_get(other, "finished"));
}

static void add_notices(json_t *notices, const struct merge_part *part, size_t index)
{
	const json_t *notice;
	struct buf text = {0};
	size_t i;

	json_array_foreach(json_object_get(run_of(part), "notices"), i, notice) {
		buf_clear(&text);
		buf_printf(&text, "Shard %zu: %s", index, json_string_value(notice));
		json_array_append_new(notices, json_made(json_string(buf_string(&text))));
	}
	buf_fini(&text);
}

/* Nodes of a cluster may have differing libraries; the report tells one version. */
static void note_versions(json_t *notices, const json_t *first, const json_t *own, size_t index)
{
	const json_t *versions = json_object_get(own, "versions");

	if (!json_equal(versions, json_object_get(first, "versions")))
		json_array_append_new(
			notices,
			json_made(json_sprintf("Shard %zu ran with Shakedown %s and OpenSSL %s, other "
			                       "versions than shard 1, whose are told here.",
			                       index, json_text(versions, "shakedown"),
			                       json_text(versions, "openssl"))));
}

static json_t *join_runs(const struct merging *merging, const char *id)
{
	json_t *run = json_made(json_deep_copy(run_of(merging->shards[0])));
	json_t *shards = json_made(json_array()), *notices = json_made(json_array());

	for (size_t i = 0; i < merging->n_shards; i++) {
		const json_t *own = run_of(merging->shards[i]);

		widen(run, own);
		note_versions(notices, run_of(merging->shards[0]), own, i + 1);
		add_notices(notices, merging->shards[i], i + 1);
		json_array_append_new(
			shards, json_made(json_pack("{s:I, s:O, s:O, s:O}", "index",
		                                    (json_int_t)i + 1, "id",
		                                    json_object_get(own, "id"), "started",
		                                    json_object_get(own, "started"), "finished",
		                                    json_object_get(own, "finished"))));
	}
	json_object_set_new(run, "id", json_made(json_string(id)));
	json_object_del(run, "shard");
	json_object_del(run, "notices");
	if (json_array_size(notices) > 0)
		json_object_set(run, "notices", notices);
	json_decref(notices);
	json_object_set_new(run, "shards", shards);
	return run;
}

int merge_results(const struct merge_part *parts, size_t n_parts, struct shelf *shelf,
                  const char *id, json_t **merged, struct error *error)
{
	struct merging merging = {.parts = parts, .n_parts = n_parts, .error = error};
	const json_t *boards = json_object_get(parts[0].results, "boards");
	json_t *cells = NULL;
	int rc;

	merging.n_boards = json_array_size(boards);
	merging.n_cases = (size_t)json_number(shard_of(&parts[0]), "plan_cases");
	rc = sort_shards(&merging);
	if (rc == 0)
		rc = check_size(&merging);
	if (rc == 0)
		cells = join_cells(&merging);
	if (cells != NULL) {
		confirm_diagnoses(cells);
		lint_cells(cells, shelf != NULL ? witnesses_of : NULL, shelf);
		*merged = json_made(json_pack("{s:O, s:o, s:O, s:o}", "format",
		                              json_object_get(parts[0].results, "format"), "run",
		                              join_runs(&merging, id), "boards", boards, "cells",
		                              cells));
	}
	free(merging.shards);
	return rc != 0 || cells != NULL ? rc : error->code;
}
