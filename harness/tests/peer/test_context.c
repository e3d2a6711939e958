#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "peer/context.h"
#include "tests/peer/certificates.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static json_t *parsed(const char *text)
{
	json_t *value = json_loads(text, 0, NULL);

	assert_non_null(value);
	return value;
}

struct wrong {
	const char *server;
	const char *begins; /* of the sentence */
	const char *holds;
};

static void assert_refused(const struct wrong *wrong)
{
	json_t *server = parsed(wrong->server);
	struct error error = {0};

	if (context_new(server, certificates, &error) != NULL)
		fail_msg("%s was taken", wrong->server);
	assert_int_equal(error.code, ERR_INPUT);
	if (strncmp(error.text, wrong->begins, strlen(wrong->begins)) != 0 ||
	    strstr(error.text, wrong->holds) == NULL)
		fail_msg("%s: %s", wrong->server, error.text);
	json_decref(server);
}

static void each_wrong_value_is_refused_by_key_and_word(void **state)
{
	static const struct wrong wrongs[] = {
		{"{\"colour\":1}", "server.colour: ", "is no key"},
		{"{\"versions\":[]}", "server.versions: ", "at least one"},
		{"{\"versions\":[\"1.4\"]}", "server.versions: ", "\"1.4\" is none of 1.0"},
		{"{\"versions\":5}", "server.versions: ", "a list of texts"},
		{"{\"versions\":[\"1.2\",3]}", "server.versions: ", "element 1"},
		{"{\"certificate\":\"rsa-2047\"}", "server.certificate: ", "\"rsa-2047\""},
		{"{\"certificate\":\"../out/rsa-2048\"}", "server.certificate: ", "../out"},
		{"{\"certificate\":\"client-rsa-2048\"}", "server.certificate: ", "role \"client\""},
		{"{\"certificate\":[\"rsa-2048\",\"rsa-3072\"]}", "server.certificate: ", "one type"},
		{"{\"certificate\":[\"ecdsa-p256\",\"rsa-2048\",\"ecdsa-p384\"]}",
		 "server.certificate: ", "\"ecdsa-p256\" and \"ecdsa-p384\""},
		{"{\"ciphersuites\":[\"TLS_AES_128_GCM_SHA256\",\"TLS_AES_128_GCM_SHA255\"]}",
		 "server.ciphersuites: ", "\"TLS_AES_128_GCM_SHA255\": no cipher match"},
		{"{\"cipher_list\":\"ECDHE+AESGCM:ECDHE+AESGCN\"}", "server.cipher_list: ",
		 "\"ECDHE+AESGCN\": no cipher match"},
		{"{\"cipher_list\":\"DEFAULT:@SECLEVEL=9\"}", "server.cipher_list: ", "invalid command"},
		{"{\"groups\":[\"P-256\",\"P-257\"]}", "server.groups: ", "\"P-257\""},
		{"{\"groups\":\"P-256:secp256r1\"}", "server.groups: ", "stands twice"},
		{"{\"signature_algorithms\":\"RSA+SHA256:RSA+SHA255\"}", "server.signature_algorithms: ",
		 "\"RSA+SHA255\""},
		{"{\"client_auth\":\"maybe\"}", "server.client_auth: ", "none, request or require"},
		{"{\"alpn\":[]}", "server.alpn: ", "at least one"},
		{"{\"alpn\":[\"h2\",\"\"]}", "server.alpn: ", "1 to 255 bytes, not 0"},
		{"{\"tickets\":\"no\"}", "server.tickets: ", "true, false or a number"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++)
		assert_refused(&wrongs[i]);
}

static void words_that_only_change_a_cipher_list_are_taken(void **state)
{
	json_t *server = parsed("{\"cipher_list\":[\"ALL\",\"!aNULL\",\"-SHA1\",\"+AES\",\"@STRENGTH\"]}");
	struct error error = {0};
	struct context *context = context_new(server, certificates, &error);

	(void)state;
	assert_non_null(context);
	context_free(context);
	json_decref(server);
}

static struct context *get(struct contexts *contexts, const char *text)
{
	json_t *server = parsed(text);
	struct error error = {0};
	struct context *context = contexts_get(contexts, server, &error);

	if (context == NULL)
		fail_msg("%s", error.text);
	json_decref(server);
	return context;
}

static void one_meaning_is_built_once(void **state)
{
	struct contexts contexts = {.certificates = certificates};
	struct context *first =
		get(&contexts, "{\"versions\":[\"1.3\"],\"certificate\":[\"ecdsa-p256\"]}");

	(void)state;
	assert_ptr_equal(get(&contexts, "{ \"certificate\":[\"ecdsa-p256\"], \"versions\":[\"1.3\"] }"),
	                 first);
	assert_ptr_not_equal(
		get(&contexts, "{\"versions\":[\"1.2\"],\"certificate\":[\"ecdsa-p256\"]}"), first);
	contexts_fini(&contexts);
}

static X509 *leaf_of(struct contexts *contexts, const char *server)
{
	return SSL_CTX_get0_certificate(get(contexts, server)->ssl);
}

static void a_certificate_is_read_once_for_all_servers_that_have_it(void **state)
{
	struct contexts contexts = {.certificates = certificates,
	                            .credentials = {.for_children = true}};
	X509 *leaf = leaf_of(&contexts, "{\"versions\":[\"1.3\"],\"certificate\":[\"rsa-2048\"]}");

	(void)state;
	assert_ptr_equal(leaf_of(&contexts, "{\"certificate\":[\"rsa-2048\"]}"), leaf);
	assert_ptr_not_equal(leaf_of(&contexts, "{\"certificate\":[\"ecdsa-p256\"]}"), leaf);
	contexts_fini(&contexts);
}

static struct context *get_numbered(struct contexts *contexts, size_t number)
{
	char text[64];

	snprintf(text, sizeof(text), "{\"alpn\":[\"protocol-%zu\"]}", number);
	return get(contexts, text);
}

static bool holds(const struct contexts *contexts, const char *part)
{
	for (size_t i = 0; i < CONTEXTS_MAX; i++)
		if (contexts->meanings[i].name != NULL && strstr(contexts->meanings[i].name, part) != NULL)
			return true;
	return false;
}

static void the_one_not_asked_for_longest_makes_room(void **state)
{
	struct contexts contexts = {.certificates = certificates};

	(void)state;
	for (size_t i = 0; i < CONTEXTS_MAX; i++)
		get_numbered(&contexts, i);
	get_numbered(&contexts, 0);
	get_numbered(&contexts, CONTEXTS_MAX);
	assert_true(holds(&contexts, "\"protocol-0\""));
	assert_false(holds(&contexts, "\"protocol-1\""));
	assert_true(holds(&contexts, "\"protocol-2\""));
	contexts_fini(&contexts);
}

static void copy(const char *from_folder, const char *to_folder, const char *name)
{
	char *from = file_join(from_folder, name), *to = file_join(to_folder, name);
	struct buf content = {0};
	struct error error = {0};

	assert_int_equal(file_read(from, 1 << 20, &content, &error), 0);
	assert_int_equal(file_write(to, buf_view(&content), 0600, &error), 0);
	buf_fini(&content);
	free(from);
	free(to);
}

static void a_renewed_certificate_is_loaded_again(void **state)
{
	static const struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	static const char *const server = "{\"certificate\":[\"ecdsa-p256\"]}";
	char folder[] = "/tmp/shakedown-test-XXXXXX";
	char *original = file_join(certificates, "ecdsa-p256");
	struct contexts contexts = {.certificates = mkdtemp(folder)};
	char *own = file_join(folder, "ecdsa-p256"), *chain = file_join(own, "chain.pem");
	char *key = file_join(own, "key.pem"), *index = file_join(folder, "index.json");
	X509 *leaf;

	(void)state;
	assert_int_equal(mkdir(own, 0700), 0);
	copy(certificates, folder, "index.json");
	copy(original, own, "chain.pem");
	copy(original, own, "key.pem");
	assert_ptr_equal(get(&contexts, server), get(&contexts, server));
	leaf = leaf_of(&contexts, server);
	assert_int_equal(utimensat(-1, chain, long_ago, 0), 0);
	assert_ptr_not_equal(get(&contexts, server), contexts.contexts[0]);
	assert_ptr_not_equal(leaf_of(&contexts, server), leaf);
	contexts_fini(&contexts);
	assert_int_equal(unlink(chain) | unlink(key) | unlink(index) | rmdir(own) | rmdir(folder), 0);
	free(original);
	free(own);
	free(chain);
	free(key);
	free(index);
}

/* Whatever is wrong with it: a client is to find that out, not OpenSSL's server. */
static void every_certificate_that_suites_may_name_is_taken(void **state)
{
	char *recipes = file_join(file_data_root(NULL), "certs/recipes.json");
	struct error error = {0};
	json_t *names = NULL, *name;
	size_t i;

	(void)state;
	assert_int_equal(certs_names(recipes, CERT_SERVER, &names, &error), 0);
	json_array_foreach(names, i, name) {
		json_t *server = json_pack("{s:[O]}", "certificate", name);
		struct context *context = context_new(server, certificates, &error);

		if (context == NULL)
			fail_msg("%s", error.text);
		context_free(context);
		json_decref(server);
	}
	json_decref(names);
	free(recipes);
}

/* --- which keys are held against each other --------------------------------------------------- */

static const struct {
	const char *key;
	const char *values[5];
} settings[] = {
	{"versions", {"[\"1.2\"]", "[\"1.3\"]", "[\"1.0\",\"1.1\"]", "[\"1.2\",\"1.3\"]"}},
	{"certificate", {"[\"ecdsa-p256\"]", "7"}},
	{"cipher_list", {"[\"ECDHE-ECDSA-AES128-SHA\"]", "[\"ECDHE-ECDSA-AES128-GCM-SHA256\"]",
	                 "[\"NO-SUCH\"]"}},
	{"ciphersuites", {"[\"TLS_AES_128_GCM_SHA256\"]", "[\"NO-SUCH\"]"}},
	{"groups", {"[\"P-256\"]", "[\"brainpoolP256r1\"]", "[\"NO-SUCH\"]"}},
	{"signature_algorithms", {"[\"rsa_pss_rsae_sha256\"]", "[\"NO-SUCH\"]"}},
	{"client_auth", {"\"none\"", "\"require\"", "\"perhaps\""}},
	{"client_signature_algorithms", {"[\"ecdsa_secp256r1_sha256\"]", "[\"NO-SUCH\"]"}},
	{"client_ca_names", {"3", "-1"}},
	{"post_handshake_auth", {"true", "false"}},
	{"alpn", {"[\"h2\"]", "[]"}},
	{"alpn_mismatch", {"\"ignore\"", "\"never\""}},
	{"sni", {"\"warning\"", "\"require\"", "\"never\""}},
	{"tickets", {"true", "false", "2", "99"}},
	{"ticket_size", {"100", "0"}},
	{"session_cache", {"true", "false"}},
	{"resumption", {"\"refuse\"", "\"never\""}},
	{"psk", {"{\"identity\":\"a\",\"key\":\"00ff\"}", "{\"identity\":\"a\"}"}},
	{"early_data", {"\"accept\"", "\"refuse\"", "\"never\""}},
	{"cookie", {"16", "0"}},
	{"extended_master_secret", {"true", "false"}},
	{"encrypt_then_mac", {"true", "false"}},
	{"renegotiation_info", {"true", "false"}},
	{"max_fragment_length", {"true", "false"}},
	{"middlebox_compatibility", {"true", "false"}},
	{"faults", {"[{}]", "[]", "7"}},
	{"max_send_fragment", {"512", "1"}},
	{"record_padding", {"64", "0"}},
	{"segment", {"9", "0"}},
	{"pause_ms", {"5", "0"}},
	{"key_update", {"\"none\"", "\"ask\"", "\"never\""}},
	{"ocsp", {"\"good\"", "\"never\""}},
	{"close", {"\"fin\"", "\"never\""}},
	{"application", {"\"echo\"", "\"http\"", "\"never\""}},
	{"page_size", {"10", "-1"}},
};

#define N_SETTINGS (sizeof(settings) / sizeof(settings[0]))
#define N_SERVERS 500
#define N_KEYS_MAX 5

/* Numbers that are the same each time. */
static unsigned draw(unsigned below)
{
	static unsigned long long state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state % below);
}

