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

struct bytes reader_bytes_short(struct reader *reader, size_t n, const char *field)
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

struct reader reader_vec8(struct reader *reader, const char *field)
{
	return reader_take(reader, reader_u8(reader, field), field);
}

struct reader reader_vec16(struct reader *reader, const char *field)
{
	return reader_take(reader, (size_t)reader_integer(reader, 2, false, field), field);
}

struct reader reader_vec24(struct reader *reader, const char *field)
{
	return reader_take(reader, reader_u24(reader, field), field);
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
