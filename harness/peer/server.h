/*
 * server.h: the daemon's handle of shakedown-server, which starts an OpenSSL server for each case.
 * Layer: peer. Runs on a libuv loop; all calls and callbacks on that loop's thread.
 *
 * For each case that was asked for comes either `refused`, or `listening` and later `testimony`;
 * unless the program ends before, which `exited` tells once for all.
 */
#ifndef SHAKEDOWN_PEER_SERVER_H
#define SHAKEDOWN_PEER_SERVER_H

#include "base/error.h"
#include "base/reader.h"

#include <jansson.h>
#include <uv.h>

struct server;

struct server_events {
	/* The case's server is there: connections to `port` are accepted from now on. */
	void (*listening)(void *context, const char *cell, int port);
	/* The case cannot be: `text` is a sentence that names the key of `server`, or the address. */
	void (*refused)(void *context, const char *cell, const char *text);
	/*
	 * The case is over. `message` has "testimony", "keylog" and, unless the server crashed,
	 * carries as evidence (flow/evidence.h) what its own socket saw. Both are borrowed for
	 * the call.
	 */
	void (*testimony)(void *context, const char *cell, json_t *message, struct bytes attached);
	/*
	 * The program is gone; the handle is freed after this call. `why` is empty after
	 * server_stop.
	 */
	void (*exited)(void *context, const char *why);
};

/*
 * Starts the program. `events` is borrowed for the handle's life. ERR_ENVIRONMENT if it cannot be
 * started; no callback comes then.
 */
int server_start(struct server **server, uv_loop_t *loop, const struct server_events *events,
                 void *context, struct error *error);

/* Where a case's server is, and who comes there. Texts are borrowed for the call. */
struct server_place {
	const char *address; /* numeric */
	int port;            /* 0: a free one */
	const char *from;    /* whoever comes from another address is sent away; empty: nobody is */
	int wait_ms;         /* how long each client is awaited; 0: as long as timeout_ms */
};

/*
 * Asks for a server for the case `cell`: configured by `configuration` (a suite's `server`
 * object), at `place`, with timeout_ms for each phase of its life, and for `connections` of them
 * (1 to SERVE_CONNECTIONS_MAX), one after the other.
 */
void server_case(struct server *server, const char *cell, const json_t *configuration,
                 const struct server_place *place, int timeout_ms, int connections);

/*
 * Nobody connects to the case's server any more: it need not wait for that. What it is at goes on.
 * Nothing happens if it has testified already.
 */
void server_no_more(struct server *server, const char *cell);

/* The case is over: its server is to testify at once. Nothing happens if it has already. */
void server_end_case(struct server *server, const char *cell);

/* Ends the program and all its servers. `exited` follows. */
void server_stop(struct server *server);

/* The program's process id, for progress and tests. */
int server_pid(const struct server *server);

#endif
