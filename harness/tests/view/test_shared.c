/* What the failing cells of a matrix have in common is named, and nothing that others have too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "view/shared.h"

/* A cell of the scenario "s" on board "b": outcome, and the values of two axes. */
static void add_cell(json_t *results, const char *outcome, const char *version, const char *group)
{
	json_t *cells = json_object_get(results, "cells"), *cell;
	char name[64];

	snprintf(name, sizeof(name), "s/%zu", json_array_size(cells));
	cell = json_made(json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s}}", "suite", "suite",
	                           "scenario", "s", "case", name, "board", "b", "outcome", outcome,
	                           "matrix", "server.versions", version, "server.groups", group));
	json_array_append_new(cells, cell);
}

/* Each row: outcome, version, group. */
static void assert_described(const char *rows[][3], size_t n, const char *expected)
{
	json_t *results = json_made(json_pack("{s:{}, s:[{s:s}], s:[]}", "run", "boards", "name",
	                                      "b", "cells"));
	struct report report;
	struct buf out = {0};

	for (size_t i = 0; i < n; i++)
		add_cell(results, rows[i][0], rows[i][1], rows[i][2]);
	report_init(&report, results, NULL);
	shared_describe(&report, &out);
	assert_string_equal(buf_string(&out), expected);
	buf_fini(&out);
	report_fini(&report);
	json_decref(results);
}

static void a_value_that_all_failures_have_is_named(void **state)
{
	const char *rows[][3] = {{"fail", "1.3", "x25519"}, {"xfail", "1.3", "p-256"},
	                         {"pass", "1.2", "x25519"}, {"inconclusive", "1.2", "p-384"}};

	(void)state;
	assert_described(rows, 4, "suite/s on b: all 2 cells that failed, and none that passed, have"
	                          " server.versions 1.3.\n");
}

static void a_pair_is_named_where_no_value_is_enough(void **state)
{
	const char *rows[][3] = {{"fail", "1.3", "x25519"}, {"fail", "1.3", "x25519"},
	                         {"pass", "1.2", "x25519"}, {"pass", "1.3", "p-256"}};

	(void)state;
	assert_described(rows, 4, "suite/s on b: all 2 cells that failed, and none that passed, have"
	                          " server.groups x25519, server.versions 1.3.\n");
}

static void nothing_is_named_that_a_passing_cell_has(void **state)
{
	const char *rows[][3] = {{"fail", "1.3", "x25519"}, {"fail", "1.2", "p-256"},
	                         {"pass", "1.3", "p-256"}};

	(void)state;
	assert_described(rows, 3, "");
	assert_described(rows, 1, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_that_all_failures_have_is_named),
		cmocka_unit_test(a_pair_is_named_where_no_value_is_enough),
		cmocka_unit_test(nothing_is_named_that_a_passing_cell_has),
	};

	return cmocka_run_group_tests_name("view/shared", tests, NULL, NULL);
}
