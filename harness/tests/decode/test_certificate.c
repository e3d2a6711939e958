/* Certificates made by libcrypto, cut and spoilt; and bytes that are none. */
#include "decode/certificate.h"
#include "tests/decode/support.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static struct buf sign_and_free(X509 *x509, EVP_PKEY *key, const EVP_MD *md)
{
	struct buf der = {0};
	uint8_t *encoded = NULL;
	int len;

	X509_set_pubkey(x509, key);
	assert_true(X509_sign(x509, key, md) > 0);
	len = i2d_X509(x509, &encoded);
	buf_add(&der, encoded, (size_t)len);
	OPENSSL_free(encoded);
	X509_free(x509);
	return der;
}

static struct buf der_of(EVP_PKEY *key, const EVP_MD *md, const char *names)
{
	X509 *x509 = X509_new();
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	struct buf der;

	X509_set_version(x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), 255);
	ASN1_TIME_set_string_X509(X509_getm_notBefore(x509), "240918141929Z");
	ASN1_TIME_set_string_X509(X509_getm_notAfter(x509), "20991231235959Z");
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "O", MBSTRING_UTF8,
	                           (const uint8_t *)"Caf\xc3\xa9, \"B\"", -1, -1, 0);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
	                           (const uint8_t *)"board", -1, -1, 0);
	X509_set_issuer_name(x509, X509_get_subject_name(x509));
	X509_add_ext(x509, extension, -1);
	der = sign_and_free(x509, key, md);
	X509_EXTENSION_free(extension);
	return der;
}

/* The JSON that is told of an exact-size heap copy; the caller decrefs. */
static json_t *told(struct bytes der, bool *is_certificate)
{
	uint8_t *exact = malloc(der.len > 0 ? der.len : 1);
	struct buf out = {0};
	struct fault fault;
	struct emit emit;
	json_t *value;

	if (der.len > 0)
		memcpy(exact, der.data, der.len);
	emit_init(&emit, &out, EMIT_JSON);
	buf_char(&out, '{');
	*is_certificate = certificate_tell(&emit, (struct bytes){exact, der.len}, &fault);
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
	assert_text(value, "names.5", "RID:1.2.3");
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

/* A certificate with odd values: told as they are. */
static struct buf odd_der(EVP_PKEY *key)
{
	static const struct {
		int nid;
		const char *value;
	} extensions[] = {
		{NID_basic_constraints, "critical,CA:TRUE,pathlen:3"},
		{NID_key_usage, "critical,digitalSignature,decipherOnly"},
		{NID_ext_key_usage, "serverAuth,1.2.3.4"},
		{NID_name_constraints, "permitted;DNS:.a,excluded;IP:10.0.0.0/255.0.0.0"},
		{NID_subject_key_identifier, "aabb"},
		{NID_certificate_policies, "2.23.140.1.2.1,1.2.3"},
		{NID_info_access, "OCSP;URI:http://o,caIssuers;URI:http://c"},
		{NID_crl_distribution_points, "URI:http://d"},
		{NID_tlsfeature, "status_request"},
		{NID_policy_constraints, "requireExplicitPolicy:2"},
		{NID_netscape_comment, "hello"},
		{NID_issuer_alt_name, "email:a@b"},
	};
	X509 *x509 = X509_new();
	ASN1_INTEGER *serial = X509_get_serialNumber(x509);
	CONF *conf = NCONF_new(NULL); /* libcrypto reads no policies without */
	X509V3_CTX context;
	struct buf der;
	uint8_t *not_utf8;

	X509V3_set_ctx(&context, x509, x509, NULL, NULL, 0);
	X509V3_set_nconf(&context, conf);
	X509_set_version(x509, X509_VERSION_3);
	ASN1_INTEGER_set(serial, -256);
	ASN1_GENERALIZEDTIME_set_string(X509_getm_notBefore(x509), "20500101000000Z");
	ASN1_TIME_set_string(X509_getm_notAfter(x509), "99991231235959Z");
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", V_ASN1_BMPSTRING,
	                           (const uint8_t *)"\x01\x41\x20\xac", 4, -1, 0);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "O", V_ASN1_UTF8STRING,
	                           (const uint8_t *)"#?\n ", 4, -1, 0);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "OU", V_ASN1_T61STRING,
	                           (const uint8_t *)"caf\xe9", 4, -1, -1);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "1.2.3.4", V_ASN1_UTF8STRING,
	                           (const uint8_t *)"x", 1, -1, 0);
	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, extensions[i].nid,
		                                                extensions[i].value);

		if (extension == NULL)
			fail_msg("libcrypto refuses %s", extensions[i].value);
		X509_add_ext(x509, extension, -1);
		X509_EXTENSION_free(extension);
	}
	NCONF_free(conf);
	der = sign_and_free(x509, key, EVP_sha256());
	not_utf8 = memmem(der.data, der.len, "#?\n ", 4);
	not_utf8[1] = 0xff; /* libcrypto encodes none */
	return der;
}

