#include "view/html_summary.h"

#include "base/json.h"
#include "view/comparison.h"
#include "view/set_apart.h"
#include "view/shared.h"
#include "view/text.h"

#include <stdlib.h>
#include <string.h>

#define LOG_LINES 8

/* A new list of the lines of `text`. */
static json_t *lines_of(const struct buf *text)
{
	json_t *lines = json_made(json_array());
	const char *rest = buf_string(text), *line;
	size_t len;

	while ((line = text_line(&rest, &len)) != NULL)
		if (len > 0)
			json_array_append_new(lines, json_made(json_stringn(line, len)));
	return lines;
}

static json_t *or_null(const json_t *value)
{
	return value != NULL ? json_incref((json_t *)value) : json_null();
}

/* --- causes ----------------------------------------------------------------------------------- */

static void set_lines(json_t *object, const char *key, struct buf *text)
{
	json_object_set_new(object, key, lines_of(text));
	buf_clear(text);
}

static json_t *tell_group(const struct report *report, const struct report_group *group)
{
	static const char *const keys[] = {"id", "title", "cause", "evidence", "rfc", "refs"};
	const json_t *diagnosis = group->diagnosis;
	json_t *told = json_made(json_object());
	struct buf text = {0};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		json_object_set_new(told, keys[i], or_null(json_object_get(diagnosis, keys[i])));
	json_object_set_new(told, "server_fix",
	                    or_null(json_object_get(json_object_get(diagnosis, "fix"), "server")));
	report_confidence(group, &text);
	json_object_set_new(told, "confidence", json_made(json_string(buf_string(&text))));
	buf_clear(&text);
	report_fixes(report, group, &text);
	set_lines(told, "board_fixes", &text);
	report_proof(group, &text);
	set_lines(told, "proof", &text);
	if (strcmp(json_text(diagnosis, "confidence"), "none") == 0)
		report_log_tail(report, group->cell, LOG_LINES, &text);
	set_lines(told, "log", &text);
	json_object_set_new(told, "unsafe", json_boolean(group->is_unsafe));
	buf_fini(&text);
	return told;
}

/* The groups. `of_cells` becomes {id of a cell: [its groups, as they stand in the list]}. */
static json_t *tell_groups(const struct report *report, json_t *of_cells)
{
	json_t *groups = json_made(json_array());

	for (size_t i = 0; i < report->n_groups; i++) {
		const struct report_group *group = &report->groups[i];

		for (size_t k = 0; k < group->n_cells; k++) {
			const char *id = json_text(group->cells[k], "id");
			json_t *own = json_object_get(of_cells, id);

			if (own == NULL) {
				own = json_made(json_array());
				json_object_set_new(of_cells, id, own);
			}
			json_array_append_new(own, json_integer((json_int_t)i));
		}
		json_array_append_new(groups, tell_group(report, group));
	}
	return groups;
}

/* --- times ------------------------------------------------------------------------------------ */

static double t_of(const json_t *message)
{
	return json_number_value(json_object_get(message, "t_ms"));
}

/* In ms to a hundredth; null for what was not seen (negative). */
static json_t *ms(double value)
{
	return value < 0 ? json_null() : json_real((double)(long long)(value * 100 + 0.5) / 100);
}

/* Adds to a share that is negative as long as there is nothing of it. */
static void add_share(double *share, double spent)
{
	*share = (*share < 0 ? 0 : *share) + spent;
}

/* The time before each message of the handshake is its sender's. */
json_t *html_times(const json_t *cell)
{
	const json_t *wire = json_object_get(json_object_get(cell, "witnesses"), "wire");
	const json_t *message;
	double hello = -1, last = 0, board = -1, server = -1;
	size_t i;

	json_array_foreach(json_object_get(wire, "messages"), i, message) {
		bool by_board = strcmp(json_text(message, "from"), "client") == 0;

		if (strcmp(json_text(message, "type"), "application_data") == 0)
			break;
		if (hello >= 0)
			add_share(by_board ? &board : &server, t_of(message) - last);
		else if (strcmp(json_text(message, "type"), "client_hello") == 0)
			hello = t_of(message);
		last = t_of(message);
	}
	return hello < 0 ? NULL : json_pack("[o, o, o]", ms(hello), ms(board), ms(server));
}

