/* Whether ClientHellos are of one kind: what is fresh in each does not count, all else does. */
#include "support.h"

#include "decode/hello_kind.h"

#define RANDOM_AT 6
#define SUITES_AT 41         /* behind an empty session id and the list's length */
#define KEY_EXCHANGE_TAIL 22 /* bytes from the end of the message, inside of the share */

/* The forum's hello, as a message. */
static struct buf message(void)
{
	struct buf record = from_hex(forum_record);

	buf_consume(&record, 5);
	return record;
}

static struct buf kind_of(struct bytes hello)
{
	struct buf kind = {0};

	hello_kind(hello, &kind);
	return kind;
}

/* True if the hello stays of its kind when the byte at `at` changes. */
static bool is_fresh(size_t at)
{
	struct buf hello = message(), before = kind_of(buf_view(&hello)), after;
	bool same;

	hello.data[at] ^= 1;
	after = kind_of(buf_view(&hello));
	same = before.len == after.len && memcmp(before.data, after.data, before.len) == 0;
	buf_fini(&hello);
	buf_fini(&before);
	buf_fini(&after);
	return same;
}

static void random_and_key_shares_do_not_count(void **state)
{
	struct buf hello = message();

	(void)state;
	assert_true(is_fresh(RANDOM_AT));
	assert_true(is_fresh(RANDOM_AT + 31));
	assert_true(is_fresh(hello.len - KEY_EXCHANGE_TAIL));
	buf_fini(&hello);
}

static void suites_and_signatures_count(void **state)
{
	struct buf hello = message();

	(void)state;
	assert_false(is_fresh(4));
	assert_false(is_fresh(SUITES_AT));
	assert_false(is_fresh(hello.len - 1));
	buf_fini(&hello);
}

static void every_prefix_has_a_kind(void **state)
{
	struct buf hello = message();

	(void)state;
	for (size_t len = 0; len <= hello.len; len++) {
		uint8_t *copy = malloc(len > 0 ? len : 1);
		struct buf kind;

		memcpy(copy, hello.data, len);
		kind = kind_of((struct bytes){copy, len});
		assert_true(kind.len > 0);
		buf_fini(&kind);
		free(copy);
	}
	buf_fini(&hello);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_and_key_shares_do_not_count),
		cmocka_unit_test(suites_and_signatures_count),
		cmocka_unit_test(every_prefix_has_a_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
