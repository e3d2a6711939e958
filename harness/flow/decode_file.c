#include "flow/decode_file.h"

#include "base/assert.h"
#include "flow/capture.h"
#include "flow/fields.h"
#include "flow/keylog_file.h"
#include "flow/link_layer.h"
#include "flow/pick.h"
#include "flow/tracker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_FIRST 1024 /* packets for which there is room at first */

struct decoding {
	const struct decode_request *request;
	FILE *out;
	const struct keylog *keylog;
	struct pick *pick; /* NULL: nothing is picked */
	struct buf text; /* of one connection */
	uint64_t n_connections, n_told;
};

/* "Connection 1: 192.168.1.5 port 62509 to 192.168.1.10 port 6000, 2 packets" */
static void open_connection(struct emit *emit, uint64_t number, const struct connection *connection)
{
	const struct endpoint *client = &connection->end[SIDE_CLIENT];
	const struct endpoint *server = &connection->end[SIDE_SERVER];
	char client_text[ENDPOINT_TEXT_MAX], server_text[ENDPOINT_TEXT_MAX];

	emit_item(emit, "Connection %" PRIu64 ": %s port %u to %s port %u, %s", number,
	          endpoint_address(client, client_text), client->port,
	          endpoint_address(server, server_text), server->port,
	          transcript_is_tls(connection->transcript) ? "TLS" : "no TLS seen");
}

/* Writes the connection to `text`, which is cleared first. */
static void tell(struct decoding *decoding, const struct connection *connection,
                 enum emit_format format)
{
	struct emit emit;

	buf_clear(&decoding->text);
	emit_init(&emit, &decoding->text, format);
	open_connection(&emit, decoding->n_connections, connection);
	connection_emit(connection, &emit);
	emit_close(&emit);
	buf_char(&decoding->text, '\n');
}

/* The connection as JSON, the caller's. */
static json_t *decoded(struct decoding *decoding, const struct connection *connection)
{
	json_t *value;

	tell(decoding, connection, EMIT_JSON);
	value = json_loadb(buf_string(&decoding->text), decoding->text.len, JSON_ALLOW_NUL, NULL);
	CHECK(value != NULL);
	return value;
}

/* Writes a connection that is wanted. */
static void write_wanted(struct decoding *decoding, const struct connection *connection,
                         const json_t *value)
{
	const struct decode_request *request = decoding->request;

	decoding->n_told++;
	if (decoding->pick != NULL && transcript_is_tls(connection->transcript))
		pick_connection(decoding->pick, connection, decoding->keylog);
	if (request->fields != NULL) {
		buf_clear(&decoding->text);
		fields_write(&decoding->text, request->fields, value);
	} else {
		tell(decoding, connection, request->format);
	}
	fwrite(decoding->text.data, 1, decoding->text.len, decoding->out);
}

static void write_connection(void *context, struct connection *connection)
{
	struct decoding *decoding = context;
	const struct filter *filter = &decoding->request->filter;
	json_t *value = NULL;

	decoding->n_connections++;
	if (!filter_ends(filter, connection))
		return;
	if (filter_has_content(filter) || decoding->request->fields != NULL)
		value = decoded(decoding, connection);
	if (filter_content(filter, value))
		write_wanted(decoding, connection, value);
	json_decref(value);
}

static const struct tracker_events events = {.finished = write_connection};

/* The packets of a file; their bytes stay the capture's. */
struct queue {
	struct place {
		struct packet packet;
		size_t number; /* in the file */
	} *places;
	size_t n, size;
	bool mixed_up; /* a time is before the one of the packet before */
};

static void add_packet(struct queue *queue, const struct packet *packet)
{
	if (queue->n == queue->size) {
		queue->size = queue->size > 0 ? queue->size * 2 : QUEUE_FIRST;
		queue->places =
			reallocarray(queue->places, queue->size, sizeof(*queue->places));
		CHECK(queue->places != NULL);
	}
	if (queue->n > 0 && packet->t_ns < queue->places[queue->n - 1].packet.t_ns)
		queue->mixed_up = true;
	queue->places[queue->n] = (struct place){*packet, queue->n};
	queue->n++;
}

static int by_time(const void *a, const void *b)
{
	const struct place *left = a, *right = b;

	if (left->packet.t_ns != right->packet.t_ns)
		return left->packet.t_ns < right->packet.t_ns ? -1 : 1;
	return left->number < right->number ? -1 : 1;
}

/*
 * Reads all packets. Returns how many there were; *unread is the link type of one that is not read.
 */
