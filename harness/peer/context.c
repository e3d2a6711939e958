#include "peer/context.h"

#include "base/assert.h"
#include "base/file.h"
#include "peer/certs.h"

#include <glob.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WORD_SHOWN_MAX 200 /* bytes of a user's word that a complaint repeats */
#define CERTIFICATES_MAX 16

/* What building one context needs at hand. */
struct builder {
	struct context *context;
	const char *certificates;
	const char *key; /* the key of `server` that is being set */
	struct error *error;
};

static int refuse(struct builder *builder, const char *sentence, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(struct builder *builder, const char *sentence, ...)
{
	struct buf text = {0};
	va_list arguments;

	va_start(arguments, sentence);
	buf_vprintf(&text, sentence, arguments);
	va_end(arguments);
	error_set(builder->error, ERR_INPUT, "server.%s: %s", builder->key, buf_string(&text));
	buf_fini(&text);
	return ERR_INPUT;
}

/* As refuse, for a word that OpenSSL does not take, with the reason on top of its error queue. */
static int refuse_word(struct builder *builder, const char *word)
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
	refuse(builder, "OpenSSL %s does not take \"%.*s\": %s%s%s%s",
	       OpenSSL_version(OPENSSL_VERSION_STRING), WORD_SHOWN_MAX, word, reason,
	       has_data ? " (" : "", has_data ? data : "", has_data ? ")" : "");
	ERR_clear_error();
	return ERR_INPUT;
}

/*
 * The text at `index` of a list of texts, or of a single text seen as a list of one; NULL at its
 * end.
 */
static const char *text_at(const json_t *value, size_t index)
{
	if (json_is_string(value))
		return index == 0 ? json_string_value(value) : NULL;
	return json_string_value(json_array_get(value, index));
}

static int expect_texts(struct builder *builder, const json_t *value)
{
	const json_t *item;
	size_t i;

	if (json_is_string(value))
		return 0;
	if (!json_is_array(value))
		return refuse(builder, "must be a text or a list of texts");
	json_array_foreach(value, i, item)
		if (!json_is_string(item))
			return refuse(builder, "element %zu of the list is not a text", i);
	return 0;
}

static const struct version {
	const char *word;
	int number;
	uint64_t no; /* the option that leaves it out */
	bool legacy; /* OpenSSL has it at security level 0 only */
} versions[] = {
	{"1.0", TLS1_VERSION, SSL_OP_NO_TLSv1, true},
	{"1.1", TLS1_1_VERSION, SSL_OP_NO_TLSv1_1, true},
	{"1.2", TLS1_2_VERSION, SSL_OP_NO_TLSv1_2, false},
	{"1.3", TLS1_3_VERSION, SSL_OP_NO_TLSv1_3, false},
};

#define N_VERSIONS (sizeof(versions) / sizeof(versions[0]))

static size_t find_version(const char *word)
{
	size_t i = 0;

	while (i < N_VERSIONS && strcmp(versions[i].word, word) != 0)
		i++;
	return i;
}

static int set_versions(struct builder *builder, const json_t *value)
{
	SSL_CTX *ssl = builder->context->ssl;
	size_t lowest = N_VERSIONS, highest = 0;
	uint64_t left_out = 0;
	const char *word;

	if (expect_texts(builder, value) != 0)
		return ERR_INPUT;
	for (size_t i = 0; i < N_VERSIONS; i++)
		left_out |= versions[i].no;
	for (size_t i = 0; (word = text_at(value, i)) != NULL; i++) {
		size_t at = find_version(word);

		if (at == N_VERSIONS)
			return refuse(builder, "\"%.*s\" is none of 1.0, 1.1, 1.2, 1.3",
			              WORD_SHOWN_MAX, word);
		lowest = at < lowest ? at : lowest;
		highest = at > highest ? at : highest;
		left_out &= ~versions[at].no;
	}
	if (lowest == N_VERSIONS)
		return refuse(builder, "must name at least one version");
	SSL_CTX_set_options(ssl, left_out);
	if (versions[lowest].legacy)
		SSL_CTX_set_security_level(ssl, 0);
	if (SSL_CTX_set_min_proto_version(ssl, versions[lowest].number) != 1 ||
	    SSL_CTX_set_max_proto_version(ssl, versions[highest].number) != 1)
		return refuse_word(builder, versions[lowest].word);
	return 0;
}

