/*
 * rehearsal.h: some servers for one board, one after the other, without a run: for
 * `shakedown board try` and `learn`. A program's part, above all layers. Has a loop of its own, and
 * blocks.
 *
 * There is no sniffer: the servers' own sockets tell what crossed the wire.
 */
#ifndef SHAKEDOWN_REHEARSAL_H
#define SHAKEDOWN_REHEARSAL_H

#include "base/error.h"
#include "scenario/experiment.h"
#include "scenario/profile.h"

struct rehearsal_events {
	/* As of board.h; NULL for those who do not want to know. */
	void (*trace)(void *context, const char *what, const char *text);
	/* The board is ready for its first server. `info` is borrowed. */
	void (*ready)(void *context, const json_t *info);
	/* A cell is over; `witnesses` and `trouble` of the observation are the receiver's. */
	void (*done)(void *context, const json_t *cell, struct observation *observation);
};

/*
 * Brings the board of `profile` to each of `cells`, a list of objects with "id", "server" and
 * "client" as a plan has them. A board that is all on this machine gets a private network where the
 * system allows one. ERR_ENVIRONMENT, with the reason, if the board cannot be brought there;
 * ERR_INPUT if its profile is not right.
 */
int rehearsal_run(const struct profile *profile, const json_t *cells,
                  const struct rehearsal_events *events, void *context, struct error *error);

#endif
