/*
 * link_layer.h: what stands before the IP header. Layer: flow. Pure: no I/O, no clock, no globals.
 *
 * Passes over Ethernet (with VLAN tags, IEEE 802.1Q and 802.1ad, and with LLC and SNAP), Linux
 * cooked captures v1 and v2, loopback, raw IP, PPP (RFC 1661) in its framings, PPPoE sessions
 * (RFC 2516), Cisco HDLC, Frame Relay (RFC 2427), SLIP, IEEE 802.11 data frames that are not
 * encrypted, with or without radiotap, AVS or Prism headers, Token Ring, FDDI, IP over ATM and over
 * IEEE 1394, what OpenBSD's pflog and enc, Solaris' ipnet, Linux' NFLOG, Apple's PKTAP, PPI,
 * Endace's ERF and netANALYZER put before; MPLS labels (RFC 3032), also of Ethernet pseudowires
 * (RFC 4448); IEEE 802.1ah, VN-Tag, TRILL (RFC 6325) and NSH (RFC 8300) in Ethernet.
 */
#ifndef SHAKEDOWN_FLOW_LINK_LAYER_H
#define SHAKEDOWN_FLOW_LINK_LAYER_H

#include "flow/packet.h"

#define LINK_HEADERS_MAX 16 /* tags, labels and so on before the IP header; more are not followed */

/* For people: "Ethernet, Linux cooked, ...". */
#define LINK_TYPES_READ \
	"Ethernet, Linux cooked, loopback, raw IP, PPP, PPPoE, Cisco HDLC, IEEE 802.11 and others"

enum {
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_TRILL = 0x22f3,
	ETHERTYPE_BRIDGED = 0x6558, /* an Ethernet frame */
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_MPLS = 0x8847,
	ETHERTYPE_MPLS_MULTICAST = 0x8848,
	ETHERTYPE_PPPOE = 0x8864, /* a session's packets */
	ETHERTYPE_PPP = 0x880b,
	ETHERTYPE_QINQ = 0x88a8,
	ETHERTYPE_ERSPAN = 0x88be,
	ETHERTYPE_SERVICE_TAG = 0x88e7,
	ETHERTYPE_VNTAG = 0x8926,
	ETHERTYPE_NSH = 0x894f,
	ETHERTYPE_ERSPAN_3 = 0x22eb,
	ETHERTYPE_QINQ_OLD = 0x9100,
};

/* True if packets of this link type are read. */
bool link_is_read(uint16_t linktype);

/*
 * Moves `frame` to the IP header. False if none follows: it may be cut off (reader_ok), or the
 * frame may carry something else. `linktype` is one that is read.
 */
bool link_skip(struct reader *frame, uint16_t linktype);

/* The same where an EtherType has just told what comes next. */
bool link_skip_ethertype(struct reader *frame, uint16_t ethertype);

#endif
