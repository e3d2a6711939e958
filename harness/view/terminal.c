#include "view/terminal.h"

#include "base/json.h"
#include "view/comparison.h"
#include "view/report.h"
#include "view/set_apart.h"
#include "view/shared.h"
#include "view/text.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define GAP 2            /* columns between two of the matrix */
#define MARGIN 2         /* before a row's name */
#define STEP 2           /* further in for a case below its scenario */
#define NAME_LEAST 20    /* a row's name gets at least so many columns */
#define BOARD_MOST 24    /* a board's name at most */
#define INDENT 3         /* of a group's text */
#define LABEL 9          /* columns of "Fix", "Proof", ... */
#define COUNTS_GAP 3     /* between two counts */
#define LOG_LINES 4      /* of the board's UART, where nothing explains a failure */
#define COMPARED_MOST 20 /* cells named for each change against the base */
#define LINES_MOST 8     /* of one list in a group; the rest is counted */

/* ANSI SGR parameters. */
#define PLAIN "0"
#define BOLD "1"
#define FAINT "2"

struct screen {
	struct buf *out;
	const struct report *report;
	const struct terminal_options *options;
	enum text_charset charset;
	size_t width;
};

static const char *glyphs(const struct screen *screen, const char *unicode, const char *ascii)
{
	return screen->options->unicode ? unicode : ascii;
}

/* NULL: as it is. */
static void colour(const struct screen *screen, const char *sgr)
{
	if (screen->options->colour && sgr != NULL)
		buf_printf(screen->out, "\x1b[%sm", sgr);
}

/* --- the matrix ------------------------------------------------------------------------------- */

/* "✗ fail 80→"; clean, and without colour, so that its width can be taken. */
static void square_text(const struct screen *screen, const json_t *cell, struct buf *out)
{
	const struct report_look *look = report_look(report_outcome(cell));

	buf_printf(out, "%s ", glyphs(screen, look->glyph, look->ascii_glyph));
	report_square(cell, glyphs(screen, "→", ">"), out);
}

static size_t square_width(const struct screen *screen, const json_t *cell)
{
	struct buf text = {0};
	size_t width;

	square_text(screen, cell, &text);
	width = text_width(buf_string(&text));
	buf_fini(&text);
	return width;
}

/* Cleans `text` and puts it in `width` columns; what fills them up is not coloured. */
static void put_column(const struct screen *screen, const char *text, size_t width, const char *sgr)
{
	struct buf clean = {0}, column = {0};
	size_t used;

	text_clean(&clean, text, screen->charset);
	text_column(&column, buf_string(&clean), width, screen->charset);
	for (used = column.len; used > 0 && column.data[used - 1] == ' ';)
		used--;
	colour(screen, used > 0 ? sgr : NULL);
	buf_add(screen->out, column.data, used);
	colour(screen, used > 0 && sgr != NULL ? PLAIN : NULL);
	buf_printf(screen->out, "%*s", (int)(column.len - used), "");
	buf_fini(&clean);
	buf_fini(&column);
}

static void put_square(const struct screen *screen, const json_t *cell, size_t width)
{
	struct buf text = {0};

	if (cell != NULL)
		square_text(screen, cell, &text);
	put_column(screen, buf_string(&text), width, report_look(report_outcome(cell))->colour);
	buf_fini(&text);
}

