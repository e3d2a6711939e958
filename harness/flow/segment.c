#include "flow/segment.h"

#include <arpa/inet.h>
#include <string.h>

enum {
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_QINQ = 0x88a8,
	ETHERTYPE_QINQ_OLD = 0x9100,
};

enum {
	PROTOCOL_HOP_BY_HOP = 0,
	PROTOCOL_TCP = 6,
	PROTOCOL_ROUTING = 43,
	PROTOCOL_FRAGMENT = 44,
	PROTOCOL_AUTHENTICATION = 51,
	PROTOCOL_DESTINATION = 60,
	PROTOCOL_MOBILITY = 135,
	PROTOCOL_HIP = 139,
	PROTOCOL_SHIM6 = 140,
};

/* What stands under the IP header: how far the packet reaches, and what of it was captured. */
struct datagram {
	struct reader payload;
	size_t length; /* bytes on the wire */
	uint8_t protocol;
};

static bool is_ip(uint16_t ethertype)
{
	return ethertype == ETHERTYPE_IPV4 || ethertype == ETHERTYPE_IPV6;
}

/* Passes over VLAN tags. True if an IP header follows. */
static bool skip_to_ip(struct reader *frame, uint16_t ethertype)
{
	for (int n = 0; n < SEGMENT_VLAN_TAGS_MAX; n++) {
		if (ethertype != ETHERTYPE_VLAN && ethertype != ETHERTYPE_QINQ &&
		    ethertype != ETHERTYPE_QINQ_OLD)
			break;
		reader_u16(frame, "vlan_tag");
		ethertype = reader_u16(frame, "ethertype");
	}
	return is_ip(ethertype);
}

static bool skip_ethernet(struct reader *frame)
{
	reader_bytes(frame, 12, "ethernet_addresses");
	return skip_to_ip(frame, reader_u16(frame, "ethertype"));
}

static bool skip_sll(struct reader *frame)
{
	reader_bytes(frame, 14, "sll_header");
	return skip_to_ip(frame, reader_u16(frame, "sll_protocol"));
}

static bool skip_sll2(struct reader *frame)
{
	uint16_t ethertype = reader_u16(frame, "sll2_protocol");

	reader_bytes(frame, 18, "sll2_header");
	return skip_to_ip(frame, ethertype);
}

/* The family's value for IPv6 differs between systems: the version in the IP header decides. */
static bool skip_family(struct reader *frame)
{
	reader_bytes(frame, 4, "address_family");
	return true;
}

static bool skip_nothing(struct reader *frame)
{
	(void)frame;
	return true;
}

/* Each passes over the link's header and tells whether IP follows. */
static const struct link {
	uint16_t linktype;
	bool (*skip)(struct reader *frame);
} links[] = {
	{LINKTYPE_NULL, skip_family},
	{LINKTYPE_ETHERNET, skip_ethernet},
	{LINKTYPE_RAW_BSD, skip_nothing},
	{LINKTYPE_RAW_OPENBSD, skip_nothing},
	{LINKTYPE_RAW, skip_nothing},
	{LINKTYPE_LOOP, skip_family},
	{LINKTYPE_LINUX_SLL, skip_sll},
	{LINKTYPE_IPV4, skip_nothing},
	{LINKTYPE_IPV6, skip_nothing},
	{LINKTYPE_LINUX_SLL2, skip_sll2},
};

static const struct link *find_link(uint16_t linktype)
{
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (links[i].linktype == linktype)
			return &links[i];
	return NULL;
}

static void read_address(struct reader *ip, struct endpoint *endpoint)
{
	struct bytes address = reader_bytes(ip, endpoint->ipv6 ? 16 : 4, "ip_address");

	for (size_t i = 0; i < address.len; i++)
		endpoint->address[i] = address.data[i];
}

/*
 * Sets the datagram: `length` bytes on the wire, of which the frame holds all or the beginning.
 * `n_uncaptured` is what the capture cut off at the frame's end.
 */
static void bound(struct datagram *datagram, struct reader *ip, size_t length, size_t n_uncaptured)
{
	size_t n_captured = reader_left(ip);

	datagram->length = length != 0 ? length : n_captured + n_uncaptured;
	datagram->payload =
		reader_take(ip, datagram->length < n_captured ? datagram->length : n_captured,
	                    "ip_payload");
}

/*
 * RFC 791 section 3.1
 *   Version 4 bits, IHL 4 bits, Type of Service, Total Length, Identification,
 *   Flags 3 bits, Fragment Offset 13 bits, Time to Live, Protocol, Header Checksum,
 *   Source Address, Destination Address, Options
 */
static enum segment_result decode_ipv4(struct reader *ip, size_t n_uncaptured,
                                       struct segment *segment, struct datagram *datagram)
{
	size_t header_len = (size_t)(reader_u8(ip, "ihl") & 15) * 4;
	uint16_t total_length, fragment;

