#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab.h"

#define CASE(version, fault) \
	"{\"versions\":[\"" version "\"],\"certificate\":[\"ecdsa-p256\"],\"groups\":[\"P-256\"]," \
	"\"faults\":[" fault "]}"

/*
 * Asks for a server with a tap, and lets a client visit it, talk if the handshake succeeds, and
 * leave. Both testimonies are in the lab then. True if the handshake succeeded.
 */
static bool visit(struct lab *lab, const char *server)
{
	const struct visit plain = {
		.groups = "P-256",
		.cipher_list = "ALL",
		.ciphersuites = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:"
	                        "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_CCM_SHA256:"
	                        "TLS_AES_128_CCM_8_SHA256",
	};
	struct client client;
	char byte = 'x';
	bool shaken;

	lab_ask(lab, server, "127.0.0.1", LAB_TIMEOUT_MS);
	if (lab->refused != NULL)
		fail_msg("%s: %s", server, lab->refused);
	client_open(&client, lab->port, &plain);
	shaken = SSL_connect(client.ssl) == 1;
	if (shaken && SSL_write(client.ssl, &byte, 1) == 1 && SSL_read(client.ssl, &byte, 1) == 1)
		client_part(&client);
	client_close(&client);
	lab_hear(lab);
	return shaken;
}

static const json_t *connection(const struct lab *lab)
{
	return json_array_get(json_object_get(lab->message, "connections"), 0);
}

static const json_t *fault_told(const struct lab *lab, size_t index)
{
	const json_t *testimony = json_object_get(lab->message, "testimony");

	return json_array_get(json_object_get(testimony, "faults"), index);
}

static bool accepted(const struct lab *lab)
{
	return json_flag(json_object_get(lab->message, "testimony"), "accepted");
}

/* The last fatal alert on the wire, by number and side; NONE_SEEN if there is none. */
static int alert_on_the_wire(const struct lab *lab, const char *from)
{
	const json_t *alert;
	int number = NONE_SEEN;
	size_t i;

	json_array_foreach(json_object_get(connection(lab), "alerts"), i, alert)
		if (strcmp(json_text(alert, "from"), from) == 0 && json_number(alert, "number") != 0)
			number = (int)json_number(alert, "number");
	return number;
}

/* Each row: a fault, how it is told, and what the client makes of it. */
static void a_client_refuses_what_breaks_the_protocol(void **state)
{
	static const struct {
		const char *server;
		int alert; /* from the client */
	} rows[] = {
		{CASE("1.2", "{\"at\":\"server_hello.cipher_suite\",\"do\":\"replace\",\"with\":\"0a0a\"}"), 47},
		{CASE("1.3", "{\"at\":\"server_hello.cipher_suite\",\"do\":\"replace\",\"with\":\"0a0a\"}"), 47},
		{CASE("1.2", "{\"at\":\"server_key_exchange.signature\",\"do\":\"flip\"}"), 51},
		{CASE("1.3", "{\"at\":\"certificate_verify.signature\",\"do\":\"flip\"}"), 51},
		{CASE("1.2", "{\"at\":\"finished.verify_data\",\"do\":\"flip\"}"), 51},
		{CASE("1.3", "{\"at\":\"finished.verify_data\",\"do\":\"flip\"}"), 51},
		{CASE("1.2", "{\"at\":\"finished.record.tag\",\"do\":\"flip\"}"), 20},
		{CASE("1.3", "{\"at\":\"finished.record.tag\",\"do\":\"flip\"}"), 20},
		{CASE("1.2", "{\"at\":\"certificate\",\"do\":\"drop\"}"), 10},
		{CASE("1.3", "{\"at\":\"certificate_verify\",\"do\":\"drop\"}"), 10},
		{CASE("1.3", "{\"at\":\"encrypted_extensions\",\"do\":\"swap\"}"), 10},
		{CASE("1.3", "{\"at\":\"finished\",\"do\":\"unprotect\"}"), 10},
		{CASE("1.2", "{\"at\":\"change_cipher_spec\",\"do\":\"drop\"}"), 10},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lab *lab = *state;

		assert_false(visit(lab, rows[i].server));
		if (!json_flag(fault_told(lab, 0), "applied") || accepted(lab) ||
		    (i != 12 && alert_on_the_wire(lab, "client") != rows[i].alert))
			fail_msg("%s: alert %d, %s", rows[i].server,
			         alert_on_the_wire(lab, "client"),
			         accepted(lab) ? "accepted" : "refused");
	}
}

/* Changes that no client may stumble over: the connection is as good as any. */
static void a_client_connects_where_only_the_form_changes(void **state)
{
	static const char *const servers[] = {
		CASE("1.2", "{\"at\":\"certificate\",\"do\":\"split\",\"sizes\":[1,2,100]}"),
		CASE("1.3", "{\"at\":\"certificate\",\"do\":\"split\",\"sizes\":[1,2,100]}"),
		CASE("1.2", "{\"at\":\"server_hello\",\"do\":\"join\"}"),
		CASE("1.3", "{\"at\":\"certificate\",\"do\":\"join\"}"),
		CASE("1.3", "{\"at\":\"certificate\",\"do\":\"pad\",\"bytes\":1000}"),
		CASE("1.2", "{\"at\":\"certificate\",\"do\":\"delay\",\"ms\":1}"),
		CASE("1.3", "{\"at\":\"new_session_ticket\",\"do\":\"repeat\"}"),
	};

	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		struct lab *lab = *state;

		assert_true(visit(lab, servers[i]));
		assert_true(json_flag(fault_told(lab, 0), "applied"));
		assert_true(accepted(lab));
		assert_told(json_object_get(lab->message, "testimony"), "state", "closed");
	}
}

