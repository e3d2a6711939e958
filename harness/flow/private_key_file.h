/*
 * private_key_file.h: a server's private key, which opens static RSA key exchanges. Layer: flow.
 * Does I/O.
 */
#ifndef SHAKEDOWN_FLOW_PRIVATE_KEY_FILE_H
#define SHAKEDOWN_FLOW_PRIVATE_KEY_FILE_H

#include "base/error.h"
#include "decode/keylog.h"

#define PRIVATE_KEY_FILE_MAX (1u << 20) /* bytes; larger files are refused */

/*
 * Adds the RSA key of the file `path` (PEM, where it may stand among certificates, or DER) to
 * `keylog`. ERR_INPUT, with one sentence, if the file cannot be read, holds no private key, one
 * that takes a pass phrase or one of another kind, or if it is one more than
 * KEYLOG_PRIVATE_KEYS_MAX.
 */
int private_key_file_read(struct keylog *keylog, const char *path, struct error *error);

#endif
