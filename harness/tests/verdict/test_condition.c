#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "verdict/condition.h"

static void assert_put(const char *when, const char *expected)
{
	struct buf out = {0};

	condition_put(&out, when);
	assert_string_equal(buf_string(&out), expected);
	buf_fini(&out);
}

static void assert_whole(const char *when)
{
	struct buf expected = {0};

	buf_printf(&expected, "select(%s\n)", when);
	assert_put(when, buf_string(&expected));
	buf_fini(&expected);
}

static void parts_joined_by_and_become_filters(void **state)
{
	(void)state;
	assert_put(".a == 1", "select(.a == 1\n)");
	assert_put(".a != 1 and f(\"x\"; 2) and .b",
	           "select(.a != 1 \n) | select( f(\"x\"; 2) \n) | select( .b\n)");
	assert_put("(.a or .b | not) and [1, 2] != []",
	           "select((.a or .b | not) \n) | select( [1, 2] != []\n)");
}

static void word_and_inside_something_else_joins_nothing(void **state)
{
	(void)state;
	assert_whole(".and == $and");
	assert_whole("\" and \" == .a");
	assert_whole("\"\\(.a | \"x\" and (.b)) \\\" and \" == .a");
	assert_whole("android(.a and .b)");
}

static void what_reaches_further_than_and_stays_whole(void **state)
{
	static const char *const whole[] = {
		".a and .b or .c", ".a and .b | not", ".a and .b // true", ".a as $x | .b and $x",
		"if .a and .b then .c and .d else .e end", ".a and .b, .c", ".a and .b # and .c",
		".a |= (.b and .c) and .d", ".a = 1 and .b", "def f: .a; f and .b",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		assert_whole(whole[i]);
}

static void what_jq_cannot_read_stays_whole(void **state)
{
	static const char *const broken[] = {".a) and (.b", "(.a and .b", "\"and .b", ".a and \"\\(.b",
	                                     ".a and (.b # )\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		assert_whole(broken[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_joined_by_and_become_filters),
		cmocka_unit_test(word_and_inside_something_else_joins_nothing),
		cmocka_unit_test(what_reaches_further_than_and_stays_whole),
		cmocka_unit_test(what_jq_cannot_read_stays_whole),
	};

	return cmocka_run_group_tests_name("verdict/condition", tests, NULL, NULL);
}
