#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "peer/certs.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW ((time_t)1800000000) /* the tests' own day: nothing here depends on today's */
#define DAYS(n) ((time_t)(n) * 86400)
#define CHAIN_MAX 4

/* A small family whose keys cost nothing: an ECDSA line, and a root of its own beside it. */
static const char family[] =
	"{\"certificates\": ["
	"{\"name\": \"board\", \"role\": \"server\", \"key\": \"ecdsa-p256\", \"issuer\": \"middle\","
	" \"digest\": \"sha256\", \"subject\": {\"CN\": \"board.test\"},"
	" \"names\": [\"DNS:board.test\", \"IP:127.0.0.1\"], \"key_usage\": [\"digitalSignature\"],"
	" \"extended_key_usage\": [\"serverAuth\"], \"days\": 730},"
	"{\"name\": \"visitor\", \"role\": \"client\", \"key\": \"ed25519\", \"issuer\": \"middle\","
	" \"digest\": \"sha256\", \"subject\": {\"O\": \"Here\", \"CN\": \"visitor\"},"
	" \"key_usage\": [\"digitalSignature\"], \"extended_key_usage\": [\"clientAuth\"],"
	" \"days\": 730},"
	"{\"name\": \"middle\", \"role\": \"intermediate\", \"key\": \"ecdsa-p256\", \"issuer\": \"top\","
	" \"digest\": \"sha256\", \"subject\": {\"CN\": \"middle\"}, \"key_usage\": [\"keyCertSign\"],"
	" \"path_length\": 0, \"days\": 1825},"
	"{\"name\": \"top\", \"role\": \"root\", \"key\": \"ecdsa-p256\", \"digest\": \"sha256\","
	" \"subject\": {\"CN\": \"top\"}, \"key_usage\": [\"keyCertSign\"], \"days\": 3650},"
	"{\"name\": \"lone\", \"role\": \"root\", \"key\": \"ed25519\", \"subject\": {\"CN\": \"lone\"},"
	" \"key_usage\": [\"keyCertSign\"], \"days\": 3650}]}";

enum { BOARD, VISITOR, MIDDLE, TOP, LONE, N_FAMILY };

static char workshop[] = "/tmp/shakedown-certs-XXXXXX";
static char *shipped_recipes, *shipped_out; /* the repository's own recipes, made once */
static char *recipes, *out;                 /* of the test that runs: out is new and empty */

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status, (void)type, (void)ftw;
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static int set_up_group(void **state)
{
	struct error error = {0};
	struct certs_made made;
	const char *root = file_data_root(&error);

	(void)state;
	if (root == NULL || mkdtemp(workshop) == NULL)
		return -1;
	shipped_recipes = file_join(root, "certs/recipes.json");
	shipped_out = file_join(workshop, "shipped");
	recipes = file_join(workshop, "recipes.json");
	out = file_join(workshop, "family/out");
	if (certs_make_at(shipped_recipes, shipped_out, NOW, &made, &error) == 0)
		return 0;
	print_error("%s\n", error.text);
	return -1;
}

static int tear_down_group(void **state)
{
	(void)state;
	remove_tree(workshop);
	free(shipped_recipes);
	free(shipped_out);
	free(recipes);
	free(out);
	return 0;
}

static int clear_out(void **state)
{
	(void)state;
	remove_tree(out);
	return 0;
}

static void write_recipes(json_t *json)
{
	char *text = json_dumps(json, 0);

	assert_non_null(text);
	assert_int_equal(file_write(recipes, (struct bytes){(uint8_t *)text, strlen(text)}, 0644,
	                            NULL), 0);
	free(text);
}

/* The family with one member of one certificate set to the JSON `value`, or taken away (NULL). */
static void write_family(size_t index, const char *key, const char *value)
{
	json_t *json = json_loads(family, 0, NULL);
	json_t *certificate = json_array_get(json_object_get(json, "certificates"), index);

	assert_non_null(certificate);
	if (value == NULL)
		json_object_del(certificate, key);
	else
		assert_int_equal(json_object_set_new(certificate, key,
		                                     json_loads(value, JSON_DECODE_ANY, NULL)), 0);
	write_recipes(json);
	json_decref(json);
}

static void write_plain_family(void)
{
	write_family(BOARD, "days", "730");
}

/* Makes the family and returns how many were made. */
static size_t make_at(time_t now)
{
	struct error error = {0};
	struct certs_made made;

	if (certs_make_at(recipes, out, now, &made, &error) != 0)
		fail_msg("%s", error.text);
	assert_int_equal(made.n_made + made.n_kept, N_FAMILY);
	return made.n_made;
}

static struct buf content_of(const char *folder, const char *name, const char *file)
{
	struct buf content = {0};
	struct error error = {0};
	char path[512];

	snprintf(path, sizeof(path), "%s/%s/%s", folder, name, file);
	if (file_read(path, 1u << 20, &content, &error) != 0)
		fail_msg("%s", error.text);
	return content;
}

/* Reads every certificate of a PEM file. Returns their number; the caller frees each. */
static size_t read_certificates(const char *folder, const char *name, const char *file,
                                X509 *certificates[CHAIN_MAX])
{
	struct buf pem = content_of(folder, name, file);
	BIO *memory = BIO_new_mem_buf(pem.data, (int)pem.len);
	size_t n = 0;

	while (n < CHAIN_MAX &&
	       (certificates[n] = PEM_read_bio_X509(memory, NULL, NULL, NULL)) != NULL)
		n++;
	BIO_free(memory);
	buf_fini(&pem);
	return n;
}

