#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "decode/transcript.h"
#include "peer/certs.h"
#include "peer/context.h"
#include "tests/peer/certificates.h"
#include "tests/verdict/cells.h"
#include "verdict/facts.h"
#include "verdict/lack.h"
#include "verdict/offer.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define ROUNDS_MAX 20

/*
 * Real clients and real servers, all with all: what is claimed of a ClientHello is held against
 * what OpenSSL did with it.
 */
static const struct client {
	int min, max;
	const char *ciphers, *suites, *groups, *signatures, *alpn;
} clients[] = {
	{TLS1_2_VERSION, TLS1_3_VERSION, NULL, NULL, NULL, NULL, NULL},
	{TLS1_2_VERSION, TLS1_2_VERSION, NULL, NULL, NULL, NULL, NULL},
	{TLS1_3_VERSION, TLS1_3_VERSION, NULL, NULL, NULL, NULL, NULL},
	{TLS1_2_VERSION, TLS1_3_VERSION, NULL, NULL, "P-256:P-384:P-521",
	 "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512", NULL},
	{TLS1_2_VERSION, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", NULL, "P-256",
	 "ECDSA+SHA256", NULL},
	{TLS1_2_VERSION, TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256", NULL, "P-384", "RSA+SHA256",
	 NULL},
	{TLS1_2_VERSION, TLS1_2_VERSION, "AES128-SHA256:AES128-GCM-SHA256", NULL, "P-256", NULL,
	 NULL},
	{TLS1_2_VERSION, TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384:AES128-GCM-SHA256", NULL,
	 "X25519",
	 NULL, NULL},
	{TLS1_2_VERSION, TLS1_2_VERSION, "DHE-RSA-AES128-GCM-SHA256", NULL, "P-256", NULL, NULL},
	{TLS1_2_VERSION, TLS1_2_VERSION, "ECDHE+AESGCM", NULL, NULL, "rsa_pss_pss_sha256:ed25519",
	 NULL},
	{TLS1_2_VERSION, TLS1_2_VERSION, "ECDHE+AESGCM", NULL, NULL, "rsa_pss_rsae_sha256", NULL},
	{TLS1_2_VERSION, TLS1_3_VERSION, NULL, "TLS_AES_128_CCM_SHA256", "P-521", NULL, NULL},
	{TLS1_2_VERSION, TLS1_3_VERSION, NULL, "TLS_AES_128_GCM_SHA256", "X25519:X448",
	 "ed25519:ECDSA+SHA384",
	 "\2h2"},
	{TLS1_3_VERSION, TLS1_3_VERSION, NULL, "TLS_CHACHA20_POLY1305_SHA256", "P-384:P-256",
	 "rsa_pss_pss_sha384:rsa_pss_rsae_sha512:ECDSA+SHA512", "\4mqtt"},
	{TLS1_1_VERSION, TLS1_2_VERSION, NULL, NULL, NULL, NULL, "\4mqtt\2h2"},
};

