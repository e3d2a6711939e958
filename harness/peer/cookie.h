/*
 * cookie.h: cookies of HelloRetryRequests (RFC 8446 section 4.2.2). Layer: peer.
 *
 * libssl sends a cookie and checks that it comes back in the one call that keeps no state between
 * the hellos: SSL_stateless, which forgets all that it has heard each time that it is called.
 */
#ifndef SHAKEDOWN_PEER_COOKIE_H
#define SHAKEDOWN_PEER_COOKIE_H

#include "base/reader.h"
#include "peer/patience.h"

#include <openssl/ssl.h>

#define COOKIE_MAX 255 /* bytes of ours, to which libssl adds: it counts them in one byte */

/* Lets the context's cookies hold conduct.cookie bytes (context.h). */
void cookie_set(SSL_CTX *context);

/* Whether a client with this hello, a message with its header, gets a cookie: it offers TLS 1.3. */
bool cookie_is_due(const SSL *ssl, struct bytes client_hello);

/*
 * Answers the client's first hello with a HelloRetryRequest that has a cookie, and takes a second
 * one that brings it back: then STEP_ON, and SSL_accept goes on. So it does if no cookie is due.
 * `socket` is the connection's. STEP_BROKEN where SSL_accept would fail, with the same errors; *rc
 * is for SSL_get_error then. Blocks, for as long as `patience` has.
 */
enum step cookie_exchange(SSL *ssl, int socket, struct patience *patience, int *rc);

#endif
