/*
 * board.h: the daemon's handle of one board: its runner and, if the board is virtual, the board
 * itself. Layer: peer. Runs on a libuv loop; all calls and callbacks on that loop's thread.
 *
 * The handle goes from starting to ready and, with each run, to running and back. When something
 * ends that it needs, it says `down` once, ends the rest and waits for board_restart or board_stop.
 * Every state but ready has a time-out, after which the handle is down.
 *
 * A real board's device is locked (lock.h) from board_start until `stopped`.
 */
#ifndef SHAKEDOWN_PEER_BOARD_H
#define SHAKEDOWN_PEER_BOARD_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

/*
 * The runner keeps to its own, shorter times and says what it waited for in vain; these end a
 * runner that hangs.
 */
#define BOARD_START_MS 20000      /* to be ready, beyond the profile's boot_timeout_ms */
#define BOARD_RUN_MARGIN_MS 20000 /* beyond a run's own timeout_ms, for uploads and retries */
#define BOARD_SETUP_MS 80000      /* for the dialogue before a console's connection */
#define BOARD_RESTART_MS 35000    /* for each way to restart a board, beyond the profile's */

struct board;

/* All JSON and text is borrowed for the call. */
struct board_events {
	/* The board takes runs. `info` has "stack", "boot", "blob" (bytes of store) and "caps". */
	void (*ready)(void *context, const json_t *info);
	/* The board has acknowledged the run `id` and is connecting. */
	void (*started)(void *context, const char *id);
	/*
	 * A run is over: {"id", "board": {"phase", "status", ...}, "log"}. The board is ready
	 * again.
	 */
	void (*result)(void *context, json_t *message);
	/*
	 * A run has no result: {"id", "kind", "text", "log"}; kind is "silent", "reboot", "upload",
	 * "busy" (it went on after ABORT), "refused" (the board does not take it), "unable" (it
	 * cannot do what the case asks) or "no-match" (what it said is none of what its profile
	 * knows). The board is ready again.
	 */
	void (*failed)(void *context, json_t *message);
	/*
	 * The handle is down, and with it a run in progress, of which nothing more is told. `who`:
	 * "board" (the virtual board ended, or the board never spoke), "port" (gone, or cannot be
	 * opened), "runner", "profile" (what its driver needs is not right there).
	 */
	void (*down)(void *context, const char *who, const char *text);
	/* With "trace" in the profile: what was "sent" or "came", and a "note" of what that is. */
	void (*trace)(void *context, const char *what, const char *text);
	/*
	 * After board_stop: all children are gone, the lock is free; the handle is freed after this
	 * call.
	 */
	void (*stopped)(void *context);
};

/*
 * Starts a board from its profile: "name", and "virtual" (argv: [0] is a program of Shakedown's, a
 * path, or a name in PATH) or "port" with "baud", or neither where its "driver" needs none.
 * `profile`, `events` and `context` are borrowed for the handle's life. `ready` or `down` follows,
 * never from within this call. On failure there is no handle: ERR_ENVIRONMENT, with the device, the
 * Python, the program or the passive board's TCP port that it fails for.
 */
int board_start(struct board **board, uv_loop_t *loop, const json_t *profile,
                const struct board_events *events, void *context, struct error *error);

/*
 * Starts a run; only when ready. `run` has the members of the runner's "run" message: "id" (1 to 12
 * bytes, new with each run), "host", "port", "timeout_ms" and, as wanted, "sni", "min", "max",
 * "alpn", "send", "ca" (path of a DER file or list of such), "cert", "key" (paths), and "ca_pem",
 * "cert_pem" and "key_pem", the same as PEM. `result`, `failed` or `down` follows.
 */
void board_run(struct board *board, const json_t *run);

/* How long a run of this board may take beyond its own timeout_ms: uploads, retries, restarts. */
uint64_t board_run_margin_ms(const json_t *profile);

/* True between `ready` and board_run, and again after `result` and `failed`. */
bool board_is_ready(const struct board *board);

/*
 * Ends the run in progress early; its `result` or `failed` still comes. Nothing if there is none.
 */
void board_abort(struct board *board);

/*
 * Whether it is down because its runner, or the virtual board, was ended by a signal: what is not
 * right with a board has another end, so that a next time may well be better.
 */
bool board_was_killed(const struct board *board);

/* Starts a board that is down once more. `ready` or `down` follows, never from within this call. */
void board_restart(struct board *board);

/*
 * Ends a run in progress, the runner and the virtual board. No event but `stopped` comes any more.
 */
void board_stop(struct board *board);

/* Process ids, for progress and tests; 0 if there is no such child now. */
int board_runner_pid(const struct board *board);
int board_virtual_pid(const struct board *board);

#endif
