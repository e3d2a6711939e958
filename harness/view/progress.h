/*
 * progress.h: the line that tells how far a run is, while it goes on. Layer: view. Pure: no I/O, no
 * clock, no globals.
 */
#ifndef SHAKEDOWN_VIEW_PROGRESS_H
#define SHAKEDOWN_VIEW_PROGRESS_H

#include "view/terminal.h"

#include <stdint.h>

#define PROGRESS_SURE 3 /* cells that an estimate needs */

struct progress {
	long long n_cells; /* to do, all in all */
	long long n_done, n_failed;
	uint64_t elapsed_ms;   /* since the first of them began */
	const char *current;   /* the id of the cell at work; "" if none is */
};

/*
 * Appends "7/24, 2 failed, about 12 s left: story/...", clean and cut so that it stays on one line;
 * the estimate once PROGRESS_SURE cells are done.
 */
void progress_line(const struct progress *progress, const struct terminal_options *options,
                   struct buf *out);

#endif
