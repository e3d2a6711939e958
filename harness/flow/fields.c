#include "flow/fields.h"

#include "base/assert.h"

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
