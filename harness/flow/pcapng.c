#include "flow/pcapng.h"

#include <string.h>

#define SNAPLEN 262144 /* what shakedown-sniffer captures of a packet */

static size_t padded(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

static void put_padded(struct buf *out, const void *data, size_t len)
{
	buf_add(out, data, len);
	buf_add(out, "\0\0\0", padded(len) - len);
}

/* `body_len` is padded already. */
static void begin_block(struct buf *out, uint32_t type, size_t body_len)
{
	buf_u32le(out, type);
	buf_u32le(out, (uint32_t)(12 + body_len));
}

static void end_block(struct buf *out, size_t body_len)
{
	buf_u32le(out, (uint32_t)(12 + body_len));
}

static void put_option(struct buf *out, uint16_t code, const void *value, size_t len)
{
	buf_u16le(out, code);
	buf_u16le(out, (uint16_t)len);
	put_padded(out, value, len);
}

static size_t option_len(size_t len)
{
	return 4 + padded(len);
}

static void put_section(struct buf *out)
{
	static const char application[] = "Shakedown";
	size_t len = strlen(application), body_len = 16 + option_len(len) + option_len(0);

	begin_block(out, PCAPNG_SECTION, body_len);
	buf_u32le(out, PCAPNG_BYTE_ORDER_MAGIC);
	buf_u16le(out, 1); /* version 1.0 */
	buf_u16le(out, 0);
	buf_u32le(out, UINT32_MAX); /* the section's length is not told */
	buf_u32le(out, UINT32_MAX);
	put_option(out, PCAPNG_SHB_USERAPPL, application, len);
	put_option(out, PCAPNG_OPTION_END, "", 0);
	end_block(out, body_len);
}

void pcapng_interface(struct buf *out, const char *name, uint16_t linktype)
{
	static const uint8_t nanoseconds = 9;
	size_t len = strlen(name), body_len = 8 + option_len(len) + option_len(1) + option_len(0);

	begin_block(out, PCAPNG_INTERFACE, body_len);
	buf_u16le(out, linktype);
	buf_u16le(out, 0);
	buf_u32le(out, SNAPLEN);
	put_option(out, PCAPNG_IF_NAME, name, len);
	put_option(out, PCAPNG_IF_TSRESOL, &nanoseconds, 1);
	put_option(out, PCAPNG_OPTION_END, "", 0);
	end_block(out, body_len);
}

static void put_secrets(struct buf *out, struct bytes keylog)
{
	size_t body_len = 8 + padded(keylog.len);

	begin_block(out, PCAPNG_SECRETS, body_len);
	buf_u32le(out, PCAPNG_TLS_KEYLOG);
	buf_u32le(out, (uint32_t)keylog.len);
	put_padded(out, keylog.data, keylog.len);
	end_block(out, body_len);
}

void pcapng_begin(struct buf *out, const char *name, uint16_t linktype, struct bytes keylog)
{
	put_section(out);
	pcapng_interface(out, name, linktype);
	if (keylog.len > 0)
		put_secrets(out, keylog);
}

void pcapng_section(struct buf *out, struct bytes keylog)
{
	put_section(out);
	if (keylog.len > 0)
		put_secrets(out, keylog);
}

void pcapng_packet(struct buf *out, const struct packet *packet)
{
	pcapng_packet_of(out, 0, packet);
}

void pcapng_packet_of(struct buf *out, uint32_t interface, const struct packet *packet)
{
	size_t body_len = 20 + padded(packet->data.len);

	begin_block(out, PCAPNG_ENHANCED_PACKET, body_len);
	buf_u32le(out, interface);
	buf_u32le(out, (uint32_t)(packet->t_ns >> 32));
	buf_u32le(out, (uint32_t)packet->t_ns);
	buf_u32le(out, (uint32_t)packet->data.len);
	buf_u32le(out, packet->original_len);
	put_padded(out, packet->data.data, packet->data.len);
	end_block(out, body_len);
}
