/*
 * reader.h: the one way to read untrusted bytes. Layer: base. Pure: no I/O, no clock, no globals.
 *
 * A reader is a cursor over borrowed bytes. Vectors are read as sub-readers, so that a child cannot
 * leave its parent. The first fault sticks: it keeps the field's name, where it began and by how
 * much it ran over; every later read of the same message yields zero or an empty range. So code
 * reads like the format and looks at the fault once, and what came before the fault stays usable.
 *
 * A vector whose length runs past its parent yields the bytes that are there, and a fault: what
 * could be read is never hidden.
 *
 * What is called for every field of every packet stands here, to be compiled in place.
 */
#ifndef SHAKEDOWN_BASE_READER_H
#define SHAKEDOWN_BASE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes; valid as long as the message that they are a part of. */
struct bytes {
	const uint8_t *data;
	size_t len;
};

enum fault_kind {
	FAULT_NONE,
	FAULT_SHORT,    /* the field runs `n_bytes` past its parent */
	FAULT_TRAILING, /* `n_bytes` are left after the last field */
	FAULT_VALUE,    /* the field's value cannot be */
};

/* The first fault of one message. `field` and `reason` point to static text. */
struct fault {
	enum fault_kind kind;
	const char *field;
	const char *reason; /* FAULT_VALUE only */
	size_t offset;      /* of the field, in bytes from the start of the outermost range */
	size_t n_bytes;
};

struct reader {
	const uint8_t *data;
	size_t len;
	size_t pos;
	size_t base;         /* offset of data[0] in the outermost range */
	bool little;         /* u16, u32 and u64 are little-endian (capture files) */
	struct fault *fault; /* shared by all readers of one message; the caller's */
};

/*
 * Starts reading `len` bytes of `data`, which stay the caller's, as does `fault`; `fault` is
 * cleared. data may be NULL if len is 0.
 */
void reader_init(struct reader *reader, const void *data, size_t len, struct fault *fault);

/*
 * A reader over the same bytes and position that keeps its faults in `fault` (cleared here): the
 * fault of one extension does not end the reading of the next.
 */
struct reader reader_isolate(const struct reader *reader, struct fault *fault);

/* True as long as no read has failed. */
static inline bool reader_ok(const struct reader *reader)
{
	return reader->fault->kind == FAULT_NONE;
}

/* What reader_bytes does at the end of the range, and after a fault. */
struct bytes reader_bytes_short(struct reader *reader, size_t n, const char *field);

/* The next `n` bytes. On a fault: what is left of them, len < n. The one bounds check. */
static inline struct bytes reader_bytes(struct reader *reader, size_t n, const char *field)
{
	struct bytes got = {reader->data + reader->pos, n};

	if (n > reader->len - reader->pos || !reader_ok(reader))
		return reader_bytes_short(reader, n, field);
	reader->pos += n;
	return got;
}

/* Copies the next `n` bytes to `to`, which stays as it is on a fault. */
static inline void reader_copy(struct reader *reader, void *to, size_t n, const char *field)
{
	struct bytes got = reader_bytes(reader, n, field);

	if (got.len == n)
		memcpy(to, got.data, n);
}

/* What the functions of integers share; `n` is a constant in each. Big-endian. */
static inline uint64_t bytes_integer(struct bytes bytes, size_t at, size_t n)
{
	uint64_t value = 0;

	if (at > bytes.len || n > bytes.len - at)
		return 0;
#pragma GCC unroll 8 /* all of it: then the compiler makes one load of the loop */
	for (size_t i = 0; i < n; i++)
		value = value << 8 | bytes.data[at + i];
	return value;
}

/*
 * A field of a header of fixed length that was read as a whole, by its place: one check for all the
 * fields is less work where each packet has them. 0 for what is not there. Big-endian.
 */
static inline uint8_t bytes_u8(struct bytes header, size_t at)
{
	return (uint8_t)bytes_integer(header, at, 1);
}

