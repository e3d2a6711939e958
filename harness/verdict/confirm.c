#include "verdict/confirm.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/json.h"
#include "verdict/outcome.h"
#include "verdict/rules.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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
	json_t *server = json_merge_patched(json_object_get(cell, "server"), patch);
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
		char *key;

		if (!proves(cell))
			continue;
		key = unchanged_key(cell);
		if (json_object_get(index, key) == NULL)
			json_object_set(index, key, cell);
		free(key);
	}
	return index;
}

static bool passed(const json_t *result)
{
	return outcome_passed(outcome_named(json_text(result, "outcome")));
}

/* The try of the cell that made this change, or NULL. */
static const json_t *try_of(const json_t *cell, const json_t *change)
{
	const json_t *try;
	size_t i;

	json_array_foreach(json_object_get(cell, "tries"), i, try)
		if (json_equal(json_object_get(try, "change"), change))
			return try;
	return NULL;
}

static bool failed(const json_t *result)
{
	return outcome_failed(outcome_named(json_text(result, "outcome")));
}

/* What the board does not offer stands in the sentence: another lack is another failure. */
static bool lacks_the_same(const json_t *ran, const json_t *cell)
{
	return strcmp(json_text(cell, "reason"), "not-offered") != 0 ||
	       strcmp(json_text(ran, "detail"), json_text(cell, "detail")) == 0;
}

/* Whether it failed in the same way, so that the change took nothing away. */
static bool failed_alike(const json_t *ran, const json_t *cell)
{
	return failed(ran) && strcmp(json_text(ran, "reason"), json_text(cell, "reason")) == 0 &&
	       lacks_the_same(ran, cell) &&
	       json_number(json_object_get(ran, "alert"), "number") ==
	               json_number(json_object_get(cell, "alert"), "number");
}

/* What came of a change of `cell`: in another cell of the run, or in a try of its own. */
static json_t *change_result(const json_t *cell, json_t *change, const json_t *ran, bool is_cell)
{
	json_t *result = json_made(json_pack("{s:O, s:s}", "change", change, "outcome",
	                                     json_text(ran, "outcome")));

	if (failed(ran) && !failed_alike(ran, cell))
		json_object_set_new(result, "otherwise", json_true());
	if (is_cell)
		json_object_set(result, "cell", json_object_get(ran, "id"));
	return result;
}

/*
 * The results of the changes that ran, in order, up to the first that passed. *n_alike counts those
 * that changed nothing.
 */
static json_t *tried(const json_t *cell, const json_t *diagnosis, const json_t *index,
                     size_t *n_alike)
{
	json_t *results = json_made(json_array());
	char *own = unchanged_key(cell);
	json_t *change;
	size_t i;

	json_array_foreach(json_object_get(diagnosis, "try"), i, change) {
		char *key = key_of(cell, change);
		const json_t *sibling = strcmp(key, own) != 0 ? json_object_get(index, key) : NULL;
		const json_t *ran = sibling != NULL ? sibling : try_of(cell, change);

		free(key);
		if (ran == NULL)
			continue;
		*n_alike += failed_alike(ran, cell);
		json_array_append_new(results, change_result(cell, change, ran, sibling != NULL));
		if (passed(ran))
			break;
	}
	free(own);
	return results;
}

static const char *confidence_of(const json_t *diagnosis, bool proven, size_t n_alike)
{
	if (proven)
		return "confirmed";
	if (json_flag(diagnosis, "pervasive")) /* it may show at every server */
		return "likely";
	return n_alike == json_array_size(json_object_get(diagnosis, "try")) ? "refuted" : "likely";
}

/* Of a board that passes at the same server, too, no change proves anything. */
static void leave_open(json_t *diagnosis)
{
	json_object_del(diagnosis, "counterfactual");
	json_object_del(diagnosis, "also_tried");
	json_object_set_new(diagnosis, "confidence", json_made(json_string("likely")));
}

