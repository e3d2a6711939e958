/* Handshakes that libssl makes with itself in memory, decoded with its key log. */
#include "tests/decode/support.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define CHUNKS_MAX 256

/* What went over the wire, in order. */
struct wire {
	struct chunk {
		enum side from;
		struct buf bytes;
	} chunks[CHUNKS_MAX];
	size_t n_chunks;
	struct buf keylog;
};

/* Both ends of a connection. */
struct ends {
	SSL_CTX *contexts[2];
	SSL *ssl[2];
	struct wire wire;
};

static EVP_PKEY *server_key, *client_key;
static X509 *server_certificate, *client_certificate;

static X509 *self_signed(EVP_PKEY *key, const char *name)
{
	X509 *x509 = X509_new();
	X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
	                                            "DNS:server.shakedown.test,IP:127.0.0.1,IP:::1");

	X509_set_version(x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), 0x1234);
	X509_gmtime_adj(X509_getm_notBefore(x509), 0);
	X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
	                           (const uint8_t *)name, -1, -1, 0);
	X509_set_issuer_name(x509, X509_get_subject_name(x509));
	X509_set_pubkey(x509, key);
	X509_add_ext(x509, names, -1);
	X509_EXTENSION_free(names);
	assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
	return x509;
}

static int make_certificates(void **state)
{
	(void)state;
	server_key = EVP_RSA_gen(2048);
	client_key = EVP_EC_gen("P-256");
	server_certificate = self_signed(server_key, "a server");
	client_certificate = self_signed(client_key, "a client");
	return 0;
}

static int free_certificates(void **state)
{
	(void)state;
	X509_free(server_certificate);
	X509_free(client_certificate);
	EVP_PKEY_free(server_key);
	EVP_PKEY_free(client_key);
	return 0;
}

static void on_keylog(const SSL *ssl, const char *line)
{
	struct wire *wire = SSL_get_app_data(ssl);

	buf_printf(&wire->keylog, "%s\n", line);
}

static int accept_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

static struct ends *make_ends(int version)
{
	struct ends *ends = calloc(1, sizeof(*ends));

	ends->contexts[SIDE_CLIENT] = SSL_CTX_new(TLS_client_method());
	ends->contexts[SIDE_SERVER] = SSL_CTX_new(TLS_server_method());
	for (int i = 0; i < 2; i++) {
		SSL_CTX_set_security_level(ends->contexts[i], 0);
		SSL_CTX_set_min_proto_version(ends->contexts[i], version);
		SSL_CTX_set_max_proto_version(ends->contexts[i], version);
	}
	SSL_CTX_use_certificate(ends->contexts[SIDE_SERVER], server_certificate);
	SSL_CTX_use_PrivateKey(ends->contexts[SIDE_SERVER], server_key);
	SSL_CTX_set_keylog_callback(ends->contexts[SIDE_SERVER], on_keylog);
	return ends;
}

static void connect_ends(struct ends *ends)
{
	for (int i = 0; i < 2; i++) {
		ends->ssl[i] = SSL_new(ends->contexts[i]);
		SSL_set_app_data(ends->ssl[i], &ends->wire);
		SSL_set_bio(ends->ssl[i], BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	}
	SSL_set_connect_state(ends->ssl[SIDE_CLIENT]);
	SSL_set_accept_state(ends->ssl[SIDE_SERVER]);
}

/* Takes what a side wrote and hands it to the other. False if it wrote nothing. */
static bool move_bytes(struct ends *ends, enum side from)
{
	char data[32768];
	int n = BIO_read(SSL_get_wbio(ends->ssl[from]), data, sizeof(data));
	struct chunk *chunk = &ends->wire.chunks[ends->wire.n_chunks];

	if (n <= 0)
		return false;
	assert_true(ends->wire.n_chunks < CHUNKS_MAX);
	ends->wire.n_chunks++;
	chunk->from = from;
	buf_add(&chunk->bytes, data, (size_t)n);
	BIO_write(SSL_get_rbio(ends->ssl[!from]), data, n);
	return true;
}

/* Lets both sides work until neither writes any more. */
static void run(struct ends *ends)
{
	char data[256];
	bool moved;

	do {
		moved = false;
		for (int i = 0; i < 2; i++) {
			SSL_do_handshake(ends->ssl[i]);
			SSL_read(ends->ssl[i], data, sizeof(data));
			while (move_bytes(ends, (enum side)i))
				moved = true;
		}
	} while (moved);
}

/* Connects the ends and lets them make their handshake. */
static void shake_hands(struct ends *ends)
{
	connect_ends(ends);
	run(ends);
}

/* A connection of that version whose handshake was made; the caller frees it. */
static struct ends *make_connection(int version)
{
	struct ends *ends = make_ends(version);

	shake_hands(ends);
	return ends;
}

static void send_data(struct ends *ends, enum side from, const char *text)
{
	assert_true(SSL_write(ends->ssl[from], text, (int)strlen(text)) > 0);
	run(ends);
}

static void close_both(struct ends *ends)
{
	for (int i = 0; i < 2; i++) {
		SSL_shutdown(ends->ssl[i]);
		move_bytes(ends, (enum side)i);
	}
}

static void free_ends(struct ends *ends)
{
	for (int i = 0; i < 2; i++) {
		SSL_free(ends->ssl[i]);
		SSL_CTX_free(ends->contexts[i]);
	}
	for (size_t i = 0; i < ends->wire.n_chunks; i++)
		buf_fini(&ends->wire.chunks[i].bytes);
	buf_fini(&ends->wire.keylog);
	free(ends);
}

/* What a transcript makes of the wire, fed in chunks of `step` bytes. */
static json_t *decode_with(const struct wire *wire, struct keylog *keylog, size_t step)
{
	struct transcript *transcript = transcript_new(keylog);
	json_t *value;

	for (size_t i = 0; i < wire->n_chunks; i++)
		feed_in_steps(transcript, wire->chunks[i].from, buf_view(&wire->chunks[i].bytes),
		              step, T0_NS + i * 1000000);
	value = emit_json(transcript);
	transcript_free(transcript);
	return value;
}

static json_t *decode_wire(const struct wire *wire, bool with_keys, size_t step)
{
	struct keylog *keylog = keylog_new();
	json_t *value;

	if (with_keys)
		keylog_add(keylog, buf_string(&wire->keylog), wire->keylog.len);
	value = decode_with(wire, keylog, step);
	keylog_free(keylog);
	return value;
}

/* The lines of the wire's key log that begin with `label`. */
static struct keylog *keylog_of(const struct wire *wire, const char *label)
{
	struct keylog *keylog = keylog_new();
	struct buf copy = {0};
	char *rest, *line;

	buf_bytes(&copy, buf_view(&wire->keylog));
	buf_string(&copy);
	for (rest = (char *)copy.data; (line = strsep(&rest, "\n")) != NULL;)
		if (strncmp(line, label, strlen(label)) == 0)
			keylog_add(keylog, line, strlen(line));
	buf_fini(&copy);
	return keylog;
}

/* The same with another order: all that one side sent, then all of the other, at the same times. */
static json_t *decode_sides(const struct wire *wire, struct keylog *keylog, enum side first)
{
	struct transcript *transcript = transcript_new(keylog);
	json_t *value;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < wire->n_chunks; i++)
			if ((wire->chunks[i].from == first) == (pass == 0))
				transcript_feed(transcript, wire->chunks[i].from,
				                buf_view(&wire->chunks[i].bytes),
				                T0_NS + i * 1000000);
	value = emit_json(transcript);
	transcript_free(transcript);
	return value;
}

static void assert_no_faults(const json_t *value)
{
	assert_int_equal(json_array_size(at_path(value, "faults")), 0);
}

static void assert_alert(const json_t *value, size_t index, const char *from,
                         const char *description, bool is_protected)
{
	const json_t *alert = json_array_get(at_path(value, "alerts"), index);

	assert_text(alert, "from", from);
	assert_text(alert, "description", description);
	assert_int_equal(json_is_true(json_object_get(alert, "protected")), is_protected);
}

