#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lab.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ocsp.h>

#define CERTIFICATE "\"certificate\":\"ecdsa-p256\""
#define SERVER_12(keys) "{" CERTIFICATE ",\"versions\":[\"1.2\"]" keys "}"
#define SERVER_13(keys) "{" CERTIFICATE ",\"versions\":[\"1.3\"]" keys "}"
#define PSK "\"psk\":{\"identity\":\"board-7\",\"key\":\"000102030405060708090a0b0c0d0e0f\"}"

static const struct visit any = {0};

/* What the one connection, or the last of several, looked like on the server's socket. */
static const json_t *wire(struct lab *lab)
{
	const json_t *connections = json_object_get(lab->message, "connections");

	return json_array_get(connections, json_array_size(connections) - 1);
}

static const json_t *extension(const json_t *hello, const char *name)
{
	return json_find(json_object_get(hello, "extensions"), "name", name);
}

/* Messages of `type` that `from` sent. */
static size_t count_messages(const json_t *connection, const char *from, const char *type)
{
	const json_t *message;
	size_t i, n = 0;

	json_array_foreach(json_object_get(connection, "messages"), i, message)
		n += strcmp(json_text(message, "from"), from) == 0 &&
		     strcmp(json_text(message, "type"), type) == 0;
	return n;
}

/* One good visit to a new server; its testimony. */
static const json_t *visit_once(struct lab *lab, const char *server, const struct visit *visit)
{
	struct client client;

	lab_start(lab, server);
	visit_well(lab, visit, &client);
	client_close(&client);
	return lab_hear(lab);
}

/* Two visits to one server, the second with what the first brought; the last testimony. */
static const json_t *visit_twice(struct lab *lab, const char *server, const struct visit *first)
{
	struct visit second = *first;
	struct client client;

	lab->connections = 2;
	lab_start(lab, server);
	lab->connections = 0;
	visit_well(lab, first, &client);
	second.session = SSL_get1_session(client.ssl);
	client_close(&client);
	visit_well(lab, &second, &client);
	client_close(&client);
	SSL_SESSION_free(second.session);
	return lab_hear(lab);
}

/* ---- Records and segments ---- */

static size_t longest_record;

static void on_header(int sent, int version, int type, const void *data, size_t len, SSL *ssl,
                      void *argument)
{
	const unsigned char *header = data;
	size_t length;

	(void)version, (void)len, (void)ssl, (void)argument;
	if (sent || type != SSL3_RT_HEADER)
		return;
	length = (size_t)header[3] << 8 | header[4];
	longest_record = length > longest_record ? length : longest_record;
}

/* The longest record that a client gets who asks for 4,000 bytes of echo. */
static size_t longest_of(struct lab *lab, const char *server)
{
	static char text[4000];
	struct client client;
	size_t got = 0;

	longest_record = 0;
	lab_start(lab, server);
	client_open(&client, lab->port, &any);
	SSL_set_msg_callback(client.ssl, on_header);
	assert_int_equal(SSL_connect(client.ssl), 1);
	assert_int_equal(SSL_write(client.ssl, text, sizeof(text)), sizeof(text));
	while (got < sizeof(text)) {
		int n = SSL_read(client.ssl, text, sizeof(text));

		assert_true(n > 0);
		got += (size_t)n;
	}
	client_part(&client);
	client_close(&client);
	lab_hear(lab);
	return longest_record;
}

static void records_are_as_long_as_the_largest_fragment(void **state)
{
	assert_true(longest_of(*state, SERVER_13("")) > 4000);
	assert_int_equal(longest_of(*state, SERVER_13(",\"max_send_fragment\":512")),
	                 512 + 1 + 16); /* the content type and the tag: RFC 8446 section 5.2 */
}

static void records_are_padded_to_a_multiple(void **state)
{
	assert_int_equal(longest_of(*state, SERVER_13(",\"record_padding\":5000")), 5000 + 16);
}

#define SEGS_IN_OFFSET 140 /* tcpi_segs_in in Linux' struct tcp_info; glibc's ends before it */

