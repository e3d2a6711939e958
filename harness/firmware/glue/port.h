/*
 * port.h: what the glue asks of the platform. Firmware; each project writes these functions itself.
 *
 * The glue's other files are the same everywhere: client.c between the agent and a TLS stack, one
 * stack_*.c, and with stacks that leave TCP to the application one link_*.c. They use the C library
 * (snprintf, strings, and malloc where the stack does) and no operating system.
 */
#ifndef SHAKEDOWN_FIRMWARE_GLUE_PORT_H
#define SHAKEDOWN_FIRMWARE_GLUE_PORT_H

#include <stddef.h>
#include <stdint.h>

/* Sends `len` bytes to the UART, whole and in order. It may wait for room in its buffer. */
void port_write(const char *text, size_t len);

/* One line of log (printf format, without end of line). Any task; dropping it does no harm. */
void port_log(const char *format, ...)
#if defined(__GNUC__)
	__attribute__((format(printf, 1, 2)))
#endif
	;

/* Milliseconds since any moment; the count may begin again at zero. */
uint32_t port_now_ms(void);

/* Seconds since 1970 as the platform's clock has it, right or not; it never stands still. */
int64_t port_unix_s(void);

/* A number that differs from start to start of the board: a kept counter, or random. */
uint32_t port_boot_nonce(void);

/* Has the task for TLS call client_work() once. Returns at once. */
void port_wake(void);

/* Asks for a restart of the board, soon but not in this call. */
void port_reset(void);

#endif