static void assert_same(const json_t *value, const json_t *expected)
{
	char *text, *expected_text;

	if (json_equal(value, expected))
		return;
	text = json_dumps(json_object_get(value, "messages"), JSON_INDENT(1));
	expected_text = json_dumps(json_object_get(expected, "messages"), JSON_INDENT(1));
	print_error("%s\nis not\n%s\n", text, expected_text);
	free(text);
	free(expected_text);
	fail();
}

/* What is told does not depend on which side's bytes come first. */
static void check_order(const struct wire *wire, struct keylog *keylog, const json_t *expected)
{
	for (int first = 0; first < 2; first++) {
		json_t *value = decode_sides(wire, keylog, (enum side)first);

		assert_same(value, expected);
		json_decref(value);
	}
}

/* A whole connection: handshake, data both ways, close_notify both ways, nothing opaque. */
static void check_connection(struct ends *ends, const char *version, const char *suite)
{
	struct keylog *keylog;
	json_t *value;

	shake_hands(ends);
	if (!SSL_is_init_finished(ends->ssl[SIDE_SERVER]))
		fail_msg("libssl makes no handshake with %s", suite);
	send_data(ends, SIDE_CLIENT, "ping");
	send_data(ends, SIDE_SERVER, "pong");
	close_both(ends);
	value = decode_wire(&ends->wire, true, SIZE_MAX / 2);
	assert_text(value, "version", version);
	assert_text(value, "cipher_suite", suite);
	assert_no_faults(value);
	assert_null(find_in(value, "messages", "type", "encrypted"));
	assert_alert(value, 0, "client", "close_notify", true);
	assert_alert(value, 1, "server", "close_notify", true);
	assert_int_equal(json_array_size(at_path(value, "finished")), 2);
	keylog = keylog_new();
	keylog_add(keylog, buf_string(&ends->wire.keylog), ends->wire.keylog.len);
	check_order(&ends->wire, keylog, value);
	keylog_free(keylog);
	json_decref(value);
}

static void opens_every_tls13_cipher_suite(void **state)
{
	static const char *const suites[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
	                                     "TLS_CHACHA20_POLY1305_SHA256",
	                                     "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"};

	(void)state;
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		struct ends *ends = make_ends(TLS1_3_VERSION);

		SSL_CTX_set_ciphersuites(ends->contexts[SIDE_SERVER], suites[i]);
		SSL_CTX_set_ciphersuites(ends->contexts[SIDE_CLIENT], suites[i]);
		check_connection(ends, "TLS 1.3", suites[i]);
		free_ends(ends);
	}
}

