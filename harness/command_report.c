#include "command.h"

#include "view/results.h"

#include <stdio.h>

int command_report(char **arguments, struct error *error)
{
	struct option_words options[] = {{0}, {0}};
	json_t *results = NULL;
	int rc = command_sort(arguments, options, error);

	if (rc == 0 && options[0].n != 1)
		rc = error_set(error, ERR_INPUT, "report takes the folder of one run");
	if (rc == 0 && results_recover(options[0].words[0], NULL) == 0)
		fputs("This run never came to its end; the report is of what was done.\n", stderr);
	if (rc == 0)
		rc = command_results(options[0].words[0], &results, error);
	if (rc == 0)
		rc = results_write(options[0].words[0], results, error);
	if (rc == 0)
		command_print(results);
	json_decref(results);
	return -rc;
}
