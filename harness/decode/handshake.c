#include "decode/handshake.h"

#include "decode/certificate.h"
#include "decode/certificate_compression.h"
#include "decode/der.h"
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
	char text[FAULT_TEXT_MAX];
	struct emit_run run;
	struct fault fault;

	if (emit_again(tell->emit, &run, EMIT_TAG(EMIT_TAG_CERTIFICATE, 0), der))
		return;
	if (certificate_tell(tell->emit, der, &fault))
		emit_remember(tell->emit, &run);
	else
		faults_add(tell->faults, tell->from_server, tell->where, "in cert_data, %s",
		           fault_text(&fault, text, sizeof(text)));
}

static void tell_certificate(const struct tell *tell, struct reader *entries)
{
	struct reader der = reader_vec24(entries, "cert_data");

	emit_item(tell->emit, "Certificate (%zu bytes)", reader_rest(&der).len);
	tell_summary(tell, reader_rest(&der));
	if (is_tls13(tell) && reader_left(entries) > 0) {
		struct reader block = reader_vec16(entries, "extensions");

		if (reader_rest(&block).len > 0) { /* the certificate has extensions of its own */
			emit_object(tell->emit, "certificate_entry");
			extensions_tell(tell, &block, IN_CERTIFICATE);
			emit_close(tell->emit);
		}
	}
	emit_close(tell->emit);
}

/* A list, or one key alone: RFC 7250 section 3 has that for TLS 1.2. */
static bool is_bare_key(const struct tell *tell, const struct reader *list)
{
	struct bytes rest = reader_rest(list);

	return !is_tls13(tell) && rest.len > 0 && rest.data[0] == 0x30;
}

static void tell_chain(const struct tell *tell, struct reader *list)
{
	struct fault own;
	struct reader entries = reader_isolate(list, &own);

	emit_list(tell->emit, "chain");
	if (is_bare_key(tell, &entries)) {
		emit_item(tell->emit, "Public Key (%zu bytes)", reader_rest(&entries).len);
		tell_summary(tell, reader_rest(&entries));
		emit_close(tell->emit);
		reader_bytes(&entries, reader_left(&entries), "cert_data");
	}
	while (reader_left(&entries) > 0)
		tell_certificate(tell, &entries);
	emit_close(tell->emit);
	tell_end(list, &entries, "certificate_list");
}

/* RFC 8446 section 4.4.2, RFC 5246 section 7.4.2; `body` is behind the message's header. */
static void tell_certificates(const struct tell *tell, struct reader *body)
{
	struct reader list;

	if (is_tls13(tell))
		tell_vec8(tell->emit, body, "certificate_request_context");
	list = reader_vec24(body, "certificate_list");
	tell_chain(tell, &list);
	end_message(tell, body);
}

static void certificate(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);

	tell_certificates(tell, &body);
}

/* The message inside; the offsets of its faults count from its own start. */
static void tell_unpacked(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body;

	reader_init(&body, message.data, message.len, &fault);
	tell_certificates(tell, &body);
}

/* RFC 8879 section 4. */
static void compressed_certificate(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);
	uint16_t algorithm = reader_u16(&body, "algorithm");
	uint32_t length = reader_u24(&body, "uncompressed_length");
	size_t offset = reader_offset(&body);
	struct reader packed = reader_vec24(&body, "compressed_certificate_message");
	struct buf unpacked = {0};
	const char *wrong;

	if (reader_offset(&body) >= HANDSHAKE_HEADER_LEN + 2)
		emit_name(tell->emit, "algorithm", REGISTRY_CERTIFICATE_COMPRESSION, algorithm);
	if (reader_ok(&body)) {
		emit_uint(tell->emit, "uncompressed_length", length);
		emit_uint(tell->emit, "compressed_length", reader_rest(&packed).len);
		wrong = certificate_unpack(algorithm, reader_rest(&packed), length, &unpacked);
		if (wrong == NULL)
			tell_unpacked(tell, buf_view(&unpacked));
		else
			reader_refuse(&body, offset, "compressed_certificate_message", wrong);
	}
	end_message(tell, &body);
	buf_fini(&unpacked);
}

