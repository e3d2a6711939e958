#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab.h"

#define ECDSA "\"certificate\":[\"ecdsa-p256\"]"
#define RSA "\"certificate\":[\"rsa-2048\"]"

/* A visit that succeeds; the testimony, borrowed until the next case. */
static const json_t *well(struct lab *lab, const char *server, const struct visit *visit)
{
	struct client client;

	lab_start(lab, server);
	visit_well(lab, visit, &client);
	client_close(&client);
	return lab_hear(lab);
}

/* A visit that the server refuses with this alert, and that alone; the testimony, likewise. */
static const json_t *badly(struct lab *lab, const char *server, const struct visit *visit, int alert)
{
	const json_t *testimony;

	lab_start(lab, server);
	assert_int_equal(visit_badly(lab, visit), alert);
	testimony = lab_hear(lab);
	assert_n_alerts(testimony, 1);
	assert_alert(testimony, 0, "server", "fatal", alert);
	assert_told(testimony, "state", "handshake");
	assert_told(testimony, "ended", "handshake-failed");
	assert_told(testimony, "closed_by", "server");
	assert_false(json_flag(testimony, "handshake"));
	return testimony;
}

static void a_whole_visit_is_told(void **state)
{
	struct lab *lab = *state;
	const struct visit visit = {.sni = "server.shakedown.test"};
	const json_t *testimony = well(lab, "{" ECDSA "}", &visit);
	const json_t *client = json_object_get(testimony, "client");
	const json_t *timings = json_object_get(testimony, "timings_ms");
	const json_t *close_notify = json_object_get(testimony, "close_notify");

	assert_true(json_flag(testimony, "connected"));
	assert_true(json_flag(testimony, "handshake"));
	assert_string_equal(json_text(client, "address"), "127.0.0.1");
	assert_true(json_number(client, "port") > 0);
	assert_told(testimony, "state", "closed");
	assert_told(testimony, "ended", "closed");
	assert_told(testimony, "closed_by", "client");
	assert_told(testimony, "openssl_state", "SSL negotiation finished successfully");
	assert_told(testimony, "version", "1.3");
	assert_told(testimony, "ciphersuite", "TLS_AES_256_GCM_SHA384");
	assert_told(testimony, "group", "x25519");
	assert_told(testimony, "signature_algorithm", "ecdsa_secp256r1_sha256");
	assert_told(testimony, "sni", "server.shakedown.test");
	assert_told(testimony, "alpn", NULL);
	assert_told(testimony, "client_certificate", NULL);
	assert_int_equal(json_number(testimony, "bytes_received"), 15);
	assert_int_equal(json_number(testimony, "bytes_sent"), 15);
	assert_n_alerts(testimony, 2);
	assert_alert(testimony, 0, "client", "warning", 0);
	assert_alert(testimony, 1, "server", "warning", 0);
	assert_true(json_flag(close_notify, "sent"));
	assert_true(json_flag(close_notify, "received"));
	assert_int_equal(json_array_size(json_object_get(testimony, "errors")), 0);
	assert_true(json_is_real(json_object_get(timings, "accept")));
	assert_true(json_is_real(json_object_get(timings, "handshake")));
	assert_true(json_is_real(json_object_get(timings, "total")));
}

static void assert_hex_line(const char *keylog, const char *label, const unsigned char random[32])
{
	struct buf line = {0};

	buf_printf(&line, "%s ", label);
	buf_hex(&line, (struct bytes){random, 32});
	buf_char(&line, ' ');
	if (strstr(keylog, buf_string(&line)) == NULL)
		fail_msg("no line \"%s\" in\n%s", buf_string(&line), keylog);
	buf_fini(&line);
}

