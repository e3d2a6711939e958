/* The shipped certificates that are odd, or to be refused: OpenSSL finds in each what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "peer/certs.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ftw.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW ((time_t)1800000000) /* the tests' own day: nothing here depends on today's */
#define HOST "server.shakedown.test"

static char workshop[] = "/tmp/shakedown-odd-XXXXXX";
static char *recipes_path, *out;
static struct recipes recipes;

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status, (void)type, (void)ftw;
	return remove(path);
}

static int set_up(void **state)
{
	struct error error = {0};
	struct certs_made made;

	(void)state;
	if (file_data_root(&error) == NULL || mkdtemp(workshop) == NULL)
		return -1;
	recipes_path = file_join(file_data_root(NULL), "certs/recipes.json");
	out = file_join(workshop, "out");
	if (certs_make_at(recipes_path, out, NOW, &made, &error) == 0 &&
	    recipes_load(&recipes, recipes_path, &error) == 0)
		return 0;
	print_error("%s\n", error.text);
	return -1;
}

static int tear_down(void **state)
{
	(void)state;
	recipes_fini(&recipes);
	nftw(workshop, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(recipes_path);
	free(out);
	return 0;
}

static struct buf content_of(const char *name, const char *file)
{
	char *folder = file_join(out, name), *path = file_join(folder, file);
	struct buf content = {0};
	struct error error = {0};

	if (file_read(path, 1u << 20, &content, &error) != 0)
		fail_msg("%s", error.text);
	free(path);
	free(folder);
	return content;
}

/* All certificates of a PEM file; the caller frees them. */
static STACK_OF(X509) *read_certificates(const char *name, const char *file)
{
	STACK_OF(X509) *certificates = sk_X509_new_null();
	struct buf pem = content_of(name, file);
	BIO *memory = BIO_new_mem_buf(pem.data, (int)pem.len);
	X509 *certificate;

	while ((certificate = PEM_read_bio_X509(memory, NULL, NULL, NULL)) != NULL)
		sk_X509_push(certificates, certificate);
	ERR_clear_error();
	BIO_free(memory);
	buf_fini(&pem);
	assert_true(sk_X509_num(certificates) > 0);
	return certificates;
}

/* Verifies as a client that trusts ca.pem would at `now`: X509_V_OK, or what is wrong. */
static int verify(const char *name, const char *host, time_t now)
{
	STACK_OF(X509) *chain = read_certificates(name, "chain.pem");
	STACK_OF(X509) *roots = read_certificates(name, "ca.pem");
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	int reason;

	assert_true(X509_STORE_add_cert(store, sk_X509_value(roots, 0)));
	assert_true(X509_STORE_CTX_init(context, store, sk_X509_value(chain, 0), chain));
	param = X509_STORE_CTX_get0_param(context);
	X509_VERIFY_PARAM_set_time(param, now);
	X509_VERIFY_PARAM_set_auth_level(param, 2);
	assert_true(X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER));
	assert_true(X509_VERIFY_PARAM_set1_ip_asc(param, host) ||
	            X509_VERIFY_PARAM_set1_host(param, host, 0));
	reason = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
	ERR_clear_error();
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	sk_X509_pop_free(chain, X509_free);
	sk_X509_pop_free(roots, X509_free);
	return reason;
}

