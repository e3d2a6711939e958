#include "trial.h"

#include "base/assert.h"
#include "base/json.h"
#include "verdict/confirm.h"
#include "verdict/facts.h"
#include "verdict/judge.h"
#include "verdict/offer.h"
#include "verdict/outcome.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEN_MAX 512 /* experiments that are remembered; then all are forgotten */
#define AGAIN_MAX 2 /* for boards that fail every second time, too */

enum step {
	STEP_BEFORE,    /* the good twin */
	STEP_CASE,
	STEP_AFTER,     /* the good twin */
	STEP_ONCE_MORE, /* and again */
	STEP_ATTEMPT,   /* the case, where it did not pass */
	STEP_AGAIN,     /* the same, where what it showed may be chance */
	STEP_CONTROL,
	STEP_TRY,
	STEP_OVER,
};

struct trial {
	json_t *cell, *neighbours;
	const json_t *board;
	struct trial_bench *bench;
	enum step step;
	json_t *now;     /* what runs now, if not the cell itself */
	json_t *change;  /* of the present try */
	json_t *changes; /* still to be tried */
	unsigned n_tried;
	unsigned n_again; /* how often the case ran once more */
	char *explained; /* the verdict that the rules saw, of these witnesses; NULL: none yet */
};

static void move_on(struct trial *trial);

static bool has_outcome(const json_t *result, const char *outcome)
{
	return strcmp(json_text(result, "outcome"), outcome) == 0;
}

/* Whether the board sent data. */
static bool has_spoken(const json_t *ran)
{
	const json_t *server = json_object_get(json_object_get(ran, "witnesses"), "server");

	return json_flag(ran, "spoke") || json_number(server, "bytes_received") > 0;
}

/* What is kept of a run that is not a cell of its own; also of what was kept. */
static json_t *brief(const json_t *ran)
{
	static const char *const keys[] = {"id", "outcome", "reason", "detail", "alert"};
	json_t *kept = json_made(json_object());

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_object_get(ran, keys[i]) != NULL)
			json_object_set(kept, keys[i], json_object_get(ran, keys[i]));
	if (has_spoken(ran))
		json_object_set_new(kept, "spoke", json_true());
	return kept;
}

static void remember(struct trial *trial, const json_t *ran)
{
	char *key = confirm_key(ran);

	if (json_object_size(trial->bench->seen) >= SEEN_MAX)
		json_object_clear(trial->bench->seen);
	json_object_set_new(trial->bench->seen, key, brief(ran));
	free(key);
}

/* What came of the same experiment on this board before; NULL if it never ran. Borrowed. */
static json_t *recall(const struct trial *trial, const json_t *experiment)
{
	char *key = confirm_key(experiment);
	json_t *known = json_object_get(trial->bench->seen, key);

	free(key);
	return known;
}

/* The same case at another server: a cell of its own with the id "<cell>~<what>". */
static json_t *variant(const struct trial *trial, const char *what, json_t *server)
{
	static const char *const results[] = {"twin", "control", "tries", "witnesses", "trouble",
	                                      "timings_ms", "outcome", "reason", "detail",
	                                      "alert", "missing", "cannot", "diagnosis",
	                                      "attempts", "flaky"};
	json_t *made = json_made(json_copy(trial->cell));

	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		json_object_del(made, results[i]);
	json_object_set(made, "server", server);
	json_object_set_new(made, "id",
	                    json_made(json_pack("s++", json_text(trial->cell, "id"), "~", what)));
	return made;
}

static void set_now(struct trial *trial, enum step step, json_t *now)
{
	json_decref(trial->now);
	trial->now = now;
	trial->step = step;
}

/* --- the good twin ---------------------------------------------------------------------------- */

static json_t *make_twin(const struct trial *trial)
{
	json_t *server = json_object_get(json_object_get(trial->cell, "twin"), "server"), *twin;

	if (server == NULL)
		return NULL;
	twin = variant(trial, "twin", server);
	json_object_set_new(twin, "expect", json_made(json_pack("{s:s}", "result", "connect")));
	return twin;
}

