#include "decode/certificate.h"

#include "base/assert.h"
#include "decode/der.h"
#include "decode/x509_extension.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

/* What a TBSCertificate holds, as views; `data` NULL for what it does not. */
struct parts {
	struct reader serial;
	struct reader algorithm;
	struct reader issuer;
	struct reader validity;
	struct reader subject;
	struct reader key;
	struct reader extensions;
};

static unsigned bits_of(struct bytes number)
{
	unsigned bits = (unsigned)number.len * 8;
	unsigned top = number.len > 0 ? number.data[0] : 0x80;

	for (; top < 0x80 && bits > 0; top <<= 1)
		bits--;
	return bits;
}

/* RSAPublicKey, RFC 8017 appendix A.1.1. The exponent is told if it is not the usual one. */
static void tell_rsa(struct emit *emit, const char *name, struct reader *key)
{
	struct fault own;
	struct reader numbers = der_enter(key, DER_SEQUENCE, "RSAPublicKey", &own);
	struct bytes modulus = der_integer(&numbers, DER_INTEGER, "modulus");
	struct bytes exponent = der_integer(&numbers, DER_INTEGER, "publicExponent");
	bool usual = exponent.len == 3 && memcmp(exponent.data, "\x01\x00\x01", 3) == 0;
	struct buf text = {0};

	buf_printf(&text, "%s %u", name, bits_of(modulus));
	if (!usual && reader_ok(&numbers)) {
		buf_text(&text, ", exponent 0x");
		buf_hex(&text, exponent);
	}
	emit_text(emit, "key", buf_string(&text));
	buf_fini(&text);
	tell_end(key, &numbers, "RSAPublicKey");
}

/* The curve is named, or given by its parameters. */
static void tell_ec(struct emit *emit, struct reader *parameters)
{
	char text[OID_TEXT_MAX];

	if (der_peek(parameters) == DER_OID)
		emit_printf(emit, "key", "EC %s", der_oid(parameters, "namedCurve", text));
	else
		emit_text(emit, "key", "EC with explicit parameters");
}

/* DSA and DH: the prime is the first parameter. */
static void tell_prime(struct emit *emit, const char *name, struct reader *parameters)
{
	struct fault own;
	struct reader numbers;
	struct bytes prime;

	if (der_peek(parameters) != DER_SEQUENCE) {
		emit_text(emit, "key", name);
		return;
	}
	numbers = der_enter(parameters, DER_SEQUENCE, "parameters", &own);
	prime = der_integer(&numbers, DER_INTEGER, "p");
	emit_printf(emit, "key", "%s %u", name, bits_of(prime));
	if (reader_ok(parameters))
		*parameters->fault = own;
}

static void tell_key(struct emit *emit, const char *algorithm, struct reader *parameters,
                     struct bytes bits, size_t offset)
{
	struct reader key = {.data = bits.data, .len = bits.len, .base = offset,
	                     .fault = parameters->fault};

	if (strcmp(algorithm, "rsaEncryption") == 0)
		tell_rsa(emit, "RSA", &key);
	else if (strcmp(algorithm, "rsassaPss") == 0)
		tell_rsa(emit, "RSA-PSS", &key);
	else if (strcmp(algorithm, "id-ecPublicKey") == 0 || strcmp(algorithm, "id-ecDH") == 0)
		tell_ec(emit, parameters);
	else if (strcmp(algorithm, "dsaEncryption") == 0)
		tell_prime(emit, "DSA", parameters);
	else if (strcmp(algorithm, "dhKeyAgreement") == 0 ||
	         strcmp(algorithm, "dhpublicnumber") == 0)
		tell_prime(emit, "DH", parameters);
	else if (strcmp(algorithm, "ED25519") == 0)
		emit_text(emit, "key", "Ed25519");
	else if (strcmp(algorithm, "ED448") == 0)
		emit_text(emit, "key", "Ed448");
	else
		emit_text(emit, "key", algorithm);
}