/* What OpenSSL says to each; X509_V_OK where it takes what others must not, or need not, take. */
static const struct {
	const char *name;
	int reason;
	const char *host; /* NULL: HOST */
} refused[] = {
	{"expired", X509_V_ERR_CERT_HAS_EXPIRED, NULL},
	{"not-yet-valid", X509_V_ERR_CERT_NOT_YET_VALID, NULL},
	{"valid-in-1970-only", X509_V_ERR_CERT_HAS_EXPIRED, NULL},
	{"intermediate-has-expired", X509_V_ERR_CERT_HAS_EXPIRED, NULL},
	{"five-years", X509_V_OK, NULL},
	{"wrong-dns-name", X509_V_ERR_HOSTNAME_MISMATCH, NULL},
	{"wrong-name-right-common-name", X509_V_ERR_HOSTNAME_MISMATCH, NULL},
	{"name-in-common-name-only", X509_V_OK, NULL},
	{"wildcard-over-two-labels", X509_V_ERR_HOSTNAME_MISMATCH, NULL},
	{"wildcard-not-leftmost", X509_V_ERR_HOSTNAME_MISMATCH, NULL},
	{"wildcard-alone", X509_V_ERR_HOSTNAME_MISMATCH, NULL},
	{"wildcard-below", X509_V_ERR_HOSTNAME_MISMATCH, NULL},
	{"wildcard-within-label", X509_V_OK, NULL},
	{"name-with-nul", X509_V_ERR_HOSTNAME_MISMATCH, NULL},
	{"ip-address-of-another", X509_V_ERR_IP_ADDRESS_MISMATCH, "127.0.0.1"},
	{"ip-address-as-dns-name", X509_V_ERR_IP_ADDRESS_MISMATCH, "127.0.0.1"},
	{"unknown-root", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, NULL},
	{"unknown-root-is-sent", X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, NULL},
	{"impostor-root", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, NULL},
	{"cross-signed-intermediate", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, NULL},
	{"self-signed", X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, NULL},
	{"missing-intermediate", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, NULL},
	{"issuer-is-no-ca", X509_V_ERR_INVALID_CA, NULL},
	{"issuer-has-no-basic-constraints", X509_V_ERR_INVALID_CA, NULL},
	{"issuer-must-not-sign", X509_V_ERR_INVALID_CA, NULL},
	{"path-length-exceeded", X509_V_ERR_PATH_LENGTH_EXCEEDED, NULL},
	{"name-not-permitted", X509_V_ERR_PERMITTED_VIOLATION, NULL},
	{"name-excluded", X509_V_ERR_EXCLUDED_VIOLATION, NULL},
	{"unknown-critical-extension", X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, NULL},
	{"issuer-has-unknown-critical-extension", X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, NULL},
	{"broken-signature", X509_V_ERR_CERT_SIGNATURE_FAILURE, NULL},
	{"issuer-has-broken-signature", X509_V_ERR_CERT_SIGNATURE_FAILURE, NULL},
	{"algorithms-differ", X509_V_ERR_CERT_SIGNATURE_FAILURE, NULL},
	{"wrong-extended-key-usage", X509_V_ERR_INVALID_PURPOSE, NULL},
	{"wrong-key-usage", X509_V_ERR_INVALID_PURPOSE, NULL},
	{"key-agreement-only", X509_V_OK, NULL},
	{"sha1-signature", X509_V_ERR_CA_MD_TOO_WEAK, NULL},
	{"rsa-1024", X509_V_ERR_EE_KEY_TOO_SMALL, NULL},
	{"malformed-date", X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD, NULL},
	{"malformed-names", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, NULL},
	{"duplicate-extension", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, NULL},
	{"not-der", X509_V_OK, NULL},
	{"negative-serial", X509_V_OK, NULL},
	{"expired-rsa", X509_V_ERR_CERT_HAS_EXPIRED, NULL},
	{"wrong-dns-name-rsa", X509_V_ERR_HOSTNAME_MISMATCH, NULL},
	{"unknown-root-rsa", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, NULL},
	{"self-signed-rsa", X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, NULL},
	{"missing-intermediate-rsa", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, NULL},
	{"issuer-is-no-ca-rsa", X509_V_ERR_INVALID_CA, NULL},
	{"broken-signature-rsa", X509_V_ERR_CERT_SIGNATURE_FAILURE, NULL},
	{"wrong-extended-key-usage-rsa", X509_V_ERR_INVALID_PURPOSE, NULL},
	{"wrong-key-usage-rsa", X509_V_ERR_INVALID_PURPOSE, NULL},
	{"encipherment-only-rsa", X509_V_OK, NULL},
	{"sha1-signature-rsa", X509_V_ERR_CA_MD_TOO_WEAK, NULL},
	{"malformed-names-rsa", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, NULL},
	{"duplicate-extension-rsa", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, NULL},
};

static void every_flaw_is_seen_by_openssl_as_what_it_is(void **state)
{
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		const char *host = refused[i].host != NULL ? refused[i].host : HOST;
		int reason = verify(refused[i].name, host, NOW);

		if (reason != refused[i].reason) {
			print_error("%s: %d %s\n", refused[i].name, reason,
			            X509_verify_cert_error_string(reason));
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static void every_recipe_that_is_to_be_refused_is_in_this_test(void **state)
{
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < recipes.n; i++) {
		if (recipes.list[i].refuse == NULL)
			continue;
		assert_string_equal(recipes.list[i].name, refused[n].name);
		assert_int_equal(recipes.list[i].role, CERT_SERVER);
		n++;
	}
	assert_int_equal(n, COUNT(refused));
}

/* So that a refusal shows the flaw and nothing else. */
static void what_a_flawed_leaf_is_like_is_good_and_has_the_same_root(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		const struct recipe *recipe = recipes_find(&recipes, refused[i].name);
		STACK_OF(X509) *root = read_certificates(recipe->name, "ca.pem");
		STACK_OF(X509) *model_root;

		assert_non_null(recipe->like);
		model_root = read_certificates(recipe->like->name, "ca.pem");
		assert_null(recipe->like->refuse);
		assert_int_equal(verify(recipe->like->name, HOST, NOW), X509_V_OK);
		assert_int_equal(X509_cmp(sk_X509_value(root, 0), sk_X509_value(model_root, 0)), 0);
		sk_X509_pop_free(root, X509_free);
		sk_X509_pop_free(model_root, X509_free);
	}
}

