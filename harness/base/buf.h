/*
 * buf.h: a growing byte buffer with a cap. Layer: base. Pure: no I/O, no clock, no globals.
 *
 * Zero-initialised storage is an empty buffer. Running out of memory ends the process (CHECK);
 * reaching the cap does not: what one call would append is then dropped as a whole, and `full` is
 * set. A later, shorter piece may still find room, so look at `full` before trusting the content.
 */
#ifndef SHAKEDOWN_BASE_BUF_H
#define SHAKEDOWN_BASE_BUF_H

#include "base/reader.h"

#include <stdarg.h>
#include <string.h>

struct buf {
	uint8_t *data; /* owned; `len` bytes used, then a zero byte once anything was added */
	size_t len;
	size_t size;
	size_t max; /* 0: no cap */
	bool full;  /* bytes were dropped at the cap */
};

/* Frees the bytes and leaves an empty buffer with the same cap. */
void buf_fini(struct buf *buf);

/* Empties the buffer and keeps its storage. */
void buf_clear(struct buf *buf);

/* Empties the buffer and keeps its storage if that is not more than `max` bytes. */
void buf_idle(struct buf *buf, size_t max);

/* buf_reserve where the storage has to grow. Not to be called elsewhere. */
bool buf_grow(struct buf *buf, size_t n);

/* Room for `n` more bytes. False, with `full` set, if the cap forbids it. */
static inline bool buf_reserve(struct buf *buf, size_t n)
{
	bool roomy = n < buf->size - buf->len && (buf->max == 0 || n <= buf->max - buf->len);

	return roomy || buf_grow(buf, n);
}

/*
 * Where `n` more bytes can be written, NULL where the cap forbids it. buf_written then says where
 * those that were written end, at most `n` from there.
 */
static inline uint8_t *buf_room(struct buf *buf, size_t n)
{
	return buf_reserve(buf, n) ? buf->data + buf->len : NULL;
}

static inline void buf_written(struct buf *buf, uint8_t *end)
{
	buf->len = (size_t)(end - buf->data);
	*end = '\0';
}

/*
 * Append bytes, which are copied: `len` of them (then `data` may be NULL if it is 0), a range, a
 * text without its final zero, one character.
 */
static inline void buf_add(struct buf *buf, const void *data, size_t len)
{
	if (!buf_reserve(buf, len))
		return;
	if (len > 0)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

static inline void buf_bytes(struct buf *buf, struct bytes bytes)
{
	buf_add(buf, bytes.data, bytes.len);
}

static inline void buf_text(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

static inline void buf_char(struct buf *buf, char c)
{
	uint8_t *at = buf_room(buf, 1);

	if (at == NULL)
		return;
	*at = (uint8_t)c;
	buf_written(buf, at + 1);
}

/* Append formatted text, as printf. */
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *format, va_list arguments);

/* Big-endian integers. */
void buf_u8(struct buf *buf, uint8_t value);
void buf_u16(struct buf *buf, uint16_t value);
void buf_u24(struct buf *buf, uint32_t value);
void buf_u32(struct buf *buf, uint32_t value);

/* Little-endian integers (capture files that Shakedown writes). */
void buf_u16le(struct buf *buf, uint16_t value);
void buf_u32le(struct buf *buf, uint32_t value);

/*
 * Decimal digits, without leading zeros. buf_put_decimal writes them to `at`, where there is room
 * for BUF_DECIMAL_MAX bytes (buf_room), and returns their end.
 */
#define BUF_DECIMAL_MAX 20
void buf_decimal(struct buf *buf, uint64_t value);
uint8_t *buf_put_decimal(uint8_t *at, uint64_t value);

/* Lower-case hexadecimal digits of `bytes`. */
void buf_hex(struct buf *buf, struct bytes bytes);

/* Removes the first `n` bytes (n <= len). */
void buf_consume(struct buf *buf, size_t n);

/*
 * The content as bytes, valid until the next change; as text it ends with a zero byte, never NULL.
 */
struct bytes buf_view(const struct buf *buf);
const char *buf_string(const struct buf *buf);

#endif
