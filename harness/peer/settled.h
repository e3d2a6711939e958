/*
 * settled.h: what libssl has settled on in a connection, in the words of testimony. Layer: peer.
 * Pure: no I/O, no clock, no globals.
 */
#ifndef SHAKEDOWN_PEER_SETTLED_H
#define SHAKEDOWN_PEER_SETTLED_H

#include "base/reader.h"
#include "decode/registry.h"

#include <openssl/ssl.h>

/* "1.3" for what SSL_version() gave; NULL for none of 1.0 to 1.3. Static text. */
const char *settled_version(int version);

/*
 * IANA's name of the cipher suite that the server chose, even if a failure kept its ServerHello
 * from being sent; NULL if it came to none. Static text.
 */
const char *settled_ciphersuite(SSL *ssl);

/* The name of the group of the key exchange; NULL if there is none. libssl's, as long as `ssl`. */
const char *settled_group(SSL *ssl);

/*
 * If `message`, a handshake message that the server has sent, with its 4-byte header, carries a
 * signature: the name of its algorithm into `algorithm`, which stays as it is otherwise. RFC 8446
 * section 4.4.3, RFC 5246 section 7.4.3; before TLS 1.2 the kind of key alone decides (RFC 4346
 * section 7.4.3).
 */
void settled_signature(SSL *ssl, struct bytes message, char algorithm[REGISTRY_LABEL_MAX]);

#endif
