#include "decode/extension.h"

#include "decode/certificate.h"
#include "decode/der.h"
#include "decode/ech.h"
#include "decode/ocsp.h"
#include "decode/quic_parameters.h"
#include "decode/sct.h"

#define EXTENSION_HEADER_LEN 4 /* type and length */

/* Writes the members of one extension, as far as they can be read. */
typedef void show_extension(struct emit *emit, struct reader *body);

bool extension_next(struct reader *block, struct extension *extension)
{
	if (reader_left(block) == 0)
		return false;
	extension->type = reader_u16(block, "extension_type");
	extension->length = reader_u16(block, "extension_length");
	if (!reader_ok(block))
		return false;
	extension->body = reader_take(block, extension->length, "extension_data");
	return true;
}

/* The same for those who look for one only: no reader is made. Takes it from the start of *rest. */
static bool next_body(struct bytes *rest, uint16_t *type, struct bytes *body)
{
	size_t length, left;

	if (rest->len < EXTENSION_HEADER_LEN)
		return false;
	length = bytes_u16(*rest, 2);
	left = rest->len - EXTENSION_HEADER_LEN;
	length = length < left ? length : left;
	*type = bytes_u16(*rest, 0);
	*body = bytes_part(*rest, EXTENSION_HEADER_LEN, length);
	*rest = bytes_part(*rest, EXTENSION_HEADER_LEN + length, left - length);
	return true;
}

bool extension_find(const struct reader *block, uint16_t type, struct bytes *body)
{
	struct bytes rest = reader_rest(block), found;
	uint16_t found_type;

	while (next_body(&rest, &found_type, &found)) {
		if (found_type == type) {
			*body = found;
			return true;
		}
	}
	return false;
}

/* Forms that several extensions share. */

static void show_empty(struct emit *emit, struct reader *body)
{
	(void)emit;
	(void)body;
}

/* A list of strings or of byte strings, each with a length of 1 or 2 bytes before it. */
static void show_vectors(struct emit *emit, struct reader list, const char *field, unsigned width,
                         void show(struct emit *, const char *, struct bytes))
{
	struct fault own;
	struct reader elements = reader_isolate(&list, &own);

	emit_list(emit, field);
	while (reader_left(&elements) > 0) {
		struct reader element = width == 1 ? reader_vec8(&elements, field)
		                                   : reader_vec16(&elements, field);

		show(emit, NULL, reader_rest(&element));
	}
	emit_close(emit);
	tell_end(&list, &elements, field);
}

/* Elements that are DER, each with two bytes of length; `show` writes one of them. */
static void show_ders(struct emit *emit, struct reader list, const char *field,
                      void show(struct emit *, const char *, struct reader *))
{
	struct fault own;
	struct reader elements = reader_isolate(&list, &own);

	emit_list(emit, field);
	while (reader_left(&elements) > 0) {
		struct reader element = reader_vec16(&elements, field);
		struct fault own_element;
		struct reader der = reader_isolate(&element, &own_element);

		show(emit, NULL, &der);
		tell_end(&elements, &der, field);
	}
	emit_close(emit);
	tell_end(&list, &elements, field);
}

static void show_name_in_der(struct emit *emit, const char *key, struct reader *der)
{
	der_tell_name(emit, key, der, "distinguished_name");
}

/* The data of an extension that has no form of its own. */
static void show_data(struct emit *emit, struct reader *body)
{
	tell_rest(emit, body, "data");
}

/* RFC 6066 section 3. */
static void show_server_name(struct emit *emit, struct reader *body)
{
	struct reader list = reader_vec16(body, "server_name_list");
	struct fault own;
	struct reader names = reader_isolate(&list, &own);

	emit_list(emit, "server_name_list");
	while (reader_left(&names) > 0) {
		uint8_t name_type = reader_u8(&names, "name_type");
		struct reader name = reader_vec16(&names, "host_name");

		if (name_type == 0) {
			emit_string(emit, NULL, reader_rest(&name));
			continue;
		}
		emit_item(emit, "Server Name");
		emit_name(emit, "name_type", REGISTRY_NAME_TYPE, name_type);
		emit_hex(emit, "data", reader_rest(&name));
		emit_close(emit);
	}
	emit_close(emit);
	tell_end(&list, &names, "server_name_list");
}

/* RFC 6066 section 4. */
static void show_max_fragment_length(struct emit *emit, struct reader *body)
{
	tell_name(emit, body, "max_fragment_length", REGISTRY_MAX_FRAGMENT_LENGTH);
}

