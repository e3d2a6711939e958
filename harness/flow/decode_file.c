#include "flow/decode_file.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"
#include "flow/capture.h"
#include "flow/fields.h"
#include "flow/keylog_file.h"
#include "flow/link_layer.h"
#include "flow/pick.h"
#include "flow/private_key_file.h"
#include "flow/rights.h"
#include "flow/tracker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define QUEUE_FIRST 1024 /* packets for which there is room at first */
#define TEXT_MAX (256u << 10) /* bytes that are written at once, or one connection's */

struct decoding {
	const struct decode_request *request;
	FILE *out, *notes;
	decode_visitor visit; /* NULL: connections are written to `out` */
	void *visitor;
	struct decode_counts *counts; /* of a visit */
	struct keylog *keylog;
	struct pick *pick; /* NULL: nothing is picked */
	struct buf text;   /* not written yet */
	struct buf json;   /* of one connection that is looked into */
	struct memo *memo; /* of what was told before */
	uint64_t n_connections, n_told;
};

/* "Connection 1: 192.168.1.5 port 62509 to 192.168.1.10 port 6000, TLS" */
static void open_connection(struct emit *emit, uint64_t number, const struct connection *connection)
{
	const struct endpoint *client = &connection->end[SIDE_CLIENT];
	const struct endpoint *server = &connection->end[SIDE_SERVER];
	char client_text[ENDPOINT_TEXT_MAX], server_text[ENDPOINT_TEXT_MAX];

	if (emit->format == EMIT_JSON) {
		emit_item(emit, "Connection");
		return;
	}
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

/* Appends the connection to `text`. */
static void tell(struct decoding *decoding, const struct connection *connection,
                 enum emit_format format, struct buf *text)
{
	struct emit emit;

	emit_init(&emit, text, format);
	emit.memo = decoding->memo;
	open_connection(&emit, decoding->n_connections, connection);
	connection_emit(connection, &emit);
	if (decoding->request->lint)
		connection_emit_lint(connection, &emit);
	emit_close(&emit);
	buf_char(text, '\n');
}

/* The connection as JSON, the caller's. */
static json_t *decoded(struct decoding *decoding, const struct connection *connection)
{
	json_t *value;

	buf_clear(&decoding->json);
	tell(decoding, connection, EMIT_JSON, &decoding->json);
	value = json_loadb(buf_string(&decoding->json), decoding->json.len, JSON_ALLOW_NUL, NULL);
	CHECK(value != NULL);
	return value;
}

/* The heading of the tree, and what the request's function tells. */
static void tell_otherwise(struct decoding *decoding, const struct connection *connection,
                           const json_t *value)
{
	struct emit emit;

	emit_init(&emit, &decoding->text, EMIT_TEXT);
	open_connection(&emit, decoding->n_connections, connection);
	emit_close(&emit);
	decoding->request->tell(connection, value, &decoding->text);
	buf_char(&decoding->text, '\n');
}

/* Writes a connection that is wanted. */
static void write_wanted(struct decoding *decoding, const struct connection *connection,
                         const json_t *value)
{
	const struct decode_request *request = decoding->request;

	decoding->n_told++;
	if (decoding->pick != NULL && transcript_is_tls(connection->transcript))
		pick_connection(decoding->pick, connection, decoding->keylog);
	if (request->tell != NULL)
		tell_otherwise(decoding, connection, value);
	else if (request->fields != NULL)
		fields_write(&decoding->text, request->fields, value);
	else
		tell(decoding, connection, request->format, &decoding->text);
	if (decoding->text.len >= TEXT_MAX)
		write_text(decoding);
}

static void write_connection(void *context, struct connection *connection)
{
	struct decoding *decoding = context;
	const struct filter *filter = &decoding->request->filter;
	json_t *value = NULL;

	decoding->n_connections++;
	if (!filter_ends(filter, connection))
		return;
	if (decoding->visit != NULL) {
		decoding->visit(decoding->visitor, decoding->n_connections, connection);
		return;
	}
	if (filter_has_content(filter) || decoding->request->fields != NULL ||
	    decoding->request->tell != NULL)
		value = decoded(decoding, connection);
	if (filter_content(filter, value))
		write_wanted(decoding, connection, value);
	json_decref(value);
}

static const struct tracker_events events = {.finished = write_connection};

/* One pass over what is in the file. */
struct pass {
	struct tracker *tracker;
	struct pick *pick; /* NULL: nothing is picked */
	uint64_t n_packets;
	uint16_t unread; /* the link type of a packet that is not read */
};

static void take_packet(struct pass *pass, const struct packet *packet)
{
	uint64_t n_unread = tracker_count(pass->tracker, SEGMENT_LINK);
	struct connection *connection = tracker_packet(pass->tracker, packet);

	pass->n_packets++;
	if (pass->pick != NULL && connection != NULL)
		pick_packet(pass->pick, packet, connection);
	tracker_settle(pass->tracker, packet->t_ns);
	if (tracker_count(pass->tracker, SEGMENT_LINK) > n_unread)
		pass->unread = packet->linktype;
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
			struct place *more;

			size = size > 0 ? size * 2 : QUEUE_FIRST;
			more = reallocarray(places, size, sizeof(*places));
			CHECK(more != NULL);
			places = more;
		}
		places[n] = (struct place){packet, n};
		n++;
	}
	if (n > 0)
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

