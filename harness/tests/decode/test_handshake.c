/* Every handshake message but the hellos: what is told of it, cut anywhere, with any bit flipped. */
#include "decode/handshake.h"
#include "decode/record.h"
#include "tests/decode/support.h"

struct example {
	uint8_t type;
	uint16_t version; /* negotiated, as is the suite */
	uint16_t cipher_suite;
	const char *hex;  /* the body */
	const char *told; /* the members */
};

static const struct example examples[] = {
	{HANDSHAKE_hello_request, VERSION_TLS_1_2, 0x0000,
	 "",
	 ""},
	{HANDSHAKE_hello_verify_request, VERSION_TLS_1_2, 0x0000,
	 "030302aabb",
	 "\"server_version\":\"TLS 1.2\",\"cookie\":\"aabb\""},
	{HANDSHAKE_new_session_ticket, VERSION_TLS_1_2, 0xc02f,
	 "00000e100002aabb",
	 "\"ticket_lifetime\":3600,\"ticket\":\"aabb\""},
	{HANDSHAKE_new_session_ticket, VERSION_TLS_1_3, 0x1301,
	 "00000e100000000501010002aabb0008002a000400004000",
	 "\"ticket_lifetime\":3600,\"ticket_age_add\":5,\"ticket_nonce\":\"01\",\"ticket\":\"aab"
	 "b\",\"extensions\":[{\"name\":\"early_data\",\"number\":42,\"length\":4,\"max_early_da"
	 "ta_size\":16384}]"},
	{HANDSHAKE_end_of_early_data, VERSION_TLS_1_3, 0x1301,
	 "",
	 ""},
	{HANDSHAKE_hello_retry_request, 0x7f14, 0x0000,
	 "7f141301000600330002001d",
	 "\"server_version\":\"TLS 1.3 (draft 20)\",\"cipher_suite\":\"TLS_AES_128_GCM_SHA256\","
	 "\"extensions\":[{\"name\":\"key_share\",\"number\":51,\"length\":2,\"selected_group\":"
	 "\"x25519\"}]"},
	{HANDSHAKE_encrypted_extensions, VERSION_TLS_1_3, 0x1301,
	 "0009001000050003026832",
	 "\"extensions\":[{\"name\":\"application_layer_protocol_negotiation\",\"number\":16,\"l"
	 "ength\":5,\"protocol_name_list\":[\"h2\"]}]"},
	{HANDSHAKE_request_connection_id, VERSION_TLS_1_3, 0x1301,
	 "02",
	 "\"num_cids\":2"},
	{HANDSHAKE_new_connection_id, VERSION_TLS_1_3, 0x1301,
	 "000301aa0001",
	 "\"cids\":[\"aa\",\"\"],\"usage\":1"},
	{HANDSHAKE_certificate, VERSION_TLS_1_3, 0x1301,
	 "0000003100002c302a300506032b6570032100111111111111111111111111111111111111111111111111"
	 "11111111111111110000",
	 "\"certificate_request_context\":\"\",\"chain\":[{\"key\":\"Ed25519\",\"sha256\":\"9067"
	 "da37b36d6e9d9a6b86e593983cf05cd3e37f51c14b3ad7258c06cccdb3ce\"}]"},
	{HANDSHAKE_certificate, VERSION_TLS_1_2, 0xc02f,
	 "00002f00002c302a300506032b657003210011111111111111111111111111111111111111111111111111"
	 "11111111111111",
	 "\"chain\":[{\"key\":\"Ed25519\",\"sha256\":\"9067da37b36d6e9d9a6b86e593983cf05cd3e37f5"
	 "1c14b3ad7258c06cccdb3ce\"}]"},
	{HANDSHAKE_certificate, VERSION_TLS_1_2, 0xc02f,
	 "00002c302a300506032b657003210011111111111111111111111111111111111111111111111111111111"
	 "11111111",
	 "\"chain\":[{\"key\":\"Ed25519\",\"sha256\":\"9067da37b36d6e9d9a6b86e593983cf05cd3e37f5"
	 "1c14b3ad7258c06cccdb3ce\"}]"},
	{HANDSHAKE_certificate, VERSION_TLS_1_2, 0xc02f,
	 "000000",
	 "\"chain\":[]"},
	{HANDSHAKE_server_key_exchange, VERSION_TLS_1_2, 0xc02f,
	 "03001d01aa08040001bb",
	 "\"curve_type\":\"named_curve\",\"named_curve\":\"x25519\",\"public\":\"aa\",\"signatur"
	 "e_algorithm\":\"rsa_pss_rsae_sha256\",\"signature\":\"bb\""},
	{HANDSHAKE_server_key_exchange, VERSION_TLS_1_0, 0xc013,
	 "03001701aa0001bb",
	 "\"curve_type\":\"named_curve\",\"named_curve\":\"secp256r1\",\"public\":\"aa\",\"signa"
	 "ture\":\"bb\""},
	{HANDSHAKE_server_key_exchange, VERSION_TLS_1_2, 0xc02f,
	 "0101070101010201030105010101aa04010001bb",
	 "\"curve_type\":\"explicit_prime\",\"prime_p\":\"07\",\"a\":\"01\",\"b\":\"02\",\"base"
	 "\":\"03\",\"order\":\"05\",\"cofactor\":\"01\",\"public\":\"aa\",\"signature_algorithm"
	 "\":\"rsa_pkcs1_sha256\",\"signature\":\"bb\""},
	{HANDSHAKE_server_key_exchange, VERSION_TLS_1_2, 0xc02f,
	 "0200a3020103010601070101010201030105010101aa04010001bb",
	 "\"curve_type\":\"explicit_char2\",\"m\":163,\"basis\":\"ec_basis_pentanomial\",\"k1\":"
	 "\"03\",\"k2\":\"06\",\"k3\":\"07\",\"a\":\"01\",\"b\":\"02\",\"base\":\"03\",\"order\""
	 ":\"05\",\"cofactor\":\"01\",\"public\":\"aa\",\"signature_algorithm\":\"rsa_pkcs1_sha2"
	 "56\",\"signature\":\"bb\""},
	{HANDSHAKE_server_key_exchange, VERSION_TLS_1_2, 0x0033,
	 "00011700010500010404010001bb",
	 "\"dh_p\":\"17\",\"dh_g\":\"05\",\"dh_Ys\":\"04\",\"signature_algorithm\":\"rsa_pkcs1_s"
	 "ha256\",\"signature\":\"bb\""},
	{HANDSHAKE_server_key_exchange, VERSION_TLS_1_0, 0x0014,
	 "0001170001050001040001bb",
	 "\"dh_p\":\"17\",\"dh_g\":\"05\",\"dh_Ys\":\"04\",\"signature\":\"bb\""},
	{HANDSHAKE_server_key_exchange, VERSION_TLS_1_2, 0x0034,
	 "000117000105000104",
	 "\"dh_p\":\"17\",\"dh_g\":\"05\",\"dh_Ys\":\"04\""},
	{HANDSHAKE_server_key_exchange, VERSION_TLS_1_0, 0x0003,
	 "0001170001030001bb",
	 "\"rsa_modulus\":\"17\",\"rsa_exponent\":\"03\",\"signature\":\"bb\""},
	{HANDSHAKE_server_key_exchange, VERSION_TLS_1_2, 0x008c,
	 "00026869",
	 "\"psk_identity_hint\":\"6869\""},
	{HANDSHAKE_server_key_exchange, VERSION_TLS_1_2, 0x0090,
	 "0000000117000105000104",
	 "\"psk_identity_hint\":\"\",\"dh_p\":\"17\",\"dh_g\":\"05\",\"dh_Ys\":\"04\""},
	{HANDSHAKE_server_key_exchange, VERSION_TLS_1_2, 0xc035,
	 "000003001d01aa",
	 "\"psk_identity_hint\":\"\",\"curve_type\":\"named_curve\",\"named_curve\":\"x25519\","
	 "\"public\":\"aa\""},
	{HANDSHAKE_server_key_exchange, VERSION_TLS_1_2, 0xc01d,
	 "0001170001020155000104",
	 "\"srp_N\":\"17\",\"srp_g\":\"02\",\"srp_s\":\"55\",\"srp_B\":\"04\""},
	{HANDSHAKE_server_key_exchange, VERSION_TLS_1_2, 0xc01e,
	 "000117000102015500010402010001bb",
	 "\"srp_N\":\"17\",\"srp_g\":\"02\",\"srp_s\":\"55\",\"srp_B\":\"04\",\"signature_algori"
	 "thm\":\"rsa_pkcs1_sha1\",\"signature\":\"bb\""},
	{HANDSHAKE_server_key_exchange, VERSION_TLS_1_2, 0xc0b0,
	 "015503001701aa01cc",
	 "\"salt\":\"55\",\"curve_type\":\"named_curve\",\"named_curve\":\"secp256r1\",\"public"
	 "\":\"aa\",\"scalar\":\"cc\""},
	{HANDSHAKE_certificate_request, VERSION_TLS_1_2, 0xc02f,
	 "020140000208040010000e300c310a300806035504030c0162",
	 "\"certificate_types\":[\"rsa_sign\",\"ecdsa_sign\"],\"supported_signature_algorithms\""
	 ":[\"rsa_pss_rsae_sha256\"],\"certificate_authorities\":[\"CN=b\"]"},
	{HANDSHAKE_certificate_request, VERSION_TLS_1_1, 0xc013,
	 "01010000",
	 "\"certificate_types\":[\"rsa_sign\"],\"certificate_authorities\":[]"},
	{HANDSHAKE_certificate_request, VERSION_TLS_1_3, 0x1301,
	 "000008000d000400020804",
	 "\"certificate_request_context\":\"\",\"extensions\":[{\"name\":\"signature_algorithms"
	 "\",\"number\":13,\"length\":4,\"supported_signature_algorithms\":[\"rsa_pss_rsae_sha25"
	 "6\"]}]"},
	{HANDSHAKE_client_certificate_request, VERSION_TLS_1_3, 0x1301,
	 "0101000400310000",
	 "\"certificate_request_context\":\"01\",\"extensions\":[{\"name\":\"post_handshake_auth"
	 "\",\"number\":49,\"length\":0}]"},
	{HANDSHAKE_server_hello_done, VERSION_TLS_1_2, 0xc02f,
	 "",
	 ""},
	{HANDSHAKE_certificate_verify, VERSION_TLS_1_3, 0x1301,
	 "08040001bb",
	 "\"algorithm\":\"rsa_pss_rsae_sha256\",\"signature\":\"bb\""},
	{HANDSHAKE_certificate_verify, VERSION_TLS_1_0, 0xc013,
	 "0001bb",
	 "\"signature\":\"bb\""},
	{HANDSHAKE_client_key_exchange, VERSION_TLS_1_2, 0xc02f,
	 "01aa",
	 "\"ecdh_Yc\":\"aa\""},
	{HANDSHAKE_client_key_exchange, VERSION_TLS_1_2, 0x009c,
	 "0001aa",
	 "\"encrypted_pre_master_secret\":\"aa\""},
	{HANDSHAKE_client_key_exchange, VERSION_SSL_3_0, 0x0035,
	 "650fbb",
	 "\"encrypted_pre_master_secret\":\"650fbb\""},
	{HANDSHAKE_client_key_exchange, VERSION_TLS_1_2, 0x0033,
	 "0001aa",
	 "\"dh_Yc\":\"aa\""},
	{HANDSHAKE_client_key_exchange, VERSION_TLS_1_2, 0x008c,
	 "00026869",
	 "\"psk_identity\":\"6869\""},
	{HANDSHAKE_client_key_exchange, VERSION_TLS_1_2, 0x0094,
	 "000268690001aa",
	 "\"psk_identity\":\"6869\",\"encrypted_pre_master_secret\":\"aa\""},
	{HANDSHAKE_client_key_exchange, VERSION_TLS_1_2, 0xc035,
	 "0002686901aa",
	 "\"psk_identity\":\"6869\",\"ecdh_Yc\":\"aa\""},
	{HANDSHAKE_client_key_exchange, VERSION_TLS_1_2, 0xc01d,
	 "0001aa",
	 "\"srp_A\":\"aa\""},
	{HANDSHAKE_client_key_exchange, VERSION_TLS_1_2, 0xc0b0,
	 "01aa01cc",
	 "\"element\":\"aa\",\"scalar\":\"cc\""},
	{HANDSHAKE_client_key_exchange, VERSION_TLS_1_0, 0x001f,
	 "0001aa00000001bb",
	 "\"ticket\":\"aa\",\"authenticator\":\"\",\"encrypted_pre_master_secret\":\"bb\""},
	{HANDSHAKE_client_key_exchange, VERSION_TLS_1_2, 0xc100,
	 "3000",
	 "\"data\":\"3000\""},
	{HANDSHAKE_finished, VERSION_TLS_1_2, 0xc02f,
	 "aaaaaaaaaaaaaaaaaaaaaaaa",
	 "\"verify_data\":\"aaaaaaaaaaaaaaaaaaaaaaaa\""},
	{HANDSHAKE_certificate_url, VERSION_TLS_1_2, 0xc02f,
	 "00001f0008687474703a2f2f61012222222222222222222222222222222222222222",
	 "\"type\":\"individual_certs\",\"url_and_hash_list\":[{\"url\":\"http://a\",\"padding\""
	 ":1,\"sha1_hash\":\"2222222222222222222222222222222222222222\"}]"},
	{HANDSHAKE_certificate_status, VERSION_TLS_1_2, 0xc02f,
	 "0100000530030a0103",
	 "\"status_type\":\"ocsp\",\"ocsp_response\":{\"response_status\":\"tryLater\"}"},
	{HANDSHAKE_supplemental_data, VERSION_TLS_1_2, 0xc02f,
	 "00000a00000002aabb40020000",
	 "\"supp_data\":[{\"supp_data_type\":\"user_mapping_data\",\"data\":\"aabb\"},{\"supp_da"
	 "ta_type\":\"authz_data\",\"data\":\"\"}]"},
	{HANDSHAKE_key_update, VERSION_TLS_1_3, 0x1301,
	 "01",
	 "\"request_update\":\"update_requested\""},
	{HANDSHAKE_compressed_certificate, VERSION_TLS_1_3, 0x1301,
	 "000100003500001f789c636060306460d031d032606563d64e2d6056641024001818007f89043a",
	 "\"algorithm\":\"zlib\",\"uncompressed_length\":53,\"compressed_length\":31,\"certifica"
	 "te_request_context\":\"\",\"chain\":[{\"key\":\"Ed25519\",\"sha256\":\"9067da37b36d6e9"
	 "d9a6b86e593983cf05cd3e37f51c14b3ad7258c06cccdb3ce\"}]"},
	{HANDSHAKE_compressed_certificate, VERSION_TLS_1_3, 0x1301,
	 "00020000350000251b3400f88dd446356e2d419decb61fa5ab08af061501972048d2542000b8c9ba1da9f9"
	 "2a04",
	 "\"algorithm\":\"brotli\",\"uncompressed_length\":53,\"compressed_length\":37,\"certifi"
	 "cate_request_context\":\"\",\"chain\":[{\"key\":\"Ed25519\",\"sha256\":\"9067da37b36d6"
	 "e9d9a6b86e593983cf05cd3e37f51c14b3ad7258c06cccdb3ce\"}]"},
	{HANDSHAKE_compressed_certificate, VERSION_TLS_1_3, 0x1301,
	 "0003000035000025"
	 "28b52ffd2035e50000b00000003100002c302a300506032b657003210011000001001ac004",
	 "\"algorithm\":\"zstd\",\"uncompressed_length\":53,\"compressed_length\":37,\"certifica"
	 "te_request_context\":\"\",\"chain\":[{\"key\":\"Ed25519\",\"sha256\":\"9067da37b36d6e9"
	 "d9a6b86e593983cf05cd3e37f51c14b3ad7258c06cccdb3ce\"}]"},
	{HANDSHAKE_ekt_key, VERSION_TLS_1_2, 0xc02f,
	 "01aa01bb0001000002",
	 "\"ekt_key_value\":\"aa\",\"srtp_master_salt\":\"bb\",\"ekt_spi\":1,\"ekt_ttl\":2"},
	{HANDSHAKE_next_protocol, VERSION_TLS_1_2, 0xc02f,
	 "0268320100",
	 "\"selected_protocol\":\"h2\""},
	{HANDSHAKE_encrypted_extensions_draft, VERSION_TLS_1_2, 0xc02f,
	 "75500080010101010101010101010101010101010101010101010101010101010101010102020202020202"
	 "02020202020202020202020202020202020202020202020202030303030303030303030303030303030303"
	 "03030303030303030303030303030404040404040404040404040404040404040404040404040404040404"
	 "040404",
	 "\"extensions\":[{\"name\":\"channel_id\",\"number\":30032,\"length\":128,\"x\":\"01010"
	 "10101010101010101010101010101010101010101010101010101010101\",\"y\":\"0202020202020202"
	 "020202020202020202020202020202020202020202020202\",\"r\":\"030303030303030303030303030"
	 "3030303030303030303030303030303030303\",\"s\":\"04040404040404040404040404040404040404"
	 "04040404040404040404040404\"}]"},
	{HANDSHAKE_message_hash, VERSION_TLS_1_3, 0x1301,
	 "aa",
	 "\"hash\":\"aa\""},
};
#define N_EXAMPLES (sizeof(examples) / sizeof(examples[0]))

