#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "cells.h"
#include "verdict/judge.h"
#include "verdict/known.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char *schema_path(void)
{
	struct error error;

	return file_join(file_data_root(&error), "scenarios/schema/known.schema.json");
}

/* A known.json of these entries (JSON with ' for "). */
static struct known *known_of(const char *entries)
{
	char path[] = "/tmp/known-XXXXXX", *schema = schema_path();
	int file = mkstemp(path);
	json_t *content = json_pack("{s:o}", "known", parsed(entries));
	struct known *known = NULL;
	struct error error = {0};

	assert_true(file >= 0);
	assert_int_equal(json_dumpfd(content, file, 0), 0);
	close(file);
	json_decref(content);
	if (known_load(&known, path, schema, &error) != 0)
		fail_msg("%s", error.text);
	unlink(path);
	free(schema);
	return known;
}

/* The outcome of the cell (JSON with ' for ") once the entries were held against it. */
static json_t *applied(const char *entries, const char *cell_text)
{
	struct known *known = known_of(entries);
	json_t *cell = parsed(cell_text), *board = parsed("{'stack_version': '2.28.3'}");

	known_apply(known, cell, board);
	json_decref(board);
	known_free(known);
	return cell;
}

#define ENTRY(more) "[{'cells': 's/c/b', 'reason': 'So.', 'link': 'x'" more "}]"
#define CELL(outcome, reason) \
	"{'id': 's/c/b', 'outcome': '" outcome "', 'reason': '" reason "', 'detail': 'It did.'," \
	" 'alert': {'description': 'internal_error'}}"

