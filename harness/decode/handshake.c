#include "decode/handshake.h"

#include "decode/certificate.h"
#include "decode/extension.h"
#include "decode/hello.h"

/* A reader of what follows the message's header. */
static struct reader body_of(struct bytes message, struct fault *fault)
{
	struct reader reader;

	reader_init(&reader, message.data, message.len, fault);
	reader_bytes(&reader, HANDSHAKE_HEADER_LEN, "header");
	return reader;
}

static bool is_tls13(const struct tell *tell)
{
	return version_is_tls13(tell->version);
}

/*
 * Whether signatures name their algorithm: since TLS 1.2, which is also assumed if no hello was
 * seen.
 */
static bool names_algorithms(uint16_t version)
{
	return version == 0 || version >= VERSION_TLS_1_2;
}

/* The extensions at the end of a message, if it has any. */
static void tell_extensions(const struct tell *tell, struct reader *body,
                            enum extension_place place)
{
	struct reader block;

	if (reader_left(body) == 0)
		return;
	block = reader_vec16(body, "extensions");
	extensions_tell(tell, &block, place);
}

/* Closes a message: nothing may be left, and its fault is noted. */
static void end_message(const struct tell *tell, struct reader *body)
{
	reader_end(body, tell->where);
	tell_fault(tell, body->fault);
}

/* RFC 8446 section 4.3.1. */
static void encrypted_extensions(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);

	tell_extensions(tell, &body, IN_ENCRYPTED_EXTENSIONS);
	end_message(tell, &body);
}

/* Most servers send the same certificates again and again. */
static void tell_summary(const struct tell *tell, struct bytes der)
{
	struct emit_run run;

	if (emit_again(tell->emit, &run, EMIT_TAG(EMIT_TAG_CERTIFICATE, 0), der))
		return;
	if (certificate_tell(tell->emit, der))
		emit_remember(tell->emit, &run);
	else
		faults_add(tell->faults, tell->from_server, tell->where,
		           "cert_data is neither a certificate nor a public key in DER");
}

static void tell_certificate(const struct tell *tell, struct reader *entries)
{
	struct reader der = reader_vec24(entries, "cert_data");

	emit_item(tell->emit, "Certificate (%zu bytes)", reader_rest(&der).len);
	tell_summary(tell, reader_rest(&der));
	if (is_tls13(tell) && reader_left(entries) > 0) {
		struct reader block = reader_vec16(entries, "extensions");

		if (reader_rest(&block).len > 0)
			extensions_tell(tell, &block, IN_CERTIFICATE);
	}
	emit_close(tell->emit);
}

/* RFC 8446 section 4.4.2, RFC 5246 section 7.4.2. */
static void certificate(const struct tell *tell, struct bytes message)
{
	struct fault fault, own;
	struct reader body = body_of(message, &fault);
	struct reader list, entries;

	if (is_tls13(tell))
		tell_vec8(tell->emit, &body, "certificate_request_context");
	list = reader_vec24(&body, "certificate_list");
	entries = reader_isolate(&list, &own);
	emit_list(tell->emit, "chain");
	while (reader_left(&entries) > 0)
		tell_certificate(tell, &entries);
	emit_close(tell->emit);
	tell_end(&list, &entries, "certificate_list");
	end_message(tell, &body);
}

/* RFC 8879 section 4. The certificates themselves stay compressed. */
static void compressed_certificate(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);
	uint32_t length;
	struct reader compressed;

	tell_name(tell->emit, &body, "algorithm", REGISTRY_CERTIFICATE_COMPRESSION);
	length = reader_u24(&body, "uncompressed_length");
	compressed = reader_vec24(&body, "compressed_certificate_message");
	if (reader_ok(&body)) {
		emit_uint(tell->emit, "uncompressed_length", length);
		emit_uint(tell->emit, "compressed_length", reader_rest(&compressed).len);
	}
	end_message(tell, &body);
}

/* Distinguished names in DER, each with two bytes of length. */
static void tell_authorities(struct emit *emit, struct reader list)
{
	struct fault own;
	struct reader names = reader_isolate(&list, &own);

	emit_list(emit, "certificate_authorities");
	while (reader_left(&names) > 0) {
		struct reader name = reader_vec16(&names, "distinguished_name");

		emit_hex(emit, NULL, reader_rest(&name));
	}
	emit_close(emit);
	tell_end(&list, &names, "certificate_authorities");
}

