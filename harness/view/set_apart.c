#include "view/set_apart.h"

#include "base/json.h"

#include <string.h>

static bool is_quarantined(const json_t *cell)
{
	return json_flag(json_object_get(cell, "known"), "quarantine") &&
	       strcmp(json_text(cell, "outcome"), "xfail") == 0;
}

static void put_quarantined(const json_t *cell, struct buf *out)
{
	const json_t *known = json_object_get(cell, "known");

	buf_printf(out, "In quarantine, and not counted: %s (%s): %s %s\n", json_text(cell, "id"),
	           json_text(cell, "reason"), json_text(known, "reason"), json_text(known, "link"));
}

static bool is_flaky(const json_t *cell)
{
	return json_flag(cell, "flaky");
}

static void put_flaky(const json_t *cell, struct buf *out)
{
	const json_t *attempt;
	size_t i;

	buf_printf(out, "Flaky: %s", json_text(cell, "id"));
	json_array_foreach(json_object_get(cell, "attempts"), i, attempt) {
		bool passed = strcmp(json_text(attempt, "outcome"), "pass") == 0;

		buf_printf(out, "%s %s", i > 0 ? "," : ":", json_text(attempt, "outcome"));
		if (!passed)
			buf_printf(out, " (%s)", json_text(attempt, "reason"));
	}
	buf_char(out, '\n');
}

static const struct kind {
	bool (*has)(const json_t *cell);
	void (*put)(const json_t *cell, struct buf *out);
	const char *what;
} kinds[] = {
	{is_quarantined, put_quarantined, "in quarantine"},
	{is_flaky, put_flaky, "flaky"},
};

static void put_kind(const struct kind *kind, const json_t *cells, struct buf *out)
{
	const json_t *cell;
	size_t i, n = 0;

	json_array_foreach(cells, i, cell)
		if (kind->has(cell) && n++ < SET_APART_MAX)
			kind->put(cell, out);
	if (n > SET_APART_MAX)
		buf_printf(out, "And %zu more cells are %s.\n", n - SET_APART_MAX, kind->what);
}

void set_apart_describe(const struct report *report, struct buf *out)
{
	const json_t *cells = json_object_get(report->results, "cells");

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		put_kind(&kinds[i], cells, out);
}
