#include "command.h"

#include "base/json.h"
#include "ci.h"
#include "verdict/baseline.h"
#include "verdict/confirm.h"
#include "verdict/rules.h"
#include "view/results.h"

#include <stdio.h>
#include <string.h>

enum { REPORT_FOLDER, REPORT_RULES, REPORT_BASELINE, REPORT_GITHUB, REPORT_TAP };

static const json_t *board_of(const json_t *results, const json_t *cell)
{
	return json_find(json_object_get(results, "boards"), "name", json_text(cell, "board"));
}

/* Whatever the rules make of a whole cell is put into the cell that is kept. */
static void explain_cell(struct rules *rules, json_t *cell, const struct shelf *shelf,
                         const json_t *board)
{
	json_t *whole = shelf_whole(shelf, cell), *kept = json_object_get(cell, "witnesses");

	json_incref(kept);
	rules_diagnose(rules, whole, board);
	if (whole != cell) {
		json_object_clear(cell);
		json_object_update(cell, whole);
		json_object_set(cell, "witnesses", kept);
	}
	json_decref(kept);
	json_decref(whole);
}

/* What failed is explained anew. Failures that are known stay as they were explained. */
static int explain_anew(json_t *results, const struct shelf *shelf,
                        const struct option_words *files, struct error *error)
{
	json_t *own = command_words(files), *cell;
	struct rules *rules = NULL;
	int rc = rules_load_shipped(&rules, own, error);
	size_t i;

	json_decref(own);
	if (rc != 0)
		return rc;
	json_array_foreach(json_object_get(results, "cells"), i, cell)
		if (strcmp(json_text(cell, "outcome"), "xfail") != 0)
			explain_cell(rules, cell, shelf, board_of(results, cell));
	confirm_diagnoses(json_object_get(results, "cells"));
	rules_free(rules);
	return 0;
}

/* The results by now; those of a run that died are made first. */
static int take_results(const char *folder, bool *growing, struct shelf *shelf, json_t **results,
                        struct error *error)
{
	struct error unmade = {0};
	bool made = results_recover(folder, &unmade) == 0;
	int rc = command_results_by_now("report", folder, growing, shelf, results, error);

	if (rc == 0 && made && !json_flag(json_object_get(*results, "run"), "complete"))
		fputs("This run never came to its end; the report is of what was done.\n", stderr);
	if (rc != 0 && !*growing && results_check_ended(folder, NULL) != 0)
		*error = unmade;
	return rc;
}

int command_report(char **arguments, struct error *error)
{
	struct option_words options[] = {
		[REPORT_FOLDER] = {0},
		[REPORT_RULES] = {.name = "--rules", .one = "the file of a diagnosis rule"},
		[REPORT_BASELINE] = {.name = "--baseline", .one = "the folder of an earlier run"},
		[REPORT_GITHUB] = {.name = "--github", .flag = true},
		[REPORT_TAP] = {.name = "--tap", .one = "the name of a new file"},
		{0},
	};
	struct shelf *shelf = shelf_new();
	json_t *results = NULL, *base = NULL;
	struct ci ci = {0};
	bool growing = false;
	int rc = command_sort(arguments, options, error), unwritten = 0;

	ci.github = options[REPORT_GITHUB].given;
	ci.tap = command_word(&options[REPORT_TAP]);
	ci_begin(&ci);

	if (rc == 0 && options[0].n != 1)
		rc = error_set(error, ERR_INPUT, "report takes the folder of one run");
	if (rc == 0)
		rc = take_results(options[0].words[0], &growing, shelf, &results, error);
	if (rc == 0 && options[REPORT_BASELINE].given)
		rc = command_baseline(command_word(&options[REPORT_BASELINE]), &base, error);
	if (base != NULL)
		json_object_set_new(results, "baseline", baseline_compare(base, results));
	if (rc == 0 && options[REPORT_RULES].given)
		rc = explain_anew(results, shelf, &options[REPORT_RULES], error);
	if (rc == 0 && !growing) /* else the run itself will */
		unwritten = results_write(options[0].words[0], results, shelf, error);
	if (rc == 0)
		command_print(results, shelf); /* also for one who may only read the folder */
	if (rc == 0)
		rc = ci_end(&ci, results, shelf, error);
	else
		ci_end(&ci, NULL, NULL, error);
	rc = rc == 0 ? unwritten : rc;
	json_decref(results);
	json_decref(base);
	shelf_free(shelf);
	return -rc;
}