/* RFC 8446 section 4.3.2, RFC 5246 section 7.4.4. */
static void certificate_request(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);

	if (is_tls13(tell)) {
		tell_vec8(tell->emit, &body, "certificate_request_context");
		tell_extensions(tell, &body, IN_CERTIFICATE_REQUEST);
		end_message(tell, &body);
		return;
	}
	tell_names(tell->emit, "certificate_types", REGISTRY_CLIENT_CERTIFICATE_TYPE,
	           reader_vec8(&body, "certificate_types"));
	if (names_algorithms(tell->version))
		tell_names(tell->emit, "supported_signature_algorithms", REGISTRY_SIGNATURE_SCHEME,
		           reader_vec16(&body, "supported_signature_algorithms"));
	tell_authorities(tell->emit, reader_vec16(&body, "certificate_authorities"));
	end_message(tell, &body);
}

/* RFC 8422 section 5.4. Returns the group, 0 if it is given by its parameters. */
static uint16_t tell_ec_parameters(struct emit *emit, struct reader *body)
{
	uint8_t curve_type = reader_u8(body, "curve_type");
	uint16_t group = 0;

	if (!reader_ok(body))
		return 0;
	emit_name(emit, "curve_type", REGISTRY_EC_CURVE_TYPE, curve_type);
	if (curve_type != 3) {
		tell_rest(emit, body, "data");
		return 0;
	}
	group = reader_u16(body, "named_curve");
	if (reader_ok(body))
		emit_name(emit, "named_curve", REGISTRY_NAMED_GROUP, group);
	tell_vec8(emit, body, "public");
	return group;
}

/* RFC 5246 section 7.4.3. */
static void tell_dh_parameters(struct emit *emit, struct reader *body)
{
	tell_vec16(emit, body, "dh_p");
	tell_vec16(emit, body, "dh_g");
	tell_vec16(emit, body, "dh_Ys");
}

static bool has_psk(enum key_exchange key_exchange)
{
	return key_exchange == KX_PSK || key_exchange == KX_RSA_PSK || key_exchange == KX_DHE_PSK ||
	       key_exchange == KX_ECDHE_PSK;
}

/* Writes the members of a ServerKeyExchange; *group and *scheme are set if it has them. */
static void tell_key_exchange(struct emit *emit, struct reader *body, uint16_t version,
                              struct suite suite, uint16_t *group, uint16_t *scheme)
{
	if (has_psk(suite.key_exchange)) /* RFC 4279 section 2 */
		tell_vec16(emit, body, "psk_identity_hint");
	if (suite.key_exchange == KX_ECDHE || suite.key_exchange == KX_ECDHE_PSK)
		*group = tell_ec_parameters(emit, body);
	else if (suite.key_exchange == KX_DHE || suite.key_exchange == KX_DHE_PSK)
		tell_dh_parameters(emit, body);
	if (!suite.is_signed) {
		if (reader_left(body) > 0)
			tell_rest(emit, body, "data");
		return;
	}
	if (names_algorithms(version)) {
		*scheme = reader_u16(body, "signature_algorithm");
		if (reader_ok(body))
			emit_name(emit, "signature_algorithm", REGISTRY_SIGNATURE_SCHEME, *scheme);
	}
	tell_vec16(emit, body, "signature");
}

static void server_key_exchange(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);
	uint16_t group = 0, scheme = 0;

	tell_key_exchange(tell->emit, &body, tell->version, suite_describe(tell->cipher_suite),
	                  &group, &scheme);
	end_message(tell, &body);
}

void server_key_exchange_read(struct bytes message, uint16_t version, uint16_t cipher_suite,
                              uint16_t *group, uint16_t *signature_algorithm)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);
	struct buf nowhere = {.max = 1};
	struct emit emit;

	*group = 0;
	*signature_algorithm = 0;
	emit_init(&emit, &nowhere, EMIT_JSON);
	tell_key_exchange(&emit, &body, version, suite_describe(cipher_suite), group,
	                  signature_algorithm);
	buf_fini(&nowhere);
}

