#include "verdict/baseline.h"

#include "base/buf.h"
#include "base/json.h"
#include "verdict/outcome.h"

#include <stdbool.h>
#include <string.h>

static const char *const words[BASELINE_CHANGES] = {
	[BASELINE_NEWLY_FAILING] = "newly-failing", [BASELINE_VERDICT_LOST] = "verdict-lost",
	[BASELINE_CHANGED] = "changed",             [BASELINE_STILL_FAILING] = "still-failing",
	[BASELINE_FIXED] = "fixed",                 [BASELINE_VERDICT_GAINED] = "verdict-gained",
	[BASELINE_NEW] = "new",                     [BASELINE_GONE] = "gone",
};

const char *baseline_word(enum baseline_change change)
{
	return change < BASELINE_CHANGES ? words[change] : NULL;
}

/* --- one cell --------------------------------------------------------------------------------- */

/* On which side of failing an outcome stands. */
enum side { SIDE_GOOD, SIDE_BAD, SIDE_NONE };

static const enum side sides[OUTCOME_MAX] = {
	[OUTCOME_PASS] = SIDE_GOOD,        [OUTCOME_XPASS] = SIDE_GOOD,
	[OUTCOME_FAIL] = SIDE_BAD,         [OUTCOME_XFAIL] = SIDE_BAD,
	[OUTCOME_UNSUPPORTED] = SIDE_NONE, [OUTCOME_INCONCLUSIVE] = SIDE_NONE,
	[OUTCOME_ERROR] = SIDE_NONE,       [OUTCOME_SKIP] = SIDE_NONE,
};

static enum outcome outcome_of(const json_t *cell)
{
	return outcome_named(json_text(cell, "outcome"));
}

static bool is_same_member(const json_t *a, const json_t *b, const char *key)
{
	const json_t *ours = json_object_get(a, key), *theirs = json_object_get(b, key);

	return ours == theirs || (ours != NULL && theirs != NULL && json_equal(ours, theirs));
}

/* Known or not, a failure is the same if it comes about in the same way. */
static bool is_same_way(const json_t *before, const json_t *after)
{
	const json_t *was = json_object_get(before, "alert");
	const json_t *is = json_object_get(after, "alert");

	return is_same_member(before, after, "reason") && is_same_member(was, is, "from") &&
	       is_same_member(was, is, "number");
}

/* What is in quarantine in one of two runs may pass in the other: that says nothing. */
static bool passes_now_and_then(const json_t *one, const json_t *other)
{
	return outcome_of(one) == OUTCOME_XFAIL && outcome_of(other) == OUTCOME_PASS &&
	       json_flag(json_object_get(one, "known"), "quarantine");
}

static enum baseline_change change_of(const json_t *before, const json_t *after)
{
	static const enum baseline_change changes[3][3] = {
		[SIDE_GOOD] = {BASELINE_SAME, BASELINE_NEWLY_FAILING, BASELINE_VERDICT_LOST},
		[SIDE_BAD] = {BASELINE_FIXED, BASELINE_STILL_FAILING, BASELINE_VERDICT_LOST},
		[SIDE_NONE] = {BASELINE_VERDICT_GAINED, BASELINE_NEWLY_FAILING, BASELINE_SAME},
	};
	enum outcome was = outcome_of(before), is = outcome_of(after);
	enum baseline_change change = changes[sides[was]][sides[is]];

	if (passes_now_and_then(before, after) || passes_now_and_then(after, before))
		return BASELINE_SAME;
	if (sides[was] != sides[is])
		return change;
	if (!is_same_way(before, after) || (sides[is] == SIDE_NONE && was != is))
		return BASELINE_CHANGED;
	return change;
}

static bool is_unsafe(const json_t *cell)
{
	return strcmp(json_text(cell, "reason"), "unsafe") == 0;
}

/* `before` is NULL for a cell that the base does not have. */
static bool is_regression(const json_t *before, const json_t *after)
{
	enum outcome is = outcome_of(after);
	enum side was = before != NULL ? sides[outcome_of(before)] : SIDE_GOOD;

	if (is == OUTCOME_FAIL && is_unsafe(after) && (before == NULL || !is_unsafe(before)))
		return true;
	if (is == OUTCOME_FAIL)
		return was != SIDE_BAD &&
		       !(json_flag(before, "flaky") && json_flag(after, "flaky"));
	if (is == OUTCOME_ERROR)
		return before == NULL || outcome_of(before) != OUTCOME_ERROR;
	if (is == OUTCOME_INCONCLUSIVE)
		return was == SIDE_GOOD || outcome_of(before) == OUTCOME_SKIP ||
		       outcome_of(before) == OUTCOME_UNSUPPORTED;
	return is == OUTCOME_SKIP && before != NULL && was == SIDE_GOOD;
}

static bool is_redefined(const json_t *before, const json_t *after)
{
	return !is_same_member(before, after, "server") ||
	       !is_same_member(before, after, "client") ||
	       !is_same_member(before, after, "expect");
}

/* What counts of a cell; null where there is none. */
static json_t *brief(const json_t *cell)
{
	static const char *const kept[] = {"outcome", "reason", "alert"};
	json_t *made;

	if (cell == NULL)
		return json_null();
	made = json_made(json_object());
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (json_object_get(cell, kept[i]) != NULL)
			json_object_set(made, kept[i], json_object_get(cell, kept[i]));
	if (json_flag(cell, "flaky"))
		json_object_set_new(made, "flaky", json_true());
	return made;
}

/* --- two runs --------------------------------------------------------------------------------- */

