/* Every extension: what is told of it, of each prefix of it, and of it with any bit flipped. */
#include "decode/extension.h"
#include "tests/decode/support.h"

struct example {
	uint16_t type;
	enum extension_place place;
	const char *hex;  /* the body */
	const char *told; /* the members behind "length" */
};

static const struct example examples[] = {
	{EXTENSION_server_name, IN_CLIENT_HELLO, "000b0000087465737400ff2272",
         "\"server_name_list\":[\"test\\u0000\\u00ff\\\"r\"]"},
	{EXTENSION_server_name, IN_SERVER_HELLO, "", ""},
	{EXTENSION_server_name, IN_CLIENT_HELLO, "0006ee0003616263",
         "\"server_name_list\":[{\"name_type\":\"0xee\",\"data\":\"616263\"}]"},
	{EXTENSION_max_fragment_length, IN_CLIENT_HELLO, "02", "\"max_fragment_length\":\"1024\""},
	{EXTENSION_max_fragment_length, IN_ENCRYPTED_EXTENSIONS, "04",
         "\"max_fragment_length\":\"4096\""},
	{EXTENSION_client_certificate_url, IN_CLIENT_HELLO, "", ""},
	{EXTENSION_trusted_ca_keys, IN_CLIENT_HELLO,
         "0027000100010203040506070809" "0a0b0c0d0e0f1011121302000e300c310a300806035504030c0162",
         "\"trusted_authorities_list\":[{\"identifier_type\":\"pre_agreed\"},"
         "{\"identifier_type\":\"key_sha1_hash\","
         "\"sha1_hash\":\"000102030405060708090a0b0c0d0e0f10111213\"},"
         "{\"identifier_type\":\"x509_name\",\"distinguished_name\":\"CN=b\"}]"},
	{EXTENSION_truncated_hmac, IN_CLIENT_HELLO, "", ""},
	{EXTENSION_status_request, IN_CLIENT_HELLO, "01000800" "06a204" "0402aabb0000",
         "\"status_type\":\"ocsp\",\"responder_id_list\":[\"aabb\"],\"request_extensions\":\"\""},
	{EXTENSION_status_request, IN_CERTIFICATE_REQUEST, "", ""},
	{EXTENSION_status_request, IN_CERTIFICATE, "0100000530030a0103",
         "\"status_type\":\"ocsp\",\"ocsp_response\":{\"response_status\":\"tryLater\"}"},
	{EXTENSION_status_request, IN_CERTIFICATE, "0200000b000000" "00000530030a0106",
         "\"status_type\":\"ocsp_multi\",\"ocsp_response_list\":[{},"
         "{\"response_status\":\"unauthorized\"}]"},
	{EXTENSION_status_request, IN_CERTIFICATE, "09000002aabb",
         "\"status_type\":\"0x09\",\"response\":\"aabb\""},
	{EXTENSION_user_mapping, IN_CLIENT_HELLO, "0140", "\"user_mapping_types\":[\"upn_domain_hint\"]"},
	{EXTENSION_client_authz, IN_CLIENT_HELLO, "020001", "\"authz_format_list\":[\"x509_attr_cert\",\"saml_assertion\"]"},
	{EXTENSION_server_authz, IN_SERVER_HELLO, "0100", "\"authz_format_list\":[\"x509_attr_cert\"]"},
	{EXTENSION_cert_type, IN_CLIENT_HELLO, "020001",
         "\"certificate_types\":[\"X509\",\"OpenPGP\"]"},
	{EXTENSION_cert_type, IN_SERVER_HELLO, "00", "\"certificate_type\":\"X509\""},
	{EXTENSION_supported_groups, IN_CLIENT_HELLO, "000a1a1a11ec001d00171234",
         "\"named_group_list\":[\"GREASE (0x1a1a)\",\"X25519MLKEM768\",\"x25519\",\"secp256r1\","
         "\"0x1234\"]"},
	{EXTENSION_supported_groups, IN_ENCRYPTED_EXTENSIONS, "0002001d",
         "\"named_group_list\":[\"x25519\"]"},
	{EXTENSION_ec_point_formats, IN_CLIENT_HELLO, "03000102",
         "\"ec_point_format_list\":[\"uncompressed\",\"ansiX962_compressed_prime\","
         "\"ansiX962_compressed_char2\"]"},
	{EXTENSION_srp, IN_CLIENT_HELLO, "03626f62", "\"srp_I\":\"bob\""},
	{EXTENSION_signature_algorithms, IN_CLIENT_HELLO, "0008030308040a0a0905",
         "\"supported_signature_algorithms\":[\"ecdsa_sha224\",\"rsa_pss_rsae_sha256\","
         "\"GREASE (0x0a0a)\",\"mldsa65\"]"},
	{EXTENSION_use_srtp, IN_CLIENT_HELLO, "0004000100070155",
         "\"srtp_protection_profiles\":[\"SRTP_AES128_CM_HMAC_SHA1_80\",\"SRTP_AEAD_AES_128_GCM\"],"
         "\"srtp_mki\":\"55\""},
	{EXTENSION_heartbeat, IN_CLIENT_HELLO, "01", "\"mode\":\"peer_allowed_to_send\""},
	{EXTENSION_application_layer_protocol_negotiation, IN_CLIENT_HELLO,
         "000c02683208687474702f312e31", "\"protocol_name_list\":[\"h2\",\"http/1.1\"]"},
	{EXTENSION_application_layer_protocol_negotiation, IN_ENCRYPTED_EXTENSIONS, "0003026832",
         "\"protocol_name_list\":[\"h2\"]"},
	{EXTENSION_status_request_v2, IN_CLIENT_HELLO, "000702000400000000",
         "\"certificate_status_req_list\":[{\"status_type\":\"ocsp_multi\",\"responder_id_list\":[]"
         ","
         "\"request_extensions\":\"\"}]"},
	{EXTENSION_signed_certificate_timestamp, IN_CLIENT_HELLO, "", ""},
	{EXTENSION_signed_certificate_timestamp, IN_CERTIFICATE, "0038" "0031" "00"
         "0000000000000000000000000000000000000000000000000000000000000007" "00000163bd000000" "0000" "0403" "0002aabb" "000301aabb",
         "\"sct_list\":[{\"version\":1,\"log_id\":\"0000000000000000000000000000000000000000000000000000000000000007\","
         "\"timestamp\":\"2018-06-01T20:18:03.904Z\",\"extensions\":\"\","
         "\"signature_algorithm\":\"ecdsa_secp256r1_sha256\",\"signature\":\"aabb\"},"
         "{\"version\":2,\"data\":\"aabb\"}]"},
	{EXTENSION_client_certificate_type, IN_CLIENT_HELLO, "0102",
         "\"certificate_types\":[\"RawPublicKey\"]"},
	{EXTENSION_server_certificate_type, IN_ENCRYPTED_EXTENSIONS, "02",
         "\"certificate_type\":\"RawPublicKey\""},
	{EXTENSION_padding, IN_CLIENT_HELLO, "00000000", ""},
	{EXTENSION_encrypt_then_mac, IN_CLIENT_HELLO, "", ""},
	{EXTENSION_extended_master_secret, IN_SERVER_HELLO, "", ""},
	{EXTENSION_token_binding, IN_CLIENT_HELLO, "01000102",
         "\"token_binding_version\":\"1.0\",\"key_parameters_list\":[\"ecdsap256\"]"},
	{EXTENSION_cached_info, IN_CLIENT_HELLO, "00040102aabb",
         "\"cached_info\":[{\"cached_information_type\":\"cert\",\"hash_value\":\"aabb\"}]"},
	{EXTENSION_cached_info, IN_SERVER_HELLO, "000101", "\"cached_info\":[\"cert\"]"},
	{EXTENSION_compress_certificate, IN_CLIENT_HELLO, "0400010002",
         "\"algorithms\":[\"zlib\",\"brotli\"]"},
	{EXTENSION_record_size_limit, IN_CLIENT_HELLO, "4001", "\"record_size_limit\":16385"},
	{EXTENSION_tls_lts, IN_CLIENT_HELLO, "", "\"data\":\"\""},
	{EXTENSION_pwd_protect, IN_CLIENT_HELLO, "0102", "\"protected_name\":\"02\""},
	{EXTENSION_pwd_clear, IN_CLIENT_HELLO, "03626f62", "\"name_text\":\"bob\""},
	{EXTENSION_password_salt, IN_HELLO_RETRY_REQUEST, "0002aabb", "\"salt\":\"aabb\""},
	{EXTENSION_ticket_pinning, IN_CLIENT_HELLO, "0001aa", "\"ticket\":\"aa\""},
	{EXTENSION_ticket_pinning, IN_ENCRYPTED_EXTENSIONS, "01bb0001aa00000e10",
         "\"proof\":\"bb\",\"ticket\":\"aa\",\"lifetime\":3600"},
	{EXTENSION_tls_cert_with_extern_psk, IN_CLIENT_HELLO, "", ""},
	{EXTENSION_delegated_credential, IN_CLIENT_HELLO, "00020403",
         "\"supported_signature_algorithms\":[\"ecdsa_secp256r1_sha256\"]"},
	{EXTENSION_delegated_credential, IN_CERTIFICATE, "00000e10040300002c" "302a300506032b6570032100" "1111111111111111111111111111111111111111111111111111111111111111" "0403000155",
         "\"valid_time\":3600,\"dc_cert_verify_algorithm\":\"ecdsa_secp256r1_sha256\","
         "\"subject_public_key_info\":\"302a300506032b65700321001111111111111111111111111111111111111111111111111111111111111111\","
         "\"key\":\"Ed25519\",\"algorithm\":\"ecdsa_secp256r1_sha256\","
         "\"signature\":\"55\""},
	{EXTENSION_session_ticket, IN_CLIENT_HELLO, "aabb", "\"ticket\":\"aabb\""},
	{EXTENSION_supported_ekt_ciphers, IN_CLIENT_HELLO, "0101", "\"supported_ciphers\":[\"aeskw_128\"]"},
	{EXTENSION_supported_ekt_ciphers, IN_SERVER_HELLO, "02", "\"selected_cipher\":\"aeskw_256\""},
	{EXTENSION_key_share_draft, IN_CLIENT_HELLO, "0005001d0001aa",
         "\"client_shares\":[{\"group\":\"x25519\",\"key_exchange\":\"aa\"}]"},
	{EXTENSION_pre_shared_key, IN_CLIENT_HELLO,
         "00080002aabb000000050003"
         "02ccdd",
         "\"identities\":[{\"identity\":\"aabb\",\"obfuscated_ticket_age\":5}],\"binders\":["
         "\"ccdd\"]"},
	{EXTENSION_pre_shared_key, IN_SERVER_HELLO, "0001", "\"selected_identity\":1"},
	{EXTENSION_early_data, IN_CLIENT_HELLO, "", ""},
	{EXTENSION_early_data, IN_NEW_SESSION_TICKET, "00004000", "\"max_early_data_size\":16384"},
	{EXTENSION_supported_versions, IN_CLIENT_HELLO, "087a7a7f1c03040303",
         "\"versions\":[\"GREASE (0x7a7a)\",\"TLS 1.3 (draft 28)\",\"TLS 1.3\",\"TLS 1.2\"]"},
	{EXTENSION_supported_versions, IN_SERVER_HELLO, "0304", "\"selected_version\":\"TLS 1.3\""},
	{EXTENSION_cookie, IN_CLIENT_HELLO, "0002aabb", "\"cookie\":\"aabb\""},
	{EXTENSION_cookie, IN_HELLO_RETRY_REQUEST, "0001aa", "\"cookie\":\"aa\""},
	{EXTENSION_psk_key_exchange_modes, IN_CLIENT_HELLO, "03010b00",
         "\"ke_modes\":[\"psk_dhe_ke\",\"GREASE (0x0b)\",\"psk_ke\"]"},
	{EXTENSION_certificate_authorities, IN_CERTIFICATE_REQUEST, "0010000e300c310a300806035504030c0162",
         "\"authorities\":[\"CN=b\"]"},
	{EXTENSION_ticket_early_data_info, IN_NEW_SESSION_TICKET, "00004000",
         "\"max_early_data_size\":16384"},
	{EXTENSION_oid_filters, IN_CERTIFICATE_REQUEST, "0006025504000102",
         "\"filters\":[{\"certificate_extension_oid\":\"5504\","
         "\"certificate_extension_values\":\"02\"}]"},
	{EXTENSION_oid_filters, IN_CERTIFICATE_REQUEST, "000c" "050603551d25" "000430020500",
         "\"filters\":[{\"certificate_extension_oid\":\"extKeyUsage\","
         "\"certificate_extension_values\":\"30020500\"}]"},
	{EXTENSION_post_handshake_auth, IN_CLIENT_HELLO, "", ""},
	{EXTENSION_signature_algorithms_cert, IN_CLIENT_HELLO, "00020401",
         "\"supported_signature_algorithms\":[\"rsa_pkcs1_sha256\"]"},
	{EXTENSION_key_share, IN_CLIENT_HELLO, "000b001d0002aabb2a2a000100",
         "\"client_shares\":[{\"group\":\"x25519\",\"key_exchange\":\"aabb\"},"
         "{\"group\":\"GREASE (0x2a2a)\",\"key_exchange\":\"00\"}]"},
	{EXTENSION_key_share, IN_SERVER_HELLO, "00170001aa",
         "\"group\":\"secp256r1\",\"key_exchange\":\"aa\""},
	{EXTENSION_key_share, IN_HELLO_RETRY_REQUEST, "0018", "\"selected_group\":\"secp384r1\""},
	{EXTENSION_transparency_info, IN_CLIENT_HELLO, "", ""},
	{EXTENSION_transparency_info, IN_CERTIFICATE,
         "001c" "0013" "0102" "02aabb" "00000163bd000000" "0000" "00021234" "00050001aabbcc",
         "\"trans_item_list\":[{\"versioned_type\":\"x509_sct_v2\",\"log_id\":\"aabb\","
         "\"timestamp\":\"2018-06-01T20:18:03.904Z\",\"sct_extensions\":\"\","
         "\"signature\":\"1234\"},{\"versioned_type\":\"0x0001\",\"data\":\"aabbcc\"}]"},
	{EXTENSION_connection_id_deprecated, IN_CLIENT_HELLO, "01aa", "\"cid\":\"aa\""},
	{EXTENSION_connection_id, IN_CLIENT_HELLO, "00", "\"cid\":\"\""},
	{EXTENSION_external_id_hash, IN_CLIENT_HELLO, "01aa", "\"binding_hash\":\"aa\""},
	{EXTENSION_external_session_id, IN_CLIENT_HELLO, "01aa", "\"session_id\":\"aa\""},
	{EXTENSION_quic_transport_parameters, IN_CLIENT_HELLO,
         "01048000ea60" "0f02aabb" "0c00" "800047520400000001" "1b00" "c0000001000000000101" "80ff73db0100",
         "\"transport_parameters\":[{\"name\":\"max_idle_timeout\",\"value\":60000},"
         "{\"name\":\"initial_source_connection_id\",\"value\":\"aabb\"},"
         "{\"name\":\"disable_active_migration\",\"value\":\"\"},"
         "{\"name\":\"google_version\",\"value\":\"00000001\"},"
         "{\"name\":\"GREASE (0x1b)\",\"value\":\"\"},"
         "{\"name\":\"0x100000000\",\"value\":\"01\"},"
         "{\"name\":\"version_information_draft\",\"value\":\"00\"}]"},
	{EXTENSION_ticket_request, IN_CLIENT_HELLO, "0201",
         "\"new_session_count\":2,\"resumption_count\":1"},
	{EXTENSION_ticket_request, IN_ENCRYPTED_EXTENSIONS, "02", "\"expected_count\":2"},
	{EXTENSION_dnssec_chain, IN_CLIENT_HELLO, "01bb", "\"port_number\":443"},
	{EXTENSION_dnssec_chain, IN_ENCRYPTED_EXTENSIONS, "0001aabb",
         "\"ext_support_lifetime\":1,\"authentication_chain\":\"aabb\""},
	{EXTENSION_rrc, IN_CLIENT_HELLO, "", ""},
	{EXTENSION_tls_flags, IN_CLIENT_HELLO, "020101", "\"flags\":[\"0x00\",\"resumption_across_names\"]"},
	{EXTENSION_next_protocol_negotiation, IN_CLIENT_HELLO, "", ""},
	{EXTENSION_next_protocol_negotiation, IN_SERVER_HELLO, "0268320161",
         "\"protocols\":[\"h2\",\"a\"]"},
	{EXTENSION_application_settings_old, IN_CLIENT_HELLO, "0003026832",
         "\"supported_protocols\":[\"h2\"]"},
	{EXTENSION_application_settings, IN_CLIENT_HELLO, "0003026832",
         "\"supported_protocols\":[\"h2\"]"},
	{EXTENSION_application_settings, IN_ENCRYPTED_EXTENSIONS, "0102", "\"settings\":\"0102\""},
	{EXTENSION_channel_id, IN_CLIENT_HELLO, "", ""},
	{EXTENSION_channel_id, IN_CLIENT_EXTENSIONS, "0101010101010101010101010101010101010101010101010101010101010101" "0202020202020202020202020202020202020202020202020202020202020202" "0303030303030303030303030303030303030303030303030303030303030303" "0404040404040404040404040404040404040404040404040404040404040404",
         "\"x\":\"0101010101010101010101010101010101010101010101010101010101010101\","
         "\"y\":\"0202020202020202020202020202020202020202020202020202020202020202\","
         "\"r\":\"0303030303030303030303030303030303030303030303030303030303030303\","
         "\"s\":\"0404040404040404040404040404040404040404040404040404040404040404\""},
	{EXTENSION_trust_anchors, IN_CLIENT_HELLO, "000302aabb", "\"trust_anchor_ids\":[\"aabb\"]"},
	{EXTENSION_ech_outer_extensions, IN_CLIENT_HELLO, "04000a0033",
         "\"outer_extensions\":[\"supported_groups\",\"key_share\"]"},
	{EXTENSION_encrypted_client_hello, IN_CLIENT_HELLO, "0000010001070001aa0002bbcc",
         "\"type\":\"outer\",\"kdf_id\":\"HKDF-SHA256\",\"aead_id\":\"AES-128-GCM\",\"config_id\":"
         "7,"
         "\"enc\":\"aa\",\"payload\":\"bbcc\""},
	{EXTENSION_encrypted_client_hello, IN_CLIENT_HELLO, "01", "\"type\":\"inner\""},
	{EXTENSION_encrypted_client_hello, IN_ENCRYPTED_EXTENSIONS, "003e" "fe0d0034070020002005050505050505050505050505050505050505050505050505050505050505050004000100014005612e696e760000" "aaaa0002bbcc",
         "\"retry_configs\":[{\"version\":\"0xfe0d\",\"config_id\":7,"
         "\"kem_id\":\"DHKEM(X25519, HKDF-SHA256)\","
         "\"public_key\":\"0505050505050505050505050505050505050505050505050505050505050505\","
         "\"cipher_suites\":[{\"kdf_id\":\"HKDF-SHA256\",\"aead_id\":\"AES-128-GCM\"}],"
         "\"maximum_name_length\":64,\"public_name\":\"a.inv\",\"extensions\":[]},"
         "{\"version\":\"0xaaaa\",\"contents\":\"bbcc\"}]"},
	{EXTENSION_encrypted_client_hello, IN_HELLO_RETRY_REQUEST, "0102030405060708",
         "\"confirmation\":\"0102030405060708\""},
	{EXTENSION_renegotiation_info, IN_CLIENT_HELLO, "00", "\"renegotiated_connection\":\"\""},
	{EXTENSION_encrypted_server_name, IN_CLIENT_HELLO, "1301" "001d0001aa" "0001bb" "0001cc",
         "\"suite\":\"TLS_AES_128_GCM_SHA256\",\"group\":\"x25519\",\"key_exchange\":\"aa\","
         "\"record_digest\":\"bb\",\"encrypted_sni\":\"cc\""},
	{0x4a4a, IN_CLIENT_HELLO, "00", "\"data\":\"00\""},
	{0x1234, IN_CLIENT_HELLO, "", "\"data\":\"\""},
};
#define N_EXAMPLES (sizeof(examples) / sizeof(examples[0]))
/* Three that are only bytes, padding, a ticket, settings, a chain, a list of names to the end. */
#define N_OPEN_ENDED 8

