/*
 * pcapng.h: writing captures that Wireshark opens decrypted. Layer: flow. Pure: no I/O, no clock,
 * no globals.
 *
 * One section, times in nanoseconds, the key log in a decryption secrets block before the packets.
 * Format: draft-ietf-opsawg-pcapng, little-endian.
 */
#ifndef SHAKEDOWN_FLOW_PCAPNG_H
#define SHAKEDOWN_FLOW_PCAPNG_H

#include "base/buf.h"
#include "flow/packet.h"

/* Block types. */
enum {
	PCAPNG_INTERFACE = 1,
	PCAPNG_PACKET = 2, /* obsolete */
	PCAPNG_SIMPLE_PACKET = 3,
	PCAPNG_ENHANCED_PACKET = 6,
	PCAPNG_SECRETS = 10,
	PCAPNG_SECTION = 0x0a0d0d0a, /* reads the same in both byte orders */
};

/* Options; each kind of block has numbers of its own. */
enum {
	PCAPNG_OPTION_END = 0,
	PCAPNG_SHB_USERAPPL = 4,
	PCAPNG_IF_NAME = 2,
	PCAPNG_IF_TSRESOL = 9,
	PCAPNG_IF_TSOFFSET = 14,
};

#define PCAPNG_BYTE_ORDER_MAGIC 0x1a2b3c4du
#define PCAPNG_TLS_KEYLOG 0x544c534bu /* a type of secrets */

/*
 * Begins a capture in `out`: interface `name` of link type `linktype`, and the secrets of `keylog`
 * (SSLKEYLOGFILE text; with none, no block is written).
 */
void pcapng_begin(struct buf *out, const char *name, uint16_t linktype, struct bytes keylog);

/* Adds a packet, copied, whose link type is that of the interface. */
void pcapng_packet(struct buf *out, const struct packet *packet);

/*
 * The same in steps, for several interfaces: the section and the secrets; an interface, numbered
 * from 0 in this order; a packet of one of them.
 */
void pcapng_section(struct buf *out, struct bytes keylog);
void pcapng_interface(struct buf *out, const char *name, uint16_t linktype);
void pcapng_packet_of(struct buf *out, uint32_t interface, const struct packet *packet);

#endif
