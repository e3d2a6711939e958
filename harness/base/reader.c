#include "base/reader.h"

#include "base/assert.h"

#include <stdio.h>

static const uint8_t no_bytes[1];

void reader_init(struct reader *reader, const void *data, size_t len, struct fault *fault)
{
	CHECK(data != NULL || len == 0);
	*fault = (struct fault){0};
	*reader =
		(struct reader){.data = data != NULL ? data : no_bytes, .len = len, .fault = fault};
}

struct reader reader_isolate(const struct reader *reader, struct fault *fault)
{
	struct reader copy = *reader;

	*fault = (struct fault){0};
	copy.fault = fault;
	return copy;
}

static void note(struct reader *reader, struct fault fault)
{
	if (reader->fault->kind == FAULT_NONE)
		*reader->fault = fault;
}

/* The one bounds check. Returns the bytes that are there, at most n, and moves past them. */
static struct bytes take(struct reader *reader, size_t n, const char *field)
{
	struct bytes got = {reader->data + reader->pos, 0};
	size_t left = reader->len - reader->pos;

	if (!reader_ok(reader))
		return got;
	got.len = n <= left ? n : left;
	if (n > left)
		note(reader, (struct fault){.kind = FAULT_SHORT,
		                            .field = field,
		                            .offset = reader_offset(reader),
		                            .n_bytes = n - left});
	reader->pos += got.len;
	return got;
}

static uint64_t integer(struct reader *reader, size_t n, bool little, const char *field)
{
	struct bytes got = take(reader, n, field);
	uint64_t value = 0;

	if (got.len < n)
		return 0;
	for (size_t i = 0; i < n; i++)
		value = value << 8 | got.data[little ? n - 1 - i : i];
	return value;
}

uint8_t reader_u8(struct reader *reader, const char *field)
{
	return (uint8_t)integer(reader, 1, false, field);
}

uint16_t reader_u16(struct reader *reader, const char *field)
{
	return (uint16_t)integer(reader, 2, reader->little, field);
}

uint32_t reader_u24(struct reader *reader, const char *field)
{
	return (uint32_t)integer(reader, 3, false, field);
}

uint32_t reader_u32(struct reader *reader, const char *field)
{
	return (uint32_t)integer(reader, 4, reader->little, field);
}

uint64_t reader_u64(struct reader *reader, const char *field)
{
	return integer(reader, 8, reader->little, field);
}

struct bytes reader_bytes(struct reader *reader, size_t n, const char *field)
{
	return take(reader, n, field);
}

struct reader reader_take(struct reader *reader, size_t n, const char *field)
{
	size_t offset = reader_offset(reader);
	struct bytes got = take(reader, n, field);

	return (struct reader){.data = got.data,
	                       .len = got.len,
	                       .base = offset,
	                       .little = reader->little,
	                       .fault = reader->fault};
}

struct reader reader_vec8(struct reader *reader, const char *field)
{
	return reader_take(reader, (size_t)integer(reader, 1, false, field), field);
}

struct reader reader_vec16(struct reader *reader, const char *field)
{
	return reader_take(reader, (size_t)integer(reader, 2, false, field), field);
}

struct reader reader_vec24(struct reader *reader, const char *field)
{
	return reader_take(reader, (size_t)integer(reader, 3, false, field), field);
}

struct bytes reader_rest(const struct reader *reader)
{
	return (struct bytes){reader->data + reader->pos, reader->len - reader->pos};
}

size_t reader_left(const struct reader *reader)
{
	return reader_ok(reader) ? reader->len - reader->pos : 0;
}

size_t reader_offset(const struct reader *reader)
{
	return reader->base + reader->pos;
}

bool reader_ok(const struct reader *reader)
{
	return reader->fault->kind == FAULT_NONE;
}

void reader_end(struct reader *reader, const char *field)
{
	size_t left = reader_left(reader);

	if (left > 0)
		note(reader, (struct fault){.kind = FAULT_TRAILING,
		                            .field = field,
		                            .offset = reader_offset(reader),
		                            .n_bytes = left});
}

void reader_refuse(struct reader *reader, size_t offset, const char *field, const char *reason)
{
	note(reader,
	     (struct fault){
		     .kind = FAULT_VALUE, .field = field, .reason = reason, .offset = offset});
}

char *fault_text(const struct fault *fault, char *text, size_t size)
{
	const char *plural = fault->n_bytes == 1 ? "" : "s";

	switch (fault->kind) {
	case FAULT_NONE:
		snprintf(text, size, "%s", "");
		break;
	case FAULT_SHORT:
		snprintf(text, size, "%s at byte %zu runs %zu byte%s past its end", fault->field,
		         fault->offset, fault->n_bytes, plural);
		break;
	case FAULT_TRAILING:
		snprintf(text, size, "%s leaves %zu byte%s unread at byte %zu", fault->field,
		         fault->n_bytes, plural, fault->offset);
		break;
	case FAULT_VALUE:
		snprintf(text, size, "%s at byte %zu %s", fault->field, fault->offset,
		         fault->reason);
		break;
	}
	return text;
}
