/*
 * lineup.h: all servers of some suites asked what they would answer to ClientHellos. Layer:
 * scenario. Reads the certificates; no sockets.
 */
#ifndef SHAKEDOWN_SCENARIO_LINEUP_H
#define SHAKEDOWN_SCENARIO_LINEUP_H

#include "base/reader.h"
#include "scenario/suite.h"

/* What is asked of whom. All members are borrowed. */
struct lineup {
	struct suite *const *suites;
	size_t n_suites;
	const struct bytes *hellos; /* whole messages, as whatif_ask takes them */
	size_t n_hellos;
	const char *certificates;   /* the folder that certs_make filled */
};

/*
 * Appends to each answers[i], an array of the caller's for hellos[i], what every case's server
 * would answer, in the order of the suites: the members of whatif_tell, "suite", "case" and
 * "server". ERR_INPUT, with the case's name, if a server cannot be built.
 */
int lineup_ask(const struct lineup *lineup, json_t *const answers[], struct error *error);

/*
 * What one such server would answer to one hello; NULL, with the error set, if it cannot be built.
 */
json_t *lineup_ask_one(const json_t *server, struct bytes hello, const char *certificates,
                       struct error *error);

#endif
