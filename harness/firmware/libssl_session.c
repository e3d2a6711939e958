#include "firmware/libssl_session.h"

#include "base/assert.h"
#include "firmware/glue/port.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

/* ---- The link as a BIO ---- */

static int bio_read(BIO *bio, char *data, int size)
{
	struct libssl_session *session = BIO_get_data(bio);

	return (int)link_read(session->job.link, data, (size_t)size);
}

static int bio_write(BIO *bio, const char *data, int len)
{
	struct libssl_session *session = BIO_get_data(bio);

	return (int)link_write(session->job.link, data, (size_t)len);
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
	struct libssl_session *session = BIO_get_data(bio);

	(void)number;
	(void)pointer;
	if (command == BIO_CTRL_EOF)
		return session->job.link->end == LINK_CLOSED && !session->kind->quiet_at_end;
	return command == BIO_CTRL_FLUSH;
}

static BIO *link_bio(struct libssl_session *session)
{
	static BIO_METHOD *method;
	BIO *bio;

	if (method == NULL) {
		method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "link");
		CHECK(method != NULL);
		BIO_meth_set_read(method, bio_read);
		BIO_meth_set_write(method, bio_write);
		BIO_meth_set_ctrl(method, bio_control);
	}
	bio = BIO_new(method);
	CHECK(bio != NULL);
	BIO_set_data(bio, session);
	BIO_set_init(bio, 1);
	return bio;
}

struct libssl_session libssl_the_session;

/* ---- Certificates ---- */

/* The certificates that libssl can read; a blob may hold others for other stacks. */
static STACK_OF(X509) * read_certificates(struct agent_blob der)
{
	STACK_OF(X509) *certificates = sk_X509_new_null();
	struct agent_blob one;

	CHECK(certificates != NULL);

	while ((one = stack_next_der(&der)).len > 0) {
		const unsigned char *at = one.data;
		X509 *certificate = d2i_X509(NULL, &at, (long)one.len);

		if (certificate != NULL)
			CHECK(sk_X509_push(certificates, certificate) > 0);
	}
	return certificates;
}

static bool trust(SSL_CTX *context, struct agent_blob ca)
{
	STACK_OF(X509) *roots = read_certificates(ca);
	int n = sk_X509_num(roots);

	for (int i = 0; i < n; i++)
		X509_STORE_add_cert(SSL_CTX_get_cert_store(context), sk_X509_value(roots, i));
	sk_X509_pop_free(roots, X509_free);
	return n > 0;
}

/* The first certificate is the client's own, the others lead to its root. */
static bool present(SSL_CTX *context, struct agent_blob chain, struct agent_blob key)
{
	STACK_OF(X509) *certificates = read_certificates(chain);
	const unsigned char *at = key.data;
	EVP_PKEY *private_key = d2i_AutoPrivateKey(NULL, &at, (long)key.len);
	bool ok = sk_X509_num(certificates) > 0 && private_key != NULL &&
	          SSL_CTX_use_certificate(context, sk_X509_value(certificates, 0)) == 1 &&
	          SSL_CTX_use_PrivateKey(context, private_key) == 1;

	for (int i = 1; ok && i < sk_X509_num(certificates); i++)
		ok = SSL_CTX_add1_chain_cert(context, sk_X509_value(certificates, i)) == 1;
	EVP_PKEY_free(private_key);
	sk_X509_pop_free(certificates, X509_free);
	return ok;
}

/* ---- Making the session ---- */

static void on_info(const SSL *ssl, int where, int value)
{
	struct libssl_session *session = SSL_get_app_data(ssl);

	if (where == SSL_CB_READ_ALERT)
		stack_note_alert(session->job.report, 'r', value);
	else if (where == SSL_CB_WRITE_ALERT)
		stack_note_alert(session->job.report, 's', value);
}

/* "1.2" is 0x0303. */
static int wire_version(const char *text)
{
	return 0x0301 + (text[2] - '0');
}

