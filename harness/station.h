/*
 * station.h: one board of a run: its handle, the cell that it is at, what is done when it goes
 * down. A program's part, above all layers. On a libuv loop; all calls and callbacks on its thread.
 *
 * A real board whose port is gone is waited for, as long as its profile says (return_timeout_ms).
 * A virtual board or a runner that dies is started again, up to STATION_MAX_RESTARTS times with no
 * cell finished in between; then the station gives the board up and says so. So it does with a
 * board that was silent in STATION_MAX_SILENCES cells in a row: each costs seconds.
 */
#ifndef SHAKEDOWN_STATION_H
#define SHAKEDOWN_STATION_H

#include "base/error.h"
#include "scenario/experiment.h"

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#define STATION_MAX_RESTARTS 3
#define STATION_MAX_SILENCES 3

struct station;

struct station_events {
	/*
	 * The board is ready for its first or next cell: answer with station_begin or station_stop,
	 * or later, with station_go_on to be asked again.
	 */
	void (*ready)(void *context, struct station *station);
	/* The cell that was begun is over. The observation is the receiver's as in experiment.h. */
	void (*done)(void *context, struct station *station, struct observation *observation);
	/* A sentence about the board that the user should read. */
	void (*notice)(void *context, const char *text);
	/*
	 * The board is released and the station freed after this call. `why` is empty after
	 * station_stop; else the board was given up, and it is the sentence that says why.
	 */
	void (*over)(void *context, struct station *station, const char *why);
};

/* Opens the board of `profile` (borrowed, as is `apparatus`). On an error no callback comes. */
int station_start(struct station **station, struct apparatus *apparatus,
                  const json_t *profile, const struct station_events *events, void *context,
                  struct error *error);

/* Begins `cell`, borrowed until `done`. */
void station_begin(struct station *station, const json_t *cell);

/* Calls `ready` again if the board waits for a cell: after a `ready` that was not answered. */
void station_go_on(struct station *station);

/* Ends the cell at work, without `done`, and releases the board. */
void station_stop(struct station *station);

/* The experiment at work if the server program calls it `cell`, or NULL. */
struct experiment *station_experiment(const struct station *station, const char *cell);

/* A part of the apparatus is gone: see experiment_lost. */
void station_lost(struct station *station, const char *who, const char *text);

/* Whether the board is down because its profile is not right, which the user has to see to. */
bool station_is_misdescribed(const struct station *station);

/* What the board said of itself when it was first ready (peer/board.h), or NULL. Borrowed. */
const json_t *station_identity(const struct station *station);

#endif
