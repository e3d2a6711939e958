/*
 * host.h: the host's end of the agent protocol, as small as it can be, for tests. Its bytes go over
 * whatever line the test gives it, and its clock is the line's: -1 from `receive` means time is up.
 */
#ifndef SHAKEDOWN_TESTS_FIRMWARE_HOST_H
#define SHAKEDOWN_TESTS_FIRMWARE_HOST_H

#include "base/reader.h"

#include <stdarg.h>

#define HOST_REPLY_MAX 256

struct host {
	void (*send)(void *line, const char *bytes, size_t len);
	int (*receive)(void *line); /* the next byte; -1 when none comes in time */
	void *line;
	int n_tries; /* how often a command is sent before it is given up */
	uint8_t seq;
	unsigned n_sent;            /* frames, repeated ones included */
	char reply[HOST_REPLY_MAX]; /* what followed the sequence number in the last reply */
};

uint16_t host_crc(const void *data, size_t len);

/* The frame of a command with the host's present number: "\n@H05 STAT*1234\n". Returns its length.
 */
size_t host_frame(const struct host *host, const char *command, char *frame, size_t size);

/* Sends a command (printf format) under the next number until it is answered. False if it never is.
 */
bool host_ask(struct host *host, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As host_ask, without a new number: the same command again. */
bool host_ask_again(struct host *host, const char *command);

/* The value of `key` in the last reply, copied into `value`; false if it is not there. */
bool host_value(const struct host *host, const char *key, char value[HOST_REPLY_MAX]);

/* Uploads a blob. False if the board refused, or never answered. */
bool host_upload(struct host *host, const char *name, struct bytes blob);

#endif
