#include "decode/extension.h"

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

bool extension_find(const struct reader *block, uint16_t type, struct bytes *body)
{
	struct fault fault;
	struct reader all = reader_isolate(block, &fault);
	struct extension extension;

	while (extension_next(&all, &extension)) {
		if (extension.type == type) {
			*body = reader_rest(&extension.body);
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

static void show_numbers(struct emit *emit, struct reader list, const char *field)
{
	struct fault own;
	struct reader elements = reader_isolate(&list, &own);

	emit_list(emit, field);
	while (reader_left(&elements) > 0)
		emit_uint(emit, NULL, reader_u8(&elements, field));
	emit_close(emit);
	tell_end(&list, &elements, field);
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
			tell_vec16(emit, &authorities, "distinguished_name");
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
	show_vectors(emit, reader_vec16(body, "responder_id_list"), "responder_id_list", 2,
	             emit_hex);
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

/* CertificateStatus, RFC 8446 section 4.4.2.1. */
static void show_certificate_status(struct emit *emit, struct reader *body)
{
	struct reader response;

	tell_name(emit, body, "status_type", REGISTRY_CERTIFICATE_STATUS_TYPE);
	response = reader_vec24(body, "response");
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
	show_numbers(emit, reader_vec8(body, "user_mapping_types"), "user_mapping_types");
}

/* RFC 5878 section 2. */
static void show_authz(struct emit *emit, struct reader *body)
{
	show_numbers(emit, reader_vec8(body, "authz_format_list"), "authz_format_list");
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

/* RFC 6962 section 3.3. */
static void show_timestamps(struct emit *emit, struct reader *body)
{
	show_vectors(emit, reader_vec16(body, "sct_list"), "sct_list", 2, emit_hex);
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
		tell_u8(emit, &items, "cached_information_type");
		tell_vec8(emit, &items, "hash_value");
		emit_close(emit);
	}
	emit_close(emit);
	tell_end(&list, &items, "cached_info");
}

static void show_cached_info_types(struct emit *emit, struct reader *body)
{
	show_numbers(emit, reader_vec16(body, "cached_info"), "cached_info");
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

/* DelegatedCredential, RFC 9345 section 4. */
static void show_delegated_credential(struct emit *emit, struct reader *body)
{
	struct reader key;

	tell_u32(emit, body, "valid_time");
	tell_name(emit, body, "dc_cert_verify_algorithm", REGISTRY_SIGNATURE_SCHEME);
	key = reader_vec24(body, "subject_public_key_info");
	emit_hex(emit, "subject_public_key_info", reader_rest(&key));
	tell_name(emit, body, "algorithm", REGISTRY_SIGNATURE_SCHEME);
	tell_vec16(emit, body, "signature");
}

/* RFC 5077 section 3.2: the whole body is the ticket. */
static void show_session_ticket(struct emit *emit, struct reader *body)
{
	tell_rest(emit, body, "ticket");
}

/* RFC 8870 section 5.2. */
static void show_ekt_ciphers(struct emit *emit, struct reader *body)
{
	show_numbers(emit, reader_vec8(body, "supported_ciphers"), "supported_ciphers");
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

/* RFC 8446 section 4.2.4: names in DER. */
static void show_authorities(struct emit *emit, struct reader *body)
{
	show_vectors(emit, reader_vec16(body, "authorities"), "authorities", 2, emit_hex);
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
		tell_vec8(emit, &filters, "certificate_extension_oid");
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
static void show_dnssec_chain(struct emit *emit, struct reader *body)
{
	tell_u16(emit, body, "port_number");
}

/* draft-ietf-tls-tlsflags: a bit string. */
static void show_tls_flags(struct emit *emit, struct reader *body)
{
	tell_vec8(emit, body, "flags");
}

/* draft-agl-tls-nextprotoneg: names without a length around them. */
static void show_next_protocols(struct emit *emit, struct reader *body)
{
	show_vectors(emit, reader_take(body, reader_left(body), "protocols"), "protocols", 1,
	             emit_string);
}

/* draft-vvv-tls-alps. */
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

/* RFC 9849 section 5. */
static void show_encrypted_client_hello(struct emit *emit, struct reader *body)
{
	uint8_t type = reader_u8(body, "type");

	if (reader_ok(body))
		emit_text(emit, "type", type == 0 ? "outer" : type == 1 ? "inner" : "unknown");
	if (type == 1)
		return;
	tell_name(emit, body, "kdf_id", REGISTRY_HPKE_KDF);
	tell_name(emit, body, "aead_id", REGISTRY_HPKE_AEAD);
	tell_u8(emit, body, "config_id");
	tell_vec16(emit, body, "enc");
	tell_vec16(emit, body, "payload");
}

static void show_ech_retry_configs(struct emit *emit, struct reader *body)
{
	tell_vec16(emit, body, "retry_configs");
}

static void show_ech_confirmation(struct emit *emit, struct reader *body)
{
	tell_bytes(emit, body, 8, "confirmation");
}

static void show_outer_extensions(struct emit *emit, struct reader *body)
{
	tell_names(emit, "outer_extensions", REGISTRY_EXTENSION_TYPE,
	           reader_vec8(body, "outer_extensions"));
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
	 .server = show_empty, .certificate = show_certificate_status},
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
	{EXTENSION_signed_certificate_timestamp, .client = show_empty, .server = show_timestamps},
	{EXTENSION_client_certificate_type, .client = show_certificate_types,
	 .server = show_certificate_type},
	{EXTENSION_server_certificate_type, .client = show_certificate_types,
	 .server = show_certificate_type},
	{EXTENSION_padding, .client = show_padding},
	{EXTENSION_encrypt_then_mac, .client = show_empty, .server = show_empty},
	{EXTENSION_extended_master_secret, .client = show_empty, .server = show_empty},
	{EXTENSION_token_binding, .client = show_token_binding, .server = show_token_binding},
	{EXTENSION_cached_info, .client = show_cached_info, .server = show_cached_info_types},
	{EXTENSION_compress_certificate, .client = show_compress_certificate},
	{EXTENSION_record_size_limit, .client = show_record_size_limit,
	 .server = show_record_size_limit},
	{EXTENSION_tls_cert_with_extern_psk, .client = show_empty, .server = show_empty},
	{EXTENSION_delegated_credential, .client = show_signature_algorithms,
	 .certificate = show_delegated_credential},
	{EXTENSION_session_ticket, .client = show_session_ticket, .server = show_empty},
	{EXTENSION_supported_ekt_ciphers, .client = show_ekt_ciphers, .server = show_ekt_ciphers},
	{EXTENSION_key_share_draft, .client = show_client_shares, .server = show_share,
	 .retry = show_selected_group},
	{EXTENSION_pre_shared_key, .client = show_offered_psks, .server = show_selected_identity},
	{EXTENSION_early_data, .client = show_empty, .server = show_empty,
	 .ticket = show_max_early_data_size},
	{EXTENSION_supported_versions, .client = show_versions, .server = show_selected_version},
	{EXTENSION_cookie, .client = show_cookie, .retry = show_cookie},
	{EXTENSION_psk_key_exchange_modes, .client = show_psk_modes},
	{EXTENSION_certificate_authorities, .client = show_authorities},
	{EXTENSION_oid_filters, .request = show_oid_filters},
	{EXTENSION_post_handshake_auth, .client = show_empty},
	{EXTENSION_signature_algorithms_cert, .client = show_signature_algorithms},
	{EXTENSION_key_share, .client = show_client_shares, .server = show_share,
	 .retry = show_selected_group},
	{EXTENSION_connection_id_deprecated, .client = show_connection_id,
	 .server = show_connection_id},
	{EXTENSION_connection_id, .client = show_connection_id, .server = show_connection_id},
	{EXTENSION_external_id_hash, .client = show_binding_hash, .server = show_binding_hash},
	{EXTENSION_external_session_id, .client = show_external_session_id,
	 .server = show_external_session_id},
	{EXTENSION_ticket_request, .client = show_ticket_request, .server = show_ticket_hint},
	{EXTENSION_dnssec_chain, .client = show_dnssec_chain},
	{EXTENSION_rrc, .client = show_empty, .server = show_empty},
	{EXTENSION_tls_flags, .client = show_tls_flags, .server = show_tls_flags,
	 .ticket = show_tls_flags},
	{EXTENSION_next_protocol_negotiation, .client = show_empty, .server = show_next_protocols},
	{EXTENSION_application_settings_old, .client = show_settings_protocols},
	{EXTENSION_application_settings, .client = show_settings_protocols},
	{EXTENSION_channel_id_old, .client = show_empty, .server = show_empty},
	{EXTENSION_channel_id, .client = show_empty, .server = show_empty},
	{EXTENSION_trust_anchors, .client = show_trust_anchors},
	{EXTENSION_ech_outer_extensions, .client = show_outer_extensions},
	{EXTENSION_encrypted_client_hello, .client = show_encrypted_client_hello,
	 .server = show_ech_retry_configs, .retry = show_ech_confirmation},
	{EXTENSION_renegotiation_info, .client = show_renegotiation_info,
	 .server = show_renegotiation_info},
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
