/* shakedown: the command. One row a subcommand; the usage is printed from the same rows. */
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "client.h"
#include "flow/decode_file.h"
#include "peer/certs.h"
#include "scenario/suite.h"
#include "view/results.h"
#include "view/terminal.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NAMES 256

/* What stands after the subcommand: plain words, and words after --NAME. */
struct option_words {
	const char *name; /* NULL: the plain words */
	bool flag;        /* takes no words */
	const char *one;  /* takes one word each time: what that is; NULL: takes several */
	bool (*optional)(const char *word); /* takes the next word if this says so */
	bool given;
	bool bare;        /* it was given without its optional word */
	size_t n;
	const char *words[MAX_NAMES];
};

static struct option_words *find_option(struct option_words *options, const char *argument)
{
	for (struct option_words *option = options + 1; option->name != NULL; option++)
		if (strcmp(argument, option->name) == 0)
			return option;
	return NULL;
}

/*
 * Sorts the arguments into `options`: [0] takes the plain words before the first option, the rest,
 * up to a row without a name, what follows each option's name.
 */
static int sort_arguments(char **arguments, struct option_words *options, struct error *error)
{
	struct option_words *current = options;

	for (; *arguments != NULL; arguments++) {
		if (strncmp(*arguments, "--", 2) == 0) {
			current = find_option(options, *arguments);
			if (current == NULL)
				return error_set(error, ERR_INPUT, "there is no option %s",
				                 *arguments);
			current->given = true;
			if (current->optional != NULL &&
			    (arguments[1] == NULL || !current->optional(arguments[1]))) {
				current->bare = true;
				current = options;
				continue;
			}
			if (current->one == NULL)
				continue;
			if (arguments[1] == NULL || strncmp(arguments[1], "--", 2) == 0)
				return error_set(error, ERR_INPUT, "%s needs %s", *arguments,
				                 current->one);
			arguments++;
		}
		if (current->flag)
			current = options;
		if (current->n == MAX_NAMES)
			return error_set(error, ERR_INPUT, "more than %d names", MAX_NAMES);
		current->words[current->n++] = *arguments;
		if (current->one != NULL)
			current = options;
	}
	return 0;
}

static const char *only_word(const struct option_words *option)
{
	return option->n > 0 ? option->words[option->n - 1] : NULL;
}

/* --- certificates ----------------------------------------------------------------------------- */

/* Brings certs/out up to date. */
static int make_certificates(struct certs_made *made, struct error *error)
{
	const char *root = file_data_root(error);
	char *recipes, *out;
	int rc;

	if (root == NULL)
		return error->code;
	recipes = file_join(root, "certs/recipes.json");
	out = file_join(root, "certs/out");
	rc = certs_make(recipes, out, made, error);
	free(recipes);
	free(out);
	return rc;
}

static int command_certs(char **arguments, struct error *error)
{
	struct option_words options[] = {{0}, {0}};
	struct certs_made made = {0};
	int rc = sort_arguments(arguments, options, error);

	if (rc == 0 && options[0].n > 0)
		rc = error_set(error, ERR_INPUT, "certs takes no names");
	if (rc == 0)
		rc = make_certificates(&made, error);
	if (rc == 0)
		printf("certificates: %zu made, %zu kept\n", made.n_made, made.n_kept);
	return -rc;
}

/* --- reports ---------------------------------------------------------------------------------- */

static void print_matrix(const json_t *results)
{
	struct terminal_options options = terminal_options_for(stdout);

	view_terminal(results, stdout, &options);
}

/* Reads the results.json of `folder`; the caller owns *results. */
static int load_results(const char *folder, json_t **results, struct error *error)
{
	const char *root = file_data_root(error);
	char *path, *schema;
	int rc;

	if (root == NULL)
		return error->code;
	path = file_join(folder, "results.json");
	schema = file_join(root, "scenarios/schema/results.schema.json");
	rc = results_load(path, schema, results, error);
	free(path);
	free(schema);
	return rc;
}

