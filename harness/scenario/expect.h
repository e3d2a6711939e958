/*
 * expect.h: the right answers of a scenario, and the good twin of a case that must be refused.
 * Layer: scenario. Pure: no I/O, no clock, no globals.
 *
 * That a board refuses shows something only if it would have connected otherwise. So every case
 * with a refusal among its right answers has a twin: the same server without its "faults", and with
 * what the answer's "instead" puts in place of the flaw.
 */
#ifndef SHAKEDOWN_SCENARIO_EXPECT_H
#define SHAKEDOWN_SCENARIO_EXPECT_H

#include "base/json.h"
#include "peer/recipe.h"

/*
 * Checks the "expect" of a scenario that its schema has accepted: alerts have IANA's names, and a
 * member stands only where it means something. ERR_INPUT.
 */
int expect_check(const struct json_node *expect, struct error *error);

/*
 * The right answers of a case, a new reference. `expect` is what the suite says, or NULL; `flawed`
 * is the recipe of the server's one certificate if that is to be refused, or NULL. What the suite
 * does not say of a refusal ("why", "alerts", "rfc", "instead") is taken from the recipe, and so is
 * the refusal itself if the suite says nothing.
 */
json_t *expect_complete(json_t *expect, const struct recipe *flawed);

/*
 * The twin of a case: its `server` (in normal form) without the flaw, a new object; NULL if no
 * right answer is a refusal.
 */
json_t *expect_twin(const json_t *expect, const json_t *server);

#endif
