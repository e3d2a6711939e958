/*
 * profile.h: a board's profile: how to reach it, and what is known of it. Layer: scenario. Reads
 * files.
 *
 * What a file may hold is scenarios/schema/board.schema.json; addresses and names of certificates
 * are checked here. Whether a serial port is there is found out when it is opened. docs/boards.md
 * is the user's view.
 */
#ifndef SHAKEDOWN_SCENARIO_PROFILE_H
#define SHAKEDOWN_SCENARIO_PROFILE_H

#include "base/json.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct profile {
	char *file;   /* owned; as the user knows it */
	json_t *json; /* owned; driver, address, timeout_ms and, with a port, baud are there */
	bool local;   /* all of it is on this machine: it may run in a network of its own */
};

/*
 * Loads a profile by path (anything with a slash, or that ends in .json) or by the name of a
 * shipped one ("netx-fixed"). On success the caller frees with profile_fini; on failure there is
 * nothing to free. ERR_INPUT, with file and JSON path, if it is not as it should be;
 * ERR_ENVIRONMENT if the program's own files are not there.
 */
int profile_load(struct profile *profile, const char *name, struct error *error);

/*
 * The same for one board of a type: `identity` has members ("name", "port", "address") that take
 * the place of the profile's, and "tags" that are added to them. Faults of these are complained of
 * at `entry`, where they stand.
 */
int profile_load_as(struct profile *profile, const char *name, const struct json_node *entry,
                    const json_t *identity, struct error *error);

/* Frees what a profile that was loaded holds. */
void profile_fini(struct profile *profile);

/* The board's name, borrowed from the profile. */
const char *profile_name(const struct profile *profile);

/*
 * Complains (ERR_INPUT) if the boards of one run cannot be there together: the same name twice, or
 * one serial port under two boards, also by different paths.
 */
int profile_check_set(const struct profile profiles[], size_t n_profiles, struct error *error);

#endif