static int command_report(char **arguments, struct error *error)
{
	struct option_words options[] = {{0}, {0}};
	json_t *results = NULL;
	int rc = sort_arguments(arguments, options, error);

	if (rc == 0 && options[0].n != 1)
		rc = error_set(error, ERR_INPUT, "report takes the folder of one run");
	if (rc == 0 && results_recover(options[0].words[0], NULL) == 0)
		fputs("This run never came to its end; the report is of what was done.\n", stderr);
	if (rc == 0)
		rc = load_results(options[0].words[0], &results, error);
	if (rc == 0)
		rc = results_write(options[0].words[0], results, error);
	if (rc == 0)
		print_matrix(results);
	json_decref(results);
	return -rc;
}

/* --- run -------------------------------------------------------------------------------------- */

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
	int status = -make_certificates(&made, error);

	if (status == 0)
		status = client_run(request, error);
	json_decref(request);
	if (error->code == ERR_INPUT || load_results(out, &results, &unread) != 0)
		return status;
	print_matrix(results);
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

static int command_run(char **arguments, struct error *error)
{
	struct option_words options[] = {{0}, {.name = "--board"}, {.name = "--out"}, {0}};
	int status = -refuse_foreign_bytes(arguments, error);
	char *folder = NULL;

	if (status == 0)
		status = -sort_arguments(arguments, options, error);
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
	status = run_suites(options, folder != NULL ? folder : only_word(&options[2]), error);
	free(folder);
	return status;
}

/* --- plan ------------------------------------------------------------------------------------- */

static int print_cases(const char *name, size_t *n_cases, struct error *error)
{
	struct suite *suite;
	int rc = suite_load(&suite, name, error);

	if (rc != 0)
		return rc;
	printf("%s: %zu cases\n", suite_name(suite), suite_n_cases(suite));
	for (size_t i = 0; i < suite_n_cases(suite); i++) {
		json_t *of_suite = suite_case(suite, i);

		printf("  %s\n", json_text(of_suite, "case"));
		json_decref(of_suite);
	}
	*n_cases += suite_n_cases(suite);
	suite_free(suite);
	return 0;
}

static int command_plan(char **arguments, struct error *error)
{
	struct option_words options[] = {{0}, {0}};
	int rc = sort_arguments(arguments, options, error);
	size_t n_cases = 0;

	if (rc == 0 && options[0].n == 0)
		rc = error_set(error, ERR_INPUT, "plan takes suites: files, or names such as story");
	for (size_t i = 0; rc == 0 && i < options[0].n; i++)
		rc = print_cases(options[0].words[i], &n_cases, error);
	if (rc == 0 && options[0].n > 1)
		printf("%zu cases in all\n", n_cases);
	return -rc;
}

/* --- decode ----------------------------------------------------------------------------------- */

enum { DECODE_FILE, DECODE_JSON, DECODE_KEYLOG, DECODE_FIELDS, DECODE_WRITE, DECODE_KEY,
       DECODE_FILTERS };

/* The options of decode that stand for a filter each, after DECODE_FILTERS. */
static int (*const filters[])(struct filter *filter, const char *word, struct error *error) = {
	filter_add_port, filter_add_host, filter_add_name, filter_add_alert};

#define N_FILTERS (sizeof(filters) / sizeof(filters[0]))

static int read_filter(const struct option_words *options, struct filter *filter,
                       struct error *error)
{
	int rc = 0;

