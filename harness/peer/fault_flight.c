#include "peer/fault_flight.h"

#include "base/assert.h"
#include "decode/record.h"
#include "decode/registry.h"

#include <stdlib.h>

#define FRAGMENT_MAX 16384 /* RFC 8446 section 5.1 */

void flight_clear(struct flight *flight)
{
	for (size_t i = 0; i < flight->n; i++)
		buf_fini(&flight->units[i].data);
	flight->n = 0;
}

void flight_fini(struct flight *flight)
{
	flight_clear(flight);
	free(flight->units);
	*flight = (struct flight){0};
}

void flight_insert(struct flight *flight, size_t index, const struct unit *unit)
{
	CHECK(index <= flight->n);
	if (flight->n == flight->size) {
		flight->size = flight->size * 2 + 16;
		flight->units = realloc(flight->units, flight->size * sizeof(flight->units[0]));
		CHECK(flight->units != NULL);
	}
	memmove(&flight->units[index + 1], &flight->units[index],
	        (flight->n - index) * sizeof(flight->units[0]));
	flight->units[index] = *unit;
	flight->n++;
}

static void flight_remove(struct flight *flight, size_t index)
{
	buf_fini(&flight->units[index].data);
	flight->n--;
	memmove(&flight->units[index], &flight->units[index + 1],
	        (flight->n - index) * sizeof(flight->units[0]));
}

static void put_integer(uint8_t *at, size_t len, uint64_t value)
{
	for (size_t i = len; i-- > 0; value >>= 8)
		at[i] = (uint8_t)value;
}

static uint64_t get_integer(const uint8_t *at, size_t len)
{
	uint64_t value = 0;

	for (size_t i = 0; i < len; i++)
		value = value << 8 | at[i];
	return value;
}

/* Replaces bytes and leaves all lengths alone. */
static void splice(struct buf *data, size_t at, size_t len, struct bytes bytes)
{
	struct buf made = {0};

	CHECK(at <= data->len && len <= data->len - at);
	buf_add(&made, data->data, at);
	buf_bytes(&made, bytes);
	buf_add(&made, data->data + at + len, data->len - at - len);
	buf_fini(data);
	*data = made;
}

static void edit(struct unit *unit, const struct fault_range *range, size_t n_vectors, size_t at,
                 size_t len, struct bytes bytes)
{
	for (size_t i = 0; i < n_vectors; i++) {
		uint8_t *length = unit->data.data + range->vectors[i].at;
		size_t size = range->vectors[i].len;

		put_integer(length, size, get_integer(length, size) + bytes.len - len);
	}
	splice(&unit->data, at, len, bytes);
}

void unit_edit(struct unit *unit, const struct fault_range *range, size_t at, size_t len,
               struct bytes bytes)
{
	edit(unit, range, range->n_vectors, at, len, bytes);
}

/* What is done to bytes in their place, of a message or of a record. */
static void flip(uint8_t *bytes, size_t len, const struct planned_fault *fault)
{
	if (fault->with.len == 0 && len > 0)
		bytes[len - 1] ^= 1;
	for (size_t i = 0; i < fault->with.len && fault->offset + i < len; i++)
		bytes[fault->offset + i] ^= fault->with.data[i];
}

/* What a deed has at hand. */
struct work {
	struct flight *flight;
	size_t index; /* of the unit */
	const struct planned_fault *fault;
	struct fault_range range; /* in the unit, unless it is the whole message */
	fault_lookup *lookup;
	const void *context;
};

static struct unit *unit_of(const struct work *work)
{
	return &work->flight->units[work->index];
}

static bool is_message(const struct work *work)
{
	return work->fault->place.target == TARGET_MESSAGE;
}

/* The bytes that the fault puts in. */
static struct bytes bytes_of(const struct work *work)
{
	if (work->fault->copy != NULL)
		return work->lookup(work->context, work->fault->copy);
	return buf_view(&work->fault->with);
}

static bool do_flip(struct work *work)
{
	flip(unit_of(work)->data.data + work->range.at, work->range.len, work->fault);
	return true;
}

static bool do_add(struct work *work)
{
	uint8_t *at = unit_of(work)->data.data + work->range.at;

	put_integer(at, work->range.len,
	            get_integer(at, work->range.len) + (uint64_t)(int64_t)work->fault->by);
	return true;
}

static bool do_replace(struct work *work)
{
	const struct planned_fault *fault = work->fault;
	const struct fault_range *range = &work->range;
	struct unit *unit = unit_of(work);
	struct bytes bytes = bytes_of(work);

	if (fault->copy != NULL && bytes.data == NULL)
		return false;
	if (is_message(work)) {
		splice(&unit->data, 0, unit->data.len, bytes);
		if (fault->copy != NULL)
			unit->content_type = fault->content_type;
		return true;
	}
	if (fault->offset + bytes.len <= range->len && fault->offset > 0)
		splice(&unit->data, range->at + fault->offset, bytes.len, bytes);
	else if (fault->offset == 0)
		unit_edit(unit, range, range->at, range->len, bytes);
	return true;
}