static const char *const servers[] = {
	"{'versions': ['1.2', '1.3'], 'certificate': ['rsa-2048']}",
	"{'versions': ['1.3'], 'certificate': ['rsa-2048']}",
	"{'versions': ['1.2'], 'certificate': ['rsa-2048']}",
	"{'versions': ['1.2', '1.3'], 'certificate': ['ecdsa-p256']}",
	"{'versions': ['1.2', '1.3'], 'certificate': ['ecdsa-p384']}",
	"{'versions': ['1.2'], 'certificate': ['ecdsa-p384']}",
	"{'versions': ['1.2'], 'certificate': ['ecdsa-p521']}",
	"{'versions': ['1.3'], 'certificate': ['ecdsa-p521']}",
	"{'versions': ['1.2'], 'certificate': ['ed25519']}",
	"{'versions': ['1.3'], 'certificate': ['ed25519']}",
	"{'versions': ['1.2'], 'certificate': ['rsa-pss-2048']}",
	"{'versions': ['1.3'], 'certificate': ['rsa-pss-2048']}",
	"{'versions': ['1.2', '1.3'], 'certificate': ['rsa-2048', 'ecdsa-p256']}",
	"{'versions': ['1.2'], 'certificate': ['ecdsa-p384', 'rsa-2048']}",
	"{'versions': ['1.3'], 'certificate': ['ecdsa-p256'], 'groups': ['X25519']}",
	"{'versions': ['1.2'], 'certificate': ['rsa-2048'], 'groups': ['P-521']}",
	"{'versions': ['1.2', '1.3'], 'certificate': ['rsa-2048'], 'groups': 'X448:P-384'}",
	"{'versions': ['1.2'], 'certificate': ['rsa-2048'], 'cipher_list': 'ECDHE+CHACHA20'}",
	"{'versions': ['1.2'], 'certificate': ['rsa-2048'], 'cipher_list': ['kRSA+AES128']}",
	"{'versions': ['1.2'], 'certificate': ['rsa-2048'], 'cipher_list': 'DHE+AESGCM'}",
	"{'versions': ['1.3'], 'certificate': ['rsa-2048'],"
	" 'ciphersuites': 'TLS_AES_256_GCM_SHA384'}",
	"{'versions': ['1.3'], 'certificate': ['ecdsa-p256'],"
	" 'ciphersuites': ['TLS_AES_128_CCM_SHA256']}",
	"{'versions': ['1.2'], 'certificate': ['rsa-2048'],"
	" 'signature_algorithms': 'RSA-PSS+SHA256'}",
	"{'versions': ['1.2'], 'certificate': ['rsa-2048'], 'signature_algorithms': 'RSA+SHA512'}",
	"{'versions': ['1.3'], 'certificate': ['ecdsa-p256'],"
	" 'signature_algorithms': 'ECDSA+SHA256'}",
	"{'versions': ['1.2', '1.3'], 'certificate': ['ecdsa-p256'], 'alpn': ['mqtt']}",
	"{'versions': ['1.1'], 'certificate': ['rsa-2048']}",
	"{'versions': ['1.3'], 'certificate': ['wrong-key-usage']}",
	"{'versions': ['1.2'], 'certificate': ['key-agreement-only', 'rsa-2048']}",
	"{'versions': ['1.2'], 'certificate': ['wrong-key-usage-rsa']}",
	"{'versions': ['1.2'], 'certificate': ['encipherment-only-rsa']}",
};

/* Servers that can serve nobody in their version, with what they lack themselves. */
static const struct {
	const char *server, *cannot;
} hopeless[] = {
	{"{'versions': ['1.3'], 'certificate': ['rsa-2048'], 'groups': 'brainpoolP256r1'}", "groups"},
	{"{'versions': ['1.3'], 'certificate': ['rsa-2048'],"
	 " 'signature_algorithms': 'RSA+SHA256'}", "signature_algorithms"},
	{"{'versions': ['1.2'], 'certificate': ['ecdsa-p256'], 'groups': 'ffdhe2048'}",
	 "cipher_list"},
	{"{'versions': ['1.2'], 'certificate': ['ecdsa-p256'], 'cipher_list': 'kRSA+AESGCM'}",
	 "cipher_list"},
	{"{'versions': ['1.2'], 'certificate': ['ecdsa-p256'],"
	 " 'signature_algorithms': 'RSA+SHA256'}", "cipher_list"},
	{"{'versions': ['1.2'], 'certificate': ['wrong-key-usage']}", "cipher_list"},
	{"{'versions': ['1.2'], 'certificate': ['key-agreement-only']}", "cipher_list"},
};

static char *certificates;

static int make_certificates(void **state)
{
	(void)state;
	certificates = certificates_made();
	return 0;
}

static int forget_certificates(void **state)
{
	(void)state;
	free(certificates);
	return 0;
}

static SSL *new_client(const struct client *client)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl;

	SSL_CTX_set_security_level(context, 0);
	assert_int_equal(SSL_CTX_set_min_proto_version(context, client->min), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(context, client->max), 1);
	if (client->ciphers != NULL)
		assert_int_equal(SSL_CTX_set_cipher_list(context, client->ciphers), 1);
	if (client->suites != NULL)
		assert_int_equal(SSL_CTX_set_ciphersuites(context, client->suites), 1);
	if (client->groups != NULL)
		assert_int_equal(SSL_CTX_set1_groups_list(context, client->groups), 1);
	if (client->signatures != NULL)
		assert_int_equal(SSL_CTX_set1_sigalgs_list(context, client->signatures), 1);
	if (client->alpn != NULL)
		assert_int_equal(SSL_CTX_set_alpn_protos(context, (const uint8_t *)client->alpn,
		                                         (unsigned)strlen(client->alpn)), 0);
	ssl = SSL_new(context);
	SSL_CTX_free(context);
	SSL_set_connect_state(ssl);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	return ssl;
}