static void the_key_log_has_every_secret_of_the_connection(void **state)
{
	static const struct {
		int version;
		const char *labels[6];
	} versions[] = {
		{TLS1_2_VERSION, {"CLIENT_RANDOM"}},
		{TLS1_3_VERSION,
		 {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
		  "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0", "EXPORTER_SECRET"}},
	};
	struct lab *lab = *state;

	for (size_t i = 0; i < 2; i++) {
		const struct visit visit = {.highest = versions[i].version};
		unsigned char random[32];
		struct client client;

		lab_start(lab, "{" ECDSA "}");
		visit_well(lab, &visit, &client);
		assert_int_equal(SSL_get_client_random(client.ssl, random, 32), 32);
		client_close(&client);
		lab_hear(lab);
		for (size_t k = 0; versions[i].labels[k] != NULL; k++)
			assert_hex_line(json_text(lab->message, "keylog"), versions[i].labels[k], random);
	}
}

static void each_version_is_the_only_one_on_offer(void **state)
{
	static const char *const versions[] = {"1.0", "1.1", "1.2", "1.3"};
	const struct visit visit = {0};

	for (size_t i = 0; i < 4; i++) {
		char server[64];

		snprintf(server, sizeof(server), "{\"versions\":[\"%s\"]," ECDSA "}", versions[i]);
		assert_told(well(*state, server, &visit), "version", versions[i]);
	}
}

static void a_gap_between_versions_is_kept(void **state)
{
	static const char server[] = "{\"versions\":[\"1.1\",\"1.3\"]," ECDSA "}";
	const struct visit all = {0}, to_12 = {.highest = TLS1_2_VERSION};
	const struct visit only_12 = {.lowest = TLS1_2_VERSION, .highest = TLS1_2_VERSION};
	const json_t *testimony;
	struct client client;

	assert_told(well(*state, server, &all), "version", "1.3");
	assert_told(well(*state, server, &to_12), "version", "1.1");
	lab_start(*state, server); /* here it is the client that refuses, in records of TLS 1.2 */
	client_open(&client, ((struct lab *)*state)->port, &only_12);
	assert_int_not_equal(SSL_connect(client.ssl), 1);
	client_close(&client);
	testimony = lab_hear(*state);
	assert_told(testimony, "version", "1.1");
	assert_error(testimony, "wrong version number");
}

static void no_common_version_leaves_none_settled(void **state)
{
	const struct visit visit = {.highest = TLS1_2_VERSION};
	const json_t *testimony = badly(*state, "{\"versions\":[\"1.3\"]," ECDSA "}", &visit, 70);

	assert_told(testimony, "version", NULL);
	assert_error(testimony, "unsupported protocol");
}

static void before_12_the_key_alone_names_the_signature(void **state)
{
	const struct visit visit = {.highest = TLS1_1_VERSION};

	assert_told(well(*state, "{\"versions\":[\"1.1\"]," ECDSA "}", &visit),
	            "signature_algorithm", "ecdsa_sha1");
	assert_told(well(*state, "{\"versions\":[\"1.1\"]," RSA ",\"cipher_list\":\"ECDHE\"}", &visit),
	            "signature_algorithm", "rsa_pkcs1_md5_sha1");
}

static void each_certificate_signs_with_its_algorithm(void **state)
{
	static const char *const certificates[][2] = {
		{"rsa-2048", "rsa_pss_rsae_sha256"},       {"rsa-pss-2048", "rsa_pss_pss_sha256"},
		{"ecdsa-p256", "ecdsa_secp256r1_sha256"},  {"ecdsa-p384", "ecdsa_secp384r1_sha384"},
		{"ecdsa-p521", "ecdsa_secp521r1_sha512"},  {"ed25519", "ed25519"},
	};
	const struct visit visit = {0};

	for (size_t i = 0; i < sizeof(certificates) / sizeof(certificates[0]); i++) {
		char server[64];

		snprintf(server, sizeof(server), "{\"certificate\":\"%s\"}", certificates[i][0]);
		assert_told(well(*state, server, &visit), "signature_algorithm", certificates[i][1]);
	}
}

