/*
 * report.h: the run of a results.json, arranged as every report shows it. Layer: view. Pure: no
 * I/O, no clock, no globals.
 *
 * A matrix for each suite (rows: cases, columns: boards), and the failures grouped by their cause.
 * Everything points into the results, which outlive the report. Text is as it stands there: whoever
 * shows it cleans it (text.h).
 */
#ifndef SHAKEDOWN_VIEW_REPORT_H
#define SHAKEDOWN_VIEW_REPORT_H

#include "base/buf.h"
#include "verdict/outcome.h"
#include "view/shelf.h"

#include <jansson.h>
#include <stdbool.h>

struct report_row {
	const char *name;     /* the case, without its suite */
	const json_t **cells; /* one for each board; NULL: there is no such cell */
};

struct report_suite {
	const char *name;
	struct report_row *rows;
	size_t n_rows;
};

/*
 * Cells with the same cause: the same rule, or, unexplained, the same words. The unsafe ones come
 * first, then those of most cells.
 */
struct report_group {
	const json_t *diagnosis; /* of the first cell whose cause says most */
	const json_t *cell;      /* that cell */
	const json_t **cells;
	size_t n_cells;
	size_t n_confirmed;
	bool is_unsafe; /* one of the failures is that the board accepted what it must refuse */
	size_t place;   /* among the groups as they first came */
};

struct report {
	const json_t *results, *run;
	const struct shelf *shelf; /* where the cells leave their testimony, or NULL */
	json_t *boards; /* owned: as in the results, and those that only cells name */
	size_t n_boards, n_cells;
	struct report_suite *suites;
	size_t n_suites;
	struct report_group *groups;
	size_t n_groups;
	size_t n_outcomes[OUTCOME_MAX];
	size_t n_unsafe; /* failures, known ones too: a board accepted what it must refuse */
};

/* How an outcome looks: a glyph and a word; a colour (ANSI SGR parameters) only beside them. */
struct report_look {
	const char *glyph, *ascii_glyph, *colour;
};

const struct report_look *report_look(enum outcome outcome);

/* The outcome of a cell of results.json. */
enum outcome report_outcome(const json_t *cell);

/* A square's word where the outcome's own would hide something, and what it means. Static text. */
struct report_term {
	enum outcome outcome;
	const char *reason, *word, *meaning;
	bool with_alert;
};

/* The term of a cell, or NULL where the outcome's word says it. */
const struct report_term *report_term(const json_t *cell);

/*
 * Appends the words of its square: "pass", "fail 80→", "not-offered", "refused 42→". Alerts have
 * `arrow` on the side that they came from.
 */
void report_square(const json_t *cell, const char *arrow, struct buf *out);

/* Whether report_square shows the cell's alert. */
bool report_shows_alert(const json_t *cell);

/*
 * Arranges `results`, which is borrowed and fits its schema, as is the shelf of its cells (NULL:
 * they are whole). report_fini frees the rest.
 */
void report_init(struct report *report, const json_t *results, const struct shelf *shelf);
void report_fini(struct report *report);

/* Appends "→40" or, from the board, "40→", with this arrow; nothing without an alert. */
void report_alert(const json_t *cell, const char *arrow, struct buf *out);

/* How a result came out, after a subject: "passes", "still fails", "is inconclusive". */
const char *report_came_out(const json_t *result);

/* Appends a change of the server in words: "certificate ecdsa-p256", "no groups". */
void report_change(const json_t *change, struct buf *out);

/*
 * Appends what the run proved, one sentence a line, each with the board: "netx-fixed passes with
 * certificate ecdsa-p256 (story/...)". Where a change helps a board in some cells and in others
 * not, the first of either are named. Nothing if no change of `try` ran.
 */
void report_proof(const struct report_group *group, struct buf *out);

/* Appends the remedies of the group's boards, a line for each stack: "netxduo: Call ...". */
void report_fixes(const struct report *report, const struct report_group *group, struct buf *out);

/* Appends the group's cells, a line for each case: "rsa-certificate/1.3 on netx-fixed, wolfssl". */
void report_cells(const struct report *report, const struct report_group *group, struct buf *out);

/*
 * Appends why cells were skipped, a line for each board and reason: "23 cells skipped on
 * netx-fixed: Not run, as ...". Nothing if none was.
 */
void report_skips(const struct report *report, struct buf *out);

/*
 * What is to be said of the ClientHellos, whatever the outcomes: each finding once, as cells have
 * it, with "boards", the number of cells on each. A new list.
 */
json_t *report_lint(const struct report *report);

/* Appends one of these in words: "It lacks ... (RFC ...): netx-fixed in 3 cells". */
void report_finding(const json_t *finding, struct buf *out);

/* Appends "confirmed in 4 of 4 cells", "likely", or "no rule explains it". */
void report_confidence(const struct report_group *group, struct buf *out);

/* Appends the last `max_lines` lines of what the cell's board said on its UART. */
void report_log_tail(const struct report *report, const json_t *cell, unsigned max_lines,
                     struct buf *out);

/* Seconds from the run's start to its end; negative if one is not known. */
double report_seconds(const json_t *run);

#endif
