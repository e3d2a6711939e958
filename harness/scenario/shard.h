/*
 * shard.h: which cases a part of a plan has, where several runs share one. Layer: scenario. Pure:
 * no I/O, no clock, no globals.
 */
#ifndef SHAKEDOWN_SCENARIO_SHARD_H
#define SHAKEDOWN_SCENARIO_SHARD_H

#include "base/error.h"

#include <stddef.h>

#define SHARD_MAX 256 /* parts of one plan: as many folders as one command takes */

/* Part `index` of `count`, from 1 on. */
struct shard {
	unsigned index, count;
};

/* Reads "K/N", 1 <= K <= N <= SHARD_MAX. ERR_INPUT with what it must be. */
int shard_read(struct shard *shard, const char *text, struct error *error);

/*
 * The indices, ascending, of the cases that `shard` has of `n_cases`; *n is how many. Each case
 * falls to exactly one of the shards: the longest first, each to the shard that has least to do,
 * the lower one of equals, so that cases of equal length go round. `durations` has a number for
 * each case, in any unit. The caller frees the list.
 */
size_t *shard_pick(const struct shard *shard, const double *durations, size_t n_cases, size_t *n);

#endif
