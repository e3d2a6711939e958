#include "verdict/confirm.h"

#include "base/assert.h"
#include "base/json.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

json_t *merge_patched(const json_t *target, const json_t *patch)
{
	json_t *result, *value;
	const char *key;

	if (!json_is_object(patch))
		return json_made(json_deep_copy(patch));
	result = json_made(json_is_object(target) ? json_deep_copy(target) : json_object());
	json_object_foreach((json_t *)patch, key, value) {
		if (json_is_null(value))
			json_object_del(result, key);
		else
			json_object_set_new(result, key,
			                    merge_patched(json_object_get(target, key), value));
	}
	return result;
}

static int by_text(const void *a, const void *b)
{
	const json_t *const *x = a, *const *y = b;

	return strcmp(json_string_value(*x), json_string_value(*y));
}

/* Lists whose order says nothing; in the others it is a preference. */
static void sort_member(json_t *server, const char *key)
{
	json_t *list = json_object_get(server, key), *sorted;
	size_t n = json_array_size(list);
	json_t **items;

	for (size_t i = 0; i < n; i++)
		if (!json_is_string(json_array_get(list, i)))
			return;
	if (n < 2)
		return;
	items = calloc(n, sizeof(*items));
	CHECK(items != NULL);
	for (size_t i = 0; i < n; i++)
		items[i] = json_array_get(list, i);
	qsort(items, n, sizeof(*items), by_text);
	sorted = json_made(json_array());
	for (size_t i = 0; i < n; i++)
		json_array_append(sorted, items[i]);
	json_object_set_new(server, key, sorted);
	free(items);
}

/* What makes two cells the same experiment: server, client options, expectation. */
static json_t *experiment_of(const json_t *cell, const json_t *patch)
{
	json_t *server = merge_patched(json_object_get(cell, "server"), patch);
	json_t *client = json_object_get(cell, "client");
	json_t *expect = json_object_get(cell, "expect");

	sort_member(server, "versions");
	sort_member(server, "certificate");
	return json_made(json_pack("{s:o, s:O?, s:O?, s:s}", "server", server, "client", client,
	                           "expect", expect, "board", json_text(cell, "board")));
}

/* A text of the experiment that equals another's if and only if they are the same. */
static char *key_of(const json_t *cell, const json_t *patch)
{
	json_t *experiment = experiment_of(cell, patch);
	char *text = json_dumps(experiment, JSON_COMPACT | JSON_SORT_KEYS);

	CHECK(text != NULL);
	json_decref(experiment);
	return text;
}

static char *unchanged_key(const json_t *cell)
{
	json_t *nothing = json_made(json_object());
	char *key = key_of(cell, nothing);

	json_decref(nothing);
	return key;
}

static bool proves(const json_t *cell)
{
	static const char *const outcomes[] = {"pass", "fail", "unsupported"};

	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (strcmp(json_text(cell, "outcome"), outcomes[i]) == 0)
			return !json_flag(cell, "flaky");
	return false;
}

/* Cells by their experiment, so that a large run is searched in one step. */
static json_t *index_cells(const json_t *cells)
{
	json_t *index = json_made(json_object());
	json_t *cell;
	size_t i;

	json_array_foreach(cells, i, cell) {
		char *key = unchanged_key(cell);

		if (proves(cell) && json_object_get(index, key) == NULL)
			json_object_set(index, key, cell);
		free(key);
	}
	return index;
}

static json_t *experiment_result(json_t *change, const json_t *ran)
{
	return json_made(json_pack("{s:O, s:s, s:s}", "change", change, "cell",
	                           json_text(ran, "id"), "outcome", json_text(ran, "outcome")));
}

static bool passed(const json_t *result)
{
	return strcmp(json_text(result, "outcome"), "pass") == 0;
}

/* The results of the changes that ran, in order, up to the first that passed. */
static json_t *tried(const json_t *cell, const json_t *diagnosis, const json_t *index)
{
	json_t *results = json_made(json_array());
	char *own = unchanged_key(cell);
	json_t *change;
	size_t i;

	json_array_foreach(json_object_get(diagnosis, "try"), i, change) {
		char *key = key_of(cell, change);
		const json_t *ran = strcmp(key, own) != 0 ? json_object_get(index, key) : NULL;

		free(key);
		if (ran == NULL)
			continue;
		json_array_append_new(results, experiment_result(change, ran));
		if (passed(json_array_get(results, json_array_size(results) - 1)))
			break;
	}
	free(own);
	return results;
}

static void confirm(const json_t *cell, json_t *diagnosis, const json_t *index)
{
	json_t *results = tried(cell, diagnosis, index);
	size_t n = json_array_size(results);
	bool proven = n > 0 && passed(json_array_get(results, n - 1));
	size_t decisive = proven ? n - 1 : 0;

	json_object_del(diagnosis, "counterfactual");
	json_object_del(diagnosis, "also_tried");
	json_object_set_new(diagnosis, "confidence",
	                    json_made(json_string(proven ? "confirmed" : "likely")));
	if (n > 0) {
		json_object_set(diagnosis, "counterfactual", json_array_get(results, decisive));
		json_array_remove(results, decisive);
	}
	if (json_array_size(results) > 0)
		json_object_set(diagnosis, "also_tried", results);
	json_decref(results);
}

void confirm_diagnoses(json_t *cells)
{
	json_t *index = index_cells(cells);
	json_t *cell, *diagnosis;
	size_t i, k;

	json_array_foreach(cells, i, cell)
		json_array_foreach(json_object_get(cell, "diagnosis"), k, diagnosis)
			if (json_array_size(json_object_get(diagnosis, "try")) > 0)
				confirm(cell, diagnosis, index);
	json_decref(index);
}
