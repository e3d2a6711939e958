/*
 * worker.h: the process that does one run (run.h) for one client. A program's part, above all
 * layers.
 *
 * What the run says goes to the client, who keeps it. A client that goes, or that reads nothing for
 * WORKER_PATIENCE_MS while more than WORKER_UNREAD_MAX bytes wait for it, ends its run; one that
 * reads slowly slows it down. Whatever becomes of the process, its boards are free when it is gone:
 * it holds their locks.
 */
#ifndef SHAKEDOWN_WORKER_H
#define SHAKEDOWN_WORKER_H

#define WORKER_UNREAD_MAX (8u << 20)
#define WORKER_PATIENCE_MS 60000
#define WORKER_NEWS_MS 200 /* between two words of progress to the keeper */

/*
 * The client is at the socket on standard input, and sends the request: {"op": "run", ...}
 * (agenda.h). Returns the exit status of the process.
 */
int worker_serve(void);

/*
 * The keeper of a lab (keeper.h) is at standard input and output, and sends the request; the client
 * is at CHILD_PASSED (base/child.h). The keeper hears
 *   {"event": "progress", "done": N, "cells": N, "failed": N}
 * and in the end {"event": "finished"}, or {"event": "yielded", "done": ".."} after its {"op":
 * "yield"}. It may {"op": "cancel", "why": ".."}. If it goes, the run ends.
 */
int worker_serve_lab(void);

#endif
