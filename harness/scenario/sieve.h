/*
 * sieve.h: which cases need no look, because all that is asked of them was asked of earlier ones.
 * Layer: scenario. Pure: no I/O, no clock, no globals.
 *
 * A check that holds some keys against each other needs to see each combination of their values
 * once, however many cases a matrix makes of these and of others. Where such sets of keys are
 * known, a large matrix costs a few checks.
 */
#ifndef SHAKEDOWN_SCENARIO_SIEVE_H
#define SHAKEDOWN_SCENARIO_SIEVE_H

#include "peer/context.h"
#include "scenario/matrix.h"

/* Of the cases of one matrix. */
struct sieve;

/*
 * For the `n` sets of keys of `side`, "server" or "client". Matrix and sets outlive the sieve,
 * which the caller frees; sieve_free(NULL) does nothing.
 */
struct sieve *sieve_new(const struct matrix *matrix, const char *side, const struct key_set sets[],
                        size_t n);
void sieve_free(struct sieve *sieve);

/*
 * Whether the case has on one of the sets values that no case which this was asked for before has.
 * The first one always passes.
 */
bool sieve_passes(struct sieve *sieve, size_t index);

/* Of servers, wherever they come from: by the sets of context_key_sets. */
struct sieve_memory {
	json_t *values; /* {key and value, as text: its number} */
	json_t *met;    /* {set and numbers, as text: true} */
};

/* A memory of no server; sieve_memory_fini frees what it holds. */
void sieve_memory_init(struct sieve_memory *memory);
void sieve_memory_fini(struct sieve_memory *memory);

/* Whether `server` has on one of the sets values that none before it had. */
bool sieve_server_passes(struct sieve_memory *memory, const json_t *server);

#endif
