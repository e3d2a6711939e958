#include "view/answers.h"

#include "base/json.h"
#include "verdict/witness.h"
#include "view/text.h"

#include <stdlib.h>
#include <string.h>

#define MARGIN 2 /* before a row's name */
#define STEP 2   /* further in for a case below its scenario */
#define GAP 2    /* columns between two of the table */
#define NAME_LEAST 24 /* columns of the names in a narrow terminal */
#define LABEL 10 /* columns of a paragraph's label */

/* ANSI SGR parameters. */
#define PLAIN "0"
#define BOLD "1"
#define GREEN "32"
#define YELLOW "33"
#define RED "31"

/* How the answers look, in the order in which they are counted. */
static const struct look {
	const char *answer;
	const char *glyph, *ascii_glyph, *colour;
	const char *counted;
} looks[] = {
	{"server_hello", "✓", "+", GREEN, "would go on"},
	{"hello_retry_request", "↻", "~", YELLOW, "would ask for another key share"},
	{"alert", "✗", "x", RED, "would refuse"},
	{"silence", "✗", "x", RED, "would close without a word"},
};

#define N_LOOKS (sizeof(looks) / sizeof(looks[0]))

static const struct look *look_of(const json_t *answer)
{
	size_t i = 0;

	while (i + 1 < N_LOOKS && strcmp(looks[i].answer, json_text(answer, "answer")) != 0)
		i++;
	return &looks[i];
}

bool answers_goes_on(const json_t *answer)
{
	return look_of(answer) < &looks[2];
}

/* --- words ------------------------------------------------------------------------------------ */

static void add_refusal(const json_t *answer, struct buf *out)
{
	const json_t *alert = json_object_get(answer, "alert");
	const char *reason = json_text(json_object_get(answer, "error"), "reason");

	if (alert != NULL)
		buf_printf(out, "%s (%lld)", json_text(alert, "description"),
		           json_number(alert, "number"));
	else
		buf_text(out, "closes without an alert");
	if (reason[0] != '\0')
		buf_printf(out, ": %s", reason);
}

enum choice {
	CHOICE_VERSION,
	CHOICE_SUITE,
	CHOICE_GROUP,
	CHOICE_SIGNATURE,
	CHOICE_MORE,
	N_CHOICES,
};

/* What the server would choose, a column each; empty where there is nothing. */
static void add_choice(const json_t *answer, enum choice choice, struct buf *out)
{
	static const char *const members[] = {"version", "ciphersuite", "group",
	                                      "signature_algorithm"};
	bool retry = strcmp(json_text(answer, "answer"), "hello_retry_request") == 0;

	if (choice == CHOICE_VERSION)
		buf_text(out, "TLS ");
	if (choice != CHOICE_MORE)
		buf_text(out, json_text(answer, members[choice]));
	else if (retry)
		buf_text(out, "after a HelloRetryRequest");
	else if (json_object_get(answer, "alert") != NULL)
		buf_printf(out, "after the warning %s",
		           json_text(json_object_get(answer, "alert"), "description"));
}

void answers_words(const json_t *answer, struct buf *out)
{
	struct buf words = {0};

	if (answers_goes_on(answer)) {
		for (int i = 0; i < N_CHOICES; i++) {
			buf_clear(&words);
			add_choice(answer, (enum choice)i, &words);
			buf_printf(out, "%s%s", i > 0 && words.len > 0 ? ", " : "",
			           buf_string(&words));
		}
		buf_fini(&words);
		return;
	}
	if (json_object_get(answer, "alert") != NULL)
		buf_text(out, "refuses with ");
	add_refusal(answer, out);
}

/* --- the table -------------------------------------------------------------------------------- */

struct table {
	const json_t *answers;
	const struct terminal_options *options;
	enum text_charset charset;
	size_t name_width;
	size_t widths[N_CHOICES]; /* of the columns of what would be chosen */
	int n_choices;            /* those that there is room for */
	struct buf *out;
};

static void paint(const struct terminal_options *options, const char *sgr, struct buf *out)
{
	if (options->colour)
		buf_printf(out, "\x1b[%sm", sgr);
}

