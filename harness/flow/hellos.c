#include "flow/hellos.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"
#include "decode/hello_kind.h"
#include "decode/lint.h"
#include "decode/record.h"
#include "decode/registry.h"

#include <inttypes.h>
#include <stdlib.h>

#define FRAGMENT_MAX 16384 /* bytes of a record's content: RFC 8446 section 5.1 */

struct collection {
	struct hellos *hellos;
	enum hellos_apart apart;
};

/* --- kinds ------------------------------------------------------------------------------------ */

static struct hello *find(struct hellos *hellos, const struct buf *key)
{
	for (size_t i = 0; i < hellos->n; i++) {
		const struct buf *other = &hellos->items[i].key;

		if (other->len == key->len && memcmp(other->data, key->data, key->len) == 0)
			return &hellos->items[i];
	}
	return NULL;
}

/* A new kind, which takes `key` over; NULL if there are too many. */
static struct hello *add(struct hellos *hellos, struct bytes message, struct buf *key,
                         json_t *connection)
{
	struct hello *hello;

	if (hellos->n == HELLOS_MAX)
		return NULL;
	hellos->items = reallocarray(hellos->items, hellos->n + 1, sizeof(*hello));
	CHECK(hellos->items != NULL);
	hello = &hellos->items[hellos->n++];
	*hello = (struct hello){.key = *key, .connection = json_incref(connection)};
	*key = (struct buf){0};
	buf_bytes(&hello->message, message);
	return hello;
}

/* What is the same in two connections that went the same way: not times, not counts of bytes. */
static void add_course(struct buf *key, const json_t *connection)
{
	static const char *const members[] = {"version", "cipher_suite", "group",
	                                      "signature_algorithm"};
	const json_t *item;
	size_t i;

	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		buf_printf(key, "%s ", json_text(connection, members[i]));
	json_array_foreach(json_object_get(connection, "messages"), i, item)
		buf_printf(key, "%s %s ", json_text(item, "from"), json_text(item, "type"));
	json_array_foreach(json_object_get(connection, "alerts"), i, item)
		buf_printf(key, "%s %lld ", json_text(item, "from"), json_number(item, "number"));
	buf_text(key, json_text(json_object_get(connection, "close"), "first"));
}

static void take(const struct collection *collection, uint64_t number, struct bytes message,
                 json_t *connection)
{
	struct hellos *hellos = collection->hellos;
	struct hello *hello;
	struct buf key = {0};

	hello_kind(message, &key);
	if (collection->apart == HELLOS_BY_COURSE)
		add_course(&key, connection);
	hello = find(hellos, &key);
	if (hello == NULL)
		hello = add(hellos, message, &key, connection);
	buf_fini(&key);
	if (hello == NULL) {
		hellos->n_dropped++;
		return;
	}
	if (hello->n < HELLOS_NUMBERS_MAX)
		hello->numbers[hello->n] = number;
	hello->n++;
}

/* --- a capture -------------------------------------------------------------------------------- */

static json_t *loaded(const struct buf *text)
{
	json_t *value = json_loadb(buf_string(text), text->len, JSON_ALLOW_NUL, NULL);

	CHECK(value != NULL);
	return value;
}

static json_t *connection_told(const struct connection *connection)
{
	struct buf text = {0};
	struct emit emit;
	json_t *told;

	emit_init(&emit, &text, EMIT_JSON);
	emit_item(&emit, "Connection");
	connection_emit(connection, &emit);
	emit_close(&emit);
	told = loaded(&text);
	buf_fini(&text);
	return told;
}

static void take_connection(void *context, uint64_t number, const struct connection *connection)
{
	const struct collection *collection = context;
	struct hellos *hellos = collection->hellos;
	struct bytes message = transcript_client_hello(connection->transcript);
	json_t *told = connection_told(connection);

	if (message.len > 0)
		take(collection, number, message, told);
	else if (json_object_get(told, "client_hello") != NULL && hellos->n_cut++ == 0)
		hellos->first_cut = number;
	json_decref(told);
}