/* What one side wrote goes to the other, and past the witness. */
static void carry(SSL *from, SSL *to, struct transcript *witness, enum side side)
{
	uint8_t bytes[16384];
	int n;

	while ((n = BIO_read(SSL_get_wbio(from), bytes, sizeof(bytes))) > 0) {
		transcript_feed(witness, side, (struct bytes){bytes, (size_t)n}, 0);
		BIO_write(SSL_get_rbio(to), bytes, n);
	}
}

static json_t *told(const struct transcript *witness)
{
	struct buf out = {0};
	struct emit emit;
	json_t *wire;

	emit_init(&emit, &out, EMIT_JSON);
	emit_object(&emit, NULL);
	transcript_emit(witness, 0, &emit);
	emit_close(&emit);
	wire = json_loads(buf_string(&out), 0, NULL);
	assert_non_null(wire);
	buf_fini(&out);
	return wire;
}

/* True if both completed the handshake; *wire is what a capture would show. */
static bool shake(const struct client *client, struct context *context, json_t **wire)
{
	struct transcript *witness = transcript_new(NULL);
	SSL *here = new_client(client), *there = SSL_new(context->ssl);
	bool done;

	SSL_set_accept_state(there);
	SSL_set_bio(there, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	for (int i = 0; i < ROUNDS_MAX; i++) {
		SSL_do_handshake(here);
		carry(here, there, witness, SIDE_CLIENT);
		SSL_do_handshake(there);
		carry(there, here, witness, SIDE_SERVER);
	}
	done = SSL_is_init_finished(here) && SSL_is_init_finished(there);
	*wire = told(witness);
	SSL_free(here);
	SSL_free(there);
	transcript_free(witness);
	return done;
}

static json_t *missing_if(const json_t *server, const json_t *wire, const char *from, int number)
{
	json_t *alert = json_pack("{s:s, s:s, s:i}", "from", from, "level", "fatal", "number",
	                          number);
	json_t *missing = offer_missing(server, wire, alert);

	json_decref(alert);
	return missing;
}

/* An alert that a broken server might send all the same must not be blamed on the offer. */
static void assert_nothing_claimed(const json_t *server, json_t *wire, const char *text)
{
	static const int numbers[] = {40, 70, 120};

	if (offer_refuses(server, wire))
		fail_msg("it worked with %s, and was taken to be refused", text);
	json_object_del(wire, "server_hello");
	for (size_t i = 0; i < COUNT(numbers); i++) {
		json_t *missing = missing_if(server, wire, "server", numbers[i]);

		if (json_array_size(missing) > 0)
			fail_msg("it worked with %s, yet %s is claimed", text,
			         json_dumps(missing, JSON_COMPACT));
		json_decref(missing);
	}
}

/*
 * The server refused before its flight: with these configurations always for what is not offered.
 * Below TLS 1.2 nothing but the version is looked into.
 */
static void assert_claimed(const json_t *server, const json_t *wire, size_t client,
                           const char *text)
{
	const json_t *alert = json_array_get(json_object_get(wire, "alerts"), 0);
	json_t *missing = offer_missing(server, wire, alert);
	struct buf words = {0};

	lack_words(missing, &words);
	if ((json_array_size(missing) == 0 || words.len == 0) && strstr(text, "1.1") == NULL)
		fail_msg("client %zu was refused by %s with alert %lld, and nothing is claimed",
		         client, text, json_number(alert, "number"));
	if (strcmp(json_text(alert, "from"), "server") == 0 &&
	    (json_array_size(missing) > 0) != offer_refuses(server, wire))
		fail_msg("client %zu was refused by %s, and was not taken to be", client, text);
	buf_fini(&words);
	json_decref(missing);
}

static void claims_are_what_openssl_does(void **state)
{
	size_t n_worked = 0, n_refused = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(servers); i++) {
		struct error error = {0};
		json_t *server = parsed(servers[i]);
		struct context *context = context_new(server, certificates, &error);

		if (context == NULL)
			fail_msg("%s", error.text);
		for (size_t k = 0; k < COUNT(clients); k++) {
			json_t *wire;

			if (shake(&clients[k], context, &wire)) {
				n_worked++;
				assert_nothing_claimed(server, wire, servers[i]);
			} else {
				n_refused++;
				assert_claimed(server, wire, k, servers[i]);
			}
			json_decref(wire);
		}
		context_free(context);
		json_decref(server);
	}
	assert_true(n_worked > 100 && n_refused > 100);
}

