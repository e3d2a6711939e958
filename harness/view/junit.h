/*
 * junit.h: the run for CI systems. Layer: view. Pure: no I/O, no clock, no globals.
 *
 * One testsuite for each suite and board, its classname "<board>.<suite>"; one testcase for each
 * cell, named by the cell's id, which is unique and stays the same from run to run (GitLab drops
 * duplicate names). A failure, or a known one that passes, is a <failure>; what is inconclusive or
 * went wrong in the harness an <error>, so that no CI takes it for a success; what is unsupported,
 * known to fail or not run is <skipped>. The body, as GitLab shows only that, begins with the
 * verdict, says why and what helps, and ends with the ladder.
 */
#ifndef SHAKEDOWN_VIEW_JUNIT_H
#define SHAKEDOWN_VIEW_JUNIT_H

#include "base/buf.h"
#include "view/shelf.h"

#include <jansson.h>

/*
 * Appends the document for `results`, a checked results.json, with its shelf, or NULL. `folder` is
 * that of the run as the CI system reaches it: what a cell left is attached from there.
 */
void junit_render(struct buf *out, const json_t *results, const struct shelf *shelf,
                  const char *folder);

#endif
