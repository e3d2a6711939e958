/*
 * html_summary.h: what the page shows before a cell is opened. Layer: view. Pure: no I/O, no clock,
 * no globals.
 */
#ifndef SHAKEDOWN_VIEW_HTML_SUMMARY_H
#define SHAKEDOWN_VIEW_HTML_SUMMARY_H

#include "view/report.h"

/*
 * The times of a cell that has its testimony, for its place: those in "cells" below. New; NULL if
 * no ClientHello was seen.
 */
json_t *html_times(const json_t *cell);

/*
 * The summary of `report`, new. `places` is {id: [block, line, times]}: where the details of each
 * cell are, and its html_times if it has some.
 *   "run", "boards"  as in results.json; "seconds" or null
 *   "outcomes"       [[word, glyph, how many]], those that occur
 *   "n_unsafe"
 *   "suites"         names; "scenarios": [[name, why]]; "rows": [[suite, case, scenario, matrix or
 *                    null]]
 *   "squares"        [[outcome, words, reason, alert or null, meaning or null]], each kind once
 *   "cells"          [row, board, square, block, line, flaky, times or 0, groups or 0, id or 0];
 *                    the id where it is not suite/case/board; times in ms: until the ClientHello came,
 *                    then, until the handshake was over, what the board and the server took
 *                    (null: it sent nothing more)
 *   "groups"         failures by cause, those of unsafe cells first: {id, title, cause, confidence,
 *                    evidence, log, board_fixes, server_fix, proof, rfc, refs}
 *   "remarks"        lines; "lint": [{id, severity, text, rfc, boards: {name: cells}}]
 *   "rule_faults"    lines
 */
json_t *html_summary(const struct report *report, const json_t *places);

#endif
