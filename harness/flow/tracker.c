#include "flow/tracker.h"

#include "base/assert.h"
#include "flow/fragment.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 16384
#define SPARE_MAX 256 /* connections that are over, for those that begin */
#define HASH_FACTOR 0x9e3779b97f4a7c15u /* 2^64 divided by the golden ratio */

LIST_HEAD(bucket, connection);
TAILQ_HEAD(order, connection);

struct tracker {
	enum tracker_mode mode;
	struct keylog *keylog;
	const struct tracker_events *events;
	void *context;
	struct bucket buckets[BUCKETS];
	struct order open, closed; /* the one idle longest first */
	struct order spare; /* the one that was over last first */
	size_t n_spare;
	size_t n_connections; /* now */
	uint64_t n_begun;
	size_t budget; /* bytes that the streams hold back */
	size_t n_decoded; /* bytes that the transcripts take */
	uint64_t n_cut;
	uint64_t counts[SEGMENT_RESULTS];
	struct fragments *fragments;
};

struct tracker *tracker_new(enum tracker_mode mode, struct keylog *keylog,
                            const struct tracker_events *events, void *context)
{
	struct tracker *tracker = calloc(1, sizeof(*tracker));

	CHECK(tracker != NULL);
	tracker->mode = mode;
	tracker->keylog = keylog;
	tracker->events = events;
	tracker->context = context;
	tracker->fragments = fragments_new();
	TAILQ_INIT(&tracker->open);
	TAILQ_INIT(&tracker->closed);
	TAILQ_INIT(&tracker->spare);
	return tracker;
}

static struct order *order_of(struct tracker *tracker, const struct connection *connection)
{
	return connection->settled ? &tracker->closed : &tracker->open;
}

static void unlink_connection(struct tracker *tracker, struct connection *connection)
{
	if (!connection->replaced)
		LIST_REMOVE(connection, in_bucket);
	TAILQ_REMOVE(order_of(tracker, connection), connection, in_order);
	tracker->n_connections--;
	tracker->n_decoded -= connection->n_decoded;
}

/* NULL if there is none. */
static struct connection *take_spare(struct tracker *tracker)
{
	struct connection *connection = TAILQ_FIRST(&tracker->spare);

	if (connection == NULL)
		return NULL;
	TAILQ_REMOVE(&tracker->spare, connection, in_order);
	tracker->n_spare--;
	return connection;
}

/* The connection is over. */
static void put_aside(struct tracker *tracker, struct connection *connection)
{
	if (tracker->n_spare == SPARE_MAX) {
		connection_free(connection);
		return;
	}
	connection_clear(connection);
	TAILQ_INSERT_HEAD(&tracker->spare, connection, in_order);
	tracker->n_spare++;
}

void tracker_free(struct tracker *tracker)
{
	struct connection *connection;

	if (tracker == NULL)
		return;
	while ((connection = tracker_next(tracker, NULL)) != NULL) {
		unlink_connection(tracker, connection);
		connection_free(connection);
	}
	while (tracker->n_spare > 0)
		connection_free(take_spare(tracker));
	fragments_free(tracker->fragments);
	free(tracker);
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * HASH_FACTOR;
	return hash ^ hash >> 32;
}

/* Begins with where the tracker lies, so that no capture can have all its ends in one bucket. */
static uint64_t hash_endpoint(const struct tracker *tracker, const struct endpoint *endpoint)
{
	uint64_t words[2];

	memcpy(words, endpoint->address, sizeof(words));
	return mix(mix(mix((uintptr_t)tracker, words[0]), words[1]), endpoint->port);
}

/* The same for both directions. */
static struct bucket *bucket_of(struct tracker *tracker, const struct segment *segment)
{
	uint64_t hash = hash_endpoint(tracker, &segment->from) +
	                hash_endpoint(tracker, &segment->to);

	return &tracker->buckets[(hash ^ hash >> 32) % BUCKETS];
}

static bool is_between(const struct connection *connection, const struct endpoint *a,
                       const struct endpoint *b)
{
	const struct endpoint *client = &connection->end[SIDE_CLIENT];
	const struct endpoint *server = &connection->end[SIDE_SERVER];

	return (endpoint_equal(client, a) && endpoint_equal(server, b)) ||
	       (endpoint_equal(client, b) && endpoint_equal(server, a));
}

static struct connection *find(struct tracker *tracker, const struct segment *segment)
{
	struct connection *connection;

	LIST_FOREACH(connection, bucket_of(tracker, segment), in_bucket)
		if (is_between(connection, &segment->from, &segment->to))
			return connection;
	return NULL;
}

/* Puts the connection last in its order, and into the right one. */
static void requeue(struct tracker *tracker, struct connection *connection)
{
	TAILQ_REMOVE(order_of(tracker, connection), connection, in_order);
	connection->settled = connection_closed(connection);
	TAILQ_INSERT_TAIL(order_of(tracker, connection), connection, in_order);
}

static void replace(struct tracker *tracker, struct connection *connection)
{
	LIST_REMOVE(connection, in_bucket);
	connection->replaced = true;
	requeue(tracker, connection);
}

static enum side guess_sender(const struct segment *segment)
{
	enum guess guess = transcript_guess(segment->data);

	if (guess != GUESS_UNKNOWN)
		return guess == GUESS_CLIENT ? SIDE_CLIENT : SIDE_SERVER;
	return segment->from.port < segment->to.port ? SIDE_SERVER : SIDE_CLIENT;
}