/* A new string: the words with ':' between them. The caller frees it. */
static char *join_words(const json_t *value)
{
	struct buf joined = {0};
	const char *word;

	for (size_t i = 0; (word = text_at(value, i)) != NULL; i++) {
		if (i > 0)
			buf_char(&joined, ':');
		buf_text(&joined, word);
	}
	buf_text(&joined, "");
	return joined.data != NULL ? (char *)joined.data : strdup("");
}

typedef int (*word_setter)(SSL_CTX *ssl, const char *words);

/*
 * Each word alone, and then all: OpenSSL's list functions do not say which word they dislike, and
 * those for suites pass over unknown ones. Words that change a cipher list rather than add to it
 * (!MD5, -SHA, +RSA, @STRENGTH) mean nothing alone.
 */
static int set_words(struct builder *builder, const json_t *value, word_setter set)
{
	SSL_CTX *ssl = builder->context->ssl;
	char *all, *copy, *rest;
	int rc = 0;

	if (expect_texts(builder, value) != 0)
		return ERR_INPUT;
	all = join_words(value);
	rest = copy = strdup(all);
	CHECK(copy != NULL);
	ERR_clear_error();
	for (char *word; rc == 0 && (word = strsep(&rest, ":")) != NULL;)
		if (word[0] != '\0' && strchr("!-+@", word[0]) == NULL && set(ssl, word) != 1)
			rc = refuse_word(builder, word);
	if (rc == 0 && set(ssl, all) != 1)
		rc = refuse_word(builder, all);
	free(copy);
	free(all);
	return rc;
}

static int apply_groups(SSL_CTX *ssl, const char *words)
{
	return (int)SSL_CTX_set1_groups_list(ssl, words);
}

static int apply_signature_algorithms(SSL_CTX *ssl, const char *words)
{
	return (int)SSL_CTX_set1_sigalgs_list(ssl, words);
}

static int set_cipher_list(struct builder *builder, const json_t *value)
{
	return set_words(builder, value, SSL_CTX_set_cipher_list);
}

static int set_ciphersuites(struct builder *builder, const json_t *value)
{
	return set_words(builder, value, SSL_CTX_set_ciphersuites);
}

static int set_groups(struct builder *builder, const json_t *value)
{
	return set_words(builder, value, apply_groups);
}

static int set_signature_algorithms(struct builder *builder, const json_t *value)
{
	return set_words(builder, value, apply_signature_algorithms);
}

static int load_certificate(struct builder *builder, const char *name)
{
	SSL_CTX *ssl = builder->context->ssl;
	struct cert_files files;
	int rc = certs_find(builder->certificates, CERT_SERVER, name, &files, builder->error);

	if (rc != 0) {
		error_prefix(builder->error, "server.%s", builder->key);
		return rc;
	}
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(ssl, files.chain_pem) != 1)
		rc = refuse_word(builder, files.chain_pem);
	else if (SSL_CTX_use_PrivateKey_file(ssl, files.key_pem, SSL_FILETYPE_PEM) != 1)
		rc = refuse_word(builder, files.key_pem);
	cert_files_fini(&files);
	return rc;
}

/*
 * OpenSSL keeps one certificate of each type of key, and lets a second replace the first in
 * silence.
 */
static int set_certificate(struct builder *builder, const json_t *value)
{
	int types[CERTIFICATES_MAX];
	const char *name;

	if (expect_texts(builder, value) != 0)
		return ERR_INPUT;
	for (size_t i = 0; (name = text_at(value, i)) != NULL; i++) {
		if (i == CERTIFICATES_MAX)
			return refuse(builder, "more than %zu certificates", i);
		if (load_certificate(builder, name) != 0)
			return ERR_INPUT;
		types[i] = EVP_PKEY_get_base_id(SSL_CTX_get0_privatekey(builder->context->ssl));
		for (size_t k = 0; k < i; k++)
			if (types[k] == types[i])
				return refuse(
					builder,
					"\"%s\" and \"%s\" have keys of one type, of which an "
					"OpenSSL server holds one",
					text_at(value, k), name);
	}
	return 0;
}

