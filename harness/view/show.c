#include "view/show.h"

#include "base/json.h"
#include "verdict/offer.h"
#include "verdict/witness.h"
#include "view/comparison.h"
#include "view/ladder.h"
#include "view/report.h"
#include "view/text.h"

#include <stdlib.h>
#include <string.h>

#define INDENT 3
#define LABEL 20 /* columns of what a line is about */
#define BOLD "1"
#define PLAIN "0"

struct page {
	const json_t *results, *cell;
	const char *folder;
	const struct terminal_options *options;
	enum text_charset charset;
	size_t width;
	struct buf *out;
};

/* --- lines ------------------------------------------------------------------------------------ */

static void paint(const struct page *page, const char *sgr)
{
	if (page->options->colour)
		buf_printf(page->out, "\x1b[%sm", sgr);
}

static void put_heading(const struct page *page, const char *heading)
{
	buf_char(page->out, '\n');
	paint(page, BOLD);
	buf_text(page->out, heading);
	paint(page, PLAIN);
	buf_char(page->out, '\n');
}

/* `text` beside its label; neither if there is no text. */
static void put_line(const struct page *page, const char *label, const char *text)
{
	struct buf clean = {0};

	if (text[0] == '\0')
		return;
	text_clean(&clean, text, page->charset);
	buf_printf(page->out, "%*s%-*s ", INDENT, "", LABEL, label);
	text_wrap(page->out, buf_string(&clean), INDENT + LABEL + 1, page->width);
	buf_fini(&clean);
}

/* The same in one line, however long: a command is there to be copied. */
static void put_command_line(const struct page *page, const char *label, const char *command)
{
	struct buf clean = {0};

	text_clean(&clean, command, page->charset);
	buf_printf(page->out, "%*s%-*s %s\n", INDENT, "", LABEL, label, buf_string(&clean));
	buf_fini(&clean);
}

/* The same for made text, which is emptied. */
static void put_made(const struct page *page, const char *label, struct buf *text)
{
	put_line(page, label, buf_string(text));
	buf_clear(text);
}

static void put_paragraph(const struct page *page, const char *text)
{
	struct buf clean = {0};

	if (text[0] == '\0')
		return;
	text_clean(&clean, text, page->charset);
	buf_printf(page->out, "%*s", INDENT, "");
	text_wrap(page->out, buf_string(&clean), INDENT, page->width);
	buf_fini(&clean);
}

static void put_list(const struct page *page, const char *label, const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		put_line(page, i == 0 ? label : "", json_string_value(item));
}

/* --- the verdict ------------------------------------------------------------------------------ */

static void put_verdict(const struct page *page)
{
	const json_t *cell = page->cell, *known = json_object_get(cell, "known");
	const json_t *baseline = json_object_get(page->results, "baseline");
	const struct report_look *look = report_look(report_outcome(cell));
	json_t *compared = baseline_index(baseline);
	struct buf text = {0}, clean = {0};

	buf_printf(&text, "%s ", page->options->unicode ? look->glyph : look->ascii_glyph);
	report_square(cell, page->options->unicode ? "→" : ">", &text);
	buf_printf(&text, "  %s", json_text(cell, "id"));
	text_clean(&clean, buf_string(&text), page->charset);
	paint(page, look->colour);
	text_wrap(page->out, buf_string(&clean), INDENT, page->width);
	paint(page, PLAIN);
	put_paragraph(page, json_text(cell, "detail"));
	buf_clear(&text);
	comparison_of(baseline, compared, json_text(cell, "id"), &text);
	put_made(page, "Base", &text);
	put_line(page, "Known", json_text(known, "reason"));
	put_line(page, "", json_text(known, "link"));
	buf_fini(&text);
	buf_fini(&clean);
	json_decref(compared);
}

static void put_result(const struct page *page, const char *label, const json_t *result)
{
	struct buf text = {0};

	if (!json_is_object(result))
		return;
	buf_text(&text, json_text(result, "outcome"));
	if (json_flag(result, "otherwise"))
		buf_text(&text, " in another way");
	if (json_object_get(result, "change") != NULL) {
		buf_text(&text, " with ");
		report_change(json_object_get(result, "change"), &text);
	}
	if (json_text(result, "cell")[0] != '\0')
		buf_printf(&text, " (%s)", json_text(result, "cell"));
	if (json_text(result, "detail")[0] != '\0')
		buf_printf(&text, ": %s", json_text(result, "detail"));
	put_made(page, label, &text);
	buf_fini(&text);
}