/* Says what had to be left out for the sake of memory. */
static void note_cut(const struct decoding *decoding, const struct tracker *tracker)
{
	uint64_t n = tracker_n_cut(tracker);

	if (n > 0)
		fprintf(decoding->notes,
		        "%s: %" PRIu64 " connection%s told without an end, as more were open than "
		        "fit into memory; what came later of such a one stands alone\n",
		        decoding->request->path, n, n == 1 ? " is" : "s are");
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

/* Adds the secrets of the files beside the capture. */
static int read_secrets(const struct decode_request *request, FILE *notes, struct keylog *keylog,
                        struct error *error)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < request->n_private_keys; i++)
		rc = private_key_file_read(keylog, request->private_keys[i], error);
	if (rc == 0 && request->keylog != NULL)
		rc = keylog_file_read(keylog, request->keylog, notes, error);
	return rc;
}

/* A system that does not allow it has the capture read all the same. */
static void confine(FILE *notes)
{
	struct error error = {0};

	rights_warm_up();
	if (rights_confine(&error) != 0)
		fprintf(notes, "%s; the capture is read with all your rights\n", error.text);
}

/* A program that was moved away from its schemas takes any paths. */
static int check_fields(const char *paths, struct error *error)
{
	struct error ignored = {0};
	const char *root = file_data_root(&ignored);
	char *path = root != NULL ? file_join(root, "scenarios/schema/connection.schema.json")
	                          : NULL;
	json_t *schema = NULL;
	int rc = 0;

	if (path != NULL && json_load_path(path, &schema, &ignored) == 0)
		rc = fields_check(paths, schema, error);
	json_decref(schema);
	free(path);
	return rc;
}

