#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "tests/verdict/cells.h"
#include "verdict/accept.h"

#define CELL(case_, outcome, rest) \
	"{'id': 's/" case_ "/b', 'suite': 's', 'case': '" case_ "', 'board': 'b'," \
	" 'outcome': '" outcome "', 'detail': 'Time was up.', 'reason': 'timeout'" rest "}"
#define CAUSE(id, rest) \
	", 'diagnosis': [{'id': '" id "', 'title': 'Cause " id "', 'confidence': 'likely'" rest "}]"
#define UNEXPLAINED ", 'diagnosis': [{'id': 'unexplained', 'confidence': 'none'}]"
#define PASS(case_) CELL(case_, "pass", "")
#define FAIL(case_, id) CELL(case_, "fail", CAUSE(id, ""))

static json_t *entries_of(const char *cells)
{
	struct buf text = {0};
	json_t *results, *entries;

	buf_printf(&text, "{'boards': [{'name': 'b', 'stack': 'mbedtls'}], 'cells': [%s]}", cells);
	results = parsed(buf_string(&text));
	entries = accept_entries(results);
	json_decref(results);
	buf_fini(&text);
	return entries;
}

static void pattern_names_the_failures_of_one_cause_and_nothing_else(void **state)
{
	static const struct {
		const char *cells, *patterns; /* with a space between two */
	} examples[] = {
		{PASS("x"), ""},
		{FAIL("x", "r"), "s/x/b"},
		{FAIL("x", "r") "," FAIL("y", "r"), "s/*/b"},
		{FAIL("x", "r") "," FAIL("y", "q"), "s/x/b s/y/b"},
		{FAIL("x/1,a", "r") "," FAIL("x/1,b", "r") "," PASS("x/2,a"), "s/x/1,*/b"},
		{FAIL("x/1,a", "r") "," FAIL("x/2,a", "r") "," PASS("x/2,b"), "s/*,a/b"},
		{FAIL("x/rsa-2", "r") "," FAIL("x/rsa-3", "r") "," FAIL("x/ed", "q"),
		 "s/x/rsa-*/b s/x/ed/b"},
		{FAIL("x/a", "r") "," FAIL("x/b", "r") "," CELL("x/c", "xfail", CAUSE("r", "")),
		 "s/x/a/b s/x/b/b"},
		{FAIL("x/a", "r") "," CELL("x/b", "fail", CAUSE("r", "") ", 'flaky': true"), "s/x/a/b"},
		{FAIL("x/a", "r") "," CELL("x/b", "skip", ""), "s/x/a/b"},
		{CELL("x", "inconclusive", CAUSE("r", "")), ""},
		{CELL("x", "inconclusive", CAUSE("r", "") ", 'reason': 'refuses-all'"), "s/x/b"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		json_t *entries = entries_of(examples[i].cells);
		struct buf patterns = {0};
		const json_t *entry;
		size_t k;

		json_array_foreach(entries, k, entry)
			buf_printf(&patterns, "%s%s", k > 0 ? " " : "", json_text(entry, "cells"));
		assert_string_equal(buf_string(&patterns), examples[i].patterns);
		buf_fini(&patterns);
		json_decref(entries);
	}
}

static void reason_and_link_are_those_of_the_diagnosis(void **state)
{
	static const char *const rfc[][2] = {
		{", 'refs': ['https://github.com/Mbed-TLS/mbedtls/issues/1']",
		 "https://github.com/Mbed-TLS/mbedtls/issues/1"},
		{", 'refs': ['https://github.com/wolfSSL/wolfssl/issues/1']," /* of another stack */
		 " 'rfc': ['RFC 8446 section 4.2.3', 'RFC 1 section 1']",
		 "https://www.rfc-editor.org/rfc/rfc8446#section-4.2.3"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rfc) / sizeof(rfc[0]); i++) {
		struct buf cell = {0};
		json_t *entries;

		buf_printf(&cell, CELL("x", "fail", CAUSE("r", "%s")), rfc[i][0]);
		entries = entries_of(buf_string(&cell));
		assert_string_equal(json_text(json_array_get(entries, 0), "reason"), "Cause r.");
		assert_string_equal(json_text(json_array_get(entries, 0), "link"), rfc[i][1]);
		json_decref(entries);
		buf_fini(&cell);
	}
}

static void without_a_diagnosis_the_judge_and_the_suite_speak(void **state)
{
	json_t *entries = entries_of(
		CELL("x", "fail", UNEXPLAINED ", 'expect': {'rfc': 'RFC 8996 section 5'}"));
	const json_t *entry = json_array_get(entries, 0);

	(void)state;
	assert_string_equal(json_text(entry, "reason"), "Time was up.");
	assert_string_equal(json_text(entry, "link"),
	                    "https://www.rfc-editor.org/rfc/rfc8996#section-5");
	json_decref(entries);
}

static void entry_tells_how_its_cells_fail(void **state)
{
#define ENDS(reason, alert) \
	CAUSE("r", "") ", 'reason': '" reason "', 'alert': {'description': '" alert "'}"
	static const char *const examples[][2] = {
		{CELL("x", "fail", ENDS("hung", "")), "'hung'"},
		{CELL("x", "fail", ENDS("hung", "")) "," CELL("y", "fail", ENDS("hung", "")), "'hung'"},
		{CELL("x", "fail", ENDS("hung", "")) "," CELL("y", "fail", ENDS("unsafe", "")),
		 "['hung','unsafe']"},
	};
	json_t *entries;

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		json_t *expected = parsed(examples[i][1]);

		entries = entries_of(examples[i][0]);
		assert_true(json_equal(json_object_get(json_array_get(entries, 0), "fails_as"),
		                       expected));
		assert_null(json_object_get(json_array_get(entries, 0), "alert"));
		json_decref(entries);
		json_decref(expected);
	}
	entries = entries_of(CELL("x", "fail", ENDS("hung", "unknown_ca")) ","
	                     CELL("y", "fail", ENDS("hung", "unknown_ca")));
	assert_string_equal(json_text(json_array_get(entries, 0), "alert"), "unknown_ca");
	json_decref(entries);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pattern_names_the_failures_of_one_cause_and_nothing_else),
		cmocka_unit_test(reason_and_link_are_those_of_the_diagnosis),
		cmocka_unit_test(entry_tells_how_its_cells_fail),
		cmocka_unit_test(without_a_diagnosis_the_judge_and_the_suite_speak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
