/*
 * markdown.h: the run as a page of Markdown, for step summaries and merge requests. Layer: view.
 * Pure: no I/O, no clock, no globals.
 *
 * The same content as the terminal's: first the counts, then what is worse than in the base, the
 * causes, and last the matrices. Stays well below 1 MiB, above which GitHub refuses a step summary:
 * what does not fit is left out, and that is said.
 */
#ifndef SHAKEDOWN_VIEW_MARKDOWN_H
#define SHAKEDOWN_VIEW_MARKDOWN_H

#include "base/buf.h"
#include "view/shelf.h"

#include <jansson.h>

#define MARKDOWN_MAX ((size_t)900000) /* bytes */

/* Appends the page for `results`, a checked results.json, with its shelf, or NULL. */
void markdown_render(struct buf *out, const json_t *results, const struct shelf *shelf);

#endif
