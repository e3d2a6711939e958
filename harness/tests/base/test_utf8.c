#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/utf8.h"

#include <jansson.h>
#include <stdlib.h>

static void text_that_is_utf8_stays_as_it_is(void **state)
{
	char text[] = "plain, caf\xc3\xa9, \xe2\x9c\x93, \xf0\x9f\x94\x8c";
	char before[sizeof(text)];

	(void)state;
	memcpy(before, text, sizeof(text));
	assert_true(utf8_is_valid(text));
	assert_string_equal(utf8_repair(text), before);
}

static void each_byte_of_no_character_becomes_a_question_mark(void **state)
{
	char text[] = "\xff.\xc3.\xed\xa0\x80.\xc0\xaf.\xe2\x9c";

	(void)state;
	assert_false(utf8_is_valid(text));
	assert_string_equal(utf8_repair(text), "?.?.???.??.??");
	assert_true(utf8_is_valid(text));
}

/* jansson is the one that must take it. */
static void any_three_bytes_are_judged_as_by_jansson(void **state)
{
	(void)state;
	for (uint32_t value = 0x010101; value <= 0xffffff; value += 0x101) {
		char *text = strdup((char[]){(char)(value >> 16), (char)(value >> 8), (char)value, '\0'});
		json_t *taken;

		assert_non_null(text);
		taken = json_string(text);
		assert_int_equal(utf8_is_valid(text), taken != NULL);
		json_decref(taken);
		assert_true(utf8_is_valid(utf8_repair(text)));
		free(text);
	}
}

static void sentence_of_an_error_is_utf8_where_it_is_cut_too(void **state)
{
	struct error error = {0};
	char name[ERROR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i + 2 < sizeof(name); i += 2)
		memcpy(name + i, "\xc3\xa9", 3);
	error_set(&error, ERR_INPUT, "x%s", name);
	assert_true(utf8_is_valid(error.text));
	error_set(&error, ERR_INPUT, "cannot open %s", "caf\xe9");
	error_prefix(&error, "%s", "\xff");
	assert_string_equal(error.text, "?: cannot open caf?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_that_is_utf8_stays_as_it_is),
		cmocka_unit_test(each_byte_of_no_character_becomes_a_question_mark),
		cmocka_unit_test(any_three_bytes_are_judged_as_by_jansson),
		cmocka_unit_test(sentence_of_an_error_is_utf8_where_it_is_cut_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
