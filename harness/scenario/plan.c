#include "scenario/plan.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/json.h"

size_t plan_n_all_cases(const struct plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_suites; i++)
		n += suite_n_cases(plan->suites[i]);
	return n;
}

size_t plan_n_cells(const struct plan *plan)
{
	return (plan->cases != NULL ? plan->n_cases : plan_n_all_cases(plan)) * plan->n_profiles;
}

size_t plan_board(const struct plan *plan, size_t index)
{
	return index % plan->n_profiles;
}

/* The suite of the case `left` among all; *of_suite is set to the index of the case there. */
static const struct suite *suite_of_case(const struct plan *plan, size_t left, size_t *of_suite)
{
	size_t suite = 0;

	CHECK(left < plan_n_all_cases(plan));
	while (left >= suite_n_cases(plan->suites[suite]))
		left -= suite_n_cases(plan->suites[suite++]);
	*of_suite = left;
	return plan->suites[suite];
}

json_t *plan_case(const struct plan *plan, size_t index)
{
	size_t of_suite;
	const struct suite *suite = suite_of_case(plan, index, &of_suite);

	return suite_case(suite, of_suite);
}

/* Of cell `index`. */
static const struct suite *plan_suite(const struct plan *plan, size_t index, size_t *of_suite)
{
	size_t of_plan = index / plan->n_profiles;

	CHECK(index < plan_n_cells(plan));
	return suite_of_case(plan, plan->cases != NULL ? plan->cases[of_plan] : of_plan, of_suite);
}

json_t *plan_neighbours(const struct plan *plan, size_t index)
{
	size_t of_suite;
	const struct suite *suite = plan_suite(plan, index, &of_suite);

	return suite_neighbours(suite, of_suite);
}

/* Where the case leaves open what its server says, it says what the board's client is made for. */
static void settle_application(json_t *holder, const json_t *profile)
{
	json_t *server = json_object_get(holder, "server");
	json_t *application = json_object_get(profile, "application");

	if (server == NULL || application == NULL ||
	    json_object_get(server, "application") != NULL)
		return;
	server = json_made(json_copy(server));
	json_object_set(server, "application", application);
	json_object_set_new(holder, "server", server);
}

json_t *plan_cell(const struct plan *plan, size_t index)
{
	static const char *const keys[] = {"suite", "scenario", "case", "board",
	                                   "server", "client", "matrix", "expect", "twin",
	                                   "why"};
	const struct profile *profile = &plan->profiles[plan_board(plan, index)];
	const char *board = profile_name(profile);
	size_t of_suite;
	const struct suite *suite = plan_suite(plan, index, &of_suite);
	json_t *of_case = suite_case(suite, of_suite);
	json_t *cell = json_made(json_object());
	struct buf id = {0};

	buf_printf(&id, "%s/%s", json_text(of_case, "id"), board);
	json_object_set_new(cell, "id", json_made(json_string(buf_string(&id))));
	json_object_set_new(of_case, "board", json_made(json_string(board)));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_object_get(of_case, keys[i]) != NULL)
			json_object_set(cell, keys[i], json_object_get(of_case, keys[i]));
	if (json_object_get(profile->json, "unit") != NULL)
		json_object_set(cell, "unit", json_object_get(profile->json, "unit"));
	settle_application(cell, profile->json);
	settle_application(json_object_get(cell, "twin"), profile->json);
	json_decref(of_case);
	buf_fini(&id);
	return cell;
}