static inline uint16_t bytes_u16(struct bytes header, size_t at)
{
	return (uint16_t)bytes_integer(header, at, 2);
}

static inline uint32_t bytes_u32(struct bytes header, size_t at)
{
	return (uint32_t)bytes_integer(header, at, 4);
}

/* The `n` bytes from `at` on; none if they are not all there. */
static inline struct bytes bytes_part(struct bytes header, size_t at, size_t n)
{
	if (at > header.len || n > header.len - at)
		return (struct bytes){header.data, 0};
	return (struct bytes){header.data + at, n};
}

/* What the next functions share; `n` is a constant in each. */
static inline uint64_t reader_integer(struct reader *reader, size_t n, bool little,
                                      const char *field)
{
	uint64_t value = bytes_integer(reader_bytes(reader, n, field), 0, n);

	return little ? __builtin_bswap64(value) >> 8 * (8 - n) : value;
}

/* Big-endian integers (RFC 8446 section 3.3) unless `little` is set. 0 after a fault. */
static inline uint8_t reader_u8(struct reader *reader, const char *field)
{
	return (uint8_t)reader_integer(reader, 1, false, field);
}

static inline uint16_t reader_u16(struct reader *reader, const char *field)
{
	return (uint16_t)reader_integer(reader, 2, reader->little, field);
}

static inline uint32_t reader_u24(struct reader *reader, const char *field) /* always big-endian */
{
	return (uint32_t)reader_integer(reader, 3, false, field);
}

static inline uint32_t reader_u32(struct reader *reader, const char *field)
{
	return (uint32_t)reader_integer(reader, 4, reader->little, field);
}

static inline uint64_t reader_u64(struct reader *reader, const char *field)
{
	return reader_integer(reader, 8, reader->little, field);
}

/* Offset of the next byte in the outermost range. */
static inline size_t reader_offset(const struct reader *reader)
{
	return reader->base + reader->pos;
}

/* The next `n` bytes as a reader of their own, which shares the fault. */
static inline struct reader reader_take(struct reader *reader, size_t n, const char *field)
{
	size_t offset = reader_offset(reader);
	struct bytes got = reader_bytes(reader, n, field);

	return (struct reader){.data = got.data,
	                       .len = got.len,
	                       .base = offset,
	                       .little = reader->little,
	                       .fault = reader->fault};
}

/* Ends the range after the next `n` bytes, if it reaches further. */
static inline void reader_cut(struct reader *reader, size_t n)
{
	if (n < reader->len - reader->pos)
		reader->len = reader->pos + n;
}

/* A vector (RFC 8446 section 3.4) with a length of 1, 2 or 3 bytes before it. */
struct reader reader_vec8(struct reader *reader, const char *field);
struct reader reader_vec16(struct reader *reader, const char *field);
struct reader reader_vec24(struct reader *reader, const char *field);

/* All that is left, without moving. */
static inline struct bytes reader_rest(const struct reader *reader)
{
	return (struct bytes){reader->data + reader->pos, reader->len - reader->pos};
}

/* Bytes left; 0 once there is a fault, so that `while (reader_left(&r))` ends. */
static inline size_t reader_left(const struct reader *reader)
{
	return reader_ok(reader) ? reader->len - reader->pos : 0;
}

/* Notes FAULT_TRAILING if bytes are left. Call after the last field of a structure. */
void reader_end(struct reader *reader, const char *field);

/*
 * Notes FAULT_VALUE at `offset` (reader_offset before the field was read) unless a fault is noted.
 */
void reader_refuse(struct reader *reader, size_t offset, const char *field, const char *reason);

/*
 * Writes the fault as a sentence, "cipher_suites at byte 71 runs 3 bytes past its end", into `text`
 * of `size` bytes. Writes an empty string for FAULT_NONE. Returns `text`.
 */
char *fault_text(const struct fault *fault, char *text, size_t size);

#endif