static void keep_twin(struct trial *trial, const char *when, const json_t *ran)
{
	json_t *result = brief(ran);

	json_object_del(result, "id");
	json_object_set_new(json_object_get(trial->cell, "twin"), when, result);
}

static void begin_with_twin(struct trial *trial)
{
	json_t *twin = make_twin(trial);
	const json_t *known = twin != NULL ? recall(trial, twin) : NULL;

	if (twin == NULL) {
		trial->step = STEP_CASE;
	} else if (twin_connects(known)) {
		keep_twin(trial, "before", known);
		json_decref(twin);
		trial->step = STEP_CASE;
	} else {
		set_now(trial, STEP_BEFORE, twin);
	}
}

static void take_twin(struct trial *trial, const json_t *ran)
{
	bool connects = twin_connects(ran);

	keep_twin(trial, trial->step == STEP_BEFORE ? "before" : "after", ran);
	if (trial->step == STEP_BEFORE)
		set_now(trial, STEP_CASE, NULL);
	else if (trial->step == STEP_AFTER && !connects)
		trial->step = STEP_ONCE_MORE;
	else
		move_on(trial);
}

/* Whether a board that never connected to the twin still does is no question. */
static void take_case(struct trial *trial)
{
	const json_t *twin = json_object_get(trial->cell, "twin");

	if (twin_connects(json_object_get(twin, "before")))
		set_now(trial, STEP_AFTER, make_twin(trial));
	else
		move_on(trial);
}

/* --- the verdict, and what it calls for ------------------------------------------------------- */

static void keep_attempt(struct trial *trial, const json_t *ran)
{
	json_t *attempts = json_object_get(trial->cell, "attempts");

	if (attempts == NULL) {
		attempts = json_made(json_array());
		json_object_set_new(trial->cell, "attempts", attempts);
	}
	json_array_append_new(attempts,
	                      json_made(json_pack("{s:s, s:s}", "outcome",
	                                          json_text(ran, "outcome"), "reason",
	                                          json_text(ran, "reason"))));
}

/* The case once more. */
static void repeat(struct trial *trial, enum step step)
{
	if (json_object_get(trial->cell, "attempts") == NULL)
		keep_attempt(trial, trial->cell);
	set_now(trial, step, variant(trial, "again", json_object_get(trial->cell, "server")));
}

static void begin_again(struct trial *trial)
{
	trial->n_again++;
	repeat(trial, STEP_AGAIN);
}

/* Fail, inconclusive, error: a failure that is known is as expected. */
static bool went_wrong(const struct trial *trial)
{
	enum outcome outcome = outcome_named(json_text(trial->cell, "outcome"));

	return outcome == OUTCOME_FAIL || outcome == OUTCOME_INCONCLUSIVE ||
	       outcome == OUTCOME_ERROR;
}

static bool wants_attempt(const struct trial *trial)
{
	size_t n = json_array_size(json_object_get(trial->cell, "attempts"));

	return trial->n_again == 0 && (n > 0 ? n : 1) < trial->bench->n_attempts &&
	       !json_flag(trial->cell, "flaky") && went_wrong(trial);
}

/* A refusal that a connection lost by chance would look like, too. */
static bool may_be_chance(const struct trial *trial)
{
	static const char *const reasons[] = {"refused-other-alert", "refused-silently",
	                                      "refused-late"};
	const char *reason = json_text(trial->cell, "reason");

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (has_outcome(trial->cell, "pass") && strcmp(reason, reasons[i]) == 0)
			return trial->n_again == 0;
	return false;
}

/* What is said of the case, which is the cell's from here on. */
static void take_said(struct trial *trial, json_t *said)
{
	json_object_update(trial->cell, said);
	free(trial->explained);
	trial->explained = NULL;
}

/* Of a cell that was judged. The same verdict on the same witnesses has the same explanation. */
static void explain(struct trial *trial)
{
	char *verdict = NULL;

	CHECK(asprintf(&verdict, "%s %s %d %s", json_text(trial->cell, "outcome"),
	               json_text(trial->cell, "reason"), json_flag(trial->cell, "flaky"),
	               json_text(trial->cell, "detail")) > 0);
	if (trial->explained == NULL || strcmp(trial->explained, verdict) != 0)
		rules_diagnose(trial->bench->rules, trial->cell, trial->board);
	free(trial->explained);
	trial->explained = verdict;
	known_apply(trial->bench->known, trial->cell, trial->board);
}

