#include "scenario/cover.h"

#include "base/assert.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CANDIDATES 30        /* rows made for each one that is taken */
#define EFFORT_MAX 20000000u /* looks at a tuple, to make a whole array shorter, */
#define EFFORT_EACH 2000u    /* and for each tuple that there is */
#define EFFORT_CHANGE 8u     /* what a change costs besides */
#define PATIENCE 20          /* a change for the worse is made once in so many tries */

#define NOWHERE SIZE_MAX

/* `strength` axes that are looked at together; their tuples are numbered from `first` on. */
struct group {
	const uint16_t *axes; /* ascending */
	size_t first;
};

struct search {
	const struct cover_model *model;
	unsigned strength;
	uint16_t *group_axes;
	struct group *groups;
	size_t n_groups, n_tuples;
	size_t *by_axis;  /* the groups that have an axis: of axis a from by_axis_at[a] on */
	size_t *by_axis_at;
	uint32_t *n_rows; /* for each tuple, how many rows have it */
	size_t *open;     /* the tuples that no row has, though one could, */
	size_t n_open;
	size_t *open_at;  /* and for each tuple where it stands among these, or NOWHERE */
	uint64_t random, effort, effort_max;
	uint16_t *row, *best, *old; /* candidates; what a change takes away */
	uint16_t *order;      /* of the axes in a candidate */
};

struct rows {
	uint16_t *values;
	size_t n, room;
};