/* Which side begins a connection with this segment. False if it begins none. */
static bool first_sender(const struct tracker *tracker, const struct segment *segment,
                         enum side *sender)
{
	if ((segment->flags & TCP_SYN) != 0) {
		*sender = (segment->flags & TCP_ACK) != 0 ? SIDE_SERVER : SIDE_CLIENT;
		return true;
	}
	if (tracker->mode == TRACKER_FOLLOW || segment->length == 0 ||
	    (segment->flags & TCP_RST) != 0)
		return false;
	*sender = guess_sender(segment);
	return true;
}

/* Finishes the connection idle longest, but not `kept` (or NULL). False if there is none. */
static bool finish_idle(struct tracker *tracker, const struct connection *kept)
{
	struct connection *idle = tracker_next(tracker, NULL);

	if (idle != NULL && idle == kept)
		idle = tracker_next(tracker, idle);
	if (idle == NULL)
		return false;
	tracker->n_cut += !idle->settled;
	tracker_finish(tracker, idle);
	return true;
}

/* Takes account of what a segment with data added to `connection`, which stays. */
static void bound_memory(struct tracker *tracker, struct connection *connection)
{
	size_t n = transcript_memory(connection->transcript);

	tracker->n_decoded += n - connection->n_decoded;
	connection->n_decoded = n;
	while (tracker->n_decoded > TRACKER_DECODED_MAX && finish_idle(tracker, connection))
		;
}

static struct connection *begin(struct tracker *tracker, const struct segment *segment)
{
	struct connection *connection;
	enum side sender;

	if (!first_sender(tracker, segment, &sender))
		return NULL;
	if (tracker->n_connections == TRACKER_CONNECTIONS_MAX)
		finish_idle(tracker, NULL);
	connection = take_spare(tracker);
	if (connection == NULL)
		connection = connection_new(tracker->mode == TRACKER_DECODE, tracker->keylog);
	connection_start(connection, segment, sender, &tracker->budget);
	LIST_INSERT_HEAD(bucket_of(tracker, segment), connection, in_bucket);
	TAILQ_INSERT_TAIL(&tracker->open, connection, in_order);
	tracker->n_connections++;
	connection->number = ++tracker->n_begun;
	return connection;
}

struct connection *tracker_packet(struct tracker *tracker, const struct packet *packet)
{
	struct segment segment;
	enum segment_result result = segment_decode_joined(packet, tracker->fragments, &segment);
	struct connection *connection;

	tracker->counts[result]++;
	if (result != SEGMENT_OK)
		return NULL;
	connection = find(tracker, &segment);
	if (connection != NULL && connection_is_other(connection, &segment)) {
		replace(tracker, connection);
		connection = NULL;
	}
	if (connection == NULL)
		connection = begin(tracker, &segment);
	if (connection == NULL)
		return NULL;
	connection_segment(connection, &segment);
	requeue(tracker, connection);
	if (segment.length > 0 && connection->transcript != NULL)
		bound_memory(tracker, connection);
	return connection;
}

void tracker_finish(struct tracker *tracker, struct connection *connection)
{
	unlink_connection(tracker, connection);
	connection_finish(connection);
	tracker->events->finished(tracker->context, connection);
	put_aside(tracker, connection);
}

/*
 * Closed connections have waited so long that they are in no cache. Those that are told after
 * `connection` are fetched meanwhile, in stages: what one points to is known when it has come.
 */
static void fetch_next(const struct connection *connection)
{
	int stage = CONNECTION_FETCH_STAGES;

	while (stage-- > 0 && (connection = TAILQ_NEXT(connection, in_order)) != NULL)
		connection_fetch(connection, stage);
}

void tracker_settle(struct tracker *tracker, uint64_t t_ns)
{
	struct connection *connection;

	while ((connection = TAILQ_FIRST(&tracker->closed)) != NULL &&
	       t_ns > connection->last_ns && t_ns - connection->last_ns > TRACKER_LINGER_NS) {
		fetch_next(connection);
		tracker_finish(tracker, connection);
	}
}

static int by_number(const void *a, const void *b)
{
	const struct connection *const *left = a, *const *right = b;

	return (*left)->number < (*right)->number ? -1 : 1;
}

void tracker_finish_all(struct tracker *tracker)
{
	struct connection **all = calloc(tracker->n_connections + 1, sizeof(struct connection *));
	struct connection *connection = NULL;
	size_t n = 0;

	CHECK(all != NULL);
	while ((connection = tracker_next(tracker, connection)) != NULL)
		all[n++] = connection;
	qsort(all, n, sizeof(struct connection *), by_number);
	for (size_t i = 0; i < n; i++)
		tracker_finish(tracker, all[i]);
	free(all);
}

struct connection *tracker_next(const struct tracker *tracker, const struct connection *previous)
{
	struct connection *next;

	if (previous == NULL)
		next = TAILQ_FIRST(&tracker->closed);
	else
		next = TAILQ_NEXT(previous, in_order);
	if (next == NULL && (previous == NULL || previous->settled))
		next = TAILQ_FIRST(&tracker->open);
	return next;
}

uint64_t tracker_n_cut(const struct tracker *tracker)
{
	return tracker->n_cut;
}

uint64_t tracker_count(const struct tracker *tracker, enum segment_result result)
{
	return tracker->counts[result];
}