/* Trusts every root of ours, and names them all in the CertificateRequest. */
static int trust_roots(struct builder *builder)
{
	SSL_CTX *ssl = builder->context->ssl;
	STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
	char *pattern = file_join(builder->certificates, "ca-*/ca.pem");
	glob_t roots = {0};
	int rc = 0;

	CHECK(names != NULL);
	if (glob(pattern, 0, NULL, &roots) != 0)
		rc = refuse(builder,
		            "there are no roots to trust (%s): make them with \"shakedown certs\"",
		            pattern);
	for (size_t i = 0; rc == 0 && i < roots.gl_pathc; i++)
		if (SSL_CTX_load_verify_file(ssl, roots.gl_pathv[i]) != 1 ||
		    SSL_add_file_cert_subjects_to_stack(names, roots.gl_pathv[i]) != 1)
			rc = refuse_word(builder, roots.gl_pathv[i]);
	SSL_CTX_set_client_CA_list(ssl, names);
	globfree(&roots);
	free(pattern);
	return rc;
}

static int set_client_auth(struct builder *builder, const json_t *value)
{
	static const struct {
		const char *word;
		int mode;
	} modes[] = {
		{"none", SSL_VERIFY_NONE},
		{"request", SSL_VERIFY_PEER},
		{"require", SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT},
	};
	const char *word = json_string_value(value);

	for (size_t i = 0; word != NULL && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(modes[i].word, word) != 0)
			continue;
		SSL_CTX_set_verify(builder->context->ssl, modes[i].mode, NULL);
		return modes[i].mode == SSL_VERIFY_NONE ? 0 : trust_roots(builder);
	}
	return refuse(builder, "must be none, request or require");
}

/* RFC 7301 section 3.2: without a common protocol the server answers no_application_protocol. */
static int select_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
                       const unsigned char *offered, unsigned offered_len, void *argument)
{
	const struct context *context = argument;
	unsigned char *found;

	(void)ssl;
	if (SSL_select_next_proto(&found, chosen_len, context->alpn.data,
	                          (unsigned)context->alpn.len, offered,
	                          offered_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*chosen = found;
	return SSL_TLSEXT_ERR_OK;
}

static int set_alpn(struct builder *builder, const json_t *value)
{
	struct context *context = builder->context;
	const char *name;

	if (expect_texts(builder, value) != 0)
		return ERR_INPUT;
	for (size_t i = 0; (name = text_at(value, i)) != NULL; i++) {
		size_t len = strlen(name);

		if (len == 0 || len > 255)
			return refuse(builder, "a protocol's name has 1 to 255 bytes, not %zu",
			              len);
		buf_u8(&context->alpn, (uint8_t)len);
		buf_text(&context->alpn, name);
	}
	if (context->alpn.len == 0)
		return refuse(builder, "must name at least one protocol");
	SSL_CTX_set_alpn_select_cb(context->ssl, select_alpn, context);
	return 0;
}

/* The option alone would leave TLS 1.3 with tickets that name a session in the server's memory. */
static int set_tickets(struct builder *builder, const json_t *value)
{
	if (!json_is_boolean(value))
		return refuse(builder, "must be true or false");
	if (json_is_true(value))
		return 0;
	SSL_CTX_set_options(builder->context->ssl, SSL_OP_NO_TICKET);
	if (SSL_CTX_set_num_tickets(builder->context->ssl, 0) != 1)
		return refuse_word(builder, "false");
	return 0;
}

/* The loader of suites has checked them against the case's versions: so any will do here. */
static int set_faults(struct builder *builder, const json_t *value)
{
	const struct json_node node = {(json_t *)value, "server", "$.faults"};

	if (!json_is_array(value))
		return refuse(builder, "must be a list of faults");
	return fault_plan_new(&builder->context->faults, &node, 0, builder->error);
}

/* In the order in which they are applied: a certificate is held against the security level. */
static const struct {
	const char *name;
	int (*set)(struct builder *builder, const json_t *value);
} keys[] = {
	{"versions", set_versions},
	{"cipher_list", set_cipher_list},
	{"ciphersuites", set_ciphersuites},
	{"groups", set_groups},
	{"signature_algorithms", set_signature_algorithms},
	{"certificate", set_certificate},
	{"client_auth", set_client_auth},
	{"alpn", set_alpn},
	{"tickets", set_tickets},
	{"faults", set_faults},
};

#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

static int refuse_unknown_keys(struct builder *builder, const json_t *server)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)server, name, value) {
		size_t i = 0;

		while (i < N_KEYS && strcmp(keys[i].name, name) != 0)
			i++;
		builder->key = name;
		if (i == N_KEYS)
			return refuse(builder, "is no key of a server");
	}
	return 0;
}