static void every_odd_chain_that_is_good_verifies(void **state)
{
	(void)state;
	for (size_t i = 0; i < recipes.n; i++)
		if (recipes.list[i].role == CERT_SERVER && recipes.list[i].refuse == NULL)
			assert_int_equal(verify(recipes.list[i].name, HOST, NOW), X509_V_OK);
}

/* The length of the Certificate message of TLS 1.3 (RFC 8446 section 4.4.2). */
static size_t message_size(const char *name, int *n)
{
	STACK_OF(X509) *chain = read_certificates(name, "chain.pem");
	size_t size = 4 + 1 + 3;

	*n = sk_X509_num(chain);
	for (int i = 0; i < *n; i++)
		size += 3 + (size_t)i2d_X509(sk_X509_value(chain, i), NULL) + 2;
	sk_X509_pop_free(chain, X509_free);
	return size;
}

static void chains_are_as_long_and_as_large_as_their_names_say(void **state)
{
	static const struct {
		const char *name;
		size_t least, most;
		int n;
	} rows[] = {
		{"chain-size-1-kb", 1000, 1152, 2},      {"chain-size-4-kb", 4050, 4150, 2},
		{"chain-size-15-9-kb", 16220, 16384, 2}, {"chain-size-17-kb", 17350, 17500, 2},
		{"chain-size-40-kb", 40900, 41050, 2},   {"chain-length-1", 500, 1000, 1},
		{"chain-length-2", 1000, 2000, 2},       {"chain-length-10", 4500, 9000, 10},
		{"missing-intermediate", 500, 1000, 1},  {"duplicate-leaf", 1500, 2500, 3},
		{"root-included", 1500, 2500, 3},        {"many-names", 8000, 12000, 2},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int n;
		size_t size = message_size(rows[i].name, &n);

		assert_in_range(size, rows[i].least, rows[i].most);
		assert_int_equal(n, rows[i].n);
	}
}

/* The issuer of each certificate in the chain but the last is the one after it. */
static bool is_in_order(const char *name)
{
	STACK_OF(X509) *chain = read_certificates(name, "chain.pem");
	bool in_order = true;

	for (int i = 0; i + 1 < sk_X509_num(chain); i++)
		if (X509_check_issued(sk_X509_value(chain, i + 1), sk_X509_value(chain, i)) != X509_V_OK)
			in_order = false;
	sk_X509_pop_free(chain, X509_free);
	return in_order;
}

static void order_of_a_chain_is_that_of_its_recipe(void **state)
{
	(void)state;
	assert_true(is_in_order("chain-length-10"));
	assert_true(is_in_order("root-included"));
	assert_false(is_in_order("order-reversed"));
	assert_false(is_in_order("extra-certificate-first"));
}

static void one_bit_makes_the_difference_of_a_broken_signature(void **state)
{
	STACK_OF(X509) *chain = read_certificates("broken-signature", "chain.pem");
	const ASN1_BIT_STRING *signature;
	X509 *leaf = sk_X509_value(chain, 0);
	EVP_PKEY *key = X509_get0_pubkey(sk_X509_value(chain, 1));

	(void)state;
	assert_int_equal(X509_verify(leaf, key), 0);
	X509_get0_signature(&signature, NULL, leaf);
	((ASN1_BIT_STRING *)signature)->data[signature->length - 1] ^= 1;
	assert_int_equal(X509_verify(leaf, key), 1);
	ERR_clear_error();
	sk_X509_pop_free(chain, X509_free);
}

