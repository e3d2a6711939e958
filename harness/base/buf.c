#include "base/buf.h"

#include "base/assert.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST_SIZE 256

void buf_fini(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){.max = buf->max};
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->full = false;
	if (buf->data != NULL)
		buf->data[0] = '\0';
}

void buf_idle(struct buf *buf, size_t max)
{
	if (buf->size > max)
		buf_fini(buf);
	buf_clear(buf);
}

bool buf_grow(struct buf *buf, size_t n)
{
	size_t size = buf->size != 0 ? buf->size : BUF_FIRST_SIZE;

	if (buf->max != 0 && n > buf->max - buf->len) {
		buf->full = true;
		return false;
	}
	CHECK(n < SIZE_MAX / 2 - buf->len);
	while (size <= buf->len + n)
		size *= 2;
	buf->data = realloc(buf->data, size);
	CHECK(buf->data != NULL);
	buf->size = size;
	return true;
}

void buf_vprintf(struct buf *buf, const char *format, va_list arguments)
{
	va_list again;
	int needed;

	va_copy(again, arguments);
	needed = vsnprintf(NULL, 0, format, again);
	va_end(again);
	CHECK(needed >= 0);
	if (!buf_reserve(buf, (size_t)needed))
		return;
	vsnprintf((char *)buf->data + buf->len, (size_t)needed + 1, format, arguments);
	buf->len += (size_t)needed;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	buf_vprintf(buf, format, arguments);
	va_end(arguments);
}

static inline void add_integer(struct buf *buf, uint32_t value, size_t n, bool little)
{
	uint8_t *at = buf_room(buf, n);

	if (at == NULL)
		return;
	for (size_t i = 0; i < n; i++)
		at[little ? i : n - 1 - i] = (uint8_t)(value >> (8 * i));
	buf_written(buf, at + n);
}

void buf_u8(struct buf *buf, uint8_t value)
{
	add_integer(buf, value, 1, false);
}

void buf_u16(struct buf *buf, uint16_t value)
{
	add_integer(buf, value, 2, false);
}

void buf_u24(struct buf *buf, uint32_t value)
{
	add_integer(buf, value, 3, false);
}

void buf_u32(struct buf *buf, uint32_t value)
{
	add_integer(buf, value, 4, false);
}

void buf_u16le(struct buf *buf, uint16_t value)
{
	add_integer(buf, value, 2, true);
}

void buf_u32le(struct buf *buf, uint32_t value)
{
	add_integer(buf, value, 4, true);
}

uint8_t *buf_put_decimal(uint8_t *at, uint64_t value)
{
	size_t n = 1;

	for (uint64_t limit = 10; n < BUF_DECIMAL_MAX && value >= limit; limit *= 10)
		n++;
	for (size_t i = n; i > 0; value /= 10)
		at[--i] = (uint8_t)('0' + value % 10);
	return at + n;
}

void buf_decimal(struct buf *buf, uint64_t value)
{
	uint8_t *at = buf_room(buf, BUF_DECIMAL_MAX);

	if (at != NULL)
		buf_written(buf, buf_put_decimal(at, value));
}

/* Both digits of a byte, the first one in the lower half. */
static inline uint16_t hex_digits(uint8_t byte)
{
	uint16_t nibbles = (uint16_t)(byte >> 4 | (byte & 15) << 8);
	uint16_t above_nine = (uint16_t)(nibbles + 0x0606) >> 4 & 0x0101;

	return (uint16_t)(nibbles + 0x3030 + above_nine * ('a' - '0' - 10));
}

/* Without a branch or a table, so that the compiler makes digits of many bytes at once. */
void buf_hex(struct buf *buf, struct bytes bytes)
{
	uint8_t *at = buf_room(buf, bytes.len * 2);

	if (at == NULL)
		return;
	for (size_t i = 0; i < bytes.len; i++) {
		uint16_t digits = htole16(hex_digits(bytes.data[i]));

		memcpy(at + 2 * i, &digits, sizeof(digits));
	}
	buf_written(buf, at + 2 * bytes.len);
}

void buf_consume(struct buf *buf, size_t n)
{
	CHECK(n <= buf->len);
	if (n == 0)
		return;
	memmove(buf->data, buf->data + n, buf->len - n);
	buf->len -= n;
	buf->data[buf->len] = '\0';
}

struct bytes buf_view(const struct buf *buf)
{
	return (struct bytes){buf->data, buf->len};
}

const char *buf_string(const struct buf *buf)
{
	return buf->data != NULL ? (const char *)buf->data : "";
}
