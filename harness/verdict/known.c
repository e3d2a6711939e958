#include "verdict/known.h"

#include "base/assert.h"
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
};

static const json_t *entries(const struct known *known)
{
	return json_object_get(known->json, "known");
}

int known_load(struct known **out, const char *path, const char *schema, struct error *error)
{
	struct known *known = calloc(1, sizeof(*known));
	struct schema *rules = NULL;
	int rc = 0;

	CHECK(known != NULL);
	known->path = strdup(path);
	CHECK(known->path != NULL);
	if (access(path, F_OK) == 0) {
		rc = schema_load(&rules, schema, error);
		if (rc == 0)
			rc = json_load_path(path, &known->json, error);
		if (rc == 0)
			rc = schema_check(rules, path, known->json, error);
		schema_free(rules);
	}
	if (rc != 0) {
		known_free(known);
		return rc;
	}
	known->matched = calloc(json_array_size(entries(known)) + 1, sizeof(known->matched[0]));
	CHECK(known->matched != NULL);
	*out = known;
	return 0;
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

static void mark(json_t *cell, const json_t *entry)
{
	bool passed = strcmp(json_text(cell, "outcome"), "pass") == 0;

	if (!passed && !failed(cell))
		return;
	json_object_set_new(cell, "outcome", json_made(json_string(passed ? "xpass" : "xfail")));
	json_object_set_new(cell, "known",
	                    json_made(json_pack("{s:O, s:O}", "reason",
	                                        json_object_get(entry, "reason"), "link",
	                                        json_object_get(entry, "link"))));
}

void known_apply(struct known *known, json_t *cell, const json_t *board)
{
	const json_t *entry;
	bool marked = false;
	size_t i;

	json_array_foreach(entries(known), i, entry) {
		if (!names_cell(entry, cell, board))
			continue;
		known->matched[i] = true;
		if (!marked)
			mark(cell, entry);
		marked = true;
	}
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
