#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/verdict/cells.h"
#include "view/report.h"

#define FAILED(name, result, more) \
	"{'id': 's/" name "/b', 'suite': 's', 'case': '" name "', 'board': 'b'," \
	" 'outcome': 'fail', 'reason': 'timeout', 'diagnosis': [{'id': 'r', 'cause': 'C'," \
	" 'confidence': 'likely', 'counterfactual': {'change': {'versions': ['1.2']}," \
	" 'outcome': '" result "'" more "}}]}"

static char *proof_of(const char *cells)
{
	struct buf text = {0}, out = {0};
	struct report report;
	json_t *results;

	buf_printf(&text, "{'run': {}, 'boards': [{'name': 'b'}], 'cells': [%s]}", cells);
	results = parsed(buf_string(&text));
	report_init(&report, results, NULL);
	assert_int_equal(report.n_groups, 1);
	report_proof(&report.groups[0], &out);
	report_fini(&report);
	json_decref(results);
	buf_fini(&text);
	return (char *)out.data;
}

static void proof_that_cells_share_is_told_once(void **state)
{
	char *proof = proof_of(FAILED("x", "pass", ", 'cell': 's/z/b'") "," FAILED("y", "pass", ""));

	(void)state;
	assert_string_equal(proof, "b passes with versions 1.2 (s/z/b)\n");
	free(proof);
}

static void proof_of_another_failure_says_so(void **state)
{
	char *proof = proof_of(FAILED("x", "fail", ", 'otherwise': true") "," FAILED("y", "fail", ""));

	(void)state;
	assert_string_equal(proof, "b still fails with versions 1.2: y\n"
	                           "b fails in another way with versions 1.2: x\n");
	free(proof);
}

static void proofs_that_differ_between_cells_name_them(void **state)
{
	char *proof = proof_of(FAILED("x", "pass", "") "," FAILED("y", "fail", ", 'cell': 's/z/b'")
	                       "," FAILED("w", "pass", ""));

	(void)state;
	assert_string_equal(proof, "b still fails with versions 1.2: y (s/z/b)\n"
	                           "b passes with versions 1.2: x and 1 more\n");
	free(proof);
}

/* Results may come from anywhere. The key of a row is not made of names that could be another's. */
static void suites_and_rows_that_read_alike_together_are_apart(void **state)
{
	json_t *results = parsed(
		"{'run': {}, 'boards': [{'name': 'b'}], 'cells': ["
		"{'id': '1', 'suite': 'a', 'case': 'a/x', 'board': 'b', 'outcome': 'pass'},"
		"{'id': '2', 'suite': 'a', 'case': 'a/b/c', 'board': 'b', 'outcome': 'pass'},"
		"{'id': '3', 'suite': 'a/b', 'case': 'a/b/c', 'board': 'b', 'outcome': 'pass'}]}");
	struct report report;

	(void)state;
	report_init(&report, results, NULL);
	assert_int_equal(report.n_suites, 2);
	assert_int_equal(report.suites[0].n_rows, 2);
	assert_string_equal(report.suites[0].rows[1].name, "b/c");
	assert_int_equal(report.suites[1].n_rows, 1);
	assert_string_equal(report.suites[1].rows[0].name, "c");
	report_fini(&report);
	json_decref(results);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(proof_that_cells_share_is_told_once),
		cmocka_unit_test(proof_of_another_failure_says_so),
		cmocka_unit_test(proofs_that_differ_between_cells_name_them),
		cmocka_unit_test(suites_and_rows_that_read_alike_together_are_apart),
	};

	return cmocka_run_group_tests_name("view/report", tests, NULL, NULL);
}