/* TCP segments that the client got in one visit. */
static unsigned segments_of(struct lab *lab, const char *server)
{
	unsigned char info[256];
	socklen_t len = sizeof(info);
	struct client client;
	uint32_t n;

	lab_start(lab, server);
	visit_well(lab, &any, &client);
	assert_int_equal(getsockopt(client.socket, IPPROTO_TCP, TCP_INFO, info, &len), 0);
	assert_true(len >= SEGS_IN_OFFSET + sizeof(n));
	memcpy(&n, info + SEGS_IN_OFFSET, sizeof(n));
	client_close(&client);
	lab_hear(lab);
	return n;
}

static void bytes_come_in_segments_of_the_size_asked_for(void **state)
{
	struct lab *lab = *state;
	unsigned usual = segments_of(lab, SERVER_13("")), small, tiny;

	small = segments_of(lab, SERVER_13(",\"segment\":100"));
	tiny = segments_of(lab, SERVER_13(",\"segment\":1"));
	assert_true(usual < 20);
	assert_true(small >= 15);
	assert_true(tiny >= 1000);
}

static void each_flight_comes_after_its_pause(void **state)
{
	struct lab *lab = *state;
	const json_t *testimony = visit_once(lab, SERVER_13(",\"pause_ms\":60"), &any);
	const json_t *timings = json_object_get(testimony, "timings_ms");

	assert_true(json_real_value(json_object_get(timings, "handshake")) >= 60);
	/* and before the echo; a client that is quick may have had its other turns meanwhile */
	assert_true(json_real_value(json_object_get(timings, "total")) >= 120);
}

/* ---- Extensions ---- */

static void extensions_can_go_unanswered(void **state)
{
	static const struct {
		const char *key, *extension;
	} rows[] = {
		{"extended_master_secret", "extended_master_secret"},
		{"encrypt_then_mac", "encrypt_then_mac"},
	};
	const struct visit visit = {.highest = TLS1_2_VERSION,
	                            .cipher_list = "ECDHE-ECDSA-AES128-SHA"};
	struct lab *lab = *state;
	char server[200];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int on = 0; on < 2; on++) {
			const json_t *hello;

			snprintf(server, sizeof(server), "{" CERTIFICATE ",\"%s\":%s}", rows[i].key,
			         on ? "true" : "false");
			visit_once(lab, server, &visit);
			hello = json_object_get(wire(lab), "server_hello");
			assert_int_equal(extension(hello, rows[i].extension) != NULL, on);
		}
}

static void change_cipher_spec_in_13_is_for_middleboxes_alone(void **state)
{
	struct lab *lab = *state;

	visit_once(lab, SERVER_13(""), &any);
	assert_int_equal(count_messages(wire(lab), "server", "change_cipher_spec"), 1);
	visit_once(lab, SERVER_13(",\"middlebox_compatibility\":false"), &any);
	assert_int_equal(count_messages(wire(lab), "server", "change_cipher_spec"), 0);
}

static void names_are_answered_as_the_policy_says(void **state)
{
	static const struct {
		const char *policy, *sni;
		int version, alert; /* NONE_SEEN: it goes on */
	} rows[] = {
		{"ignore", "unknown.test", TLS1_3_VERSION, NONE_SEEN},
		{"require", "server.shakedown.test", TLS1_3_VERSION, NONE_SEEN},
		{"require", NULL, TLS1_3_VERSION, 109},
		{"require", NULL, TLS1_2_VERSION, 112},
		{"require", "unknown.test", TLS1_3_VERSION, 112},
		{"fatal", "unknown.test", TLS1_2_VERSION, 112},
		{"fatal", "unknown.test", TLS1_3_VERSION, 112},
		{"fatal", NULL, TLS1_3_VERSION, NONE_SEEN},
	};
	struct lab *lab = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct visit visit = {.highest = rows[i].version, .sni = rows[i].sni};
		char server[100];

		snprintf(server, sizeof(server), "{" CERTIFICATE ",\"sni\":\"%s\"}",
		         rows[i].policy);
		if (rows[i].alert == NONE_SEEN) {
			visit_once(lab, server, &visit);
		} else {
			lab_start(lab, server);
			assert_int_equal(visit_badly(lab, &visit), rows[i].alert);
			lab_hear(lab);
		}
	}
}

static void an_unknown_name_can_bring_a_warning_alone(void **state)
{
	const struct visit visit = {.highest = TLS1_2_VERSION, .sni = "unknown.test"};
	const json_t *testimony = visit_once(*state, "{" CERTIFICATE ",\"sni\":\"warning\"}",
	                                     &visit);

	assert_alert(testimony, 0, "server", "warning", 112);
	assert_told(testimony, "state", "closed");
}