static const struct {
	const char *openssl;
	const char *iana;
} tls12_suites[] = {
	{"ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
	{"ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
	{"ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
	{"AES128-CCM", "TLS_RSA_WITH_AES_128_CCM"},
	{"AES256-CCM8", "TLS_RSA_WITH_AES_256_CCM_8"},
	{"DHE-RSA-AES128-SHA256", "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"},
	{"ECDHE-RSA-AES256-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"},
	{"AES128-SHA", "TLS_RSA_WITH_AES_128_CBC_SHA"},
	{"ECDHE-RSA-CAMELLIA128-SHA256", "TLS_ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256"},
	{"ECDHE-ARIA128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256"},
	{"NULL-SHA256", "TLS_RSA_WITH_NULL_SHA256"},
};

static void check_tls12(size_t i, int version, const char *name, bool encrypt_then_mac)
{
	struct ends *ends = make_ends(version);

	SSL_CTX_set_dh_auto(ends->contexts[SIDE_SERVER], 1);
	SSL_CTX_set_cipher_list(ends->contexts[SIDE_SERVER], tls12_suites[i].openssl);
	SSL_CTX_set_cipher_list(ends->contexts[SIDE_CLIENT], tls12_suites[i].openssl);
	if (!encrypt_then_mac)
		SSL_CTX_set_options(ends->contexts[SIDE_CLIENT], SSL_OP_NO_ENCRYPT_THEN_MAC);
	check_connection(ends, name, tls12_suites[i].iana);
	free_ends(ends);
}

static void opens_tls12_cipher_suites_of_every_mode(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tls12_suites) / sizeof(tls12_suites[0]); i++) {
		check_tls12(i, TLS1_2_VERSION, "TLS 1.2", true);
		check_tls12(i, TLS1_2_VERSION, "TLS 1.2", false);
	}
}

static void opens_cbc_records_of_tls_1_0_and_1_1(void **state)
{
	(void)state;
	check_tls12(7, TLS1_1_VERSION, "TLS 1.1", true);
	check_tls12(7, TLS1_1_VERSION, "TLS 1.1", false);
	check_tls12(7, TLS1_VERSION, "TLS 1.0", true);
	check_tls12(7, TLS1_VERSION, "TLS 1.0", false);
}

static void tells_everything_of_a_handshake_with_client_certificate(void **state)
{
	struct ends *ends = make_ends(TLS1_3_VERSION);
	json_t *value;

	(void)state;
	SSL_CTX_use_certificate(ends->contexts[SIDE_CLIENT], client_certificate);
	SSL_CTX_use_PrivateKey(ends->contexts[SIDE_CLIENT], client_key);
	SSL_CTX_set_verify(ends->contexts[SIDE_SERVER],
	                   SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
	check_connection(ends, "TLS 1.3", "TLS_AES_256_GCM_SHA384");
	value = decode_wire(&ends->wire, true, 1);
	assert_text(value, "group", "x25519");
	assert_text(value, "signature_algorithm", "rsa_pss_rsae_sha256");
	assert_text(value, "certificates.0.from", "server");
	assert_true(json_is_true(at_path(value, "certificates.0.protected")));
	assert_text(value, "certificates.0.chain.0.subject", "CN=a server");
	assert_text(value, "certificates.0.chain.0.key", "RSA 2048");
	assert_text(value, "certificates.0.chain.0.signature", "sha256WithRSAEncryption");
	assert_text(value, "certificates.0.chain.0.serial", "1234");
	assert_text(value, "certificates.0.chain.0.names.0", "DNS:server.shakedown.test");
	assert_text(value, "certificates.0.chain.0.names.1", "IP:127.0.0.1");
	assert_text(value, "certificates.0.chain.0.names.2", "IP:0:0:0:0:0:0:0:1");
	assert_text(value, "certificates.1.from", "client");
	assert_text(value, "certificates.1.chain.0.key", "EC secp256r1");
	assert_text(value, "certificate_verify.1.algorithm", "ecdsa_secp256r1_sha256");
	assert_text(value, "certificate_request.extensions.0.name", "signature_algorithms");
	assert_non_null(at_path(value, "encrypted_extensions.extensions"));
	assert_int_equal(json_array_size(at_path(value, "new_session_tickets")), 2);
	json_decref(value);
	free_ends(ends);
}

static void tells_a_tls12_handshake_with_client_certificate(void **state)
{
	struct ends *ends = make_ends(TLS1_2_VERSION);
	json_t *value;

	(void)state;
	SSL_CTX_use_certificate(ends->contexts[SIDE_CLIENT], client_certificate);
	SSL_CTX_use_PrivateKey(ends->contexts[SIDE_CLIENT], client_key);
	SSL_CTX_set_verify(ends->contexts[SIDE_SERVER], SSL_VERIFY_PEER, accept_any);
	check_connection(ends, "TLS 1.2", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
	value = decode_wire(&ends->wire, false, 7);
	assert_no_faults(value);
	assert_text(value, "group", "x25519");
	assert_text(value, "signature_algorithm", "rsa_pss_rsae_sha256");
	assert_text(value, "server_key_exchange.named_curve", "x25519");
	assert_int_equal(strlen(json_string_value(at_path(value, "client_key_exchange.ecdh_Yc"))),
	                 64);
	assert_text(value, "certificate_request.certificate_types.0", "rsa_sign");
	assert_text(value, "certificates.1.chain.0.subject", "CN=a client");
	assert_false(json_is_true(at_path(value, "certificates.1.protected")));
	assert_text(value, "new_session_tickets.0.from", "server");
	json_decref(value);
	free_ends(ends);
}

static void says_encrypted_without_a_key_log(void **state)
{
	struct ends *ends = make_ends(TLS1_3_VERSION);
	json_t *value;

	(void)state;
	check_connection(ends, "TLS 1.3", "TLS_AES_256_GCM_SHA384");
	value = decode_wire(&ends->wire, false, 1);
	assert_no_faults(value);
	assert_text(find_in(value, "messages", "type", "encrypted"), "content_type",
	            "application_data");
	assert_null(at_path(value, "certificates"));
	assert_text(value, "group", "x25519");
	json_decref(value);
	free_ends(ends);
}

static void says_a_sealed_tls12_alert_without_a_key_log(void **state)
{
	struct ends *ends = make_ends(TLS1_2_VERSION);
	json_t *value;

	(void)state;
	check_connection(ends, "TLS 1.2", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
	value = decode_wire(&ends->wire, false, 1000);
	assert_int_equal(json_array_size(at_path(value, "alerts")), 2);
	assert_true(json_is_null(at_path(value, "alerts.0.description")));
	assert_true(json_is_true(at_path(value, "alerts.0.protected")));
	json_decref(value);
	free_ends(ends);
}

static void decodes_the_hello_retry_request_and_the_hello_after_it(void **state)
{
	struct ends *ends = make_ends(TLS1_3_VERSION);
	json_t *value;

	(void)state;
	SSL_CTX_set1_groups_list(ends->contexts[SIDE_CLIENT], "X25519:P-384");
	SSL_CTX_set1_groups_list(ends->contexts[SIDE_SERVER], "P-384");
	check_connection(ends, "TLS 1.3", "TLS_AES_256_GCM_SHA384");
	value = decode_wire(&ends->wire, true, 3);
	assert_text(find_in(value, "hello_retry_request.extensions", "name", "key_share"),
	            "selected_group", "secp384r1");
	assert_text(find_in(value, "client_hello_2.extensions", "name", "key_share"),
	            "client_shares.0.group", "secp384r1");
	assert_text(value, "group", "secp384r1");
	assert_text(value, "hello_retry_request.ja3s_string", "771,4866,43-51");
	json_decref(value);
	free_ends(ends);
}

static void follows_key_updates_of_both_sides(void **state)
{
	struct ends *ends = make_connection(TLS1_3_VERSION);
	struct keylog *keylog;
	json_t *value;

	(void)state;
	for (int i = 0; i < 3; i++) {
		SSL_key_update(ends->ssl[i % 2], SSL_KEY_UPDATE_REQUESTED);
		send_data(ends, (enum side)(i % 2), "after the update");
	}
	close_both(ends);
	value = decode_wire(&ends->wire, true, SIZE_MAX / 2);
	assert_null(find_in(value, "messages", "type", "encrypted"));
	assert_text(value, "key_updates.0.request_update", "update_requested");
	assert_alert(value, 1, "server", "close_notify", true);
	keylog = keylog_of(&ends->wire, "");
	check_order(&ends->wire, keylog, value);
	keylog_free(keylog);
	json_decref(value);
	free_ends(ends);
}

static int refuse(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_HAS_EXPIRED);
	return 0;
}

static void reads_a_plaintext_alert_of_a_tls13_client(void **state)
{
	struct ends *ends = make_ends(TLS1_3_VERSION);
	json_t *value;

	(void)state;
	SSL_CTX_set_verify(ends->contexts[SIDE_CLIENT], SSL_VERIFY_PEER, refuse);
	shake_hands(ends);
	value = decode_wire(&ends->wire, true, 1);
	assert_alert(value, 0, "client", "certificate_expired", false);
	json_decref(value);
	free_ends(ends);
}

static void reads_a_protected_alert_of_a_tls13_server(void **state)
{
	struct ends *ends = make_ends(TLS1_3_VERSION);
	json_t *value;

	(void)state;
	SSL_CTX_set_verify(ends->contexts[SIDE_SERVER],
	                   SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
	shake_hands(ends);
	value = decode_wire(&ends->wire, true, 1);
	assert_alert(value, 0, "server", "certificate_required", true);
	json_decref(value);
	free_ends(ends);
}

static void opens_records_after_a_gap_in_the_capture(void **state)
{
	struct ends *ends = make_connection(TLS1_3_VERSION);
	struct keylog *keylog = keylog_new();
	struct transcript *transcript = transcript_new(keylog);
	json_t *value;

	(void)state;
	for (int i = 0; i < 5; i++)
		send_data(ends, SIDE_CLIENT, "some data");
	close_both(ends);
	keylog_add(keylog, buf_string(&ends->wire.keylog), ends->wire.keylog.len);
	for (size_t i = 0, n_client = 0; i < ends->wire.n_chunks; i++) {
		struct chunk *chunk = &ends->wire.chunks[i];

		n_client += chunk->from == SIDE_CLIENT;
		if (chunk->from == SIDE_CLIENT && (n_client == 4 || n_client == 5))
			transcript_gap(transcript, SIDE_CLIENT, chunk->bytes.len, T0_NS);
		else
			transcript_feed(transcript, chunk->from, buf_view(&chunk->bytes), T0_NS);
	}
	value = emit_json(transcript);
	assert_alert(value, 0, "client", "close_notify", true);
	assert_int_equal(json_array_size(at_path(value, "faults")), 2);
	json_decref(value);
	transcript_free(transcript);
	keylog_free(keylog);
	free_ends(ends);
}

/* The key or IV that a traffic secret gives (RFC 8446 section 7.3), by libcrypto's own schedule. */
static void expand_as(const char *prefix, struct bytes secret, const char *label, uint8_t *out,
                      size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int("mode", &mode),
		OSSL_PARAM_construct_utf8_string("digest", "SHA384", 0),
		OSSL_PARAM_construct_octet_string("key", (void *)secret.data, secret.len),
		OSSL_PARAM_construct_octet_string("prefix", (void *)prefix, strlen(prefix)),
		OSSL_PARAM_construct_octet_string("label", (void *)label, strlen(label)),
		OSSL_PARAM_construct_end(),
	};

	assert_int_equal(EVP_KDF_derive(context, out, len, params), 1);
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
}

static void expand(struct bytes secret, const char *label, uint8_t *out, size_t len)
{
	expand_as("tls13 ", secret, label, out, len);
}

/* Appends `inner`, encrypted by AES-256-GCM, and its tag. */
static void seal(struct buf *out, const uint8_t *key, const uint8_t *nonce, struct bytes additional,
                 struct bytes inner)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint8_t sealed[64], tag[16];
	int n;

	EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce);
	EVP_EncryptUpdate(context, NULL, &n, additional.data, (int)additional.len);
	EVP_EncryptUpdate(context, sealed, &n, inner.data, (int)inner.len);
	EVP_EncryptFinal_ex(context, sealed, &n);
	EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, sizeof(tag), tag);
	EVP_CIPHER_CTX_free(context);
	buf_add(out, sealed, inner.len);
	buf_add(out, tag, sizeof(tag));
}

/* A record of AES-256-GCM under a traffic secret: an alert and some zeros. */
static struct buf sealed_alert(struct bytes secret, uint8_t sequence)
{
	static const uint8_t inner[] = {2, 42, CONTENT_alert, 0, 0, 0};
	struct buf record = from_hex("1703030016");
	struct buf header = from_hex("1703030016");
	uint8_t key[32], iv[12];

	expand(secret, "key", key, sizeof(key));
	expand(secret, "iv", iv, sizeof(iv));
	iv[11] ^= sequence;
	seal(&record, key, iv, buf_view(&header), (struct bytes){inner, sizeof(inner)});
	buf_fini(&header);
	return record;
}

/*
 * A connection by the rules of a draft: a ServerHello of its form, and an alert of the server under
 * its keys, sealed here from the draft's text, not by the code that opens it.
 */
