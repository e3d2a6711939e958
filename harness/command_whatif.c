#include "command.h"

#include "base/json.h"
#include "flow/hellos.h"
#include "view/answers.h"

#include <stdio.h>
#include <stdlib.h>

/* The hellos as objects, each with its answers; a new list, NULL with the error set. */
static json_t *ask(const struct option_words *suite_words, struct suite *const suites[],
                   const struct hellos *hellos, struct error *error)
{
	char *certificates = command_certificates_folder(error);
	json_t **answers = NULL, *told = NULL;

	if (certificates != NULL)
		answers = command_ask(suites, suite_words->n, hellos, certificates, error);
	if (answers != NULL)
		told = json_made(json_array());
	for (size_t i = 0; answers != NULL && i < hellos->n; i++) {
		json_t *hello = command_hello(&hellos->items[i], i);

		json_object_set_new(hello, "answers", answers[i]);
		json_array_append_new(told, hello);
	}
	free(answers);
	free(certificates);
	return told;
}

/* "ClientHello 1 of 2, 3 times: connections 1, 4, 7" */
static void put_heading(const json_t *hello, size_t n_hellos, struct buf *out)
{
	const json_t *connections = json_object_get(hello, "connections"), *number;
	long long count = json_number(hello, "count");
	size_t i;

	buf_printf(out, "ClientHello %lld of %zu", json_number(hello, "hello"), n_hellos);
	if (count > 1)
		buf_printf(out, ", %lld times", count);
	json_array_foreach(connections, i, number)
		buf_printf(out, "%s%" JSON_INTEGER_FORMAT,
		           i > 0 ? ", " : count > 1 ? ": connections " : ": connection ",
		           json_integer_value(number));
	if ((long long)json_array_size(connections) < count && json_array_size(connections) > 0)
		buf_text(out, ", ...");
	buf_char(out, '\n');
}

static void print_text(const json_t *told)
{
	struct terminal_options options = terminal_options_for(stdout);
	struct buf out = {0};
	const json_t *hello;
	size_t i;

	json_array_foreach(told, i, hello) {
		put_heading(hello, json_array_size(told), &out);
		answers_offer(json_object_get(hello, "client_hello"), &options, &out);
		buf_char(&out, '\n');
		answers_render(json_object_get(hello, "answers"), &options, &out);
		buf_char(&out, '\n');
	}
	answers_paragraph("Note", command_caveat, &options, &out);
	fputs(buf_string(&out), stdout);
	buf_fini(&out);
}

static int explain_hellos(const struct option_words *suite_words, const struct hellos *hellos,
                          bool as_json, struct error *error)
{
	struct suite *suites[COMMAND_WORDS_MAX] = {NULL};
	json_t *told = NULL;
	int rc = command_suites(suite_words, suites, error);

	if (rc == 0) {
		told = ask(suite_words, suites, hellos, error);
		rc = told != NULL ? 0 : error->code;
	}
	if (rc == 0 && as_json)
		command_print_lines(told);
	else if (rc == 0)
		print_text(told);
	for (size_t i = 0; i < suite_words->n; i++)
		suite_free(suites[i]);
	json_decref(told);
	return rc;
}

int command_whatif(char **arguments, struct error *error)
{
	struct option_words options[] = {
		{0}, {.name = "--suite"}, {.name = "--json", .flag = true}, {0}};
	struct decode_request request = {0};
	struct hellos hellos = {0};
	int rc = command_sort(arguments, options, error);

	if (rc == 0 && options[0].n != 1)
		rc = error_set(error, ERR_INPUT, "whatif takes one capture, or one file with a "
		               "ClientHello, before its options");
	if (rc == 0 && options[1].n == 0)
		rc = error_set(error, ERR_INPUT, "whatif needs --suite and at least one suite: a "
		               "file, or a name such as story");
	request.path = command_word(&options[0]);
	if (rc == 0)
		rc = hellos_read(&hellos, &request, HELLOS_BY_OFFER, stderr, error);
	if (rc == 0)
		rc = explain_hellos(&options[1], &hellos, options[2].given, error);
	hellos_fini(&hellos);
	return -rc;
}
