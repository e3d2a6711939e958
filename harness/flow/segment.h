/*
 * segment.h: from a packet to the TCP segment in it. Layer: flow. Pure: no I/O, no clock, no
 * globals.
 *
 * Reads Ethernet (with VLAN tags, IEEE 802.1Q and 802.1ad), Linux cooked captures v1 and v2,
 * loopback and raw IP; IPv4 (RFC 791) with options, IPv6 (RFC 8200) with extension headers; TCP
 * (RFC 9293).
 *
 * Checksums are not looked at: a host that leaves them to its network card captures its own packets
 * with the checksum unfilled. What stands after the IP packet (Ethernet padding) is cut off. A
 * length of zero in the IP header means segmentation offload: the packet ends where the frame ends.
 * Fragments of IP packets are not put together.
 */
#ifndef SHAKEDOWN_FLOW_SEGMENT_H
#define SHAKEDOWN_FLOW_SEGMENT_H

#include "flow/packet.h"

#include <string.h>

#define SEGMENT_VLAN_TAGS_MAX 8     /* tags before the IP header; a frame with more is not read */
#define SEGMENT_IPV6_HEADERS_MAX 16 /* extension headers, likewise */

/* Bits of `flags` (RFC 9293 section 3.1). */
enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16 };

struct endpoint {
	uint8_t address[16]; /* IPv4: the first four, the rest zero */
	uint16_t port;
	bool ipv6;
};

struct segment {
	uint64_t t_ns;
	struct endpoint from, to;
	uint32_t seq, ack;
	uint8_t flags;
	struct bytes data; /* payload that was captured; borrowed from the packet */
	uint32_t length;   /* payload on the wire; more than data.len if the packet was cut short */
};

enum segment_result {
	SEGMENT_OK,
	SEGMENT_OTHER,     /* not TCP over IP */
	SEGMENT_FRAGMENT,  /* a fragment of an IP packet */
	SEGMENT_LINK,      /* a link type that is not read */
	SEGMENT_MALFORMED, /* headers that are cut short or cannot be */
	SEGMENT_RESULTS,   /* how many results there are */
};

/* Reads `packet`. *segment is set for SEGMENT_OK only. */
enum segment_result segment_decode(const struct packet *packet, struct segment *segment);

static inline bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && a->ipv6 == b->ipv6 &&
	       memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

#define ENDPOINT_TEXT_MAX 48

/* Writes the address (RFC 5952 for IPv6) into `text`. Returns `text`. */
char *endpoint_address(const struct endpoint *endpoint, char text[ENDPOINT_TEXT_MAX]);

#endif
