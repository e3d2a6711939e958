/* Key logs as programs write them, and as they should not. */
#include "tests/decode/support.h"

#define RANDOM_HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static const uint8_t random_bytes[KEYLOG_RANDOM_LEN] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                                        11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                                        22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

static struct keylog *keylog_of(const char *text)
{
	struct keylog *keylog = keylog_new();

	keylog_add(keylog, text, strlen(text));
	return keylog;
}

static void secrets_are_found_by_label(void **state)
{
	struct keylog *keylog = keylog_of("# comment\n"
	                                  "\n"
	                                  "CLIENT_HANDSHAKE_TRAFFIC_SECRET " RANDOM_HEX " AABBcc\r\n"
	                                  "SERVER_TRAFFIC_SECRET_0 " RANDOM_HEX " 01\n"
	                                  "EXPORTER_SECRET " RANDOM_HEX " 02\n"
	                                  "CLIENT_RANDOM " RANDOM_HEX " 03");
	struct bytes secret = keylog_find(keylog, random_bytes, KEYLOG_CLIENT_HANDSHAKE);

	(void)state;
	assert_int_equal(secret.len, 3);
	assert_memory_equal(secret.data, "\xaa\xbb\xcc", 3);
	assert_int_equal(keylog_find(keylog, random_bytes, KEYLOG_SERVER_APPLICATION).data[0], 1);
	assert_int_equal(keylog_find(keylog, random_bytes, KEYLOG_CLIENT_RANDOM).data[0], 3);
	assert_int_equal(keylog_find(keylog, random_bytes, KEYLOG_CLIENT_EARLY).len, 0);
	assert_int_equal(keylog_count(keylog), 3);
	assert_int_equal(keylog_bad_lines(keylog), 0);
	keylog_free(keylog);
}

static void lines_of_another_form_are_counted_and_skipped(void **state)
{
	struct keylog *keylog = keylog_of("CLIENT_RANDOM\n"
	                                  "CLIENT_RANDOM " RANDOM_HEX "\n"
	                                  "CLIENT_RANDOM 0001 02\n"
	                                  "CLIENT_RANDOM " RANDOM_HEX " 0\n"
	                                  "CLIENT_RANDOM " RANDOM_HEX " 0g\n"
	                                  "CLIENT_RANDOM " RANDOM_HEX " 00 00\n"
	                                  " CLIENT_RANDOM " RANDOM_HEX " 00\n"
	                                  "\xff\xfe\n"
	                                  "CLIENT_RANDOM " RANDOM_HEX " 07\n");

	(void)state;
	assert_int_equal(keylog_bad_lines(keylog), 8);
	assert_int_equal(keylog_count(keylog), 1);
	assert_int_equal(keylog_find(keylog, random_bytes, KEYLOG_CLIENT_RANDOM).data[0], 7);
	keylog_free(keylog);
}

/* Its name has eight bytes. In the log of a connection it would be a line of another form. */
static void encrypted_premaster_secret_is_no_secret_of_a_client_random(void **state)
{
	const uint8_t zeros[KEYLOG_RANDOM_LEN] = {0};
	struct keylog *keylog = keylog_of("RSA 0000000000000000 01\n");
	struct buf text = {0};

	(void)state;
	assert_int_equal(keylog_find(keylog, zeros, KEYLOG_RSA).len, 1);
	assert_false(keylog_knows(keylog, zeros));
	keylog_write(keylog, zeros, &text);
	assert_int_equal(text.len, 0);
	keylog_free(keylog);
}

static void many_secrets_are_found_again(void **state)
{
	struct keylog *keylog = keylog_new();
	uint8_t client_random[KEYLOG_RANDOM_LEN] = {0};
	char line[160];

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		int n = snprintf(line, sizeof(line), "CLIENT_RANDOM %08x%056d %08x\n", i, 0, i);

		keylog_add(keylog, line, (size_t)n);
		keylog_add(keylog, line, (size_t)n);
	}
	assert_int_equal(keylog_count(keylog), 5000);
	for (unsigned i = 0; i < 5000; i++) {
		struct bytes secret;

		client_random[2] = (uint8_t)(i >> 8);
		client_random[3] = (uint8_t)i;
		secret = keylog_find(keylog, client_random, KEYLOG_CLIENT_RANDOM);
		assert_int_equal(secret.len, 4);
		assert_memory_equal(secret.data, client_random, 4);
	}
	keylog_free(keylog);
}

static void no_log_has_no_secrets(void **state)
{
	struct keylog *keylog = keylog_new();

	(void)state;
	assert_int_equal(keylog_find(NULL, random_bytes, KEYLOG_CLIENT_RANDOM).len, 0);
	assert_int_equal(keylog_find(keylog, random_bytes, KEYLOG_CLIENT_RANDOM).len, 0);
	keylog_free(keylog);
	keylog_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_are_found_by_label),
		cmocka_unit_test(lines_of_another_form_are_counted_and_skipped),
		cmocka_unit_test(encrypted_premaster_secret_is_no_secret_of_a_client_random),
		cmocka_unit_test(many_secrets_are_found_again),
		cmocka_unit_test(no_log_has_no_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
