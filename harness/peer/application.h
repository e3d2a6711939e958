/*
 * application.h: what a server says over an established connection. Layer: peer. Pure: no I/O, no
 * clock, no globals.
 *
 *   echo  sends back what it receives
 *   http  answers the first request, whatever it asks for, with a page, and has said all
 *   mqtt  answers CONNECT with CONNACK and PINGREQ with PINGRESP (MQTT 3.1.1 and 5.0); has said all
 *         at DISCONNECT, or at what is no MQTT
 *   none  says nothing
 */
#ifndef SHAKEDOWN_PEER_APPLICATION_H
#define SHAKEDOWN_PEER_APPLICATION_H

#include "peer/context.h"

#define APPLICATION_HELD_MAX 65536 /* bytes of one request or packet; after that nothing is said */

struct application {
	enum application_kind kind;
	size_t page_size;
	struct buf held; /* a request or packet that is not whole yet */
	bool said_all;   /* the server is to close once what it has to say is sent */
};

/* Starts one connection's talk, as `conduct` has it; application_fini frees what is held. */
void application_init(struct application *application, const struct conduct *conduct);
void application_fini(struct application *application);

/* Takes in what the client sent, and appends the answer to `out`. */
void application_take(struct application *application, struct bytes data, struct buf *out);

#endif
