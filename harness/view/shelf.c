#include "view/shelf.h"

#include "base/assert.h"
#include "base/json.h"
#include "base/skim.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMON_MAX 10000 /* values that are looked for among those of earlier cells */

struct place {
	off_t offset;
	size_t len;
	size_t file;
};

/* In reading again: the first. */
struct trouble {
	pthread_mutex_t lock;
	struct error error;
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
	struct buf text;       /* of one value */
	struct trouble *trouble;
};

struct shelf *shelf_new(void)
{
	struct shelf *shelf = calloc(1, sizeof(*shelf));

	CHECK(shelf != NULL);
	shelf->common = json_made(json_object());
	shelf->trouble = calloc(1, sizeof(*shelf->trouble));
	CHECK(shelf->trouble != NULL && pthread_mutex_init(&shelf->trouble->lock, NULL) == 0);
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
	buf_fini(&shelf->text);
	pthread_mutex_destroy(&shelf->trouble->lock);
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

/* What cells have in common more often than not. */
static const char *const alike[] = {
	"suite",   "scenario", "board",   "unit",  "server", "client",  "expect", "twin",
	"matrix",  "why",      "outcome", "reason", "detail", "missing", "alert",
	"attempts", "known",   "control", "tries", "counterfactual"};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Notes the value for the next that has this text. */
static void note(struct shelf *shelf, const char *text, json_t *value)
{
	if (json_object_size(shelf->common) >= COMMON_MAX)
		json_object_clear(shelf->common);
	json_object_set(shelf->common, text, value);
}

/* An equal value that an earlier cell has, or this one from now on: a new reference. */
static json_t *common_value(struct shelf *shelf, json_t *value)
{
	json_t *known;

	buf_clear(&shelf->text);
	json_put(&shelf->text, value, JSON_COMPACT | JSON_ENCODE_ANY);
	known = json_object_get(shelf->common, buf_string(&shelf->text));
	if (known == NULL) {
		note(shelf, buf_string(&shelf->text), value);
		known = value;
	}
	return json_incref(known);
}

static json_t *parsed(struct bytes text)
{
	return json_loadb((const char *)text.data, text.len, JSON_ALLOW_NUL | JSON_DECODE_ANY,
	                  NULL);
}

/* The same for a value that is a text yet, and is read but once: NULL if it is no JSON. */
static json_t *common_parsed(struct shelf *shelf, struct bytes text)
{
	json_t *known;

	buf_clear(&shelf->text);
	buf_bytes(&shelf->text, text);
	known = json_incref(json_object_get(shelf->common, buf_string(&shelf->text)));
	if (known == NULL && (known = parsed(text)) != NULL)
		note(shelf, buf_string(&shelf->text), known);
	return known;
}

static void share_member(struct shelf *shelf, json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	if (value != NULL)
		json_object_set_new(object, key, common_value(shelf, value));
}

static void share_items(struct shelf *shelf, json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		json_array_set_new(list, i, common_value(shelf, json_array_get(list, i)));
}

static void share_diagnosis(struct shelf *shelf, json_t *diagnosis)
{
	const char *key;
	json_t *value;

	json_object_foreach(diagnosis, key, value)
		share_member(shelf, diagnosis, key);
}

/* The lists themselves are the cell's own. */
static void share_lists(struct shelf *shelf, json_t *cell)
{
	json_t *diagnosis;
	size_t i;

	json_array_foreach(json_object_get(cell, "diagnosis"), i, diagnosis)
		share_diagnosis(shelf, diagnosis);
	share_items(shelf, json_object_get(cell, "lint"));
}

void shelf_share_members(struct shelf *shelf, json_t *cell)
{
	for (size_t i = 0; i < COUNT(alike); i++)
		share_member(shelf, cell, alike[i]);
	share_lists(shelf, cell);
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

/* The number that stands for a testimony of that length, which is there. */
static json_t *new_place(struct shelf *shelf, off_t offset, size_t len)
{
	CHECK(shelf->n_files > 0);
	make_room(shelf);
	shelf->places[shelf->n_places] = (struct place){offset, len, shelf->n_files - 1};
	return json_made(json_integer((json_int_t)shelf->n_places++));
}

/* That of the testimony in the text of a cell. */
static off_t offset_in(off_t offset, struct bytes text, struct bytes testimony)
{
	return offset + (testimony.data - text.data);
}

void shelf_put(struct shelf *shelf, json_t *cell, off_t offset, struct bytes text)
{
	struct bytes testimony;

	if (json_is_object(json_object_get(cell, "witnesses")) &&
	    skim_member(text, "witnesses", &testimony))
		json_object_set_new(cell, "witnesses",
		                    new_place(shelf, offset_in(offset, text, testimony),
		                              testimony.len));
	shelf_share_members(shelf, cell);
}

static bool is_alike(const struct skim *skim)
{
	for (size_t i = 0; i < COUNT(alike); i++)
		if (skim_is(skim, alike[i]))
			return true;
	return false;
}

/* The value of the member where `skim` is: a new reference, or NULL. */
static json_t *take_value(struct shelf *shelf, off_t offset, struct bytes text,
                          const struct skim *skim)
{
	if (skim_is(skim, "witnesses") && skim->value.data[0] == '{')
		return new_place(shelf, offset_in(offset, text, skim->value), skim->value.len);
	return is_alike(skim) ? common_parsed(shelf, skim->value) : parsed(skim->value);
}

json_t *shelf_take(struct shelf *shelf, off_t offset, struct bytes text)
{
	json_t *cell = json_made(json_object());
	struct skim skim;
	bool whole = true;

	for (skim_init(&skim, text); whole && skim_next(&skim);) {
		json_t *value = take_value(shelf, offset, text, &skim);
		char *key = strndup((const char *)skim.key.data, skim.named ? skim.key.len : 0);

		CHECK(key != NULL);
		whole = value != NULL && strchr(key, '\\') == NULL &&
		        json_object_set_new(cell, key, value) == 0;
		free(key);
	}
	if (!whole || json_object_size(cell) == 0) {
		json_decref(cell);
		return NULL;
	}
	share_lists(shelf, cell);
	return cell;
}

/* --- what is brought back --------------------------------------------------------------------- */

static void remember(const struct shelf *shelf, const struct place *place)
{
	pthread_mutex_lock(&shelf->trouble->lock);
	if (shelf->trouble->error.code == 0)
		error_set(&shelf->trouble->error, ERR_ENVIRONMENT,
		          "cannot read %s again, at its byte %lld: was it changed meanwhile?",
		          shelf->files[place->file].path, (long long)place->offset);
	pthread_mutex_unlock(&shelf->trouble->lock);
}

/* Appends it. */
static bool read_place(const struct shelf *shelf, const struct place *place, struct buf *out)
{
	uint8_t *text = buf_room(out, place->len);
	size_t done = 0;
	ssize_t n = 1;

	for (; done < place->len && n > 0; done += n > 0 ? (size_t)n : 0)
		n = pread(shelf->files[place->file].fd, text + done, place->len - done,
		          place->offset + (off_t)done);
	if (done == place->len && text[0] == '{' && text[done - 1] == '}') {
		buf_written(out, text + done);
		return true;
	}
	remember(shelf, place);
	return false;
}

/* Appends the testimony of the cell if it is on the shelf. */
static bool read_testimony(const struct shelf *shelf, const json_t *cell, struct buf *out)
{
	const json_t *here = json_object_get(cell, "witnesses");

	return shelf != NULL && json_is_integer(here) &&
	       read_place(shelf, &shelf->places[json_integer_value(here)], out);
}

json_t *shelf_witnesses(const struct shelf *shelf, const json_t *cell)
{
	struct buf text = {0};
	json_t *found = NULL;

	if (shelf == NULL || !json_is_integer(json_object_get(cell, "witnesses")))
		return json_incref(json_object_get(cell, "witnesses"));
	if (read_testimony(shelf, cell, &text)) {
		found = parsed(buf_view(&text));
		if (found == NULL)
			remember(shelf, &shelf->places[json_number(cell, "witnesses")]);
	}
	buf_fini(&text);
	return found;
}

bool shelf_testimony(const struct shelf *shelf, const json_t *cell, struct buf *out)
{
	const json_t *whole = json_object_get(cell, "witnesses");

	if (!json_is_object(whole))
		return read_testimony(shelf, cell, out);
	json_put(out, whole, JSON_COMPACT);
	return true;
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

/* The testimony of the wire, if it has a ClientHello. */
static bool find_hello(struct bytes testimony, struct bytes *wire, struct bytes *hello)
{
	return skim_member(testimony, "wire", wire) && skim_member(*wire, "client_hello", hello) &&
	       hello->data[0] == '{';
}

/* The member with a comma of its own, so that the object without these bytes is one: or nothing. */
static struct bytes member_to_cut(struct bytes object, const char *key)
{
	const uint8_t *begin = NULL;
	struct skim skim;

	for (skim_init(&skim, object); skim_next(&skim); begin = skim.at) {
		if (!skim_is(&skim, key))
			continue;
		if (begin != NULL)
			return (struct bytes){begin, (size_t)(skim.at - begin)};
		begin = skim.key.data - 1;
		return (struct bytes){begin, (size_t)((skim_next(&skim) ? skim.key.data - 1
		                                                        : skim.at) - begin)};
	}
	return (struct bytes){object.data, 0};
}

/* Appends the testimony without the findings, which are the cell's own by now: lint_cells.h. */
static void put_testimony(struct bytes testimony, struct buf *out)
{
	struct bytes wire, hello, cut = {testimony.data, 0};
	size_t before;

	if (find_hello(testimony, &wire, &hello))
		cut = member_to_cut(wire, "lint");
	before = (size_t)(cut.data - testimony.data);
	buf_add(out, testimony.data, before);
	buf_add(out, cut.data + cut.len, testimony.len - before - cut.len);
}

void shelf_put_text(const struct shelf *shelf, const json_t *cell, struct buf *out)
{
	struct buf testimony = {0}, rest = {0};
	struct bytes place;
	bool found = read_testimony(shelf, cell, &testimony);

	json_put(&rest, cell, JSON_COMPACT);
	if (found && skim_member(buf_view(&rest), "witnesses", &place)) {
		buf_add(out, rest.data, (size_t)(place.data - rest.data));
		put_testimony(buf_view(&testimony), out);
		buf_add(out, place.data + place.len,
		        (size_t)(rest.data + rest.len - place.data) - place.len);
	} else {
		buf_bytes(out, buf_view(&rest));
	}
	buf_fini(&testimony);
	buf_fini(&rest);
}

/* Appends what has key shares of the extensions in the text of a ClientHello, as a list. */
static void put_key_shares(struct bytes hello, struct buf *out)
{
	struct bytes list, shares;
	struct skim skim;
	size_t n = 0;

	buf_char(out, '[');
	if (skim_member(hello, "extensions", &list))
		for (skim_init(&skim, list); skim_next(&skim);)
			if (skim_member(skim.value, "client_shares", &shares)) {
				buf_text(out, n++ > 0 ? "," : "");
				buf_bytes(out, skim.value);
			}
	buf_char(out, ']');
}

/* {"random", "extensions"} of the text of a ClientHello: new. */
static json_t *hello_of(struct bytes text)
{
	struct bytes random;
	struct buf out = {0};
	json_t *hello;

	buf_text(&out, "{\"random\":");
	if (skim_member(text, "random", &random))
		buf_bytes(&out, random);
	else
		buf_text(&out, "\"\"");
	buf_text(&out, ",\"extensions\":");
	put_key_shares(text, &out);
	buf_char(&out, '}');
	hello = parsed(buf_view(&out));
	buf_fini(&out);
	return hello;
}

/* Most cells of a board have the same findings. */
static json_t *lint_of(struct shelf *shelf, struct bytes text)
{
	json_t *known = common_parsed(shelf, text), *lint = json_copy(known);

	share_items(shelf, lint);
	json_decref(known);
	return lint;
}

json_t *shelf_hello(struct shelf *shelf, const json_t *cell)
{
	struct bytes wire, hello, lint;
	struct buf text = {0};
	json_t *told = NULL;

	if (shelf == NULL || !json_is_integer(json_object_get(cell, "witnesses")))
		return json_incref(json_object_get(cell, "witnesses"));
	if (read_testimony(shelf, cell, &text) && find_hello(buf_view(&text), &wire, &hello))
		told = json_made(json_pack(
			"{s:{s:o*, s:o*}}", "wire", "client_hello", hello_of(hello), "lint",
			skim_member(wire, "lint", &lint) ? lint_of(shelf, lint) : NULL));
	buf_fini(&text);
	return told;
}

int shelf_check(const struct shelf *shelf, struct error *error)
{
	int rc;

	if (shelf == NULL)
		return 0;
	pthread_mutex_lock(&shelf->trouble->lock);
	rc = shelf->trouble->error.code;
	if (rc != 0 && error != NULL)
		*error = shelf->trouble->error;
	pthread_mutex_unlock(&shelf->trouble->lock);
	return rc;
}
