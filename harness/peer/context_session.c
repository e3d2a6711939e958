#include "peer/builder.h"

#include "base/assert.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#define TICKETS_MAX 8
#define TICKET_SIZE_MAX 60000 /* with the session itself it must fit into 16 bits */

/* The option alone would leave TLS 1.3 with tickets that name a session in the server's memory. */
static int set_tickets(struct builder *builder, const json_t *value)
{
	SSL_CTX *ssl = builder->context->ssl;
	size_t number = 0;

	if (json_is_true(value))
		return 0;
	if (!json_is_false(value) && !json_is_integer(value))
		return builder_refuse(builder, "must be true, false or a number of tickets");
	if (json_is_integer(value) && builder_number(builder, value, 0, TICKETS_MAX, &number) != 0)
		return ERR_INPUT;
	if (number == 0)
		SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
	CHECK(SSL_CTX_set_num_tickets(ssl, number) == 1);
	return 0;
}

static int add_to_ticket(SSL *ssl, void *argument)
{
	size_t len = context_of(ssl)->conduct.ticket_size;
	void *filling = calloc(1, len);
	int rc;

	(void)argument;
	CHECK(filling != NULL);
	rc = SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), filling, len);
	free(filling);
	return rc;
}

static int set_ticket_size(struct builder *builder, const json_t *value)
{
	struct context *context = builder->context;

	if (builder_number(builder, value, 1, TICKET_SIZE_MAX, &context->conduct.ticket_size) != 0)
		return ERR_INPUT;
	CHECK(SSL_CTX_set_session_ticket_cb(context->ssl, add_to_ticket, NULL, NULL) == 1);
	return 0;
}

static int set_session_cache(struct builder *builder, const json_t *value)
{
	bool kept = true;
	int rc = builder_bool(builder, value, &kept);

	if (!kept)
		SSL_CTX_set_session_cache_mode(builder->context->ssl, SSL_SESS_CACHE_OFF);
	return rc;
}

static int set_resumption(struct builder *builder, const json_t *value)
{
	static const char *const words[] = {"accept", "refuse", NULL};
	int chosen = 0, rc = builder_word(builder, value, words, &chosen);

	builder->context->conduct.refuses_resumption = chosen == 1;
	return rc;
}

/* libssl calls this in all versions. RFC 4279 section 2; RFC 8446 section 4.2.11. */
static unsigned find_psk(SSL *ssl, const char *identity, unsigned char *key, unsigned key_max)
{
	const struct context *context = context_of(ssl);

	if (identity == NULL || strcmp(identity, context->psk.identity) != 0 ||
	    context->psk.key_len > key_max)
		return 0;
	memcpy(key, context->psk.key, context->psk.key_len);
	return (unsigned)context->psk.key_len;
}

/*
 * A pre-shared key goes with SHA-256 (RFC 8446 section 4.2.11). libssl passes over it once it has
 * settled on a suite with another hash, and it goes by the client's order of suites.
 */
static void prefer_sha256(struct builder *builder)
{
	SSL_CTX *ssl = builder->context->ssl;

	SSL_CTX_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
	if (json_object_get(builder->server, "ciphersuites") == NULL)
		CHECK(SSL_CTX_set_ciphersuites(ssl, "TLS_AES_128_GCM_SHA256:"
		                                    "TLS_CHACHA20_POLY1305_SHA256:"
		                                    "TLS_AES_256_GCM_SHA384") == 1);
}

static int set_psk(struct builder *builder, const json_t *value)
{
	struct context *context = builder->context;
	const char *identity = json_text(value, "identity");

	if (identity[0] == '\0' ||
	    OPENSSL_hexstr2buf_ex(context->psk.key, sizeof(context->psk.key), &context->psk.key_len,
	                          json_text(value, "key"), '\0') != 1 ||
	    context->psk.key_len == 0)
		return builder_refuse(builder,
		                      "needs an \"identity\" and a \"key\" of 1 to %d bytes in "
		                      "hexadecimal digits",
		                      CONTEXT_PSK_MAX);
	context->psk.identity = strdup(identity);
	CHECK(context->psk.identity != NULL);
	SSL_CTX_set_psk_server_callback(context->ssl, find_psk);
	prefer_sha256(builder);
	return 0;
}

/* Tickets allow early data, and nobody takes it: RFC 8446 section 4.2.10. */
static int refuse_early_data(SSL *ssl, void *argument)
{
	(void)ssl;
	(void)argument;
	return 0;
}

static int set_early_data(struct builder *builder, const json_t *value)
{
	static const char *const words[] = {"refuse", "accept", NULL};
	struct context *context = builder->context;
	int chosen = 0, rc = builder_word(builder, value, words, &chosen);

	if (rc != 0)
		return rc;
	context->conduct.early_data = chosen == 1 ? EARLY_DATA_ACCEPT : EARLY_DATA_REFUSE;
	CHECK(SSL_CTX_set_max_early_data(context->ssl, CONTEXT_EARLY_DATA_MAX) == 1);
	if (chosen == 0)
		SSL_CTX_set_allow_early_data_cb(context->ssl, refuse_early_data, NULL);
	return 0;
}

const struct context_key context_session[] = {
	{.name = "tickets", .set = set_tickets},
	{.name = "ticket_size", .set = set_ticket_size},
	{.name = "session_cache", .set = set_session_cache},
	{.name = "resumption", .set = set_resumption},
	{.name = "psk", .set = set_psk},
	{.name = "early_data", .set = set_early_data},
	{0},
};
