#include "decode/certificate.h"

#include "base/assert.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SERIAL_MAX 64 /* bytes; RFC 5280 section 4.1.2.2 allows 20 */
#define GROUP_NAME_MAX 80
#define ADDRESS_MAX 48

/* RFC 4514, with UTF-8 left as it is. */
#define NAME_FLAGS (XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB)

static void tell_name(struct emit *emit, const char *key, const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	CHECK(bio != NULL);
	X509_NAME_print_ex(bio, name, 0, NAME_FLAGS);
	len = BIO_get_mem_data(bio, &text);
	emit_string(emit, key, (struct bytes){(const uint8_t *)text, len > 0 ? (size_t)len : 0});
	BIO_free(bio);
}

static void tell_serial(struct emit *emit, const X509 *x509)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x509);
	size_t len = (size_t)ASN1_STRING_length(serial);

	emit_hex(
		emit, "serial",
		(struct bytes){ASN1_STRING_get0_data(serial), len < SERIAL_MAX ? len : SERIAL_MAX});
}

static void tell_time(struct emit *emit, const char *key, const ASN1_TIME *time)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) == 1)
		emit_printf(emit, key, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
		            tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	else
		emit_null(emit, key);
}

/* IANA's name of a curve that libcrypto calls otherwise. */
static const char *iana_group(const char *name)
{
	if (strcmp(name, "prime256v1") == 0)
		return "secp256r1";
	return strcmp(name, "prime192v1") == 0 ? "secp192r1" : name;
}

static void tell_key(struct emit *emit, const EVP_PKEY *key)
{
	const char *type_name = key != NULL ? EVP_PKEY_get0_type_name(key) : NULL;
	char group[GROUP_NAME_MAX];

	switch (key != NULL ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE) {
	case EVP_PKEY_NONE:
		emit_null(emit, "key");
		break;
	case EVP_PKEY_RSA_PSS:
		emit_printf(emit, "key", "RSA-PSS %d", EVP_PKEY_get_bits(key));
		break;
	case EVP_PKEY_EC:
		if (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1)
			snprintf(group, sizeof(group), "%d", EVP_PKEY_get_bits(key));
		emit_printf(emit, "key", "EC %s", iana_group(group));
		break;
	case EVP_PKEY_ED25519:
		emit_text(emit, "key", "Ed25519");
		break;
	case EVP_PKEY_ED448:
		emit_text(emit, "key", "Ed448");
		break;
	default:
		emit_printf(emit, "key", "%s %d", type_name != NULL ? type_name : "unknown",
		            EVP_PKEY_get_bits(key));
	}
}

static void tell_signature(struct emit *emit, const X509 *x509)
{
	const X509_ALGOR *algorithm;
	const ASN1_OBJECT *object;
	char name[GROUP_NAME_MAX];

	X509_get0_signature(NULL, &algorithm, x509);
	X509_ALGOR_get0(&object, NULL, NULL, algorithm);
	OBJ_obj2txt(name, sizeof(name), object, 0);
	emit_text(emit, "signature", name);
}

static void tell_address(struct emit *emit, const ASN1_OCTET_STRING *address)
{
	const uint8_t *a = ASN1_STRING_get0_data(address);
	char text[ADDRESS_MAX];
	int at = 0;

	if (ASN1_STRING_length(address) == 4) {
		emit_printf(emit, NULL, "IP:%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
	} else if (ASN1_STRING_length(address) == 16) {
		for (int i = 0; i < 16; i += 2)
			at += snprintf(text + at, sizeof(text) - (size_t)at, i > 0 ? ":%x" : "%x",
			               (unsigned)(a[i] << 8 | a[i + 1]));
		emit_printf(emit, NULL, "IP:%s", text);
	} else {
		emit_text(emit, NULL, "IP:malformed");
	}
}

/* "DNS:host" and its like. */
static void tell_string_name(struct emit *emit, const char *kind, const ASN1_STRING *string)
{
	struct buf text = {0};

	buf_text(&text, kind);
	buf_add(&text, ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
	emit_string(emit, NULL, buf_view(&text));
	buf_fini(&text);
}

static void tell_general_name(struct emit *emit, const GENERAL_NAME *name)
{
	switch (name->type) {
	case GEN_DNS:
		tell_string_name(emit, "DNS:", name->d.dNSName);
		break;
	case GEN_IPADD:
		tell_address(emit, name->d.iPAddress);
		break;
	case GEN_EMAIL:
		tell_string_name(emit, "email:", name->d.rfc822Name);
		break;
	case GEN_URI:
		tell_string_name(emit, "URI:", name->d.uniformResourceIdentifier);
		break;
	case GEN_DIRNAME:
		tell_name(emit, NULL, name->d.directoryName);
		break;
	default:
		emit_printf(emit, NULL, "other:%d", name->type);
	}
}

static void tell_names(struct emit *emit, const X509 *x509)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
	int n = sk_GENERAL_NAME_num(names);

	emit_list(emit, "names");
	for (int i = 0; i < n && i < CERTIFICATE_NAMES_MAX; i++)
		tell_general_name(emit, sk_GENERAL_NAME_value(names, i));
	emit_close(emit);
	GENERAL_NAMES_free(names);
}

static void tell_x509(struct emit *emit, const X509 *x509)
{
	tell_name(emit, "subject", X509_get_subject_name(x509));
	tell_name(emit, "issuer", X509_get_issuer_name(x509));
	tell_serial(emit, x509);
	tell_time(emit, "not_before", X509_get0_notBefore(x509));
	tell_time(emit, "not_after", X509_get0_notAfter(x509));
	tell_key(emit, X509_get0_pubkey(x509));
	tell_signature(emit, x509);
	tell_names(emit, x509);
}

static void tell_digest(struct emit *emit, struct bytes der)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len;

	CHECK(EVP_Digest(der.data, der.len, digest, &len, EVP_sha256(), NULL) == 1);
	emit_hex(emit, "sha256", (struct bytes){digest, len});
}

bool certificate_tell(struct emit *emit, struct bytes der)
{
	const uint8_t *at = der.data;
	const uint8_t *key_at = der.data;
	EVP_PKEY *key = NULL;
	X509 *x509;

	ERR_set_mark();
	x509 = d2i_X509(NULL, &at, (long)der.len);
	if (x509 == NULL)
		key = d2i_PUBKEY(NULL, &key_at, (long)der.len);
	if (x509 != NULL) {
		tell_x509(emit, x509);
	} else if (key != NULL) {
		tell_key(emit, key);
	} else {
		emit_uint(emit, "length", der.len);
	}
	tell_digest(emit, der);
	if (x509 == NULL && key == NULL)
		emit_text(emit, "fault", "is neither a certificate nor a public key in DER");
	ERR_pop_to_mark();
	X509_free(x509);
	EVP_PKEY_free(key);
	return x509 != NULL || key != NULL;
}
