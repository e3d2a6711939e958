/*
 * judge.h: from the witnesses' testimony to a verdict. Layer: verdict. Pure: no I/O, no clock, no
 * globals.
 *
 * The table in judge.c is the whole law: the first row whose facts are all there, and none of its
 * exceptions, decides. docs/diagnosis-rules.md shows the same table, which a test compares.
 *
 * The principles behind it: a pass needs the server's and the board's word. What the server did
 * itself it knows best; what crossed the wire, the capture. A board that fails is a failure of the
 * board's, a part of Shakedown that fails is an error; where the witnesses contradict each other,
 * or the board could not be heard, nothing is claimed.
 */
#ifndef SHAKEDOWN_VERDICT_JUDGE_H
#define SHAKEDOWN_VERDICT_JUDGE_H

#include "base/buf.h"

#include <jansson.h>
#include <stdint.h>

/*
 * Judges `cell`, an element of results.json's "cells" with "server", "witnesses" and, where there
 * was any, "trouble" ([{"who", "text"}] of the harness's own) or "skipped" (a sentence: why it was
 * not run). `board` is its element of "boards" (stack, stack_version, unsupported). Sets "outcome",
 * "reason", "detail" (a sentence or more), "missing" or "cannot" (offer.h) and "alert" (the first
 * fatal one), each only if there is any, and, in the board's testimony, "status_name" and
 * "status_meaning".
 * Judging again gives the same.
 */
void judge_cell(json_t *cell, const json_t *board);

/* One row of the table, for documents and tests: facts needed and excluded, and what follows. */
struct judge_row {
	uint64_t need, exclude;
	const char *outcome, *reason, *detail;
};

/* The table. *n_rows is set. Static. */
const struct judge_row *judge_rows(size_t *n_rows);

#endif
