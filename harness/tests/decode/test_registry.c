/*
 * The names of code points, and what the names of cipher suites say; libssl is the second opinion.
 */
#include "decode/suite.h"
#include "tests/decode/support.h"

#include <openssl/ssl.h>

struct row {
	enum registry registry;
	uint32_t value;
	const char *name;
	const char *source;
};

static const struct row rows[] = {
#define ROW(value, name, source) {REGISTRY_CIPHER_SUITE, value, #name, source},
#include "decode/registry/cipher_suite.def"
#undef ROW
#define ROW(value, name, source) {REGISTRY_EXTENSION_TYPE, value, #name, source},
#include "decode/registry/extension_type.def"
#undef ROW
#define ROW(value, name, source) {REGISTRY_NAMED_GROUP, value, #name, source},
#include "decode/registry/named_group.def"
#undef ROW
#define ROW(value, name, source) {REGISTRY_SIGNATURE_SCHEME, value, #name, source},
#include "decode/registry/signature_scheme.def"
#undef ROW
#define ROW(value, name, source) {REGISTRY_ALERT_DESCRIPTION, value, #name, source},
#include "decode/registry/alert_description.def"
#undef ROW
#define ROW(value, name, source) {REGISTRY_PROTOCOL_VERSION, value, #name, source},
#include "decode/registry/protocol_version.def"
#undef ROW
#define ROW(value, name, source) {REGISTRY_HANDSHAKE_TYPE, value, #name, source},
#include "decode/registry/handshake_type.def"
#undef ROW
#define ROW(value, name, source) {REGISTRY_HPKE_KEM, value, #name, source},
#include "decode/registry/hpke_kem.def"
#undef ROW
};

static void rows_are_sorted_and_found_by_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (i > 0 && rows[i].registry == rows[i - 1].registry)
			assert_true(rows[i].value > rows[i - 1].value);
		assert_string_equal(registry_name(rows[i].registry, rows[i].value), rows[i].name);
		assert_string_equal(registry_source(rows[i].registry, rows[i].value),
		                    rows[i].source);
		assert_false(registry_is_grease(rows[i].registry, rows[i].value));
	}
}

static void unknown_values_keep_their_number(void **state)
{
	char text[REGISTRY_LABEL_MAX];

	(void)state;
	assert_null(registry_name(REGISTRY_CIPHER_SUITE, 0x4321));
	assert_null(registry_source(REGISTRY_CIPHER_SUITE, 0x4321));
	assert_string_equal(registry_label(REGISTRY_CIPHER_SUITE, 0x4321, text), "0x4321");
	assert_string_equal(registry_label(REGISTRY_ALERT_DESCRIPTION, 7, text), "0x07");
	assert_string_equal(registry_label(REGISTRY_PROTOCOL_VERSION, 0x0305, text), "0x0305");
}

static void grease_is_what_rfc_8701_lists(void **state)
{
	static const uint8_t modes[] = {0x0b, 0x2a, 0x49, 0x68, 0x87, 0xa6, 0xc5, 0xe4};
	unsigned n16 = 0, n8 = 0;

	(void)state;
	for (uint32_t value = 0; value <= 0xffff; value++)
		n16 += grease16(value);
	for (uint32_t value = 0; value <= 0xff; value++)
		n8 += registry_is_grease(REGISTRY_PSK_KEY_EXCHANGE_MODE, value);
	assert_int_equal(n16, 16);
	assert_int_equal(n8, 8);
	assert_true(grease16(0x0a0a) && grease16(0xfafa) && !grease16(0x0a1a));
	for (size_t i = 0; i < sizeof(modes); i++)
		assert_true(registry_is_grease(REGISTRY_PSK_KEY_EXCHANGE_MODE, modes[i]));
	assert_false(registry_is_grease(REGISTRY_COMPRESSION_METHOD, 0x0b));
}

