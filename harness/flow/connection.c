#include "flow/connection.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/prefetch.h"
#include "decode/lint.h"

#include <stdlib.h>

enum side side_other(enum side side)
{
	return side == SIDE_CLIENT ? SIDE_SERVER : SIDE_CLIENT;
}

static void on_data(void *context, enum side from, struct bytes data, uint64_t t_ns)
{
	struct connection *connection = context;

	if (connection->transcript != NULL)
		transcript_feed(connection->transcript, from, data, t_ns);
}

static void on_gap(void *context, enum side from, uint64_t n_bytes, uint64_t t_ns)
{
	struct connection *connection = context;

	if (connection->transcript != NULL)
		transcript_gap(connection->transcript, from, n_bytes, t_ns);
}

static const struct stream_events events = {.data = on_data, .gap = on_gap};

static void learn_isn(struct connection *connection, enum side side, uint32_t isn)
{
	connection->isn[side] = isn;
	connection->isn_known[side] = true;
}

struct connection *connection_new(bool decode, struct keylog *keylog)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	CHECK(connection != NULL);
	if (decode)
		connection->transcript = transcript_new(keylog);
	return connection;
}

void connection_clear(struct connection *connection)
{
	stream_fini(&connection->stream[SIDE_CLIENT]);
	stream_fini(&connection->stream[SIDE_SERVER]);
	*connection = (struct connection){.transcript = connection->transcript};
	if (connection->transcript != NULL)
		transcript_restart(connection->transcript);
}

void connection_start(struct connection *connection, const struct segment *first, enum side from,
                      size_t *budget)
{
	connection->end[from] = first->from;
	connection->end[side_other(from)] = first->to;
	connection->start_ns = first->t_ns;
	for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++)
		stream_init(&connection->stream[side], side, &events, connection, budget);
	if (connection->transcript != NULL && (first->flags & TCP_SYN) == 0 &&
	    transcript_guess(first->data) == GUESS_UNKNOWN)
		transcript_begin_late(connection->transcript);
	/* Without a SYN, the first segment counts as the beginning. */
	learn_isn(connection, from, first->seq - ((first->flags & TCP_SYN) == 0));
}

void connection_free(struct connection *connection)
{
	if (connection == NULL)
		return;
	stream_fini(&connection->stream[SIDE_CLIENT]);
	stream_fini(&connection->stream[SIDE_SERVER]);
	transcript_free(connection->transcript);
	free(connection);
}

/* The side that sent `segment`, which is one of this connection's two ends. */
static enum side side_of(const struct connection *connection, const struct segment *segment)
{
	return endpoint_equal(&connection->end[SIDE_CLIENT], &segment->from) ? SIDE_CLIENT
	                                                                     : SIDE_SERVER;
}

bool connection_is_other(const struct connection *connection, const struct segment *segment)
{
	enum side side = side_of(connection, segment);

	if ((segment->flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		return false;
	return side == SIDE_SERVER || segment->seq != connection->isn[SIDE_CLIENT];
}

/* A SYN that is sent again after a reset, before any data: that was not the end. */
static void take_back_reset(struct connection *connection, const struct segment *segment)
{
	if ((segment->flags & (TCP_SYN | TCP_RST)) != TCP_SYN || !connection->reset ||
	    connection->stream[SIDE_CLIENT].n_bytes > 0 ||
	    connection->stream[SIDE_SERVER].n_bytes > 0)
		return;
	connection->reset = false;
	connection->ending[SIDE_CLIENT] = connection->ending[SIDE_SERVER] = ENDING_NONE;
}

static void note_ending(struct connection *connection, enum side side,
                        const struct segment *segment)
{
	enum ending ending = ENDING_NONE;

	if ((segment->flags & TCP_RST) != 0) {
		ending = ENDING_RST;
		connection->reset = true;
	} else if ((segment->flags & TCP_FIN) != 0) {
		ending = ENDING_FIN;
	}
	if (ending == ENDING_NONE || connection->ending[side] != ENDING_NONE)
		return;
	if (connection->ending[side_other(side)] == ENDING_NONE) {
		connection->first_to_end = side;
		connection->ending_ns = segment->t_ns;
	}
	connection->ending[side] = ending;
}

void connection_segment(struct connection *connection, const struct segment *segment)
{
	enum side side = side_of(connection, segment);
	struct stream *stream = &connection->stream[side];
	bool acknowledges = (segment->flags & (TCP_ACK | TCP_RST)) == TCP_ACK;

	connection->n_packets++;
	take_back_reset(connection, segment);
	story_segment(&connection->story, side, segment);
	if (segment->t_ns > connection->last_ns)
		connection->last_ns = segment->t_ns;
	if (acknowledges && !connection->isn_known[side_other(side)]) {
		learn_isn(connection, side_other(side), segment->ack - 1);
		stream_assume_start(&connection->stream[side_other(side)], segment->ack);
	}
	if (!connection->isn_known[side])
		learn_isn(connection, side, segment->seq - ((segment->flags & TCP_SYN) == 0));
	if (acknowledges)
		stream_acknowledged(&connection->stream[side_other(side)], segment->ack,
		                    segment->t_ns);
	/* What comes with a reset is a message to people (RFC 9293 section 3.5.3). */
	if ((segment->flags & TCP_RST) == 0)
		stream_segment(stream, segment);
	note_ending(connection, side, segment);
}

bool connection_closed(const struct connection *connection)
{
	return connection->replaced || connection->reset ||
	       (connection->stream[SIDE_CLIENT].ended && connection->stream[SIDE_SERVER].ended);
}

void connection_fetch(const struct connection *connection, int stage)
{
	if (stage == 0)
		prefetch(connection, sizeof(*connection));
	else if (connection->transcript != NULL)
		transcript_fetch(connection->transcript, stage - 1);
}

void connection_finish(struct connection *connection)
{
	stream_finish(&connection->stream[SIDE_CLIENT], connection->last_ns);
	stream_finish(&connection->stream[SIDE_SERVER], connection->last_ns);
}

static bool has_ended(const struct connection *connection)
{
	return connection->ending[SIDE_CLIENT] != ENDING_NONE ||
	       connection->ending[SIDE_SERVER] != ENDING_NONE;
}

static const char *side_name(enum side side)
{
	return side == SIDE_CLIENT ? "client" : "server";
}

static void emit_endpoint(struct emit *emit, const char *key, const char *address, uint16_t port)
{
	emit_object(emit, key);
	emit_text(emit, "address", address);
	emit_uint(emit, "port", port);
	emit_close(emit);
}

/* Who it was between, and when. This and how it went have the same form in all connections. */
static void emit_ends(const struct connection *connection, struct emit *emit)
{
	char address[2][ENDPOINT_TEXT_MAX], start[CLOCK_TEXT_MAX];
	const struct endpoint *end = connection->end;
	struct emit_slots slots;
	struct emit_run run;

	slots.n = 0;
	for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
		emit_slots_text(&slots, endpoint_address(&end[side], address[side]));
		emit_slots_uint(&slots, end[side].port);
	}
	emit_slots_text(&slots, clock_text(connection->start_ns, start));
	if (emit_again_with(emit, &run, EMIT_TAG(EMIT_TAG_ENDS, 0), (struct bytes){0}, &slots))
		return;
	for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++)
		emit_endpoint(emit, side_name(side), address[side], end[side].port);
	emit_text(emit, "start", start);
	emit_remember(emit, &run);
}

