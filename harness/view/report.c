#include "view/report.h"

#include "base/assert.h"
#include "base/json.h"
#include "verdict/outcome.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct report_look looks[OUTCOME_MAX] = {
	[OUTCOME_PASS] = {"✓", "+", "32"},      [OUTCOME_FAIL] = {"✗", "x", "1;31"},
	[OUTCOME_XFAIL] = {"✗", "x", "2"},      [OUTCOME_XPASS] = {"✓", "+", "1;33"},
	[OUTCOME_UNSUPPORTED] = {"–", "-", "2"}, [OUTCOME_INCONCLUSIVE] = {"?", "?", "33"},
	[OUTCOME_ERROR] = {"!", "!", "1;35"},   [OUTCOME_SKIP] = {"·", ".", "2"},
};

const struct report_look *report_look(enum outcome outcome)
{
	return &looks[outcome];
}

enum outcome report_outcome(const json_t *cell)
{
	return outcome_named(json_text(cell, "outcome"));
}

static const struct report_term terms[] = {
	{OUTCOME_FAIL, "unsafe", "UNSAFE",
	 "the most serious failure; the board accepted what it must refuse", false},
	{OUTCOME_XFAIL, "unsafe", "xfail UNSAFE",
	 "known; the board accepted what it must refuse", false},
	{OUTCOME_FAIL, "not-offered", "not-offered",
	 "a failure; the board did not offer what the server needs", false},
	{OUTCOME_PASS, "refused", "refused", "as it should be, with a fitting alert", true},
	{OUTCOME_PASS, "refused-other-alert", "other alert",
	 "refused as it should be, with an alert that the suite does not name", true},
	{OUTCOME_PASS, "refused-silently", "silent",
	 "refused as it should be, without an alert", false},
	{OUTCOME_PASS, "refused-late", "late",
	 "refused after the handshake, before any data, without an alert", false},
};

const struct report_term *report_term(const json_t *cell)
{
	for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++)
		if (terms[i].outcome == report_outcome(cell) &&
		    strcmp(terms[i].reason, json_text(cell, "reason")) == 0)
			return &terms[i];
	return NULL;
}

bool report_shows_alert(const json_t *cell)
{
	const struct report_term *term = report_term(cell);
	const json_t *number = json_object_get(json_object_get(cell, "alert"), "number");

	return json_is_integer(number) &&
	       (term != NULL ? term->with_alert : report_outcome(cell) == OUTCOME_FAIL);
}

void report_square(const json_t *cell, const char *arrow, struct buf *out)
{
	const struct report_term *term = report_term(cell);

	buf_text(out, term != NULL ? term->word : outcome_word(report_outcome(cell)));
	if (report_shows_alert(cell)) {
		buf_char(out, ' ');
		report_alert(cell, arrow, out);
	} else if (term == NULL && report_outcome(cell) == OUTCOME_FAIL) {
		buf_printf(out, " %s", json_text(cell, "reason"));
	}
	if (json_flag(cell, "flaky"))
		buf_text(out, " flaky");
}

static void *grown(void *array, size_t n, size_t item_size)
{
	/* Room for one more, doubled when n is a power of two. */
	if ((n & (n - 1)) == 0)
		array = realloc(array, (n == 0 ? 1 : n * 2) * item_size);
	CHECK(array != NULL);
	return array;
}

/* --- the matrices ----------------------------------------------------------------------------- */

/* Names already met, with their index: one look-up a cell, however large the run. */
static size_t index_of(json_t *seen, const char *name, size_t next)
{
	const json_t *known = json_object_get(seen, name);

	if (known != NULL)
		return (size_t)json_integer_value(known);
	json_object_set_new(seen, name, json_made(json_integer((json_int_t)next)));
	return next;
}

static struct report_suite *suite_of(struct report *report, json_t *seen, const char *name)
{
	size_t i = index_of(seen, name, report->n_suites);

	if (i == report->n_suites) {
		report->suites = grown(report->suites, report->n_suites, sizeof(*report->suites));
		report->suites[report->n_suites++] = (struct report_suite){.name = name};
	}
	return &report->suites[i];
}

