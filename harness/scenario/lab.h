/*
 * lab.h: the boards of one bench: a file outside of the repository that says which board is of
 * which type (a profile), and where it is plugged in. Layer: scenario. Reads files.
 *
 * What the file may hold is scenarios/schema/lab.schema.json; docs/boards.md is the user's view.
 * Whether a board is there is found out when its port is opened.
 */
#ifndef SHAKEDOWN_SCENARIO_LAB_H
#define SHAKEDOWN_SCENARIO_LAB_H

#include "base/error.h"
#include "scenario/profile.h"

#include <stddef.h>

/* How a port is named by the serial number of its USB adapter; the runner finds the device. */
#define LAB_SERIAL_NUMBER "serial-number:"

struct lab {
	char *file; /* owned; as the user knows it */
	/*
	 * One for each board, in the order of the file: the profile of its type, with the board's
	 * own name, port, address and tags in it.
	 */
	struct profile *profiles; /* owned */
	size_t n_profiles;
};

/*
 * Loads the lab file `path` and the profiles that it names; their paths are taken from the folder
 * of the file. On success the caller frees with lab_fini; on failure there is nothing to free.
 * ERR_INPUT, with file and JSON path, if something is not as it should be, a name or a port stands
 * twice, or a board has neither a port of its own nor one in its profile.
 */
int lab_load(struct lab *lab, const char *path, struct error *error);

/* Frees the profiles. */
void lab_fini(struct lab *lab);

/* The board `name`, borrowed from the lab; NULL with the names there are (ERR_INPUT) if none is. */
const struct profile *lab_find(const struct lab *lab, const char *name, struct error *error);

#endif
