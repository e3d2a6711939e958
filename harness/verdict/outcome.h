/*
 * outcome.h: what can come of a cell. Layer: verdict. Pure: no I/O, no clock, no globals.
 */
#ifndef SHAKEDOWN_VERDICT_OUTCOME_H
#define SHAKEDOWN_VERDICT_OUTCOME_H

#include <stdbool.h>

/* In the order in which counts are shown. */
enum outcome {
	OUTCOME_PASS,
	OUTCOME_FAIL,         /* the expectation is not met */
	OUTCOME_XFAIL,        /* a failure that is known */
	OUTCOME_XPASS,        /* a known failure that passes now */
	OUTCOME_UNSUPPORTED,  /* the profile declares that the board does not support it */
	OUTCOME_INCONCLUSIVE, /* evidence is missing or contradictory */
	OUTCOME_ERROR,        /* the harness itself failed */
	OUTCOME_SKIP,         /* not run */
	OUTCOME_MAX,
};

/* By its word in results.json; OUTCOME_ERROR for a word that is not known. */
enum outcome outcome_named(const char *word);

/* Its word. Static text. */
const char *outcome_word(enum outcome outcome);

/* Whether it passed, or failed, be it known or not. Neither is true of the others. */
bool outcome_passed(enum outcome outcome);
bool outcome_failed(enum outcome outcome);

/*
 * The exit status that a cell of this outcome asks for: 0 as expected, or not run; 1 not as
 * expected, or not known to be; 3 the harness did not do its work. The highest of a run is the
 * run's.
 */
int outcome_exit_status(enum outcome outcome);

#endif