/* The case without its suite. */
static const char *row_name(const json_t *cell)
{
	const char *name = json_text(cell, "case"), *suite = json_text(cell, "suite");
	size_t len = strlen(suite);

	return strncmp(name, suite, len) == 0 && name[len] == '/' ? name + len + 1 : name;
}

static struct report_row *row_of(const struct report *report, struct report_suite *suite,
                                 json_t *seen, const json_t *cell)
{
	struct buf key = {0};
	size_t i;

	/* Not by the suite's name: a file may have any there, and two that read alike with a row's. */
	buf_printf(&key, "%td/%s", suite - report->suites, row_name(cell));
	i = index_of(seen, buf_string(&key), suite->n_rows);
	buf_fini(&key);
	if (i == suite->n_rows) {
		suite->rows = grown(suite->rows, suite->n_rows, sizeof(*suite->rows));
		suite->rows[suite->n_rows] = (struct report_row){.name = row_name(cell)};
		suite->rows[suite->n_rows].cells = calloc(report->n_boards + 1,
		                                          sizeof(const json_t *));
		CHECK(suite->rows[suite->n_rows].cells != NULL);
		suite->n_rows++;
	}
	return &suite->rows[i];
}

/* The columns: the run's boards, and, so that no cell is lost, those that only cells name. */
static void collect_boards(struct report *report, json_t *indexes)
{
	const json_t *listed = json_object_get(report->results, "boards");
	const json_t *board, *cell;
	size_t i;

	report->boards = json_made(json_is_array(listed) ? json_copy((json_t *)listed)
	                                                 : json_array());
	json_array_foreach(report->boards, i, board)
		index_of(indexes, json_text(board, "name"), i);
	json_array_foreach(json_object_get(report->results, "cells"), i, cell) {
		const char *name = json_text(cell, "board");
		size_t next = json_array_size(report->boards);

		if (index_of(indexes, name, next) == next)
			json_array_append_new(report->boards,
			                      json_made(json_pack("{s:s}", "name", name)));
	}
	report->n_boards = json_array_size(report->boards);
}

static void arrange(struct report *report)
{
	json_t *suites = json_made(json_object()), *rows = json_made(json_object());
	json_t *boards = json_made(json_object());
	const json_t *cell;
	size_t i;

	collect_boards(report, boards);
	json_array_foreach(json_object_get(report->results, "cells"), i, cell) {
		struct report_suite *suite = suite_of(report, suites, json_text(cell, "suite"));
		struct report_row *row = row_of(report, suite, rows, cell);

		report->n_cells++;
		report->n_outcomes[report_outcome(cell)]++;
		report->n_unsafe += strcmp(json_text(cell, "reason"), "unsafe") == 0;
		row->cells[index_of(boards, json_text(cell, "board"), report->n_boards)] = cell;
	}
	json_decref(suites);
	json_decref(rows);
	json_decref(boards);
}

/* --- the groups ------------------------------------------------------------------------------- */

static bool has_confidence(const json_t *diagnosis, const char *confidence)
{
	return strcmp(json_text(diagnosis, "confidence"), confidence) == 0;
}

static bool is_unexplained(const json_t *diagnosis)
{
	return has_confidence(diagnosis, "none");
}

/* What cells of one group have in common. The caller's to free. */
static char *group_key(const json_t *cell, const json_t *diagnosis)
{
	struct buf key = {0};

	buf_printf(&key, "%s\n", json_text(diagnosis, "id"));
	if (is_unexplained(diagnosis))
		buf_printf(&key, "%s\n%s", json_text(cell, "reason"),
		           json_text(diagnosis, "cause"));
	return (char *)key.data;
}

