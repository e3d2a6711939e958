#include "view/junit.h"

#include "base/file.h"
#include "base/json.h"
#include "view/comparison.h"
#include "view/ladder.h"
#include "view/report.h"
#include "view/text.h"

#include <stdlib.h>
#include <string.h>

/* The element that an outcome becomes; NULL: none, it passed. */
static const char *const elements[OUTCOME_MAX] = {
	[OUTCOME_FAIL] = "failure",       [OUTCOME_XPASS] = "failure",
	[OUTCOME_INCONCLUSIVE] = "error", [OUTCOME_ERROR] = "error",
	[OUTCOME_UNSUPPORTED] = "skipped", [OUTCOME_XFAIL] = "skipped",
	[OUTCOME_SKIP] = "skipped",
};

struct document {
	struct buf *out;
	const struct report *report;
	const char *folder;
	const json_t *baseline; /* NULL: there is none */
	json_t *compared;       /* owned: its cells by their id */
};

static void put_attribute(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, " %s=\"", name);
	text_xml(out, value);
	buf_char(out, '"');
}

static double seconds_of(const json_t *cell)
{
	return json_number_value(json_object_get(json_object_get(cell, "timings_ms"), "total")) /
	       1000.0;
}

/* The root has no number of what was skipped: the schema that Jenkins goes by allows none there. */
static void put_counts(struct buf *out, const json_t *cells, bool of_suite)
{
	size_t failures = 0, errors = 0, skipped = 0;
	double seconds = 0;
	const json_t *cell;
	size_t i;

	json_array_foreach(cells, i, cell) {
		const char *element = elements[report_outcome(cell)];

		seconds += seconds_of(cell);
		failures += element != NULL && strcmp(element, "failure") == 0;
		errors += element != NULL && strcmp(element, "error") == 0;
		skipped += element != NULL && strcmp(element, "skipped") == 0;
	}
	buf_printf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" time=\"%.3f\"",
	           json_array_size(cells), failures, errors, seconds);
	if (of_suite)
		buf_printf(out, " skipped=\"%zu\"", skipped);
}

/* --- the body of a failure, as plain text ----------------------------------------------------- */

static void put_proof(const json_t *diagnosis, struct buf *text)
{
	const json_t *result = json_object_get(diagnosis, "counterfactual");

	if (result == NULL)
		return;
	buf_printf(text, "Proof: it %s with ", report_came_out(result));
	report_change(json_object_get(result, "change"), text);
	if (json_text(result, "cell")[0] != '\0')
		buf_printf(text, " (%s)", json_text(result, "cell"));
	buf_char(text, '\n');
}

static void put_line(const char *label, const char *line, struct buf *text)
{
	if (line[0] != '\0')
		buf_printf(text, "%s: %s\n", label, line);
}

static void put_comparison(const struct document *document, const json_t *cell, struct buf *text)
{
	struct buf line = {0};

	comparison_of(document->baseline, document->compared, json_text(cell, "id"), &line);
	put_line("Against the base", buf_string(&line), text);
	buf_fini(&line);
}

static void put_diagnosis(const json_t *diagnosis, struct buf *text)
{
	const json_t *fix = json_object_get(diagnosis, "fix");
	const json_t *item;
	size_t i;

	buf_printf(text, "\n%s (%s)\n%s\n\n", json_text(diagnosis, "title"),
	           json_text(diagnosis, "confidence"), json_text(diagnosis, "cause"));
	json_array_foreach(json_object_get(diagnosis, "evidence"), i, item)
		put_line(json_text(item, "witness"), json_text(item, "text"), text);
	put_line("Fix on the board", json_text(fix, "board"), text);
	put_line("Fix on the server", json_text(fix, "server"), text);
	put_proof(diagnosis, text);
	json_array_foreach(json_object_get(diagnosis, "rfc"), i, item)
		put_line("Read", json_string_value(item), text);
}

static void put_body(const struct document *document, const json_t *cell)
{
	static const struct terminal_options plain = {.unicode = true};
	json_t *whole = shelf_whole(document->report->shelf, cell);
	const json_t *diagnosis;
	struct buf text = {0};
	size_t i;

	buf_printf(&text, "%s\n%s: %s\n", json_text(cell, "detail"), json_text(cell, "outcome"),
	           json_text(cell, "reason"));
	put_comparison(document, cell, &text);
	put_line("Known", json_text(json_object_get(cell, "known"), "reason"), &text);
	put_line("See", json_text(json_object_get(cell, "known"), "link"), &text);
	json_array_foreach(json_object_get(cell, "diagnosis"), i, diagnosis)
		put_diagnosis(diagnosis, &text);
	buf_char(&text, '\n');
	ladder_cell(whole, &plain, &text);
	text_xml(document->out, buf_string(&text));
	buf_fini(&text);
	json_decref(whole);
}

