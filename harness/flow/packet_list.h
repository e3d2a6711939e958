/*
 * packet_list.h: packets that are kept. Layer: flow. Pure: no I/O, no clock, no globals.
 *
 * The list owns copies of what it is given, in the order in which it is given. Zero-initialised
 * storage is an empty list.
 */
#ifndef SHAKEDOWN_FLOW_PACKET_LIST_H
#define SHAKEDOWN_FLOW_PACKET_LIST_H

#include "base/buf.h"
#include "flow/packet.h"

struct packet_entry;

struct packet_list {
	struct buf bytes; /* of all packets, one after the other */
	struct packet_entry *entries;
	size_t n, size;
};

/* Frees the packets and leaves an empty list. */
void packet_list_fini(struct packet_list *list);

/* Adds a copy of `packet`. */
void packet_list_add(struct packet_list *list, const struct packet *packet);

/* Packet `index` < n, its bytes borrowed until the list changes. */
struct packet packet_list_get(const struct packet_list *list, size_t index);

/* Bytes of memory that `packet` takes in a list. */
size_t packet_list_cost(const struct packet *packet);

#endif