static void check_draft(uint8_t draft, const char *version)
{
	static const uint8_t secret[48] = {0x5e};
	static const uint8_t inner[] = {2, 40, CONTENT_alert};
	struct buf hello = from_hex(forum_record), wire = {0}, body = {0}, alert = {0}, line = {0};
	struct buf header = from_hex("1703030013");
	struct keylog *keylog = keylog_new();
	struct transcript *transcript = transcript_new(keylog);
	const char *prefix = draft < 20 ? "TLS 1.3, " : "tls13 ";
	uint8_t key[32], iv[12];
	json_t *value;

	buf_text(&line, "SERVER_HANDSHAKE_TRAFFIC_SECRET ");
	buf_hex(&line, (struct bytes){hello.data + 11, KEYLOG_RANDOM_LEN});
	buf_char(&line, ' ');
	buf_hex(&line, (struct bytes){secret, sizeof(secret)});
	keylog_add(keylog, buf_string(&line), line.len);
	buf_u16(&body, draft < 22 ? 0x7f00 | draft : 0x0303);
	buf_add(&body, secret, KEYLOG_RANDOM_LEN);
	buf_add(&body, "\0", draft < 22 ? 0 : 1); /* session */
	buf_u16(&body, 0x1302);
	buf_add(&body, "\0", draft < 22 ? 0 : 1); /* compression */
	buf_u16(&body, 6);
	buf_u32(&body, draft < 22 ? 0xfff00002 : 0x002b0002);
	buf_u16(&body, 0x7f00 | draft);
	add_message(&alert, HANDSHAKE_server_hello, buf_view(&body));
	add_record(&wire, CONTENT_handshake, buf_view(&alert));
	expand_as(prefix, (struct bytes){secret, sizeof(secret)}, "key", key, sizeof(key));
	expand_as(prefix, (struct bytes){secret, sizeof(secret)}, "iv", iv, sizeof(iv));
	buf_bytes(&wire, buf_view(&header));
	header.len = draft < 25 ? 0 : header.len;
	seal(&wire, key, iv, buf_view(&header), (struct bytes){inner, sizeof(inner)});
	transcript_feed(transcript, SIDE_CLIENT, buf_view(&hello), T0_NS);
	transcript_feed(transcript, SIDE_SERVER, buf_view(&wire), T0_NS);
	value = emit_json(transcript);
	assert_text(value, "version", version);
	assert_alert(value, 0, "server", "handshake_failure", true);
	json_decref(value);
	transcript_free(transcript);
	keylog_free(keylog);
	buf_fini(&hello);
	buf_fini(&wire);
	buf_fini(&body);
	buf_fini(&alert);
	buf_fini(&line);
	buf_fini(&header);
}

static void opens_records_of_drafts_by_their_own_rules(void **state)
{
	(void)state;
	check_draft(18, "TLS 1.3 (draft 18)");
	check_draft(21, "TLS 1.3 (draft 21)");
	check_draft(23, "TLS 1.3 (draft 23)");
	check_draft(28, "TLS 1.3 (draft 28)");
}

/* The client's second flight is missing, with its ChangeCipherSpec and Finished. */
static void opens_records_after_a_gap_with_the_change_cipher_spec(void **state)
{
	struct ends *ends = make_connection(TLS1_2_VERSION);
	struct keylog *keylog = keylog_new();
	struct transcript *transcript = transcript_new(keylog);
	bool missed = false;
	json_t *value;

	(void)state;
	send_data(ends, SIDE_CLIENT, "ping");
	close_both(ends);
	keylog_add(keylog, buf_string(&ends->wire.keylog), ends->wire.keylog.len);
	for (size_t i = 0; i < ends->wire.n_chunks; i++) {
		const struct chunk *chunk = &ends->wire.chunks[i];

		if (chunk->from == SIDE_CLIENT && i > 0 && !missed)
			transcript_gap(transcript, SIDE_CLIENT, chunk->bytes.len, T0_NS);
		else
			transcript_feed(transcript, chunk->from, buf_view(&chunk->bytes), T0_NS);
		missed |= chunk->from == SIDE_CLIENT && i > 0;
	}
	value = emit_json(transcript);
	assert_null(find_in(value, "messages", "type", "encrypted"));
	assert_alert(value, 0, "client", "close_notify", true);
	assert_alert(value, 1, "server", "close_notify", true);
	json_decref(value);
	transcript_free(transcript);
	keylog_free(keylog);
	free_ends(ends);
}

static void reads_suites_that_do_not_encrypt_without_a_key_log(void **state)
{
	struct ends *ends = make_ends(TLS1_2_VERSION);
	json_t *value;

	(void)state;
	for (int i = 0; i < 2; i++)
		SSL_CTX_set_cipher_list(ends->contexts[i], "NULL-SHA256");
	shake_hands(ends);
	close_both(ends);
	value = decode_wire(&ends->wire, false, SIZE_MAX / 2);
	assert_text(value, "cipher_suite", "TLS_RSA_WITH_NULL_SHA256");
	assert_no_faults(value);
	assert_int_equal(json_array_size(at_path(value, "finished")), 2);
	assert_alert(value, 0, "client", "close_notify", true);
	json_decref(value);
	free_ends(ends);
}

/* The member of the alert and of its message, "" if both lack it; they have to agree. */
static const char *protected_with(const json_t *value)
{
	const json_t *alert = json_array_get(at_path(value, "alerts"), 0);
	const char *text = json_text(alert, "protected_with");

	assert_string_equal(
		json_text(find_in(value, "messages", "type", "alert"), "protected_with"), text);
	return text;
}

/*
 * What is told of a TLS 1.3 connection if the client sends an alert under the secret `label` after
 * `n_chunks` of a whole handshake, in plaintext if the label is KEYLOG_LABEL_MAX.
 */
static json_t *with_client_alert(struct ends *ends, size_t n_chunks, enum keylog_label label)
{
	struct keylog *keylog = keylog_new();
	struct transcript *transcript = transcript_new(keylog);
	struct buf alert = from_hex("1503030002022a");
	json_t *value;

	keylog_add(keylog, buf_string(&ends->wire.keylog), ends->wire.keylog.len);
	for (size_t i = 0; i < n_chunks; i++)
		transcript_feed(transcript, ends->wire.chunks[i].from,
		                buf_view(&ends->wire.chunks[i].bytes), T0_NS);
	if (label != KEYLOG_LABEL_MAX) {
		buf_fini(&alert);
		alert = sealed_alert(keylog_find(
			keylog, ends->wire.chunks[0].bytes.data + 11 /* random */, label),
			n_chunks > 4 /* after a KeyUpdate */);
	}
	transcript_feed(transcript, SIDE_CLIENT, buf_view(&alert), T0_NS);
	value = emit_json(transcript);
	buf_fini(&alert);
	transcript_free(transcript);
	keylog_free(keylog);
	return value;
}

