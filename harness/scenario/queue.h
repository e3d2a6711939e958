/*
 * queue.h: which of the runs that wait for a lab's boards is next, and on which boards. Layer:
 * scenario. Pure: no I/O, no clock, no globals.
 *
 * Users take turns: of those who wait, the one who was served longest ago is first; the runs of one
 * user are served as they came. A run gets all of its boards at once. One that has to wait for some
 * keeps those it could use from those behind it, so that it comes to them in the end; runs behind
 * it that need none of them go before it.
 *
 * A run names a board by its name, or asks for any that is free by "type:PROFILE" or "tag:TAG";
 * each word is a board of its own.
 */
#ifndef SHAKEDOWN_SCENARIO_QUEUE_H
#define SHAKEDOWN_SCENARIO_QUEUE_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define QUEUE_WORDS_MAX 256 /* boards that one run may ask for */

struct queue_board {
	const char *name, *type;
	const json_t *tags; /* a list of words, or NULL */
	bool busy;
};

struct queue_run {
	const json_t *words;  /* what it asks for: QUEUE_WORDS_MAX at most */
	unsigned long served; /* when its user was last served, by any clock that only goes up */
	unsigned long came;   /* when it came to wait, by the same */
	bool waits;
};

/* Whether the board is what the word asks for. */
bool queue_fits(const struct queue_board *board, const char *word);

/* Whether the boards could serve `words`, if all were free. ERR_INPUT says what they cannot. */
int queue_check(const struct queue_board boards[], size_t n_boards, const json_t *words,
                struct error *error);

/*
 * The index of the run that begins now, or n_runs if none can. chosen[i] becomes the index of the
 * board for its word i.
 */
size_t queue_next(const struct queue_run runs[], size_t n_runs, const struct queue_board boards[],
                  size_t n_boards, size_t chosen[QUEUE_WORDS_MAX]);

/* Whether a run that waits could use a board that `mine` marks. */
bool queue_wants_any(const struct queue_run runs[], size_t n_runs,
                     const struct queue_board boards[], size_t n_boards, const bool mine[]);

/*
 * What a run calls its boards: a new list, as its words. One that was asked for by its type is
 * called by that, so that runs on any boards of a type have the same cells; a second one of a type
 * gets "-2" behind it, and so on. All others keep their names.
 */
json_t *queue_names(const json_t *words, const struct queue_board boards[], const size_t chosen[]);

/*
 * What the rest of a run asks for that asked for `words` and had boards of these `names`: a new
 * list with the same boards, but any of a type where it asked for that.
 */
json_t *queue_rest(const json_t *words, const json_t *names);

#endif
