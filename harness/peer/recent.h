/*
 * recent.h: a few things that are kept under their names, and which of them makes room. Layer: peer.
 * Pure: no I/O, no clock, no globals.
 */
#ifndef SHAKEDOWN_PEER_RECENT_H
#define SHAKEDOWN_PEER_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a slot holds: the thing itself stands beside it. Zero-initialised storage is empty. */
struct recent {
	char *name;     /* owned by the slot's owner; NULL: empty */
	uint64_t asked; /* the number of the call that asked for it last, from 1 */
};

/* True if the slot holds `name`. */
bool recent_is(const struct recent *slot, const char *name);

/* The slot of `name`, else an empty one, else the one that was not asked for longest: its index. */
size_t recent_find(const struct recent slots[], size_t n, const char *name);

#endif
