#include "decode/ocsp.h"

#include "decode/certificate.h"
#include "decode/der.h"
#include "decode/x509_extension.h"

#include <string.h>

static void tell_word(struct emit *emit, const char *key, const char *const *words, size_t n,
                      uint32_t value)
{
	if (value < n && words[value] != NULL)
		emit_text(emit, key, words[value]);
	else
		emit_printf(emit, key, "%u", value);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void ocsp_responder_tell(struct emit *emit, const char *key, struct reader *reader)
{
	size_t offset = reader_offset(reader);
	struct reader content, hash;
	uint8_t tag;

	content = der_next(reader, &tag, "responderID");
	if (tag == DER_EXPLICIT(1)) {
		der_tell_name(emit, key, &content, "byName");
	} else if (tag == DER_EXPLICIT(2)) {
		hash = der_take(&content, DER_OCTET_STRING, "byKey");
		emit_hex(emit, key, reader_rest(&hash));
	} else {
		reader_refuse(reader, offset, "responderID", "is neither a name nor a key");
	}
}

/* RevokedInfo. */
static void tell_revoked(struct emit *emit, struct reader *info)
{
	static const char *const reasons[] = {
		"unspecified",     "keyCompromise", "cACompromise",  "affiliationChanged",
		"superseded",      "cessationOfOperation", "certificateHold", NULL,
		"removeFromCRL",   "privilegeWithdrawn",   "aACompromise"};
	struct reader explicit;

	der_tell_time(emit, "revocation_time", info, "revocationTime");
	if (der_option(info, DER_EXPLICIT(0), "revocationReason", &explicit))
		tell_word(emit, "revocation_reason", reasons, COUNT(reasons),
		          der_number(&explicit, DER_ENUMERATED, "revocationReason"));
}

static void tell_cert_status(struct emit *emit, struct reader *response)
{
	size_t offset = reader_offset(response);
	struct reader content;
	uint8_t tag;

	if (reader_left(response) == 0)
		return;
	content = der_next(response, &tag, "certStatus");
	if (tag == DER_IMPLICIT(0)) {
		emit_text(emit, "cert_status", "good");
	} else if (tag == DER_EXPLICIT(1)) {
		emit_text(emit, "cert_status", "revoked");
		tell_revoked(emit, &content);
	} else if (tag == DER_IMPLICIT(2)) {
		emit_text(emit, "cert_status", "unknown");
	} else {
		reader_refuse(response, offset, "certStatus", "is not one of the three");
	}
}

static void tell_cert_id(struct emit *emit, struct reader *response)
{
	struct reader id = der_take(response, DER_SEQUENCE, "certID");
	struct reader algorithm = der_take(&id, DER_SEQUENCE, "hashAlgorithm");
	struct reader hash;

	der_tell_oid(emit, "hash_algorithm", &algorithm, "hashAlgorithm");
	hash = der_take(&id, DER_OCTET_STRING, "issuerNameHash");
	emit_hex(emit, "issuer_name_hash", reader_rest(&hash));
	hash = der_take(&id, DER_OCTET_STRING, "issuerKeyHash");
	emit_hex(emit, "issuer_key_hash", reader_rest(&hash));
	der_tell_integer(emit, "serial_number", &id, DER_INTEGER, "serialNumber");
}

static void tell_single(struct emit *emit, struct reader *responses)
{
	struct fault own;
	struct reader response = der_enter(responses, DER_SEQUENCE, "SingleResponse", &own);
	struct reader explicit;

	emit_item(emit, "Response");
	tell_cert_id(emit, &response);
	tell_cert_status(emit, &response);
	der_tell_time(emit, "this_update", &response, "thisUpdate");
	if (der_option(&response, DER_EXPLICIT(0), "nextUpdate", &explicit))
		der_tell_time(emit, "next_update", &explicit, "nextUpdate");
	if (der_option(&response, DER_EXPLICIT(1), "singleExtensions", &explicit))
		x509_extensions_tell(emit, &explicit);
	emit_close(emit);
	tell_end(responses, &response, "SingleResponse");
}

static void tell_responses(struct emit *emit, struct reader *data)
{
	struct fault own;
	struct reader responses = der_enter(data, DER_SEQUENCE, "responses", &own);

	emit_list(emit, "responses");
	while (reader_left(&responses) > 0)
		tell_single(emit, &responses);
	emit_close(emit);
	tell_end(data, &responses, "responses");
}

/* tbsResponseData. */
static void tell_data(struct emit *emit, struct reader *basic)
{
	struct fault own;
	struct reader data = der_enter(basic, DER_SEQUENCE, "tbsResponseData", &own);
	struct reader explicit;

	der_option(&data, DER_EXPLICIT(0), "version", &explicit);
	if (reader_left(&data) > 0)
		ocsp_responder_tell(emit, "responder_id", &data);
	der_tell_time(emit, "produced_at", &data, "producedAt");
	tell_responses(emit, &data);
	if (der_option(&data, DER_EXPLICIT(1), "responseExtensions", &explicit))
		x509_extensions_tell(emit, &explicit);
	tell_end(basic, &data, "tbsResponseData");
}

static void tell_certs(struct emit *emit, struct reader *basic)
{
	struct reader explicit, certs;

	if (!der_option(basic, DER_EXPLICIT(0), "certs", &explicit))
		return;
	certs = der_take(&explicit, DER_SEQUENCE, "certs");
	emit_list(emit, "certs");
	while (reader_left(&certs) > 0) {
		struct bytes whole = reader_rest(&certs);
		size_t at = certs.pos;
		struct fault fault;

		der_take(&certs, DER_SEQUENCE, "Certificate");
		whole.len = certs.pos - at;
		emit_item(emit, "Certificate (%zu bytes)", whole.len);
		if (!certificate_tell(emit, whole, &fault) && reader_ok(&certs)) {
			fault.offset += certs.base + at;
			*certs.fault = fault;
		}
		emit_close(emit);
	}
	emit_close(emit);
}

static void tell_basic(struct emit *emit, struct reader *reader)
{
	struct fault own;
	struct reader basic = der_enter(reader, DER_SEQUENCE, "BasicOCSPResponse", &own);
	struct reader algorithm;
	struct bytes signature;
	unsigned n_unused;

	tell_data(emit, &basic);
	algorithm = der_take(&basic, DER_SEQUENCE, "signatureAlgorithm");
	der_tell_oid(emit, "signature_algorithm", &algorithm, "signatureAlgorithm");
	signature = der_bits(&basic, DER_BIT_STRING, "signature", &n_unused);
	emit_hex(emit, "signature", signature);
	tell_certs(emit, &basic);
	tell_end(reader, &basic, "BasicOCSPResponse");
}

/* ResponseBytes. */
static void tell_response_bytes(struct emit *emit, struct reader *explicit)
{
	struct fault own, own_content;
	struct reader bytes = der_enter(explicit, DER_SEQUENCE, "responseBytes", &own);
	char text[OID_TEXT_MAX];
	const char *type = der_oid(&bytes, "responseType", text);
	struct reader content =
		der_enter(&bytes, DER_OCTET_STRING, "response", &own_content);

	emit_text(emit, "response_type", type);
	if (strcmp(type, "basic") == 0)
		tell_basic(emit, &content);
	else
		emit_hex(emit, "response", reader_rest(&content));
	if (reader_ok(&bytes))
		own = own_content;
	tell_end(explicit, &bytes, "responseBytes");
}

void ocsp_response_tell(struct emit *emit, const char *key, struct reader *reader)
{
	static const char *const statuses[] = {
		"successful", "malformedRequest", "internalError", "tryLater", NULL,
		"sigRequired", "unauthorized"};
	struct fault own, own_bytes;
	struct reader response = der_enter(reader, DER_SEQUENCE, "OCSPResponse", &own);
	struct reader explicit;
	uint32_t status;

	if (key != NULL)
		emit_object(emit, key);
	else
		emit_item(emit, "OCSP Response");
	status = der_number(&response, DER_ENUMERATED, "responseStatus");
	if (reader_ok(&response))
		tell_word(emit, "response_status", statuses, COUNT(statuses), status);
	if (der_option(&response, DER_EXPLICIT(0), "responseBytes", &explicit)) {
		explicit = reader_isolate(&explicit, &own_bytes);
		tell_response_bytes(emit, &explicit);
		if (reader_ok(&response))
			own = own_bytes;
	}
	emit_close(emit);
	tell_end(reader, &response, "OCSPResponse");
	reader_end(reader, "OCSPResponse");
}