static bool do_append(struct work *work)
{
	unit_edit(unit_of(work), &work->range, work->range.at + work->range.len, 0,
	          bytes_of(work));
	return true;
}

static bool do_truncate(struct work *work)
{
	size_t n = work->fault->bytes < work->range.len ? work->fault->bytes : work->range.len;

	unit_edit(unit_of(work), &work->range, work->range.at + work->range.len - n, n,
	          (struct bytes){0});
	return true;
}

static bool do_drop(struct work *work)
{
	const struct fault_range *range = &work->range;

	if (is_message(work))
		flight_remove(work->flight, work->index);
	else
		edit(unit_of(work), range, range->n_vectors - range->prefixed, range->whole_at,
		     range->whole_len, (struct bytes){0});
	return true;
}

/* A unit like that at hand, with `data` in place of its own. */
static struct unit unit_like(const struct work *work, struct bytes data)
{
	const struct unit *like = unit_of(work);
	struct unit unit = {.name = like->name,
	                    .content_type = like->content_type,
	                    .record_version = like->record_version,
	                    .under = like->under,
	                    .fragment = FRAGMENT_MAX};

	buf_bytes(&unit.data, data);
	return unit;
}

static bool do_repeat(struct work *work)
{
	const struct fault_range *range = &work->range;
	struct unit *unit = unit_of(work);

	for (size_t i = 0; i < work->fault->bytes; i++) {
		if (is_message(work)) {
			struct unit copy = unit_like(work, buf_view(&unit_of(work)->data));

			copy.broken = true;
			flight_insert(work->flight, work->index + 1, &copy);
		} else {
			struct buf again = {0};

			buf_add(&again, unit->data.data + range->whole_at, range->whole_len);
			edit(unit, range, range->n_vectors - 1, range->whole_at + range->whole_len,
			     0, buf_view(&again));
			buf_fini(&again);
		}
	}
	return true;
}

/* The index of the next unit that is a message, or of a handshake message; n if there is none. */
static size_t next_unit(const struct work *work, bool handshake)
{
	size_t i = work->index + 1;

	while (i < work->flight->n &&
	       (work->flight->units[i].act != ACT_NONE ||
	        (handshake && work->flight->units[i].content_type != CONTENT_handshake)))
		i++;
	return i;
}

static bool do_swap(struct work *work)
{
	size_t next = next_unit(work, false);
	struct unit *units = work->flight->units;
	struct unit first = units[work->index];

	if (next == work->flight->n)
		return false;
	units[work->index] = units[next];
	units[next] = first;
	return true;
}

/* Puts a unit before or behind the one at hand. */
static void put_beside(struct work *work, const struct unit *unit)
{
	flight_insert(work->flight, work->index + (work->fault->where == WHERE_AFTER), unit);
}

static bool do_insert(struct work *work)
{
	struct bytes bytes = bytes_of(work);
	struct unit unit;

	if (work->fault->copy != NULL && bytes.data == NULL)
		return false;
	unit = unit_like(work, bytes);
	unit.name = work->fault->copy;
	unit.content_type = work->fault->content_type;
	unit.whole = true;
	unit.broken = true;
	put_beside(work, &unit);
	return true;
}

static bool do_unprotect(struct work *work)
{
	unit_of(work)->under = UNDER_NOTHING;
	return true;
}

static bool do_split(struct work *work)
{
	unit_of(work)->split = work->fault;
	return true;
}

static bool do_join(struct work *work)
{
	struct flight *flight = work->flight;
	size_t next = next_unit(work, true);
	struct unit moved;

	if (next == flight->n || unit_of(work)->content_type != CONTENT_handshake)
		return false;
	moved = flight->units[next];
	memmove(&flight->units[work->index + 2], &flight->units[work->index + 1],
	        (next - work->index - 1) * sizeof(moved));
	flight->units[work->index + 1] = moved;
	unit_of(work)->joined = true;
	return true;
}

static bool do_pad(struct work *work)
{
	unit_of(work)->padding = work->fault->bytes;
	return true;
}

static bool do_act(struct work *work)
{
	static const enum act acts[] = {[DO_DELAY] = ACT_DELAY, [DO_CLOSE] = ACT_CLOSE,
	                                [DO_RESET] = ACT_RESET, [DO_SILENCE] = ACT_SILENCE};
	struct unit unit = {.act = acts[work->fault->deed], .ms = work->fault->ms};

	if (work->fault->where == WHERE_INSIDE)
		unit_of(work)->cut = unit.act;
	else
		put_beside(work, &unit);
	return true;
}