/* An extension by its name, and the rest of it as compact JSON. */
struct told_extension {
	const char *name;
	const char *told;
};

static void assert_extensions(const json_t *value, const struct told_extension *expected, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		json_t *extension =
			json_deep_copy(find_in(value, "extensions", "name", expected[i].name));
		char *text;

		json_object_del(extension, "name");
		text = json_dumps(extension, JSON_COMPACT);
		assert_string_equal(text, expected[i].told);
		free(text);
		json_decref(extension);
	}
}

static void odd_values_are_told_as_they_are(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct buf der = odd_der(key);
	bool is_certificate;
	json_t *value = told(buf_view(&der), &is_certificate);

	(void)state;
	assert_true(is_certificate);
	assert_int_equal(json_number(value, "version"), 3);
	assert_text(value, "serial", "-0100");
	assert_text(value, "not_before", "2050-01-01T00:00:00Z");
	assert_text(value, "not_after", "9999-12-31T23:59:59Z");
	assert_text(value, "subject", "1.2.3.4=#0c0178,O=\\#\xc3\xbf\\0A\\ +OU=caf\xc3\xa9,"
	                              "CN=\xc5\x81\xe2\x82\xac");
	json_decref(value);
	buf_fini(&der);
	EVP_PKEY_free(key);
}

static void every_extension_is_told_by_its_fields(void **state)
{
	static const struct told_extension cases[] = {
		{"basicConstraints", "{\"critical\":true,\"ca\":true,\"path_len_constraint\":3}"},
		{"keyUsage",
	         "{\"critical\":true,\"key_usage\":[\"digitalSignature\",\"decipherOnly\"]}"},
		{"extKeyUsage",
	         "{\"critical\":false,\"key_purposes\":[\"serverAuth\",\"1.2.3.4\"]}"},
		{"nameConstraints", "{\"critical\":false,\"permitted_subtrees\":[\"DNS:.a\"],"
	                            "\"excluded_subtrees\":[\"IP:10.0.0.0/255.0.0.0\"]}"},
		{"subjectKeyIdentifier", "{\"critical\":false,\"key_identifier\":\"aabb\"}"},
		{"certificatePolicies",
	         "{\"critical\":false,\"policies\":[{\"policy_identifier\":\"domainValidated\"},"
	         "{\"policy_identifier\":\"1.2.3\"}]}"},
		{"authorityInfoAccess",
	         "{\"critical\":false,\"access_descriptions\":[{\"access_method\":\"ocsp\","
	         "\"access_location\":\"URI:http://o\"},{\"access_method\":\"caIssuers\","
	         "\"access_location\":\"URI:http://c\"}]}"},
		{"cRLDistributionPoints", "{\"critical\":false,\"distribution_points\":["
	                                  "{\"full_name\":[\"URI:http://d\"]}]}"},
		{"tlsfeature", "{\"critical\":false,\"features\":[\"status_request\"]}"},
		{"policyConstraints", "{\"critical\":false,\"require_explicit_policy\":2}"},
		{"netscapeComment", "{\"critical\":false,\"comment\":\"hello\"}"},
		{"issuerAltName", "{\"critical\":false,\"names\":[\"email:a@b\"]}"},
	};
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct buf der = odd_der(key);
	bool is_certificate;
	json_t *value = told(buf_view(&der), &is_certificate);

	(void)state;
	assert_extensions(value, cases, sizeof(cases) / sizeof(cases[0]));
	json_decref(value);
	buf_fini(&der);
	EVP_PKEY_free(key);
}

