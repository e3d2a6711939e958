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
#include "firmware/stack.h"

#define VIRTUAL_BOARD_STORE 16384 /* bytes for blobs */
#define VIRTUAL_BOARD_DEADLINE_MS \
	10000 /* a run that takes longer ends with the stack's time-out status */

struct virtual_board_options {
	const struct stack *stack;
	int state; /* index into its states */
	uint32_t deadline_ms;
};

/*
 * Makes the pseudo-terminal, says {"event":"ready","device":"/dev/pts/5"} on standard output
 * (base/message.h), and serves until standard input ends. 0, or ERR_ENVIRONMENT with the sentence.
 */
int virtual_board_serve(const struct virtual_board_options *options, struct error *error);

/* One line of log on the board's UART, with the time since it started. Any thread. */
void virtual_board_log(struct virtual_board *board, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