	reader_u8(ip, "type_of_service");
	total_length = reader_u16(ip, "total_length");
	reader_u16(ip, "identification");
	fragment = reader_u16(ip, "fragment_offset");
	reader_u8(ip, "time_to_live");
	datagram->protocol = reader_u8(ip, "protocol");
	reader_u16(ip, "header_checksum");
	read_address(ip, &segment->from);
	read_address(ip, &segment->to);
	if (header_len < 20 || (total_length != 0 && total_length < header_len))
		return SEGMENT_MALFORMED;
	reader_bytes(ip, header_len - 20, "ip_options");
	if ((fragment & 0x3fff) != 0) /* More Fragments, or an offset */
		return SEGMENT_FRAGMENT;
	bound(datagram, ip, total_length != 0 ? total_length - header_len : 0, n_uncaptured);
	return SEGMENT_OK;
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
 * Passes over one extension header (RFC 8200 section 4; RFC 4302 section 2 counts in words of 4).
 */
static enum segment_result skip_extension(struct reader *ip, uint8_t *protocol)
{
	uint8_t next = reader_u8(ip, "next_header");
	size_t units = reader_u8(ip, "header_extension_length");
	uint8_t kind = *protocol;

	*protocol = next;
	if (kind == PROTOCOL_FRAGMENT) {
		uint16_t offset = reader_u16(ip, "fragment_offset");

		reader_u32(ip, "identification");
		/* An atomic fragment (RFC 6946) is a whole packet. */
		return (offset & 0xfff9) != 0 ? SEGMENT_FRAGMENT : SEGMENT_OK;
	}
	reader_bytes(ip, kind == PROTOCOL_AUTHENTICATION ? (units + 2) * 4 - 2 : units * 8 + 6,
	             "extension_header");
	return SEGMENT_OK;
}

/*
 * RFC 8200 section 3
 *   Version 4 bits, Traffic Class 8 bits, Flow Label 20 bits, Payload Length, Next Header,
 *   Hop Limit, Source Address, Destination Address
 */
static enum segment_result decode_ipv6(struct reader *ip, size_t n_uncaptured,
                                       struct segment *segment, struct datagram *datagram)
{
	enum segment_result result = SEGMENT_OK;
	size_t payload_length, n_extensions;

	segment->from.ipv6 = segment->to.ipv6 = true;
	reader_u32(ip, "flow_label");
	payload_length = reader_u16(ip, "payload_length");
	datagram->protocol = reader_u8(ip, "next_header");
	reader_u8(ip, "hop_limit");
	read_address(ip, &segment->from);
	read_address(ip, &segment->to);
	n_extensions = reader_offset(ip);
	for (int n = 0; result == SEGMENT_OK && is_extension(datagram->protocol); n++) {
		if (n == SEGMENT_IPV6_HEADERS_MAX)
			return SEGMENT_MALFORMED;
		result = skip_extension(ip, &datagram->protocol);
	}
	n_extensions = reader_offset(ip) - n_extensions;
	if (payload_length != 0 && payload_length < n_extensions)
		return SEGMENT_MALFORMED;
	bound(datagram, ip, payload_length != 0 ? payload_length - n_extensions : 0, n_uncaptured);
	return result;
}

/*
 * RFC 9293 section 3.1
 *   Source Port, Destination Port, Sequence Number, Acknowledgment Number,
 *   Data Offset 4 bits, Reserved 4 bits, Control bits, Window, Checksum, Urgent Pointer, Options
 */
static enum segment_result decode_tcp(struct datagram *datagram, struct segment *segment)
{
	struct reader *tcp = &datagram->payload;
	size_t header_len;

	segment->from.port = reader_u16(tcp, "source_port");
	segment->to.port = reader_u16(tcp, "destination_port");
	segment->seq = reader_u32(tcp, "sequence_number");
	segment->ack = reader_u32(tcp, "acknowledgment_number");
	header_len = (size_t)(reader_u8(tcp, "data_offset") >> 4) * 4;
	segment->flags = reader_u8(tcp, "control_bits");
	reader_bytes(tcp, 6, "window_checksum_urgent");
	if (!reader_ok(tcp) || header_len < 20 || header_len > datagram->length)
		return SEGMENT_MALFORMED;
	reader_bytes(tcp, header_len - 20, "tcp_options");
	segment->data = reader_rest(tcp);
	segment->length = (uint32_t)(datagram->length - header_len);
	return SEGMENT_OK;
}

static enum segment_result decode_ip(struct reader *ip, size_t n_uncaptured,
                                     struct segment *segment)
{
	struct reader peek = *ip;
	uint8_t version = reader_u8(&peek, "version") >> 4;
	struct datagram datagram = {0};
	enum segment_result result;

	if (version == 4)
		result = decode_ipv4(ip, n_uncaptured, segment, &datagram);
	else if (version == 6)
		result = decode_ipv6(ip, n_uncaptured, segment, &datagram);
	else
		return reader_ok(ip) ? SEGMENT_OTHER : SEGMENT_MALFORMED;
	if (!reader_ok(ip))
		return SEGMENT_MALFORMED;
	if (result != SEGMENT_OK)
		return result;
	return datagram.protocol == PROTOCOL_TCP ? decode_tcp(&datagram, segment) : SEGMENT_OTHER;
}

enum segment_result segment_decode(const struct packet *packet, struct segment *segment)
{
	const struct link *link = find_link(packet->linktype);
	size_t n_uncaptured = packet->original_len > packet->data.len
	                              ? packet->original_len - packet->data.len
	                              : 0;
	struct fault fault;
	struct reader frame;

	if (link == NULL)
		return SEGMENT_LINK;
	reader_init(&frame, packet->data.data, packet->data.len, &fault);
	*segment = (struct segment){.t_ns = packet->t_ns};
	if (!link->skip(&frame))
		return reader_ok(&frame) ? SEGMENT_OTHER : SEGMENT_MALFORMED;
	return decode_ip(&frame, n_uncaptured, segment);
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