/* Of the single response in `file`: its V_OCSP_CERTSTATUS, verified as the issuer's. */
static int status_of(const char *name, const char *file, bool *in_time)
{
	struct buf der = content_of(name, file);
	const unsigned char *at = der.data;
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)der.len);
	OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
	STACK_OF(X509) *chain = read_certificates(name, "chain.pem");
	STACK_OF(X509) *roots = read_certificates(name, "ca.pem");
	X509 *issuer = sk_X509_value(chain, sk_X509_num(chain) > 1 ? 1 : 0);
	OCSP_CERTID *id = OCSP_cert_to_id(NULL, sk_X509_value(chain, 0), issuer);
	ASN1_GENERALIZEDTIME *from, *to;
	time_t now = NOW;
	int status = -1;

	assert_non_null(basic);
	assert_true(OCSP_resp_find_status(basic, id, &status, NULL, NULL, &from, &to));
	assert_int_equal(OCSP_basic_verify(basic, chain, NULL, OCSP_TRUSTOTHER), 1);
	*in_time = X509_cmp_time(from, &now) < 0 && X509_cmp_time(to, &now) > 0;
	OCSP_CERTID_free(id);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	sk_X509_pop_free(chain, X509_free);
	sk_X509_pop_free(roots, X509_free);
	buf_fini(&der);
	return status;
}

static void ocsp_responses_say_what_their_names_say(void **state)
{
	static const char *const names[] = {"ecdsa-p256", "rsa-2048", "ed25519", "ecdsa-p521"};
	bool in_time;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_int_equal(status_of(names[i], "ocsp-good.der", &in_time),
		                 V_OCSP_CERTSTATUS_GOOD);
		assert_true(in_time);
		assert_int_equal(status_of(names[i], "ocsp-revoked.der", &in_time),
		                 V_OCSP_CERTSTATUS_REVOKED);
		assert_true(in_time);
		assert_int_equal(status_of(names[i], "ocsp-expired.der", &in_time),
		                 V_OCSP_CERTSTATUS_GOOD);
		assert_false(in_time);
	}
}

static size_t make_at(time_t now)
{
	struct certs_made made;
	struct error error = {0};

	if (certs_make_at(recipes_path, out, now, &made, &error) != 0)
		fail_msg("%s", error.text);
	return made.n_made;
}

/* Those with a date in the past are as their recipes ask for, and stay. The others have years. */
static void what_is_meant_to_be_over_is_made_once(void **state)
{
	(void)state;
	assert_int_equal(make_at(NOW), 0);
	assert_int_equal(make_at(NOW + (time_t)600 * 86400), 0);
}

/* The day after, the good leaves are near their end, and so are made anew; the expired ones not. */
static void what_is_meant_to_be_over_outlives_what_is_good(void **state)
{
	time_t later = NOW + (time_t)701 * 86400;
	struct buf before = content_of("expired", "leaf.der"), after;

	(void)state;
	assert_true(make_at(later) > 50);
	after = content_of("expired", "leaf.der");
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, after.len);
	assert_int_equal(verify("ecdsa-p256", HOST, later), X509_V_OK);
	assert_int_equal(verify("expired", HOST, later), X509_V_ERR_CERT_HAS_EXPIRED);
	buf_fini(&before);
	buf_fini(&after);
}

/* Ten years on, what was not yet valid would be; so it begins ten years after that. */
static void what_is_not_to_have_begun_is_made_anew_before_it_does(void **state)
{
	time_t later = NOW + (time_t)3625 * 86400;

	(void)state;
	make_at(later);
	assert_int_equal(verify("not-yet-valid", HOST, later), X509_V_ERR_CERT_NOT_YET_VALID);
	assert_int_equal(verify("not-yet-valid", HOST, later + (time_t)365 * 86400),
	                 X509_V_ERR_CERT_NOT_YET_VALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_recipe_that_is_to_be_refused_is_in_this_test),
		cmocka_unit_test(every_flaw_is_seen_by_openssl_as_what_it_is),
		cmocka_unit_test(what_a_flawed_leaf_is_like_is_good_and_has_the_same_root),
		cmocka_unit_test(every_odd_chain_that_is_good_verifies),
		cmocka_unit_test(chains_are_as_long_and_as_large_as_their_names_say),
		cmocka_unit_test(order_of_a_chain_is_that_of_its_recipe),
		cmocka_unit_test(one_bit_makes_the_difference_of_a_broken_signature),
		cmocka_unit_test(ocsp_responses_say_what_their_names_say),
		cmocka_unit_test(what_is_meant_to_be_over_is_made_once),
		cmocka_unit_test(what_is_meant_to_be_over_outlives_what_is_good),
		cmocka_unit_test(what_is_not_to_have_begun_is_made_anew_before_it_does),
	};

	return cmocka_run_group_tests_name("odd certs", tests, set_up, tear_down);
}
