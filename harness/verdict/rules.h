/*
 * rules.h: diagnosis rules, which are data. Layer: verdict. Reads its files when loaded; pure after
 * that.
 *
 * A rule is a JSON file (scenarios/schema/rules.schema.json; docs/diagnosis-rules.md tells how to
 * write one). Its conditions and sentences are jq, run by libjq over the judged cell, with the
 * definitions of rules/prelude.jq at hand and the board's element of results.json as $board. To
 * compile them costs far more than to run them, some 1 ms a rule: the conditions are compiled when
 * the first cell asks for them, and sentences with those of few neighbours when they are to be told.
 */
#ifndef SHAKEDOWN_VERDICT_RULES_H
#define SHAKEDOWN_VERDICT_RULES_H

#include "base/error.h"

#include <jansson.h>

#define RULES_MAX 1000
#define UNEXPLAINED "unexplained" /* the id of a plain account, which no rule has */

struct rules;

/*
 * Loads prelude.jq and every *.json of `folder`, checked against the schema file `schema`. The
 * caller frees *rules with rules_free. ERR_INPUT names the file at fault and what jq or the schema
 * says: rules may be the user's.
 */
int rules_load(struct rules **rules, const char *folder, const char *schema, struct error *error);

/*
 * The same with Shakedown's own rules, which are not compiled yet, and one more for each element
 * of `own` (a list, or NULL): the path of its file, or {"file", "json"} of one that was read
 * elsewhere.
 */
int rules_load_shipped(struct rules **rules, const json_t *own, struct error *error);

/*
 * Compiles the conditions in a thread of its own, while the caller does something else; rules_diagnose
 * waits for it. The process has two threads until then.
 */
void rules_prepare(struct rules *rules);

void rules_free(struct rules *rules);

/*
 * Sets the "diagnosis" of a judged cell: for failures and unsupported cells one element for each
 * rule that fits, by the rules' `order`; else one with the id "unexplained" and the confidence
 * "none", which tells what each witness saw. Cells that passed or did not run get an empty list. A
 * rule that fails in jq on this cell counts as not fitting, and is named in the cell's
 * "rule_faults".
 *
 * An element: {id, title, cause, confidence ("likely" here), evidence [{witness, text}], fix
 * {board, server}, rfc, refs, try, pervasive}; see confirm.h for what a run adds.
 */
void rules_diagnose(struct rules *rules, json_t *cell, const json_t *board);

/*
 * A plain account of a cell, under the id "unexplained" and with the confidence "none": a new
 * element for its "diagnosis". The reference to `evidence` is taken over.
 */
json_t *rules_plain_account(const json_t *cell, const char *cause, json_t *evidence);

/* The ids of all rules, in their order. The caller's to release. */
json_t *rules_ids(const struct rules *rules);

#endif
