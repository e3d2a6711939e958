/*
 * tunnel.h: what stands between an IP header and the IP header inside it. Layer: flow. Pure: no
 * I/O, no clock, no globals.
 *
 * GRE (RFC 2784, 2890, 2637) with whatever EtherType, ERSPAN too; Ethernet in IP (RFC 3378); over
 * UDP, known by their ports: VXLAN (RFC 7348), its generic extension, Geneve (RFC 8926), GTP-U
 * (3GPP TS 29.281), Teredo (RFC 4380), L2TP version 2 (RFC 2661), CAPWAP (RFC 5415), LISP
 * (RFC 9300), GRE (RFC 8086) and MPLS (RFC 7510) in UDP, TZSP.
 *
 * Each function moves the reader to the inner IP header, and returns false if none follows: it may
 * be cut off (reader_ok), or the tunnel may carry something else.
 */
#ifndef SHAKEDOWN_FLOW_TUNNEL_H
#define SHAKEDOWN_FLOW_TUNNEL_H

#include "base/reader.h"

/* From the first byte of the GRE header. */
bool tunnel_skip_gre(struct reader *gre);

/* From the first byte of the EtherIP header. */
bool tunnel_skip_etherip(struct reader *etherip);

/* From the first byte of the UDP header. */
bool tunnel_skip_udp(struct reader *udp);

#endif
