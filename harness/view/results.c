#include "view/results.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/schema.h"
#include "verdict/confirm.h"
#include "verdict/lint_cells.h"
#include "verdict/outcome.h"
#include "view/html.h"
#include "view/junit.h"
#include "view/markdown.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOURNAL "journal.jsonl"
#define JOURNAL_MAX ((size_t)4 << 30) /* bytes; of results.json, too */
#define NOT_RUN "The run ended before it came to this cell."

struct results {
	char *folder;
	char *path; /* of the journal */
	int fd;
	off_t length; /* of what is whole in it */
	bool own_folder; /* it was not there before */
};

static void results_free(struct results *results)
{
	if (results->fd >= 0)
		close(results->fd);
	free(results->folder);
	free(results->path);
	free(results);
}

/* --- the journal ------------------------------------------------------------------------------ */

/* One line {"<kind>": value}. What did not get in whole is taken back. */
static int append(struct results *results, const char *kind, const json_t *value,
                  struct error *error)
{
	json_t *entry = json_made(json_pack("{s:O}", kind, (json_t *)value));
	char *text = json_dumps(entry, JSON_COMPACT);
	struct buf line = {0};
	int rc = 0;

	CHECK(text != NULL);
	buf_printf(&line, "%s\n", text);
	if (file_write_all(results->fd, buf_view(&line)) == 0) {
		results->length += (off_t)line.len;
	} else {
		rc = error_system(error, ERR_ENVIRONMENT, errno, "cannot write to %s",
		                  results->path);
		if (ftruncate(results->fd, results->length) == 0)
			lseek(results->fd, results->length, SEEK_SET);
	}
	free(text);
	json_decref(entry);
	buf_fini(&line);
	return rc;
}

/* Whether the journal `path` is held by a daemon at work. */
static bool is_held(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool held = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0;

	if (fd >= 0)
		close(fd);
	return held;
}

int results_check_ended(const char *folder, struct error *error)
{
	char *path = file_join(folder, JOURNAL);
	int rc = 0;

	if (access(path, F_OK) == 0 && is_held(path))
		rc = error_set(error, ERR_INPUT, "the run in %s goes on: wait for its end", folder);
	else if (access(path, F_OK) == 0)
		rc = error_set(error, ERR_INPUT,
		               "the run in %s never came to its end: `shakedown report %s` makes a "
		               "report of what was done",
		               folder, folder);
	free(path);
	return rc;
}