static void put_diagnosis(const struct page *page, const json_t *diagnosis)
{
	const json_t *fix = json_object_get(diagnosis, "fix"), *item;
	struct buf text = {0};
	size_t i;

	buf_printf(&text, "%s (%s)", json_text(diagnosis, "title"),
	           strcmp(json_text(diagnosis, "confidence"), "none") == 0
	                   ? "not explained by a rule"
	                   : json_text(diagnosis, "confidence"));
	put_heading(page, "Why");
	put_paragraph(page, buf_string(&text));
	put_paragraph(page, json_text(diagnosis, "cause"));
	json_array_foreach(json_object_get(diagnosis, "evidence"), i, item)
		put_line(page, json_text(item, "witness"), json_text(item, "text"));
	put_line(page, "Fix, board", json_text(fix, "board"));
	put_line(page, "Fix, server", json_text(fix, "server"));
	json_array_foreach(json_object_get(diagnosis, "also_tried"), i, item)
		put_result(page, "Proof", item);
	put_result(page, "Proof", json_object_get(diagnosis, "counterfactual"));
	put_list(page, "Read", json_object_get(diagnosis, "rfc"));
	put_list(page, "", json_object_get(diagnosis, "refs"));
	buf_fini(&text);
}

/* --- what was seen ---------------------------------------------------------------------------- */

static void put_alerts(const struct page *page, const json_t *witnesses)
{
	static const char *const names[] = {"server", "wire"};
	struct buf text = {0};
	const json_t *alert;
	size_t i;

	for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
		json_array_foreach(json_object_get(json_object_get(witnesses, names[k]), "alerts"),
		                   i, alert) {
			bool by_board = strcmp(json_text(alert, "from"), "client") == 0;

			buf_printf(&text, "%s saw, from the %s: ", names[k],
			           by_board ? "board" : "server");
			witness_alert(alert, &text);
			put_made(page, "Alert", &text);
		}
	buf_fini(&text);
}

static void put_handshake(const struct page *page)
{
	const json_t *witnesses = json_object_get(page->cell, "witnesses"), *item;
	json_t *statements;
	size_t i;

	if (!json_is_object(witnesses))
		return;
	put_heading(page, "Handshake");
	ladder_cell(page->cell, page->options, page->out);
	put_heading(page, "Witnesses");
	statements = witness_statements(page->cell);
	json_array_foreach(statements, i, item)
		put_line(page, json_text(item, "witness"), json_text(item, "text"));
	json_decref(statements);
	put_alerts(page, witnesses);
}

static bool holds(const json_t *list, const json_t *value)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (json_equal(item, value))
			return true;
	return false;
}

/* The values of `list` that `other` has too, or (both false) does not have. */
static size_t put_part(const json_t *list, const json_t *other, bool both, struct buf *text)
{
	const json_t *item;
	size_t i, n = 0;

	json_array_foreach(list, i, item)
		if (holds(other, item) == both)
			buf_printf(text, "%s%s", n++ > 0 ? ", " : "", json_string_value(item));
	return n;
}

static void put_set(const struct page *page, const json_t *set)
{
	const json_t *server = json_object_get(set, "server");
	const json_t *client = json_object_get(set, "client");
	struct buf text = {0};

	if (!json_is_array(client)) {
		buf_text(&text, "the board sends no such list");
	} else if (put_part(server, client, true, &text) == 0) {
		buf_text(&text, page->options->unicode ? "∅ nothing in common"
		                                       : "(!) nothing in common");
	}
	put_made(page, json_text(set, "what"), &text);
	if (put_part(server, client, false, &text) > 0)
		put_made(page, "  server alone", &text);
	if (put_part(client, server, false, &text) > 0)
		put_made(page, "  board alone", &text);
	buf_fini(&text);
}

static void put_sets(const struct page *page)
{
	const json_t *wire = json_object_get(json_object_get(page->cell, "witnesses"), "wire"), *set;
	json_t *sets;
	size_t i;

	if (!json_is_object(wire))
		return;
	sets = offer_sets(json_object_get(page->cell, "server"), wire);
	if (json_array_size(sets) > 0)
		put_heading(page, "Both have");
	json_array_foreach(sets, i, set)
		put_set(page, set);
	json_decref(sets);
}

static void put_lint(const struct page *page)
{
	const json_t *list = json_object_get(page->cell, "lint"), *finding;
	struct buf text = {0};
	size_t i;

	if (json_array_size(list) > 0)
		put_heading(page, "ClientHello");
	json_array_foreach(list, i, finding) {
		buf_printf(&text, "%s (%s)", json_text(finding, "text"), json_text(finding, "rfc"));
		put_made(page, json_text(finding, "severity"), &text);
	}
	buf_fini(&text);
}

static void put_log(const struct page *page)
{
	const json_t *board = json_object_get(json_object_get(page->cell, "witnesses"), "board");
	const json_t *trouble;
	const char *rest = json_text(board, "log"), *at;
	struct buf line = {0};
	size_t i, len;

	if (rest[0] != '\0')
		put_heading(page, "Board log");
	while ((at = text_line(&rest, &len)) != NULL) {
		buf_clear(&line);
		buf_add(&line, at, len);
		put_paragraph(page, buf_string(&line));
	}
	json_array_foreach(json_object_get(page->cell, "trouble"), i, trouble)
		put_line(page, "Trouble", json_text(trouble, "text"));
	buf_fini(&line);
}

/* --- what was tried, and how to see it again -------------------------------------------------- */

