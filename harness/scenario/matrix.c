#include "scenario/matrix.h"

#include "base/assert.h"
#include "base/words.h"
#include "scenario/setting.h"

#include <stdlib.h>
#include <string.h>

/*
 * What each of `n` axes may take of a case's name: less a comma, '=' and one digit each, and less
 * the further digits that all axes together can have with MATRIX_CASES_MAX combinations.
 */
#define NAME_WIDTH(n) ((MATRIX_NAME_MAX - 6) / (n) - 3)

/* "versions" of "server.versions". */
static const char *axis_key(const struct axis *axis)
{
	return strchr(axis->path, '.') + 1;
}

static size_t n_values(const struct axis *axis)
{
	return json_array_size(axis->values);
}

/*
 * Values whose names come out alike are numbered from the second on, "p-256=2", so that adding a
 * value at the end does not change the ids there are. No name has a '=' of its own.
 */
static void name_values(struct axis *axis, size_t width)
{
	json_t *seen = json_made(json_object());

	axis->names = calloc(n_values(axis), sizeof(axis->names[0]));
	CHECK(axis->names != NULL);
	for (size_t i = 0; i < n_values(axis); i++) {
		struct buf name = {0};
		long long n;

		setting_name(&name, axis_key(axis), json_array_get(axis->values, i), width);
		n = json_number(seen, buf_string(&name)) + 1;
		json_object_set_new(seen, buf_string(&name), json_made(json_integer(n)));
		if (n > 1)
			buf_printf(&name, "=%lld", n);
		axis->names[i] = strdup(buf_string(&name));
		CHECK(axis->names[i] != NULL);
		buf_fini(&name);
	}
	json_decref(seen);
}

/* The index of `value` (in normal form) in the axis, or the number of values. */
static size_t find_value(const struct axis *axis, const json_t *value)
{
	size_t i = 0;

	while (i < n_values(axis) && !json_equal(json_array_get(axis->values, i), value))
		i++;
	return i;
}

/* `node` is the list of the axis' values, as written. */
static int add_axis(struct matrix *matrix, const char *path, const struct json_node *node,
                    struct error *error)
{
	struct axis *axis = &matrix->axes[matrix->n_axes++];
	json_t *seen = json_made(json_object());
	int rc = 0;

	*axis = (struct axis){.path = path, .values = json_made(json_array())};
	for (size_t i = 0; rc == 0 && i < json_array_size(node->value); i++) {
		struct json_node item = json_item(node, i);
		json_t *value = setting_normal(axis_key(axis), item.value);
		char *text = json_dumps(value, JSON_ENCODE_ANY);

		CHECK(text != NULL);
		if (json_object_get(seen, text) != NULL)
			rc = json_complain(&item, error,
			                   "means the same as an earlier value of this axis");
		json_object_set_new(seen, text, json_true());
		json_array_append_new(axis->values, value);
		free(text);
	}
	json_decref(seen);
	return rc;
}

static int add_axes(struct matrix *matrix, const struct json_node *node, struct error *error)
{
	size_t n = json_object_size(node->value), n_combinations = 1;
	const char *path;
	json_t *values;
	int rc = 0;

	matrix->axes = calloc(n + 1, sizeof(matrix->axes[0]));
	CHECK(matrix->axes != NULL);
	json_object_foreach(node->value, path, values) {
		struct json_node list = json_member(node, path);

		rc = add_axis(matrix, path, &list, error);
		if (rc != 0)
			return rc;
		name_values(&matrix->axes[matrix->n_axes - 1], NAME_WIDTH(n));
		n_combinations *= json_array_size(values);
		if (n_combinations > MATRIX_CASES_MAX)
			return json_complain(node, error,
			                     "makes more than %d cases of one scenario",
			                     MATRIX_CASES_MAX);
	}
	matrix->cases = calloc(n_combinations, sizeof(matrix->cases[0]));
	CHECK(matrix->cases != NULL);
	matrix->n_cases = n_combinations;
	return 0;
}

/* The index of each axis' value in a combination, as digits of a number with mixed bases. */
static void to_digits(const struct matrix *matrix, uint32_t combination, size_t digits[])
{
	for (size_t i = matrix->n_axes; i-- > 0;) {
		digits[i] = combination % n_values(&matrix->axes[i]);
		combination /= (uint32_t)n_values(&matrix->axes[i]);
	}
}

static const struct axis *find_axis(const struct matrix *matrix, const char *path)
{
	for (size_t i = 0; i < matrix->n_axes; i++)
		if (strcmp(matrix->axes[i].path, path) == 0)
			return &matrix->axes[i];
	return NULL;
}

static int refuse_value(const struct axis *axis, const struct json_node *node, struct error *error)
{
	struct buf values = {0};
	int rc;

	words_join(&values, axis->values);
	rc = json_complain(node, error, "matches nothing: the values of this axis are %s",
	                   buf_string(&values));
	buf_fini(&values);
	return rc;
}

/* A combination that is left out: for each axis the index of its value, or ANY. */
#define ANY SIZE_MAX

static int read_exclude(const struct matrix *matrix, const struct json_node *node, size_t wanted[],
                        struct error *error)
{
	const char *path;
	json_t *written;

