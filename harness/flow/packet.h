/*
 * packet.h: one captured packet, whatever it came from. Layer: flow. Pure.
 */
#ifndef SHAKEDOWN_FLOW_PACKET_H
#define SHAKEDOWN_FLOW_PACKET_H

#include "base/reader.h"

/* The link types that link_layer.h reads: the numbers of capture files (the LINKTYPE_ registry). */
enum linktype {
	LINKTYPE_NULL = 0,       /* BSD loopback: address family in the host's byte order */
	LINKTYPE_ETHERNET = 1,
	LINKTYPE_PPP = 9,
	LINKTYPE_RAW_BSD = 12,   /* raw IP, as some systems number it */
	LINKTYPE_RAW_OPENBSD = 14,
	LINKTYPE_PPP_HDLC = 50,  /* PPP or Cisco HDLC on a serial line */
	LINKTYPE_PPP_ETHER = 51, /* PPPoE without its Ethernet header */
	LINKTYPE_RAW = 101,      /* raw IP, version 4 or 6 */
	LINKTYPE_C_HDLC = 104,
	LINKTYPE_IEEE802_11 = 105,
	LINKTYPE_LOOP = 108,     /* OpenBSD loopback: address family in network byte order */
	LINKTYPE_LINUX_SLL = 113,
	LINKTYPE_IEEE802_11_RADIOTAP = 127,
	LINKTYPE_PPP_WITH_DIR = 204, /* a direction, then PPP */
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
