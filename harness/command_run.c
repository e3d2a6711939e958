#include "command.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/utf8.h"
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *word_array(const struct option_words *option)
{
	json_t *array = json_made(json_array());

	for (size_t i = 0; i < option->n; i++)
		json_array_append_new(array, json_made(json_string(option->words[i])));
	return array;
}

/* reports/<time>-<suite> where the user named no folder. */
static char *default_folder(const char *suite)
{
	const char *slash = strrchr(suite, '/');
	const char *name = slash != NULL ? slash + 1 : suite;
	char time[CLOCK_TEXT_MAX];
	char *folder = NULL;

	clock_text(clock_wall_ns(), time);
	for (char *c = time; *c != '\0'; c++)
		if (*c == ':')
			*c = '-';
	if (asprintf(&folder, "reports/%s-%.*s", time, (int)strcspn(name, "."), name) < 0)
		abort();
	return folder;
}

static int run_suites(const struct option_words *options, const char *out, struct error *error)
{
	struct certs_made made = {0};
	json_t *request = json_made(json_pack("{s:s, s:o, s:o, s:s}", "op", "run", "suites",
	                                      word_array(&options[0]), "boards",
	                                      word_array(&options[1]), "out", out));
	struct error unread = {0}; /* nothing was reported: *error tells why */
	json_t *results = NULL;
	int status = -command_certificates(&made, error);

	if (status == 0)
		status = client_run(request, error);
	json_decref(request);
	if (error->code == ERR_INPUT || command_results(out, &results, &unread) != 0)
		return status;
	command_print(results);
	printf("\nReport: %s\n", out);
	json_decref(results);
	return status;
}

/* All names of a run stand in its report, which is JSON. */
static int refuse_foreign_bytes(char **arguments, struct error *error)
{
	for (; *arguments != NULL; arguments++)
		if (!utf8_is_valid(*arguments))
			return error_set(error, ERR_INPUT, "the name %s is not UTF-8", *arguments);
	return 0;
}

int command_run(char **arguments, struct error *error)
{
	struct option_words options[] = {{0}, {.name = "--board"}, {.name = "--out"}, {0}};
	int status = -refuse_foreign_bytes(arguments, error);
	char *folder = NULL;

	if (status == 0)
		status = -command_sort(arguments, options, error);
	if (status != 0)
		return status;
	if (options[0].n == 0)
		return -error_set(error, ERR_INPUT,
		                  "run takes a suite, before its options: a file, or a name such as story");
	if (options[1].n == 0)
		return -error_set(
			error, ERR_INPUT,
			"run needs --board and at least one board: a profile's file or name");
	if (options[2].given && options[2].n != 1)
		return -error_set(error, ERR_INPUT, "--out takes one folder");
	if (!options[2].given)
		folder = default_folder(options[0].words[0]);
	status = run_suites(options, folder != NULL ? folder : command_word(&options[2]), error);
	free(folder);
	return status;
}