/* A cause may say a little more in some cells (TLS 1.2 beside 1.3); the group shows the longest. */
static void add_to_group(struct report_group *group, const json_t *cell, const json_t *diagnosis)
{
	group->cells = grown(group->cells, group->n_cells, sizeof(*group->cells));
	group->cells[group->n_cells++] = cell;
	group->n_confirmed += has_confidence(diagnosis, "confirmed");
	if (group->diagnosis == NULL ||
	    strlen(json_text(diagnosis, "cause")) > strlen(json_text(group->diagnosis, "cause"))) {
		group->diagnosis = diagnosis;
		group->cell = cell;
	}
}

static void group(struct report *report)
{
	json_t *seen = json_made(json_object());
	const json_t *cell, *diagnosis;
	size_t i, k;

	json_array_foreach(json_object_get(report->results, "cells"), i, cell) {
		json_array_foreach(json_object_get(cell, "diagnosis"), k, diagnosis) {
			char *key;
			size_t at;

			if (k > 0 && has_confidence(diagnosis, "refuted"))
				continue; /* another speaks */
			key = group_key(cell, diagnosis);
			at = index_of(seen, key, report->n_groups);
			free(key);
			if (at == report->n_groups) {
				report->groups = grown(report->groups, report->n_groups,
				                       sizeof(*report->groups));
				report->groups[report->n_groups++] = (struct report_group){0};
			}
			add_to_group(&report->groups[at], cell, diagnosis);
		}
	}
	json_decref(seen);
}

static bool is_unsafe(const struct report_group *group)
{
	for (size_t i = 0; i < group->n_cells; i++)
		if (strcmp(json_text(group->cells[i], "reason"), "unsafe") == 0 &&
		    report_outcome(group->cells[i]) == OUTCOME_FAIL)
			return true;
	return false;
}

/* What is unsafe first, then what most cells have, then as they came. */
static int compare_groups(const void *a, const void *b)
{
	const struct report_group *one = a, *other = b;

	if (one->is_unsafe != other->is_unsafe)
		return one->is_unsafe ? -1 : 1;
	if (one->n_cells != other->n_cells)
		return one->n_cells > other->n_cells ? -1 : 1;
	return one->place < other->place ? -1 : 1;
}

static void sort_groups(struct report *report)
{
	for (size_t i = 0; i < report->n_groups; i++) {
		report->groups[i].is_unsafe = is_unsafe(&report->groups[i]);
		report->groups[i].place = i;
	}
	if (report->n_groups > 1)
		qsort(report->groups, report->n_groups, sizeof(*report->groups), compare_groups);
}

void report_init(struct report *report, const json_t *results, const struct shelf *shelf)
{
	*report = (struct report){
		.results = results,
		.run = json_object_get(results, "run"),
		.shelf = shelf,
	};
	arrange(report);
	group(report);
	sort_groups(report);
}

void report_fini(struct report *report)
{
	for (size_t i = 0; i < report->n_suites; i++) {
		for (size_t k = 0; k < report->suites[i].n_rows; k++)
			free(report->suites[i].rows[k].cells);
		free(report->suites[i].rows);
	}
	for (size_t i = 0; i < report->n_groups; i++)
		free(report->groups[i].cells);
	json_decref(report->boards);
	free(report->suites);
	free(report->groups);
	*report = (struct report){0};
}

/* --- words ------------------------------------------------------------------------------------ */

void report_alert(const json_t *cell, const char *arrow, struct buf *out)
{
	const json_t *alert = json_object_get(cell, "alert");
	bool by_board = strcmp(json_text(alert, "from"), "client") == 0;

	if (json_is_integer(json_object_get(alert, "number")))
		buf_printf(out, "%s%lld%s", by_board ? "" : arrow, json_number(alert, "number"),
		           by_board ? arrow : "");
}

static void change_value(const json_t *value, struct buf *out)
{
	char *text;
	const json_t *item;
	size_t i;

	if (json_is_string(value)) {
		buf_printf(out, " %s", json_string_value(value));
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, item)
			change_value(item, out);
	} else {
		text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		buf_printf(out, " %s", text != NULL ? text : "");
		free(text);
	}
}

