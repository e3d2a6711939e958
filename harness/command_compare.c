#include "command.h"

#include "base/json.h"
#include "verdict/baseline.h"
#include "view/results.h"
#include "view/terminal.h"

#include <stdio.h>

/* A run that goes on, or died, is no measure. */
static int load(const char *folder, struct shelf *shelf, json_t **results, struct error *error)
{
	int rc = results_check_ended(folder, error);

	return rc != 0 ? rc : command_results_of_run("compare", folder, shelf, results,
	                                              error);
}

int command_compare(char **arguments, struct error *error)
{
	struct option_words options[] = {{0}, {0}};
	struct terminal_options terminal = terminal_options_for(stdout);
	json_t *base = NULL, *results = NULL, *comparison = NULL;
	struct shelf *shelf = shelf_new();
	struct buf out = {0};
	int status, rc = command_sort(arguments, options, error);

	if (rc == 0 && options[0].n != 2)
		rc = error_set(error, ERR_INPUT,
		               "compare takes the folders of two runs, the earlier one first");
	if (rc == 0)
		rc = load(options[0].words[0], shelf, &base, error);
	if (rc == 0)
		rc = load(options[0].words[1], shelf, &results, error);
	status = -rc;
	if (rc == 0) {
		comparison = baseline_compare(base, results);
		terminal_comparison(comparison, &terminal, &out);
		fputs(buf_string(&out), stdout);
		status = baseline_exit_status(comparison);
	}
	buf_fini(&out);
	json_decref(comparison);
	json_decref(base);
	json_decref(results);
	shelf_free(shelf);
	return status;
}
