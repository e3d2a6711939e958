/* Certificates made by libcrypto, cut and spoilt; and bytes that are none. */
#include "decode/certificate.h"
#include "tests/decode/support.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static struct buf der_of(EVP_PKEY *key, const EVP_MD *md, const char *names)
{
	X509 *x509 = X509_new();
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	struct buf der = {0};
	uint8_t *encoded = NULL;
	int len;

	X509_set_version(x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), 255);
	ASN1_TIME_set_string_X509(X509_getm_notBefore(x509), "240918141929Z");
	ASN1_TIME_set_string_X509(X509_getm_notAfter(x509), "20991231235959Z");
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "O", MBSTRING_UTF8,
	                           (const uint8_t *)"Caf\xc3\xa9, \"B\"", -1, -1, 0);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
	                           (const uint8_t *)"board", -1, -1, 0);
	X509_set_issuer_name(x509, X509_get_subject_name(x509));
	X509_set_pubkey(x509, key);
	X509_add_ext(x509, extension, -1);
	assert_true(X509_sign(x509, key, md) > 0);
	len = i2d_X509(x509, &encoded);
	buf_add(&der, encoded, (size_t)len);
	OPENSSL_free(encoded);
	X509_EXTENSION_free(extension);
	X509_free(x509);
	return der;
}

/* The JSON that is told of an exact-size heap copy; the caller decrefs. */
static json_t *told(struct bytes der, bool *is_certificate)
{
	uint8_t *exact = malloc(der.len > 0 ? der.len : 1);
	struct buf out = {0};
	struct emit emit;
	json_t *value;

	if (der.len > 0)
		memcpy(exact, der.data, der.len);
	emit_init(&emit, &out, EMIT_JSON);
	buf_char(&out, '{');
	*is_certificate = certificate_tell(&emit, (struct bytes){exact, der.len});
	buf_char(&out, '}');
	value = json_loadb(buf_string(&out), out.len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES,
	                   NULL);
	assert_non_null(value);
	buf_fini(&out);
	free(exact);
	return value;
}

static void tells_names_times_key_and_signature(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-384");
	struct buf der = der_of(key, EVP_sha384(),
	                        "DNS:a.example,IP:192.0.2.1,IP:2001:db8::1,email:a@b,URI:urn:x,RID:1.2.3");
	bool is_certificate;
	json_t *value = told(buf_view(&der), &is_certificate);

	(void)state;
	assert_true(is_certificate);
	assert_text(value, "subject", "CN=board,O=Caf\xc3\xa9\\, \\\"B\\\"");
	assert_text(value, "issuer", "CN=board,O=Caf\xc3\xa9\\, \\\"B\\\"");
	assert_text(value, "serial", "ff");
	assert_text(value, "not_before", "2024-09-18T14:19:29Z");
	assert_text(value, "not_after", "2099-12-31T23:59:59Z");
	assert_text(value, "key", "EC secp384r1");
	assert_text(value, "signature", "ecdsa-with-SHA384");
	assert_text(value, "names.0", "DNS:a.example");
	assert_text(value, "names.1", "IP:192.0.2.1");
	assert_text(value, "names.2", "IP:2001:db8:0:0:0:0:0:1");
	assert_text(value, "names.3", "email:a@b");
	assert_text(value, "names.4", "URI:urn:x");
	assert_text(value, "names.5", "other:8");
	assert_int_equal(strlen(json_text(value, "sha256")), 64);
	json_decref(value);
	buf_fini(&der);
	EVP_PKEY_free(key);
}

/* A new key; EC keys are of `group`. */
static EVP_PKEY *generate(const char *algorithm, const char *group)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(context), 1);
	if (group != NULL)
		EVP_PKEY_CTX_set_group_name(context, group);
	assert_int_equal(EVP_PKEY_generate(context, &key), 1);
	EVP_PKEY_CTX_free(context);
	return key;
}

static void names_every_kind_of_key(void **state)
{
	static const struct {
		const char *algorithm;
		const char *group;
		const char *key;
		const char *signature;
	} cases[] = {
		{"RSA", NULL, "RSA 2048", "sha256WithRSAEncryption"},
		{"RSA-PSS", NULL, "RSA-PSS 2048", "rsassaPss"},
		{"EC", "P-256", "EC secp256r1", "ecdsa-with-SHA256"},
		{"EC", "brainpoolP256r1", "EC brainpoolP256r1", "ecdsa-with-SHA256"},
		{"ED25519", NULL, "Ed25519", "ED25519"},
		{"ED448", NULL, "Ed448", "ED448"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool edwards = cases[i].algorithm[1] == 'D';
		EVP_PKEY *key = generate(cases[i].algorithm, cases[i].group);
		struct buf der = der_of(key, edwards ? NULL : EVP_sha256(), "DNS:x");
		bool is_certificate;
		json_t *value = told(buf_view(&der), &is_certificate);

		assert_text(value, "key", cases[i].key);
		assert_text(value, "signature", cases[i].signature);
		json_decref(value);
		buf_fini(&der);
		EVP_PKEY_free(key);
	}
}

static void a_bare_public_key_is_told_as_a_key(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	uint8_t *encoded = NULL;
	int len = i2d_PUBKEY(key, &encoded);
	bool is_certificate;
	json_t *value = told((struct bytes){encoded, (size_t)len}, &is_certificate);

	(void)state;
	assert_true(is_certificate);
	assert_text(value, "key", "EC secp256r1");
	assert_null(json_object_get(value, "subject"));
	json_decref(value);
	OPENSSL_free(encoded);
	EVP_PKEY_free(key);
}

static void garbage_is_said_to_be_no_certificate(void **state)
{
	bool is_certificate;
	json_t *value =
		told((struct bytes){(const uint8_t *)"GET / HTTP/1.1", 14}, &is_certificate);

	(void)state;
	assert_false(is_certificate);
	assert_int_equal(json_number(value, "length"), 14);
	assert_text(value, "fault", "is neither a certificate nor a public key in DER");
	json_decref(value);
}

static void every_prefix_and_every_changed_byte_is_told(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct buf der = der_of(key, EVP_sha256(), "DNS:a.example,IP:192.0.2.1");
	bool is_certificate;

	(void)state;
	for (size_t n = 0; n < der.len; n++) {
		json_decref(told((struct bytes){der.data, n}, &is_certificate));
		assert_false(is_certificate);
		der.data[n] ^= (uint8_t)(1 << n % 8);
		json_decref(told(buf_view(&der), &is_certificate));
		der.data[n] ^= (uint8_t)(1 << n % 8);
	}
	buf_fini(&der);
	EVP_PKEY_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_names_times_key_and_signature),
		cmocka_unit_test(names_every_kind_of_key),
		cmocka_unit_test(a_bare_public_key_is_told_as_a_key),
		cmocka_unit_test(garbage_is_said_to_be_no_certificate),
		cmocka_unit_test(every_prefix_and_every_changed_byte_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
