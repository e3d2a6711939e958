#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "verdict/status.h"

struct looked_up {
	const char *stack, *version, *code, *name, *meaning; /* NULL: any */
};

static void check_all(const struct looked_up *codes, size_t n)
{
	struct status status;

	for (size_t i = 0; i < n; i++) {
		status_look_up(&status, codes[i].stack, codes[i].version, codes[i].code);
		assert_string_equal(status.name, codes[i].name);
		if (codes[i].meaning != NULL)
			assert_string_equal(status.meaning, codes[i].meaning);
	}
}

static void codes_are_named_by_stack_and_version(void **state)
{
	static const struct looked_up codes[] = {
		{"netxduo", "6.2.0", "0x20007", "NX_CRYPTO_PTR_ERROR", NULL},
		{"netxduo", "", "0x114", "NX_SECURE_TLS_ALERT_RECEIVED", NULL},
		{"netxduo", "6.2.0", "276", "NX_SECURE_TLS_ALERT_RECEIVED", NULL},
		{"mbedtls", "2.28.3", "-0x7780", "MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE",
		 "the server sent a fatal alert"},
		{"mbedtls", "2.28.3", "-0x7780", "MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE", NULL},
		{"mbedtls", "2.28.3", "-0x7800", "MBEDTLS_ERR_SSL_PEER_VERIFY_FAILED", NULL},
		{"mbedtls", "3.6.0", "-0x7800", "MBEDTLS_ERR_SSL_UNRECOGNIZED_NAME", NULL},
		{"mbedtls", "", "-0x7800",
		 "MBEDTLS_ERR_SSL_PEER_VERIFY_FAILED or MBEDTLS_ERR_SSL_UNRECOGNIZED_NAME", ""},
		{"zephyr", "3.7.0", "-30592", "MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE", NULL},
		{"wolfssl", "5.5.4", "-313", "FATAL_ERROR", "the server sent a fatal alert"},
		{"gnutls", "3.7.9", "-12", "GNUTLS_E_FATAL_ALERT_RECEIVED", NULL},
		{"curl", "7.88.1", "60", "CURLE_PEER_FAILED_VERIFICATION",
		 "the server's certificate is not trusted"},
		{"bearssl", "0.6", "62", "BR_ERR_X509_NOT_TRUSTED", NULL},
		{"bearssl", "0.6", "296", "BR_ERR_RECV_FATAL_ALERT + 40",
		 "the server sent the fatal alert handshake_failure"},
		{"openssl", "3.0", "0x0A000410", "sslv3 alert handshake failure", ""},
	};

	(void)state;
	check_all(codes, sizeof(codes) / sizeof(codes[0]));
}

static void sum_of_two_codes_of_mbedtls_is_taken_apart(void **state)
{
	struct status status;

	(void)state;
	status_look_up(&status, "mbedtls", "2.28.3", "-0x4290");
	assert_string_equal(status.name, "MBEDTLS_ERR_RSA_PUBLIC_FAILED"
	 " + MBEDTLS_ERR_MPI_ALLOC_FAILED");
	status_look_up(&status, "mbedtls", "2.28.3", "-0x262E");
	assert_string_equal(status.name, "MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG"
	 " + MBEDTLS_ERR_OID_NOT_FOUND");
	assert_string_not_equal(status.meaning, "");
}

static void code_of_esp_tls_is_told_with_the_one_within(void **state)
{
	static const struct looked_up codes[] = {
		{"esp-idf", "5.1", "0x801A", "ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED", NULL},
		{"esp-idf", "5.1", "0x8010", "ESP_ERR_MBEDTLS_CERT_PARTLY_OK", NULL},
		{"esp-idf", "5.1", "0x801A/-0x7780", "ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED"
		 " with MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE", "the server sent a fatal alert"},
		{"esp-idf", "", "0x7780", "MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE", NULL},
		{"esp-idf", "", "0x801A/", "", ""},
		{"esp-idf", "", "0x801A/x", "", ""},
	};

	(void)state;
	check_all(codes, sizeof(codes) / sizeof(codes[0]));
}