static X509 *read_certificate(const char *folder, const char *name, const char *file)
{
	X509 *certificates[CHAIN_MAX];
	size_t n = read_certificates(folder, name, file, certificates);

	assert_true(n >= 1);
	while (n > 1)
		X509_free(certificates[--n]);
	return certificates[0];
}

/* The serial number tells a certificate from the one that takes its place. Freed by the caller. */
static char *serial_of(const char *folder, const char *name, const char *file)
{
	X509 *certificate = read_certificate(folder, name, file);
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
	char *text = BN_bn2dec(number);

	assert_non_null(text);
	BN_free(number);
	X509_free(certificate);
	return text;
}

/*
 * Verifies chain.pem against ca.pem at `now` as a TLS peer would, with a host name or address if
 * not NULL. Returns X509_V_OK or the reason.
 */
static int verify(const char *folder, const char *name, int purpose, const char *host,
                  const char *address, time_t now)
{
	X509 *chain[CHAIN_MAX];
	size_t n = read_certificates(folder, name, "chain.pem", chain);
	X509 *ca = read_certificate(folder, name, "ca.pem");
	STACK_OF(X509) *others = sk_X509_new_null();
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	int reason;

	assert_true(n > 0);
	for (size_t i = 1; i < n; i++)
		sk_X509_push(others, chain[i]);
	assert_true(X509_STORE_add_cert(store, ca));
	assert_true(X509_STORE_CTX_init(context, store, chain[0], others));
	param = X509_STORE_CTX_get0_param(context);
	X509_VERIFY_PARAM_set_time(param, now);
	X509_VERIFY_PARAM_set_auth_level(param, 2);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
	assert_true(X509_VERIFY_PARAM_set_purpose(param, purpose));
	assert_true(host == NULL || X509_VERIFY_PARAM_set1_host(param, host, 0));
	assert_true(address == NULL || X509_VERIFY_PARAM_set1_ip_asc(param, address));
	reason = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	sk_X509_free(others);
	X509_free(ca);
	while (n > 0)
		X509_free(chain[--n]);
	return reason;
}

static void assert_family_verifies(time_t now)
{
	assert_int_equal(verify(out, "board", X509_PURPOSE_SSL_SERVER, "board.test", NULL, now),
	                 X509_V_OK);
	assert_int_equal(verify(out, "visitor", X509_PURPOSE_SSL_CLIENT, NULL, NULL, now), X509_V_OK);
}

static void assert_shipped_server_verifies(const char *name)
{
	static const char *const hosts[] = {"server.shakedown.test", "localhost"};
	static const char *const addresses[] = {"127.0.0.1", "::1"};

	for (size_t i = 0; i < COUNT(hosts); i++) {
		assert_int_equal(verify(shipped_out, name, X509_PURPOSE_SSL_SERVER, hosts[i], NULL, NOW),
		                 X509_V_OK);
		assert_int_equal(verify(shipped_out, name, X509_PURPOSE_SSL_SERVER, NULL, addresses[i],
		                        NOW), X509_V_OK);
	}
	assert_int_equal(verify(shipped_out, name, X509_PURPOSE_SSL_SERVER, "other.test", NULL, NOW),
	                 X509_V_ERR_HOSTNAME_MISMATCH);
	assert_int_equal(verify(shipped_out, name, X509_PURPOSE_SSL_CLIENT, NULL, NULL, NOW),
	                 X509_V_ERR_INVALID_PURPOSE);
}

/* What each leaf that suites may name is: its key, and every signature from it up to its root. */
static const struct leaf {
	const char *name;
	enum cert_role role;
	int key_type;
	int bits;
	int signature;
} leaves[] = {
	{"rsa-2048", CERT_SERVER, EVP_PKEY_RSA, 2048, NID_sha256WithRSAEncryption},
	{"rsa-3072", CERT_SERVER, EVP_PKEY_RSA, 3072, NID_sha256WithRSAEncryption},
	{"rsa-4096", CERT_SERVER, EVP_PKEY_RSA, 4096, NID_sha256WithRSAEncryption},
	{"rsa-pss-2048", CERT_SERVER, EVP_PKEY_RSA_PSS, 2048, NID_sha256WithRSAEncryption},
	{"ecdsa-p256", CERT_SERVER, EVP_PKEY_EC, 256, NID_ecdsa_with_SHA256},
	{"ecdsa-p384", CERT_SERVER, EVP_PKEY_EC, 384, NID_ecdsa_with_SHA384},
	{"ecdsa-p521", CERT_SERVER, EVP_PKEY_EC, 521, NID_ecdsa_with_SHA384},
	{"ed25519", CERT_SERVER, EVP_PKEY_ED25519, 256, NID_ED25519},
	{"client-rsa-2048", CERT_CLIENT, EVP_PKEY_RSA, 2048, NID_sha256WithRSAEncryption},
	{"client-ecdsa-p256", CERT_CLIENT, EVP_PKEY_EC, 256, NID_ecdsa_with_SHA256},
	{"client-ecdsa-p384", CERT_CLIENT, EVP_PKEY_EC, 384, NID_ecdsa_with_SHA384},
	{"client-ed25519", CERT_CLIENT, EVP_PKEY_ED25519, 256, NID_ED25519},
};