/* A client that refuses the certificate may already use either of its keys, before its Finished. */
static void says_under_which_keys_an_alert_came(void **state)
{
	static const struct {
		size_t n_chunks; /* 2: up to the server's Finished; 3: up to the client's */
		enum keylog_label label;
		const char *said;
	} cases[] = {
		{2, KEYLOG_CLIENT_HANDSHAKE, ""},
		{2, KEYLOG_CLIENT_APPLICATION, "application keys, where handshake keys are due"},
		{2, KEYLOG_LABEL_MAX, "no keys, where handshake keys are due"},
		{3, KEYLOG_CLIENT_APPLICATION, ""},
		{3, KEYLOG_LABEL_MAX, "no keys, where application keys are due"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ends *ends = make_connection(TLS1_3_VERSION);
		json_t *value;

		value = with_client_alert(ends, cases[i].n_chunks, cases[i].label);
		assert_alert(value, 0, "client", "bad_certificate",
		             cases[i].label != KEYLOG_LABEL_MAX);
		assert_string_equal(protected_with(value), cases[i].said);
		assert_no_faults(value);
		json_decref(value);
		free_ends(ends);
	}
}

/* Its keys are made of the ServerHello: what it has against that, it says without them. */
static void a_plaintext_alert_on_the_server_hello_is_as_it_should_be(void **state)
{
	struct ends *ends = make_connection(TLS1_3_VERSION);
	struct transcript *transcript = transcript_new(NULL);
	struct buf alert = from_hex("1503030002022f");
	json_t *value;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		transcript_feed(transcript, ends->wire.chunks[i].from,
		                buf_view(&ends->wire.chunks[i].bytes), T0_NS);
	transcript_feed(transcript, SIDE_CLIENT, buf_view(&alert), T0_NS);
	value = emit_json(transcript);
	assert_alert(value, 0, "client", "illegal_parameter", false);
	assert_string_equal(protected_with(value), "");
	json_decref(value);
	buf_fini(&alert);
	transcript_free(transcript);
	free_ends(ends);
}

static void says_that_an_alert_in_tls_1_2_lacks_protection(void **state)
{
	struct ends *ends = make_connection(TLS1_2_VERSION);
	json_t *value;

	(void)state;
	value = with_client_alert(ends, 3, KEYLOG_LABEL_MAX);
	assert_alert(value, 0, "client", "bad_certificate", false);
	assert_string_equal(protected_with(value), "no keys, where the connection's keys are due");
	json_decref(value);
	free_ends(ends);
}

/* A client's first record of AES-256-GCM in TLS 1.2 (RFC 5246 section 6.3, RFC 5288): an alert. */
static struct buf sealed_tls12_alert(struct bytes master_secret, const uint8_t *client_random,
                                     const uint8_t *server_random)
{
	struct buf seed = {0}, record = from_hex("150303001a0000000000000000");
	struct buf additional = from_hex("00000000000000001503030002");
	uint8_t block[72], nonce[12] = {0};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);

	buf_text(&seed, "key expansion");
	buf_add(&seed, server_random, KEYLOG_RANDOM_LEN);
	buf_add(&seed, client_random, KEYLOG_RANDOM_LEN);
	EVP_KDF_derive(context, block, sizeof(block), (OSSL_PARAM[]){
		OSSL_PARAM_construct_utf8_string("digest", "SHA384", 0),
		OSSL_PARAM_construct_octet_string("secret", (void *)master_secret.data,
		                                  master_secret.len),
		OSSL_PARAM_construct_octet_string("seed", seed.data, seed.len),
		OSSL_PARAM_construct_end()});
	memcpy(nonce, block + 64, 4);
	seal(&record, block, nonce, buf_view(&additional),
	     (struct bytes){(const uint8_t *)"\x02\x2a", 2});
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	buf_fini(&seed);
	buf_fini(&additional);
	return record;
}

static void opens_a_tls_1_2_alert_before_its_change_cipher_spec(void **state)
{
	struct ends *ends = make_connection(TLS1_2_VERSION);
	const uint8_t *client_random, *server_random;
	struct keylog *keylog;
	struct buf alert;
	json_t *value;

	(void)state;
	keylog = keylog_of(&ends->wire, "CLIENT_RANDOM");
	client_random = ends->wire.chunks[0].bytes.data + 11;
	server_random = ends->wire.chunks[1].bytes.data + 11;
	alert = sealed_tls12_alert(keylog_find(keylog, client_random, KEYLOG_CLIENT_RANDOM),
	                           client_random, server_random);
	buf_clear(&ends->wire.chunks[2].bytes);
	buf_bytes(&ends->wire.chunks[2].bytes, buf_view(&alert));
	buf_fini(&ends->wire.chunks[--ends->wire.n_chunks].bytes); /* the server's Finished */
	assert_int_equal(ends->wire.n_chunks, 3);
	value = decode_with(&ends->wire, keylog, SIZE_MAX / 2);
	assert_alert(value, 0, "client", "bad_certificate", true);
	assert_string_equal(protected_with(value), "the connection's keys, where none are due");
	json_decref(value);
	buf_fini(&alert);
	keylog_free(keylog);
	free_ends(ends);
}

/* A client that says it has new keys, and goes on with the old ones. */
static void says_that_an_alert_came_under_the_keys_before_a_key_update(void **state)
{
	struct ends *ends = make_connection(TLS1_3_VERSION);
	json_t *value;
	size_t n;

	(void)state;
	SSL_key_update(ends->ssl[SIDE_CLIENT], SSL_KEY_UPDATE_NOT_REQUESTED);
	SSL_do_handshake(ends->ssl[SIDE_CLIENT]);
	n = ends->wire.n_chunks;
	move_bytes(ends, SIDE_CLIENT);
	assert_int_equal(ends->wire.n_chunks, n + 1);
	value = with_client_alert(ends, ends->wire.n_chunks, KEYLOG_CLIENT_APPLICATION);
	assert_string_equal(protected_with(value),
	                    "the keys before the KeyUpdate, where application keys are due");
	assert_no_faults(value);
	json_decref(value);
	free_ends(ends);
}

static struct keylog *private_key_alone(void)
{
	struct keylog *keylog = keylog_new();

	assert_true(keylog_add_private_key(keylog, client_key)); /* one that does not fit, too */
	assert_true(keylog_add_private_key(keylog, server_key));
	return keylog;
}

/* Nothing but `keylog` opens the connection, whichever side comes first. Frees it. */
static void check_opened(const struct wire *wire, struct keylog *keylog)
{
	json_t *value = decode_with(wire, keylog, SIZE_MAX / 2);

	assert_no_faults(value);
	assert_null(find_in(value, "messages", "type", "encrypted"));
	assert_alert(value, 0, "client", "close_notify", true);
	assert_alert(value, 1, "server", "close_notify", true);
	check_order(wire, keylog, value);
	json_decref(value);
	keylog_free(keylog);
}

/* Connections with static RSA in all versions that have it, with and without the session hash. */
static struct ends *static_rsa(int version, bool extended, bool with_client_certificate)
{
	struct ends *ends = make_ends(version);

	for (int i = 0; i < 2; i++)
		SSL_CTX_set_cipher_list(ends->contexts[i], version == TLS1_2_VERSION
		                                                   ? "AES256-GCM-SHA384"
		                                                   : "AES128-SHA");
	/* Only the client tells the premaster secret. */
	SSL_CTX_set_keylog_callback(ends->contexts[SIDE_CLIENT], on_keylog);
	if (!extended)
		SSL_CTX_set_options(ends->contexts[SIDE_SERVER], SSL_OP_NO_EXTENDED_MASTER_SECRET);
	if (with_client_certificate) {
		SSL_CTX_use_certificate(ends->contexts[SIDE_CLIENT], client_certificate);
		SSL_CTX_use_PrivateKey(ends->contexts[SIDE_CLIENT], client_key);
		SSL_CTX_set_verify(ends->contexts[SIDE_SERVER], SSL_VERIFY_PEER, accept_any);
	}
	shake_hands(ends);
	send_data(ends, SIDE_CLIENT, "ping");
	send_data(ends, SIDE_SERVER, "pong");
	return ends;
}

static void opens_static_rsa_with_the_private_key(void **state)
{
	static const int versions[] = {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION};

	(void)state;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		for (int kind = 0; kind < 4; kind++) {
			struct ends *ends = static_rsa(versions[i], kind & 1, kind & 2);

			close_both(ends);
			check_opened(&ends->wire, private_key_alone());
			free_ends(ends);
		}
}

static void opens_static_rsa_with_the_premaster_secret(void **state)
{
	struct ends *ends = static_rsa(TLS1_2_VERSION, true, false);
	struct bytes hello = {ends->wire.chunks[0].bytes.data + 11, KEYLOG_RANDOM_LEN};
	struct keylog *keylog = keylog_new();
	struct buf line = {0};

	(void)state;
	close_both(ends);
	check_opened(&ends->wire, keylog_of(&ends->wire, "RSA "));
	buf_text(&line, "PMS_CLIENT_RANDOM ");
	buf_hex(&line, hello);
	buf_text(&line, strchr(strstr(buf_string(&ends->wire.keylog), "RSA ") + 4, ' '));
	line.len = (size_t)(strchr(buf_string(&line), '\n') - buf_string(&line));
	keylog_add(keylog, buf_string(&line), line.len);
	check_opened(&ends->wire, keylog);
	buf_fini(&line);
	free_ends(ends);
}

static void a_private_key_of_another_server_is_said_not_to_fit(void **state)
{
	struct ends *ends = static_rsa(TLS1_2_VERSION, true, false);
	struct keylog *keylog = keylog_new();
	EVP_PKEY *other = EVP_RSA_gen(2048);
	json_t *value;

	(void)state;
	keylog_add_private_key(keylog, other);
	value = decode_with(&ends->wire, keylog, SIZE_MAX / 2);
	assert_text(value, "faults.0.where", "client_key_exchange");
	assert_text(value, "faults.0.text", "no private key or premaster secret at hand opens it");
	assert_non_null(find_in(value, "messages", "type", "encrypted"));
	json_decref(value);
	EVP_PKEY_free(other);
	keylog_free(keylog);
	free_ends(ends);
}

