/*
 * condition.h: a rule's condition as libjq takes it fastest. Layer: verdict. Pure.
 */
#ifndef SHAKEDOWN_VERDICT_CONDITION_H
#define SHAKEDOWN_VERDICT_CONDITION_H

#include "base/buf.h"

#define CONDITION_SPLIT_MAX 4096 /* bytes; longer ones stay as they are */

/*
 * Appends jq that yields its input where the condition `when` holds. If that is nothing but parts
 * joined by `and`, each part becomes a filter of its own, one behind the other: that means the same
 * and is a quarter less for jq to compile. A condition that jq cannot read stays one.
 */
void condition_put(struct buf *out, const char *when);

#endif
