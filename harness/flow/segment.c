#include "flow/segment.h"

#include "flow/fragment.h"
#include "flow/link_layer.h"
#include "flow/tunnel.h"

#include <arpa/inet.h>
#include <string.h>

enum {
	PROTOCOL_HOP_BY_HOP = 0,
	PROTOCOL_IPV4 = 4,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_IPV6 = 41,
	PROTOCOL_ROUTING = 43,
	PROTOCOL_FRAGMENT = 44,
	PROTOCOL_GRE = 47,
	PROTOCOL_AUTHENTICATION = 51,
	PROTOCOL_DESTINATION = 60,
	PROTOCOL_ETHERIP = 97,
	PROTOCOL_MOBILITY = 135,
	PROTOCOL_MPLS = 137,
	PROTOCOL_HIP = 139,
	PROTOCOL_SHIM6 = 140,
};

/* Without options. */
enum { IPV4_HEADER_LEN = 20, IPV6_HEADER_LEN = 40, TCP_HEADER_LEN = 20 };

/* What stands under the IP header: how far the packet reaches, and what of it was captured. */
struct datagram {
	struct reader *payload; /* the packet's, moved behind the header */
	size_t length; /* bytes on the wire */
	uint8_t protocol;
};

static void set_address(struct endpoint *endpoint, struct bytes address)
{
	memcpy(endpoint->address, address.data, address.len);
}

/*
 * Sets the length: `length` bytes on the wire, of which the frame holds all or the beginning.
 * `n_uncaptured` is what the capture cut off at the frame's end. No packet is longer than its
 * frame.
 */
static void bound(struct datagram *datagram, size_t length, size_t n_uncaptured)
{
	datagram->length = reader_left(datagram->payload) + n_uncaptured;
	if (length != 0 && length < datagram->length)
		datagram->length = length;
	reader_cut(datagram->payload, datagram->length);
}

/*
 * `datagram` holds what one fragment holds. SEGMENT_OK, with what the whole packet holds, if that
 * is the last one missing. `fragments` is NULL if they are not put together.
 */
static enum segment_result join(struct fragments *fragments, const struct segment *segment,
                                uint32_t identification, uint16_t offset, bool more,
                                struct datagram *datagram)
{
	struct fault *fault = datagram->payload->fault;
	struct fragment fragment = {
		.t_ns = segment->t_ns,
		.from = segment->from,
		.to = segment->to,
		.identification = identification,
		.protocol = datagram->protocol,
		.more = more,
		.offset = offset,
		.length = datagram->length,
		.data = reader_rest(datagram->payload),
	};
	struct whole whole;

	if (!reader_ok(datagram->payload))
		return SEGMENT_MALFORMED;
	if (fragments == NULL || !fragments_add(fragments, &fragment, &whole))
		return SEGMENT_FRAGMENT;
	reader_init(datagram->payload, whole.data.data, whole.data.len, fault);
	datagram->length = whole.length;
	datagram->protocol = whole.protocol;
	return SEGMENT_OK;
}

/*
 * RFC 791 section 3.1
 *   Version 4 bits, IHL 4 bits, Type of Service, Total Length, Identification,
 *   Flags 3 bits, Fragment Offset 13 bits, Time to Live, Protocol, Header Checksum,
 *   Source Address, Destination Address, Options
 */
static enum segment_result decode_ipv4(struct reader *ip, size_t n_uncaptured,
                                       struct fragments *fragments, struct segment *segment,
                                       struct datagram *datagram)
{
	struct bytes header = reader_bytes(ip, IPV4_HEADER_LEN, "ipv4_header");
	size_t header_len = (size_t)(bytes_u8(header, 0) & 15) * 4;
	uint16_t total_length = bytes_u16(header, 2), fragment = bytes_u16(header, 6);

	if (header.len < IPV4_HEADER_LEN || header_len < IPV4_HEADER_LEN ||
	    (total_length != 0 && total_length < header_len))
		return SEGMENT_MALFORMED;
	datagram->protocol = bytes_u8(header, 9);
	set_address(&segment->from, bytes_part(header, 12, 4));
	set_address(&segment->to, bytes_part(header, 16, 4));
	reader_bytes(ip, header_len - IPV4_HEADER_LEN, "ip_options");
	bound(datagram, total_length != 0 ? total_length - header_len : 0, n_uncaptured);
	if ((fragment & 0x3fff) == 0)
		return SEGMENT_OK;
	return join(fragments, segment, bytes_u16(header, 4), (uint16_t)((fragment & 0x1fff) * 8),
	            (fragment & 0x2000) != 0, datagram);
}