/* Inside its SEQUENCE; RFC 5280 section 4.1.2.7. */
static void tell_key_info(struct emit *emit, struct reader *info)
{
	struct fault own;
	struct reader algorithm = der_enter(info, DER_SEQUENCE, "algorithm", &own);
	char text[OID_TEXT_MAX];
	const char *name = der_oid(&algorithm, "algorithm", text);
	size_t offset = reader_offset(info);
	unsigned n_unused;
	struct bytes bits = der_bits(info, DER_BIT_STRING, "subjectPublicKey", &n_unused);

	if (!reader_ok(&algorithm))
		emit_null(emit, "key");
	else
		tell_key(emit, name, &algorithm, bits, offset);
	if (reader_ok(info))
		*info->fault = own;
}

void public_key_tell(struct emit *emit, struct reader *reader)
{
	struct fault own;
	struct reader info = der_enter(reader, DER_SEQUENCE, "subjectPublicKeyInfo", &own);

	tell_key_info(emit, &info);
	tell_end(reader, &info, "subjectPublicKeyInfo");
}

static void tell_version(struct emit *emit, struct reader *tbs)
{
	struct reader explicit;
	uint32_t version = 0;

	if (der_option(tbs, DER_EXPLICIT(0), "version", &explicit))
		version = der_number(&explicit, DER_INTEGER, "version");
	if (reader_ok(tbs))
		emit_uint(emit, "version", (uint64_t)version + 1);
}

/* One element, with its tag and length; absent after a fault. */
static struct reader take_whole(struct reader *tbs, uint8_t tag, const char *field)
{
	struct reader whole = *tbs;

	if (!reader_ok(tbs))
		return (struct reader){0};
	der_take(tbs, tag, field);
	whole.len = tbs->pos;
	return whole;
}

static void read_parts(struct reader *tbs, struct parts *parts)
{
	struct reader unique_id;

	parts->serial = take_whole(tbs, DER_INTEGER, "serialNumber");
	parts->algorithm = take_whole(tbs, DER_SEQUENCE, "signature");
	parts->issuer = take_whole(tbs, DER_SEQUENCE, "issuer");
	parts->validity = take_whole(tbs, DER_SEQUENCE, "validity");
	parts->subject = take_whole(tbs, DER_SEQUENCE, "subject");
	parts->key = take_whole(tbs, DER_SEQUENCE, "subjectPublicKeyInfo");
	der_option(tbs, DER_IMPLICIT(1), "issuerUniqueID", &unique_id);
	der_option(tbs, DER_IMPLICIT(2), "subjectUniqueID", &unique_id);
	if (der_peek(tbs) == DER_EXPLICIT(3))
		parts->extensions = take_whole(tbs, DER_EXPLICIT(3), "extensions");
}

static void tell_validity(struct emit *emit, struct reader *part)
{
	struct fault own, own_before;
	struct reader validity = der_enter(part, DER_SEQUENCE, "validity", &own);
	struct reader before = reader_isolate(&validity, &own_before);

	der_tell_time(emit, "not_before", &before, "notBefore");
	validity.pos = before.pos;
	der_tell_time(emit, "not_after", &validity, "notAfter");
	tell_end(part, &validity, "validity");
	if (reader_ok(part))
		*part->fault = own_before;
}

static void tell_algorithm(struct emit *emit, struct reader *part)
{
	struct fault own;
	struct reader algorithm = der_enter(part, DER_SEQUENCE, "signature", &own);

	der_tell_oid(emit, "signature", &algorithm, "signature");
	if (reader_ok(part))
		*part->fault = own;
}

/* Passes a fault of one part on, if it is the first. */
static void end_part(const struct reader *part, struct fault *first)
{
	if (part->data != NULL && first->kind == FAULT_NONE)
		*first = *part->fault;
}

static void tell_serial(struct emit *emit, struct reader *part)
{
	der_tell_integer(emit, "serial", part, DER_INTEGER, "serialNumber");
}

static void tell_subject(struct emit *emit, struct reader *part)
{
	der_tell_name(emit, "subject", part, "subject");
}

static void tell_issuer(struct emit *emit, struct reader *part)
{
	der_tell_name(emit, "issuer", part, "issuer");
}

static void tell_extensions(struct emit *emit, struct reader *part)
{
	struct fault own;
	struct reader explicit = der_enter(part, DER_EXPLICIT(3), "extensions", &own);

	x509_extensions_tell(emit, &explicit);
	tell_end(part, &explicit, "extensions");
}

