/* Streams of every shape: cut, split, joined, interrupted, foreign. */
#include "decode/record.h"
#include "tests/decode/support.h"

static struct buf forum_message(void)
{
	struct buf record = from_hex(forum_record);

	buf_consume(&record, RECORD_HEADER_LEN);
	return record;
}

static json_t *decode_hex(const char *hex)
{
	struct buf data = from_hex(hex);
	json_t *value = decode_client(buf_view(&data));

	buf_fini(&data);
	return value;
}

static void the_forum_hello_is_told_in_full(void **state)
{
	struct buf record = from_hex(forum_record);
	json_t *value = decode_client(buf_view(&record));

	(void)state;
	assert_text(value, "client_hello.record_version", "TLS 1.2");
	assert_text(value, "client_hello.legacy_version", "TLS 1.2");
	assert_text(value, "client_hello.random",
	            "000000005905b56d8d7d157d43eddf717b97cb45bebba36e904b983a16976d66");
	assert_text(value, "client_hello.legacy_session_id", "");
	assert_int_equal(json_array_size(at_path(value, "client_hello.cipher_suites")), 12);
	assert_text(value, "client_hello.cipher_suites.11", "TLS_PSK_WITH_AES_128_CCM_8");
	assert_text(value, "client_hello.compression_methods.0", "null");
	assert_text(value, "client_hello.extensions.0.name", "supported_groups");
	assert_text(value, "client_hello.extensions.4.supported_signature_algorithms.6",
	            "ecdsa_sha224");
	assert_text(value, "messages.0.type", "client_hello");
	assert_int_equal(json_number(at_path(value, "messages.0"), "length"), 187);
	assert_int_equal(json_array_size(at_path(value, "faults")), 0);
	assert_int_equal(json_array_size(at_path(value, "alerts")), 0);
	json_decref(value);
	buf_fini(&record);
}

/* What a memo makes of a record is what is made without one. */
static void check_memory(struct memo *memo, enum emit_format format, enum side from,
                         struct bytes record, uint64_t t_ns)
{
	struct transcript *transcript = transcript_new(NULL);
	struct buf told[2] = {{0}};

	feed_in_steps(transcript, from, record, record.len, t_ns);
	for (int i = 0; i < 2; i++) {
		struct emit emit;

		emit_init(&emit, &told[i], format);
		emit.memo = i == 1 ? memo : NULL;
		transcript_emit(transcript, T0_NS, &emit);
	}
	assert_string_equal(buf_string(&told[1]), buf_string(&told[0]));
	buf_fini(&told[0]);
	buf_fini(&told[1]);
	transcript_free(transcript);
}

/* A TLS 1.3 ServerHello with a session and a key share, in its record. */
static const char *const server_record =
	"160303007a020000760303"
	"3333333333333333333333333333333333333333333333333333333333333333"
	"20" "4444444444444444444444444444444444444444444444444444444444444444"
	"130100002e00330024001d0020"
	"5555555555555555555555555555555555555555555555555555555555555555"
	"002b00020304";

static void a_hello_that_differs_in_any_byte_is_told_rightly_from_memory(void **state)
{
	const char *const records[] = {
		[SIDE_CLIENT] = forum_record, [SIDE_SERVER] = server_record};

	(void)state;
	for (int i = 0; i < 4; i++) {
		enum side from = i % 2 == 0 ? SIDE_CLIENT : SIDE_SERVER;
		enum emit_format format = i / 2 == 0 ? EMIT_JSON : EMIT_TEXT;
		struct buf record = from_hex(records[from]);
		struct memo *memo = memo_new();

		for (int k = 0; k < 3; k++)
			check_memory(memo, format, from, buf_view(&record), T0_NS << k);
		for (size_t at = 0; at < record.len; at++) {
			record.data[at] ^= 1;
			check_memory(memo, format, from, buf_view(&record), T0_NS + at);
			check_memory(memo, format, from, buf_view(&record), T0_NS + at);
			record.data[at] ^= 1;
			check_memory(memo, format, from, buf_view(&record), T0_NS);
		}
		memo_free(memo);
		buf_fini(&record);
	}
}

/* A message and a record that are not whole, an alert, faults, a message of 5 KB. */
static void feed_much(struct transcript *transcript)
{
	struct buf record = from_hex(forum_record), server = from_hex(server_record), more = {0};
	uint8_t long_message[5000] = {HANDSHAKE_certificate, 0, 0x13, 0x84};

	add_record(&more, CONTENT_handshake, (struct bytes){long_message, sizeof(long_message)});
	add_record(&more, CONTENT_alert, (struct bytes){(const uint8_t[]){2, 40, 2}, 3});
	add_record(&more, CONTENT_change_cipher_spec, (struct bytes){(const uint8_t[]){7}, 1});
	add_record(&more, CONTENT_handshake, (struct bytes){long_message, 10});
	transcript_feed(transcript, SIDE_CLIENT, buf_view(&record), T0_NS);
	transcript_feed(transcript, SIDE_SERVER, buf_view(&server), T0_NS);
	for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
		transcript_feed(transcript, side, buf_view(&more), T0_NS);
		transcript_feed(transcript, side, (struct bytes){more.data, 900}, T0_NS);
	}
	buf_fini(&record);
	buf_fini(&server);
	buf_fini(&more);
}