/* A case of a matrix stands under its scenario's name: "1.3,rsa-2048", a step further in. */
static const char *row_label(const json_t *answer)
{
	const char *name = json_text(answer, "case"), *slash = strchr(name, '/');

	return slash != NULL ? slash + 1 : name;
}

static size_t row_indent(const json_t *answer)
{
	return MARGIN + (row_label(answer) != json_text(answer, "case") ? STEP : 0);
}

static void put_clean(const struct table *table, const char *text)
{
	text_clean(table->out, text, table->charset);
}

/* The suite above its first case, and the scenario above its first if it has a matrix. */
static void put_heads(const struct table *table, size_t row)
{
	const json_t *answer = json_array_get(table->answers, row);
	const json_t *before = row > 0 ? json_array_get(table->answers, row - 1) : NULL;
	const char *name = json_text(answer, "case");
	size_t len = (size_t)(row_label(answer) - name);
	bool new_suite = strcmp(json_text(before, "suite"), json_text(answer, "suite")) != 0;
	struct buf scenario = {0};

	if (new_suite) {
		paint(table->options, BOLD, table->out);
		put_clean(table, json_text(answer, "suite"));
		paint(table->options, PLAIN, table->out);
		buf_char(table->out, '\n');
	}
	if (len == 0 || (!new_suite && strncmp(json_text(before, "case"), name, len) == 0))
		return;
	buf_add(&scenario, name, len - 1);
	buf_printf(table->out, "%*s", MARGIN, "");
	put_clean(table, buf_string(&scenario));
	buf_char(table->out, '\n');
	buf_fini(&scenario);
}

static void put_choices(const struct table *table, const json_t *answer)
{
	struct buf words = {0};
	size_t owed = 0;

	for (int i = 0; i < table->n_choices; i++) {
		buf_clear(&words);
		add_choice(answer, (enum choice)i, &words);
		if (words.len > 0)
			buf_printf(table->out, "%*s%s", (int)owed, "", buf_string(&words));
		owed = (words.len > 0 ? 0 : owed) + table->widths[i] - words.len +
		       (table->widths[i] > 0 ? GAP : 0);
	}
	buf_fini(&words);
}

/* Columns of a row, up to what the server does: its glyph and a space are two. */
static size_t head_width(const struct table *table)
{
	return table->name_width + GAP + 2;
}

static void put_refusal(const struct table *table, const json_t *answer)
{
	size_t limit = terminal_width(table->options), head = head_width(table);
	struct buf words = {0};

	add_refusal(answer, &words);
	if (table->options->width > 0 && head + words.len > limit)
		text_column(table->out, buf_string(&words), limit - head, table->charset);
	else
		buf_text(table->out, buf_string(&words));
	buf_fini(&words);
}

static void put_row(const struct table *table, const json_t *answer)
{
	const struct look *look = look_of(answer);
	struct buf name = {0};

	buf_printf(table->out, "%*s", (int)row_indent(answer), "");
	text_clean(&name, row_label(answer), table->charset);
	text_column(table->out, buf_string(&name), table->name_width - row_indent(answer),
	            table->charset);
	buf_printf(table->out, "%*s", GAP, "");
	paint(table->options, look->colour, table->out);
	buf_text(table->out, table->options->unicode ? look->glyph : look->ascii_glyph);
	paint(table->options, PLAIN, table->out);
	buf_char(table->out, ' ');
	if (answers_goes_on(answer))
		put_choices(table, answer);
	else
		put_refusal(table, answer);
	buf_char(table->out, '\n');
	buf_fini(&name);
}

static void widen(size_t *width, size_t own)
{
	*width = own > *width ? own : *width;
}

static void measure(struct table *table)
{
	struct buf words = {0};
	const json_t *answer;
	size_t i;

	json_array_foreach(table->answers, i, answer) {
		widen(&table->name_width, row_indent(answer) + text_width(row_label(answer)));
		for (int k = 0; answers_goes_on(answer) && k < N_CHOICES; k++) {
			buf_clear(&words);
			add_choice(answer, (enum choice)k, &words);
			widen(&table->widths[k], words.len);
		}
	}
	buf_fini(&words);
}

