#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "decode/lint.h"

/* The generator of P-256: a key share that is on its curve. */
#define POINT                                                                                       \
	"046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"                        \
	"4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"

#define NAME "0000000a00080000056c61622e61" /* server_name lab.a */
#define GROUPS "000a000400020017"
#define SCHEMES "000d00080006040308040401"
#define FORMATS "000b00020100"
#define EMS "00170000"
#define RENEGOTIATION "ff01000100"
#define VERSIONS "002b00050403040303"
#define SHARE "003300470045001700 41" POINT
#define COMMON NAME GROUPS FORMATS EMS RENEGOTIATION

/* The parts of a ClientHello in hex; NULL: as in the one that nothing is to be said of. */
struct parts {
	const char *version, *random, *session_id, *suites, *compression, *extensions, *end;
};

static void put_hex(struct buf *out, const char *hex)
{
	unsigned byte;

	for (; *hex != '\0'; hex += 2) {
		while (*hex == ' ')
			hex++;
		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		buf_char(out, (char)byte);
	}
}

static void put_vector(struct buf *out, const char *hex, int width)
{
	struct buf body = {0};

	put_hex(&body, hex);
	if (width > 1)
		buf_char(out, (char)(body.len >> 8));
	buf_char(out, (char)body.len);
	buf_bytes(out, buf_view(&body));
	buf_fini(&body);
}

static const char *or(const char *part, const char *usual)
{
	return part != NULL ? part : usual;
}

static void make_hello(struct buf *message, const struct parts *parts)
{
	static const char random[] =
		"6b035a94d49aec0d34d21de45aa42862e633619d0237595d21fab1e95edfff63";
	struct buf body = {0};

	put_hex(&body, or(parts->version, "0303"));
	put_hex(&body, or(parts->random, random));
	put_vector(&body, or(parts->session_id, random), 1);
	put_vector(&body, or(parts->suites, "1301c02bc02f"), 2);
	put_vector(&body, or(parts->compression, "00"), 1);
	if (parts->extensions == NULL || parts->extensions[0] != '\0')
		put_vector(&body, or(parts->extensions, COMMON SCHEMES VERSIONS SHARE), 2);
	buf_text(message, "\1");
	buf_char(message, 0);
	buf_char(message, (char)(body.len >> 8));
	buf_char(message, (char)body.len);
	buf_bytes(message, buf_view(&body));
	put_hex(message, or(parts->end, ""));
	buf_fini(&body);
}

/* The list, the caller's. */
static json_t *linted(struct bytes message)
{
	struct buf text = {0};
	struct emit emit;
	json_t *object;

	emit_init(&emit, &text, EMIT_JSON);
	emit_object(&emit, NULL);
	lint_tell(&emit, message);
	emit_close(&emit);
	object = json_made(json_loadb((const char *)text.data, text.len, 0, NULL));
	buf_fini(&text);
	return object;
}

static bool finds(const json_t *object, const char *id)
{
	return json_find(json_object_get(object, "lint"), "id", id) != NULL;
}

static void nothing_is_said_of_a_good_hello(void **state)
{
	static const struct parts good[] = {
		{0},
		{.suites = "c02bc02f", .session_id = "", .extensions = COMMON SCHEMES},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct buf message = {0};
		json_t *object;
		char *said;

		make_hello(&message, &good[i]);
		object = linted(buf_view(&message));
		said = json_dumps(object, 0);
		assert_string_equal(said, "{\"lint\": []}");
		free(said);
		json_decref(object);
		buf_fini(&message);
	}
}