static bool is_extension(uint8_t protocol)
{
	static const uint8_t extensions[] = {
		PROTOCOL_HOP_BY_HOP,     PROTOCOL_ROUTING,  PROTOCOL_FRAGMENT,
		PROTOCOL_AUTHENTICATION, PROTOCOL_MOBILITY, PROTOCOL_DESTINATION,
		PROTOCOL_HIP,            PROTOCOL_SHIM6,
	};

	return memchr(extensions, protocol, sizeof(extensions)) != NULL;
}

/*
 * Passes over one extension header but Fragment (RFC 8200 section 4; RFC 4302 section 2 counts in
 * words of 4).
 */
static void skip_extension(struct datagram *datagram)
{
	struct reader *ip = datagram->payload;
	uint8_t next = reader_u8(ip, "next_header");
	size_t units = reader_u8(ip, "header_extension_length");
	bool words = datagram->protocol == PROTOCOL_AUTHENTICATION;

	datagram->protocol = next;
	reader_bytes(ip, words ? (units + 2) * 4 - 2 : units * 8 + 6, "extension_header");
}

/*
 * RFC 8200 section 4.5
 *   Next Header, Reserved, Fragment Offset 13 bits, Res 2 bits, M 1 bit, Identification
 */
static enum segment_result read_fragment(struct fragments *fragments, const struct segment *segment,
                                         struct datagram *datagram)
{
	struct reader *ip = datagram->payload;
	uint32_t identification;
	uint16_t offset;

	datagram->protocol = reader_u8(ip, "next_header");
	reader_u8(ip, "reserved");
	offset = reader_u16(ip, "fragment_offset");
	identification = reader_u32(ip, "identification");
	datagram->length -= datagram->length < 8 ? datagram->length : 8;
	if ((offset & 0xfff9) == 0) /* An atomic fragment (RFC 6946) is a whole packet. */
		return SEGMENT_OK;
	return join(fragments, segment, identification, offset & 0xfff8, (offset & 1) != 0,
	            datagram);
}

/* Passes over the extension headers of IPv6. */
static enum segment_result skip_extensions(struct fragments *fragments,
                                           const struct segment *segment,
                                           struct datagram *datagram)
{
	enum segment_result result = SEGMENT_OK;

	for (int n = 0; result == SEGMENT_OK && is_extension(datagram->protocol); n++) {
		size_t n_before = reader_left(datagram->payload), n_passed;

		if (n == SEGMENT_IPV6_HEADERS_MAX)
			return SEGMENT_MALFORMED;
		if (datagram->protocol == PROTOCOL_FRAGMENT) {
			result = read_fragment(fragments, segment, datagram);
			continue;
		}
		skip_extension(datagram);
		n_passed = n_before - reader_left(datagram->payload);
		if (!reader_ok(datagram->payload) || n_passed > datagram->length)
			return SEGMENT_MALFORMED;
		datagram->length -= n_passed;
	}
	return result;
}

/*
 * RFC 8200 section 3
 *   Version 4 bits, Traffic Class 8 bits, Flow Label 20 bits, Payload Length, Next Header,
 *   Hop Limit, Source Address, Destination Address
 */
static enum segment_result decode_ipv6(struct reader *ip, size_t n_uncaptured,
                                       struct fragments *fragments, struct segment *segment,
                                       struct datagram *datagram)
{
	struct bytes header = reader_bytes(ip, IPV6_HEADER_LEN, "ipv6_header");

	if (header.len < IPV6_HEADER_LEN)
		return SEGMENT_MALFORMED;
	segment->from.ipv6 = segment->to.ipv6 = true;
	datagram->protocol = bytes_u8(header, 6);
	set_address(&segment->from, bytes_part(header, 8, 16));
	set_address(&segment->to, bytes_part(header, 24, 16));
	bound(datagram, bytes_u16(header, 4), n_uncaptured);
	return skip_extensions(fragments, segment, datagram);
}

/*
 * RFC 9293 section 3.1
 *   Source Port, Destination Port, Sequence Number, Acknowledgment Number,
 *   Data Offset 4 bits, Reserved 4 bits, Control bits, Window, Checksum, Urgent Pointer, Options
 */
static enum segment_result decode_tcp(struct datagram *datagram, struct segment *segment)
{
	struct reader *tcp = datagram->payload;
	struct bytes header = reader_bytes(tcp, TCP_HEADER_LEN, "tcp_header");
	size_t header_len = (size_t)(bytes_u8(header, 12) >> 4) * 4;

