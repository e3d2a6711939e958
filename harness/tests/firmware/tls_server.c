#include "tests/firmware/tls_server.h"

#include "base/assert.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- Certificates ---- */

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	CHECK(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

static X509 *make_certificate(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);
	static long serial;

	CHECK(certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
	X509_set_issuer_name(certificate,
	                     X509_get_subject_name(issuer != NULL ? issuer : certificate));
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600);
	X509_set_pubkey(certificate, key);
	add_extension(certificate, certificate, NID_basic_constraints,
	              issuer == NULL ? "critical,CA:TRUE" : "critical,CA:FALSE");
	if (issuer == NULL)
		add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign");
	else
		add_extension(certificate, issuer, NID_subject_alt_name, "DNS:" SERVER_NAME);
	CHECK(X509_sign(certificate, issuer_key, EVP_sha256()) > 0);
	return certificate;
}

static EVP_PKEY *make_key(bool rsa)
{
	return rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
}

struct identity identity_new(const char *ca_name, bool rsa)
{
	EVP_PKEY *ca_key = make_key(rsa);
	struct identity identity = {.leaf_key = make_key(rsa), .client_key = make_key(rsa)};

	identity.ca = make_certificate(ca_name, ca_key, NULL, ca_key);
	identity.leaf = make_certificate(SERVER_NAME, identity.leaf_key, identity.ca, ca_key);
	identity.client = make_certificate("board", identity.client_key, identity.ca, ca_key);
	EVP_PKEY_free(ca_key);
	return identity;
}

void identity_free(struct identity *identity)
{
	X509_free(identity->ca);
	X509_free(identity->leaf);
	X509_free(identity->client);
	EVP_PKEY_free(identity->leaf_key);
	EVP_PKEY_free(identity->client_key);
}

/* ---- The server ---- */

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *offered, unsigned offered_len, void *context)
{
	static const unsigned char own[] = "\x02h2\x08http/1.1";

	(void)ssl, (void)context;
	if (SSL_select_next_proto((unsigned char **)out, out_len, own, sizeof(own) - 1, offered,
	                          offered_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_context(const struct tls_server *server)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	CHECK(context != NULL);
	CHECK(SSL_CTX_use_certificate(context, server->identity->leaf) == 1);
	CHECK(SSL_CTX_use_PrivateKey(context, server->identity->leaf_key) == 1);
	CHECK(SSL_CTX_set_min_proto_version(context, server->min_version) == 1);
	CHECK(SSL_CTX_set_max_proto_version(context, server->max_version) == 1);
	SSL_CTX_set_alpn_select_cb(context, choose_alpn, NULL);
	if (server->wants_client_certificate) {
		SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
		                   NULL);
		X509_STORE_add_cert(SSL_CTX_get_cert_store(context), server->identity->ca);
	}
	return context;
}

static void note_client(struct tls_server *server, const SSL *ssl)
{
	const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const unsigned char *alpn;
	unsigned alpn_len;

	server->handshaken = true;
	server->got_client_certificate = SSL_get0_peer_certificate(ssl) != NULL;
	strncpy(server->sni, sni != NULL ? sni : "", sizeof(server->sni) - 1);
	SSL_get0_alpn_selected(ssl, &alpn, &alpn_len);
	CHECK(alpn_len < sizeof(server->alpn));
	if (alpn_len > 0)
		memcpy(server->alpn, alpn, alpn_len);
}

static void serve_tls(struct tls_server *server, int fd)
{
	SSL_CTX *context = make_context(server);
	SSL *ssl = SSL_new(context);
	char data[1024];
	int n;

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1) {
		note_client(server, ssl);
		while ((n = SSL_read(ssl, data, sizeof(data))) > 0) {
			if (server->mode == SERVER_GARBLE)
				data[0] ^= 1;
			SSL_write(ssl, data, n);
		}
		server->got_close_notify = (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
		if (server->got_close_notify)
			SSL_shutdown(ssl);
	}
	SSL_free(ssl);
	SSL_CTX_free(context);
}

static void *serve(void *argument)
{
	struct tls_server *server = argument;
	int fd = accept(server->listener, NULL, NULL);
	char ignored[1024];

	if (fd < 0)
		return NULL;
	if (server->mode == SERVER_ECHO || server->mode == SERVER_GARBLE)
		serve_tls(server, fd);
	else if (server->mode == SERVER_CAPTURE)
		server->record_len = (size_t)recv(fd, server->record, sizeof(server->record), 0);
	else
		while (recv(fd, ignored, sizeof(ignored), 0) > 0)
			;
	close(fd);
	return NULL;
}

void tls_server_start(struct tls_server *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(server->listener >= 0);
	CHECK(bind(server->listener, (struct sockaddr *)&address, size) == 0);
	CHECK(listen(server->listener, 1) == 0);
	CHECK(getsockname(server->listener, (struct sockaddr *)&address, &size) == 0);
	server->port = ntohs(address.sin_port);
	CHECK(pthread_create(&server->thread, NULL, serve, server) == 0);
}

void tls_server_stop(struct tls_server *server)
{
	shutdown(server->listener, SHUT_RDWR); /* wakes an accept that waits in vain */
	CHECK(pthread_join(server->thread, NULL) == 0);
	close(server->listener);
}
