/*
 * frames.h: packets for tests: TCP segments in IP in whatever link layer. For tests alone.
 */
#ifndef SHAKEDOWN_TESTS_FLOW_FRAMES_H
#define SHAKEDOWN_TESTS_FLOW_FRAMES_H

#include "base/buf.h"
#include "flow/segment.h"

#include <string.h>

/* One segment of a connection between 10.0.0.1 (or fd00::1) and 10.0.0.2 (fd00::2). */
struct frame {
	bool from_server; /* else from the client, 10.0.0.1 port 40000, to the server's port 443 */
	uint16_t client_port; /* if not 40000 */
	uint32_t seq, ack;
	uint8_t flags;
	const char *data;
	size_t len; /* of data; 0: up to its zero byte */
	uint64_t t_ns;
};

static inline struct bytes frame_data(const struct frame *frame)
{
	size_t len = frame->data == NULL ? 0 : frame->len != 0 ? frame->len : strlen(frame->data);

	return (struct bytes){(const uint8_t *)frame->data, len};
}

static inline void frame_put_tcp(struct buf *out, const struct frame *frame)
{
	uint16_t client = frame->client_port != 0 ? frame->client_port : 40000;

	buf_u16(out, frame->from_server ? 443 : client);
	buf_u16(out, frame->from_server ? client : 443);
	buf_u32(out, frame->seq);
	buf_u32(out, frame->ack);
	buf_u8(out, 0x50);
	buf_u8(out, frame->flags);
	buf_u16(out, 8192);
	buf_u32(out, 0);
	buf_bytes(out, frame_data(frame));
}

static inline void frame_put_ipv4(struct buf *out, const struct frame *frame)
{
	size_t total = 40 + frame_data(frame).len;

	buf_u16(out, 0x4500);
	buf_u16(out, (uint16_t)total);
	buf_u32(out, 0);
	buf_u16(out, 0x4006);
	buf_u16(out, 0);
	buf_u32(out, frame->from_server ? 0x0a000002 : 0x0a000001);
	buf_u32(out, frame->from_server ? 0x0a000001 : 0x0a000002);
	frame_put_tcp(out, frame);
}

static inline void frame_put_ipv6_addresses(struct buf *out, const struct frame *frame)
{
	for (int i = 0; i < 2; i++) {
		buf_u16(out, 0xfd00);
		buf_add(out, "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
		buf_u16(out, (i == 1) != frame->from_server ? 2 : 1);
	}
}

static inline void frame_put_ipv6(struct buf *out, const struct frame *frame)
{
	buf_u32(out, 0x60000000);
	buf_u16(out, (uint16_t)(20 + frame_data(frame).len));
	buf_u16(out, 0x0640);
	frame_put_ipv6_addresses(out, frame);
	frame_put_tcp(out, frame);
}

/* The frame in `out` as a packet of `linktype`. */
static inline struct packet frame_packet(const struct buf *out, uint16_t linktype, uint64_t t_ns)
{
	return (struct packet){.t_ns = t_ns,
	                       .linktype = linktype,
	                       .data = buf_view(out),
	                       .original_len = (uint32_t)out->len};
}

/* A packet of raw IPv4 in `out`, which is cleared first. */
static inline struct packet frame_raw(struct buf *out, const struct frame *frame)
{
	buf_clear(out);
	frame_put_ipv4(out, frame);
	return frame_packet(out, LINKTYPE_RAW, frame->t_ns);
}

#endif
