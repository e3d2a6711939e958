#include "base/memo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct bytes text(const char *chars)
{
	return (struct bytes){(const uint8_t *)chars, strlen(chars)};
}

static void add_twice(struct memo *memo, uint64_t tag, struct bytes key, struct bytes value)
{
	memo_add(memo, tag, key, value);
	memo_add(memo, tag, key, value);
}

static void assert_holds(const struct memo *memo, uint64_t tag, const char *key, const char *value)
{
	struct bytes found;

	assert_true(memo_find(memo, tag, text(key), &found));
	assert_int_equal(found.len, strlen(value));
	assert_memory_equal(found.data, value, found.len);
}

static void a_value_is_kept_when_its_key_comes_twice(void **state)
{
	struct memo *memo = memo_new();
	struct bytes found;

	(void)state;
	memo_add(memo, 1, text("key"), text("value"));
	assert_false(memo_find(memo, 1, text("key"), &found));
	memo_add(memo, 1, text("key"), text("value"));
	assert_holds(memo, 1, "key", "value");
	memo_free(memo);
}

static void keys_differ_by_tag_length_and_every_byte(void **state)
{
	struct memo *memo = memo_new();
	char key[600];
	struct bytes found;

	(void)state;
	memset(key, 'k', sizeof(key));
	add_twice(memo, 1, (struct bytes){(uint8_t *)key, sizeof(key)}, text("value"));
	assert_false(memo_find(memo, 2, (struct bytes){(uint8_t *)key, sizeof(key)}, &found));
	assert_false(memo_find(memo, 1, (struct bytes){(uint8_t *)key, sizeof(key) - 1}, &found));
	for (size_t i = 0; i < sizeof(key); i++) {
		key[i] = 'x';
		assert_false(
			memo_find(memo, 1, (struct bytes){(uint8_t *)key, sizeof(key)}, &found));
		key[i] = 'k';
	}
	assert_true(memo_find(memo, 1, (struct bytes){(uint8_t *)key, sizeof(key)}, &found));
	memo_free(memo);
}

static void empty_keys_and_values_are_kept_too(void **state)
{
	struct memo *memo = memo_new();

	(void)state;
	add_twice(memo, 1, (struct bytes){0}, text("nothing"));
	add_twice(memo, 2, text("key"), (struct bytes){0});
	assert_holds(memo, 1, "", "nothing");
	assert_holds(memo, 2, "key", "");
	memo_free(memo);
}

static void too_long_values_are_not_kept(void **state)
{
	struct memo *memo = memo_new();
	uint8_t *value = calloc(1, MEMO_VALUE_MAX);
	struct bytes found;

	(void)state;
	assert_non_null(value);
	add_twice(memo, 1, text("key"), (struct bytes){value, MEMO_VALUE_MAX - 2});
	assert_false(memo_find(memo, 1, text("key"), &found));
	add_twice(memo, 1, text("key"), (struct bytes){value, MEMO_VALUE_MAX - 3});
	assert_true(memo_find(memo, 1, text("key"), &found));
	free(value);
	memo_free(memo);
}

/* Many more keys and bytes than there is room for: what is found is right. */
static void a_full_memo_forgets_and_never_errs(void **state)
{
	struct memo *memo = memo_new();
	uint8_t value[4096] = {0};
	size_t n_found = 0;
	struct bytes found;

	(void)state;
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 20000; i++) {
			struct bytes key = {(uint8_t *)&i, sizeof(i)};

			if (memo_find(memo, 0, key, &found)) {
				n_found++;
				assert_memory_equal(found.data, &i, sizeof(i));
			}
			memcpy(value, &i, sizeof(i));
			add_twice(memo, 0, key, (struct bytes){value, sizeof(value)});
			assert_true(memo_find(memo, 0, key, &found));
			assert_memory_equal(found.data, &i, sizeof(i));
		}
	}
	assert_true(n_found < 4096);
	memo_free(memo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_kept_when_its_key_comes_twice),
		cmocka_unit_test(keys_differ_by_tag_length_and_every_byte),
		cmocka_unit_test(empty_keys_and_values_are_kept_too),
		cmocka_unit_test(too_long_values_are_not_kept),
		cmocka_unit_test(a_full_memo_forgets_and_never_errs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
