#include "scenario/setting.h"

#include "base/assert.h"
#include "base/json.h"
#include "peer/fault_plan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static int by_text(const void *a, const void *b)
{
	return strcmp(json_string_value(*(json_t *const *)a),
	              json_string_value(*(json_t *const *)b));
}

/* The order in which versions are written means nothing. */
static json_t *sorted(json_t *list)
{
	size_t n = json_array_size(list);
	json_t **elements = calloc(n, sizeof(elements[0]));
	json_t *made = json_made(json_array());

	CHECK(elements != NULL);
	for (size_t i = 0; i < n; i++)
		elements[i] = json_array_get(list, i);
	qsort(elements, n, sizeof(elements[0]), by_text);
	for (size_t i = 0; i < n; i++)
		json_array_append(made, elements[i]);
	free(elements);
	return made;
}

static json_t *listed(json_t *value)
{
	return json_is_array(value) ? json_incref(value) : json_made(json_pack("[O]", value));
}

static void split_into(json_t *words, const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, ":");

		json_array_append_new(words, json_made(json_stringn(text, len)));
		text += len + (text[len] == ':');
	}
}

/* One word an element: "A:B", ["A", "B"] and ["A:B"] are the same to OpenSSL. */
static json_t *split(json_t *value)
{
	json_t *words = json_made(json_array());
	json_t *element;
	size_t i;

	if (json_is_string(value))
		split_into(words, json_string_value(value));
	json_array_foreach(value, i, element)
		split_into(words, json_string_value(element));
	return words;
}

/* No tickets are none, however it is said. */
static json_t *none_is_false(json_t *value)
{
	bool none = json_is_integer(value) && json_integer_value(value) == 0;

	return none ? json_false() : json_incref(value);
}

/* Other keys have one way of writing. */
static const struct setting {
	const char *key;
	json_t *(*normal)(json_t *value);
} settings[] = {
	{"versions", sorted},
	{"certificate", listed},
	{"ciphersuites", split},
	{"cipher_list", split},
	{"groups", split},
	{"signature_algorithms", split},
	{"client_signature_algorithms", split},
	{"tickets", none_is_false},
};

json_t *setting_normal(const char *key, json_t *value)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (strcmp(settings[i].key, key) == 0)
			return settings[i].normal(value);
	return json_incref(value);
}

json_t *setting_normal_all(const json_t *written)
{
	json_t *made = json_made(json_object());
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)written, key, value)
		json_object_set_new(made, key, setting_normal(key, value));
	return made;
}

static void add_text_name(struct buf *out, const char *text)
{
	size_t start = out->len;

	for (; *text != '\0'; text++) {
		char c = (char)tolower((unsigned char)*text);
		bool plain = strchr("abcdefghijklmnopqrstuvwxyz0123456789.+_", c) != NULL;

		if (plain && !(c == '.' && out->len == start))
			buf_char(out, c);
		else if (out->len == start || out->data[out->len - 1] != '-')
			buf_char(out, '-');
	}
}

/* A word, or a fault. */
static void add_element_name(struct buf *out, const json_t *element)
{
	struct buf label = {0};

	if (json_is_object(element))
		fault_label(&label, element);
	else
		buf_text(&label, json_string_value(element));
	add_text_name(out, buf_string(&label));
	buf_fini(&label);
}

void setting_name(struct buf *out, const char *key, const json_t *value, size_t width)
{
	struct buf name = {0};
	json_t *element;
	size_t i;

	if (json_is_boolean(value))
		buf_printf(&name, "%s%s", json_is_true(value) ? "" : "no-", key);
	if (json_is_integer(value))
		buf_printf(&name, "%lld", json_integer_value(value));
	if (json_is_string(value))
		add_text_name(&name, json_string_value(value));
	if (json_is_object(value)) /* a pre-shared key: its own name is the best that it has */
		add_text_name(&name, json_text(value, "identity"));
	json_array_foreach(value, i, element) {
		if (i > 0)
			buf_char(&name, '+');
		add_element_name(&name, element);
	}
	if (json_is_array(value) && json_array_size(value) == 0)
		buf_printf(&name, "no-%s", key);
	buf_add(out, buf_string(&name), name.len < width ? name.len : width);
	buf_fini(&name);
}