/* RFC 5280 section 4.2.1.6. */
static void tell_alt_names(struct emit *emit, struct reader *part)
{
	struct fault own = {0};
	struct reader value, names;

	if (x509_extension_find(part, "subjectAltName", &value)) {
		names = der_enter(&value, DER_SEQUENCE, "subjectAltName", &own);
		der_tell_general_names(emit, "names", &names);
	} else {
		emit_list(emit, "names");
		emit_close(emit);
	}
	if (reader_ok(part))
		*part->fault = own;
}

/* Each part is told, whatever is wrong with the others. */
static void tell_part(struct emit *emit, const struct reader *part, struct fault *first,
                      void tell(struct emit *, struct reader *))
{
	struct fault own;
	struct reader reader;

	if (part->data == NULL)
		return;
	reader = reader_isolate(part, &own);
	tell(emit, &reader);
	end_part(&reader, first);
}

static void tell_tbs(struct emit *emit, struct reader *tbs)
{
	struct parts parts = {0};
	struct fault first = {0};

	tell_version(emit, tbs);
	read_parts(tbs, &parts);
	tell_part(emit, &parts.subject, &first, tell_subject);
	tell_part(emit, &parts.issuer, &first, tell_issuer);
	tell_part(emit, &parts.serial, &first, tell_serial);
	tell_part(emit, &parts.validity, &first, tell_validity);
	tell_part(emit, &parts.key, &first, public_key_tell);
	tell_part(emit, &parts.algorithm, &first, tell_algorithm);
	tell_part(emit, &parts.extensions, &first, tell_alt_names);
	tell_part(emit, &parts.extensions, &first, tell_extensions);
	reader_end(tbs, "TBSCertificate");
	if (reader_ok(tbs))
		*tbs->fault = first;
}

static void tell_certificate(struct emit *emit, struct reader *certificate)
{
	struct fault own;
	struct reader tbs = der_enter(certificate, DER_SEQUENCE, "TBSCertificate", &own);
	unsigned n_unused;

	tell_tbs(emit, &tbs);
	tell_end(certificate, &tbs, "TBSCertificate");
	der_take(certificate, DER_SEQUENCE, "signatureAlgorithm");
	der_bits(certificate, DER_BIT_STRING, "signatureValue", &n_unused);
}

static void tell_digest(struct emit *emit, struct bytes der)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len;

	CHECK(EVP_Digest(der.data, der.len, digest, &len, EVP_sha256(), NULL) == 1);
	emit_hex(emit, "sha256", (struct bytes){digest, len});
}

/* What begins a certificate and a public key in DER: a SEQUENCE in a SEQUENCE. */
static bool is_known_form(const struct reader *content, uint8_t *inner)
{
	struct fault fault;
	struct reader look = reader_isolate(content, &fault);
	struct reader first;
	uint8_t tag;

	first = der_next(&look, &tag, "Certificate");
	*inner = first.len > 0 ? first.data[0] : 0;
	return tag == DER_SEQUENCE;
}

bool certificate_tell(struct emit *emit, struct bytes der, struct fault *fault)
{
	struct fault own;
	struct reader reader, content;
	char text[FAULT_TEXT_MAX];
	uint8_t inner;

	reader_init(&reader, der.data, der.len, fault);
	content = der_enter(&reader, DER_SEQUENCE, "Certificate", &own);
	if (!is_known_form(&content, &inner)) {
		*fault = (struct fault){0};
		reader_refuse(&reader, 0, "cert_data",
		              "is neither a certificate nor a public key in DER");
	} else {
		if (inner == DER_OID)
			tell_key_info(emit, &content);
		else
			tell_certificate(emit, &content);
		tell_end(&reader, &content, "Certificate");
		reader_end(&reader, "Certificate");
	}
	if (!reader_ok(&reader))
		emit_uint(emit, "length", der.len);
	tell_digest(emit, der);
	if (!reader_ok(&reader))
		emit_text(emit, "fault", fault_text(fault, text, sizeof(text)));
	return reader_ok(&reader);
}
