#include "command.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"
#include "base/version.h"
#include "ci.h"
#include "client.h"
#include "lab_socket.h"
#include "scenario/shipped.h"
#include "verdict/baseline.h"
#include "verdict/outcome.h"
#include "view/ladder.h"
#include "view/results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRIES_DEFAULT 6 /* one-factor changes that a failing cell may cost */

enum {
	RUN_SUITES,
	RUN_BOARDS,
	RUN_CASES,
	RUN_OUT,
	RUN_CONTROL,
	RUN_TRIES,
	RUN_RULES,
	RUN_ATTEMPTS,
	RUN_KNOWN,
	RUN_SHARD,
	RUN_DURATIONS,
	RUN_RESUME,
	RUN_DAEMON,
	RUN_GITHUB,
	RUN_TAP,
	RUN_VERBOSE,
	RUN_BASELINE,
};

/* Adds the file of JSON as {"file", "json"}. */
static int add_document(json_t *documents, const char *path, struct error *error)
{
	json_t *json = NULL;
	int rc = json_load_path(path, &json, error);

	if (rc == 0)
		json_array_append_new(documents, json_made(json_pack("{s:s, s:o}", "file", path,
		                                                     "json", json)));
	return rc;
}

/*
 * The suites as documents: who runs them may be on another machine, and checks them. That takes
 * long for large ones, and once is enough.
 */
static int put_suites(const struct option_words *option, json_t *request, struct error *error)
{
	json_t *documents = json_made(json_array());
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < option->n; i++) {
		char *path = NULL;

		rc = shipped_path("suite", "scenarios", option->words[i], &path, error);
		if (rc == 0)
			rc = add_document(documents, path, error);
		free(path);
	}
	json_object_set_new(request, "suites", documents);
	return rc;
}

/* Other files, under `key`. */
static int put_files(const struct option_words *option, const char *key, json_t *request,
                     struct error *error)
{
	json_t *documents = json_made(json_array());
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < option->n; i++)
		rc = add_document(documents, option->words[i], error);
	json_object_set_new(request, key, documents);
	return rc;
}

/* Paths are made absolute: the run may go on from another folder. */
static int put_boards(const struct option_words *option, json_t *request, struct error *error)
{
	json_t *names = json_made(json_array());
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < option->n; i++) {
		const char *name = option->words[i];
		char *path = shipped_is_path(name) ? realpath(name, NULL) : NULL;

		name = path != NULL ? path : name;
		rc = command_check_name(name, error); /* with the folders above it */
		if (rc == 0)
			json_array_append_new(names, json_made(json_string(name)));
		free(path);
	}
	json_object_set_new(request, "boards", names);
	return rc;
}

/*
 * What each case of a former run took on its boards: {"<id of the case>": milliseconds}. Of those
 * that were not run nothing is known. New.
 */
static json_t *former_durations(const json_t *results)
{
	json_t *durations = json_made(json_object());
	const json_t *cell;
	size_t i;

	json_array_foreach(json_object_get(results, "cells"), i, cell) {
		const json_t *took = json_object_get(json_object_get(cell, "timings_ms"), "total");
		char *id = strdup(json_text(cell, "id")), *board;
		double others;

		CHECK(id != NULL);
		board = strrchr(id, '/');
		if (board != NULL)
			*board = '\0';
		others = json_number_value(json_object_get(durations, id));
		if (took != NULL)
			json_object_set_new(durations, id,
			                    json_made(json_real(json_number_value(took) + others)));
		free(id);
	}
	return durations;
}

/* What the cases of the former run in the folder took. */
static int put_durations(const struct option_words *options, json_t *request, struct error *error)
{
	const char *folder = command_word(&options[RUN_DURATIONS]);
	struct shelf *shelf;
	json_t *former = NULL;
	int rc;

	if (folder == NULL)
		return 0;
	if (!options[RUN_SHARD].given)
		return error_set(error, ERR_INPUT,
		                 "--durations serves --shard, which was not given");
	shelf = shelf_new();
	rc = command_results(folder, shelf, &former, error);
	shelf_free(shelf);
	if (rc != 0) {
		error_append(error, "; --durations takes the folder of a run");
		return rc;
	}
	json_object_set_new(request, "durations", former_durations(former));
	json_decref(former);
	return 0;
}

