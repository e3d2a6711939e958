#include "flow/evidence.h"

#include "base/assert.h"
#include "base/json.h"
#include "flow/pcapng.h"
#include "flow/tracker.h"

struct making {
	struct buf *json;
	struct buf one; /* connection */
	size_t n_written, n_omitted;
};

/* For a report that lays the witnesses side by side, and shows which bytes mean what. */
static void emit_for_reports(const struct connection *connection, struct emit *emit)
{
	struct bytes hello = transcript_client_hello(connection->transcript);

	emit_uint(emit, "start_us", connection->start_ns / 1000);
	if (hello.len > 0)
		emit_hex(emit, "client_hello_bytes", hello);
}

static void write_connection(void *context, struct connection *connection)
{
	struct making *making = context;
	struct emit emit;

	buf_clear(&making->one);
	emit_init(&emit, &making->one, EMIT_JSON);
	emit_object(&emit, NULL);
	connection_emit(connection, &emit);
	connection_emit_lint(connection, &emit);
	emit_for_reports(connection, &emit);
	emit_close(&emit);
	if (making->json->len + making->one.len > EVIDENCE_JSON_MAX) {
		making->n_omitted++;
		return;
	}
	if (making->n_written++ > 0)
		buf_char(making->json, ',');
	buf_bytes(making->json, buf_view(&making->one));
}

static const struct tracker_events events = {.finished = write_connection};

size_t evidence_make(const struct packet_list *packets, const char *name, uint16_t linktype,
                     struct bytes keylog, struct buf *json, struct buf *pcapng)
{
	struct keylog *secrets = keylog_new();
	struct making making = {.json = json};
	struct tracker *tracker = tracker_new(TRACKER_DECODE, secrets, &events, &making);

	if (keylog.len > 0)
		keylog_add(secrets, (const char *)keylog.data, keylog.len);
	pcapng_begin(pcapng, name, linktype, keylog);
	buf_char(json, '[');
	for (size_t i = 0; i < packets->n; i++) {
		struct packet packet = packet_list_get(packets, i);

		pcapng_packet(pcapng, &packet);
		tracker_packet(tracker, &packet);
	}
	tracker_finish_all(tracker);
	buf_char(json, ']');
	tracker_free(tracker);
	keylog_free(secrets);
	buf_fini(&making.one);
	return making.n_omitted;
}

void evidence_pack(const struct evidence *evidence, json_t *message, struct buf *attached)
{
	json_object_set_new(message, "told", json_integer((json_int_t)evidence->connections.len));
	buf_bytes(attached, evidence->connections);
	buf_bytes(attached, evidence->pcapng);
}

struct evidence evidence_unpack(const json_t *message, struct bytes attached)
{
	long long told = json_number(message, "told");

	if (told <= 0 || (unsigned long long)told > attached.len)
		return (struct evidence){0};
	return (struct evidence){
		.connections = {attached.data, (size_t)told},
		.pcapng = {attached.data + told, attached.len - (size_t)told}};
}

json_t *evidence_connections(const struct evidence *evidence)
{
	/* A peer may put a zero byte into a name. */
	json_t *list = json_loadb((const char *)evidence->connections.data,
	                          evidence->connections.len, JSON_ALLOW_NUL, NULL);

	if (json_is_array(list))
		return list;
	json_decref(list);
	return NULL;
}