/* Extensions that few certificates have, in the words of libcrypto's configuration. */
static const char rare[] =
	"[rare]\n"
	"nsCertType = server, objCA\n"
	"policyMappings = 1.2.3:1.2.4\n"
	"inhibitAnyPolicy = 2\n"
	"policyConstraints = inhibitPolicyMapping:1\n"
	"keyUsage = DER:0303060040\n"
	"certificatePolicies = @policy\n"
	"authorityKeyIdentifier = issuer:always\n"
	"crlDistributionPoints = point\n"
	"freshestCRL = relative\n"
	"issuerAltName = otherName:1.2.3;UTF8:a name, otherName:1.2.4;INTEGER:5, dirName:person\n"
	"privateKeyUsagePeriod = "
	"DER:3022800f32303234303130313030303030305a810f32303235303130313030303030305a\n"
	"1.3.6.1.4.1.44363.44 = DER:0500\n"
	"1.2.3.4.5 = DER:0500\n"
	"[policy]\n"
	"policyIdentifier = 1.2.3\n"
	"CPS.1 = http://p\n"
	"userNotice.1 = @notice\n"
	"[notice]\n"
	"explicitText = UTF8:hi\n"
	"[point]\n"
	"fullname = URI:http://d\n"
	"CRLissuer = dirName:person\n"
	"reasons = keyCompromise, CACompromise\n"
	"[relative]\n"
	"relativename = person\n"
	"[person]\n"
	"CN = somebody\n";

static struct buf rare_der(EVP_PKEY *key)
{
	X509 *x509 = X509_new();
	BIO *text = BIO_new_mem_buf(rare, -1);
	CONF *conf = NCONF_new(NULL);
	X509V3_CTX context;
	struct buf der;
	long line;

	assert_int_equal(NCONF_load_bio(conf, text, &line), 1);
	X509V3_set_ctx(&context, x509, x509, NULL, NULL, 0);
	X509V3_set_nconf(&context, conf);
	X509_set_version(x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), 7);
	ASN1_TIME_set_string_X509(X509_getm_notBefore(x509), "240918141929Z");
	ASN1_TIME_set_string_X509(X509_getm_notAfter(x509), "20991231235959Z");
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
	                           (const uint8_t *)"rare", -1, -1, 0);
	X509_set_issuer_name(x509, X509_get_subject_name(x509));
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "O", V_ASN1_UNIVERSALSTRING,
	                           (const uint8_t *)"\0\1\xf6\0\0\0\0a", 8, -1, 0);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "OU", V_ASN1_BMPSTRING,
	                           (const uint8_t *)"\x12\x34\x56\x78", 4, -1, 0);
	if (X509V3_EXT_add_nconf(conf, &context, "rare", x509) != 1) {
		ERR_print_errors_fp(stderr);
		fail_msg("libcrypto refuses the extensions");
	}
	NCONF_free(conf);
	BIO_free(text);
	der = sign_and_free(x509, key, EVP_sha256());
	memcpy(memmem(der.data, der.len, "\x12\x34\x56\x78", 4), "\xd8\x3d\xde\x00", 4);
	return der; /* with a pair of surrogates, which libcrypto encodes none of */
}

static void rare_extensions_are_told_by_their_fields(void **state)
{
	static const struct told_extension cases[] = {
		{"netscapeCertType",
	         "{\"critical\":false,\"certificate_types\":[\"sslServer\",\"objectSigningCA\"]}"},
		{"policyMappings",
	         "{\"critical\":false,\"policy_mappings\":[{\"issuer_domain_policy\":\"1.2.3\","
	         "\"subject_domain_policy\":\"1.2.4\"}]}"},
		{"inhibitAnyPolicy", "{\"critical\":false,\"skip_certs\":2}"},
		{"policyConstraints", "{\"critical\":false,\"inhibit_policy_mapping\":1}"},
		{"keyUsage", "{\"critical\":false,\"key_usage\":[\"9\"]}"},
		{"certificatePolicies",
	         "{\"critical\":false,\"policies\":[{\"policy_identifier\":\"1.2.3\","
	         "\"policy_qualifiers\":[\"http://p\",\"30040c026869\"]}]}"},
		{"authorityKeyIdentifier",
	         "{\"critical\":false,\"authority_cert_issuer\":[\"DirName:CN=rare\"],"
	         "\"authority_cert_serial_number\":\"07\"}"},
		{"cRLDistributionPoints",
	         "{\"critical\":false,\"distribution_points\":[{\"full_name\":[\"URI:http://d\"],"
	         "\"reasons\":[\"keyCompromise\",\"cACompromise\"],"
	         "\"crl_issuer\":[\"DirName:CN=somebody\"]}]}"},
		{"freshestCRL",
	         "{\"critical\":false,\"distribution_points\":["
	         "{\"name_relative_to_crl_issuer\":\"300f06035504030c08736f6d65626f6479\"}]}"},
		{"issuerAltName",
	         "{\"critical\":false,\"names\":[\"other:1.2.3:a name\",\"other:1.2.4:020105\","
	         "\"DirName:CN=somebody\"]}"},
		{"privateKeyUsagePeriod",
	         "{\"critical\":false,\"not_before\":\"20240101000000Z\","
	         "\"not_after\":\"20250101000000Z\"}"},
		{"DelegationUsage", "{\"critical\":false}"},
		{"1.2.3.4.5", "{\"critical\":false,\"data\":\"0500\"}"},
	};
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct buf der = rare_der(key);
	bool is_certificate;
	json_t *value = told(buf_view(&der), &is_certificate);

	(void)state;
	assert_extensions(value, cases, sizeof(cases) / sizeof(cases[0]));
	assert_text(value, "subject", "OU=\xf0\x9f\x98\x80,O=\xf0\x9f\x98\x80" "a,CN=rare");
	json_decref(value);
	buf_fini(&der);
	EVP_PKEY_free(key);
}