static void show_authority_name(struct emit *emit, struct reader *authorities)
{
	struct reader name = reader_vec16(authorities, "distinguished_name");

	der_tell_name(emit, "distinguished_name", &name, "distinguished_name");
}

/* RFC 6066 section 6. */
static void show_trusted_ca_keys(struct emit *emit, struct reader *body)
{
	struct reader list = reader_vec16(body, "trusted_authorities_list");
	struct fault own;
	struct reader authorities = reader_isolate(&list, &own);

	emit_list(emit, "trusted_authorities_list");
	while (reader_left(&authorities) > 0) {
		uint8_t type = reader_u8(&authorities, "identifier_type");

		emit_item(emit, "Trusted Authority");
		emit_name(emit, "identifier_type", REGISTRY_TRUSTED_CA_IDENTIFIER_TYPE, type);
		if (type == 2)
			show_authority_name(emit, &authorities);
		else if (type == 1 || type == 3)
			tell_bytes(emit, &authorities, 20, "sha1_hash");
		else if (type != 0)
			tell_rest(emit, &authorities, "data");
		emit_close(emit);
	}
	emit_close(emit);
	tell_end(&list, &authorities, "trusted_authorities_list");
}

/* OCSPStatusRequest, RFC 6066 section 8. */
static void show_ocsp_request(struct emit *emit, struct reader *body)
{
	show_ders(emit, reader_vec16(body, "responder_id_list"), "responder_id_list",
	          ocsp_responder_tell);
	tell_vec16(emit, body, "request_extensions");
}

static void show_status_request(struct emit *emit, struct reader *body)
{
	uint8_t type = reader_u8(body, "status_type");

	if (reader_ok(body))
		emit_name(emit, "status_type", REGISTRY_CERTIFICATE_STATUS_TYPE, type);
	if (type == 1)
		show_ocsp_request(emit, body);
	else
		tell_rest(emit, body, "request");
}

static void show_response_list(struct emit *emit, struct reader *list)
{
	struct fault own;
	struct reader responses = reader_isolate(list, &own);

	emit_list(emit, "ocsp_response_list");
	while (reader_left(&responses) > 0) {
		struct reader response = reader_vec24(&responses, "ocsp_response_list");

		if (response.len > 0) {
			ocsp_response_tell(emit, NULL, &response);
		} else { /* no status for this certificate */
			emit_item(emit, "OCSP Response");
			emit_close(emit);
		}
	}
	emit_close(emit);
	tell_end(list, &responses, "ocsp_response_list");
}

/* CertificateStatus, RFC 8446 section 4.4.2.1, RFC 6961 section 2.2. */
void certificate_status_tell(struct emit *emit, struct reader *body)
{
	uint8_t type = reader_u8(body, "status_type");
	struct reader response;

	if (!reader_ok(body))
		return;
	emit_name(emit, "status_type", REGISTRY_CERTIFICATE_STATUS_TYPE, type);
	response = reader_vec24(body, "response");
	if (type == 1)
		ocsp_response_tell(emit, "ocsp_response", &response);
	else if (type == 2)
		show_response_list(emit, &response);
	else
		emit_hex(emit, "response", reader_rest(&response));
}

/* RFC 6961 section 2.2. */
static void show_status_request_v2(struct emit *emit, struct reader *body)
{
	struct reader list = reader_vec16(body, "certificate_status_req_list");
	struct fault own;
	struct reader items = reader_isolate(&list, &own);

	emit_list(emit, "certificate_status_req_list");
	while (reader_left(&items) > 0) {
		struct reader request;

		emit_item(emit, "Certificate Status Request");
		tell_name(emit, &items, "status_type", REGISTRY_CERTIFICATE_STATUS_TYPE);
		request = reader_vec16(&items, "request");
		show_ocsp_request(emit, &request);
		emit_close(emit);
	}
	emit_close(emit);
	tell_end(&list, &items, "certificate_status_req_list");
}

/* RFC 4681 section 2. */
static void show_user_mapping(struct emit *emit, struct reader *body)
{
	tell_names(emit, "user_mapping_types", REGISTRY_USER_MAPPING_TYPE,
	           reader_vec8(body, "user_mapping_types"));
}

/* RFC 5878 section 2. */
static void show_authz(struct emit *emit, struct reader *body)
{
	tell_names(emit, "authz_format_list", REGISTRY_AUTHORIZATION_DATA_FORMAT,
	           reader_vec8(body, "authz_format_list"));
}

