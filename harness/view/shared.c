#include "view/shared.h"

#include "base/json.h"

#include <string.h>

/* The cells of one scenario on one board that count: what is not known says nothing. */
struct sample {
	json_t *failed, *passed; /* the cells' "matrix" objects */
};

static void add_cell(struct sample *sample, const json_t *cell)
{
	json_t *values = json_object_get(cell, "matrix");

	switch (report_outcome(cell)) {
	case OUTCOME_FAIL:
	case OUTCOME_XFAIL:
		json_array_append(sample->failed, values);
		break;
	case OUTCOME_PASS:
	case OUTCOME_XPASS:
		json_array_append(sample->passed, values);
		break;
	default:
		break;
	}
}

/* The scenario's rows are neighbours; `row` is the first. */
static struct sample sample_of(const struct report_suite *suite, size_t row, const char *scenario,
                               size_t board)
{
	struct sample sample = {json_made(json_array()), json_made(json_array())};

	for (; row < suite->n_rows; row++) {
		const json_t *cell = suite->rows[row].cells[board];

		if (cell != NULL && strcmp(json_text(cell, "scenario"), scenario) != 0)
			break;
		if (cell != NULL && json_object_get(cell, "matrix") != NULL)
			add_cell(&sample, cell);
	}
	return sample;
}

static bool has_all(const json_t *values, const json_t *wanted)
{
	const char *path;
	json_t *value;

	json_object_foreach((json_t *)wanted, path, value)
		if (!json_equal(json_object_get(values, path), value))
			return false;
	return true;
}

/* Whether all that failed have these values, and none that passed. */
static bool tells_apart(const struct sample *sample, const json_t *wanted)
{
	const json_t *values;
	size_t i;

	json_array_foreach(sample->failed, i, values)
		if (!has_all(values, wanted))
			return false;
	json_array_foreach(sample->passed, i, values)
		if (has_all(values, wanted))
			return false;
	return true;
}

static json_t *one_value(const char *path, json_t *value)
{
	return json_made(json_pack("{s:O}", path, value));
}

static void keep_if_apart(const struct sample *sample, json_t *wanted, json_t *found)
{
	if (json_array_size(found) < SHARED_SHOWN_MAX && tells_apart(sample, wanted))
		json_array_append(found, wanted);
	json_decref(wanted);
}

static void find_pairs(const struct sample *sample, const char *path, json_t *value, json_t *found)
{
	json_t *first = json_array_get(sample->failed, 0), *other;
	const char *second;

	json_object_foreach(first, second, other) {
		json_t *wanted;

		if (strcmp(path, second) >= 0)
			continue;
		wanted = one_value(path, value);
		json_object_set(wanted, second, other);
		keep_if_apart(sample, wanted, found);
	}
}

/* The values, or the pairs, that tell what failed from what passed: a new list of objects. */
static json_t *find(const struct sample *sample)
{
	json_t *first = json_array_get(sample->failed, 0), *found = json_made(json_array());
	const char *path;
	json_t *value;

	if (json_array_size(sample->failed) < 2 || json_array_size(sample->passed) == 0)
		return found;
	json_object_foreach(first, path, value)
		keep_if_apart(sample, one_value(path, value), found);
	if (json_array_size(found) > 0)
		return found;
	json_object_foreach(first, path, value)
		find_pairs(sample, path, value, found);
	return found;
}

static void describe(const struct report *report, const struct report_suite *suite, size_t row,
                     const char *scenario, size_t board, struct buf *out)
{
	struct sample sample = sample_of(suite, row, scenario, board);
	json_t *found = find(&sample), *wanted;
	size_t i;

	if (json_array_size(found) > 0)
		buf_printf(out,
		           "%s/%s on %s: all %zu cells that failed, and none that passed, have",
		           suite->name, scenario,
		           json_text(json_array_get(report->boards, board), "name"),
		           json_array_size(sample.failed));
	json_array_foreach(found, i, wanted) {
		buf_text(out, i > 0 ? "; or " : " ");
		report_change(wanted, out);
	}
	if (json_array_size(found) > 0)
		buf_text(out, ".\n");
	json_decref(found);
	json_decref(sample.failed);
	json_decref(sample.passed);
}

/* The scenario of a row, if it is the first of that scenario's rows; else "". */
static const char *first_of_scenario(const struct report_suite *suite, size_t row, size_t n_boards)
{
	const char *names[2] = {"", ""};

	for (size_t k = 0; k < 2 && k <= row; k++)
		for (size_t b = 0; b < n_boards; b++)
			if (suite->rows[row - k].cells[b] != NULL)
				names[k] = json_text(suite->rows[row - k].cells[b], "scenario");
	return strcmp(names[0], names[1]) != 0 ? names[0] : "";
}

void shared_describe(const struct report *report, struct buf *out)
{
	for (size_t i = 0; i < report->n_suites; i++)
		for (size_t k = 0; k < report->suites[i].n_rows; k++) {
			const char *scenario = first_of_scenario(&report->suites[i], k,
			                                         report->n_boards);

			for (size_t b = 0; scenario[0] != '\0' && b < report->n_boards; b++)
				describe(report, &report->suites[i], k, scenario, b, out);
		}
}