static const struct handshake_kind *kind_of(uint8_t type)
{
	for (size_t i = 0; i < n_handshake_kinds; i++)
		if (handshake_kinds[i].type == type)
			return &handshake_kinds[i];
	return NULL;
}

/* The example's message with this body; the caller frees it. */
static struct buf message_of(const struct example *example, struct bytes body)
{
	struct buf message = {0};

	add_message(&message, example->type, body);
	return message;
}

/* Tells an exact-size heap copy of a message, as JSON and as text. */
static void tell_copy(const struct example *example, struct bytes message, struct buf *json,
                      struct faults *faults)
{
	uint8_t *exact = malloc(message.len);
	struct buf text = {0};
	struct emit emit;
	struct tell tell = {.emit = &emit,
	                    .faults = faults,
	                    .where = "message",
	                    .version = example->version,
	                    .cipher_suite = example->cipher_suite};

	memcpy(exact, message.data, message.len);
	emit_init(&emit, &text, EMIT_TEXT);
	kind_of(example->type)->tell(&tell, (struct bytes){exact, message.len});
	faults_fini(faults);
	emit_init(&emit, json, EMIT_JSON);
	kind_of(example->type)->tell(&tell, (struct bytes){exact, message.len});
	buf_fini(&text);
	free(exact);
}

