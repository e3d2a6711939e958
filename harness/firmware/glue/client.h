/*
 * client.h: the agent's operations over a TLS stack. Firmware: copy the folder.
 *
 * Two tasks work together: one feeds the UART's bytes to client_receive(), the other one runs
 * client_work() when port_wake() says so. There is one client in a program; its state, the store
 * for blobs included, is static. What the two tasks share are two flags, which are atomic.
 */
#ifndef SHAKEDOWN_FIRMWARE_GLUE_CLIENT_H
#define SHAKEDOWN_FIRMWARE_GLUE_CLIENT_H

#include "firmware/glue/stack.h"

#ifndef CLIENT_STORE_SIZE
#define CLIENT_STORE_SIZE 16384 /* bytes for all uploaded blobs together */
#endif

/*
 * Starts the agent, with the index of the stack's state if it has any; a run that takes longer than
 * `deadline_ms` ends with the stack's status for that. Once, after the network is up; and again
 * after a restart that kept the memory, while no run is under way.
 */
void client_init(const struct stack *stack, int state, uint32_t deadline_ms);

/* Takes one byte from the UART. */
void client_receive(uint8_t byte);

/* Does the run that port_wake() was called for, to its end. On the task for TLS. */
void client_work(void);

/* Makes a run under way, if any, end soon. */
void client_abort(void);

#endif
