/*
 * make_capture: writes a large capture for measurements.
 *
 *   make_capture handshakes N FILE   N connections: real handshakes of all kinds of the table
 *                                    below, made once each by libssl in memory, with addresses,
 *                                    ports, sequence numbers and randoms rewritten, many
 *                                    connections at a time
 *   make_capture bulk MEGABYTES FILE a few connections that carry that much application data
 *
 * Certificates are those of certs/out. The same arguments give a capture of the same shape.
 */
#include "base/assert.h"
#include "base/buf.h"
#include "base/file.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MSS 1448
#define AT_A_TIME 64 /* connections that are interleaved */
#define APP_BYTES 120
#define HELLO_RANDOM 11 /* offset of the random in a record with a ClientHello or ServerHello */
#define FRAME_HEADER 54 /* Ethernet, IPv4, TCP */

enum flag { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

/* One kind of handshake. What is NULL stays at OpenSSL's default. */
static const struct kind {
	const char *certificate;
	int version; /* highest of the client; 0: all */
	const char *cipher_list, *groups, *client_groups, *client_sigalgs, *alpn, *sni;
	bool client_certificate;
} kinds[] = {
	{"rsa-2048", TLS1_2_VERSION, .sni = "server.shakedown.test"},
	{"rsa-2048", 0, .sni = "server.shakedown.test", .alpn = "\x02h2\x08http/1.1"},
	{"ecdsa-p256", TLS1_2_VERSION, .sni = "localhost"},
	{"ecdsa-p256", 0, .alpn = "\x04mqtt"},
	{"ecdsa-p384", 0, .sni = "server.shakedown.test"},
	{.certificate = "ecdsa-p521", .version = TLS1_2_VERSION},
	{"rsa-4096", TLS1_2_VERSION, .sni = "server.shakedown.test"},
	{.certificate = "rsa-3072"},
	{"ed25519", 0, .sni = "server.shakedown.test"},
	{.certificate = "rsa-pss-2048"},
	{"rsa-2048", TLS1_2_VERSION, .cipher_list = "ECDHE-RSA-AES128-SHA256"},
	{"rsa-2048", TLS1_2_VERSION, .cipher_list = "AES128-GCM-SHA256"},
	{"ecdsa-p256", TLS1_2_VERSION, .cipher_list = "ECDHE-ECDSA-AES128-CCM8"},
	{"rsa-2048", 0, .groups = "P-384", .client_groups = "X25519:P-384"},
	{"ecdsa-p256", 0, .groups = "P-521", .client_groups = "P-256:P-521", .sni = "localhost"},
	{"rsa-2048", 0, .client_certificate = true},
	{"ecdsa-p256", TLS1_2_VERSION, .client_certificate = true},
	/* Refused: no RSA-PSS in TLS 1.3; no common group; no common suite. */
	{"rsa-2048", 0, .client_sigalgs = "ECDSA+SHA256:RSA+SHA256"},
	{"ecdsa-p256", 0, .groups = "X25519", .client_groups = "P-521"},
	{"ecdsa-p256", TLS1_2_VERSION, .cipher_list = "AES128-SHA256"},
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* One packet of a kind, before its addresses. Sequence numbers count from the direction's start. */
struct packet {
	bool from_client;
	uint8_t flags;
	uint32_t seq, ack;
	size_t at, len; /* of its payload in the kind's bytes */
	bool hello;     /* the payload begins with a hello, whose random is rewritten */
};

struct recipe {
	struct buf bytes;
	struct packet *packets;
	size_t n_packets;
	uint32_t next[2]; /* next sequence number of each direction: [0] the server's */
};

struct connection {
	const struct recipe *recipe; /* NULL: free */
	size_t next;
	uint32_t number;
};

static void add_packet(struct recipe *recipe, bool from_client, uint8_t flags, struct bytes payload)
{
	struct packet *packet;

	recipe->packets = realloc(recipe->packets, (recipe->n_packets + 1) * sizeof(*packet));
	CHECK(recipe->packets != NULL);
	packet = &recipe->packets[recipe->n_packets++];
	*packet = (struct packet){
		.from_client = from_client,
		.flags = flags,
		.seq = recipe->next[from_client],
		.ack = recipe->next[!from_client],
		.at = recipe->bytes.len,
		.len = payload.len,
		.hello = payload.len > HELLO_RANDOM + 32 && payload.data[0] == 22 &&
	                 (payload.data[5] == 1 || payload.data[5] == 2),
	};
	buf_bytes(&recipe->bytes, payload);
	recipe->next[from_client] += (uint32_t)payload.len + ((flags & (SYN | FIN)) != 0);
}

/* What one side has written goes to the other, and as segments, acknowledged, into the recipe. */
static bool carry(struct recipe *recipe, SSL *from, SSL *to, bool from_client)
{
	char *data;
	long len = BIO_get_mem_data(SSL_get_wbio(from), &data);

	if (len <= 0)
		return false;
	BIO_write(SSL_get_rbio(to), data, (int)len);
	for (long at = 0; at < len; at += MSS) {
		long n = len - at < MSS ? len - at : MSS;

		add_packet(recipe, from_client, at + n == len ? PSH | ACK : ACK,
		           (struct bytes){(uint8_t *)data + at, (size_t)n});
	}
	add_packet(recipe, !from_client, ACK, (struct bytes){0});
	(void)BIO_reset(SSL_get_wbio(from));
	return true;
}

static void exchange(struct recipe *recipe, SSL *client, SSL *server)
{
	bool moved = true;

	while (moved) {
		SSL_do_handshake(client);
		moved = carry(recipe, client, server, true);
		SSL_do_handshake(server);
		moved = carry(recipe, server, client, false) || moved;
	}
}

static void converse(struct recipe *recipe, SSL *client, SSL *server)
{
	char data[APP_BYTES] = "application data";

	SSL_write(client, data, sizeof(data));
	carry(recipe, client, server, true);
	SSL_read(server, data, sizeof(data));
	SSL_write(server, data, sizeof(data));
	carry(recipe, server, client, false);
	SSL_read(client, data, sizeof(data));
	SSL_shutdown(client);
	carry(recipe, client, server, true);
	SSL_shutdown(server);
	carry(recipe, server, client, false);
}

static void use_certificate(SSL_CTX *context, const char *name)
{
	struct error error = {0};
	const char *root = file_data_root(&error);
	char path[512];

	CHECK(root != NULL);
	snprintf(path, sizeof(path), "%s/certs/out/%s/chain.pem", root, name);
	CHECK(SSL_CTX_use_certificate_chain_file(context, path) == 1);
	snprintf(path, sizeof(path), "%s/certs/out/%s/key.pem", root, name);
	CHECK(SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) == 1);
}

static int accept_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

static SSL_CTX *server_context(const struct kind *kind)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	use_certificate(context, kind->certificate);
	CHECK(kind->groups == NULL || SSL_CTX_set1_groups_list(context, kind->groups) == 1);
	if (kind->client_certificate)
		SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
		                   accept_any);
	return context;
}

