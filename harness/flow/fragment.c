#include "flow/fragment.h"

#include "base/assert.h"
#include "base/buf.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define UNIT 8                       /* offsets count in units of so many bytes */
#define LENGTH_MAX 65535             /* of a packet put together */
#define UNITS (LENGTH_MAX / UNIT + 1)

/* A packet that is not whole yet. */
struct partial {
	TAILQ_ENTRY(partial) in_order;
	struct fragment key;     /* the first that came; its data is not used */
	struct buf bytes;        /* up to the end of the furthest fragment */
	uint8_t seen[UNITS / 8 + 1]; /* a bit for each unit */
	size_t n_units;          /* that were seen */
	size_t length;           /* of all; 0 before the last fragment came */
	size_t cut_at;           /* the first byte that was not captured */
	size_t n_fragments;
	uint8_t protocol;        /* said by the fragment at offset 0 */
};

struct fragments {
	TAILQ_HEAD(, partial) partials; /* the one begun longest ago first */
	size_t n_partials, n_held;
	struct partial *whole; /* handed out last */
};

struct fragments *fragments_new(void)
{
	struct fragments *fragments = calloc(1, sizeof(*fragments));

	CHECK(fragments != NULL);
	TAILQ_INIT(&fragments->partials);
	return fragments;
}

static size_t cost(const struct partial *partial)
{
	return sizeof(*partial) + partial->bytes.size;
}

static void free_partial(struct partial *partial)
{
	if (partial == NULL)
		return;
	buf_fini(&partial->bytes);
	free(partial);
}

static void take_out(struct fragments *fragments, struct partial *partial)
{
	TAILQ_REMOVE(&fragments->partials, partial, in_order);
	fragments->n_partials--;
	fragments->n_held -= cost(partial);
}

static void drop_first(struct fragments *fragments)
{
	struct partial *partial = TAILQ_FIRST(&fragments->partials);

	take_out(fragments, partial);
	free_partial(partial);
}

void fragments_free(struct fragments *fragments)
{
	if (fragments == NULL)
		return;
	while (!TAILQ_EMPTY(&fragments->partials))
		drop_first(fragments);
	free_partial(fragments->whole);
	free(fragments);
}

/* In IPv4 the protocol is a part of what tells packets apart; IPv6 leaves it out. */
static bool same_packet(const struct fragment *a, const struct fragment *b)
{
	return a->identification == b->identification && endpoint_equal(&a->from, &b->from) &&
	       endpoint_equal(&a->to, &b->to) && (a->from.ipv6 || a->protocol == b->protocol);
}

static struct partial *find_or_begin(struct fragments *fragments, const struct fragment *fragment)
{
	struct partial *partial;

	TAILQ_FOREACH(partial, &fragments->partials, in_order)
		if (same_packet(&partial->key, fragment))
			return partial;
	if (fragments->n_partials == FRAGMENTS_PACKETS_MAX)
		drop_first(fragments);
	partial = calloc(1, sizeof(*partial));
	CHECK(partial != NULL);
	partial->key = *fragment;
	partial->cut_at = LENGTH_MAX;
	TAILQ_INSERT_TAIL(&fragments->partials, partial, in_order);
	fragments->n_partials++;
	fragments->n_held += cost(partial);
	return partial;
}

/* True if the unit was not seen before. */
static bool see(struct partial *partial, size_t unit)
{
	uint8_t bit = (uint8_t)(1u << unit % 8);
	bool is_new = (partial->seen[unit / 8] & bit) == 0;

	partial->seen[unit / 8] |= bit;
	partial->n_units += is_new;
	return is_new;
}

static void store(struct partial *partial, const struct fragment *fragment)
{
	size_t end = fragment->offset + fragment->length;

	if (end > partial->bytes.len) {
		size_t n = end - partial->bytes.len;

		buf_reserve(&partial->bytes, n);
		memset(partial->bytes.data + partial->bytes.len, 0, n);
		partial->bytes.len = end;
	}
	for (size_t at = 0; at < fragment->length; at += UNIT) {
		size_t n = fragment->length - at < UNIT ? fragment->length - at : UNIT;
		size_t n_data = at < fragment->data.len ? fragment->data.len - at : 0;

		if (!see(partial, (fragment->offset + at) / UNIT))
			continue;
		if (n_data < n && fragment->offset + at + n_data < partial->cut_at)
			partial->cut_at = fragment->offset + at + n_data;
		if (n_data > 0)
			memcpy(partial->bytes.data + fragment->offset + at,
			       fragment->data.data + at, n_data < n ? n_data : n);
	}
	partial->n_fragments++;
	if (fragment->offset == 0)
		partial->protocol = fragment->protocol;
	if (!fragment->more && partial->length == 0)
		partial->length = end;
}

static bool is_whole(const struct partial *partial)
{
	return partial->length > 0 && partial->n_units == (partial->length + UNIT - 1) / UNIT;
}

/* What no sender makes: an end that is no unit's, a packet of more than 65,535 bytes. */
static bool is_possible(const struct fragment *fragment)
{
	return fragment->length > 0 && fragment->offset + fragment->length <= LENGTH_MAX &&
	       (!fragment->more || fragment->length % UNIT == 0);
}

static void give_up_old(struct fragments *fragments, uint64_t t_ns)
{
	struct partial *first;

	while ((first = TAILQ_FIRST(&fragments->partials)) != NULL && t_ns > first->key.t_ns &&
	       t_ns - first->key.t_ns > FRAGMENTS_WAIT_NS)
		drop_first(fragments);
}

bool fragments_add(struct fragments *fragments, const struct fragment *fragment,
                   struct whole *whole)
{
	struct partial *partial;

	give_up_old(fragments, fragment->t_ns);
	if (!is_possible(fragment))
		return false;
	partial = find_or_begin(fragments, fragment);
	fragments->n_held -= cost(partial);
	store(partial, fragment);
	fragments->n_held += cost(partial);
	if (!is_whole(partial)) {
		while (fragments->n_held > FRAGMENTS_HELD_MAX)
			drop_first(fragments);
		return false;
	}
	take_out(fragments, partial);
	free_partial(fragments->whole);
	fragments->whole = partial;
	*whole = (struct whole){
		.data = {partial->bytes.data, partial->length < partial->cut_at ? partial->length
	                                                                        : partial->cut_at},
		.length = partial->length,
		.protocol = partial->protocol,
		.n_fragments = partial->n_fragments,
	};
	return true;
}
