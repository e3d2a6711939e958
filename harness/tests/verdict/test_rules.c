#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "tests/verdict/cells.h"
#include "verdict/judge.h"
#include "verdict/rules.h"

#define RULES "harness/verdict/rules"
#define GOLDEN "harness/tests/verdict/rules"
#define SCHEMA "scenarios/schema/rules.schema.json"

static char folder[] = "/tmp/shakedown-rules-XXXXXX";

/* --- the shipped rules ------------------------------------------------------------------------ */

static struct rules *shipped(void)
{
	struct rules *rules = NULL;
	struct error error = {0};

	if (rules_load(&rules, RULES, SCHEMA, &error) != 0)
		fail_msg("%s", error.text);
	return rules;
}

static bool is_diagnosed(struct rules *rules, const char *id, const char *golden)
{
	char path[512];
	struct error error = {0};
	json_t *both = NULL, *cell;
	const json_t *diagnosis;
	bool found = false;
	size_t i;

	snprintf(path, sizeof(path), "%s/%s/%s.json", GOLDEN, id, golden);
	if (json_load_path(path, &both, &error) != 0)
		fail_msg("the rule %s needs %s: %s", id, path, error.text);
	cell = json_object_get(both, "cell");
	judge_cell(cell, json_object_get(both, "board"));
	rules_diagnose(rules, cell, json_object_get(both, "board"));
	if (json_object_get(cell, "rule_faults") != NULL)
		fail_msg("%s: a rule fails in jq", path);
	if (json_array_size(json_object_get(cell, "diagnosis")) == 0)
		fail_msg("%s is no failure any more", path);
	json_array_foreach(json_object_get(cell, "diagnosis"), i, diagnosis)
		found = found || strcmp(json_text(diagnosis, "id"), id) == 0;
	json_decref(both);
	return found;
}

/* How many files the rule has whose names begin so; it must explain all of them, or none. */
static size_t check_examples(struct rules *rules, const char *id, const char *opening,
                             bool explained)
{
	char path[256];
	const struct dirent *entry;
	size_t n = 0;
	DIR *directory;

	snprintf(path, sizeof(path), "%s/%s", GOLDEN, id);
	directory = opendir(path);
	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		const char *end = strstr(entry->d_name, ".json");
		char name[256];

		if (strncmp(entry->d_name, opening, strlen(opening)) != 0 || end == NULL)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(end - entry->d_name), entry->d_name);
		if (is_diagnosed(rules, id, name) != explained)
			fail_msg("%s %s its %s", id, explained ? "does not explain" : "explains",
			         name);
		n++;
	}
	if (directory != NULL)
		closedir(directory);
	return n;
}

static void every_rule_has_a_cell_that_it_explains_and_one_that_it_does_not(void **state)
{
	struct rules *rules = shipped();
	json_t *ids = rules_ids(rules);
	const json_t *id;
	size_t i;

	(void)state;
	assert_true(json_array_size(ids) > 0);
	json_array_foreach(ids, i, id) {
		if (check_examples(rules, json_string_value(id), "triggers", true) == 0)
			fail_msg("%s has no triggers.json", json_string_value(id));
		if (check_examples(rules, json_string_value(id), "near-miss", false) == 0)
			fail_msg("%s has no near-miss.json", json_string_value(id));
	}
	json_decref(ids);
	rules_free(rules);
}

static bool among(const json_t *ids, const char *name)
{
	const json_t *id;
	size_t i;

	json_array_foreach(ids, i, id)
		if (strcmp(json_string_value(id), name) == 0)
			return true;
	return false;
}

