/* What-if: a server's first word, to ClientHellos of libssl and to some that no client sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab.h"
#include "peer/whatif.h"

#define RECORD_HEADER 5

/* What the client of a test does; members left out are libssl's. */
struct asker {
	int max;
	const char *groups, *sigalgs, *name, *alpn;
};

/* The ClientHello that such a client sends, as a message. */
static void hello_of(const struct asker *asker, struct buf *message)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	BIO *out = BIO_new(BIO_s_mem());
	char *data;
	long len;
	SSL *ssl;

	assert_true(asker->max == 0 || SSL_CTX_set_max_proto_version(context, asker->max) == 1);
	assert_true(asker->groups == NULL || SSL_CTX_set1_groups_list(context, asker->groups) == 1);
	assert_true(asker->sigalgs == NULL ||
	            SSL_CTX_set1_sigalgs_list(context, asker->sigalgs) == 1);
	assert_true(asker->alpn == NULL ||
	            SSL_CTX_set_alpn_protos(context, (const uint8_t *)asker->alpn,
	                                    (unsigned)strlen(asker->alpn)) == 0);
	ssl = SSL_new(context);
	assert_true(asker->name == NULL || SSL_set_tlsext_host_name(ssl, asker->name) == 1);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
	assert_int_not_equal(SSL_connect(ssl), 1);
	len = BIO_get_mem_data(out, &data);
	assert_true(len > RECORD_HEADER);
	buf_add(message, data + RECORD_HEADER, (size_t)len - RECORD_HEADER);
	SSL_free(ssl);
	SSL_CTX_free(context);
}

static json_t *ask(const char *configuration, struct bytes hello)
{
	struct error error = {0};
	json_t *server = json_loads(configuration, 0, NULL);
	char *certificates = file_join(file_data_root(&error), "certs/out");
	struct context *context = context_new(server, certificates, &error);
	struct whatif whatif;
	json_t *told;

	if (context == NULL)
		fail_msg("%s: %s", configuration, error.text);
	whatif_ask(&whatif, context, hello);
	assert_int_equal(ERR_peek_error(), 0);
	told = whatif_tell(&whatif);
	context_free(context);
	json_decref(server);
	free(certificates);
	return told;
}

/* null: there is no such member. */
static bool is_wanted(const json_t *value, const json_t *wanted)
{
	return json_is_null(wanted) ? value == NULL : json_equal(value, wanted);
}

/* The answer has all members of `expected`. */
static void expect(const char *configuration, const struct asker *asker, const char *expected)
{
	json_error_t where;
	json_t *wanted = json_loads(expected, 0, &where), *told, *value;
	struct buf hello = {0};
	const char *key;

	if (wanted == NULL)
		fail_msg("%s: %s", expected, where.text);
	hello_of(asker, &hello);
	told = ask(configuration, buf_view(&hello));
	json_object_foreach(wanted, key, value)
		if (!is_wanted(json_object_get(told, key), value))
			fail_msg("%s to %s: expected %s, and %s", key, configuration, expected,
			         json_dumps(told, JSON_COMPACT));
	json_decref(wanted);
	json_decref(told);
	buf_fini(&hello);
}

static void each_version_is_settled_as_by_the_server(void **state)
{
	(void)state;
	expect("{\"certificate\": \"ecdsa-p256\"}", &(struct asker){0},
	       "{\"answer\": \"server_hello\", \"version\": \"1.3\", \"group\": \"x25519\","
	       " \"ciphersuite\": \"TLS_AES_256_GCM_SHA384\","
	       " \"signature_algorithm\": \"ecdsa_secp256r1_sha256\"}");
	expect("{\"certificate\": \"rsa-2048\"}", &(struct asker){.max = TLS1_2_VERSION},
	       "{\"answer\": \"server_hello\", \"version\": \"1.2\", \"group\": \"x25519\","
	       " \"ciphersuite\": \"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\","
	       " \"signature_algorithm\": \"rsa_pss_rsae_sha256\"}");
	expect("{\"certificate\": \"rsa-2048\", \"cipher_list\": \"AES128-SHA256\","
	       " \"versions\": [\"1.2\"]}",
	       &(struct asker){0},
	       "{\"answer\": \"server_hello\", \"ciphersuite\": \"TLS_RSA_WITH_AES_128_CBC_SHA256\","
	       " \"group\": null, \"signature_algorithm\": null}");
}

static void retry_names_the_group_that_is_wanted(void **state)
{
	(void)state;
	expect("{\"certificate\": \"ecdsa-p256\", \"groups\": \"P-384\"}",
	       &(struct asker){.groups = "X25519:P-384"},
	       "{\"answer\": \"hello_retry_request\", \"version\": \"1.3\","
	       " \"group\": \"secp384r1\"}");
}