static void a_server_can_do_without_a_common_protocol(void **state)
{
	const struct visit visit = {.alpn = "\x02h2"};
	struct lab *lab = *state;
	const json_t *testimony;

	lab_start(lab, "{" CERTIFICATE ",\"alpn\":[\"mqtt\"]}");
	assert_int_equal(visit_badly(lab, &visit), 120);
	lab_hear(lab);
	testimony = visit_once(
		lab, "{" CERTIFICATE ",\"alpn\":[\"mqtt\"],\"alpn_mismatch\":\"ignore\"}", &visit);
	assert_told(testimony, "alpn", NULL);
}

/* A visit by a client of TLS 1.2 that lives with servers as they were before RFC 5746. */
static void visit_old_server(struct lab *lab, const char *server, const char *ciphers,
                             SSL_SESSION **session)
{
	const struct visit visit = {.highest = TLS1_2_VERSION, .cipher_list = ciphers};
	struct client client;

	client_open(&client, lab->port, &visit);
	SSL_set_options(client.ssl, SSL_OP_LEGACY_SERVER_CONNECT);
	SSL_set_tlsext_max_fragment_length(client.ssl, TLSEXT_max_fragment_length_512);
	if (*session != NULL)
		SSL_set_session(client.ssl, *session);
	if (SSL_connect(client.ssl) != 1)
		fail_msg("%s, %s: %s", server, ciphers, ERR_reason_error_string(ERR_peek_error()));
	client_talk(&client);
	client_part(&client);
	SSL_SESSION_free(*session);
	*session = SSL_get1_session(client.ssl);
	client_close(&client);
}

static void what_openssl_always_answers_can_go_unanswered(void **state)
{
	static const char *const ciphers[] = {
		"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
		"ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA",
		"ECDHE-ECDSA-AES256-SHA384",
	};
	static const struct {
		const char *server;
		bool renegotiation_info, max_fragment_length; /* answered */
	} rows[] = {
		{SERVER_12(""), true, true},
		{SERVER_12(",\"renegotiation_info\":false"), false, true},
		{SERVER_12(",\"max_fragment_length\":false,\"segment\":7"), true, false},
		{SERVER_12(",\"renegotiation_info\":false,\"max_fragment_length\":false"), false,
	         false},
		{"{" CERTIFICATE ",\"renegotiation_info\":false,\"encrypt_then_mac\":false}", false,
	         true},
	};
	struct lab *lab = *state;

	for (size_t i = 0; i < 5 * sizeof(rows) / sizeof(rows[0]); i++) {
		const char *server = rows[i / 5].server;
		const json_t *hello, *testimony;
		SSL_SESSION *session = NULL;

		lab->connections = 2;
		lab_start(lab, server);
		lab->connections = 0;
		visit_old_server(lab, server, ciphers[i % 5], &session);
		visit_old_server(lab, server, ciphers[i % 5], &session);
		SSL_SESSION_free(session);
		testimony = lab_hear(lab);
		assert_told(testimony, "state", "closed");
		assert_true(json_flag(testimony, "resumed"));
		hello = json_object_get(wire(lab), "server_hello");
		assert_int_equal(extension(hello, "renegotiation_info") != NULL,
		                 rows[i / 5].renegotiation_info);
		assert_int_equal(extension(hello, "max_fragment_length") != NULL,
		                 rows[i / 5].max_fragment_length);
	}
}

static void other_versions_know_nothing_of_what_is_left_out(void **state)
{
	assert_told(visit_once(*state, "{" CERTIFICATE ",\"renegotiation_info\":false}", &any),
	            "state", "closed");
}

static void a_client_may_insist_on_the_answer(void **state)
{
	const struct visit visit = {.highest = TLS1_2_VERSION};
	struct lab *lab = *state;

	lab_start(lab, SERVER_12(",\"renegotiation_info\":false"));
	visit_badly(lab, &visit);
	assert_alert(lab_hear(lab), 0, "client", "fatal", 40); /* RFC 5746 section 4.1 */
}

/* ---- The cookie ---- */

