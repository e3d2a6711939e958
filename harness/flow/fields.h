/*
 * fields.h: a few values of a decoded connection in one line, for shell scripts and tables. Layer:
 * flow. Pure: no I/O, no clock, no globals.
 */
#ifndef SHAKEDOWN_FLOW_FIELDS_H
#define SHAKEDOWN_FLOW_FIELDS_H

#include "base/buf.h"
#include "base/error.h"

#include <jansson.h>

/*
 * Checks that `schema`, that of a connection, has each of the paths: ERR_INPUT with the first that
 * it has not and the nearest that it has. Below a member of which it tells no members, any are
 * allowed.
 */
int fields_check(const char *paths, const json_t *schema, struct error *error);

/*
 * Appends the values that stand at `paths` ("client.address,client_hello.ja4,alerts.number") of
 * `decoded`, separated by tabs, and a newline. A step of a path is a member's name. Through a list
 * it goes to every element, or to one if the step is its number, from 0; several values are joined
 * by commas. An object shows as compact JSON, what is not there or null as nothing. A control
 * character or backslash in a text shows as in JSON ("\t").
 */
void fields_write(struct buf *out, const char *paths, const json_t *decoded);

#endif
