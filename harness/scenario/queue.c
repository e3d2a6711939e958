#include "scenario/queue.h"

#include "base/assert.h"
#include "base/json.h"
#include "base/words.h"

#include <stdlib.h>
#include <string.h>

#define TYPE "type:"
#define TAG "tag:"
#define NONE SIZE_MAX

static bool has_tag(const struct queue_board *board, const char *tag)
{
	const json_t *own;
	size_t i;

	json_array_foreach(board->tags, i, own)
		if (strcmp(json_string_value(own), tag) == 0)
			return true;
	return false;
}

static bool is_type_word(const char *word)
{
	return strncmp(word, TYPE, strlen(TYPE)) == 0;
}

bool queue_fits(const struct queue_board *board, const char *word)
{
	if (is_type_word(word))
		return strcmp(board->type, word + strlen(TYPE)) == 0;
	if (strncmp(word, TAG, strlen(TAG)) == 0)
		return has_tag(board, word + strlen(TAG));
	return strcmp(board->name, word) == 0;
}

/* --- which board for which word --------------------------------------------------------------- */

/* An assignment of boards to words, grown word by word along augmenting paths. */
struct match {
	const struct queue_board *boards;
	size_t n_boards;
	const json_t *words;
	const bool *taken; /* boards that are not to be had */
	size_t *word_of;   /* for each board, or NONE */
	bool *seen;
};

/* Finds a board for the word, for which others may change theirs. */
static bool place(struct match *match, size_t word)
{
	const char *text = json_string_value(json_array_get(match->words, word));

	for (size_t i = 0; i < match->n_boards; i++) {
		if (match->taken[i] || match->seen[i] || !queue_fits(&match->boards[i], text))
			continue;
		match->seen[i] = true;
		if (match->word_of[i] == NONE || place(match, match->word_of[i])) {
			match->word_of[i] = word;
			return true;
		}
	}
	return false;
}

/* The first word that no board is left for, or the number of words. */
static size_t match_words(const struct queue_board boards[], size_t n_boards, const json_t *words,
                          const bool taken[], size_t chosen[])
{
	size_t n = json_array_size(words), word;
	struct match match = {boards, n_boards, words, taken, NULL, NULL};

	match.word_of = calloc(n_boards + 1, sizeof(size_t));
	match.seen = calloc(n_boards + 1, sizeof(bool));
	CHECK(match.word_of != NULL && match.seen != NULL);
	for (size_t i = 0; i < n_boards; i++)
		match.word_of[i] = NONE;
	for (word = 0; word < n; word++) {
		memset(match.seen, 0, n_boards * sizeof(bool));
		if (!place(&match, word))
			break;
	}
	for (size_t i = 0; i < n_boards; i++)
		if (match.word_of[i] != NONE)
			chosen[match.word_of[i]] = i;
	free(match.word_of);
	free(match.seen);
	return word;
}

/* --- what a lab can serve --------------------------------------------------------------------- */

static json_t *names_of(const struct queue_board boards[], size_t n_boards)
{
	json_t *names = json_array();

	for (size_t i = 0; i < n_boards; i++)
		json_array_append_new(names, json_string(boards[i].name));
	return names;
}

static int refuse_word(const struct queue_board boards[], size_t n_boards, const char *word,
                       struct error *error)
{
	json_t *names = names_of(boards, n_boards);
	struct buf sentence = {0};
	int rc;

	words_unknown(&sentence, "board of this lab", word, names);
	rc = error_set(error, ERR_INPUT,
	               "%s; type:PROFILE and tag:TAG ask for any board of a type or with a tag",
	               buf_string(&sentence));
	buf_fini(&sentence);
	json_decref(names);
	return rc;
}

static int check_word(const struct queue_board boards[], size_t n_boards, const json_t *word,
                      struct error *error)
{
	if (!json_is_string(word))
		return error_set(error, ERR_INPUT, "a board of a lab is named by a word");
	for (size_t i = 0; i < n_boards; i++)
		if (queue_fits(&boards[i], json_string_value(word)))
			return 0;
	return refuse_word(boards, n_boards, json_string_value(word), error);
}

int queue_check(const struct queue_board boards[], size_t n_boards, const json_t *words,
                struct error *error)
{
	size_t n = json_array_size(words), chosen[QUEUE_WORDS_MAX], short_of;
	bool *none_taken;
	int rc = 0;

