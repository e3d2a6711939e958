/*
 * tls_server.h: a real OpenSSL server on a thread, for one connection, with certificates that are
 * made on the spot; for tests.
 */
#ifndef SHAKEDOWN_TESTS_FIRMWARE_TLS_SERVER_H
#define SHAKEDOWN_TESTS_FIRMWARE_TLS_SERVER_H

#include "base/reader.h"

#include <openssl/ssl.h>
#include <pthread.h>

#define SERVER_NAME "server.shakedown.test"

/* A root and two certificates that it signed, valid now. All owned; identity_free frees them. */
struct identity {
	X509 *ca, *leaf, *client;
	EVP_PKEY *leaf_key, *client_key;
};

/* With a root of that name, and RSA keys of 2048 bits or keys on P-256. */
struct identity identity_new(const char *ca_name, bool rsa);
void identity_free(struct identity *identity);

enum tls_server_mode {
	SERVER_ECHO,    /* shakes hands, sends back what it gets, closes when the client does */
	SERVER_SILENT,  /* takes the connection and says nothing until it is closed */
	SERVER_CAPTURE, /* keeps the client's first record and hangs up */
	SERVER_GARBLE,  /* as ECHO, but sends back something else */
};

struct tls_server {
	/* Set by the caller; `identity` is borrowed. */
	enum tls_server_mode mode;
	const struct identity *identity;
	int min_version, max_version; /* 0: whatever libssl has */
	bool wants_client_certificate;
	/* To be read after tls_server_stop(). */
	bool handshaken;
	bool got_client_certificate;
	bool got_close_notify;
	char sni[64], alpn[16];
	uint8_t record[4096];
	size_t record_len;
	/* From tls_server_start() on. */
	int port;
	/* Private. */
	int listener;
	pthread_t thread;
};

/* Listens on a port of 127.0.0.1 that the system chooses. */
void tls_server_start(struct tls_server *server);

/* Waits until the connection is over; one that never came is not waited for. */
void tls_server_stop(struct tls_server *server);

#endif