/* What libcrypto's NIDs of key exchange and authentication mean here. */
static void assert_exchange(const SSL_CIPHER *cipher, struct suite_exchange suite)
{
	static const struct {
		int nid;
		enum key_exchange key_exchange;
	} known[] = {{NID_kx_rsa, KX_RSA},         {NID_kx_dhe, KX_DHE},
	             {NID_kx_ecdhe, KX_ECDHE},     {NID_kx_psk, KX_PSK},
	             {NID_kx_rsa_psk, KX_RSA_PSK}, {NID_kx_dhe_psk, KX_DHE_PSK},
	             {NID_kx_ecdhe_psk, KX_ECDHE_PSK}, {NID_kx_srp, KX_SRP}};
	int auth = SSL_CIPHER_get_auth_nid(cipher);
	bool ephemeral = suite.key_exchange == KX_DHE || suite.key_exchange == KX_ECDHE ||
	                 suite.key_exchange == KX_SRP;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].nid == SSL_CIPHER_get_kx_nid(cipher))
			assert_int_equal(suite.key_exchange, known[i].key_exchange);
	assert_int_equal(suite.is_signed,
	                 ephemeral && (auth == NID_auth_rsa || auth == NID_auth_ecdsa ||
	                               auth == NID_auth_dss));
}

static void assert_cipher(const SSL_CIPHER *cipher, struct suite suite)
{
	const EVP_CIPHER *evp = EVP_get_cipherbynid(SSL_CIPHER_get_cipher_nid(cipher));

	if (suite.cipher == NULL || suite.cipher->fetch == NULL || evp == NULL)
		return;
	assert_int_equal(suite.cipher->key_len, EVP_CIPHER_get_key_length(evp));
	assert_int_equal(suite.mac == NULL, SSL_CIPHER_is_aead(cipher));
	if (suite.mac == NULL)
		assert_true(EVP_MD_is_a(SSL_CIPHER_get_handshake_digest(cipher), suite.hash));
	else
		assert_true(EVP_MD_is_a(EVP_get_digestbynid(SSL_CIPHER_get_digest_nid(cipher)),
		                        suite.mac));
}

static void libssl_agrees_about_every_cipher_suite_it_has(void **state)
{
	SSL_CTX *context = SSL_CTX_new(TLS_method());
	SSL *ssl;
	STACK_OF(SSL_CIPHER) *ciphers;
	int n_opened = 0;

	(void)state;
	SSL_CTX_set_security_level(context, 0);
	SSL_CTX_set_cipher_list(context, "ALL:COMPLEMENTOFALL");
	ssl = SSL_new(context);
	ciphers = SSL_get_ciphers(ssl);
	assert_true(sk_SSL_CIPHER_num(ciphers) > 100);
	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
		const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);
		uint16_t value = SSL_CIPHER_get_protocol_id(cipher);
		struct suite suite = suite_describe(value);

		assert_string_equal(registry_name(REGISTRY_CIPHER_SUITE, value),
		                    SSL_CIPHER_standard_name(cipher));
		if (value >> 8 != 0x13)
			assert_exchange(cipher, suite.exchange);
		assert_cipher(cipher, suite);
		n_opened += suite.cipher != NULL;
	}
	assert_int_equal(n_opened, sk_SSL_CIPHER_num(ciphers));
	SSL_free(ssl);
	SSL_CTX_free(context);
}

static void suites_that_are_none_describe_nothing(void **state)
{
	static const uint16_t values[] = {0x0a0a, 0x4321, 0x00ff, 0x5600, 0xc0b4, 0xc100, 0xfeff};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		assert_null(suite_describe(values[i]).cipher);
		assert_int_equal(suite_describe(values[i]).exchange.key_exchange, KX_UNKNOWN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_sorted_and_found_by_value),
		cmocka_unit_test(unknown_values_keep_their_number),
		cmocka_unit_test(grease_is_what_rfc_8701_lists),
		cmocka_unit_test(libssl_agrees_about_every_cipher_suite_it_has),
		cmocka_unit_test(suites_that_are_none_describe_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
