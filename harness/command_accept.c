#include "command.h"

#include "base/json.h"
#include "verdict/accept.h"
#include "view/results.h"

#include <stdio.h>
#include <string.h>

/* Why what stands in the proposals, or does not, needs a look. */
struct remarks {
	size_t n_failures, n_flaky, n_unsafe, n_xpass, n_unlinked;
};

static struct remarks remarks_of(const json_t *results, const json_t *entries)
{
	struct remarks remarks = {0};
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(results, "cells"), i, item) {
		const char *outcome = json_text(item, "outcome");
		bool concerned = accept_concerns(item);

		remarks.n_failures += concerned;
		remarks.n_flaky += !concerned && strcmp(outcome, "fail") == 0;
		remarks.n_unsafe += concerned && strcmp(json_text(item, "reason"), "unsafe") == 0;
		remarks.n_xpass += strcmp(outcome, "xpass") == 0;
	}
	json_array_foreach(entries, i, item)
		remarks.n_unlinked += json_text(item, "link")[0] == '\0';
	return remarks;
}

static void remark(size_t n, const char *text)
{
	if (n > 0)
		fprintf(stderr, "%zu %s\n", n, text);
}

/* What a person who reviews the proposals should know; on standard error, beside the JSON. */
static void tell(const json_t *results, const json_t *entries)
{
	struct remarks remarks = remarks_of(results, entries);

	if (!json_flag(json_object_get(results, "run"), "complete"))
		fputs("This run was stopped before its end: what did not run is not proposed.\n",
		      stderr);
	if (remarks.n_failures == 0)
		fputs("There is nothing to accept: no cell failed that is not known already.\n",
		      stderr);
	else
		fprintf(stderr,
		        "%zu failures, %zu entries. Nothing was written: put those that you agree "
		        "with into known.json beside the profile of their board.\n",
		        remarks.n_failures, json_array_size(entries));
	remark(remarks.n_unsafe, "of the failures are UNSAFE: the board accepts what it must "
	                         "refuse. Such an entry needs a good reason.");
	remark(remarks.n_unlinked, "of the entries have no link, and are not read without: name "
	                           "where the failure is reported.");
	remark(remarks.n_flaky, "flaky failures are not proposed: they would pass now and then.");
	remark(remarks.n_xpass, "cells passed that known.json has as failures (xpass): take their "
	                        "entries out.");
}

int command_accept(char **arguments, struct error *error)
{
	struct option_words options[] = {{0}, {0}};
	struct shelf *shelf = shelf_new();
	json_t *results = NULL, *proposed;
	int rc = command_sort(arguments, options, error);

	if (rc == 0 && options[0].n != 1)
		rc = error_set(error, ERR_INPUT, "accept takes the folder of one run");
	if (rc == 0)
		rc = results_check_ended(options[0].words[0], error);
	if (rc == 0)
		rc = command_results_of_run("accept", options[0].words[0], shelf, &results,
		                            error);
	shelf_free(shelf);
	if (rc != 0)
		return -rc;
	proposed = json_made(json_pack("{s:o}", "known", accept_entries(results)));
	json_dumpf(proposed, stdout, JSON_INDENT(2));
	putchar('\n');
	tell(results, json_object_get(proposed, "known"));
	json_decref(proposed);
	json_decref(results);
	return 0;
}
