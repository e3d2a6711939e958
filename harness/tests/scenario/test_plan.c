#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "scenario/plan.h"

#define N_BOARDS 2

/* The suites story and basics, or `path` alone, on two boards. */
static struct plan make_plan(const char *path)
{
	static struct suite *suites[2];
	static struct profile profiles[N_BOARDS];
	struct plan plan = {.suites = suites, .n_suites = path != NULL ? 1 : 2,
	                    .profiles = profiles, .n_profiles = N_BOARDS};
	struct error error = {0};

	assert_int_equal(suite_load(&suites[0], path != NULL ? path : "story", &error), 0);
	if (path == NULL)
		assert_int_equal(suite_load(&suites[1], "basics", &error), 0);
	assert_int_equal(profile_load(&profiles[0], "netx-fixed", &error), 0);
	assert_int_equal(profile_load(&profiles[1], "wolfssl", &error), 0);
	return plan;
}

static void drop_plan(struct plan *plan)
{
	for (size_t i = 0; i < plan->n_suites; i++)
		suite_free(plan->suites[i]);
	for (size_t i = 0; i < plan->n_profiles; i++)
		profile_fini((struct profile *)&plan->profiles[i]);
}

static char *id_of(const struct plan *plan, size_t index)
{
	json_t *cell = plan_cell(plan, index);
	char *id = strdup(json_text(cell, "id"));

	json_decref(cell);
	return id;
}

static void assert_id(const struct plan *plan, size_t index, const char *expected)
{
	char *id = id_of(plan, index);

	assert_string_equal(id, expected);
	free(id);
}

static void boards_come_inside_cases_and_cases_inside_suites(void **state)
{
	struct plan plan = make_plan(NULL);
	size_t n_cases = suite_n_cases(plan.suites[0]) + suite_n_cases(plan.suites[1]);

	(void)state;
	assert_int_equal(plan_n_cells(&plan), n_cases * N_BOARDS);
	assert_id(&plan, 0, "story/rsa-certificate-in-tls-1.3/netx-fixed");
	assert_id(&plan, 1, "story/rsa-certificate-in-tls-1.3/wolfssl");
	assert_id(&plan, 2, "story/rsa-certificate-in-tls-1.2/netx-fixed");
	assert_id(&plan, 12, "basics/every-kind-of-certificate/1.2,rsa-2048/netx-fixed");
	assert_int_equal(plan_board(&plan, 12), 0);
	assert_int_equal(plan_board(&plan, 13), 1);
	drop_plan(&plan);
}

static void cell_holds_what_its_case_and_its_board_say(void **state)
{
	static const char expected[] =
		"{\"id\":\"story/rsa-certificate-in-tls-1.2/wolfssl\",\"suite\":\"story\","
		"\"scenario\":\"rsa-certificate-in-tls-1.2\","
		"\"case\":\"rsa-certificate-in-tls-1.2\",\"board\":\"wolfssl\","
		"\"server\":{\"versions\":[\"1.2\"],\"certificate\":[\"rsa-2048\"],\"client_auth\":\"none\","
		"\"tickets\":true},\"client\":{},\"expect\":{\"result\":\"connect\"},\"why\":";
	struct plan plan = make_plan(NULL);
	json_t *cell = plan_cell(&plan, 3);
	char *text = json_dumps(cell, JSON_COMPACT);

	(void)state;
	text[strlen(expected)] = '\0';
	assert_string_equal(text, expected);
	free(text);
	json_decref(cell);
	drop_plan(&plan);
}

/* Counts the ids that stand for the first time, and looks at their letters. */
static size_t count_ids(const struct plan *plan)
{
	json_t *seen = json_object();
	size_t n;

	for (size_t i = 0; i < plan_n_cells(plan); i++) {
		char *id = id_of(plan, i);

		assert_int_equal(strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789.+_=,-/"),
		                 strlen(id));
		assert_null(strstr(id, "/."));
		json_object_set_new(seen, id, json_true());
		free(id);
	}
	n = json_object_size(seen);
	json_decref(seen);
	return n;
}

static void ids_are_unique_and_safe_for_files(void **state)
{
	struct plan plan = make_plan(NULL);

	(void)state;
	assert_int_equal(count_ids(&plan), plan_n_cells(&plan));
	drop_plan(&plan);
}

/* Writes a suite of 50 x 1000 cases. */
static void write_large_suite(FILE *file)
{
	static const struct {
		const char *path;
		int n;
	} axes[] = {{"client.alpn", 50}, {"client.sni", 1000}};

	fprintf(file, "{\"suite\":\"large\",\"why\":\"w\",\"scenarios\":[{\"name\":\"it\",\"why\":\"w\","
	        "\"server\":{\"certificate\":\"ed25519\"},\"matrix\":{");
	for (size_t i = 0; i < 2; i++) {
		fprintf(file, "%s\"%s\":[", i > 0 ? "," : "", axes[i].path);
		for (int k = 0; k < axes[i].n; k++)
			fprintf(file, "%s\"word-%d\"", k > 0 ? "," : "", k);
		fprintf(file, "]");
	}
	fprintf(file, "}}]}");
}

static void a_hundred_thousand_cells_have_ids_of_their_own(void **state)
{
	char path[] = "/tmp/shakedown-plan-XXXXXX.json";
	FILE *file = fdopen(mkstemps(path, 5), "w");
	struct plan plan;

	(void)state;
	assert_non_null(file);
	write_large_suite(file);
	fclose(file);
	plan = make_plan(path);
	unlink(path);
	assert_int_equal(plan_n_cells(&plan), 100000);
	assert_id(&plan, 99999, "large/it/word-49,word-999/wolfssl");
	assert_int_equal(count_ids(&plan), 100000);
	drop_plan(&plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(boards_come_inside_cases_and_cases_inside_suites),
		cmocka_unit_test(cell_holds_what_its_case_and_its_board_say),
		cmocka_unit_test(ids_are_unique_and_safe_for_files),
		cmocka_unit_test(a_hundred_thousand_cells_have_ids_of_their_own),
	};
	char *here = getcwd(NULL, 0);

	setenv("SHAKEDOWN_ROOT", here, 0); /* for a build folder outside of the repository */
	free(here);
	return cmocka_run_group_tests_name("scenario/plan", tests, NULL, NULL);
}
