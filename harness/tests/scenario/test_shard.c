#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scenario/shard.h"

#define MAX_CASES 500

/* Adds up what each of `count` shards has to do; each case must fall to exactly one of them. */
static void share_out(const double *durations, size_t n_cases, unsigned count, double *work)
{
	unsigned times[MAX_CASES] = {0};

	for (struct shard shard = {1, count}; shard.index <= count; shard.index++) {
		size_t n, *cases = shard_pick(&shard, durations, n_cases, &n);

		work[shard.index - 1] = 0;
		for (size_t i = 0; i < n; i++) {
			assert_true(i == 0 || cases[i] > cases[i - 1]);
			assert_in_range(cases[i], 0, n_cases - 1);
			times[cases[i]]++;
			work[shard.index - 1] += durations[cases[i]];
		}
		free(cases);
	}
	for (size_t i = 0; i < n_cases; i++)
		assert_int_equal(times[i], 1);
}

static void each_case_falls_to_one_shard_and_none_does_much_more(void **state)
{
	double durations[MAX_CASES], work[40];

	(void)state;
	srand(8);
	for (unsigned count = 1; count <= 40; count++) {
		size_t n_cases = 1 + (size_t)rand() % MAX_CASES;
		double longest = 0, least, most;

		for (size_t i = 0; i < n_cases; i++) {
			durations[i] = rand() % 4 == 0 ? rand() % 3000 : 3;
			longest = durations[i] > longest ? durations[i] : longest;
		}
		share_out(durations, n_cases, count, work);
		least = most = work[0];
		for (unsigned k = 1; k < count; k++) {
			least = work[k] < least ? work[k] : least;
			most = work[k] > most ? work[k] : most;
		}
		assert_true(most - least <= longest);
	}
}

static void cases_of_equal_length_go_round(void **state)
{
	static const double durations[] = {1, 1, 1, 1, 1, 1, 1};
	static const size_t expected[] = {1, 4};
	const struct shard shard = {2, 3};
	size_t n, *cases = shard_pick(&shard, durations, 7, &n);

	(void)state;
	assert_int_equal(n, 2);
	assert_memory_equal(cases, expected, sizeof(expected));
	free(cases);
}

static void what_is_no_shard_is_refused(void **state)
{
	static const char *const wrong[] = {"", "1", "0/4", "5/4", "1/0", "1/4x", "-1/4", "1/10001"};
	struct shard shard;
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		error = (struct error){0};
		assert_int_equal(shard_read(&shard, wrong[i], &error), ERR_INPUT);
		assert_non_null(strstr(error.text, "--shard takes K/N"));
	}
	assert_int_equal(shard_read(&shard, "4/4", &error), 0);
	assert_int_equal(shard.index, 4);
	assert_int_equal(shard.count, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_falls_to_one_shard_and_none_does_much_more),
		cmocka_unit_test(cases_of_equal_length_go_round),
		cmocka_unit_test(what_is_no_shard_is_refused),
	};

	return cmocka_run_group_tests_name("scenario/shard", tests, NULL, NULL);
}