static void of_several_certificates_the_client_can_choose(void **state)
{
	static const char server[] =
		"{\"versions\":[\"1.2\"],\"certificate\":[\"rsa-2048\",\"ecdsa-p256\"]}";
	const struct visit for_rsa = {.signature_algorithms = "RSA+SHA256"};
	const struct visit for_ecdsa = {.signature_algorithms = "ECDSA+SHA384"};

	assert_told(well(*state, server, &for_rsa), "signature_algorithm", "rsa_pkcs1_sha256");
	assert_told(well(*state, server, &for_ecdsa), "signature_algorithm", "ecdsa_secp384r1_sha384");
}

static void cipher_suites_are_those_on_the_lists(void **state)
{
	const struct visit visit = {0}, to_12 = {.highest = TLS1_2_VERSION};
	const struct visit other = {.ciphersuites = "TLS_AES_256_GCM_SHA384"};

	assert_told(well(*state, "{" ECDSA ",\"ciphersuites\":\"TLS_CHACHA20_POLY1305_SHA256\"}", &visit),
	            "ciphersuite", "TLS_CHACHA20_POLY1305_SHA256");
	assert_told(well(*state, "{" RSA ",\"cipher_list\":[\"AES128-SHA256\"]}", &to_12),
	            "ciphersuite", "TLS_RSA_WITH_AES_128_CBC_SHA256");
	assert_told(well(*state, "{" RSA ",\"cipher_list\":\"DHE-RSA-AES128-GCM-SHA256\"}", &to_12),
	            "ciphersuite", "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256");
	assert_error(badly(*state, "{\"versions\":[\"1.3\"]," ECDSA
	                           ",\"ciphersuites\":[\"TLS_AES_128_GCM_SHA256\"]}", &other, 40),
	             "no shared cipher");
}

static void without_a_signature_none_is_told(void **state)
{
	const struct visit visit = {.highest = TLS1_2_VERSION};
	const json_t *testimony = well(*state, "{" RSA ",\"cipher_list\":\"AES128-GCM-SHA256\"}", &visit);

	assert_told(testimony, "signature_algorithm", NULL);
	assert_told(testimony, "group", NULL);
}

static void groups_are_those_on_the_list(void **state)
{
	const struct visit visit = {.groups = "X25519:P-256:P-384"}, no_384 = {.groups = "X25519"};
	const struct visit to_12 = {.highest = TLS1_2_VERSION};

	/* no key share of the client's is for P-384: this goes by HelloRetryRequest */
	assert_told(well(*state, "{" ECDSA ",\"groups\":[\"P-384\"]}", &visit), "group", "secp384r1");
	assert_told(well(*state, "{" RSA ",\"groups\":\"P-521\"}", &to_12), "group", "secp521r1");
	assert_error(badly(*state, "{" ECDSA ",\"groups\":\"P-384\"}", &no_384, 40),
	             "no suitable key share");
}

static void signature_algorithms_are_those_on_the_list(void **state)
{
	const struct visit visit = {0}, other = {.signature_algorithms = "ecdsa_secp256r1_sha256"};

	assert_told(well(*state, "{" RSA ",\"signature_algorithms\":[\"rsa_pss_rsae_sha512\"]}", &visit),
	            "signature_algorithm", "rsa_pss_rsae_sha512");
	badly(*state, "{\"versions\":[\"1.3\"]," ECDSA
	              ",\"signature_algorithms\":\"rsa_pss_rsae_sha512\"}", &other, 40);
}