/* One visit by a client whose bytes come one at a time, which is no reason to lose one. */
static void visit_in_drops(struct lab *lab, const char *server)
{
	struct client client;
	BIO *near, *far;
	char bytes[4096];

	lab_start(lab, server);
	client_open(&client, lab->port, &any);
	assert_int_equal(BIO_new_bio_pair(&near, 1 << 17, &far, 1 << 17), 1);
	SSL_set_bio(client.ssl, near, near);
	while (SSL_connect(client.ssl) != 1) {
		int n = BIO_read(far, bytes, sizeof(bytes));

		for (int i = 0; i < n; i++)
			assert_int_equal(send(client.socket, bytes + i, 1, 0), 1);
		if (n > 0)
			continue;
		n = (int)recv(client.socket, bytes, sizeof(bytes), 0);
		assert_true(n > 0);
		assert_int_equal(BIO_write(far, bytes, n), n);
	}
	BIO_free(far);
	client_close(&client);
	lab_hear(lab);
}

static size_t length_of(const json_t *hello, const char *name)
{
	return (size_t)json_number(extension(hello, name), "length");
}

static void assert_cookie_came_back(struct lab *lab, size_t least)
{
	const json_t *retry = json_object_get(wire(lab), "hello_retry_request");
	const json_t *second = json_object_get(wire(lab), "client_hello_2");

	assert_true(length_of(retry, "cookie") >= least);
	assert_int_equal(length_of(second, "cookie"), length_of(retry, "cookie"));
	assert_null(extension(json_object_get(wire(lab), "client_hello"), "cookie"));
}

static void a_cookie_is_given_and_brought_back(void **state)
{
	static const struct {
		const char *server;
		bool asks_for_share;
	} rows[] = {
		{SERVER_13(",\"cookie\":32"), false},
		{SERVER_13(",\"cookie\":255"), false},
		{SERVER_13(",\"cookie\":32,\"groups\":\"P-384\""), true},
		{SERVER_13(",\"cookie\":32,\"middlebox_compatibility\":false"), false},
		{SERVER_13(",\"cookie\":32,\"client_auth\":\"request\",\"segment\":100"),
	         false},
	};
	struct lab *lab = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const json_t *retry;

		assert_told(visit_once(lab, rows[i].server, &any), "state", "closed");
		assert_cookie_came_back(lab, i == 1 ? 255 : 32);
		retry = json_object_get(wire(lab), "hello_retry_request");
		assert_int_equal(extension(retry, "key_share") != NULL, rows[i].asks_for_share);
	}
	visit_in_drops(lab, rows[0].server);
	assert_cookie_came_back(lab, 32);
}

static void a_client_of_12_gets_no_cookie(void **state)
{
	const struct visit visit = {.highest = TLS1_2_VERSION};

	assert_told(visit_once(*state, "{" CERTIFICATE ",\"cookie\":32}", &visit), "version",
	            "1.2");
}

static void a_server_with_cookies_resumes_nothing(void **state)
{
	const json_t *testimony = visit_twice(*state, SERVER_13(",\"cookie\":32"), &any);

	assert_told(testimony, "state", "closed");
	assert_false(json_flag(testimony, "resumed"));
}

/* ---- Client authentication ---- */

static void a_request_names_as_many_authorities_as_asked_for(void **state)
{
	static const int counts[] = {0, 1, 200, 1000};
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct lab *lab = *state;
	struct client client;
	char server[120];

	for (size_t i = 0; i < 8; i++) {
		const struct visit visit = {.highest = versions[i % 2],
		                            .certificate = "client-ecdsa-p256"};

		snprintf(server, sizeof(server),
		         "{" CERTIFICATE ",\"client_auth\":\"require\",\"client_ca_names\":%d}",
		         counts[i / 2]);
		lab_start(lab, server);
		visit_well(lab, &visit, &client);
		/* no list at all is -1 */
		assert_int_equal(client.n_authorities > 0 ? client.n_authorities : 0,
		                 counts[i / 2]);
		client_close(&client);
		lab_hear(lab);
	}
}

