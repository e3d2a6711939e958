/*
 * handshakes: what bare libssl costs on this machine, as a yardstick for the cells of a run.
 *
 * Usage: handshakes CERTIFICATES SECONDS
 *
 * Does what a passing cell of the story does and nothing else: a client and a server in memory, with
 * the story's certificates and versions in turn, complete a handshake, send "shakedown" there and back,
 * and close. Prints how many that is in a second, on one core, and the milliseconds of processor time
 * that each takes.
 */
#include "base/assert.h"
#include "base/clock.h"
#include "base/file.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAIR_BYTES 65536 /* a whole flight fits */

static const struct {
	const char *certificate;
	int min, max;
} servers[] = {
	{"rsa-2048", TLS1_3_VERSION, TLS1_3_VERSION},
	{"rsa-2048", TLS1_2_VERSION, TLS1_2_VERSION},
	{"rsa-2048", TLS1_2_VERSION, TLS1_3_VERSION},
	{"ecdsa-p256", TLS1_3_VERSION, TLS1_3_VERSION},
	{"ecdsa-p256", TLS1_2_VERSION, TLS1_2_VERSION},
	{"ecdsa-p256", TLS1_2_VERSION, TLS1_3_VERSION},
};

#define N_SERVERS (sizeof(servers) / sizeof(servers[0]))

static SSL_CTX *server_context(const char *certificates, size_t i)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	char *folder = file_join(certificates, servers[i].certificate);
	char *chain = file_join(folder, "chain.pem"), *key = file_join(folder, "key.pem");

	CHECK(context != NULL);
	if (SSL_CTX_use_certificate_chain_file(context, chain) != 1 ||
	    SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
		fprintf(stderr, "handshakes: cannot use %s: run `make certs` first\n", folder);
		exit(2);
	}
	SSL_CTX_set_min_proto_version(context, servers[i].min);
	SSL_CTX_set_max_proto_version(context, servers[i].max);
	free(key);
	free(chain);
	free(folder);
	return context;
}

static SSL_CTX *client_context(const char *certificates, size_t i)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	char *folder = file_join(certificates, servers[i].certificate);
	char *root = file_join(folder, "ca.pem");

	CHECK(context != NULL);
	CHECK(SSL_CTX_load_verify_locations(context, root, NULL) == 1);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	free(root);
	free(folder);
	return context;
}

static SSL *end_of_pair(SSL_CTX *context, BIO *bio)
{
	SSL *ssl = SSL_new(context);

	CHECK(ssl != NULL);
	SSL_set_bio(ssl, bio, bio);
	return ssl;
}

/* As far as it gets with what the other side has sent. */
static void step(SSL *ssl)
{
	int rc = SSL_do_handshake(ssl);

	CHECK(rc == 1 || SSL_get_error(ssl, rc) == SSL_ERROR_WANT_READ);
}

static void carry(SSL *from, SSL *to)
{
	char text[16];

	CHECK(SSL_write(from, "shakedown", 9) == 9);
	CHECK(SSL_read(to, text, sizeof(text)) == 9);
}

static void connect_once(SSL_CTX *client_context, SSL_CTX *server_context)
{
	BIO *near, *far;
	SSL *client, *server;

	CHECK(BIO_new_bio_pair(&near, PAIR_BYTES, &far, PAIR_BYTES) == 1);
	client = end_of_pair(client_context, near);
	server = end_of_pair(server_context, far);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	while (!SSL_is_init_finished(client) || !SSL_is_init_finished(server)) {
		step(client);
		step(server);
	}
	carry(client, server);
	carry(server, client);
	SSL_shutdown(client);
	SSL_shutdown(server);
	SSL_free(client);
	SSL_free(server);
}

static double processor_ms(void)
{
	struct timespec used;

	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0);
	return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

int main(int argc, char **argv)
{
	SSL_CTX *client[N_SERVERS], *server[N_SERVERS];
	uint64_t start_ns, wanted_ns;
	double before_ms;
	size_t n = 0;

	if (argc != 3) {
		fputs("usage: handshakes CERTIFICATES SECONDS\n", stderr);
		return 2;
	}
	for (size_t i = 0; i < N_SERVERS; i++) {
		client[i] = client_context(argv[1], i);
		server[i] = server_context(argv[1], i);
	}
	wanted_ns = (uint64_t)(atof(argv[2]) * 1e9);
	before_ms = processor_ms();
	start_ns = clock_steady_ns();
	while (clock_steady_ns() - start_ns < wanted_ns)
		for (size_t i = 0; i < N_SERVERS; i++, n++)
			connect_once(client[i], server[i]);
	printf("%.1f %.4f\n", (double)n * 1e9 / (double)(clock_steady_ns() - start_ns),
	       (processor_ms() - before_ms) / (double)n);
	for (size_t i = 0; i < N_SERVERS; i++) {
		SSL_CTX_free(client[i]);
		SSL_CTX_free(server[i]);
	}
	return 0;
}
