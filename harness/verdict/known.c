#include "verdict/known.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/schema.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct known {
	char *path;
	json_t *json;  /* NULL: there is no such file */
	bool *matched; /* one for each entry */
	struct known *first; /* borrowed: its entries are asked before these; or NULL */
};

static const json_t *entries(const struct known *known)
{
	return json_object_get(known->json, "known");
}

static int check(const struct known *known, const char *schema, struct error *error)
{
	struct schema *rules = NULL;
	int rc = schema_load(&rules, schema, error);

	if (rc == 0)
		rc = schema_check(rules, known->path, known->json, error);
	schema_free(rules);
	return rc;
}

static struct known *known_new(const char *path)
{
	struct known *known = calloc(1, sizeof(*known));

	CHECK(known != NULL);
	known->path = strdup(path);
	CHECK(known->path != NULL);
	return known;
}

/* Hands over what was loaded with `rc`, or frees it. Returns `rc`. */
static int hand_over(struct known *known, int rc, struct known **out)
{
	if (rc != 0) {
		known_free(known);
		return rc;
	}
	known->matched = calloc(json_array_size(entries(known)) + 1, sizeof(known->matched[0]));
	CHECK(known->matched != NULL);
	*out = known;
	return 0;
}

int known_load(struct known **out, const char *path, const char *schema, struct error *error)
{
	struct known *known = known_new(path);
	bool is_there = access(path, F_OK) == 0;
	int rc = is_there ? json_load_path(path, &known->json, error) : 0;

	if (is_there && rc == 0)
		rc = check(known, schema, error);
	return hand_over(known, rc, out);
}

int known_take(struct known **out, const json_t *document, const char *schema,
               struct error *error)
{
	struct known *known = known_new(json_text(document, "file"));
	int rc;

	known->json = json_incref(json_object_get(document, "json"));
	rc = known->json != NULL
	             ? check(known, schema, error)
	             : error_set(error, ERR_INPUT, "%s: there is nothing in it", known->path);
	return hand_over(known, rc, out);
}

void known_ask_first(struct known *known, struct known *first)
{
	known->first = first;
}

void known_free(struct known *known)
{
	if (known == NULL)
		return;
	json_decref(known->json);
	free(known->matched);
	free(known->path);
	free(known);
}

/* Less than, equal to or greater than 0, by the numbers between the dots: 2.9 < 2.28. */
static int compare_versions(const char *a, const char *b)
{
	while (*a != '\0' || *b != '\0') {
		char *end_a, *end_b;
		unsigned long x = strtoul(a, &end_a, 10), y = strtoul(b, &end_b, 10);

		if (x != y)
			return x < y ? -1 : 1;
		if (end_a == a && end_b == b)
			return 0; /* letters of a maker's own */
		a = *end_a == '.' ? end_a + 1 : end_a;
		b = *end_b == '.' ? end_b + 1 : end_b;
	}
	return 0;
}

/* A board that does not tell its version may have any. */
static bool has_version(const json_t *entry, const json_t *board)
{
	const char *version = json_text(board, "stack_version");
	const char *from = json_text(entry, "from"), *to = json_text(entry, "to");

	return version[0] == '\0' ||
	       ((from[0] == '\0' || compare_versions(version, from) >= 0) &&
	        (to[0] == '\0' || compare_versions(version, to) <= 0));
}

static bool names_cell(const json_t *entry, const json_t *cell, const json_t *board)
{
	return fnmatch(json_text(entry, "cells"), json_text(cell, "id"), 0) == 0 &&
	       has_version(entry, board);
}

/* A board that fails at the good twin fails, though nothing follows for the case itself. */
static bool failed(const json_t *cell)
{
	return strcmp(json_text(cell, "outcome"), "fail") == 0 ||
	       strcmp(json_text(cell, "reason"), "refuses-all") == 0;
}

/* Whether `value`, one text or a list of texts, holds `text`; without a value any will do. */
static bool allows(const json_t *value, const char *text)
{
	const json_t *item;
	size_t i;

	if (value == NULL || json_is_string(value))
		return value == NULL || strcmp(json_string_value(value), text) == 0;
	json_array_foreach(value, i, item)
		if (strcmp(json_string_value(item), text) == 0)
			return true;
	return false;
}

/* Whether the cell fails in the way that the entry tells, if it tells one. */
static bool is_as_told(const json_t *entry, const json_t *cell)
{
	return allows(json_object_get(entry, "fails_as"), json_text(cell, "reason")) &&
	       allows(json_object_get(entry, "alert"),
	              json_text(json_object_get(cell, "alert"), "description"));
}

