#include "peer/builder.h"

#include "base/assert.h"
#include "base/json.h"
#include "peer/omission.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <string.h>
#include <strings.h>

/* What the keys of a server presuppose. */
enum need {
	NEEDS_TLS13,
	NEEDS_OLDER,
	NEEDS_CLIENT_AUTH,
	NEEDS_ALPN,
	NEEDS_PAGES,
	NEEDS_TICKETS,
	NEEDS_CACHE,
	NEEDS_NO_PSK,
	NEEDS_NO_EARLY_DATA,
	N_NEEDS,
};

static const char *const lacking[N_NEEDS] = {
	[NEEDS_TLS13] = "concerns TLS 1.3 alone, which \"versions\" leaves out",
	[NEEDS_OLDER] = "concerns versions before TLS 1.3 alone, which \"versions\" leaves out",
	[NEEDS_CLIENT_AUTH] = "means nothing while \"client_auth\" is \"none\"",
	[NEEDS_ALPN] = "means nothing without \"alpn\"",
	[NEEDS_PAGES] = "means nothing unless \"application\" is \"http\"",
	[NEEDS_TICKETS] = "means nothing while \"tickets\" is false",
	[NEEDS_CACHE] = ("needs the sessions that \"session_cache\" keeps: OpenSSL takes early "
	                 "data once for each of them"),
	[NEEDS_NO_PSK] = ("goes without \"psk\": where OpenSSL gives cookies it takes no "
	                  "pre-shared key"),
	[NEEDS_NO_EARLY_DATA] = ("goes without \"early_data\", which a HelloRetryRequest "
	                         "refuses"),
};

/* A key, or one of its values alone, and what it needs. */
static const struct {
	const char *key, *value; /* `value` NULL: any but false */
	enum need need;
} needs[] = {
	{"cipher_list", NULL, NEEDS_OLDER},
	{"ciphersuites", NULL, NEEDS_TLS13},
	{"client_signature_algorithms", NULL, NEEDS_CLIENT_AUTH},
	{"client_ca_names", NULL, NEEDS_CLIENT_AUTH},
	{"alpn_mismatch", NULL, NEEDS_ALPN},
	{"sni", "warning", NEEDS_OLDER},
	{"ticket_size", NULL, NEEDS_TICKETS},
	{"early_data", NULL, NEEDS_TLS13},
	{"early_data", NULL, NEEDS_TICKETS},
	{"early_data", "accept", NEEDS_CACHE},
	{"extended_master_secret", NULL, NEEDS_OLDER},
	{"encrypt_then_mac", NULL, NEEDS_OLDER},
	{"middlebox_compatibility", NULL, NEEDS_TLS13},
	{"record_padding", NULL, NEEDS_TLS13},
	{"cookie", NULL, NEEDS_TLS13},
	{"cookie", NULL, NEEDS_NO_PSK},
	{"cookie", NULL, NEEDS_NO_EARLY_DATA},
	{"key_update", "ask", NEEDS_TLS13},
	{"post_handshake_auth", NULL, NEEDS_TLS13},
	{"post_handshake_auth", NULL, NEEDS_CLIENT_AUTH},
	{"page_size", NULL, NEEDS_PAGES},
};

/* What is asked of a key by itself and beside others, in this file and where its value is set. */
static const struct key_set sets[] = {
	{{"certificate"}},
	{{"versions", "cipher_list"}},
	{{"versions", "ciphersuites"}},
	{{"versions", "groups"}},
	{{"versions", "signature_algorithms"}},
	{{"versions", "client_auth", "client_signature_algorithms"}},
	{{"versions", "client_auth", "client_ca_names"}},
	{{"versions", "client_auth", "post_handshake_auth"}},
	{{"versions", "client_auth", "extended_master_secret", "renegotiation_info", "faults"}},
	{{"versions", "client_auth", "extended_master_secret", "max_fragment_length", "faults"}},
	{{"versions", "encrypt_then_mac"}},
	{{"versions", "middlebox_compatibility"}},
	{{"versions", "record_padding"}},
	{{"versions", "key_update"}},
	{{"versions", "sni"}},
	{{"versions", "cookie", "psk", "early_data"}},
	{{"versions", "tickets", "session_cache", "early_data"}},
	{{"tickets", "ticket_size"}},
	{{"alpn", "alpn_mismatch"}},
	{{"application", "page_size"}},
	{{"resumption"}},
	{{"ocsp"}},
	{{"close"}},
	{{"max_send_fragment"}},
	{{"segment"}},
	{{"pause_ms"}},
};