/* Each with what is wrong in it. In their extensions the rest is as usual. */
static const struct {
	const char *id;
	struct parts parts;
} CASES[] = {
	{"hello-length", {.end = "00"}},
	{"odd-suite-vector", {.suites = "130100"}},
	{"odd-suite-vector", {.suites = ""}},
	{"sid-too-long", {.session_id = "00112233445566778899aabbccddeeff00112233445566778899aabbccdd"
	                                "eeff00"}},
	{"ext-block-missing", {.extensions = ""}},
	{"dup-extension", {.extensions = COMMON SCHEMES VERSIONS SHARE EMS}},
	{"comp-null-missing", {.compression = "01"}},
	{"comp-extra-in-13", {.compression = "0100"}},
	{"comp-deflate-offered", {.compression = "0100"}},
	{"random-constant-bytes",
	 {.random = "0101010101010101010101010101010101010101010101010101010101010101"}},
	{"random-time-zero",
	 {.random = "00000000d49aec0d34d21de45aa42862e633619d0237595d21fab1e95edfff63"}},
	{"random-time-uptime",
	 {.random = "0000002ad49aec0d34d21de45aa42862e633619d0237595d21fab1e95edfff63"}},
	{"13-legacy-version", {.version = "0304"}},
	{"versions-13-alone", {.extensions = COMMON SCHEMES SHARE "002b0003020304"}},
	{"versions-ascending", {.extensions = COMMON SCHEMES SHARE "002b00050403030304"}},
	{"old-version-offered", {.extensions = COMMON SCHEMES SHARE "002b0007060304 03030302"}},
	{"old-version-offered", {.version = "0302", .suites = "c02b", .extensions = COMMON}},
	{"versions-suites-inconsistent", {.suites = "c02bc02f"}},
	{"versions-suites-inconsistent", {.extensions = COMMON SCHEMES}},
	{"13-no-sigalgs", {.extensions = COMMON VERSIONS SHARE}},
	{"13-no-groups", {.extensions = NAME FORMATS EMS RENEGOTIATION SCHEMES VERSIONS SHARE}},
	{"13-no-keyshare", {.extensions = COMMON SCHEMES VERSIONS}},
	{"ks-not-in-groups",
	 {.extensions = NAME FORMATS EMS RENEGOTIATION SCHEMES VERSIONS SHARE "000a000400020018"}},
	{"ks-duplicate-group",
	 {.extensions = COMMON SCHEMES VERSIONS "0033008c008a00170041" POINT "00170041" POINT}},
	{"ks-order",
	 {.extensions = NAME FORMATS EMS RENEGOTIATION SCHEMES VERSIONS
	  "000a000600040017001d" "0033006b0069001d0020" "00112233445566778899aabbccddeeff"
	  "00112233445566778899aabbccddeeff" "00170041" POINT}},
	{"ks-bad-length", {.extensions = COMMON SCHEMES VERSIONS "003300080006001700020401"}},
	{"ks-not-on-curve",
	 {.extensions = COMMON SCHEMES VERSIONS "00330047004500170041"
	  "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
	  "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f4"}},
	{"ks-empty", {.extensions = COMMON SCHEMES VERSIONS "003300020000"}},
	{"psk-not-last", {.extensions = COMMON "00290000" SCHEMES VERSIONS SHARE}},
	{"psk-no-modes", {.extensions = COMMON SCHEMES VERSIONS SHARE "00290000"}},
	{"psk-binder-count", {.extensions = COMMON SCHEMES VERSIONS SHARE "00290000"}},
	{"early-data-no-psk", {.extensions = COMMON SCHEMES VERSIONS SHARE "002a0000"}},
	{"sigalgs-no-pss", {.extensions = COMMON VERSIONS SHARE "000d0006000404030401"}},
	{"sigalgs-mti", {.extensions = COMMON VERSIONS SHARE "000d0006000404030804"}},
	{"sigalgs-pss-without-pkcs1-12",
	 {.extensions = COMMON VERSIONS SHARE "000d0006000404030804"}},
	{"sigalgs-weak", {.extensions = COMMON VERSIONS SHARE "000d000a00080403080404010201"}},
	{"sigalgs-missing-12", {.suites = "c02b", .extensions = COMMON}},
	{"sigalgs-cert-without-sigalgs", {.extensions = COMMON VERSIONS SHARE "0032000400020403"}},
	{"sigalg-curve-gap", {.extensions = COMMON VERSIONS SHARE "000d000a00080403080404010503"}},
	{"groups-missing-with-ecdhe",
	 {.suites = "c02b", .extensions = NAME FORMATS EMS RENEGOTIATION SCHEMES}},
	{"groups-no-p256", {.extensions = NAME FORMATS EMS SCHEMES VERSIONS "000a00040002001d"}},
	{"groups-weak", {.extensions = NAME SCHEMES VERSIONS SHARE "000a0006000400170013"}},
	{"ecpf-no-uncompressed", {.extensions = NAME GROUPS SCHEMES VERSIONS SHARE "000b00020101"}},
	{"ecpf-missing-12", {.extensions = NAME GROUPS SCHEMES VERSIONS SHARE}},
	{"no-ems", {.extensions = NAME GROUPS SCHEMES VERSIONS SHARE}},
	{"no-reneg-signal", {.extensions = NAME GROUPS SCHEMES VERSIONS SHARE}},
	{"reneg-info-nonempty", {.extensions = NAME GROUPS SCHEMES VERSIONS SHARE "ff0100020100"}},
	{"no-etm-with-cbc", {.suites = "1301c009"}},
	{"no-fs-suites", {.suites = "1301009c"}},
	{"weak-suites", {.suites = "1301c02b000a"}},
	{"ccm8-offered", {.suites = "1301c0ae"}},
	{"cbc-only", {.suites = "c009", .extensions = COMMON SCHEMES}},
	{"no-mti-suite-13", {.suites = "1302c02b"}},
	{"scsv-fallback", {.suites = "c02b5600", .extensions = COMMON SCHEMES}},
	{"sni-missing", {.extensions = GROUPS SCHEMES VERSIONS SHARE}},
	{"sni-ip", {.extensions = "0000000c000a0000073132372e302e31" GROUPS SCHEMES VERSIONS SHARE}},
	{"sni-bad-bytes", {.extensions = "000000090007000004 61620063" GROUPS VERSIONS SHARE}},
	{"sni-bad-bytes", {.extensions = "00000008000600000361622e" GROUPS VERSIONS SHARE}},
	{"alpn-empty", {.extensions = COMMON SCHEMES VERSIONS SHARE "001000020000"}},
	{"alpn-empty", {.extensions = COMMON SCHEMES VERSIONS SHARE "00100003000100"}},
	{"mfl-value", {.extensions = COMMON SCHEMES VERSIONS SHARE "0001000105"}},
	{"mfl-with-13", {.extensions = COMMON SCHEMES VERSIONS SHARE "0001000101"}},
	{"mfl-and-rsl", {.extensions = COMMON SCHEMES VERSIONS SHARE "0001000101001c00020100"}},
	{"rsl-small", {.extensions = COMMON SCHEMES VERSIONS SHARE "001c0002003f"}},
	{"sid-empty-13", {.session_id = ""}},
	{"heartbeat", {.extensions = COMMON SCHEMES VERSIONS SHARE "000f000101"}},
	{"ticket-ext-in-13-alone", {.extensions = COMMON SCHEMES SHARE "002b000302030400230000"}},
	{"post-handshake-auth", {.extensions = COMMON SCHEMES VERSIONS SHARE "00310000"}},
	{"grease", {.suites = "0a0a1301c02b"}},
};