/* Why a capture that could be read has nothing to go on. */
static int refuse_capture(const struct hellos *hellos, const char *path,
                          const struct decode_counts *counts, struct error *error)
{
	if (hellos->n_cut > 0)
		return error_set(error, ERR_INPUT,
		                 "%s: the ClientHello of connection %" PRIu64 " is cut short, and "
		                 "no other is there; capture whole packets (tcpdump -s 0), from "
		                 "the connection's beginning",
		                 path, hellos->first_cut);
	if (counts->n_packets > 0 && counts->n_not_tcp == counts->n_packets)
		return error_set(error, ERR_INPUT,
		                 "%s: none of its %" PRIu64 " packets is TCP; TLS over UDP (DTLS, "
		                 "QUIC) is not read", path, counts->n_packets);
	return error_set(error, ERR_INPUT,
	                 "%s: no ClientHello is in its %" PRIu64 " TCP connection%s; the capture "
	                 "has to begin before the client connects",
	                 path, counts->n_connections, counts->n_connections == 1 ? "" : "s");
}

static int read_capture(struct collection *collection, const struct decode_request *request,
                        FILE *notes, struct error *error)
{
	struct hellos *hellos = collection->hellos;
	struct error damage = {0};
	struct decode_counts counts;
	int rc = decode_visit(request, take_connection, collection, &counts, notes, &damage);

	if (rc == 0 && hellos->n == 0)
		return refuse_capture(hellos, request->path, &counts, error);
	if (rc != 0 && hellos->n == 0) {
		*error = damage;
		return rc;
	}
	if (rc != 0)
		fprintf(notes, "%s\n", damage.text);
	return 0;
}

/* --- a bare file ------------------------------------------------------------------------------ */

/* No capture begins like this. */
static bool is_bare(const char *path)
{
	uint8_t start[2] = {0};
	FILE *file = strcmp(path, "-") != 0 ? fopen(path, "rb") : NULL;
	size_t n = 0;

	if (file == NULL)
		return false;
	n = fread(start, 1, sizeof(start), file);
	fclose(file);
	return n == sizeof(start) &&
	       ((start[0] == HANDSHAKE_client_hello && start[1] <= 2) ||
	        (start[0] == CONTENT_handshake && start[1] == 3));
}

/* The content of records of handshake messages; bare messages as they are. */
static void unwrap(struct bytes content, struct buf *messages)
{
	struct fault fault;
	struct reader reader;

	if (content.data[0] != CONTENT_handshake) {
		buf_bytes(messages, content);
		return;
	}
	reader_init(&reader, content.data, content.len, &fault);
	while (reader_left(&reader) > 0 && reader_u8(&reader, "type") == CONTENT_handshake) {
		struct reader fragment;

		reader_u16(&reader, "legacy_record_version");
		fragment = reader_vec16(&reader, "fragment");
		buf_add(messages, fragment.data, fragment.len);
	}
}

/* The other way round. */
static void wrap(struct bytes message, struct buf *records)
{
	struct fault fault;
	struct reader reader;
	size_t left;

	reader_init(&reader, message.data, message.len, &fault);
	while ((left = reader_left(&reader)) > 0) {
		size_t len = left < FRAGMENT_MAX ? left : FRAGMENT_MAX;

		buf_u8(records, CONTENT_handshake);
		buf_u16(records, 0x0301);
		buf_u16(records, (uint16_t)len);
		buf_bytes(records, reader_bytes(&reader, len, "fragment"));
	}
}

/* What a transcript makes of the message: its "client_hello" and "faults". */
static json_t *message_told(struct bytes message)
{
	struct transcript *transcript = transcript_new(NULL);
	struct buf records = {0}, text = {0};
	struct emit emit;
	json_t *told;

	wrap(message, &records);
	transcript_feed(transcript, SIDE_CLIENT, buf_view(&records), 0);
	emit_init(&emit, &text, EMIT_JSON);
	emit_item(&emit, "Message");
	transcript_emit(transcript, 0, &emit);
	emit_close(&emit);
	told = loaded(&text);
	transcript_free(transcript);
	buf_fini(&records);
	buf_fini(&text);
	return told;
}

