#include "view/results.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/skim.h"
#include "scenario/plan.h"
#include "verdict/baseline.h"
#include "verdict/confirm.h"
#include "verdict/lint_cells.h"
#include "verdict/outcome.h"
#include "view/captures.h"
#include "view/inspection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOURNAL "journal.jsonl"
#define WAITING_KEPT (1u << 20) /* bytes of storage for lines */
#define NOT_RUN "The run ended before it came to this cell."
#define NOT_RUN_YET "The run goes on, and has not come to this cell yet."

struct results {
	char *folder;
	char *path; /* of the journal */
	int fd;
	off_t length; /* of what is whole in it */
	bool resumed; /* another process began it */
	bool synced;
	bool own_folder; /* it was not there before */
	struct captures captures;
	struct buf waiting; /* lines of cells, for results_sync */
};

static struct results *results_new(const char *folder)
{
	struct results *results = calloc(1, sizeof(*results));

	CHECK(results != NULL);
	results->fd = -1;
	results->folder = strdup(folder);
	CHECK(results->folder != NULL);
	results->path = file_join(folder, JOURNAL);
	return results;
}

static void results_free(struct results *results)
{
	if (results->fd >= 0)
		close(results->fd);
	captures_fini(&results->captures);
	buf_fini(&results->waiting);
	free(results->folder);
	free(results->path);
	free(results);
}

/* --- the journal ------------------------------------------------------------------------------ */

/* The journal as it was when it had this length; for what errno tells. */
static int take_back(struct results *results, off_t length, struct error *error)
{
	int rc = file_cannot_write(results->path, error);

	if (ftruncate(results->fd, length) == 0)
		lseek(results->fd, length, SEEK_SET);
	results->length = length;
	return rc;
}

/* What did not get in whole is taken back. */
static int append_lines(struct results *results, struct bytes lines, struct error *error)
{
	if (file_write_all(results->fd, lines) != 0)
		return take_back(results, results->length, error);
	results->length += (off_t)lines.len;
	results->synced = false;
	return 0;
}

/* One line {"<kind>": value}. */
static int append(struct results *results, const char *kind, const json_t *value,
                  struct error *error)
{
	json_t *entry = json_made(json_pack("{s:O}", kind, (json_t *)value));
	struct buf line = {0};
	int rc;

	json_put(&line, entry, JSON_COMPACT);
	buf_char(&line, '\n');
	rc = append_lines(results, buf_view(&line), error);
	json_decref(entry);
	buf_fini(&line);
	return rc;
}

/*
 * The lock of those who read a journal: it keeps runs away, not other readers. NFS gives the one of
 * runs to nobody who has the file open for reading alone.
 */
