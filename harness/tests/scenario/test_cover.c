/*
 * Covering arrays: every combination that can be is there, nothing that is excluded, and no more rows
 * than Microsoft's PICT needs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scenario/cover.h"

#define AXES_MAX 128
#define MODELS 300

static bool has_excluded(const struct cover_model *model, const uint16_t *row)
{
	for (size_t i = 0; i < model->n_excluded; i++) {
		const uint16_t *excluded = model->excluded + i * model->n_axes;
		bool all = true;

		for (size_t a = 0; a < model->n_axes; a++)
			all = all && (excluded[a] == COVER_ANY || excluded[a] == row[a]);
		if (all)
			return true;
	}
	return false;
}

static bool some_row_has(const uint16_t *rows, size_t n_rows, size_t n_axes, const size_t axes[2],
                         const uint16_t values[2])
{
	for (size_t i = 0; i < n_rows; i++)
		if (rows[i * n_axes + axes[0]] == values[0] && rows[i * n_axes + axes[1]] == values[1])
			return true;
	return false;
}

/* Whether the product of all axes has a row with this pair and nothing excluded, by trying all. */
static bool can_be(const struct cover_model *model, const size_t axes[2], const uint16_t values[2])
{
	uint16_t row[AXES_MAX] = {0};

	for (;;) {
		size_t a = 0;

		if (row[axes[0]] == values[0] && row[axes[1]] == values[1] &&
		    !has_excluded(model, row))
			return true;
		while (a < model->n_axes && ++row[a] == model->n_values[a])
			row[a++] = 0;
		if (a == model->n_axes)
			return false;
	}
}

/* Every pair is in a row, but for those that cannot be; those are in none. */
static void assert_pairs(const struct cover_model *model, const uint16_t *rows, size_t n_rows)
{
	size_t n = model->n_axes, axes[2];
	uint16_t values[2];

	for (size_t i = 0; i < n_rows; i++) {
		assert_false(has_excluded(model, rows + i * n));
		for (size_t a = 0; a < n; a++)
			assert_true(rows[i * n + a] < model->n_values[a]);
	}
	for (axes[0] = 0; axes[0] < n; axes[0]++)
		for (axes[1] = axes[0] + 1; axes[1] < n; axes[1]++)
			for (values[0] = 0; values[0] < model->n_values[axes[0]]; values[0]++)
				for (values[1] = 0; values[1] < model->n_values[axes[1]];
				     values[1]++)
					if (!some_row_has(rows, n_rows, n, axes, values))
						assert_true(model->n_excluded > 0 &&
						            !can_be(model, axes, values));
}

static void random_models_have_all_pairs(void **state)
{
	uint16_t n_values[12], excluded[4 * 12];

	(void)state;
	srand(7);
	for (int i = 0; i < MODELS; i++) {
		struct cover_model model = {.n_axes = 2 + (size_t)rand() % 11,
		                            .n_values = n_values,
		                            .excluded = excluded};
		bool small = model.n_axes <= 6; /* exclusions are checked by trying all rows */
		uint16_t *rows;
		size_t n_rows;

		for (size_t a = 0; a < model.n_axes; a++)
			n_values[a] = (uint16_t)(1 + rand() % (small ? 4 : 5));
		model.n_excluded = small ? (size_t)rand() % 5 : 0;
		for (size_t k = 0; k < model.n_excluded * model.n_axes; k++)
			excluded[k] = rand() % 3 > 0 ? COVER_ANY
			                             : (uint16_t)(rand() % n_values[k % model.n_axes]);
		n_rows = cover_rows(&model, 2, (uint64_t)i, &rows);
		assert_pairs(&model, rows, n_rows);
		free(rows);
	}
}

static size_t add_axes(uint16_t *n_values, size_t n, size_t n_axes, uint16_t n_of_each)
{
	for (size_t i = 0; i < n_axes; i++)
		n_values[n + i] = n_of_each;
	return n + n_axes;
}

static void no_model_takes_more_rows_than_pict(void **state)
{
	static const struct {
		size_t n4, n3, n2, pict;
	} published[] = {{0, 13, 0, 18}, {15, 17, 29, 37}, {0, 0, 100, 15}};

	(void)state;
	for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
		uint16_t n_values[AXES_MAX], *rows;
		struct cover_model model = {.n_values = n_values};
		size_t n_rows;

		model.n_axes = add_axes(n_values, model.n_axes, published[i].n4, 4);
		model.n_axes = add_axes(n_values, model.n_axes, published[i].n3, 3);
		model.n_axes = add_axes(n_values, model.n_axes, published[i].n2, 2);
		n_rows = cover_rows(&model, 2, 1, &rows);
		assert_pairs(&model, rows, n_rows);
		print_message("4^%zu 3^%zu 2^%zu in %zu rows, PICT in %zu\n", published[i].n4,
		              published[i].n3, published[i].n2, n_rows, published[i].pict);
		assert_true(n_rows <= published[i].pict);
		free(rows);
	}
}

static void one_value_is_the_weakest_and_all_the_strongest(void **state)
{
	static const uint16_t n_values[] = {2, 5, 3};
	const struct cover_model model = {.n_axes = 3, .n_values = n_values};
	uint16_t *rows;

	(void)state;
	assert_int_equal(cover_rows(&model, 1, 1, &rows), 5);
	free(rows);
	assert_int_equal(cover_rows(&model, 3, 1, &rows), 30);
	free(rows);
}

static void the_same_seed_gives_the_same_rows(void **state)
{
	static const uint16_t n_values[] = {3, 4, 5, 2, 3, 4};
	const struct cover_model model = {.n_axes = 6, .n_values = n_values};
	uint16_t *rows[2];
	size_t n = cover_rows(&model, 2, 9, &rows[0]);

	(void)state;
	assert_int_equal(cover_rows(&model, 2, 9, &rows[1]), n);
	assert_memory_equal(rows[0], rows[1], n * model.n_axes * sizeof(rows[0][0]));
	free(rows[0]);
	free(rows[1]);
}

static void nothing_is_left_where_all_is_excluded(void **state)
{
	static const uint16_t n_values[] = {2, 2}, excluded[] = {COVER_ANY, COVER_ANY};
	const struct cover_model model = {
		.n_axes = 2, .n_values = n_values, .excluded = excluded, .n_excluded = 1};
	uint16_t *rows;

	(void)state;
	assert_int_equal(cover_rows(&model, 2, 1, &rows), 0);
	free(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_models_have_all_pairs),
		cmocka_unit_test(no_model_takes_more_rows_than_pict),
		cmocka_unit_test(one_value_is_the_weakest_and_all_the_strongest),
		cmocka_unit_test(the_same_seed_gives_the_same_rows),
		cmocka_unit_test(nothing_is_left_where_all_is_excluded),
	};

	return cmocka_run_group_tests_name("scenario/cover", tests, NULL, NULL);
}
