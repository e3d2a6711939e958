#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "verdict/lint_cells.h"

#define N_CELLS 5

/* Cells of one board whose hellos have these randoms, and the same key share throughout. */
static json_t *cells_with(const char *const randoms[N_CELLS])
{
	json_t *cells = json_made(json_array());

	for (size_t i = 0; i < N_CELLS; i++) {
		char id[16];

		snprintf(id, sizeof(id), "cell-%zu", i);
		json_array_append_new(
			cells, json_made(json_pack(
				"{s:s, s:s, s:{s:{s:[{s:s}], s:{s:s, s:[{s:[{s:s, s:s}]}]}}}}", "id",
				id, "board", i == 4 ? "other" : "b", "witnesses", "wire", "lint",
				"id", "of-the-hello", "client_hello", "random", randoms[i],
				"extensions", "client_shares", "group", "x25519", "key_exchange",
				i == 2 ? "aa" : i == 4 ? "aa" : randoms[i])));
	}
	return cells;
}

/* The ids of a cell's findings, with a space after each. */
static void read_lint(const json_t *cells, size_t index, char *text, size_t size)
{
	const json_t *finding;
	size_t i;

	text[0] = '\0';
	json_array_foreach(json_object_get(json_array_get(cells, index), "lint"), i, finding)
		snprintf(text + strlen(text), size - strlen(text), "%s ",
		         json_text(finding, "id"));
}

static void assert_lint(const json_t *cells, size_t index, const char *expected)
{
	char text[256];

	read_lint(cells, index, text, sizeof(text));
	assert_string_equal(text, expected);
}

#define R0 "6b035a94d49aec8d34d21de45aa42862e633619d0237595d21fab1e95edfff63"
#define R1 "7b035a94d49aec8d34d21de45aa42862e633619d0237595d21fab1e95edfff63"
#define R2 "8b035a94d49aec8d34d21de45aa42862e633619d0237595d21fab1e95edfff63"

static void what_came_before_on_the_same_board_is_told(void **state)
{
	static const char *const randoms[] = {R0, R1, R2, R0, R0};
	json_t *cells = cells_with(randoms);

	(void)state;
	lint_cells(cells, NULL, NULL);
	assert_lint(cells, 0, "of-the-hello ");
	assert_lint(cells, 2, "of-the-hello ");
	assert_lint(cells, 3, "of-the-hello random-repeat ks-reuse ");
	assert_lint(cells, 4, "of-the-hello ");
	assert_null(json_object_get(json_object_get(json_object_get(json_array_get(cells, 0),
	                                                            "witnesses"), "wire"), "lint"));
	json_decref(cells);
}

#define Q(digit) digit "b035a94d49aec0d34d21d645aa42862e633611d0237595d21fab1695edfff63"

static void randoms_of_a_31_bit_generator_are_told_at_the_last_hello(void **state)
{
	static const char *const randoms[] = {Q("1"), Q("2"), Q("3"), Q("4"), R0};
	static const char *const broken[] = {Q("1"), Q("2"), R0, Q("4"), Q("5")};
	json_t *cells = cells_with(randoms);

	(void)state;
	lint_cells(cells, NULL, NULL);
	assert_lint(cells, 2, "of-the-hello ");
	assert_lint(cells, 3, "of-the-hello random-rand31 ");
	assert_lint(cells, 4, "of-the-hello ");
	json_decref(cells);
	cells = cells_with(broken);
	lint_cells(cells, NULL, NULL);
	assert_lint(cells, 3, "of-the-hello ");
	json_decref(cells);
}

static void cells_without_a_hello_are_passed_over(void **state)
{
	json_t *cells = json_made(json_pack("[{s:s, s:s}, {s:s, s:s, s:{s:n}}]", "id", "a", "board",
	                                    "b", "id", "c", "board", "b", "witnesses", "wire"));

	(void)state;
	lint_cells(cells, NULL, NULL);
	assert_null(json_object_get(json_array_get(cells, 0), "lint"));
	json_decref(cells);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_came_before_on_the_same_board_is_told),
		cmocka_unit_test(randoms_of_a_31_bit_generator_are_told_at_the_last_hello),
		cmocka_unit_test(cells_without_a_hello_are_passed_over),
	};

	return cmocka_run_group_tests_name("verdict/lint_cells", tests, NULL, NULL);
}
