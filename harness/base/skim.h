/*
 * skim.h: finding a part of a JSON text without reading the rest. Layer: base. Pure: no I/O, no
 * clock, no globals.
 *
 * The text is one that a parser took, or will have to take: it is stepped over, not checked, and
 * what is no JSON has no parts, or wrong ones, but never leads out of the text. All parts are views
 * into it.
 */
#ifndef SHAKEDOWN_BASE_SKIM_H
#define SHAKEDOWN_BASE_SKIM_H

#include "base/reader.h"

#include <stdbool.h>

/* The elements of a list, or the members of an object, one after the other. */
struct skim {
	const uint8_t *at, *end;
	bool named;        /* it is an object */
	struct bytes key;  /* of the member, without its quotes, as it stands there */
	struct bytes value;
};

/* Starts with `text`, a list or an object and perhaps white space before it. */
void skim_init(struct skim *skim, struct bytes text);

/* Goes to the first or next part: `value`, and `key` in an object. False behind the last. */
bool skim_next(struct skim *skim);

/* Whether the member where it is has that key, which is plain ASCII without a backslash. */
bool skim_is(const struct skim *skim, const char *key);

/* The first member of the object `text` with that key (see skim_is). False if there is none. */
bool skim_member(struct bytes text, const char *key, struct bytes *value);

#endif