/* --- cells ------------------------------------------------------------------------------------ */

/* What the lists are made from; all owned by the summary, or for the time of its making. */
struct making {
	const struct report *report;
	const json_t *places;
	json_t *groups;                 /* of cells, by id */
	json_t *rows, *squares, *cells; /* the lists */
	json_t *kinds;                  /* {outcome and words: index of the square} */
	json_t *scenarios;              /* the list */
};

static json_t *new_square(const json_t *cell, const char *words)
{
	const struct report_term *term = report_term(cell);
	const json_t *alert = report_shows_alert(cell) ? json_object_get(cell, "alert") : NULL;

	return json_made(json_pack("[s, s, s, o, s?]", outcome_word(report_outcome(cell)), words,
	                           json_text(cell, "reason"), or_null(alert),
	                           term != NULL ? term->meaning : NULL));
}

static size_t square_of(struct making *making, const json_t *cell)
{
	struct buf key = {0};
	size_t start, index = json_array_size(making->squares);
	const json_t *known;

	buf_printf(&key, "%d ", (int)report_outcome(cell));
	start = key.len;
	report_square(cell, "→", &key);
	known = json_object_get(making->kinds, buf_string(&key));
	if (known != NULL) {
		index = (size_t)json_integer_value(known);
	} else {
		json_array_append_new(making->squares,
		                      new_square(cell, buf_string(&key) + start));
		json_object_set_new(making->kinds, buf_string(&key),
		                    json_integer((json_int_t)index));
	}
	buf_fini(&key);
	return index;
}

/* The page makes the usual id by itself. */
static json_t *unusual_id(const json_t *cell)
{
	struct buf usual = {0};
	json_t *id;

	buf_printf(&usual, "%s/%s/%s", json_text(cell, "suite"), json_text(cell, "case"),
	           json_text(cell, "board"));
	id = strcmp(buf_string(&usual), json_text(cell, "id")) == 0
	             ? json_integer(0)
	             : json_string(json_text(cell, "id"));
	buf_fini(&usual);
	return json_made(id);
}

static json_t *or_zero(json_t *value)
{
	return value != NULL ? value : json_integer(0);
}

static void add_cell(struct making *making, const json_t *cell, size_t board)
{
	const char *id = json_text(cell, "id");
	const json_t *place = json_object_get(making->places, id);
	json_t *groups = json_object_get(making->groups, id);
	json_t *told = json_made(json_pack(
		"[I, I, I, O, O, i, o, o, o]", (json_int_t)json_array_size(making->rows) - 1,
		(json_int_t)board, (json_int_t)square_of(making, cell), json_array_get(place, 0),
		json_array_get(place, 1), json_flag(cell, "flaky") ? 1 : 0,
		or_zero(json_incref(json_array_get(place, 2))), or_zero(json_incref(groups)),
		unusual_id(cell)));

	json_array_append_new(making->cells, told);
}

/* Rows of one scenario follow each other. */
static size_t scenario_of(struct making *making, const json_t *cell)
{
	size_t n = json_array_size(making->scenarios);
	const json_t *last = n > 0 ? json_array_get(making->scenarios, n - 1) : NULL;
	const char *name = json_text(cell, "scenario"), *why = json_text(cell, "why");

	if (last != NULL && strcmp(json_string_value(json_array_get(last, 0)), name) == 0 &&
	    strcmp(json_string_value(json_array_get(last, 1)), why) == 0)
		return n - 1;
	json_array_append_new(making->scenarios, json_made(json_pack("[s, s]", name, why)));
	return n;
}

