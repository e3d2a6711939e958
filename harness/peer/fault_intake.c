#include "peer/fault_intake.h"

#include "base/assert.h"
#include "decode/hello.h"
#include "decode/suite.h"

#include <string.h>

#define FRAGMENT_MAX 16384

/* Counts the messages of each name and keeps the last. Returns the count. */
static unsigned note_seen(struct fault_intake *intake, const char *name, struct bytes data)
{
	size_t i = 0;

	while (i < intake->n_seen && strcmp(intake->seen[i].name, name) != 0)
		i++;
	CHECK(i < FAULT_SEEN_MAX);
	if (i == intake->n_seen)
		intake->seen[intake->n_seen++].name = name;
	buf_clear(&intake->seen[i].last);
	buf_bytes(&intake->seen[i].last, data);
	return ++intake->seen[i].n;
}

struct bytes fault_intake_seen(const void *context, const char *name)
{
	const struct fault_intake *intake = context;

	for (size_t i = 0; i < intake->n_seen; i++)
		if (strcmp(intake->seen[i].name, name) == 0)
			return buf_view(&intake->seen[i].last);
	return (struct bytes){0};
}

static void add_unit(struct fault_intake *intake, uint8_t type, uint16_t version, struct bytes data,
                     size_t fragment)
{
	struct unit unit = {.name = fault_message_name(type, data),
	                    .content_type = type,
	                    .record_version = version,
	                    .under = intake->written,
	                    .fragment = fragment};

	if (type == CONTENT_change_cipher_spec)
		unit.under = UNDER_NOTHING;
	if (unit.name != NULL)
		unit.nth = note_seen(intake, unit.name, data);
	buf_bytes(&unit.data, data);
	flight_insert(&intake->flight, intake->flight.n, &unit);
}

/* What libssl does after this message, which changes how its next records are sealed. */
static void follow_keys(struct fault_intake *intake, uint8_t type, struct bytes data)
{
	struct fault_keys *keys = intake->keys;
	bool tls13 = keys->version == VERSION_TLS_1_3;

	if (type == CONTENT_change_cipher_spec && !tls13 && keys->version != 0)
		intake->written = UNDER_HANDSHAKE;
	if (type != CONTENT_handshake)
		return;
	if (data.data[0] == HANDSHAKE_server_hello) {
		if (fault_keys_settle(keys, data, buf_view(intake->client)) &&
		    keys->version == VERSION_TLS_1_3)
			intake->written = UNDER_HANDSHAKE;
	} else if (data.data[0] == HANDSHAKE_finished && tls13) {
		intake->written = UNDER_APPLICATION;
	} else if (data.data[0] == HANDSHAKE_key_update && tls13) {
		protection_update(keys->opening[UNDER_APPLICATION]);
	}
}

static void take_handshake(struct fault_intake *intake, uint16_t version, struct bytes plain)
{
	if (intake->message.len == 0)
		intake->fragment = plain.len;
	buf_bytes(&intake->message, plain);
	for (;;) {
		struct bytes message = {intake->message.data, 0};
		bool split = intake->message.len > plain.len;
		struct fault fault;
		struct reader reader;

		reader_init(&reader, intake->message.data, intake->message.len, &fault);
		reader_u8(&reader, "msg_type");
		reader_vec24(&reader, "body");
		if (!reader_ok(&reader))
			return;
		message.len = reader_offset(&reader);
		add_unit(intake, CONTENT_handshake, version, message,
		         split ? intake->fragment : FRAGMENT_MAX);
		follow_keys(intake, CONTENT_handshake, message);
		buf_consume(&intake->message, message.len);
	}
}

static bool is_sealed(const struct fault_intake *intake, const struct record *record)
{
	return intake->written != UNDER_NOTHING &&
	       (intake->keys->version != VERSION_TLS_1_3 ||
	        record->type == CONTENT_application_data);
}

/* A record that cannot be opened goes on as it is. */
static void pass_on(struct fault_intake *intake, const struct record *record)
{
	struct unit unit = {.content_type = record->type,
	                    .record_version = record->version,
	                    .whole = true};

	buf_bytes(&unit.data, record->body);
	flight_insert(&intake->flight, intake->flight.n, &unit);
}

static void take_record(struct fault_intake *intake, const struct record *record)
{
	struct bytes content = record->body;
	uint8_t type = record->type;
	struct buf plain = {0};

	if (is_sealed(intake, record)) {
		struct protection *keys = fault_keys_opening(intake->keys, intake->written);

		if (keys == NULL || !protection_open(keys, record, &plain, &type)) {
			pass_on(intake, record);
			buf_fini(&plain);
			return;
		}
		content = buf_view(&plain);
	}
	if (type == CONTENT_handshake) {
		take_handshake(intake, record->version, content);
	} else {
		add_unit(intake, type, record->version, content, FRAGMENT_MAX);
		follow_keys(intake, type, content);
	}
	buf_fini(&plain);
}

void fault_intake_init(struct fault_intake *intake, struct fault_keys *keys,
                       const struct buf *client)
{
	*intake = (struct fault_intake){.keys = keys, .client = client};
	intake->records.want_application_data = true;
}

void fault_intake_feed(struct fault_intake *intake, struct bytes bytes)
{
	struct record record;

	while (record_stream_next(&intake->records, &bytes, &record) == RECORD_WHOLE)
		take_record(intake, &record);
}

void fault_intake_fini(struct fault_intake *intake)
{
	for (size_t i = 0; i < intake->n_seen; i++)
		buf_fini(&intake->seen[i].last);
	record_stream_fini(&intake->records);
	flight_fini(&intake->flight);
	buf_fini(&intake->message);
}
