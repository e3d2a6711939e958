#include "command.h"

#include "base/json.h"
#include "view/show.h"
#include "view/results.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define NAMED_MAX 5 /* cells that a complaint names */

/* The one cell whose id is, or ends with, or contains `name`; NULL with the error set. */
static const json_t *find(const json_t *results, const char *name, struct error *error)
{
	const json_t *cell, *found = NULL;
	struct buf names = {0};
	size_t i, n = 0;

	json_array_foreach(json_object_get(results, "cells"), i, cell) {
		const char *id = json_text(cell, "id");

		if (strcmp(id, name) == 0) {
			buf_fini(&names);
			return cell;
		}
		if (strstr(id, name) == NULL && fnmatch(name, id, 0) != 0)
			continue;
		found = cell;
		if (n++ < NAMED_MAX)
			buf_printf(&names, "%s%s", n > 1 ? ", " : "", id);
	}
	if (n == 0)
		error_set(error, ERR_INPUT,
		          "the run has no cell \"%s\"; ids are SUITE/CASE/BOARD, as in its matrix",
		          name);
	else if (n > 1)
		error_set(error, ERR_INPUT, "\"%s\" stands for %zu cells: %s%s; name one of them",
		          name, n, buf_string(&names), n > NAMED_MAX ? ", ..." : "");
	buf_fini(&names);
	return n == 1 ? found : NULL;
}

/* A run that died leaves its report to be made first. */
static int check_told(const char *folder, struct error *error)
{
	return results_are_growing(folder) ? 0 : results_check_ended(folder, error);
}

int command_show(char **arguments, struct error *error)
{
	struct option_words options[] = {{0}, {0}};
	struct terminal_options terminal = terminal_options_for(stdout);
	struct shelf *shelf = shelf_new();
	const json_t *cell = NULL;
	json_t *results = NULL, *whole;
	struct buf out = {0};
	bool growing = false;
	int rc = command_sort(arguments, options, error);

	if (rc == 0 && options[0].n != 2)
		rc = error_set(error, ERR_INPUT,
		               "show takes the folder of one run and a cell: its id, or a part that "
		               "no other has");
	if (rc == 0)
		rc = check_told(options[0].words[0], error);
	if (rc == 0)
		rc = command_results_by_now("show", options[0].words[0], &growing, shelf,
		                            &results, error);
	if (rc == 0) {
		cell = find(results, options[0].words[1], error);
		rc = cell != NULL ? 0 : error->code;
	}
	if (rc == 0) {
		whole = shelf_whole(shelf, cell);
		show_cell(results, whole, options[0].words[0], &terminal, &out);
		json_decref(whole);
		fputs(buf_string(&out), stdout);
	}
	buf_fini(&out);
	json_decref(results);
	shelf_free(shelf);
	return -rc;
}