static void a_client_signs_as_the_server_wants_it(void **state)
{
	const struct visit visit = {.certificate = "client-rsa-2048"};
	struct lab *lab = *state;
	struct client client;
	int type = 0, hash = 0;

	lab_start(lab, "{" CERTIFICATE ",\"client_auth\":\"require\","
	               "\"client_signature_algorithms\":\"rsa_pss_rsae_sha512\"}");
	visit_well(lab, &visit, &client);
	assert_int_equal(SSL_get_signature_type_nid(client.ssl, &type), 1);
	assert_int_equal(SSL_get_signature_nid(client.ssl, &hash), 1);
	assert_int_equal(type, NID_rsassaPss);
	assert_int_equal(hash, NID_sha512);
	client_close(&client);
	lab_hear(lab);
}

static void a_certificate_can_be_asked_for_after_the_handshake(void **state)
{
	const struct visit visit = {.certificate = "client-ecdsa-p256"};
	static const char server[] =
		SERVER_13(",\"client_auth\":\"require\",\"post_handshake_auth\":true");
	struct lab *lab = *state;
	const json_t *testimony;
	struct client client;

	for (int offers = 0; offers < 2; offers++) {
		lab_start(lab, server);
		client_open(&client, lab->port, &visit);
		SSL_set_post_handshake_auth(client.ssl, offers);
		assert_int_equal(SSL_connect(client.ssl), 1);
		assert_false(client.asked_for_certificate);
		client_talk(&client);
		assert_int_equal(client.asked_for_certificate, offers);
		client_part(&client);
		client_close(&client);
		testimony = lab_hear(lab);
		assert_told(testimony, "post_handshake_auth", offers ? "asked" : "not-offered");
		assert_int_equal(json_is_string(json_object_get(testimony, "client_certificate")),
		                 offers);
	}
}

/* ---- The server's certificate ---- */

static int on_staple(SSL *ssl, void *argument)
{
	const unsigned char *der;
	long len = SSL_get_tlsext_status_ocsp_resp(ssl, &der);
	OCSP_RESPONSE *response = len > 0 ? d2i_OCSP_RESPONSE(NULL, &der, len) : NULL;
	OCSP_BASICRESP *basic = response != NULL ? OCSP_response_get1_basic(response) : NULL;

	*(int *)argument = basic == NULL ? NONE_SEEN
	                                 : OCSP_single_get0_status(OCSP_resp_get0(basic, 0), NULL,
	                                                           NULL, NULL, NULL);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	return 1;
}

static void the_ocsp_response_asked_for_is_stapled(void **state)
{
	static const struct {
		const char *word;
		int status;
	} rows[] = {{"missing", NONE_SEEN},
	            {"good", V_OCSP_CERTSTATUS_GOOD},
	            {"revoked", V_OCSP_CERTSTATUS_REVOKED},
	            {"expired", V_OCSP_CERTSTATUS_GOOD}};
	struct lab *lab = *state;
	struct client client;
	char server[100];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int status = -2;

		snprintf(server, sizeof(server),
		         "{\"certificate\":[\"rsa-2048\",\"ecdsa-p256\"],\"ocsp\":\"%s\"}",
		         rows[i].word);
		lab_start(lab, server);
		client_open(&client, lab->port, &any);
		SSL_set_tlsext_status_type(client.ssl, TLSEXT_STATUSTYPE_ocsp);
		SSL_CTX_set_tlsext_status_cb(client.context, on_staple);
		SSL_CTX_set_tlsext_status_arg(client.context, &status);
		assert_int_equal(SSL_connect(client.ssl), 1);
		assert_int_equal(status, rows[i].status);
		client_part(&client);
		client_close(&client);
		lab_hear(lab);
	}
}

/* ---- Sessions ---- */