static void verify_flags_are_read_from_the_log(void **state)
{
	static const struct {
		const char *stack, *log;
		size_t n;
	} logs[] = {
		{"mbedtls", "tcp: up\nmbedtls: verify flags 0x200\n", 1},
		{"esp-idf", "Failed to verify peer certificate! flags 0x0C", 2},
		{"mbedtls", "verify flags 0x1\nverify flags 0x0", 0},
		{"mbedtls", "verify\n0x8", 0},
		{"mbedtls", "verify 0xg", 0},
		{"wolfssl", "verify flags 0x200", 0},
		{"mbedtls", "", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		json_t *flags = status_verify_flags(logs[i].stack, logs[i].log);

		assert_int_equal(json_array_size(flags), logs[i].n);
		json_decref(flags);
	}
}

static void code_that_is_not_known_has_no_name(void **state)
{
	static const struct looked_up codes[] = {
		{"netxduo", "6.2.0", "0x7fffffff", NULL, NULL}, {"netxduo", "6.2.0", "", NULL,
		 NULL},
		{"netxduo", "6.2.0", "0x114x", NULL, NULL},     {"netxduo", "6.2.0", "NX", NULL,
		 NULL},
		{"s2n", "1.5", "0x114", NULL, NULL},            {"", "", "1", NULL, NULL},
		{"mbedtls", "2.28.3", "-0x6B7F", NULL, NULL},   {"mbedtls", "2.28.3", "-1000000",
		 NULL, NULL},
		{"mbedtls", "2.28.3", "0x7780", NULL, NULL},    {"openssl", "3.0", "-5", NULL,
		 NULL},
		{"wolfssl", "5", "99999999999999999999", NULL, NULL},
	};
	struct status status;

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		status_look_up(&status, codes[i].stack, codes[i].version, codes[i].code);
		if (status.name[0] != '\0' || status.meaning[0] != '\0')
			fail_msg("%s of %s is %s", codes[i].code, codes[i].stack, status.name);
	}
}

#define STATUS(value, name, first, last, meaning) {value, meaning},

static void tables_are_sorted_by_value(void **state)
{
	static const struct {
		long value;
		const char *meaning;
	} netxduo[] = {
#include "verdict/status_netxduo.def"
	}, mbedtls[] = {
#include "verdict/status_mbedtls.def"
	}, wolfssl[] = {
#include "verdict/status_wolfssl.def"
	}, gnutls[] = {
#include "verdict/status_gnutls.def"
	}, bearssl[] = {
#include "verdict/status_bearssl.def"
	};

	(void)state;
	for (size_t i = 1; i < sizeof(netxduo) / sizeof(netxduo[0]); i++)
		assert_true(netxduo[i - 1].value < netxduo[i].value);
	for (size_t i = 1; i < sizeof(mbedtls) / sizeof(mbedtls[0]); i++)
		assert_true(mbedtls[i - 1].value <= mbedtls[i].value);
	for (size_t i = 1; i < sizeof(wolfssl) / sizeof(wolfssl[0]); i++)
		assert_true(wolfssl[i - 1].value < wolfssl[i].value);
	for (size_t i = 1; i < sizeof(gnutls) / sizeof(gnutls[0]); i++)
		assert_true(gnutls[i - 1].value < gnutls[i].value);
	for (size_t i = 1; i < sizeof(bearssl) / sizeof(bearssl[0]); i++)
		assert_true(bearssl[i - 1].value < bearssl[i].value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_are_named_by_stack_and_version),
		cmocka_unit_test(sum_of_two_codes_of_mbedtls_is_taken_apart),
		cmocka_unit_test(code_of_esp_tls_is_told_with_the_one_within),
		cmocka_unit_test(verify_flags_are_read_from_the_log),
		cmocka_unit_test(code_that_is_not_known_has_no_name),
		cmocka_unit_test(tables_are_sorted_by_value),
	};

	return cmocka_run_group_tests_name("verdict/status", tests, NULL, NULL);
}