/*
 * A client that overlooks a change in a protected message of TLS 1.3 finds that all proofs fit, and
 * is caught by its Finished. OpenSSL's passes over extensions that it does not know.
 */
static void proofs_are_repaired_over_what_was_changed(void **state)
{
	struct lab *lab = *state;

	visit(lab,
	      CASE("1.3", "{\"at\":\"encrypted_extensions.extensions\",\"do\":\"append\","
	                  "\"with\":\"0a0a0000\"}"));
	assert_true(accepted(lab));
	assert_error(json_object_get(lab->message, "testimony"), "digest check failed");
}

/* The decoder opens what was sealed again, and finds each change where it was put. */
static void the_decoder_sees_the_change_in_its_place(void **state)
{
	struct lab *lab = *state;
	const json_t *hello, *verify;

	visit(lab,
	      CASE("1.3", "{\"at\":\"certificate_verify.algorithm\",\"do\":\"replace\","
	                  "\"with\":\"0401\"}"));
	verify = json_array_get(json_object_get(connection(lab), "certificate_verify"), 0);
	assert_string_equal(json_text(verify, "algorithm"), "rsa_pkcs1_sha256");
	visit(lab,
	      CASE("1.2", "{\"at\":\"server_hello.legacy_compression_method\","
	                  "\"do\":\"replace\",\"with\":\"01\"}"));
	hello = json_object_get(connection(lab), "server_hello");
	assert_string_equal(json_text(hello, "compression_method"), "DEFLATE");
}

static void the_end_of_the_stream_comes_where_it_was_put(void **state)
{
	static const char *const deeds[] = {"close", "reset"};

	for (size_t i = 0; i < 2; i++) {
		struct lab *lab = *state;
		char server[256];

		snprintf(server, sizeof(server),
		         CASE("1.2", "{\"at\":\"certificate\",\"do\":\"%s\",\"where\":\"inside\"}"),
		         deeds[i]);
		visit(lab, server);
		assert_false(accepted(lab));
		assert_told(json_object_get(lab->message, "testimony"), "closed_by", "server");
		assert_null(json_object_get(connection(lab), "server_key_exchange"));
		assert_string_equal(
			json_text(json_object_get(connection(lab), "close"), "server"),
			i == 0 ? "fin" : "rst");
	}
}

/* True if the decoder opened the client's and the server's Finished, and found no fault. */
static bool opened(const struct lab *lab)
{
	return json_array_size(json_object_get(connection(lab), "finished")) == 2 &&
	       json_array_size(json_object_get(connection(lab), "faults")) == 0;
}

static void what_is_sealed_again_is_as_good_with_every_kind_of_cipher(void **state)
{
	static const struct {
		const char *version, *key, *word;
	} ciphers[] = {
		{"1.3", "ciphersuites", "TLS_AES_128_GCM_SHA256"},
		{"1.3", "ciphersuites", "TLS_AES_256_GCM_SHA384"},
		{"1.3", "ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"},
		{"1.3", "ciphersuites", "TLS_AES_128_CCM_SHA256"},
		{"1.3", "ciphersuites", "TLS_AES_128_CCM_8_SHA256"},
		{"1.2", "cipher_list", "ECDHE-ECDSA-AES128-GCM-SHA256"},
		{"1.2", "cipher_list", "ECDHE-ECDSA-AES256-GCM-SHA384"},
		{"1.2", "cipher_list", "ECDHE-ECDSA-CHACHA20-POLY1305"},
		{"1.2", "cipher_list", "ECDHE-ECDSA-AES128-CCM"},
		{"1.2", "cipher_list", "ECDHE-ECDSA-AES256-CCM8"},
		{"1.2", "cipher_list", "ECDHE-ECDSA-AES128-SHA256"},
		{"1.2", "cipher_list", "ECDHE-ECDSA-AES256-SHA"},
		{"1.1", "cipher_list", "ECDHE-ECDSA-AES128-SHA"},
		{"1.0", "cipher_list", "ECDHE-ECDSA-AES128-SHA"},
	};

	for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++) {
		struct lab *lab = *state;
		char server[512];

		snprintf(server, sizeof(server),
		         "{\"versions\":[\"%s\"],\"certificate\":[\"ecdsa-p256\"],\"%s\":\"%s\","
		         "\"faults\":[{\"at\":\"finished\",\"do\":\"split\",\"sizes\":[1]},"
		         "{\"at\":\"application_data\",\"do\":\"split\",\"sizes\":[1]}]}",
		         ciphers[i].version, ciphers[i].key, ciphers[i].word);
		if (!visit(lab, server) || !accepted(lab) || !opened(lab))
			fail_msg("%s %s", ciphers[i].version, ciphers[i].word);
		assert_told(json_object_get(lab->message, "testimony"), "state", "closed");
	}
}

/* A place that the connection does not have is told as such. */
static void a_fault_without_its_place_is_not_applied(void **state)
{
	struct lab *lab = *state;

	assert_true(visit(lab, CASE("1.3", "{\"at\":\"hello_retry_request\",\"do\":\"drop\"}")));
	assert_false(json_flag(fault_told(lab, 0), "applied"));
	assert_false(accepted(lab));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, lab_open, lab_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_client_refuses_what_breaks_the_protocol),
		TEST(a_client_connects_where_only_the_form_changes),
		TEST(proofs_are_repaired_over_what_was_changed),
		TEST(the_decoder_sees_the_change_in_its_place),
		TEST(the_end_of_the_stream_comes_where_it_was_put),
		TEST(what_is_sealed_again_is_as_good_with_every_kind_of_cipher),
		TEST(a_fault_without_its_place_is_not_applied),
	};

	return cmocka_run_group_tests_name("peer/faults", tests, lab_certificates, NULL);
}