static void name_entry(json_t *cell, const json_t *entry, bool changed)
{
	json_t *known = json_made(json_pack("{s:O, s:O}", "reason",
	                                    json_object_get(entry, "reason"), "link",
	                                    json_object_get(entry, "link")));

	if (changed)
		json_object_set_new(known, "changed", json_true());
	if (json_flag(entry, "quarantine"))
		json_object_set_new(known, "quarantine", json_true());
	json_object_set_new(cell, "known", known);
}

static void mark(json_t *cell, const json_t *entry)
{
	bool passed = strcmp(json_text(cell, "outcome"), "pass") == 0;

	json_object_set_new(cell, "outcome", json_made(json_string(passed ? "xpass" : "xfail")));
	name_entry(cell, entry, false);
}

static void add_told(struct buf *out, const json_t *entry, const char *key)
{
	const json_t *value = json_object_get(entry, key), *item;
	size_t i;

	if (json_is_string(value))
		buf_text(out, json_string_value(value));
	json_array_foreach(value, i, item)
		buf_printf(out, "%s%s", i > 0 ? " or " : "", json_string_value(item));
}

/* What fails otherwise than its entry tells stays a failure, and its detail says so. */
static void note_changed(json_t *cell, const json_t *entry)
{
	struct buf text = {0};

	buf_printf(&text, "%s The known failure has changed: known.json tells of ",
	           json_text(cell, "detail"));
	add_told(&text, entry, "fails_as");
	if (json_object_get(entry, "alert") != NULL) {
		buf_printf(&text, "%salert ",
		           json_object_get(entry, "fails_as") != NULL ? " with " : "");
		add_told(&text, entry, "alert");
	}
	buf_text(&text, " here.");
	json_object_set_new(cell, "detail", json_made(json_string(buf_string(&text))));
	name_entry(cell, entry, true);
	buf_fini(&text);
}

/* The first entry that fits the cell, and the first that tells of another failure; or NULL. */
struct fitting {
	const json_t *right, *other;
};

static void find_entries(struct known *known, const json_t *cell, const json_t *board,
                         struct fitting *found)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(entries(known), i, entry) {
		if (!names_cell(entry, cell, board))
			continue;
		known->matched[i] = true;
		if (failed(cell) && !is_as_told(entry, cell))
			found->other = found->other != NULL ? found->other : entry;
		else
			found->right = found->right != NULL ? found->right : entry;
	}
}

static bool is_marked(const json_t *entry, const json_t *cell)
{
	const char *outcome = json_text(cell, "outcome");

	if (failed(cell))
		return true;
	return strcmp(outcome, json_flag(entry, "quarantine") ? "inconclusive" : "pass") == 0;
}

void known_apply(struct known *known, json_t *cell, const json_t *board)
{
	struct fitting found = {NULL, NULL};

	json_object_del(cell, "known");
	if (known->first != NULL)
		find_entries(known->first, cell, board, &found);
	find_entries(known, cell, board, &found);
	if (found.right != NULL && is_marked(found.right, cell))
		mark(cell, found.right);
	else if (found.right == NULL && found.other != NULL)
		note_changed(cell, found.other);
}

/* Whether the part of a pattern before its first slash fits one of the suites. */
static bool asks_for_suite(const char *pattern, const json_t *suites)
{
	char *part = strndup(pattern, strcspn(pattern, "/"));
	const json_t *suite;
	bool found = false;
	size_t i;

	CHECK(part != NULL);
	json_array_foreach(suites, i, suite)
		found = found || fnmatch(part, json_string_value(suite), 0) == 0;
	free(part);
	return found;
}

static bool asks_for_board(const char *pattern, const json_t *boards)
{
	const json_t *board;
	size_t i;

	json_array_foreach(boards, i, board)
		if (fnmatch(strrchr(pattern, '/') + 1, json_text(board, "name"), 0) == 0)
			return true;
	return false;
}

json_t *known_stale(const struct known *known, const json_t *suites, const json_t *boards)
{
	json_t *stale = json_made(json_array());
	const json_t *entry;
	size_t i;

	json_array_foreach(entries(known), i, entry) {
		const char *pattern = json_text(entry, "cells");

		if (!known->matched[i] && asks_for_suite(pattern, suites) &&
		    asks_for_board(pattern, boards))
			json_array_append_new(
				stale, json_made(json_sprintf(
					       "%s: $.known[%zu] is stale: \"%s\" names no cell"
					       " of this run; mend the pattern or remove the entry",
					       known->path, i, pattern)));
	}
	return stale;
}