/* What the daemon is asked for; the caller releases it. NULL with the error set on failure. */
static json_t *make_request(const struct option_words *options, struct error *error)
{
	const char *control = command_word(&options[RUN_CONTROL]);
	json_t *request = NULL;
	long n_tries, n_attempts;
	int rc = command_number(&options[RUN_TRIES], 0, COMMAND_TRIES_MAX, TRIES_DEFAULT, &n_tries,
	                        error);

	if (rc == 0)
		rc = command_number(&options[RUN_ATTEMPTS], 1, COMMAND_ATTEMPTS_MAX, 1, &n_attempts,
		                    error);
	if (rc == 0 && options[RUN_KNOWN].n > 1)
		rc = error_set(error, ERR_INPUT, "--known takes one file");
	if (rc != 0)
		return NULL;
	request = json_made(json_pack("{s:s, s:s, s:o, s:s, s:I, s:I, s:s*}", "op", "run",
	                              "version", SHAKEDOWN_VERSION, "cases",
	                              command_words(&options[RUN_CASES]), "control",
	                              control != NULL ? control : "on-failure", "tries",
	                              (json_int_t)n_tries, "attempts",
	                              (json_int_t)n_attempts, "shard",
	                              command_word(&options[RUN_SHARD])));
	rc = put_boards(&options[RUN_BOARDS], request, error);
	if (rc == 0)
		rc = put_suites(&options[RUN_SUITES], request, error);
	if (rc == 0)
		rc = put_files(&options[RUN_RULES], "rules", request, error);
	if (rc == 0)
		rc = put_files(&options[RUN_KNOWN], "known", request, error);
	if (rc == 0)
		rc = put_durations(options, request, error);
	if (rc == 0)
		return request;
	json_decref(request);
	return NULL;
}

/*
 * A run that came to its end is judged by its comparison with `base` alone: `status` and *error
 * stand for what the base does not know. Where the reports could not be written with it, they are
 * now.
 */
static int compare(const char *out, json_t *results, const struct shelf *shelf, const json_t *base,
                   int status, struct error *error)
{
	const json_t *comparison = json_object_get(results, "baseline");
	int rc;

	if (comparison == NULL) {
		json_object_set_new(results, "baseline", baseline_compare(base, results));
		comparison = json_object_get(results, "baseline");
		rc = results_write(out, results, shelf, error);
		if (rc != 0)
			return -rc;
	}
	if (!json_flag(json_object_get(results, "run"), "complete"))
		return status;
	status = baseline_exit_status(comparison);
	if (status != -ERR_ENVIRONMENT)
		*error = (struct error){0};
	return status;
}

/* Of each cell that is not as it should be. */
static void print_ladders(const json_t *results, const struct shelf *shelf)
{
	struct terminal_options terminal = terminal_options_for(stdout);
	const json_t *cell;
	struct buf out = {0};
	json_t *whole;
	size_t i;

	json_array_foreach(json_object_get(results, "cells"), i, cell) {
		if (outcome_exit_status(outcome_named(json_text(cell, "outcome"))) == 0)
			continue;
		buf_printf(&out, "\n%s: %s\n", json_text(cell, "id"), json_text(cell, "outcome"));
		whole = shelf_whole(shelf, cell);
		ladder_cell(whole, &terminal, &out);
		json_decref(whole);
	}
	fputs(buf_string(&out), stdout);
	buf_fini(&out);
}