static SSL_CTX *client_context(const struct kind *kind)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	SSL_CTX_set_max_proto_version(context, kind->version);
	CHECK(kind->cipher_list == NULL || SSL_CTX_set_cipher_list(context, kind->cipher_list) == 1);
	CHECK(kind->client_groups == NULL ||
	      SSL_CTX_set1_groups_list(context, kind->client_groups) == 1);
	CHECK(kind->client_sigalgs == NULL ||
	      SSL_CTX_set1_sigalgs_list(context, kind->client_sigalgs) == 1);
	if (kind->alpn != NULL)
		SSL_CTX_set_alpn_protos(context, (const uint8_t *)kind->alpn,
		                        (unsigned)strlen(kind->alpn));
	if (kind->client_certificate)
		use_certificate(context, "client-ecdsa-p256");
	return context;
}

static SSL *end_of(SSL_CTX *context)
{
	SSL *ssl = SSL_new(context);

	CHECK(ssl != NULL);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	return ssl;
}

static struct recipe make_recipe(const struct kind *kind)
{
	SSL_CTX *contexts[2] = {server_context(kind), client_context(kind)};
	SSL *server = end_of(contexts[0]), *client = end_of(contexts[1]);
	struct recipe recipe = {0};

	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	if (kind->sni != NULL)
		SSL_set_tlsext_host_name(client, kind->sni);
	add_packet(&recipe, true, SYN, (struct bytes){0});
	add_packet(&recipe, false, SYN | ACK, (struct bytes){0});
	add_packet(&recipe, true, ACK, (struct bytes){0});
	exchange(&recipe, client, server);
	if (SSL_is_init_finished(client) && SSL_is_init_finished(server))
		converse(&recipe, client, server);
	add_packet(&recipe, true, FIN | ACK, (struct bytes){0});
	add_packet(&recipe, false, FIN | ACK, (struct bytes){0});
	add_packet(&recipe, true, ACK, (struct bytes){0});
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(contexts[0]);
	SSL_CTX_free(contexts[1]);
	return recipe;
}

static uint32_t scramble(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x7feb352du;
	x ^= x >> 15;
	x *= 0x846ca68bu;
	return x ^ x >> 16;
}

static void put_header(struct buf *out, const struct packet *packet, uint32_t number)
{
	uint32_t client = 0x0a000000u | (scramble(number) & 0xffffff), server = 0xc0a80001u;
	uint16_t port = (uint16_t)(1024 + number % 60000);
	uint32_t isn[2] = {scramble(number + 1), scramble(number + 2)};

	buf_add(out, "\2\0\0\0\0\1\2\0\0\0\0\2\x08\0\x45\0", 16);
	buf_u16(out, (uint16_t)(40 + packet->len));
	buf_add(out, "\0\0\x40\0\x40\6\0\0", 8);
	buf_u32(out, packet->from_client ? client : server);
	buf_u32(out, packet->from_client ? server : client);
	buf_u16(out, packet->from_client ? port : 443);
	buf_u16(out, packet->from_client ? 443 : port);
	buf_u32(out, isn[packet->from_client] + packet->seq);
	buf_u32(out, packet->flags & ACK ? isn[!packet->from_client] + packet->ack : 0);
	buf_u8(out, 5 << 4);
	buf_u8(out, packet->flags);
	buf_u16(out, 64240);
	buf_u32(out, 0);
}

