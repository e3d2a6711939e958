#include "command.h"

#include "base/json.h"
#include "scenario/suite.h"

#include <stdio.h>

static int print_cases(const char *name, size_t *n_cases, struct error *error)
{
	struct suite *suite;
	int rc = suite_load(&suite, name, error);

	if (rc != 0)
		return rc;
	printf("%s: %zu %s\n", suite_name(suite), suite_n_cases(suite),
	       suite_n_cases(suite) == 1 ? "case" : "cases");
	for (size_t i = 0; i < suite_n_cases(suite); i++) {
		json_t *of_suite = suite_case(suite, i);

		printf("  %s\n", json_text(of_suite, "case"));
		json_decref(of_suite);
	}
	*n_cases += suite_n_cases(suite);
	suite_free(suite);
	return 0;
}

int command_plan(char **arguments, struct error *error)
{
	struct option_words options[] = {{0}, {0}};
	int rc = command_sort(arguments, options, error);
	size_t n_cases = 0;

	if (rc == 0 && options[0].n == 0)
		rc = error_set(error, ERR_INPUT,
		               "plan takes suites: files, or names such as story");
	for (size_t i = 0; rc == 0 && i < options[0].n; i++)
		rc = print_cases(options[0].words[i], &n_cases, error);
	if (rc == 0 && options[0].n > 1)
		printf("%zu cases in all\n", n_cases);
	return -rc;
}
