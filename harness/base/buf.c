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

void buf_decimal(struct buf *buf, uint64_t value)
{
	size_t n = 1;
	uint8_t *at;

	for (uint64_t rest = value; rest >= 10; rest /= 10)
		n++;
	at = buf_room(buf, n);
	if (at == NULL)
		return;
	buf_written(buf, at + n);
	for (; n > 0; value /= 10)
		at[--n] = (uint8_t)('0' + value % 10);
}

/* The digits of four bytes at once, each in a byte of its own, first digit first. */
static uint64_t hex_digits(uint32_t bytes)
{
	uint64_t x = bytes, above_nine;

	x = (x << 16 | x) & 0x0000ffff0000ffffu;
	x = (x << 8 | x) & 0x00ff00ff00ff00ffu;
	x = (x << 4 | x) & 0x0f0f0f0f0f0f0f0fu;
	above_nine = (x + 0x0606060606060606u) >> 4 & 0x0101010101010101u;
	return x + 0x3030303030303030u + above_nine * ('a' - '0' - 10);
}

void buf_hex(struct buf *buf, struct bytes bytes)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *at = buf_room(buf, bytes.len * 2);
	size_t i = 0;

	if (at == NULL)
		return;
	for (; i + 4 <= bytes.len; i += 4, at += 8) {
		uint32_t four;
		uint64_t eight;

		memcpy(&four, bytes.data + i, sizeof(four));
		eight = htobe64(hex_digits(be32toh(four)));
		memcpy(at, &eight, sizeof(eight));
	}
	for (; i < bytes.len; i++) {
		*at++ = (uint8_t)digits[bytes.data[i] >> 4];
		*at++ = (uint8_t)digits[bytes.data[i] & 15];
	}
	buf_written(buf, at);
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
