#include "scenario/plan.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/json.h"

size_t plan_n_cells(const struct plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_suites; i++)
		n += suite_n_cases(plan->suites[i]);
	return n * plan->n_profiles;
}

size_t plan_board(const struct plan *plan, size_t index)
{
	return index % plan->n_profiles;
}

/* The case that cell `index` runs; a new object. */
static json_t *plan_case(const struct plan *plan, size_t index)
{
	size_t left = index / plan->n_profiles, suite = 0;

	CHECK(index < plan_n_cells(plan));
	while (left >= suite_n_cases(plan->suites[suite]))
		left -= suite_n_cases(plan->suites[suite++]);
	return suite_case(plan->suites[suite], left);
}

json_t *plan_cell(const struct plan *plan, size_t index)
{
	static const char *const keys[] = {"suite", "scenario", "case", "board",
	                                   "server", "client", "matrix", "expect", "twin",
	                                   "why"};
	const char *board = profile_name(&plan->profiles[plan_board(plan, index)]);
	json_t *of_case = plan_case(plan, index);
	json_t *cell = json_made(json_object());
	struct buf id = {0};

	buf_printf(&id, "%s/%s", json_text(of_case, "id"), board);
	json_object_set_new(cell, "id", json_made(json_string(buf_string(&id))));
	json_object_set_new(of_case, "board", json_made(json_string(board)));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_object_get(of_case, keys[i]) != NULL)
			json_object_set(cell, keys[i], json_object_get(of_case, keys[i]));
	json_decref(of_case);
	buf_fini(&id);
	return cell;
}
