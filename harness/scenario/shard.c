#include "scenario/shard.h"

#include "base/assert.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

int shard_read(struct shard *shard, const char *text, struct error *error)
{
	int used = 0;

	if (sscanf(text, "%5u/%5u%n", &shard->index, &shard->count, &used) == 2 &&
	    text[used] == '\0' && shard->index >= 1 && shard->index <= shard->count &&
	    shard->count <= SHARD_MAX)
		return 0;
	return error_set(error, ERR_INPUT,
	                 "--shard takes K/N, the part K of N, such as 1/4: 1 <= K <= N <= %d; it "
	                 "was given \"%s\"",
	                 SHARD_MAX, text);
}

/* --- a heap of shards: the one with least to do on top ---------------------------------------- */

struct load {
	double work;
	unsigned shard; /* from 0 on */
};

static bool is_lighter(const struct load *a, const struct load *b)
{
	return a->work != b->work ? a->work < b->work : a->shard < b->shard;
}

static void sink_top(struct load *heap, unsigned n)
{
	unsigned at = 0;

	for (;;) {
		unsigned least = at;
		struct load swapped = heap[at];

		for (unsigned child = 2 * at + 1; child <= 2 * at + 2 && child < n; child++)
			if (is_lighter(&heap[child], &heap[least]))
				least = child;
		if (least == at)
			return;
		heap[at] = heap[least];
		heap[least] = swapped;
		at = least;
	}
}

/* --- the cases, longest first ----------------------------------------------------------------- */

struct length {
	double duration;
	size_t index;
};

static int by_length(const void *one, const void *other)
{
	const struct length *a = one, *b = other;

	if (a->duration != b->duration)
		return a->duration > b->duration ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

static struct length *sorted(const double *durations, size_t n_cases)
{
	struct length *lengths = calloc(n_cases + 1, sizeof(*lengths));

	CHECK(lengths != NULL);
	for (size_t i = 0; i < n_cases; i++)
		lengths[i] = (struct length){durations[i], i};
	qsort(lengths, n_cases, sizeof(*lengths), by_length);
	return lengths;
}

static int ascending(const void *one, const void *other)
{
	size_t a = *(const size_t *)one, b = *(const size_t *)other;

	return a < b ? -1 : a > b;
}

size_t *shard_pick(const struct shard *shard, const double *durations, size_t n_cases, size_t *n)
{
	struct length *lengths = sorted(durations, n_cases);
	struct load *heap = calloc(shard->count, sizeof(*heap));
	size_t *picked = calloc(n_cases + 1, sizeof(*picked));

	CHECK(heap != NULL && picked != NULL);
	for (unsigned i = 0; i < shard->count; i++)
		heap[i].shard = i; /* all have nothing to do: a heap already */
	*n = 0;
	for (size_t i = 0; i < n_cases; i++) {
		if (heap[0].shard == shard->index - 1)
			picked[(*n)++] = lengths[i].index;
		heap[0].work += lengths[i].duration;
		sink_top(heap, shard->count);
	}
	qsort(picked, *n, sizeof(*picked), ascending);
	free(heap);
	free(lengths);
	return picked;
}
