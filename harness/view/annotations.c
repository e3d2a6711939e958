#include "view/annotations.h"

#include "base/assert.h"
#include "base/json.h"
#include "view/comparison.h"
#include "view/report.h"
#include "view/text.h"

#include <stdlib.h>
#include <string.h>

/* Clean text, with what would end the message or the property written as GitHub reads it. */
static void put_escaped(struct buf *out, const char *text, bool property)
{
	struct buf clean = {0};

	text_clean(&clean, text, TEXT_UTF8);
	for (const char *at = buf_string(&clean); *at != '\0'; at++) {
		if (*at == '%' || (property && (*at == ':' || *at == ',')))
			buf_printf(out, "%%%02X", (unsigned)*at);
		else
			buf_char(out, *at);
	}
	buf_fini(&clean);
}

/* What is told together: the words of the annotation, and whether it is an error. */
struct annotation {
	const char *title;
	const struct buf *lines; /* the message */
	bool is_error;
};

struct annotating {
	struct buf *out;
	const struct report *report;
	json_t *compared; /* owned; empty without a base */
	bool has_base;
	size_t n[2];      /* warnings, errors: with those that are not shown */
	struct buf kinds[2];
};

static void put_annotation(struct annotating *annotating, const struct annotation *annotation)
{
	struct buf *out = &annotating->kinds[annotation->is_error];
	const char *rest = buf_string(annotation->lines), *at, *between = "";
	size_t len;

	if (annotating->n[annotation->is_error]++ >= ANNOTATIONS_MAX - 1)
		return; /* put_kind tells how many */
	buf_printf(out, "::%s title=", annotation->is_error ? "error" : "warning");
	put_escaped(out, annotation->title, true);
	buf_text(out, "::");
	while ((at = text_line(&rest, &len)) != NULL) {
		char *line = strndup(at, len);

		CHECK(line != NULL);
		buf_text(out, between);
		put_escaped(out, line, false);
		free(line);
		between = "%0A";
	}
	buf_char(out, '\n');
}

/* Whether the cell is a failure that neither known.json nor the base knows. */
static bool is_regression(const struct annotating *annotating, const json_t *cell)
{
	const json_t *entry = json_object_get(annotating->compared, json_text(cell, "id"));

	return !annotating->has_base || json_flag(entry, "regression");
}

static bool is_unexpected(const json_t *cell)
{
	return outcome_exit_status(report_outcome(cell)) != 0;
}

static void put_cause(struct annotating *annotating, const struct report_group *group)
{
	const char *server = json_text(json_object_get(group->diagnosis, "fix"), "server");
	struct annotation annotation = {.title = json_text(group->diagnosis, "title")};
	struct buf lines = {0};
	size_t n = 0;

	for (size_t i = 0; i < group->n_cells; i++) {
		n += is_unexpected(group->cells[i]);
		annotation.is_error = annotation.is_error ||
		                      (is_unexpected(group->cells[i]) &&
		                       is_regression(annotating, group->cells[i]));
	}
	buf_printf(&lines, "%zu cell%s, such as %s. %s\n", n, n == 1 ? "" : "s",
	           json_text(group->cell, "id"), json_text(group->diagnosis, "cause"));
	report_fixes(annotating->report, group, &lines);
	if (server[0] != '\0')
		buf_printf(&lines, "server: %s\n", server);
	report_proof(group, &lines);
	annotation.lines = &lines;
	if (n > 0)
		put_annotation(annotating, &annotation);
	buf_fini(&lines);
}

/* Cells that nothing diagnoses, together by their outcome and reason. */
static void put_undiagnosed(struct annotating *annotating)
{
	json_t *seen = json_made(json_object());
	const json_t *cell;
	struct buf key = {0};
	size_t i;

	json_array_foreach(json_object_get(annotating->report->results, "cells"), i, cell) {
		struct annotation annotation = {.is_error = is_regression(annotating, cell)};
		struct buf line = {0};

		if (!is_unexpected(cell) || json_array_size(json_object_get(cell, "diagnosis")) > 0)
			continue;
		buf_clear(&key);
		buf_printf(&key, "%s %s", json_text(cell, "outcome"), json_text(cell, "reason"));
		if (json_object_get(seen, buf_string(&key)) != NULL)
			continue;
		json_object_set_new(seen, buf_string(&key), json_true());
		buf_printf(&line, "%s: %s", json_text(cell, "id"), json_text(cell, "detail"));
		annotation.title = buf_string(&key);
		annotation.lines = &line;
		put_annotation(annotating, &annotation);
		buf_fini(&line);
	}
	buf_fini(&key);
	json_decref(seen);
}

static void put_kind(struct annotating *annotating, bool is_error)
{
	size_t n = annotating->n[is_error];

	buf_text(annotating->out, buf_string(&annotating->kinds[is_error]));
	if (n >= ANNOTATIONS_MAX)
		buf_printf(annotating->out, "::%s title=And %zu more::%s\n",
		           is_error ? "error" : "warning", n - (ANNOTATIONS_MAX - 1),
		           "The summary and the report have all of them.");
	buf_fini(&annotating->kinds[is_error]);
}

void annotations_render(struct buf *out, const json_t *results)
{
	const json_t *baseline = json_object_get(results, "baseline");
	struct report report;
	struct annotating annotating = {.out = out, .report = &report,
	                                .compared = baseline_index(baseline),
	                                .has_base = baseline != NULL};

	report_init(&report, results, NULL);
	for (size_t i = 0; i < report.n_groups; i++)
		put_cause(&annotating, &report.groups[i]);
	put_undiagnosed(&annotating);
	put_kind(&annotating, true);
	put_kind(&annotating, false);
	json_decref(annotating.compared);
	report_fini(&report);
}