static void a_transcript_that_is_used_again_knows_nothing_of_before(void **state)
{
	struct transcript *fresh = transcript_new(NULL), *used = transcript_new(NULL);
	struct buf record = from_hex(server_record), expected, tree;

	(void)state;
	feed_much(used);
	transcript_restart(used);
	transcript_feed(fresh, SIDE_SERVER, buf_view(&record), T0_NS);
	transcript_feed(used, SIDE_SERVER, buf_view(&record), T0_NS);
	expected = emit_tree(fresh);
	tree = emit_tree(used);
	assert_string_equal(buf_string(&tree), buf_string(&expected));
	assert_false(transcript_client_hello(used).len > 0);
	buf_fini(&tree);
	buf_fini(&expected);
	buf_fini(&record);
	transcript_free(used);
	transcript_free(fresh);
}

static void the_forum_hello_reads_as_wireshark_prints_it(void **state)
{
	static const char *const lines[] = {
		"    Version: TLS 1.2 (0x0303)\n",
		"        Cipher Suite: TLS_AES_128_GCM_SHA256 (0x1301)\n",
		"        Compression Method: null (0)\n",
		"        Extension: supported_groups (len=8)\n",
		"            Type: supported_groups (10)\n",
		"                Supported Group: secp256r1 (0x0017)\n",
		"                EC Point Format: uncompressed (0)\n",
		"                Supported Version: TLS 1.3 (0x0304)\n",
		"                Signature Algorithm: ecdsa_secp256r1_sha256 (0x0403)\n",
		"    JA3: 0fe05bb12fd3c7ca77de173a4deb6eae\n",
		"    JA4: t13i120500_300ad538f728_2ddaf29219d6\n",
	};
	struct buf record = from_hex(forum_record);
	struct transcript *transcript = transcript_new(NULL);
	struct buf tree;

	(void)state;
	transcript_feed(transcript, SIDE_CLIENT, buf_view(&record), T0_NS);
	tree = emit_tree(transcript);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (strstr(buf_string(&tree), lines[i]) == NULL)
			fail_msg("not in the tree: %s", lines[i]);
	buf_fini(&tree);
	transcript_free(transcript);
	buf_fini(&record);
}

static void every_prefix_of_the_record_shows_what_came(void **state)
{
	struct buf record = from_hex(forum_record);

	(void)state;
	for (size_t n = 0; n < record.len; n++) {
		json_t *value = decode_client((struct bytes){record.data, n});
		const json_t *suites = at_path(value, "client_hello.cipher_suites");

		assert_int_equal(json_array_size(at_path(value, "faults")) > 0, n > 0);
		assert_int_equal(json_array_size(suites), n < 46 ? 0 : n >= 70 ? 12 : (n - 46) / 2);
		assert_null(at_path(value, "client_hello.ja3"));
		json_decref(value);
	}
	buf_fini(&record);
}

/* The message is cut, and its record's length says so too. */
static void every_prefix_of_the_message_shows_what_came(void **state)
{
	struct buf message = forum_message();

	(void)state;
	for (size_t n = 1; n < message.len; n++) {
		struct buf record = {0};
		json_t *value;

		add_record(&record, CONTENT_handshake, (struct bytes){message.data, n});
		add_record(&record, CONTENT_alert, (struct bytes){(const uint8_t *)"\x02\x50", 2});
		value = decode_client(buf_view(&record));
		assert_text(value, "messages.0.type", "client_hello");
		assert_text(value, "alerts.0.description", "internal_error");
		assert_text(value, "faults.0.where", "handshake");
		assert_null(at_path(value, "client_hello.ja4"));
		json_decref(value);
		buf_fini(&record);
	}
	buf_fini(&message);
}

