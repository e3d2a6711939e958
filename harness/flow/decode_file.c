#include "flow/decode_file.h"

#include "base/assert.h"
#include "flow/capture.h"
#include "flow/tracker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define QUEUE_FIRST 1024 /* packets for which there is room at first */

struct decoding {
	enum emit_format format;
	FILE *out;
	struct buf text;   /* of one connection */
	struct memo *memo; /* of what was told before */
	uint64_t n_connections;
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

static void write_connection(void *context, struct connection *connection)
{
	struct decoding *decoding = context;
	struct emit emit;

	decoding->n_connections++;
	buf_clear(&decoding->text);
	emit_init(&emit, &decoding->text, decoding->format);
	emit.memo = decoding->memo;
	open_connection(&emit, decoding->n_connections, connection);
	connection_emit(connection, &emit);
	emit_close(&emit);
	buf_char(&decoding->text, '\n');
	fwrite(decoding->text.data, 1, decoding->text.len, decoding->out);
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
static uint64_t read_packets(struct capture *capture, struct tracker *tracker, uint16_t *unread)
{
	struct queue queue = {0};
	struct packet packet;

	while (capture_next(capture, &packet))
		add_packet(&queue, &packet);
	if (queue.mixed_up)
		qsort(queue.places, queue.n, sizeof(*queue.places), by_time);
	for (size_t i = 0; i < queue.n; i++) {
		uint64_t n_unread = tracker_count(tracker, SEGMENT_LINK);

		tracker_packet(tracker, &queue.places[i].packet);
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
		{SEGMENT_FRAGMENT, "part of a fragmented IP packet, which is not put together"},
		{SEGMENT_LINK, "of a link type that is not read"},
		{SEGMENT_MALFORMED, "with headers cut short or damaged"},
	};

	fprintf(decoding->out, "%" PRIu64 " packet%s, %" PRIu64 " connection%s", n_packets,
	        n_packets == 1 ? "" : "s", decoding->n_connections,
	        decoding->n_connections == 1 ? "" : "s");
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
		               "%s: link type %u is not read; Ethernet, Linux cooked, loopback and "
		               "raw IP are",
		               path, unread);
	return rc;
}

int decode_file(const char *path, enum emit_format format, FILE *out, struct error *error)
{
	struct decoding decoding = {.format = format, .out = out};
	struct keylog *keylog = NULL;
	struct tracker *tracker = NULL;
	struct capture *capture = NULL;
	uint16_t unread = 0;
	uint64_t n_packets;
	int rc;

	rc = capture_open(&capture, path, error);
	if (rc != 0)
		return rc;
	decoding.memo = memo_new();
	keylog = keylog_new();
	capture_secrets(capture, keylog);
	tracker = tracker_new(TRACKER_DECODE, keylog, &events, &decoding);
	n_packets = read_packets(capture, tracker, &unread);
	if (format == EMIT_TEXT)
		sum_up(&decoding, tracker, n_packets);
	rc = judge_end(capture, path, tracker, unread, error);
	if (fflush(out) != 0 || ferror(out))
		rc = error_system(error, ERR_ENVIRONMENT, errno, "cannot write what was decoded");
	tracker_free(tracker);
	keylog_free(keylog);
	capture_close(capture);
	buf_fini(&decoding.text);
	memo_free(decoding.memo);
	return rc;
}