static void a_server_that_can_serve_nobody_is_at_fault_itself(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(hopeless); i++) {
		struct error error = {0};
		json_t *server = parsed(hopeless[i].server);
		struct context *context = context_new(server, certificates, &error);
		size_t n_blamed = 0;

		if (context == NULL)
			fail_msg("%s", error.text);
		for (size_t k = 0; k < COUNT(clients); k++) {
			json_t *wire, *missing;
			const json_t *alert;
			const char *cannot;

			if (shake(&clients[k], context, &wire))
				fail_msg("client %zu was served by %s", k, hopeless[i].server);
			alert = json_array_get(json_object_get(wire, "alerts"), 0);
			cannot = offer_cannot(server, wire, alert);
			missing = offer_missing(server, wire, alert);
			if (cannot != NULL)
				assert_string_equal(cannot, hopeless[i].cannot);
			if (json_number(alert, "number") == 40 && json_array_size(missing) > 0)
				fail_msg("client %zu, refused by %s, is to blame for %s", k,
				         hopeless[i].server, json_dumps(missing, JSON_COMPACT));
			n_blamed += cannot != NULL;
			json_decref(missing);
			json_decref(wire);
		}
		if (n_blamed == 0)
			fail_msg("nobody found fault with %s", hopeless[i].server);
		context_free(context);
		json_decref(server);
	}
}

/* The lacks are alternatives, or not the first thing that OpenSSL looked at. */
static void openssls_own_reason_is_heeded(void **state)
{
	json_t *shared = parsed("[{'reason': 'no shared cipher'}]");
	json_t *signature = parsed("[{'reason': 'no suitable signature algorithm'}]");
	json_t *other = parsed("[{'reason': 'unsafe legacy renegotiation disabled'}]");

	(void)state;
	assert_true(lack_explains("groups", shared));
	assert_true(lack_explains("groups", NULL));
	assert_true(lack_explains("signature_algorithms", signature));
	assert_false(lack_explains("groups", signature));
	assert_false(lack_explains("cipher_list", signature));
	assert_false(lack_explains("cipher_list", other));
	json_decref(shared);
	json_decref(signature);
	json_decref(other);
}

static void what_is_not_the_offers_fault_is_not_claimed(void **state)
{
	static const char *const patches[] = {
		/* a server that has nothing to sign with in TLS 1.3, whatever is offered */
		"{'versions': ['1.3'], 'signature_algorithms': ['RSA+SHA512']}",
		"{'groups': ['X25519', 'curve-of-tomorrow']}",
		("{'certificate': ['my-own-rsa'], 'versions': ['1.3'], "
		 "'signature_algorithms': ['ed25519']}"),
		"{'certificate': ['ed25519'], 'signature_algorithms': ['mldsa65']}",
		"{'versions': ['1.2'], 'cipher_list': ['NO-SUCH-SUITE']}",
		"{'versions': ['1.2'], 'certificate': ['my-own-rsa'], 'cipher_list': ['kRSA']}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(patches); i++) {
		json_t *cell = cell_with("{'witnesses': {'wire': {'server_hello': null}}}");
		json_t *wire = json_object_get(json_object_get(cell, "witnesses"), "wire");
		json_t *patch = parsed(patches[i]);
		json_t *server = json_merge_patched(json_object_get(cell, "server"), patch), *missing;

		json_object_del(wire, "server_hello");
		missing = missing_if(server, wire, "server", 40);
		if (json_array_size(missing) > 0)
			fail_msg("%s: %s is claimed", patches[i],
			         json_dumps(missing, JSON_COMPACT));
		json_decref(missing);
		json_decref(server);
		json_decref(patch);
		json_decref(cell);
	}
}

