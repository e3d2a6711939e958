#include "view/markdown.h"

#include "base/json.h"
#include "view/comparison.h"
#include "view/report.h"
#include "view/set_apart.h"
#include "view/shared.h"
#include "view/text.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FOR_LINT 16000 /* kept free by the groups */
#define ROOM_FOR_MATRICES (MARKDOWN_MAX / 4) /* kept free by the causes */
#define COMPARED_MOST 20 /* cells named for each change against the base */
#define LOG_LINES 4
#define CUT "\n*The rest is left out here, as it would be too long; results.json has all of it.*\n"

/* --- the matrices ----------------------------------------------------------------------------- */

static void put_square(struct buf *out, const json_t *cell)
{
	struct buf text = {0};

	if (cell != NULL) {
		buf_printf(&text, "%s ", report_look(report_outcome(cell))->glyph);
		report_square(cell, "→", &text);
	}
	text_markdown(out, buf_string(&text));
	buf_fini(&text);
}

static void put_heads(struct buf *out, const struct report *report)
{
	buf_text(out, "| case |");
	for (size_t i = 0; i < report->n_boards; i++) {
		buf_char(out, ' ');
		text_markdown(out, json_text(json_array_get(report->boards, i), "name"));
		buf_text(out, " |");
	}
	buf_text(out, "\n| --- |");
	for (size_t i = 0; i < report->n_boards; i++)
		buf_text(out, " --- |");
	buf_char(out, '\n');
}

static void put_row(struct buf *out, const struct report *report, const struct report_row *row)
{
	buf_text(out, "| ");
	text_markdown(out, row->name);
	buf_text(out, " |");
	for (size_t i = 0; i < report->n_boards; i++) {
		buf_char(out, ' ');
		put_square(out, row->cells[i]);
		buf_text(out, " |");
	}
	buf_char(out, '\n');
}

static void put_matrices(struct buf *out, const struct report *report)
{
	for (size_t i = 0; i < report->n_suites; i++) {
		const struct report_suite *suite = &report->suites[i];

		buf_text(out, "\n## ");
		text_markdown(out, suite->name);
		buf_text(out, "\n\n");
		put_heads(out, report);
		for (size_t k = 0; k < suite->n_rows; k++) {
			size_t before = out->len;

			put_row(out, report, &suite->rows[k]);
			if (out->len + sizeof(CUT) > MARKDOWN_MAX) {
				out->len = before;
				buf_text(out, CUT);
				return;
			}
		}
	}
}

/* --- the failures, by cause ------------------------------------------------------------------- */

/* "**label** text" as an item of a list. */
static void put_item(struct buf *out, const char *label, const char *text)
{
	if (text[0] == '\0')
		return;
	buf_text(out, "- ");
	if (label[0] != '\0') {
		buf_text(out, "**");
		text_markdown(out, label);
		buf_text(out, "** ");
	}
	text_markdown(out, text);
	buf_char(out, '\n');
}

static void put_items(struct buf *out, const char *label, const struct buf *lines)
{
	char *copy = strdup(buf_string(lines));
	char *rest = copy, *line;

	while (rest != NULL && (line = strsep(&rest, "\n")) != NULL)
		put_item(out, label, line);
	free(copy);
}

static void put_lists(struct buf *out, const struct report_group *group)
{
	static const struct {
		const char *key, *label;
	} lists[] = {{"rfc", "Read"}, {"refs", "See"}};
	const json_t *item;
	size_t i;

	for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++)
		json_array_foreach(json_object_get(group->diagnosis, lists[k].key), i, item)
			put_item(out, lists[k].label, json_string_value(item));
}

static void put_group(struct buf *out, const struct report *report,
                      const struct report_group *group)
{
	const json_t *diagnosis = group->diagnosis, *evidence;
	struct buf lines = {0};
	size_t i;

	buf_text(out, "\n### ");
	text_markdown(out, json_text(diagnosis, "title"));
	report_confidence(group, &lines);
	buf_printf(out, " (%s)\n\n", buf_string(&lines));
	text_markdown(out, json_text(diagnosis, "cause"));
	buf_text(out, "\n\n");
	json_array_foreach(json_object_get(diagnosis, "evidence"), i, evidence)
		put_item(out, json_text(evidence, "witness"), json_text(evidence, "text"));
	buf_clear(&lines);
	if (strcmp(json_text(diagnosis, "confidence"), "none") == 0)
		report_log_tail(report, group->cell, LOG_LINES, &lines);
	put_items(out, "UART", &lines);
	buf_clear(&lines);
	report_fixes(report, group, &lines);
	put_items(out, "Fix", &lines);
	put_item(out, "Fix on the server", json_text(json_object_get(diagnosis, "fix"), "server"));
	buf_clear(&lines);
	report_proof(group, &lines);
	put_items(out, "Proof", &lines);
	put_lists(out, group);
	buf_clear(&lines);
	report_cells(report, group, &lines);
	put_items(out, "Cells", &lines);
	buf_fini(&lines);
}

