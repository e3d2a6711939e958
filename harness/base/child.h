/*
 * child.h: a child process of the daemon that speaks messages (message.h) on its standard input and
 * output. Layer: base. Runs on a libuv loop; all calls and callbacks on that loop's thread.
 *
 * Every program of Shakedown ends by itself when its standard input closes, so that no child
 * outlives a daemon that was killed. child_stop closes it, and kills a child that is still there
 * after CHILD_GRACE_MS. What a child that has ended left in its pipes is read for at most as long:
 * something else may hold them open.
 */
#ifndef SHAKEDOWN_BASE_CHILD_H
#define SHAKEDOWN_BASE_CHILD_H

#include "base/error.h"
#include "base/reader.h"

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#define CHILD_GRACE_MS 1000
#define CHILD_PASSED 3               /* the descriptor of a file that a child is given */
#define CHILD_STDERR_MAX 2048        /* bytes of the child's last words that are kept */
#define CHILD_UNSENT_MAX (64u << 20) /* bytes; a child that reads nothing is killed at this cap */

struct child;

/*
 * Looks after what has ended and was another's: children of what died come to the nearest process
 * that asked for them (PR_SET_CHILD_SUBREAPER), which calls this. Its `own` children are left to
 * whoever waits for them; what ended after one that nobody has waited for yet is left for the next
 * call.
 */
void child_bury_orphans(const pid_t own[], size_t n_own);

struct child_events {
	/* A message came. Both are borrowed for the call. */
	void (*message)(void *context, json_t *message, struct bytes attached);
	/*
	 * The child is gone and its output read to the end; the handle is freed after this call.
	 * `why` is one sentence in UTF-8: exit status or signal, and the last line that it wrote to
	 * standard error; if the child had been asked to stop, it is empty.
	 */
	void (*exited)(void *context, const char *why);
};

/*
 * Starts `arguments` (NULL-terminated; [0] is a path, or a name to look up in PATH) under the name
 * `name`, which is copied and used in sentences. `environment` is NULL-terminated "KEY=value"
 * strings that are added to the daemon's own, or take the place of them, or NULL. `events` is
 * borrowed for the child's life. ERR_ENVIRONMENT if it cannot be started; no callback comes then.
 */
int child_start(struct child **child, uv_loop_t *loop, const char *name, char *const arguments[],
                char *const environment[], const struct child_events *events, void *context,
                struct error *error);

/*
 * The same for a child that gets the open file `passed` (-1: none) as its descriptor CHILD_PASSED;
 * the caller keeps its own.
 */
int child_start_with(struct child **child, uv_loop_t *loop, const char *name,
                     char *const arguments[], char *const environment[], int passed,
                     const struct child_events *events, void *context, struct error *error);

/*
 * Sends a message, which is borrowed for the call, and returns before it is read. Does nothing once
 * the child is being stopped, or is gone.
 */
void child_send(struct child *child, const json_t *message);

/* Asks the child to end. `exited` still comes, once. */
void child_stop(struct child *child);

/* Whether it was ended by a signal, and not on our word. From `exited` on. */
bool child_was_killed(const struct child *child);

/* The process id, for progress and tests. */
int child_pid(const struct child *child);

#endif
