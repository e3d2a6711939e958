/*
 * trial.h: all the connections that one cell takes, in their order, and its verdict. A program's
 * part, above all layers. No I/O: the owner runs what it is given and hands back what came of it.
 *
 * Most cells are one connection. A case that the board must refuse is three: the good twin of its
 * server (scenario/expect.h) before it, unless that is known to work, and after it, once more if it
 * fails: a board that refuses everything refuses nothing in particular, and one that refused and
 * then hangs has not come through.
 *
 * What fails is looked into: the control, an OpenSSL client, runs the same case (unless it has
 * passed that for another board), and where that connects, changes of one factor of the server are
 * tried on the board until one passes: first those that the diagnoses foretell, then the neighbours
 * (scenario/neighbour.h). A server that would refuse the captured ClientHello as well
 * (offer_refuses) costs the board nothing.
 *
 * With several attempts a case that does not pass runs again, until it passes or there are no more.
 * A failure counts whatever comes after it; what is no verdict (inconclusive, error) gives way to
 * one.
 *
 * What may be chance runs again: the case itself after a try that passed, and after a refusal
 * without the right alert. A board that answers otherwise then is "flaky".
 */
#ifndef SHAKEDOWN_TRIAL_H
#define SHAKEDOWN_TRIAL_H

#include "scenario/plan.h"
#include "verdict/known.h"
#include "verdict/rules.h"

#include <jansson.h>
#include <stdbool.h>

struct trial;

enum control_policy { CONTROL_ALWAYS, CONTROL_ON_FAILURE, CONTROL_NEVER };

/* What the trials of one board have in common. Borrowed for the life of the trials. */
struct trial_bench {
	struct rules *rules;
	struct known *known;
	enum control_policy control;
	unsigned n_tries; /* changes that one cell may cost, at most */
	unsigned n_attempts; /* how often a case that does not pass is run, at most; 1 at least */
	json_t *seen; /* what ran so far: confirm_key -> {id, outcome, reason, alert, detail} */
	json_t *controls; /* of all boards: those that passed, by what they saw of their case */
	const char *name; /* that the board asks for, and so its control; empty if it tells none */
};

/*
 * Begins the trial of `cell`, as the plan made it, on `board` (of results.json; borrowed). Takes
 * over `cell`, and `neighbours`, the changes of the server that are near at hand.
 */
struct trial *trial_begin(json_t *cell, json_t *neighbours, const json_t *board,
                          struct trial_bench *bench);

/* Who is to run now. */
enum trial_turn { TRIAL_BOARD, TRIAL_CONTROL, TRIAL_OVER };
enum trial_turn trial_turn(const struct trial *trial);

/* The cell to run now, borrowed until trial_take. */
const json_t *trial_next(const struct trial *trial);

/*
 * What came of it: takes over the three values, as an observation has them (experiment.h). True
 * if this was the case itself, and so the evidence that is kept.
 */
bool trial_take(struct trial *trial, json_t *witnesses, json_t *trouble, json_t *timings_ms);

/*
 * Goes on with what the control did for another board in the meantime, if it is its turn and it
 * passed the same case; false if not.
 */
bool trial_share_control(struct trial *trial);

/* There is no control to be had: the trial goes on without. */
void trial_do_without_control(struct trial *trial);

/* No more can be run: judges the case if it has run; false if it has not. */
bool trial_close(struct trial *trial);

/* The cell as far as it is known, borrowed until trial_end. */
json_t *trial_cell(const struct trial *trial);

/*
 * Frees the trial, at any time, and returns its cell, the caller's to release: judged, diagnosed
 * and with "witnesses", "trouble", "timings_ms", and, where there was any, "twin", "control",
 * "tries", "attempts" and "flaky", if the case has run.
 */
json_t *trial_end(struct trial *trial);

/* Judges and diagnoses a cell that is not to be run: it has "skipped". */
void trial_skip(json_t *cell, const json_t *board, struct rules *rules);

#endif