/* What the private key gave, written as a key log, opens the connection without it. */
static void a_master_secret_from_the_private_key_can_be_written_down(void **state)
{
	struct ends *ends = static_rsa(TLS1_2_VERSION, true, false);
	struct keylog *keylog = private_key_alone();
	struct keylog *written = keylog_new();
	struct transcript *transcript = transcript_new(keylog);
	struct buf lines = {0};

	(void)state;
	close_both(ends);
	for (size_t i = 0; i < ends->wire.n_chunks; i++)
		transcript_feed(transcript, ends->wire.chunks[i].from,
		                buf_view(&ends->wire.chunks[i].bytes), T0_NS);
	transcript_write_secrets(transcript, &lines);
	keylog_add(written, buf_string(&lines), lines.len);
	check_opened(&ends->wire, written);
	buf_fini(&lines);
	transcript_free(transcript);
	keylog_free(keylog);
	free_ends(ends);
}

/* Another connection between the same ends, with the session of the first. */
static struct ends *resume(const struct ends *ends)
{
	struct ends *again = calloc(1, sizeof(*again));

	for (int i = 0; i < 2; i++) {
		again->contexts[i] = ends->contexts[i];
		SSL_CTX_up_ref(again->contexts[i]);
	}
	connect_ends(again);
	SSL_set_session(again->ssl[SIDE_CLIENT], SSL_get_session(ends->ssl[SIDE_CLIENT]));
	return again;
}

static void check_resumption(int version, const char *suite, uint64_t options)
{
	struct ends *ends = make_ends(version), *again;

	for (int i = 0; i < 2; i++) {
		SSL_CTX_set_cipher_list(ends->contexts[i], suite);
		SSL_CTX_set_options(ends->contexts[i], options);
	}
	SSL_CTX_set_session_id_context(ends->contexts[SIDE_SERVER], (const uint8_t *)"test", 4);
	shake_hands(ends);
	again = resume(ends);
	run(again);
	assert_true(SSL_session_reused(again->ssl[SIDE_SERVER]));
	send_data(again, SIDE_CLIENT, "ping");
	send_data(again, SIDE_SERVER, "pong");
	close_both(ends);
	close_both(again);
	check_opened(&again->wire, keylog_of(&again->wire, "CLIENT_RANDOM"));
	free_ends(again);
	free_ends(ends);
}

static void opens_resumed_sessions_of_tls_1_2(void **state)
{
	static const char *const suites[] = {"ECDHE-RSA-AES128-GCM-SHA256", "AES128-CCM8",
	                                     "ECDHE-RSA-CHACHA20-POLY1305", "AES128-SHA"};

	(void)state;
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		check_resumption(TLS1_2_VERSION, suites[i], 0); /* by ticket */
		check_resumption(TLS1_2_VERSION, suites[i], SSL_OP_NO_TICKET);
		check_resumption(TLS1_2_VERSION, suites[i],
		                 SSL_OP_NO_TICKET | SSL_OP_NO_EXTENDED_MASTER_SECRET |
		                         SSL_OP_NO_ENCRYPT_THEN_MAC);
	}
	check_resumption(TLS1_VERSION, "AES128-SHA", SSL_OP_NO_TICKET);
}

/* The private key opens a connection, and with what it left, those that resume its session. */
static void opens_resumed_sessions_after_static_rsa(void **state)
{
	(void)state;
	for (int by_ticket = 0; by_ticket < 2; by_ticket++) {
		struct ends *ends = make_ends(TLS1_2_VERSION), *again, *third;
		struct keylog *keylog = private_key_alone();

		for (int i = 0; i < 2; i++)
			SSL_CTX_set_cipher_list(ends->contexts[i], "AES128-GCM-SHA256");
		if (!by_ticket)
			SSL_CTX_set_options(ends->contexts[SIDE_SERVER], SSL_OP_NO_TICKET);
		SSL_CTX_set_session_id_context(ends->contexts[SIDE_SERVER], (const uint8_t *)"t",
		                               1);
		shake_hands(ends);
		again = resume(ends);
		run(again);
		third = resume(again);
		run(third);
		assert_true(SSL_session_reused(third->ssl[SIDE_SERVER]));
		close_both(ends);
		close_both(again);
		close_both(third);
		json_decref(decode_with(&ends->wire, keylog, SIZE_MAX / 2));
		json_decref(decode_with(&again->wire, keylog, SIZE_MAX / 2));
		check_opened(&third->wire, keylog);
		free_ends(third);
		free_ends(again);
		free_ends(ends);
	}
}

static void check_renegotiation(const char *suite, enum side by, bool with_key)
{
	struct ends *ends = make_ends(TLS1_2_VERSION);

	for (int i = 0; i < 2; i++)
		SSL_CTX_set_cipher_list(ends->contexts[i], suite);
	SSL_CTX_set_options(ends->contexts[SIDE_SERVER], SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
	shake_hands(ends);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(SSL_renegotiate(ends->ssl[by]), 1);
		SSL_do_handshake(ends->ssl[by]);
		run(ends);
		send_data(ends, SIDE_CLIENT, "ping");
		send_data(ends, SIDE_SERVER, "pong");
	}
	close_both(ends);
	check_opened(&ends->wire, with_key ? private_key_alone()
	                                   : keylog_of(&ends->wire, "CLIENT_RANDOM"));
	free_ends(ends);
}

static void opens_renegotiated_connections(void **state)
{
	static const char *const suites[] = {"ECDHE-RSA-AES256-GCM-SHA384", "AES128-SHA256",
	                                     "AES256-CCM"};

	(void)state;
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		for (int by = 0; by < 2; by++)
			check_renegotiation(suites[i], (enum side)by, false);
	check_renegotiation("AES128-GCM-SHA256", SIDE_CLIENT, true);
	check_renegotiation("AES128-SHA", SIDE_SERVER, true);
}

/* A session ticket that came, for resumption with early data. */
static SSL_SESSION *session;

static int keep_session(SSL *ssl, SSL_SESSION *ticket)
{
	(void)ssl;
	SSL_SESSION_free(session);
	session = ticket;
	return 1;
}

static void opens_early_data(void **state)
{
	struct ends *ends = make_ends(TLS1_3_VERSION);
	struct ends *again = calloc(1, sizeof(*again));
	struct keylog *keylog;
	json_t *value;
	size_t n;
	char data[32];

	(void)state;
	SSL_CTX_set_max_early_data(ends->contexts[SIDE_SERVER], 1000);
	SSL_CTX_set_session_cache_mode(ends->contexts[SIDE_CLIENT], SSL_SESS_CACHE_CLIENT);
	SSL_CTX_sess_set_new_cb(ends->contexts[SIDE_CLIENT], keep_session);
	check_connection(ends, "TLS 1.3", "TLS_AES_256_GCM_SHA384");
	assert_non_null(session);
	for (int i = 0; i < 2; i++) {
		again->contexts[i] = ends->contexts[i];
		SSL_CTX_up_ref(again->contexts[i]);
	}
	connect_ends(again);
	SSL_set_session(again->ssl[SIDE_CLIENT], session);
	assert_int_equal(SSL_write_early_data(again->ssl[SIDE_CLIENT], "early", 5, &n), 1);
	move_bytes(again, SIDE_CLIENT);
	SSL_read_early_data(again->ssl[SIDE_SERVER], data, sizeof(data), &n);
	run(again);
	close_both(again);
	value = decode_wire(&again->wire, true, 2);
	assert_null(find_in(value, "messages", "type", "encrypted"));
	assert_non_null(find_in(value, "messages", "type", "end_of_early_data"));
	assert_non_null(find_in(value, "client_hello.extensions", "name", "pre_shared_key"));
	assert_no_faults(value);
	keylog = keylog_of(&again->wire, "");
	check_order(&again->wire, keylog, value);
	keylog_free(keylog);
	json_decref(value);
	SSL_SESSION_free(session);
	session = NULL;
	free_ends(again);
	free_ends(ends);
}