const struct key_set *context_key_sets(size_t *n)
{
	*n = sizeof(sets) / sizeof(sets[0]);
	return sets;
}

static bool has_version(const SSL_CTX *ssl, int version, uint64_t no)
{
	return (SSL_CTX_get_options(ssl) & no) == 0 &&
	       SSL_CTX_get_min_proto_version((SSL_CTX *)ssl) <= version &&
	       (SSL_CTX_get_max_proto_version((SSL_CTX *)ssl) == 0 ||
	        SSL_CTX_get_max_proto_version((SSL_CTX *)ssl) >= version);
}

/* The highest version before TLS 1.3; 0: none. */
static int older_version(const SSL_CTX *ssl)
{
	if (has_version(ssl, TLS1_2_VERSION, SSL_OP_NO_TLSv1_2))
		return TLS1_2_VERSION;
	if (has_version(ssl, TLS1_1_VERSION, SSL_OP_NO_TLSv1_1))
		return TLS1_1_VERSION;
	return has_version(ssl, TLS1_VERSION, SSL_OP_NO_TLSv1) ? TLS1_VERSION : 0;
}

static bool has_tls13(const SSL_CTX *ssl)
{
	return has_version(ssl, TLS1_3_VERSION, SSL_OP_NO_TLSv1_3);
}

static bool is_met(const struct builder *builder, enum need need)
{
	const SSL_CTX *ssl = builder->context->ssl;
	const char *client_auth = json_text(builder->server, "client_auth");

	switch (need) {
	case NEEDS_TLS13:
		return has_tls13(ssl);
	case NEEDS_NO_EARLY_DATA:
		return builder->context->conduct.early_data == EARLY_DATA_NONE;
	case NEEDS_NO_PSK:
		return builder->context->psk.identity == NULL;
	case NEEDS_OLDER:
		return older_version(ssl) != 0;
	case NEEDS_CLIENT_AUTH:
		return client_auth[0] != '\0' && strcmp(client_auth, "none") != 0;
	case NEEDS_ALPN:
		return json_object_get(builder->server, "alpn") != NULL;
	case NEEDS_PAGES:
		return builder->context->conduct.application == APPLICATION_HTTP;
	case NEEDS_TICKETS:
		return SSL_CTX_get_num_tickets(ssl) > 0;
	default:
		return !json_is_false(json_object_get(builder->server, "session_cache"));
	}
}

static int check_needs(struct builder *builder)
{
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		const json_t *value = json_object_get(builder->server, needs[i].key);
		bool counts = value != NULL && !json_is_false(value);

		if (counts && needs[i].value != NULL)
			counts = strcmp(json_text(builder->server, needs[i].key),
			                needs[i].value) == 0;
		builder->key = needs[i].key;
		if (counts && !is_met(builder, needs[i].need))
			return builder_refuse(builder, "%s", lacking[needs[i].need]);
	}
	return 0;
}

/* RFC 5246 appendix C: suites with AEAD or SHA-256 are of TLS 1.2. */
static int check_cipher_list(struct builder *builder)
{
	const STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(builder->context->ssl);
	int older = older_version(builder->context->ssl);

	builder->key = "cipher_list";
	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
		const char *version = SSL_CIPHER_get_version(sk_SSL_CIPHER_value(ciphers, i));

		if (strcmp(version, "TLSv1.3") != 0 &&
		    (older == TLS1_2_VERSION || strcmp(version, "TLSv1.2") != 0))
			return 0;
	}
	if (older == 0)
		return 0;
	return builder_refuse(builder, "holds no suite for the \"versions\" before TLS 1.3");
}

struct group_search {
	const char *word;
	const SSL_CTX *ssl;
	bool known, usable;
};

static int parameter(const OSSL_PARAM *parameters, const char *name)
{
	const OSSL_PARAM *found = OSSL_PARAM_locate_const(parameters, name);
	int value = 0;

	return found != NULL && OSSL_PARAM_get_int(found, &value) == 1 ? value : 0;
}

