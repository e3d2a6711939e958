#include "trial.h"

#include "base/assert.h"
#include "base/json.h"
#include "verdict/judge.h"

#include <stdlib.h>
#include <string.h>

enum step { STEP_BEFORE, STEP_CASE, STEP_AFTER, STEP_ONCE_MORE, STEP_OVER };

struct trial {
	json_t *cell;
	json_t *twin; /* a cell to run: the good twin's; NULL if there is none */
	char *key;    /* of the twin in `twins` */
	const json_t *board;
	json_t *twins;
	enum step step;
};

/* The same case at the good server, whose expectation is the plain one. */
static json_t *twin_of(const json_t *cell)
{
	json_t *server = json_object_get(json_object_get(cell, "twin"), "server"), *twin;

	if (server == NULL)
		return NULL;
	twin = json_made(json_copy((json_t *)cell));
	json_object_del(twin, "twin");
	json_object_set(twin, "server", server);
	json_object_set_new(twin, "expect", json_made(json_pack("{s:s}", "result", "connect")));
	json_object_set_new(twin, "id",
	                    json_made(json_pack("s+", json_text(cell, "id"), "~twin")));
	return twin;
}

/* Twins of several cases are often the same experiment. */
static char *key_of(const json_t *twin)
{
	json_t *experiment = json_made(json_pack("[O, O?]", json_object_get(twin, "server"),
	                                         json_object_get(twin, "client")));
	char *key = json_dumps(experiment, JSON_COMPACT | JSON_SORT_KEYS);

	CHECK(key != NULL);
	json_decref(experiment);
	return key;
}

static bool passed(const json_t *result)
{
	return strcmp(json_text(result, "outcome"), "pass") == 0;
}

static void keep_result(struct trial *trial, const char *when, json_t *result)
{
	json_object_set(json_object_get(trial->cell, "twin"), when, result);
}

struct trial *trial_begin(json_t *cell, const json_t *board, json_t *twins)
{
	struct trial *trial = calloc(1, sizeof(*trial));
	json_t *known;

	CHECK(trial != NULL);
	*trial = (struct trial){.cell = cell, .board = board, .twins = twins, .step = STEP_CASE};
	trial->twin = twin_of(cell);
	if (trial->twin == NULL)
		return trial;
	trial->key = key_of(trial->twin);
	known = json_object_get(twins, trial->key);
	if (passed(known))
		keep_result(trial, "before", known);
	else
		trial->step = STEP_BEFORE;
	return trial;
}

const json_t *trial_next(const struct trial *trial)
{
	if (trial->step == STEP_OVER)
		return NULL;
	return trial->step == STEP_CASE ? trial->cell : trial->twin;
}

/* Judges a run of the twin; what is kept of it is the verdict. */
static json_t *judged(const struct trial *trial, const json_t *said)
{
	json_t *ran = json_made(json_copy(trial->twin)), *result;

	json_object_update(ran, (json_t *)said);
	judge_cell(ran, trial->board);
	result = json_made(json_pack("{s:O, s:O, s:O}", "outcome", json_object_get(ran, "outcome"),
	                             "reason", json_object_get(ran, "reason"), "detail",
	                             json_object_get(ran, "detail")));
	json_decref(ran);
	return result;
}

static void take_twin(struct trial *trial, const json_t *said)
{
	json_t *result = judged(trial, said);
	bool before = trial->step == STEP_BEFORE;

	keep_result(trial, before ? "before" : "after", result);
	json_object_set(trial->twins, trial->key, result);
	if (before)
		trial->step = STEP_CASE;
	else if (trial->step == STEP_AFTER && !passed(result))
		trial->step = STEP_ONCE_MORE;
	else
		trial->step = STEP_OVER;
	json_decref(result);
}

/* Whether a board that never connected to the twin still does is no question. */
static void take_case(struct trial *trial, json_t *said)
{
	const json_t *twin = json_object_get(trial->cell, "twin");

	json_object_update(trial->cell, said);
	trial->step = passed(json_object_get(twin, "before")) ? STEP_AFTER : STEP_OVER;
}

bool trial_take(struct trial *trial, json_t *witnesses, json_t *trouble, json_t *timings_ms)
{
	json_t *said = json_made(json_pack("{s:o, s:o, s:o}", "witnesses", witnesses, "trouble",
	                                   trouble, "timings_ms", timings_ms));
	bool is_case = trial->step == STEP_CASE;

	if (is_case)
		take_case(trial, said);
	else
		take_twin(trial, said);
	json_decref(said);
	return is_case;
}

json_t *trial_cell(const struct trial *trial)
{
	return trial->cell;
}

json_t *trial_end(struct trial *trial)
{
	json_t *cell = trial->cell;

	json_decref(trial->twin);
	free(trial->key);
	free(trial);
	return cell;
}