/* What is told of a block of extensions. The caller frees *out. */
static void tell_block(struct bytes block, enum extension_place place, enum emit_format format,
                       struct buf *out, struct faults *faults)
{
	struct emit emit;
	struct tell tell = {.emit = &emit, .faults = faults, .where = "hello"};
	struct fault fault;
	struct reader reader;

	emit_init(&emit, out, format);
	reader_init(&reader, block.data, block.len, &fault);
	extensions_tell(&tell, &reader, place);
	tell_fault(&tell, &fault);
}

static struct buf block_of(uint16_t type, struct bytes body)
{
	struct buf block = {0};

	buf_u16(&block, type);
	buf_u16(&block, (uint16_t)body.len);
	buf_bytes(&block, body);
	return block;
}

/* Tells an exact-size heap copy, which must give JSON. Returns the number of faults. */
static size_t check_copy(struct bytes block, enum extension_place place)
{
	uint8_t *exact = malloc(block.len > 0 ? block.len : 1);
	struct buf json = {0}, text = {0};
	struct faults faults = {0};
	size_t n;
	json_t *value;

	if (block.len > 0)
		memcpy(exact, block.data, block.len);
	tell_block((struct bytes){exact, block.len}, place, EMIT_TEXT, &text, &faults);
	faults_fini(&faults);
	buf_char(&json, '{');
	tell_block((struct bytes){exact, block.len}, place, EMIT_JSON, &json, &faults);
	buf_char(&json, '}');
	value = json_loadb(buf_string(&json), json.len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES,
	                   NULL);
	if (value == NULL)
		fail_msg("not JSON: %s", buf_string(&json));
	n = faults.n;
	json_decref(value);
	faults_fini(&faults);
	buf_fini(&json);
	buf_fini(&text);
	free(exact);
	return n;
}

