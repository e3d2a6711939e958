/*
 * tap.h: a connection as its server's socket saw it, for where no capture is allowed. Layer: flow.
 * Pure: no I/O, no clock, no globals.
 *
 * The server's child says what it read and wrote. The tap makes packets of it, with the real
 * addresses and ports, and with sequence numbers, SYN and FIN as TCP would have them, and these go
 * through the same tracker and the same writer as captured ones. What only the wire knows
 * (retransmissions, times between packets) is not in them. Packets are raw IP.
 */
#ifndef SHAKEDOWN_FLOW_TAP_H
#define SHAKEDOWN_FLOW_TAP_H

#include "flow/connection.h"

#include <sys/socket.h>

#define TAP_BYTES_MAX (8u << 20) /* bytes kept of one connection; what comes later is left out */

struct tap;

/*
 * A connection between two addresses, both AF_INET or both AF_INET6, accepted at `t_ns` (since the
 * Unix epoch, as all times here). The caller's to free; tap_free(NULL) does nothing.
 */
struct tap *tap_new(const struct sockaddr_storage *client, const struct sockaddr_storage *server,
                    uint64_t t_ns);
void tap_free(struct tap *tap);

/* `from` sent `data`: the server's socket read it (SIDE_CLIENT) or wrote it (SIDE_SERVER). */
void tap_data(struct tap *tap, enum side from, struct bytes data, uint64_t t_ns);

/* `from` ended its direction (ENDING_FIN) or reset the connection (ENDING_RST). */
void tap_close(struct tap *tap, enum side from, enum ending ending, uint64_t t_ns);

/*
 * Appends the decoded connection, as a list of one, to `json` and the capture to `pcapng`: see
 * evidence.h.
 */
void tap_collect(const struct tap *tap, struct bytes keylog, struct buf *json, struct buf *pcapng);

#endif