static void every_leaf_verifies_for_its_names_and_purpose(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(leaves); i++) {
		if (leaves[i].role == CERT_SERVER)
			assert_shipped_server_verifies(leaves[i].name);
		else
			assert_int_equal(verify(shipped_out, leaves[i].name, X509_PURPOSE_SSL_CLIENT, NULL,
			                        NULL, NOW), X509_V_OK);
	}
}

/* Those that are like another are in test_odd_certs. */
static void leaves_in_this_test_are_those_that_are_written_out(void **state)
{
	struct error error = {0};
	struct recipes shipped;
	size_t n = 0;

	(void)state;
	assert_int_equal(recipes_load(&shipped, shipped_recipes, &error), 0);
	for (size_t i = 0; i < shipped.n; i++) {
		const struct recipe *recipe = &shipped.list[i];

		if (recipe->like != NULL || (recipe->role != CERT_SERVER && recipe->role != CERT_CLIENT))
			continue;
		assert_string_equal(recipe->name, leaves[n].name);
		assert_int_equal(recipe->role, leaves[n].role);
		n++;
	}
	assert_int_equal(n, COUNT(leaves));
	recipes_fini(&shipped);
}

static void keys_and_signatures_are_what_the_name_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(leaves); i++) {
		X509 *chain[CHAIN_MAX + 1];
		size_t n = read_certificates(shipped_out, leaves[i].name, "chain.pem", chain);
		EVP_PKEY *key = X509_get0_pubkey(chain[0]);

		/* Servers send an intermediate, boards hold no more than one certificate. */
		assert_int_equal(n, leaves[i].role == CERT_SERVER ? 2 : 1);
		chain[n++] = read_certificate(shipped_out, leaves[i].name, "ca.pem");
		assert_int_equal(EVP_PKEY_get_base_id(key), leaves[i].key_type);
		assert_int_equal(EVP_PKEY_get_bits(key), leaves[i].bits);
		while (n > 0) {
			assert_int_equal(X509_get_signature_nid(chain[--n]), leaves[i].signature);
			X509_free(chain[n]);
		}
	}
}

/* So that a board that knows P-256 alone can verify it. */
static void chain_of_ecdsa_p256_has_p256_keys_only(void **state)
{
	X509 *chain[CHAIN_MAX + 1];
	size_t n = read_certificates(shipped_out, "ecdsa-p256", "chain.pem", chain);

	(void)state;
	chain[n++] = read_certificate(shipped_out, "ecdsa-p256", "ca.pem");
	while (n > 0) {
		char group[32];

		assert_true(EVP_PKEY_get_group_name(X509_get0_pubkey(chain[--n]), group, sizeof(group),
		                                    NULL));
		assert_string_equal(group, "prime256v1");
		X509_free(chain[n]);
	}
}

static void assert_der_is_pem(const char *name, const char *der_file, const char *pem_file)
{
	struct buf der = content_of(shipped_out, name, der_file);
	X509 *certificate = read_certificate(shipped_out, name, pem_file);
	unsigned char *encoded = NULL;
	int len = i2d_X509(certificate, &encoded);

	assert_int_equal(der.len, len);
	assert_memory_equal(der.data, encoded, der.len);
	OPENSSL_free(encoded);
	X509_free(certificate);
	buf_fini(&der);
}

static void assert_private(const char *path)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
}

static void keys_match_and_are_private(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(leaves); i++) {
		X509 *certificate = read_certificate(shipped_out, leaves[i].name, "chain.pem");
		struct buf pem = content_of(shipped_out, leaves[i].name, "key.pem");
		struct buf der = content_of(shipped_out, leaves[i].name, "key.der");
		BIO *memory = BIO_new_mem_buf(pem.data, (int)pem.len);
		EVP_PKEY *from_pem = PEM_read_bio_PrivateKey(memory, NULL, NULL, NULL);
		const unsigned char *at = der.data;
		EVP_PKEY *from_der = d2i_AutoPrivateKey(NULL, &at, (long)der.len);
		struct cert_files files;

		assert_true(X509_check_private_key(certificate, from_pem));
		assert_true(X509_check_private_key(certificate, from_der));
		assert_int_equal(certs_find(shipped_out, leaves[i].role, leaves[i].name, &files, NULL), 0);
		assert_private(files.key_pem);
		assert_private(files.key_der);
		cert_files_fini(&files);
		EVP_PKEY_free(from_der);
		EVP_PKEY_free(from_pem);
		BIO_free(memory);
		buf_fini(&der);
		buf_fini(&pem);
		X509_free(certificate);
	}
}

static void der_files_are_the_certificates_of_the_pem_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(leaves); i++) {
		assert_der_is_pem(leaves[i].name, "leaf.der", "chain.pem");
		assert_der_is_pem(leaves[i].name, "ca.der", "ca.pem");
	}
	assert_der_is_pem("ca-rsa", "ca.der", "ca.pem");
}

/* NetX Duo reads no PKCS #8. PKCS #1 begins with version 0 and the modulus, SEC 1 with version 1. */
static void rsa_and_ecdsa_keys_in_der_are_pkcs1_and_sec1(void **state)
{
	static const unsigned char pkcs1[] = {0x02, 0x01, 0x00, 0x02, 0x82};
	static const unsigned char sec1[] = {0x02, 0x01, 0x01, 0x04, 0x20};
	struct buf rsa = content_of(shipped_out, "rsa-2048", "key.der");
	struct buf ecdsa = content_of(shipped_out, "ecdsa-p256", "key.der");

	(void)state;
	assert_memory_equal(rsa.data + 4, pkcs1, sizeof(pkcs1));
	assert_memory_equal(ecdsa.data + 2, sec1, sizeof(sec1));
	buf_fini(&rsa);
	buf_fini(&ecdsa);
}