/* RFC 6091 section 3, RFC 7250 section 3. */
static void show_certificate_types(struct emit *emit, struct reader *body)
{
	tell_names(emit, "certificate_types", REGISTRY_CERTIFICATE_TYPE,
	           reader_vec8(body, "certificate_types"));
}

static void show_certificate_type(struct emit *emit, struct reader *body)
{
	tell_name(emit, body, "certificate_type", REGISTRY_CERTIFICATE_TYPE);
}

/* RFC 8422 section 5.1.1, RFC 8446 section 4.2.7. */
static void show_supported_groups(struct emit *emit, struct reader *body)
{
	tell_names(emit, "named_group_list", REGISTRY_NAMED_GROUP,
	           reader_vec16(body, "named_group_list"));
}

/* RFC 8422 section 5.1.2. */
static void show_ec_point_formats(struct emit *emit, struct reader *body)
{
	tell_names(emit, "ec_point_format_list", REGISTRY_EC_POINT_FORMAT,
	           reader_vec8(body, "ec_point_format_list"));
}

/* RFC 5054 section 2.8.1. */
static void show_srp(struct emit *emit, struct reader *body)
{
	struct reader name = reader_vec8(body, "srp_I");

	emit_string(emit, "srp_I", reader_rest(&name));
}

/* RFC 8446 section 4.2.3; also signature_algorithms_cert and, of RFC 9345, delegated_credential. */
static void show_signature_algorithms(struct emit *emit, struct reader *body)
{
	tell_names(emit, "supported_signature_algorithms", REGISTRY_SIGNATURE_SCHEME,
	           reader_vec16(body, "supported_signature_algorithms"));
}

/* RFC 5764 section 4.1.1. */
static void show_use_srtp(struct emit *emit, struct reader *body)
{
	tell_names(emit, "srtp_protection_profiles", REGISTRY_SRTP_PROTECTION_PROFILE,
	           reader_vec16(body, "srtp_protection_profiles"));
	tell_vec8(emit, body, "srtp_mki");
}

/* RFC 6520 section 2. */
static void show_heartbeat(struct emit *emit, struct reader *body)
{
	tell_name(emit, body, "mode", REGISTRY_HEARTBEAT_MODE);
}

/* RFC 7301 section 3.1. */
static void show_alpn(struct emit *emit, struct reader *body)
{
	show_vectors(emit, reader_vec16(body, "protocol_name_list"), "protocol_name_list", 1,
	             emit_string);
}

/* RFC 7685 section 3. */
static void show_padding(struct emit *emit, struct reader *body)
{
	size_t offset = reader_offset(body);
	struct bytes zeros = reader_bytes(body, reader_left(body), "padding");

	(void)emit;
	for (size_t i = 0; i < zeros.len; i++)
		if (zeros.data[i] != 0)
			reader_refuse(body, offset + i, "padding", "is not zero");
}

/* RFC 8472 section 2. */
static void show_token_binding(struct emit *emit, struct reader *body)
{
	uint8_t major = reader_u8(body, "token_binding_version");
	uint8_t minor = reader_u8(body, "token_binding_version");

	if (reader_ok(body))
		emit_printf(emit, "token_binding_version", "%u.%u", major, minor);
	tell_names(emit, "key_parameters_list", REGISTRY_TOKEN_BINDING_KEY_PARAMETER,
	           reader_vec8(body, "key_parameters_list"));
}

/* RFC 7924 section 3. */
static void show_cached_info(struct emit *emit, struct reader *body)
{
	struct reader list = reader_vec16(body, "cached_info");
	struct fault own;
	struct reader items = reader_isolate(&list, &own);

	emit_list(emit, "cached_info");
	while (reader_left(&items) > 0) {
		emit_item(emit, "Cached Object");
		tell_name(emit, &items, "cached_information_type",
		          REGISTRY_CACHED_INFORMATION_TYPE);
		tell_vec8(emit, &items, "hash_value");
		emit_close(emit);
	}
	emit_close(emit);
	tell_end(&list, &items, "cached_info");
}

static void show_cached_info_types(struct emit *emit, struct reader *body)
{
	tell_names(emit, "cached_info", REGISTRY_CACHED_INFORMATION_TYPE,
	           reader_vec16(body, "cached_info"));
}

/* RFC 8879 section 3. */
static void show_compress_certificate(struct emit *emit, struct reader *body)
{
	tell_names(emit, "algorithms", REGISTRY_CERTIFICATE_COMPRESSION,
	           reader_vec8(body, "algorithms"));
}