static json_t *some_server(void)
{
	json_t *server = json_object();

	for (unsigned n = 1 + draw(N_KEYS_MAX); n > 0; n--) {
		size_t i = draw(N_SETTINGS);
		unsigned n_values = 0;

		while (n_values < 5 && settings[i].values[n_values] != NULL)
			n_values++;
		json_object_set_new(server, settings[i].key,
		                    json_loads(settings[i].values[draw(n_values)],
		                               JSON_DECODE_ANY, NULL));
	}
	return server;
}

static bool is_taken(const json_t *server)
{
	struct error reason = {0};
	const char *key;

	return context_check(server, &key, &reason) == 0;
}

/* Whether a server with the keys of the set alone is taken. */
static bool is_taken_on(const json_t *server, const struct key_set *set)
{
	json_t *part = json_object();
	bool taken;

	for (size_t i = 0; set->keys[i] != NULL; i++)
		if (json_object_get(server, set->keys[i]) != NULL)
			json_object_set(part, set->keys[i], json_object_get(server, set->keys[i]));
	taken = is_taken(part);
	json_decref(part);
	return taken;
}

static void a_server_is_taken_if_it_is_on_each_set_of_keys_alone(void **state)
{
	size_t n_sets, n_taken = 0;
	const struct key_set *sets = context_key_sets(&n_sets);

	(void)state;
	for (size_t i = 0; i < N_SERVERS; i++) {
		json_t *server = some_server();
		char *text = json_dumps(server, JSON_COMPACT);
		bool whole = is_taken(server), each = true;

		for (size_t k = 0; k < n_sets; k++)
			each = each && is_taken_on(server, &sets[k]);
		if (whole != each)
			fail_msg("%s %s, its parts %s", text, whole ? "is taken" : "is refused",
			         each ? "are taken" : "are refused");
		n_taken += whole;
		free(text);
		json_decref(server);
	}
	assert_in_range(n_taken, N_SERVERS / 10, N_SERVERS - N_SERVERS / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_wrong_value_is_refused_by_key_and_word),
		cmocka_unit_test(every_certificate_that_suites_may_name_is_taken),
		cmocka_unit_test(words_that_only_change_a_cipher_list_are_taken),
		cmocka_unit_test(one_meaning_is_built_once),
		cmocka_unit_test(a_certificate_is_read_once_for_all_servers_that_have_it),
		cmocka_unit_test(the_one_not_asked_for_longest_makes_room),
		cmocka_unit_test(a_renewed_certificate_is_loaded_again),
		cmocka_unit_test(a_server_is_taken_if_it_is_on_each_set_of_keys_alone),
	};

	return cmocka_run_group_tests_name("peer/context", tests, make_certificates,
	                                   forget_certificates);
}
