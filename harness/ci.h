/*
 * ci.h: what `run` and `report` say to CI systems beside the report: annotations for GitHub, and a
 * file in the Test Anything Protocol. A program's part, above all layers.
 */
#ifndef SHAKEDOWN_CI_H
#define SHAKEDOWN_CI_H

#include "base/error.h"
#include "view/shelf.h"

#include <jansson.h>
#include <stdbool.h>

struct ci {
	bool github;       /* --github */
	const char *tap;   /* --tap FILE, borrowed; NULL: none */
	char token[33];    /* ends what ci_begin began */
};

/*
 * Before anything is printed: from here on GitHub takes nothing on standard output for a command,
 * as a board or a peer could have written it.
 */
void ci_begin(struct ci *ci);

/*
 * Behind all that is printed. `results`, with its shelf, is NULL if there are none.
 * ERR_ENVIRONMENT, of the file.
 */
int ci_end(const struct ci *ci, const json_t *results, const struct shelf *shelf,
           struct error *error);

#endif