static void every_example_belongs_to_a_rule_of_its_files_name(void **state)
{
	struct rules *rules = shipped();
	json_t *ids = rules_ids(rules);
	DIR *directory = opendir(GOLDEN);
	const struct dirent *entry;
	char path[512];
	const json_t *id;
	size_t i;

	(void)state;
	assert_non_null(directory);
	while ((entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.' && !among(ids, entry->d_name))
			fail_msg(GOLDEN "/%s belongs to no rule", entry->d_name);
	closedir(directory);
	json_array_foreach(ids, i, id) {
		snprintf(path, sizeof(path), RULES "/%s.json", json_string_value(id));
		if (access(path, R_OK) != 0)
			fail_msg("there is no %s", path);
	}
	json_decref(ids);
	rules_free(rules);
}

static void remedy_is_the_one_for_the_boards_stack(void **state)
{
	struct rules *rules = shipped();
	struct error error;
	json_t *both, *cell, *board;
	const json_t *fix;

	(void)state;
	assert_int_equal(
		json_load_path(GOLDEN "/tls13-rsa-cert-no-pss/triggers.json", &both, &error), 0);
	cell = json_object_get(both, "cell");
	board = json_object_get(both, "board");
	json_object_set_new(board, "stack", json_string("wolfssl"));
	judge_cell(cell, board);
	rules_diagnose(rules, cell, board);
	fix = json_object_get(json_array_get(json_object_get(cell, "diagnosis"), 0), "fix");
	assert_non_null(strstr(json_text(fix, "board"), "WC_RSA_PSS"));
	json_object_set_new(board, "stack", json_string("mystack"));
	rules_diagnose(rules, cell, board);
	fix = json_object_get(json_array_get(json_object_get(cell, "diagnosis"), 0), "fix");
	assert_null(json_object_get(fix, "board"));
	assert_string_not_equal(json_text(fix, "server"), "");
	json_decref(both);
	rules_free(rules);
}

static void what_no_rule_explains_gets_a_plain_account(void **state)
{
	static const char *const patches[] = {
		"{'witnesses': {'board': {'failed': 'silent', 'text': 'no reply'}}}",
		"{'witnesses': {'board': {'phase': 'hs', 'status': '0x1'}}}",
		"{'trouble': [{'who': 'server', 'text': 'x'}], 'witnesses': null}",
	};
	struct rules *rules = shipped();
	json_t *board = parsed("{'name': 'b', 'stack': 'netxduo'}");

	(void)state;
	for (size_t i = 0; i < sizeof(patches) / sizeof(patches[0]); i++) {
		json_t *cell = cell_with(patches[i]);
		const json_t *diagnosis;

		judge_cell(cell, board);
		rules_diagnose(rules, cell, board);
		diagnosis = json_array_get(json_object_get(cell, "diagnosis"), 0);
		assert_string_equal(json_text(diagnosis, "id"), "unexplained");
		assert_string_equal(json_text(diagnosis, "confidence"), "none");
		assert_int_equal(json_array_size(json_object_get(diagnosis, "evidence")), 3);
		json_decref(cell);
	}
	json_decref(board);
	rules_free(rules);
}

static void cell_that_passed_has_no_diagnosis(void **state)
{
	struct rules *rules = shipped();
	json_t *cell = cell_with("{}");

	(void)state;
	judge_cell(cell, NULL);
	json_object_set_new(cell, "diagnosis", parsed("[{'id': 'of before'}]"));
	rules_diagnose(rules, cell, NULL);
	assert_int_equal(json_array_size(json_object_get(cell, "diagnosis")), 0);
	json_decref(cell);
	rules_free(rules);
}

/* --- a user's rules --------------------------------------------------------------------------- */

static void put_file(const char *name, const char *text)
{
	char *path = file_join(folder, name);
	struct error error = {0};
	struct bytes content = {(const uint8_t *)text, strlen(text)};

	if (file_write(path, content, 0644, &error) != 0)
		fail_msg("%s", error.text);
	free(path);
}

static void put_rule(const char *name, const char *when, const char *cause)
{
	json_t *rule = json_pack("{s:s, s:s, s:i, s:s, s:s, s:[{s:s, s:s}], s:{s:{}, s:s}, s:[s]}",
	                         "id", name, "title", "t", "order", 7, "when", when, "cause", cause,
	                         "evidence", "witness", "wire", "text", "e", "fix", "board",
	                         "server", "s", "rfc", "RFC 8446");
	char *text = json_dumps(rule, 0);
	char file[128];

	snprintf(file, sizeof(file), "%s.json", name);
	put_file(file, text);
	free(text);
	json_decref(rule);
}

static void forget_file(const char *name)
{
	char *path = file_join(folder, name);

	unlink(path);
	free(path);
}

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/shakedown-rules-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	put_file("prelude.jq", "def status: .witnesses.board.status;\n");
	return 0;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {"prelude.jq", "good.json", "other.json", "bad.json"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		forget_file(names[i]);
	return rmdir(folder);
}

static void assert_refused(const char *file, const char *why)
{
	struct rules *rules = NULL;
	struct error error = {0};

	assert_int_equal(rules_load(&rules, folder, SCHEMA, &error), ERR_INPUT);
	if (strstr(error.text, file) == NULL || strstr(error.text, why) == NULL)
		fail_msg("%s", error.text);
}

static void faulty_rule_is_named_with_what_jq_says(void **state)
{
	(void)state;
	put_rule("good", "status == \"0\"", "all is well # not a comment");
	put_rule("bad", "stauts == \"0\"", "c");
	assert_refused("/bad.json", "stauts/0 is not defined");
	put_rule("bad", "true", "it is \\(staus)");
	assert_refused("/bad.json", "staus/0 is not defined");
	put_rule("bad", "(true", "c");
	assert_refused("/bad.json", "syntax error");
	put_rule("bad", "true", "c");
	put_file("prelude.jq", "def status .x;");
	assert_refused("prelude.jq", "syntax error");
}

static void rule_must_fit_the_schema_and_have_an_id_of_its_own(void **state)
{
	(void)state;
	put_file("bad.json", "{\"id\": \"bad\", \"cuase\": \"x\"}");
	assert_refused("/bad.json", "cuase");
	put_file("bad.json", "{");
	assert_refused("/bad.json", "not JSON");
	forget_file("bad.json");
	put_rule("good", "true", "c");
	put_rule("other", "true", "c");
	put_file("other.json",
	         "{\"id\": \"good\", \"title\": \"t\", \"order\": 1, \"when\": \"true\","
	         " \"cause\": \"c\", \"evidence\": [{\"witness\": \"wire\", \"text\": \"e\"}],"
	         " \"fix\": {\"board\": {}, \"server\": \"s\"}, \"rfc\": [\"RFC 8446\"]}");
	assert_refused("other.json", "both the rule \"good\"");
}

static void rule_that_fails_on_a_cell_does_not_fit_and_is_named(void **state)
{
	struct rules *rules = NULL;
	struct error error = {0};
	json_t *cell = cell_with("{'witnesses': {'board': {'phase': 'app', 'status': '0x1'}}}");
	const json_t *faults;

	(void)state;
	put_rule("bad", ".witnesses.board.status.code == 1", "c");
	put_rule("good", "status == \"0x1\" # a comment",
	         "it is \\(status | ascii_upcase)\\u0000 and not cut");
	assert_int_equal(rules_load(&rules, folder, SCHEMA, &error), 0);
	judge_cell(cell, NULL);
	rules_diagnose(rules, cell, NULL);
	faults = json_object_get(cell, "rule_faults");
	assert_int_equal(json_array_size(faults), 1);
	assert_non_null(strstr(json_text(json_array_get(faults, 0), "file"), "/bad.json"));
	assert_non_null(strstr(json_text(json_array_get(faults, 0), "text"), "Cannot index"));
	assert_string_equal(
		json_text(json_array_get(json_object_get(cell, "diagnosis"), 0), "cause"),
		"it is 0X1"); /* as far as a C string goes */
	json_decref(cell);
	rules_free(rules);
}

/* More than libjq takes as one program. */
static void hundreds_of_rules_are_asked(void **state)
{
	struct rules *rules = NULL;
	struct error error = {0};
	json_t *cell = cell_with("{'witnesses': {'board': {'phase': 'app', 'status': '0x1'}}}");
	char name[32], when[64];
	const json_t *diagnosis;

	(void)state;
	for (int i = 100; i < 400; i++) {
		snprintf(name, sizeof(name), "number-%d", i);
		snprintf(when, sizeof(when), "status == \"0x1\" and %d >= 398", i);
		put_rule(name, when, "the status is \\(status)");
	}
	assert_int_equal(rules_load(&rules, folder, SCHEMA, &error), 0);
	judge_cell(cell, NULL);
	rules_diagnose(rules, cell, NULL);
	diagnosis = json_object_get(cell, "diagnosis");
	assert_int_equal(json_array_size(diagnosis), 2);
	assert_string_equal(json_text(json_array_get(diagnosis, 1), "id"), "number-399");
	assert_string_equal(json_text(json_array_get(diagnosis, 1), "cause"), "the status is 0x1");
	json_decref(cell);
	rules_free(rules);
	for (int i = 100; i < 400; i++) {
		snprintf(name, sizeof(name), "number-%d.json", i);
		forget_file(name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rule_has_a_cell_that_it_explains_and_one_that_it_does_not),
		cmocka_unit_test(every_example_belongs_to_a_rule_of_its_files_name),
		cmocka_unit_test(remedy_is_the_one_for_the_boards_stack),
		cmocka_unit_test(what_no_rule_explains_gets_a_plain_account),
		cmocka_unit_test(cell_that_passed_has_no_diagnosis),
		cmocka_unit_test_setup_teardown(faulty_rule_is_named_with_what_jq_says, make_folder,
	                                        remove_folder),
		cmocka_unit_test_setup_teardown(rule_must_fit_the_schema_and_have_an_id_of_its_own,
	                                        make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(rule_that_fails_on_a_cell_does_not_fit_and_is_named,
	                                        make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(hundreds_of_rules_are_asked, make_folder,
	                                        remove_folder),
	};

	return cmocka_run_group_tests_name("verdict/rules", tests, NULL, NULL);
}
