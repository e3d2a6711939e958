/*
 * captures.h: the captures of a run's cells on their way to the disk. Layer: view.
 *
 * Each is a file of its own from its first byte on, so that it costs little, and has its name when
 * it is whole. What a process that was killed left belongs to no cell that counts, and gives way
 * when the cell is run again.
 * Those of several cells are made safe against a loss of power together, before the cells are.
 */
#ifndef SHAKEDOWN_VIEW_CAPTURES_H
#define SHAKEDOWN_VIEW_CAPTURES_H

#include "base/error.h"
#include "base/reader.h"

#include <stdbool.h>
#include <stddef.h>

#define CAPTURES_MODE 0600   /* they hold the secrets that decrypt them */
#define CAPTURES_DRAFT ".part" /* after the name of one that is not whole */
#define CAPTURES_OPEN_MAX 64 /* files that wait to be made safe; more are not kept waiting */

/* Zero-initialised storage has none. */
struct captures {
	struct {
		char *path;
		int fd;
	} open[CAPTURES_OPEN_MAX];
	size_t n_open;
};

/* Whether `name`, which somebody else tells, is a path below cells/ that leads nowhere else. */
bool captures_may_be_named(const char *name);

/*
 * Writes the file `path`, for its user alone, and makes its folder if need be. A file of that name
 * goes. ERR_ENVIRONMENT with the system's reason: then there is none that is new.
 */
int captures_write(struct captures *captures, const char *path, struct bytes capture,
                   struct error *error);

/* Makes what was written safe. ERR_ENVIRONMENT with the system's reason. */
int captures_sync(struct captures *captures, struct error *error);

/* Forgets those that were not made safe; they stay. */
void captures_fini(struct captures *captures);

#endif
