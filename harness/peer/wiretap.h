/*
 * wiretap.h: gives a tap (flow/tap.h) what a server's socket reads and writes, and lets it read no
 * more once the server's patience is over. Layer: peer.
 */
#ifndef SHAKEDOWN_PEER_WIRETAP_H
#define SHAKEDOWN_PEER_WIRETAP_H

#include "flow/tap.h"
#include "peer/patience.h"

#include <openssl/bio.h>

struct wiretap {
	struct tap *tap; /* NULL: nothing is tapped, and all calls do nothing */
	uint64_t start_wall_ns, start_steady_ns; /* the same moment, on both clocks */
	struct patience *patience; /* borrowed */
	bool client_ended, server_ended;
};

/*
 * Taps `socket`, a connected socket's BIO, from now on. Whenever the phase that `patience` has is
 * over, a read from it is to be tried again later. Both stay in place until the BIO is freed.
 */
void wiretap_start(struct wiretap *wiretap, BIO *socket, const struct sockaddr_storage *client,
                   struct patience *patience);

/* The server has ended its direction; only the first time counts. */
void wiretap_server_ended(struct wiretap *wiretap, enum ending ending);

/*
 * Appends the decoded connection, as a list of one, to `json` and its capture to `pcapng`; nothing
 * if nothing was tapped. Ends the tap.
 */
void wiretap_collect(struct wiretap *wiretap, struct bytes keylog, struct buf *json,
                     struct buf *pcapng);

#endif