/* RFC 8449 section 4. */
static void show_record_size_limit(struct emit *emit, struct reader *body)
{
	tell_u16(emit, body, "record_size_limit");
}

/* RFC 8492 section 4: names, as text or encrypted, and a salt. */
static void show_pwd_protect(struct emit *emit, struct reader *body)
{
	tell_vec8(emit, body, "protected_name");
}

static void show_pwd_clear(struct emit *emit, struct reader *body)
{
	struct reader name = reader_vec8(body, "name");

	emit_string(emit, "name_text", reader_rest(&name));
}

static void show_password_salt(struct emit *emit, struct reader *body)
{
	tell_vec16(emit, body, "salt");
}

/* RFC 8672 section 3: either side may leave out what it has not. */
static void show_pinning_ticket(struct emit *emit, struct reader *body)
{
	if (reader_left(body) > 0)
		tell_vec16(emit, body, "ticket");
}

static void show_pinning_proof(struct emit *emit, struct reader *body)
{
	if (reader_left(body) > 0)
		tell_vec8(emit, body, "proof");
	if (reader_left(body) > 4)
		tell_vec16(emit, body, "ticket");
	tell_u32(emit, body, "lifetime");
}

/* DelegatedCredential, RFC 9345 section 4. */
static void show_delegated_credential(struct emit *emit, struct reader *body)
{
	struct reader key;

	tell_u32(emit, body, "valid_time");
	tell_name(emit, body, "dc_cert_verify_algorithm", REGISTRY_SIGNATURE_SCHEME);
	key = reader_vec24(body, "subject_public_key_info");
	emit_hex(emit, "subject_public_key_info", reader_rest(&key));
	public_key_tell(emit, &key);
	reader_end(&key, "subject_public_key_info");
	tell_name(emit, body, "algorithm", REGISTRY_SIGNATURE_SCHEME);
	tell_vec16(emit, body, "signature");
}

/* RFC 5077 section 3.2: the whole body is the ticket. */
static void show_session_ticket(struct emit *emit, struct reader *body)
{
	tell_rest(emit, body, "ticket");
}

/* RFC 8870 section 5.2.1. */
static void show_ekt_ciphers(struct emit *emit, struct reader *body)
{
	tell_names(emit, "supported_ciphers", REGISTRY_EKT_CIPHER_TYPE,
	           reader_vec8(body, "supported_ciphers"));
}

static void show_ekt_cipher(struct emit *emit, struct reader *body)
{
	tell_name(emit, body, "selected_cipher", REGISTRY_EKT_CIPHER_TYPE);
}

/* OfferedPsks, RFC 8446 section 4.2.11. */
static void show_offered_psks(struct emit *emit, struct reader *body)
{
	struct reader list = reader_vec16(body, "identities");
	struct fault own;
	struct reader identities = reader_isolate(&list, &own);

	emit_list(emit, "identities");
	while (reader_left(&identities) > 0) {
		emit_item(emit, "PSK Identity");
		tell_vec16(emit, &identities, "identity");
		tell_u32(emit, &identities, "obfuscated_ticket_age");
		emit_close(emit);
	}
	emit_close(emit);
	tell_end(&list, &identities, "identities");
	show_vectors(emit, reader_vec16(body, "binders"), "binders", 1, emit_hex);
}

static void show_selected_identity(struct emit *emit, struct reader *body)
{
	tell_u16(emit, body, "selected_identity");
}

/* RFC 8446 section 4.2.10. */
static void show_max_early_data_size(struct emit *emit, struct reader *body)
{
	tell_u32(emit, body, "max_early_data_size");
}

/* RFC 8446 section 4.2.1. */
static void show_versions(struct emit *emit, struct reader *body)
{
	tell_names(emit, "versions", REGISTRY_PROTOCOL_VERSION, reader_vec8(body, "versions"));
}

static void show_selected_version(struct emit *emit, struct reader *body)
{
	tell_name(emit, body, "selected_version", REGISTRY_PROTOCOL_VERSION);
}

/* RFC 8446 section 4.2.2. */
static void show_cookie(struct emit *emit, struct reader *body)
{
	tell_vec16(emit, body, "cookie");
}

/* RFC 8446 section 4.2.9. */
static void show_psk_modes(struct emit *emit, struct reader *body)
{
	tell_names(emit, "ke_modes", REGISTRY_PSK_KEY_EXCHANGE_MODE, reader_vec8(body, "ke_modes"));
}