static const struct {
	bool (*run)(struct work *work);
	bool changes; /* the handshake messages */
} deeds[] = {
	[DO_FLIP] = {do_flip, true},         [DO_ADD] = {do_add, true},
	[DO_REPLACE] = {do_replace, true},   [DO_APPEND] = {do_append, true},
	[DO_TRUNCATE] = {do_truncate, true}, [DO_DROP] = {do_drop, true},
	[DO_REPEAT] = {do_repeat, true},     [DO_SWAP] = {do_swap, true},
	[DO_INSERT] = {do_insert, true},     [DO_ALERT] = {do_insert, false},
	[DO_UNPROTECT] = {do_unprotect, false}, [DO_SPLIT] = {do_split, false},
	[DO_JOIN] = {do_join, false},        [DO_PAD] = {do_pad, false},
	[DO_DELAY] = {do_act, false},        [DO_CLOSE] = {do_act, false},
	[DO_RESET] = {do_act, false},        [DO_SILENCE] = {do_act, false},
};

bool unit_is_told(const struct unit *unit)
{
	return unit->content_type == CONTENT_handshake && unit->data.len > 0 &&
	       unit->data.data[0] != HANDSHAKE_hello_request;
}

bool fault_changes_messages(const struct planned_fault *fault)
{
	const struct unit inserted = {.content_type = fault->content_type, .data = fault->with};
	uint8_t content_type, handshake_type;

	if (!deeds[fault->deed].changes || fault->place.target == TARGET_RECORD ||
	    !fault_message_types(fault->place.message, &content_type, &handshake_type))
		return false;
	if (fault->deed == DO_INSERT)
		return fault->copy != NULL || unit_is_told(&inserted);
	return content_type == CONTENT_handshake;
}

/*
 * Whether the fault is at what proves the message, or at the message as a whole: then what it does
 * to the message's own bytes is meant to be seen as it is.
 */
static bool is_at_proof(const struct planned_fault *fault)
{
	static const char *const ways[] = {"", "length", "type", "signature", "verify_data"};
	size_t len = strcspn(fault->place.way, ".");

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strlen(ways[i]) == len && strncmp(ways[i], fault->place.way, len) == 0)
			return true;
	return false;
}

/* The unit that the place names. n if it is not in the flight. */
static size_t find_unit(const struct flight *flight, const struct planned_fault *fault)
{
	size_t i = 0;

	while (i < flight->n &&
	       (flight->units[i].name == NULL || flight->units[i].nth != fault->nth ||
	        strcmp(flight->units[i].name, fault->place.message) != 0))
		i++;
	return i;
}

bool flight_do(struct flight *flight, const struct planned_fault *fault, uint16_t version,
               fault_lookup *lookup, const void *context)
{
	struct work work = {.flight = flight,
	                    .index = find_unit(flight, fault),
	                    .fault = fault,
	                    .lookup = lookup,
	                    .context = context};
	struct unit *unit;

	if (work.index == flight->n)
		return false;
	unit = unit_of(&work);
	if (fault->place.target == TARGET_RECORD) {
		unit->on_record[unit->n_on_record++] = fault;
		return true;
	}
	if (!fault_place_find(&fault->place, buf_view(&unit->data), version, &work.range))
		return false;
	if (fault->deed <= DO_TRUNCATE && is_at_proof(fault))
		unit->broken = true;
	return deeds[fault->deed].run(&work);
}

void fault_on_record(const struct planned_fault *fault, struct buf *out, size_t at, size_t tag_len)
{
	const size_t len = out->len - at;
	const struct {
		size_t at, len;
	} parts[] = {
		[PART_TYPE] = {0, 1},
		[PART_VERSION] = {1, 2},
		[PART_LENGTH] = {3, 2},
		[PART_BODY] = {RECORD_HEADER_LEN, len - RECORD_HEADER_LEN},
		[PART_TAG] = {len - tag_len, tag_len},
	};
	uint8_t *part = out->data + at + parts[fault->place.part].at;
	size_t part_len = parts[fault->place.part].len;

	if (fault->deed == DO_FLIP)
		flip(part, part_len, fault);
	else if (fault->deed == DO_ADD && part_len <= 2)
		put_integer(part, part_len,
		            get_integer(part, part_len) + (uint64_t)(int64_t)fault->by);
	else if (fault->deed == DO_REPLACE && fault->offset + fault->with.len <= part_len)
		memcpy(part + fault->offset, fault->with.data, fault->with.len);
}