static void each_kind_of_session_is_resumed_or_refused(void **state)
{
	static const struct {
		const char *server;
		bool resumed;
	} rows[] = {
		{SERVER_12(""), true},                                            /* by ticket */
		{SERVER_12(",\"tickets\":0"), true},                              /* by id */
		{SERVER_12(",\"tickets\":false,\"session_cache\":false"), false}, /* by nothing */
		{SERVER_12(",\"resumption\":\"refuse\""), false},
		{SERVER_12(",\"tickets\":false,\"resumption\":\"refuse\""), false},
		{SERVER_12(",\"ticket_size\":16000"), true},
		{SERVER_13(""), true}, /* by PSK */
		{SERVER_13(",\"tickets\":false"), false},
		{SERVER_13(",\"resumption\":\"refuse\""), false},
		{SERVER_13(",\"ticket_size\":60000"), true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const json_t *testimony = visit_twice(*state, rows[i].server, &any);
		const json_t *outcomes = json_object_get(testimony, "connections");

		if (json_flag(testimony, "resumed") != rows[i].resumed)
			fail_msg("%s", rows[i].server);
		assert_int_equal(json_array_size(outcomes), 2);
		assert_false(json_flag(json_array_get(outcomes, 0), "resumed"));
		assert_told(json_array_get(outcomes, 0), "state", "closed");
	}
}

static void as_many_tickets_come_as_asked_for(void **state)
{
	struct lab *lab = *state;
	struct client client;
	char server[100];

	for (int n = 0; n <= 8; n++) {
		snprintf(server, sizeof(server), SERVER_13(",\"tickets\":%d"), n);
		lab_start(lab, server);
		visit_well(lab, &any, &client);
		assert_int_equal(client.n_tickets, n);
		client_close(&client);
		lab_hear(lab);
	}
}

static void all_connections_of_a_case_are_in_its_evidence(void **state)
{
	struct lab *lab = *state;
	const json_t *connections, *keylog;

	visit_twice(lab, SERVER_13(""), &any);
	connections = json_object_get(lab->message, "connections");
	keylog = json_object_get(lab->message, "keylog");
	assert_int_equal(json_array_size(connections), 2);
	for (size_t i = 0; i < 2; i++) {
		const json_t *hello =
			json_object_get(json_array_get(connections, i), "client_hello");

		assert_non_null(strstr(json_string_value(keylog), json_text(hello, "random")));
		assert_int_equal(extension(hello, "pre_shared_key") != NULL, i == 1);
	}
}

static void a_client_that_does_not_come_again_is_not_waited_for_when_told_so(void **state)
{
	struct lab *lab = *state;
	const json_t *testimony;
	struct client client;

	lab->connections = 3;
	lab_start(lab, SERVER_13(""));
	lab->connections = 0;
	visit_well(lab, &any, &client);
	client_close(&client);
	server_end_case(lab->server, "case");
	testimony = lab_hear(lab);
	assert_told(testimony, "state", "closed");
	assert_told(testimony, "ended", "closed");
	assert_int_equal(json_array_size(json_object_get(testimony, "connections")), 1);
}

static const char *psk_identity;
static unsigned char psk_key[16];

static unsigned give_psk(SSL *ssl, const char *hint, char *identity, unsigned identity_max,
                         unsigned char *key, unsigned key_max)
{
	(void)ssl, (void)hint;
	assert_true(key_max >= sizeof(psk_key));
	snprintf(identity, identity_max, "%s", psk_identity);
	memcpy(key, psk_key, sizeof(psk_key));
	return sizeof(psk_key);
}

/* A visit with the pre-shared key "board-7", 00 01 02 ...; the alert received, or NONE_SEEN. */
static int visit_with_psk(struct lab *lab, const char *server, const char *identity, bool right)
{
	struct client client;
	bool connected;

	psk_identity = identity;
	for (size_t i = 0; i < sizeof(psk_key); i++)
		psk_key[i] = (unsigned char)(i + !right);
	lab_start(lab, server);
	client_open(&client, lab->port, &any);
	SSL_set_psk_client_callback(client.ssl, give_psk);
	connected = SSL_connect(client.ssl) == 1;
	if (connected) {
		client_talk(&client);
		client_part(&client);
	}
	client_close(&client);
	assert_int_equal(json_flag(lab_hear(lab), "handshake"), connected);
	return client.alert_received;
}

static void a_pre_shared_key_opens_both_versions(void **state)
{
	static const char in_12[] = SERVER_12(",\"cipher_list\":\"PSK\"," PSK);
	static const char in_13[] = SERVER_13("," PSK);
	struct lab *lab = *state;

	assert_int_equal(visit_with_psk(lab, in_12, "board-7", true), NONE_SEEN);
	assert_int_equal(visit_with_psk(lab, in_12, "board-8", true), 115);
	assert_int_equal(visit_with_psk(lab, in_12, "board-7", false), 20); /* its Finished */
	assert_int_equal(visit_with_psk(lab, in_13, "board-7", true), NONE_SEEN);
	assert_told(wire(lab), "cipher_suite", "TLS_AES_128_GCM_SHA256");
	assert_non_null(extension(json_object_get(wire(lab), "server_hello"), "pre_shared_key"));
	assert_int_equal(visit_with_psk(lab, in_13, "board-8", true), NONE_SEEN);
	assert_null(extension(json_object_get(wire(lab), "server_hello"), "pre_shared_key"));
	assert_int_equal(visit_with_psk(lab, in_13, "board-7", false), 47); /* its binder */
}

static void early_data_is_taken_or_passed_over(void **state)
{
	static const char text[] = "early";
	struct lab *lab = *state;
	char server[200], back[sizeof(text)];

	for (int accepts = 0; accepts < 2; accepts++) {
		struct visit visit = any;
		const json_t *testimony;
		struct client client;
		size_t n = 0;

		snprintf(server, sizeof(server), SERVER_13(",\"early_data\":\"%s\""),
		         accepts ? "accept" : "refuse");
		lab->connections = 2;
		lab_start(lab, server);
		lab->connections = 0;
		visit_well(lab, &any, &client);
		visit.session = SSL_get1_session(client.ssl);
		assert_true(SSL_SESSION_get_max_early_data(visit.session) >= sizeof(text));
		client_close(&client);
		client_open(&client, lab->port, &visit);
		assert_int_equal(SSL_write_early_data(client.ssl, text, sizeof(text), &n), 1);
		assert_int_equal(SSL_connect(client.ssl), 1);
		assert_int_equal(SSL_get_early_data_status(client.ssl),
		                 accepts ? SSL_EARLY_DATA_ACCEPTED : SSL_EARLY_DATA_REJECTED);
		if (accepts)
			assert_int_equal(SSL_read(client.ssl, back, sizeof(back)), sizeof(back));
		client_talk(&client);
		client_part(&client);
		client_close(&client);
		SSL_SESSION_free(visit.session);
		testimony = lab_hear(lab);
		assert_int_equal(json_flag(testimony, "early_data"), accepts);
		assert_true(json_flag(testimony, "resumed"));
	}
}

static void keys_are_changed_after_the_handshake(void **state)
{
	struct lab *lab = *state;
	const json_t *testimony = visit_once(lab, SERVER_13(",\"key_update\":\"ask\""), &any);

	assert_told(testimony, "state", "closed");
	assert_non_null(json_object_get(testimony, "key_update"));
	assert_int_equal(count_messages(wire(lab), "server", "key_update"), 1);
}

/* ---- What is said, and the end ---- */

/* All that the server says to `text`, up to its close_notify. */
static void assert_answer(struct lab *lab, const char *server, const void *text, int len,
                          const char *begins, size_t begins_len, size_t total)
{
	static char answer[1 << 17];
	struct client client;
	size_t got = 0;
	int n;

	lab_start(lab, server);
	client_open(&client, lab->port, &any);
	assert_int_equal(SSL_connect(client.ssl), 1);
	assert_int_equal(SSL_write(client.ssl, text, len), len);
	while ((n = SSL_read(client.ssl, answer + got, (int)(sizeof(answer) - got))) > 0)
		got += (size_t)n;
	assert_int_equal(SSL_get_error(client.ssl, n), SSL_ERROR_ZERO_RETURN);
	assert_memory_equal(answer, begins, begins_len);
	assert_int_equal(got, total);
	SSL_shutdown(client.ssl);
	client_close(&client);
	assert_told(lab_hear(lab), "state", "closed");
}

static void http_serves_a_page_of_the_size_asked_for(void **state)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: it\r\n\r\n";
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
	                           "Content-Length: 100000\r\nConnection: close\r\n\r\n";

	assert_answer(*state, SERVER_13(",\"application\":\"http\",\"page_size\":100000"), request,
	              sizeof(request) - 1, head, sizeof(head) - 1, sizeof(head) - 1 + 100000);
}