static bool set_up_context(struct libssl_session *session)
{
	const struct stack_run *run = session->job.run;
	SSL_CTX *context = session->context;
	bool ok = SSL_CTX_set_min_proto_version(context, wire_version(run->min)) == 1 &&
	          SSL_CTX_set_max_proto_version(context, wire_version(run->max)) == 1 &&
	          session->kind->offer(context);

	SSL_CTX_set_info_callback(context, on_info);
	SSL_CTX_set_cert_verify_callback(context, session->kind->verify, session);
	if (ok && run->ca.len > 0) {
		SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
		ok = trust(context, run->ca);
	} else if (ok) {
		port_log("tls: no ca, the server is not verified");
	}
	if (ok && run->cert.len > 0 && run->key.len > 0)
		ok = present(context, run->cert, run->key);
	return ok;
}

/* Any certificate of the ca blob is an anchor, as in embedded stacks, be it a root or not. */
static bool set_up_verification(SSL *ssl, const struct stack_run *run)
{
	X509_VERIFY_PARAM *parameters = SSL_get0_param(ssl);

	X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_time(parameters, (time_t)run->now_s);
	return run->sni[0] == '\0' || SSL_set1_host(ssl, run->sni) == 1;
}

static void fail(struct libssl_session *session, int ssl_error)
{
	unsigned long error = ERR_peek_last_error();
	char text[160];

	session->kind->status(session, ssl_error, error);
	if (error == 0)
		return;
	ERR_error_string_n(error, text, sizeof(text));
	port_log("tls: %s", text);
}

/* ---- What outlives a run ---- */

static SSL_SESSION *last_session; /* of the last run whose handshake was completed */

void libssl_forget(void)
{
	SSL_SESSION_free(last_session);
	last_session = NULL;
}

/* In TLS 1.3 a session can be resumed once a ticket has come. */
static void keep_session(SSL *ssl)
{
	SSL_SESSION *session = SSL_is_init_finished(ssl) ? SSL_get1_session(ssl) : NULL;

	if (session != NULL && SSL_SESSION_is_resumable(session)) {
		libssl_forget();
		last_session = session;
	} else {
		SSL_SESSION_free(session);
	}
}

static unsigned give_psk(SSL *ssl, const char *hint, char *identity, unsigned identity_max,
                         unsigned char *key, unsigned key_max)
{
	const struct libssl_session *session = SSL_get_app_data(ssl);

	(void)hint;
	return stack_give_psk(session->job.run, identity, identity_max, key, key_max);
}

/* ---- The session ---- */

bool libssl_open(const struct libssl_kind *kind, struct libssl_session *session)
{
	const struct stack_run *run = session->job.run;

	session->kind = kind;
	ERR_clear_error();
	session->context = SSL_CTX_new(TLS_client_method());
	CHECK(session->context != NULL);
	if (set_up_context(session))
		session->ssl = SSL_new(session->context);
	if (session->ssl == NULL || !set_up_verification(session->ssl, run)) {
		fail(session, SSL_ERROR_SSL);
		return false;
	}
	SSL_set_app_data(session->ssl, session);
	if (run->psk_len > 0)
		SSL_set_psk_client_callback(session->ssl, give_psk);
	if (run->resume && last_session != NULL)
		CHECK(SSL_set_session(session->ssl, last_session) == 1);
	SSL_set0_rbio(session->ssl, link_bio(session));
	SSL_set0_wbio(session->ssl, link_bio(session));
	return true;
}

void libssl_free(void *context)
{
	struct libssl_session *session = context;

	if (session->ssl != NULL)
		keep_session(session->ssl);
	SSL_free(session->ssl);
	SSL_CTX_free(session->context);
}

/* ---- Using it ---- */

/* What the run has to send goes along with the ClientHello, if the session allows. */
static bool send_early(struct libssl_session *session)
{
	const struct stack_run *run = session->job.run;
	const SSL_SESSION *resumed = run->early ? SSL_get0_session(session->ssl) : NULL;
	size_t n = 0;

	if (resumed == NULL || SSL_SESSION_get_max_early_data(resumed) < strlen(run->send))
		return true;
	return SSL_write_early_data(session->ssl, run->send, strlen(run->send), &n) == 1;
}

bool libssl_handshake(void *context)
{
	struct libssl_session *session = context;
	int rc;

	ERR_clear_error();
	rc = send_early(session) ? SSL_connect(session->ssl) : -1;
	session->early_data_taken =
		SSL_get_early_data_status(session->ssl) == SSL_EARLY_DATA_ACCEPTED;
	if (rc != 1)
		fail(session, SSL_get_error(session->ssl, rc));
	return rc == 1;
}