/* RFC 8446 section 4.2.4. */
static void show_authorities(struct emit *emit, struct reader *body)
{
	show_ders(emit, reader_vec16(body, "authorities"), "authorities", show_name_in_der);
}

/* The identifier in DER, as RFC 8446 has it; bytes that are none stay bytes. */
static void show_filter_oid(struct emit *emit, struct reader oid)
{
	struct fault own;
	struct reader der = reader_isolate(&oid, &own);
	char text[OID_TEXT_MAX];
	const char *name = der_oid(&der, "certificate_extension_oid", text);

	if (own.kind == FAULT_NONE && reader_left(&der) == 0)
		emit_text(emit, "certificate_extension_oid", name);
	else
		emit_hex(emit, "certificate_extension_oid", reader_rest(&oid));
}

/* RFC 8446 section 4.2.5. */
static void show_oid_filters(struct emit *emit, struct reader *body)
{
	struct reader list = reader_vec16(body, "filters");
	struct fault own;
	struct reader filters = reader_isolate(&list, &own);

	emit_list(emit, "filters");
	while (reader_left(&filters) > 0) {
		emit_item(emit, "OID Filter");
		show_filter_oid(emit, reader_vec8(&filters, "certificate_extension_oid"));
		tell_vec16(emit, &filters, "certificate_extension_values");
		emit_close(emit);
	}
	emit_close(emit);
	tell_end(&list, &filters, "filters");
}

/* KeyShareEntry, RFC 8446 section 4.2.8. */
static void show_share(struct emit *emit, struct reader *body)
{
	tell_name(emit, body, "group", REGISTRY_NAMED_GROUP);
	tell_vec16(emit, body, "key_exchange");
}

static void show_client_shares(struct emit *emit, struct reader *body)
{
	struct reader list = reader_vec16(body, "client_shares");
	struct fault own;
	struct reader shares = reader_isolate(&list, &own);

	emit_list(emit, "client_shares");
	while (reader_left(&shares) > 0) {
		emit_item(emit, "Key Share Entry");
		show_share(emit, &shares);
		emit_close(emit);
	}
	emit_close(emit);
	tell_end(&list, &shares, "client_shares");
}

static void show_selected_group(struct emit *emit, struct reader *body)
{
	tell_name(emit, body, "selected_group", REGISTRY_NAMED_GROUP);
}

/* RFC 9146 section 3. */
static void show_connection_id(struct emit *emit, struct reader *body)
{
	tell_vec8(emit, body, "cid");
}

/* RFC 8844 sections 3.2 and 4.3. */
static void show_binding_hash(struct emit *emit, struct reader *body)
{
	tell_vec8(emit, body, "binding_hash");
}

static void show_external_session_id(struct emit *emit, struct reader *body)
{
	tell_vec8(emit, body, "session_id");
}

/* RFC 9149 section 3. */
static void show_ticket_request(struct emit *emit, struct reader *body)
{
	tell_u8(emit, body, "new_session_count");
	tell_u8(emit, body, "resumption_count");
}

static void show_ticket_hint(struct emit *emit, struct reader *body)
{
	tell_u8(emit, body, "expected_count");
}

/* RFC 9102 section 2. */
static void show_dnssec_port(struct emit *emit, struct reader *body)
{
	tell_u16(emit, body, "port_number");
}

static void show_dnssec_chain(struct emit *emit, struct reader *body)
{
	tell_u16(emit, body, "ext_support_lifetime");
	tell_rest(emit, body, "authentication_chain");
}

/* draft-ietf-tls-tlsflags: flag 0 is the lowest bit of the first byte. */
static void show_tls_flags(struct emit *emit, struct reader *body)
{
	struct reader flags = reader_vec8(body, "flags");
	struct bytes bits = reader_rest(&flags);

	emit_list(emit, "flags");
	for (size_t i = 0; i < bits.len * 8; i++)
		if (bits.data[i / 8] & 1 << i % 8)
			emit_name(emit, NULL, REGISTRY_TLS_FLAG, (uint32_t)i);
	emit_close(emit);
}

/* draft-agl-tls-nextprotoneg: names without a length around them. */
static void show_next_protocols(struct emit *emit, struct reader *body)
{
	show_vectors(emit, reader_take(body, reader_left(body), "protocols"), "protocols", 1,
	             emit_string);
}