void report_change(const json_t *change, struct buf *out)
{
	const char *key;
	json_t *value;
	bool first = true;

	json_object_foreach((json_t *)change, key, value) {
		buf_printf(out, "%s%s%s", first ? "" : ", ", json_is_null(value) ? "no " : "", key);
		if (!json_is_null(value))
			change_value(value, out);
		first = false;
	}
}

/* False for what was said before: what several cells share is told once. */
static bool is_new(json_t *said, const char *words)
{
	if (json_object_get(said, words) != NULL)
		return false;
	json_object_set_new(said, words, json_made(json_true()));
	return true;
}

/* The diagnosis of `cell` that belongs to `group`. */
static const json_t *diagnosis_of(const struct report_group *group, const json_t *cell)
{
	return json_find(json_object_get(cell, "diagnosis"), "id",
	                 json_text(group->diagnosis, "id"));
}

static const char *const came_out_words[OUTCOME_MAX] = {
	[OUTCOME_PASS] = "passes",
	[OUTCOME_FAIL] = "still fails",
	[OUTCOME_XFAIL] = "still fails",
	[OUTCOME_XPASS] = "passes",
	[OUTCOME_UNSUPPORTED] = "is unsupported",
	[OUTCOME_INCONCLUSIVE] = "is inconclusive",
	[OUTCOME_ERROR] = "was not judged",
	[OUTCOME_SKIP] = "was not judged",
};

const char *report_came_out(const json_t *result)
{
	enum outcome outcome = outcome_named(json_text(result, "outcome"));

	if (outcome_failed(outcome) && json_flag(result, "otherwise"))
		return "fails in another way";
	return came_out_words[outcome];
}

/*
 * What came of one change on one board: {"board", "change", "cells": {"still fails": [...], ...}},
 * in the lists the cells in which it did, {"case", "cell": the other cell that shows it, or ""}.
 */
static json_t *proof_of(json_t *proofs, const char *board, const char *change)
{
	struct buf key = {0};
	json_t *proof;

	buf_printf(&key, "%s\n%s", board, change);
	proof = json_object_get(proofs, buf_string(&key));
	if (proof == NULL) {
		proof = json_made(json_pack("{s:s, s:s, s:{}}", "board", board, "change", change,
		                            "cells"));
		json_object_set_new(proofs, buf_string(&key), proof);
	}
	buf_fini(&key);
	return proof;
}

static void prove(const json_t *cell, const json_t *result, json_t *proofs)
{
	const char *came_out = report_came_out(result);
	struct buf change = {0};
	json_t *cells;

	report_change(json_object_get(result, "change"), &change);
	cells = json_object_get(proof_of(proofs, json_text(cell, "board"), buf_string(&change)),
	                        "cells");
	if (json_object_get(cells, came_out) == NULL)
		json_object_set_new(cells, came_out, json_made(json_array()));
	json_array_append_new(json_object_get(cells, came_out),
	                      json_made(json_pack("{s:s, s:s}", "case", row_name(cell), "cell",
	                                          json_text(result, "cell"))));
	buf_fini(&change);
}

/*
 * The first cell stands for all in which the change of this board came out the same; where it
 * helps in some and not in others, it is named.
 */
static void put_proof(const json_t *proof, const char *came_out, struct buf *out)
{
	const json_t *lists = json_object_get(proof, "cells");
	const json_t *cells = json_object_get(lists, came_out), *first = json_array_get(cells, 0);
	bool is_mixed = json_object_size(lists) > 1;
	size_t n = json_array_size(cells);

	if (n == 0)
		return;
	buf_printf(out, "%s %s with %s", json_text(proof, "board"), came_out,
	           json_text(proof, "change"));
	if (is_mixed)
		buf_printf(out, ": %s", json_text(first, "case"));
	if (is_mixed && n > 1)
		buf_printf(out, " and %zu more", n - 1);
	if (json_text(first, "cell")[0] != '\0')
		buf_printf(out, " (%s)", json_text(first, "cell"));
	buf_char(out, '\n');
}