static void weigh(struct trial *trial)
{
	judge_cell(trial->cell, trial->board);
	explain(trial);
}

/* All that the control sees of a case: nothing of the board but the name that it asks for. */
static char *control_key(const struct trial *trial)
{
	json_t *seen = json_made(json_pack("{s:O, s:O*, s:O*, s:s}", "server",
	                                   json_object_get(trial->cell, "server"), "client",
	                                   json_object_get(trial->cell, "client"), "expect",
	                                   json_object_get(trial->cell, "expect"), "name",
	                                   trial->bench->name));
	char *key = json_dumps(seen, JSON_COMPACT | JSON_SORT_KEYS);

	CHECK(key != NULL);
	json_decref(seen);
	return key;
}

/* Whether another board's control passed the case; it is the cell's then. */
static bool recall_control(struct trial *trial)
{
	char *key;
	json_t *known;

	if (trial->bench->control == CONTROL_ALWAYS)
		return false;
	key = control_key(trial);
	known = json_object_get(trial->bench->controls, key);
	free(key);
	if (known != NULL)
		json_object_set(trial->cell, "control", known);
	return known != NULL;
}

/* A control that failed may have had bad luck: the next board's has to see for itself. */
static void remember_control(const struct trial *trial, json_t *result)
{
	char *key;

	if (!has_outcome(result, "pass"))
		return;
	key = control_key(trial);
	if (json_object_size(trial->bench->controls) >= SEEN_MAX)
		json_object_clear(trial->bench->controls);
	json_object_set(trial->bench->controls, key, result);
	free(key);
}

static bool wants_control(const struct trial *trial)
{
	if (json_object_get(trial->cell, "control") != NULL)
		return false;
	return trial->bench->control == CONTROL_ALWAYS ||
	       (trial->bench->control == CONTROL_ON_FAILURE && has_outcome(trial->cell, "fail"));
}

/* Changes are tried where a connection was due: what would make a board refuse is no question. */
static bool wants_tries(const struct trial *trial)
{
	return has_outcome(trial->cell, "fail") && trial->bench->n_tries > 0 && trial->n_again == 0 &&
	       !json_flag(trial->cell, "flaky") &&
	       json_object_get(trial->cell, "twin") == NULL;
}

static void add_change(const struct trial *trial, json_t *change)
{
	const json_t *server = json_object_get(trial->cell, "server"), *other;
	json_t *changed = json_merge_patched(server, change);
	bool is_new = !json_equal(changed, server);
	size_t i;

	json_array_foreach(trial->changes, i, other) {
		json_t *earlier = json_merge_patched(server, other);

		is_new = is_new && !json_equal(earlier, changed);
		json_decref(earlier);
	}
	if (is_new)
		json_array_append(trial->changes, change);
	json_decref(changed);
}

/* Whether the server, so changed, would refuse the board's ClientHello: no board need run that. */
static bool is_in_vain(const struct trial *trial, const json_t *change)
{
	json_t *server = json_merge_patched(json_object_get(trial->cell, "server"), change);
	const json_t *witnesses = json_object_get(trial->cell, "witnesses");
	bool refuses = offer_refuses(server, json_object_get(witnesses, "wire"));

	json_decref(server);
	return refuses;
}

static void add_foretold(const struct trial *trial, bool in_vain)
{
	json_t *diagnosis, *change;
	size_t i, k;

	json_array_foreach(json_object_get(trial->cell, "diagnosis"), i, diagnosis)
		json_array_foreach(json_object_get(diagnosis, "try"), k, change)
			if (is_in_vain(trial, change) == in_vain)
				add_change(trial, change);
}

/*
 * What the diagnoses foretell comes first, in their order; then what is near. What is in vain comes
 * last, and then only to refute the diagnosis that foretells it.
 */
static void list_changes(struct trial *trial)
{
	json_t *change;
	size_t i;

	trial->changes = json_made(json_array());
	add_foretold(trial, false);
	json_array_foreach(trial->neighbours, i, change)
		if (!is_in_vain(trial, change))
			add_change(trial, change);
	add_foretold(trial, true);
}

