/*
 * segment.h: from a packet to the TCP segment in it. Layer: flow. Pure: no I/O, no clock, no
 * globals.
 *
 * Reads the link layers of link_layer.h; IPv4 (RFC 791) with options, IPv6 (RFC 8200) with
 * extension headers; IPv4 and IPv6 in either (RFC 2003, 4213, 2473), MPLS in IP (RFC 4023) and the
 * tunnels of tunnel.h; TCP (RFC 9293).
 *
 * Checksums are not looked at: a host that leaves them to its network card captures its own packets
 * with the checksum unfilled. What stands after the IP packet (Ethernet padding) is cut off. A
 * length of zero in the IP header means segmentation offload: the packet ends where the frame ends.
 * Fragments of IP packets are put together by fragment.h.
 */
#ifndef SHAKEDOWN_FLOW_SEGMENT_H
#define SHAKEDOWN_FLOW_SEGMENT_H

#include "flow/packet.h"

#include <string.h>

#define SEGMENT_IPV6_HEADERS_MAX 16 /* extension headers; a packet with more is not read */
#define SEGMENT_TUNNELS_MAX 8       /* IP headers in one packet, likewise */

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
	uint16_t window;   /* as it stands in the header, not scaled */
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

struct fragments; /* see fragment.h */

/*
 * The same, and fragments are put together in `fragments`: SEGMENT_OK with the segment of the whole
 * packet for the fragment that completes it. The data is then borrowed from `fragments` until the
 * next packet.
 */
enum segment_result segment_decode_joined(const struct packet *packet, struct fragments *fragments,
                                          struct segment *segment);

/* True if both address and port are the same. */
static inline bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && a->ipv6 == b->ipv6 &&
	       memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

#define ENDPOINT_TEXT_MAX 48

/* Writes the address (RFC 5952 for IPv6) into `text`. Returns `text`. */
char *endpoint_address(const struct endpoint *endpoint, char text[ENDPOINT_TEXT_MAX]);

#endif