/* Changes the last digit of the secrets in lines that begin with `label`. */
static void spoil(struct wire *wire, const char *label)
{
	char *line = (char *)wire->keylog.data;

	buf_string(&wire->keylog);
	for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
		if (strncmp(line, label, strlen(label)) == 0)
			end[-1] = end[-1] == '0' ? '1' : '0';
}

static void a_wrong_secret_is_said_to_be_wrong(void **state)
{
	static const struct {
		int version;
		const char *label, *from, *text;
	} cases[] = {
		{TLS1_3_VERSION, "SERVER_HANDSHAKE_TRAFFIC_SECRET", "server",
		 "the key log's SERVER_HANDSHAKE_TRAFFIC_SECRET does not open it"},
		{TLS1_3_VERSION, "CLIENT_TRAFFIC_SECRET_0", "client",
		 "the key log's CLIENT_TRAFFIC_SECRET_0 does not open it"},
		{TLS1_2_VERSION, "CLIENT_RANDOM", "client",
		 "the key log's CLIENT_RANDOM does not open it"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ends *ends = make_connection(cases[i].version);
		json_t *value;

		send_data(ends, SIDE_CLIENT, "ping");
		spoil(&ends->wire, cases[i].label);
		value = decode_wire(&ends->wire, true, 5);
		assert_non_null(find_in(value, "messages", "type", "encrypted"));
		assert_text(value, "faults.0.from", cases[i].from);
		assert_non_null(
			strstr(json_text(at_path(value, "faults.0"), "text"), cases[i].text));
		json_decref(value);
		free_ends(ends);
	}
}

static void a_missing_secret_is_named(void **state)
{
	struct ends *ends = make_connection(TLS1_3_VERSION);
	struct keylog *keylog;
	json_t *value;

	(void)state;
	send_data(ends, SIDE_SERVER, "pong");
	keylog = keylog_of(&ends->wire, "SERVER_HANDSHAKE");
	value = decode_with(&ends->wire, keylog, 100);
	assert_int_equal(json_array_size(at_path(value, "faults")), 2);
	assert_non_null(strstr(json_text(at_path(value, "faults.0"), "text"),
	                       "lacks its CLIENT_HANDSHAKE_TRAFFIC_SECRET"));
	assert_non_null(strstr(json_text(at_path(value, "faults.1"), "text"),
	                       "lacks its SERVER_TRAFFIC_SECRET_0"));
	json_decref(value);
	keylog_free(keylog);
	free_ends(ends);
}

/* A resumed session without a key exchange of its own (RFC 8446 section 4.2.9, psk_ke). */
static void opens_a_session_resumed_by_its_secret_alone(void **state)
{
	struct ends *ends = make_ends(TLS1_3_VERSION), *again;

	(void)state;
	for (int i = 0; i < 2; i++)
		SSL_CTX_set_options(ends->contexts[i], SSL_OP_ALLOW_NO_DHE_KEX);
	shake_hands(ends);
	again = resume(ends);
	SSL_set1_groups_list(again->ssl[SIDE_CLIENT], "X25519");
	SSL_set1_groups_list(again->ssl[SIDE_SERVER], "P-384");
	run(again);
	assert_true(SSL_session_reused(again->ssl[SIDE_SERVER]));
	close_both(ends);
	close_both(again);
	check_opened(&again->wire, keylog_of(&again->wire, ""));
	free_ends(again);
	free_ends(ends);
}

/* The key log of another connection opens nothing, and there is nothing to say of it. */
static void a_key_log_of_other_connections_leaves_records_encrypted(void **state)
{
	struct ends *ends = make_ends(TLS1_3_VERSION);
	struct ends *other = make_ends(TLS1_3_VERSION);
	struct keylog *keylog;
	json_t *value;

	(void)state;
	shake_hands(ends);
	shake_hands(other);
	keylog = keylog_of(&other->wire, "");
	value = decode_with(&ends->wire, keylog, 100);
	assert_non_null(find_in(value, "messages", "type", "encrypted"));
	assert_no_faults(value);
	json_decref(value);
	keylog_free(keylog);
	free_ends(other);
	free_ends(ends);
}

/* One side alone, or so much of it that it is not kept: told as far as it goes. */
static void one_side_without_the_other_is_told(void **state)
{
	struct ends *ends = make_connection(TLS1_3_VERSION);
	struct transcript *transcript;
	struct keylog *keylog;
	json_t *value;

	(void)state;
	send_data(ends, SIDE_CLIENT, "ping");
	keylog = keylog_of(&ends->wire, "");
	transcript = transcript_new(keylog);
	for (size_t i = 0; i < ends->wire.n_chunks; i++)
		if (ends->wire.chunks[i].from == SIDE_CLIENT)
			transcript_feed(transcript, SIDE_CLIENT,
			                buf_view(&ends->wire.chunks[i].bytes), T0_NS);
	for (int i = 0; i < 2; i++) { /* telling changes nothing */
		value = emit_json(transcript);
		assert_int_equal(json_array_size(at_path(value, "messages")), 4);
		assert_text(value, "messages.2.type", "encrypted");
		assert_text(value, "faults.0.text", "protected records stay closed: the capture "
		                                    "lacks the server's part of their handshake");
		json_decref(value);
	}
	transcript_free(transcript);
	keylog_free(keylog);
	free_ends(ends);
}

static void no_more_is_held_for_the_other_side_than_there_is_room_for(void **state)
{
	struct ends *ends = make_ends(TLS1_3_VERSION);
	char text[10001] = {0};
	struct keylog *keylog;
	json_t *value;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	shake_hands(ends);
	for (size_t n = 0; n <= TRANSCRIPT_HELD_MAX; n += sizeof(text))
		send_data(ends, SIDE_CLIENT, text);
	send_data(ends, SIDE_CLIENT, "ping");
	send_data(ends, SIDE_SERVER, "pong");
	keylog = keylog_of(&ends->wire, "");
	value = decode_sides(&ends->wire, keylog, SIDE_CLIENT);
	assert_non_null(strstr(json_text(at_path(value, "faults.0"), "text"),
	                       "more than 262144 bytes came before"));
	assert_text(find_in(value, "messages", "type", "encrypted"), "from", "client");
	assert_text(find_in(value, "messages", "type", "finished"), "from", "server");
	assert_text(find_in(value, "messages", "type", "application_data"), "from", "server");
	json_decref(value);
	keylog_free(keylog);
	free_ends(ends);
}

/* What is told does not depend on how the bytes came. */
static void any_chunks_give_the_same(void **state)
{
	struct ends *ends = make_ends(TLS1_2_VERSION);
	json_t *whole;

	(void)state;
	check_connection(ends, "TLS 1.2", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
	whole = decode_wire(&ends->wire, true, SIZE_MAX / 2);
	for (size_t step = 1; step < 40; step++) {
		json_t *value = decode_wire(&ends->wire, true, step);

		assert_true(json_equal(whole, value));
		json_decref(value);
	}
	json_decref(whole);
	free_ends(ends);
}

/* Feeds both sides in pieces, in an order that `seed` chooses. */
static json_t *decode_mixed(const struct wire *wire, struct keylog *keylog, uint32_t seed)
{
	struct transcript *transcript = transcript_new(keylog);
	struct buf streams[2] = {{0}, {0}};
	size_t at[2] = {0, 0};
	json_t *value;

	for (size_t i = 0; i < wire->n_chunks; i++)
		buf_bytes(&streams[wire->chunks[i].from], buf_view(&wire->chunks[i].bytes));
	for (uint64_t t_ns = T0_NS; at[0] < streams[0].len || at[1] < streams[1].len; t_ns++) {
		enum side from = (enum side)((seed = seed * 1664525 + 1013904223) >> 16 & 1);
		size_t n = 1 + (seed >> 17) % 700, left = streams[from].len - at[from];
		struct bytes piece = {streams[from].data + at[from], n < left ? n : left};

		feed_in_steps(transcript, from, piece, piece.len, t_ns);
		at[from] += piece.len;
	}
	value = emit_json(transcript);
	transcript_free(transcript);
	buf_fini(&streams[0]);
	buf_fini(&streams[1]);
	return value;
}

/* Renegotiated twice, so that one side can be several handshakes ahead of the other. */
static void however_the_sides_are_mixed_all_is_opened(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		struct ends *ends = make_connection(version);
		struct keylog *keylog;

		for (int i = 0; i < 2; i++) {
			if (version == TLS1_2_VERSION)
				SSL_renegotiate(ends->ssl[SIDE_SERVER]);
			else
				SSL_key_update(ends->ssl[i], SSL_KEY_UPDATE_REQUESTED);
			SSL_do_handshake(ends->ssl[SIDE_SERVER]);
			run(ends);
			send_data(ends, SIDE_CLIENT, "ping");
		}
		close_both(ends);
		keylog = keylog_of(&ends->wire, "");
		for (uint32_t seed = 1; seed <= 200; seed++) {
			json_t *value = decode_mixed(&ends->wire, keylog, seed);
			const json_t *messages = at_path(value, "messages");

			assert_null(find_in(value, "messages", "type", "encrypted"));
			for (size_t i = 0; i < json_array_size(messages); i++)
				assert_null(json_object_get(json_array_get(messages, i),
				                            "protected_with"));
			assert_no_faults(value);
			assert_int_equal(json_array_size(at_path(value, "alerts")), 2);
			json_decref(value);
		}
		keylog_free(keylog);
		free_ends(ends);
	}
}

/* The connection is cut after each byte of each side: what came before is told, and it is JSON. */
static void check_prefixes(int version, bool with_keys)
{
	struct ends *ends = make_ends(version);
	struct keylog *keylog = keylog_new();

	SSL_CTX_use_certificate(ends->contexts[SIDE_CLIENT], client_certificate);
	SSL_CTX_use_PrivateKey(ends->contexts[SIDE_CLIENT], client_key);
	SSL_CTX_set_verify(ends->contexts[SIDE_SERVER], SSL_VERIFY_PEER, accept_any);
	shake_hands(ends);
	close_both(ends);
	if (with_keys)
		keylog_add(keylog, buf_string(&ends->wire.keylog), ends->wire.keylog.len);
	for (size_t last = 0; last < ends->wire.n_chunks; last++) {
		for (size_t n = 1; n <= ends->wire.chunks[last].bytes.len; n += 1 + n / 50) {
			struct transcript *transcript = transcript_new(keylog);

			for (size_t i = 0; i <= last; i++) {
				struct bytes data = buf_view(&ends->wire.chunks[i].bytes);

				if (i == last)
					data.len = n;
				feed_in_steps(transcript, ends->wire.chunks[i].from, data, data.len,
				              T0_NS);
			}
			json_decref(emit_json(transcript));
			transcript_free(transcript);
		}
	}
	keylog_free(keylog);
	free_ends(ends);
}

static void a_connection_cut_anywhere_is_told(void **state)
{
	(void)state;
	check_prefixes(TLS1_3_VERSION, true);
	check_prefixes(TLS1_2_VERSION, true);
	check_prefixes(TLS1_2_VERSION, false);
}

/* A record cut short on the wire shows the messages in it that are whole. */
static void a_server_flight_in_one_record_shows_what_came_of_it(void **state)
{
	struct ends *ends = make_connection(TLS1_2_VERSION);
	struct buf messages = {0}, record = {0};
	struct transcript *transcript = transcript_new(NULL);
	struct bytes flight;
	json_t *value;

	(void)state;
	flight = buf_view(&ends->wire.chunks[1].bytes);
	for (size_t at = 0; at < flight.len;) {
		size_t length = (size_t)flight.data[at + 3] << 8 | flight.data[at + 4];

		buf_add(&messages, flight.data + at + 5, length);
		at += 5 + length;
	}
	add_record(&record, CONTENT_handshake, buf_view(&messages));
	transcript_feed(transcript, SIDE_SERVER, (struct bytes){record.data, record.len - 3},
	                T0_NS);
	value = emit_json(transcript);
	assert_text(value, "server_hello.cipher_suite", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
	assert_text(value, "version", "TLS 1.2");
	assert_text(value, "certificates.0.chain.0.subject", "CN=a server");
	assert_text(value, "server_key_exchange.named_curve", "x25519");
	assert_text(value, "messages.3.type", "server_hello_done");
	json_decref(value);
	transcript_free(transcript);
	buf_fini(&messages);
	buf_fini(&record);
	free_ends(ends);
}

/*
 * Every message of the handshake with every bit changed, one at a time, the records being in
 * plaintext.
 */
static void every_flipped_bit_of_a_tls12_flight_is_told(void **state)
{
	struct ends *ends = make_ends(TLS1_2_VERSION);
	struct buf *flight;

	(void)state;
	SSL_CTX_set_verify(ends->contexts[SIDE_SERVER], SSL_VERIFY_PEER, accept_any);
	shake_hands(ends);
	flight = &ends->wire.chunks[1].bytes;
	for (size_t bit = 0; bit < flight->len * 8; bit += 13) {
		flight->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		json_decref(decode_wire(&ends->wire, true, SIZE_MAX / 2));
		flight->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	free_ends(ends);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_every_tls13_cipher_suite),
		cmocka_unit_test(opens_tls12_cipher_suites_of_every_mode),
		cmocka_unit_test(opens_cbc_records_of_tls_1_0_and_1_1),
		cmocka_unit_test(tells_everything_of_a_handshake_with_client_certificate),
		cmocka_unit_test(tells_a_tls12_handshake_with_client_certificate),
		cmocka_unit_test(says_encrypted_without_a_key_log),
		cmocka_unit_test(says_a_sealed_tls12_alert_without_a_key_log),
		cmocka_unit_test(decodes_the_hello_retry_request_and_the_hello_after_it),
		cmocka_unit_test(follows_key_updates_of_both_sides),
		cmocka_unit_test(reads_a_plaintext_alert_of_a_tls13_client),
		cmocka_unit_test(reads_a_protected_alert_of_a_tls13_server),
		cmocka_unit_test(opens_records_after_a_gap_in_the_capture),
		cmocka_unit_test(opens_records_after_a_gap_with_the_change_cipher_spec),
		cmocka_unit_test(reads_suites_that_do_not_encrypt_without_a_key_log),
		cmocka_unit_test(opens_records_of_drafts_by_their_own_rules),
		cmocka_unit_test(says_under_which_keys_an_alert_came),
		cmocka_unit_test(a_plaintext_alert_on_the_server_hello_is_as_it_should_be),
		cmocka_unit_test(says_that_an_alert_in_tls_1_2_lacks_protection),
		cmocka_unit_test(opens_a_tls_1_2_alert_before_its_change_cipher_spec),
		cmocka_unit_test(says_that_an_alert_came_under_the_keys_before_a_key_update),
		cmocka_unit_test(opens_static_rsa_with_the_private_key),
		cmocka_unit_test(opens_static_rsa_with_the_premaster_secret),
		cmocka_unit_test(a_private_key_of_another_server_is_said_not_to_fit),
		cmocka_unit_test(a_master_secret_from_the_private_key_can_be_written_down),
		cmocka_unit_test(opens_resumed_sessions_of_tls_1_2),
		cmocka_unit_test(opens_resumed_sessions_after_static_rsa),
		cmocka_unit_test(opens_renegotiated_connections),
		cmocka_unit_test(opens_a_session_resumed_by_its_secret_alone),
		cmocka_unit_test(opens_early_data),
		cmocka_unit_test(a_wrong_secret_is_said_to_be_wrong),
		cmocka_unit_test(a_missing_secret_is_named),
		cmocka_unit_test(a_key_log_of_other_connections_leaves_records_encrypted),
		cmocka_unit_test(one_side_without_the_other_is_told),
		cmocka_unit_test(no_more_is_held_for_the_other_side_than_there_is_room_for),
		cmocka_unit_test(any_chunks_give_the_same),
		cmocka_unit_test(however_the_sides_are_mixed_all_is_opened),
		cmocka_unit_test(a_connection_cut_anywhere_is_told),
		cmocka_unit_test(a_server_flight_in_one_record_shows_what_came_of_it),
		cmocka_unit_test(every_flipped_bit_of_a_tls12_flight_is_told),
	};

	return cmocka_run_group_tests(tests, make_certificates, free_certificates);
}
