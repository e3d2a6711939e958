/*
 * words.h: what to tell a user who wrote a word that is not known. Layer: base. Pure: no I/O, no
 * clock, no globals.
 */
#ifndef SHAKEDOWN_BASE_WORDS_H
#define SHAKEDOWN_BASE_WORDS_H

#include "base/buf.h"

#include <jansson.h>

#define WORDS_SHOWN_MAX 48 /* bytes of a value that are repeated in a complaint */

/*
 * The word of `known` (a JSON array of strings) that is so near to `word` that it was probably
 * meant, or NULL, as for words of one or two letters. Case, '-', '_' and '.' do not count. Borrowed
 * from `known`.
 */
const char *words_nearest(const char *word, const json_t *known);

/*
 * Appends `unknown <what> "<word>" (did you mean "<nearest>"?); known are <all, with commas>`; the
 * part in brackets only if there is a nearest word. A long list ends with "and others".
 */
void words_unknown(struct buf *out, const char *what, const char *word, const json_t *known);

/* Appends the elements of `list` as JSON, with ", " between them. */
void words_join(struct buf *out, const json_t *list);

/* Appends `value` as JSON on one line, cut with "..." after WORDS_SHOWN_MAX bytes. */
void words_show(struct buf *out, const json_t *value);

#endif