static void confirm(const json_t *cell, json_t *diagnosis, const json_t *index)
{
	size_t n_alike = 0;
	json_t *results = tried(cell, diagnosis, index, &n_alike);
	size_t n = json_array_size(results);
	bool proven = n > 0 && passed(json_array_get(results, n - 1));
	size_t decisive = proven ? n - 1 : 0;

	json_object_del(diagnosis, "counterfactual");
	json_object_del(diagnosis, "also_tried");
	json_object_set_new(diagnosis, "confidence",
	                    json_made(json_string(confidence_of(diagnosis, proven, n_alike))));
	if (n > 0) {
		json_object_set(diagnosis, "counterfactual", json_array_get(results, decisive));
		json_array_remove(results, decisive);
	}
	if (json_array_size(results) > 0)
		json_object_set(diagnosis, "also_tried", results);
	json_decref(results);
}

static bool is_refuted(const json_t *diagnosis)
{
	return strcmp(json_text(diagnosis, "confidence"), "refuted") == 0;
}

/* The diagnoses that are refuted, or those that are not; no plain account. */
static json_t *diagnoses_of(const json_t *cell, bool refuted)
{
	json_t *chosen = json_made(json_array()), *diagnosis;
	size_t i;

	json_array_foreach(json_object_get(cell, "diagnosis"), i, diagnosis)
		if (is_refuted(diagnosis) == refuted &&
		    strcmp(json_text(diagnosis, "id"), UNEXPLAINED) != 0)
			json_array_append(chosen, diagnosis);
	return chosen;
}

/*
 * What is said where experiments have refuted all that the rules named. Their evidence is still
 * what was seen.
 */
static json_t *account_without(const json_t *cell, const json_t *refuted)
{
	const json_t *diagnosis;
	struct buf cause = {0};
	json_t *account;
	size_t i;

	buf_printf(&cause, "%s It looked like ", json_text(cell, "detail"));
	json_array_foreach(refuted, i, diagnosis)
		buf_printf(&cause, "%s\"%s\"", i > 0 ? " or " : "", json_text(diagnosis, "title"));
	buf_text(&cause, ", but what should help then did not.");
	account = rules_plain_account(
		cell, buf_string(&cause),
		json_incref(json_object_get(json_array_get(refuted, 0), "evidence")));
	buf_fini(&cause);
	return account;
}

/* Those that were refuted give way to the next; none of them is ever the first. */
static void put_refuted_last(json_t *cell)
{
	json_t *ordered = diagnoses_of(cell, false), *refuted = diagnoses_of(cell, true);

	if (json_array_size(ordered) == 0 && json_array_size(refuted) > 0)
		json_array_append_new(ordered, account_without(cell, refuted));
	json_array_extend(ordered, refuted);
	if (json_array_size(ordered) > 0) /* else there is a plain account alone */
		json_object_set(cell, "diagnosis", ordered);
	json_decref(ordered);
	json_decref(refuted);
}

/* The try that passed, whoever foretold it. */
static void keep_counterfactual(json_t *cell)
{
	const json_t *try;
	size_t i;

	json_object_del(cell, "counterfactual");
	json_array_foreach(json_object_get(cell, "tries"), i, try)
		if (passed(try) && !json_flag(cell, "flaky"))
			json_object_set_new(
				cell, "counterfactual",
				change_result(cell, json_object_get(try, "change"), try, true));
}

void confirm_diagnoses(json_t *cells)
{
	json_t *index = index_cells(cells);
	json_t *cell, *diagnosis;
	size_t i, k;

	json_array_foreach(cells, i, cell) {
		keep_counterfactual(cell);
		if (json_array_size(json_object_get(cell, "diagnosis")) == 0)
			continue;
		json_array_foreach(json_object_get(cell, "diagnosis"), k, diagnosis)
			if (json_array_size(json_object_get(diagnosis, "try")) == 0)
				continue;
			else if (json_flag(cell, "flaky"))
				leave_open(diagnosis);
			else
				confirm(cell, diagnosis, index);
		put_refuted_last(cell);
	}
	json_decref(index);
}

char *confirm_key(const json_t *cell)
{
	return unchanged_key(cell);
}
