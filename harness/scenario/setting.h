/*
 * setting.h: the keys of a suite's `server` and `client`, and the normal form of their values.
 * Layer: scenario. Pure: no I/O, no clock, no globals.
 *
 * Users may write a value in more than one way. Past the loader there is one, so that values can be
 * compared: versions ascend, certificates and OpenSSL's words are lists of single ones, and no
 * tickets are false.
 */
#ifndef SHAKEDOWN_SCENARIO_SETTING_H
#define SHAKEDOWN_SCENARIO_SETTING_H

#include "base/buf.h"

#include <jansson.h>

/*
 * The normal form of `value`, which the schema has accepted, for the key `key` ("groups"): a new
 * reference.
 */
json_t *setting_normal(const char *key, json_t *value);

/* A new object: the members of `settings` (NULL: none) in normal form. */
json_t *setting_normal_all(const json_t *settings);

/*
 * Appends the name of a normal value, for case ids: [a-z0-9.+_-], not beginning with a dot, at most
 * `width` bytes. What is not in that set becomes '-', so that two values may share a name. Elements
 * of lists are joined by '+'; an empty list or false is "no-<key>", true is "<key>"; numbers are in
 * decimal, and a pre-shared key has the name of its identity. Faults have names of their own
 * (fault_plan.h).
 */
void setting_name(struct buf *out, const char *key, const json_t *value, size_t width);

#endif
