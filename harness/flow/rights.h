/*
 * rights.h: how the sniffer gives up what it no longer needs. Layer: flow. Works on the calling
 * process, which has one thread.
 *
 * Parsing what the network sends is where things go wrong, so nothing of it happens before both
 * rights_drop and rights_confine have succeeded. `decode`, which has the rights of its user only,
 * is confined as well.
 */
#ifndef SHAKEDOWN_FLOW_RIGHTS_H
#define SHAKEDOWN_FLOW_RIGHTS_H

#include "base/error.h"

/* Closes every file descriptor but the standard three. To be called first of all. */
void rights_close_files(void);

/*
 * Gives up all capabilities for good and forbids gaining any (no_new_privs). ERR_ENVIRONMENT if
 * that fails.
 */
int rights_drop(struct error *error);

/*
 * Loads what decoding would otherwise open files for later: OpenSSL's configuration, the time zone,
 * jansson's random seed. To be called before rights_confine.
 */
void rights_warm_up(void);

/*
 * From here on, only the system calls that reading the ring, decoding and talking to the parent
 * need. Any other ends the process: there are no files, no other processes and no new sockets, and
 * nothing is written but to standard output and standard error. Only asking what a file is fails
 * instead, whatever file it is. Nothing can be made executable. ERR_ENVIRONMENT if the kernel has
 * no seccomp filters.
 */
int rights_confine(struct error *error);

#endif