bool libssl_write(void *context, const void *data, size_t len)
{
	struct libssl_session *session = context;
	int rc;

	if (session->early_data_taken) {
		session->early_data_taken = false;
		return true;
	}
	ERR_clear_error();
	rc = SSL_write(session->ssl, data, (int)len);
	if (rc <= 0)
		fail(session, SSL_get_error(session->ssl, rc));
	return rc > 0;
}

int libssl_read(void *context, void *data, size_t size)
{
	struct libssl_session *session = context;
	int rc;

	ERR_clear_error();
	rc = SSL_read(session->ssl, data, (int)size);
	if (rc <= 0) {
		int ssl_error = SSL_get_error(session->ssl, rc);

		fail(session, ssl_error);
		rc = ssl_error == SSL_ERROR_ZERO_RETURN ? 0 : -1;
	}
	return rc;
}

bool libssl_close(void *context)
{
	struct libssl_session *session = context;
	int rc;

	ERR_clear_error();
	rc = SSL_shutdown(session->ssl);
	if (rc < 0)
		fail(session, SSL_get_error(session->ssl, rc));
	return rc >= 0;
}

/* ---- What was negotiated ---- */

/* IANA's names for what libssl tells as a key type and a hash. */
static const struct {
	int type, hash;
	const char *name;
} SIGNATURES[] = {
	{NID_rsaEncryption, NID_sha1, "rsa_pkcs1_sha1"},
	{NID_rsaEncryption, NID_sha224, "rsa_sha224"},
	{NID_rsaEncryption, NID_sha256, "rsa_pkcs1_sha256"},
	{NID_rsaEncryption, NID_sha384, "rsa_pkcs1_sha384"},
	{NID_rsaEncryption, NID_sha512, "rsa_pkcs1_sha512"},
	{NID_X9_62_id_ecPublicKey, NID_sha1, "ecdsa_sha1"},
	{NID_X9_62_id_ecPublicKey, NID_sha224, "ecdsa_sha224"},
	{NID_X9_62_id_ecPublicKey, NID_sha256, "ecdsa_secp256r1_sha256"},
	{NID_X9_62_id_ecPublicKey, NID_sha384, "ecdsa_secp384r1_sha384"},
	{NID_X9_62_id_ecPublicKey, NID_sha512, "ecdsa_secp521r1_sha512"},
	{NID_ED25519, NID_undef, "ed25519"},
	{NID_ED448, NID_undef, "ed448"},
};

static void describe_signature(SSL *ssl, struct stack_report *report)
{
	size_t size = sizeof(report->signature);
	X509 *certificate = SSL_get0_peer_certificate(ssl);
	int type = NID_undef, hash = NID_undef;

	if (certificate == NULL || SSL_get_peer_signature_type_nid(ssl, &type) != 1)
		return;
	(void)SSL_get_peer_signature_nid(ssl, &hash);
	if (type == NID_rsassaPss) {
		bool pss_key = EVP_PKEY_is_a(X509_get0_pubkey(certificate), "RSA-PSS");

		snprintf(report->signature, size, "rsa_pss_%s_%s", pss_key ? "pss" : "rsae",
		         hash == NID_sha256   ? "sha256"
		         : hash == NID_sha384 ? "sha384"
		                              : "sha512");
	}
	for (size_t i = 0; i < sizeof(SIGNATURES) / sizeof(SIGNATURES[0]); i++) {
		if (SIGNATURES[i].type == type && SIGNATURES[i].hash == hash)
			snprintf(report->signature, size, "%s", SIGNATURES[i].name);
	}
}

void libssl_describe(void *context)
{
	struct libssl_session *session = context;
	struct stack_report *report = session->job.report;
	SSL *ssl = session->ssl;
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
	int group = (int)SSL_get_negotiated_group(ssl);
	const char *group_name = group != NID_undef ? SSL_group_to_name(ssl, group) : NULL;

	if (cipher == NULL)
		cipher = SSL_get_pending_cipher(ssl);
	if (cipher == NULL)
		return; /* no ServerHello came */
	stack_note_version(report, SSL_version(ssl));
	snprintf(report->ciphersuite, sizeof(report->ciphersuite), "%s",
	         SSL_CIPHER_standard_name(cipher));
	if (group_name != NULL)
		snprintf(report->group, sizeof(report->group), "%s", group_name);
	describe_signature(ssl, report);
}