/* RFC 5246 section 7.4.7. */
static void client_key_exchange(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);
	enum key_exchange key_exchange = suite_describe(tell->cipher_suite).key_exchange;

	if (has_psk(key_exchange))
		tell_vec16(tell->emit, &body, "psk_identity");
	switch (key_exchange) {
	case KX_RSA:
	case KX_RSA_PSK:
		tell_vec16(tell->emit, &body, "encrypted_pre_master_secret");
		break;
	case KX_DH:
	case KX_DHE:
	case KX_DHE_PSK:
		tell_vec16(tell->emit, &body, "dh_Yc");
		break;
	case KX_ECDH:
	case KX_ECDHE:
	case KX_ECDHE_PSK:
		tell_vec8(tell->emit, &body, "ecdh_Yc");
		break;
	case KX_PSK:
		break;
	case KX_UNKNOWN:
		tell_rest(tell->emit, &body, "data");
		break;
	}
	end_message(tell, &body);
}

/* RFC 8446 section 4.4.3, RFC 5246 section 7.4.8. */
static void certificate_verify(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);

	if (names_algorithms(tell->version))
		tell_name(tell->emit, &body, "algorithm", REGISTRY_SIGNATURE_SCHEME);
	tell_vec16(tell->emit, &body, "signature");
	end_message(tell, &body);
}

uint16_t certificate_verify_read(struct bytes message, uint16_t version)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);

	return names_algorithms(version) ? reader_u16(&body, "algorithm") : 0;
}

/* RFC 8446 section 4.6.1, RFC 5077 section 3.3. */
static void new_session_ticket(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);

	tell_u32(tell->emit, &body, "ticket_lifetime");
	if (is_tls13(tell)) {
		tell_u32(tell->emit, &body, "ticket_age_add");
		tell_vec8(tell->emit, &body, "ticket_nonce");
	}
	tell_vec16(tell->emit, &body, "ticket");
	if (is_tls13(tell))
		tell_extensions(tell, &body, IN_NEW_SESSION_TICKET);
	end_message(tell, &body);
}

/* RFC 6066 section 8, RFC 6961 section 2.2. */
static void certificate_status(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);
	struct reader response;

	tell_name(tell->emit, &body, "status_type", REGISTRY_CERTIFICATE_STATUS_TYPE);
	response = reader_vec24(&body, "response");
	emit_hex(tell->emit, "response", reader_rest(&response));
	end_message(tell, &body);
}

/* RFC 8446 section 4.4.4, RFC 5246 section 7.4.9. */
static void finished(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);

	tell_rest(tell->emit, &body, "verify_data");
	end_message(tell, &body);
}

/* RFC 8446 section 4.6.3. */
static void key_update(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);

	tell_name(tell->emit, &body, "request_update", REGISTRY_KEY_UPDATE_REQUEST);
	end_message(tell, &body);
}

/* draft-agl-tls-nextprotoneg. */
static void next_protocol(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);
	struct reader name = reader_vec8(&body, "selected_protocol");

	emit_string(tell->emit, "selected_protocol", reader_rest(&name));
	reader_vec8(&body, "padding");
	end_message(tell, &body);
}

/* HelloRequest, ServerHelloDone, EndOfEarlyData: nothing to tell but a fault. */
static void nothing(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);

	end_message(tell, &body);
}

const struct handshake_kind handshake_kinds[] = {
	{HANDSHAKE_hello_request, "hello_request", false, nothing},
	{HANDSHAKE_encrypted_extensions, "encrypted_extensions", false, encrypted_extensions},
	{HANDSHAKE_certificate_request, "certificate_request", false, certificate_request},
	{HANDSHAKE_certificate, "certificates", true, certificate},
	{HANDSHAKE_compressed_certificate, "compressed_certificates", true, compressed_certificate},
	{HANDSHAKE_certificate_status, "certificate_status", false, certificate_status},
	{HANDSHAKE_server_key_exchange, "server_key_exchange", false, server_key_exchange},
	{HANDSHAKE_server_hello_done, "server_hello_done", false, nothing},
	{HANDSHAKE_client_key_exchange, "client_key_exchange", false, client_key_exchange},
	{HANDSHAKE_certificate_verify, "certificate_verify", true, certificate_verify},
	{HANDSHAKE_next_protocol, "next_protocol", false, next_protocol},
	{HANDSHAKE_end_of_early_data, "end_of_early_data", false, nothing},
	{HANDSHAKE_finished, "finished", true, finished},
	{HANDSHAKE_new_session_ticket, "new_session_tickets", true, new_session_ticket},
	{HANDSHAKE_key_update, "key_updates", true, key_update},
};
const size_t n_handshake_kinds = sizeof(handshake_kinds) / sizeof(handshake_kinds[0]);
