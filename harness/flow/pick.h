/*
 * pick.h: some connections of a capture, written to a capture of their own. Layer: flow. Does I/O
 * in pick_write.
 *
 * Packets are remembered where they lie, until all connections are decoded and the wanted ones are
 * known. Of a fragmented IP packet, the fragment that completes it is the only one that is known to
 * belong to a connection.
 */
#ifndef SHAKEDOWN_FLOW_PICK_H
#define SHAKEDOWN_FLOW_PICK_H

#include "base/error.h"
#include "flow/connection.h"

#define PICK_PACKETS_MAX (16u << 20) /* packets remembered, 48 bytes each */
#define PICK_WRITTEN_MAX (1u << 30)  /* bytes of the new capture, which is made in memory */

struct pick;

/* pick_free(NULL) does nothing. */
struct pick *pick_new(void);
void pick_free(struct pick *pick);

/* A packet of `connection`. Its bytes are borrowed until pick_write. */
void pick_packet(struct pick *pick, const struct packet *packet,
                 const struct connection *connection);

/*
 * The connection is wanted, and the secrets that open it: those in `keylog`, or what a private key
 * gave.
 */
void pick_connection(struct pick *pick, const struct connection *connection,
                     const struct keylog *keylog);

/*
 * Writes the wanted connections to `path`, with their secrets: pcapng, whole or not at all.
 * ERR_INPUT if they go over a limit above, ERR_ENVIRONMENT if the file cannot be written.
 */
int pick_write(const struct pick *pick, const char *path, struct error *error);

#endif
