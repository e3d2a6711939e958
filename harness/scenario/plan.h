/*
 * plan.h: which cells a run has, in which order: all cases of all suites on all boards.
 * Layer: scenario. Pure: no I/O, no clock, no globals.
 *
 * The order is that of the suites, in each that of its cases, and in each case that of the boards.
 * The same suites and boards give the same plan, with the same ids. A plan may have some of the
 * cases only (shard.h).
 */
#ifndef SHAKEDOWN_SCENARIO_PLAN_H
#define SHAKEDOWN_SCENARIO_PLAN_H

#include "scenario/profile.h"
#include "scenario/suite.h"

/* Of one run, and of one report: its making takes some kilobytes of memory for each. */
#define PLAN_CELLS_MAX 250000

struct plan {
	struct suite *const *suites; /* borrowed, and checked as a set by the caller */
	size_t n_suites;
	const struct profile *profiles; /* the same */
	size_t n_profiles;
	const size_t *cases; /* ascending indices of its cases among the suites'; NULL: all */
	size_t n_cases;      /* of `cases` */
};

/* The cases of all suites together, also where the plan has not all of them. */
size_t plan_n_all_cases(const struct plan *plan);

/* The case `index` < plan_n_all_cases, as suite_case makes it. */
json_t *plan_case(const struct plan *plan, size_t index);

/* How many cells the plan has: its cases on each of its boards. */
size_t plan_n_cells(const struct plan *plan);

/* The index in `profiles` of the board that runs cell `index`. */
size_t plan_board(const struct plan *plan, size_t index);

/*
 * The cell `index` < plan_n_cells, a new object of the caller's, made on the spot: {"id", "suite",
 * "scenario", "case", "board", "server", "client", "matrix", "expect", "twin", "why"}, as
 * suite_case gives it, with "/<board>" at the end of the id; and "unit" if the profile has one: the
 * board's own name, where a lab chose it by its type. Ids are unique in a plan and hold
 * [a-z0-9.+_=,-] and '/' only; no part of one begins with a dot.
 */
json_t *plan_cell(const struct plan *plan, size_t index);

/* One-factor changes of its server, the nearest first (neighbour.h); a new list. */
json_t *plan_neighbours(const struct plan *plan, size_t index);

#endif
