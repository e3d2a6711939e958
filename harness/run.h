/*
 * run.h: one run in the daemon: plan, apparatus, boards at work, judgement, report.
 * A program's part, above all layers. On a libuv loop; all calls and callbacks on its thread.
 */
#ifndef SHAKEDOWN_RUN_H
#define SHAKEDOWN_RUN_H

#include "base/error.h"
#include "base/reader.h"

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

struct run;

/*
 * What a run says, as messages that go to the client as they are (borrowed for the call). Nothing
 * is written to files here: the client keeps the results (view/results.h).
 *   {"event": "plan", "cells": N, "run": {suites, started, versions, shard}, "boards": [..],
 *    "profiles": [..]} (agenda.h), the first
 *   {"event": "board", "board": {..}}         what is known of a board by now
 *   {"event": "notice", "text": "<sentence>"}
 *   {"event": "begins", "id"}                 a cell, for those who wait
 *   {"event": "capture", "name": "cells/....pcapng"} and the capture, before its cell; and in the
 *    same way its key log, "cells/....keys"
 *   {"event": "cell", "index": in the plan, "id", "outcome", "reason"} and the cell, one line
 * and, as the last one,
 *   {"event": "finished", "status": 0..3, "begun": whether all boards had answered,
 *    "complete": all cells are run, "error": "<sentence, only with 2 or 3>"}
 * or after run_yield {"event": "yielded", "done": as in agenda.h}: another run_start does the rest.
 */
typedef void run_event(void *context, const json_t *event, struct bytes attached);

/*
 * Loads what `request` names (agenda.h), and starts. On ERR_INPUT or ERR_ENVIRONMENT nothing was
 * started or written. Otherwise `finished` comes in the end and the run is freed after it.
 */
int run_start(struct run **run, uv_loop_t *loop, const json_t *request, run_event *event,
              void *context, struct error *error);

/* Starts no further cell, ends those at work and releases the boards. `why` is a sentence. */
void run_cancel(struct run *run, const char *why);

/* Starts no further cell, lets those at work come to their end, and releases the boards. */
void run_yield(struct run *run);

/* While it is held, a run starts no further cell: its events are not taken as fast as they come. */
void run_hold(struct run *run, bool held);

#endif
