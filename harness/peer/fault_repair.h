/*
 * fault_repair.h: proofs made again over messages that a fault has changed. Layer: peer. Pure: no
 * I/O, no clock, no globals.
 *
 * A client that overlooks a fault is only caught as such if nothing else stops it. So the server's
 * signature (its key is ours) and, in TLS 1.3, its Finished are made to fit what the client has
 * been told: RFC 8446 sections 4.4.3 and 4.4.4, RFC 5246 section 7.4.3. The Finished of TLS 1.2
 * needs no repair: the client's own comes first. Nor is anything repaired before TLS 1.2.
 */
#ifndef SHAKEDOWN_PEER_FAULT_REPAIR_H
#define SHAKEDOWN_PEER_FAULT_REPAIR_H

#include "peer/fault_flight.h"

#include <openssl/evp.h>

/* What was said before the message that is repaired. All borrowed. */
struct fault_told {
	struct bytes transcript; /* the handshake messages as the client has them, RFC 8446 4.4.1 */
	const uint8_t *client_random, *server_random; /* 32 bytes each */
	uint16_t version;
	const char *hash;       /* of the cipher suite, libcrypto's name */
	struct bytes secret;    /* server_handshake_traffic_secret; TLS 1.3 */
	EVP_PKEY *key;          /* the server's, private */
};

/*
 * Repairs the unit if it is one that can be. A message whose algorithm does not go with the key, or
 * that lacks the field, stays as it is.
 */
void fault_repair(struct unit *unit, const struct fault_told *told);

/* The hash of `bytes` by libcrypto's name to `out`. Its length; 0 if there is no such hash. */
size_t fault_hash(const char *hash, struct bytes bytes, uint8_t out[EVP_MAX_MD_SIZE]);

#endif
