#include "command.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "base/words.h"
#include "scenario/lineup.h"
#include "view/results.h"
#include "view/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct option_words *find_option(struct option_words *options, const char *argument)
{
	for (struct option_words *option = options + 1; option->name != NULL; option++)
		if (strcmp(argument, option->name) == 0)
			return option;
	return NULL;
}

/* What was most likely meant by a word that is no option: its value behind "=", or a near name. */
static int refuse_option(const struct option_words *options, const char *argument,
                         struct error *error)
{
	size_t len = strcspn(argument, "=");
	json_t *known = json_made(json_array());
	const char *nearest = NULL, *name;

	for (const struct option_words *option = options + 1; option->name != NULL; option++) {
		json_array_append_new(known, json_made(json_string(option->name)));
		if (strlen(option->name) == len && strncmp(option->name, argument, len) == 0)
			nearest = option->name;
	}
	error_set(error, ERR_INPUT, "there is no option %s", argument);
	name = nearest == NULL ? words_nearest(argument, known) : NULL;
	if (strcmp(argument, "--") == 0)
		error_append(error, "; a file whose name begins with \"-\" is written ./-NAME");
	else if (nearest != NULL)
		error_append(error, "; what an option takes stands behind a space: %s %s", nearest,
		             argument + len + 1);
	else if (name != NULL)
		error_append(error, " (did you mean %s?)", name);
	json_decref(known);
	return error->code;
}

int command_sort(char **arguments, struct option_words *options, struct error *error)
{
	struct option_words *current = options;

	for (; *arguments != NULL; arguments++) {
		if (strncmp(*arguments, "--", 2) == 0) {
			current = find_option(options, *arguments);
			if (current == NULL)
				return refuse_option(options, *arguments, error);
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
		if (current->n == COMMAND_WORDS_MAX)
			return error_set(error, ERR_INPUT, "more than %d names", COMMAND_WORDS_MAX);
		current->words[current->n++] = *arguments;
		if (current->one != NULL)
			current = options;
	}
	return 0;
}

int command_check_name(const char *name, struct error *error)
{
	return utf8_is_valid(name)
	               ? 0
	               : error_set(error, ERR_INPUT, "the name %s is not UTF-8", name);
}

int command_check_names(char **arguments, struct error *error)
{
	int rc = 0;

	for (; rc == 0 && *arguments != NULL; arguments++)
		rc = command_check_name(*arguments, error);
	return rc;
}

const char *command_word(const struct option_words *option)
{
	return option->n > 0 ? option->words[option->n - 1] : NULL;
}

int command_number(const struct option_words *option, long min, long max, long otherwise,
                   long *number, struct error *error)
{
	const char *word = command_word(option);
	char *end = NULL;

	*number = word != NULL ? strtol(word, &end, 10) : otherwise;
	if (word != NULL && (end == word || *end != '\0' || *number < min || *number > max))
		return error_set(error, ERR_INPUT, "%s takes a number from %ld to %ld, not %s",
		                 option->name, min, max, word);
	return 0;
}

json_t *command_words(const struct option_words *option)
{
	json_t *array = json_made(json_array());

	for (size_t i = 0; i < option->n; i++)
		json_array_append_new(array, json_made(json_string(option->words[i])));
	return array;
}

char *command_certificates_folder(struct error *error)
{
	struct certs_made made;

	if (certs_make_own(&made, error) != 0)
		return NULL;
	return certs_folder(error);
}

int command_suites(const struct option_words *option, struct suite *suites[], struct error *error)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < option->n; i++)
		rc = suite_load(&suites[i], option->words[i], error);
	return rc != 0 ? rc : suite_check_set(suites, option->n, error);
}

char *command_default_folder(const char *suite)
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

const char command_caveat[] =
	"This is what each server would answer to that hello; whether the client then accepts the "
	"answer, only a run with the client shows.";