/* Distinguished names in DER, each with two bytes of length. */
static void tell_authorities(struct emit *emit, struct reader list)
{
	struct fault own;
	struct reader names = reader_isolate(&list, &own);

	emit_list(emit, "certificate_authorities");
	while (reader_left(&names) > 0) {
		struct reader name = reader_vec16(&names, "distinguished_name");
		struct fault own_name;
		struct reader der = reader_isolate(&name, &own_name);

		der_tell_name(emit, NULL, &der, "distinguished_name");
		tell_end(&names, &der, "distinguished_name");
	}
	emit_close(emit);
	tell_end(&list, &names, "certificate_authorities");
}

/* RFC 9261 section 4: the form of TLS 1.3, from a client. */
static void client_certificate_request(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);

	tell_vec8(tell->emit, &body, "certificate_request_context");
	tell_extensions(tell, &body, IN_CERTIFICATE_REQUEST);
	end_message(tell, &body);
}

/* RFC 8446 section 4.3.2, RFC 5246 section 7.4.4. */
static void certificate_request(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);

	if (is_tls13(tell)) {
		client_certificate_request(tell, message);
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

/* RFC 4492 section 5.4: a curve by its numbers. */
static void tell_explicit_curve(struct emit *emit, struct reader *body, uint8_t curve_type)
{
	if (curve_type == 1) {
		tell_vec8(emit, body, "prime_p");
	} else {
		uint8_t basis;

		tell_u16(emit, body, "m");
		basis = reader_u8(body, "basis");
		emit_text(emit, "basis",
		          basis == 1 ? "ec_basis_trinomial" : "ec_basis_pentanomial");
		tell_vec8(emit, body, basis == 1 ? "k" : "k1");
		if (basis != 1) {
			tell_vec8(emit, body, "k2");
			tell_vec8(emit, body, "k3");
		}
	}
	tell_vec8(emit, body, "a");
	tell_vec8(emit, body, "b");
	tell_vec8(emit, body, "base");
	tell_vec8(emit, body, "order");
	tell_vec8(emit, body, "cofactor");
}

/* RFC 8422 section 5.4. Returns the group, 0 if it is given by its parameters. */
static uint16_t tell_ec_parameters(struct emit *emit, struct reader *body)
{
	uint8_t curve_type = reader_u8(body, "curve_type");
	uint16_t group = 0;

	if (!reader_ok(body))
		return 0;
	emit_name(emit, "curve_type", REGISTRY_EC_CURVE_TYPE, curve_type);
	if (curve_type == 1 || curve_type == 2) {
		tell_explicit_curve(emit, body, curve_type);
	} else if (curve_type == 3) {
		group = reader_u16(body, "named_curve");
		if (reader_ok(body))
			emit_name(emit, "named_curve", REGISTRY_NAMED_GROUP, group);
	} else {
		tell_rest(emit, body, "data");
		return 0;
	}
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

/* RFC 5054 section 2.5.3. */
static void tell_srp_parameters(struct emit *emit, struct reader *body)
{
	tell_vec16(emit, body, "srp_N");
	tell_vec16(emit, body, "srp_g");
	tell_vec8(emit, body, "srp_s");
	tell_vec16(emit, body, "srp_B");
}

/* RFC 2246 section 7.4.3: a short key for export, made for this handshake. */
static void tell_rsa_parameters(struct emit *emit, struct reader *body)
{
	tell_vec16(emit, body, "rsa_modulus");
	tell_vec16(emit, body, "rsa_exponent");
}

/* RFC 8492 section 4.6.3. */
static uint16_t tell_pwd_parameters(struct emit *emit, struct reader *body)
{
	uint16_t group;

	tell_vec8(emit, body, "salt");
	group = tell_ec_parameters(emit, body);
	tell_vec8(emit, body, "scalar");
	return group;
}

static bool has_psk(enum key_exchange key_exchange)
{
	return key_exchange == KX_PSK || key_exchange == KX_RSA_PSK || key_exchange == KX_DHE_PSK ||
	       key_exchange == KX_ECDHE_PSK;
}

/* Writes the members of a ServerKeyExchange; *group and *scheme are set if it has them. */
static void tell_key_exchange(struct emit *emit, struct reader *body, uint16_t version,
                              struct suite_exchange suite, uint16_t *group,
                              uint16_t *scheme)
{
	if (has_psk(suite.key_exchange)) /* RFC 4279 section 2 */
		tell_vec16(emit, body, "psk_identity_hint");
	if (suite.key_exchange == KX_ECDHE || suite.key_exchange == KX_ECDHE_PSK)
		*group = tell_ec_parameters(emit, body);
	else if (suite.key_exchange == KX_DHE || suite.key_exchange == KX_DHE_PSK)
		tell_dh_parameters(emit, body);
	else if (suite.key_exchange == KX_SRP)
		tell_srp_parameters(emit, body);
	else if (suite.key_exchange == KX_ECCPWD)
		*group = tell_pwd_parameters(emit, body);
	else if (suite.key_exchange == KX_RSA)
		tell_rsa_parameters(emit, body);
	if (!suite.is_signed && suite.key_exchange != KX_RSA) {
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

	tell_key_exchange(tell->emit, &body, tell->version, suite_exchange(tell->cipher_suite),
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
	tell_key_exchange(&emit, &body, version, suite_exchange(cipher_suite), group,
	                  signature_algorithm);
	buf_fini(&nowhere);
}

/* RFC 5246 section 7.4.7.1; in SSL 3.0 no length stands before it (RFC 6101 section 5.6.7.1). */
static void tell_rsa_secret(const struct tell *tell, struct reader *body)
{
	if (tell->version == VERSION_SSL_3_0)
		tell_rest(tell->emit, body, "encrypted_pre_master_secret");
	else
		tell_vec16(tell->emit, body, "encrypted_pre_master_secret");
}

/* RFC 5246 section 7.4.7. */
static void client_key_exchange(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);
	enum key_exchange key_exchange = suite_exchange(tell->cipher_suite).key_exchange;

	if (has_psk(key_exchange))
		tell_vec16(tell->emit, &body, "psk_identity");
	switch (key_exchange) {
	case KX_RSA:
	case KX_RSA_PSK:
		tell_rsa_secret(tell, &body);
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
	case KX_SRP:
		tell_vec16(tell->emit, &body, "srp_A");
		break;
	case KX_ECCPWD:
		tell_vec8(tell->emit, &body, "element");
		tell_vec8(tell->emit, &body, "scalar");
		break;
	case KX_KRB5: /* RFC 2712 */
		tell_vec16(tell->emit, &body, "ticket");
		tell_vec16(tell->emit, &body, "authenticator");
		tell_vec16(tell->emit, &body, "encrypted_pre_master_secret");
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

	certificate_status_tell(tell->emit, &body);
	end_message(tell, &body);
}

static void tell_urls(struct emit *emit, struct reader list)
{
	struct fault own;
	struct reader urls = reader_isolate(&list, &own);

	emit_list(emit, "url_and_hash_list");
	while (reader_left(&urls) > 0) {
		struct reader url = reader_vec16(&urls, "url");

		emit_item(emit, "URL and Hash");
		emit_string(emit, "url", reader_rest(&url));
		tell_u8(emit, &urls, "padding");
		tell_bytes(emit, &urls, 20, "sha1_hash");
		emit_close(emit);
	}
	emit_close(emit);
	tell_end(&list, &urls, "url_and_hash_list");
}

/* RFC 6066 section 5. */
static void certificate_url(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);

	tell_name(tell->emit, &body, "type", REGISTRY_CERT_CHAIN_TYPE);
	tell_urls(tell->emit, reader_vec16(&body, "url_and_hash_list"));
	end_message(tell, &body);
}

/* RFC 4680 section 2. */
static void supplemental_data(const struct tell *tell, struct bytes message)
{
	struct fault fault, own;
	struct reader body = body_of(message, &fault);
	struct reader list = reader_vec24(&body, "supp_data");
	struct reader entries = reader_isolate(&list, &own);

	emit_list(tell->emit, "supp_data");
	while (reader_left(&entries) > 0) {
		emit_item(tell->emit, "Supplemental Data Entry");
		tell_name(tell->emit, &entries, "supp_data_type", REGISTRY_SUPPLEMENTAL_DATA_TYPE);
		tell_vec16(tell->emit, &entries, "data");
		emit_close(tell->emit);
	}
	emit_close(tell->emit);
	tell_end(&list, &entries, "supp_data");
	end_message(tell, &body);
}

/* The HelloRetryRequest of drafts before draft-ietf-tls-tls13-22. */
static void draft_retry_request(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);

	tell_name(tell->emit, &body, "server_version", REGISTRY_PROTOCOL_VERSION);
	tell_name(tell->emit, &body, "cipher_suite", REGISTRY_CIPHER_SUITE);
	tell_extensions(tell, &body, IN_HELLO_RETRY_REQUEST);
	end_message(tell, &body);
}

/* draft-agl-tls-nextprotoneg and draft-balfanz-tls-channelid: extensions, no length around them. */
static void draft_encrypted_extensions(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);

	extensions_tell(tell, &body, IN_CLIENT_EXTENSIONS);
	body.pos = body.len;
	end_message(tell, &body);
}

/* RFC 6347 section 4.2.1. */
static void hello_verify_request(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);

	tell_name(tell->emit, &body, "server_version", REGISTRY_PROTOCOL_VERSION);
	tell_vec8(tell->emit, &body, "cookie");
	end_message(tell, &body);
}