/* xorshift64*: S. Vigna, "An experimental exploration of Marsaglia's xorshift generators". */
static uint32_t chance(struct search *search, uint32_t n)
{
	search->random ^= search->random >> 12;
	search->random ^= search->random << 25;
	search->random ^= search->random >> 27;
	return (uint32_t)((search->random * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % n;
}

/* --- groups and tuples ------------------------------------------------------------------------ */

/* Moves on to the next ascending choice of `n` of `n_axes` axes; false at the end. */
static bool next_choice(uint16_t *axes, unsigned n, size_t n_axes)
{
	unsigned i = n;

	while (i-- > 0) {
		if (axes[i] < n_axes - n + i) {
			axes[i]++;
			while (++i < n)
				axes[i] = (uint16_t)(axes[i - 1] + 1);
			return true;
		}
	}
	return false;
}

static void first_choice(uint16_t *axes, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		axes[i] = (uint16_t)i;
}

static size_t group_size(const struct cover_model *model, const uint16_t *axes, unsigned n)
{
	size_t size = 1;

	for (unsigned i = 0; i < n; i++)
		size *= model->n_values[axes[i]];
	return size;
}

size_t cover_n_tuples(const struct cover_model *model, unsigned strength)
{
	uint16_t axes[COVER_AXES_MAX];
	size_t n = 0;

	first_choice(axes, strength);
	do {
		size_t size = 1;

		for (unsigned i = 0; i < strength && size <= COVER_TUPLES_MAX; i++)
			size *= model->n_values[axes[i]];
		n += size;
	} while (n <= COVER_TUPLES_MAX && next_choice(axes, strength, model->n_axes));
	return n <= COVER_TUPLES_MAX ? n : SIZE_MAX;
}

static size_t count_groups(const struct search *search)
{
	uint16_t axes[COVER_AXES_MAX];
	size_t n = 1;

	first_choice(axes, search->strength);
	while (next_choice(axes, search->strength, search->model->n_axes))
		n++;
	return n;
}

static void make_groups(struct search *search)
{
	unsigned t = search->strength;
	uint16_t axes[COVER_AXES_MAX];

	search->n_groups = count_groups(search);
	search->groups = calloc(search->n_groups, sizeof(search->groups[0]));
	search->group_axes = calloc(search->n_groups * t, sizeof(axes[0]));
	CHECK(search->groups != NULL && search->group_axes != NULL);
	first_choice(axes, t);
	for (size_t i = 0; i < search->n_groups; i++) {
		memcpy(search->group_axes + i * t, axes, t * sizeof(axes[0]));
		search->groups[i] = (struct group){search->group_axes + i * t, search->n_tuples};
		search->n_tuples += group_size(search->model, axes, t);
		next_choice(axes, t, search->model->n_axes);
	}
}

static void index_groups(struct search *search)
{
	size_t n_axes = search->model->n_axes, n = 0;

	search->by_axis = calloc(search->n_groups * search->strength, sizeof(search->by_axis[0]));
	search->by_axis_at = calloc(n_axes + 1, sizeof(search->by_axis_at[0]));
	CHECK(search->by_axis != NULL && search->by_axis_at != NULL);
	for (size_t a = 0; a < n_axes; a++) {
		search->by_axis_at[a] = n;
		for (size_t i = 0; i < search->n_groups; i++)
			for (unsigned k = 0; k < search->strength; k++)
				if (search->groups[i].axes[k] == a)
					search->by_axis[n++] = i;
	}
	search->by_axis_at[n_axes] = n;
}

/* The tuple of the group that a row has, or NOWHERE if the row has not all its values yet. */
static size_t tuple_of(const struct search *search, const struct group *group, const uint16_t *row)
{
	size_t index = 0;

	for (unsigned k = 0; k < search->strength; k++) {
		uint16_t value = row[group->axes[k]];

		if (value == COVER_ANY)
			return NOWHERE;
		index = index * search->model->n_values[group->axes[k]] + value;
	}
	return group->first + index;
}

static const struct group *group_of(const struct search *search, size_t tuple)
{
	size_t low = 0, high = search->n_groups;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (search->groups[middle].first <= tuple)
			low = middle;
		else
			high = middle;
	}
	return &search->groups[low];
}

static void set_open(struct search *search, size_t tuple)
{
	search->open_at[tuple] = search->n_open;
	search->open[search->n_open++] = tuple;
}

static void set_closed(struct search *search, size_t tuple)
{
	size_t at = search->open_at[tuple], last = search->open[--search->n_open];

	search->open[at] = last;
	search->open_at[last] = at;
	search->open_at[tuple] = NOWHERE;
}

static void cover(struct search *search, size_t tuple)
{
	if (search->n_rows[tuple]++ == 0)
		set_closed(search, tuple);
}

static void uncover(struct search *search, size_t tuple)
{
	if (--search->n_rows[tuple] == 0)
		set_open(search, tuple);
}

/* --- what is excluded ------------------------------------------------------------------------- */

/* Whether the values that the row has so far contain an excluded combination. */
static bool is_excluded(const struct cover_model *model, const uint16_t *row)
{
	for (size_t i = 0; i < model->n_excluded; i++) {
		const uint16_t *excluded = model->excluded + i * model->n_axes;
		size_t a = 0;

		while (a < model->n_axes && (excluded[a] == COVER_ANY || excluded[a] == row[a]))
			a++;
		if (a == model->n_axes)
			return true;
	}
	return false;
}

/*
 * Whether the axes from `axis` on can be filled in without an exclusion. Leaves the row as it is.
 */
static bool can_complete(const struct cover_model *model, uint16_t *row, size_t axis)
{
	bool found = false;

	while (axis < model->n_axes && row[axis] != COVER_ANY)
		axis++;
	if (is_excluded(model, row))
		return false;
	if (axis == model->n_axes)
		return true;
	for (uint16_t v = 0; v < model->n_values[axis] && !found; v++) {
		row[axis] = v;
		found = can_complete(model, row, axis + 1);
	}
	row[axis] = COVER_ANY;
	return found;
}

static bool is_possible(const struct search *search, uint16_t *row)
{
	return search->model->n_excluded == 0 || can_complete(search->model, row, 0);
}

static void empty_row(const struct search *search, uint16_t *row)
{
	memset(row, 0xff, search->model->n_axes * sizeof(row[0]));
}

/* Puts the values of a tuple into a row. */
static void put_tuple(const struct search *search, size_t tuple, uint16_t *row)
{
	const struct group *group = group_of(search, tuple);
	size_t index = tuple - group->first;

	for (unsigned k = search->strength; k-- > 0;) {
		uint16_t n = search->model->n_values[group->axes[k]];

		row[group->axes[k]] = (uint16_t)(index % n);
		index /= n;
	}
}

/* All tuples are open at first that a row could have. */
static void open_tuples(struct search *search)
{
	for (size_t i = 0; i < search->n_tuples; i++) {
		search->open_at[i] = NOWHERE;
		empty_row(search, search->row);
		put_tuple(search, i, search->row);
		if (is_possible(search, search->row))
			set_open(search, i);
		else
			search->n_rows[i] = 1; /* as if a row had it for ever */
	}
}

/* --- one row ---------------------------------------------------------------------------------- */

/* How many open tuples the row gains by its value of `axis`, with the values that it has. */
static size_t gain_of(struct search *search, const uint16_t *row, size_t axis)
{
	size_t gain = 0;

	for (size_t i = search->by_axis_at[axis]; i < search->by_axis_at[axis + 1]; i++) {
		size_t tuple = tuple_of(search, &search->groups[search->by_axis[i]], row);

		gain += tuple != NOWHERE && search->open_at[tuple] != NOWHERE;
	}
	search->effort += search->by_axis_at[axis + 1] - search->by_axis_at[axis];
	return gain;
}

/* Gives `axis` the value that gains most; of equals any. False if none is possible. */
static bool choose_value(struct search *search, uint16_t *row, size_t axis, size_t *gained)
{
	uint16_t best = COVER_ANY, n_equal = 0;
	size_t most = 0;

	for (uint16_t v = 0; v < search->model->n_values[axis]; v++) {
		size_t gain;

		row[axis] = v;
		if (!is_possible(search, row))
			continue;
		gain = gain_of(search, row, axis);
		if (best == COVER_ANY || gain > most) {
			most = gain;
			best = v;
			n_equal = 1;
		} else if (gain == most && chance(search, ++n_equal) == 0) {
			best = v;
		}
	}
	row[axis] = best;
	*gained += most;
	return best != COVER_ANY;
}

static void shuffle_axes(struct search *search)
{
	for (size_t i = 0; i < search->model->n_axes; i++) {
		size_t k = chance(search, (uint32_t)i + 1);

		search->order[i] = search->order[k];
		search->order[k] = (uint16_t)i;
	}
}

/*
 * A candidate into search->row, from an open tuple on; what it covers that is open, but for that.
 */
static size_t make_candidate(struct search *search)
{
	size_t gained = 0;

	empty_row(search, search->row);
	put_tuple(search, search->open[chance(search, (uint32_t)search->n_open)], search->row);
	shuffle_axes(search);
	for (size_t i = 0; i < search->model->n_axes; i++) {
		size_t axis = search->order[i];

		if (search->row[axis] == COVER_ANY)
			CHECK(choose_value(search, search->row, axis, &gained));
	}
	return gained;
}

/* --- whole arrays ----------------------------------------------------------------------------- */

static uint16_t *row_at(const struct search *search, const struct rows *rows, size_t index)
{
	return rows->values + index * search->model->n_axes;
}

static size_t row_size(const struct search *search)
{
	return search->model->n_axes * sizeof(uint16_t);
}

static void add_row(struct search *search, struct rows *rows, const uint16_t *row)
{
	if (rows->n == rows->room) {
		rows->room = rows->room * 2 + 16;
		rows->values = realloc(rows->values, rows->room * row_size(search));
		CHECK(rows->values != NULL);
	}
	memcpy(row_at(search, rows, rows->n++), row, row_size(search));
	for (size_t i = 0; i < search->n_groups; i++)
		cover(search, tuple_of(search, &search->groups[i], row));
}

static void add_best_row(struct search *search, struct rows *rows)
{
	size_t most = 0;

	for (int i = 0; i < CANDIDATES; i++) {
		size_t gained = make_candidate(search);

		if (i == 0 || gained > most) {
			most = gained;
			memcpy(search->best, search->row, row_size(search));
		}
	}
	add_row(search, rows, search->best);
}

/* Gives one axis of a row another value. */
static void change(struct search *search, uint16_t *row, size_t axis, uint16_t value)
{
	const size_t *group = search->by_axis + search->by_axis_at[axis];
	const size_t *end = search->by_axis + search->by_axis_at[axis + 1];

	if (row[axis] == value)
		return;
	for (const size_t *g = group; g < end; g++)
		uncover(search, tuple_of(search, &search->groups[*g], row));
	row[axis] = value;
	for (const size_t *g = group; g < end; g++)
		cover(search, tuple_of(search, &search->groups[*g], row));
	search->effort += (uint64_t)(end - group);
}

/*
 * Puts an open tuple into some row, and takes it back if that makes it worse, but for a few times.
 */
static void try_change(struct search *search, const struct rows *rows)
{
	size_t tuple = search->open[chance(search, (uint32_t)search->n_open)];
	uint16_t *row = row_at(search, rows, chance(search, (uint32_t)rows->n));
	const struct group *group = group_of(search, tuple);
	size_t before = search->n_open;

	memcpy(search->old, row, row_size(search));
	memcpy(search->row, row, row_size(search));
	put_tuple(search, tuple, search->row);
	search->effort += EFFORT_CHANGE;
	if (is_excluded(search->model, search->row))
		return;
	for (unsigned k = 0; k < search->strength; k++)
		change(search, row, group->axes[k], search->row[group->axes[k]]);
	if (search->n_open <= before ||
	    chance(search, PATIENCE * (uint32_t)(search->n_open - before)) == 0)
		return;
	for (unsigned k = 0; k < search->strength; k++)
		change(search, row, group->axes[k], search->old[group->axes[k]]);
}

/* Does without the last row: its open tuples find a place in the others, or the row stays. */
static bool drop_row(struct search *search, struct rows *rows)
{
	size_t size = rows->n * row_size(search);
	uint16_t *saved = malloc(size);
	bool dropped;

	CHECK(saved != NULL);
	memcpy(saved, rows->values, size);
	rows->n--;
	for (size_t i = 0; i < search->n_groups; i++)
		uncover(search,
		        tuple_of(search, &search->groups[i], row_at(search, rows, rows->n)));
	while (search->n_open > 0 && rows->n > 0 && search->effort < search->effort_max)
		try_change(search, rows);
	dropped = search->n_open == 0;
	if (!dropped) {
		memcpy(rows->values, saved, size);
		rows->n++;
	}
	free(saved);
	return dropped;
}

static void search_init(struct search *search, const struct cover_model *model, unsigned strength,
                        uint64_t seed)
{
	*search = (struct search){.model = model, .strength = strength};
	search->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1; /* never 0 */
	make_groups(search);
	index_groups(search);
	search->n_rows = calloc(search->n_tuples, sizeof(search->n_rows[0]));
	search->open = calloc(2 * search->n_tuples, sizeof(search->open[0]));
	search->row = calloc(4 * model->n_axes, sizeof(search->row[0]));
	CHECK(search->n_rows != NULL && search->open != NULL && search->row != NULL);
	search->open_at = search->open + search->n_tuples;
	search->best = search->row + model->n_axes;
	search->old = search->best + model->n_axes;
	search->order = search->old + model->n_axes;
	search->effort_max = (uint64_t)search->n_tuples * EFFORT_EACH;
	if (search->effort_max > EFFORT_MAX)
		search->effort_max = EFFORT_MAX;
	open_tuples(search);
}

static void search_fini(struct search *search)
{
	free(search->group_axes);
	free(search->groups);
	free(search->by_axis);
	free(search->by_axis_at);
	free(search->n_rows);
	free(search->open);
	free(search->row);
}

size_t cover_rows(const struct cover_model *model, unsigned strength, uint64_t seed,
                  uint16_t **rows)
{
	struct search search;
	struct rows made = {0};

	CHECK(strength >= 1 && strength <= model->n_axes && model->n_axes <= COVER_AXES_MAX);
	search_init(&search, model, strength, seed);
	while (search.n_open > 0)
		add_best_row(&search, &made);
	search.effort = 0;
	while (made.n > 1 && drop_row(&search, &made))
		;
	search_fini(&search);
	*rows = made.values;
	return made.n;
}