static void put_groups(struct buf *out, const struct report *report)
{
	if (report->n_groups > 0)
		buf_text(out, "\n## Why\n");
	for (size_t i = 0; i < report->n_groups; i++) {
		size_t before = out->len;

		put_group(out, report, &report->groups[i]);
		if (out->len + sizeof(CUT) > MARKDOWN_MAX - ROOM_FOR_LINT) {
			out->len = before;
			buf_text(out, CUT);
			return;
		}
	}
}

static void put_notices(struct buf *out, const struct report *report)
{
	const json_t *notice;
	size_t i;

	json_array_foreach(json_object_get(report->run, "notices"), i, notice) {
		buf_text(out, "\nNote: ");
		text_markdown(out, json_string_value(notice));
		buf_char(out, '\n');
	}
}

static void put_remarks(struct buf *out, const struct report *report)
{
	struct buf lines = {0};

	report_skips(report, &lines);
	shared_describe(report, &lines);
	set_apart_describe(report, &lines);
	if (lines.len > 0)
		buf_char(out, '\n');
	put_items(out, "", &lines);
	buf_fini(&lines);
}

static void put_findings(struct buf *out, const json_t *findings, const char *severity)
{
	struct buf text = {0};
	const json_t *finding;
	size_t i;

	json_array_foreach(findings, i, finding) {
		if (strcmp(json_text(finding, "severity"), severity) != 0)
			continue;
		buf_clear(&text);
		report_finding(finding, &text);
		if (out->len < ROOM_FOR_LINT)
			put_item(out, severity, buf_string(&text));
	}
	buf_fini(&text);
}

/* Errors and warnings; notes stand in results.json. */
static void put_lint(struct buf *out, const struct report *report)
{
	json_t *findings = report_lint(report);
	struct buf items = {0};

	put_findings(&items, findings, "error");
	put_findings(&items, findings, "warning");
	if (items.len > 0)
		buf_printf(out, "\n## The ClientHellos, whatever the outcome\n\n%s",
		           buf_string(&items));
	buf_fini(&items);
	json_decref(findings);
}

static void put_comparison(struct buf *out, const json_t *baseline)
{
	struct buf lines = {0};

	if (baseline == NULL)
		return;
	buf_text(out, "\n## Against the base\n\n");
	comparison_summary(baseline, &lines);
	put_items(out, "", &lines);
	for (int i = 0; i < BASELINE_CHANGES; i++) {
		buf_clear(&lines);
		comparison_lines(baseline, (enum baseline_change)i, COMPARED_MOST, &lines);
		put_items(out, comparison_title((enum baseline_change)i), &lines);
	}
	buf_fini(&lines);
}

/* However much there is to say, the page keeps its limit and a part of the matrix. */
static void keep_room(struct buf *out)
{
	if (out->len <= MARKDOWN_MAX - ROOM_FOR_MATRICES / 2)
		return;
	out->len = MARKDOWN_MAX - ROOM_FOR_MATRICES / 2;
	while (out->data[out->len - 1] != '\n')
		out->len--;
	buf_text(out, CUT);
}

void markdown_render(struct buf *out, const json_t *results, const struct shelf *shelf)
{
	struct report report;

	report_init(&report, results, shelf);
	buf_text(out, "# Shakedown: ");
	for (size_t i = 0, n = 0; i < OUTCOME_MAX; i++)
		if (report.n_outcomes[i] > 0)
			buf_printf(out, "%s%zu %s", n++ > 0 ? ", " : "", report.n_outcomes[i],
			           outcome_word((enum outcome)i));
	if (report.n_unsafe > 0)
		buf_printf(out, ", %zu of them UNSAFE", report.n_unsafe);
	buf_char(out, '\n');
	if (!json_flag(report.run, "complete"))
		buf_text(out, "\nThe run was interrupted: what is here is what was done.\n");
	put_notices(out, &report);
	put_comparison(out, json_object_get(results, "baseline"));
	put_groups(out, &report);
	put_remarks(out, &report);
	put_lint(out, &report);
	keep_room(out);
	put_matrices(out, &report);
	report_fini(&report);
}