static void put_tries(const struct page *page)
{
	const json_t *cell = page->cell, *twin = json_object_get(cell, "twin"), *item;
	struct buf text = {0};
	size_t i;

	put_heading(page, "Tried");
	json_array_foreach(json_object_get(cell, "attempts"), i, item)
		buf_printf(&text, "%s%s %s", i > 0 ? ", " : "", json_text(item, "outcome"),
		           json_text(item, "reason"));
	put_made(page, "Attempts", &text);
	put_result(page, "Control", json_object_get(cell, "control"));
	put_result(page, "Twin, before", json_object_get(twin, "before"));
	put_result(page, "Twin, after", json_object_get(twin, "after"));
	json_array_foreach(json_object_get(cell, "tries"), i, item)
		put_result(page, "Change", item);
	put_result(page, "What helps", json_object_get(cell, "counterfactual"));
	buf_fini(&text);
}

static void put_case(const struct page *page)
{
	static const char *const parts[][2] = {
		{"Server", "server"}, {"Client", "client"}, {"Expected", "expect"}};
	struct buf text = {0};

	put_heading(page, "The case");
	put_paragraph(page, json_text(page->cell, "why"));
	put_line(page, "Run on", json_text(page->cell, "unit"));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const json_t *value = json_object_get(page->cell, parts[i][1]), *one;
		size_t k;

		report_change(value, &text);
		put_made(page, parts[i][0], &text);
		json_array_foreach(value, k, one) {
			report_change(one, &text);
			put_made(page, k == 0 ? parts[i][0] : "or", &text);
		}
	}
	buf_fini(&text);
}

/* The file of the suite or board, else its name, which then is that of a shipped one. */
static const char *given_as(const struct page *page, const char *kind, const char *name)
{
	const json_t *files = json_object_get(json_object_get(page->results, "run"), "files");
	const char *file = json_text(json_object_get(files, kind), name);

	return file[0] != '\0' ? file : name;
}

/* Appends a word of a command line: as it stands, or in the quotes that a shell wants. */
static void put_word(struct buf *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_.,:/@%+=-";
	size_t len;

	if (strncmp(word, "~/", 2) == 0) { /* the shell's to fill in: never within quotes */
		buf_text(out, "~/");
		word += 2;
	}
	len = strlen(word);
	if (len > 0 && strspn(word, plain) == len) {
		buf_add(out, word, len);
		return;
	}
	buf_char(out, '\'');
	for (; *word != '\0'; word++)
		if (*word == '\'')
			buf_text(out, "'\\''");
		else
			buf_char(out, *word);
	buf_char(out, '\'');
}

/* The case's name in its suite. */
static const char *case_of(const json_t *cell)
{
	const char *name = json_text(cell, "case"), *suite = json_text(cell, "suite");
	size_t len = strlen(suite);

	return strncmp(name, suite, len) == 0 && name[len] == '/' ? name + len + 1 : name;
}

static void put_path(struct buf *out, const char *folder, const char *file)
{
	struct buf path = {0};

	buf_printf(&path, "%s/%s", folder, file);
	put_word(out, buf_string(&path));
	buf_fini(&path);
}

/* The command that runs the cell again. */
static void add_run(const struct page *page, struct buf *out)
{
	const json_t *files = json_object_get(json_object_get(page->results, "run"), "files");

	buf_text(out, "shakedown run ");
	put_word(out, given_as(page, "suites", json_text(page->cell, "suite")));
	buf_text(out, " --board ");
	put_word(out, given_as(page, "boards", json_text(page->cell, "board")));
	buf_text(out, " --case ");
	put_word(out, case_of(page->cell));
	if (json_flag(files, "lab"))
		buf_text(out, " --daemon");
}

static void put_files(const struct page *page)
{
	const json_t *evidence = json_object_get(page->cell, "evidence");
	const char *capture = json_text(evidence, "capture"), *keylog = json_text(evidence, "keylog");
	struct buf text = {0};

	put_heading(page, "See it again");
	add_run(page, &text);
	put_command_line(page, "Run", buf_string(&text));
	buf_clear(&text);
	if (capture[0] != '\0') {
		buf_printf(&text, "%s/%s (its secrets are inside)", page->folder, capture);
		put_made(page, "Packets", &text);
		buf_text(&text, "shakedown decode ");
		put_path(&text, page->folder, capture);
		put_command_line(page, "Decode", buf_string(&text));
		buf_clear(&text);
	}
	if (keylog[0] != '\0') {
		buf_printf(&text, "%s/%s", page->folder, keylog);
		put_made(page, "Key log", &text);
	}
	buf_fini(&text);
}

void show_cell(const json_t *results, const json_t *cell, const char *folder,
               const struct terminal_options *options, struct buf *out)
{
	struct page page = {
		.results = results,
		.cell = cell,
		.folder = folder,
		.options = options,
		.charset = terminal_charset(options),
		.width = terminal_width(options),
		.out = out,
	};
	const json_t *diagnosis;
	size_t i;

	put_verdict(&page);
	json_array_foreach(json_object_get(cell, "diagnosis"), i, diagnosis)
		put_diagnosis(&page, diagnosis);
	put_handshake(&page);
	put_sets(&page);
	put_lint(&page);
	put_log(&page);
	put_tries(&page);
	put_case(&page);
	put_files(&page);
}
