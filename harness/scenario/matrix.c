#include "scenario/matrix.h"

#include "base/assert.h"
#include "base/words.h"
#include "scenario/cover.h"
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
	size_t n = json_object_size(node->value);
	const char *path;
	json_t *values;
	int rc = 0;

	if (n > MATRIX_AXES_MAX)
		return json_complain(node, error, "has %zu axes, more than %d", n, MATRIX_AXES_MAX);
	matrix->axes = calloc(n + 1, sizeof(matrix->axes[0]));
	CHECK(matrix->axes != NULL);
	json_object_foreach(node->value, path, values) {
		struct json_node list = json_member(node, path);

		if (json_array_size(values) > COVER_VALUES_MAX)
			return json_complain(&list, error, "has %zu values, more than %d",
			                     json_array_size(values), COVER_VALUES_MAX);
		rc = add_axis(matrix, path, &list, error);
		if (rc != 0)
			return rc;
		name_values(&matrix->axes[matrix->n_axes - 1], NAME_WIDTH(n));
	}
	return 0;
}

/* The index of each axis' value in a combination, as digits of a number with mixed bases. */
static void to_digits(const struct matrix *matrix, uint32_t combination, uint16_t digits[])
{
	for (size_t i = matrix->n_axes; i-- > 0;) {
		digits[i] = (uint16_t)(combination % n_values(&matrix->axes[i]));
		combination /= (uint32_t)n_values(&matrix->axes[i]);
	}
}

void matrix_digits(const struct matrix *matrix, size_t index, uint16_t digits[])
{
	if (matrix->rows != NULL)
		memcpy(digits, matrix->rows + index * matrix->n_axes,
		       matrix->n_axes * sizeof(digits[0]));
	else
		to_digits(matrix, matrix->cases[index], digits);
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

/* A combination that is left out has for each axis the index of its value, or COVER_ANY. */
static int read_exclude(const struct matrix *matrix, const struct json_node *node,
                        uint16_t wanted[], struct error *error)
{
	const char *path;
	json_t *written;

	for (size_t i = 0; i < matrix->n_axes; i++)
		wanted[i] = COVER_ANY;
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
		wanted[axis - matrix->axes] = (uint16_t)index;
	}
	return 0;
}

/* The excluded combinations, one row of n_axes each: a new array, or NULL with the error set. */
static uint16_t *read_excludes(const struct matrix *matrix, const struct json_node *node,
                               struct error *error)
{
	size_t n = json_array_size(node->value);
	uint16_t *excluded = calloc(n * matrix->n_axes + 1, sizeof(excluded[0]));

	CHECK(excluded != NULL);
	for (size_t i = 0; i < n; i++) {
		struct json_node item = json_item(node, i);

		if (read_exclude(matrix, &item, excluded + i * matrix->n_axes, error) != 0) {
			free(excluded);
			return NULL;
		}
	}
	return excluded;
}