/* draft-balfanz-tls-channelid: a key of P-256 and a signature with it. */
static void show_channel_id(struct emit *emit, struct reader *body)
{
	tell_bytes(emit, body, 32, "x");
	tell_bytes(emit, body, 32, "y");
	tell_bytes(emit, body, 32, "r");
	tell_bytes(emit, body, 32, "s");
}

/* draft-vvv-tls-alps. */
static void show_settings(struct emit *emit, struct reader *body)
{
	tell_rest(emit, body, "settings");
}

static void show_settings_protocols(struct emit *emit, struct reader *body)
{
	show_vectors(emit, reader_vec16(body, "supported_protocols"), "supported_protocols", 1,
	             emit_string);
}

/* draft-ietf-tls-trust-anchor-ids. */
static void show_trust_anchors(struct emit *emit, struct reader *body)
{
	show_vectors(emit, reader_vec16(body, "trust_anchor_ids"), "trust_anchor_ids", 1, emit_hex);
}

/* RFC 5746 section 3.2. */
static void show_renegotiation_info(struct emit *emit, struct reader *body)
{
	tell_vec8(emit, body, "renegotiated_connection");
}

/*
 * A form that is NULL is that of the column named beside it; where that is NULL too, bytes are
 * shown.
 */
struct row {
	uint16_t type;
	show_extension *client;      /* ClientHello */
	show_extension *request;     /* CertificateRequest; `client` */
	show_extension *server;      /* ServerHello, EncryptedExtensions */
	show_extension *certificate; /* Certificate of TLS 1.3; `server` */
	show_extension *retry;       /* HelloRetryRequest; `server` */
	show_extension *ticket;      /* NewSessionTicket of TLS 1.3 */
	show_extension *answer;      /* the client's EncryptedExtensions of drafts */
};