/* The forum thread's first finding: RFC 8446 section 4.2.3 leaves PKCS #1 v1.5 to certificates. */
static void an_rsa_key_cannot_sign_for_a_client_without_pss(void **state)
{
	static const char *const servers[] = {"{\"versions\":[\"1.3\"]," RSA "}",
	                                      "{\"versions\":[\"1.2\",\"1.3\"]," RSA "}"};
	const struct visit visit = {
		.lowest = TLS1_2_VERSION,
		.groups = "P-256:P-384:P-521",
		.signature_algorithms = "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:"
	                                "RSA+SHA256:RSA+SHA384:RSA+SHA512:ECDSA+SHA224",
	};

	for (size_t i = 0; i < 2; i++) {
		const json_t *testimony = badly(*state, servers[i], &visit, 40);
		const json_t *error = json_array_get(json_object_get(testimony, "errors"), 0);

		assert_told(testimony, "version", "1.3");
		assert_told(testimony, "signature_algorithm", NULL);
		assert_told(error, "code", "0A000076");
		assert_told(error, "reason", "no suitable signature algorithm");
		assert_told(error, "function", "tls_choose_sigalg");
		assert_string_not_equal(json_text(testimony, "openssl_state"), "error");
	}
	assert_told(well(*state, "{\"versions\":[\"1.2\"]," RSA "}", &visit),
	            "signature_algorithm", "rsa_pkcs1_sha256");
}

static int out_of_memory(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	X509_STORE_CTX_set_error(store, X509_V_ERR_OUT_OF_MEM);
	return 0;
}

/* The thread's second finding. */
static void the_clients_internal_error_is_heard(void **state)
{
	static const char *const versions[] = {"1.2", "1.3"};
	struct lab *lab = *state;
	const struct visit visit = {.judge = out_of_memory};

	for (size_t i = 0; i < 2; i++) {
		const json_t *testimony;
		char server[64];

		snprintf(server, sizeof(server), "{\"versions\":[\"%s\"]," ECDSA "}", versions[i]);
		lab_start(lab, server);
		assert_int_equal(visit_badly(lab, &visit), NONE_SEEN);
		testimony = lab_hear(lab);
		assert_told(testimony, "state", "handshake");
		assert_told(testimony, "ended", "handshake-failed");
		assert_told(testimony, "closed_by", "client");
		assert_told(testimony, "version", versions[i]);
		assert_n_alerts(testimony, 1);
		assert_alert(testimony, 0, "client", "fatal", 80);
		assert_error(testimony, "tlsv1 alert internal error");
	}
}

static void a_client_is_not_asked_for_a_certificate_unless_wanted(void **state)
{
	struct lab *lab = *state;
	const struct visit visit = {.certificate = "client-ecdsa-p256"};
	struct client client;

	lab_start(lab, "{" ECDSA ",\"client_auth\":\"none\"}");
	visit_well(lab, &visit, &client);
	assert_false(client.asked_for_certificate);
	client_close(&client);
	assert_told(lab_hear(lab), "client_certificate", NULL);
}

static void a_requested_certificate_may_be_left_out(void **state)
{
	struct lab *lab = *state;
	const struct visit visit = {0};
	struct client client;

	lab_start(lab, "{" ECDSA ",\"client_auth\":\"request\"}");
	visit_well(lab, &visit, &client);
	assert_true(client.asked_for_certificate);
	assert_int_equal(client.n_authorities, 4);
	client_close(&client);
	assert_told(lab_hear(lab), "client_certificate", NULL);
}

static void a_client_of_each_key_type_is_known_by_its_certificate(void **state)
{
	static const char *const clients[] = {"client-rsa-2048", "client-ecdsa-p256", "client-ed25519"};

	for (size_t i = 0; i < 3; i++) {
		const struct visit visit = {.certificate = clients[i]};
		const json_t *testimony =
			well(*state, "{" ECDSA ",\"client_auth\":\"require\"}", &visit);

		assert_non_null(strstr(json_text(testimony, "client_certificate"), clients[i]));
		assert_told(testimony, "client_certificate_error", NULL);
	}
}

/* In TLS 1.3 the client believes that it succeeded, and learns it with the first read. */
static void a_required_certificate_may_not_be_left_out(void **state)
{
	static const char server[] = "{" RSA ",\"client_auth\":\"require\"}";
	const struct visit to_12 = {.highest = TLS1_2_VERSION}, to_13 = {0};

	assert_error(badly(*state, server, &to_12, 40), "peer did not return a certificate");
	assert_error(badly(*state, server, &to_13, 116), "peer did not return a certificate");
}