static void put_proofs(json_t *proofs, struct buf *out)
{
	static const char *const order[] = {"was not judged",       "is inconclusive",
	                                    "is unsupported",       "still fails",
	                                    "fails in another way", "passes"};
	const char *key;
	json_t *proof;

	json_object_foreach(proofs, key, proof) {
		for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
			put_proof(proof, order[i], out);
	}
}

/* Where nothing that was tried helped, that is worth knowing too: once of each board. */
static void tell_in_vain(const json_t *cell, json_t *said, struct buf *out)
{
	const char *board = json_text(cell, "board");
	const json_t *try;
	size_t i;

	if (json_array_size(json_object_get(cell, "tries")) == 0 || !is_new(said, board))
		return;
	buf_printf(out, "%s fails with each single change that was tried:", board);
	json_array_foreach(json_object_get(cell, "tries"), i, try) {
		buf_text(out, i > 0 ? "; " : " ");
		report_change(json_object_get(try, "change"), out);
	}
	buf_char(out, '\n');
}

static void prove_cell(const struct report_group *group, const json_t *cell, json_t *proofs)
{
	const json_t *diagnosis = diagnosis_of(group, cell);
	const json_t *decisive = json_object_get(diagnosis, "counterfactual");
	const json_t *found = json_object_get(cell, "counterfactual"), *other;
	size_t k;

	json_array_foreach(json_object_get(diagnosis, "also_tried"), k, other)
		prove(cell, other, proofs);
	if (decisive != NULL)
		prove(cell, decisive, proofs);
	if (found != NULL && !json_equal(json_object_get(found, "change"),
	                                 json_object_get(decisive, "change")))
		prove(cell, found, proofs);
}

/* Whether any change made the cell tell something. */
static bool is_proof(const struct report_group *group, const json_t *cell)
{
	return json_object_get(diagnosis_of(group, cell), "counterfactual") != NULL ||
	       json_object_get(cell, "counterfactual") != NULL;
}

void report_proof(const struct report_group *group, struct buf *out)
{
	json_t *proofs = json_made(json_object()), *said = json_made(json_object());

	for (size_t i = 0; i < group->n_cells; i++)
		prove_cell(group, group->cells[i], proofs);
	put_proofs(proofs, out);
	for (size_t i = 0; i < group->n_cells; i++)
		if (!is_proof(group, group->cells[i]))
			tell_in_vain(group->cells[i], said, out);
	json_decref(proofs);
	json_decref(said);
}

static const char *stack_of(const struct report *report, const json_t *cell)
{
	const char *name = json_text(cell, "board");
	return json_text(json_find(report->boards, "name", name), "stack");
}

void report_fixes(const struct report *report, const struct report_group *group, struct buf *out)
{
	json_t *said = json_made(json_object());

	for (size_t i = 0; i < group->n_cells; i++) {
		const json_t *diagnosis = diagnosis_of(group, group->cells[i]);
		const char *fix = json_text(json_object_get(diagnosis, "fix"), "board");

		if (fix[0] != '\0' && is_new(said, fix))
			buf_printf(out, "%s: %s\n", stack_of(report, group->cells[i]), fix);
	}
	json_decref(said);
}

static bool same_row(const json_t *a, const json_t *b)
{
	return strcmp(json_text(a, "suite"), json_text(b, "suite")) == 0 &&
	       strcmp(json_text(a, "case"), json_text(b, "case")) == 0;
}

/* Cells of one case follow each other, as results are in the order of the plan. */
void report_cells(const struct report *report, const struct report_group *group, struct buf *out)
{
	for (size_t i = 0; i < group->n_cells; i++) {
		const json_t *cell = group->cells[i];
		bool first = i == 0 || !same_row(cell, group->cells[i - 1]);
		bool last = i + 1 == group->n_cells || !same_row(cell, group->cells[i + 1]);

		if (first && report->n_suites > 1)
			buf_printf(out, "%s/", json_text(cell, "suite"));
		if (first)
			buf_printf(out, "%s on ", row_name(cell));
		buf_printf(out, "%s%s", json_text(cell, "board"), last ? "\n" : ", ");
	}
}

