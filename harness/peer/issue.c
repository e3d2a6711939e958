#include "peer/issue.h"

#include "base/buf.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#define BACKDATED_S 86400 /* boards' clocks may be behind */
#define SERIAL_BITS 127   /* positive, in 16 octets; RFC 5280 section 4.1.2.2 allows 20 */

int issue_failed(const struct recipe *recipe, struct error *error)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	int rc = error_set(error, ERR_ENVIRONMENT, "cannot make the certificate %s: %s", recipe->name,
	                   reason != NULL ? reason : "OpenSSL gives no reason");

	ERR_clear_error();
	return rc;
}

int issue_key(const struct recipe *recipe, EVP_PKEY **key, struct error *error)
{
	const struct key_type *type = recipe->key;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type->algorithm, NULL);
	int rc = ERR_ENVIRONMENT;

	*key = NULL;
	if (context == NULL || EVP_PKEY_keygen_init(context) <= 0 ||
	    (type->bits != 0 && EVP_PKEY_CTX_set_rsa_keygen_bits(context, (int)type->bits) <= 0) ||
	    (type->group != NULL && EVP_PKEY_CTX_set_group_name(context, type->group) <= 0) ||
	    EVP_PKEY_generate(context, key) <= 0)
		goto out;
	rc = 0;
out:
	if (rc != 0)
		rc = issue_failed(recipe, error);
	EVP_PKEY_CTX_free(context);
	return rc;
}

static bool set_serial(X509 *certificate)
{
	BIGNUM *number = BN_new();
	bool done = number != NULL &&
	            BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
	            BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;

	BN_free(number);
	return done;
}

/* The attributes go from the widest to the narrowest, whatever their order in the recipe. */
static bool set_subject(X509 *certificate, const json_t *subject)
{
	static const char *const attributes[] = {"O", "OU", "CN"};
	X509_NAME *name = X509_get_subject_name(certificate);

	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		const char *text = json_string_value(json_object_get(subject, attributes[i]));

		if (text != NULL &&
		    !X509_NAME_add_entry_by_txt(name, attributes[i], MBSTRING_UTF8,
		                                (const unsigned char *)text, -1, -1, 0))
			return false;
	}
	return true;
}

static bool set_validity(X509 *certificate, time_t now, int days)
{
	return X509_time_adj_ex(X509_getm_notBefore(certificate), 0, -BACKDATED_S, &now) != NULL &&
	       X509_time_adj_ex(X509_getm_notAfter(certificate), days, 0, &now) != NULL;
}

static bool add_extension(X509 *certificate, X509V3_CTX *context, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, nid, value);
	bool done = extension != NULL && X509_add_ext(certificate, extension, -1);

	X509_EXTENSION_free(extension);
	return done;
}

/* The words of a recipe's list are OpenSSL's own, and were checked: they need joining only. */
static bool add_list(X509 *certificate, X509V3_CTX *context, int nid, const char *critical,
                     const json_t *words)
{
	struct buf value = {0};
	const json_t *word;
	size_t i;
	bool done;

	if (words == NULL)
		return true;
	buf_text(&value, critical);
	json_array_foreach(words, i, word)
		buf_printf(&value, "%s%s", value.len > 0 ? "," : "", json_string_value(word));
	done = add_extension(certificate, context, nid, buf_string(&value));
	buf_fini(&value);
	return done;
}

static bool add_basic_constraints(X509 *certificate, X509V3_CTX *context, int path_length)
{
	struct buf value = {0};
	bool done;

	buf_text(&value, "critical,CA:TRUE");
	if (path_length >= 0)
		buf_printf(&value, ",pathlen:%d", path_length);
	done = add_extension(certificate, context, NID_basic_constraints, buf_string(&value));
	buf_fini(&value);
	return done;
}

/*
 * Leaves carry no basicConstraints (cA is false by default, RFC 5280 section 4.2.1.9) and roots no
 * authority key identifier: bytes that small boards need not hold.
 */
static bool add_extensions(const struct recipe *recipe, X509 *certificate, X509 *issuer)
{
	bool is_ca = recipe->role == CERT_ROOT || recipe->role == CERT_INTERMEDIATE;
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer != NULL ? issuer : certificate, certificate, NULL, NULL, 0);
	return (!is_ca || add_basic_constraints(certificate, &context, recipe->path_length)) &&
	       add_list(certificate, &context, NID_key_usage, "critical", recipe->key_usage) &&
	       add_list(certificate, &context, NID_ext_key_usage, "", recipe->extended_key_usage) &&
	       add_list(certificate, &context, NID_subject_alt_name, "", recipe->names) &&
	       add_extension(certificate, &context, NID_subject_key_identifier, "hash") &&
	       (issuer == NULL || add_extension(certificate, &context, NID_authority_key_identifier,
	                                        "keyid:always"));
}

int issue_certificate(const struct recipe *recipe, EVP_PKEY *key, X509 *issuer,
                      EVP_PKEY *issuer_key, time_t now, X509 **certificate, struct error *error)
{
	const EVP_MD *digest = recipe->digest != NULL ? EVP_get_digestbyname(recipe->digest) : NULL;
	X509 *made = X509_new();
	int rc = ERR_ENVIRONMENT;

	if (made == NULL || !X509_set_version(made, X509_VERSION_3) || !set_serial(made) ||
	    !set_subject(made, recipe->subject) || !set_validity(made, now, recipe->days) ||
	    !X509_set_issuer_name(made, X509_get_subject_name(issuer != NULL ? issuer : made)) ||
	    !X509_set_pubkey(made, key) || !add_extensions(recipe, made, issuer) ||
	    X509_sign(made, issuer_key != NULL ? issuer_key : key, digest) == 0)
		goto out;
	*certificate = made;
	made = NULL;
	rc = 0;
out:
	if (rc != 0)
		rc = issue_failed(recipe, error);
	X509_free(made);
	return rc;
}