static void keep_try(struct trial *trial, const json_t *ran)
{
	json_t *tries = json_object_get(trial->cell, "tries"), *result = brief(ran);

	if (tries == NULL) {
		tries = json_made(json_array());
		json_object_set_new(trial->cell, "tries", tries);
	}
	if (strchr(json_text(result, "id"), '~') != NULL)
		json_object_del(result, "id");
	json_object_set(result, "change", trial->change);
	json_array_append_new(tries, result);
	trial->n_tried++;
}

/* Takes the next change up; those that ran before on this board cost nothing. */
static void next_try(struct trial *trial)
{
	bool passed = false;

	while (!passed && json_array_size(trial->changes) > 0 &&
	       trial->n_tried < trial->bench->n_tries) {
		json_t *server, *now;
		const json_t *known;

		json_decref(trial->change);
		trial->change = json_incref(json_array_get(trial->changes, 0));
		json_array_remove(trial->changes, 0);
		server = json_merge_patched(json_object_get(trial->cell, "server"), trial->change);
		now = variant(trial, "try", server);
		json_decref(server);
		known = recall(trial, now);
		if (known == NULL) {
			set_now(trial, STEP_TRY, now);
			return;
		}
		keep_try(trial, known);
		passed = has_outcome(known, "pass");
		json_decref(now);
	}
	if (passed)
		begin_again(trial);
	else
		set_now(trial, STEP_OVER, NULL);
}

/*
 * Takes up what a failure calls for before it is explained, which costs more than a run. False if
 * that was all done.
 */
static bool look_again(struct trial *trial)
{
	known_apply(trial->bench->known, trial->cell, trial->board);
	if (wants_attempt(trial))
		repeat(trial, STEP_ATTEMPT);
	else if (wants_control(trial) && !recall_control(trial))
		set_now(trial, STEP_CONTROL,
		        variant(trial, "control", json_object_get(trial->cell, "server")));
	else
		return false;
	return true;
}

/* The board has run the case, and its twin if there is one, and what was called for since. */
static void move_on(struct trial *trial)
{
	judge_cell(trial->cell, trial->board);
	if (went_wrong(trial) || trial->bench->control == CONTROL_ALWAYS) {
		if (look_again(trial))
			return;
		if (json_object_get(trial->cell, "known") != NULL) /* explained as a failure */
			judge_cell(trial->cell, trial->board);
	}
	explain(trial);
	if (wants_tries(trial)) {
		list_changes(trial);
		next_try(trial);
	} else if (may_be_chance(trial)) {
		begin_again(trial);
	} else {
		set_now(trial, STEP_OVER, NULL);
	}
}

static void take_control(struct trial *trial, const json_t *ran)
{
	json_t *result = brief(ran);

	json_object_del(result, "id");
	remember_control(trial, result);
	json_object_set_new(trial->cell, "control", result);
	move_on(trial);
}

static void take_try(struct trial *trial, const json_t *ran)
{
	keep_try(trial, ran);
	if (has_outcome(ran, "pass"))
		begin_again(trial);
	else
		next_try(trial);
}

static bool is_verdict(const json_t *result)
{
	return has_outcome(result, "pass") || has_outcome(result, "fail");
}

/*
 * A failure is one, whatever comes after it; a verdict says more than none: true if its evidence is
 * the cell's from here on.
 */
static bool take_attempt(struct trial *trial, const json_t *ran, json_t *said)
{
	const char *before = json_text(trial->cell, "outcome");
	bool says_more = !is_verdict(trial->cell) && is_verdict(ran);

	keep_attempt(trial, ran);
	if (!has_outcome(ran, before))
		json_object_set_new(trial->cell, "flaky", json_true());
	if (says_more)
		take_said(trial, said);
	move_on(trial);
	return says_more;
}

/*
 * A board that fails and then passes at the same server shows nothing by passing at another. Of a
 * refusal and a failure the failure counts, with its evidence: true if it is this run's.
 */
