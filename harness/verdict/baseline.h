/*
 * baseline.h: a run against an earlier one, the base. Layer: verdict. Pure: no I/O, no clock, no
 * globals.
 *
 * Cells are the same if their ids are. Of a cell counts what came of it, and how: its outcome, its
 * reason and its alert. A regression is what a change must not bring: a failure, or the loss of a
 * verdict, that neither the base nor known.json knows.
 */
#ifndef SHAKEDOWN_VERDICT_BASELINE_H
#define SHAKEDOWN_VERDICT_BASELINE_H

#include <jansson.h>

/* In the order in which they are shown. */
enum baseline_change {
	BASELINE_NEWLY_FAILING,  /* it fails, and did not in the base */
	BASELINE_VERDICT_LOST,   /* inconclusive, error, skip or unsupported now */
	BASELINE_CHANGED,        /* the same side of failing, with another reason or alert */
	BASELINE_STILL_FAILING,
	BASELINE_FIXED,
	BASELINE_VERDICT_GAINED, /* it passes, and had no verdict in the base */
	BASELINE_NEW,            /* the base has no such cell */
	BASELINE_GONE,           /* the run has no such cell, but its suite and board */
	BASELINE_CHANGES,
	BASELINE_SAME = BASELINE_CHANGES, /* told by its number alone */
};

/* The change's word in results.json, "newly-failing". Static text; NULL for BASELINE_SAME. */
const char *baseline_word(enum baseline_change change);

/*
 * What became of the cells of `base` in `results`, both as in results.json; a new object that fits
 * "baseline" in results.schema.json:
 *   {"id", "started", "complete", "regressions": N, "same": N, "elsewhere": N,
 *    "boards": [{"name", "before", "after"}],
 *    "cells": [{"id", "change", "regression", "redefined", "before", "after"}]}
 * "elsewhere" counts cells of the base on boards and in suites that the run does not have, and in
 * a shard all that it does not have. "boards" are those whose stack is another one. "redefined"
 * cells have another server, client or expectation than they had. The cells come by their change,
 * and in the order of their run.
 *
 * A cell in quarantine (known.h) is the same whether it passes or fails. A flaky failure of a cell
 * that was flaky in the base is no regression; a cell that accepts what it must refuse (unsafe) is
 * one unless it did so before.
 */
json_t *baseline_compare(const json_t *base, const json_t *results);

/* {id: its entry in "cells"}, new: of results, or of what baseline_compare made. */
json_t *baseline_index(const json_t *list);

/*
 * The exit status that the comparison asks for: 1 with a regression; 3 if the harness failed in a
 * cell in which it did not fail in the base; else 0.
 */
int baseline_exit_status(const json_t *comparison);

#endif
