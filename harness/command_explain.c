#include "command.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"
#include "flow/hellos.h"
#include "scenario/lineup.h"
#include "verdict/infer.h"
#include "view/answers.h"
#include "view/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USUAL_SUITE "field" /* what is asked if the user names no suite */
#define CASES_NAMED_MAX 4   /* of those that have one cause in common */
#define CHANGES_MAX 6       /* that are told, of each kind */
#define FEW_PART 10         /* a server that less than the tenth part answer like is unusual */

enum { EXPLAIN_FILE, EXPLAIN_SUITE, EXPLAIN_KEYLOG, EXPLAIN_KEY, EXPLAIN_RULES, EXPLAIN_JSON };

/* What explaining works with. */
struct explanation {
	struct suite *suites[COMMAND_WORDS_MAX];
	size_t n_suites;
	char *certificates;
	struct rules *rules;
	struct terminal_options options;
	struct buf out;
	struct buf text; /* of the paragraph that is being written */
};

/* Writes the paragraph and begins the next. */
static void put(struct explanation *explanation, const char *label)
{
	if (explanation->text.len > 0)
		answers_paragraph(label, buf_string(&explanation->text), &explanation->options,
		                  &explanation->out);
	buf_clear(&explanation->text);
}

static void put_text(struct explanation *explanation, const char *label, const char *text)
{
	buf_text(&explanation->text, text);
	put(explanation, label);
}

/* --- the connection --------------------------------------------------------------------------- */

static void put_end(struct explanation *explanation, const json_t *end)
{
	buf_printf(&explanation->out, "%s port %lld", json_text(end, "address"),
	           json_number(end, "port"));
}

/* "Connection 1: 192.168.1.5 port 62509 to 192.168.1.10 port 6000; alike: 3, 4 (17 in all)" */
static void put_heading(struct explanation *explanation, const struct hello *hello)
{
	struct buf *out = &explanation->out;

	if (hello->numbers[0] == 0) {
		buf_text(out, "A ClientHello alone\n");
		return;
	}
	buf_printf(out, "Connection %" PRIu64 ": ", hello->numbers[0]);
	put_end(explanation, json_object_get(hello->connection, "client"));
	buf_text(out, " to ");
	put_end(explanation, json_object_get(hello->connection, "server"));
	for (uint64_t i = 1; i < hello->n && i < HELLOS_NUMBERS_MAX; i++)
		buf_printf(out, "%s%" PRIu64, i == 1 ? "; alike: " : ", ", hello->numbers[i]);
	if (hello->n > HELLOS_NUMBERS_MAX)
		buf_printf(out, ", ... (%" PRIu64 " in all)", hello->n);
	buf_char(out, '\n');
}

static void put_faults(struct explanation *explanation, const json_t *connection)
{
	const json_t *fault;
	size_t i;

	json_array_foreach(json_object_get(connection, "faults"), i, fault) {
		buf_printf(&explanation->text, "%s, %s: %s", json_text(fault, "from"),
		           json_text(fault, "where"), json_text(fault, "text"));
		put(explanation, "Fault");
	}
}

static void put_lint(struct explanation *explanation, const struct hello *hello)
{
	json_t *findings = hello_lint(hello);
	const json_t *finding;
	size_t i;

	json_array_foreach(findings, i, finding) {
		buf_printf(&explanation->text, "%s: %s (%s)", json_text(finding, "severity"),
		           json_text(finding, "text"), json_text(finding, "rfc"));
		put(explanation, i == 0 ? "Lint" : "");
	}
	json_decref(findings);
}

/* --- the cause -------------------------------------------------------------------------------- */

static void add_cases(struct buf *out, const json_t *answers)
{
	const json_t *answer;
	size_t i;

	json_array_foreach(answers, i, answer) {
		if (i == CASES_NAMED_MAX) {
			buf_printf(out, " and %zu more", json_array_size(answers) - i);
			return;
		}
		buf_printf(out, "%s%s/%s", i > 0 ? ", " : "", json_text(answer, "suite"),
		           json_text(answer, "case"));
	}
}

static size_t n_fitting(const json_t *answers, const json_t *connection)
{
	const json_t *answer;
	size_t i, n = 0;

	json_array_foreach(answers, i, answer)
		n += infer_fits(answer, connection);
	return n;
}

/*
 * A client's alert is about what it was sent, and that is in the capture. Why a server refuses a
 * ClientHello depends on how it is set up, which is guessed.
 */
static bool is_guessed(const json_t *connection, const json_t *answers)
{
	return !infer_client_refused(connection) && n_fitting(answers, connection) > 0 &&
	       json_object_get(connection, "server_hello") == NULL;
}