static void serial_numbers_are_positive_and_differ(void **state)
{
	X509 *first = read_certificate(shipped_out, "rsa-2048", "chain.pem");
	X509 *second = read_certificate(shipped_out, "rsa-3072", "chain.pem");
	const ASN1_INTEGER *a = X509_get0_serialNumber(first), *b = X509_get0_serialNumber(second);

	(void)state;
	assert_int_equal(ASN1_STRING_type(a), V_ASN1_INTEGER); /* V_ASN1_NEG_INTEGER below zero */
	assert_int_equal(ASN1_STRING_length(a), 16);
	assert_int_equal(ASN1_STRING_type(b), V_ASN1_INTEGER);
	assert_int_not_equal(ASN1_INTEGER_cmp(a, b), 0);
	X509_free(first);
	X509_free(second);
}

static void second_run_makes_nothing(void **state)
{
	struct certs_made made;
	char *before, *after;

	(void)state;
	assert_int_equal(certs_make_at(shipped_recipes, shipped_out, NOW, &made, NULL), 0);
	assert_int_equal(made.n_made, 0);
	assert_in_range(made.n_kept, COUNT(leaves), 1000);
	write_plain_family();
	assert_int_equal(make_at(NOW), N_FAMILY);
	before = serial_of(out, "board", "chain.pem");
	assert_int_equal(make_at(NOW), 0);
	after = serial_of(out, "board", "chain.pem");
	assert_string_equal(before, after);
	OPENSSL_free(before);
	OPENSSL_free(after);
}

static void changed_recipe_is_made_anew_alone(void **state)
{
	char *before, *after;

	(void)state;
	write_plain_family();
	make_at(NOW);
	before = serial_of(out, "board", "chain.pem");
	write_family(BOARD, "names", "[\"DNS:board.test\", \"DNS:alias.test\"]");
	assert_int_equal(make_at(NOW), 1);
	after = serial_of(out, "board", "chain.pem");
	assert_string_not_equal(before, after);
	assert_int_equal(verify(out, "board", X509_PURPOSE_SSL_SERVER, "alias.test", NULL, NOW),
	                 X509_V_OK);
	OPENSSL_free(before);
	OPENSSL_free(after);
}

static void changed_issuer_takes_all_below_it_along(void **state)
{
	(void)state;
	write_plain_family();
	make_at(NOW);
	write_family(MIDDLE, "subject", "{\"CN\": \"another middle\"}");
	assert_int_equal(make_at(NOW), 3); /* middle, board, visitor; neither root */
	assert_family_verifies(NOW);
	write_family(TOP, "days", "3000");
	assert_int_equal(make_at(NOW), 4);
	assert_family_verifies(NOW);
}

static void words_for_the_reader_change_nothing(void **state)
{
	(void)state;
	write_plain_family();
	make_at(NOW);
	write_family(TOP, "why", "\"trusted by nobody\"");
	assert_int_equal(make_at(NOW), 0);
}

static void end_date_that_is_near_makes_anew(void **state)
{
	(void)state;
	write_plain_family();
	make_at(NOW);
	assert_int_equal(make_at(NOW + DAYS(699)), 0);
	assert_int_equal(make_at(NOW + DAYS(701)), 2); /* both leaves end after 730 days */
	assert_family_verifies(NOW + DAYS(701));
	assert_int_equal(make_at(NOW + DAYS(1830)), 3); /* the intermediate has ended */
	assert_family_verifies(NOW + DAYS(1830));
}

static void certificates_of_the_future_are_made_anew(void **state)
{
	(void)state;
	write_plain_family();
	make_at(NOW);
	assert_int_equal(make_at(NOW - DAYS(1) + 60), 0); /* they begin a day early */
	assert_int_equal(make_at(NOW - DAYS(1) - 60), N_FAMILY);
	assert_family_verifies(NOW - DAYS(1));
}

/* Else boards that accept it, as they should, would look as if they did not look at its end. */
static void expired_certificate_of_a_clock_that_was_ahead_is_made_anew(void **state)
{
	json_t *json = json_loads(family, 0, NULL);
	json_t *board = json_array_get(json_object_get(json, "certificates"), BOARD);
	char *seal = file_join(out, "board/seal");
	time_t now = NOW;
	X509 *made;

	(void)state;
	json_object_set_new(board, "begins", json_integer(-760));
	json_object_set_new(board, "days", json_integer(-30));
	write_recipes(json);
	make_at(NOW);
	assert_int_equal(make_at(NOW + DAYS(300)), 0);
	assert_int_equal(unlink(seal), 0);
	assert_int_equal(make_at(NOW + DAYS(300)), 1);
	assert_int_equal(make_at(NOW), 1);
	made = read_certificate(out, "board", "chain.pem");
	assert_true(X509_cmp_time(X509_get0_notAfter(made), &now) < 0);
	X509_free(made);
	free(seal);
	json_decref(json);
}

