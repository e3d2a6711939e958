/*
 * terminal.h: the run as people read it in a terminal. Layer: view.
 *
 * First the matrix, then what failed, grouped by cause, with the evidence and what helps. Rendered
 * from results.json alone. Text of boards, peers and files is cleaned (text.h), so that nothing in
 * it can reach the terminal as a control.
 */
#ifndef SHAKEDOWN_VIEW_TERMINAL_H
#define SHAKEDOWN_VIEW_TERMINAL_H

#include "base/buf.h"
#include "view/text.h"
#include "view/shelf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define TERMINAL_WIDTH_USUAL 120
#define TERMINAL_WIDTH_LEAST 60 /* narrower ones are written as if they had this many columns */

struct terminal_options {
	bool unicode; /* else ASCII alone */
	bool colour;
	int width; /* columns; 0: TERMINAL_WIDTH_USUAL */
};

/*
 * What suits `file`: the locale's character set (the program has called setlocale), the window's
 * width, and colours if it is a terminal that is not dumb and NO_COLOR is not set.
 */
struct terminal_options terminal_options_for(FILE *file);

/* The columns to write in: TERMINAL_WIDTH_LEAST or more. */
size_t terminal_width(const struct terminal_options *options);

enum text_charset terminal_charset(const struct terminal_options *options);

/* Appends the report of `results` (checked, see results.h; with its shelf, or NULL) to `out`. */
void terminal_render(const json_t *results, const struct shelf *shelf,
                     const struct terminal_options *options, struct buf *out);

/* The same, written to `file`. */
void view_terminal(const json_t *results, const struct shelf *shelf, FILE *file,
                   const struct terminal_options *options);

/* Appends what differs from the base: `baseline` of results.json, or nothing if NULL. */
void terminal_comparison(const json_t *baseline, const struct terminal_options *options,
                         struct buf *out);

#endif
