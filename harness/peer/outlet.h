/*
 * outlet.h: how a server's bytes leave it: in small TCP segments, and after pauses. Layer: peer.
 *
 * A BIO that stands before the socket's. What is written to it reaches the socket unchanged, in
 * pieces of `segment` bytes at most, each sent when the system has sent the one before; and the
 * first piece after each turn of the client's comes `pause_ms` late.
 */
#ifndef SHAKEDOWN_PEER_OUTLET_H
#define SHAKEDOWN_PEER_OUTLET_H

#include "peer/patience.h"

#include <openssl/bio.h>
#include <stdbool.h>
#include <stddef.h>

struct outlet {
	size_t segment;  /* 0: as they come */
	size_t pause_ms; /* 0: none */
	struct patience *patience; /* borrowed; once it is over, no segment is waited for */
	bool waited;     /* before this flight */
};

/*
 * A BIO that sends through `socket`, which it takes over. `outlet` stays in place until the BIO is
 * freed.
 */
BIO *outlet_new(struct outlet *outlet, BIO *socket);

/* The client has had its turn: the next bytes are a new flight. */
void outlet_turn(struct outlet *outlet);

#endif
