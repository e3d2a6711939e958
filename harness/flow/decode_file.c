#include "flow/decode_file.h"

#include "base/assert.h"
#include "flow/capture.h"
#include "flow/tracker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define QUEUE_FIRST 1024 /* packets for which there is room at first */
#define TEXT_MAX (256u << 10) /* bytes that are written at once, or one connection's */

struct decoding {
	enum emit_format format;
	FILE *out;
	struct buf text;   /* not written yet */
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

static void write_text(struct decoding *decoding)
{
	if (decoding->text.len > 0)
		fwrite(decoding->text.data, 1, decoding->text.len, decoding->out);
	buf_clear(&decoding->text);
}

static void write_connection(void *context, struct connection *connection)
{
	struct decoding *decoding = context;
	struct emit emit;

	decoding->n_connections++;
	emit_init(&emit, &decoding->text, decoding->format);
	emit.memo = decoding->memo;
	open_connection(&emit, decoding->n_connections, connection);
	connection_emit(connection, &emit);
	emit_close(&emit);
	buf_char(&decoding->text, '\n');
	if (decoding->text.len >= TEXT_MAX)
		write_text(decoding);
}

static const struct tracker_events events = {.finished = write_connection};

/* One pass over what is in the file. */
struct pass {
	struct tracker *tracker;
	uint64_t n_packets;
	uint16_t unread; /* the link type of a packet that is not read */
};

static void take_packet(struct pass *pass, const struct packet *packet)
{
	uint64_t n_unread = tracker_count(pass->tracker, SEGMENT_LINK);

	pass->n_packets++;
	tracker_packet(pass->tracker, packet);
	tracker_settle(pass->tracker, packet->t_ns);
	if (tracker_count(pass->tracker, SEGMENT_LINK) > n_unread)
		pass->unread = packet->linktype;
}

/* Whether no packet's time is before the one of the packet before. */
static bool is_in_order(struct capture *capture)
{
	struct packet packet;
	uint64_t last_ns = 0;
	bool in_order = true;

	while (in_order && capture_next(capture, &packet)) {
		in_order = packet.t_ns >= last_ns;
		last_ns = packet.t_ns;
	}
	capture_rewind(capture);
	return in_order;
}

/* A packet and its place in the file. */
struct place {
	struct packet packet; /* its bytes stay the capture's */
	size_t number;
};

static int by_time(const void *a, const void *b)
{
	const struct place *left = a, *right = b;

	if (left->packet.t_ns != right->packet.t_ns)
		return left->packet.t_ns < right->packet.t_ns ? -1 : 1;
	return left->number < right->number ? -1 : 1;
}

/* Reads all packets before the first is taken. */
static void take_sorted(struct pass *pass, struct capture *capture)
{
	struct place *places = NULL;
	struct packet packet;
	size_t n = 0, size = 0;

	while (capture_next(capture, &packet)) {
		if (n == size) {
			size = size > 0 ? size * 2 : QUEUE_FIRST;
			places = reallocarray(places, size, sizeof(*places));
			CHECK(places != NULL);
		}
		places[n] = (struct place){packet, n};
		n++;
	}
	qsort(places, n, sizeof(*places), by_time);
	for (size_t i = 0; i < n; i++)
		take_packet(pass, &places[i].packet);
	free(places);
}

static void take_as_they_come(struct pass *pass, struct capture *capture)
{
	struct packet packet;

	while (capture_next(capture, &packet))
		take_packet(pass, &packet);
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
	struct pass pass = {0};
	int rc;

	rc = capture_open(&capture, path, error);
	if (rc != 0)
		return rc;
	decoding.memo = memo_new();
	keylog = keylog_new();
	capture_secrets(capture, keylog);
	tracker = tracker_new(TRACKER_DECODE, keylog, &events, &decoding);
	pass.tracker = tracker;
	if (is_in_order(capture))
		take_as_they_come(&pass, capture);
	else
		take_sorted(&pass, capture);
	tracker_finish_all(tracker);
	write_text(&decoding);
	if (format == EMIT_TEXT)
		sum_up(&decoding, tracker, pass.n_packets);
	rc = judge_end(capture, path, tracker, pass.unread, error);
	if (fflush(out) != 0 || ferror(out))
		rc = error_system(error, ERR_ENVIRONMENT, errno, "cannot write what was decoded");
	tracker_free(tracker);
	keylog_free(keylog);
	capture_close(capture);
	buf_fini(&decoding.text);
	memo_free(decoding.memo);
	return rc;
}