static void every_extension_is_told_in_the_words_of_its_rfc(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_EXAMPLES; i++) {
		const struct example *example = &examples[i];
		struct buf body = from_hex(example->hex);
		struct buf block = block_of(example->type, buf_view(&body));
		struct buf json = {0}, expected = {0};
		struct faults faults = {0};
		char name[REGISTRY_LABEL_MAX];

		tell_block(buf_view(&block), example->place, EMIT_JSON, &json, &faults);
		buf_printf(&expected,
		           "\"extensions\":[{\"name\":\"%s\",\"number\":%u,\"length\":%zu%s%s}]",
		           registry_label(REGISTRY_EXTENSION_TYPE, example->type, name),
		           example->type, body.len, example->told[0] != '\0' ? "," : "",
		           example->told);
		assert_string_equal(buf_string(&json), buf_string(&expected));
		assert_int_equal(faults.n, 0);
		buf_fini(&body);
		buf_fini(&block);
		buf_fini(&json);
		buf_fini(&expected);
		faults_fini(&faults);
	}
}

/* The body is cut, with its length right: most become faults, none reads beyond. */
static void every_prefix_of_every_extension_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_EXAMPLES; i++) {
		struct buf body = from_hex(examples[i].hex);

		for (size_t n = 0; n < body.len; n++) {
			struct buf block = block_of(examples[i].type, (struct bytes){body.data, n});

			check_copy(buf_view(&block), examples[i].place);
			for (size_t cut = 0; cut < block.len; cut++)
				check_copy((struct bytes){block.data, cut}, examples[i].place);
			buf_fini(&block);
		}
		buf_fini(&body);
	}
}

