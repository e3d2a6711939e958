/*
 * client.h: the command's side of a run: has it done by a process of its own or by the daemon of a
 * lab, keeps what comes of it, shows progress. A program's part, above all layers.
 */
#ifndef SHAKEDOWN_CLIENT_H
#define SHAKEDOWN_CLIENT_H

#include "base/error.h"
#include "view/shelf.h"

#include <jansson.h>
#include <stdbool.h>

struct client_order {
	const json_t *request; /* {"op": "run", ...} (agenda.h); NULL to go on with the run in `out` */
	const char *out;       /* the folder of the results */
	const char *daemon;    /* the socket of a lab's daemon, or NULL */
	const json_t *base;    /* results that the reports compare these with, or NULL */
};

/*
 * Does a run, prints progress on stderr and passes SIGINT, SIGTERM and SIGHUP on as a cancellation:
 * the report of what was done is written all the same, also if the daemon dies. A run that was cut
 * short, in whatever way, can go on. Returns the exit status of `shakedown run`, as far as this
 * part of the run goes; 2 and 3 with the error set. *results becomes what was written, the caller's,
 * with the cells on `shelf`; NULL if nothing was, or not all.
 */
int client_run(const struct client_order *order, struct shelf *shelf, json_t **results,
               struct error *error);

#endif
