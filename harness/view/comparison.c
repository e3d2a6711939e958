#include "view/comparison.h"

#include "base/json.h"
#include "view/report.h"
#include "view/text.h"

#include <string.h>

#define REMARKED_MOST 20 /* cells of each change among the remarks */

static const char *const titles[BASELINE_CHANGES] = {
	[BASELINE_NEWLY_FAILING] = "newly failing", [BASELINE_VERDICT_LOST] = "verdict lost",
	[BASELINE_CHANGED] = "changed",             [BASELINE_STILL_FAILING] = "still failing",
	[BASELINE_FIXED] = "fixed",                 [BASELINE_VERDICT_GAINED] = "verdict gained",
	[BASELINE_NEW] = "new",                     [BASELINE_GONE] = "gone",
};

const char *comparison_title(enum baseline_change change)
{
	return titles[change];
}

static bool is_of(const json_t *cell, enum baseline_change change)
{
	return strcmp(json_text(cell, "change"), baseline_word(change)) == 0;
}

static size_t count(const json_t *baseline, enum baseline_change change)
{
	const json_t *cell;
	size_t i, n = 0;

	json_array_foreach(json_object_get(baseline, "cells"), i, cell)
		n += is_of(cell, change);
	return n;
}

static void put_counts(const json_t *baseline, struct buf *out)
{
	long long same = json_number(baseline, "same");
	const char *comma = "";

	for (int i = 0; i < BASELINE_CHANGES; i++) {
		size_t n = count(baseline, (enum baseline_change)i);

		if (n == 0)
			continue;
		buf_printf(out, "%s%zu %s", comma, n, titles[i]);
		comma = ", ";
	}
	if (same > 0 || comma[0] == '\0')
		buf_printf(out, "%s%lld as before", comma, same);
}

void comparison_summary(const json_t *baseline, struct buf *out)
{
	long long n = json_number(baseline, "regressions");
	long long away = json_number(baseline, "elsewhere");
	const json_t *board;
	size_t i;

	if (baseline == NULL)
		return;
	if (n == 0)
		buf_text(out, "No regression");
	else
		buf_printf(out, "%lld regression%s", n, n == 1 ? "" : "s");
	buf_printf(out, " against the run %s: ", json_text(baseline, "id"));
	put_counts(baseline, out);
	buf_text(out, ".\n");
	if (!json_flag(baseline, "complete"))
		buf_text(out, "That run was interrupted: what it did not do is no measure.\n");
	json_array_foreach(json_object_get(baseline, "boards"), i, board)
		buf_printf(out, "%s has %s now, and had %s.\n", json_text(board, "name"),
		           json_text(board, "after"), json_text(board, "before"));
	if (away > 0)
		buf_printf(out,
		           "%lld cell%s of that run %s on boards, in suites or in shards that this "
		           "one does not have.\n",
		           away, away == 1 ? "" : "s", away == 1 ? "is" : "are");
}

/* "fail alert-from-board 80→ flaky" */
static void put_verdict(const json_t *verdict, struct buf *out)
{
	const char *outcome = json_text(verdict, "outcome");

	buf_text(out, outcome);
	if (strcmp(outcome, "pass") != 0 || strcmp(json_text(verdict, "reason"), "connected") != 0)
		buf_printf(out, " %s", json_text(verdict, "reason"));
	if (json_is_integer(json_object_get(json_object_get(verdict, "alert"), "number"))) {
		buf_char(out, ' ');
		report_alert(verdict, "→", out);
	}
	if (json_flag(verdict, "flaky"))
		buf_text(out, " flaky");
}

static void put_change(const json_t *cell, struct buf *out)
{
	const json_t *before = json_object_get(cell, "before");
	const json_t *after = json_object_get(cell, "after");

	if (json_is_object(after))
		put_verdict(after, out);
	if (json_is_object(before)) {
		buf_text(out, json_is_object(after) ? ", was " : "was ");
		put_verdict(before, out);
	}
	if (json_flag(cell, "redefined"))
		buf_text(out, " (the case itself is another one)");
}

void comparison_lines(const json_t *baseline, enum baseline_change change, size_t most,
                      struct buf *out)
{
	const json_t *cell;
	size_t i, n = 0, total = count(baseline, change);

	for (int regression = 1; regression >= 0; regression--)
		json_array_foreach(json_object_get(baseline, "cells"), i, cell) {
			if (!is_of(cell, change) ||
			    json_flag(cell, "regression") != (regression == 1) || n++ >= most)
				continue;
			buf_printf(out, "%s: ", json_text(cell, "id"));
			put_change(cell, out);
			buf_char(out, '\n');
		}
	if (total > most)
		buf_printf(out, "and %zu more\n", total - most);
}

void comparison_remarks(const json_t *baseline, struct buf *out)
{
	const char *rest, *line;
	struct buf lines = {0};
	size_t len;

	comparison_summary(baseline, out);
	for (int i = 0; baseline != NULL && i < BASELINE_CHANGES; i++) {
		if (i == BASELINE_STILL_FAILING)
			continue;
		buf_clear(&lines);
		comparison_lines(baseline, (enum baseline_change)i, REMARKED_MOST, &lines);
		rest = buf_string(&lines);
		while ((line = text_line(&rest, &len)) != NULL)
			buf_printf(out, "%c%s: %.*s\n", titles[i][0] - 'a' + 'A', titles[i] + 1,
			           (int)len, line);
	}
	buf_fini(&lines);
}

void comparison_of(const json_t *baseline, const json_t *index, const char *id, struct buf *out)
{
	const json_t *cell = json_object_get(index, id);

	for (int i = 0; cell != NULL && i < BASELINE_CHANGES; i++)
		if (is_of(cell, (enum baseline_change)i))
			buf_text(out, titles[i]);
	if (json_is_object(json_object_get(cell, "before"))) {
		buf_text(out, ": it was ");
		put_verdict(json_object_get(cell, "before"), out);
		buf_printf(out, " in the run %s", json_text(baseline, "id"));
	} else if (cell != NULL) {
		buf_printf(out, ": the run %s does not have it", json_text(baseline, "id"));
	}
}