static bool is_unusual(const json_t *connection, const json_t *answers)
{
	return n_fitting(answers, connection) * FEW_PART < json_array_size(answers);
}

static const char *how_certain(const json_t *connection, const json_t *answers)
{
	if (!is_guessed(connection, answers))
		return "Cause";
	return is_unusual(connection, answers) ? "Possible" : "Likely";
}

/* Nothing of this is seen in the capture: it says so, and from what it follows. */
static void put_inference(struct explanation *explanation, const json_t *cause,
                          const json_t *connection, const json_t *answers)
{
	const json_t *fitting = json_object_get(cause, "answers");

	if (json_array_size(fitting) == 0 || infer_client_refused(connection))
		return;
	buf_printf(&explanation->text,
	           "A capture does not show how the server is set up. Of %zu OpenSSL servers that "
	           "were asked %zu give the captured answer, and with %zu of them this is the "
	           "cause: ",
	           json_array_size(answers), n_fitting(answers, connection),
	           json_array_size(fitting));
	add_cases(&explanation->text, fitting);
	buf_text(&explanation->text, is_guessed(connection, answers) && is_unusual(connection, answers)
	                                     ? ". So few answer like that that the captured one is "
	                                       "set up in an unusual way, perhaps in another."
	                                     : ".");
	put(explanation, "Inferred");
}

static void put_evidence(struct explanation *explanation, const json_t *diagnosis)
{
	const json_t *evidence;
	size_t i;

	json_array_foreach(json_object_get(diagnosis, "evidence"), i, evidence) {
		bool of_server = strcmp(json_text(evidence, "witness"), "server") == 0;

		buf_printf(&explanation->text, "%s%s", json_text(evidence, "text"),
		           of_server ? " (inferred)" : "");
		put(explanation, json_text(evidence, "witness"));
	}
}

/* "with certificate ecdsa-p256: TLS 1.3, ...": what the server would do then. */
static void add_change(const json_t *change, const json_t *answer, struct buf *out)
{
	buf_text(out, "with ");
	report_change(change, out);
	buf_text(out, ": ");
	answers_words(answer, out);
}

/* What a rule would try is asked even if no suite has such a server. */
static void add_tries(const struct explanation *explanation, const struct hello *hello,
                      const json_t *cause, json_t *changes)
{
	const json_t *from = json_object_get(json_array_get(json_object_get(cause, "answers"), 0),
	                                     "server");
	json_t *change;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(cause, "diagnosis"), "try"), i, change) {
		json_t *server = json_deep_copy(from);
		struct error error = {0};
		json_t *answer;

		json_object_update(server, change);
		answer = lineup_ask_one(server, buf_view(&hello->message),
		                        explanation->certificates, &error);
		if (answer != NULL)
			infer_add_change(changes, change, answer);
		json_decref(answer);
		json_decref(server);
	}
}

/* Of the changes, those that get the client on, or those that do not. */
static void put_those(struct explanation *explanation, const char *label, const json_t *changes,
                      bool accepted)
{
	const json_t *item;
	size_t i, n = 0;

	json_array_foreach(changes, i, item) {
		const json_t *answer = json_object_get(item, "answer");

		if (answers_goes_on(answer) != accepted || n++ >= CHANGES_MAX)
			continue;
		add_change(json_object_get(item, "change"), answer, &explanation->text);
		put(explanation, n == 1 ? label : "");
	}
	if (n > CHANGES_MAX) {
		buf_printf(&explanation->text, "and with %zu more: see the table", n - CHANGES_MAX);
		put(explanation, "");
	}
}

/* What the server would do with one key changed: a new list of {change, answer}. */
static json_t *changes_of(const struct explanation *explanation, const struct hello *hello,
                          const json_t *cause, const json_t *answers)
{
	json_t *changes = json_made(json_array());

	if (json_array_size(json_object_get(cause, "answers")) == 0)
		return changes;
	add_tries(explanation, hello, cause, changes);
	infer_changes(json_object_get(cause, "answers"), answers, changes);
	return changes;
}

static void put_changes(struct explanation *explanation, const struct hello *hello,
                        const json_t *cause, const json_t *answers)
{
	json_t *changes = changes_of(explanation, hello, cause, answers);

	put_those(explanation, "Accepted", changes, true);
	put_those(explanation, "Refused", changes, false);
	json_decref(changes);
}