/* The order in which emit_tcp and emit_ending tell what varies. */
static void add_tcp_slots(const struct connection *connection, struct emit_slots *slots)
{
	const struct stream *client = &connection->stream[SIDE_CLIENT];
	const struct stream *server = &connection->stream[SIDE_SERVER];

	emit_slots_uint(slots, connection->n_packets);
	emit_slots_uint(slots, client->n_bytes);
	emit_slots_uint(slots, server->n_bytes);
	emit_slots_uint(slots, client->n_retransmissions + server->n_retransmissions);
	emit_slots_uint(slots, client->n_gaps + server->n_gaps);
	story_slots(&connection->story, connection->start_ns, slots);
	if (has_ended(connection))
		emit_slots_ms(slots, connection->ending_ns, connection->start_ns);
}

/* All that they depend on beside it. */
static uint64_t tcp_key(const struct connection *connection)
{
	bool syn = connection->stream[SIDE_CLIENT].syn_seen ||
	           connection->stream[SIDE_SERVER].syn_seen;

	return (uint64_t)story_key(&connection->story) << 8 | (uint64_t)syn << 5 |
	       (uint64_t)connection->first_to_end << 4 |
	       (uint64_t)connection->ending[SIDE_CLIENT] << 2 | connection->ending[SIDE_SERVER];
}

static void emit_tcp(const struct connection *connection, struct emit *emit)
{
	const struct stream *client = &connection->stream[SIDE_CLIENT];
	const struct stream *server = &connection->stream[SIDE_SERVER];

	emit_object(emit, "tcp");
	emit_uint(emit, "packets", connection->n_packets);
	emit_object(emit, "bytes");
	emit_uint(emit, "client", client->n_bytes);
	emit_uint(emit, "server", server->n_bytes);
	emit_close(emit);
	emit_uint(emit, "retransmissions", client->n_retransmissions + server->n_retransmissions);
	emit_uint(emit, "gaps", client->n_gaps + server->n_gaps);
	emit_bool(emit, "syn", client->syn_seen || server->syn_seen);
	story_emit(&connection->story, connection->start_ns, emit);
	emit_close(emit);
}

static void emit_ending(const struct connection *connection, struct emit *emit)
{
	static const char *const names[] = {
		[ENDING_NONE] = "none", [ENDING_FIN] = "fin", [ENDING_RST] = "rst"};
	bool ended = has_ended(connection);

	emit_object(emit, "close");
	if (ended)
		emit_text(emit, "first", side_name(connection->first_to_end));
	else
		emit_null(emit, "first");
	emit_text(emit, "client", names[connection->ending[SIDE_CLIENT]]);
	emit_text(emit, "server", names[connection->ending[SIDE_SERVER]]);
	if (ended)
		emit_ms(emit, "t_ms", connection->ending_ns, connection->start_ns);
	else
		emit_null(emit, "t_ms");
	emit_close(emit);
}

void connection_emit(const struct connection *connection, struct emit *emit)
{
	struct emit_slots slots;
	struct emit_run run;

	emit_ends(connection, emit);
	transcript_emit(connection->transcript, connection->start_ns, emit);
	slots.n = 0;
	add_tcp_slots(connection, &slots);
	if (emit_again_with(emit, &run, EMIT_TAG(EMIT_TAG_TCP, tcp_key(connection)),
	                    (struct bytes){0}, &slots))
		return;
	emit_tcp(connection, emit);
	emit_ending(connection, emit);
	emit_remember(emit, &run);
}

void connection_emit_lint(const struct connection *connection, struct emit *emit)
{
	struct bytes hello = transcript_client_hello(connection->transcript);

	if (hello.len > 0)
		lint_tell(emit, hello);
}
