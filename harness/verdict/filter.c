#include "verdict/filter.h"

#include "base/assert.h"

#include <jq.h>
#include <jv.h>
#include <stdlib.h>

struct filter {
	struct jq_state *program;
};

/* Keeps the first of jq's complaints, which is the one that tells. */
static void on_jq_message(void *context, jv message)
{
	struct buf *complaint = context;
	jv text = jq_format_error(message);

	if (complaint->len == 0 && jv_get_kind(text) == JV_KIND_STRING)
		buf_text(complaint, jv_string_value(text));
	jv_free(text);
}

static void on_jq_silent(void *context, jv message)
{
	(void)context;
	jv_free(message);
}

struct filter *filter_new(const char *prelude, const char *terms, struct buf *complaint)
{
	struct filter *filter = calloc(1, sizeof(*filter));
	struct buf text = {0};

	CHECK(filter != NULL);
	filter->program = jq_init();
	CHECK(filter->program != NULL);
	buf_printf(&text, ".board as $board | .given as $given | .cell |\n%s\n[\n%s\n]\n", prelude,
	           terms);
	jq_set_error_cb(filter->program, on_jq_message, complaint);
	if (jq_compile(filter->program, buf_string(&text))) {
		jq_set_error_cb(filter->program, on_jq_silent, NULL);
	} else {
		filter_free(filter);
		filter = NULL;
	}
	buf_fini(&text);
	return filter;
}

void filter_free(struct filter *filter)
{
	if (filter == NULL)
		return;
	jq_teardown(&filter->program);
	free(filter);
}

static jv jq_value(const json_t *value);

static jv jq_object(const json_t *value)
{
	jv made = jv_object();
	const char *key;
	json_t *member;

	json_object_foreach((json_t *)value, key, member)
		made = jv_object_set(made, jv_string(key), jq_value(member));
	return made;
}

static jv jq_array(const json_t *value)
{
	jv made = jv_array_sized((int)json_array_size(value));
	const json_t *element;
	size_t i;

	json_array_foreach(value, i, element)
		made = jv_array_append(made, jq_value(element));
	return made;
}

/* As jq would read its text. */
static jv jq_value(const json_t *value)
{
	if (value == NULL)
		return jv_null();
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return jq_object(value);
	case JSON_ARRAY:
		return jq_array(value);
	case JSON_STRING:
		return jv_string_sized(json_string_value(value), (int)json_string_length(value));
	case JSON_INTEGER:
	case JSON_REAL:
		return jv_number(json_number_value(value));
	case JSON_NULL:
		return jv_null();
	default:
		return jv_bool(json_is_true(value));
	}
}

json_t *filter_run(struct filter *filter, const json_t *cell, const json_t *board,
                   const json_t *given)
{
	json_t *output = NULL;
	jv input = jv_object(), result, text;

	input = jv_object_set(input, jv_string("cell"), jq_value(cell));
	input = jv_object_set(input, jv_string("board"), jq_value(board));
	input = jv_object_set(input, jv_string("given"), jq_value(given));
	jq_start(filter->program, input, 0);
	result = jq_next(filter->program);
	if (jv_is_valid(result)) {
		text = jv_dump_string(result, 0);
		output = json_loads(jv_string_value(text), JSON_ALLOW_NUL, NULL);
		jv_free(text);
	} else {
		jv_free(result);
	}
	return output;
}