static void a_cookie_is_given_to_whom_the_server_gives_one(void **state)
{
	(void)state;
	expect("{\"certificate\": \"ecdsa-p256\", \"cookie\": 9}", &(struct asker){0},
	       "{\"answer\": \"hello_retry_request\", \"version\": \"1.3\"}");
	expect("{\"certificate\": \"ecdsa-p256\", \"cookie\": 9}",
	       &(struct asker){.max = TLS1_2_VERSION},
	       "{\"answer\": \"server_hello\", \"version\": \"1.2\"}");
}

static void refusals_come_with_alert_and_reason(void **state)
{
	(void)state;
	expect("{\"certificate\": \"rsa-2048\", \"versions\": [\"1.3\"]}",
	       &(struct asker){.sigalgs = "ECDSA+SHA256:RSA+SHA256"},
	       "{\"answer\": \"alert\", \"version\": \"1.3\", \"error\": {\"code\": \"0A000076\","
	       " \"reason\": \"no suitable signature algorithm\"}, \"alert\": {\"from\": \"server\","
	       " \"level\": \"fatal\", \"description\": \"handshake_failure\", \"number\": 40}}");
	expect("{\"certificate\": \"rsa-2048\", \"versions\": [\"1.3\"]}",
	       &(struct asker){.max = TLS1_2_VERSION},
	       "{\"answer\": \"alert\", \"version\": null, \"alert\": {\"from\": \"server\","
	       " \"level\": \"fatal\", \"description\": \"protocol_version\", \"number\": 70}}");
	expect("{\"certificate\": \"rsa-2048\", \"alpn\": [\"mqtt\"]}",
	       &(struct asker){.alpn = "\2h2"},
	       "{\"answer\": \"alert\", \"alert\": {\"from\": \"server\", \"level\": \"fatal\","
	       " \"description\": \"no_application_protocol\", \"number\": 120}}");
}

static void names_are_taken_as_the_server_is_told_to(void **state)
{
	static const struct asker stranger = {.name = "stranger.test"};

	(void)state;
	expect("{\"certificate\": \"rsa-2048\"}", &stranger,
	       "{\"answer\": \"server_hello\", \"alert\": null}");
	expect("{\"certificate\": \"rsa-2048\", \"sni\": \"fatal\"}", &stranger,
	       "{\"answer\": \"alert\", \"alert\": {\"from\": \"server\", \"level\": \"fatal\","
	       " \"description\": \"unrecognized_name\", \"number\": 112}}");
	expect("{\"certificate\": \"rsa-2048\", \"sni\": \"warning\", \"versions\": [\"1.2\"]}",
	       &stranger,
	       "{\"answer\": \"server_hello\", \"alert\": {\"from\": \"server\","
	       " \"level\": \"warning\", \"description\": \"unrecognized_name\", \"number\": 112}}");
	expect("{\"certificate\": \"rsa-2048\", \"sni\": \"require\"}", &(struct asker){0},
	       "{\"answer\": \"alert\", \"alert\": {\"from\": \"server\", \"level\": \"fatal\","
	       " \"description\": \"missing_extension\", \"number\": 109}}");
}

/* Cut anywhere and with the length put right, or with any byte turned over. */
static void damaged_hellos_are_answered_too(void **state)
{
	struct buf hello = {0};

	(void)state;
	hello_of(&(struct asker){.name = "server.shakedown.test"}, &hello);
	for (size_t len = 4; len < hello.len; len += 7) {
		struct buf cut = {0};

		buf_u8(&cut, 1);
		buf_u24(&cut, (uint32_t)len - 4);
		buf_add(&cut, hello.data + 4, len - 4);
		json_decref(ask("{\"certificate\": \"ecdsa-p256\"}", buf_view(&cut)));
		buf_fini(&cut);
	}
	for (size_t at = 4; at < hello.len; at += 5) {
		hello.data[at] ^= 0xff;
		json_decref(ask("{\"certificate\": \"ecdsa-p256\"}", buf_view(&hello)));
		hello.data[at] ^= 0xff;
	}
	buf_fini(&hello);
}

static void hello_longer_than_libssl_takes_is_refused(void **state)
{
	struct buf hello = {0};
	json_t *told;

	(void)state;
	buf_u8(&hello, 1);
	buf_u24(&hello, 200000);
	for (size_t i = 0; i < 200000; i++)
		buf_u8(&hello, 0);
	told = ask("{\"certificate\": \"ecdsa-p256\"}", buf_view(&hello));
	assert_string_equal(json_text(told, "answer"), "alert");
	assert_string_equal(json_text(json_object_get(told, "error"), "reason"),
	                    "excessive message size");
	json_decref(told);
	buf_fini(&hello);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_version_is_settled_as_by_the_server),
		cmocka_unit_test(retry_names_the_group_that_is_wanted),
		cmocka_unit_test(a_cookie_is_given_to_whom_the_server_gives_one),
		cmocka_unit_test(refusals_come_with_alert_and_reason),
		cmocka_unit_test(names_are_taken_as_the_server_is_told_to),
		cmocka_unit_test(damaged_hellos_are_answered_too),
		cmocka_unit_test(hello_longer_than_libssl_takes_is_refused),
	};

	return cmocka_run_group_tests(tests, lab_certificates, NULL);
}