static void put_packet(struct buf *out, const struct recipe *recipe, const struct packet *packet,
                       uint32_t number, uint64_t t_us)
{
	size_t payload;

	buf_u32le(out, (uint32_t)(t_us / 1000000));
	buf_u32le(out, (uint32_t)(t_us % 1000000));
	buf_u32le(out, (uint32_t)(FRAME_HEADER + packet->len));
	buf_u32le(out, (uint32_t)(FRAME_HEADER + packet->len));
	put_header(out, packet, number);
	payload = out->len;
	buf_add(out, recipe->bytes.data + packet->at, packet->len);
	for (uint32_t i = 0; packet->hello && i < 8; i++) {
		uint32_t word = scramble(number * 8 + i);

		memcpy(out->data + payload + HELLO_RANDOM + 4 * i, &word, 4);
	}
}

static void put_file_header(struct buf *out)
{
	buf_u32le(out, 0xa1b2c3d4u);
	buf_u16le(out, 2);
	buf_u16le(out, 4);
	buf_u32le(out, 0);
	buf_u32le(out, 0);
	buf_u32le(out, 262144);
	buf_u32le(out, 1);
}

static void flush(struct buf *out, FILE *file)
{
	CHECK(fwrite(out->data, 1, out->len, file) == out->len);
	buf_clear(out);
}

static void write_handshakes(uint32_t n, FILE *file)
{
	struct recipe recipes[N_KINDS];
	struct connection open[AT_A_TIME] = {0};
	struct buf out = {0};
	uint64_t t_us = 1700000000000000u;
	uint32_t begun = 0, ended = 0;

	for (size_t i = 0; i < N_KINDS; i++)
		recipes[i] = make_recipe(&kinds[i]);
	put_file_header(&out);
	for (size_t slot = 0; ended < n; slot = (slot + 1) % AT_A_TIME) {
		struct connection *connection = &open[slot];

		if (connection->recipe == NULL && begun < n) {
			*connection = (struct connection){.recipe = &recipes[begun % N_KINDS],
			                                  .number = begun};
			begun++;
		}
		if (connection->recipe == NULL)
			continue;
		put_packet(&out, connection->recipe, &connection->recipe->packets[connection->next++],
		           connection->number, t_us += 10);
		if (connection->next == connection->recipe->n_packets) {
			connection->recipe = NULL;
			ended++;
		}
		if (out.len > 1 << 20)
			flush(&out, file);
	}
	flush(&out, file);
	buf_fini(&out);
	for (size_t i = 0; i < N_KINDS; i++) {
		buf_fini(&recipes[i].bytes);
		free(recipes[i].packets);
	}
}

/* Four handshakes, each followed by its share of application data in full records. */
static void write_bulk(uint32_t megabytes, FILE *file)
{
	static uint8_t record[5 + 16401] = {23, 3, 3, 16401 >> 8, 16401 & 255};
	struct buf out = {0};
	uint64_t t_us = 1700000000000000u;

	put_file_header(&out);
	for (uint32_t number = 0; number < 4; number++) {
		struct recipe recipe = make_recipe(&kinds[number]);
		size_t n_records = (size_t)megabytes * 1000000 / 4 / sizeof(record);
		struct recipe data = {.next = {recipe.next[0] - 1, recipe.next[1] - 1}};

		for (size_t i = 0; i + 3 < recipe.n_packets; i++)
			put_packet(&out, &recipe, &recipe.packets[i], number, t_us += 10);
		for (size_t i = 0; i < n_records; i++) {
			data.n_packets = 0;
			buf_clear(&data.bytes);
			for (size_t at = 0; at < sizeof(record); at += MSS)
				add_packet(&data, false, ACK,
				           (struct bytes){record + at, sizeof(record) - at < MSS
				                                               ? sizeof(record) - at
				                                               : MSS});
			for (size_t k = 0; k < data.n_packets; k++)
				put_packet(&out, &data, &data.packets[k], number, t_us += 10);
			flush(&out, file);
		}
		free(recipe.packets);
		free(data.packets);
		buf_fini(&recipe.bytes);
		buf_fini(&data.bytes);
	}
	buf_fini(&out);
}

int main(int argc, char **argv)
{
	FILE *file = argc == 4 ? fopen(argv[3], "wb") : NULL;

	if (file == NULL) {
		fprintf(stderr, "usage: %s handshakes N FILE | bulk MEGABYTES FILE\n", argv[0]);
		return 2;
	}
	if (strcmp(argv[1], "bulk") == 0)
		write_bulk((uint32_t)atoi(argv[2]), file);
	else
		write_handshakes((uint32_t)atoi(argv[2]), file);
	return fclose(file) == 0 ? 0 : 3;
}
