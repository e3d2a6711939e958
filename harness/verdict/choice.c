#include "verdict/choice.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/json.h"
#include "verdict/offered.h"
#include "verdict/word_list.h"

#include <openssl/ssl.h>
#include <string.h>

/* Who chooses from what. */
struct sides {
	const json_t *server, *hello;
};

static void look_at_credential(struct choice *choice, const struct sides *sides,
                               const struct means_certificate *certificate)
{
	const json_t *curves = offered_groups(sides->hello);
	const json_t *signatures = offered_signatures(sides->hello);
	struct choice_credential *credential = &choice->credentials[choice->n_credentials++];
	json_t *usable = json_made(json_array());

	means_add_signatures(usable, certificate, sides->server, "1.2");
	*credential = (struct choice_credential){
		.certificate = certificate,
		.signs = json_array_size(usable) > 0,
		.curve = certificate->curve == NULL || curves == NULL ||
	                 word_list_has(curves, certificate->curve),
		.signature = signatures == NULL || word_list_overlap(usable, signatures),
	};
	json_decref(usable);
}

static bool authenticates(const SSL_CIPHER *suite, const struct means_certificate *certificate)
{
	enum key key = certificate->key;

	switch (SSL_CIPHER_get_auth_nid(suite)) {
	case NID_auth_rsa:
		return key == KEY_RSA ||
		       (key == KEY_RSA_PSS && SSL_CIPHER_get_kx_nid(suite) != NID_kx_rsa);
	case NID_auth_ecdsa:
		return (key == KEY_EC || key == KEY_ED25519) && !certificate->only_in_13;
	case NID_auth_null:
		return true;
	default:
		return false; /* passwords, which the server has none of; pre-shared keys: below */
	}
}

/* What the server could do with this suite and certificate if all were offered. */
static bool could_serve(const struct choice *choice, const struct choice_credential *credential,
                        const SSL_CIPHER *suite)
{
	int exchange = SSL_CIPHER_get_kx_nid(suite);

	return authenticates(suite, credential->certificate) &&
	       (exchange == NID_kx_rsa || credential->signs) &&
	       (exchange != NID_kx_ecdhe || choice->has_group);
}

/*
 * A static RSA suite needs neither group nor curve. It signs nothing, but OpenSSL wants a signature
 * algorithm for its key all the same.
 */
static bool works(const struct choice *choice, const struct choice_credential *credential,
                  const SSL_CIPHER *suite)
{
	int exchange = SSL_CIPHER_get_kx_nid(suite);

	if (!choice->signature || !credential->signature)
		return false;
	return exchange == NID_kx_rsa ||
	       (credential->curve && (exchange != NID_kx_ecdhe || choice->group));
}

/*
 * Suites with a pre-shared key need no certificate's signature. Whether the client has the server's
 * key is not to be seen in its offer.
 */
static void look_at_psk_suite(struct choice *choice, const struct sides *sides,
                              const SSL_CIPHER *suite)
{
	bool needs_group = SSL_CIPHER_get_kx_nid(suite) == NID_kx_ecdhe_psk;
	const char *name = SSL_CIPHER_standard_name(suite);

	if (json_object_get(sides->server, "psk") == NULL || (needs_group && !choice->has_group))
		return;
	word_list_add(choice->servable, name);
	if (!word_list_has(offered_suites(sides->hello), name))
		return;
	choice->shared = true;
	choice->shared_ecdhe |= needs_group;
	choice->works |= !needs_group || choice->group;
}

static bool has_psk(const SSL_CIPHER *suite)
{
	int exchange = SSL_CIPHER_get_kx_nid(suite);

	return exchange == NID_kx_psk || exchange == NID_kx_ecdhe_psk ||
	       exchange == NID_kx_dhe_psk || exchange == NID_kx_rsa_psk;
}

