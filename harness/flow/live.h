/*
 * live.h: packets from a network interface (libpcap). Layer: flow. Does I/O.
 *
 * The kernel fills a ring and hands over a block at a time, at the latest LIVE_TIMEOUT_MS after its
 * first packet. (Immediate mode would hand over each packet at once, and lose a third of them under
 * load.) On the loopback interface, where each packet passes twice, libpcap shows it once.
 */
#ifndef SHAKEDOWN_FLOW_LIVE_H
#define SHAKEDOWN_FLOW_LIVE_H

#include "base/error.h"
#include "flow/packet.h"

#define LIVE_SNAPLEN 262144    /* bytes captured of a packet: more than any offloading card makes */
#define LIVE_RING (8 << 20)    /* bytes */
#define LIVE_TIMEOUT_MS 1

struct live;

/*
 * Starts capturing TCP on `interface`. *live lasts as long as the process. ERR_ENVIRONMENT
 * with what to do if the right is missing.
 */
int live_open(struct live **live, const char *interface, struct error *error);

/* The descriptor to be polled for reading. */
int live_fd(const struct live *live);

/* The link type of its packets (packet.h). */
uint16_t live_linktype(const struct live *live);

/*
 * Calls `packet` for each packet that waits, borrowed for the call, without blocking.
 * ERR_ENVIRONMENT with libpcap's reason if the capture broke off.
 */
int live_read(struct live *live, void (*packet)(void *context, const struct packet *packet),
              void *context, struct error *error);

/* How many packets the kernel has dropped so far, for want of room in the ring. */
uint64_t live_dropped(struct live *live);

#endif
