#include "verdict/lint_cells.h"

#include "base/assert.h"
#include "base/json.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define RANDOM_HEX 64 /* digits of a random */

/* Of one board: what its hellos had, with the id of the cell where it came first. */
struct board {
	lint_witnesses *witnesses; /* NULL: those in the cells */
	void *context;
	json_t *randoms, *shares;
	json_t *last_lint; /* borrowed: of its last hello */
	size_t n_hellos;
	bool rand31; /* so far */
};

static void add(json_t *lint, const char *id, const char *text)
{
	json_array_append_new(lint, json_made(json_pack("{s:s, s:s, s:s, s:s}", "id", id,
	                                                "severity", "error", "rfc",
	                                                "RFC 8446 section C.1", "text", text)));
}

/* Notes that `value` came in the cell `id`; says so if it had come before. */
static void note(json_t *seen, const char *value, const char *id, const char *finding,
                 const char *what, json_t *lint)
{
	const char *first = json_text(seen, value);
	char text[512];

	if (value[0] == '\0')
		return;
	if (first[0] == '\0') {
		json_object_set_new(seen, value, json_made(json_string(id)));
		return;
	}
	snprintf(text, sizeof(text), "The %s is that of %s again: it can be foretold.", what,
	         first);
	add(lint, finding, text);
}

/* RFC 8446 section 4.1.2; the first word was a time, once. */
static bool looks_like_rand31(const char *random)
{
	if (strlen(random) != RANDOM_HEX)
		return false;
	for (size_t i = 7; i < RANDOM_HEX / 2; i += 4)
		if (strchr("01234567", random[2 * i]) == NULL)
			return false;
	return true;
}

static void note_shares(struct board *board, const json_t *hello, const char *id, json_t *lint)
{
	const json_t *extension, *share;
	size_t i, k;

	json_array_foreach(json_object_get(hello, "extensions"), i, extension)
		json_array_foreach(json_object_get(extension, "client_shares"), k, share)
			if (strncmp(json_text(share, "group"), "GREASE", strlen("GREASE")) != 0)
				note(board->shares, json_text(share, "key_exchange"), id,
				     "ks-reuse", "key share", lint);
}

static void note_hello(struct board *board, const json_t *hello, const char *id, json_t *lint)
{
	const char *random = json_text(hello, "random");

	note(board->randoms, random, id, "random-repeat", "random", lint);
	note_shares(board, hello, id, lint);
	board->rand31 = (board->n_hellos == 0 || board->rand31) && looks_like_rand31(random);
	board->n_hellos++;
	board->last_lint = lint;
}

/* Takes out what a comparison with other cells found earlier. */
static void forget_comparison(json_t *lint)
{
	static const char *const ids[] = {"random-repeat", "ks-reuse", "random-rand31"};

	for (size_t i = json_array_size(lint); i-- > 0;)
		for (size_t k = 0; k < sizeof(ids) / sizeof(ids[0]); k++)
			if (strcmp(json_text(json_array_get(lint, i), "id"), ids[k]) == 0) {
				json_array_remove(lint, i);
				break;
			}
}

/* The cell's own list, taken from its capture. */
static json_t *take_lint(json_t *cell, json_t *wire)
{
	json_t *lint = json_object_get(wire, "lint");

	if (lint != NULL) {
		json_object_set(cell, "lint", lint);
		json_object_del(wire, "lint");
	} else if (json_object_get(cell, "lint") == NULL) {
		json_object_set_new(cell, "lint", json_made(json_array()));
	}
	forget_comparison(json_object_get(cell, "lint"));
	return json_object_get(cell, "lint");
}

static void look_at_cell(struct board *board, json_t *cell)
{
	json_t *witnesses = board->witnesses != NULL
	                            ? board->witnesses(board->context, cell)
	                            : json_incref(json_object_get(cell, "witnesses"));
	json_t *wire = json_object_get(witnesses, "wire");
	const json_t *hello = json_object_get(wire, "client_hello");

	if (json_is_object(hello))
		note_hello(board, hello, json_text(cell, "id"), take_lint(cell, wire));
	json_decref(witnesses);
}

static void look_at_board(struct board *board, const json_t *cells, const char *name)
{
	json_t *cell;
	size_t i;

	json_array_foreach(cells, i, cell)
		if (strcmp(json_text(cell, "board"), name) == 0)
			look_at_cell(board, cell);
	if (board->rand31 && board->n_hellos >= LINT_RAND31_MIN)
		add(board->last_lint, "random-rand31",
		    "In all randoms of this board every fourth byte is below 128, as where rand() "
		    "of C makes them: they can be foretold.");
}

void lint_cells(json_t *cells, lint_witnesses *witnesses, void *context)
{
	json_t *done = json_made(json_object());
	const json_t *cell;
	size_t i;

	json_array_foreach(cells, i, cell) {
		const char *name = json_text(cell, "board");
		struct board board = {.witnesses = witnesses,
		                      .context = context,
		                      .randoms = json_made(json_object()),
		                      .shares = json_made(json_object())};

		if (json_object_get(done, name) == NULL) {
			json_object_set_new(done, name, json_made(json_true()));
			look_at_board(&board, cells, name);
		}
		json_decref(board.randoms);
		json_decref(board.shares);
	}
	json_decref(done);
}
