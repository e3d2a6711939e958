/*
 * packet.h: one captured packet, whatever it came from. Layer: flow. Pure.
 */
#ifndef SHAKEDOWN_FLOW_PACKET_H
#define SHAKEDOWN_FLOW_PACKET_H

#include "base/reader.h"

/* The link types that segment.h reads: the numbers of capture files (the LINKTYPE_ registry). */
enum linktype {
	LINKTYPE_NULL = 0,       /* BSD loopback: address family in the host's byte order */
	LINKTYPE_ETHERNET = 1,
	LINKTYPE_RAW_BSD = 12,   /* raw IP, as some systems number it */
	LINKTYPE_RAW_OPENBSD = 14,
	LINKTYPE_RAW = 101,      /* raw IP, version 4 or 6 */
	LINKTYPE_LOOP = 108,     /* OpenBSD loopback: address family in network byte order */
	LINKTYPE_LINUX_SLL = 113,
	LINKTYPE_IPV4 = 228,
	LINKTYPE_IPV6 = 229,
	LINKTYPE_LINUX_SLL2 = 276,
};

struct packet {
	uint64_t t_ns;         /* since the Unix epoch */
	uint16_t linktype;
	struct bytes data;     /* borrowed: what was captured */
	uint32_t original_len; /* bytes on the wire; more than data.len if it was cut short */
};

#endif