static void mqtt_answers_connect_and_ping(void **state)
{
	static const char packets[] = "\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x"
	                              "\xc0\x00\xe0\x00";
	static const char packets_5[] = "\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01x"
	                                "\xe0\x00";

	assert_answer(*state, SERVER_13(",\"application\":\"mqtt\""), packets, sizeof(packets) - 1,
	              "\x20\x02\x00\x00\xd0\x00", 6, 6);
	assert_answer(*state, SERVER_13(",\"application\":\"mqtt\""), packets_5,
	              sizeof(packets_5) - 1, "\x20\x03\x00\x00\x00", 5, 5);
}

/* What a client that has sent its close_notify reads then: recv's result, errno and alert. */
static void assert_end(struct lab *lab, const char *server, ssize_t result, int error, bool notify)
{
	struct client client;
	char rest;
	ssize_t n;

	lab_start(lab, server);
	client_open(&client, lab->port, &any);
	assert_int_equal(SSL_connect(client.ssl), 1);
	client_talk(&client);
	assert_int_equal(SSL_shutdown(client.ssl), 0);
	if (notify)
		assert_int_equal(SSL_shutdown(client.ssl), 1);
	n = recv(client.socket, &rest, 1, 0);
	assert_int_equal(n, result);
	if (n < 0)
		assert_int_equal(errno, error);
	client_close(&client);
	assert_int_equal(json_flag(json_object_get(lab_hear(lab), "close_notify"), "sent"), notify);
}

