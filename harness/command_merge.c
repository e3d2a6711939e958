#include "command.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"
#include "scenario/shard.h"
#include "view/captures.h"
#include "view/merge.h"
#include "view/results.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CAPTURE_MAX ((size_t)1 << 30) /* bytes of one cell's capture */

_Static_assert(SHARD_MAX <= COMMAND_WORDS_MAX, "all shards of a plan can be named");

enum { MERGE_FOLDERS, MERGE_OUT };

/* Whoever wrote the results named these files: nothing is read or written but captures. */
static int check_evidence(const struct merge_part *part, struct error *error)
{
	const json_t *cell, *name;
	const char *kind;
	size_t i;

	json_array_foreach(json_object_get(part->results, "cells"), i, cell)
		json_object_foreach(json_object_get(cell, "evidence"), kind, name)
			if (json_is_string(name) && !captures_may_be_named(json_string_value(name)))
				return error_set(error, ERR_INPUT,
				                 "%s: $.cells[%zu].evidence.%s: %s is no file of a "
				                 "run: the results were changed after it",
				                 part->folder, i, kind, json_string_value(name));
	return 0;
}

static int load_parts(const struct option_words *folders, struct shelf *shelf,
                      struct merge_part *parts, struct error *error)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < folders->n; i++) {
		json_t *results = NULL;

		parts[i].folder = folders->words[i];
		rc = results_check_ended(folders->words[i], error);
		if (rc == 0)
			rc = command_results_of_run("merge", folders->words[i], shelf, &results,
			                            error);
		parts[i].results = results;
		if (rc == 0)
			rc = check_evidence(&parts[i], error);
	}
	return rc;
}

/* Copies the file `name` of the folder `from` to the folder `to`; one that is gone stays away. */
static int copy_file(const char *from, const char *to, const char *name, struct error *error)
{
	char *source = file_join(from, name), *target = file_join(to, name);
	char *folder = strdup(target);
	struct buf content = {0};
	int rc = 0;

	CHECK(folder != NULL);
	if (access(source, F_OK) == 0) {
		rc = file_read(source, CAPTURE_MAX, &content, error);
		if (rc == 0)
			rc = file_make_folder(dirname(folder), error);
		if (rc == 0)
			rc = file_write(target, buf_view(&content), CAPTURES_MODE, error);
	}
	buf_fini(&content);
	free(folder);
	free(target);
	free(source);
	return rc;
}

static int copy_evidence(const struct merge_part *part, const char *out, struct error *error)
{
	const json_t *cell;
	size_t i;
	int rc = 0;

	json_array_foreach(json_object_get(part->results, "cells"), i, cell) {
		const json_t *evidence = json_object_get(cell, "evidence");
		const char *kind;
		const json_t *name;

		json_object_foreach((json_t *)evidence, kind, name)
			if (rc == 0 && json_is_string(name))
				rc = copy_file(part->folder, out, json_string_value(name), error);
	}
	return rc;
}

/* Joins `parts` into the folder `out`, which holds no run yet. */
static int write_merged(const struct merge_part *parts, size_t n_parts, struct shelf *shelf,
                        const char *out, json_t **merged, struct error *error)
{
	char *name = strdup(out);
	int rc;

	CHECK(name != NULL);
	rc = merge_results(parts, n_parts, shelf, basename(name), merged, error);
	free(name);
	if (rc == 0)
		rc = results_check_unused(out, error);
	if (rc == 0)
		rc = file_make_folder(out, error);
	for (size_t i = 0; rc == 0 && i < n_parts; i++)
		rc = copy_evidence(&parts[i], out, error);
	return rc != 0 ? rc : results_write(out, *merged, shelf, error);
}

int command_merge(char **arguments, struct error *error)
{
	struct option_words options[] = {
		[MERGE_FOLDERS] = {0},
		[MERGE_OUT] = {.name = "--out", .one = "a folder"},
		{0},
	};
	struct merge_part parts[COMMAND_WORDS_MAX] = {0};
	const struct option_words *folders = &options[MERGE_FOLDERS];
	struct shelf *shelf = shelf_new();
	json_t *merged = NULL;
	int status, rc = command_sort(arguments, options, error);

	if (rc == 0 && (folders->n == 0 || !options[MERGE_OUT].given))
		rc = error_set(error, ERR_INPUT,
		               "merge takes the folders of all shards, and --out with a new one");
	if (rc == 0)
		rc = load_parts(folders, shelf, parts, error);
	if (rc == 0)
		rc = write_merged(parts, folders->n, shelf, command_word(&options[MERGE_OUT]),
		                  &merged, error);
	status = rc != 0 ? -rc : results_exit_status(merged);
	if (rc == 0) {
		command_print(merged, shelf);
		printf("\nReport: %s/index.html\n", command_word(&options[MERGE_OUT]));
	}
	for (size_t i = 0; i < folders->n; i++)
		json_decref((json_t *)parts[i].results);
	json_decref(merged);
	shelf_free(shelf);
	return status;
}
