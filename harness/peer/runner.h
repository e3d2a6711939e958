/*
 * runner.h: the command that starts the runner (harness/runner) for one board. Layer: peer.
 */
#ifndef SHAKEDOWN_PEER_RUNNER_H
#define SHAKEDOWN_PEER_RUNNER_H

#include "base/error.h"

#include <jansson.h>
#include <stddef.h>

#define RUNNER_ARGUMENTS 18 /* more than any command has, and the NULL behind them */

struct runner {
	char *arguments[RUNNER_ARGUMENTS]; /* for execve, as is `environment`, which adds to ours */
	size_t n_arguments;
	char *environment[3];
	char *profile, *path; /* owned */
	char baud[24];
};

/*
 * Sets up the command for the board of `profile`, which is borrowed until runner_fini, at `device`
 * (empty for a board that needs none). A flag "trace" in the profile makes the runner tell each
 * step; `task` ("check" or "reset"), unless it is NULL, makes it do that and end. ERR_ENVIRONMENT
 * if there is no Python with pyserial; then there is nothing to free.
 */
int runner_init(struct runner *runner, const json_t *profile, const char *device,
                const char *task, struct error *error);
void runner_fini(struct runner *runner);

/* Runs a task to its end, with our standard output. Its exit status, 0 or 1, or an error's code. */
int runner_do(const json_t *profile, const char *device, const char *task, struct error *error);

#endif