static int apply_keys(struct builder *builder, const json_t *server)
{
	int rc = refuse_unknown_keys(builder, server);

	for (size_t i = 0; rc == 0 && i < N_KEYS; i++) {
		const json_t *value = json_object_get(server, keys[i].name);

		builder->key = keys[i].name;
		if (value != NULL)
			rc = keys[i].set(builder, value);
	}
	return rc;
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

static SSL_CTX *plain_context(void)
{
	SSL_CTX *ssl;

	CHECK(OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1);
	ssl = SSL_CTX_new(TLS_server_method());
	CHECK(ssl != NULL);
	SSL_CTX_set_dh_auto(ssl, 1); /* as openssl s_server: DHE suites work when they are listed */
	SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                          SSL_MODE_NO_AUTO_CHAIN);
	library_security = SSL_CTX_get_security_callback(ssl);
	SSL_CTX_set_security_callback(ssl, own_certificate_passes);
	return ssl;
}

struct context *context_new(const json_t *server, const char *certificates, struct error *error)
{
	struct context *context = calloc(1, sizeof(*context));
	struct builder builder = {.context = context, .certificates = certificates, .error = error};

	CHECK(context != NULL);
	context->ssl = plain_context();
	if (apply_keys(&builder, server) != 0) {
		context_free(context);
		return NULL;
	}
	return context;
}

void context_free(struct context *context)
{
	if (context == NULL)
		return;
	SSL_CTX_free(context->ssl);
	buf_fini(&context->alpn);
	fault_plan_free(context->faults);
	free(context);
}

/* When the certificate was last written, so that a new one is not missed. */
static void add_age(struct buf *key, const char *certificates, const char *name)
{
	char *folder = file_join(certificates, name);
	char *chain = file_join(folder, "chain.pem");
	struct stat status = {0};

	if (stat(chain, &status) == 0)
		buf_printf(key, " %lld.%09ld", (long long)status.st_mtim.tv_sec,
		           status.st_mtim.tv_nsec);
	free(chain);
	free(folder);
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
	for (size_t i = 0; (name = text_at(certificate, i)) != NULL; i++)
		add_age(&key, contexts->certificates, name);
	free(text);
	return (char *)key.data;
}

static void empty_slot(struct context_slot *slot)
{
	context_free(slot->context);
	free(slot->key);
	*slot = (struct context_slot){0};
}

/* The slot of `key`, else an empty one, else the one that was not asked for longest. */
static struct context_slot *find_slot(struct contexts *contexts, const char *key)
{
	struct context_slot *oldest = &contexts->slots[0];

	for (size_t i = 0; i < CONTEXTS_MAX; i++) {
		struct context_slot *slot = &contexts->slots[i];

		if (slot->key != NULL && strcmp(slot->key, key) == 0)
			return slot;
		if (slot->asked < oldest->asked)
			oldest = slot;
	}
	return oldest;
}

struct context *contexts_get(struct contexts *contexts, const json_t *server, struct error *error)
{
	char *key = canonical(contexts, server);
	struct context_slot *slot = find_slot(contexts, key);
	struct context *context;

	if (slot->key != NULL && strcmp(slot->key, key) == 0) {
		free(key);
		slot->asked = ++contexts->n_asked;
		return slot->context;
	}
	context = context_new(server, contexts->certificates, error);
	if (context == NULL) {
		free(key);
		return NULL;
	}
	empty_slot(slot);
	*slot = (struct context_slot){.key = key, .context = context, .asked = ++contexts->n_asked};
	return context;
}

void contexts_fini(struct contexts *contexts)
{
	for (size_t i = 0; i < CONTEXTS_MAX; i++)
		empty_slot(&contexts->slots[i]);
}