static void the_server_closes_as_asked(void **state)
{
	assert_end(*state, SERVER_13(""), 0, 0, true);
	assert_end(*state, SERVER_13(",\"close\":\"fin\""), 0, 0, false);
	assert_end(*state, SERVER_13(",\"close\":\"reset\""), -1, ECONNRESET, false);
	assert_string_equal(json_text(json_object_get(wire(*state), "close"), "server"), "rst");
}

static void a_silent_server_lets_the_client_end(void **state)
{
	struct lab *lab = *state;
	struct client client;
	char rest;

	lab_start(lab, SERVER_13(",\"close\":\"silence\",\"application\":\"none\""));
	client_open(&client, lab->port, &any);
	assert_int_equal(SSL_connect(client.ssl), 1);
	assert_int_equal(SSL_write(client.ssl, "?", 1), 1);
	assert_int_equal(SSL_shutdown(client.ssl), 0);
	shutdown(client.socket, SHUT_WR); /* only now does the server end */
	while (recv(client.socket, &rest, 1, 0) > 0)
		; /* tickets */
	client_close(&client);
	assert_int_equal(json_number(lab_hear(lab), "bytes_sent"), 0);
	assert_false(json_flag(json_object_get(lab_hear(lab), "close_notify"), "sent"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lab_open, lab_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(records_are_as_long_as_the_largest_fragment),
		TEST(records_are_padded_to_a_multiple),
		TEST(bytes_come_in_segments_of_the_size_asked_for),
		TEST(each_flight_comes_after_its_pause),
		TEST(extensions_can_go_unanswered),
		TEST(change_cipher_spec_in_13_is_for_middleboxes_alone),
		TEST(names_are_answered_as_the_policy_says),
		TEST(an_unknown_name_can_bring_a_warning_alone),
		TEST(a_server_can_do_without_a_common_protocol),
		TEST(what_openssl_always_answers_can_go_unanswered),
		TEST(other_versions_know_nothing_of_what_is_left_out),
		TEST(a_client_may_insist_on_the_answer),
		TEST(a_cookie_is_given_and_brought_back),
		TEST(a_client_of_12_gets_no_cookie),
		TEST(a_server_with_cookies_resumes_nothing),
		TEST(a_request_names_as_many_authorities_as_asked_for),
		TEST(a_client_signs_as_the_server_wants_it),
		TEST(a_certificate_can_be_asked_for_after_the_handshake),
		TEST(the_ocsp_response_asked_for_is_stapled),
		TEST(each_kind_of_session_is_resumed_or_refused),
		TEST(as_many_tickets_come_as_asked_for),
		TEST(all_connections_of_a_case_are_in_its_evidence),
		TEST(a_client_that_does_not_come_again_is_not_waited_for_when_told_so),
		TEST(a_pre_shared_key_opens_both_versions),
		TEST(early_data_is_taken_or_passed_over),
		TEST(keys_are_changed_after_the_handshake),
		TEST(http_serves_a_page_of_the_size_asked_for),
		TEST(mqtt_answers_connect_and_ping),
		TEST(the_server_closes_as_asked),
		TEST(a_silent_server_lets_the_client_end),
	};

	return cmocka_run_group_tests_name("peer/axes", tests, lab_certificates, NULL);
}
