/*
 * client.h: the command's side of a run: starts a private daemon, gives it the request, shows
 * progress. A program's part, above all layers.
 */
#ifndef SHAKEDOWN_CLIENT_H
#define SHAKEDOWN_CLIENT_H

#include "base/error.h"

#include <jansson.h>

/*
 * Runs `request` ({"op": "run", "suites": [..], "boards": [..], "out": "<folder>"}) on a private
 * shakedownd, prints progress on stderr and passes SIGINT, SIGTERM and SIGHUP on as a cancellation:
 * the report of what was done is written all the same. If the daemon dies, writes the report from
 * its journal. Returns the exit status of `shakedown run`; 2 and 3 with the error set.
 */
int client_run(const json_t *request, struct error *error);

#endif
