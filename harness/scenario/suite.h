/*
 * suite.h: a suite file, checked and expanded: scenarios with every axis fixed. Layer: scenario.
 * Reads files.
 *
 * What a file may hold is scenarios/schema/suite.schema.json; what no schema can say is checked
 * here: names that stand twice, certificates that certs/recipes.json does not have, excludes that
 * match nothing, scenarios without a case, words that OpenSSL does not take, servers that
 * contradict themselves. docs/suites.md is the user's view.
 *
 * Cases are made when they are asked for, so that large matrices cost four bytes a case.
 */
#ifndef SHAKEDOWN_SCENARIO_SUITE_H
#define SHAKEDOWN_SCENARIO_SUITE_H

#include "base/error.h"

#include <jansson.h>
#include <stddef.h>

struct suite;

/*
 * Loads a suite by path ("mine/tls.json": anything with a slash, or that ends in .json) or by the
 * name of a shipped one ("story"). The caller frees it with suite_free. ERR_INPUT, with file and
 * JSON path, if it is not as it should be; ERR_ENVIRONMENT if the program's own files are not
 * there.
 */
int suite_load(struct suite **suite, const char *name, struct error *error);

/*
 * The same for the content of a suite file that comes another way: `document` is {"file": as the
 * user knows it, "json"}; borrowed, and shared, not changed.
 */
int suite_take(struct suite **suite, const json_t *document, struct error *error);

/* suite_free(NULL) does nothing. */
void suite_free(struct suite *suite);

/* Complains (ERR_INPUT) if two suites of one run have the same name: ids would not be unique. */
int suite_check_set(struct suite *const suites[], size_t n_suites, struct error *error);

/* Its name, and the file that it came from. Borrowed from the suite. */
const char *suite_name(const struct suite *suite);
const char *suite_file(const struct suite *suite);

/* How many cases the suite has, of all of its scenarios. */
size_t suite_n_cases(const struct suite *suite);

/*
 * The case `index`, in the order of the file, the last axis of a matrix changing fastest; a new
 * object of the caller's:
 *   {"id": "story/rsa-certificate/1.3,x25519", "suite", "scenario", "case", "server", "client",
 *    "expect", "why"}, of a matrix {"matrix": {"server.groups": [..]}}, and {"twin": {"server"}}
 *    where it must be refused (expect.h)
 * "case" is the part of the id after the suite. In "server", certificate, the lists of words (also
 * those written with colons) and alpn are lists, versions ascend, and versions, client_auth and
 * tickets are always there; "client" may be empty. Values are shared between cases: look, do not
 * change.
 */
json_t *suite_case(const struct suite *suite, size_t index);

/* One-factor changes of the server of the case `index`, the nearest first (neighbour.h). New. */
json_t *suite_neighbours(const struct suite *suite, size_t index);

#endif
