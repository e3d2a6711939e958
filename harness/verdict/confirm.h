/*
 * confirm.h: what other cells of the run prove about a diagnosis. Layer: verdict. Pure: no I/O, no
 * clock, no globals.
 *
 * A diagnosis names one-factor changes of the server that should make the cell pass ("try", RFC
 * 7396 merge patches). If the same board ran a cell with just that server, its outcome is the
 * experiment; else that of the cell's own "tries" ([{change, outcome, reason, alert}]) with this
 * change.
 */
#ifndef SHAKEDOWN_VERDICT_CONFIRM_H
#define SHAKEDOWN_VERDICT_CONFIRM_H

#include <jansson.h>

/*
 * For each diagnosis with "try" in `cells` (all of a run, judged and diagnosed): the first change
 * that passed becomes its "counterfactual" {change, outcome, and "cell" where it was one} and makes
 * it "confirmed". If none passed, the first that ran is the counterfactual, and the diagnosis stays
 * "likely"; but if all ran and all failed just as the cell did it is "refuted", unless it is
 * "pervasive", and goes behind those that are not. Where all are refuted, a plain account (rules.h)
 * comes first. The cell's own "counterfactual" is its try that passed, if one did. Changes that ran
 * before it and did not pass stand in "also_tried". A flaky cell proves nothing, and nothing proves
 * its own diagnoses.
 */
void confirm_diagnoses(json_t *cells);

/*
 * A text that two judged cells share if they are the same experiment: server, client, expectation
 * and board. The caller's to free.
 */
char *confirm_key(const json_t *cell);

#endif
