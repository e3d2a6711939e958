#include "view/protocol.h"

#include "base/assert.h"
#include "base/json.h"
#include "view/ladder.h"
#include "view/report.h"
#include "view/text.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	bool ok;
	const char *directive; /* NULL: none */
} points[OUTCOME_MAX] = {
	[OUTCOME_PASS] = {true, NULL},          [OUTCOME_FAIL] = {false, NULL},
	[OUTCOME_XFAIL] = {false, "TODO"},      [OUTCOME_XPASS] = {false, NULL},
	[OUTCOME_UNSUPPORTED] = {true, "SKIP"}, [OUTCOME_INCONCLUSIVE] = {false, NULL},
	[OUTCOME_ERROR] = {false, NULL},        [OUTCOME_SKIP] = {true, "SKIP"},
};

/* Clean text on one line, in which "#" begins no directive. */
static void put_words(struct buf *out, const char *text)
{
	struct buf clean = {0};

	text_clean(&clean, text, TEXT_UTF8);
	for (const char *at = buf_string(&clean); *at != '\0'; at++) {
		if (*at == '#' || *at == '\\')
			buf_char(out, '\\');
		buf_char(out, *at);
	}
	buf_fini(&clean);
}

/* Clean text as JSON has it is YAML, too. */
static void put_scalar(struct buf *out, const char *key, const char *text)
{
	struct buf clean = {0};
	json_t *value;
	char *quoted;

	if (text[0] == '\0')
		return;
	text_clean(&clean, text, TEXT_UTF8);
	value = json_made(json_string(buf_string(&clean)));
	quoted = json_dumps(value, JSON_ENCODE_ANY);
	CHECK(quoted != NULL);
	buf_printf(out, "  %s: %s\n", key, quoted);
	free(quoted);
	json_decref(value);
	buf_fini(&clean);
}

static void put_ladder(struct buf *out, const json_t *cell, const struct shelf *shelf)
{
	json_t *whole = shelf_whole(shelf, cell);
	static const struct terminal_options plain = {.unicode = true};
	const char *rest, *line;
	struct buf text = {0};
	size_t len;

	ladder_cell(whole, &plain, &text);
	json_decref(whole);
	if (text.len > 0)
		buf_text(out, "  ladder: |2\n");
	rest = buf_string(&text);
	while ((line = text_line(&rest, &len)) != NULL)
		buf_printf(out, "    %.*s\n", (int)len, line);
	buf_fini(&text);
}

static void put_why(struct buf *out, const json_t *cell, const struct shelf *shelf)
{
	const json_t *diagnosis = json_array_get(json_object_get(cell, "diagnosis"), 0);
	const json_t *fix = json_object_get(diagnosis, "fix");

	buf_text(out, "  ---\n");
	put_scalar(out, "message", json_text(cell, "detail"));
	put_scalar(out, "severity", json_text(cell, "outcome"));
	put_scalar(out, "reason", json_text(cell, "reason"));
	put_scalar(out, "title", json_text(diagnosis, "title"));
	put_scalar(out, "cause", json_text(diagnosis, "cause"));
	put_scalar(out, "fix_on_the_board", json_text(fix, "board"));
	put_scalar(out, "fix_on_the_server", json_text(fix, "server"));
	put_scalar(out, "capture", json_text(json_object_get(cell, "evidence"), "capture"));
	put_ladder(out, cell, shelf);
	buf_text(out, "  ...\n");
}

static void put_point(struct buf *out, const json_t *cell, const struct shelf *shelf, size_t number)
{
	enum outcome outcome = report_outcome(cell);
	const char *known = json_text(json_object_get(cell, "known"), "reason");

	buf_printf(out, "%s %zu - ", points[outcome].ok ? "ok" : "not ok", number);
	put_words(out, json_text(cell, "id"));
	if (points[outcome].directive != NULL) {
		buf_printf(out, " # %s ", points[outcome].directive);
		put_words(out, known[0] != '\0' ? known : json_text(cell, "detail"));
	}
	buf_char(out, '\n');
	if (!points[outcome].ok)
		put_why(out, cell, shelf);
}

void protocol_render(struct buf *out, const json_t *results, const struct shelf *shelf)
{
	const json_t *cells = json_object_get(results, "cells"), *cell;
	size_t i;

	buf_printf(out, "TAP version 14\n1..%zu\n", json_array_size(cells));
	json_array_foreach(cells, i, cell)
		put_point(out, cell, shelf, i + 1);
}
