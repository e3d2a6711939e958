/*
 * word_list.h: lists of words, as suites configure them and ClientHellos offer them. Layer: verdict.
 * Pure: no I/O, no clock, no globals.
 *
 * A list is a JSON array of texts; a NULL one is empty. Capitals do not count.
 */
#ifndef SHAKEDOWN_VERDICT_WORD_LIST_H
#define SHAKEDOWN_VERDICT_WORD_LIST_H

#include <jansson.h>
#include <stdbool.h>

/* True if `word` is in the list. */
bool word_list_has(const json_t *list, const char *word);

/* Adds a copy of `word`, unless it is there. */
void word_list_add(json_t *list, const char *word);

/* True if a word is in both. */
bool word_list_overlap(const json_t *a, const json_t *b);

/* True if there are words in `needed`, and all of them are in `declared`. */
bool word_list_covers(const json_t *declared, const json_t *needed);

/*
 * The words under `key` of a suite's server (or of what a profile declares): a text or a list of
 * texts, each maybe several with colons. A new list, empty if there is no such key.
 */
json_t *word_list_configured(const json_t *server, const char *key);

#endif