static void every_flipped_bit_is_told(void **state)
{
	struct buf record = from_hex(forum_record);

	(void)state;
	for (size_t bit = 0; bit < record.len * 8; bit++) {
		record.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		json_decref(decode_client(buf_view(&record)));
		record.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	buf_fini(&record);
}

static void suites_past_the_end_of_the_message_show_those_that_are_there(void **state)
{
	json_t *value = decode_hex("160301002d010000290303"
	                           "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00"
	                           "00081301c02b");

	(void)state;
	assert_int_equal(json_array_size(at_path(value, "client_hello.cipher_suites")), 2);
	assert_text(value, "client_hello.cipher_suites.1",
	            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
	assert_text(value, "faults.0.where", "client_hello");
	assert_text(value, "faults.0.text", "cipher_suites at byte 41 runs 4 bytes past its end");
	json_decref(value);
}

static void an_odd_suite_vector_is_a_fault(void **state)
{
	json_t *value = decode_hex("160301002e0100002a0303"
	                           "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00"
	                           "000313010" "00100");

	(void)state;
	assert_text(value, "client_hello.cipher_suites.0", "TLS_AES_128_GCM_SHA256");
	assert_text(value, "client_hello.compression_methods.0", "null");
	assert_text(value, "faults.0.text", "cipher_suites at byte 43 runs 1 byte past its end");
	json_decref(value);
}

static void bytes_after_the_extensions_are_a_fault(void **state)
{
	struct buf message = forum_message();
	struct buf longer = {0}, record = {0};
	json_t *value;

	(void)state;
	buf_u8(&message, 0xee);
	add_message(&longer, HANDSHAKE_client_hello,
	            (struct bytes){message.data + 4, message.len - 4});
	add_record(&record, CONTENT_handshake, buf_view(&longer));
	value = decode_client(buf_view(&record));
	assert_text(value, "faults.0.text", "hello leaves 1 byte unread at byte 191");
	assert_text(value, "client_hello.ja3", "0fe05bb12fd3c7ca77de173a4deb6eae");
	json_decref(value);
	buf_fini(&message);
	buf_fini(&longer);
	buf_fini(&record);
}

static void a_message_may_be_split_over_records_and_chunks_anywhere(void **state)
{
	struct buf message = forum_message();
	struct buf whole = from_hex(forum_record);
	json_t *expected = decode_client(buf_view(&whole));

	(void)state;
	for (size_t at = 1; at < message.len; at++) {
		struct buf records = {0};
		struct transcript *transcript = transcript_new(NULL);
		json_t *value;

		add_record(&records, CONTENT_handshake, (struct bytes){message.data, at});
		add_record(&records, CONTENT_handshake,
		           (struct bytes){message.data + at, message.len - at});
		feed_in_steps(transcript, SIDE_CLIENT, buf_view(&records), 1 + at % 11, T0_NS);
		value = emit_json(transcript);
		assert_true(json_equal(value, expected));
		json_decref(value);
		transcript_free(transcript);
		buf_fini(&records);
	}
	json_decref(expected);
	buf_fini(&message);
	buf_fini(&whole);
}

static void records_of_one_byte_are_joined(void **state)
{
	struct buf message = forum_message();
	struct buf records = {0};
	json_t *value;

	(void)state;
	for (size_t i = 0; i < message.len; i++)
		add_record(&records, CONTENT_handshake, (struct bytes){message.data + i, 1});
	value = decode_client(buf_view(&records));
	assert_text(value, "client_hello.ja3", "0fe05bb12fd3c7ca77de173a4deb6eae");
	assert_int_equal(json_array_size(at_path(value, "messages")), 1);
	json_decref(value);
	buf_fini(&records);
	buf_fini(&message);
}

static void one_record_may_hold_many_messages(void **state)
{
	struct buf messages = {0}, records = {0};
	struct transcript *transcript = transcript_new(NULL);
	json_t *value;

	(void)state;
	add_message(&messages, HANDSHAKE_hello_request, (struct bytes){0});
	add_message(&messages, HANDSHAKE_server_hello_done, (struct bytes){0});
	add_message(&messages, 99, (struct bytes){(const uint8_t *)"abc", 3});
	add_record(&records, CONTENT_handshake, buf_view(&messages));
	transcript_feed(transcript, SIDE_SERVER, buf_view(&records), T0_NS + 1500000);
	value = emit_json(transcript);
	assert_text(value, "messages.0.type", "hello_request");
	assert_text(value, "messages.1.type", "server_hello_done");
	assert_text(value, "messages.2.type", "0x63");
	assert_text(value, "messages.2.from", "server");
	assert_true(json_real_value(at_path(value, "messages.2.t_ms")) == 1.5);
	assert_non_null(at_path(value, "hello_request"));
	json_decref(value);
	transcript_free(transcript);
	buf_fini(&messages);
	buf_fini(&records);
}

static void alerts_may_be_split_and_joined(void **state)
{
	json_t *value = decode_hex("15030300010115030300015a" "15030300040100" "0228");

	(void)state;
	assert_int_equal(json_array_size(at_path(value, "alerts")), 3);
	assert_text(value, "alerts.0.level", "warning");
	assert_text(value, "alerts.0.description", "user_canceled");
	assert_int_equal(json_number(at_path(value, "alerts.0"), "number"), 90);
	assert_text(value, "alerts.1.description", "close_notify");
	assert_text(value, "alerts.2.level", "fatal");
	assert_text(value, "alerts.2.description", "handshake_failure");
	assert_false(json_is_true(at_path(value, "alerts.2.protected")));
	json_decref(value);
}

static void half_an_alert_is_said(void **state)
{
	json_t *value = decode_hex("150303000102");

	(void)state;
	assert_int_equal(json_array_size(at_path(value, "alerts")), 0);
	assert_text(value, "faults.0.where", "alert");
	json_decref(value);
}

static void unknown_alerts_keep_their_numbers(void **state)
{
	json_t *value = decode_hex("15030300020507");

	(void)state;
	assert_text(value, "alerts.0.level", "0x05");
	assert_text(value, "alerts.0.description", "0x07");
	json_decref(value);
}

static void bytes_that_are_not_tls_are_said_and_not_kept(void **state)
{
	struct transcript *transcript = transcript_new(NULL);
	static const char request[] = "GET / HTTP/1.1\r\nHost: server.shakedown.test\r\n\r\n";
	json_t *value;

	(void)state;
	for (int i = 0; i < 5000; i++)
		transcript_feed(transcript, SIDE_CLIENT,
		                (struct bytes){(const uint8_t *)request, sizeof(request) - 1},
		                T0_NS);
	assert_false(transcript_is_tls(transcript));
	value = emit_json(transcript);
	assert_int_equal(json_array_size(at_path(value, "faults")), 1);
	assert_text(value, "faults.0.text",
	            "the stream does not begin with TLS: 47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a "
	            "(GET / HTTP/1.1..)");
	json_decref(value);
	transcript_free(transcript);
}

static void tls_after_other_text_is_found_wherever_it_begins(void **state)
{
	struct buf record = from_hex(forum_record);

	(void)state;
	for (size_t n = 0; n < 40; n++) {
		struct buf stream = {0};
		struct transcript *transcript = transcript_new(NULL);
		json_t *value;

		buf_text(&stream, "EHLO board\r\n");
		for (size_t i = 0; i < n; i++)
			buf_u8(&stream, (uint8_t)(i % 3 == 0 ? 0x16 : 3));
		buf_bytes(&stream, buf_view(&record));
		feed_in_steps(transcript, SIDE_CLIENT, buf_view(&stream), 1 + n % 13, T0_NS);
		value = emit_json(transcript);
		assert_text(value, "client_hello.ja3", "0fe05bb12fd3c7ca77de173a4deb6eae");
		assert_int_equal(json_array_size(at_path(value, "faults")), 1);
		json_decref(value);
		transcript_free(transcript);
		buf_fini(&stream);
	}
	buf_fini(&record);
}

static void an_sslv2_style_hello_is_said_and_what_follows_is_read(void **state)
{
	json_t *value = decode_hex("801c0103010003000000100000ff000102030405060708090a0b0c0d0e0f"
	                           "15030100020228");

	(void)state;
	assert_text(value, "sslv2_client_hello.version", "TLS 1.0");
	assert_text(value, "sslv2_client_hello.cipher_specs.0",
	            "TLS_EMPTY_RENEGOTIATION_INFO_SCSV");
	assert_text(value, "sslv2_client_hello.challenge", "000102030405060708090a0b0c0d0e0f");
	assert_text(value, "faults.0.text",
	            "begins with an SSLv2-style hello (RFC 5246 appendix E.2)");
	assert_text(value, "alerts.0.description", "handshake_failure");
	json_decref(value);
}

static void after_a_gap_the_next_record_is_found(void **state)
{
	struct buf record = from_hex(forum_record);
	struct buf alert = from_hex("15030300020250");

	(void)state;
	for (size_t at = 0; at < record.len; at++) {
		struct transcript *transcript = transcript_new(NULL);
		json_t *value;
		size_t gap = record.len - at < 10 ? record.len - at : 10;
		char missing[64];

		feed_in_steps(transcript, SIDE_CLIENT, (struct bytes){record.data, at}, 7, T0_NS);
		transcript_gap(transcript, SIDE_CLIENT, gap, T0_NS);
		feed_in_steps(transcript, SIDE_CLIENT,
		              (struct bytes){record.data + at + gap, record.len - at - gap}, 7,
		              T0_NS);
		feed_in_steps(transcript, SIDE_CLIENT, buf_view(&alert), 3, T0_NS);
		value = emit_json(transcript);
		assert_text(value, "alerts.0.description", "internal_error");
		snprintf(missing, sizeof(missing), "%zu bytes are missing in the capture", gap);
		assert_non_null(find_in(value, "faults", "text", missing));
		json_decref(value);
		transcript_free(transcript);
	}
	buf_fini(&record);
	buf_fini(&alert);
}

/* A snapshot length cuts records so: what was captured is told, as of a stream that ends there. */
static void a_record_that_a_gap_cuts_shows_what_came(void **state)
{
	struct buf record = from_hex(forum_record);
	struct buf alert = from_hex("15030300020250");
	struct transcript *transcript = transcript_new(NULL);
	json_t *value;

	(void)state;
	transcript_feed(transcript, SIDE_CLIENT, (struct bytes){record.data, 56}, T0_NS);
	transcript_gap(transcript, SIDE_CLIENT, record.len - 56, T0_NS);
	transcript_feed(transcript, SIDE_CLIENT, buf_view(&alert), T0_NS);
	value = emit_json(transcript);
	assert_text(value, "messages.0.type", "client_hello");
	assert_text(value, "client_hello.random",
	            "000000005905b56d8d7d157d43eddf717b97cb45bebba36e904b983a16976d66");
	assert_text(value, "client_hello.cipher_suites.4", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
	assert_null(at_path(value, "client_hello.ja3"));
	assert_text(value, "alerts.0.description", "internal_error");
	json_decref(value);
	transcript_free(transcript);
	buf_fini(&record);
	buf_fini(&alert);
}

static void an_encrypted_record_that_a_gap_cuts_is_told(void **state)
{
	struct buf data = from_hex("140303000101" "1503030020" "0123456789");
	struct transcript *transcript = transcript_new(NULL);
	json_t *value;

	(void)state;
	transcript_feed(transcript, SIDE_CLIENT, buf_view(&data), T0_NS);
	transcript_gap(transcript, SIDE_CLIENT, 27, T0_NS);
	value = emit_json(transcript);
	assert_text(value, "messages.1.type", "encrypted");
	assert_text(value, "messages.1.content_type", "alert");
	assert_true(json_is_null(at_path(value, "alerts.0.number")));
	json_decref(value);
	transcript_free(transcript);
	buf_fini(&data);
}

/* Such records are not held, as nobody could open them; that the last one is not whole is known. */
static void a_stream_that_ends_inside_a_passed_over_record_is_told(void **state)
{
	struct buf data = from_hex("140303000101" "1703030020" "0123456789");
	struct transcript *transcript = transcript_new(NULL);
	json_t *value;

	(void)state;
	transcript_feed(transcript, SIDE_CLIENT, buf_view(&data), T0_NS);
	value = emit_json(transcript);
	assert_text(value, "faults.0.text",
	            "the stream ends inside a record, of which 10 bytes came");
	json_decref(value);
	transcript_feed(transcript, SIDE_CLIENT, (struct bytes){(const uint8_t[27]){0}, 27}, T0_NS);
	value = emit_json(transcript);
	assert_int_equal(json_array_size(at_path(value, "faults")), 0);
	json_decref(value);
	transcript_free(transcript);
	buf_fini(&data);
}

static void a_short_stream_that_is_not_tls_is_no_part_of_a_record(void **state)
{
	static const struct {
		const char *hex, *fault;
	} cases[] = {
		{"68690a", "the stream does not begin with TLS: 68 69 0a (hi.)"},
		{"16", "the stream ends inside a record, of which 1 byte came"},
		{"160301", "the stream ends inside a record, of which 3 bytes came"},
		{"1602", "the stream does not begin with TLS: 16 02 (..)"},
		{"802e01", "the stream ends inside a record, of which 3 bytes came"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *value = decode_hex(cases[i].hex);

		assert_int_equal(json_array_size(at_path(value, "faults")), 1);
		assert_text(value, "faults.0.text", cases[i].fault);
		json_decref(value);
	}
}

static void the_beginning_of_a_hello_is_tls(void **state)
{
	struct buf record = from_hex(forum_record);

	(void)state;
	for (size_t n = 0; n <= record.len; n++) {
		struct transcript *transcript = transcript_new(NULL);

		transcript_feed(transcript, SIDE_CLIENT, (struct bytes){record.data, n}, T0_NS);
		assert_int_equal(transcript_is_tls(transcript), n > RECORD_HEADER_LEN);
		transcript_free(transcript);
	}
	buf_fini(&record);
}

/* Of the length 000120, which would be told as 0, 0 and 256. */
static void a_message_cut_short_before_its_length_has_none(void **state)
{
	static const char *const cases[] = {"16030101240100", "1603010124010001", "160301012401"};
	json_t *value;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		value = decode_hex(cases[i]);
		assert_text(value, "messages.0.type", "client_hello");
		assert_null(at_path(value, "messages.0.length"));
		json_decref(value);
	}
	value = decode_hex("160301012401000120");
	assert_int_equal(json_integer_value(at_path(value, "messages.0.length")), 0x120);
	json_decref(value);
	value = decode_hex("1603010002010015030300020100");
	assert_text(value, "faults.0.text",
	            "client_hello is interrupted after 2 of the 4 bytes of its header by alert");
	json_decref(value);
}

/* An encrypted ClientHello, ChangeCipherSpec and Finished, of which the first is not captured. */
static void a_renegotiation_in_a_capture_begun_before_it_stays_encrypted(void **state)
{
	struct buf data = from_hex("1603030018" "5e058f7512345678901234567890123456789012aabbccdd"
	                           "1403030019" "00000000000000031234567890123456789012345678901234"
	                           "1603030018" "000000000000000412345678901234567890123456789012");
	struct transcript *transcript = transcript_new(NULL);
	json_t *value;

	(void)state;
	transcript_begin_late(transcript);
	transcript_feed(transcript, SIDE_CLIENT, buf_view(&data), T0_NS);
	value = emit_json(transcript);
	assert_int_equal(json_array_size(at_path(value, "messages")), 3);
	assert_text(value, "messages.0.type", "encrypted");
	assert_text(value, "messages.1.content_type", "change_cipher_spec");
	assert_text(value, "messages.2.type", "encrypted");
	assert_int_equal(json_array_size(at_path(value, "faults")), 0);
	json_decref(value);
	transcript_free(transcript);
	buf_fini(&data);
}

/* Such a capture may show a hello all the same; what follows it in small records is plaintext. */
static void after_a_hello_it_does_not_matter_that_the_capture_begins_late(void **state)
{
	struct buf data = from_hex("160303002a020000260303"
	                           "0101010101010101010101010101010101010101010101010101010101010101"
	                           "00c02b00" "16030300050b00000801" "160303000702030405060708");
	struct transcript *transcript = transcript_new(NULL);
	json_t *value;

	(void)state;
	transcript_begin_late(transcript);
	transcript_feed(transcript, SIDE_SERVER, buf_view(&data), T0_NS);
	value = emit_json(transcript);
	assert_int_equal(json_array_size(at_path(value, "messages")), 2);
	assert_text(value, "messages.1.type", "certificate");
	json_decref(value);
	transcript_free(transcript);
	buf_fini(&data);
}

/* The hellos of both sides, which agree on TLS 1.2. */
static struct transcript *agree_on_tls12(void)
{
	struct buf record = from_hex(forum_record);
	struct buf answer = from_hex("160303002a020000260303"
	                             "0101010101010101010101010101010101010101010101010101010101010101"
	                             "00c02b00");
	struct transcript *transcript = transcript_new(NULL);

	transcript_feed(transcript, SIDE_CLIENT, buf_view(&record), T0_NS);
	transcript_feed(transcript, SIDE_SERVER, buf_view(&answer), T0_NS);
	buf_fini(&record);
	buf_fini(&answer);
	return transcript;
}

static void a_gap_may_have_held_the_change_cipher_spec(void **state)
{
	/* A Finished after a nonce of zeros, and an alert; then again what is in plaintext. */
	struct buf data = from_hex("1603030028" "0000000000000000"
	                           "8d7d157d43eddf717b97cb45bebba36e904b983a16976d668d7d157d43eddf71"
	                           "150303001a" "0000000000000001"
	                           "8d7d157d43eddf717b97cb45bebba36e904b" "15030300020250");
	struct transcript *transcript = agree_on_tls12();
	json_t *value;

	(void)state;
	transcript_gap(transcript, SIDE_CLIENT, 81, T0_NS);
	transcript_feed(transcript, SIDE_CLIENT, buf_view(&data), T0_NS);
	value = emit_json(transcript);
	assert_text(value, "messages.2.content_type", "handshake");
	assert_text(value, "messages.3.content_type", "alert");
	assert_int_equal(json_array_size(at_path(value, "messages")), 5);
	assert_int_equal(json_array_size(at_path(value, "alerts")), 2);
	assert_true(json_is_null(at_path(value, "alerts.0.number")));
	assert_text(value, "alerts.1.description", "internal_error");
	json_decref(value);
	transcript_free(transcript);
	buf_fini(&data);
}

static void after_a_gap_messages_in_plaintext_are_still_read(void **state)
{
	/* ServerHelloDone after a ServerKeyExchange that the gap ended in. */
	struct buf data = from_hex("16030300040e000000" "140303000101");
	struct transcript *transcript = agree_on_tls12();
	json_t *value;

	(void)state;
	transcript_gap(transcript, SIDE_SERVER, 333, T0_NS);
	transcript_feed(transcript, SIDE_SERVER, buf_view(&data), T0_NS);
	value = emit_json(transcript);
	assert_text(value, "messages.2.type", "server_hello_done");
	assert_text(value, "messages.3.type", "change_cipher_spec");
	json_decref(value);
	transcript_free(transcript);
	buf_fini(&data);
}

/* So some boards say what is wrong with the server's Finished. */
static void an_alert_in_plaintext_after_change_cipher_spec_is_read(void **state)
{
	struct buf data = from_hex("140303000101" "15030300020233");
	struct transcript *transcript = agree_on_tls12();
	json_t *value;

	(void)state;
	transcript_feed(transcript, SIDE_CLIENT, buf_view(&data), T0_NS);
	value = emit_json(transcript);
	assert_text(value, "alerts.0.description", "decrypt_error");
	assert_true(json_is_false(at_path(value, "alerts.0.protected")));
	json_decref(value);
	transcript_free(transcript);
	buf_fini(&data);
}

static void the_hello_after_a_retry_is_read_without_the_server(void **state)
{
	struct buf record = from_hex(forum_record);
	struct buf stream = from_hex(forum_record);
	json_t *value;

	(void)state;
	buf_add(&stream, "\x14\3\3\0\1\1", 6);
	buf_bytes(&stream, buf_view(&record));
	value = decode_client(buf_view(&stream));
	assert_text(value, "messages.2.type", "client_hello");
	assert_text(value, "client_hello_2.ja3", "0fe05bb12fd3c7ca77de173a4deb6eae");
	assert_int_equal(json_array_size(at_path(value, "faults")), 0);
	json_decref(value);
	buf_fini(&stream);
	buf_fini(&record);
}

static void every_hello_of_a_connection_is_told(void **state)
{
	struct buf hello = from_hex(forum_record);
	struct transcript *transcript = agree_on_tls12();
	json_t *value;

	(void)state;
	transcript_feed(transcript, SIDE_CLIENT, buf_view(&hello), T0_NS);
	transcript_feed(transcript, SIDE_CLIENT, buf_view(&hello), T0_NS);
	value = emit_json(transcript);
	assert_int_equal(json_array_size(at_path(value, "later_hellos")), 2);
	assert_text(value, "later_hellos.1.type", "client_hello");
	assert_text(value, "later_hellos.1.from", "client");
	assert_text(value, "later_hellos.1.ja3", "0fe05bb12fd3c7ca77de173a4deb6eae");
	json_decref(value);
	transcript_free(transcript);
	buf_fini(&hello);
}

/* Up to draft 21, a ServerHello had neither a session nor a compression method. */
static void a_server_hello_of_an_early_draft_is_read(void **state)
{
	struct buf record = from_hex("160301005602000052" "7f14"
	                             "0101010101010101010101010101010101010101010101010101010101010101"
	                             "1303" "002c" "00280024001d0020"
	                             "0202020202020202020202020202020202020202020202020202020202020202"
	                             "002b0000");
	struct transcript *transcript = transcript_new(NULL);
	json_t *value;

	(void)state;
	transcript_feed(transcript, SIDE_SERVER, buf_view(&record), T0_NS);
	value = emit_json(transcript);
	assert_text(value, "version", "TLS 1.3 (draft 20)");
	assert_text(value, "cipher_suite", "TLS_CHACHA20_POLY1305_SHA256");
	assert_text(value, "group", "x25519");
	assert_text(value, "server_hello.ja3s_string", "32532,4867,40-43");
	assert_null(at_path(value, "server_hello.compression_method"));
	json_decref(value);
	transcript_free(transcript);
	buf_fini(&record);
}

static void bytes_out_of_step_are_said_and_the_next_record_is_found(void **state)
{
	json_t *value = decode_hex("140303000101" "deadbeef0102" "15030300020250");

	(void)state;
	assert_text(value, "faults.0.text",
	            "no record begins where one should: de ad be ef 01 (.....)");
	assert_text(value, "alerts.0.description", "internal_error");
	json_decref(value);
}

static void a_record_longer_than_allowed_is_no_record(void **state)
{
	json_t *value = decode_hex("140303000101" "1603034801" "00");

	(void)state;
	assert_text(value, "faults.0.text",
	            "no record begins where one should: 16 03 03 48 01 (...H.)");
	json_decref(value);
}

/* A claim of 16 MB, and as many bytes as one likes: no more than the limit is kept. */
static void a_message_without_end_does_not_fill_memory(void **state)
{
	struct transcript *transcript = transcript_new(NULL);
	uint8_t zeros[16000] = {HANDSHAKE_client_hello, 0xff, 0xff, 0xff, 3, 3};
	struct buf record = {0};
	json_t *value;

	(void)state;
	for (int i = 0; i < 40; i++) {
		buf_clear(&record);
		add_record(&record, CONTENT_handshake, (struct bytes){zeros, sizeof(zeros)});
		transcript_feed(transcript, SIDE_CLIENT, buf_view(&record), T0_NS);
		memset(zeros, 0, sizeof(zeros));
	}
	value = emit_json(transcript);
	assert_text(value, "faults.0.text",
	            "more than 262144 bytes of messages; the rest is not decoded");
	assert_text(value, "client_hello.legacy_version", "TLS 1.2");
	assert_int_equal(json_number(at_path(value, "messages.0"), "length"), 0xffffff);
	json_decref(value);
	transcript_free(transcript);
	buf_fini(&record);
}

static void application_data_is_cut_after_the_limit_and_what_follows_is_not(void **state)
{
	struct transcript *transcript = transcript_new(NULL);
	struct buf data = {0}, alert = from_hex("15030300020100"), hello = from_hex(forum_record);
	json_t *value;

	(void)state;
	for (int i = 0; i < TRANSCRIPT_RECORDS_MAX + 50; i++)
		add_record(&data, CONTENT_application_data,
		           (struct bytes){(const uint8_t *)"xx", 2});
	feed_in_steps(transcript, SIDE_CLIENT, buf_view(&data), 5, T0_NS);
	transcript_feed(transcript, SIDE_CLIENT, buf_view(&hello), T0_NS);
	transcript_feed(transcript, SIDE_CLIENT, buf_view(&alert), T0_NS);
	value = emit_json(transcript);
	assert_int_equal(json_array_size(at_path(value, "messages")), TRANSCRIPT_RECORDS_MAX + 2);
	assert_true(json_is_true(at_path(value, "messages_cut")));
	assert_text(value, "client_hello.ja3", "0fe05bb12fd3c7ca77de173a4deb6eae");
	assert_text(value, "alerts.0.description", "close_notify");
	json_decref(value);
	transcript_free(transcript);
	buf_fini(&data);
	buf_fini(&hello);
	buf_fini(&alert);
}

/* 600 HelloRequests. */
static void messages_are_cut_after_the_limit(void **state)
{
	struct transcript *transcript = transcript_new(NULL);
	struct buf request = from_hex("160303000400000000");
	json_t *value;

	(void)state;
	for (int i = 0; i < 600; i++)
		transcript_feed(transcript, SIDE_SERVER, buf_view(&request), T0_NS);
	value = emit_json(transcript);
	assert_int_equal(json_array_size(at_path(value, "messages")), TRANSCRIPT_MESSAGES_MAX);
	assert_true(json_is_true(at_path(value, "messages_cut")));
	json_decref(value);
	transcript_free(transcript);
	buf_fini(&request);
}

static void a_middlebox_change_cipher_spec_in_tls13_changes_nothing(void **state)
{
	struct transcript *transcript = transcript_new(NULL);
	struct buf hello = from_hex("160303003a020000360303"
	                            "54f7c48d3f72cce5abb776fec83ebc778ff45763bf2dd527b1f8f731a717f687"
	                            "00130100000e002b00020304" "003300040017" "0000");
	struct buf rest = from_hex("140303000101" "15030300020233");
	json_t *value;

	(void)state;
	transcript_feed(transcript, SIDE_SERVER, buf_view(&hello), T0_NS);
	transcript_feed(transcript, SIDE_CLIENT, buf_view(&rest), T0_NS);
	value = emit_json(transcript);
	assert_text(value, "version", "TLS 1.3");
	assert_text(value, "group", "secp256r1");
	assert_text(value, "messages.1.type", "change_cipher_spec");
	assert_text(value, "alerts.0.description", "decrypt_error");
	assert_int_equal(json_array_size(at_path(value, "faults")), 0);
	json_decref(value);
	transcript_free(transcript);
	buf_fini(&hello);
	buf_fini(&rest);
}

/*
 * Records under a suite that does not encrypt are opened without a key log. In one of them a peer
 * goes over to TLS 1.3, and then says that it changes keys that it never had.
 */
static void a_key_update_after_a_change_of_version_changes_nothing(void **state)
{
	static const char random[] = "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1";
	char hex[512];
	struct buf stream, message;
	json_t *value;

	(void)state;
	snprintf(hex, sizeof(hex), "160303002a020000260303%s00003b00" "140303000101", random);
	stream = from_hex(hex);
	snprintf(hex, sizeof(hex), "0200002e0303%s001301000006002b00020304" "1800000100%s", random,
	         random /* in the place of the MAC */);
	message = from_hex(hex);
	add_record(&stream, CONTENT_handshake, buf_view(&message));
	value = decode_stream(SIDE_SERVER, buf_view(&stream));
	assert_text(value, "messages.2.type", "server_hello");
	assert_text(value, "messages.3.type", "key_update");
	json_decref(value);
	buf_fini(&message);
	buf_fini(&stream);
}

static void the_first_client_hello_is_handed_out_whole(void **state)
{
	struct buf record = from_hex(forum_record);
	struct transcript *transcript = transcript_new(NULL);
	struct bytes hello;

	(void)state;
	transcript_feed(transcript, SIDE_CLIENT, (struct bytes){record.data, 100}, T0_NS);
	assert_int_equal(transcript_client_hello(transcript).len, 0);
	transcript_feed(transcript, SIDE_CLIENT,
	                (struct bytes){record.data + 100, record.len - 100}, T0_NS);
	hello = transcript_client_hello(transcript);
	assert_int_equal(hello.len, record.len - RECORD_HEADER_LEN);
	assert_memory_equal(hello.data, record.data + RECORD_HEADER_LEN, hello.len);
	transcript_free(transcript);
	buf_fini(&record);
}

static void telling_twice_and_feeding_on_between_is_the_same(void **state)
{
	struct buf record = from_hex(forum_record);
	struct transcript *transcript = transcript_new(NULL);
	json_t *first, *second;

	(void)state;
	transcript_feed(transcript, SIDE_CLIENT, (struct bytes){record.data, 100}, T0_NS);
	first = emit_json(transcript);
	second = emit_json(transcript);
	assert_true(json_equal(first, second));
	json_decref(first);
	json_decref(second);
	transcript_feed(transcript, SIDE_CLIENT,
	                (struct bytes){record.data + 100, record.len - 100}, T0_NS);
	first = emit_json(transcript);
	second = decode_client(buf_view(&record));
	assert_true(json_equal(first, second));
	json_decref(first);
	json_decref(second);
	transcript_free(transcript);
	buf_fini(&record);
}

static void the_sender_is_guessed_from_its_first_message(void **state)
{
	static const struct {
		const char *hex;
		enum guess guess;
	} cases[] = {
		{"16030100bf010000bb0303", GUESS_CLIENT},
		{"160303007b020000770303", GUESS_SERVER},
		{"16030300040e000000", GUESS_SERVER},
		{"160303000400000000", GUESS_SERVER},
		{"160303002800000000000000017a", GUESS_UNKNOWN}, /* a nonce */
		{"1603030025100000", GUESS_CLIENT},
		{"801c01030100", GUESS_CLIENT},
		{"15030300020228", GUESS_UNKNOWN},
		{"1703030010aabb", GUESS_UNKNOWN},
		{"474554202f20", GUESS_UNKNOWN},
		{"1603", GUESS_UNKNOWN},
		{"", GUESS_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf data = from_hex(cases[i].hex);

		assert_int_equal(transcript_guess(buf_view(&data)), cases[i].guess);
		buf_fini(&data);
	}
}

/*
 * Bytes of a fixed sequence, with headers strewn in: nothing to expect but JSON and no fault of
 * ours.
 */
static void noise_gives_json(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct transcript *transcript = transcript_new(NULL);

		for (int i = 0; i < 40; i++) {
			uint8_t chunk[97];
			size_t n = 1 + seed % sizeof(chunk);

			for (size_t j = 0; j < n; j++) {
				seed = seed * 1664525 + 1013904223;
				chunk[j] = (uint8_t)(seed >> 24);
			}
			if (seed >> 31 && n > 9)
				memcpy(chunk,
				       (uint8_t[]){(uint8_t)(20 + seed % 5), 3, 3, 0,
				                   (uint8_t)(n - 5), (uint8_t)(seed >> 20 & 31), 0,
				                   0, (uint8_t)(n - 9)},
				       9);
			transcript_feed(transcript, (enum side)(seed >> 30 & 1),
			                (struct bytes){chunk, n}, T0_NS);
			if (seed % 17 == 0)
				transcript_gap(transcript, (enum side)(seed >> 29 & 1), seed % 200,
				               T0_NS);
		}
		json_decref(emit_json(transcript));
		transcript_free(transcript);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_forum_hello_is_told_in_full),
		cmocka_unit_test(a_hello_that_differs_in_any_byte_is_told_rightly_from_memory),
		cmocka_unit_test(a_transcript_that_is_used_again_knows_nothing_of_before),
		cmocka_unit_test(the_forum_hello_reads_as_wireshark_prints_it),
		cmocka_unit_test(every_prefix_of_the_record_shows_what_came),
		cmocka_unit_test(every_prefix_of_the_message_shows_what_came),
		cmocka_unit_test(every_flipped_bit_is_told),
		cmocka_unit_test(suites_past_the_end_of_the_message_show_those_that_are_there),
		cmocka_unit_test(an_odd_suite_vector_is_a_fault),
		cmocka_unit_test(bytes_after_the_extensions_are_a_fault),
		cmocka_unit_test(a_message_may_be_split_over_records_and_chunks_anywhere),
		cmocka_unit_test(records_of_one_byte_are_joined),
		cmocka_unit_test(one_record_may_hold_many_messages),
		cmocka_unit_test(alerts_may_be_split_and_joined),
		cmocka_unit_test(half_an_alert_is_said),
		cmocka_unit_test(unknown_alerts_keep_their_numbers),
		cmocka_unit_test(bytes_that_are_not_tls_are_said_and_not_kept),
		cmocka_unit_test(tls_after_other_text_is_found_wherever_it_begins),
		cmocka_unit_test(an_sslv2_style_hello_is_said_and_what_follows_is_read),
		cmocka_unit_test(after_a_gap_the_next_record_is_found),
		cmocka_unit_test(a_record_that_a_gap_cuts_shows_what_came),
		cmocka_unit_test(an_encrypted_record_that_a_gap_cuts_is_told),
		cmocka_unit_test(a_stream_that_ends_inside_a_passed_over_record_is_told),
		cmocka_unit_test(a_gap_may_have_held_the_change_cipher_spec),
		cmocka_unit_test(after_a_gap_messages_in_plaintext_are_still_read),
		cmocka_unit_test(an_alert_in_plaintext_after_change_cipher_spec_is_read),
		cmocka_unit_test(the_hello_after_a_retry_is_read_without_the_server),
		cmocka_unit_test(bytes_out_of_step_are_said_and_the_next_record_is_found),
		cmocka_unit_test(a_record_longer_than_allowed_is_no_record),
		cmocka_unit_test(a_message_without_end_does_not_fill_memory),
		cmocka_unit_test(application_data_is_cut_after_the_limit_and_what_follows_is_not),
		cmocka_unit_test(messages_are_cut_after_the_limit),
		cmocka_unit_test(a_middlebox_change_cipher_spec_in_tls13_changes_nothing),
		cmocka_unit_test(every_hello_of_a_connection_is_told),
		cmocka_unit_test(a_server_hello_of_an_early_draft_is_read),
		cmocka_unit_test(a_key_update_after_a_change_of_version_changes_nothing),
		cmocka_unit_test(the_first_client_hello_is_handed_out_whole),
		cmocka_unit_test(telling_twice_and_feeding_on_between_is_the_same),
		cmocka_unit_test(the_sender_is_guessed_from_its_first_message),
		cmocka_unit_test(a_short_stream_that_is_not_tls_is_no_part_of_a_record),
		cmocka_unit_test(the_beginning_of_a_hello_is_tls),
		cmocka_unit_test(a_message_cut_short_before_its_length_has_none),
		cmocka_unit_test(a_renegotiation_in_a_capture_begun_before_it_stays_encrypted),
		cmocka_unit_test(after_a_hello_it_does_not_matter_that_the_capture_begins_late),
		cmocka_unit_test(noise_gives_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
