#include "view/shelf.h"

#include "base/assert.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMON_MAX 10000 /* values that are looked for among those of earlier cells */

struct place {
	off_t offset;
	size_t len;
	size_t file;
};

struct shelf {
	struct {
		char *path;
		int fd;
	} files[SHELF_FILES_MAX];
	size_t n_files;
	struct place *places;
	size_t n_places;
	json_t *common;        /* {value as text: the value} */
	struct error *trouble; /* in reading again */
};

struct shelf *shelf_new(void)
{
	struct shelf *shelf = calloc(1, sizeof(*shelf));

	CHECK(shelf != NULL);
	shelf->common = json_made(json_object());
	shelf->trouble = calloc(1, sizeof(*shelf->trouble));
	CHECK(shelf->trouble != NULL);
	return shelf;
}

void shelf_free(struct shelf *shelf)
{
	if (shelf == NULL)
		return;
	for (size_t i = 0; i < shelf->n_files; i++) {
		close(shelf->files[i].fd);
		free(shelf->files[i].path);
	}
	json_decref(shelf->common);
	free(shelf->trouble);
	free(shelf->places);
	free(shelf);
}

int shelf_open(struct shelf *shelf, const char *path, struct error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_system(error, ERR_INPUT, errno, "cannot open %s", path);
	CHECK(shelf->n_files < SHELF_FILES_MAX);
	shelf->files[shelf->n_files].path = strdup(path);
	CHECK(shelf->files[shelf->n_files].path != NULL);
	shelf->files[shelf->n_files++].fd = fd;
	return 0;
}

/* --- what is alike ---------------------------------------------------------------------------- */

/* An equal value that an earlier cell has, or this one from now on: a new reference. */
static json_t *common_value(struct shelf *shelf, json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	json_t *known;

	CHECK(text != NULL);
	known = json_object_get(shelf->common, text);
	if (known == NULL) {
		if (json_object_size(shelf->common) >= COMMON_MAX)
			json_object_clear(shelf->common);
		json_object_set(shelf->common, text, value);
		known = value;
	}
	free(text);
	return json_incref(known);
}

static void share_member(struct shelf *shelf, json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	if (value != NULL)
		json_object_set_new(object, key, common_value(shelf, value));
}

void shelf_share(struct shelf *shelf, json_t *list)
{
	for (size_t i = 0; shelf != NULL && i < json_array_size(list); i++)
		json_array_set_new(list, i, common_value(shelf, json_array_get(list, i)));
}

static void share_diagnosis(struct shelf *shelf, json_t *diagnosis)
{
	const char *key;
	json_t *value;

	json_object_foreach(diagnosis, key, value)
		share_member(shelf, diagnosis, key);
}

void shelf_share_members(struct shelf *shelf, json_t *cell)
{
	static const char *const members[] = {
		"suite",   "scenario", "board",   "unit",  "server", "client",  "expect", "twin",
		"matrix",  "why",      "outcome", "reason", "detail", "missing", "alert",
		"attempts", "known",   "control", "tries", "counterfactual"};
	json_t *diagnosis;
	size_t i;

	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		share_member(shelf, cell, members[i]);
	json_array_foreach(json_object_get(cell, "diagnosis"), i, diagnosis)
		share_diagnosis(shelf, diagnosis);
	shelf_share(shelf, json_object_get(cell, "lint"));
}

/* --- what is left on disk --------------------------------------------------------------------- */

/* Room for one more, doubled when the number is a power of two. */
static void make_room(struct shelf *shelf)
{
	size_t n = shelf->n_places;

	if ((n & (n - 1)) != 0)
		return;
	shelf->places = realloc(shelf->places, (n == 0 ? 1 : n * 2) * sizeof(shelf->places[0]));
	CHECK(shelf->places != NULL);
}

void shelf_put(struct shelf *shelf, json_t *cell, off_t offset, size_t len)
{
	CHECK(shelf->n_files > 0);
	if (json_is_object(json_object_get(cell, "witnesses"))) {
		make_room(shelf);
		json_object_set_new(cell, "witnesses",
		                    json_made(json_integer((json_int_t)shelf->n_places)));
		shelf->places[shelf->n_places++] =
			(struct place){offset, len, shelf->n_files - 1};
	}
	shelf_share_members(shelf, cell);
}

static void remember(const struct shelf *shelf, const struct place *place)
{
	if (shelf->trouble->code == 0)
		error_set(shelf->trouble, ERR_ENVIRONMENT,
		          "cannot read %s again, at its byte %lld: was it changed meanwhile?",
		          shelf->files[place->file].path, (long long)place->offset);
}

static json_t *read_place(const struct shelf *shelf, const struct place *place)
{
	char *text = malloc(place->len);
	json_t *value = NULL;
	size_t done = 0;
	ssize_t n = 1;

	CHECK(text != NULL);
	for (; done < place->len && n > 0; done += n > 0 ? (size_t)n : 0)
		n = pread(shelf->files[place->file].fd, text + done, place->len - done,
		          place->offset + (off_t)done);
	if (done == place->len)
		value = json_loadb(text, place->len, JSON_ALLOW_NUL, NULL);
	if (value == NULL)
		remember(shelf, place);
	free(text);
	return value;
}

json_t *shelf_witnesses(const struct shelf *shelf, const json_t *cell)
{
	json_t *here = json_object_get(cell, "witnesses"), *entry, *inside, *found;

	if (shelf == NULL || !json_is_integer(here))
		return json_incref(here);
	entry = read_place(shelf, &shelf->places[json_integer_value(here)]);
	inside = json_object_get(entry, "cell");
	found = json_incref(json_object_get(inside != NULL ? inside : entry, "witnesses"));
	json_decref(entry);
	return found;
}

json_t *shelf_whole(const struct shelf *shelf, const json_t *cell)
{
	json_t *whole, *witnesses, *wire;

	if (shelf == NULL || !json_is_integer(json_object_get(cell, "witnesses")))
		return json_incref((json_t *)cell);
	whole = json_made(json_copy((json_t *)cell));
	witnesses = shelf_witnesses(shelf, cell);
	wire = json_object_get(witnesses, "wire");
	if (json_is_object(json_object_get(wire, "client_hello")))
		json_object_del(wire, "lint"); /* it is the cell's own by now: lint_cells.h */
	if (witnesses != NULL)
		json_object_set_new(whole, "witnesses", witnesses);
	else
		json_object_del(whole, "witnesses");
	return whole;
}

int shelf_check(const struct shelf *shelf, struct error *error)
{
	if (shelf == NULL || shelf->trouble->code == 0)
		return 0;
	if (error != NULL)
		*error = *shelf->trouble;
	return shelf->trouble->code;
}
