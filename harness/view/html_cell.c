#include "view/html_cell.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/json.h"
#include "verdict/offer.h"
#include "verdict/witness.h"
#include "view/hello_map.h"

#include <stdlib.h>
#include <string.h>

/* --- byte strings ----------------------------------------------------------------------------- */

static bool is_long_hex(const char *text, size_t len)
{
	return len > HTML_HEX_MAX && strspn(text, "0123456789abcdef") == len;
}

static json_t *shortened(const char *text, size_t len)
{
	struct buf shown = {0};
	json_t *value;

	buf_add(&shown, text, HTML_HEX_MAX / 2);
	buf_printf(&shown, "\xe2\x80\xa6 (%zu bytes)", len / 2);
	value = json_made(json_string(buf_string(&shown)));
	buf_fini(&shown);
	return value;
}

/* A copy in which long byte strings are cut. */
static json_t *without_bytes(const json_t *value)
{
	json_t *copy, *item;
	const char *key;
	size_t i;

	if (json_is_object(value)) {
		copy = json_made(json_object());
		json_object_foreach((json_t *)value, key, item)
			json_object_set_new(copy, key, without_bytes(item));
		return copy;
	}
	if (json_is_array(value)) {
		copy = json_made(json_array());
		json_array_foreach(value, i, item)
			json_array_append_new(copy, without_bytes(item));
		return copy;
	}
	if (json_is_string(value) &&
	    is_long_hex(json_string_value(value), json_string_length(value)))
		return shortened(json_string_value(value), json_string_length(value));
	return json_incref((json_t *)value);
}

/* `keys` ends with NULL. */
static void drop(json_t *object, const char *const *keys)
{
	for (; *keys != NULL; keys++)
		json_object_del(object, *keys);
}

static json_t *trimmed_wire(const json_t *wire)
{
	static const char *const unread[] = {
		"client_hello_bytes", "new_session_tickets", "finished", "server_key_exchange",
		"client_key_exchange", "certificate_verify", "lint", "client", "server", "start",
		NULL};
	json_t *copy = without_bytes(wire);

	drop(copy, unread);
	return copy;
}

/* --- the ClientHello -------------------------------------------------------------------------- */

/* 0 to 15; the text was checked by its schema. */
static unsigned digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10) & 15;
}

static void unhex(const char *hex, struct buf *out)
{
	for (; hex[0] != '\0' && hex[1] != '\0'; hex += 2)
		buf_u8(out, (uint8_t)(digit(hex[0]) << 4 | digit(hex[1])));
}

static json_t *hello_of(const json_t *wire)
{
	json_t *hex = json_object_get(wire, "client_hello_bytes");
	struct buf bytes = {0};
	json_t *hello;

	if (hex == NULL)
		return NULL;
	unhex(json_string_value(hex), &bytes);
	hello = json_made(json_pack("{s:O, s:o}", "bytes", hex, "fields",
	                            hello_map(buf_view(&bytes))));
	buf_fini(&bytes);
	return hello;
}

/* With the bytes at hand, the decoded members would say the same again. */
static void keep_fingerprints(json_t *wire)
{
	const json_t *hello = json_object_get(wire, "client_hello");

	json_object_set_new(wire, "client_hello",
	                    json_made(json_pack("{s:s, s:s}", "ja3", json_text(hello, "ja3"), "ja4",
	                                        json_text(hello, "ja4"))));
}

/* --- what is told once ------------------------------------------------------------------------ */

#define SHARED_MIN 40 /* characters; a place in the list takes some itself */

void html_sharing_init(struct html_sharing *sharing)
{
	sharing->values = json_made(json_array());
	sharing->places = json_made(json_object());
}

void html_sharing_fini(struct html_sharing *sharing)
{
	json_decref(sharing->values);
	json_decref(sharing->places);
}

static json_int_t place_of(struct html_sharing *sharing, const char *text, json_t *value)
{
	json_t *place = json_object_get(sharing->places, text);

	if (place == NULL) {
		place = json_made(json_integer((json_int_t)json_array_size(sharing->values)));
		json_object_set_new(sharing->places, text, place);
		json_array_append(sharing->values, value);
	}
	return json_integer_value(place);
}

static void share(struct html_sharing *sharing, json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);
	char *text = value != NULL ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	if (text != NULL && strlen(text) >= SHARED_MIN)
		json_object_set_new(object, key,
		                    json_made(json_pack("{s:I}", "@",
		                                        place_of(sharing, text, value))));
	free(text);
}

/* `keys` ends with NULL. */
static void share_all(struct html_sharing *sharing, json_t *object, const char *const *keys)
{
	for (; *keys != NULL; keys++)
		share(sharing, object, *keys);
}

static void share_members(struct html_sharing *sharing, json_t *cell)
{
	static const char *const of_cell[] = {
		"server", "client", "expect", "twin", "why", "detail", "control", "attempts",
		"tries", "lint", "sets", "missing", "known", "statements", "matrix", NULL};
	static const char *const of_wire[] = {
		"client_hello", "server_hello", "hello_retry_request", "certificates",
		"encrypted_extensions", "certificate_request", "faults", NULL};
	static const char *const of_diagnosis[] = {"title", "cause", "evidence", "fix", "rfc",
	                                           "refs", "try", "also_tried", NULL};
	json_t *diagnoses = json_made(json_deep_copy(json_object_get(cell, "diagnosis"))), *one;
	size_t i;

	json_array_foreach(diagnoses, i, one)
		share_all(sharing, one, of_diagnosis);
	json_object_set_new(cell, "diagnosis", diagnoses);
	share_all(sharing, cell, of_cell);
	share(sharing, json_object_get(cell, "hello"), "fields");
	share_all(sharing, json_object_get(json_object_get(cell, "witnesses"), "wire"), of_wire);
}

/* --- the cell --------------------------------------------------------------------------------- */

/* What is made from the wire's testimony, and that testimony for the page. */
static void add_wire(json_t *copy, const json_t *cell, const json_t *wire)
{
	json_t *seen = json_made(json_copy(json_object_get(cell, "witnesses")));
	json_t *trimmed = trimmed_wire(wire), *hello = hello_of(wire);

	if (hello != NULL) {
		keep_fingerprints(trimmed);
		json_object_set_new(copy, "hello", hello);
	}
	json_object_set_new(seen, "wire", trimmed);
	json_object_set_new(copy, "witnesses", seen);
	json_object_set_new(copy, "sets", offer_sets(json_object_get(cell, "server"), wire));
}

json_t *html_cell(const json_t *cell, struct html_sharing *sharing)
{
	static const char *const unread[] = {"id",     "suite",      "scenario", "case", "board",
	                                     "reason", "timings_ms", NULL};
	const json_t *witnesses = json_object_get(cell, "witnesses");
	const json_t *wire = json_object_get(witnesses, "wire");
	json_t *copy = json_made(json_copy((json_t *)cell));

	if (json_is_object(wire))
		add_wire(copy, cell, wire);
	if (json_is_object(witnesses))
		json_object_set_new(copy, "statements", witness_statements(cell));
	share_members(sharing, copy);
	drop(copy, unread); /* the summary has it, or nobody asks */
	return copy;
}