/* --- the document ----------------------------------------------------------------------------- */

/* Jenkins and GitLab take the file, and find it from where the job's files are. */
static void put_attachment(const struct document *document, const json_t *cell)
{
	const char *capture = json_text(json_object_get(cell, "evidence"), "capture");
	char *path;

	if (capture[0] == '\0')
		return;
	path = file_join(document->folder, capture);
	buf_text(document->out, "      <system-out>[[ATTACHMENT|");
	text_xml(document->out, path);
	buf_text(document->out, "]]</system-out>\n");
	free(path);
}

static void put_case(const struct document *document, const json_t *cell, const char *classname)
{
	const char *element = elements[report_outcome(cell)];
	struct buf *out = document->out;

	buf_text(out, "    <testcase");
	put_attribute(out, "classname", classname);
	put_attribute(out, "name", json_text(cell, "id"));
	buf_printf(out, " time=\"%.3f\"", seconds_of(cell));
	if (element == NULL) {
		buf_text(out, "/>\n");
		return;
	}
	buf_printf(out, ">\n      <%s", element);
	put_attribute(out, "type", json_text(cell, "reason"));
	put_attribute(out, "message", json_text(cell, "detail"));
	buf_char(out, '>');
	put_body(document, cell);
	buf_printf(out, "</%s>\n", element);
	put_attachment(document, cell);
	buf_text(out, "    </testcase>\n");
}

/* What is to be said of the board's ClientHellos in the suite: errors and warnings, a line each. */
static void put_lint(struct buf *out, const json_t *cells)
{
	json_t *seen = json_made(json_object());
	struct buf text = {0};
	const json_t *cell, *finding;
	size_t i, k;

	json_array_foreach(cells, i, cell)
		json_array_foreach(json_object_get(cell, "lint"), k, finding) {
			const char *id = json_text(finding, "id");

			if (strcmp(json_text(finding, "severity"), "note") == 0 ||
			    json_object_get(seen, id) != NULL)
				continue;
			json_object_set_new(seen, id, json_true());
			buf_printf(&text, "ClientHello, %s: %s (%s)\n",
			           json_text(finding, "severity"), json_text(finding, "text"),
			           json_text(finding, "rfc"));
		}
	if (text.len > 0) {
		buf_text(out, "    <system-out>");
		text_xml(out, buf_string(&text));
		buf_text(out, "</system-out>\n");
	}
	buf_fini(&text);
	json_decref(seen);
}

static void put_suite(const struct document *document, const struct report_suite *suite,
                      size_t board)
{
	const struct report *report = document->report;
	struct buf *out = document->out;
	json_t *cells = json_made(json_array());
	struct buf name = {0};
	json_t *cell;
	size_t i;

	for (i = 0; i < suite->n_rows; i++)
		if (suite->rows[i].cells[board] != NULL)
			json_array_append(cells, (json_t *)suite->rows[i].cells[board]);
	buf_printf(&name, "%s.%s", json_text(json_array_get(report->boards, board), "name"),
	           suite->name);
	if (json_array_size(cells) > 0) {
		buf_text(out, "  <testsuite");
		put_attribute(out, "name", buf_string(&name));
		put_attribute(out, "timestamp", json_text(report->run, "started"));
		put_counts(out, cells, true);
		buf_text(out, ">\n");
		json_array_foreach(cells, i, cell)
			put_case(document, cell, buf_string(&name));
		put_lint(out, cells);
		buf_text(out, "  </testsuite>\n");
	}
	buf_fini(&name);
	json_decref(cells);
}

void junit_render(struct buf *out, const json_t *results, const struct shelf *shelf,
                  const char *folder)
{
	struct report report;
	struct document document = {
		.out = out,
		.report = &report,
		.folder = folder,
		.baseline = json_object_get(results, "baseline"),
		.compared = baseline_index(json_object_get(results, "baseline")),
	};

	report_init(&report, results, shelf);
	buf_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
	put_attribute(out, "name", "shakedown");
	put_counts(out, json_object_get(results, "cells"), false);
	buf_text(out, ">\n");
	for (size_t i = 0; i < report.n_suites; i++)
		for (size_t k = 0; k < report.n_boards; k++)
			put_suite(&document, &report.suites[i], k);
	buf_text(out, "</testsuites>\n");
	json_decref(document.compared);
	report_fini(&report);
}
