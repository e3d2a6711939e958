#include "peer/warmup.h"

#include "base/assert.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#define PAIR_BYTES 65536 /* a whole flight fits */
#define TURNS_MAX 8      /* a handshake takes three */

static EVP_PKEY *make_key(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	CHECK(key != NULL);
	return key;
}

static X509 *make_certificate(EVP_PKEY *key)
{
	X509 *certificate = X509_new();

	CHECK(certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1);
	CHECK(X509_gmtime_adj(X509_getm_notBefore(certificate), 0) != NULL);
	CHECK(X509_gmtime_adj(X509_getm_notAfter(certificate), 60) != NULL);
	CHECK(X509_set_pubkey(certificate, key) == 1);
	CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
	return certificate;
}

static SSL_CTX *make_server(int version)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = make_key();
	X509 *certificate = make_certificate(key);

	CHECK(context != NULL);
	(void)SSL_CTX_use_certificate(context, certificate);
	(void)SSL_CTX_use_PrivateKey(context, key);
	SSL_CTX_set_min_proto_version(context, version);
	SSL_CTX_set_max_proto_version(context, version);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return context;
}

static SSL *end_of_pair(SSL_CTX *context, BIO *bio)
{
	SSL *ssl = SSL_new(context);

	CHECK(ssl != NULL);
	SSL_set_bio(ssl, bio, bio);
	return ssl;
}

static void carry(SSL *from, SSL *to)
{
	char text[8];

	if (SSL_write(from, "warm", 4) == 4)
		(void)SSL_read(to, text, sizeof(text));
}

static void converse(SSL *client, SSL *server)
{
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	for (int i = 0; i < TURNS_MAX && !SSL_is_init_finished(server); i++) {
		(void)SSL_do_handshake(client);
		(void)SSL_do_handshake(server);
	}
	carry(client, server);
	carry(server, client);
	(void)SSL_shutdown(client);
	(void)SSL_shutdown(server);
}

static void shake_hands(int version)
{
	SSL_CTX *far = make_server(version), *near = SSL_CTX_new(TLS_client_method());
	BIO *near_end = NULL, *far_end = NULL;
	SSL *client, *server;

	CHECK(near != NULL && BIO_new_bio_pair(&near_end, PAIR_BYTES, &far_end, PAIR_BYTES) == 1);
	client = end_of_pair(near, near_end);
	server = end_of_pair(far, far_end);
	converse(client, server);
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(near);
	SSL_CTX_free(far);
}

void warmup(void)
{
	shake_hands(TLS1_2_VERSION);
	shake_hands(TLS1_3_VERSION);
	ERR_clear_error();
}