static void file_missing_or_damaged_makes_anew(void **state)
{
	static const struct {
		const char *file;
		size_t n_made;
	} rows[] = {
		{"board/key.der", 1}, {"board/chain.pem", 1}, {"board/seal", 1}, {"middle/key.pem", 3},
		{"top/ca.der", 4}, {"lone/ca.pem", 1},
	};

	(void)state;
	write_plain_family();
	make_at(NOW);
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *path = file_join(out, rows[i].file);

		assert_int_equal(truncate(path, 20), 0);
		assert_int_equal(make_at(NOW), rows[i].n_made);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(make_at(NOW), rows[i].n_made);
		free(path);
		assert_family_verifies(NOW);
	}
}

/* Changes one byte of a file that keeps its size and its date. */
static void spoil(const char *file)
{
	char *path = file_join(out, file);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat before;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &before), 0);
	assert_int_equal(pwrite(fd, "?", 1, 40), 1);
	assert_int_equal(futimens(fd, (struct timespec[]){before.st_atim, before.st_mtim}), 0);
	close(fd);
	free(path);
}

static void file_changed_after_all_was_found_good_makes_anew(void **state)
{
	char *checked = file_join(out, "checked");

	(void)state;
	write_plain_family();
	make_at(NOW);
	while (access(checked, F_OK) != 0) /* not while the files are very new */
		assert_int_equal(make_at(NOW), 0);
	assert_int_equal(make_at(NOW), 0);
	spoil("middle/key.pem");
	assert_int_equal(make_at(NOW), 3);
	free(checked);
}

/* Only whole folders, the index, the lock and what was checked may be left in `out`. */
static void assert_tidy(void)
{
	DIR *folder = opendir(out);
	struct dirent *entry;
	size_t n = 0;

	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL)
		n += strcmp(entry->d_name, "checked") != 0; /* there once the files are not new */
	closedir(folder);
	assert_int_equal(n, N_FAMILY + 4); /* with . and .. */
}

/* Makes the family in a child whose files may grow to `size_max` bytes. Returns its wait status. */
static int make_in_child(rlim_t size_max, void (*on_size)(int), char text[ERROR_TEXT_MAX])
{
	int report[2], status;
	pid_t child;

	assert_int_equal(pipe(report), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct error error = {0};
		struct certs_made made;
		int rc;

		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		setrlimit(RLIMIT_FSIZE, &(struct rlimit){size_max, size_max});
		signal(SIGXFSZ, on_size);
		rc = certs_make_at(recipes, out, NOW, &made, &error);
		if (write(report[1], error.text, strlen(error.text)) < 0)
			rc = -100;
		_exit(rc == 0 ? (int)made.n_made : 100 - rc);
	}
	close(report[1]);
	memset(text, 0, ERROR_TEXT_MAX);
	while (read(report[0], text + strlen(text), ERROR_TEXT_MAX - 1 - strlen(text)) > 0)
		;
	close(report[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

/* The system kills the child as it writes the first file past the limit. */
static void killed_in_the_middle_is_finished_by_the_next_run(void **state)
{
	static const rlim_t limits[] = {16, 64, 100, 300, 500, 700, 1200};
	char text[ERROR_TEXT_MAX];

	(void)state;
	write_plain_family();
	for (size_t i = 0; i < COUNT(limits); i++) {
		int status = make_in_child(limits[i], SIG_DFL, text);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGXFSZ);
		assert_true(make_at(NOW) > 0);
		assert_family_verifies(NOW);
		assert_int_equal(make_at(NOW), 0);
		assert_tidy();
		clear_out(state);
	}
}

/* A leaf of the issuer before is no leaf of the new one, though its own recipe is as it was. */
static void killed_after_a_new_issuer_makes_what_hangs_from_it(void **state)
{
	char text[ERROR_TEXT_MAX];
	int status;

	(void)state;
	write_plain_family();
	make_at(NOW);
	write_family(MIDDLE, "subject", "{\"CN\": \"another middle\"}");
	status = make_in_child(1000, SIG_DFL, text); /* the chain of the first leaf is larger */
	assert_true(WIFSIGNALED(status));
	assert_int_equal(make_at(NOW), 2); /* board, visitor */
	assert_family_verifies(NOW);
	assert_tidy();
}

/* The two states between the renames that put a new folder in an old one's place. */
static void killed_between_renames_is_finished_by_the_next_run(void **state)
{
	char *folder = file_join(out, "board"), *replaced = file_join(out, ".replaced");

	(void)state;
	write_plain_family();
	make_at(NOW);
	assert_int_equal(rename(folder, replaced), 0);
	assert_int_equal(make_at(NOW), 1);
	assert_tidy();
	assert_int_equal(mkdir(replaced, 0755), 0);
	assert_int_equal(make_at(NOW), 0);
	assert_tidy();
	assert_family_verifies(NOW);
	free(folder);
	free(replaced);
}

static void file_that_cannot_be_written_leaves_the_old_one(void **state)
{
	char text[ERROR_TEXT_MAX], expected[ERROR_TEXT_MAX];
	int status;

	(void)state;
	write_plain_family();
	make_at(NOW);
	write_family(BOARD, "days", "600");
	status = make_in_child(1000, SIG_IGN, text);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 100 - ERR_ENVIRONMENT);
	snprintf(expected, sizeof(expected),
	         "cannot write %s/.unfinished/chain.pem: File too large (this process may not write "
	         "files as large: `ulimit -f`)",
	         out);
	assert_string_equal(text, expected);
	assert_tidy();
	write_plain_family();
	assert_int_equal(make_at(NOW), 0);
}

static void two_processes_at_once_share_the_work(void **state)
{
	pid_t children[2];
	size_t n_made = 0;

	(void)state;
	write_plain_family();
	for (size_t i = 0; i < COUNT(children); i++) {
		struct certs_made made;

		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0)
			_exit(certs_make_at(recipes, out, NOW, &made, NULL) == 0 ? (int)made.n_made : 100);
	}
	for (size_t i = 0; i < COUNT(children); i++) {
		int status;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_true(WIFEXITED(status));
		n_made += (size_t)WEXITSTATUS(status);
	}
	assert_int_equal(n_made, N_FAMILY);
	assert_int_equal(make_at(NOW), 0);
	assert_family_verifies(NOW);
}