static void put_fixes(struct explanation *explanation, const json_t *diagnosis)
{
	const json_t *text;
	size_t i;

	put_text(explanation, "Fix", json_text(json_object_get(diagnosis, "fix"), "server"));
	json_array_foreach(json_object_get(diagnosis, "rfc"), i, text)
		buf_printf(&explanation->text, "%s%s", i > 0 ? "; " : "", json_string_value(text));
	put(explanation, "Read");
}

static void put_cause(struct explanation *explanation, const struct hello *hello,
                      const json_t *cause, const json_t *answers)
{
	const json_t *diagnosis = json_object_get(cause, "diagnosis");

	put_text(explanation, how_certain(hello->connection, answers),
	         json_text(diagnosis, "title"));
	put_text(explanation, "", json_text(diagnosis, "cause"));
	put_inference(explanation, cause, hello->connection, answers);
	put_evidence(explanation, diagnosis);
	if (json_object_get(hello->connection, "server_hello") == NULL)
		put_changes(explanation, hello, cause, answers);
	put_fixes(explanation, diagnosis);
}

/* The first is the one of the commonest servers; that others fit too must be said. */
static void put_causes(struct explanation *explanation, const struct hello *hello,
                       const json_t *answers)
{
	json_t *causes = infer_causes(explanation->rules, hello->connection, answers);
	const json_t *cause;
	size_t i;

	if (json_array_size(causes) > 0)
		put_cause(explanation, hello, json_array_get(causes, 0), answers);
	else if (infer_failed(hello->connection))
		put_text(explanation, "Cause", "No rule explains it from a capture alone.");
	json_array_foreach(causes, i, cause) {
		if (i == 0)
			continue;
		buf_text(&explanation->text,
		         json_text(json_object_get(cause, "diagnosis"), "title"));
		if (json_array_size(json_object_get(cause, "answers")) > 0)
			buf_text(&explanation->text, ", with ");
		add_cases(&explanation->text, json_object_get(cause, "answers"));
		put(explanation, "Or else");
	}
	json_decref(causes);
}

/* --- as JSON ---------------------------------------------------------------------------------- */

/* Which of the servers that were asked give the captured answer, and have this cause. */
static json_t *cases_of(const json_t *answers)
{
	json_t *cases = json_made(json_array());
	const json_t *answer;
	size_t i;

	json_array_foreach(answers, i, answer)
		json_array_append_new(cases, json_made(json_pack("s++", json_text(answer, "suite"),
		                                                 "/", json_text(answer, "case"))));
	return cases;
}

static json_t *causes_told(const struct explanation *explanation, const struct hello *hello,
                           const json_t *answers)
{
	json_t *causes = infer_causes(explanation->rules, hello->connection, answers), *cause;
	json_t *told = json_made(json_array());
	size_t i;

	json_array_foreach(causes, i, cause) {
		json_t *one = json_made(json_pack("{s:O, s:o}", "diagnosis",
		                                  json_object_get(cause, "diagnosis"), "servers",
		                                  cases_of(json_object_get(cause, "answers"))));

		if (json_object_get(hello->connection, "server_hello") == NULL)
			json_object_set_new(one, "changes",
			                    changes_of(explanation, hello, cause, answers));
		json_array_append_new(told, one);
	}
	json_decref(causes);
	return told;
}

/* What happened, in one line. */
static json_t *course_told(struct explanation *explanation, const struct hello *hello)
{
	struct buf *text = &explanation->text;

	buf_clear(text);
	infer_course(hello->connection, text);
	while (text->len > 0 && text->data[text->len - 1] == '\n')
		text->data[--text->len] = '\0';
	for (size_t i = 0; i < text->len; i++)
		if (text->data[i] == '\n')
			text->data[i] = ' ';
	return json_made(json_string(buf_string(text)));
}

static json_t *hello_told(struct explanation *explanation, const struct hello *hello, size_t number,
                          json_t *answers)
{
	json_t *told = command_hello(hello, number);
	json_t *faults = json_object_get(hello->connection, "faults");

	if (json_array_size(faults) > 0)
		json_object_set(told, "faults", faults);
	json_object_set_new(told, "lint", hello_lint(hello));
	if (hello->numbers[0] != 0)
		json_object_set_new(told, "happened", course_told(explanation, hello));
	json_object_set_new(told, "causes", causes_told(explanation, hello, answers));
	json_object_set(told, "answers", answers);
	return told;
}

static void print_told(struct explanation *explanation, const struct hellos *hellos,
                       json_t **answers)
{
	json_t *told = json_made(json_array());

	for (size_t i = 0; i < hellos->n; i++)
		json_array_append_new(told,
		                      hello_told(explanation, &hellos->items[i], i, answers[i]));
	command_print_lines(told);
	json_decref(told);
}

