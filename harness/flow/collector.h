/*
 * collector.h: what the sniffer does with packets: keeps those of each server port until they are
 * asked for. Layer: flow. Pure: no I/O, no globals; the caller says what time it is.
 *
 * Secrets come after the packets that need them, so packets are kept and decoded only when they are
 * collected. Connections are followed meanwhile, to know when a port's have closed. A connection
 * begins with a SYN; packets of connections that were there before are passed over.
 */
#ifndef SHAKEDOWN_FLOW_COLLECTOR_H
#define SHAKEDOWN_FLOW_COLLECTOR_H

#include "base/buf.h"
#include "flow/packet.h"

#include <jansson.h>

#define COLLECTOR_PORT_MAX (32u << 20) /* bytes kept of one port; packets beyond it are counted */
#define COLLECTOR_ALL_MAX (128u << 20) /* in all; beyond it the port idle longest is forgotten */

struct collector;

/*
 * A collector of packets from the interface `name` (copied) of link type `linktype`. The caller's
 * to free; collector_free(NULL) does nothing.
 */
struct collector *collector_new(const char *name, uint16_t linktype);
void collector_free(struct collector *collector);

/*
 * Takes a packet, copied. `n_dropped`: packets that the kernel has dropped so far, by its last
 * count.
 */
void collector_packet(struct collector *collector, const struct packet *packet, uint64_t n_dropped);

/*
 * Asks for the port in `request`, {"op":"collect","port":..,"from_us":..,"connections":..,"keylog":"..",
 * "wait_ms":..}, borrowed for the call, which came at `now_ns`; packets that are older than `from_us`, by the
 * clock of the capture, are forgotten: what had the port then was another server. False if it is no
 * such request. All other times are of a clock that never jumps.
 */
bool collector_ask(struct collector *collector, const json_t *request, uint64_t now_ns,
                   uint64_t n_dropped);

/*
 * Answers what can be answered: for each port whose connections have all closed, as many as were
 * told ("connections") and one at least, or whose time is over, appends to `out` a message {"event":"collected",...} with its evidence (evidence.h), and
 * forgets the port. "note" is there if something had to be left out.
 */
void collector_answer(struct collector *collector, uint64_t now_ns, uint64_t n_dropped,
                      struct buf *out);

/* Milliseconds until a port's time is over, rounded up; -1 if nothing is asked for. */
int collector_wait_ms(const struct collector *collector, uint64_t now_ns);

#endif