	for (size_t i = 0; i < N_FILTERS; i++) {
		const struct option_words *option = &options[DECODE_FILTERS + i];

		if (option->bare)
			rc = filters[i](filter, NULL, error);
		for (size_t j = 0; rc == 0 && j < option->n; j++)
			rc = filters[i](filter, option->words[j], error);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int command_decode(char **arguments, struct error *error)
{
	struct option_words options[] = {
		[DECODE_FILE] = {0},
		[DECODE_JSON] = {.name = "--json", .flag = true},
		[DECODE_KEYLOG] = {.name = "--keylog", .one = "a key log (SSLKEYLOGFILE)"},
		[DECODE_FIELDS] = {.name = "--fields",
		                   .one = "paths in the JSON, such as client.address,version"},
		[DECODE_WRITE] = {.name = "--write", .one = "the name of a new capture"},
		[DECODE_KEY] = {.name = "--key", .one = "a file with a private RSA key"},
		[DECODE_FILTERS] = {.name = "--port", .one = "a port"},
		{.name = "--host", .one = "an address"},
		{.name = "--sni", .one = "a server's name"},
		{.name = "--alert", .one = "an alert", .optional = filter_is_alert},
		{0},
	};
	struct decode_request request = {0};
	int rc = sort_arguments(arguments, options, error);

	if (rc == 0 && options[DECODE_FILE].n != 1)
		rc = error_set(error, ERR_INPUT,
		               "decode takes one capture (pcap or pcapng; - for standard input)");
	for (size_t i = DECODE_KEYLOG; rc == 0 && i <= DECODE_WRITE; i++)
		if (options[i].n > 1)
			rc = error_set(error, ERR_INPUT, "%s can be given once", options[i].name);
	if (rc == 0)
		rc = read_filter(options, &request.filter, error);
	request.path = only_word(&options[DECODE_FILE]);
	request.format = options[DECODE_JSON].given ? EMIT_JSON : EMIT_TEXT;
	request.keylog = only_word(&options[DECODE_KEYLOG]);
	request.private_keys = options[DECODE_KEY].words;
	request.n_private_keys = options[DECODE_KEY].n;
	request.fields = only_word(&options[DECODE_FIELDS]);
	request.write = only_word(&options[DECODE_WRITE]);
	if (rc == 0)
		rc = decode_file(&request, stdout, stderr, error);
	return -rc;
}

/* --- main ------------------------------------------------------------------------------------- */

static const struct command {
	const char *name, *takes, *does;
	int (*run)(char **arguments, struct error *error); /* returns the exit status */
} commands[] = {
	{"run", "SUITE... --board NAME... [--out FOLDER]",
	 "run suites on boards and report", command_run},
	{"plan", "SUITE...", "list the cases of suites without running them", command_plan},
	{"report", "FOLDER", "print a run's matrix and write its reports again", command_report},
	{"decode", "FILE [--json | --fields PATH,...] [--keylog FILE] [--key FILE]\n"
	 "                   [--port N] [--host ADDRESS] [--sni NAME] [--alert [N]]\n"
	 "                   [--write OUT.pcapng]\n"
	 "                                                          ",
	 "print the TLS connections of a capture", command_decode},
	{"certs", "", "make the certificates that suites name", command_certs},
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *file)
{
	fputs("usage:\n", file);
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(file, "  shakedown %-6s %-40s  %s\n", commands[i].name, commands[i].takes,
		        commands[i].does);
	fputs("exit status: 0 all as expected, 1 some cell failed, 2 wrong usage or input,\n"
	      "             3 the harness could not do its work\n",
	      file);
}

static bool asks_for_help(char **arguments)
{
	static const char *const words[] = {"--help", "-h"};

	for (; *arguments != NULL; arguments++)
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strcmp(*arguments, words[i]) == 0)
				return true;
	return false;
}

int main(int argc, char **argv)
{
	struct error error = {0};
	int status = 2;

	setlocale(LC_CTYPE, "");
	if (argc > 1 && (strcmp(argv[1], "help") == 0 || asks_for_help(argv + 1))) {
		usage(stdout);
		return 0;
	}
	for (size_t i = 0; argc > 1 && i < N_COMMANDS; i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		status = commands[i].run(argv + 2, &error);
		if (error.text[0] != '\0')
			fprintf(stderr, "shakedown: %s\n", error.text);
		return status;
	}
	if (argc > 1)
		fprintf(stderr, "shakedown: there is no command \"%s\"\n", argv[1]);
	usage(stderr);
	return status;
}
