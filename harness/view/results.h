/*
 * results.h: the folder of one run, from the first cell to the finished report. Layer: view.
 *
 * While a run goes on, each judged cell is appended to journal.jsonl, so that nothing that was done
 * is lost if a process or the machine dies. At the end the diagnoses are confirmed by what other
 * cells showed, and results.json, junit.xml, summary.md and index.html are written, each to a
 * temporary file that is renamed. The journal of a run that came to its end goes then; that of one
 * which was cut short stays, so that the run can go on. results.json has one line for each cell, so
 * that it can be searched and compared.
 *
 * Of a journal that another process wrote, each board and cell is held against the schema: one that
 * does not fit, or is not even JSON, is left out, as if it had not been run, and run.notices says so
 * with line and place.
 */
#ifndef SHAKEDOWN_VIEW_RESULTS_H
#define SHAKEDOWN_VIEW_RESULTS_H

#include "base/buf.h"
#include "base/error.h"
#include "view/shelf.h"

#include <jansson.h>
#include <stdbool.h>

#define RESULTS_FORMAT "shakedown.results/1"

struct results;

/*
 * Starts the run's journal in `folder`, which is made if need be. `header` is {"run": {id, suites,
 * started, versions}, "boards": [{name, stack, stack_version, driver, unsupported}], "profiles":
 * [{name, application}], "request": {"suites": [documents (suite.h)], ...: what it takes to go on
 * with the run}}. ERR_ENVIRONMENT if the folder cannot be written, ERR_INPUT if it holds another
 * run, and what became of that.
 */
int results_open(struct results **results, const char *folder, const json_t *header,
                 struct error *error);

/*
 * Takes up a run that was cut short: *header is as it was given to results_open, the caller's to
 * release, and `done` (empty before) gets a character for each cell of the plan up to the last one
 * that ran: '1' for those that did, '0' for the rest. A last line that is torn is forgotten.
 * ERR_INPUT if there is no such run, or it goes on, or its header is no run's; ERR_ENVIRONMENT, and
 * the journal is as it was, if it cannot be read to its end.
 */
int results_resume(struct results **results, const char *folder, json_t **header, struct buf *done,
                   struct error *error);

/* Ends a run that came to nothing before its first cell, and takes back what results_open made. */
void results_discard(struct results *results);

/* What is known of a board only once it answers: replaces the header's board of that name. */
int results_board(struct results *results, const json_t *board, struct error *error);

/* A sentence about the run as a whole, for all reports: run.notices. */
int results_notice(struct results *results, const char *text, struct error *error);

/*
 * Takes a judged and diagnosed cell, the `index`th of the plan, one line of JSON: results_sync puts
 * it into the journal. ERR_ENVIRONMENT if it is no line.
 */
int results_add(struct results *results, size_t index, struct bytes cell, struct error *error);

/*
 * Writes a cell's capture, before the cell, as the file `name` in the folder: "cells/....pcapng".
 * It is for its user alone, and safe against a loss of power before the cell is in the journal.
 */
int results_capture(struct results *results, const char *name, struct bytes capture,
                    struct error *error);

/*
 * Makes safe against a loss of power what was given since the last time: first the captures, then
 * the cells, which are in the journal from now on and only now count. So a slow disk is asked once
 * for several. On failure (a full disk) the journal is as it was before, those cells are forgotten,
 * and the run can go on or be closed.
 */
int results_sync(struct results *results, struct error *error);

/*
 * Ends the run and writes the reports. Planned cells that have not been added become "skip", with
 * the reason "not-run"; `complete` says whether the run came to its own end: if not, the journal
 * stays for results_resume. Frees `results` in any case; on failure the journal stays too, for
 * results_recover. With `base`, other results or NULL, what became of its cells is put into the
 * reports as "baseline" (verdict/baseline.h). *written becomes what was written, the caller's, with
 * the cells on `shelf`; NULL on failure. `shelf` and `written` may both be NULL.
 */
int results_close(struct results *results, bool complete, const json_t *base, struct shelf *shelf,
                  json_t **written, struct error *error);

/*
 * The same, for the journal that a process which died left in `folder`; the run counts as complete
 * if no cell is missing, and as finished when the journal was last written. A last line that is
 * torn is left out. ERR_INPUT if there is no journal, or its run goes on, or its header is no run's.
 */
int results_recover(const char *folder, struct error *error);

/* Whether the run in `folder` goes on: its journal is being written. */
bool results_are_growing(const char *folder);

/*
 * What a run that goes on has by now, as results_close would make of it: not complete, without a
 * line that is torn, the rest of the plan as "skip". Its "run" has {"growing": true}. Nothing is
 * written. The caller owns *results, and frees the shelf, which the cells are on, after it.
 * ERR_INPUT if there is no journal, or its header is no run's.
 */
int results_so_far(const char *folder, struct shelf *shelf, json_t **results, struct error *error);

/* ERR_INPUT if `folder` holds a run: its report or journal is not written over. */
int results_check_unused(const char *folder, struct error *error);

/* ERR_INPUT if the run in `folder` goes on, or died before it wrote its report. */
int results_check_ended(const char *folder, struct error *error);

/*
 * Reads a results.json, checked against the schema file `schema`. The caller owns *results. With a
 * shelf, the caller's too, the cells of a file that has a line for each are put on it; without one
 * (NULL) they are whole. ERR_INPUT names file and place.
 */
int results_load(const char *path, const char *schema, struct shelf *shelf, json_t **results,
                 struct error *error);

/*
 * Writes results.json, junit.xml, summary.md and index.html for `results`, with the shelf of its
 * cells or NULL, into `folder`: what results_close does, and what renders a stored run again.
 */
int results_write(const char *folder, const json_t *results, const struct shelf *shelf,
                  struct error *error);

/* The highest exit status that a cell of `results` asks for: by its outcome (outcome.h), or 1. */
int results_exit_status(const json_t *results);

#endif
