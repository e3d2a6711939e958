/*
 * show.h: all that is known of one cell, as people read it in a terminal. Layer: view. Pure: no
 * I/O, no clock, no globals.
 */
#ifndef SHAKEDOWN_VIEW_SHOW_H
#define SHAKEDOWN_VIEW_SHOW_H

#include "view/terminal.h"

/*
 * Appends the `cell` of `results`: the verdict, how it stands against the base, the diagnoses with
 * evidence, remedies and proof, the ladder, what each side has, lint, what the board wrote,
 * attempts, control and tries, the case itself, the command that runs it again and its files, which
 * are in `folder`.
 */
void show_cell(const json_t *results, const json_t *cell, const char *folder,
               const struct terminal_options *options, struct buf *out);

#endif