/* What a profile declares, and whether that covers what is missing. */
/* OpenSSL's clients leave out suites of keys that they take no signature of; others do not. */
static void static_rsa_suite_does_not_do_without_a_signature_algorithm(void **state)
{
	json_t *server = parsed("{'versions': ['1.2'], 'certificate': ['rsa-2048']}");
	json_t *wire = parsed("{'client_hello': {'legacy_version': 'TLS 1.2',"
	                      " 'cipher_suites': ['TLS_RSA_WITH_AES_128_GCM_SHA256'],"
	                      " 'extensions': [{'name': 'signature_algorithms',"
	                      " 'supported_signature_algorithms': ['ecdsa_secp256r1_sha256']}]}}");
	json_t *alert = parsed("{'from': 'server', 'number': 40}");
	json_t *missing = offer_missing(server, wire, alert);

	(void)state;
	assert_string_equal(json_text(json_array_get(missing, 0), "what"), "signature_algorithms");
	json_decref(missing);
	json_decref(alert);
	json_decref(wire);
	json_decref(server);
}

static const struct {
	const char *missing, *unsupported;
	bool declared;
} declarations[] = {
	{"[]", "{'versions': ['1.3']}", false},
	{"[{'what': 'versions', 'needed': ['1.3']}]", "{'versions': ['1.3']}", true},
	{"[{'what': 'versions', 'needed': ['1.2', '1.3']}]", "{'versions': ['1.3']}", false},
	{"[{'what': 'groups', 'needed': ['x25519']}]", "{'groups': ['X25519']}", true},
	{"[{'what': 'groups', 'needed': ['secp384r1']}]", "{'groups': ['P-384']}", true},
	{"[{'what': 'signature_algorithms', 'needed': ['ed25519']}]",
	 "{'certificate': ['rsa-2048']}", true},
	{"[{'what': 'signature_algorithms', 'needed': ['ed25519']}]",
	 "{'certificate': ['ed25519']}", false},
	{"[{'what': 'ciphersuites', 'needed': ['TLS_AES_256_GCM_SHA384']}]",
	 "{'certificate': ['rsa-2048']}",
	 false},
	{"[{'what': 'groups', 'needed': ['x448']}, {'what': 'alpn', 'needed': ['h2']}]",
	 "{'groups': ['x448']}", false},
	{"[{'what': 'groups', 'needed': ['x448']}]", "null", false},
	{"[{'what': 'groups', 'version': '1.2', 'needed': ['secp384r1']}]",
	 "{'certificate': ['rsa-2048']}", true},
	{"[{'what': 'groups', 'version': '1.3', 'needed': ['x448']}]",
	 "{'certificate': ['rsa-2048']}", false},
	{"[{'what': 'cipher_list', 'version': '1.2', 'needed': ['TLS_RSA_WITH_AES_128_CBC_SHA']}]",
	 "{'certificate': ['rsa-2048']}", false},
};

static void unsupported_is_what_the_profile_declares_in_full(void **state)
{
	json_t *server = parsed("{'certificate': ['rsa-2048'], 'cipher_list': ['kRSA']}");

	(void)state;
	for (size_t i = 0; i < COUNT(declarations); i++) {
		json_t *missing = parsed(declarations[i].missing);
		json_t *unsupported = parsed(declarations[i].unsupported);

		if (lack_all_declared(missing, server, unsupported) != declarations[i].declared)
			fail_msg("%s by %s", declarations[i].missing, declarations[i].unsupported);
		json_decref(missing);
		json_decref(unsupported);
	}
	json_decref(server);
}

static const struct {
	const char *server, *hello, *sets;
} sides[] = {
	{"{'versions': ['1.2', '1.3'], 'certificate': ['rsa-2048'], 'groups': ['P-256', 'X25519'],"
	 " 'ciphersuites': ['TLS_AES_128_GCM_SHA256'], 'alpn': ['mqtt']}",
	 "{'cipher_suites': ['TLS_AES_128_CCM_SHA256'], 'extensions': ["
	 "{'name': 'supported_versions', 'versions': ['TLS 1.3', 'TLS 1.2']},"
	 "{'name': 'supported_groups', 'named_group_list': ['secp256r1']},"
	 "{'name': 'signature_algorithms',"
	 " 'supported_signature_algorithms': ['rsa_pkcs1_sha256']}]}",
	 "[{'what': 'versions', 'version': '1.3', 'server': ['1.2', '1.3'], 'client': ['1.3', '1.2']},"
	 "{'what': 'ciphersuites', 'version': '1.3', 'server': ['TLS_AES_128_GCM_SHA256'],"
	 " 'client': ['TLS_AES_128_CCM_SHA256']},"
	 "{'what': 'groups', 'version': '1.3', 'server': ['secp256r1', 'x25519'],"
	 " 'client': ['secp256r1']},"
	 "{'what': 'signature_algorithms', 'version': '1.3', 'server': ['rsa_pss_rsae_sha256',"
	 " 'rsa_pss_rsae_sha384', 'rsa_pss_rsae_sha512'], 'client': ['rsa_pkcs1_sha256']},"
	 "{'what': 'alpn', 'version': '1.3', 'server': ['mqtt'], 'client': null}]"},
	{"{'versions': ['1.3'], 'certificate': ['rsa-2048']}",
	 "{'legacy_version': 'TLS 1.2', 'cipher_suites': []}",
	 "[{'what': 'versions', 'version': '', 'server': ['1.3'], 'client': ['1.0', '1.1', '1.2']}]"},
};

