#include "view/html_cell.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/skim.h"
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

/* Whether byte strings to be cut may stand in the text of a value. */
static bool may_have_bytes(struct bytes text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len && n <= HTML_HEX_MAX; i++) {
		uint8_t c = text.data[i];

		n = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ? n + 1 : 0;
	}
	return n > HTML_HEX_MAX;
}

/* New; NULL if it is no JSON, as of a file that was changed meanwhile. */
static json_t *parsed(struct bytes text)
{
	return json_loadb((const char *)text.data, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL,
	                  NULL);
}

static json_t *parsed_without_bytes(struct bytes text)
{
	json_t *value = parsed(text), *copy;

	if (value == NULL || !may_have_bytes(text))
		return value;
	copy = without_bytes(value);
	json_decref(value);
	return copy;
}

/* As it stands in the text of an object. Takes over `value`, which may be NULL. */
static void set_member(json_t *object, const struct skim *member, json_t *value)
{
	char *key = strndup((const char *)member->key.data, member->key.len);

	CHECK(key != NULL);
	json_object_set_new(object, key, value);
	free(key);
}

/* `keys` ends with NULL. */
static void drop(json_t *object, const char *const *keys)
{
	for (; *keys != NULL; keys++)
		json_object_del(object, *keys);
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

/* `hex` is the JSON text of it. */
static json_t *tell_hello(struct bytes hex)
{
	json_t *text = parsed(hex), *hello;
	struct buf bytes = {0};

	unhex(json_string_value(text), &bytes);
	hello = json_made(json_pack("{s:o, s:o}", "bytes", text, "fields",
	                            hello_map(buf_view(&bytes))));
	buf_fini(&bytes);
	return hello;
}

static json_t *fingerprint(struct bytes hello, const char *key)
{
	struct bytes text;

	return hello.len > 0 && skim_member(hello, key, &text) ? parsed(text)
	                                                       : json_made(json_string(""));
}

/* With the bytes at hand, the decoded members would say the same again. */
static json_t *tell_fingerprints(struct bytes hello)
{
	return json_made(json_pack("{s:o, s:o}", "ja3", fingerprint(hello, "ja3"), "ja4",
	                           fingerprint(hello, "ja4")));
}

/* Appends the members of which `is_kept` says so, each with a comma before it but the first. */
static void put_members(struct bytes text, bool is_kept(const struct skim *member),
                        struct buf *out)
{
	struct skim member;
	size_t n = 0;

	for (skim_init(&member, text); skim_next(&member);) {
		if (!member.named || !is_kept(&member))
			continue;
		buf_text(out, n++ > 0 ? ",\"" : "\"");
		buf_add(out, member.key.data, (size_t)(member.at - member.key.data));
	}
}

static bool is_no_key_share(const struct skim *member)
{
	return !skim_is(member, "client_shares");
}

static bool is_of_all_hellos(const struct skim *member)
{
	return !skim_is(member, "random") && !skim_is(member, "legacy_session_id") &&
	       !skim_is(member, "extensions");
}

/* Appends the ClientHello without what is another in each: its random, session and key shares. */
static void put_offer(struct bytes hello, struct buf *out)
{
	struct skim extension;
	struct bytes list;
	size_t n = 0;

	buf_text(out, "{\"extensions\":[");
	if (skim_member(hello, "extensions", &list))
		for (skim_init(&extension, list); skim_next(&extension);) {
			buf_text(out, n++ > 0 ? ",{" : "{");
			put_members(extension.value, is_no_key_share, out);
			buf_char(out, '}');
		}
	buf_text(out, "],\"hello\":{");
	put_members(hello, is_of_all_hellos, out);
	buf_text(out, "}}");
}

/* --- what is told once ------------------------------------------------------------------------ */

#define SHARED_MIN 40 /* characters; a place in the list takes some itself */

void html_sharing_init(struct html_sharing *sharing)
{
	sharing->values = json_made(json_array());
	sharing->places = json_made(json_object());
	sharing->last = json_made(json_object());
	sharing->known = json_made(json_object());
	sharing->hellos = json_made(json_object());
}

void html_sharing_fini(struct html_sharing *sharing)
{
	json_decref(sharing->values);
	json_decref(sharing->places);
	json_decref(sharing->last);
	json_decref(sharing->known);
	json_decref(sharing->hellos);
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

/* What stands for the value: itself where it is short. A new reference. */
static json_t *stand_in(struct html_sharing *sharing, json_t *value)
{
	struct buf text = {0};
	json_t *found;

	json_put(&text, value, JSON_COMPACT | JSON_ENCODE_ANY);
	found = text.len < SHARED_MIN
	                ? json_incref(value)
	                : json_made(json_pack("{s:I}", "@",
	                                      place_of(sharing, buf_string(&text), value)));
	buf_fini(&text);
	return found;
}

/* Equal objects may have their members in another order. */
static bool is_the_same(const json_t *a, const json_t *b)
{
	return a == b || (json_is_array(a) && json_equal(a, b));
}

/* Cells that follow each other have much in common. */
static void share(struct html_sharing *sharing, json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key), *last = json_object_get(sharing->last, key);

	if (value == NULL)
		return;
	if (last == NULL || !is_the_same(json_array_get(last, 0), value)) {
		last = json_made(json_pack("[O, o]", value, stand_in(sharing, value)));
		json_object_set_new(sharing->last, key, last);
	}
	json_object_set(object, key, json_array_get(last, 1));
}

/* The same of what is a text yet: a new reference, or NULL. */
static json_t *stand_in_for_text(struct html_sharing *sharing, struct bytes text)
{
	char *key = strndup((const char *)text.data, text.len);
	json_t *found = json_incref(json_object_get(sharing->known, key)), *value;

	CHECK(key != NULL);
	if (found == NULL && (value = parsed_without_bytes(text)) != NULL) {
		found = stand_in(sharing, value);
		json_object_set(sharing->known, key, found);
		json_decref(value);
	}
	free(key);
	return found;
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
	static const char *const of_diagnosis[] = {"title", "cause", "evidence", "fix", "rfc",
	                                           "refs", "try", "also_tried", NULL};
	json_t *diagnoses = json_made(json_deep_copy(json_object_get(cell, "diagnosis"))), *one;
	size_t i;

	json_array_foreach(diagnoses, i, one)
		share_all(sharing, one, of_diagnosis);
	json_object_set_new(cell, "diagnosis", diagnoses);
	share_all(sharing, cell, of_cell);
	share(sharing, json_object_get(cell, "hello"), "fields");
}

/* --- the testimony ---------------------------------------------------------------------------- */

/* Of the wire's, in the order in which they are shared. */
static const char *const shared[] = {
	"client_hello", "server_hello", "hello_retry_request", "certificates",
	"encrypted_extensions", "certificate_request"};

#define N_SHARED (sizeof(shared) / sizeof(shared[0]))

/* One cell's testimony, and what is made of it. */
struct testimony {
	struct bytes wire, hello, hello_bytes; /* empty if it is not there */
	struct bytes shared[N_SHARED];         /* likewise */
	json_t *seen;                          /* {witness: what the page shows} */
	json_t *seen_wire;                     /* that of the wire */
};

static bool is_unread(const struct skim *member)
{
	static const char *const unread[] = {
		"client_hello_bytes", "new_session_tickets", "finished", "server_key_exchange",
		"client_key_exchange", "certificate_verify", "lint", "client", "server", "start"};

	for (size_t i = 0; i < sizeof(unread) / sizeof(unread[0]); i++)
		if (skim_is(member, unread[i]))
			return true;
	return false;
}

/* Null, until it is shared. */
static bool put_off(struct testimony *testimony, const struct skim *member)
{
	for (size_t i = 0; i < N_SHARED; i++)
		if (skim_is(member, shared[i])) {
			testimony->shared[i] = member->value;
			json_object_set_new(testimony->seen_wire, shared[i], json_null());
			return true;
		}
	return false;
}

static void take_wire(struct testimony *testimony)
{
	struct skim member;

	testimony->seen_wire = json_made(json_object());
	skim_member(testimony->wire, "client_hello", &testimony->hello);
	skim_member(testimony->wire, "client_hello_bytes", &testimony->hello_bytes);
	for (skim_init(&member, testimony->wire); skim_next(&member);)
		if (!is_unread(&member) && !put_off(testimony, &member))
			set_member(testimony->seen_wire, &member,
			           parsed_without_bytes(member.value));
}

static void take_testimony(struct testimony *testimony, struct bytes text)
{
	struct skim member;

	testimony->seen = json_made(json_object());
	for (skim_init(&member, text); skim_next(&member);)
		if (skim_is(&member, "wire") && member.value.data[0] == '{') {
			testimony->wire = member.value;
			take_wire(testimony);
			set_member(testimony->seen, &member, testimony->seen_wire);
		} else {
			set_member(testimony->seen, &member, parsed(member.value));
		}
}

/* The members of the wire that were put off; and "faults", which the statements are made from. */
static void share_wire(struct html_sharing *sharing, struct testimony *testimony)
{
	for (size_t i = 0; i < N_SHARED; i++)
		if (testimony->shared[i].len > 0)
			json_object_set_new(testimony->seen_wire, shared[i],
			                    stand_in_for_text(sharing, testimony->shared[i]));
		else
			share(sharing, testimony->seen_wire, shared[i]);
	if (testimony->seen_wire != NULL)
		share(sharing, testimony->seen_wire, "faults");
}

/* The ClientHello as offer.h looks at it: most of a board's are the same then. Borrowed. */
static json_t *offer_of(struct html_sharing *sharing, struct bytes hello)
{
	struct buf text = {0};
	json_t *offer;

	put_offer(hello, &text);
	offer = json_object_get(sharing->hellos, buf_string(&text));
	if (offer == NULL && (offer = parsed(buf_view(&text))) != NULL) {
		json_object_update(offer, json_object_get(offer, "hello"));
		json_object_set_new(sharing->hellos, buf_string(&text), offer);
	}
	buf_fini(&text);
	return offer;
}

/* --- the cell --------------------------------------------------------------------------------- */

/* What is made from the wire's testimony. */
static void add_wire(json_t *copy, struct html_sharing *sharing, struct testimony *testimony)
{
	struct bytes hello = testimony->hello;
	json_t *wire = json_made(json_object());

	if (hello.len > 0 && hello.data[0] == '{')
		json_object_set(wire, "client_hello", offer_of(sharing, hello));
	if (testimony->hello_bytes.len > 0) {
		json_object_set_new(copy, "hello", tell_hello(testimony->hello_bytes));
		json_object_set_new(testimony->seen_wire, "client_hello",
		                    tell_fingerprints(hello));
		testimony->shared[0].len = 0;
	}
	json_object_set_new(copy, "sets", offer_sets(json_object_get(copy, "server"), wire));
	json_decref(wire);
}

json_t *html_cell(const json_t *cell, const struct shelf *shelf, struct html_sharing *sharing)
{
	static const char *const unread[] = {"id",     "suite",      "scenario", "case", "board",
	                                     "reason", "timings_ms", NULL};
	json_t *copy = json_made(json_copy((json_t *)cell));
	struct testimony testimony = {0};
	struct buf text = {0};

	if (shelf_testimony(shelf, cell, &text)) {
		take_testimony(&testimony, buf_view(&text));
		json_object_set_new(copy, "witnesses", testimony.seen);
		if (testimony.seen_wire != NULL)
			add_wire(copy, sharing, &testimony);
		json_object_set_new(copy, "statements", witness_statements(copy));
	} else {
		json_object_del(copy, "witnesses");
	}
	share_members(sharing, copy);
	share_wire(sharing, &testimony);
	drop(copy, unread); /* the summary has it, or nobody asks */
	buf_fini(&text);
	return copy;
}