	for (size_t i = 0; i < matrix->n_axes; i++)
		wanted[i] = ANY;
	json_object_foreach(node->value, path, written) {
		const struct axis *axis = find_axis(matrix, path);
		struct json_node member = json_member(node, path);
		json_t *value;
		size_t index;

		if (axis == NULL)
			return json_complain(&member, error,
			                     "matches nothing: the matrix has no such axis");
		value = setting_normal(axis_key(axis), written);
		index = find_value(axis, value);
		json_decref(value);
		if (index == n_values(axis))
			return refuse_value(axis, &member, error);
		wanted[axis - matrix->axes] = index;
	}
	return 0;
}

static bool matches(const size_t wanted[], const size_t digits[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (wanted[i] != ANY && wanted[i] != digits[i])
			return false;
	return true;
}

/* Marks what the excludes leave out in `excluded`, one flag for each combination. */
static int mark_excluded(const struct matrix *matrix, const struct json_node *node, bool excluded[],
                         struct error *error)
{
	size_t *wanted = calloc(2 * (matrix->n_axes + 1), sizeof(wanted[0]));
	size_t *digits = wanted + matrix->n_axes + 1;
	int rc = 0;

	CHECK(wanted != NULL);
	for (size_t i = 0; rc == 0 && i < json_array_size(node->value); i++) {
		struct json_node item = json_item(node, i);

		rc = read_exclude(matrix, &item, wanted, error);
		for (uint32_t k = 0; rc == 0 && k < matrix->n_cases; k++) {
			to_digits(matrix, k, digits);
			excluded[k] = excluded[k] || matches(wanted, digits, matrix->n_axes);
		}
	}
	free(wanted);
	return rc;
}

/* Fills in the list of cases. */
static int choose_cases(struct matrix *matrix, const struct json_node *exclude, struct error *error)
{
	bool *excluded = calloc(matrix->n_cases, sizeof(excluded[0]));
	size_t n = 0;
	int rc;

	CHECK(excluded != NULL);
	rc = mark_excluded(matrix, exclude, excluded, error);
	for (uint32_t k = 0; k < matrix->n_cases; k++)
		if (!excluded[k])
			matrix->cases[n++] = k;
	matrix->n_cases = n;
	free(excluded);
	if (rc == 0 && n == 0)
		rc = json_complain(exclude, error, "leaves no case of the matrix");
	return rc;
}

int matrix_init(struct matrix *matrix, const struct json_node *scenario, struct error *error)
{
	struct json_node axes = json_member(scenario, "matrix");
	struct json_node exclude = json_member(scenario, "exclude");
	int rc;

	*matrix = (struct matrix){0};
	rc = add_axes(matrix, &axes, error);
	if (rc == 0)
		rc = choose_cases(matrix, &exclude, error);
	if (rc != 0)
		matrix_fini(matrix);
	return rc;
}

void matrix_fini(struct matrix *matrix)
{
	for (size_t i = 0; i < matrix->n_axes; i++) {
		struct axis *axis = &matrix->axes[i];

		for (size_t k = 0; axis->names != NULL && k < n_values(axis); k++)
			free(axis->names[k]);
		free(axis->names);
		json_decref(axis->values);
	}
	free(matrix->axes);
	free(matrix->cases);
	*matrix = (struct matrix){0};
}

void matrix_apply(const struct matrix *matrix, size_t index, json_t *server, json_t *client)
{
	uint32_t combination = matrix->cases[index];

	for (size_t i = matrix->n_axes; i-- > 0;) {
		const struct axis *axis = &matrix->axes[i];
		bool of_server = strncmp(axis->path, "server.", strlen("server.")) == 0;

		json_object_set(of_server ? server : client, axis_key(axis),
		                json_array_get(axis->values, combination % n_values(axis)));
		combination /= (uint32_t)n_values(axis);
	}
}

uint32_t matrix_project(const struct matrix *matrix, size_t index, bool (*counts)(const char *path))
{
	uint32_t left = matrix->cases[index], weight = 1, projected = 0;

	for (size_t i = matrix->n_axes; i-- > 0;) {
		uint32_t n = (uint32_t)n_values(&matrix->axes[i]);

		if (counts(matrix->axes[i].path))
			projected += weight * (left % n);
		weight *= n;
		left /= n;
	}
	return projected;
}

int matrix_value(const struct matrix *matrix, size_t index, const char *path)
{
	uint32_t left = matrix->cases[index];

	for (size_t i = matrix->n_axes; i-- > 0;) {
		uint32_t n = (uint32_t)n_values(&matrix->axes[i]);

		if (strcmp(matrix->axes[i].path, path) == 0)
			return (int)(left % n);
		left /= n;
	}
	return -1;
}

void matrix_name(const struct matrix *matrix, size_t index, struct buf *out)
{
	size_t *digits = calloc(matrix->n_axes + 1, sizeof(digits[0]));

	CHECK(digits != NULL);
	to_digits(matrix, matrix->cases[index], digits);
	for (size_t i = 0; i < matrix->n_axes; i++)
		buf_printf(out, "%s%s", i > 0 ? "," : "", matrix->axes[i].names[digits[i]]);
	free(digits);
}
