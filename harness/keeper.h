/*
 * keeper.h: the daemon of a lab: keeps its boards, has runs done on them for those who ask, in
 * turn, and tells how it stands. A program's part, above all layers.
 *
 * Each run is a process of its own (worker.h), which gets the client's socket and talks to it
 * alone; the keeper holds nothing of what it does but a few numbers. When the process is gone, in
 * whatever way, all that it had started is ended, and its boards are free.
 *
 * Who may ask is who may open the socket: the keeper's own user, root, and with a group its
 * members. A message is a line of JSON (base/message.h):
 *   {"op": "run", ..}     as agenda.h has it, "boards" being the words of queue.h. While it waits:
 *                         {"event": "queued", "text"}; then what run.h tells
 *   {"op": "status"}      {"event": "status", "boards": [..], "runs": [..]}
 *   {"op": "cancel", "run": N}   {"event": "done"}; without N, the run that is the user's only one.
 *                         A run is cancelled by its user, the keeper's or root
 * What is refused is answered by {"event": "finished", "status", "error"}.
 */
#ifndef SHAKEDOWN_KEEPER_H
#define SHAKEDOWN_KEEPER_H

#include "base/error.h"

#define KEEPER_TURN_S 300

struct keeper_options {
	const char *lab;    /* the lab file */
	const char *socket; /* NULL: see lab_socket.h */
	const char *group;  /* whose members may use the socket too; NULL: nobody's */
	unsigned turn_s;    /* after which a run makes way for those that wait for its boards */
};

/*
 * Serves until SIGTERM or SIGINT, which end the runs at work. Returns the exit status, with the
 * error set where it is not 0.
 */
int keeper_serve(const struct keeper_options *options, struct error *error);

#endif
