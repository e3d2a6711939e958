#include "flow/fields.h"

#include "base/assert.h"
#include "base/json.h"
#include "base/words.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 64 /* bytes of a member's name; no member has a longer one */

static void put_text(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\t')
			buf_text(out, "\\t");
		else if (c == '\n')
			buf_text(out, "\\n");
		else if (c == '\\')
			buf_text(out, "\\\\");
		else if (c < 0x20 || c == 0x7f)
			buf_printf(out, "\\u%04x", c);
		else
			buf_char(out, (char)c);
	}
}

static void put_value(struct buf *out, const json_t *value)
{
	char *text;

	if (json_is_string(value)) {
		put_text(out, json_string_value(value), json_string_length(value));
		return;
	}
	text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(12));
	CHECK(text != NULL);
	buf_text(out, text);
	free(text);
}

/* True, with *index set, if the step is a number. */
static bool is_index(const char *step, size_t len, size_t *index)
{
	*index = 0;
	for (size_t i = 0; i < len; i++) {
		if (step[i] < '0' || step[i] > '9' || *index > SIZE_MAX / 20)
			return false;
		*index = *index * 10 + (size_t)(step[i] - '0');
	}
	return len > 0;
}

static const json_t *member(const json_t *object, const char *name, size_t len)
{
	char key[NAME_MAX_LEN + 1];

	if (len > NAME_MAX_LEN)
		return NULL;
	memcpy(key, name, len);
	key[len] = '\0';
	return json_object_get(object, key);
}

/*
 * Puts what stands at `path`, `len` bytes, of `value`; *n counts the values. As deep as the path
 * is long.
 */
static void put_path(struct buf *out, const char *path, size_t len, const json_t *value, size_t *n)
{
	const char *dot = memchr(path, '.', len);
	size_t step = dot != NULL ? (size_t)(dot - path) : len, index, i;
	const char *rest = path + step + (dot != NULL);
	size_t rest_len = len - step - (dot != NULL);
	const json_t *element;

	if (json_is_array(value) && is_index(path, step, &index)) {
		put_path(out, rest, rest_len, json_array_get(value, index), n);
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, element)
			put_path(out, path, len, element, n);
	} else if (len > 0) {
		put_path(out, rest, rest_len, member(value, path, step), n);
	} else if (value != NULL && !json_is_null(value)) {
		if ((*n)++ > 0)
			buf_char(out, ',');
		put_value(out, value);
	}
}

void fields_write(struct buf *out, const char *paths, const json_t *decoded)
{
	for (;;) {
		size_t len = strcspn(paths, ","), n = 0;

		put_path(out, paths, len, decoded, &n);
		if (paths[len] == '\0')
			break;
		buf_char(out, '\t');
		paths += len + 1;
	}
	buf_char(out, '\n');
}

/* What a node of the schema stands for: "$ref" is followed, and of "oneOf" the object is taken. */
static const json_t *resolve(const json_t *root, const json_t *node)
{
	const char *ref = json_text(node, "$ref");
	const json_t *branch;
	size_t i;

	if (strncmp(ref, "#/$defs/", 8) == 0)
		node = json_object_get(json_object_get(root, "$defs"), ref + 8);
	json_array_foreach(json_object_get(node, "oneOf"), i, branch)
		if (json_object_get(branch, "properties") != NULL)
			return branch;
	return node;
}

/* Through lists; *step is moved behind the number of an element, if it is one. */
static const json_t *enter_lists(const json_t *root, const json_t *node, const char **step)
{
	const json_t *items;
	size_t index;

	node = resolve(root, node);
	while ((items = json_object_get(node, "items")) != NULL) {
		size_t len = strcspn(*step, ".");

		if (is_index(*step, len, &index))
			*step += len + ((*step)[len] == '.');
		node = resolve(root, items);
	}
	return node;
}

static int complain(const char *path, const char *step, const json_t *properties,
                    struct error *error)
{
	json_t *known = json_made(json_array());
	size_t len = strcspn(step, ".");
	char *word = strndup(step, len);
	struct buf text = {0};
	const char *key, *nearest;
	json_t *value;

	CHECK(word != NULL);
	json_object_foreach((json_t *)properties, key, value)
		json_array_append_new(known, json_made(json_string(key)));
	nearest = words_nearest(word, known);
	if (nearest != NULL)
		buf_printf(&text, "did you mean %.*s%s%s?", (int)(step - path), path, nearest,
		           step + len);
	else
		words_unknown(&text, "member", word, known);
	error_set(error, ERR_INPUT, "--fields: no connection has %s; %s", path, buf_string(&text));
	buf_fini(&text);
	free(word);
	json_decref(known);
	return ERR_INPUT;
}

static int check_path(const char *path, const json_t *root, struct error *error)
{
	const json_t *node = root, *properties;
	const char *step = path;

	for (;;) {
		char *name;

		node = enter_lists(root, node, &step);
		properties = json_object_get(node, "properties");
		if (*step == '\0' && step > path)
			return 0;
		if (properties == NULL && (node == NULL || json_object_size(node) == 0 ||
		                           strcmp(json_text(node, "type"), "object") == 0))
			return 0;
		name = strndup(step, strcspn(step, "."));
		CHECK(name != NULL);
		node = json_object_get(properties, name);
		free(name);
		if (node == NULL)
			return complain(path, step, properties, error);
		step += strcspn(step, ".");
		step += *step == '.';
	}
}

int fields_check(const char *paths, const json_t *schema, struct error *error)
{
	int rc = 0;

	while (rc == 0 && *paths != '\0') {
		size_t len = strcspn(paths, ",");
		char *path = strndup(paths, len);

		CHECK(path != NULL);
		rc = check_path(path, schema, error);
		free(path);
		paths += len + (paths[len] == ',');
	}
	return rc;
}