static bool take_again(struct trial *trial, const json_t *ran, json_t *said)
{
	bool failed_now = has_outcome(trial->cell, "pass") && has_outcome(ran, "fail");

	keep_attempt(trial, ran);
	if (failed_now || (has_outcome(trial->cell, "fail") && has_outcome(ran, "pass")))
		json_object_set_new(trial->cell, "flaky", json_true());
	if (failed_now) {
		take_said(trial, said);
		move_on(trial);
	} else if (!json_flag(trial->cell, "flaky") && trial->n_again < AGAIN_MAX) {
		begin_again(trial);
	} else {
		weigh(trial);
		set_now(trial, STEP_OVER, NULL);
	}
	return failed_now;
}

/* --- from outside ----------------------------------------------------------------------------- */

struct trial *trial_begin(json_t *cell, json_t *neighbours, const json_t *board,
                          struct trial_bench *bench)
{
	struct trial *trial = calloc(1, sizeof(*trial));

	CHECK(trial != NULL);
	*trial = (struct trial){
		.cell = cell, .neighbours = neighbours, .board = board, .bench = bench};
	begin_with_twin(trial);
	return trial;
}

enum trial_turn trial_turn(const struct trial *trial)
{
	if (trial->step == STEP_OVER)
		return TRIAL_OVER;
	return trial->step == STEP_CONTROL ? TRIAL_CONTROL : TRIAL_BOARD;
}

const json_t *trial_next(const struct trial *trial)
{
	return trial->step == STEP_CASE ? trial->cell : trial->now;
}

/* A run with what was said of it, judged; as the control's it is not the board's. */
static json_t *judged(struct trial *trial, json_t *said)
{
	json_t *ran = json_made(json_copy((json_t *)trial_next(trial)));
	json_t *control = json_made(json_pack("{s:s, s:s}", "name", "control", "stack", "openssl"));

	json_object_update(ran, said);
	judge_cell(ran, trial->step == STEP_CONTROL ? control : trial->board);
	if (trial->step != STEP_CONTROL && trial->step != STEP_AGAIN &&
	    trial->step != STEP_ATTEMPT)
		remember(trial, ran);
	json_decref(control);
	return ran;
}

bool trial_take(struct trial *trial, json_t *witnesses, json_t *trouble, json_t *timings_ms)
{
	json_t *said = json_made(json_pack("{s:o, s:o, s:o}", "witnesses", witnesses, "trouble",
	                                   trouble, "timings_ms", timings_ms));
	json_t *ran = judged(trial, said);
	bool is_case = trial->step == STEP_CASE;

	switch (trial->step) {
	case STEP_CASE:
		take_said(trial, said);
		take_case(trial);
		break;
	case STEP_CONTROL:
		take_control(trial, ran);
		break;
	case STEP_TRY:
		take_try(trial, ran);
		break;
	case STEP_ATTEMPT:
		is_case = take_attempt(trial, ran, said);
		break;
	case STEP_AGAIN:
		is_case = take_again(trial, ran, said);
		break;
	default:
		take_twin(trial, ran);
	}
	json_decref(said);
	json_decref(ran);
	return is_case;
}

bool trial_share_control(struct trial *trial)
{
	if (trial->step != STEP_CONTROL || !recall_control(trial))
		return false;
	move_on(trial);
	return true;
}

void trial_do_without_control(struct trial *trial)
{
	json_object_set_new(trial->cell, "control", json_null());
	move_on(trial);
}

bool trial_close(struct trial *trial)
{
	if (json_object_get(trial->cell, "witnesses") == NULL)
		return false;
	weigh(trial);
	set_now(trial, STEP_OVER, NULL);
	return true;
}

json_t *trial_cell(const struct trial *trial)
{
	return trial->cell;
}

json_t *trial_end(struct trial *trial)
{
	json_t *cell = trial->cell;

	if (json_is_null(json_object_get(cell, "control")))
		json_object_del(cell, "control");
	json_decref(trial->neighbours);
	json_decref(trial->now);
	json_decref(trial->change);
	json_decref(trial->changes);
	free(trial->explained);
	free(trial);
	return cell;
}

void trial_skip(json_t *cell, const json_t *board, struct rules *rules)
{
	judge_cell(cell, board);
	rules_diagnose(rules, cell, board);
}
