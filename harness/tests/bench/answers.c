/*
 * answers: what-if beside bare libssl, in turns, with the same ClientHello and certificates.
 *
 * Usage: answers CERTIFICATES CAPTURE SECONDS
 *
 * Bare libssl gets a ready SSL_CTX, an SSL with two BIOs in memory, the record, and one SSL_accept.
 * What-if does what `shakedown whatif` does for each case: it asks, and tells the answer as JSON.
 * Prints a line for each server: both rates on one core, and their ratio.
 */
#include "base/assert.h"
#include "base/clock.h"
#include "base/file.h"
#include "flow/hellos.h"
#include "peer/whatif.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

#define TURN_ASKS 100 /* before it is the other's turn */

static const struct {
	const char *name, *certificate, *version;
	int number;
} servers[] = {
	{"ECDSA P-256, TLS 1.3", "ecdsa-p256", "1.3", TLS1_3_VERSION},
	{"ECDSA P-256, TLS 1.2", "ecdsa-p256", "1.2", TLS1_2_VERSION},
	{"RSA 2048, TLS 1.2", "rsa-2048", "1.2", TLS1_2_VERSION},
	{"RSA 2048, TLS 1.3, refused", "rsa-2048", "1.3", TLS1_3_VERSION},
};

static SSL_CTX *bare_context(const char *certificates, size_t i)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	char *folder = file_join(certificates, servers[i].certificate);
	char *chain = file_join(folder, "chain.pem"), *key = file_join(folder, "key.pem");

	CHECK(context != NULL);
	CHECK(SSL_CTX_use_certificate_chain_file(context, chain) == 1);
	CHECK(SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1);
	SSL_CTX_set_min_proto_version(context, servers[i].number);
	SSL_CTX_set_max_proto_version(context, servers[i].number);
	free(key);
	free(chain);
	free(folder);
	return context;
}

static struct context *whatif_context(const char *certificates, size_t i)
{
	json_t *server = json_pack("{s:[s], s:[s]}", "versions", servers[i].version, "certificate",
	                           servers[i].certificate);
	struct error error = {0};
	struct context *context = context_new(server, certificates, &error);

	if (context == NULL)
		fprintf(stderr, "answers: %s\n", error.text);
	CHECK(context != NULL);
	json_decref(server);
	return context;
}

static void ask_bare(SSL_CTX *context, struct bytes record)
{
	SSL *ssl = SSL_new(context);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	CHECK(ssl != NULL && in != NULL && out != NULL);
	SSL_set_bio(ssl, in, out);
	CHECK(BIO_write(in, record.data, (int)record.len) == (int)record.len);
	CHECK(SSL_accept(ssl) != 1);
	SSL_free(ssl);
}

static void ask_whatif(struct context *context, struct bytes hello)
{
	struct whatif whatif;

	whatif_ask(&whatif, context, hello);
	json_decref(whatif_tell(&whatif));
}

static void measure(const char *certificates, struct bytes hello, struct bytes record, size_t i,
                    uint64_t wanted_ns)
{
	SSL_CTX *bare = bare_context(certificates, i);
	struct context *context = whatif_context(certificates, i);
	uint64_t bare_ns = 0, whatif_ns = 0;
	double n = 0, bare_rate, whatif_rate;

	while (bare_ns + whatif_ns < wanted_ns) {
		uint64_t start_ns = clock_steady_ns(), middle_ns;

		for (int k = 0; k < TURN_ASKS; k++)
			ask_bare(bare, record);
		middle_ns = clock_steady_ns();
		for (int k = 0; k < TURN_ASKS; k++)
			ask_whatif(context, hello);
		bare_ns += middle_ns - start_ns;
		whatif_ns += clock_steady_ns() - middle_ns;
		n += TURN_ASKS;
	}
	bare_rate = n * 1e9 / (double)bare_ns;
	whatif_rate = n * 1e9 / (double)whatif_ns;
	printf("what-if, %-27s %7.0f a second; bare libssl %7.0f; ratio %.2f\n", servers[i].name,
	       whatif_rate, bare_rate, whatif_rate / bare_rate);
	SSL_CTX_free(bare);
	context_free(context);
}

int main(int argc, char **argv)
{
	struct decode_request request = {.path = argc == 4 ? argv[2] : NULL};
	struct hellos hellos = {0};
	struct error error = {0};
	struct buf record = {0};
	struct bytes hello;

	if (argc != 4) {
		fputs("usage: answers CERTIFICATES CAPTURE SECONDS\n", stderr);
		return 2;
	}
	if (hellos_read(&hellos, &request, HELLOS_BY_OFFER, stderr, &error) != 0) {
		fprintf(stderr, "answers: %s\n", error.text);
		return 2;
	}
	hello = buf_view(&hellos.items[0].message);
	buf_u8(&record, SSL3_RT_HANDSHAKE);
	buf_u16(&record, TLS1_VERSION);
	buf_u16(&record, (uint16_t)hello.len);
	buf_bytes(&record, hello);
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++)
		measure(argv[1], hello, buf_view(&record), i,
		        (uint64_t)(atof(argv[3]) * 1e9));
	buf_fini(&record);
	hellos_fini(&hellos);
	return 0;
}
