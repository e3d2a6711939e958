#include "peer/builder.h"

#include "base/assert.h"
#include "base/file.h"
#include "peer/certs.h"

#include <glob.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define STAPLE_MAX 65536 /* bytes of an OCSP response, or of a certificate that has one */

/*
 * Puts the first certificate of the chain and those after it into use.
 * SSL_CTX_use_certificate_chain_file would refuse some that are wrong in their extensions.
 */
static bool use_chain(SSL_CTX *ssl, STACK_OF(X509) *chain)
{
	bool done = SSL_CTX_use_certificate(ssl, sk_X509_value(chain, 0)) == 1;

	for (int i = 1; done && i < sk_X509_num(chain); i++)
		done = SSL_CTX_add1_chain_cert(ssl, sk_X509_value(chain, i)) == 1;
	return done;
}

static int load_certificate(struct builder *builder, const char *name)
{
	SSL_CTX *ssl = builder->context->ssl;
	char *refused = NULL;
	const struct credential *credential = credentials_get(
		builder->credentials, builder->certificates, name, &refused, builder->error);
	int rc = 0;

	if (refused != NULL)
		rc = builder_refuse_word(builder, refused);
	else if (credential == NULL)
		rc = builder->error->code;
	else if (!use_chain(ssl, credential->chain))
		rc = builder_refuse_word(builder, credential->files.chain_pem);
	else if (SSL_CTX_use_PrivateKey(ssl, credential->key) != 1)
		rc = builder_refuse_word(builder, credential->files.key_pem);
	ERR_clear_error();
	free(refused);
	return rc;
}

/*
 * OpenSSL keeps one certificate of each type of key, and lets a second replace the first in
 * silence.
 */
static int set_certificate(struct builder *builder, const json_t *value)
{
	int types[CONTEXT_CERTIFICATES_MAX];
	const char *name;

	if (builder_expect_texts(builder, value) != 0)
		return ERR_INPUT;
	if (builder->certificates == NULL)
		return 0;
	for (size_t i = 0; (name = builder_text_at(value, i)) != NULL; i++) {
		if (i == CONTEXT_CERTIFICATES_MAX)
			return builder_refuse(builder, "more than %zu certificates", i);
		if (load_certificate(builder, name) != 0)
			return ERR_INPUT;
		types[i] = EVP_PKEY_get_base_id(SSL_CTX_get0_privatekey(builder->context->ssl));
		for (size_t k = 0; k < i; k++)
			if (types[k] == types[i])
				return builder_refuse(
					builder,
					"\"%s\" and \"%s\" have keys of one type, of which an "
					"OpenSSL server holds one",
					builder_text_at(value, k), name);
	}
	return 0;
}

/* False if the file holds no certificate. libssl's own function for this would sort the names. */
static bool name_authority(STACK_OF(X509_NAME) *names, const char *file)
{
	STACK_OF(X509_NAME) *more = SSL_load_client_CA_file(file);

	if (more == NULL)
		return false;
	while (sk_X509_NAME_num(more) > 0)
		CHECK(sk_X509_NAME_push(names, sk_X509_NAME_shift(more)) > 0);
	sk_X509_NAME_free(more);
	return true;
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
		rc = builder_refuse(builder,
		            "there are no roots to trust (%s): make them with \"shakedown certs\"",
		            pattern);
	for (size_t i = 0; rc == 0 && i < roots.gl_pathc; i++)
		if (SSL_CTX_load_verify_file(ssl, roots.gl_pathv[i]) != 1 ||
		    !name_authority(names, roots.gl_pathv[i]))
			rc = builder_refuse_word(builder, roots.gl_pathv[i]);
	SSL_CTX_set_client_CA_list(ssl, names);
	globfree(&roots);
	free(pattern);
	return rc;
}

static int set_client_auth(struct builder *builder, const json_t *value)
{
	static const char *const words[] = {"none", "request", "require", NULL};
	static const int modes[] = {SSL_VERIFY_NONE, SSL_VERIFY_PEER,
	                            SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT};
	int chosen = 0, rc = builder_word(builder, value, words, &chosen);

	if (rc != 0)
		return rc;
	SSL_CTX_set_verify(builder->context->ssl, modes[chosen], NULL);
	return chosen == 0 || builder->certificates == NULL ? 0 : trust_roots(builder);
}

/* A certification authority that does not exist. */
static X509_NAME *made_up_name(int number)
{
	X509_NAME *name = X509_NAME_new();
	char text[48];

	snprintf(text, sizeof(text), "Shakedown authority %d", number);
	CHECK(name != NULL &&
	      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)text, -1,
	                                 -1, 0) == 1);
	return name;
}

/* Our roots come first; the server trusts them all, named or not. */
static int set_client_ca_names(struct builder *builder, const json_t *value)
{
	SSL_CTX *ssl = builder->context->ssl;
	STACK_OF(X509_NAME) *names;
	size_t wanted = 0;
	int rc = builder_number(builder, value, 0, 1000, &wanted);

	if (rc != 0)
		return rc;
	names = SSL_dup_CA_list(SSL_CTX_get_client_CA_list(ssl));
	if (names == NULL)
		names = sk_X509_NAME_new_null();
	CHECK(names != NULL);
	while (sk_X509_NAME_num(names) > (int)wanted)
		X509_NAME_free(sk_X509_NAME_pop(names));
	while (sk_X509_NAME_num(names) < (int)wanted)
		CHECK(sk_X509_NAME_push(names, made_up_name(sk_X509_NAME_num(names) + 1)) > 0);
	SSL_CTX_set_client_CA_list(ssl, names);
	return 0;
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
		return context->conduct.alpn_ignores_mismatch ? SSL_TLSEXT_ERR_NOACK
		                                              : SSL_TLSEXT_ERR_ALERT_FATAL;
	*chosen = found;
	return SSL_TLSEXT_ERR_OK;
}