/* Skipped cells, counted by board and reason: {"wolfssl: Not run, as ...": 2}, in their order. */
static json_t *count_skips(const json_t *cells)
{
	json_t *counts = json_made(json_object());
	struct buf key = {0};
	const json_t *cell;
	size_t i;

	json_array_foreach(cells, i, cell) {
		if (report_outcome(cell) != OUTCOME_SKIP)
			continue;
		buf_clear(&key);
		buf_printf(&key, "%s: %s", json_text(cell, "board"), json_text(cell, "detail"));
		json_object_set_new(counts, buf_string(&key),
		                    json_integer(json_number(counts, buf_string(&key)) + 1));
	}
	buf_fini(&key);
	return counts;
}

void report_skips(const struct report *report, struct buf *out)
{
	json_t *counts = count_skips(json_object_get(report->results, "cells")), *count;
	const char *key;

	json_object_foreach(counts, key, count) {
		json_int_t n = json_integer_value(count);

		buf_printf(out, "%lld cell%s skipped on %s\n", (long long)n, n == 1 ? "" : "s", key);
	}
	json_decref(counts);
}

json_t *report_lint(const struct report *report)
{
	json_t *findings = json_made(json_array()), *seen = json_made(json_object());
	const json_t *cells = json_object_get(report->results, "cells"), *cell, *finding;
	size_t i, k;

	json_array_foreach(cells, i, cell)
		json_array_foreach(json_object_get(cell, "lint"), k, finding) {
			const char *id = json_text(finding, "id"), *name = json_text(cell, "board");
			json_t *own = json_object_get(seen, id), *boards;

			if (own == NULL) {
				own = json_made(json_copy((json_t *)finding));
				json_object_set_new(own, "boards", json_made(json_object()));
				json_object_set(seen, id, own);
				json_array_append_new(findings, own);
			}
			boards = json_object_get(own, "boards");
			json_object_set_new(boards, name,
			                    json_integer(json_number(boards, name) + 1));
		}
	json_decref(seen);
	return findings;
}

void report_finding(const json_t *finding, struct buf *out)
{
	const char *board;
	json_t *n;
	bool first = true;

	buf_printf(out, "%s (%s): ", json_text(finding, "text"), json_text(finding, "rfc"));
	json_object_foreach(json_object_get(finding, "boards"), board, n) {
		buf_printf(out, "%s%s in %lld cell%s", first ? "" : ", ", board,
		           (long long)json_integer_value(n), json_integer_value(n) == 1 ? "" : "s");
		first = false;
	}
}

void report_confidence(const struct report_group *group, struct buf *out)
{
	if (is_unexplained(group->diagnosis))
		buf_text(out, "not explained by a rule");
	else if (group->n_confirmed == 0)
		buf_text(out, "likely");
	else if (group->n_confirmed == group->n_cells)
		buf_text(out, "confirmed");
	else
		buf_printf(out, "confirmed in %zu of %zu cells", group->n_confirmed,
		           group->n_cells);
}

void report_log_tail(const struct report *report, const json_t *cell, unsigned max_lines,
                     struct buf *out)
{
	json_t *witnesses = shelf_witnesses(report->shelf, cell);
	const json_t *board = json_object_get(witnesses, "board");
	const char *log = json_text(board, "log");
	const char *at = log + strlen(log);

	while (at > log && (at[-1] == '\n' || at[-1] == '\r'))
		at--;
	for (unsigned n = 0; at > log; at--)
		if (at[-1] == '\n' && ++n == max_lines)
			break;
	buf_text(out, at);
	json_decref(witnesses);
}

/* "2024-09-18T14:19:29.214Z" in seconds; negative if it is not of that form. */
static double seconds_of(const char *text)
{
	struct tm time = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &time);

	if (rest == NULL)
		return -1;
	return (double)timegm(&time) + (*rest == '.' ? strtod(rest, NULL) : 0);
}

double report_seconds(const json_t *run)
{
	double started = seconds_of(json_text(run, "started"));
	double finished = seconds_of(json_text(run, "finished"));

	return started < 0 || finished < started ? -1 : finished - started;
}