static bool is_held_against_readers(int fd)
{
	return flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

/* Whether the journal `path` is held by a run at work. */
static bool is_held(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool held = fd >= 0 && is_held_against_readers(fd);

	if (fd >= 0)
		close(fd);
	return held;
}

/* Whether the folder holds a journal, or a report, of a run that does not go on any more. */
static int check_not_at_work(const char *folder, bool *journal, bool *report, struct error *error)
{
	char *path = file_join(folder, JOURNAL), *results = file_join(folder, "results.json");
	struct stat status;
	int rc = 0;

	/* Without a byte it is that of a run which was killed before it began. */
	*journal = stat(path, &status) == 0 && status.st_size > 0;
	*report = access(results, F_OK) == 0;
	if (is_held(path))
		rc = error_set(error, ERR_INPUT, "the run in %s goes on: wait for its end", folder);
	free(path);
	free(results);
	return rc;
}

int results_check_ended(const char *folder, struct error *error)
{
	bool journal, report;
	int rc = check_not_at_work(folder, &journal, &report, error);

	if (rc == 0 && journal && !report)
		rc = error_set(error, ERR_INPUT,
		               "the run in %s never came to its end: `shakedown run --resume %s` goes "
		               "on with it, `shakedown report %s` makes a report of what was done",
		               folder, folder, folder);
	return rc;
}

int results_check_unused(const char *folder, struct error *error)
{
	bool journal, report;
	int rc = check_not_at_work(folder, &journal, &report, error);

	if (rc != 0)
		error_append(error, "; or name another folder");
	else if (journal)
		rc = error_set(error, ERR_INPUT,
		               "%s holds a run that was cut short: `shakedown run --resume %s` goes on "
		               "with it; or name another folder",
		               folder, folder);
	else if (report)
		rc = error_set(error, ERR_INPUT,
		               "%s holds a run already (results.json): name another folder, or "
		               "remove it first",
		               folder);
	return rc;
}

/* Makes the journal, or takes an empty one over that is nobody's. */
static int begin_journal(struct results *results, struct error *error)
{
	int fd = open(results->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
	struct stat status;
	int rc = 0;

	if (fd < 0)
		return error_system(error, ERR_ENVIRONMENT, errno,
		                    "cannot start the run's journal %s", results->path);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		rc = error_system(error, ERR_ENVIRONMENT, errno, "cannot lock %s", results->path);
	else if (fstat(fd, &status) != 0 || status.st_size > 0 || status.st_nlink == 0)
		rc = error_set(error, ERR_ENVIRONMENT,
		               "another run began in %s at the same moment", results->folder);
	if (rc == 0)
		results->fd = fd;
	else
		close(fd);
	return rc;
}

int results_open(struct results **out, const char *folder, const json_t *header,
                 struct error *error)
{
	struct results *results;
	bool own_folder = access(folder, F_OK) != 0;
	int rc = results_check_unused(folder, error);

	if (rc == 0)
		rc = file_make_folder(folder, error);
	if (rc != 0)
		return rc;
	results = results_new(folder);
	results->own_folder = own_folder;
	rc = begin_journal(results, error);
	if (rc == 0)
		rc = append(results, "header", header, error);
	if (rc != 0) {
		results_discard(results);
		return rc;
	}
	*out = results;
	return 0;
}

void results_discard(struct results *results)
{
	if (results->fd >= 0)
		unlink(results->path);
	if (results->own_folder)
		rmdir(results->folder);
	results_free(results);
}

int results_board(struct results *results, const json_t *board, struct error *error)
{
	return append(results, "board", board, error);
}

int results_notice(struct results *results, const char *text, struct error *error)
{
	json_t *notice = json_made(json_pack("s", text));
	int rc = append(results, "notice", notice, error);

	json_decref(notice);
	return rc;
}

int results_add(struct results *results, size_t index, struct bytes cell, struct error *error)
{
	struct buf *lines = &results->waiting;

	if (cell.len == 0 || memchr(cell.data, '\n', cell.len) != NULL)
		return error_set(error, ERR_ENVIRONMENT, "cell %zu is not one line of JSON", index);
	buf_printf(lines, "{\"index\": %zu, \"cell\": ", index);
	buf_bytes(lines, cell);
	buf_text(lines, "}\n");
	return 0;
}

int results_capture(struct results *results, const char *name, struct bytes capture,
                    struct error *error)
{
	char *path;
	int rc;

	if (!captures_may_be_named(name))
		return error_set(error, ERR_ENVIRONMENT, "%s is no name of a capture", name);
	path = file_join(results->folder, name);
	rc = captures_write(&results->captures, path, capture, error);
	free(path);
	return rc;
}

int results_sync(struct results *results, struct error *error)
{
	off_t before = results->length;
	int rc = captures_sync(&results->captures, error);

	if (rc == 0 && results->waiting.len > 0)
		rc = append_lines(results, buf_view(&results->waiting), error);
	buf_idle(&results->waiting, WAITING_KEPT);
	if (rc == 0 && !results->synced && fdatasync(results->fd) != 0)
		rc = take_back(results, before, error); /* network file systems tell it here */
	results->synced |= rc == 0;
	return rc;
}

/* --- from the journal to the results ---------------------------------------------------------- */

/* A journal while it is read: the last word on each board and cell counts. */
struct reading {
	struct inspection inspection;
	struct shelf *shelf;
	bool own;     /* this process wrote it */
	off_t offset; /* of the line that is read */
	bool headed; /* the first header counts */
	json_t *run, *boards;
	json_t *suites;   /* documents (suite.h): what the plan is made of, with */
	json_t *profiles; /* what it takes of those, in the order of the boards, and */
	json_t *cases;    /* the indices of a part's cases, or NULL */
	json_t *cells;  /* by id */
	json_t *order; /* the ids, as they came */
	json_t *notices;
};

/* No run writes a key twice; but a UART says anything. */
static json_t *parse_line(struct bytes line)
{
	return json_loadb((const char *)line.data, line.len,
	                  JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
}

/* That reading ended with the file, and not before it: what could not be read is not gone. */
static int check_end(FILE *file, const char *path, struct error *error)
{
	return feof(file) ? 0
	                  : error_system(error, ERR_ENVIRONMENT, errno, "cannot read %s", path);
}

static void take_board(struct reading *reading, json_t *board)
{
	const json_t *known;
	size_t i;

	json_array_foreach(reading->boards, i, known)
		if (strcmp(json_text(known, "name"), json_text(board, "name")) == 0) {
			json_array_set(reading->boards, i, board);
			return;
		}
	json_array_append(reading->boards, board);
}

static void take_cell(struct reading *reading, json_t *cell)
{
	const char *id = json_text(cell, "id");

	if (json_object_get(reading->cells, id) == NULL)
		json_array_append(reading->order, json_object_get(cell, "id"));
	json_object_set(reading->cells, id, cell);
}

/* The text of the cell of a line; *offset is where the file has it. */
static bool find_cell(const struct reading *reading, struct bytes line, struct bytes *cell,
                      off_t *offset)
{
	if (!skim_member(line, "cell", cell))
		return false;
	*offset = reading->offset + (cell->data - line.data);
	return true;
}

/* A cell that this process wrote itself is not read as a whole. Whether the line was one. */
static bool take_own_cell(struct reading *reading, struct bytes line)
{
	struct bytes text;
	off_t offset;
	json_t *cell;

	if (!reading->own || !find_cell(reading, line, &text, &offset))
		return false;
	cell = shelf_take(reading->shelf, offset, text);
	if (cell == NULL)
		return false;
	take_cell(reading, cell);
	json_decref(cell);
	return true;
}

static void take_foreign_cell(struct reading *reading, json_t *cell, struct bytes line)
{
	struct bytes text;
	off_t offset;

	if (find_cell(reading, line, &text, &offset))
		shelf_put(reading->shelf, cell, offset, text);
	take_cell(reading, cell);
}

static void take_header(struct reading *reading, const json_t *header)
{
	json_t *run = json_object_get(header, "run"), *shard = json_object_get(run, "shard");

	reading->headed = true;
	reading->run = json_deep_copy(run);
	reading->boards = json_incref(json_object_get(header, "boards"));
	reading->suites = json_incref(
		json_object_get(json_object_get(header, "request"), "suites"));
	reading->profiles = json_incref(json_object_get(header, "profiles"));
	reading->cases = json_incref(json_object_get(shard != NULL ? shard : run, "cases"));
}

static void take_line(struct reading *reading, struct bytes line)
{
	json_t *entry;

	if (take_own_cell(reading, line))
		return;
	entry = parse_line(line);
	if (!inspection_line(&reading->inspection, entry))
		return;
	if (json_object_get(entry, "header") != NULL && !reading->headed)
		take_header(reading, json_object_get(entry, "header"));
	if (inspection_board(&reading->inspection, entry))
		take_board(reading, json_object_get(entry, "board"));
	if (inspection_cell(&reading->inspection, entry))
		take_foreign_cell(reading, json_object_get(entry, "cell"), line);
	if (json_is_string(json_object_get(entry, "notice")))
		json_array_append(reading->notices, json_object_get(entry, "notice"));
	json_decref(entry);
}

/* Line by line: what is whole in it. */
static int take_lines(struct reading *reading, const char *path, struct error *error)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	int rc;

	if (file == NULL)
		return error_system(error, ERR_INPUT, errno, "cannot open %s", path);
	while ((n = getline(&line, &size, file)) > 0 && line[n - 1] == '\n') {
		reading->inspection.line++;
		take_line(reading, (struct bytes){(const uint8_t *)line, (size_t)n});
		reading->offset += n;
	}
	rc = check_end(file, path, error);
	free(line);
	fclose(file);
	return rc;
}

/* How the reading of a journal ends. */
struct ending {
	bool own; /* this process wrote it: it is not inspected */
	bool complete; /* whatever is missing; or */
	bool complete_if_whole; /* if nothing is */
	uint64_t finished_ns;
	const char *not_run; /* why cells are missing */
	const json_t *base; /* results to compare with, or NULL */
};

static void not_run(json_t *planned, const char *why)
{
	json_object_set_new(planned, "outcome", json_made(json_string("skip")));
	json_object_set_new(planned, "reason", json_made(json_string("not-run")));
	json_object_set_new(planned, "detail", json_made(json_string(why)));
	json_object_set_new(planned, "diagnosis", json_made(json_array()));
}

/* The plan of a run, made again from what its journal says of it. */
struct replan {
	struct suite **suites;
	struct profile *profiles;
	size_t *cases;
	struct plan plan;
};

static int replan_case(struct replan *again, size_t i, const json_t *index, struct error *error)
{
	again->cases[i] = (size_t)json_integer_value(index);
	if (json_is_integer(index) && again->cases[i] < plan_n_all_cases(&again->plan))
		return 0;
	return error_set(error, ERR_INPUT, "the journal's run has cases that its suites have not");
}

static int replan_board(struct replan *again, size_t i, json_t *profile, struct error *error)
{
	again->profiles[i].json = profile;
	if (json_text(profile, "name")[0] != '\0')
		return 0;
	return error_set(error, ERR_INPUT, "the journal's run has a board without a name");
}

static int replan(struct replan *again, const struct reading *reading, struct error *error)
{
	size_t n_suites = json_array_size(reading->suites);
	size_t n_boards = json_array_size(reading->profiles);
	size_t n_cases = json_array_size(reading->cases);
	int rc = 0;

	again->suites = calloc(n_suites + 1, sizeof(struct suite *));
	again->profiles = calloc(n_boards + 1, sizeof(struct profile));
	again->cases = calloc(n_cases + 1, sizeof(*again->cases));
	CHECK(again->suites != NULL && again->profiles != NULL && again->cases != NULL);
	for (size_t i = 0; rc == 0 && i < n_suites; i++)
		rc = suite_take(&again->suites[i], json_array_get(reading->suites, i), error);
	for (size_t i = 0; rc == 0 && i < n_boards; i++)
		rc = replan_board(again, i, json_array_get(reading->profiles, i), error);
	again->plan = (struct plan){.suites = again->suites,
	                            .n_suites = n_suites,
	                            .profiles = again->profiles,
	                            .n_profiles = n_boards,
	                            .n_cases = n_cases,
	                            .cases = reading->cases != NULL ? again->cases : NULL};
	for (size_t i = 0; rc == 0 && i < n_cases; i++)
		rc = replan_case(again, i, json_array_get(reading->cases, i), error);
	if (rc != 0)
		error_prefix(error, "%s does not tell what was planned", reading->inspection.path);
	return rc;
}

static void replan_fini(struct replan *again)
{
	for (size_t i = 0; i < again->plan.n_suites; i++)
		suite_free(again->suites[i]);
	free(again->suites);
	free(again->profiles);
	free(again->cases);
}

/* In the order of the plan; cells that no plan knows come last, as they came. Counts the missing. */
static json_t *ordered_cells(const struct reading *reading, const struct plan *plan,
                             const char *why_not_run, size_t *n_missing)
{
	json_t *cells = json_made(json_array());
	json_t *id;
	size_t i;

	for (i = 0; i < plan_n_cells(plan); i++) {
		json_t *planned = plan_cell(plan, i);
		const char *name = json_text(planned, "id");
		json_t *cell = json_object_get(reading->cells, name);

		if (cell != NULL) {
			json_array_append(cells, cell);
			json_object_del(reading->cells, name);
			json_decref(planned);
		} else {
			(*n_missing)++;
			not_run(planned, why_not_run);
			shelf_share_members(reading->shelf, planned);
			json_array_append_new(cells, planned);
		}
	}
	json_array_foreach(reading->order, i, id) {
		json_t *cell = json_object_get(reading->cells, json_string_value(id));

		if (cell != NULL)
			json_array_append(cells, cell);
	}
	return cells;
}

/* For lint_cells. */
static json_t *witnesses_of(void *context, const json_t *cell)
{
	return shelf_hello(context, cell);
}

/* The results without cells. `reading` has a header. */
static json_t *frame_of(const struct reading *reading, const struct ending *ending)
{
	char finished[CLOCK_TEXT_MAX], left_out[ERROR_TEXT_MAX];

	clock_text(ending->finished_ns, finished);
	json_object_set_new(reading->run, "finished", json_made(json_string(finished)));
	json_object_set_new(reading->run, "complete", json_boolean(ending->complete));
	if (inspection_left_out(&reading->inspection, left_out, sizeof(left_out)))
		json_array_append_new(reading->notices, json_made(json_string(left_out)));
	if (json_array_size(reading->notices) > 0)
		json_object_set(reading->run, "notices", reading->notices);
	return json_made(json_pack("{s:s, s:O, s:O, s:[]}", "format", RESULTS_FORMAT, "run",
	                           reading->run, "boards", reading->boards, "cells"));
}

static void put_cells(json_t *frame, struct reading *reading, const struct plan *plan,
                      const struct ending *ending)
{
	size_t n_missing = 0;
	json_t *cells = ordered_cells(reading, plan, ending->not_run, &n_missing);

	confirm_diagnoses(cells);
	lint_cells(cells, witnesses_of, reading->shelf);
	json_object_set_new(frame, "cells", cells);
	if (ending->complete_if_whole && n_missing == 0 && plan_n_cells(plan) > 0 &&
	    json_array_size(cells) == plan_n_cells(plan))
		json_object_set_new(reading->run, "complete", json_true());
}

static int assemble(json_t **results, struct reading *reading, const struct ending *ending,
                    struct error *error)
{
	struct replan again = {0};
	json_t *frame;
	int rc;

	if (!json_is_object(reading->run) || !json_is_array(reading->boards))
		return error_set(error, ERR_INPUT, "%s is not the journal of a run",
		                 reading->inspection.path);
	frame = frame_of(reading, ending);
	rc = inspection_frame(&reading->inspection, frame, error);
	if (rc == 0)
		rc = replan(&again, reading, error);
	if (rc == 0)
		put_cells(frame, reading, &again.plan, ending);
	replan_fini(&again);
	if (rc == 0)
		*results = frame;
	else
		json_decref(frame);
	return rc;
}

static int read_journal(const char *path, const struct ending *ending, struct shelf *shelf,
                        json_t **results, struct error *error)
{
	struct reading reading = {.shelf = shelf,
	                          .own = ending->own,
	                          .inspection.path = path,
	                          .cells = json_made(json_object()),
	                          .order = json_made(json_array()),
	                          .notices = json_made(json_array())};
	int rc = shelf_open(shelf, path, error);

	if (rc == 0 && !ending->own)
		rc = inspection_init(&reading.inspection, path, error);
	if (rc == 0)
		rc = take_lines(&reading, path, error);
	if (rc == 0)
		rc = assemble(results, &reading, ending, error);
	inspection_fini(&reading.inspection);
	json_decref(reading.run);
	json_decref(reading.boards);
	json_decref(reading.suites);
	json_decref(reading.profiles);
	json_decref(reading.cases);
	json_decref(reading.cells);
	json_decref(reading.order);
	json_decref(reading.notices);
	return rc;
}

/* --- the end of a run ------------------------------------------------------------------------- */

/* *written, NULL before, becomes what is in the results.json of `folder`. */
static int finish(const char *folder, const char *journal, const struct ending *ending,
                  struct shelf *shelf, json_t **written, struct error *error)
{
	int rc = read_journal(journal, ending, shelf, written, error);

	if (rc == 0 && ending->base != NULL)
		json_object_set_new(*written, "baseline", baseline_compare(ending->base, *written));
	if (rc == 0)
		rc = results_write(folder, *written, shelf, error);
	if (rc == 0 && json_flag(json_object_get(*written, "run"), "complete"))
		unlink(journal);
	if (rc != 0) {
		json_decref(*written);
		*written = NULL;
	}
	return rc;
}

/* The same where nobody asks for them. */
static int finish_alone(const char *folder, const char *journal, const struct ending *ending,
                        struct error *error)
{
	struct shelf *shelf = shelf_new();
	json_t *written = NULL;
	int rc = finish(folder, journal, ending, shelf, &written, error);

	json_decref(written);
	shelf_free(shelf);
	return rc;
}

/* --- going on with a run ---------------------------------------------------------------------- */

/* A cell whose line is whole, and as it should be, was run, and is not run again. */
static void mark_done(struct buf *done, struct inspection *inspection, const json_t *entry)
{
	json_int_t index = json_integer_value(json_object_get(entry, "index"));

	if (!inspection_cell(inspection, entry) || index < 0 || index >= PLAN_CELLS_MAX)
		return;
	while (done->len <= (size_t)index)
		buf_char(done, '0');
	done->data[index] = '1';
}

/*
 * Reads line by line, so that a large journal takes no room. *length is that of whole lines.
 * ERR_INPUT if there is no header that a run can go on with.
 */
static int read_progress(FILE *file, struct inspection *inspection, json_t **header,
                         struct buf *done, off_t *length, struct error *error)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	int rc;

	while ((n = getline(&line, &size, file)) > 0 && line[n - 1] == '\n') {
		json_t *entry = parse_line((struct bytes){(const uint8_t *)line, (size_t)n});

		if (*header == NULL)
			*header = json_incref(json_object_get(entry, "header"));
		mark_done(done, inspection, entry);
		*length += n;
		json_decref(entry);
	}
	rc = check_end(file, inspection->path, error);
	free(line);
	if (rc == 0 && (!json_is_object(json_object_get(*header, "run")) ||
	                !json_is_object(json_object_get(*header, "request"))))
		rc = error_set(error, ERR_INPUT,
		               "%s is not the journal of a run: there is nothing to go on with",
		               inspection->path);
	return rc;
}

static int take_up(struct results *results, json_t **header, struct buf *done, struct error *error)
{
	struct inspection inspection;
	FILE *file;
	int rc;

	results->fd = open(results->path, O_RDWR | O_CLOEXEC);
	if (results->fd < 0)
		return error_system(error, ERR_INPUT, errno,
		                    "there is no run to go on with in %s (`shakedown report`"
		                    " shows one that has ended): %s", results->folder, JOURNAL);
	if (flock(results->fd, LOCK_EX | LOCK_NB) != 0)
		return error_set(error, ERR_INPUT, "the run in %s goes on: wait for its end",
		                 results->folder);
	file = fopen(results->path, "re");
	if (file == NULL)
		return error_system(error, ERR_INPUT, errno, "cannot read %s", results->path);
	rc = inspection_init(&inspection, results->path, error);
	if (rc == 0)
		rc = read_progress(file, &inspection, header, done, &results->length, error);
	inspection_fini(&inspection);
	fclose(file);
	if (rc != 0)
		return rc;
	if (ftruncate(results->fd, results->length) != 0 ||
	    lseek(results->fd, results->length, SEEK_SET) < 0)
		return file_cannot_write(results->path, error);
	results->resumed = true;
	return 0;
}

int results_resume(struct results **out, const char *folder, json_t **header, struct buf *done,
                   struct error *error)
{
	struct results *results = results_new(folder);
	int rc;

	*header = NULL;
	rc = take_up(results, header, done, error);
	if (rc == 0) {
		*out = results;
		return 0;
	}
	results_free(results);
	json_decref(*header);
	*header = NULL;
	buf_fini(done);
	return rc;
}

int results_close(struct results *results, bool complete, const json_t *base, struct shelf *shelf,
                  json_t **written, struct error *error)
{
	struct ending ending = {.own = !results->resumed,
	                        .complete = complete,
	                        .finished_ns = clock_wall_ns(),
	                        .not_run = NOT_RUN,
	                        .base = base};
	int rc = results_sync(results, error);

	if (rc == 0 && shelf != NULL)
		rc = finish(results->folder, results->path, &ending, shelf, written, error);
	else if (rc == 0)
		rc = finish_alone(results->folder, results->path, &ending, error);
	results_free(results);
	return rc;
}

/* That of a run which was cut short when its journal was last written. */
static int ending_of(int journal, struct ending *ending)
{
	struct stat status;

	if (journal < 0 || fstat(journal, &status) != 0)
		return -1;
	*ending = (struct ending){.finished_ns = (uint64_t)status.st_mtim.tv_sec * 1000000000u +
	                                         (uint64_t)status.st_mtim.tv_nsec,
	                          .complete_if_whole = true,
	                          .not_run = NOT_RUN};
	return 0;
}

int results_recover(const char *folder, struct error *error)
{
	char *path = file_join(folder, JOURNAL);
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
	struct ending ending;

	if (ending_of(fd, &ending) != 0)
		rc = error_system(error, ERR_INPUT, errno, "there is no run to recover: %s", path);
	else if (is_held_against_readers(fd))
		rc = error_set(error, ERR_INPUT, "the run in %s goes on: wait for its end", folder);
	else
		rc = finish_alone(folder, path, &ending, error);
	if (fd >= 0)
		close(fd);
	free(path);
	return rc;
}

bool results_are_growing(const char *folder)
{
	char *path = file_join(folder, JOURNAL);
	bool growing = is_held(path);

	free(path);
	return growing;
}

int results_so_far(const char *folder, struct shelf *shelf, json_t **results, struct error *error)
{
	char *path = file_join(folder, JOURNAL);
	struct ending ending = {.finished_ns = clock_wall_ns(), .not_run = NOT_RUN_YET};
	int rc = read_journal(path, &ending, shelf, results, error);

	if (rc == 0)
		json_object_set_new(json_object_get(*results, "run"), "growing", json_true());
	free(path);
	return rc;
}

/* That a cell was asked for and not run, its board being given up, is nothing that was expected. */
static int exit_status_of(const json_t *cell)
{
	int status = outcome_exit_status(outcome_named(json_text(cell, "outcome")));

	return status == 0 && strcmp(json_text(cell, "reason"), "skipped") == 0 ? 1 : status;
}

int results_exit_status(const json_t *results)
{
	const json_t *cell;
	int status = 0;
	size_t i;

	json_array_foreach(json_object_get(results, "cells"), i, cell) {
		int own = exit_status_of(cell);

		status = own > status ? own : status;
	}
	return status;
}
