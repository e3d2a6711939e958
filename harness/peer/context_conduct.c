#include "peer/builder.h"

#include "base/assert.h"
#include "peer/cookie.h"
#include "peer/omission.h"

/* libssl has no smaller fragments: smaller records are made by splitting the stream. */
#define FRAGMENT_MIN 512
#define FRAGMENT_MAX 16384
#define PAUSE_MAX_MS 10000
#define PAGE_MAX (16 << 20)

static int set_max_send_fragment(struct builder *builder, const json_t *value)
{
	size_t size = 0;
	int rc = builder_number(builder, value, FRAGMENT_MIN, FRAGMENT_MAX, &size);

	if (rc == 0)
		CHECK(SSL_CTX_set_max_send_fragment(builder->context->ssl, (long)size) == 1);
	return rc;
}

/* RFC 8446 section 5.4. */
static int set_record_padding(struct builder *builder, const json_t *value)
{
	size_t block = 0;
	int rc = builder_number(builder, value, 1, FRAGMENT_MAX, &block);

	if (rc == 0)
		CHECK(SSL_CTX_set_block_padding(builder->context->ssl, block) == 1);
	return rc;
}

static int set_segment(struct builder *builder, const json_t *value)
{
	return builder_number(builder, value, 1, FRAGMENT_MAX, &builder->context->conduct.segment);
}

static int set_pause_ms(struct builder *builder, const json_t *value)
{
	return builder_number(builder, value, 1, PAUSE_MAX_MS, &builder->context->conduct.pause_ms);
}

/* Left out means that the client is told another handshake: no key may be made of it (RFC 7627). */
static int set_omission(struct builder *builder, const json_t *value, unsigned extension)
{
	bool answered = true;
	int rc = builder_bool(builder, value, &answered);

	if (!answered) {
		builder->context->conduct.omitted |= extension;
		SSL_CTX_set_options(builder->context->ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	}
	return rc;
}

static int set_renegotiation_info(struct builder *builder, const json_t *value)
{
	return set_omission(builder, value, OMIT_RENEGOTIATION_INFO);
}

static int set_max_fragment_length(struct builder *builder, const json_t *value)
{
	return set_omission(builder, value, OMIT_MAX_FRAGMENT_LENGTH);
}

static int set_cookie(struct builder *builder, const json_t *value)
{
	builder->context->conduct.refuses_resumption = true; /* libssl mistakes the binder */
	cookie_set(builder->context->ssl);
	return builder_number(builder, value, 1, COOKIE_MAX, &builder->context->conduct.cookie);
}

static int set_key_update(struct builder *builder, const json_t *value)
{
	static const char *const words[] = {"none", "ask", NULL};

	return builder_word(builder, value, words, &builder->context->conduct.key_update);
}

/* The request comes after the handshake, and so not in it: RFC 8446 section 4.6.2. */
static int set_post_handshake_auth(struct builder *builder, const json_t *value)
{
	SSL_CTX *ssl = builder->context->ssl;
	bool *wanted = &builder->context->conduct.post_handshake_auth;
	int rc = builder_bool(builder, value, wanted);

	if (*wanted)
		SSL_CTX_set_verify(ssl,
		                   SSL_CTX_get_verify_mode(ssl) | SSL_VERIFY_PEER |
		                       SSL_VERIFY_POST_HANDSHAKE,
		                   NULL);
	return rc;
}

static int set_close(struct builder *builder, const json_t *value)
{
	static const char *const words[] = {[CLOSE_NOTIFY] = "notify", [CLOSE_FIN] = "fin",
	                                    [CLOSE_RESET] = "reset", [CLOSE_SILENCE] = "silence",
	                                    NULL};

	return builder_word(builder, value, words, &builder->context->conduct.close);
}

static int set_application(struct builder *builder, const json_t *value)
{
	static const char *const words[] = {
		[APPLICATION_ECHO] = "echo", [APPLICATION_HTTP] = "http",
		[APPLICATION_MQTT] = "mqtt", [APPLICATION_NONE] = "none", NULL};

	return builder_word(builder, value, words, &builder->context->conduct.application);
}

static int set_page_size(struct builder *builder, const json_t *value)
{
	return builder_number(builder, value, 0, PAGE_MAX, &builder->context->conduct.page_size);
}

/* The loader of suites checks them by themselves, against the case's versions: any will do here. */
static int set_faults(struct builder *builder, const json_t *value)
{
	const struct json_node node = {(json_t *)value, "server", "$.faults"};

	if (!json_is_array(value))
		return builder_refuse(builder, "must be a list of faults");
	if (builder->certificates == NULL)
		return 0;
	return fault_plan_new(&builder->context->faults, &node, 0, builder->error);
}

const struct context_key context_conduct[] = {
	{.name = "extended_master_secret", .off = SSL_OP_NO_EXTENDED_MASTER_SECRET},
	{.name = "encrypt_then_mac", .off = SSL_OP_NO_ENCRYPT_THEN_MAC},
	{.name = "renegotiation_info", .set = set_renegotiation_info},
	{.name = "max_fragment_length", .set = set_max_fragment_length},
	{.name = "middlebox_compatibility", .on = SSL_OP_ENABLE_MIDDLEBOX_COMPAT},
	{.name = "max_send_fragment", .set = set_max_send_fragment},
	{.name = "record_padding", .set = set_record_padding},
	{.name = "segment", .set = set_segment},
	{.name = "pause_ms", .set = set_pause_ms},
	{.name = "cookie", .set = set_cookie},
	{.name = "key_update", .set = set_key_update},
	{.name = "post_handshake_auth", .set = set_post_handshake_auth},
	{.name = "close", .set = set_close},
	{.name = "application", .set = set_application},
	{.name = "page_size", .set = set_page_size},
	{.name = "faults", .set = set_faults},
	{0},
};
