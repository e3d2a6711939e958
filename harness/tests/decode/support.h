/*
 * support.h: what the tests of decode/ share: streams made by hand and by libssl, and the JSON
 * that a transcript makes of them. Header only; each test program is one object.
 */
#ifndef SHAKEDOWN_TESTS_DECODE_SUPPORT_H
#define SHAKEDOWN_TESTS_DECODE_SUPPORT_H

#include "base/json.h"
#include "decode/transcript.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0_NS UINT64_C(1000000000)

/* The ClientHello of a Nucleo board with NetX Duo Secure, in its record. */
static const char *const forum_record =
	"16030300bf010000bb0303000000005905b56d8d7d157d43eddf717b97cb45bebba36e904b983a16976d6600001813"
	"0113041305c02bc02fc023c027009c003d003c00aec0a80100007a000a00080006001700180019000b00020100002b"
	"00050403040303003300470045001700410429c78232b89a29e36d68aa3b422b7847e7b85b95fb955f3b2eb30b321d"
	"87e595520b4cb05c57baedd8b42b16bc1ed8240f27d3149448feba1f8979ba47051fe5000d0010000e040305030603"
	"0401050106010303";

__attribute__((unused)) static struct buf from_hex(const char *hex)
{
	struct buf out = {0};
	unsigned byte;

	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		buf_u8(&out, (uint8_t)byte);
	return out;
}

/* A transcript's members as JSON; the caller decrefs. What is emitted must be JSON. */
__attribute__((unused)) static json_t *emit_json(const struct transcript *transcript)
{
	struct buf out = {0};
	struct emit emit;
	json_error_t error;
	json_t *value;

	emit_init(&emit, &out, EMIT_JSON);
	emit.depth = 1; /* the object that is open */
	emit.levels[0].closer = '}';
	buf_char(&out, '{');
	transcript_emit(transcript, T0_NS, &emit);
	emit_close(&emit);
	value = json_loadb(buf_string(&out), out.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
	                   &error);
	if (value == NULL)
		fail_msg("not JSON: %s at %d: %s", error.text, error.position, buf_string(&out));
	buf_fini(&out);
	return value;
}

__attribute__((unused)) static struct buf emit_tree(const struct transcript *transcript)
{
	struct buf out = {0};
	struct emit emit;

	emit_init(&emit, &out, EMIT_TEXT);
	transcript_emit(transcript, T0_NS, &emit);
	return out;
}

/* One side's bytes, in chunks of `step`, each in an exact-size heap copy. */
__attribute__((unused)) static void feed_in_steps(struct transcript *transcript, enum side from,
                                                  struct bytes data, size_t step, uint64_t t_ns)
{
	for (size_t at = 0; at < data.len; at += step) {
		size_t n = data.len - at < step ? data.len - at : step;
		uint8_t *copy = malloc(n);

		memcpy(copy, data.data + at, n);
		transcript_feed(transcript, from, (struct bytes){copy, n}, t_ns);
		free(copy);
	}
}

/* What a transcript makes of bytes of one side alone. */
__attribute__((unused)) static json_t *decode_stream(enum side from, struct bytes data)
{
	struct transcript *transcript = transcript_new(NULL);
	json_t *value;

	feed_in_steps(transcript, from, data, data.len > 0 ? data.len : 1, T0_NS);
	value = emit_json(transcript);
	transcript_free(transcript);
	return value;
}

__attribute__((unused)) static json_t *decode_client(struct bytes data)
{
	return decode_stream(SIDE_CLIENT, data);
}

/*
 * The value at a path of keys and indices, "client_hello.extensions.0.name"; NULL if it is not
 * there.
 */
__attribute__((unused)) static const json_t *at_path(const json_t *value, const char *path)
{
	char key[64];
	int n;

	while (value != NULL && sscanf(path, "%63[^.]%n", key, &n) == 1) {
		value = json_is_array(value) ? json_array_get(value, (size_t)atoi(key))
		                             : json_object_get(value, key);
		path += n;
		path += *path == '.';
	}
	return value;
}

/* Fails unless the text at `path` is `expected`. */
__attribute__((unused)) static void assert_text(const json_t *value, const char *path,
                                                const char *expected)
{
	const char *text = json_string_value(at_path(value, path));

	if (text == NULL || strcmp(text, expected) != 0) {
		char *dump = json_dumps(value, JSON_INDENT(1));

		print_error("%s\n", dump);
		free(dump);
		fail_msg("%s is %s, not %s", path, text != NULL ? text : "absent", expected);
	}
}

/* The element of the list at `path` whose member `key` is `text`, or NULL. */
__attribute__((unused)) static const json_t *find_in(const json_t *value, const char *path,
                                                     const char *key, const char *text)
{
	const json_t *list = at_path(value, path);

	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_text(json_array_get(list, i), key), text) == 0)
			return json_array_get(list, i);
	return NULL;
}

/* Appends a record / a handshake message. */
__attribute__((unused)) static void add_record(struct buf *out, uint8_t type, struct bytes body)
{
	buf_u8(out, type);
	buf_u16(out, 0x0303);
	buf_u16(out, (uint16_t)body.len);
	buf_bytes(out, body);
}

__attribute__((unused)) static void add_message(struct buf *out, uint8_t type, struct bytes body)
{
	buf_u8(out, type);
	buf_u24(out, (uint32_t)body.len);
	buf_bytes(out, body);
}

#endif