static void take_message(const struct collection *collection, struct bytes message)
{
	json_t *told = message_told(message);
	json_t *hello = json_object_get(told, "client_hello");
	json_t *connection = json_made(json_pack("{s:O, s:O}", "client_hello", hello, "faults",
	                                         json_object_get(told, "faults")));

	json_object_del(hello, "record_version"); /* it is ours */
	take(collection, 0, message, connection);
	json_decref(connection);
	json_decref(told);
}

static int take_messages(const struct collection *collection, const char *path,
                         struct bytes messages, struct error *error)
{
	struct fault fault;
	struct reader reader;

	reader_init(&reader, messages.data, messages.len, &fault);
	while (reader_left(&reader) > 0) {
		struct bytes message = reader_rest(&reader);
		uint8_t type = reader_u8(&reader, "msg_type");
		size_t length = reader_u24(&reader, "length");
		char name[REGISTRY_LABEL_MAX];

		if (!reader_ok(&reader) || length > reader_left(&reader))
			return error_set(error, ERR_INPUT,
			                 "%s: its ClientHello is cut short: %zu bytes of %zu are "
			                 "there",
			                 path, message.len, length + HANDSHAKE_HEADER_LEN);
		if (type != HANDSHAKE_client_hello)
			return error_set(error, ERR_INPUT,
			                 "%s: the handshake message at byte %zu is no ClientHello "
			                 "but %s",
			                 path, messages.len - message.len,
			                 registry_label(REGISTRY_HANDSHAKE_TYPE, type, name));
		reader_bytes(&reader, length, "body");
		message.len = length + HANDSHAKE_HEADER_LEN;
		take_message(collection, message);
	}
	return 0;
}

static int read_bare(const struct collection *collection, const char *path, struct error *error)
{
	struct buf content = {0}, messages = {0};
	int rc = file_read(path, HELLOS_FILE_MAX, &content, error);

	if (rc == 0) {
		unwrap(buf_view(&content), &messages);
		rc = take_messages(collection, path, buf_view(&messages), error);
	}
	if (rc == 0 && collection->hellos->n == 0)
		rc = error_set(error, ERR_INPUT, "%s: its record is cut short before the "
		               "ClientHello", path);
	buf_fini(&content);
	buf_fini(&messages);
	return rc;
}

static void note_left_out(const struct hellos *hellos, const char *path, FILE *notes)
{
	if (hellos->n_cut > 0)
		fprintf(notes,
		        "%s: %" PRIu64 " ClientHello%s cut short and passed over, the first in "
		        "connection %" PRIu64 "\n",
		        path, hellos->n_cut, hellos->n_cut == 1 ? " is" : "s are",
		        hellos->first_cut);
	if (hellos->n_dropped > 0)
		fprintf(notes,
		        "%s: there are more than %d kinds of ClientHellos; %" PRIu64 " of later "
		        "kinds are passed over\n",
		        path, HELLOS_MAX, hellos->n_dropped);
}

int hellos_read(struct hellos *hellos, const struct decode_request *request,
                enum hellos_apart apart, FILE *notes, struct error *error)
{
	struct collection collection = {hellos, apart};
	int rc;

	*hellos = (struct hellos){0};
	rc = is_bare(request->path) ? read_bare(&collection, request->path, error)
	                            : read_capture(&collection, request, notes, error);
	if (rc == 0)
		note_left_out(hellos, request->path, notes);
	return rc;
}

void hellos_fini(struct hellos *hellos)
{
	for (size_t i = 0; i < hellos->n; i++) {
		buf_fini(&hellos->items[i].message);
		buf_fini(&hellos->items[i].key);
		json_decref(hellos->items[i].connection);
	}
	free(hellos->items);
}

json_t *hello_lint(const struct hello *hello)
{
	struct buf text = {0};
	struct emit emit;
	json_t *told, *list;

	emit_init(&emit, &text, EMIT_JSON);
	emit_item(&emit, "Lint");
	lint_tell(&emit, buf_view(&hello->message));
	emit_close(&emit);
	told = loaded(&text);
	list = json_incref(json_object_get(told, "lint"));
	json_decref(told);
	buf_fini(&text);
	return list;
}