static void every_flipped_bit_is_told_in_every_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_EXAMPLES; i++) {
		struct buf body = from_hex(examples[i].hex);

		for (size_t bit = 0; bit < body.len * 8; bit++) {
			struct buf block;

			body.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			block = block_of(examples[i].type, buf_view(&body));
			body.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			check_copy(buf_view(&block), examples[i].place);
			check_copy(buf_view(&block), (enum extension_place)(bit % 8));
			buf_fini(&block);
		}
		buf_fini(&body);
	}
}

/* Every example gets one byte too many: said, unless the form takes all that there is. */
static void bytes_after_the_last_field_are_a_fault(void **state)
{
	size_t n_faults = 0;

	(void)state;
	for (size_t i = 0; i < N_EXAMPLES; i++) {
		struct buf body = from_hex(examples[i].hex);
		struct buf block;

		buf_u8(&body, 0);
		block = block_of(examples[i].type, buf_view(&body));
		n_faults += check_copy(buf_view(&block), examples[i].place);
		buf_fini(&block);
		buf_fini(&body);
	}
	assert_int_equal(n_faults, N_EXAMPLES - N_OPEN_ENDED);
}

static void a_fault_in_one_extension_does_not_hide_the_next(void **state)
{
	struct buf block = from_hex("000a00060008001700180033" "00020001" "000b00020100");
	struct buf json = {0};
	struct faults faults = {0};

	(void)state;
	tell_block(buf_view(&block), IN_CLIENT_HELLO, EMIT_JSON, &json, &faults);
	assert_string_equal(
		buf_string(&json),
		"\"extensions\":[{\"name\":\"supported_groups\",\"number\":10,\"length\":6,"
		"\"named_group_list\":[\"secp256r1\",\"secp384r1\"],"
		"\"fault\":\"named_group_list at byte 6 runs 4 bytes past its end\","
		"\"data\":\"000800170018\"},"
		"{\"name\":\"key_share\",\"number\":51,\"length\":2,\"client_shares\":[],"
		"\"fault\":\"client_shares at byte 16 runs 1 byte past its end\",\"data\":\"0001\"},"
		"{\"name\":\"ec_point_formats\",\"number\":11,\"length\":2,"
		"\"ec_point_format_list\":[\"uncompressed\"]}]");
	assert_int_equal(faults.n, 2);
	assert_string_equal(
		faults.items[0].text,
		"supported_groups: named_group_list at byte 6 runs 4 bytes past its end");
	buf_fini(&block);
	buf_fini(&json);
	faults_fini(&faults);
}

