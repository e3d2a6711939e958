#include "scenario/sieve.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

/* One set, as far as the matrix has axes of its keys. */
struct mesh {
	size_t weights[MATRIX_AXES_MAX]; /* of each axis' digit; 0: the set has not its key */
	size_t n_combinations;           /* of the values of these axes; 0: too many to note */
	bool *seen;
};

struct sieve {
	const struct matrix *matrix;
	struct mesh *meshes;
	size_t n_meshes;
	bool begun;
};

/* --- the cases of a matrix -------------------------------------------------------------------- */

static bool has_axis(const struct key_set *set, const char *side, const struct axis *axis)
{
	size_t len = strlen(side);

	if (strncmp(axis->path, side, len) != 0 || axis->path[len] != '.')
		return false;
	for (size_t i = 0; set->keys[i] != NULL; i++)
		if (strcmp(set->keys[i], axis->path + len + 1) == 0)
			return true;
	return false;
}

/* False if the matrix has no axis of the set. */
static bool mesh_init(struct mesh *mesh, const struct matrix *matrix, const char *side,
                      const struct key_set *set)
{
	size_t n = 1;

	*mesh = (struct mesh){0};
	for (size_t i = 0; i < matrix->n_axes && n <= MATRIX_CASES_MAX; i++) {
		if (!has_axis(set, side, &matrix->axes[i]))
			continue;
		mesh->weights[i] = n;
		n *= json_array_size(matrix->axes[i].values);
	}
	if (n == 1)
		return false;
	mesh->n_combinations = n <= MATRIX_CASES_MAX ? n : 0;
	mesh->seen = calloc(mesh->n_combinations + 1, sizeof(mesh->seen[0]));
	CHECK(mesh->seen != NULL);
	return true;
}

struct sieve *sieve_new(const struct matrix *matrix, const char *side, const struct key_set sets[],
                        size_t n)
{
	struct sieve *sieve = calloc(1, sizeof(*sieve));

	CHECK(sieve != NULL);
	sieve->matrix = matrix;
	sieve->meshes = calloc(n + 1, sizeof(sieve->meshes[0]));
	CHECK(sieve->meshes != NULL);
	for (size_t i = 0; i < n; i++)
		if (mesh_init(&sieve->meshes[sieve->n_meshes], matrix, side, &sets[i]))
			sieve->n_meshes++;
	return sieve;
}

void sieve_free(struct sieve *sieve)
{
	if (sieve == NULL)
		return;
	for (size_t i = 0; i < sieve->n_meshes; i++)
		free(sieve->meshes[i].seen);
	free(sieve->meshes);
	free(sieve);
}

static bool mesh_passes(struct mesh *mesh, const uint16_t digits[], size_t n_axes)
{
	size_t at = 0;
	bool is_new;

	if (mesh->n_combinations == 0)
		return true;
	for (size_t i = 0; i < n_axes; i++)
		at += mesh->weights[i] * digits[i];
	is_new = !mesh->seen[at];
	mesh->seen[at] = true;
	return is_new;
}

bool sieve_passes(struct sieve *sieve, size_t index)
{
	uint16_t digits[MATRIX_AXES_MAX];
	bool passes = !sieve->begun;

	sieve->begun = true;
	matrix_digits(sieve->matrix, index, digits);
	for (size_t i = 0; i < sieve->n_meshes; i++)
		passes |= mesh_passes(&sieve->meshes[i], digits, sieve->matrix->n_axes);
	return passes;
}

/* --- servers ---------------------------------------------------------------------------------- */

void sieve_memory_init(struct sieve_memory *memory)
{
	*memory = (struct sieve_memory){json_made(json_object()), json_made(json_object())};
}

void sieve_memory_fini(struct sieve_memory *memory)
{
	json_decref(memory->values);
	json_decref(memory->met);
}

/* The number of a value: equal ones have the same. */
static json_t *number_of(struct sieve_memory *memory, const char *key, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	struct buf named = {0};
	json_t *number;

	CHECK(text != NULL);
	buf_printf(&named, "%s %s", key, text);
	number = json_object_get(memory->values, buf_string(&named));
	if (number == NULL) {
		number = json_made(json_integer((json_int_t)json_object_size(memory->values) + 1));
		json_object_set_new(memory->values, buf_string(&named), number);
	}
	buf_fini(&named);
	free(text);
	return number;
}

/* {key: number of its value} */
static json_t *numbers_of(struct sieve_memory *memory, const json_t *server)
{
	json_t *numbers = json_made(json_object()), *value;
	const char *key;

	json_object_foreach((json_t *)server, key, value)
		json_object_set(numbers, key, number_of(memory, key, value));
	return numbers;
}

/* Appends a number in few printable characters, and an end. */
static void put_number(struct buf *out, size_t number)
{
	for (; number > 0; number /= 64)
		buf_char(out, (char)('0' + number % 64));
	buf_char(out, ' ');
}

/* A server without any of the keys has nothing to say on the set. */
static bool is_new_on(struct sieve_memory *memory, const json_t *numbers, size_t index,
                      const struct key_set *set)
{
	struct buf text = {0};
	bool is_new = false, counts = false;

	put_number(&text, index);
	for (size_t i = 0; set->keys[i] != NULL; i++) {
		size_t number = (size_t)json_number(numbers, set->keys[i]);

		counts |= number > 0;
		put_number(&text, number);
	}
	if (counts && json_object_get(memory->met, buf_string(&text)) == NULL) {
		json_object_set_new(memory->met, buf_string(&text), json_true());
		is_new = true;
	}
	buf_fini(&text);
	return is_new;
}

bool sieve_server_passes(struct sieve_memory *memory, const json_t *server)
{
	json_t *numbers = numbers_of(memory, server);
	bool passes = false;
	size_t n;
	const struct key_set *sets = context_key_sets(&n);

	for (size_t i = 0; i < n; i++)
		passes |= is_new_on(memory, numbers, i, &sets[i]);
	json_decref(numbers);
	return passes;
}
