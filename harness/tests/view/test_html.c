#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "view/hello_map.h"
#include "view/html.h"

#define RUN "harness/tests/view/run/results.json"

/* What the NetX Duo board offers. */
static const char hello_hex[] =
	"010000c50303b2b929414aaaf0c1128e1155b7611f4b8e6be4b368e06adadd19034ce6ceb3d500001a13011304"
	"1305c02bc02fc023c027009c003d003c00aec0a800ff01000082000b000403000102000a000800060017001800"
	"19000d0010000e0403050306030401050106010303002b00050403040303002d00020101003300470045001700"
	"4104b515a5edd45b1e5fc9d4239d81af5ed460cb85b088a64f18d7260446b5b96e7e29f3c9f0d1c6e1753301ad"
	"7b1c6da7284cfe57f88a3d3696420fa20e42d99d85";

#define HELLO_LEN ((sizeof(hello_hex) - 1) / 2)

/* The first `len` bytes in a heap copy of just that size, the caller's. */
static uint8_t *hello_prefix(size_t len)
{
	uint8_t *copy = malloc(len);

	assert_true(copy != NULL || len == 0);
	for (size_t i = 0; i < len; i++) {
		char digits[3] = {hello_hex[2 * i], hello_hex[2 * i + 1], '\0'};

		copy[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return copy;
}

static json_t *map_of(size_t len)
{
	uint8_t *message = hello_prefix(len);
	json_t *map = hello_map((struct bytes){message, len});

	free(message);
	return map;
}

static long long at(const json_t *field, size_t index)
{
	return json_integer_value(json_array_get(field, index));
}

/* Fails unless there is a field of that place, name and value. */
static void assert_field(const json_t *map, long long offset, long long length, const char *name,
                         const char *value)
{
	const json_t *field;
	size_t i;

	json_array_foreach(map, i, field)
		if (at(field, 0) == offset && at(field, 1) == length &&
		    strcmp(json_string_value(json_array_get(field, 3)), name) == 0) {
			assert_string_equal(json_string_value(json_array_get(field, 4)), value);
			return;
		}
	fail_msg("no field %s of %lld bytes at %lld", name, length, offset);
}

static void each_field_has_its_bytes(void **state)
{
	json_t *map = map_of(HELLO_LEN);

	(void)state;
	assert_field(map, 0, 1, "msg_type", "client_hello");
	assert_field(map, 4, 2, "legacy_version", "TLS 1.2");
	assert_field(map, 6, 32, "random", "32 bytes");
	assert_field(map, 41, 26, "cipher_suites", "26 bytes");
	assert_field(map, 43, 2, "", "TLS_AES_128_CCM_SHA256");
	assert_field(map, 71, 8, "extension", "ec_point_formats");
	assert_field(map, 85, 2, "", "secp256r1");
	assert_field(map, 136, 65, "key_exchange", "65 bytes");
	json_decref(map);
}

/* In the order of the bytes; what is inside of a field comes behind it, one level deeper. */
static void assert_nested(const json_t *map, size_t len)
{
	long long ends[3] = {(long long)len, (long long)len, (long long)len}, last = 0;
	const json_t *field;
	size_t i;

	json_array_foreach(map, i, field) {
		long long offset = at(field, 0), end = offset + at(field, 1), depth = at(field, 2);

		assert_in_range(depth, 0, 2);
		assert_true(offset >= last && end <= (long long)len);
		assert_true(depth == 0 || end <= ends[depth - 1]);
		ends[depth] = end;
		last = offset;
	}
}

static void no_field_leaves_a_message_that_is_cut_short(void **state)
{
	size_t before = 0;

	(void)state;
	for (size_t len = 0; len <= HELLO_LEN; len++) {
		json_t *map = map_of(len);

		assert_nested(map, len);
		assert_true(json_array_size(map) >= before);
		before = json_array_size(map);
		json_decref(map);
	}
}

static size_t occurrences(const char *text, const char *what)
{
	size_t n = 0;

	while ((text = strstr(text, what)) != NULL) {
		text += strlen(what);
		n++;
	}
	return n;
}

static json_t *stored_run(void)
{
	json_t *results = NULL;
	struct error error = {0};

	if (json_load_path(RUN, &results, &error) != 0)
		fail_msg("%s", error.text);
	return results;
}

static void nothing_that_was_said_ends_an_element(void **state)
{
	json_t *results = stored_run(), *cell;
	struct buf before = {0}, after = {0};
	size_t i;

	(void)state;
	html_render(&before, results, NULL);
	json_array_foreach(json_object_get(results, "cells"), i, cell) {
		json_t *diagnosis = json_array_get(json_object_get(cell, "diagnosis"), 0);

		json_object_set_new(diagnosis, "title", json_string("</script><!--<script>"));
		json_object_set_new(cell, "board", json_string("<b>"));
	}
	html_render(&after, results, NULL);
	assert_int_equal(occurrences(buf_string(&after), "<script"),
	                 occurrences(buf_string(&before), "<script"));
	assert_int_equal(occurrences(buf_string(&after), "</script"),
	                 occurrences(buf_string(&before), "</script"));
	assert_int_equal(occurrences(buf_string(&after), "<!--"), 0);
	assert_int_equal(occurrences(buf_string(&after), "<b>"), 0);
	buf_fini(&before);
	buf_fini(&after);
	json_decref(results);
}

static void a_run_without_cells_has_a_page(void **state)
{
	json_t *results = stored_run();
	struct buf out = {0};

	(void)state;
	json_array_clear(json_object_get(results, "cells"));
	html_render(&out, results, NULL);
	assert_non_null(strstr(buf_string(&out), "\"cells\":[]"));
	buf_fini(&out);
	json_decref(results);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_field_has_its_bytes),
		cmocka_unit_test(no_field_leaves_a_message_that_is_cut_short),
		cmocka_unit_test(nothing_that_was_said_ends_an_element),
		cmocka_unit_test(a_run_without_cells_has_a_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