/* RFC 9147 section 9. */
static void request_connection_id(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);

	tell_u8(tell->emit, &body, "num_cids");
	end_message(tell, &body);
}

static void tell_cid(struct emit *emit, struct reader *cids)
{
	struct reader cid = reader_vec8(cids, "cids");

	emit_hex(emit, NULL, reader_rest(&cid));
}

static void new_connection_id(const struct tell *tell, struct bytes message)
{
	struct fault fault, own;
	struct reader body = body_of(message, &fault);
	struct reader list = reader_vec16(&body, "cids");
	struct reader cids = reader_isolate(&list, &own);

	emit_list(tell->emit, "cids");
	while (reader_left(&cids) > 0)
		tell_cid(tell->emit, &cids);
	emit_close(tell->emit);
	tell_end(&list, &cids, "cids");
	tell_u8(tell->emit, &body, "usage");
	end_message(tell, &body);
}

/* RFC 8870 section 5.2.2. */
static void ekt_key(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);

	tell_vec8(tell->emit, &body, "ekt_key_value");
	tell_vec8(tell->emit, &body, "srtp_master_salt");
	tell_u16(tell->emit, &body, "ekt_spi");
	if (reader_left(&body) >= 3)
		emit_uint(tell->emit, "ekt_ttl", reader_u24(&body, "ekt_ttl"));
	end_message(tell, &body);
}

