/*
 * virtual_board.h: a board without hardware: the agent on a pseudo-terminal, over a TLS stack.
 * Virtual board, not for firmware.
 *
 * A host cannot tell it from a board on a USB port: it prints a banner when it starts, logs between
 * replies, loses its blobs and its clock when it is reset, and drops what nobody reads. The
 * connection runs on a thread of its own, so that the agent always answers.
 */
#ifndef SHAKEDOWN_FIRMWARE_VIRTUAL_BOARD_H
#define SHAKEDOWN_FIRMWARE_VIRTUAL_BOARD_H

#include "base/error.h"
#include "firmware/glue/stack.h"

#define VIRTUAL_BOARD_DEADLINE_MS 10000 /* of a run; after it, the stack's time-out status */

struct virtual_board_options {
	const struct stack *stack;
	int state; /* index into its states */
	uint32_t deadline_ms;
};

/* The stacks of this program, ended by NULL: stacks.c. */
extern const struct stack *const STACKS[];

/*
 * Makes the pseudo-terminal, says {"event":"ready","device":"/dev/pts/5"} on standard output
 * (base/message.h), and serves until standard input ends. 0, or ERR_ENVIRONMENT with the sentence.
 * Once in a program.
 */
int virtual_board_serve(const struct virtual_board_options *options, struct error *error);

#endif
