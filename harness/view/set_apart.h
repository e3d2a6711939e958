/*
 * set_apart.h: cells that are in quarantine, and those whose attempts disagree. Layer: view. Pure:
 * no I/O, no clock, no globals.
 */
#ifndef SHAKEDOWN_VIEW_SET_APART_H
#define SHAKEDOWN_VIEW_SET_APART_H

#include "view/report.h"

#define SET_APART_MAX 20 /* lines of one kind; the rest is counted */

/*
 * Appends a line for each: a failure that a quarantine (verdict/known.h) keeps from counting, with
 * its reason and link, and a flaky cell with the outcome of each attempt. Nothing where there is
 * neither.
 */
void set_apart_describe(const struct report *report, struct buf *out);

#endif