/* Whether a byte is shown as "data", with no fault, wherever the extension stands. */
static bool is_only_bytes(uint16_t type)
{
	struct buf block = block_of(type, (struct bytes){(const uint8_t *)"\xff", 1});
	bool only_bytes = true;

	for (unsigned place = IN_CLIENT_HELLO; place <= IN_CLIENT_EXTENSIONS; place++) {
		struct buf json = {0};
		struct faults faults = {0};

		tell_block(buf_view(&block), (enum extension_place)place, EMIT_JSON, &json,
		           &faults);
		only_bytes &= faults.n == 0 && strstr(buf_string(&json), "\"data\"") != NULL;
		buf_fini(&json);
		faults_fini(&faults);
	}
	buf_fini(&block);
	return only_bytes;
}

static void every_extension_of_the_registry_has_a_form(void **state)
{
	static const uint16_t types[] = {
#define ROW(value, name, source) value,
#include "decode/registry/extension_type.def"
#undef ROW
	};
	/* Their documents are drafts, or not those of the IETF. */
	static const uint16_t bytes[] = {EXTENSION_tls_lts, EXTENSION_TLMSP,
	                                 EXTENSION_TLMSP_proxying, EXTENSION_TLMSP_delegate,
	                                 EXTENSION_sequence_number_encryption_algorithms};
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (!is_only_bytes(types[i]))
			continue;
		assert_true(n < sizeof(bytes) / sizeof(bytes[0]));
		assert_int_equal(types[i], bytes[n++]);
	}
	assert_int_equal(n, sizeof(bytes) / sizeof(bytes[0]));
}

