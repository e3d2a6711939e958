/*
 * html_cell.h: what the page shows of one cell. Layer: view. Does I/O where the shelf does; no
 * clock, no globals of its own.
 */
#ifndef SHAKEDOWN_VIEW_HTML_CELL_H
#define SHAKEDOWN_VIEW_HTML_CELL_H

#include "view/shelf.h"

#include <jansson.h>

#define HTML_HEX_MAX 32 /* digits; of longer byte strings the page shows the beginning */

/*
 * What the cells of one block have in common: it is told once, in a list, and stands in the cells
 * as {"@": its place}.
 */
struct html_sharing {
	json_t *values; /* the list */
	json_t *places; /* {JSON text: place} */
	json_t *last;   /* {key: [what the last cell had, what stands there for it]} */
	json_t *known;  /* {JSON text as a run wrote it: what stands there for it} */
	json_t *hellos; /* {text of a ClientHello without what differs in each: it} */
};

void html_sharing_init(struct html_sharing *sharing);
void html_sharing_fini(struct html_sharing *sharing);

/*
 * The cell of results.json as the page shows it, new: without byte strings that nobody reads
 * (signatures, tickets), and with
 *   "statements"  what each witness says, in a sentence (witness.h)
 *   "sets"        what each side has (offer.h)
 *   "hello"       {"bytes": hex, "fields": hello_map.h}, if the ClientHello's bytes are there; then
 *                 "client_hello" of the wire has but its fingerprints
 * `shelf` may be NULL.
 */
json_t *html_cell(const json_t *cell, const struct shelf *shelf, struct html_sharing *sharing);

#endif