/* Sorted by type. Types without a row (GREASE, for one) are shown as bytes. */
static const struct row rows[] = {
	{EXTENSION_server_name, .client = show_server_name, .server = show_empty},
	{EXTENSION_max_fragment_length, .client = show_max_fragment_length,
	 .server = show_max_fragment_length},
	{EXTENSION_client_certificate_url, .client = show_empty, .server = show_empty},
	{EXTENSION_trusted_ca_keys, .client = show_trusted_ca_keys, .server = show_empty},
	{EXTENSION_truncated_hmac, .client = show_empty, .server = show_empty},
	{EXTENSION_status_request, .client = show_status_request, .request = show_empty,
	 .server = show_empty, .certificate = certificate_status_tell},
	{EXTENSION_user_mapping, .client = show_user_mapping, .server = show_user_mapping},
	{EXTENSION_client_authz, .client = show_authz, .server = show_authz},
	{EXTENSION_server_authz, .client = show_authz, .server = show_authz},
	{EXTENSION_cert_type, .client = show_certificate_types, .server = show_certificate_type},
	{EXTENSION_supported_groups, .client = show_supported_groups,
	 .server = show_supported_groups},
	{EXTENSION_ec_point_formats, .client = show_ec_point_formats,
	 .server = show_ec_point_formats},
	{EXTENSION_srp, .client = show_srp},
	{EXTENSION_signature_algorithms, .client = show_signature_algorithms},
	{EXTENSION_use_srtp, .client = show_use_srtp, .server = show_use_srtp},
	{EXTENSION_heartbeat, .client = show_heartbeat, .server = show_heartbeat},
	{EXTENSION_application_layer_protocol_negotiation, .client = show_alpn,
	 .server = show_alpn},
	{EXTENSION_status_request_v2, .client = show_status_request_v2, .server = show_empty},
	{EXTENSION_signed_certificate_timestamp, .client = show_empty, .server = sct_list_tell},
	{EXTENSION_client_certificate_type, .client = show_certificate_types,
	 .server = show_certificate_type},
	{EXTENSION_server_certificate_type, .client = show_certificate_types,
	 .server = show_certificate_type},
	{EXTENSION_padding, .client = show_padding},
	{EXTENSION_encrypt_then_mac, .client = show_empty, .server = show_empty},
	{EXTENSION_extended_master_secret, .client = show_empty, .server = show_empty},
	{EXTENSION_token_binding, .client = show_token_binding, .server = show_token_binding},
	{EXTENSION_cached_info, .client = show_cached_info, .server = show_cached_info_types},
	{EXTENSION_tls_lts, .client = show_data, .server = show_data},
	{EXTENSION_compress_certificate, .client = show_compress_certificate},
	{EXTENSION_record_size_limit, .client = show_record_size_limit,
	 .server = show_record_size_limit},
	{EXTENSION_pwd_protect, .client = show_pwd_protect},
	{EXTENSION_pwd_clear, .client = show_pwd_clear},
	{EXTENSION_password_salt, .client = show_password_salt, .server = show_password_salt},
	{EXTENSION_ticket_pinning, .client = show_pinning_ticket, .server = show_pinning_proof},
	{EXTENSION_tls_cert_with_extern_psk, .client = show_empty, .server = show_empty},
	{EXTENSION_delegated_credential, .client = show_signature_algorithms,
	 .certificate = show_delegated_credential},
	{EXTENSION_session_ticket, .client = show_session_ticket, .server = show_empty},
	{EXTENSION_TLMSP, .client = show_data, .server = show_data},
	{EXTENSION_TLMSP_proxying, .client = show_data, .server = show_data},
	{EXTENSION_TLMSP_delegate, .client = show_data, .server = show_data},
	{EXTENSION_supported_ekt_ciphers, .client = show_ekt_ciphers, .server = show_ekt_cipher},
	{EXTENSION_key_share_draft, .client = show_client_shares, .server = show_share,
	 .retry = show_selected_group},
	{EXTENSION_pre_shared_key, .client = show_offered_psks, .server = show_selected_identity},
	{EXTENSION_early_data, .client = show_empty, .server = show_empty,
	 .ticket = show_max_early_data_size},
	{EXTENSION_supported_versions, .client = show_versions, .server = show_selected_version},
	{EXTENSION_cookie, .client = show_cookie, .retry = show_cookie},
	{EXTENSION_psk_key_exchange_modes, .client = show_psk_modes},
	{EXTENSION_ticket_early_data_info, .ticket = show_max_early_data_size},
	{EXTENSION_certificate_authorities, .client = show_authorities},
	{EXTENSION_oid_filters, .request = show_oid_filters},
	{EXTENSION_post_handshake_auth, .client = show_empty},
	{EXTENSION_signature_algorithms_cert, .client = show_signature_algorithms},
	{EXTENSION_key_share, .client = show_client_shares, .server = show_share,
	 .retry = show_selected_group},
	{EXTENSION_transparency_info, .client = show_empty, .server = trans_item_list_tell},
	{EXTENSION_connection_id_deprecated, .client = show_connection_id,
	 .server = show_connection_id},
	{EXTENSION_connection_id, .client = show_connection_id, .server = show_connection_id},
	{EXTENSION_external_id_hash, .client = show_binding_hash, .server = show_binding_hash},
	{EXTENSION_external_session_id, .client = show_external_session_id,
	 .server = show_external_session_id},
	{EXTENSION_quic_transport_parameters, .client = quic_parameters_show,
	 .server = quic_parameters_show},
	{EXTENSION_ticket_request, .client = show_ticket_request, .server = show_ticket_hint},
	{EXTENSION_dnssec_chain, .client = show_dnssec_port, .server = show_dnssec_chain},
	{EXTENSION_sequence_number_encryption_algorithms, .client = show_data, .server = show_data},
	{EXTENSION_rrc, .client = show_empty, .server = show_empty},
	{EXTENSION_tls_flags, .client = show_tls_flags, .server = show_tls_flags,
	 .ticket = show_tls_flags},
	{EXTENSION_next_protocol_negotiation, .client = show_empty, .server = show_next_protocols},
	{EXTENSION_application_settings_old, .client = show_settings_protocols,
	 .server = show_settings},
	{EXTENSION_application_settings, .client = show_settings_protocols,
	 .server = show_settings},
	{EXTENSION_channel_id_old, .client = show_empty, .server = show_empty,
	 .answer = show_channel_id},
	{EXTENSION_channel_id, .client = show_empty, .server = show_empty,
	 .answer = show_channel_id},
	{EXTENSION_trust_anchors, .client = show_trust_anchors, .server = show_trust_anchors,
	 .certificate = show_empty},
	{EXTENSION_ech_outer_extensions, .client = ech_show_outer_extensions},
	{EXTENSION_encrypted_client_hello, .client = ech_show_client_hello,
	 .server = ech_show_retry_configs, .retry = ech_show_confirmation},
	{EXTENSION_renegotiation_info, .client = show_renegotiation_info,
	 .server = show_renegotiation_info},
	{EXTENSION_quic_transport_parameters_draft, .client = quic_parameters_show,
	 .server = quic_parameters_show},
	{EXTENSION_encrypted_server_name, .client = ech_show_encrypted_sni},
};