	if (n == 0 || n > QUEUE_WORDS_MAX)
		return error_set(error, ERR_INPUT, "a run takes from 1 to %d boards",
		                 QUEUE_WORDS_MAX);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = check_word(boards, n_boards, json_array_get(words, i), error);
	if (rc != 0)
		return rc;
	none_taken = calloc(n_boards + 1, sizeof(bool));
	CHECK(none_taken != NULL);
	short_of = match_words(boards, n_boards, words, none_taken, chosen);
	free(none_taken);
	if (short_of == n)
		return 0;
	return error_set(error, ERR_INPUT,
	                 "the lab has not enough boards for this run: none is left for \"%s\"",
	                 json_string_value(json_array_get(words, short_of)));
}

/* --- who is next ------------------------------------------------------------------------------ */

static bool is_before(const struct queue_run *run, const struct queue_run *other)
{
	if (run->served != other->served)
		return run->served < other->served;
	return run->came < other->came;
}

/* The first of the runs that wait and are not marked in `seen`; n_runs if there is none. */
static size_t first_of(const struct queue_run runs[], size_t n_runs, const bool seen[])
{
	size_t first = n_runs;

	for (size_t i = 0; i < n_runs; i++)
		if (runs[i].waits && !seen[i] &&
		    (first == n_runs || is_before(&runs[i], &runs[first])))
			first = i;
	return first;
}

static bool could_use(const struct queue_run *run, const struct queue_board *board)
{
	const json_t *word;
	size_t i;

	json_array_foreach(run->words, i, word)
		if (queue_fits(board, json_string_value(word)))
			return true;
	return false;
}

size_t queue_next(const struct queue_run runs[], size_t n_runs, const struct queue_board boards[],
                  size_t n_boards, size_t chosen[QUEUE_WORDS_MAX])
{
	bool *seen = calloc(n_runs + 1, sizeof(bool)), *taken = calloc(n_boards + 1, sizeof(bool));
	size_t next;

	CHECK(seen != NULL && taken != NULL);
	for (size_t i = 0; i < n_boards; i++)
		taken[i] = boards[i].busy;
	while ((next = first_of(runs, n_runs, seen)) < n_runs) {
		if (match_words(boards, n_boards, runs[next].words, taken, chosen) ==
		    json_array_size(runs[next].words))
			break;
		seen[next] = true;
		for (size_t i = 0; i < n_boards; i++)
			taken[i] = taken[i] || could_use(&runs[next], &boards[i]);
	}
	free(seen);
	free(taken);
	return next;
}

bool queue_wants_any(const struct queue_run runs[], size_t n_runs,
                     const struct queue_board boards[], size_t n_boards, const bool mine[])
{
	for (size_t i = 0; i < n_runs; i++)
		for (size_t k = 0; runs[i].waits && k < n_boards; k++)
			if (mine[k] && could_use(&runs[i], &boards[k]))
				return true;
	return false;
}

/* --- what a run calls its boards -------------------------------------------------------------- */

static bool is_in(const json_t *names, const char *name)
{
	const json_t *other;
	size_t i;

	json_array_foreach(names, i, other)
		if (json_is_string(other) && strcmp(json_string_value(other), name) == 0)
			return true;
	return false;
}

/* The type, or with the lowest number behind it that `names` has not. A new string. */
static json_t *number_type(const json_t *names, const char *type)
{
	struct buf name = {0};
	json_t *made;

	buf_text(&name, type);
	for (unsigned i = 2; is_in(names, buf_string(&name)); i++) {
		buf_clear(&name);
		buf_printf(&name, "%s-%u", type, i);
	}
	made = json_made(json_string(buf_string(&name)));
	buf_fini(&name);
	return made;
}

json_t *queue_names(const json_t *words, const struct queue_board boards[], const size_t chosen[])
{
	json_t *names = json_made(json_array());
	const json_t *word;
	size_t i;

	json_array_foreach(words, i, word) {
		bool is_type = is_type_word(json_string_value(word));

		json_array_append_new(
			names, is_type ? json_null()
			               : json_made(json_string(boards[chosen[i]].name)));
	}
	json_array_foreach(words, i, word)
		if (json_is_null(json_array_get(names, i)))
			json_array_set_new(names, i, number_type(names, boards[chosen[i]].type));
	return names;
}

json_t *queue_rest(const json_t *words, const json_t *names)
{
	json_t *rest = json_made(json_copy((json_t *)names)), *word;
	size_t i;

	json_array_foreach(words, i, word)
		if (is_type_word(json_string_value(word)))
			json_array_set(rest, i, word);
	return rest;
}
