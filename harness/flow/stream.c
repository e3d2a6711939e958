#include "flow/stream.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

struct piece {
	struct piece *next;
	uint32_t seq;
	uint32_t length; /* on the wire; more than `n_data` if the packet was cut short */
	uint64_t t_ns;
	size_t n_data;
	uint8_t data[];
};

/* Bytes of a stream that stand at `seq`: a part of a segment. */
struct run {
	uint32_t seq;
	uint32_t length;
	struct bytes data;
	uint64_t t_ns;
};

/* How far `a` stands after `b`; negative if before. Right across the wrap. */
static int32_t distance(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

void stream_init(struct stream *stream, enum side from, const struct stream_events *events,
                 void *context, size_t *budget)
{
	*stream = (struct stream){
		.events = events, .context = context, .from = from, .budget = budget};
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static size_t cost(const struct piece *piece)
{
	return sizeof(*piece) + piece->n_data;
}

static void drop_first(struct stream *stream)
{
	struct piece *piece = stream->first;

	stream->first = piece->next;
	if (stream->first == NULL)
		stream->last = NULL;
	stream->n_pieces--;
	stream->n_held -= cost(piece);
	*stream->budget -= cost(piece);
	free(piece);
}

void stream_fini(struct stream *stream)
{
	while (stream->first != NULL)
		drop_first(stream);
}

static void start(struct stream *stream, uint32_t seq)
{
	stream->started = true;
	stream->assumed = stream->uncertain = false;
	stream->next = seq;
}

void stream_assume_start(struct stream *stream, uint32_t seq)
{
	if (stream->started)
		return;
	start(stream, seq);
	stream->assumed = true;
}

/* What was held back is where the stream starts. */
static void settle_start(struct stream *stream)
{
	stream->uncertain = false;
	stream->next = stream->first->seq;
}

static void tell_gap(struct stream *stream, uint32_t n_bytes, uint64_t t_ns)
{
	stream->next += n_bytes;
	stream->n_gaps++;
	stream->events->gap(stream->context, stream->from, n_bytes, t_ns);
}

/* Keeps the part of `run` from `skip` on, at most `length` bytes of it. */
static struct run part(struct run run, uint32_t skip, uint32_t length)
{
	size_t n_skip = skip < run.data.len ? skip : run.data.len;

	run.seq += skip;
	run.length = length;
	run.data.data += n_skip;
	run.data.len -= n_skip;
	if (run.data.len > length)
		run.data.len = length;
	return run;
}

/* Hands on a run that stands at `next`. */
static void hand_on(struct stream *stream, struct run run)
{
	if (run.data.len > 0) {
		stream->next += (uint32_t)run.data.len;
		stream->n_bytes += run.data.len;
		stream->events->data(stream->context, stream->from, run.data, run.t_ns);
	}
	if (run.length > run.data.len)
		tell_gap(stream, run.length - (uint32_t)run.data.len, run.t_ns);
}

/* Hands on the pieces that have become the next ones. */
static void hand_on_held(struct stream *stream)
{
	while (stream->first != NULL && stream->first->seq == stream->next) {
		struct piece *piece = stream->first;

		hand_on(stream, (struct run){piece->seq, piece->length,
		                             {piece->data, piece->n_data}, piece->t_ns});
		drop_first(stream);
	}
	if (stream->fin_seen && distance(stream->next, stream->fin_seq) >= 0)
		stream->ended = true;
}

static void give_up_hole(struct stream *stream, uint64_t t_ns)
{
	if (stream->uncertain)
		settle_start(stream);
	else
		tell_gap(stream, stream->first->seq - stream->next, t_ns);
	hand_on_held(stream);
}

/* Puts a copy of `run` after `before` (NULL: at the front). Returns the new piece. */
static struct piece *insert(struct stream *stream, struct piece *before, struct run run)
{
	struct piece *piece = malloc(sizeof(*piece) + run.data.len);
	struct piece **link = before != NULL ? &before->next : &stream->first;

	CHECK(piece != NULL);
	*piece = (struct piece){.next = *link,
	                        .seq = run.seq,
	                        .length = run.length,
	                        .t_ns = run.t_ns,
	                        .n_data = run.data.len};
	memcpy(piece->data, run.data.data, run.data.len);
	*link = piece;
	if (piece->next == NULL)
		stream->last = piece;
	stream->n_pieces++;
	stream->n_held += cost(piece);
	*stream->budget += cost(piece);
	return piece;
}

/* The last piece that begins at or before `seq`, or NULL. */
static struct piece *piece_before(const struct stream *stream, uint32_t seq)
{
	struct piece *before = NULL;

	if (stream->last != NULL && distance(stream->last->seq, seq) <= 0)
		return stream->last;
	for (struct piece *piece = stream->first; piece != NULL; piece = piece->next) {
		if (distance(piece->seq, seq) > 0)
			break;
		before = piece;
	}
	return before;
}

/* Holds back what no held piece has yet. True if something of `run` was held already. */
static bool hold(struct stream *stream, struct run run)
{
	struct piece *before = piece_before(stream, run.seq);
	bool repeated = false;

	while (run.length > 0) {
		struct piece *after = before != NULL ? before->next : stream->first;
		uint32_t end = before != NULL ? before->seq + before->length : run.seq;
		int32_t covered = distance(end, run.seq);
		uint32_t room = after != NULL ? after->seq - run.seq : run.length;

		if (covered > 0) {
			uint32_t n = smaller((uint32_t)covered, run.length);

			repeated = true;
			run = part(run, n, run.length - n);
		} else if (room > 0) {
			uint32_t n = smaller(room, run.length);

			before = insert(stream, before, part(run, 0, n));
			run = part(run, n, run.length - n);
		} else {
			before = after;
		}
	}
	return repeated;
}

/*
 * A probe of an idle connection: nothing, or one byte, just before what comes next (RFC 9293
 * section 3.8.4).
 */
static bool is_keep_alive(const struct stream *stream, const struct run *run)
{
	return run->length <= 1 && run->seq == stream->next - 1;
}

static bool begins_handshake(struct bytes data)
{
	return transcript_guess(data) != GUESS_UNKNOWN;
}

/* Waits no longer for earlier bytes if a handshake begins here, or none came for some time. */
static void check_uncertain(struct stream *stream, uint64_t t_ns)
{
	const struct piece *first = stream->first;

	if (stream->uncertain && first != NULL &&
	    (begins_handshake((struct bytes){first->data, first->n_data}) ||
	     (t_ns > first->t_ns && t_ns - first->t_ns > STREAM_REORDER_NS)))
		give_up_hole(stream, t_ns);
}

/* True if something of `run` was seen before. */
static bool take_data(struct stream *stream, struct run run)
{
	int32_t n_old = distance(stream->next, run.seq);
	bool repeated = n_old > 0;

	if (is_keep_alive(stream, &run))
		return false;
	if (n_old >= 0 && (uint32_t)n_old >= run.length)
		return true;
	if (n_old > 0)
		run = part(run, (uint32_t)n_old, run.length - (uint32_t)n_old);
	/* What is held came earlier: where it overlaps, it wins. */
	if (n_old >= 0 && stream->first == NULL)
		hand_on(stream, run);
	else if (hold(stream, run))
		repeated = true;
	check_uncertain(stream, run.t_ns);
	hand_on_held(stream);
	while (stream->n_held > STREAM_HELD_MAX || stream->n_pieces > STREAM_PIECES_MAX ||
	       (stream->first != NULL && *stream->budget > STREAM_HELD_ALL_MAX))
		give_up_hole(stream, run.t_ns);
	return repeated;
}

/* True if the FIN was seen before. */
static bool take_fin(struct stream *stream, uint32_t fin_seq)
{
	if (stream->fin_seen)
		return true;
	stream->fin_seen = true;
	stream->fin_seq = fin_seq;
	hand_on_held(stream);
	return false;
}

/* Nothing that stands after the FIN belongs to the stream. */
static void cut_at_fin(const struct stream *stream, struct run *run)
{
	int32_t room = distance(stream->fin_seq, run->seq);

	if (stream->fin_seen && room < (int64_t)run->length)
		*run = part(*run, 0, room > 0 ? (uint32_t)room : 0);
}

/* The first bytes of this side tell better than the other side where the stream starts. */
static void check_start(struct stream *stream, const struct run *run)
{
	int32_t n_earlier = distance(stream->next, run->seq);

	if (!stream->started) {
		bool uncertain = !stream->syn_seen && run->length > 0 &&
		                 !begins_handshake(run->data);

		start(stream, run->seq - (uncertain ? STREAM_EARLIER_MAX : 0));
		stream->uncertain = uncertain;
	}
	if (!stream->assumed || run->length == 0 || is_keep_alive(stream, run))
		return;
	if (n_earlier > 0 && n_earlier <= (int32_t)STREAM_EARLIER_MAX)
		start(stream, run->seq);
	stream->assumed = false;
}

void stream_segment(struct stream *stream, const struct segment *segment)
{
	bool syn = (segment->flags & TCP_SYN) != 0;
	uint32_t seq = segment->seq + syn;
	struct run run = {seq, segment->length, segment->data, segment->t_ns};
	bool repeated = syn && stream->syn_seen;

	if (syn && !stream->syn_seen && stream->n_bytes + stream->n_gaps == 0 &&
	    stream->first == NULL)
		start(stream, seq);
	stream->syn_seen |= syn;
	check_start(stream, &run);
	cut_at_fin(stream, &run);
	if (run.length > 0)
		repeated |= take_data(stream, run);
	if ((segment->flags & TCP_FIN) != 0)
		repeated |= take_fin(stream, seq + segment->length);
	stream->n_retransmissions += repeated;
}

void stream_acknowledged(struct stream *stream, uint32_t ack, uint64_t t_ns)
{
	while (stream->first != NULL && distance(ack, stream->first->seq) >= 0 &&
	       (stream->uncertain || (t_ns > stream->first->t_ns &&
	                              t_ns - stream->first->t_ns > STREAM_REORDER_NS)))
		give_up_hole(stream, t_ns);
}

void stream_finish(struct stream *stream, uint64_t t_ns)
{
	while (stream->first != NULL)
		give_up_hole(stream, t_ns);
	if (stream->fin_seen && distance(stream->fin_seq, stream->next) > 0)
		tell_gap(stream, stream->fin_seq - stream->next, t_ns);
}