/* --- the whole -------------------------------------------------------------------------------- */

static void explain_hello(struct explanation *explanation, const struct hello *hello,
                          const json_t *answers)
{
	put_heading(explanation, hello);
	answers_offer(json_object_get(hello->connection, "client_hello"), &explanation->options,
	              &explanation->out);
	put_faults(explanation, hello->connection);
	put_lint(explanation, hello);
	if (hello->numbers[0] != 0) {
		infer_course(hello->connection, &explanation->text);
		put(explanation, "Happened");
	}
	put_causes(explanation, hello, answers);
	buf_char(&explanation->out, '\n');
	answers_render(answers, &explanation->options, &explanation->out);
	buf_char(&explanation->out, '\n');
}

static void print_text(struct explanation *explanation, const struct hellos *hellos,
                       json_t **answers)
{
	for (size_t i = 0; i < hellos->n; i++)
		explain_hello(explanation, &hellos->items[i], answers[i]);
	put_text(explanation, "Note", command_caveat);
	fputs(buf_string(&explanation->out), stdout);
}

static int explain_all(struct explanation *explanation, const struct hellos *hellos, bool as_json,
                       struct error *error)
{
	json_t **answers = command_ask(explanation->suites, explanation->n_suites, hellos,
	                               explanation->certificates, error);

	if (answers == NULL)
		return error->code;
	(as_json ? print_told : print_text)(explanation, hellos, answers);
	for (size_t i = 0; i < hellos->n; i++)
		json_decref(answers[i]);
	free(answers);
	return 0;
}

static int prepare(struct explanation *explanation, struct option_words *suites,
                   const struct option_words *rules, struct error *error)
{
	json_t *own = command_words(rules);
	int rc;

	if (suites->n == 0)
		suites->words[suites->n++] = USUAL_SUITE;
	explanation->n_suites = suites->n;
	explanation->options = terminal_options_for(stdout);
	rc = command_suites(suites, explanation->suites, error);
	if (rc == 0)
		rc = rules_load_shipped(&explanation->rules, own, error);
	json_decref(own);
	if (rc == 0)
		rules_prepare(explanation->rules);
	if (rc == 0)
		explanation->certificates = command_certificates_folder(error);
	return rc == 0 && explanation->certificates == NULL ? error->code : rc;
}

static void explanation_fini(struct explanation *explanation)
{
	for (size_t i = 0; i < explanation->n_suites; i++)
		suite_free(explanation->suites[i]);
	rules_free(explanation->rules);
	free(explanation->certificates);
	buf_fini(&explanation->out);
	buf_fini(&explanation->text);
}

int command_explain(char **arguments, struct error *error)
{
	struct option_words options[] = {
		[EXPLAIN_FILE] = {0},
		[EXPLAIN_SUITE] = {.name = "--suite"},
		[EXPLAIN_KEYLOG] = {.name = "--keylog", .one = "a key log (SSLKEYLOGFILE)"},
		[EXPLAIN_KEY] = {.name = "--key", .one = "a file with a private RSA key"},
		[EXPLAIN_RULES] = {.name = "--rules", .one = "the file of a diagnosis rule"},
		[EXPLAIN_JSON] = {.name = "--json", .flag = true},
		{0},
	};
	struct explanation explanation = {0};
	struct decode_request request = {0};
	struct hellos hellos = {0};
	int rc = command_sort(arguments, options, error);

	if (rc == 0 && options[EXPLAIN_FILE].n != 1)
		rc = error_set(error, ERR_INPUT, "explain takes one capture, before its options");
	if (rc == 0 && options[EXPLAIN_SUITE].given && options[EXPLAIN_SUITE].n == 0)
		rc = error_set(error, ERR_INPUT,
		               "--suite needs at least one suite: a file, or a name such as story");
	request.path = command_word(&options[EXPLAIN_FILE]);
	request.keylog = command_word(&options[EXPLAIN_KEYLOG]);
	request.private_keys = options[EXPLAIN_KEY].words;
	request.n_private_keys = options[EXPLAIN_KEY].n;
	if (rc == 0)
		rc = hellos_read(&hellos, &request, HELLOS_BY_COURSE, stderr, error);
	if (rc == 0)
		rc = prepare(&explanation, &options[EXPLAIN_SUITE], &options[EXPLAIN_RULES],
		             error);
	if (rc == 0)
		rc = explain_all(&explanation, &hellos, options[EXPLAIN_JSON].given, error);
	explanation_fini(&explanation);
	hellos_fini(&hellos);
	return -rc;
}
