/*
 * python.h: a Python that can run the runner. Layer: peer.
 *
 * The first python3 in PATH need not be the one that has pyserial.
 */
#ifndef SHAKEDOWN_PEER_PYTHON_H
#define SHAKEDOWN_PEER_PYTHON_H

#include "base/error.h"

#define PYTHON_DEADLINE_MS 10000 /* for one candidate to import pyserial; it takes 20 */

/*
 * The path of a Python that imports pyserial: $SHAKEDOWN_PYTHON if it is set, and no other then;
 * else /usr/bin/python3, else the first such python3 in PATH. Tries each by running it, waits for
 * that, and remembers what it found. Borrowed, for the life of the process. NULL with the error set
 * (ERR_ENVIRONMENT: what was tried, what to install) if there is none.
 */
const char *python_find(struct error *error);

/*
 * Starts to try the first of these while the caller does something else; python_find, which is to
 * be called then, waits for it. The process has a child until then.
 */
void python_prepare(void);

#endif
