/*
 * neighbour.h: servers that differ from a case's in one factor. Layer: scenario. Pure: no I/O, no
 * clock, no globals.
 *
 * Where nobody knows the cause of a failure, one change after the other may find it: first the
 * other values that the scenario's own matrix has, then what most often stands between a board and
 * a server.
 */
#ifndef SHAKEDOWN_SCENARIO_NEIGHBOUR_H
#define SHAKEDOWN_SCENARIO_NEIGHBOUR_H

#include <jansson.h>

/*
 * A new list of merge patches (RFC 7396) of `server`, a case's in normal form, that each change one
 * key of it, the nearest first. `axes` ({"server.groups": [values...]}) are those of its scenario,
 * or NULL.
 */
json_t *neighbours_of(const json_t *server, const json_t *axes);

#endif
