/*
 * run.h: one run in the daemon: plan, apparatus, boards at work, judgement, report.
 * A program's part, above all layers. On a libuv loop; all calls and callbacks on its thread.
 */
#ifndef SHAKEDOWN_RUN_H
#define SHAKEDOWN_RUN_H

#include "base/error.h"

#include <jansson.h>
#include <uv.h>

struct run;

/*
 * What a run says, as JSON objects that go to the client as they are (borrowed for the call):
 *   {"event": "plan", "cells": N}
 *   {"event": "notice", "text": "<sentence>"}
 *   {"event": "cell", "id", "outcome", "reason"}
 *   {"event": "finished", "status": 0..3, "error": "<sentence, only with 2 or 3>"}   the last one
 */
typedef void run_event(void *context, const json_t *event);

/*
 * Loads what `request` names (agenda.h), and starts. On ERR_INPUT or ERR_ENVIRONMENT nothing was
 * started or written. Otherwise `finished` comes in the end and the run is freed after it.
 */
int run_start(struct run **run, uv_loop_t *loop, const json_t *request, run_event *event,
              void *context, struct error *error);

/* Starts no further cell, ends those at work, releases the boards and writes the report. */
void run_cancel(struct run *run);

#endif