static size_t row_width(const struct table *table)
{
	size_t width = head_width(table);

	for (int i = 0; i < table->n_choices; i++)
		width += table->widths[i] + (i > 0 && table->widths[i] > 0 ? GAP : 0);
	return width;
}

/*
 * In a narrow terminal the last of what would be chosen is left out if need be, and names are cut
 * to what room is left.
 */
static void fit(struct table *table)
{
	size_t limit = terminal_width(table->options), wanted = table->name_width, room;

	if (table->options->width <= 0 || row_width(table) <= limit)
		return;
	table->name_width = wanted < NAME_LEAST ? wanted : NAME_LEAST;
	while (row_width(table) > limit && table->n_choices > 1)
		table->n_choices--;
	room = limit > row_width(table) ? limit - row_width(table) : 0;
	table->name_width += wanted - table->name_width < room ? wanted - table->name_width : room;
}

static void put_counts(const struct table *table)
{
	size_t total = json_array_size(table->answers);

	buf_printf(table->out, "\n%zu server%s:", total, total == 1 ? "" : "s");
	for (size_t i = 0; i < N_LOOKS; i++) {
		const json_t *answer;
		size_t k, n = 0;

		json_array_foreach(table->answers, k, answer)
			n += look_of(answer) == &looks[i];
		if (n > 0)
			buf_printf(table->out, "   %s %zu %s",
			           table->options->unicode ? looks[i].glyph : looks[i].ascii_glyph,
			           n, looks[i].counted);
	}
	buf_char(table->out, '\n');
}

void answers_render(const json_t *answers, const struct terminal_options *options, struct buf *out)
{
	struct table table = {.answers = answers, .options = options, .out = out,
	                      .n_choices = N_CHOICES,
	                      .charset = terminal_charset(options)};

	measure(&table);
	fit(&table);
	for (size_t i = 0; i < json_array_size(answers); i++) {
		put_heads(&table, i);
		put_row(&table, json_array_get(answers, i));
	}
	put_counts(&table);
}

/* --- paragraphs ------------------------------------------------------------------------------- */

/* The elements with commas; `none` where there is nothing. */
static void put_list(const char *label, const json_t *list, const char *none,
                     const struct terminal_options *options, struct buf *out)
{
	struct buf text = {0};
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		buf_printf(&text, "%s%s", i > 0 ? ", " : "", json_string_value(item));
	answers_paragraph(label, text.len > 0 ? buf_string(&text) : none, options, out);
	buf_fini(&text);
}

static json_t *shared_groups(const json_t *hello)
{
	json_t *groups = json_made(json_array());
	const json_t *share;
	size_t i;

	json_array_foreach(json_object_get(witness_extension(hello, "key_share"), "client_shares"), i,
	                   share)
		json_array_append(groups, json_object_get(share, "group"));
	return groups;
}

void answers_offer(const json_t *hello, const struct terminal_options *options, struct buf *out)
{
	static const struct {
		const char *label, *extension, *member, *none;
	} lists[] = {
		{"Groups", "supported_groups", "named_group_list", "none named"},
		{"Signs", "signature_algorithms", "supported_signature_algorithms", "none named"},
		{"Server", "server_name", "server_name_list", "no name"},
	};
	const json_t *versions = json_object_get(witness_extension(hello, "supported_versions"),
	                                         "versions");
	json_t *shares = shared_groups(hello);

	put_list("Versions", versions, json_text(hello, "legacy_version"), options, out);
	put_list("Suites", json_object_get(hello, "cipher_suites"), "none", options, out);
	put_list("Shares", shares, "none", options, out);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		put_list(lists[i].label,
		         json_object_get(witness_extension(hello, lists[i].extension),
		                         lists[i].member),
		         lists[i].none, options, out);
	json_decref(shares);
}

void answers_paragraph(const char *label, const char *text, const struct terminal_options *options,
                       struct buf *out)
{
	enum text_charset charset = terminal_charset(options);
	struct buf clean = {0};

	text_clean(&clean, text, charset);
	paint(options, BOLD, out);
	text_column(out, label, LABEL, charset);
	paint(options, PLAIN, out);
	text_wrap(out, buf_string(&clean), LABEL, terminal_width(options));
	buf_fini(&clean);
}