static void look_at_suite(struct choice *choice, const struct sides *sides,
                          const SSL_CIPHER *suite)
{
	const json_t *offered = offered_suites(sides->hello);
	const char *name = SSL_CIPHER_standard_name(suite);

	if (name == NULL || strcmp(SSL_CIPHER_get_version(suite), "TLSv1.3") == 0)
		return;
	if (has_psk(suite)) {
		look_at_psk_suite(choice, sides, suite);
		return;
	}
	for (size_t i = 0; i < choice->n_credentials; i++) {
		struct choice_credential *credential = &choice->credentials[i];

		if (!could_serve(choice, credential, suite))
			continue;
		word_list_add(choice->servable, name);
		if (!word_list_has(offered, name))
			continue;
		credential->shared = true;
		choice->shared = true;
		choice->shared_ecdhe |= SSL_CIPHER_get_kx_nid(suite) == NID_kx_ecdhe;
		choice->works |= works(choice, credential, suite);
	}
}

/* A new context with what libssl makes of the words; NULL if it refuses them. */
static SSL_CTX *expanded(const char *words)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	CHECK(context != NULL);
	if (words[0] != '\0' && SSL_CTX_set_cipher_list(context, words) != 1) {
		SSL_CTX_free(context);
		context = NULL;
	}
	return context;
}

/*
 * libssl's own expansion of the server's cipher list, until the next call; NULL if it refuses the
 * words. The last one is kept: servers that are held against a ClientHello differ in one thing from
 * each other, which is rarely this.
 */
static const SSL_CTX *context_with_ciphers(const json_t *server)
{
	static SSL_CTX *last;
	static struct buf last_words;
	static bool known;
	json_t *words = word_list_configured(server, "cipher_list");
	struct buf text = {0};
	const json_t *item;
	size_t i;

	json_array_foreach(words, i, item)
		buf_printf(&text, "%s%s", i > 0 ? ":" : "", json_string_value(item));
	if (known && strcmp(buf_string(&text), buf_string(&last_words)) == 0) {
		buf_fini(&text);
	} else {
		SSL_CTX_free(last);
		buf_fini(&last_words);
		last = expanded(buf_string(&text));
		last_words = text;
		known = true;
	}
	json_decref(words);
	return last;
}

/* A server whose list is not configured signs with all that is common. */
static bool any_common_signature(const struct sides *sides)
{
	const json_t *offered = offered_signatures(sides->hello);
	json_t *allowed = word_list_configured(sides->server, "signature_algorithms");
	bool any = offered == NULL || json_array_size(allowed) == 0;
	const json_t *item;
	size_t i;

	json_array_foreach(allowed, i, item) {
		const char *name = means_signature_name(json_string_value(item));

		any = any || name == NULL || word_list_has(offered, name);
	}
	json_decref(allowed);
	return any;
}

bool choice_init(struct choice *choice, const json_t *server, const json_t *hello)
{
	const struct sides sides = {server, hello};
	const SSL_CTX *context = context_with_ciphers(server);
	json_t *names = word_list_configured(server, "certificate");
	json_t *groups = means_groups(server, "1.2");
	bool known = context != NULL && groups != NULL && means_are_known(server) &&
	             json_array_size(names) <= CHOICE_CREDENTIALS_MAX;
	const json_t *item;
	size_t i;

	*choice = (struct choice){.servable = json_made(json_array())};
	if (!known)
		goto out;
	choice->has_group = json_array_size(groups) > 0;
	choice->group = word_list_overlap(groups, offered_groups(hello));
	choice->signature = any_common_signature(&sides);
	json_array_foreach(names, i, item)
		look_at_credential(choice, &sides, means_certificate(json_string_value(item)));
	for (int k = 0; k < sk_SSL_CIPHER_num(SSL_CTX_get_ciphers(context)); k++)
		look_at_suite(choice, &sides,
		              sk_SSL_CIPHER_value(SSL_CTX_get_ciphers(context), k));
out:
	json_decref(groups);
	json_decref(names);
	return known;
}

void choice_fini(struct choice *choice)
{
	json_decref(choice->servable);
}