/* Whatever it holds, JSON comes out. Returns the number of faults. */
static size_t check(const struct example *example, struct bytes message)
{
	struct faults faults = {0};
	struct buf json = {0}, object = {0};
	json_t *value;
	size_t n;

	tell_copy(example, message, &json, &faults);
	buf_printf(&object, "{%s}", buf_string(&json));
	value = json_loadb(buf_string(&object), object.len,
	                   JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
	if (value == NULL)
		fail_msg("not JSON: %s", buf_string(&object));
	n = faults.n;
	json_decref(value);
	buf_fini(&json);
	buf_fini(&object);
	faults_fini(&faults);
	return n;
}

static void every_message_is_told_in_the_words_of_its_rfc(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_EXAMPLES; i++) {
		struct buf body = from_hex(examples[i].hex), json = {0};
		struct buf message = message_of(&examples[i], buf_view(&body));
		struct faults faults = {0};

		tell_copy(&examples[i], buf_view(&message), &json, &faults);
		assert_string_equal(buf_string(&json), examples[i].told);
		if (faults.n > 0)
			fail_msg("%s: %s", examples[i].hex, faults.items[0].text);
		buf_fini(&body);
		buf_fini(&json);
		buf_fini(&message);
		faults_fini(&faults);
	}
}

static void every_kind_of_message_has_an_example(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < n_handshake_kinds; kind++) {
		bool found = false;

		for (size_t i = 0; i < N_EXAMPLES; i++)
			found |= examples[i].type == handshake_kinds[kind].type;
		if (!found)
			fail_msg("%s has none", handshake_kinds[kind].key);
	}
}

