#include "command.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/utf8.h"
#include "client.h"
#include "verdict/baseline.h"
#include "view/results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES_DEFAULT 6 /* one-factor changes that a failing cell may cost */
#define TRIES_MAX 100

enum { RUN_SUITES, RUN_BOARDS, RUN_OUT, RUN_CONTROL, RUN_TRIES, RUN_RULES, RUN_SHARD, RUN_DURATIONS,
       RUN_BASELINE };

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

/* What the daemon is asked for; the caller releases it. NULL with the error set on failure. */
static json_t *make_request(const struct option_words *options, const char *out,
                            struct error *error)
{
	const char *control = command_word(&options[RUN_CONTROL]);
	const char *tries = command_word(&options[RUN_TRIES]);
	char *end = NULL;
	long n_tries = tries != NULL ? strtol(tries, &end, 10) : TRIES_DEFAULT;

	if (tries != NULL && (end == tries || *end != '\0' || n_tries < 0 || n_tries > TRIES_MAX)) {
		error_set(error, ERR_INPUT, "--tries takes a number from 0 to %d, not %s",
		          TRIES_MAX, tries);
		return NULL;
	}
	return json_made(json_pack("{s:s, s:o, s:o, s:o, s:s, s:s, s:I, s:s*, s:s*}", "op", "run", "suites",
	                           command_words(&options[RUN_SUITES]), "boards",
	                           command_words(&options[RUN_BOARDS]), "rules",
	                           command_words(&options[RUN_RULES]), "out", out, "control",
	                           control != NULL ? control : "on-failure", "tries",
	                           (json_int_t)n_tries, "shard",
	                           command_word(&options[RUN_SHARD]), "durations",
	                           command_word(&options[RUN_DURATIONS])));
}

/*
 * Puts the comparison with `base` into the reports. A run that came to its end is then judged by
 * that alone: `status` and *error stand for what the base does not know.
 */
static int compare(const char *out, json_t *results, const json_t *base, int status,
                   struct error *error)
{
	json_t *comparison = baseline_compare(base, results);
	int rc;

	json_object_set_new(results, "baseline", comparison);
	rc = results_write(out, results, error);
	if (rc != 0)
		return -rc;
	if (!json_flag(json_object_get(results, "run"), "complete"))
		return status;
	status = baseline_exit_status(comparison);
	if (status != -ERR_ENVIRONMENT)
		*error = (struct error){0};
	return status;
}

static int run_suites(const struct option_words *options, const char *out, const json_t *base,
                      struct error *error)
{
	json_t *request = make_request(options, out, error);
	struct certs_made made = {0};
	struct error unread = {0};
	json_t *results = NULL;
	int status;

	if (request == NULL)
		return -error->code;
	status = -command_certificates(&made, error);
	if (status == 0)
		status = client_run(request, error);
	json_decref(request);
	if (error->code == ERR_INPUT)
		return status;
	if (command_results(out, &results, &unread) != 0) {
		if (error->code == 0)
			*error = unread; /* else *error tells why nothing was reported */
		return status;
	}
	if (base != NULL)
		status = compare(out, results, base, status, error);
	command_print(results);
	printf("\nReport: %s/index.html\n", out);
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
	struct option_words options[] = {
		[RUN_SUITES] = {0},
		[RUN_BOARDS] = {.name = "--board"},
		[RUN_OUT] = {.name = "--out"},
		[RUN_CONTROL] = {.name = "--control", .one = "always, on-failure or never"},
		[RUN_TRIES] = {.name = "--tries", .one = "a number"},
		[RUN_RULES] = {.name = "--rules", .one = "the file of a diagnosis rule"},
		[RUN_SHARD] = {.name = "--shard", .one = "K/N, the part K of N"},
		[RUN_DURATIONS] = {.name = "--durations", .one = "the folder of a former run"},
		[RUN_BASELINE] = {.name = "--baseline", .one = "the folder of an earlier run"},
		{0},
	};
	int status = -refuse_foreign_bytes(arguments, error);
	json_t *base = NULL;
	char *folder = NULL;

	if (status == 0)
		status = -command_sort(arguments, options, error);
	if (status != 0)
		return status;
	if (options[RUN_SUITES].n == 0)
		return -error_set(error, ERR_INPUT,
		                  "run takes a suite, before its options: a file, or a name "
		                  "such as story");
	if (options[RUN_BOARDS].n == 0)
		return -error_set(
			error, ERR_INPUT,
			"run needs --board and at least one board: a profile's file or name");
	if (options[RUN_OUT].given && options[RUN_OUT].n != 1)
		return -error_set(error, ERR_INPUT, "--out takes one folder");
	if (options[RUN_BASELINE].given)
		status = -command_baseline(command_word(&options[RUN_BASELINE]), &base, error);
	if (status != 0)
		return status;
	if (!options[RUN_OUT].given)
		folder = default_folder(options[RUN_SUITES].words[0]);
	status = run_suites(options, folder != NULL ? folder : command_word(&options[RUN_OUT]),
	                    base, error);
	json_decref(base);
	free(folder);
	return status;
}