/* One group of a provider: which versions it is for (0: no bound, -1: none at all). */
static int on_group(const OSSL_PARAM *parameters, void *argument)
{
	struct group_search *search = argument;
	const OSSL_PARAM *name = OSSL_PARAM_locate_const(parameters,
	                                                 OSSL_CAPABILITY_TLS_GROUP_NAME);
	int min = parameter(parameters, OSSL_CAPABILITY_TLS_GROUP_MIN_TLS);
	int max = parameter(parameters, OSSL_CAPABILITY_TLS_GROUP_MAX_TLS);
	int older = older_version(search->ssl);
	const char *text;

	if (name == NULL || OSSL_PARAM_get_utf8_string_ptr(name, &text) != 1 ||
	    strcasecmp(text, search->word) != 0)
		return 1;
	search->known = true;
	search->usable = (has_tls13(search->ssl) && (max == 0 || max >= TLS1_3_VERSION)) ||
	                 (older != 0 && min >= 0 && min <= older && max >= 0);
	return 1;
}

static int ask_provider(OSSL_PROVIDER *provider, void *argument)
{
	(void)OSSL_PROVIDER_get_capabilities(provider, "TLS-GROUP", on_group, argument);
	return 1;
}

static bool group_is_usable(const SSL_CTX *ssl, const char *word)
{
	struct group_search search = {.word = word, .ssl = ssl};

	OSSL_PROVIDER_do_all(NULL, ask_provider, &search);
	return search.usable || !search.known;
}

/* Each element is one word, or several with colons. */
static int check_groups(struct builder *builder)
{
	const json_t *groups = json_object_get(builder->server, "groups");
	const char *words;

	builder->key = "groups";
	if (groups == NULL)
		return 0;
	for (size_t i = 0; (words = builder_text_at(groups, i)) != NULL; i++) {
		while (*words != '\0') {
			size_t len = strcspn(words, ":");
			char *word = OPENSSL_strndup(words, len);
			bool usable = group_is_usable(builder->context->ssl, word);

			OPENSSL_free(word);
			if (usable)
				return 0;
			words += len + (words[len] == ':');
		}
	}
	return builder_refuse(builder, "holds no group that one of the \"versions\" can use");
}

/* What the server's own settings have against leaving out an answer: omission.h. NULL: nothing. */
static const char *against_omission(const struct builder *builder)
{
	const SSL_CTX *ssl = builder->context->ssl;
	bool answers_in_13 = (builder->context->conduct.omitted & OMIT_MAX_FRAGMENT_LENGTH) != 0;

	if (older_version(ssl) != TLS1_2_VERSION ||
	    has_version(ssl, TLS1_1_VERSION, SSL_OP_NO_TLSv1_1) ||
	    has_version(ssl, TLS1_VERSION, SSL_OP_NO_TLSv1))
		return "can be false with TLS 1.2 in \"versions\", and none before it";
	if (answers_in_13 && has_tls13(ssl))
		return "can be false with TLS 1.2 alone in \"versions\": in TLS 1.3 keys are made "
		       "of the answer";
	if (is_met(builder, NEEDS_CLIENT_AUTH))
		return "cannot be false where \"client_auth\" asks for a certificate: the client "
		       "would prove another handshake";
	if (json_is_true(json_object_get(builder->server, "extended_master_secret")))
		return "cannot be false while \"extended_master_secret\" is true, which makes keys "
		       "of the answer";
	if (json_array_size(json_object_get(builder->server, "faults")) > 0)
		return "cannot be false beside \"faults\"";
	return NULL;
}

static int check_omissions(struct builder *builder)
{
	const unsigned omitted = builder->context->conduct.omitted;
	const char *complaint = omitted != 0 ? against_omission(builder) : NULL;

	builder->key = (omitted & OMIT_MAX_FRAGMENT_LENGTH) != 0 ? "max_fragment_length"
	                                                         : "renegotiation_info";
	return complaint != NULL ? builder_refuse(builder, "%s", complaint) : 0;
}

int context_check(const json_t *server, const char **key, struct error *error)
{
	struct builder builder = {.server = server, .error = error};
	int rc = builder_apply(&builder);

	if (rc == 0)
		rc = check_needs(&builder);
	if (rc == 0)
		rc = check_omissions(&builder);
	if (rc == 0)
		rc = check_cipher_list(&builder);
	if (rc == 0)
		rc = check_groups(&builder);
	*key = builder.key;
	context_free(builder.context);
	ERR_clear_error();
	return rc;
}
