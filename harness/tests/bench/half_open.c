/*
 * half_open: writes to standard output a capture of connections that never end, for measurements of
 * memory. Usage: half_open KIND N, where the client of each of the N connections sends
 *
 *   syn       its SYN and nothing more
 *   partial   the first 500 bytes of a ClientHello of 512
 *   hello     a whole ClientHello
 *   large     the first 40 KB of a ClientHello of 16 MB
 *   hole      40 KB behind a hole
 *   alike     its SYN; addresses and ports differ in what an exclusive or of them hides
 *
 * All connections begin before any of them goes on, as far as MANY of them.
 */
#include "base/assert.h"
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY 16000       /* connections that are open at once */
#define PIECE 16000      /* payload bytes of a packet at most */
#define HEADERS 40       /* IPv4 and TCP */
#define RECORD_MAX 16384 /* bytes in a record */

static const struct kind {
	const char *name;
	size_t length; /* of the ClientHello's body; 0: none */
	size_t n_sent; /* bytes of the client's stream */
	size_t n_hole; /* of them that the capture missed, at the start */
} kinds[] = {
	{"syn", 0, 0, 0},
	{"partial", 512, 500, 0},
	{"hello", 512, 512 + 9, 0},
	{"large", (16 << 20) - 1, 40000, 0},
	{"hole", (16 << 20) - 1, 40000, 1000},
	{"alike", 0, 0, 0},
};

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(name, kinds[i].name) == 0)
			return &kinds[i];
	return NULL;
}

/* The body: a version, a random, two suites, and one extension that fills the rest. */
static void put_hello(struct buf *out, size_t length, uint32_t random)
{
	buf_u8(out, 1);
	buf_u24(out, (uint32_t)length);
	buf_u16(out, 0x0303);
	for (int i = 0; i < 8; i++)
		buf_u32(out, random * 2654435761u + (uint32_t)i);
	buf_add(out, "\0\0\4\x13\1\xc0\x2b\1\0", 9);
	buf_u16(out, (uint16_t)(length - 45));
	buf_u16(out, 21); /* padding */
	buf_u16(out, (uint16_t)(length - 49));
}

/* The client's stream: the message in records, as far as it is sent. */
static void put_stream(struct buf *out, const struct kind *kind, uint32_t random)
{
	struct buf message = {0};

	put_hello(&message, kind->length, random);
	while (message.len < kind->length + 4 && message.len < kind->n_sent)
		buf_u8(&message, 0);
	for (size_t at = 0; at < message.len; at += RECORD_MAX) {
		size_t n = kind->length + 4 - at < RECORD_MAX ? kind->length + 4 - at : RECORD_MAX;
		size_t n_there = message.len - at < n ? message.len - at : n;

		buf_u8(out, 22);
		buf_u16(out, 0x0301);
		buf_u16(out, (uint16_t)n);
		buf_add(out, message.data + at, n_there);
	}
	if (out->len > kind->n_sent)
		out->len = kind->n_sent;
	buf_fini(&message);
}

struct client {
	uint32_t address;
	uint16_t port;
};

/* The client numbered `n`. */
static struct client client_of(const struct kind *kind, uint32_t n)
{
	uint16_t x = (uint16_t)(n % MANY);

	if (strcmp(kind->name, "alike") == 0)
		return (struct client){(uint32_t)x << 16, (uint16_t)(0x5234 ^ (x >> 8 | x << 8))};
	return (struct client){0x0a000000 + n / 50000, (uint16_t)(10000 + n % 50000)};
}

/* A packet of raw IP to a server's port 443. */
static void put_packet(struct buf *out, const struct client *client, uint32_t time, uint32_t seq, uint8_t flags,
                       struct bytes data)
{
	buf_u32le(out, time / 1000000);
	buf_u32le(out, time % 1000000);
	buf_u32le(out, (uint32_t)(HEADERS + data.len));
	buf_u32le(out, (uint32_t)(HEADERS + data.len));
	buf_u16(out, 0x4500);
	buf_u16(out, (uint16_t)(HEADERS + data.len));
	buf_u32(out, 0);
	buf_u32(out, 0x40060000);
	buf_u32(out, client->address);
	buf_u32(out, 0xc0a80001);
	buf_u16(out, client->port);
	buf_u16(out, 443);
	buf_u32(out, seq);
	buf_u32(out, 0);
	buf_u8(out, 0x50);
	buf_u8(out, flags);
	buf_u16(out, 64240);
	buf_u32(out, 0);
	buf_bytes(out, data);
}

static void flush(struct buf *out)
{
	CHECK(fwrite(out->data, 1, out->len, stdout) == out->len);
	buf_clear(out);
}

static void put_syn(struct buf *out, const struct kind *kind, uint32_t n, uint32_t time)
{
	struct client client = client_of(kind, n);

	put_packet(out, &client, time, 0, 0x02, (struct bytes){0});
}

static void put_data(struct buf *out, const struct kind *kind, uint32_t n, uint32_t time)
{
	struct client client = client_of(kind, n);
	struct buf stream = {0};

	put_stream(&stream, kind, n);
	for (size_t at = kind->n_hole; at < stream.len; at += PIECE) {
		size_t left = stream.len - at;

		put_packet(out, &client, time, 1 + (uint32_t)at, 0x08,
		           (struct bytes){stream.data + at, left < PIECE ? left : PIECE});
	}
	buf_fini(&stream);
}

int main(int argc, char **argv)
{
	const struct kind *kind = argc == 3 ? find_kind(argv[1]) : NULL;
	uint32_t n = kind != NULL ? (uint32_t)atol(argv[2]) : 0, time = 0;
	struct buf out = {0};

	if (n == 0) {
		fprintf(stderr, "usage: half_open syn|partial|hello|large|hole|alike N\n");
		return 2;
	}
	buf_u32le(&out, 0xa1b2c3d4);
	buf_u32le(&out, 0x00040002);
	buf_add(&out, "\0\0\0\0\0\0\0\0", 8);
	buf_u32le(&out, 1 << 18);
	buf_u32le(&out, 101);
	for (uint32_t begin = 0; begin < n; begin += MANY) {
		uint32_t end = n - begin < MANY ? n : begin + MANY;

		for (uint32_t i = begin; i < end; i++, flush(&out))
			put_syn(&out, kind, i, time++);
		for (uint32_t i = begin; kind->length > 0 && i < end; i++, flush(&out))
			put_data(&out, kind, i, time++);
	}
	buf_fini(&out);
	return 0;
}