static size_t clean_width(const struct screen *screen, const char *text)
{
	struct buf clean = {0};
	size_t width;

	text_clean(&clean, text, screen->charset);
	width = text_width(buf_string(&clean));
	buf_fini(&clean);
	return width;
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* "netxduo 6.2.0" */
static void board_stack(const struct screen *screen, size_t board, struct buf *out)
{
	const json_t *it = json_array_get(screen->report->boards, board);
	const char *version = json_text(it, "stack_version");

	buf_printf(out, "%s%s%s", json_text(it, "stack"), version[0] != '\0' ? " " : "", version);
}

/* The same within `width` columns: where both do not fit, the version tells more. */
static void put_stack(const struct screen *screen, size_t board, size_t width)
{
	const json_t *it = json_array_get(screen->report->boards, board);
	const char *version = json_text(it, "stack_version");
	struct buf stack = {0};

	board_stack(screen, board, &stack);
	if (clean_width(screen, buf_string(&stack)) > width && version[0] != '\0') {
		buf_clear(&stack);
		buf_text(&stack, version);
	}
	put_column(screen, buf_string(&stack), width, FAINT);
	buf_fini(&stack);
}

static size_t board_width(const struct screen *screen, size_t board)
{
	const json_t *it = json_array_get(screen->report->boards, board);
	struct buf stack = {0};
	size_t width, squares = 0;

	board_stack(screen, board, &stack);
	width = larger(clean_width(screen, json_text(it, "name")),
	               clean_width(screen, buf_string(&stack)));
	buf_fini(&stack);
	for (size_t i = 0; i < screen->report->n_suites; i++)
		for (size_t k = 0; k < screen->report->suites[i].n_rows; k++) {
			const json_t *cell = screen->report->suites[i].rows[k].cells[board];

			if (cell != NULL)
				squares = larger(squares, square_width(screen, cell));
		}
	return larger(smaller(width, BOARD_MOST), squares);
}

/* A case of a matrix stands under its scenario's name: "1.3,rsa-2048", a step further in. */
static const char *row_label(const struct report_row *row)
{
	const char *slash = strchr(row->name, '/');

	return slash != NULL ? slash + 1 : row->name;
}

static size_t row_indent(const struct report_row *row)
{
	return row_label(row) != row->name ? STEP : 0;
}

static size_t row_width(const struct screen *screen, const struct report_row *row)
{
	return row_indent(row) + clean_width(screen, row_label(row));
}

static size_t longest_name(const struct screen *screen)
{
	size_t longest = 0;

	for (size_t i = 0; i < screen->report->n_suites; i++)
		for (size_t k = 0; k < screen->report->suites[i].n_rows; k++)
			longest = larger(
				longest,
				row_width(screen, &screen->report->suites[i].rows[k]));
	return longest;
}

/* A part of the matrix that fits the width: boards `first` to before `end`. */
struct block {
	size_t first, end;
	size_t name_width;
	const size_t *widths; /* of all boards */
};

/* As many boards as fit beside names of a readable width; one at least. */
static struct block next_block(const struct screen *screen, const size_t *widths, size_t first)
{
	size_t longest = longest_name(screen);
	size_t least = smaller(longest, NAME_LEAST), used = MARGIN + widths[first] + GAP;
	struct block block = {.first = first, .end = first + 1, .widths = widths};

	while (block.end < screen->report->n_boards &&
	       used + GAP + widths[block.end] + least <= screen->width)
		used += GAP + widths[block.end++];
	block.name_width = screen->width > used ? smaller(longest, screen->width - used) : least;
	block.name_width = larger(block.name_width, least);
	return block;
}

static void end_line(const struct screen *screen)
{
	while (screen->out->len > 0 && screen->out->data[screen->out->len - 1] == ' ')
		screen->out->len--;
	buf_char(screen->out, '\n');
}

static void put_heads(const struct screen *screen, const struct block *block)
{
	buf_printf(screen->out, "%*s", (int)(MARGIN + block->name_width), "");
	for (size_t i = block->first; i < block->end; i++) {
		buf_printf(screen->out, "%*s", GAP, "");
		put_column(screen, json_text(json_array_get(screen->report->boards, i), "name"),
		           block->widths[i], BOLD);
	}
	end_line(screen);
	buf_printf(screen->out, "%*s", (int)(MARGIN + block->name_width), "");
	for (size_t i = block->first; i < block->end; i++) {
		buf_printf(screen->out, "%*s", GAP, "");
		put_stack(screen, i, block->widths[i]);
	}
	end_line(screen);
}

/* The name of a scenario with a matrix, above the first of its rows. */
static void put_scenario(const struct screen *screen, const struct report_suite *suite, size_t row)
{
	const char *name = suite->rows[row].name;
	size_t len = (size_t)(row_label(&suite->rows[row]) - name);
	struct buf scenario = {0};

	if (len == 0 || (row > 0 && strncmp(suite->rows[row - 1].name, name, len) == 0))
		return;
	buf_add(&scenario, name, len - 1);
	buf_printf(screen->out, "%*s", MARGIN, "");
	put_column(screen, buf_string(&scenario), clean_width(screen, buf_string(&scenario)), NULL);
	end_line(screen);
	buf_fini(&scenario);
}

static void put_rows(const struct screen *screen, const struct block *block,
                     const struct report_suite *suite)
{
	put_column(screen, suite->name, clean_width(screen, suite->name), BOLD);
	buf_char(screen->out, '\n');
	for (size_t i = 0; i < suite->n_rows; i++) {
		size_t indent = row_indent(&suite->rows[i]);

		put_scenario(screen, suite, i);
		buf_printf(screen->out, "%*s", (int)(MARGIN + indent), "");
		put_column(screen, row_label(&suite->rows[i]), block->name_width - indent, NULL);
		for (size_t k = block->first; k < block->end; k++) {
			buf_printf(screen->out, "%*s", GAP, "");
			put_square(screen, suite->rows[i].cells[k], block->widths[k]);
		}
		end_line(screen);
	}
}

static void put_matrix(const struct screen *screen)
{
	size_t n = screen->report->n_boards;
	size_t *widths = calloc(n + 1, sizeof(*widths));

	for (size_t i = 0; widths != NULL && i < n; i++)
		widths[i] = board_width(screen, i);
	for (size_t i = 0; widths != NULL && i < n;) {
		struct block block = next_block(screen, widths, i);

		put_heads(screen, &block);
		for (size_t k = 0; k < screen->report->n_suites; k++)
			put_rows(screen, &block, &screen->report->suites[k]);
		buf_char(screen->out, '\n');
		i = block.end;
	}
	free(widths);
}

/* --- the counts, and what the signs mean ------------------------------------------------------ */

/* "✗ 8 fail", on a new line if it does not fit; returns the column behind it. */
static size_t put_count(const struct screen *screen, size_t at, enum outcome look_of, size_t n,
                        const char *words)
{
	const struct report_look *look = report_look(look_of);
	struct buf text = {0};
	size_t width;

	if (n == 0)
		return at;
	buf_printf(&text, "%s %zu %s", glyphs(screen, look->glyph, look->ascii_glyph), n, words);
	width = text_width(buf_string(&text));
	if (at > 0 && at + COUNTS_GAP + width > screen->width) {
		buf_char(screen->out, '\n');
		at = 0;
	}
	buf_printf(screen->out, "%*s", at > 0 ? COUNTS_GAP : 0, "");
	put_column(screen, buf_string(&text), width, look->colour);
	buf_fini(&text);
	return at + width + COUNTS_GAP;
}

static void put_counts(const struct screen *screen)
{
	size_t at = put_count(screen, 0, OUTCOME_FAIL, screen->report->n_unsafe, "UNSAFE, among:");

	for (int i = 0; i < OUTCOME_MAX; i++)
		at = put_count(screen, at, (enum outcome)i, screen->report->n_outcomes[i],
		               outcome_word((enum outcome)i));
	buf_char(screen->out, '\n');
}

static void put_meaning(const struct screen *screen, const char *meaning)
{
	struct buf clean = {0};

	text_clean(&clean, meaning, screen->charset);
	colour(screen, FAINT);
	text_wrap(screen->out, buf_string(&clean), 0, screen->width);
	colour(screen, PLAIN);
	buf_fini(&clean);
}

/* "80→: internal_error, from the board", for each alert of a square once. */
static void put_alert_meaning(const struct screen *screen, const json_t *cell, bool seen[2][256])
{
	const json_t *alert = json_object_get(cell, "alert");
	bool by_board = strcmp(json_text(alert, "from"), "client") == 0;
	unsigned number = (unsigned)json_number(alert, "number") & 255;
	const char *arrow = glyphs(screen, "→", ">");
	struct buf meaning = {0};

	if (!report_shows_alert(cell) || seen[by_board][number])
		return;
	seen[by_board][number] = true;
	report_alert(cell, arrow, &meaning);
	buf_printf(&meaning, ": alert %s, from the %s", json_text(alert, "description"),
	           by_board ? "board" : "server");
	put_meaning(screen, buf_string(&meaning));
	buf_fini(&meaning);
}

static void put_term_meaning(const struct screen *screen, const json_t *cell, json_t *seen)
{
	const struct report_term *term = report_term(cell);
	struct buf meaning = {0};

	if (term == NULL || json_object_get(seen, term->word) != NULL)
		return;
	json_object_set_new(seen, term->word, json_true());
	buf_printf(&meaning, "%s: %s", term->word, term->meaning);
	put_meaning(screen, buf_string(&meaning));
	buf_fini(&meaning);
}

/* Only what occurs is explained. */
static void put_legend(const struct screen *screen)
{
	json_t *terms = json_made(json_object());
	bool alerts[2][256] = {0};
	const json_t *cell;
	size_t i;

	json_array_foreach(json_object_get(screen->report->results, "cells"), i, cell) {
		put_term_meaning(screen, cell, terms);
		put_alert_meaning(screen, cell, alerts);
	}
	json_decref(terms);
}

/* Each line of `text` as a paragraph of its own. */
static void put_sentences(const struct screen *screen, const struct buf *text)
{
	char *copy = strdup(buf_string(text));
	char *rest = copy, *line;
	struct buf clean = {0};

	while (rest != NULL && (line = strsep(&rest, "\n")) != NULL && line[0] != '\0') {
		buf_clear(&clean);
		text_clean(&clean, line, screen->charset);
		text_wrap(screen->out, buf_string(&clean), 0, screen->width);
	}
	buf_fini(&clean);
	free(copy);
}

/* Why cells were skipped, and what the failing cells of a matrix have in common. */
static void put_remarks(const struct screen *screen)
{
	struct buf lines = {0};

	report_skips(screen->report, &lines);
	shared_describe(screen->report, &lines);
	set_apart_describe(screen->report, &lines);
	put_sentences(screen, &lines);
	buf_fini(&lines);
}

/* What was to be said of the run as a whole. */
static void put_notices(const struct screen *screen)
{
	struct buf clean = {0};
	const json_t *notice;
	size_t i;

	json_array_foreach(json_object_get(screen->report->run, "notices"), i, notice) {
		buf_clear(&clean);
		buf_text(&clean, "Note: ");
		text_clean(&clean, json_string_value(notice), screen->charset);
		text_wrap(screen->out, buf_string(&clean), 0, screen->width);
	}
	buf_fini(&clean);
}

/* --- the failures, by cause ------------------------------------------------------------------- */

static void put_paragraph(const struct screen *screen, const char *text)
{
	struct buf clean = {0};

	text_clean(&clean, text, screen->charset);
	buf_printf(screen->out, "%*s", INDENT, "");
	text_wrap(screen->out, buf_string(&clean), INDENT, screen->width);
	buf_fini(&clean);
}

/* The lines of `text`, each as a paragraph. */
static void put_indented(const struct screen *screen, const struct buf *text)
{
	char *copy = strdup(buf_string(text));
	char *rest = copy, *line;

	while (rest != NULL && (line = strsep(&rest, "\n")) != NULL && line[0] != '\0')
		put_paragraph(screen, line);
	free(copy);
}

/* `text` beside a label; neither if there is no text. */
static void put_beside(const struct screen *screen, const char *label, const char *text)
{
	struct buf clean = {0};

	text_clean(&clean, text, screen->charset);
	if (clean.len > 0) {
		buf_printf(screen->out, "%*s", INDENT, "");
		put_column(screen, label, LABEL, BOLD);
		text_wrap(screen->out, buf_string(&clean), INDENT + LABEL, screen->width);
	}
	buf_fini(&clean);
}

/* The lines of `text`, the first with the label. */
static void put_lines(const struct screen *screen, const char *label, const struct buf *text)
{
	char *copy = strdup(buf_string(text));
	char *rest = copy, *line;
	size_t n = 0, left = 0;

	while (rest != NULL && (line = strsep(&rest, "\n")) != NULL) {
		if (line[0] == '\0')
			continue;
		if (n++ < LINES_MOST)
			put_beside(screen, n == 1 ? label : "", line);
		else
			left++;
	}
	if (left > 0)
		buf_printf(screen->out, "%*sand %zu more\n", INDENT + LABEL, "", left);
	free(copy);
}

/* One a line, so that addresses can be copied. */
static void put_list(const struct screen *screen, const char *label, const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		put_beside(screen, i == 0 ? label : "", json_string_value(item));
}

static void put_evidence(const struct screen *screen, const struct report_group *group)
{
	const json_t *evidence;
	size_t i;

	if (group->n_cells > 1)
		put_beside(screen, "Seen in", json_text(group->cell, "id"));
	json_array_foreach(json_object_get(group->diagnosis, "evidence"), i, evidence)
		put_beside(screen, json_text(evidence, "witness"), json_text(evidence, "text"));
}

/* What the board wrote matters most where nothing else explains the failure. */
static void put_log(const struct screen *screen, const struct report_group *group)
{
	struct buf tail = {0};

	if (strcmp(json_text(group->diagnosis, "confidence"), "none") != 0)
		return;
	report_log_tail(screen->report, group->cell, LOG_LINES, &tail);
	put_lines(screen, "UART", &tail);
	buf_fini(&tail);
}

static void put_remedies(const struct screen *screen, const struct report_group *group)
{
	struct buf text = {0};
	const char *server = json_text(json_object_get(group->diagnosis, "fix"), "server");

	report_fixes(screen->report, group, &text);
	if (server[0] != '\0')
		buf_printf(&text, "server: %s\n", server);
	put_lines(screen, "Fix", &text);
	buf_clear(&text);
	report_proof(group, &text);
	put_lines(screen, "Proof", &text);
	buf_fini(&text);
}

static void put_group(const struct screen *screen, const struct report_group *group, size_t number)
{
	struct buf text = {0}, clean = {0};

	buf_char(screen->out, '\n');
	colour(screen, BOLD);
	buf_printf(&text, "%zu. %s (", number, json_text(group->diagnosis, "title"));
	report_confidence(group, &text);
	buf_char(&text, ')');
	text_clean(&clean, buf_string(&text), screen->charset);
	text_wrap(screen->out, buf_string(&clean), INDENT, screen->width);
	colour(screen, PLAIN);
	put_paragraph(screen, json_text(group->diagnosis, "cause"));
	put_evidence(screen, group);
	put_log(screen, group);
	put_remedies(screen, group);
	put_list(screen, "Read", json_object_get(group->diagnosis, "rfc"));
	put_list(screen, "", json_object_get(group->diagnosis, "refs"));
	buf_clear(&text);
	report_cells(screen->report, group, &text);
	put_lines(screen, "Cells", &text);
	buf_fini(&text);
	buf_fini(&clean);
}

/* A rule of the user's that fails in jq must not be silent. */
static void put_rule_faults(const struct screen *screen)
{
	json_t *said = json_made(json_object());
	const json_t *cell, *fault;
	struct buf text = {0};
	size_t i, k;

	json_array_foreach(json_object_get(screen->report->results, "cells"), i, cell)
		json_array_foreach(json_object_get(cell, "rule_faults"), k, fault) {
			const char *file = json_text(fault, "file");

			if (json_object_get(said, file) != NULL)
				continue;
			json_object_set_new(said, file, json_made(json_true()));
			buf_clear(&text);
			buf_printf(&text, "The rule %s fails in jq: %s", file,
			           json_text(fault, "text"));
			buf_char(screen->out, '\n');
			put_paragraph(screen, buf_string(&text));
		}
	buf_fini(&text);
	json_decref(said);
}

/* --- the ClientHellos ------------------------------------------------------------------------- */

/* Beside the outcomes. Other than errors are for those who look: the other reports have them. */
static void put_lint(const struct screen *screen)
{
	json_t *findings = report_lint(screen->report), *finding;
	struct buf text = {0};
	size_t i;
	bool headed = false;

	json_array_foreach(findings, i, finding) {
		if (strcmp(json_text(finding, "severity"), "error") != 0)
			continue;
		if (!headed)
			buf_text(screen->out, "\nThe ClientHellos (whatever the outcome):\n");
		headed = true;
		buf_clear(&text);
		report_finding(finding, &text);
		put_paragraph(screen, buf_string(&text));
	}
	buf_fini(&text);
	json_decref(findings);
}

/* --- the whole -------------------------------------------------------------------------------- */

static void put_title(const struct screen *screen)
{
	const struct report *report = screen->report;
	double seconds = report_seconds(report->run);
	struct buf text = {0}, clean = {0};

	for (size_t i = 0; i < report->n_suites; i++)
		buf_printf(&text, "%s%s", i > 0 ? ", " : "", report->suites[i].name);
	buf_printf(&text, ": %zu cell%s on %zu board%s", report->n_cells,
	           report->n_cells == 1 ? "" : "s", report->n_boards,
	           report->n_boards == 1 ? "" : "s");
	if (seconds >= 0)
		buf_printf(&text, " in %.1f s", seconds);
	if (json_flag(report->run, "growing"))
		buf_text(&text, ". The run goes on: what is here is what was done by now");
	else if (!json_flag(report->run, "complete"))
		buf_text(&text, ". The run was interrupted: what is here is what was done");
	text_clean(&clean, buf_string(&text), screen->charset);
	text_wrap(screen->out, buf_string(&clean), 0, screen->width);
	buf_char(screen->out, '\n');
	buf_fini(&text);
	buf_fini(&clean);
}

size_t terminal_width(const struct terminal_options *options)
{
	size_t width = options->width > 0 ? (size_t)options->width : TERMINAL_WIDTH_USUAL;

	return larger(width, TERMINAL_WIDTH_LEAST);
}

enum text_charset terminal_charset(const struct terminal_options *options)
{
	return options->unicode ? TEXT_UTF8 : TEXT_ASCII;
}

static struct screen screen_for(const struct report *report, const struct terminal_options *options,
                                struct buf *out)
{
	return (struct screen){
		.out = out,
		.report = report,
		.options = options,
		.charset = terminal_charset(options),
		.width = terminal_width(options),
	};
}

void terminal_comparison(const json_t *baseline, const struct terminal_options *options,
                         struct buf *out)
{
	struct screen screen = screen_for(NULL, options, out);
	struct buf text = {0};

	comparison_summary(baseline, &text);
	put_sentences(&screen, &text);
	for (int i = 0; baseline != NULL && i < BASELINE_CHANGES; i++) {
		enum baseline_change change = (enum baseline_change)i;

		buf_clear(&text);
		comparison_lines(baseline, change, COMPARED_MOST, &text);
		if (text.len > 0) {
			colour(&screen, BOLD);
			buf_printf(out, "%s\n", comparison_title(change));
			colour(&screen, PLAIN);
		}
		put_indented(&screen, &text);
	}
	buf_fini(&text);
}

void terminal_render(const json_t *results, const struct shelf *shelf,
                     const struct terminal_options *options, struct buf *out)
{
	const json_t *baseline = json_object_get(results, "baseline");
	struct report report;
	struct screen screen;

	report_init(&report, results, shelf);
	screen = screen_for(&report, options, out);
	put_title(&screen);
	put_matrix(&screen);
	put_counts(&screen);
	put_legend(&screen);
	put_remarks(&screen);
	put_notices(&screen);
	if (baseline != NULL)
		buf_char(out, '\n');
	terminal_comparison(baseline, options, out);
	for (size_t i = 0; i < report.n_groups; i++)
		put_group(&screen, &report.groups[i], i + 1);
	put_lint(&screen);
	put_rule_faults(&screen);
	report_fini(&report);
}

void view_terminal(const json_t *results, const struct shelf *shelf, FILE *file,
                   const struct terminal_options *options)
{
	struct buf out = {0};

	terminal_render(results, shelf, options, &out);
	fwrite(buf_string(&out), 1, out.len, file);
	fflush(file);
	buf_fini(&out);
}

struct terminal_options terminal_options_for(FILE *file)
{
	struct winsize window = {0};
	bool terminal = isatty(fileno(file)) == 1;
	const char *no_colour = getenv("NO_COLOR"), *kind = getenv("TERM");
	bool dumb = kind != NULL && strcmp(kind, "dumb") == 0;

	if (terminal)
		ioctl(fileno(file), TIOCGWINSZ, &window);
	return (struct terminal_options){
		.unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
		.colour = terminal && !dumb && (no_colour == NULL || no_colour[0] == '\0'),
		.width = window.ws_col,
	};
}
