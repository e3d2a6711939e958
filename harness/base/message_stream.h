/*
 * message_stream.h: messages (message.h) into a libuv stream. Layer: base. Runs on the loop of the
 * stream, on its thread.
 */
#ifndef SHAKEDOWN_BASE_MESSAGE_STREAM_H
#define SHAKEDOWN_BASE_MESSAGE_STREAM_H

#include "base/reader.h"

#include <jansson.h>
#include <uv.h>

/*
 * Writes one message with its attachment (message.h), which may be empty, and returns before it is
 * sent. Both are borrowed for the call. That nobody reads any more is no failure here: whoever
 * reads from the other end finds out.
 */
void message_stream_write(uv_stream_t *stream, const json_t *message, struct bytes attached);

#endif