static void add_row(struct making *making, size_t suite, const struct report_row *row)
{
	const json_t *any = NULL;

	for (size_t i = 0; any == NULL && i < making->report->n_boards; i++)
		any = row->cells[i];
	json_array_append_new(making->rows,
	                      json_made(json_pack("[I, s, I, o]", (json_int_t)suite, row->name,
	                                          (json_int_t)scenario_of(making, any),
	                                          or_null(json_object_get(any, "matrix")))));
	for (size_t i = 0; i < making->report->n_boards; i++)
		if (row->cells[i] != NULL)
			add_cell(making, row->cells[i], i);
}

static json_t *tell_suites(struct making *making)
{
	json_t *suites = json_made(json_array());

	for (size_t i = 0; i < making->report->n_suites; i++) {
		const struct report_suite *suite = &making->report->suites[i];

		json_array_append_new(suites, json_made(json_string(suite->name)));
		for (size_t k = 0; k < suite->n_rows; k++)
			add_row(making, i, &suite->rows[k]);
	}
	return suites;
}

/* --- the rest --------------------------------------------------------------------------------- */

static json_t *tell_outcomes(const struct report *report)
{
	json_t *outcomes = json_made(json_array());

	for (size_t i = 0; i < OUTCOME_MAX; i++)
		if (report->n_outcomes[i] > 0)
			json_array_append_new(
				outcomes,
				json_made(json_pack("[s, s, I]", outcome_word((enum outcome)i),
			                            report_look((enum outcome)i)->glyph,
			                            (json_int_t)report->n_outcomes[i])));
	return outcomes;
}

static json_t *tell_rule_faults(const json_t *cells)
{
	json_t *lines = json_made(json_object()), *list = json_made(json_array()), *line;
	const json_t *cell, *fault;
	const char *key;
	size_t i, k;

	json_array_foreach(cells, i, cell)
		json_array_foreach(json_object_get(cell, "rule_faults"), k, fault)
			json_object_set_new(
				lines, json_text(fault, "file"),
				json_made(json_pack("s++", json_text(fault, "file"),
			                            " fails in jq: ", json_text(fault, "text"))));
	json_object_foreach(lines, key, line)
		json_array_append(list, line);
	json_decref(lines);
	return list;
}

static json_t *tell_remarks(const struct report *report)
{
	struct buf text = {0};
	json_t *remarks;

	comparison_remarks(json_object_get(report->results, "baseline"), &text);
	report_skips(report, &text);
	shared_describe(report, &text);
	set_apart_describe(report, &text);
	remarks = lines_of(&text);
	buf_fini(&text);
	return remarks;
}

json_t *html_summary(const struct report *report, const json_t *places)
{
	const json_t *cells = json_object_get(report->results, "cells");
	double seconds = report_seconds(report->run);
	struct making making = {
		.report = report,
		.places = places,
		.groups = json_made(json_object()),
		.rows = json_made(json_array()),
		.squares = json_made(json_array()),
		.cells = json_made(json_array()),
		.kinds = json_made(json_object()),
		.scenarios = json_made(json_array()),
	};
	json_t *groups = tell_groups(report, making.groups), *suites = tell_suites(&making);
	json_t *summary = json_made(json_pack(
		"{s:O, s:O, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "run",
		report->run, "boards", report->boards, "seconds",
		seconds >= 0 ? json_real(seconds) : json_null(), "outcomes", tell_outcomes(report),
		"n_unsafe", (json_int_t)report->n_unsafe, "suites", suites, "scenarios",
		making.scenarios, "rows", making.rows,
		"squares", making.squares, "cells", making.cells, "groups", groups, "remarks",
		tell_remarks(report), "lint", report_lint(report), "rule_faults",
		tell_rule_faults(cells)));

	json_decref(making.groups);
	json_decref(making.kinds);
	return summary;
}
