/* JSON and text from the same members. */
#include "tests/decode/support.h"

static char *written;

static const char *text_of(struct buf *out)
{
	free(written);
	written = strdup(buf_string(out));
	buf_fini(out);
	return written;
}

static const char *told_string(enum emit_format format, const char *data, size_t len)
{
	struct buf out = {0};
	struct emit emit;

	emit_init(&emit, &out, format);
	emit_string(&emit, "k", (struct bytes){(const uint8_t *)data, len});
	return text_of(&out);
}

#define JSON_OF(literal) told_string(EMIT_JSON, literal, sizeof(literal) - 1)
#define TEXT_OF(literal) told_string(EMIT_TEXT, literal, sizeof(literal) - 1)

static void json_strings_are_escaped(void **state)
{
	(void)state;
	assert_string_equal(JSON_OF(""), "\"k\":\"\"");
	assert_string_equal(JSON_OF("a\"b\\c\n\x1f\x7f"),
	                    "\"k\":\"a\\\"b\\\\c\\u000a\\u001f\\u007f\"");
	assert_string_equal(JSON_OF("\0"), "\"k\":\"\\u0000\"");
}

static void utf8_stays_and_other_bytes_become_their_value(void **state)
{
	(void)state;
	assert_string_equal(JSON_OF("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
	                    "\"k\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
	assert_string_equal(JSON_OF("\xff" "a\x80"), "\"k\":\"\\u00ffa\\u0080\"");
	assert_string_equal(JSON_OF("\xc3"), "\"k\":\"\\u00c3\"");
	assert_string_equal(JSON_OF("\xc0\x80"), "\"k\":\"\\u00c0\\u0080\"");         /* overlong */
	assert_string_equal(JSON_OF("\xed\xa0\x80"),
	                    "\"k\":\"\\u00ed\\u00a0\\u0080\""); /* surrogate */
	assert_string_equal(JSON_OF("\xf4\x90\x80\x80"), "\"k\":\"\\u00f4\\u0090\\u0080\\u0080\"");
}

static void the_text_tree_does_not_speak_to_the_terminal(void **state)
{
	(void)state;
	assert_string_equal(TEXT_OF("\x1b[31m\\\"\xff"), "K: \\x1b[31m\\x5c\"\\xff\n");
	assert_string_equal(TEXT_OF("\xc2\x9b" "1m\xc3\xa9"), "K: \\xc2\\x9b1m\xc3\xa9\n");
}

static void tell_sample(struct emit *emit)
{
	emit_object(emit, "server_hello");
	emit_list(emit, "cipher_suites");
	emit_name(emit, NULL, REGISTRY_CIPHER_SUITE, 0x1301);
	emit_name(emit, NULL, REGISTRY_CIPHER_SUITE, 0xfafa);
	emit_name(emit, NULL, REGISTRY_CIPHER_SUITE, 0x4321);
	emit_close(emit);
	emit_list(emit, "faults");
	emit_close(emit);
	emit_list(emit, "client_shares");
	emit_item(emit, "Share %d", 1);
	emit_hex(emit, "random", (struct bytes){(const uint8_t *)"\x01\xfe", 2});
	emit_hex(emit, "cookie", (struct bytes){0});
	emit_close(emit);
	emit_close(emit);
	emit_close(emit);
	emit_name(emit, "description", REGISTRY_ALERT_DESCRIPTION, 40);
	emit_number(emit, "number", 40);
	emit_bool(emit, "protected", false);
	emit_null(emit, "level");
	emit_uint(emit, "length", UINT64_MAX);
	emit_ms(emit, "t_ms", 12345678, 345000);
}

static void one_telling_gives_json(void **state)
{
	struct buf out = {0};
	struct emit emit;

	(void)state;
	emit_init(&emit, &out, EMIT_JSON);
	emit_list(&emit, "l");
	if (emit_line(&emit, "a line"))
		tell_sample(&emit);
	emit_close(&emit);
	emit_close(&emit);
	assert_string_equal(
		text_of(&out),
		"\"l\":[{\"server_hello\":{\"cipher_suites\":[\"TLS_AES_128_GCM_SHA256\","
		"\"GREASE (0xfafa)\",\"0x4321\"],\"faults\":[],\"client_shares\":[{\"random\":\"01fe\","
		"\"cookie\":\"\"}]},\"description\":\"handshake_failure\",\"number\":40,"
		"\"protected\":false,\"level\":null,\"length\":18446744073709551615,"
		"\"t_ms\":12.000}]");
}

static void the_same_telling_gives_a_text_tree(void **state)
{
	struct buf out = {0};
	struct emit emit;

	(void)state;
	emit_init(&emit, &out, EMIT_TEXT);
	tell_sample(&emit);
	assert_string_equal(text_of(&out), "Server Hello\n"
	                                   "    Cipher Suites (3)\n"
	                                   "        Cipher Suite: TLS_AES_128_GCM_SHA256 (0x1301)\n"
	                                   "        Cipher Suite: GREASE (0xfafa)\n"
	                                   "        Cipher Suite: Unknown (0x4321)\n"
	                                   "    Faults (0)\n"
	                                   "    Key Share Entries (1)\n"
	                                   "        Share 1\n"
	                                   "            Random: 01fe\n"
	                                   "            Cookie: (empty)\n"
	                                   "Description: handshake_failure (40)\n"
	                                   "Protected: false\n"
	                                   "Level: unknown\n"
	                                   "Length: 18446744073709551615\n"
	                                   "Time (ms): 12.000\n");
}

static void a_line_of_the_text_tree_has_no_members(void **state)
{
	struct buf out = {0};
	struct emit emit;

	(void)state;
	emit_init(&emit, &out, EMIT_TEXT);
	emit_list(&emit, "messages");
	assert_false(emit_line(&emit, "%d ms", 5));
	emit_close(&emit);
	assert_string_equal(text_of(&out), "Messages (1)\n    5 ms\n");
}

static void times_before_the_start_are_zero(void **state)
{
	struct buf out = {0};
	struct emit emit;

	(void)state;
	emit_init(&emit, &out, EMIT_JSON);
	emit_ms(&emit, "t_ms", 1, 2);
	emit_ms(&emit, "t_ms", 2001999, 1000);
	assert_string_equal(text_of(&out), "\"t_ms\":0.000,\"t_ms\":2.000");
}

/* Two members with what varies between and in them; the list's count comes behind its heading. */
static bool tell_varying(struct emit *emit, const char *random, uint64_t t_ns)
{
	struct bytes bytes = {(const uint8_t *)random, strlen(random)};
	struct emit_slots slots = {0};
	struct emit_run run;

	emit_slots_ms(&slots, t_ns, T0_NS);
	emit_slots_hex(&slots, bytes);
	if (emit_again_with(emit, &run, EMIT_TAG(EMIT_TAG_HELLO, 1), (struct bytes){0}, &slots))
		return true;
	emit_ms(emit, "t_ms", t_ns, T0_NS);
	emit_list(emit, "client_shares");
	emit_hex(emit, NULL, bytes);
	emit_close(emit);
	emit_remember(emit, &run);
	return false;
}

static void what_varies_is_told_anew_in_its_slot(void **state)
{
	static const char *const randoms[] = {"abcd", "z", "0123456789"};

	(void)state;
	for (int format = EMIT_JSON; format <= EMIT_TEXT; format++) {
		struct memo *memo = memo_new();

		for (uint64_t i = 0; i < 6; i++) {
			struct buf told = {0}, again = {0};
			struct emit emit;

			emit_init(&emit, &told, format);
			assert_false(tell_varying(&emit, randoms[i % 3], T0_NS << i));
			emit_init(&emit, &again, format);
			emit.memo = memo;
			assert_int_equal(tell_varying(&emit, randoms[i % 3], T0_NS << i), i >= 2);
			assert_string_equal(buf_string(&again), buf_string(&told));
			buf_fini(&told);
			buf_fini(&again);
		}
		memo_free(memo);
	}
}

static void more_slots_than_there_is_room_for_are_not_remembered(void **state)
{
	struct memo *memo = memo_new();
	struct emit_slots slots = {0};
	struct buf out = {0};
	struct emit emit;
	struct emit_run run;

	(void)state;
	for (int i = 0; i <= EMIT_SLOTS_MAX; i++)
		emit_slots_ms(&slots, T0_NS, T0_NS);
	emit_init(&emit, &out, EMIT_JSON);
	emit.memo = memo;
	for (int i = 0; i < 3; i++) {
		assert_false(emit_again_with(&emit, &run, EMIT_TAG(EMIT_TAG_HELLO, 2),
		                             (struct bytes){0}, &slots));
		for (int k = 0; k <= EMIT_SLOTS_MAX; k++)
			emit_ms(&emit, "t_ms", T0_NS, T0_NS);
		emit_remember(&emit, &run);
	}
	buf_fini(&out);
	memo_free(memo);
}

static int free_written(void **state)
{
	(void)state;
	free(written);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_strings_are_escaped),
		cmocka_unit_test(utf8_stays_and_other_bytes_become_their_value),
		cmocka_unit_test(the_text_tree_does_not_speak_to_the_terminal),
		cmocka_unit_test(one_telling_gives_json),
		cmocka_unit_test(the_same_telling_gives_a_text_tree),
		cmocka_unit_test(a_line_of_the_text_tree_has_no_members),
		cmocka_unit_test(times_before_the_start_are_zero),
		cmocka_unit_test(what_varies_is_told_anew_in_its_slot),
		cmocka_unit_test(more_slots_than_there_is_room_for_are_not_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, free_written);
}