static int set_alpn(struct builder *builder, const json_t *value)
{
	struct context *context = builder->context;
	const char *name;

	if (builder_expect_texts(builder, value) != 0)
		return ERR_INPUT;
	for (size_t i = 0; (name = builder_text_at(value, i)) != NULL; i++) {
		size_t len = strlen(name);

		if (len == 0 || len > 255)
			return builder_refuse(builder, "a protocol's name has 1 to 255 bytes, "
			                      "not %zu",
			                      len);
		buf_u8(&context->alpn, (uint8_t)len);
		buf_text(&context->alpn, name);
	}
	if (context->alpn.len == 0)
		return builder_refuse(builder, "must name at least one protocol");
	SSL_CTX_set_alpn_select_cb(context->ssl, select_alpn, context);
	return 0;
}

static int set_alpn_mismatch(struct builder *builder, const json_t *value)
{
	static const char *const words[] = {"refuse", "ignore", NULL};
	int chosen = 0, rc = builder_word(builder, value, words, &chosen);

	builder->context->conduct.alpn_ignores_mismatch = chosen == 1;
	return rc;
}

static int set_sni(struct builder *builder, const json_t *value)
{
	static const char *const words[] = {
		[SNI_IGNORE] = "ignore",   [SNI_REQUIRE] = "require", [SNI_WARNING] = "warning",
		[SNI_FATAL] = "fatal", NULL};

	return builder_word(builder, value, words, &builder->context->conduct.sni);
}

/*
 * A server that insists on a name says so with missing_extension (RFC 8446 section 9.2); before TLS
 * 1.3 there is no alert for that, and servers send the one for an unknown name (RFC 6066 section
 * 3).
 */
static int refuse_nameless(const SSL *ssl, int *alert)
{
	*alert = SSL_version(ssl) == TLS1_3_VERSION ? SSL_AD_MISSING_EXTENSION
	                                            : SSL_AD_UNRECOGNIZED_NAME;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int context_answer_name(const SSL *ssl, const char *name, int *alert)
{
	enum sni_policy policy = (enum sni_policy)context_of(ssl)->conduct.sni;
	X509 *certificate = SSL_get_certificate(ssl);

	if (policy == SNI_IGNORE)
		return SSL_TLSEXT_ERR_NOACK; /* what a server without this callback does */
	if (name == NULL)
		return policy == SNI_REQUIRE ? refuse_nameless(ssl, alert) : SSL_TLSEXT_ERR_NOACK;
	if (certificate != NULL &&
	    X509_check_host(certificate, name, 0, X509_CHECK_FLAG_NO_WILDCARDS, NULL) == 1)
		return SSL_TLSEXT_ERR_OK;
	*alert = SSL_AD_UNRECOGNIZED_NAME;
	return policy == SNI_WARNING ? SSL_TLSEXT_ERR_ALERT_WARNING : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* libssl asks if the client has asked for a status: RFC 6066 section 8. */
static int on_status(SSL *ssl, void *argument)
{
	const struct context *context = argument;
	X509 *certificate = SSL_get_certificate(ssl);

	for (size_t i = 0; i < context->n_staples; i++) {
		const struct buf *response = &context->staples[i].response;

		if (context->staples[i].certificate == NULL ||
		    X509_cmp(context->staples[i].certificate, certificate) != 0)
			continue;
		SSL_set_tlsext_status_ocsp_resp(ssl, OPENSSL_memdup(response->data, response->len),
		                                (long)response->len);
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_NOACK;
}

/* What certs.h made for the certificate `name`, beside it. */
static int load_staple(struct builder *builder, const char *name, const char *word)
{
	struct staple *staple = &builder->context->staples[builder->context->n_staples++];
	struct buf leaf = {0};
	struct cert_files files;
	char file[32], *path;
	const uint8_t *der;
	int rc = certs_find(builder->certificates, CERT_SERVER, name, &files, builder->error);

	if (rc != 0)
		return rc;
	snprintf(file, sizeof(file), "ocsp-%s.der", word);
	path = file_join(files.folder, file);
	rc = file_read(path, STAPLE_MAX, &staple->response, builder->error);
	if (rc == 0)
		rc = file_read(files.leaf_der, STAPLE_MAX, &leaf, builder->error);
	der = leaf.data;
	if (rc == 0)
		staple->certificate = d2i_X509(NULL, &der, (long)leaf.len);
	cert_files_fini(&files);
	buf_fini(&leaf);
	free(path);
	return rc;
}

static int set_ocsp(struct builder *builder, const json_t *value)
{
	static const char *const words[] = {"missing", "good", "revoked", "expired", NULL};
	const json_t *names = json_object_get(builder->server, "certificate");
	struct context *context = builder->context;
	const char *name;
	int chosen = 0, rc = builder_word(builder, value, words, &chosen);

	if (builder->certificates == NULL || chosen == 0)
		return rc;
	for (size_t i = 0; rc == 0 && (name = builder_text_at(names, i)) != NULL; i++)
		rc = load_staple(builder, name, words[chosen]);
	SSL_CTX_set_tlsext_status_cb(context->ssl, on_status);
	SSL_CTX_set_tlsext_status_arg(context->ssl, context);
	return rc;
}

const struct context_key context_identity[] = {
	{.name = "certificate", .set = set_certificate},
	{.name = "client_auth", .set = set_client_auth},
	{.name = "client_ca_names", .set = set_client_ca_names},
	{.name = "alpn", .set = set_alpn},
	{.name = "alpn_mismatch", .set = set_alpn_mismatch},
	{.name = "sni", .set = set_sni},
	{.name = "ocsp", .set = set_ocsp},
	{0},
};