static bool matches(const uint16_t wanted[], const uint16_t digits[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (wanted[i] != COVER_ANY && wanted[i] != digits[i])
			return false;
	return true;
}

static bool is_excluded(const struct matrix *matrix, const uint16_t *excluded, size_t n_excluded,
                        uint32_t combination)
{
	uint16_t digits[MATRIX_AXES_MAX];

	to_digits(matrix, combination, digits);
	for (size_t i = 0; i < n_excluded; i++)
		if (matches(excluded + i * matrix->n_axes, digits, matrix->n_axes))
			return true;
	return false;
}

/* All combinations but the excluded ones. */
static int take_product(struct matrix *matrix, const struct json_node *axes,
                        const uint16_t *excluded, size_t n_excluded, struct error *error)
{
	uint32_t n = 1;

	for (size_t i = 0; i < matrix->n_axes; i++) {
		if (n * n_values(&matrix->axes[i]) > MATRIX_CASES_MAX)
			return json_complain(axes, error,
			                     "makes more than %d cases of one scenario; with"
			                     " \"cover\": 2 it takes far fewer",
			                     MATRIX_CASES_MAX);
		n *= (uint32_t)n_values(&matrix->axes[i]);
	}
	matrix->cases = calloc(n, sizeof(matrix->cases[0]));
	CHECK(matrix->cases != NULL);
	for (uint32_t i = 0; i < n; i++)
		if (!is_excluded(matrix, excluded, n_excluded, i))
			matrix->cases[matrix->n_cases++] = i;
	return 0;
}

/* So many that every combination of `cover` values is in one of them. */
static int take_cover(struct matrix *matrix, const struct json_node *scenario,
                      const uint16_t *excluded, size_t n_excluded, struct error *error)
{
	struct json_node cover = json_member(scenario, "cover");
	struct json_node seed = json_member(scenario, "seed");
	unsigned strength = (unsigned)json_number_value(cover.value);
	uint16_t n_of_axis[MATRIX_AXES_MAX];
	struct cover_model model = {.n_axes = matrix->n_axes,
	                            .n_values = n_of_axis,
	                            .excluded = excluded,
	                            .n_excluded = n_excluded};

	if (strength > matrix->n_axes)
		return json_complain(&cover, error, "must be at most the number of axes, %zu",
		                     matrix->n_axes);
	for (size_t i = 0; i < matrix->n_axes; i++)
		n_of_axis[i] = (uint16_t)n_values(&matrix->axes[i]);
	if (cover_n_tuples(&model, strength) == SIZE_MAX)
		return json_complain(&cover, error, "asks for more than %d combinations of values",
		                     COVER_TUPLES_MAX);
	matrix->n_cases = cover_rows(&model, strength, (uint64_t)json_number_value(seed.value),
	                             &matrix->rows);
	if (matrix->n_cases > MATRIX_CASES_MAX)
		return json_complain(&cover, error, "makes more than %d cases of one scenario",
		                     MATRIX_CASES_MAX);
	return 0;
}

static int choose_cases(struct matrix *matrix, const struct json_node *scenario,
                        struct error *error)
{
	struct json_node axes = json_member(scenario, "matrix");
	struct json_node exclude = json_member(scenario, "exclude");
	size_t n_excluded = json_array_size(exclude.value);
	uint16_t *excluded = read_excludes(matrix, &exclude, error);
	int rc;

	if (excluded == NULL)
		return ERR_INPUT;
	if (json_object_get(scenario->value, "cover") != NULL)
		rc = take_cover(matrix, scenario, excluded, n_excluded, error);
	else
		rc = take_product(matrix, &axes, excluded, n_excluded, error);
	free(excluded);
	if (rc == 0 && matrix->n_cases == 0)
		rc = json_complain(&exclude, error, "leaves no case of the matrix");
	return rc;
}

int matrix_init(struct matrix *matrix, const struct json_node *scenario, struct error *error)
{
	struct json_node axes = json_member(scenario, "matrix");
	int rc;

	*matrix = (struct matrix){0};
	rc = add_axes(matrix, &axes, error);
	if (rc == 0)
		rc = choose_cases(matrix, scenario, error);
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
	free(matrix->rows);
	*matrix = (struct matrix){0};
}

void matrix_apply(const struct matrix *matrix, size_t index, json_t *server, json_t *client)
{
	uint16_t digits[MATRIX_AXES_MAX];

	matrix_digits(matrix, index, digits);
	for (size_t i = 0; i < matrix->n_axes; i++) {
		const struct axis *axis = &matrix->axes[i];
		bool of_server = strncmp(axis->path, "server.", strlen("server.")) == 0;

		json_object_set(of_server ? server : client, axis_key(axis),
		                json_array_get(axis->values, digits[i]));
	}
}

int matrix_value(const struct matrix *matrix, size_t index, const char *path)
{
	uint16_t digits[MATRIX_AXES_MAX];

	matrix_digits(matrix, index, digits);
	for (size_t i = 0; i < matrix->n_axes; i++)
		if (strcmp(matrix->axes[i].path, path) == 0)
			return digits[i];
	return -1;
}

json_t *matrix_values(const struct matrix *matrix, size_t index)
{
	json_t *values = json_made(json_object());
	uint16_t digits[MATRIX_AXES_MAX];

	matrix_digits(matrix, index, digits);
	for (size_t i = 0; i < matrix->n_axes; i++)
		json_object_set(values, matrix->axes[i].path,
		                json_array_get(matrix->axes[i].values, digits[i]));
	return values;
}

json_t *matrix_axes(const struct matrix *matrix)
{
	json_t *axes = json_made(json_object());

	for (size_t i = 0; i < matrix->n_axes; i++)
		json_object_set(axes, matrix->axes[i].path, matrix->axes[i].values);
	return axes;
}

void matrix_name(const struct matrix *matrix, size_t index, struct buf *out)
{
	uint16_t digits[MATRIX_AXES_MAX];

	matrix_digits(matrix, index, digits);
	for (size_t i = 0; i < matrix->n_axes; i++)
		buf_printf(out, "%s%s", i > 0 ? "," : "", matrix->axes[i].names[digits[i]]);
}