static bool is_same_file(const char *path, const char *other)
{
	struct stat a, b;

	return stat(path, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* In the place of what it is made of, of which it may be a part, a new capture would be a loss. */
static int check_written(const struct decode_request *request, struct error *error)
{
	const char *read = NULL;

	if (strcmp(request->write, "-") == 0)
		return error_set(error, ERR_INPUT,
		                 "--write takes the name of a new file: standard output has what is "
		                 "told (a file may be called ./-)");
	if (is_same_file(request->write, request->path))
		read = request->path;
	else if (request->keylog != NULL && is_same_file(request->write, request->keylog))
		read = request->keylog;
	for (size_t i = 0; read == NULL && i < request->n_private_keys; i++)
		if (is_same_file(request->write, request->private_keys[i]))
			read = request->private_keys[i];
	if (read == NULL)
		return 0;
	return error_set(error, ERR_INPUT,
	                 "--write: %s is read, and would be overwritten: name a new file", read);
}

static int check(const struct decode_request *request, struct error *error)
{
	if (request->write != NULL && check_written(request, error) != 0)
		return error->code;
	if (request->keylog != NULL && strcmp(request->keylog, "-") == 0 &&
	    strcmp(request->path, "-") == 0)
		return error_set(error, ERR_INPUT, "the capture and --keylog cannot both come from "
		                 "standard input; give one of them as a file");
	if (request->fields != NULL && request->format == EMIT_JSON)
		return error_set(error, ERR_INPUT, "--fields and --json exclude each other");
	return request->fields != NULL ? check_fields(request->fields, error) : 0;
}

static int finish_writing(struct decoding *decoding, const struct pass *pass, struct error *error)
{
	write_text(decoding);
	if (decoding->request->format == EMIT_TEXT && decoding->request->fields == NULL)
		sum_up(decoding, pass->tracker, pass->n_packets);
	if (fflush(decoding->out) != 0 || ferror(decoding->out))
		return error_system(error, ERR_ENVIRONMENT, errno, "cannot write what was decoded");
	return 0;
}

static void count(struct decoding *decoding, const struct pass *pass)
{
	*decoding->counts = (struct decode_counts){
		.n_packets = pass->n_packets,
		.n_not_tcp = tracker_count(pass->tracker, SEGMENT_OTHER),
		.n_connections = decoding->n_connections,
	};
}

static int decode(struct decoding *decoding, struct capture *capture, bool in_order,
                  struct error *error)
{
	struct pass pass = {
		.tracker = tracker_new(TRACKER_DECODE, decoding->keylog, &events, decoding),
		.pick = decoding->pick,
	};
	int rc;

	if (!in_order || decoding->pick != NULL)
		capture_keep(capture);
	if (in_order)
		take_as_they_come(&pass, capture);
	else
		take_sorted(&pass, capture);
	tracker_finish_all(pass.tracker);
	note_cut(decoding, pass.tracker);
	rc = judge_end(capture, decoding->request->path, pass.tracker, pass.unread, error);
	if (decoding->visit != NULL)
		count(decoding, &pass);
	else if (finish_writing(decoding, &pass, error) != 0)
		rc = ERR_ENVIRONMENT;
	tracker_free(pass.tracker);
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

static int decode_capture(struct decoding *decoding, struct error *error)
{
	const struct decode_request *request = decoding->request;
	struct keylog *keylog = keylog_new();
	struct capture *capture = NULL;
	bool in_order = true;
	int rc = check(request, error);

	decoding->memo = memo_new();
	decoding->keylog = keylog;
	if (rc == 0)
		rc = capture_open(&capture, request->path, error);
	if (rc == 0)
		rc = read_secrets(request, decoding->notes, keylog, error);
	if (rc == 0 && request->confine)
		confine(decoding->notes);
	if (rc == 0)
		in_order = capture_survey(capture, keylog);
	if (rc == 0 && request->write != NULL)
		decoding->pick = pick_new();
	if (rc == 0)
		rc = decode(decoding, capture, in_order, error);
	if (decoding->pick != NULL && (rc == 0 || rc == ERR_INPUT))
		rc = write_picked(decoding, rc, error);
	pick_free(decoding->pick);
	keylog_free(keylog);
	capture_close(capture);
	buf_fini(&decoding->text);
	buf_fini(&decoding->json);
	memo_free(decoding->memo);
	return rc;
}

int decode_file(const struct decode_request *request, FILE *out, FILE *notes, struct error *error)
{
	struct decoding decoding = {.request = request, .out = out, .notes = notes};

	return decode_capture(&decoding, error);
}

int decode_visit(const struct decode_request *request, decode_visitor visit, void *context,
                 struct decode_counts *counts, FILE *notes, struct error *error)
{
	struct decoding decoding = {.request = request, .notes = notes, .visit = visit,
	                            .visitor = context, .counts = counts};

	*counts = (struct decode_counts){0};
	return decode_capture(&decoding, error);
}
