/*
 * command.h: what the subcommands of `shakedown` share: their arguments, and the files that several
 * of them use. Each has a file of its own, command_<name>.c; the table of them stands in
 * shakedown.c.
 */
#ifndef SHAKEDOWN_COMMAND_H
#define SHAKEDOWN_COMMAND_H

#include "base/error.h"
#include "flow/hellos.h"
#include "peer/certs.h"
#include "scenario/suite.h"
#include "view/shelf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define COMMAND_WORDS_MAX 256 /* words of one option */
#define COMMAND_TRIES_MAX 100 /* what --tries takes */
#define COMMAND_ATTEMPTS_MAX 20 /* what --attempts takes */

/* What stands after the subcommand: plain words, and words after --NAME. */
struct option_words {
	const char *name; /* NULL: the plain words */
	bool flag;        /* takes no words */
	const char *one;  /* takes one word each time: what that is; NULL: takes several */
	bool (*optional)(const char *word); /* takes the next word if this says so */
	bool given;
	bool bare;        /* it was given without its optional word */
	size_t n;
	const char *words[COMMAND_WORDS_MAX];
};

/*
 * Sorts `arguments`, a list ended by NULL, into `options`: [0] takes the plain words, the rest, up
 * to a row without a name, what follows each option's name. The words are borrowed. ERR_INPUT with
 * the option that is unknown or lacks its word.
 */
int command_sort(char **arguments, struct option_words *options, struct error *error);

/* ERR_INPUT if the name, or one of the arguments, is not UTF-8: it will stand in JSON. */
int command_check_name(const char *name, struct error *error);
int command_check_names(char **arguments, struct error *error);

/* The last word of an option that takes one; NULL without any. */
const char *command_word(const struct option_words *option);

/*
 * The number that an option takes, from `min` to `max`; `otherwise` where it was not given.
 * ERR_INPUT for anything else.
 */
int command_number(const struct option_words *option, long min, long max, long otherwise,
                   long *number, struct error *error);

/* The words of an option as a new list. */
json_t *command_words(const struct option_words *option);

/* reports/<time>-<suite>, where the user named no folder; a new string. */
char *command_default_folder(const char *suite);

/* The folder of certs_make_own, brought up to date: a new string, or NULL with the error set. */
char *command_certificates_folder(struct error *error);

/*
 * Loads the suites that `option` names into suites[0 ... option->n - 1], which stay NULL from the
 * first one on that fails. The caller frees each.
 */
int command_suites(const struct option_words *option, struct suite *suites[], struct error *error);

/*
 * What all servers of the suites would answer to each of the hellos: a new array with a list for
 * each (lineup.h), all the caller's; NULL with the error set.
 */
json_t **command_ask(struct suite *const suites[], size_t n_suites, const struct hellos *hellos,
                     const char *certificates, struct error *error);

/* A hello and its connections as --json tells them, without its answers; a new object. */
json_t *command_hello(const struct hello *hello, size_t number);

/* Prints the elements of a list as JSON, a line each. */
void command_print_lines(const json_t *told);

/* What must be said with answers: they must not be taken for more than they are. */
extern const char command_caveat[];

/* Reads the results.json of a run's folder; the caller owns *results and the shelf (results.h). */
int command_results(const char *folder, struct shelf *shelf, json_t **results, struct error *error);

/* The same for a `command` that takes the folder as its word: if absent, it is told what to name. */
int command_results_of_run(const char *command, const char *folder, struct shelf *shelf,
                           json_t **results, struct error *error);

/*
 * The same, and of a run that goes on what it has by now: *growing says so, and so does a line on
 * standard error.
 */
int command_results_by_now(const char *command, const char *folder, bool *growing,
                           struct shelf *shelf, json_t **results, struct error *error);

/*
 * Reads the results.json of `folder` as a base to compare with; an ERR_INPUT tells what --baseline
 * takes. The caller owns *base, whose cells are without testimony.
 */
int command_baseline(const char *folder, json_t **base, struct error *error);

/* Prints the matrix of `results` and what failed. */
void command_print(const json_t *results, const struct shelf *shelf);

/* Prints what none of `hellos`, a list of decoded ClientHellos, offers, as a profile has it. */
int command_propose(const json_t *hellos, struct error *error);

/* The subcommands. Each takes what stands behind its name and returns the exit status. */
int command_run(char **arguments, struct error *error);
int command_status(char **arguments, struct error *error);
int command_cancel(char **arguments, struct error *error);
int command_plan(char **arguments, struct error *error);
int command_report(char **arguments, struct error *error);
int command_merge(char **arguments, struct error *error);
int command_slurm(char **arguments, struct error *error);
int command_compare(char **arguments, struct error *error);
int command_show(char **arguments, struct error *error);
int command_accept(char **arguments, struct error *error);
int command_decode(char **arguments, struct error *error);
int command_whatif(char **arguments, struct error *error);
int command_explain(char **arguments, struct error *error);
int command_board(char **arguments, struct error *error);
int command_certs(char **arguments, struct error *error);

#endif