static uint64_t read_packets(struct capture *capture, struct tracker *tracker, struct pick *pick,
                             uint16_t *unread)
{
	struct queue queue = {0};
	struct packet packet;

	while (capture_next(capture, &packet))
		add_packet(&queue, &packet);
	if (queue.mixed_up)
		qsort(queue.places, queue.n, sizeof(*queue.places), by_time);
	for (size_t i = 0; i < queue.n; i++) {
		uint64_t n_unread = tracker_count(tracker, SEGMENT_LINK);

		struct connection *connection =
			tracker_packet(tracker, &queue.places[i].packet);

		if (pick != NULL && connection != NULL)
			pick_packet(pick, &queue.places[i].packet, connection);
		tracker_settle(tracker, queue.places[i].packet.t_ns);
		if (tracker_count(tracker, SEGMENT_LINK) > n_unread)
			*unread = queue.places[i].packet.linktype;
	}
	tracker_finish_all(tracker);
	free(queue.places);
	return queue.n;
}

static void sum_up(const struct decoding *decoding, const struct tracker *tracker,
                   uint64_t n_packets)
{
	static const struct {
		enum segment_result result;
		const char *text;
	} notes[] = {
		{SEGMENT_OTHER, "not TCP"},
		{SEGMENT_FRAGMENT, "part of a fragmented IP packet"},
		{SEGMENT_LINK, "of a link type that is not read"},
		{SEGMENT_MALFORMED, "with headers cut short or damaged"},
	};

	fprintf(decoding->out, "%" PRIu64 " packet%s, %" PRIu64 " connection%s", n_packets,
	        n_packets == 1 ? "" : "s", decoding->n_connections,
	        decoding->n_connections == 1 ? "" : "s");
	if (decoding->n_told < decoding->n_connections)
		fprintf(decoding->out, ", %" PRIu64 " of them told", decoding->n_told);
	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		uint64_t n = tracker_count(tracker, notes[i].result);

		if (n > 0)
			fprintf(decoding->out, "; %" PRIu64 " %s", n, notes[i].text);
	}
	fputc('\n', decoding->out);
}

static int judge_end(const struct capture *capture, const char *path, const struct tracker *tracker,
                     uint16_t unread, struct error *error)
{
	int rc = capture_end(capture, error);

	if (rc == 0 && tracker_count(tracker, SEGMENT_LINK) > 0)
		rc = error_set(error, ERR_INPUT,
		               "%s: link type %u is not read; " LINK_TYPES_READ " are", path,
		               unread);
	return rc;
}

/* The secrets of the capture and of the key log beside it; the caller frees *keylog. */
static int read_secrets(const struct capture *capture, const struct decode_request *request,
                        FILE *notes, struct keylog **keylog, struct error *error)
{
	*keylog = keylog_new();
	capture_secrets(capture, *keylog);
	if (request->keylog == NULL)
		return 0;
	return keylog_file_read(*keylog, request->keylog, notes, error);
}

static int check(const struct decode_request *request, struct error *error)
{
	if (request->keylog != NULL && strcmp(request->keylog, "-") == 0 &&
	    strcmp(request->path, "-") == 0)
		return error_set(error, ERR_INPUT, "the capture and --keylog cannot both come from "
		                 "standard input; give one of them as a file");
	if (request->fields != NULL && request->format == EMIT_JSON)
		return error_set(error, ERR_INPUT, "--fields and --json exclude each other");
	return 0;
}

static int decode(struct decoding *decoding, struct capture *capture, const struct keylog *keylog,
                  struct error *error)
{
	struct tracker *tracker = tracker_new(TRACKER_DECODE, keylog, &events, decoding);
	uint16_t unread = 0;
	uint64_t n_packets = read_packets(capture, tracker, decoding->pick, &unread);
	int rc;

	if (decoding->request->format == EMIT_TEXT && decoding->request->fields == NULL)
		sum_up(decoding, tracker, n_packets);
	rc = judge_end(capture, decoding->request->path, tracker, unread, error);
	if (fflush(decoding->out) != 0 || ferror(decoding->out))
		rc = error_system(error, ERR_ENVIRONMENT, errno, "cannot write what was decoded");
	tracker_free(tracker);
	return rc;
}

/* What could be read is written, and `rc` returned, unless the writing fails. */
static int write_picked(const struct decoding *decoding, int rc, struct error *error)
{
	struct error failed = {0};

	if (pick_write(decoding->pick, decoding->request->write, &failed) == 0)
		return rc;
	*error = failed;
	return failed.code;
}

int decode_file(const struct decode_request *request, FILE *out, FILE *notes, struct error *error)
{
	struct decoding decoding = {.request = request, .out = out};
	struct keylog *keylog = NULL;
	struct capture *capture = NULL;
	int rc = check(request, error);

	if (rc == 0)
		rc = capture_open(&capture, request->path, error);
	if (rc == 0)
		rc = read_secrets(capture, request, notes, &keylog, error);
	decoding.keylog = keylog;
	if (rc == 0 && request->write != NULL)
		decoding.pick = pick_new();
	if (rc == 0)
		rc = decode(&decoding, capture, keylog, error);
	if (decoding.pick != NULL && (rc == 0 || rc == ERR_INPUT))
		rc = write_picked(&decoding, rc, error);
	pick_free(decoding.pick);
	keylog_free(keylog);
	capture_close(capture);
	buf_fini(&decoding.text);
	return rc;
}