static void folder_that_cannot_be_made_is_named(void **state)
{
	char *impossible = file_join(recipes, "out");
	char expected[ERROR_TEXT_MAX];
	struct certs_made made;
	struct error error = {0};

	(void)state;
	write_plain_family();
	assert_int_equal(certs_make(recipes, impossible, &made, &error), ERR_ENVIRONMENT);
	snprintf(expected, sizeof(expected),
	         "cannot make the folder %s: Not a directory; SHAKEDOWN_STATE names another place "
	         "for certificates",
	         impossible);
	assert_string_equal(error.text, expected);
	free(impossible);
}

/* The complaint about the family with one change, without the name of the file before it. */
static void assert_complaint(size_t index, const char *key, const char *value,
                             const char *complaint)
{
	struct certs_made made;
	struct error error = {0};
	size_t prefix = strlen(recipes) + 2;

	write_family(index, key, value);
	assert_int_equal(certs_make(recipes, out, &made, &error), ERR_INPUT);
	assert_memory_equal(error.text, recipes, prefix - 2);
	assert_string_equal(error.text + prefix, complaint);
	assert_int_not_equal(access(out, F_OK), 0);
}

static void wrong_recipe_is_named_with_its_place(void **state)
{
	static const struct {
		size_t index;
		const char *key, *value, *complaint;
	} rows[] = {
		{LONE, "name", "\"top\"", "$.certificates[4].name: \"top\" is the name of "
		 "$.certificates[3] already"},
		{BOARD, "issuer", "\"midle\"", "$.certificates[0].issuer: unknown issuer \"midle\" (did you "
		 "mean \"middle\"?); known are top, lone, middle"},
		{VISITOR, "issuer", "\"board\"", "$.certificates[1].issuer: \"board\" is of role \"server\" "
		 "and signs no others"},
		{BOARD, "issuer", NULL, "$.certificates[0]: \"issuer\" is missing: a certificate of role "
		 "\"server\" needs one"},
		{TOP, "issuer", "\"lone\"", "$.certificates[3].issuer: a root signs itself: leave \"issuer\" "
		 "out"},
		{MIDDLE, "issuer", "\"middle\"", "$.certificates[2].issuer: the issuers go round in a loop "
		 "and reach no root: middle, middle"},
		{BOARD, "digest", NULL, "$.certificates[0]: \"digest\" is missing: middle signs with its "
		 "ecdsa-p256 key and a digest"},
		{LONE, "digest", "\"sha256\"", "$.certificates[4].digest: lone signs with its ed25519 key, "
		 "which takes no digest: leave \"digest\" out"},
		{BOARD, "path_length", "0", "$.certificates[0].path_length: a certificate of role \"server\" "
		 "signs no others: leave \"path_length\" out"},
		{BOARD, "names", "[\"DNS:board.test\", \"IP:127.0.0.256\"]", "$.certificates[0].names[1]: "
		 "\"127.0.0.256\" is no IPv4 or IPv6 address"},
		{BOARD, "key", "\"rsa-204\"", "$.certificates[0].key: must be one of \"rsa-1024\", "
		 "\"rsa-2048\", \"rsa-3072\", \"rsa-4096\", \"rsa-pss-2048\", \"ecdsa-p256\", "
		 "\"ecdsa-p384\", \"ecdsa-p521\", \"ed25519\", not \"rsa-204\" (did you mean "
		 "\"rsa-2048\"?)"},
		{BOARD, "days", "\"730\"", "$.certificates[0].days: must be a date such as 1970-01-31 "
		 "(^[0-9]{4}-[0-9]{2}-[0-9]{2}$), not \"730\""},
		{BOARD, "days", NULL, "$.certificates[0]: \"days\" is missing: give it, or name in "
		 "\"like\" a certificate that has it"},
		{BOARD, "day", "3", "$.certificates[0]: unknown key \"day\" (did you mean \"days\"?); known "
		 "are name, why, like, role, issuer, trust, chain, key, key_of, digest, subject, serial, "
		 "names, more_names, key_usage, extended_key_usage, ca, path_length, extensions, begins, "
		 "days, damage, refuse"},
		{BOARD, "like", "\"midle\"", "$.certificates[0].like: unknown certificate \"midle\" (did "
		 "you mean \"middle\"?); known are board, visitor, middle, top, lone"},
		{BOARD, "like", "\"board\"", "$.certificates[0].like: \"board\" is like another itself: "
		 "name one that is written out"},
		{BOARD, "key_of", "\"visitor\"", "$.certificates[0].key_of: visitor has a key of another "
		 "type: ed25519, not ecdsa-p256"},
		{BOARD, "key_of", "\"board\"", "$.certificates[0].key_of: board has the key of board: name "
		 "that one"},
		{MIDDLE, "key_of", "\"board\"", "$.certificates[0]: board needs what is in need of it: "
		 "follow \"issuer\", \"key_of\", \"trust\" and \"chain\""},
		{BOARD, "trust", "\"middle\"", "$.certificates[0].trust: middle is of role "
		 "\"intermediate\", and only roots are trusted"},
		{VISITOR, "chain", "[]", "$.certificates[1].chain: only a certificate of role \"server\" is "
		 "sent with a chain: leave \"chain\" out"},
		{BOARD, "chain", "[\"top\", \"midle\"]", "$.certificates[0].chain[1]: unknown certificate "
		 "\"midle\" (did you mean \"middle\"?); known are board, visitor, middle, top, lone"},
		{BOARD, "begins", "730", "$.certificates[0].days: the certificate ends before it begins "
		 "(day 730)"},
		{BOARD, "begins", "\"2023-02-31\"", "$.certificates[0].begins: \"2023-02-31\" is no day of "
		 "the calendar"},
		{BOARD, "extensions", "[{\"id\": \"1.2.x\", \"hex\": \"\"}]", "$.certificates[0]"
		 ".extensions[0].id: \"1.2.x\" is neither an object identifier nor OpenSSL's name of one"},
		{BOARD, "extensions", "[{\"id\": \"1.2.3\", \"hex\": \"\", \"bytes\": 1}]",
		 "$.certificates[0].extensions[0]: give the value of the extension once: \"text\", \"hex\" "
		 "or \"bytes\""},
		{BOARD, "extensions", "[{\"id\": \"1.2.3\", \"critical\": true}]",
		 "$.certificates[0].extensions[0]: give the value of the extension once: \"text\", \"hex\" "
		 "or \"bytes\""},
		{BOARD, "serial", "\"0x1\"", "$.certificates[0].serial: must be a whole number (^-?[0-9]+$), "
		 "not \"0x1\""},
		{BOARD, "damage", "[\"signatur\"]", "$.certificates[0].damage[0]: must be one of "
		 "\"signature\", \"algorithm\", \"end-date\", not \"signatur\" (did you mean "
		 "\"signature\"?)"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_complaint(rows[i].index, rows[i].key, rows[i].value, rows[i].complaint);
}

/* The complaint is about the loop, though what comes first in the file only leads into it. */
static void loop_of_issuers_is_told_from_end_to_end(void **state)
{
	json_t *json = json_loads(family, 0, NULL);
	json_t *list = json_object_get(json, "certificates");
	json_t *inner = json_deep_copy(json_array_get(list, MIDDLE));
	char expected[ERROR_TEXT_MAX];
	struct certs_made made;
	struct error error = {0};

	(void)state;
	json_object_set_new(inner, "name", json_string("inner"));
	json_object_set_new(inner, "issuer", json_string("middle"));
	json_array_append_new(list, inner);
	json_object_set_new(json_array_get(list, MIDDLE), "issuer", json_string("inner"));
	write_recipes(json);
	json_decref(json);
	assert_int_equal(certs_make(recipes, out, &made, &error), ERR_INPUT);
	snprintf(expected, sizeof(expected), "%s: $.certificates[5].issuer: the issuers go round in a "
	         "loop and reach no root: inner, middle, inner", recipes);
	assert_string_equal(error.text, expected);
}

static void recipes_that_are_not_there_are_named(void **state)
{
	struct certs_made made;
	struct error error = {0};

	(void)state;
	assert_int_equal(certs_make("/nowhere/recipes.json", out, &made, &error), ERR_INPUT);
	assert_string_equal(error.text, "cannot open /nowhere/recipes.json: No such file or directory");
}

static json_t *words_at(json_t *schema, const char *key, bool in_items)
{
	json_t *at = json_object_get(json_object_get(schema, "$defs"), "recipe");

	at = json_object_get(json_object_get(at, "properties"), key);
	return json_object_get(in_items ? json_object_get(at, "items") : at, "enum");
}

static void every_word_of_the_schema_is_understood(void **state)
{
	char *path = file_join(file_data_root(NULL), "scenarios/schema/recipes.schema.json");
	json_t *schema = NULL, *names, *keys, *usages, *extended;
	char *all;

	(void)state;
	assert_int_equal(json_load_path(path, &schema, NULL), 0);
	keys = words_at(schema, "key", false);
	for (size_t i = 0; i < json_array_size(keys); i++) {
		char *key = json_dumps(json_array_get(keys, i), JSON_ENCODE_ANY);

		write_family(BOARD, "key", key);
		assert_int_equal(certs_names(recipes, CERT_SERVER, &names, NULL), 0);
		json_decref(names);
		free(key);
	}
	assert_int_equal(json_array_size(keys), 9);
	usages = words_at(schema, "key_usage", true);
	extended = words_at(schema, "extended_key_usage", true);
	assert_true(json_array_size(usages) > 0 && json_array_size(extended) > 0);
	all = json_dumps(usages, 0);
	write_family(TOP, "key_usage", all);
	free(all);
	assert_int_equal(make_at(NOW), N_FAMILY);
	all = json_dumps(extended, 0);
	write_family(LONE, "extended_key_usage", all);
	free(all);
	assert_int_equal(make_at(NOW), 5);
	json_decref(schema);
	free(path);
}

static void assert_not_found(const char *folder, enum cert_role role, const char *name, int code,
                             const char *complaint)
{
	struct cert_files files;
	struct error error = {0};

	assert_int_equal(certs_find(folder, role, name, &files, &error), code);
	assert_string_equal(error.text, complaint);
}

static void unknown_name_is_answered_with_the_known_ones(void **state)
{
	(void)state;
	assert_not_found(shipped_out, CERT_SERVER, "rsa-2084", ERR_INPUT,
	                 "unknown server certificate \"rsa-2084\" (did you mean \"rsa-2048\"?); known are "
	                 "rsa-2048, rsa-3072, rsa-4096, rsa-pss-2048, ecdsa-p256, ecdsa-p384, ecdsa-p521, "
	                 "ed25519, chain-length-1, chain-length-2, chain-length-3, chain-length-4, "
	                 "chain-length-5, chain-length-6, chain-length-7, chain-length-8, "
	                 "chain-length-9, chain-length-10, chain-size-1-kb, chain-size-4-kb, "
	                 "chain-size-15-9-kb, chain-size-17-kb, chain-size-40-kb, many-names, "
	                 "order-reversed, extra-certificate, extra-certificate-first, "
	                 "duplicate-leaf, duplicate-intermediate, root-included, cross-signed-root "
	                 "and others");
	assert_not_found(shipped_out, CERT_CLIENT, "ca-rsa", ERR_INPUT,
	                 "unknown client certificate \"ca-rsa\"; known are client-rsa-2048, "
	                 "client-ecdsa-p256, client-ecdsa-p384, client-ed25519; \"ca-rsa\" is of role "
	                 "\"root\"");
	assert_not_found("/nowhere/out", CERT_SERVER, "rsa-2048", ERR_ENVIRONMENT,
	                 "there are no certificates in /nowhere/out: make them with \"shakedown certs\"");
}

static void found_files_are_there(void **state)
{
	struct cert_files files;
	struct error error = {0};

	(void)state;
	assert_int_equal(certs_find(shipped_out, CERT_SERVER, "ecdsa-p256", &files, &error), 0);
	assert_int_equal(access(files.chain_pem, R_OK), 0);
	assert_int_equal(access(files.key_pem, R_OK), 0);
	assert_int_equal(access(files.leaf_der, R_OK), 0);
	assert_int_equal(access(files.key_der, R_OK), 0);
	assert_int_equal(access(files.ca_pem, R_OK), 0);
	assert_int_equal(access(files.ca_der, R_OK), 0);
	cert_files_fini(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_in_this_test_are_those_that_are_written_out),
		cmocka_unit_test(every_leaf_verifies_for_its_names_and_purpose),
		cmocka_unit_test(keys_and_signatures_are_what_the_name_says),
		cmocka_unit_test(chain_of_ecdsa_p256_has_p256_keys_only),
		cmocka_unit_test(keys_match_and_are_private),
		cmocka_unit_test(der_files_are_the_certificates_of_the_pem_files),
		cmocka_unit_test(rsa_and_ecdsa_keys_in_der_are_pkcs1_and_sec1),
		cmocka_unit_test(serial_numbers_are_positive_and_differ),
		cmocka_unit_test(unknown_name_is_answered_with_the_known_ones),
		cmocka_unit_test(found_files_are_there),
		cmocka_unit_test_setup(second_run_makes_nothing, clear_out),
		cmocka_unit_test_setup(changed_recipe_is_made_anew_alone, clear_out),
		cmocka_unit_test_setup(changed_issuer_takes_all_below_it_along, clear_out),
		cmocka_unit_test_setup(words_for_the_reader_change_nothing, clear_out),
		cmocka_unit_test_setup(end_date_that_is_near_makes_anew, clear_out),
		cmocka_unit_test_setup(certificates_of_the_future_are_made_anew, clear_out),
		cmocka_unit_test_setup(expired_certificate_of_a_clock_that_was_ahead_is_made_anew,
		                       clear_out),
		cmocka_unit_test_setup(file_missing_or_damaged_makes_anew, clear_out),
		cmocka_unit_test_setup(file_changed_after_all_was_found_good_makes_anew, clear_out),
		cmocka_unit_test_setup(killed_in_the_middle_is_finished_by_the_next_run, clear_out),
		cmocka_unit_test_setup(killed_after_a_new_issuer_makes_what_hangs_from_it, clear_out),
		cmocka_unit_test_setup(killed_between_renames_is_finished_by_the_next_run, clear_out),
		cmocka_unit_test_setup(file_that_cannot_be_written_leaves_the_old_one, clear_out),
		cmocka_unit_test_setup(two_processes_at_once_share_the_work, clear_out),
		cmocka_unit_test_setup(folder_that_cannot_be_made_is_named, clear_out),
		cmocka_unit_test_setup(wrong_recipe_is_named_with_its_place, clear_out),
		cmocka_unit_test_setup(loop_of_issuers_is_told_from_end_to_end, clear_out),
		cmocka_unit_test_setup(recipes_that_are_not_there_are_named, clear_out),
		cmocka_unit_test_setup(every_word_of_the_schema_is_understood, clear_out),
	};

	return cmocka_run_group_tests_name("certs", tests, set_up_group, tear_down_group);
}
