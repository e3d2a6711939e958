/*
 * packet.h: one captured packet, whatever it came from. Layer: flow.
 */
#ifndef SHAKEDOWN_FLOW_PACKET_H
#define SHAKEDOWN_FLOW_PACKET_H

#include "base/reader.h"

/* The link types that link_layer.h reads: the numbers of capture files (the LINKTYPE_ registry). */
enum linktype {
	LINKTYPE_NULL = 0,       /* BSD loopback: address family in the host's byte order */
	LINKTYPE_ETHERNET = 1,
	LINKTYPE_TOKEN_RING = 6,
	LINKTYPE_SLIP = 8,
	LINKTYPE_PPP = 9,
	LINKTYPE_FDDI = 10,
	LINKTYPE_RAW_BSD = 12,   /* raw IP, as some systems number it */
	LINKTYPE_RAW_OPENBSD = 14,
	LINKTYPE_PPP_HDLC = 50,  /* PPP or Cisco HDLC on a serial line */
	LINKTYPE_PPP_ETHER = 51, /* PPPoE without its Ethernet header */
	LINKTYPE_ATM_LLC = 100,  /* LLC over ATM (RFC 2684) */
	LINKTYPE_RAW = 101,      /* raw IP, version 4 or 6 */
	LINKTYPE_C_HDLC = 104,
	LINKTYPE_IEEE802_11 = 105,
	LINKTYPE_ATM_CLIP = 106,
	LINKTYPE_FRAME_RELAY = 107,
	LINKTYPE_LOOP = 108,     /* OpenBSD loopback: address family in network byte order */
	LINKTYPE_ENC = 109,      /* OpenBSD: what IPsec decrypted */
	LINKTYPE_LINUX_SLL = 113,
	LINKTYPE_PFLOG = 117,
	LINKTYPE_IEEE802_11_PRISM = 119,
	LINKTYPE_SUNATM = 123,
	LINKTYPE_IEEE802_11_RADIOTAP = 127,
	LINKTYPE_FIREWIRE = 138, /* IP over IEEE 1394 */
	LINKTYPE_IEEE802_11_AVS = 163,
	LINKTYPE_PPP_PPPD = 166, /* a direction in place of PPP's Address */
	LINKTYPE_PPI = 192,      /* fields about the packet, which has a link type of its own */
	LINKTYPE_ERF = 197,
	LINKTYPE_PPP_WITH_DIR = 204, /* a direction, then PPP */
	LINKTYPE_MPLS = 219,
	LINKTYPE_IPNET = 226,
	LINKTYPE_IPV4 = 228,
	LINKTYPE_IPV6 = 229,
	LINKTYPE_NFLOG = 239,
	LINKTYPE_NETANALYZER = 240,
	LINKTYPE_NETANALYZER_PREAMBLE = 241,
	LINKTYPE_PKTAP = 258,
	LINKTYPE_ETHERNET_MPACKET = 274, /* Ethernet with its preamble */
	LINKTYPE_LINUX_SLL2 = 276,
};

struct packet {
	uint64_t t_ns;         /* since the Unix epoch */
	uint16_t linktype;
	struct bytes data;     /* borrowed: what was captured */
	uint32_t original_len; /* bytes on the wire; more than data.len if it was cut short */
};

#endif
