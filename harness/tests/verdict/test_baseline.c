#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "tests/verdict/cells.h"
#include "verdict/baseline.h"

#define CELL(id, words) "{'id': 's/" id "/b', 'suite': 's', 'board': 'b', " words "}"
#define ONE(words) CELL("c", words)
#define PASS "'outcome': 'pass', 'reason': 'connected'"
#define FAIL "'outcome': 'fail', 'reason': 'timeout'"
#define XFAIL "'outcome': 'xfail', 'reason': 'timeout'"
#define SKIP "'outcome': 'skip', 'reason': 'skipped'"
#define UNSUPPORTED "'outcome': 'unsupported', 'reason': 'not-offered'"
#define INCONCLUSIVE "'outcome': 'inconclusive', 'reason': 'silent'"
#define ERROR "'outcome': 'error', 'reason': 'server-failed'"
#define UNSAFE "'outcome': 'fail', 'reason': 'unsafe'"
#define ALERT(number) \
	"'outcome': 'fail', 'reason': 'alert-from-board'," \
	" 'alert': {'from': 'client', 'number': " number "}"
#define QUARANTINE ", 'known': {'quarantine': true}"
#define FLAKY ", 'flaky': true"

static json_t *run_of(const char *cells)
{
	struct buf text = {0};
	json_t *results;

	buf_printf(&text,
	           "{'run': {'id': 'r', 'started': 't', 'complete': true}, 'boards': [], "
	           "'cells': [%s]}",
	           cells);
	results = parsed(buf_string(&text));
	buf_fini(&text);
	return results;
}

static json_t *compared(const char *before, const char *after)
{
	json_t *base = run_of(before), *results = run_of(after);
	json_t *comparison = baseline_compare(base, results);

	json_decref(base);
	json_decref(results);
	return comparison;
}

static void change_and_regression_follow_from_both_outcomes(void **state)
{
	static const struct {
		const char *before, *after, *change;
		int status;
	} examples[] = {
		{ONE(PASS), ONE(PASS), "", 0},
		{ONE(PASS), ONE(FAIL), "newly-failing", 1},
		{ONE(PASS), ONE(XFAIL), "newly-failing", 0},
		{ONE(PASS), ONE(XFAIL QUARANTINE), "", 0},
		{ONE(XFAIL QUARANTINE), ONE(PASS), "", 0},
		{ONE(XFAIL QUARANTINE), ONE(FAIL), "still-failing", 0},
		{ONE(PASS), ONE(FAIL FLAKY), "newly-failing", 1},
		{ONE(PASS FLAKY), ONE(FAIL FLAKY), "newly-failing", 0},
		{ONE(PASS FLAKY), ONE(FAIL), "newly-failing", 1},
		{ONE(PASS), ONE(INCONCLUSIVE), "verdict-lost", 1},
		{ONE(PASS), ONE(ERROR), "verdict-lost", 3},
		{ONE(PASS), ONE(SKIP), "verdict-lost", 1},
		{ONE(PASS), ONE(UNSUPPORTED), "verdict-lost", 0},
		{ONE(FAIL), ONE(PASS), "fixed", 0},
		{ONE(XFAIL), ONE("'outcome': 'xpass', 'reason': 'connected'"), "fixed", 0},
		{ONE(FAIL), ONE(FAIL), "still-failing", 0},
		{ONE(XFAIL), ONE(FAIL), "still-failing", 0},
		{ONE(FAIL), ONE(INCONCLUSIVE), "verdict-lost", 0},
		{ONE(ALERT("40")), ONE(ALERT("40")), "still-failing", 0},
		{ONE(ALERT("40")), ONE(ALERT("80")), "changed", 0},
		{ONE(FAIL), ONE(UNSAFE), "changed", 1},
		{ONE(UNSAFE), ONE(UNSAFE), "still-failing", 0},
		{ONE(PASS FLAKY), ONE(UNSAFE FLAKY), "newly-failing", 1},
		{ONE(SKIP), ONE(PASS), "verdict-gained", 0},
		{ONE(SKIP), ONE(FAIL), "newly-failing", 1},
		{ONE(UNSUPPORTED), ONE(FAIL), "newly-failing", 1},
		{ONE(SKIP), ONE(INCONCLUSIVE), "changed", 1},
		{ONE(INCONCLUSIVE), ONE(INCONCLUSIVE), "", 0},
		{ONE(INCONCLUSIVE), ONE(ERROR), "changed", 3},
		{ONE(ERROR), ONE(ERROR), "", 0},
		{"", ONE(PASS), "new", 0},
		{"", ONE(FAIL), "new", 1},
		{"", ONE(XFAIL), "new", 0},
		{"", ONE(SKIP), "new", 0},
		{ONE(PASS) "," CELL("d", PASS), ONE(PASS), "gone", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		json_t *comparison = compared(examples[i].before, examples[i].after);
		const json_t *cells = json_object_get(comparison, "cells");
		const char *change = json_text(json_array_get(cells, 0), "change");

		if (strcmp(change, examples[i].change) != 0 ||
		    baseline_exit_status(comparison) != examples[i].status)
			fail_msg("%s, then %s: %s, status %d", examples[i].before,
			         examples[i].after, change, baseline_exit_status(comparison));
		json_decref(comparison);
	}
}

static void cells_elsewhere_are_counted_and_not_gone(void **state)
{
	json_t *comparison = compared(
		ONE(PASS) ", {'id': 's/c/x', 'suite': 's', 'board': 'x', " PASS "}", ONE(PASS));

	(void)state;
	assert_int_equal(json_number(comparison, "elsewhere"), 1);
	assert_int_equal(json_number(comparison, "same"), 1);
	assert_int_equal(json_array_size(json_object_get(comparison, "cells")), 0);
	json_decref(comparison);
}

static void case_that_was_rewritten_says_so(void **state)
{
	json_t *comparison = compared(ONE(PASS ", 'server': {'versions': ['1.2']}"),
	                              ONE(FAIL ", 'server': {'versions': ['1.3']}"));
	const json_t *cell = json_array_get(json_object_get(comparison, "cells"), 0);

	(void)state;
	assert_true(json_flag(cell, "redefined"));
	json_decref(comparison);
}

static void board_with_another_stack_is_named(void **state)
{
	json_t *base = run_of(ONE(PASS)), *results = run_of(ONE(PASS)), *comparison;
	json_t *board;

	(void)state;
	json_array_append_new(json_object_get(base, "boards"),
	                      parsed("{'name': 'b', 'stack': 'netxduo',"
	                             " 'stack_version': '6.2.0'}"));
	json_array_append_new(json_object_get(results, "boards"),
	                      parsed("{'name': 'b', 'stack': 'netxduo',"
	                             " 'stack_version': '6.4.2'}"));
	comparison = baseline_compare(base, results);
	board = json_array_get(json_object_get(comparison, "boards"), 0);
	assert_string_equal(json_text(board, "before"), "netxduo 6.2.0");
	assert_string_equal(json_text(board, "after"), "netxduo 6.4.2");
	json_decref(comparison);
	json_decref(base);
	json_decref(results);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(change_and_regression_follow_from_both_outcomes),
		cmocka_unit_test(cells_elsewhere_are_counted_and_not_gone),
		cmocka_unit_test(case_that_was_rewritten_says_so),
		cmocka_unit_test(board_with_another_stack_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