	if (header.len < TCP_HEADER_LEN || header_len < TCP_HEADER_LEN ||
	    header_len > datagram->length)
		return SEGMENT_MALFORMED;
	segment->from.port = bytes_u16(header, 0);
	segment->to.port = bytes_u16(header, 2);
	segment->seq = bytes_u32(header, 4);
	segment->ack = bytes_u32(header, 8);
	segment->flags = bytes_u8(header, 13);
	segment->window = bytes_u16(header, 14);
	reader_bytes(tcp, header_len - TCP_HEADER_LEN, "tcp_options");
	segment->data = reader_rest(tcp);
	segment->length = (uint32_t)(datagram->length - header_len);
	return SEGMENT_OK;
}

/* Moves into the tunnel that the datagram holds. False if it is none with IP in it. */
static bool enter_tunnel(struct datagram *datagram)
{
	switch (datagram->protocol) {
	case PROTOCOL_IPV4:
	case PROTOCOL_IPV6:
		return true;
	case PROTOCOL_UDP:
		return tunnel_skip_udp(datagram->payload);
	case PROTOCOL_GRE:
		return tunnel_skip_gre(datagram->payload);
	case PROTOCOL_ETHERIP:
		return tunnel_skip_etherip(datagram->payload);
	case PROTOCOL_MPLS:
		return link_skip_ethertype(datagram->payload, ETHERTYPE_MPLS);
	default:
		return false;
	}
}

static enum segment_result decode_ip(struct reader *ip, size_t n_uncaptured,
                                     struct fragments *fragments, struct segment *segment,
                                     struct datagram *datagram)
{
	uint8_t version = bytes_u8(reader_rest(ip), 0) >> 4;
	enum segment_result result;

	segment->from = segment->to = (struct endpoint){0};
	if (version == 4)
		result = decode_ipv4(ip, n_uncaptured, fragments, segment, datagram);
	else if (version == 6)
		result = decode_ipv6(ip, n_uncaptured, fragments, segment, datagram);
	else
		return reader_left(ip) > 0 ? SEGMENT_OTHER : SEGMENT_MALFORMED;
	return reader_ok(ip) ? result : SEGMENT_MALFORMED;
}

static enum segment_result decode_packet(struct reader *ip, size_t n_uncaptured,
                                         struct fragments *fragments, struct segment *segment)
{
	struct datagram datagram = {.payload = ip};
	enum segment_result result;

	for (int n = 0; n < SEGMENT_TUNNELS_MAX; n++) {
		size_t length;

		result = decode_ip(ip, n_uncaptured, fragments, segment, &datagram);
		if (result != SEGMENT_OK)
			return result;
		if (datagram.protocol == PROTOCOL_TCP)
			return decode_tcp(&datagram, segment);
		length = reader_left(ip);
		n_uncaptured = datagram.length > length ? datagram.length - length : 0;
		if (!enter_tunnel(&datagram))
			return reader_ok(ip) ? SEGMENT_OTHER : SEGMENT_MALFORMED;
	}
	return SEGMENT_OTHER;
}

enum segment_result segment_decode_joined(const struct packet *packet, struct fragments *fragments,
                                          struct segment *segment)
{
	size_t n_uncaptured = packet->original_len > packet->data.len
	                              ? packet->original_len - packet->data.len
	                              : 0;
	struct fault fault;
	struct reader frame;

	if (!link_is_read(packet->linktype))
		return SEGMENT_LINK;
	reader_init(&frame, packet->data.data, packet->data.len, &fault);
	segment->t_ns = packet->t_ns;
	if (!link_skip(&frame, packet->linktype))
		return reader_ok(&frame) ? SEGMENT_OTHER : SEGMENT_MALFORMED;
	return decode_packet(&frame, n_uncaptured, fragments, segment);
}

enum segment_result segment_decode(const struct packet *packet, struct segment *segment)
{
	return segment_decode_joined(packet, NULL, segment);
}

/* One number of a dotted address, and what stands behind it. Returns the end. */
static char *put_number(char *at, uint8_t number, char end)
{
	if (number >= 100)
		*at++ = (char)('0' + number / 100);
	if (number >= 10)
		*at++ = (char)('0' + number / 10 % 10);
	*at++ = (char)('0' + number % 10);
	*at++ = end;
	return at;
}

char *endpoint_address(const struct endpoint *endpoint, char text[ENDPOINT_TEXT_MAX])
{
	char *at = text;

	if (endpoint->ipv6) {
		inet_ntop(AF_INET6, endpoint->address, text, ENDPOINT_TEXT_MAX);
		return text;
	}
	for (size_t i = 0; i < 4; i++)
		at = put_number(at, endpoint->address[i], i < 3 ? '.' : '\0');
	return text;
}
