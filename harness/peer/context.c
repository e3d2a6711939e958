#include "peer/context.h"

#include "base/assert.h"
#include "peer/builder.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#define WORD_SHOWN_MAX 200 /* bytes of a user's word that a complaint repeats */

int builder_refuse(struct builder *builder, const char *sentence, ...)
{
	struct buf text = {0};
	va_list arguments;

	va_start(arguments, sentence);
	buf_vprintf(&text, sentence, arguments);
	va_end(arguments);
	error_set(builder->error, ERR_INPUT, "%s", buf_string(&text));
	buf_fini(&text);
	return ERR_INPUT;
}

int builder_refuse_word(struct builder *builder, const char *word)
{
	const char *data = NULL;
	int flags = 0;
	unsigned long code = ERR_peek_last_error_data(&data, &flags);
	const char *reason = ERR_reason_error_string(code);
	bool has_data = (flags & ERR_TXT_STRING) != 0 && data[0] != '\0';

	if (code == 0)
		reason = "it gives no reason (a word that it does not know, or one that stands "
		         "twice)";
	else if (reason == NULL)
		reason = "system error";
	builder_refuse(builder, "OpenSSL %s does not take \"%.*s\": %s%s%s%s",
	       OpenSSL_version(OPENSSL_VERSION_STRING), WORD_SHOWN_MAX, word, reason,
	       has_data ? " (" : "", has_data ? data : "", has_data ? ")" : "");
	ERR_clear_error();
	return ERR_INPUT;
}

const char *builder_text_at(const json_t *value, size_t index)
{
	if (json_is_string(value))
		return index == 0 ? json_string_value(value) : NULL;
	return json_string_value(json_array_get(value, index));
}

int builder_expect_texts(struct builder *builder, const json_t *value)
{
	const json_t *item;
	size_t i;

	if (json_is_string(value))
		return 0;
	if (!json_is_array(value))
		return builder_refuse(builder, "must be a text or a list of texts");
	json_array_foreach(value, i, item)
		if (!json_is_string(item))
			return builder_refuse(builder, "element %zu of the list is not a text", i);
	return 0;
}

int builder_bool(struct builder *builder, const json_t *value, bool *taken)
{
	if (!json_is_boolean(value))
		return builder_refuse(builder, "must be true or false");
	*taken = json_is_true(value);
	return 0;
}

int builder_number(struct builder *builder, const json_t *value, long long lowest,
                   long long highest, size_t *taken)
{
	long long number = json_integer_value(value);

	if (!json_is_integer(value) || number < lowest || number > highest)
		return builder_refuse(builder, "must be a whole number from %lld to %lld", lowest,
		                      highest);
	*taken = (size_t)number;
	return 0;
}

int builder_word(struct builder *builder, const json_t *value, const char *const words[],
                 int *taken)
{
	struct buf known = {0};
	int rc;

	for (int i = 0; words[i] != NULL; i++) {
		if (json_is_string(value) && strcmp(json_string_value(value), words[i]) == 0) {
			buf_fini(&known);
			*taken = i;
			return 0;
		}
		buf_printf(&known, "%s%s", i == 0 ? "" : words[i + 1] != NULL ? ", " : " or ",
		           words[i]);
	}
	rc = builder_refuse(builder, "must be %s", buf_string(&known));
	buf_fini(&known);
	return rc;
}

/* In the order in which they are applied: a certificate is held against the security level. */
static const struct context_key *const groups[] = {context_words, context_identity,
                                                   context_session, context_conduct};

#define N_GROUPS (sizeof(groups) / sizeof(groups[0]))

static bool is_key(const char *name)
{
	for (size_t i = 0; i < N_GROUPS; i++)
		for (const struct context_key *key = groups[i]; key->name != NULL; key++)
			if (strcmp(key->name, name) == 0)
				return true;
	return false;
}

static int refuse_unknown_keys(struct builder *builder)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)builder->server, name, value) {
		builder->key = name;
		if (!is_key(name))
			return builder_refuse(builder, "is no key of a server");
	}
	return 0;
}

static int set_option(struct builder *builder, const json_t *value, const struct context_key *key)
{
	bool wanted = true;
	int rc = builder_bool(builder, value, &wanted);

	if (rc != 0)
		return rc;
	SSL_CTX_clear_options(builder->context->ssl, wanted ? key->off : key->on);
	SSL_CTX_set_options(builder->context->ssl, wanted ? key->on : key->off);
	return 0;
}

static int apply_key(struct builder *builder, const struct context_key *key)
{
	const json_t *value = json_object_get(builder->server, key->name);

	builder->key = key->name;
	if (value == NULL)
		return 0;
	return key->set != NULL ? key->set(builder, value) : set_option(builder, value, key);
}

static int (*library_security)(const SSL *, const SSL_CTX *, int, int, int, void *, void *);