struct comparing {
	json_t *changes[BASELINE_CHANGES]; /* lists */
	size_t n_same, n_elsewhere, n_regressions;
};

/* One of the two may be NULL. */
static void add(struct comparing *comparing, enum baseline_change change, const json_t *before,
                const json_t *after)
{
	bool regression = after != NULL && is_regression(before, after);
	json_t *told;

	comparing->n_regressions += regression;
	if (change == BASELINE_SAME) {
		comparing->n_same++;
		return;
	}
	told = json_made(json_pack("{s:s, s:s, s:b, s:o, s:o}", "id",
	                           json_text(after != NULL ? after : before, "id"), "change",
	                           words[change], "regression", regression, "before", brief(before),
	                           "after", brief(after)));
	if (before != NULL && after != NULL && is_redefined(before, after))
		json_object_set_new(told, "redefined", json_true());
	json_array_append_new(comparing->changes[change], told);
}

json_t *baseline_index(const json_t *list)
{
	json_t *index = json_made(json_object()), *cell;
	size_t i;

	json_array_foreach(json_object_get(list, "cells"), i, cell)
		json_object_set(index, json_text(cell, "id"), cell);
	return index;
}

/* {"<suite>\n<board>": true} */
static json_t *places_of(const json_t *results)
{
	json_t *places = json_made(json_object());
	const json_t *cell;
	struct buf key = {0};
	size_t i;

	json_array_foreach(json_object_get(results, "cells"), i, cell) {
		buf_clear(&key);
		buf_printf(&key, "%s\n%s", json_text(cell, "suite"), json_text(cell, "board"));
		json_object_set_new(places, buf_string(&key), json_true());
	}
	buf_fini(&key);
	return places;
}

static void add_present(struct comparing *comparing, const json_t *base, const json_t *results)
{
	json_t *index = baseline_index(base);
	const json_t *cell;
	size_t i;

	json_array_foreach(json_object_get(results, "cells"), i, cell) {
		const json_t *before = json_object_get(index, json_text(cell, "id"));

		add(comparing, before != NULL ? change_of(before, cell) : BASELINE_NEW, before,
		    cell);
	}
	json_decref(index);
}

static void add_gone(struct comparing *comparing, const json_t *base, const json_t *results)
{
	const json_t *run = json_object_get(results, "run");
	bool is_part = json_object_get(run, "shard") != NULL ||
	               json_object_get(run, "cases") != NULL;
	json_t *index = baseline_index(results), *places = places_of(results);
	struct buf key = {0};
	const json_t *cell;
	size_t i;

	json_array_foreach(json_object_get(base, "cells"), i, cell) {
		if (json_object_get(index, json_text(cell, "id")) != NULL)
			continue;
		buf_clear(&key);
		buf_printf(&key, "%s\n%s", json_text(cell, "suite"), json_text(cell, "board"));
		if (is_part || json_object_get(places, buf_string(&key)) == NULL)
			comparing->n_elsewhere++;
		else
			add(comparing, BASELINE_GONE, cell, NULL);
	}
	buf_fini(&key);
	json_decref(index);
	json_decref(places);
}

/* "netxduo 6.2.0"; a new string. */
static json_t *stack_of(const json_t *board)
{
	const char *version = json_text(board, "stack_version");

	return json_made(json_pack("s++", json_text(board, "stack"), version[0] != '\0' ? " " : "",
	                           version));
}

static json_t *changed_boards(const json_t *base, const json_t *results)
{
	json_t *changed = json_made(json_array());
	const json_t *before, *after;
	size_t i, k;

	json_array_foreach(json_object_get(results, "boards"), i, after)
		json_array_foreach(json_object_get(base, "boards"), k, before) {
			json_t *was, *is;

			if (!is_same_member(before, after, "name"))
				continue;
			was = stack_of(before);
			is = stack_of(after);
			if (!json_equal(was, is))
				json_array_append_new(
					changed,
					json_made(json_pack("{s:s, s:O, s:O}", "name",
				                            json_text(after, "name"), "before",
				                            was, "after", is)));
			json_decref(was);
			json_decref(is);
		}
	return changed;
}

json_t *baseline_compare(const json_t *base, const json_t *results)
{
	const json_t *run = json_object_get(base, "run");
	json_t *cells = json_made(json_array());
	struct comparing comparing = {0};

	for (size_t i = 0; i < BASELINE_CHANGES; i++)
		comparing.changes[i] = json_made(json_array());
	add_present(&comparing, base, results);
	add_gone(&comparing, base, results);
	for (size_t i = 0; i < BASELINE_CHANGES; i++) {
		json_array_extend(cells, comparing.changes[i]);
		json_decref(comparing.changes[i]);
	}
	return json_made(json_pack(
		"{s:s, s:s, s:b, s:I, s:I, s:I, s:o, s:o}", "id", json_text(run, "id"), "started",
		json_text(run, "started"), "complete", json_flag(run, "complete"), "regressions",
		(json_int_t)comparing.n_regressions, "same", (json_int_t)comparing.n_same,
		"elsewhere", (json_int_t)comparing.n_elsewhere, "boards",
		changed_boards(base, results), "cells", cells));
}

int baseline_exit_status(const json_t *comparison)
{
	const json_t *cell;
	int status = 0;
	size_t i;

	json_array_foreach(json_object_get(comparison, "cells"), i, cell) {
		enum outcome is = outcome_of(json_object_get(cell, "after"));

		if (json_flag(cell, "regression"))
			status = is == OUTCOME_ERROR || status == 3 ? 3 : 1;
	}
	return status;
}
