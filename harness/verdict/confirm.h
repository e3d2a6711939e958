/*
 * confirm.h: what other cells of the run prove about a diagnosis. Layer: verdict. Pure: no I/O, no
 * clock, no globals.
 *
 * A diagnosis names one-factor changes of the server that should make the cell pass ("try", RFC
 * 7396 merge patches). If the same board ran a cell with just that server, its outcome is the
 * experiment.
 */
#ifndef SHAKEDOWN_VERDICT_CONFIRM_H
#define SHAKEDOWN_VERDICT_CONFIRM_H

#include <jansson.h>

/*
 * For each diagnosis with "try" in `cells` (all of a run, judged and diagnosed): the first change
 * that passed becomes its "counterfactual" {change, cell, outcome} and makes it "confirmed". If
 * none passed, the first that ran is the counterfactual and the diagnosis stays "likely". Changes
 * that ran before it and did not pass stand in "also_tried". A flaky cell proves nothing.
 */
void confirm_diagnoses(json_t *cells);

/* `target` changed by an RFC 7396 merge patch. New; both arguments stay as they are. */
json_t *merge_patched(const json_t *target, const json_t *patch);

#endif