/* Every number of the registry but the hellos, which have a module of their own. */
static void every_message_of_the_registry_has_a_kind(void **state)
{
	static const uint8_t types[] = {
#define ROW(value, name, source) value,
#include "decode/registry/handshake_type.def"
#undef ROW
	};

	(void)state;
	for (size_t i = 0; i < sizeof(types); i++)
		if (types[i] != HANDSHAKE_client_hello && types[i] != HANDSHAKE_server_hello &&
		    kind_of(types[i]) == NULL)
			fail_msg("%u has none", types[i]);
}

static void every_prefix_of_every_message_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_EXAMPLES; i++) {
		struct buf body = from_hex(examples[i].hex);
		struct buf message = message_of(&examples[i], buf_view(&body));

		for (size_t n = HANDSHAKE_HEADER_LEN; n < message.len; n++)
			check(&examples[i], (struct bytes){message.data, n});
		buf_fini(&body);
		buf_fini(&message);
	}
}

static void every_flipped_bit_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_EXAMPLES; i++) {
		struct buf body = from_hex(examples[i].hex);
		struct buf message = message_of(&examples[i], buf_view(&body));

		for (size_t bit = HANDSHAKE_HEADER_LEN * 8; bit < message.len * 8; bit++) {
			message.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			check(&examples[i], buf_view(&message));
			message.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		buf_fini(&body);
		buf_fini(&message);
	}
}