/* Seconds, fractions and zones: X.680 clause 46, of which RFC 5280 section 4.1.2.5 takes less. */
static void times_are_told_with_what_they_have(void **state)
{
	static const struct {
		const char *time, *told;
		bool is_time;
	} rows[] = {
		{"20240101120007Z", "2024-01-01T12:00:07Z", true},
		{"202401011200Z", "2024-01-01T12:00:00Z", true},
		{"20240101120007.25Z", "2024-01-01T12:00:07.25Z", true},
		{"202401011200+0130", "2024-01-01T12:00:00+01:30", true},
		{"20240101120007-01", "20240101120007-01", false},
		{"20240101120007", "20240101120007", false},
		{"20240101120007Z ", "20240101120007Z ", false},
	};
	EVP_PKEY *key = EVP_EC_gen("P-256");

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		X509 *x509 = X509_new();
		struct buf der;
		bool is_certificate;
		json_t *value;

		ASN1_TIME_set_string_X509(X509_getm_notBefore(x509), "240918141929Z");
		ASN1_GENERALIZEDTIME_set_string(X509_getm_notAfter(x509), "20500101000000Z");
		ASN1_STRING_set(X509_getm_notAfter(x509), rows[i].time, -1);
		der = sign_and_free(x509, key, EVP_sha256());
		value = told(buf_view(&der), &is_certificate);
		assert_text(value, "not_after", rows[i].told);
		assert_int_equal(json_object_get(value, "fault") == NULL, rows[i].is_time);
		json_decref(value);
		buf_fini(&der);
	}
	EVP_PKEY_free(key);
}

/* Damage in one place is said with its byte, and hides nothing else. */
static void damage_is_said_and_hides_nothing_else(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct buf der = odd_der(key);
	uint8_t *time = memmem(der.data, der.len, "20500101", 8);
	bool is_certificate;
	char expected[FAULT_TEXT_MAX];
	json_t *value;

	(void)state;
	time[0] = 'x';
	value = told(buf_view(&der), &is_certificate);
	assert_false(is_certificate);
	snprintf(expected, sizeof(expected), "notBefore at byte %td is not a time",
	         time - 2 - der.data);
	assert_text(value, "fault", expected);
	assert_text(value, "not_before", "x0500101000000Z");
	assert_text(value, "not_after", "9999-12-31T23:59:59Z");
	assert_text(value, "key", "EC secp256r1");
	assert_int_equal(json_array_size(json_object_get(value, "extensions")), 12);
	json_decref(value);
	value = told((struct bytes){der.data, (size_t)(time + 20 - der.data)}, &is_certificate);
	assert_false(is_certificate);
	assert_text(value, "serial", "-0100");
	assert_null(json_object_get(value, "key"));
	json_decref(value);
	buf_fini(&der);
	EVP_PKEY_free(key);
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
	assert_text(value, "fault",
	            "cert_data at byte 0 is neither a certificate nor a public key in DER");
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
		cmocka_unit_test(odd_values_are_told_as_they_are),
		cmocka_unit_test(every_extension_is_told_by_its_fields),
		cmocka_unit_test(rare_extensions_are_told_by_their_fields),
		cmocka_unit_test(times_are_told_with_what_they_have),
		cmocka_unit_test(damage_is_said_and_hides_nothing_else),
		cmocka_unit_test(a_bare_public_key_is_told_as_a_key),
		cmocka_unit_test(garbage_is_said_to_be_no_certificate),
		cmocka_unit_test(every_prefix_and_every_changed_byte_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
