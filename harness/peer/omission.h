/*
 * omission.h: a filter between libssl and the socket that leaves extensions out of the ServerHello
 * of TLS 1.2 which libssl always has in it. Layer: peer.
 *
 * The client is told another handshake than the server has told, and the Finished of both sides
 * prove it (RFC 5246 section 7.4.9): each is made anew for the side that gets it, if it was right
 * for the side that sent it. The keys are the same for both, as long as they are not made of the
 * handshake (RFC 7627), and a client's certificate would be proven over what it was told. Other
 * versions pass unchanged, and so does TLS 1.2 where there is nothing to leave out.
 */
#ifndef SHAKEDOWN_PEER_OMISSION_H
#define SHAKEDOWN_PEER_OMISSION_H

#include <openssl/ssl.h>

/* Extensions to leave out, as a set. */
enum { OMIT_RENEGOTIATION_INFO = 1u << 0, OMIT_MAX_FRAGMENT_LENGTH = 1u << 1 };

struct omission;

/*
 * Puts the filter on top of the BIO of `ssl`, which goes on to own it. NULL, with nothing done, if
 * the set is empty. The caller frees the result after the SSL; omission_free(NULL) does nothing.
 */
struct omission *omission_start(SSL *ssl, unsigned extensions);
void omission_free(struct omission *omission);

#endif
