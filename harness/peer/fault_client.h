/*
 * fault_client.h: what a client's stream says of how it took a fault. Layer: peer. Pure: no I/O, no
 * clock, no globals.
 */
#ifndef SHAKEDOWN_PEER_FAULT_CLIENT_H
#define SHAKEDOWN_PEER_FAULT_CLIENT_H

#include "decode/keylog.h"

#include <stdbool.h>

/* The client's handshake messages before any key: its ClientHellos, one or two, with header. */
struct client_hellos {
	struct buf messages[2];
	size_t n;
};

/* Reads them from the start of the client's stream. client_hellos_fini frees them. */
void client_hellos_read(struct client_hellos *hellos, struct bytes stream);
void client_hellos_fini(struct client_hellos *hellos);

/* Whether a ClientHello, with header, offers `version` (an enum protocol_version). */
bool client_offers(struct bytes client_hello, uint16_t version);

struct client_answer {
	bool went_on;
	bool other_keys; /* TLS 1.3: it did not object, but made other keys than its server */
};

/*
 * How the client took a fault. `went_on`: whether it went on after the first `n_before` bytes of
 * its stream, which it had sent before the fault: its Finished came or, if that had come before,
 * application data (until TLS 1.2; in TLS 1.3 it may have crossed the fault) or a close_notify. No
 * fatal alert came before that. `other_keys`: it sent records that the server's keys do not open,
 * the alert bad_record_mac, or another ClientHello. `server_hello` is the server's own, before any
 * fault; empty if there was none.
 */
void client_answer_read(struct client_answer *answer, struct bytes stream, size_t n_before,
                        struct bytes server_hello, const struct keylog *keylog);

#endif