static void a_clients_certificate_from_elsewhere_is_refused(void **state)
{
	/* a server's certificate is of no use to a client: its extended key usage says so */
	const struct visit visit = {.certificate = "ecdsa-p384"};
	const json_t *testimony = badly(*state, "{" ECDSA ",\"client_auth\":\"request\"}", &visit, 43);

	assert_error(testimony, "certificate verify failed");
	assert_string_not_equal(json_text(testimony, "client_certificate_error"), "");
}

static void the_servers_first_common_protocol_is_chosen(void **state)
{
	static const char server[] = "{" ECDSA ",\"alpn\":[\"mqtt\",\"http/1.1\"]}";
	const struct visit both = {.alpn = "\x08http/1.1\x04mqtt"}, other = {.alpn = "\x02h2"};
	const struct visit silent = {0};

	assert_told(well(*state, server, &both), "alpn", "mqtt");
	assert_told(well(*state, server, &silent), "alpn", NULL);
	assert_error(badly(*state, server, &other, 120), "no application protocol");
}

static int tickets_given(struct lab *lab, const char *server, int version)
{
	const struct visit visit = {.highest = version};
	struct client client;

	lab_start(lab, server);
	visit_well(lab, &visit, &client);
	client_close(&client);
	lab_hear(lab);
	return client.n_tickets;
}

static void tickets_are_given_unless_forbidden(void **state)
{
	assert_int_equal(tickets_given(*state, "{" ECDSA "}", TLS1_3_VERSION), 2);
	assert_int_equal(tickets_given(*state, "{" ECDSA ",\"tickets\":true}", TLS1_2_VERSION), 1);
	assert_int_equal(tickets_given(*state, "{" ECDSA ",\"tickets\":false}", TLS1_3_VERSION), 0);
	assert_int_equal(tickets_given(*state, "{" ECDSA ",\"tickets\":false}", TLS1_2_VERSION), 0);
}

static void a_session_of_an_earlier_case_means_nothing(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct lab *lab = *state;

	for (size_t i = 0; i < 2; i++) {
		struct visit visit = {.highest = versions[i]};
		struct client client;

		lab_start(lab, "{" ECDSA "}");
		visit_well(lab, &visit, &client);
		visit.session = SSL_get1_session(client.ssl);
		client_close(&client);
		lab_hear(lab);
		assert_true(SSL_SESSION_is_resumable(visit.session));
		assert_false(json_flag(well(lab, "{" ECDSA "}", &visit), "resumed"));
		SSL_SESSION_free(visit.session);
	}
}

static void a_wrong_configuration_is_refused_and_the_next_serves(void **state)
{
	struct lab *lab = *state;
	const struct visit visit = {0};

	lab_ask(lab, "{\"groups\":\"P-257\"}", "127.0.0.1", LAB_TIMEOUT_MS);
	assert_non_null(lab->refused);
	assert_non_null(strstr(lab->refused, "server.groups: "));
	well(lab, "{" ECDSA "}", &visit);
}

static void an_address_that_is_not_ours_is_refused(void **state)
{
	static const char *const wrongs[][2] = {
		{"192.0.2.1", "cannot listen on 192.0.2.1"}, /* RFC 5737: nobody's */
		{"localhost", "no numeric IPv4 or IPv6 address"},
		{"", "no numeric IPv4 or IPv6 address"},
	};
	struct lab *lab = *state;

	for (size_t i = 0; i < 3; i++) {
		lab_ask(lab, "{" ECDSA "}", wrongs[i][0], LAB_TIMEOUT_MS);
		assert_non_null(lab->refused);
		assert_non_null(strstr(lab->refused, wrongs[i][1]));
	}
}

