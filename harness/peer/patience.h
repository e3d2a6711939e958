/*
 * patience.h: how long a forked server waits: for a descriptor, until a deadline, and hardly any
 * longer once it was asked to end (SIGTERM), or for a client that does not come (SIGUSR1). Layer: peer. For processes that nothing else runs in.
 */
#ifndef SHAKEDOWN_PEER_PATIENCE_H
#define SHAKEDOWN_PEER_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#define PATIENCE_STOP_MS 200 /* for what has already arrived, once SIGTERM came */

/* How a phase went on. */
enum step { STEP_ON, STEP_TIMED_OUT, STEP_STOPPED, STEP_BROKEN };

struct patience {
	int stop; /* readable once SIGTERM came */
	int last; /* and SIGUSR1 */
	bool stopping;
	uint64_t deadline_ns; /* of the present phase, on the steady clock */
};

/* Both signals must be blocked. */
void patience_init(struct patience *patience);
void patience_fini(struct patience *patience);

/* A new phase, of timeout_ms at most; once it was asked to end, the deadline stays. */
void patience_set(struct patience *patience, int timeout_ms);

/* STEP_ON, or what ended the phase. For those who have enough to do and need not wait. */
enum step patience_check(struct patience *patience);

/*
 * Waits until `fd` has one of `events` (poll's). What has arrived goes before a request to stop:
 * when the board has reported its end, the alert that it sent may still lie here unread.
 */
enum step patience_await(struct patience *patience, int fd, short events);

/* As this, for a client at `listener`; STEP_STOPPED if none is there and SIGUSR1 came. */
enum step patience_await_client(struct patience *patience, int listener);

#endif
