/*
 * lab_socket.h: where the daemon of a lab listens. A program's part, above all layers.
 *
 * The path is the one that the user names; else $SHAKEDOWN_DAEMON; else shakedown.sock in
 * $XDG_RUNTIME_DIR; else /run/shakedown/shakedown.sock, where the system's service has it.
 */
#ifndef SHAKEDOWN_LAB_SOCKET_H
#define SHAKEDOWN_LAB_SOCKET_H

#include "base/error.h"

/*
 * A new string: where a daemon is to listen, or, if it is not `to_listen`, where one is looked for:
 * the first of these places that has a socket, or the last. `named` may be NULL.
 */
char *lab_socket_path(const char *named, int to_listen);

/* ERR_ENVIRONMENT if no socket can have this path: the system would cut it. */
int lab_socket_check_path(const char *path, struct error *error);

/* A connection to the daemon at `path`: a descriptor of the caller's, or ERR_ENVIRONMENT. */
int lab_socket_connect(const char *path, struct error *error);

#endif
