/*
 * lock.h: one daemon a serial port. Layer: peer. Does I/O.
 *
 * Two daemons that drive one board spoil each other's runs, and the port's own exclusive mode is
 * advisory. So each takes a lock file named after the device, in $XDG_RUNTIME_DIR/shakedown or
 * /tmp/shakedown-<uid>, which only the user may enter. The kernel lets go of it when its holder
 * dies.
 */
#ifndef SHAKEDOWN_PEER_LOCK_H
#define SHAKEDOWN_PEER_LOCK_H

#include "base/error.h"

struct lock;

/*
 * Takes the lock of `device`, by whatever name: names of one device share a lock. The caller gives
 * it back with lock_release. ERR_ENVIRONMENT if another process has it, which the error names, or
 * if the folder of locks cannot be used.
 */
int lock_take(const char *device, struct lock **lock, struct error *error);

/* Gives the lock back and removes its file. Nothing if `lock` is NULL. */
void lock_release(struct lock *lock);

#endif