/* RFC 8446 section 4.4.1: never sent, but a number that a peer may use. */
static void message_hash(const struct tell *tell, struct bytes message)
{
	struct fault fault;
	struct reader body = body_of(message, &fault);

	tell_rest(tell->emit, &body, "hash");
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
	{HANDSHAKE_hello_verify_request, "hello_verify_request", false, hello_verify_request},
	{HANDSHAKE_hello_retry_request, "draft_hello_retry_request", false, draft_retry_request},
	{HANDSHAKE_encrypted_extensions, "encrypted_extensions", false, encrypted_extensions},
	{HANDSHAKE_supplemental_data, "supplemental_data", true, supplemental_data},
	{HANDSHAKE_certificate_request, "certificate_request", false, certificate_request},
	{HANDSHAKE_client_certificate_request, "client_certificate_request", false,
	 client_certificate_request},
	{HANDSHAKE_certificate, "certificates", true, certificate},
	{HANDSHAKE_compressed_certificate, "compressed_certificates", true, compressed_certificate},
	{HANDSHAKE_certificate_url, "certificate_url", false, certificate_url},
	{HANDSHAKE_certificate_status, "certificate_status", false, certificate_status},
	{HANDSHAKE_server_key_exchange, "server_key_exchange", false, server_key_exchange},
	{HANDSHAKE_server_hello_done, "server_hello_done", false, nothing},
	{HANDSHAKE_client_key_exchange, "client_key_exchange", false, client_key_exchange},
	{HANDSHAKE_certificate_verify, "certificate_verify", true, certificate_verify},
	{HANDSHAKE_next_protocol, "next_protocol", false, next_protocol},
	{HANDSHAKE_encrypted_extensions_draft, "encrypted_extensions_draft", false,
	 draft_encrypted_extensions},
	{HANDSHAKE_end_of_early_data, "end_of_early_data", false, nothing},
	{HANDSHAKE_finished, "finished", true, finished},
	{HANDSHAKE_new_session_ticket, "new_session_tickets", true, new_session_ticket},
	{HANDSHAKE_key_update, "key_updates", true, key_update},
	{HANDSHAKE_request_connection_id, "request_connection_id", false, request_connection_id},
	{HANDSHAKE_new_connection_id, "new_connection_id", false, new_connection_id},
	{HANDSHAKE_ekt_key, "ekt_key", false, ekt_key},
	{HANDSHAKE_message_hash, "message_hash", false, message_hash},
};
const size_t n_handshake_kinds = sizeof(handshake_kinds) / sizeof(handshake_kinds[0]);