static const struct row *find_row(uint16_t type)
{
	size_t low = 0;
	size_t high = sizeof(rows) / sizeof(rows[0]);

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (rows[middle].type < type)
			low = middle + 1;
		else
			high = middle;
	}
	return low < sizeof(rows) / sizeof(rows[0]) && rows[low].type == type ? &rows[low] : NULL;
}

/* The form of the extension in that message, or NULL. */
static show_extension *find_form(uint16_t type, enum extension_place place)
{
	const struct row *row = find_row(type);

	if (row == NULL)
		return NULL;
	switch (place) {
	case IN_CLIENT_HELLO:
		return row->client;
	case IN_CERTIFICATE_REQUEST:
		return row->request != NULL ? row->request : row->client;
	case IN_SERVER_HELLO:
	case IN_ENCRYPTED_EXTENSIONS:
		return row->server;
	case IN_CERTIFICATE:
		return row->certificate != NULL ? row->certificate : row->server;
	case IN_HELLO_RETRY_REQUEST:
		return row->retry != NULL ? row->retry : row->server;
	case IN_NEW_SESSION_TICKET:
		return row->ticket;
	case IN_CLIENT_EXTENSIONS:
		return row->answer;
	}
	return NULL;
}

static void show_anew(const struct tell *tell, const struct extension *extension,
                      enum extension_place place, struct fault *fault)
{
	struct emit *emit = tell->emit;
	show_extension *show = find_form(extension->type, place);
	struct reader body = reader_isolate(&extension->body, fault);
	struct bytes data = reader_rest(&body);
	char name[REGISTRY_LABEL_MAX];
	char text[FAULT_TEXT_MAX];

	registry_label(REGISTRY_EXTENSION_TYPE, extension->type, name);
	emit_item(emit, "Extension: %s (len=%u)", name, extension->length);
	emit_name(emit, "name", REGISTRY_EXTENSION_TYPE, extension->type);
	emit_number(emit, "number", extension->type);
	emit_uint(emit, "length", extension->length);
	if (show != NULL) {
		show(emit, &body);
		reader_end(&body, "extension_data");
	}
	if (fault->kind != FAULT_NONE) {
		fault_text(fault, text, sizeof(text));
		emit_text(emit, "fault", text);
		faults_add(tell->faults, tell->from_server, tell->where, "%s: %s", name, text);
	}
	if (show == NULL || fault->kind != FAULT_NONE)
		emit_hex(emit, "data", data);
	emit_close(emit);
}

/* An extension whose body held no fault is told again as it was. */
static void show_one(const struct tell *tell, const struct extension *extension,
                     enum extension_place place)
{
	uint64_t head = (uint64_t)place << 32 | (uint64_t)extension->type << 16 | extension->length;
	struct emit_run run;
	struct fault fault;

	if (emit_again(tell->emit, &run, EMIT_TAG(EMIT_TAG_EXTENSION, head),
	               reader_rest(&extension->body)))
		return;
	show_anew(tell, extension, place, &fault);
	if (fault.kind == FAULT_NONE)
		emit_remember(tell->emit, &run);
}

void extensions_tell(const struct tell *tell, struct reader *block, enum extension_place place)
{
	struct fault own;
	struct reader all = reader_isolate(block, &own);
	struct extension extension;

	emit_list(tell->emit, "extensions");
	while (extension_next(&all, &extension))
		show_one(tell, &extension, place);
	emit_close(tell->emit);
	tell_end(block, &all, "extensions");
}

static void add_shares(struct bytes body, enum extension_place place, struct emit_slots *slots)
{
	struct fault fault;
	struct reader shares;

	reader_init(&shares, body.data, body.len, &fault);
	if (place == IN_CLIENT_HELLO)
		shares = reader_vec16(&shares, "client_shares");
	while (reader_left(&shares) > 0) {
		struct reader key_exchange;

		reader_u16(&shares, "group");
		key_exchange = reader_vec16(&shares, "key_exchange");
		emit_slots_hex(slots, reader_rest(&key_exchange));
	}
}

void extensions_slots(const struct reader *block, enum extension_place place,
                      struct emit_slots *slots)
{
	struct bytes rest = reader_rest(block), body;
	uint16_t type;

	while (next_body(&rest, &type, &body)) {
		if (type == EXTENSION_session_ticket && place == IN_CLIENT_HELLO)
			emit_slots_hex(slots, body);
		if (type == EXTENSION_key_share && place != IN_HELLO_RETRY_REQUEST)
			add_shares(body, place, slots);
	}
}
