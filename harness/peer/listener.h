/*
 * listener.h: the sockets at which servers wait for their clients, and who is in their place.
 * Layer: peer. Does I/O.
 */
#ifndef SHAKEDOWN_PEER_LISTENER_H
#define SHAKEDOWN_PEER_LISTENER_H

#include "base/error.h"

/*
 * A socket that listens on `port` of the numeric `address`, or on a free one that none of
 * this process's had for long (0); the caller closes it. Returns -1 with the error set: ERR_INPUT for a word that is no address, else ERR_ENVIRONMENT,
 * which for a port that is taken names the program that listens there, as far as /proc tells it.
 */
int listener_open(const char *address, int port, struct error *error);

/* Whether one could be opened now: 0, or a code with the error as above. */
int listener_try(const char *address, int port, struct error *error);

#endif
