/*
 * message.h: how Shakedown's processes talk: JSON lines, each with an optional attachment. Layer:
 * base. Does I/O in message_write and message_read.
 *
 * A message is one line of JSON (an object) that ends with '\n'. If it has the integer member
 * "attached", exactly that many raw bytes follow the line (a capture, say). Both parts have caps,
 * so that a child gone wrong cannot fill its parent's memory. Works over any byte stream.
 */
#ifndef SHAKEDOWN_BASE_MESSAGE_H
#define SHAKEDOWN_BASE_MESSAGE_H

#include "base/buf.h"
#include "base/error.h"

#include <jansson.h>

#define MESSAGE_LINE_MAX (16u << 20)     /* bytes of JSON */
#define MESSAGE_ATTACHED_MAX (256u << 20) /* bytes after it */

/* Collects bytes as they come. Zero-initialised storage is ready; message_reader_fini frees it. */
struct message_reader {
	struct buf held;
	size_t scanned;   /* bytes of `held` known to hold no end of line */
	json_t *waiting;  /* owned; a line whose attachment is not whole yet */
	size_t n_attached;
};

/* Frees what is held, also of a message that is not whole; the reader may be used again. */
void message_reader_fini(struct message_reader *reader);

/* Adds bytes that have come, copied. */
void message_feed(struct message_reader *reader, const void *data, size_t len);

/*
 * The next whole message: 1, with *message owned by the caller and *attached borrowed until the
 * next call on this reader; 0 if none is whole yet; ERR_ENVIRONMENT if the stream is not made of
 * messages (text that is not JSON, a cap reached).
 */
int message_next(struct message_reader *reader, json_t **message, struct bytes *attached,
                 struct error *error);

/*
 * Appends one message to `out`. `message` must not have "attached" itself; it is set here if
 * needed.
 */
void message_put(struct buf *out, const json_t *message, struct bytes attached);

/* Writes one message to `fd`, blocking. ERR_ENVIRONMENT with the system's reason. */
int message_write(int fd, const json_t *message, struct bytes attached, struct error *error);

/*
 * Waits for the next message from `fd`, up to timeout_ms (-1: for ever) for each piece of it. 1 and
 * a message as message_next; 0 if the time is over; ERR_ENVIRONMENT if the other end was closed
 * (error text empty) or the stream broke. A signal that is caught begins the wait anew.
 */
int message_read(int fd, struct message_reader *reader, int timeout_ms, json_t **message,
                 struct bytes *attached, struct error *error);

#endif