static void each_side_is_told_as_it_is_in_the_settled_version(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(sides); i++) {
		json_t *server = parsed(sides[i].server), *expected = parsed(sides[i].sets);
		json_t *wire = json_pack("{s:o}", "client_hello", parsed(sides[i].hello));
		json_t *sets = offer_sets(server, wire);

		if (!json_equal(sets, expected))
			fail_msg("%s", json_dumps(sets, 0));
		json_decref(sets);
		json_decref(wire);
		json_decref(server);
		json_decref(expected);
	}
}

/* The kind of a recipe: that of the one that it is like. */
static const json_t *root_of(const json_t *recipes, const json_t *recipe)
{
	const json_t *other;
	size_t i;

	json_array_foreach(recipes, i, other)
		if (strcmp(json_text(other, "name"), json_text(recipe, "like")) == 0)
			return root_of(recipes, other);
	return recipe;
}

static void every_server_certificate_that_ships_is_known(void **state)
{
	json_t *cell = cell_with("{'witnesses': {'wire': {'client_hello': {'extensions': ["
	                         "{'name': 'supported_versions', 'versions': ['TLS 1.3']},"
	                         "{'name': 'supported_groups', 'named_group_list': ['secp256r1']},"
	                         "{'name': 'signature_algorithms',"
	                         " 'supported_signature_algorithms': ['ed448']}]},"
	                         " 'server_hello': null}}}");
	const json_t *wire = json_object_get(json_object_get(cell, "witnesses"), "wire"), *recipe;
	json_t *alert = parsed("{'from': 'server', 'level': 'fatal', 'number': 40}");
	json_t *recipes = NULL;
	struct error error = {0};
	char *path = file_join(file_data_root(&error), "certs/recipes.json");
	size_t i;

	(void)state;
	assert_int_equal(json_load_path(path, &recipes, &error), 0);
	json_array_foreach(json_object_get(recipes, "certificates"), i, recipe) {
		const json_t *root = root_of(json_object_get(recipes, "certificates"), recipe);
		json_t *server = json_made(json_pack("{s:[s], s:[s]}", "versions", "1.3",
		                                     "certificate", json_text(recipe, "name")));
		json_t *missing = offer_missing(server, wire, alert);

		if (strcmp(json_text(root, "role"), "server") == 0 && json_array_size(missing) != 1)
			fail_msg("%s is not known", json_text(recipe, "name"));
		json_decref(missing);
		json_decref(server);
	}
	json_decref(recipes);
	json_decref(alert);
	json_decref(cell);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claims_are_what_openssl_does),
		cmocka_unit_test(a_server_that_can_serve_nobody_is_at_fault_itself),
		cmocka_unit_test(openssls_own_reason_is_heeded),
		cmocka_unit_test(what_is_not_the_offers_fault_is_not_claimed),
		cmocka_unit_test(every_server_certificate_that_ships_is_known),
		cmocka_unit_test(static_rsa_suite_does_not_do_without_a_signature_algorithm),
		cmocka_unit_test(unsupported_is_what_the_profile_declares_in_full),
		cmocka_unit_test(each_side_is_told_as_it_is_in_the_settled_version),
	};
	char *here = getcwd(NULL, 0);

	setenv("SHAKEDOWN_ROOT", here, 0); /* for a build folder outside of the repository */
	free(here);
	return cmocka_run_group_tests_name("verdict/offer", tests, make_certificates,
	                                   forget_certificates);
}