static void each_finding_is_made_where_it_belongs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct buf message = {0};
		json_t *object;

		make_hello(&message, &CASES[i].parts);
		object = linted(buf_view(&message));
		if (!finds(object, CASES[i].id))
			fail_msg("case %zu: %s is not found", i, CASES[i].id);
		json_decref(object);
		buf_fini(&message);
	}
}

static void every_finding_has_a_hello_that_shows_it(void **state)
{
	static const char *const ids[] = {
#define LINT(is_so, id, severity, rfc, text) id,
#include "decode/lint.def"
#undef LINT
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		size_t k = 0;

		while (k < sizeof(CASES) / sizeof(CASES[0]) && strcmp(CASES[k].id, ids[i]) != 0)
			k++;
		if (k == sizeof(CASES) / sizeof(CASES[0]) && strcmp(ids[i], "ch-large") != 0)
			fail_msg("no hello here shows %s", ids[i]);
	}
}

/* Copies of just that size, so that a sanitizer sees a byte too many. */
static void hello_that_is_cut_anywhere_is_looked_at(void **state)
{
	struct buf message = {0};

	(void)state;
	make_hello(&message, &(struct parts){
		.extensions = COMMON SCHEMES VERSIONS SHARE "0010000500030261620029000400020000"});
	for (size_t len = 1; len <= message.len; len++) {
		uint8_t *copy = malloc(len);

		assert_non_null(copy);
		memcpy(copy, message.data, len);
		json_decref(linted((struct bytes){copy, len}));
		free(copy);
	}
	json_decref(linted((struct bytes){0}));
	buf_fini(&message);
}

static void long_hello_is_large(void **state)
{
	struct buf message = {0};
	char suites[4 * 700 + 1];
	json_t *object;

	(void)state;
	for (size_t i = 0; i < 700; i++)
		memcpy(suites + 4 * i, "1301", 5);
	make_hello(&message, &(struct parts){.suites = suites});
	object = linted(buf_view(&message));
	assert_true(finds(object, "ch-large"));
	json_decref(object);
	buf_fini(&message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_said_of_a_good_hello),
		cmocka_unit_test(each_finding_is_made_where_it_belongs),
		cmocka_unit_test(every_finding_has_a_hello_that_shows_it),
		cmocka_unit_test(hello_that_is_cut_anywhere_is_looked_at),
		cmocka_unit_test(long_hello_is_large),
	};

	return cmocka_run_group_tests_name("decode/lint", tests, NULL, NULL);
}
