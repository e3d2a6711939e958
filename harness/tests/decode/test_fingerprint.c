/* JA3, JA3S and JA4 against values published elsewhere, and the corners of their definitions. */
#include "decode/fingerprint.h"
#include "tests/decode/support.h"

/* A ClientHello to be put together. Lists are hexadecimal. */
struct sketch {
	uint16_t legacy_version;
	const char *suites;
	const char *extensions; /* the block, without its length; NULL for none */
};

static struct buf build(const struct sketch *sketch)
{
	struct buf suites = from_hex(sketch->suites);
	struct buf extensions = from_hex(sketch->extensions != NULL ? sketch->extensions : "");
	struct buf body = {0}, message = {0};

	buf_u16(&body, sketch->legacy_version);
	for (int i = 0; i < 32; i++)
		buf_u8(&body, (uint8_t)i);
	buf_u8(&body, 0);
	buf_u16(&body, (uint16_t)suites.len);
	buf_bytes(&body, buf_view(&suites));
	buf_u16(&body, 0x0100);
	if (sketch->extensions != NULL) {
		buf_u16(&body, (uint16_t)extensions.len);
		buf_bytes(&body, buf_view(&extensions));
	}
	add_message(&message, HANDSHAKE_client_hello, buf_view(&body));
	buf_fini(&suites);
	buf_fini(&extensions);
	buf_fini(&body);
	return message;
}

typedef void fingerprint(const struct client_hello *hello, struct buf *out);

static void assert_fingerprint(const struct sketch *sketch, fingerprint *make, const char *expected)
{
	struct buf message = build(sketch);
	struct client_hello hello;
	struct buf out = {0};

	client_hello_read(&hello, buf_view(&message));
	assert_int_equal(hello.fault.kind, FAULT_NONE);
	make(&hello, &out);
	assert_string_equal(buf_string(&out), expected);
	buf_fini(&out);
	buf_fini(&message);
}

/* Chrome with GREASE in all places: FoxIO's own example. */
#define CHROME_SUITES "4a4a130113021303c02bc02fc02cc030cca9cca8c013c014009c009d002f0035"
#define CHROME_EXTENSIONS                                                                          \
	"2a2a0000" "00000006000400000161" "00170000" "ff01000100" "000a000400021a1a" "000b00020100"    \
	"00230000" "00100005000302" "6832" "000500050100000000"                                       \
	"000d0012001004030804040105030805050108060601" "00120000" "003300020000" "002d00020101"        \
	"002b0007065a5a03040303" "001b0003020002" "44690005000302" "6832" "7a7a000100" "001500020000"

static const struct sketch chrome = {0x0303, CHROME_SUITES, CHROME_EXTENSIONS};

static void ja4_of_chrome_is_the_published_one(void **state)
{
	(void)state;
	assert_fingerprint(&chrome, fingerprint_ja4, "t13d1516h2_8daaf6152771_e5627efa2ab1");
	assert_fingerprint(&chrome, fingerprint_ja4_r,
	                   "t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,"
	                   "cca8,cca9_0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,"
	                   "ff01_0403,0804,0401,0503,0805,0501,0806,0601");
}

static void ja3_leaves_grease_out_everywhere(void **state)
{
	(void)state;
	assert_fingerprint(&chrome, fingerprint_ja3_string,
	                   "771,4865-4866-4867-49195-49199-49196-49200-52393-52392-49171-49172-156-157-47-"
	                   "53,0-23-65281-10-11-35-16-5-13-18-51-45-43-27-17513-21,,0");
}

static void ja4_without_signature_algorithms_has_no_trailing_underscore(void **state)
{
	const struct sketch sketch = {0x0301, "002f0035", "000a000400020017"};

	(void)state;
	assert_fingerprint(&sketch, fingerprint_ja4_r, "t10i020100_002f,0035_000a");
}

static void ja4_ignores_grease_among_signature_algorithms_and_keeps_their_order(void **state)
{
	const struct sketch sketch = {0x0303, "c02b", "000d000800060a0a08040403"};

	(void)state;
	assert_fingerprint(&sketch, fingerprint_ja4_r, "t12i010100_c02b_000d_0804,0403");
}

static void ja4_of_a_hello_without_extensions_has_zeros(void **state)
{
	const struct sketch sketch = {0x0300, "0005", NULL};
	const struct sketch only_name = {0x0303, "0005", "0000000000100000"};

	(void)state;
	assert_fingerprint(&sketch, fingerprint_ja4_r, "ts3i010000_0005_");
	assert_fingerprint(&sketch, fingerprint_ja4, "ts3i010000_1ed8eb363bcd_000000000000");
	assert_fingerprint(&only_name, fingerprint_ja4_r, "t12d010200_0005_");
	assert_fingerprint(&sketch, fingerprint_ja3_string, "768,5,,,");
}

