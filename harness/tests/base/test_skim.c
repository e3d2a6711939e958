#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/skim.h"

#define RUN "harness/tests/view/run/results.json"

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static void assert_text(struct bytes found, const char *text)
{
	assert_int_equal(found.len, strlen(text));
	assert_memory_equal(found.data, text, found.len);
}

static void member_is_found_behind_any_others(void **state)
{
	static const char text[] = " { \"a\" : \"x, \\\"}\\\\\" , \"b\": [1, {\"c\": \"]\"}], \"d\" : "
				   "-1.5e3 ,\"c\":null}";
	struct bytes value;

	(void)state;
	assert_true(skim_member(bytes_of(text), "a", &value));
	assert_text(value, "\"x, \\\"}\\\\\"");
	assert_true(skim_member(bytes_of(text), "b", &value));
	assert_text(value, "[1, {\"c\": \"]\"}]");
	assert_true(skim_member(bytes_of(text), "d", &value));
	assert_text(value, "-1.5e3");
	assert_true(skim_member(bytes_of(text), "c", &value));
	assert_text(value, "null");
	assert_false(skim_member(bytes_of(text), "x", &value));
	assert_false(skim_member(bytes_of("[\"c\", 1]"), "c", &value));
}

/* Each part of a value, by skimming and by jansson. */
static void compare_with_parsed(const json_t *value, struct bytes text)
{
	size_t n = 0;
	struct skim skim;

	for (skim_init(&skim, text); skim_next(&skim); n++) {
		char *key = skim.named ? strndup((const char *)skim.key.data, skim.key.len) : NULL;
		json_t *own = json_loadb((const char *)skim.value.data, skim.value.len,
		                         JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		const json_t *other = key != NULL ? json_object_get(value, key)
		                                  : json_array_get(value, n);

		assert_non_null(other);
		assert_true(json_equal(own, other));
		compare_with_parsed(other, skim.value);
		json_decref(own);
		free(key);
	}
	assert_int_equal(n, json_array_size(value) + json_object_size(value));
}

static void parts_of_a_real_report_are_those_that_a_parser_finds(void **state)
{
	struct error error = {0};
	json_t *results = NULL;

	(void)state;
	assert_int_equal(json_load_path(RUN, &results, &error), 0);
	for (size_t i = 0; i < 20; i++) {
		const json_t *cell = json_array_get(json_object_get(results, "cells"), i);
		char *text = json_dumps(cell, i % 2 == 0 ? JSON_COMPACT : JSON_INDENT(2));

		compare_with_parsed(cell, bytes_of(text));
		free(text);
	}
	json_decref(results);
}

/* What is cut anywhere, or has another byte anywhere, is not read beyond its end (sanitizers). */
static void text_that_is_no_json_is_not_left(void **state)
{
	static const char text[] = "{\"a\": [\"\\\"\", {\"b\": 1}], \"c\": \"\\\\\", \"d\": tru}";
	static const char others[] = "\"\\{}[],: x";

	(void)state;
	for (size_t len = 0; len <= strlen(text); len++)
		for (size_t i = 0; i < len * sizeof(others); i++) {
			uint8_t *copy = malloc(len);
			struct bytes value;

			assert_non_null(copy);
			memcpy(copy, text, len);
			copy[i % len] = (uint8_t)others[i / len];
			if (skim_member((struct bytes){copy, len}, "d", &value))
				assert_true(value.data >= copy && value.data + value.len <= copy + len);
			free(copy);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(member_is_found_behind_any_others),
		cmocka_unit_test(parts_of_a_real_report_are_those_that_a_parser_finds),
		cmocka_unit_test(text_that_is_no_json_is_not_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
