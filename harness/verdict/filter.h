/*
 * filter.h: a jq program over a judged cell. Layer: verdict. Pure.
 *
 * libjq 1.6 takes some 15 ms for any program, and for each instruction of it walks once through all
 * of its library: a long program costs 3 ms a rule, and one of more than 64 KB of code does not
 * compile at all.
 */
#ifndef SHAKEDOWN_VERDICT_FILTER_H
#define SHAKEDOWN_VERDICT_FILTER_H

#include "base/buf.h"

#include <jansson.h>

struct filter;

/*
 * A filter that makes a list of all that `terms` yields: jq with the cell as input, the board as
 * $board, the further input as $given and the definitions of `prelude` at hand. NULL if that does
 * not compile; jq's first complaint is appended to `complaint`. The caller frees it with
 * filter_free.
 */
struct filter *filter_new(const char *prelude, const char *terms, struct buf *complaint);

void filter_free(struct filter *filter);

/* What the filter makes of this; the caller's to release. NULL if it fails. */
json_t *filter_run(struct filter *filter, const json_t *cell, const json_t *board,
                   const json_t *given);

#endif
