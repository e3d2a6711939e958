/*
 * memo.h: what was made of bytes before, to be used again. Layer: base. Pure: no I/O, no clock, no
 * globals.
 *
 * Traffic repeats itself: the same certificates, the same lists of cipher suites. A memo keeps
 * values under keys; a key is a tag (what was made, and from what) and bytes, all of which are
 * compared. A value is kept when its key comes the second time, so that what comes only once
 * (a random number) takes no room. Limits: MEMO_SLOTS values, MEMO_BYTES_MAX bytes of keys and
 * values; a memo that is full forgets.
 */
#ifndef SHAKEDOWN_BASE_MEMO_H
#define SHAKEDOWN_BASE_MEMO_H

#include "base/reader.h"

#define MEMO_SLOTS 4096              /* a power of two */
#define MEMO_BYTES_MAX (8u << 20)    /* of keys and values */
#define MEMO_VALUE_MAX (64u << 10)   /* bytes of one key and its value; longer ones are not kept */

struct memo;

/* An empty memo, the caller's to free; memo_free(NULL) does nothing. */
struct memo *memo_new(void);
void memo_free(struct memo *memo);

/* The value of a key, valid until the next memo_add; false if there is none. */
bool memo_find(const struct memo *memo, uint64_t tag, struct bytes key, struct bytes *value);

/* Offers a value, copied as its key is, for a key that memo_find does not find. */
void memo_add(struct memo *memo, uint64_t tag, struct bytes key, struct bytes value);

#endif