/*
 * A server shows whatever certificate it was given: how strong is strong enough is the client's to
 * say. All else is held against the security level.
 */
static int own_certificate_passes(const SSL *ssl, const SSL_CTX *context, int operation, int bits,
                                  int nid, void *other, void *argument)
{
	switch (operation) {
	case SSL_SECOP_EE_KEY:
	case SSL_SECOP_CA_KEY:
	case SSL_SECOP_CA_MD:
		return 1;
	default:
		return library_security(ssl, context, operation, bits, nid, other, argument);
	}
}

static struct context *plain_context(void)
{
	struct context *context = calloc(1, sizeof(*context));

	CHECK(context != NULL);
	CHECK(OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1);
	context->ssl = SSL_CTX_new(TLS_server_method());
	CHECK(context->ssl != NULL);
	SSL_CTX_set_app_data(context->ssl, context);
	/* As openssl s_server: DHE suites work when they are listed. */
	SSL_CTX_set_dh_auto(context->ssl, 1);
	SSL_CTX_set_mode(context->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
	                                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                                       SSL_MODE_NO_AUTO_CHAIN);
	library_security = SSL_CTX_get_security_callback(context->ssl);
	SSL_CTX_set_security_callback(context->ssl, own_certificate_passes);
	return context;
}

int builder_apply(struct builder *builder)
{
	int rc = refuse_unknown_keys(builder);

	builder->context = plain_context();
	for (size_t i = 0; i < N_GROUPS; i++)
		for (const struct context_key *key = groups[i]; rc == 0 && key->name != NULL; key++)
			rc = apply_key(builder, key);
	return rc;
}

const struct context *context_of(const SSL *ssl)
{
	return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

static struct context *build(const json_t *server, const char *certificates,
                             struct credentials *credentials, struct error *error)
{
	struct builder builder = {.certificates = certificates,
	                          .credentials = credentials,
	                          .server = server,
	                          .error = error};

	if (builder_apply(&builder) == 0)
		return builder.context;
	error_prefix(error, "server.%s", builder.key);
	context_free(builder.context);
	return NULL;
}

struct context *context_new(const json_t *server, const char *certificates, struct error *error)
{
	struct credentials credentials = {0};
	struct context *context = build(server, certificates, &credentials, error);

	credentials_fini(&credentials);
	return context;
}

void context_free(struct context *context)
{
	if (context == NULL)
		return;
	SSL_CTX_free(context->ssl);
	buf_fini(&context->alpn);
	free(context->psk.identity);
	fault_plan_free(context->faults);
	for (size_t i = 0; i < context->n_staples; i++) {
		X509_free(context->staples[i].certificate);
		buf_fini(&context->staples[i].response);
	}
	free(context);
}

/* When the certificate was last written, so that a new one is not missed. */
static void add_age(struct buf *key, const char *certificates, const char *name)
{
	struct timespec written = credential_written(certificates, name);

	buf_printf(key, " %lld.%09ld", (long long)written.tv_sec, written.tv_nsec);
}

/* A new string that is the same for the same configuration. The caller frees it. */
static char *canonical(const struct contexts *contexts, const json_t *server)
{
	const json_t *certificate = json_object_get(server, "certificate");
	char *text = json_dumps(server, JSON_COMPACT | JSON_SORT_KEYS);
	struct buf key = {0};
	const char *name;

	CHECK(text != NULL);
	buf_text(&key, text);
	for (size_t i = 0; (name = builder_text_at(certificate, i)) != NULL; i++)
		add_age(&key, contexts->certificates, name);
	free(text);
	return (char *)key.data;
}

static void empty_slot(struct contexts *contexts, size_t slot)
{
	context_free(contexts->contexts[slot]);
	contexts->contexts[slot] = NULL;
	free(contexts->meanings[slot].name);
	contexts->meanings[slot] = (struct recent){0};
}

struct context *contexts_get(struct contexts *contexts, const json_t *server, struct error *error)
{
	char *key = canonical(contexts, server);
	size_t slot = recent_find(contexts->meanings, CONTEXTS_MAX, key);
	struct context *context = contexts->contexts[slot];

	if (recent_is(&contexts->meanings[slot], key)) {
		free(key);
	} else {
		context = build(server, contexts->certificates, &contexts->credentials, error);
		if (context == NULL) {
			free(key);
			return NULL;
		}
		empty_slot(contexts, slot);
		contexts->meanings[slot].name = key;
		contexts->contexts[slot] = context;
	}
	contexts->meanings[slot].asked = ++contexts->n_asked;
	return context;
}

void contexts_fini(struct contexts *contexts)
{
	for (size_t i = 0; i < CONTEXTS_MAX; i++)
		empty_slot(contexts, i);
	credentials_fini(&contexts->credentials);
}
