#include "verdict/accept.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/json.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* Cells of one board and suite, each with its cause, or NULL where it is to be left alone. */
struct field {
	const json_t **cells;
	char **causes;
	bool *taken; /* an entry names it by now */
	size_t n;
};

bool accept_concerns(const json_t *cell)
{
	const char *outcome = json_text(cell, "outcome");
	bool refuses_all = strcmp(outcome, "inconclusive") == 0 &&
	                   strcmp(json_text(cell, "reason"), "refuses-all") == 0;

	return (strcmp(outcome, "fail") == 0 || refuses_all) && !json_flag(cell, "flaky");
}

/* The diagnosis that explains the cell; NULL if none does. */
static const json_t *explanation(const json_t *cell)
{
	const json_t *first = json_array_get(json_object_get(cell, "diagnosis"), 0);
	const char *confidence = json_text(first, "confidence");

	return strcmp(confidence, "none") == 0 || strcmp(confidence, "refuted") == 0 ? NULL : first;
}

/* What cells that share an entry have in common; NULL for those that are not proposed. */
static char *cause_of(const json_t *cell)
{
	const json_t *diagnosis = explanation(cell);
	struct buf key = {0};

	if (!accept_concerns(cell))
		return NULL;
	if (diagnosis != NULL)
		buf_printf(&key, "%s", json_text(diagnosis, "id"));
	else
		buf_printf(&key, "%s\n%s", json_text(cell, "reason"), json_text(cell, "detail"));
	return (char *)key.data;
}

/* --- patterns --------------------------------------------------------------------------------- */

/* Whether a star may begin, or end, before `name`[at]: words and values stay whole. */
static bool is_joint(const char *name, size_t at, bool begins)
{
	const char *edge = begins ? name + at - 1 : name + at;

	return (begins && at == 0) || *edge == '\0' || strchr("-,/", *edge) != NULL;
}

/* The pattern that names the cell with name[from .. to) left open. */
static void put_pattern(const json_t *cell, size_t from, size_t to, struct buf *out)
{
	const char *name = json_text(cell, "case");

	buf_clear(out);
	buf_printf(out, "%s/%.*s*%s/%s", json_text(cell, "suite"), (int)from, name, name + to,
	           json_text(cell, "board"));
}

/* How many cells with this cause a pattern names that no entry has yet; 0 if it names another. */
static size_t reach(const struct field *field, const char *pattern, const char *cause)
{
	size_t n = 0;

	for (size_t i = 0; i < field->n; i++) {
		if (fnmatch(pattern, json_text(field->cells[i], "id"), 0) != 0)
			continue;
		if (field->causes[i] == NULL || strcmp(field->causes[i], cause) != 0)
			return 0;
		n += !field->taken[i];
	}
	return n;
}

/* The pattern that names most, and of these the first; one cell alone is named by its id. */
struct best {
	char *pattern; /* owned */
	size_t n;
};

static void consider(const struct field *field, size_t index, const char *pattern,
                     struct best *best)
{
	size_t n = reach(field, pattern, field->causes[index]);

	if (n <= best->n)
		return;
	best->n = n;
	free(best->pattern);
	best->pattern = strdup(pattern);
	CHECK(best->pattern != NULL);
}

static char *best_pattern(const struct field *field, size_t index)
{
	const json_t *cell = field->cells[index];
	const char *name = json_text(cell, "case");
	struct best best = {.pattern = strdup(json_text(cell, "id")), .n = 1};
	struct buf pattern = {0};
	size_t len = strlen(name);

	CHECK(best.pattern != NULL);
	for (size_t from = 0; from < len; from++)
		for (size_t to = len; is_joint(name, from, true) && to > from; to--) {
			if (!is_joint(name, to, false))
				continue;
			put_pattern(cell, from, to, &pattern);
			consider(field, index, buf_string(&pattern), &best);
		}
	buf_fini(&pattern);
	return best.pattern;
}

/* --- entries ---------------------------------------------------------------------------------- */

/* Whether an address speaks of the stack: "Mbed-TLS" does of mbedtls. */
static bool names_stack(const char *address, const char *stack)
{
	struct buf plain = {0};
	bool found;

	for (; *address != '\0'; address++)
		if (isalnum((unsigned char)*address))
			buf_char(&plain, (char)tolower((unsigned char)*address));
	found = stack[0] != '\0' && strstr(buf_string(&plain), stack) != NULL;
	buf_fini(&plain);
	return found;
}

/* "RFC 8446 section 4.2.3" as an address; "" for other words. A new string. */
static char *rfc_link(const char *section)
{
	struct buf link = {0};
	size_t digits = strncmp(section, "RFC ", 4) == 0 ? strspn(section + 4, "0123456789") : 0;
	const char *rest = section + 4 + digits;

	if (digits > 0) {
		buf_text(&link, "https://www.rfc-editor.org/rfc/rfc");
		buf_add(&link, section + 4, digits);
		if (strncmp(rest, " section ", 9) == 0)
			buf_printf(&link, "#section-%s", rest + 9);
	}
	return link.data != NULL ? (char *)link.data : strdup("");
}

static char *link_of(const json_t *cell, const json_t *diagnosis, const char *stack)
{
	const json_t *rfc = json_object_get(diagnosis, "rfc"), *ref;
	size_t i;

	json_array_foreach(json_object_get(diagnosis, "refs"), i, ref)
		if (names_stack(json_string_value(ref), stack))
			return strdup(json_string_value(ref));
	if (json_array_size(rfc) > 0)
		return rfc_link(json_string_value(json_array_get(rfc, 0)));
	return rfc_link(json_text(json_object_get(cell, "expect"), "rfc"));
}

