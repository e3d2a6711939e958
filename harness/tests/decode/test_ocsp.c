/* OCSP responses made and signed by libcrypto, cut and spoilt. */
#include "decode/ocsp.h"
#include "tests/decode/support.h"

#include <openssl/ocsp.h>
#include <openssl/x509.h>

static X509 *certificate_of(EVP_PKEY *key, long serial)
{
	X509 *x509 = X509_new();

	ASN1_INTEGER_set(X509_get_serialNumber(x509), serial);
	ASN1_TIME_set_string_X509(X509_getm_notBefore(x509), "240918141929Z");
	ASN1_TIME_set_string_X509(X509_getm_notAfter(x509), "340918141929Z");
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
	                           (const uint8_t *)"responder", -1, -1, 0);
	X509_set_pubkey(x509, key);
	X509_sign(x509, key, EVP_sha256());
	return x509;
}

/* A response about two certificates, one of them revoked. */
static struct buf response_der(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *responder = certificate_of(key, 1), *good = certificate_of(key, 0x1234);
	ASN1_TIME *time = ASN1_TIME_new();
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), good, responder);
	OCSP_RESPONSE *response;
	struct buf der = {0};
	uint8_t *encoded = NULL;
	int len;

	ASN1_TIME_set_string(time, "20260102030405Z");
	OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, NULL, time, time);
	OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_REVOKED, OCSP_REVOKED_STATUS_KEYCOMPROMISE,
	                       time, time, NULL);
	OCSP_basic_add1_nonce(basic, (unsigned char *)"\x01\x02", 2);
	assert_int_equal(OCSP_basic_sign(basic, responder, key, EVP_sha256(), NULL, 0), 1);
	response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	len = i2d_OCSP_RESPONSE(response, &encoded);
	buf_add(&der, encoded, (size_t)len);
	OPENSSL_free(encoded);
	OCSP_RESPONSE_free(response);
	OCSP_CERTID_free(id);
	OCSP_BASICRESP_free(basic);
	ASN1_TIME_free(time);
	X509_free(good);
	X509_free(responder);
	EVP_PKEY_free(key);
	return der;
}

/* What is told of an exact-size heap copy; the caller decrefs. */
static json_t *told(struct bytes der, struct fault *fault)
{
	uint8_t *exact = malloc(der.len > 0 ? der.len : 1);
	struct buf out = {0};
	struct reader reader;
	struct emit emit;
	json_t *value;

	if (der.len > 0)
		memcpy(exact, der.data, der.len);
	reader_init(&reader, exact, der.len, fault);
	emit_init(&emit, &out, EMIT_JSON);
	buf_char(&out, '{');
	ocsp_response_tell(&emit, "ocsp_response", &reader);
	buf_char(&out, '}');
	value = json_loadb(buf_string(&out), out.len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES,
	                   NULL);
	if (value == NULL)
		fail_msg("not JSON: %s", buf_string(&out));
	buf_fini(&out);
	free(exact);
	return value;
}

static void a_signed_response_is_told_in_full(void **state)
{
	struct buf der = response_der();
	struct fault fault;
	json_t *all = told(buf_view(&der), &fault);
	const json_t *value = json_object_get(all, "ocsp_response");

	(void)state;
	assert_int_equal(fault.kind, FAULT_NONE);
	assert_text(value, "response_status", "successful");
	assert_text(value, "response_type", "basic");
	assert_text(value, "responder_id", "CN=responder");
	assert_text(value, "responses.0.hash_algorithm", "sha1");
	assert_text(value, "responses.0.serial_number", "1234");
	assert_text(value, "responses.0.cert_status", "good");
	assert_text(value, "responses.0.this_update", "2026-01-02T03:04:05Z");
	assert_text(value, "responses.0.next_update", "2026-01-02T03:04:05Z");
	assert_text(value, "responses.1.cert_status", "revoked");
	assert_text(value, "responses.1.revocation_time", "2026-01-02T03:04:05Z");
	assert_text(value, "responses.1.revocation_reason", "keyCompromise");
	assert_null(at_path(value, "responses.1.next_update"));
	assert_text(value, "extensions.0.name", "nonce");
	assert_text(value, "extensions.0.nonce", "0102");
	assert_text(value, "signature_algorithm", "ecdsa-with-SHA256");
	assert_text(value, "certs.0.subject", "CN=responder");
	json_decref(all);
	buf_fini(&der);
}

static void a_refusal_has_a_status_alone(void **state)
{
	struct buf der = from_hex("30030a0106");
	struct fault fault;
	json_t *value = told(buf_view(&der), &fault);

	(void)state;
	assert_int_equal(fault.kind, FAULT_NONE);
	assert_text(value, "ocsp_response.response_status", "unauthorized");
	json_decref(value);
	buf_fini(&der);
}

static void every_prefix_and_every_changed_byte_is_told(void **state)
{
	struct buf der = response_der();
	struct fault fault;

	(void)state;
	for (size_t n = 0; n < der.len; n++) {
		json_decref(told((struct bytes){der.data, n}, &fault));
		assert_int_not_equal(fault.kind, FAULT_NONE);
		der.data[n] ^= (uint8_t)(1 << n % 8);
		json_decref(told(buf_view(&der), &fault));
		der.data[n] ^= (uint8_t)(1 << n % 8);
	}
	buf_fini(&der);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signed_response_is_told_in_full),
		cmocka_unit_test(a_refusal_has_a_status_alone),
		cmocka_unit_test(every_prefix_and_every_changed_byte_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
