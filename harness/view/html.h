/*
 * html.h: the run as one page for a browser, index.html. Layer: view. Pure: no I/O, no clock, no
 * globals of its own.
 *
 * The page works from a file, without a network: style and script (harness/view/page/) stand in it,
 * and a Content-Security-Policy with their hashes allows nothing else. What the first screen needs
 * is JSON that is read at once (html_summary.h); the cells' details (html_cell.h) are lines of JSON
 * in deflated blocks, which the page opens on demand. Whatever boards and peers said stands in JSON
 * strings alone, in which "<" is escaped.
 */
#ifndef SHAKEDOWN_VIEW_HTML_H
#define SHAKEDOWN_VIEW_HTML_H

#include "base/buf.h"
#include "view/shelf.h"

#include <jansson.h>

#define HTML_BLOCK_MAX ((size_t)768 << 10) /* bytes of details that close a block */

/* Appends the page of `results` (checked, see results.h; with its shelf, or NULL) to `out`. */
void html_render(struct buf *out, const json_t *results, const struct shelf *shelf);

#endif