/* The one alert that ended all of `cells`, or "". */
static const char *alert_of(const json_t *cells)
{
	const char *alert = json_text(json_object_get(json_array_get(cells, 0), "alert"),
	                              "description");
	const json_t *cell;
	size_t i;

	json_array_foreach(cells, i, cell)
		if (strcmp(json_text(json_object_get(cell, "alert"), "description"), alert) != 0)
			return "";
	return alert;
}

/* How `cells` fail: the judge's reason, or a list of them. */
static json_t *reasons_of(const json_t *cells)
{
	json_t *seen = json_made(json_object()), *reasons = json_made(json_array());
	const json_t *cell;
	size_t i;

	json_array_foreach(cells, i, cell) {
		json_t *reason = json_object_get(cell, "reason");

		if (json_object_get(seen, json_string_value(reason)) == NULL)
			json_array_append(reasons, reason);
		json_object_set_new(seen, json_string_value(reason), json_true());
	}
	json_decref(seen);
	if (json_array_size(reasons) > 1)
		return reasons;
	seen = json_incref(json_array_get(reasons, 0));
	json_decref(reasons);
	return seen;
}

/* One for `cells`, which share a cause. */
static json_t *entry(const char *pattern, const json_t *cells, const char *stack)
{
	const json_t *cell = json_array_get(cells, 0), *diagnosis = explanation(cell);
	const char *alert = alert_of(cells);
	char *link = link_of(cell, diagnosis, stack);
	struct buf reason = {0};
	json_t *made;

	CHECK(link != NULL);
	if (diagnosis != NULL)
		buf_printf(&reason, "%s.", json_text(diagnosis, "title"));
	else
		buf_text(&reason, json_text(cell, "detail"));
	made = json_made(json_pack("{s:s, s:s, s:s, s:o}", "cells", pattern, "reason",
	                           buf_string(&reason), "link", link, "fails_as",
	                           reasons_of(cells)));
	if (alert[0] != '\0')
		json_object_set_new(made, "alert", json_made(json_string(alert)));
	buf_fini(&reason);
	free(link);
	return made;
}

/* The cells that a pattern names and no entry before it did: a new list. */
static json_t *take(struct field *field, const char *pattern)
{
	json_t *named = json_made(json_array());

	for (size_t i = 0; i < field->n; i++) {
		if (field->taken[i] || fnmatch(pattern, json_text(field->cells[i], "id"), 0) != 0)
			continue;
		field->taken[i] = true;
		json_array_append(named, (json_t *)field->cells[i]);
	}
	return named;
}

/* --- fields ----------------------------------------------------------------------------------- */

static const char *stack_of(const json_t *results, const char *name)
{
	return json_text(json_find(json_object_get(results, "boards"), "name", name), "stack");
}

static void field_init(struct field *field, const json_t *cells)
{
	size_t size = json_array_size(cells) + 1;
	const json_t *cell;
	size_t i;

	*field = (struct field){.cells = calloc(size, sizeof(field->cells[0])),
	                        .causes = calloc(size, sizeof(field->causes[0])),
	                        .taken = calloc(size, sizeof(field->taken[0]))};
	CHECK(field->cells != NULL && field->causes != NULL && field->taken != NULL);
	json_array_foreach(cells, i, cell) {
		field->cells[field->n] = cell;
		field->causes[field->n++] = cause_of(cell);
	}
}

static void field_fini(struct field *field)
{
	for (size_t i = 0; i < field->n; i++)
		free(field->causes[i]);
	free(field->cells);
	free(field->causes);
	free(field->taken);
}

/* The cells of each board and suite: {"<board>/<suite>": [cells]}, in the order of the results. */
static json_t *by_board_and_suite(const json_t *results)
{
	json_t *fields = json_made(json_object()), *cell, *list;
	struct buf key = {0};
	size_t i;

	json_array_foreach(json_object_get(results, "cells"), i, cell) {
		buf_clear(&key);
		buf_printf(&key, "%s/%s", json_text(cell, "board"), json_text(cell, "suite"));
		list = json_object_get(fields, buf_string(&key));
		if (list == NULL) {
			list = json_made(json_array());
			json_object_set_new(fields, buf_string(&key), list);
		}
		json_array_append(list, cell);
	}
	buf_fini(&key);
	return fields;
}

static void propose(const json_t *results, const json_t *cells, json_t *entries)
{
	const char *stack = stack_of(results, json_text(json_array_get(cells, 0), "board"));
	struct field field;

	field_init(&field, cells);
	for (size_t i = 0; i < field.n; i++) {
		char *pattern;
		json_t *named;

		if (field.causes[i] == NULL || field.taken[i])
			continue;
		pattern = best_pattern(&field, i);
		named = take(&field, pattern);
		json_array_append_new(entries, entry(pattern, named, stack));
		json_decref(named);
		free(pattern);
	}
	field_fini(&field);
}

json_t *accept_entries(const json_t *results)
{
	json_t *fields = by_board_and_suite(results), *entries = json_made(json_array()), *cells;
	const char *key;

	json_object_foreach(fields, key, cells)
		propose(results, cells, entries);
	json_decref(fields);
	return entries;
}