static bool is_there(const char *folder, const char *name)
{
	char *path = file_join(folder, name);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

/* What came of it, compared and printed. `status` is that of this part of the run. */
static int show(struct shelf *shelf, const struct option_words *options, const char *out,
                json_t *results, const json_t *base, const struct ci *ci, int status,
                struct error *error)
{
	int whole = results_exit_status(results);

	status = whole > status ? whole : status;
	if (base != NULL)
		status = compare(out, results, shelf, base, status, error);
	command_print(results, shelf);
	if (options[RUN_VERBOSE].given)
		print_ladders(results, shelf);
	if (is_there(out, "index.html")) /* a disk may be full before it */
		printf("\nReport: %s/index.html\n", out);
	if (ci_end(ci, results, shelf, error) != 0) {
		error_append(error, "; `shakedown report %s --tap FILE` writes it elsewhere", out);
		status = -ERR_ENVIRONMENT;
	}
	return status;
}

/* What is there of the results where not all reports could be written. */
static void load_written(const char *out, struct shelf *shelf, json_t **results,
                         struct error *error)
{
	struct error unread = {0};

	if (*results != NULL)
		return;
	if (command_results(out, shelf, results, &unread) == 0)
		json_object_del(*results, "baseline"); /* not in all reports */
	else if (error->code == 0)
		*error = unread; /* else *error tells why nothing was reported */
}

static int run_and_show(const struct client_order *order, const struct option_words *options,
                        const struct ci *ci, struct error *error)
{
	struct shelf *shelf = shelf_new();
	json_t *results = NULL;
	int status = client_run(order, shelf, &results, error);

	if (error->code != ERR_INPUT)
		load_written(order->out, shelf, &results, error);
	if (results != NULL && error->code != ERR_INPUT)
		status = show(shelf, options, order->out, results, order->base, ci, status, error);
	else
		ci_end(ci, NULL, NULL, error);
	json_decref(results);
	shelf_free(shelf);
	return status;
}

static int carry_out(const struct client_order *order, const struct option_words *options,
                     struct error *error)
{
	struct ci ci = {.github = options[RUN_GITHUB].given,
	                .tap = command_word(&options[RUN_TAP])};
	struct certs_made made = {0};
	struct client_order compared = *order;
	json_t *base = NULL;
	int status = 0;

	ci_begin(&ci);
	if (options[RUN_BASELINE].given)
		status = -command_baseline(command_word(&options[RUN_BASELINE]), &base, error);
	compared.base = base;
	if (status == 0 && order->daemon == NULL)
		status = -certs_make_own(&made, error);
	if (status == 0)
		status = run_and_show(&compared, options, &ci, error);
	else
		ci_end(&ci, NULL, NULL, error);
	json_decref(base);
	return status;
}

static int run_suites(const struct option_words *options, const char *out, const char *daemon,
                      struct error *error)
{
	struct client_order order = {.out = out, .daemon = daemon};
	json_t *request = make_request(options, error);
	int status;

	if (request == NULL)
		return -error->code;
	order.request = request;
	status = carry_out(&order, options, error);
	json_decref(request);
	return status;
}

/* The rest of a run: all of it was said when it was begun. */
static int resume(const struct option_words *options, const char *daemon, struct error *error)
{
	struct client_order order = {.out = command_word(&options[RUN_RESUME]), .daemon = daemon};

	for (size_t i = 0; i < RUN_RESUME; i++)
		if (options[i].n > 0)
			return -error_set(error, ERR_INPUT,
			                  "--resume goes on with the run as it was begun: it takes "
			                  "no suite, and no option but --daemon, --baseline, "
			                  "--verbose, --github and --tap");
	return carry_out(&order, options, error);
}

static int begin(const struct option_words *options, const char *daemon, struct error *error)
{
	char *folder = NULL;
	int status;

	if (options[RUN_SUITES].n == 0)
		return -error_set(error, ERR_INPUT,
		                  "run takes a suite, before its options: a file, or a name "
		                  "such as story");
	if (options[RUN_BOARDS].n == 0)
		return -error_set(
			error, ERR_INPUT,
			"run needs --board and at least one board: a profile's file or name");
	if (options[RUN_CASES].given && options[RUN_CASES].n == 0)
		return -error_set(error, ERR_INPUT,
		                  "--case needs the name of a case: `shakedown plan SUITE` lists them");
	if (options[RUN_OUT].given && options[RUN_OUT].n != 1)
		return -error_set(error, ERR_INPUT, "--out takes one folder");
	if (!options[RUN_OUT].given)
		folder = command_default_folder(options[RUN_SUITES].words[0]);
	status = run_suites(options, folder != NULL ? folder : command_word(&options[RUN_OUT]),
	                    daemon, error);
	free(folder);
	return status;
}

/* --daemon alone means the one that is found. */
static bool is_socket(const char *word)
{
	return strncmp(word, "--", 2) != 0;
}

int command_run(char **arguments, struct error *error)
{
	struct option_words options[] = {
		[RUN_SUITES] = {0},
		[RUN_BOARDS] = {.name = "--board"},
		[RUN_CASES] = {.name = "--case"},
		[RUN_OUT] = {.name = "--out"},
		[RUN_CONTROL] = {.name = "--control", .one = "always, on-failure or never"},
		[RUN_TRIES] = {.name = "--tries", .one = "a number"},
		[RUN_RULES] = {.name = "--rules", .one = "the file of a diagnosis rule"},
		[RUN_ATTEMPTS] = {.name = "--attempts", .one = "a number"},
		[RUN_KNOWN] = {.name = "--known", .one = "the file of known failures"},
		[RUN_SHARD] = {.name = "--shard", .one = "K/N, the part K of N"},
		[RUN_DURATIONS] = {.name = "--durations", .one = "the folder of a former run"},
		[RUN_RESUME] = {.name = "--resume", .one = "the folder of a run"},
		[RUN_DAEMON] = {.name = "--daemon", .optional = is_socket},
		[RUN_GITHUB] = {.name = "--github", .flag = true},
		[RUN_TAP] = {.name = "--tap", .one = "the name of a new file"},
		[RUN_VERBOSE] = {.name = "--verbose", .flag = true},
		[RUN_BASELINE] = {.name = "--baseline", .one = "the folder of an earlier run"},
		{0},
	};
	int status = -command_check_names(arguments, error);
	char *daemon = NULL;

	if (status == 0)
		status = -command_sort(arguments, options, error);
	if (status != 0)
		return status;
	if (options[RUN_DAEMON].given)
		daemon = lab_socket_path(command_word(&options[RUN_DAEMON]), false);
	status = options[RUN_RESUME].given ? resume(options, daemon, error)
	                                   : begin(options, daemon, error);
	free(daemon);
	return status;
}
