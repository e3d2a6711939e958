#include "peer/issue.h"

#include "base/assert.h"
#include "base/buf.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S 86400
#define SERIAL_BITS 127   /* positive, in 16 octets; RFC 5280 section 4.1.2.2 allows 20 */

int issue_failed(const struct recipe *recipe, struct error *error)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	int rc = error_set(error, ERR_ENVIRONMENT, "cannot make the certificate %s: %s",
	                   recipe->name, reason != NULL ? reason : "OpenSSL gives no reason");

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

/* `decimal` NULL: a random number. */
static bool set_serial(X509 *certificate, const char *decimal)
{
	BIGNUM *number = BN_new();
	bool done = number != NULL &&
	            (decimal != NULL ? BN_dec2bn(&number, decimal) > 0
	                             : BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE,
	                                       BN_RAND_BOTTOM_ANY)) &&
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

static bool set_date(ASN1_TIME *field, const struct recipe_date *date, time_t now)
{
	time_t at = date->fixed ? date->at : now + (time_t)date->days * DAY_S;

	return X509_time_adj_ex(field, 0, 0, &at) != NULL;
}

static bool set_validity(X509 *certificate, const struct recipe *recipe, time_t now)
{
	return set_date(X509_getm_notBefore(certificate), &recipe->begins, now) &&
	       set_date(X509_getm_notAfter(certificate), &recipe->ends, now);
}

/* --- extensions ------------------------------------------------------------------------------- */

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

	if (json_array_size(words) == 0)
		return true;
	buf_text(&value, critical);
	json_array_foreach(words, i, word)
		buf_printf(&value, "%s%s", value.len > 0 ? "," : "", json_string_value(word));
	done = add_extension(certificate, context, nid, buf_string(&value));
	buf_fini(&value);
	return done;
}

/* "DNS:more-1.shakedown.test" and so on, then those of the recipe. */
static bool add_names(X509 *certificate, X509V3_CTX *context, const struct recipe *recipe)
{
	json_t *names = json_array();
	bool done;

	CHECK(names != NULL);
	for (int i = 1; i <= recipe->more_names; i++)
		CHECK(json_array_append_new(
			names, json_sprintf("DNS:more-%d.shakedown.test", i)) == 0);
	if (recipe->names != NULL)
		CHECK(json_array_extend(names, (json_t *)recipe->names) == 0);
	done = add_list(certificate, context, NID_subject_alt_name, "", names);
	json_decref(names);
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

/* The bytes of an extension that are not given in OpenSSL's words. */
static struct buf extension_value(const json_t *extension)
{
	const char *hex = json_string_value(json_object_get(extension, "hex"));
	struct buf value = {0};
	long len = 0;

	if (hex != NULL) {
		unsigned char *bytes = OPENSSL_hexstr2buf(hex, &len);

		CHECK(bytes != NULL || hex[0] == '\0');
		buf_add(&value, bytes, (size_t)len);
		OPENSSL_free(bytes);
	} else {
		ASN1_OCTET_STRING *filling = ASN1_OCTET_STRING_new();
		unsigned char *der = NULL;
		int n = (int)json_integer_value(json_object_get(extension, "bytes"));

		CHECK(filling != NULL && ASN1_STRING_set(filling, NULL, n) == 1);
		memset(filling->data, 0x5a, (size_t)n);
		len = i2d_ASN1_OCTET_STRING(filling, &der);
		CHECK(len > 0);
		buf_add(&value, der, (size_t)len);
		OPENSSL_free(der);
		ASN1_OCTET_STRING_free(filling);
	}
	return value;
}

static bool add_raw_extension(X509 *certificate, const json_t *extension, bool critical)
{
	ASN1_OBJECT *id = OBJ_txt2obj(json_string_value(json_object_get(extension, "id")), 0);
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	struct buf value = extension_value(extension);
	X509_EXTENSION *made = NULL;
	bool done = id != NULL && octets != NULL &&
	            ASN1_OCTET_STRING_set(octets, value.data, (int)value.len) == 1 &&
	            (made = X509_EXTENSION_create_by_OBJ(NULL, id, critical, octets)) != NULL &&
	            X509_add_ext(certificate, made, -1) == 1;

	X509_EXTENSION_free(made);
	ASN1_OCTET_STRING_free(octets);
	ASN1_OBJECT_free(id);
	buf_fini(&value);
	return done;
}

static bool add_further_extensions(const struct recipe *recipe, X509 *certificate,
                                   X509V3_CTX *context)
{
	const json_t *extension;
	size_t i;

	json_array_foreach(recipe->extensions, i, extension) {
		const char *id = json_string_value(json_object_get(extension, "id"));
		const char *text = json_string_value(json_object_get(extension, "text"));
		bool critical = json_is_true(json_object_get(extension, "critical"));
		struct buf value = {0};
		bool done;

		buf_printf(&value, "%s%s", critical ? "critical," : "", text != NULL ? text : "");
		done = text != NULL ? add_extension(certificate, context, OBJ_txt2nid(id),
		                                    buf_string(&value))
		                    : add_raw_extension(certificate, extension, critical);
		buf_fini(&value);
		if (!done)
			return false;
	}
	return true;
}

/*
 * Leaves carry no basicConstraints (cA is false by default, RFC 5280 section 4.2.1.9) and roots no
 * authority key identifier: bytes that small boards need not hold.
 */
static bool add_extensions(const struct recipe *recipe, X509 *certificate, X509 *issuer)
{
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer != NULL ? issuer : certificate, certificate, NULL, NULL, 0);
	return (!recipe->ca ||
	        add_basic_constraints(certificate, &context, recipe->path_length)) &&
	       add_list(certificate, &context, NID_key_usage, "critical", recipe->key_usage) &&
	       add_list(certificate, &context, NID_ext_key_usage, "", recipe->extended_key_usage) &&
	       add_names(certificate, &context, recipe) &&
	       add_extension(certificate, &context, NID_subject_key_identifier, "hash") &&
	       (issuer == NULL || add_extension(certificate, &context, NID_authority_key_identifier,
	                                        "keyid:always")) &&
	       add_further_extensions(recipe, certificate, &context);
}

