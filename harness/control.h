/*
 * control.h: the control of a run: an OpenSSL client of the host's own that runs the cells which
 * boards fail. A program's part, above all layers. On a libuv loop; all calls and callbacks on its
 * thread.
 *
 * It is a board as any other, the virtual board "openssl". It is started for the first cell that
 * wants it, and serves all seats of the run in turn.
 */
#ifndef SHAKEDOWN_CONTROL_H
#define SHAKEDOWN_CONTROL_H

#include "scenario/experiment.h"

struct control;

struct control_events {
	/*
	 * The cell of `seat` has run. The observation is the receiver's as in experiment.h; it is
	 * NULL if there is no control to be had.
	 */
	void (*done)(void *context, size_t seat, struct observation *observation);
	/* A sentence about the control that the user should read. */
	void (*notice)(void *context, const char *text);
	/*
	 * The control is gone, and freed after this call: after a control_stop that returned true.
	 */
	void (*over)(void *context);
};

/* Nothing is started yet. `apparatus` is borrowed. */
struct control *control_new(struct apparatus *apparatus, size_t n_seats,
                            const struct control_events *events, void *context);

/*
 * Runs `cell` for `seat` (below n_seats, one cell at a time) as soon as it can be. `done` may come
 * from within this call. `sni` is the name to ask for, borrowed until `done`, or NULL: then it asks
 * for none, unless the server needs one. A server's pre-shared key is the control's too, where the
 * cell asks for none: a board may have it built in.
 */
void control_run(struct control *control, size_t seat, const json_t *cell, json_t *sni);

/* The seat is gone: its cell is not run, or nobody hears of it. */
void control_forget(struct control *control, size_t seat);

/* Ends what is at work without `done`. True if `over` follows; false if it is freed already. */
bool control_stop(struct control *control);

/* The experiment at work if the server program calls it `cell`, or NULL. */
struct experiment *control_experiment(const struct control *control, const char *cell);

/* A part of the apparatus is gone: see experiment_lost. */
void control_lost(struct control *control, const char *who, const char *text);

#endif
