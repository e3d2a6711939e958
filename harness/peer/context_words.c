#include "peer/builder.h"

#include "base/assert.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#define WORD_SHOWN_MAX 200 /* bytes of a user's word that a complaint repeats */

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

	if (builder_expect_texts(builder, value) != 0)
		return ERR_INPUT;
	for (size_t i = 0; i < N_VERSIONS; i++)
		left_out |= versions[i].no;
	for (size_t i = 0; (word = builder_text_at(value, i)) != NULL; i++) {
		size_t at = find_version(word);

		if (at == N_VERSIONS)
			return builder_refuse(builder, "\"%.*s\" is none of 1.0, 1.1, 1.2, 1.3",
			              WORD_SHOWN_MAX, word);
		lowest = at < lowest ? at : lowest;
		highest = at > highest ? at : highest;
		left_out &= ~versions[at].no;
	}
	if (lowest == N_VERSIONS)
		return builder_refuse(builder, "must name at least one version");
	SSL_CTX_set_options(ssl, left_out);
	if (versions[lowest].legacy)
		SSL_CTX_set_security_level(ssl, 0);
	if (SSL_CTX_set_min_proto_version(ssl, versions[lowest].number) != 1 ||
	    SSL_CTX_set_max_proto_version(ssl, versions[highest].number) != 1)
		return builder_refuse_word(builder, versions[lowest].word);
	return 0;
}

/* A new string: the words with ':' between them. The caller frees it. */
static char *join_words(const json_t *value)
{
	struct buf joined = {0};
	const char *word;

	for (size_t i = 0; (word = builder_text_at(value, i)) != NULL; i++) {
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

	if (builder_expect_texts(builder, value) != 0)
		return ERR_INPUT;
	all = join_words(value);
	rest = copy = strdup(all);
	CHECK(copy != NULL);
	ERR_clear_error();
	for (char *word; rc == 0 && (word = strsep(&rest, ":")) != NULL;)
		if (word[0] != '\0' && strchr("!-+@", word[0]) == NULL && set(ssl, word) != 1)
			rc = builder_refuse_word(builder, word);
	if (rc == 0 && set(ssl, all) != 1)
		rc = builder_refuse_word(builder, all);
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

static int apply_client_signature_algorithms(SSL_CTX *ssl, const char *words)
{
	return (int)SSL_CTX_set1_client_sigalgs_list(ssl, words);
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

static int set_client_signature_algorithms(struct builder *builder, const json_t *value)
{
	return set_words(builder, value, apply_client_signature_algorithms);
}

const struct context_key context_words[] = {
	{.name = "versions", .set = set_versions},
	{.name = "cipher_list", .set = set_cipher_list},
	{.name = "ciphersuites", .set = set_ciphersuites},
	{.name = "groups", .set = set_groups},
	{.name = "signature_algorithms", .set = set_signature_algorithms},
	{.name = "client_signature_algorithms", .set = set_client_signature_algorithms},
	{0},
};