static void ipv6_is_served(void **state)
{
	struct lab *lab = *state;
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const json_t *testimony;

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		skip();
	}
	lab_ask(lab, "{" ECDSA "}", "::1", LAB_TIMEOUT_MS);
	assert_int_not_equal(lab->port, 0);
	address.sin6_port = htons((uint16_t)lab->port);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	testimony = lab_hear(lab);
	assert_told(json_object_get(testimony, "client"), "address", "::1");
	assert_told(testimony, "state", "connected");
}

static void a_tap_hands_over_the_decoded_connection_and_its_capture(void **state)
{
	struct lab *lab = *state;
	const struct visit visit = {0};
	struct client client;
	const json_t *connection;

	lab_ask(lab, "{" ECDSA "}", "127.0.0.1", LAB_TIMEOUT_MS);
	visit_well(lab, &visit, &client);
	client_close(&client);
	lab_hear(lab);
	connection = json_array_get(json_object_get(lab->message, "connections"), 0);
	assert_true(json_is_object(json_object_get(connection, "client_hello")));
	assert_told(connection, "version", "TLS 1.3");
	assert_int_equal(json_number(json_object_get(connection, "server"), "port"), lab->port);
	assert_told(json_object_get(connection, "close"), "first", "server");
	assert_told(json_object_get(connection, "close"), "client", "fin");
	assert_memory_equal(lab->capture.data, "\x0a\x0d\x0d\x0a", 4); /* a pcapng section header */
}

/* The tap's decoder tells what it saw, the zero byte in the middle too. */
static void a_certificate_with_a_zero_byte_in_its_name_is_told(void **state)
{
	struct lab *lab = *state;
	const struct visit visit = {0};
	struct client client;
	const json_t *told;

	lab_ask(lab, "{\"certificate\": [\"name-with-nul\"]}", "127.0.0.1", LAB_TIMEOUT_MS);
	visit_well(lab, &visit, &client);
	client_close(&client);
	lab_hear(lab);
	told = json_array_get(json_object_get(lab->message, "connections"), 0);
	told = json_array_get(json_object_get(told, "certificates"), 0);
	told = json_array_get(json_object_get(told, "chain"), 0);
	told = json_array_get(json_object_get(told, "names"), 0);
	assert_int_equal(json_string_length(told), strlen("DNS:server.shakedown.test..elsewhere.test"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lab_open, lab_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_whole_visit_is_told),
		TEST(the_key_log_has_every_secret_of_the_connection),
		TEST(each_version_is_the_only_one_on_offer),
		TEST(a_gap_between_versions_is_kept),
		TEST(no_common_version_leaves_none_settled),
		TEST(before_12_the_key_alone_names_the_signature),
		TEST(each_certificate_signs_with_its_algorithm),
		TEST(of_several_certificates_the_client_can_choose),
		TEST(cipher_suites_are_those_on_the_lists),
		TEST(without_a_signature_none_is_told),
		TEST(groups_are_those_on_the_list),
		TEST(signature_algorithms_are_those_on_the_list),
		TEST(an_rsa_key_cannot_sign_for_a_client_without_pss),
		TEST(the_clients_internal_error_is_heard),
		TEST(a_client_is_not_asked_for_a_certificate_unless_wanted),
		TEST(a_requested_certificate_may_be_left_out),
		TEST(a_client_of_each_key_type_is_known_by_its_certificate),
		TEST(a_required_certificate_may_not_be_left_out),
		TEST(a_clients_certificate_from_elsewhere_is_refused),
		TEST(the_servers_first_common_protocol_is_chosen),
		TEST(tickets_are_given_unless_forbidden),
		TEST(a_session_of_an_earlier_case_means_nothing),
		TEST(a_wrong_configuration_is_refused_and_the_next_serves),
		TEST(an_address_that_is_not_ours_is_refused),
		TEST(ipv6_is_served),
		TEST(a_tap_hands_over_the_decoded_connection_and_its_capture),
		TEST(a_certificate_with_a_zero_byte_in_its_name_is_told),
	};

	return cmocka_run_group_tests_name("peer/server", tests, lab_certificates, NULL);
}
