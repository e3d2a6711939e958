/*
 * fragment.h: IP packets that were sent in pieces, put together. Layer: flow. Pure: no I/O, no
 * globals; its clock is the packets'.
 *
 * Fragments may come in any order and overlap: of each unit of eight bytes the first one that came
 * wins. A packet whose fragments were not all seen is given up after FRAGMENTS_WAIT_NS, or when one
 * of the limits below is reached; the one begun longest ago goes first. (RFC 791 section 3.2, RFC
 * 8200 section 4.5.)
 */
#ifndef SHAKEDOWN_FLOW_FRAGMENT_H
#define SHAKEDOWN_FLOW_FRAGMENT_H

#include "flow/segment.h"

#define FRAGMENTS_PACKETS_MAX 256          /* packets at once that are not whole */
#define FRAGMENTS_HELD_MAX (8u << 20)      /* bytes held for them */
#define FRAGMENTS_WAIT_NS 30000000000u     /* from a packet's first fragment on */

/* One fragment. Addresses are those of the IP header before it. */
struct fragment {
	uint64_t t_ns;
	struct endpoint from, to;
	uint32_t identification;
	uint8_t protocol;  /* of the header that follows in the whole packet */
	bool more;         /* it is not the last one */
	size_t offset;     /* in the whole packet, bytes */
	size_t length;     /* bytes on the wire */
	struct bytes data; /* what was captured of them */
};

/* A packet put together, borrowed until the next one is. */
struct whole {
	struct bytes data; /* up to the first byte that was not captured */
	size_t length;     /* bytes on the wire */
	uint8_t protocol;
	size_t n_fragments;
};

struct fragments;

/* fragments_free(NULL) does nothing. */
struct fragments *fragments_new(void);
void fragments_free(struct fragments *fragments);

/* Takes a fragment, copying its data. True, with *whole set, if it completes a packet. */
bool fragments_add(struct fragments *fragments, const struct fragment *fragment,
                   struct whole *whole);

#endif