int results_check_unused(const char *folder, struct error *error)
{
	char *path = file_join(folder, "results.json");
	int rc = results_check_ended(folder, error);

	if (rc != 0)
		error_append(error, "; or name another folder");
	else if (access(path, F_OK) == 0)
		rc = error_set(error, ERR_INPUT,
		               "%s holds a run already (results.json): name another folder, or "
		               "remove it first",
		               folder);
	free(path);
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
	results = calloc(1, sizeof(*results));
	CHECK(results != NULL);
	results->own_folder = own_folder;
	results->folder = strdup(folder);
	results->path = file_join(folder, JOURNAL);
	CHECK(results->folder != NULL);
	results->fd = open(results->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (results->fd < 0)
		rc = error_system(error, ERR_ENVIRONMENT, errno,
		                  "cannot start the run's journal %s", results->path);
	else if (flock(results->fd, LOCK_EX | LOCK_NB) != 0)
		rc = error_system(error, ERR_ENVIRONMENT, errno, "cannot lock %s", results->path);
	else
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

int results_add(struct results *results, const json_t *cell, struct error *error)
{
	return append(results, "cell", cell, error);
}

/* --- from the journal to the results ---------------------------------------------------------- */

/* A journal while it is read: the last word on each board and cell counts. */
struct reading {
	json_t *run, *boards, *plan;
	json_t *cells; /* by id */
	json_t *order; /* the ids, as they came */
	json_t *notices;
};

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

static void take_header(struct reading *reading, const json_t *header)
{
	json_decref(reading->run);
	reading->run = json_deep_copy(json_object_get(header, "run"));
	reading->boards = json_incref(json_object_get(header, "boards"));
	reading->plan = json_incref(json_object_get(header, "plan"));
}

static void take_line(struct reading *reading, const char *line, size_t len)
{
	json_t *entry = json_loadb(line, len, JSON_ALLOW_NUL, NULL); /* a UART says anything */

	if (json_object_get(entry, "header") != NULL && reading->boards == NULL)
		take_header(reading, json_object_get(entry, "header"));
	if (json_is_object(json_object_get(entry, "board")))
		take_board(reading, json_object_get(entry, "board"));
	if (json_is_object(json_object_get(entry, "cell")))
		take_cell(reading, json_object_get(entry, "cell"));
	if (json_is_string(json_object_get(entry, "notice")))
		json_array_append(reading->notices, json_object_get(entry, "notice"));
	json_decref(entry);
}

static void take_lines(struct reading *reading, const struct buf *journal)
{
	const char *at = buf_string(journal), *end;

	for (; (end = strchr(at, '\n')) != NULL; at = end + 1)
		take_line(reading, at, (size_t)(end - at));
}

static json_t *not_run(const json_t *planned)
{
	json_t *cell = json_made(json_deep_copy(planned));

	json_object_set_new(cell, "outcome", json_made(json_string("skip")));
	json_object_set_new(cell, "reason", json_made(json_string("not-run")));
	json_object_set_new(cell, "detail", json_made(json_string(NOT_RUN)));
	json_object_set_new(cell, "diagnosis", json_made(json_array()));
	return cell;
}

/* In the order of the plan; cells that no plan knows come last, as they came. */
static json_t *ordered_cells(const struct reading *reading)
{
	json_t *cells = json_made(json_array());
	json_t *planned, *id;
	size_t i;

	json_array_foreach(reading->plan, i, planned) {
		json_t *cell = json_object_get(reading->cells, json_text(planned, "id"));

		if (cell != NULL)
			json_array_append(cells, cell);
		else
			json_array_append_new(cells, not_run(planned));
		json_object_del(reading->cells, json_text(planned, "id"));
	}
	json_array_foreach(reading->order, i, id) {
		json_t *cell = json_object_get(reading->cells, json_string_value(id));

		if (cell != NULL)
			json_array_append(cells, cell);
	}
	return cells;
}

static json_t *assemble(struct reading *reading, bool complete, uint64_t finished_ns)
{
	char finished[CLOCK_TEXT_MAX];
	json_t *cells = ordered_cells(reading);

	confirm_diagnoses(cells);
	lint_cells(cells);
	clock_text(finished_ns, finished);
	json_object_set_new(reading->run, "finished", json_made(json_string(finished)));
	json_object_set_new(reading->run, "complete", json_boolean(complete));
	if (json_array_size(reading->notices) > 0)
		json_object_set(reading->run, "notices", reading->notices);
	return json_made(json_pack("{s:s, s:O, s:O, s:o}", "format", RESULTS_FORMAT, "run",
	                           reading->run, "boards", reading->boards, "cells", cells));
}

static int read_journal(const char *path, bool complete, uint64_t finished_ns, json_t **results,
                        struct error *error)
{
	struct reading reading = {.cells = json_made(json_object()),
	                          .order = json_made(json_array()),
	                          .notices = json_made(json_array())};
	struct buf journal = {0};
	int rc = file_read(path, JOURNAL_MAX, &journal, error);

	if (rc != 0)
		goto out;
	take_lines(&reading, &journal);
	buf_fini(&journal);
	if (reading.run == NULL || reading.boards == NULL)
		rc = error_set(error, ERR_INPUT, "%s is not the journal of a run", path);
	else
		*results = assemble(&reading, complete, finished_ns);
out:
	buf_fini(&journal);
	json_decref(reading.run);
	json_decref(reading.boards);
	json_decref(reading.plan);
	json_decref(reading.cells);
	json_decref(reading.order);
	json_decref(reading.notices);
	return rc;
}

/* --- the reports ------------------------------------------------------------------------------ */

static void put_member(struct buf *out, const char *key, const json_t *value, size_t flags)
{
	char *text = json_dumps(value, flags | JSON_ENCODE_ANY);

	CHECK(text != NULL);
	buf_printf(out, "\"%s\": %s,\n", key, text);
	free(text);
}

/* Behind the cells, and like them one line for each. */
static void put_baseline(struct buf *out, const json_t *baseline)
{
	json_t *head = json_made(json_copy((json_t *)baseline));
	char *text;
	const json_t *cell;
	size_t i;

	json_object_del(head, "cells");
	text = json_dumps(head, JSON_COMPACT);
	CHECK(text != NULL);
	buf_printf(out, ",\n\"baseline\": %.*s, \"cells\": [", (int)(strlen(text) - 1), text);
	free(text);
	json_array_foreach(json_object_get(baseline, "cells"), i, cell) {
		text = json_dumps(cell, JSON_COMPACT);
		CHECK(text != NULL);
		buf_printf(out, "%s\n%s", i > 0 ? "," : "", text);
		free(text);
	}
	buf_text(out, "\n]}");
	json_decref(head);
}

/* Readable at its head, and one line for each cell. */
static void put_results(struct buf *out, const json_t *results)
{
	const json_t *cell;
	size_t i;

	buf_text(out, "{\n");
	put_member(out, "format", json_object_get(results, "format"), 0);
	put_member(out, "run", json_object_get(results, "run"), JSON_INDENT(2));
	put_member(out, "boards", json_object_get(results, "boards"), JSON_INDENT(2));
	buf_text(out, "\"cells\": [");
	json_array_foreach(json_object_get(results, "cells"), i, cell) {
		char *text = json_dumps(cell, JSON_COMPACT);

		CHECK(text != NULL);
		buf_printf(out, "%s\n%s", i > 0 ? "," : "", text);
		free(text);
	}
	buf_text(out, "\n]");
	if (json_object_get(results, "baseline") != NULL)
		put_baseline(out, json_object_get(results, "baseline"));
	buf_text(out, "\n}\n");
}

static int write_file(const char *folder, const char *name, const struct buf *text,
                      struct error *error)
{
	char *path = file_join(folder, name);
	int rc = file_write(path, buf_view(text), 0666, error);

	free(path);
	return rc;
}

int results_write(const char *folder, const json_t *results, struct error *error)
{
	static const struct {
		const char *name;
		void (*put)(struct buf *out, const json_t *results);
	} reports[] = {
		{"results.json", put_results},
		{"summary.md", markdown_render},
		{"index.html", html_render},
	};
	struct buf out = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(reports) / sizeof(reports[0]); i++) {
		buf_clear(&out);
		reports[i].put(&out, results);
		rc = write_file(folder, reports[i].name, &out, error);
	}
	buf_clear(&out);
	junit_render(&out, results, folder);
	if (rc == 0)
		rc = write_file(folder, "junit.xml", &out, error);
	buf_fini(&out);
	return rc;
}

static int finish(const char *folder, const char *journal, bool complete, uint64_t finished_ns,
                  struct error *error)
{
	json_t *results = NULL;
	int rc = read_journal(journal, complete, finished_ns, &results, error);

	if (rc == 0)
		rc = results_write(folder, results, error);
	if (rc == 0)
		unlink(journal);
	json_decref(results);
	return rc;
}

int results_close(struct results *results, bool complete, struct error *error)
{
	int rc = finish(results->folder, results->path, complete, clock_wall_ns(), error);

	results_free(results);
	return rc;
}

int results_recover(const char *folder, struct error *error)
{
	char *path = file_join(folder, JOURNAL);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	int rc;

	if (fd < 0 || fstat(fd, &status) != 0)
		rc = error_system(error, ERR_INPUT, errno, "there is no run to recover: %s", path);
	else if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		rc = error_set(error, ERR_INPUT, "the run in %s goes on: wait for its end", folder);
	else
		rc = finish(folder, path, false,
		            (uint64_t)status.st_mtim.tv_sec * 1000000000u +
		                    (uint64_t)status.st_mtim.tv_nsec,
		            error);
	if (fd >= 0)
		close(fd);
	free(path);
	return rc;
}

int results_load(const char *path, const char *schema_path, json_t **results, struct error *error)
{
	struct schema *schema = NULL;
	json_t *value = NULL;
	int rc = schema_load(&schema, schema_path, error);

	if (rc == 0)
		rc = json_load_large(path, JOURNAL_MAX, &value, error);
	if (rc == 0)
		rc = schema_check(schema, path, value, error);
	schema_free(schema);
	if (rc != 0) {
		json_decref(value);
		return rc;
	}
	*results = value;
	return 0;
}

int results_exit_status(const json_t *results)
{
	const json_t *cell;
	int status = 0;
	size_t i;

	json_array_foreach(json_object_get(results, "cells"), i, cell) {
		int own = outcome_exit_status(outcome_named(json_text(cell, "outcome")));

		status = own > status ? own : status;
	}
	return status;
}
