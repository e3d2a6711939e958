#include "base/json.h"

#include "base/assert.h"
#include "base/file.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int json_load_path(const char *path, json_t **value, struct error *error)
{
	return json_load_large(path, JSON_FILE_MAX, value, error);
}

/* Files of other systems' editors: their first bytes are not seen, and look like no mistake. */
static int check_encoding(const char *path, const struct buf *content, struct error *error)
{
	static const struct {
		const char *mark, *what;
	} marks[] = {{"\xef\xbb\xbf", "with a byte order mark"},
	             {"\xff\xfe", "as UTF-16"},
	             {"\xfe\xff", "as UTF-16"}};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (content->len >= strlen(marks[i].mark) &&
		    memcmp(content->data, marks[i].mark, strlen(marks[i].mark)) == 0)
			return error_set(error, ERR_INPUT,
			                 "%s is not JSON: it was saved %s; save it as plain "
			                 "UTF-8, without a mark",
			                 path, marks[i].what);
	return 0;
}

int json_load_large(const char *path, size_t max, json_t **value, struct error *error)
{
	struct buf content = {0};
	json_error_t where;
	int rc = file_read(path, max, &content, error);

	if (rc != 0)
		goto out;
	if (content.len == 0) {
		rc = error_set(error, ERR_INPUT, "%s is not JSON: it is empty", path);
		goto out;
	}
	rc = check_encoding(path, &content, error);
	if (rc != 0)
		goto out;
	*value = json_loadb(buf_string(&content), content.len,
	                    JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &where);
	if (*value == NULL)
		rc = error_set(error, ERR_INPUT, "%s is not JSON: line %d, column %d: %s", path,
		               where.line, where.column, where.text);
out:
	buf_fini(&content);
	return rc;
}

struct json_node json_root(const char *file, json_t *value)
{
	return (struct json_node){.value = value, .file = file, .path = "$"};
}

struct json_node json_member(const struct json_node *object, const char *key)
{
	struct json_node node = {.value = json_object_get(object->value, key),
	                         .file = object->file};
	bool plain = key[0] != '\0' && strspn(key, "abcdefghijklmnopqrstuvwxyz"
	                                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                                           "_0123456789$") == strlen(key);

	snprintf(node.path, sizeof(node.path), plain ? "%.*s.%s" : "%.*s[\"%s\"]",
	         (int)sizeof(node.path) / 2, object->path, key);
	return node;
}

struct json_node json_item(const struct json_node *array, size_t index)
{
	struct json_node node = {.value = json_array_get(array->value, index), .file = array->file};

	snprintf(node.path, sizeof(node.path), "%.*s[%zu]", JSON_PATH_MAX - 24, array->path, index);
	return node;
}

int json_complain(const struct json_node *node, struct error *error, const char *format, ...)
{
	char sentence[ERROR_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	return error_set(error, ERR_INPUT, "%s: %s: %s", node->file, node->path, sentence);
}

const char *json_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

long long json_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

bool json_flag(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

json_t *json_find(const json_t *list, const char *key, const char *text)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		const char *value = json_string_value(json_object_get(item, key));

		if (value != NULL && strcmp(value, text) == 0)
			return item;
	}
	return NULL;
}

static int put_piece(const char *piece, size_t len, void *out)
{
	buf_add(out, piece, len);
	return 0;
}

void json_put(struct buf *out, const json_t *value, size_t flags)
{
	if ((flags & JSON_REAL_PRECISION(31)) == 0)
		flags |= JSON_REAL_PRECISION(15);
	CHECK(json_dump_callback(value, put_piece, out, flags) == 0);
}

json_t *json_made(json_t *value)
{
	CHECK(value != NULL);
	return value;
}

json_t *json_merge_patched(const json_t *target, const json_t *patch)
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
			json_object_set_new(
				result, key,
				json_merge_patched(json_object_get(target, key), value));
	}
	return result;
}
