#include "verdict/word_list.h"

#include "base/json.h"

#include <string.h>
#include <strings.h>

bool word_list_has(const json_t *list, const char *word)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (json_is_string(item) && strcasecmp(json_string_value(item), word) == 0)
			return true;
	return false;
}

void word_list_add(json_t *list, const char *word)
{
	if (!word_list_has(list, word))
		json_array_append_new(list, json_made(json_string(word)));
}

bool word_list_overlap(const json_t *a, const json_t *b)
{
	const json_t *item;
	size_t i;

	json_array_foreach(a, i, item)
		if (word_list_has(b, json_string_value(item)))
			return true;
	return false;
}

bool word_list_covers(const json_t *declared, const json_t *needed)
{
	const json_t *item;
	size_t i;

	json_array_foreach(needed, i, item)
		if (!word_list_has(declared, json_string_value(item)))
			return false;
	return json_array_size(needed) > 0;
}

/* Adds the words of "a:b:c", each once. */
static void add_words(json_t *list, const char *text)
{
	while (text != NULL && *text != '\0') {
		size_t len = strcspn(text, ":");
		json_t *word = json_made(json_stringn(text, len));

		word_list_add(list, json_string_value(word));
		json_decref(word);
		text += len + (text[len] == ':');
	}
}

json_t *word_list_configured(const json_t *server, const char *key)
{
	const json_t *value = json_object_get(server, key);
	json_t *list = json_made(json_array());
	const json_t *item;
	size_t i;

	add_words(list, json_string_value(value));
	json_array_foreach(value, i, item)
		add_words(list, json_string_value(item));
	return list;
}
