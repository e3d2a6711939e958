/*
 * agenda.h: what a run is to do, loaded and checked before anything starts: suites, boards, the
 * plan of their cells, rules, where to sniff. A program's part, above all layers.
 */
#ifndef SHAKEDOWN_AGENDA_H
#define SHAKEDOWN_AGENDA_H

#include "base/error.h"
#include "scenario/plan.h"
#include "scenario/shard.h"
#include "trial.h"
#include "verdict/known.h"
#include "verdict/rules.h"

#include <jansson.h>
#include <net/if.h>
#include <stdbool.h>

struct agenda {
	char *certificates;          /* the folder of peer/certs.h */
	char interface[IF_NAMESIZE]; /* to sniff on: it carries the boards' connections */
	struct suite **suites;
	struct profile *profiles;
	bool in_lab;        /* they are those of a lab's daemon */
	struct plan plan; /* points to the suites, the profiles and the cases */
	struct shard shard; /* count 0: the run has the whole plan */
	size_t *cases;      /* of the shard, or those that were named; NULL: all */
	struct rules *rules;
	struct known **known; /* one for each profile; those of a folder share theirs */
	enum control_policy control;
	unsigned n_tries, n_attempts;
	struct known *own; /* the user's known failures, or NULL */
	char *done;     /* a character for each cell of the plan: '1' if it is not to be run */
	bool is_rest;   /* of a run that was begun before */
	json_t *boards; /* as in results.json, in the order of the profiles */
};

/*
 * Loads what `request` names:
 *   {"version": as in version.h, "suites": [documents (suite.h)], "boards": [profiles by name or
 *    path], "rules": [as for rules_load_shipped], "control": "always" | "on-failure" | "never",
 *    "tries": N, "attempts": N, "known": [{"file", "json"}]}
 * and perhaps "profiles", [{"file", "json", "local"}] that were loaded elsewhere, in place of
 * "boards"; "done", as agenda.done; and, for a part of the plan, "shard": "K/N" and "durations":
 * {"<id of a case>": milliseconds that it took before}, or "cases": [names]. The caller ends it
 * with agenda_fini, after a failure too: ERR_INPUT or ERR_ENVIRONMENT.
 */
int agenda_load(struct agenda *agenda, const json_t *request, struct error *error);
void agenda_fini(struct agenda *agenda);

/* Whether all boards are on this machine, so that the run can have a network of its own. */
bool agenda_is_local(const struct agenda *agenda);

/*
 * The entries of all known.json that are stale by now (verdict/known.h): a new list of sentences.
 * Empty for a part of the plan: its cells are too few to tell.
 */
json_t *agenda_stale(const struct agenda *agenda);

/* What results.json says of a run that starts now: {suites, started, versions}. New. */
json_t *agenda_run(const struct agenda *agenda);

/* What the plan takes from the boards' profiles: [{"name", "application"}]. New. */
json_t *agenda_profiles(const struct agenda *agenda);

#endif