static void what_is_known_hides_no_other_failure(void **state)
{
	static const struct {
		const char *entries, *cell, *outcome;
		bool changed;
	} rows[] = {
		{ENTRY(""), CELL("fail", "unsafe"), "xfail", false},
		{ENTRY(", 'fails_as': 'unsafe'"), CELL("fail", "unsafe"), "xfail", false},
		{ENTRY(", 'fails_as': ['hung', 'unsafe']"), CELL("fail", "unsafe"), "xfail", false},
		{ENTRY(", 'fails_as': 'hung'"), CELL("fail", "unsafe"), "fail", true},
		{ENTRY(", 'fails_as': 'hung'"), CELL("pass", "connected"), "xpass", false},
		{ENTRY(", 'fails_as': 'hung'"), CELL("inconclusive", "refuses-all"), "inconclusive",
	         true},
		{ENTRY(", 'alert': 'internal_error'"), CELL("fail", "alert-from-board"), "xfail",
	         false},
		{ENTRY(", 'quarantine': true"), CELL("fail", "hung"), "xfail", false},
		{ENTRY(", 'quarantine': true"), CELL("inconclusive", "silent"), "xfail", false},
		{ENTRY(", 'quarantine': true"), CELL("pass", "connected"), "pass", false},
		{ENTRY(", 'quarantine': true"), CELL("error", "server-failed"), "error", false},
		{ENTRY(", 'alert': 'decode_error'"), CELL("fail", "alert-from-board"), "fail",
	         true},
		{ENTRY(", 'fails_as': 'hung'"), CELL("error", "server-failed"), "error", false},
		{ENTRY(", 'fails_as': 'hung', 'to': '2.27'"), CELL("fail", "unsafe"), "fail",
	         false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *cell = applied(rows[i].entries, rows[i].cell);
		const json_t *known = json_object_get(cell, "known");

		if (strcmp(json_text(cell, "outcome"), rows[i].outcome) != 0 ||
		    json_flag(known, "changed") != rows[i].changed)
			fail_msg("row %zu: %s", i, json_text(cell, "outcome"));
		json_decref(cell);
	}
}

static void what_has_changed_is_said(void **state)
{
	json_t *cell = applied(ENTRY(", 'fails_as': ['hung', 'timeout'], 'alert': 'decode_error'"),
	                       CELL("fail", "unsafe"));

	(void)state;
	assert_string_equal(json_text(cell, "detail"),
	                    "It did. The known failure has changed: known.json tells of hung or "
	                    "timeout with alert decode_error here.");
	assert_string_equal(json_text(json_object_get(cell, "known"), "reason"), "So.");
	json_decref(cell);
}

static void of_several_entries_the_one_that_fits_counts(void **state)
{
	json_t *cell = applied("[{'cells': 's/*/b', 'reason': 'One.', 'link': 'x',"
	                       "  'fails_as': 'hung'},"
	                       " {'cells': 's/c/b', 'reason': 'Two.', 'link': 'x',"
	                       "  'fails_as': 'unsafe'}]",
	                       CELL("fail", "unsafe"));

	(void)state;
	assert_string_equal(json_text(cell, "outcome"), "xfail");
	assert_string_equal(json_text(json_object_get(cell, "known"), "reason"), "Two.");
	json_decref(cell);
}

/* What is known for one run comes with it, and is asked before what its boards have. */
static void a_document_is_checked_as_a_file_is_and_can_be_asked_first(void **state)
{
	static const struct {
		const char *document, *complaint;
	} rows[] = {
		{"{'file': 'mine.json'}", "mine.json: there is nothing in it"},
		{"{'file': 'mine.json', 'json': {'known': [{'cells': 's/c/b'}]}}",
	         "mine.json: $.known[0]"},
	};
	json_t *good = parsed("{'file': 'mine.json', 'json': {'known': " ENTRY("") "}}");
	json_t *cell = parsed(CELL("fail", "unsafe")), *board = parsed("{}");
	struct known *of_board = known_of("[{'cells': 's/c/b', 'reason': 'No.', 'link': 'x'}]");
	struct known *known = NULL;
	struct error error = {0};
	char *schema = schema_path();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *document = parsed(rows[i].document);

		assert_int_equal(known_take(&known, document, schema, &error), ERR_INPUT);
		assert_ptr_equal(strstr(error.text, rows[i].complaint), error.text);
		json_decref(document);
	}
	assert_int_equal(known_take(&known, good, schema, &error), 0);
	known_ask_first(of_board, known);
	known_apply(of_board, cell, board);
	assert_string_equal(json_text(json_object_get(cell, "known"), "reason"), "So.");
	known_free(of_board);
	known_free(known);
	json_decref(good);
	json_decref(cell);
	json_decref(board);
	free(schema);
}

static bool schema_has(const json_t *words, const char *word)
{
	const json_t *item;
	size_t i;

	json_array_foreach(words, i, item)
		if (strcmp(json_string_value(item), word) == 0)
			return true;
	return false;
}

static void every_failure_of_the_judge_can_be_known(void **state)
{
	char *path = schema_path();
	json_t *schema = json_load_file(path, 0, NULL), *words = NULL;
	size_t n;
	const struct judge_row *rows = judge_rows(&n);

	(void)state;
	assert_int_equal(json_unpack(schema, "{s:{s:{s:o}}}", "$defs", "failure", "enum", &words),
	                 0);
	for (size_t i = 0; i < n; i++)
		if (strcmp(rows[i].outcome, "fail") == 0 && !schema_has(words, rows[i].reason))
			fail_msg("%s lacks \"%s\"", path, rows[i].reason);
	json_decref(schema);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_known_hides_no_other_failure),
		cmocka_unit_test(what_has_changed_is_said),
		cmocka_unit_test(of_several_entries_the_one_that_fits_counts),
		cmocka_unit_test(a_document_is_checked_as_a_file_is_and_can_be_asked_first),
		cmocka_unit_test(every_failure_of_the_judge_can_be_known),
	};
	char *here = getcwd(NULL, 0);

	setenv("SHAKEDOWN_ROOT", here, 0); /* for a build folder outside of the repository */
	free(here);
	return cmocka_run_group_tests_name("verdict/known", tests, NULL, NULL);
}