json_t **command_ask(struct suite *const suites[], size_t n_suites, const struct hellos *hellos,
                     const char *certificates, struct error *error)
{
	struct bytes *messages = calloc(hellos->n, sizeof(*messages));
	json_t **answers = calloc(hellos->n, sizeof(json_t *));
	struct lineup lineup = {.suites = suites, .n_suites = n_suites, .hellos = messages,
	                        .n_hellos = hellos->n, .certificates = certificates};
	int rc;

	CHECK(messages != NULL && answers != NULL);
	for (size_t i = 0; i < hellos->n; i++) {
		messages[i] = buf_view(&hellos->items[i].message);
		answers[i] = json_made(json_array());
	}
	rc = lineup_ask(&lineup, answers, error);
	free(messages);
	if (rc == 0)
		return answers;
	for (size_t i = 0; i < hellos->n; i++)
		json_decref(answers[i]);
	free(answers);
	return NULL;
}

int command_results(const char *folder, struct shelf *shelf, json_t **results, struct error *error)
{
	const char *root = file_data_root(error);
	char *path, *schema;
	int rc;

	if (root == NULL)
		return error->code;
	path = file_join(folder, "results.json");
	schema = file_join(root, "scenarios/schema/results.schema.json");
	rc = results_load(path, schema, shelf, results, error);
	free(path);
	free(schema);
	return rc;
}

int command_results_of_run(const char *command, const char *folder, struct shelf *shelf,
                           json_t **results, struct error *error)
{
	char *path = file_join(folder, "results.json");
	int rc = command_results(folder, shelf, results, error);

	if (rc != 0 && access(path, F_OK) != 0)
		error_append(error, "; %s takes the folder that a run names at its end", command);
	free(path);
	return rc;
}

static void tell_growing(const json_t *results)
{
	const json_t *cells = json_object_get(results, "cells"), *cell;
	size_t n_done = 0, i;

	json_array_foreach(cells, i, cell)
		n_done += strcmp(json_text(cell, "reason"), "not-run") != 0;
	fprintf(stderr, "This run goes on: %zu of its %zu cells are done by now.\n", n_done,
	        json_array_size(cells));
}

int command_results_by_now(const char *command, const char *folder, bool *growing,
                           struct shelf *shelf, json_t **results, struct error *error)
{
	struct error gone = {0};
	int rc = ERR_INPUT;

	*growing = results_are_growing(folder);
	if (*growing)
		rc = results_so_far(folder, shelf, results, &gone);
	if (rc == 0)
		tell_growing(*results);
	else if (*growing && results_are_growing(folder))
		*error = gone;
	else /* it may have come to its end meanwhile */
		*growing = false;
	return *growing ? rc : command_results_of_run(command, folder, shelf, results,
	                                              error);
}

int command_baseline(const char *folder, json_t **base, struct error *error)
{
	int rc = results_check_ended(folder, error);
	struct shelf *shelf;

	if (rc != 0)
		return rc;
	shelf = shelf_new();
	rc = command_results_of_run("--baseline", folder, shelf, base, error);
	shelf_free(shelf);
	return rc;
}

void command_print(const json_t *results, const struct shelf *shelf)
{
	struct terminal_options options = terminal_options_for(stdout);

	view_terminal(results, shelf, stdout, &options);
}

json_t *command_hello(const struct hello *hello, size_t number)
{
	json_t *told = json_made(json_pack("{s:I, s:I}", "hello", (json_int_t)number + 1, "count",
	                                   (json_int_t)hello->n));
	json_t *connections = json_made(json_array());
	static const char *const kept[] = {"client", "server", "client_hello"};

	for (uint64_t i = 0; i < hello->n && i < HELLOS_NUMBERS_MAX; i++)
		if (hello->numbers[i] != 0)
			json_array_append_new(connections,
			                      json_integer((json_int_t)hello->numbers[i]));
	json_object_set_new(told, "connections", connections);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (json_object_get(hello->connection, kept[i]) != NULL)
			json_object_set(told, kept[i], json_object_get(hello->connection, kept[i]));
	return told;
}

void command_print_lines(const json_t *told)
{
	const json_t *hello;
	size_t i;

	json_array_foreach(told, i, hello) {
		json_dumpf(hello, stdout, JSON_COMPACT);
		putchar('\n');
	}
}
