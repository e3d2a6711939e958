/*
 * decode_file.h: a capture file told connection by connection: what `shakedown decode` does. Layer:
 * flow. Does I/O.
 */
#ifndef SHAKEDOWN_FLOW_DECODE_FILE_H
#define SHAKEDOWN_FLOW_DECODE_FILE_H

#include "base/error.h"
#include "decode/emit.h"

#include <stdio.h>

/*
 * Decodes the capture `path` ("-": standard input) to `out`. EMIT_TEXT: a heading and a tree for
 * each connection, and a line that sums up. EMIT_JSON: a line of JSON for each connection. A
 * connection is written when it is over, those without an end at the end of the file, in the order
 * in which they began. Secrets in the file open what they can.
 *
 * ERR_INPUT, with one sentence, if the file is not a capture, is cut off or damaged, or is of a
 * link type that is not read; what could be read has been written all the same. ERR_ENVIRONMENT if
 * `out` fails.
 *
 * Packets are taken in the order of their times, whatever their order in the file: cards with many
 * queues mix them up, and files are put together from the captures of both directions. Memory does
 * not grow with a file whose packets are in order; of others, each packet takes some 50 bytes.
 */
int decode_file(const char *path, enum emit_format format, FILE *out, struct error *error);

#endif