static void ja4_shows_first_and_last_character_of_the_protocol(void **state)
{
	static const struct {
		const char *extension;
		const char *start;
	} cases[] = {
		{"0010000b000908687474702f312e31", "t12i0101h1_c02b_"},
		{"0010000400020168", "t12i0101hh_c02b_"},
		{"00100004000201ab", "t12i0101ab_c02b_"},
		{"00100005000302abcd", "t12i0101ad_c02b_"},
		{"001000050003022061", "t12i010121_c02b_"},
		{"0010000500030230ab", "t12i01013b_c02b_"},
		{"0010000700050430" "31abcd", "t12i01013d_c02b_"},
		{"00100003000100", "t12i010100_c02b_"},
		{"001000020000", "t12i010100_c02b_"},
		{"00100000", "t12i010100_c02b_"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sketch sketch = {0x0303, "c02b", cases[i].extension};

		assert_fingerprint(&sketch, fingerprint_ja4_r, cases[i].start);
	}
}

static void ja4_takes_the_highest_version_of_the_extension(void **state)
{
	static const struct {
		uint16_t legacy_version;
		const char *extension;
		const char *start;
	} cases[] = {
		{0x0303, "002b0003020302", "t11i010100_c02b_002b"},
		{0x0303, "002b0007060303fafa0304", "t13i010100_c02b_002b"},
		{0x0303, "002b0003027f1c", "t00i010100_c02b_002b"},
		{0x0302, "002b00020000", "t11i010100_c02b_002b"},
		{0x0002, "000b0000", "ts2i010100_c02b_000b"},
		{0x0305, "000b0000", "t00i010100_c02b_000b"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sketch sketch = {cases[i].legacy_version, "c02b", cases[i].extension};

		assert_fingerprint(&sketch, fingerprint_ja4_r, cases[i].start);
	}
}

static void ja4_counts_no_further_than_99(void **state)
{
	struct buf suites = {0}, start = {0};
	struct sketch sketch = {.legacy_version = 0x0303};
	struct buf message;
	struct client_hello hello;

	(void)state;
	for (int i = 0; i < 150; i++)
		buf_printf(&suites, "%04x", 0xc000 + i);
	sketch.suites = buf_string(&suites);
	message = build(&sketch);
	client_hello_read(&hello, buf_view(&message));
	fingerprint_ja4(&hello, &start);
	assert_memory_equal(buf_string(&start), "t12i990000_", 11);
	buf_fini(&suites);
	buf_fini(&start);
	buf_fini(&message);
}

static void ja3_and_ja4_of_the_forum_hello_are_what_wireshark_printed(void **state)
{
	struct buf record = from_hex(forum_record);
	json_t *value = decode_client(buf_view(&record));

	(void)state;
	assert_text(value, "client_hello.ja3", "0fe05bb12fd3c7ca77de173a4deb6eae");
	assert_text(value, "client_hello.ja3_string",
	            "771,4865-4868-4869-49195-49199-49187-49191-156-61-60-174-49320,10-11-43-51-13,"
	            "23-24-25,0");
	assert_text(value, "client_hello.ja4", "t13i120500_300ad538f728_2ddaf29219d6");
	assert_text(value, "client_hello.ja4_r",
	            "t13i120500_003c,003d,009c,00ae,1301,1304,1305,c023,c027,c02b,c02f,c0a8_000a,000b,"
	            "000d,002b,0033_0403,0503,0603,0401,0501,0601,0303");
	json_decref(value);
	buf_fini(&record);
}

/*
 * The answer of the server in the same thread; its key share is shortened here, which JA3S does
 * not see.
 */
static void ja3s_of_the_forum_server_is_what_wireshark_printed(void **state)
{
	struct buf record = from_hex("1603030038020000340303"
	                             "54f7c48d3f72cce5abb776fec83ebc778ff45763bf2dd527b1f8f731a717f687"
	                             "00130100000c002b00020304" "003300020017");
	struct transcript *transcript = transcript_new(NULL);
	json_t *value;

	(void)state;
	transcript_feed(transcript, SIDE_SERVER, buf_view(&record), T0_NS);
	value = emit_json(transcript);
	assert_text(value, "server_hello.ja3s_string", "771,4865,43-51");
	assert_text(value, "server_hello.ja3s", "f4febc55ea12b31ae17cfb7e614afda8");
	json_decref(value);
	transcript_free(transcript);
	buf_fini(&record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ja4_of_chrome_is_the_published_one),
		cmocka_unit_test(ja3_leaves_grease_out_everywhere),
		cmocka_unit_test(ja4_without_signature_algorithms_has_no_trailing_underscore),
		cmocka_unit_test(
			ja4_ignores_grease_among_signature_algorithms_and_keeps_their_order),
		cmocka_unit_test(ja4_of_a_hello_without_extensions_has_zeros),
		cmocka_unit_test(ja4_shows_first_and_last_character_of_the_protocol),
		cmocka_unit_test(ja4_takes_the_highest_version_of_the_extension),
		cmocka_unit_test(ja4_counts_no_further_than_99),
		cmocka_unit_test(ja3_and_ja4_of_the_forum_hello_are_what_wireshark_printed),
		cmocka_unit_test(ja3s_of_the_forum_server_is_what_wireshark_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