static void padding_that_is_not_zero_is_a_fault(void **state)
{
	struct buf block = from_hex("001500020001");
	struct buf json = {0};
	struct faults faults = {0};

	(void)state;
	tell_block(buf_view(&block), IN_CLIENT_HELLO, EMIT_JSON, &json, &faults);
	assert_int_equal(faults.n, 1);
	assert_string_equal(faults.items[0].text, "padding: padding at byte 5 is not zero");
	buf_fini(&block);
	buf_fini(&json);
	faults_fini(&faults);
}

static void the_text_tree_names_numbers(void **state)
{
	struct buf block = from_hex("000a00060004001d1a1a");
	struct buf text = {0};
	struct faults faults = {0};

	(void)state;
	tell_block(buf_view(&block), IN_CLIENT_HELLO, EMIT_TEXT, &text, &faults);
	assert_string_equal(buf_string(&text),
	                    "Extensions (1)\n"
	                    "    Extension: supported_groups (len=6)\n"
	                    "        Type: supported_groups (10)\n"
	                    "        Length: 6\n"
	                    "        Supported Groups (2)\n"
	                    "            Supported Group: x25519 (0x001d)\n"
	                    "            Supported Group: GREASE (0x1a1a)\n");
	buf_fini(&block);
	buf_fini(&text);
	faults_fini(&faults);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_extension_is_told_in_the_words_of_its_rfc),
		cmocka_unit_test(every_prefix_of_every_extension_is_told),
		cmocka_unit_test(every_flipped_bit_is_told_in_every_place),
		cmocka_unit_test(bytes_after_the_last_field_are_a_fault),
		cmocka_unit_test(a_fault_in_one_extension_does_not_hide_the_next),
		cmocka_unit_test(every_extension_of_the_registry_has_a_form),
		cmocka_unit_test(padding_that_is_not_zero_is_a_fault),
		cmocka_unit_test(the_text_tree_names_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
