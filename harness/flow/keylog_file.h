/*
 * keylog_file.h: the key log that a program wrote beside a capture (SSLKEYLOGFILE). Layer: flow.
 * Does I/O.
 */
#ifndef SHAKEDOWN_FLOW_KEYLOG_FILE_H
#define SHAKEDOWN_FLOW_KEYLOG_FILE_H

#include "base/error.h"
#include "decode/keylog.h"

#include <stdio.h>

#define KEYLOG_FILE_MAX (256u << 20) /* bytes; larger files are refused */

/*
 * Adds the secrets of the file `path` ("-": standard input) to `keylog`. Lines of another form are
 * passed over; how many there were is one line in `notes`, as is that there are no secrets.
 * ERR_INPUT, with one sentence, if the file cannot be read or has lines of other forms alone.
 */
int keylog_file_read(struct keylog *keylog, const char *path, FILE *notes, struct error *error);

#endif