/* What a CompressedCertificate of these fields is said to be. */
static void assert_packed(const char *hex, const char *expected)
{
	const struct example example = {.type = HANDSHAKE_compressed_certificate,
	                                .version = VERSION_TLS_1_3};
	struct buf body = from_hex(hex), json = {0};
	struct buf message = message_of(&example, buf_view(&body));
	struct faults faults = {0};

	tell_copy(&example, buf_view(&message), &json, &faults);
	assert_int_equal(faults.n, 1);
	assert_string_equal(faults.items[0].text, expected);
	buf_fini(&body);
	buf_fini(&json);
	buf_fini(&message);
	faults_fini(&faults);
}

static void what_does_not_unpack_is_said_so(void **state)
{
	(void)state;
	assert_packed("0001000035000003789c63",
	              "compressed_certificate_message at byte 9 does not unpack to "
	              "uncompressed_length bytes");
	assert_packed("0001000034" "00001f"
	              "789c636060306460d031d032606563d64e2d6056641024001818007f89043a",
	              "compressed_certificate_message at byte 9 does not unpack to "
	              "uncompressed_length bytes");
	assert_packed("0001000036" "00001f"
	              "789c636060306460d031d032606563d64e2d6056641024001818007f89043a",
	              "compressed_certificate_message at byte 9 unpacks to fewer than "
	              "uncompressed_length bytes");
	assert_packed("0001ffffff000003789c63",
	              "compressed_certificate_message at byte 9 would unpack to more than 256 KB");
	assert_packed("0009000035000003789c63",
	              "compressed_certificate_message at byte 9 is packed by an algorithm that is "
	              "not known");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_is_told_in_the_words_of_its_rfc),
		cmocka_unit_test(every_kind_of_message_has_an_example),
		cmocka_unit_test(every_message_of_the_registry_has_a_kind),
		cmocka_unit_test(every_prefix_of_every_message_is_told),
		cmocka_unit_test(every_flipped_bit_is_told),
		cmocka_unit_test(what_does_not_unpack_is_said_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
