#include "peer/fault_client.h"

#include "decode/extension.h"
#include "decode/keys.h"
#include "decode/registry.h"

enum { ALERT_WARNING = 1 };
enum { CLOSE_NOTIFY = 0, BAD_RECORD_MAC = 20, USER_CANCELED = 90 };

/* Takes whole handshake messages off `held`, which are then given to `take`. */
static void take_messages(struct buf *held, void (*take)(void *context, struct bytes message),
                          void *context)
{
	for (;;) {
		struct fault fault;
		struct reader reader;
		struct bytes message = {held->data, 0};

		reader_init(&reader, held->data, held->len, &fault);
		reader_u8(&reader, "msg_type");
		reader_vec24(&reader, "body");
		if (!reader_ok(&reader))
			return;
		message.len = reader_offset(&reader);
		take(context, message);
		buf_consume(held, message.len);
	}
}

static void keep_hello(void *context, struct bytes message)
{
	struct client_hellos *hellos = context;

	if (message.data[0] == HANDSHAKE_client_hello && hellos->n < 2)
		buf_bytes(&hellos->messages[hellos->n++], message);
}

void client_hellos_read(struct client_hellos *hellos, struct bytes stream)
{
	struct record_stream records = {0};
	struct record record;
	struct buf held = {0};

	*hellos = (struct client_hellos){0};
	while (record_stream_next(&records, &stream, &record) == RECORD_WHOLE) {
		if (record.type != CONTENT_handshake && record.type != CONTENT_change_cipher_spec)
			break;
		if (record.type == CONTENT_handshake)
			buf_bytes(&held, record.body);
		take_messages(&held, keep_hello, hellos);
	}
	buf_fini(&held);
	record_stream_fini(&records);
}

void client_hellos_fini(struct client_hellos *hellos)
{
	for (size_t i = 0; i < 2; i++)
		buf_fini(&hellos->messages[i]);
	hellos->n = 0;
}

bool client_offers(struct bytes message, uint16_t version)
{
	struct client_hello hello;
	struct bytes data;
	struct fault fault;
	struct reader reader, versions;

	client_hello_read(&hello, message);
	if (hello.extensions.data == NULL ||
	    !extension_find(&hello.extensions, EXTENSION_supported_versions, &data))
		return hello.has_version && version <= hello.legacy_version;
	reader_init(&reader, data.data, data.len, &fault);
	versions = reader_vec8(&reader, "versions");
	while (reader_left(&versions) > 0)
		if (reader_u16(&versions, "version") == version)
			return true;
	return false;
}

/* What was found so far. */
struct watch {
	struct keys keys;
	struct bytes server_hello;
	struct buf held;  /* an incomplete handshake message */
	bool late;        /* this record came after the fault */
	bool finished;    /* the client's Finished came */
	bool finished_late;
	bool went_on;
	bool other_keys;
	bool gave_up; /* a fatal alert came before */
};

static void note_message(void *context, struct bytes message)
{
	struct watch *watch = context;

	if (message.data[0] == HANDSHAKE_client_hello) {
		struct client_hello client;
		struct server_hello server;

		client_hello_read(&client, message);
		keys_client_hello(&watch->keys, &client);
		server_hello_read(&server, watch->server_hello);
		if (watch->keys.version == 0)
			keys_server_hello(&watch->keys, &server);
	}
	if (message.data[0] == HANDSHAKE_client_hello && watch->late)
		watch->other_keys = true;
	if (message.data[0] == HANDSHAKE_finished) {
		watch->finished = true;
		watch->finished_late = watch->late;
	}
}

static void note_alert(struct watch *watch, struct bytes content)
{
	bool close = content.len == 2 && content.data[1] == CLOSE_NOTIFY;
	bool harmless = content.len == 2 && (content.data[0] == ALERT_WARNING || close) &&
	                !(version_is_tls13(watch->keys.version) && !close &&
	                  content.data[1] != USER_CANCELED);

	if (content.len == 2 && content.data[1] == BAD_RECORD_MAC && watch->late)
		watch->other_keys = true;
	if (close && watch->late && watch->finished && !watch->gave_up)
		watch->went_on = true;
	if (!harmless && !watch->went_on)
		watch->gave_up = true;
}

static void note_content(struct watch *watch, uint8_t type, struct bytes content)
{
	switch (type) {
	case CONTENT_handshake:
		buf_bytes(&watch->held, content);
		take_messages(&watch->held, note_message, watch);
		break;
	case CONTENT_alert:
		note_alert(watch, content);
		break;
	case CONTENT_change_cipher_spec:
		keys_change_cipher_spec(&watch->keys, false);
		break;
	case CONTENT_application_data:
		if (watch->late && watch->finished && !watch->gave_up &&
		    !version_is_tls13(watch->keys.version))
			watch->went_on = true;
		break;
	default:
		break;
	}
}

/* Until TLS 1.2 the kind of a record is told even if the client has other keys than we. */
static void note_closed(struct watch *watch, uint8_t type)
{
	static const uint8_t finished[] = {HANDSHAKE_finished, 0, 0, 0};

	if (version_is_tls13(watch->keys.version)) {
		watch->other_keys = watch->other_keys || watch->late;
		return;
	}
	if (type == CONTENT_handshake)
		note_message(watch, (struct bytes){finished, sizeof(finished)});
	else if (type == CONTENT_alert)
		watch->gave_up = watch->gave_up || !watch->went_on;
	else
		note_content(watch, type, (struct bytes){0});
}

static void note_record(struct watch *watch, const struct record *record)
{
	struct buf plain = {0};
	struct opening opening;
	enum seal seal = keys_open(&watch->keys, false, record, &plain, &opening);

	if (seal == SEAL_NONE)
		note_content(watch, record->type, record->body);
	else if (seal == SEAL_OPENED)
		note_content(watch, opening.type, buf_view(&plain));
	else
		note_closed(watch, record->type);
	if (watch->finished_late && !watch->gave_up)
		watch->went_on = true;
	buf_fini(&plain);
}

void client_answer_read(struct client_answer *answer, struct bytes stream, size_t n_before,
                        struct bytes server_hello, const struct keylog *keylog)
{
	struct watch watch = {.keys.keylog = keylog, .server_hello = server_hello};
	struct record_stream records = {.want_application_data = true};
	const uint8_t *start = stream.data;
	struct record record;

	while (record_stream_next(&records, &stream, &record) == RECORD_WHOLE) {
		watch.late = (size_t)(stream.data - start) > n_before;
		note_record(&watch, &record);
	}
	buf_fini(&watch.held);
	keys_fini(&watch.keys);
	record_stream_fini(&records);
	*answer = (struct client_answer){watch.went_on, watch.other_keys};
}