/* --- damage ----------------------------------------------------------------------------------- */

/* The second digit of the month lies after a year of two digits or of four. */
static void spoil_end_date(X509 *certificate)
{
	ASN1_TIME *end = X509_getm_notAfter(certificate);
	size_t month = ASN1_STRING_type(end) == V_ASN1_UTCTIME ? 2 : 4;

	memcpy(end->data + month, "13", 2);
}

/* The fields that a signature covers no more are libcrypto's own: const is cast away. */
static void spoil_signature(X509 *certificate)
{
	const ASN1_BIT_STRING *signature;

	X509_get0_signature(&signature, NULL, certificate);
	((ASN1_BIT_STRING *)signature)->data[signature->length - 1] ^= 1;
}

static void spoil_algorithm(X509 *certificate)
{
	const X509_ALGOR *algorithm;
	const ASN1_OBJECT *was;
	int parameters;

	X509_get0_signature(NULL, &algorithm, certificate);
	X509_ALGOR_get0(&was, &parameters, NULL, algorithm);
	X509_ALGOR_set0((X509_ALGOR *)algorithm,
	                OBJ_nid2obj(OBJ_obj2nid(was) == NID_ecdsa_with_SHA256
	                                ? NID_ecdsa_with_SHA512
	                                : NID_sha512WithRSAEncryption),
	                parameters, NULL);
}

static const struct {
	const char *word;
	bool is_signed; /* done before the certificate is signed */
	void (*spoil)(X509 *certificate);
} damages[] = {
	{"signature", false, spoil_signature},
	{"algorithm", false, spoil_algorithm},
	{"end-date", true, spoil_end_date},
};

static void spoil(const struct recipe *recipe, X509 *certificate, bool is_signed)
{
	const json_t *word;
	size_t i;

	json_array_foreach(recipe->damage, i, word)
		for (size_t k = 0; k < sizeof(damages) / sizeof(damages[0]); k++)
			if (damages[k].is_signed == is_signed &&
			    strcmp(damages[k].word, json_string_value(word)) == 0)
				damages[k].spoil(certificate);
}

int issue_certificate(const struct recipe *recipe, EVP_PKEY *key, X509 *issuer,
                      EVP_PKEY *issuer_key, time_t now, X509 **certificate, struct error *error)
{
	const EVP_MD *digest = recipe->digest != NULL ? EVP_get_digestbyname(recipe->digest) : NULL;
	X509 *made = X509_new();
	int rc = ERR_ENVIRONMENT;

	if (made == NULL || !X509_set_version(made, X509_VERSION_3) ||
	    !set_serial(made, recipe->serial) || !set_subject(made, recipe->subject) ||
	    !set_validity(made, recipe, now) ||
	    !X509_set_issuer_name(made, X509_get_subject_name(issuer != NULL ? issuer : made)) ||
	    !X509_set_pubkey(made, key) || !add_extensions(recipe, made, issuer))
		goto out;
	spoil(recipe, made, true);
	if (X509_sign(made, issuer_key != NULL ? issuer_key : key, digest) == 0)
		goto out;
	spoil(recipe, made, false);
	*certificate = made;
	made = NULL;
	rc = 0;
out:
	if (rc != 0)
		rc = issue_failed(recipe, error);
	X509_free(made);
	return rc;
}
