#include <errno.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "view/captures.h"
#include "view/results.h"

#define RUN "harness/tests/view/run/results.json"
#define SCHEMA "scenarios/schema/results.schema.json"

static char folder[] = "/tmp/shakedown-results-XXXXXX";

static json_t *stored_run(void)
{
	json_t *results = NULL;
	struct error error = {0};

	if (results_load(RUN, SCHEMA, NULL, &results, &error) != 0)
		fail_msg("%s", error.text);
	return results;
}

static const char *in_folder(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static bool exists(const char *name)
{
	return access(in_folder(name), F_OK) == 0;
}

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/shakedown-results-XXXXXX");
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {"results.json", "junit.xml", "summary.md",
	                                    "index.html", "journal.jsonl"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in_folder(names[i]));
	return rmdir(folder); /* fails, and with it the test, if a temporary file was left */
}

/* The cells of the story alone: all of it on all boards, as a plan has it. */
static json_t *story_run(void)
{
	json_t *run = stored_run(), *cells = json_object_get(run, "cells");

	for (size_t i = json_array_size(cells); i-- > 0;)
		if (strcmp(json_text(json_array_get(cells, i), "suite"), "story") != 0)
			json_array_remove(cells, i);
	return run;
}

/* A journal's header for that. */
static json_t *header_of(const json_t *results)
{
	json_t *suite = NULL;
	struct error error = {0};

	if (json_load_path("scenarios/story.json", &suite, &error) != 0)
		fail_msg("%s", error.text);
	return json_pack("{s:{s:s, s:[s], s:s, s:{}}, s:o, s:O, s:{s:[{s:s, s:o}]}}", "run", "id",
	                 "r", "suites", "story", "started", "2024-09-18T14:19:29.214Z", "versions",
	                 "boards", json_deep_copy(json_object_get(results, "boards")), "profiles",
	                 json_object_get(results, "boards"), "request", "suites", "file",
	                 "story.json", "json", suite);
}

static struct results *opened(const json_t *run)
{
	json_t *header = header_of(run);
	struct results *results = NULL;
	struct error error = {0};

	if (results_open(&results, folder, header, &error) != 0)
		fail_msg("%s", error.text);
	json_decref(header);
	return results;
}

static int try_to_add(struct results *results, const json_t *run, size_t cell,
                      struct error *error)
{
	char *text = json_dumps(json_array_get(json_object_get(run, "cells"), cell), JSON_COMPACT);
	int rc = results_add(results, cell, (struct bytes){(uint8_t *)text, strlen(text)}, error);

	free(text);
	return rc != 0 ? rc : results_sync(results, error);
}

static void add(struct results *results, const json_t *run, size_t cell)
{
	struct error error = {0};

	if (try_to_add(results, run, cell, &error) != 0)
		fail_msg("%s", error.text);
}

static json_t *written(void)
{
	json_t *results = NULL;
	struct error error = {0};

	if (results_load(in_folder("results.json"), SCHEMA, NULL, &results, &error) != 0)
		fail_msg("%s", error.text);
	return results;
}

/* What is made of the journal of a run that was cut short. */
static json_t *recovered(void)
{
	struct error error = {0};

	if (results_recover(folder, &error) != 0)
		fail_msg("%s", error.text);
	return written();
}

static const char *first_notice(const json_t *results)
{
	return json_string_value(json_array_get(
		json_object_get(json_object_get(results, "run"), "notices"), 0));
}

static const json_t *cell_at(const json_t *results, size_t i)
{
	return json_array_get(json_object_get(results, "cells"), i);
}

static void comparison_stands_in_the_reports_when_they_are_written(void **state)
{
	json_t *run = story_run(), *after;
	struct results *results = opened(run);
	struct error error;

	(void)state;
	for (size_t i = 0; i < json_array_size(json_object_get(run, "cells")); i++)
		add(results, run, i);
	assert_int_equal(results_close(results, true, run, NULL, NULL, &error), 0);
	after = written();
	assert_true(json_is_array(json_object_get(json_object_get(after, "baseline"), "cells")));
	assert_int_equal(json_number(json_object_get(after, "baseline"), "regressions"), 0);
	json_decref(run);
	json_decref(after);
}

static void run_ends_with_its_cells_in_the_order_of_the_plan(void **state)
{
	json_t *run = story_run(), *after;
	size_t n = json_array_size(json_object_get(run, "cells"));
	struct results *results = opened(run);
	struct error error;

	(void)state;
	for (size_t i = n; i-- > 0;)
		add(results, run, i);
	assert_true(exists("journal.jsonl"));
	assert_false(exists("results.json"));
	assert_int_equal(results_close(results, true, NULL, NULL, NULL, &error), 0);
	assert_false(exists("journal.jsonl"));
	assert_true(exists("junit.xml") && exists("summary.md") && exists("index.html"));
	after = written();
	assert_true(json_flag(json_object_get(after, "run"), "complete"));
	assert_int_equal(json_array_size(json_object_get(after, "cells")), n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(json_text(cell_at(after, i), "id"),
		                    json_text(cell_at(run, i), "id"));
	json_decref(run);
	json_decref(after);
}

static void diagnoses_are_confirmed_at_the_end(void **state)
{
	json_t *run = story_run(), *after;
	struct results *results;
	struct error error;
	const json_t *diagnosis;
	json_t *cell;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(run, "cells"), i, cell) {
		diagnosis = json_array_get(json_object_get(cell, "diagnosis"), 0);
		if (json_object_get(diagnosis, "counterfactual") != NULL)
			json_object_set_new((json_t *)diagnosis, "confidence",
			                    json_string("likely"));
		json_object_del((json_t *)diagnosis, "counterfactual");
	}
	results = opened(run);
	for (i = 0; i < json_array_size(json_object_get(run, "cells")); i++)
		add(results, run, i);
	assert_int_equal(results_close(results, true, NULL, NULL, NULL, &error), 0);
	after = written();
	diagnosis = json_array_get(json_object_get(cell_at(after, 0), "diagnosis"), 0);
	assert_string_equal(json_text(diagnosis, "confidence"), "confirmed");
	json_decref(run);
	json_decref(after);
}

static void board_that_tells_its_version_later_is_in_the_results(void **state)
{
	json_t *run = story_run(), *after;
	json_t *board = json_pack("{s:s, s:s, s:s}", "name", "wolfssl", "stack", "wolfssl",
	                          "stack_version", "9.9");
	struct results *results = opened(run);
	struct error error;

	(void)state;
	assert_int_equal(results_board(results, board, &error), 0);
	assert_int_equal(results_close(results, false, NULL, NULL, NULL, &error), 0);
	after = written();
	assert_int_equal(json_array_size(json_object_get(after, "boards")), 4);
	assert_string_equal(
		json_text(json_array_get(json_object_get(after, "boards"), 2), "stack_version"),
		"9.9");
	json_decref(board);
	json_decref(run);
	json_decref(after);
}

static void notice_of_the_run_stands_in_every_report(void **state)
{
	static const char *const reports[] = {"results.json", "summary.md", "index.html"};
	json_t *run = story_run();
	struct results *results = opened(run);
	struct error error;

	(void)state;
	assert_int_equal(results_notice(results, "Something was odd.", &error), 0);
	assert_int_equal(results_close(results, true, NULL, NULL, NULL, &error), 0);
	for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
		struct buf text = {0};

		assert_int_equal(file_read(in_folder(reports[i]), 1 << 20, &text, &error), 0);
		assert_non_null(strstr(buf_string(&text), "Something was odd."));
		buf_fini(&text);
	}
	json_decref(written());
	json_decref(run);
}

static void folder_that_holds_a_run_is_not_written_over(void **state)
{
	json_t *run = story_run(), *header = header_of(run);
	struct results *results = opened(run);
	struct error error = {0};

	(void)state;
	assert_int_equal(results_close(results, true, NULL, NULL, NULL, &error), 0);
	assert_int_equal(results_open(&results, folder, header, &error), ERR_INPUT);
	assert_non_null(strstr(error.text, "holds a run already (results.json)"));
	json_decref(header);
	json_decref(run);
}

static void cell_with_a_zero_byte_in_its_log_is_kept(void **state)
{
	json_t *run = story_run(), *after;
	json_t *cell = json_array_get(json_object_get(run, "cells"), 0);
	json_t *board = json_object_get(json_object_get(cell, "witnesses"), "board");
	struct results *results;
	struct error error;

	(void)state;
	json_object_set_new(board, "log", json_stringn("boot\0\x1b", 6));
	results = opened(run);
	add(results, run, 0);
	assert_int_equal(results_close(results, false, NULL, NULL, NULL, &error), 0);
	after = written();
	board = json_object_get(json_object_get(cell_at(after, 0), "witnesses"), "board");
	assert_int_equal(json_string_length(json_object_get(board, "log")), 6);
	json_decref(run);
	json_decref(after);
}

/* Leaves the journal of a run with five cells, whose process was killed. */
static void crash(const json_t *run)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct results *results = opened(run);

		for (size_t i = 0; i < 5; i++)
			add(results, run, i);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static void crashed_run_is_recovered_with_what_was_whole(void **state)
{
	json_t *run = story_run(), *after;
	struct error error = {0};

	(void)state;
	crash(run);
	assert_int_equal(stat(in_folder("journal.jsonl"), &(struct stat){0}), 0);
	{
		struct buf journal = {0};

		assert_int_equal(file_read(in_folder("journal.jsonl"), 1 << 24, &journal, &error),
		                 0);
		journal.len -= 20; /* the last line is torn */
		assert_int_equal(
			file_write(in_folder("journal.jsonl"), buf_view(&journal), 0644, &error),
			0);
		buf_fini(&journal);
	}
	after = recovered();
	assert_false(json_flag(json_object_get(after, "run"), "complete"));
	assert_int_equal(json_array_size(json_object_get(after, "cells")),
	                 json_array_size(json_object_get(run, "cells")));
	assert_string_equal(json_text(cell_at(after, 3), "outcome"),
	                    json_text(cell_at(run, 3), "outcome"));
	assert_string_equal(json_text(cell_at(after, 4), "outcome"), "skip");
	assert_string_equal(json_text(cell_at(after, 4), "reason"), "not-run");
	assert_true(exists("journal.jsonl")); /* the run can go on */
	json_decref(run);
	json_decref(after);
}

static void run_that_was_cut_short_goes_on_where_it_was(void **state)
{
	json_t *run = story_run(), *header, *after;
	size_t n = json_array_size(json_object_get(run, "cells"));
	struct results *results = opened(run);
	struct buf done = {0};
	struct error error = {0};

	(void)state;
	add(results, run, 3);
	add(results, run, 0);
	assert_int_equal(results_close(results, false, NULL, NULL, NULL, &error), 0);
	assert_int_equal(results_resume(&results, folder, &header, &done, &error), 0);
	assert_string_equal(buf_string(&done), "1001");
	assert_string_equal(json_text(json_object_get(header, "run"), "id"), "r");
	for (size_t i = 0; i < n; i++)
		if (i != 0 && i != 3)
			add(results, run, i);
	assert_int_equal(results_close(results, true, NULL, NULL, NULL, &error), 0);
	after = written();
	assert_int_equal(json_array_size(json_object_get(after, "cells")), n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(json_text(cell_at(after, i), "outcome"),
		                    json_text(cell_at(run, i), "outcome"));
	assert_false(exists("journal.jsonl"));
	json_decref(header);
	assert_int_equal(results_resume(&results, folder, &header, &done, &error), ERR_INPUT);
	buf_fini(&done);
	json_decref(run);
	json_decref(after);
}

static void half_a_line_is_forgotten_when_a_run_goes_on(void **state)
{
	json_t *run = story_run(), *header, *after;
	struct results *results = opened(run);
	struct buf done = {0};
	struct error error = {0};
	FILE *journal;

	(void)state;
	add(results, run, 0);
	assert_int_equal(results_close(results, false, NULL, NULL, NULL, &error), 0);
	journal = fopen(in_folder("journal.jsonl"), "a");
	fputs("{\"index\": 1, \"cell\": {\"id\"", journal);
	fclose(journal);
	assert_int_equal(results_resume(&results, folder, &header, &done, &error), 0);
	assert_string_equal(buf_string(&done), "1");
	add(results, run, 1);
	assert_int_equal(results_close(results, false, NULL, NULL, NULL, &error), 0);
	after = written();
	assert_string_equal(json_text(cell_at(after, 1), "outcome"),
	                    json_text(cell_at(run, 1), "outcome"));
	buf_fini(&done);
	json_decref(header);
	json_decref(run);
	json_decref(after);
}

/* Puts `value` where the cell `i` of `run` has the testimony of its witnesses. */
static void damage(json_t *run, size_t i, json_t *value)
{
	json_object_set_new(json_array_get(json_object_get(run, "cells"), i), "witnesses", value);
}

/* What is not a cell is left out with its line and place, and run again; the rest is kept. */
static void cell_of_a_wrong_shape_in_a_journal_is_left_out_and_said(void **state)
{
	json_t *run = story_run(), *damaged = story_run(), *header, *after;
	struct results *results;
	struct buf done = {0};
	struct error error = {0};
	const char *notice;

	(void)state;
	damage(damaged, 1, json_string("nothing"));
	damage(damaged, 2, json_integer(7));
	json_object_del(json_array_get(json_object_get(damaged, "cells"), 3), "diagnosis");
	crash(damaged);
	after = recovered();
	notice = first_notice(after);
	assert_non_null(strstr(notice, "journal.jsonl, line 3: $.cell.witnesses: must be"));
	assert_non_null(strstr(notice, "So are 2 more."));
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(json_text(cell_at(after, i), "reason"),
		                    i == 0 || i == 4 ? json_text(cell_at(run, i), "reason")
		                                     : "not-run");
	json_decref(after);
	assert_int_equal(results_resume(&results, folder, &header, &done, &error), 0);
	assert_string_equal(buf_string(&done), "10001");
	add(results, run, 1);
	assert_int_equal(results_close(results, false, NULL, NULL, NULL, &error), 0);
	after = written();
	assert_string_equal(json_text(cell_at(after, 1), "reason"),
	                    json_text(cell_at(run, 1), "reason"));
	json_decref(after);
	json_decref(header);
	json_decref(run);
	json_decref(damaged);
	buf_fini(&done);
}

/* As a disk leaves it whose blocks were lost. */
static void line_that_is_no_json_in_a_journal_is_left_out_and_said(void **state)
{
	json_t *run = story_run(), *after;
	const char *notice;
	FILE *journal;

	(void)state;
	crash(run);
	journal = fopen(in_folder("journal.jsonl"), "r+");
	assert_non_null(journal);
	while (fgetc(journal) != '\n') /* the header's */
		;
	fseek(journal, 0, SEEK_CUR);
	fputs("lost", journal);
	fclose(journal);
	after = recovered();
	notice = first_notice(after);
	assert_non_null(strstr(notice, "journal.jsonl, line 2: is not JSON."));
	assert_string_equal(json_text(cell_at(after, 0), "reason"), "not-run");
	assert_string_equal(json_text(cell_at(after, 1), "reason"),
	                    json_text(cell_at(run, 1), "reason"));
	json_decref(after);
	json_decref(run);
}

static void journal_of_boards_that_are_none_is_refused_and_kept(void **state)
{
	json_t *run = story_run();
	struct error error = {0};

	(void)state;
	json_object_del(json_array_get(json_object_get(run, "boards"), 1), "name");
	crash(run);
	assert_int_equal(results_recover(folder, &error), ERR_INPUT);
	assert_non_null(strstr(error.text, "journal.jsonl: $.boards[1]: \"name\" is missing"));
	assert_true(exists("journal.jsonl"));
	assert_false(exists("results.json"));
	json_decref(run);
}

/* As on a full disk: no file grows beyond a limit. What a killed process left is in the way. */
static void capture_has_its_name_only_when_it_is_whole(void **state)
{
	struct captures captures = {0};
	char *path = strdup(in_folder("a.pcapng"));
	FILE *draft = fopen(in_folder("a.pcapng" CAPTURES_DRAFT), "w");
	uint8_t large[4096] = {0};
	struct rlimit before, small;
	struct error error = {0};

	(void)state;
	assert_int_equal(fclose(draft), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){.rlim_cur = sizeof(large) / 2, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(captures_write(&captures, path, (struct bytes){large, sizeof(large)},
	                                &error), ERR_ENVIRONMENT);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_false(exists("a.pcapng") || exists("a.pcapng" CAPTURES_DRAFT));
	assert_int_equal(captures_write(&captures, path, (struct bytes){large, sizeof(large)},
	                                &error), 0);
	assert_true(exists("a.pcapng") && !exists("a.pcapng" CAPTURES_DRAFT));
	captures_fini(&captures);
	unlink(path);
	free(path);
}

static void captures_lie_below_their_folder_alone(void **state)
{
	static const char *const bad[] = {"cells/../../x.pcapng", "/etc/x", "cells/.x",
	                                  "results.json", "cells/a b"};
	json_t *run = story_run();
	struct results *results = opened(run);
	struct bytes bytes = {(const uint8_t *)"x", 1};
	struct error error = {0};
	struct stat status;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(results_capture(results, bad[i], bytes, &error), ERR_ENVIRONMENT);
	for (size_t i = 0; i < 2 * CAPTURES_OPEN_MAX; i++) /* each in the place of the last */
		assert_int_equal(results_capture(results, "cells/s/a.pcapng", bytes, &error), 0);
	assert_int_equal(stat(in_folder("cells/s/a.pcapng"), &status), 0);
	assert_int_equal(status.st_size, bytes.len);
	assert_int_equal(status.st_mode & 0777, CAPTURES_MODE);
	assert_false(exists("cells/s/a.pcapng" CAPTURES_DRAFT));
	add(results, run, 0);
	unlink(in_folder("cells/s/a.pcapng"));
	rmdir(in_folder("cells/s"));
	rmdir(in_folder("cells"));
	assert_int_equal(results_close(results, true, NULL, NULL, NULL, &error), 0);
	json_decref(run);
}

/* The disk of a test: no file may grow beyond `bytes`. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = bytes == 0 ? limit.rlim_max : bytes;
	setrlimit(RLIMIT_FSIZE, &limit);
}

static void full_disk_loses_nothing_that_was_written(void **state)
{
	json_t *run = story_run(), *after;
	struct results *results = opened(run);
	struct error error = {0};
	struct stat status;

	(void)state;
	add(results, run, 0);
	assert_int_equal(stat(in_folder("journal.jsonl"), &status), 0);
	signal(SIGXFSZ, SIG_IGN);
	limit_files((rlim_t)status.st_size + 100);
	assert_int_equal(try_to_add(results, run, 1, &error), ERR_ENVIRONMENT);
	assert_non_null(strstr(error.text, "journal.jsonl: File too large (this process may not"));
	assert_int_equal(results_close(results, false, NULL, NULL, NULL, &error), ERR_ENVIRONMENT);
	assert_true(exists("journal.jsonl"));
	assert_false(exists("results.json"));
	limit_files(0);
	assert_int_equal(results_recover(folder, &error), 0);
	after = written();
	assert_string_equal(json_text(cell_at(after, 0), "outcome"),
	                    json_text(cell_at(run, 0), "outcome"));
	assert_string_equal(json_text(cell_at(after, 1), "outcome"), "skip");
	json_decref(run);
	json_decref(after);
}

/* For children: a process gets on without that call's word for the rest of its life. */
static bool let_fail(int call, uint32_t with, const struct scmp_arg_cmp *where)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(with), call, where != NULL, where) ==
	               0 &&
	       seccomp_load(filter) == 0;
}

static int add_where_syncing_fails(struct results *results, const json_t *run)
{
	struct error error = {0};

	if (!let_fail(SCMP_SYS(fdatasync), EDQUOT, NULL))
		return 1;
	if (try_to_add(results, run, 1, &error) != ERR_ENVIRONMENT)
		return 2;
	return strstr(error.text, "journal.jsonl: Disk quota exceeded") != NULL ? 0 : 3;
}

static void assert_ends_well(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* A network file system gives the lock of a writer to writers alone. */
static int recover_where_readers_may_not_lock(void)
{
	struct scmp_arg_cmp exclusively = SCMP_A1(SCMP_CMP_EQ, LOCK_EX | LOCK_NB, 0);
	struct error error = {0};

	if (!let_fail(SCMP_SYS(flock), EBADF, &exclusively))
		return 1;
	if (results_are_growing(folder))
		return 2;
	return results_recover(folder, &error) == 0 ? 0 : 3;
}

static void run_that_was_cut_short_is_not_at_work_on_any_file_system(void **state)
{
	json_t *run = story_run();
	pid_t child;

	(void)state;
	crash(run);
	child = fork();
	if (child == 0)
		_exit(recover_where_readers_may_not_lock());
	assert_ends_well(child);
	json_decref(run);
}

static int resume_where_reading_fails(void)
{
	struct scmp_arg_cmp by_lines = SCMP_A2(SCMP_CMP_LT, 65536, 0); /* not the schema */
	struct results *results = NULL;
	struct error error = {0};
	json_t *header = NULL;
	struct buf done = {0};

	if (!let_fail(SCMP_SYS(read), EIO, &by_lines))
		return 1;
	if (results_resume(&results, folder, &header, &done, &error) != ERR_ENVIRONMENT)
		return 2;
	return strstr(error.text, "journal.jsonl: Input/output error") != NULL ? 0 : 3;
}

static void what_cannot_be_read_of_a_journal_stays_in_it(void **state)
{
	json_t *run = story_run();
	struct stat before, after;
	pid_t child;

	(void)state;
	crash(run);
	assert_int_equal(stat(in_folder("journal.jsonl"), &before), 0);
	child = fork();
	if (child == 0)
		_exit(resume_where_reading_fails());
	assert_ends_well(child);
	assert_int_equal(stat(in_folder("journal.jsonl"), &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	json_decref(run);
}

static void disk_that_is_full_when_it_is_synced_is_told(void **state)
{
	json_t *run = story_run();
	struct results *results = opened(run);
	struct error error = {0};
	struct stat before, after;
	pid_t child;

	(void)state;
	add(results, run, 0);
	assert_int_equal(stat(in_folder("journal.jsonl"), &before), 0);
	child = fork();
	if (child == 0)
		_exit(add_where_syncing_fails(results, run));
	assert_ends_well(child);
	assert_int_equal(stat(in_folder("journal.jsonl"), &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	assert_int_equal(results_close(results, true, NULL, NULL, NULL, &error), 0);
	json_decref(run);
}

/* All of it was done, and no report could be written of it. */
static void run_whose_report_found_no_room_is_complete_when_there_is(void **state)
{
	json_t *run = story_run(), *after;
	size_t n = json_array_size(json_object_get(run, "cells"));
	struct results *results = opened(run);
	struct error error = {0};

	(void)state;
	for (size_t i = 0; i < n; i++)
		add(results, run, i);
	signal(SIGXFSZ, SIG_IGN);
	limit_files(1000);
	assert_int_equal(results_close(results, true, NULL, NULL, NULL, &error), ERR_ENVIRONMENT);
	limit_files(0);
	assert_true(exists("journal.jsonl"));
	assert_int_equal(results_recover(folder, &error), 0);
	after = written();
	assert_true(json_flag(json_object_get(after, "run"), "complete"));
	assert_false(exists("journal.jsonl"));
	json_decref(run);
	json_decref(after);
}

/* Who knows what was planned? A cell that is missing has no line. */
static void journal_whose_plan_is_lost_is_kept(void **state)
{
	json_t *run = story_run(), *header = header_of(run), *after;
	struct results *results = NULL;
	struct error error = {0};

	(void)state;
	json_object_del(header, "profiles");
	assert_int_equal(results_open(&results, folder, header, &error), 0);
	add(results, run, 0);
	assert_int_equal(results_close(results, false, NULL, NULL, NULL, &error), 0);
	assert_int_equal(results_recover(folder, &error), 0);
	after = written();
	assert_false(json_flag(json_object_get(after, "run"), "complete"));
	assert_true(exists("journal.jsonl"));
	json_decref(run);
	json_decref(header);
	json_decref(after);
}

/* The system kills the process as it writes more than that into one file. */
static void run_killed_while_it_writes_its_reports_leaves_none_by_half(void **state)
{
	json_t *run = story_run(), *after;
	struct error error = {0};
	struct stat journal;
	int status;
	pid_t child;

	(void)state;
	crash(run);
	assert_int_equal(stat(in_folder("journal.jsonl"), &journal), 0);
	child = fork();
	if (child == 0) {
		signal(SIGXFSZ, SIG_DFL);
		limit_files((rlim_t)journal.st_size);
		results_recover(folder, &error);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
	assert_false(exists("results.json") || exists("index.html"));
	after = recovered();
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(json_text(cell_at(after, i), "outcome"),
		                    json_text(cell_at(run, i), "outcome"));
	json_decref(run);
	json_decref(after);
}

static void journal_of_another_run_is_not_overwritten(void **state)
{
	json_t *run = story_run(), *header = header_of(run);
	struct results *results = opened(run), *second = NULL;
	struct error error = {0};

	(void)state;
	assert_int_equal(results_open(&second, folder, header, &error), ERR_INPUT);
	assert_non_null(strstr(error.text, "goes on: wait for its end; or name another folder"));
	assert_int_equal(results_recover(folder, &error), ERR_INPUT);
	assert_non_null(strstr(error.text, "goes on"));
	assert_int_equal(results_close(results, false, NULL, NULL, NULL, &error), 0);
	json_decref(run);
	json_decref(header);
}

/* Its last line is being written just now. */
static void run_that_goes_on_shows_what_it_has_and_nothing_is_written(void **state)
{
	json_t *run = story_run(), *by_now = NULL, *whole;
	struct shelf *shelf = shelf_new();
	struct results *results = opened(run);
	struct error error = {0};
	FILE *journal;

	(void)state;
	add(results, run, 1);
	journal = fopen(in_folder("journal.jsonl"), "a");
	assert_non_null(journal);
	fputs("{\"index\": 0, \"cell\": {\"id\":\"sto", journal);
	fclose(journal);
	assert_true(results_are_growing(folder));
	assert_int_equal(results_so_far(folder, shelf, &by_now, &error), 0);
	assert_false(json_flag(json_object_get(by_now, "run"), "complete"));
	assert_string_equal(json_text(cell_at(by_now, 0), "reason"), "not-run");
	assert_non_null(strstr(json_text(cell_at(by_now, 0), "detail"), "goes on"));
	assert_string_equal(json_text(cell_at(by_now, 1), "outcome"),
	                    json_text(cell_at(run, 1), "outcome"));
	whole = shelf_whole(shelf, cell_at(by_now, 1));
	assert_true(json_equal(json_object_get(whole, "witnesses"),
	                       json_object_get(cell_at(run, 1), "witnesses")));
	json_decref(whole);
	assert_false(exists("results.json"));
	assert_int_equal(results_close(results, false, NULL, NULL, NULL, &error), 0);
	shelf_free(shelf);
	assert_false(results_are_growing(folder));
	json_decref(by_now);
	json_decref(run);
}

/* It was killed before its first word was written. */
static void journal_without_a_byte_is_no_run(void **state)
{
	json_t *run = story_run(), *after;
	struct error error = {0};
	struct results *results;

	(void)state;
	assert_int_equal(file_write(in_folder("journal.jsonl"), (struct bytes){0}, 0644, &error),
	                 0);
	results = opened(run);
	assert_true(results_are_growing(folder));
	add(results, run, 0);
	assert_int_equal(results_close(results, true, NULL, NULL, NULL, &error), 0);
	after = written();
	assert_string_equal(json_text(cell_at(after, 0), "outcome"),
	                    json_text(cell_at(run, 0), "outcome"));
	json_decref(after);
	json_decref(run);
}

static void discarded_run_leaves_nothing(void **state)
{
	json_t *run = story_run(), *header = header_of(run);
	char *own = file_join(folder, "own");
	struct results *results = NULL;

	(void)state;
	assert_int_equal(results_open(&results, own, header, NULL), 0);
	results_discard(results);
	assert_false(exists("own"));
	assert_int_equal(results_open(&results, folder, header, NULL), 0);
	results_discard(results);
	assert_false(exists("journal.jsonl"));
	assert_true(exists(""));
	free(own);
	json_decref(run);
	json_decref(header);
}

static void nothing_to_recover_is_said(void **state)
{
	struct error error = {0};
	struct bytes text = {(const uint8_t *)"{}\n", 3};

	(void)state;
	assert_int_equal(results_recover(folder, &error), ERR_INPUT);
	assert_int_equal(file_write(in_folder("journal.jsonl"), text, 0644, &error), 0);
	assert_int_equal(results_recover(folder, &error), ERR_INPUT);
	assert_non_null(strstr(error.text, "not the journal"));
}

static void results_of_another_format_are_refused(void **state)
{
	struct error error = {0};
	json_t *results = NULL;
	struct bytes text = {(const uint8_t *)"{\"format\": \"shakedown.results/2\"}", 33};

	(void)state;
	assert_int_equal(file_write(in_folder("results.json"), text, 0644, &error), 0);
	assert_int_equal(results_load(in_folder("results.json"), SCHEMA, NULL, &results, &error),
	                 ERR_INPUT);
	assert_non_null(strstr(error.text, "results.json"));
}

/* All reports in the folder, one after the other. */
static struct buf all_reports(void)
{
	static const char *const names[] = {"results.json", "junit.xml", "summary.md",
	                                    "index.html"};
	struct buf all = {0};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct buf one = {0};

		assert_int_equal(file_read(in_folder(names[i]), 1 << 28, &one, NULL), 0);
		buf_bytes(&all, buf_view(&one));
		buf_fini(&one);
	}
	return all;
}

static void reports_of_cells_on_a_shelf_are_those_of_whole_ones(void **state)
{
	json_t *whole = stored_run(), *shelved = NULL;
	struct shelf *shelf = shelf_new();
	struct buf expected, found;

	(void)state;
	assert_int_equal(results_write(folder, whole, NULL, NULL), 0);
	expected = all_reports();
	assert_int_equal(results_load(in_folder("results.json"), SCHEMA, shelf, &shelved, NULL), 0);
	assert_true(json_is_integer(json_object_get(cell_at(shelved, 0), "witnesses")));
	assert_int_equal(results_write(folder, shelved, shelf, NULL), 0);
	found = all_reports();
	assert_string_equal(buf_string(&found), buf_string(&expected));
	buf_fini(&expected);
	buf_fini(&found);
	json_decref(shelved);
	json_decref(whole);
	shelf_free(shelf);
}

static void file_that_is_cut_while_it_is_on_a_shelf_is_said(void **state)
{
	json_t *whole = stored_run(), *shelved = NULL;
	struct shelf *shelf = shelf_new();
	struct error error = {0};

	(void)state;
	assert_int_equal(results_write(folder, whole, NULL, NULL), 0);
	assert_int_equal(results_load(in_folder("results.json"), SCHEMA, shelf, &shelved, NULL), 0);
	assert_int_equal(truncate(in_folder("results.json"), 1000), 0);
	assert_int_equal(results_write(folder, shelved, shelf, &error), ERR_ENVIRONMENT);
	assert_non_null(strstr(error.text, "results.json again"));
	json_decref(shelved);
	json_decref(whole);
	shelf_free(shelf);
}

/* The faults of a cell are told by its number, whether or not all of the file is in memory. */
static void wrong_cell_is_named_by_its_number(void **state)
{
	json_t *run = stored_run(), *read = NULL;
	struct shelf *shelf = shelf_new();
	struct error error = {0};

	(void)state;
	json_object_set_new((json_t *)cell_at(run, 1), "outcome", json_string("perhaps"));
	assert_int_equal(results_write(folder, run, NULL, NULL), 0);
	assert_int_equal(results_load(in_folder("results.json"), SCHEMA, shelf, &read, &error),
	                 ERR_INPUT);
	assert_non_null(strstr(error.text, "$.cells[1].outcome: must be one of"));
	json_decref(run);
	shelf_free(shelf);
}

static void exit_status_is_the_worst_of_all_cells(void **state)
{
	static const struct {
		const char *cells;
		int status;
	} runs[] = {
		{"[]", 0},
		{"[{\"outcome\":\"pass\"},{\"outcome\":\"skip\"},{\"outcome\":\"unsupported\"},"
		 "{\"outcome\":\"xfail\"}]", 0},
		{"[{\"outcome\":\"pass\"},{\"outcome\":\"inconclusive\"}]", 1},
		{"[{\"outcome\":\"skip\",\"reason\":\"unable\"}]", 0},
		{"[{\"outcome\":\"skip\",\"reason\":\"skipped\"}]", 1},
		{"[{\"outcome\":\"fail\"},{\"outcome\":\"pass\"}]", 1},
		{"[{\"outcome\":\"xpass\"}]", 1},
		{"[{\"outcome\":\"error\"},{\"outcome\":\"fail\"}]", 3},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		json_t *results = json_pack("{s:o}", "cells", json_loads(runs[i].cells, 0, NULL));

		assert_int_equal(results_exit_status(results), runs[i].status);
		json_decref(results);
	}
}

/* For test_reports.py: writes all reports of the results file into the folder. */
static int write_reports(const char *path, const char *into)
{
	json_t *results = NULL;
	struct error error = {0};
	int rc = results_load(path, SCHEMA, NULL, &results, &error);

	if (rc == 0)
		rc = results_write(into, results, NULL, &error);
	if (rc != 0)
		fprintf(stderr, "%s\n", error.text);
	json_decref(results);
	return rc == 0 ? 0 : 1;
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(comparison_stands_in_the_reports_when_they_are_written),
		IN_FOLDER(run_ends_with_its_cells_in_the_order_of_the_plan),
		IN_FOLDER(diagnoses_are_confirmed_at_the_end),
		IN_FOLDER(board_that_tells_its_version_later_is_in_the_results),
		IN_FOLDER(cell_with_a_zero_byte_in_its_log_is_kept),
		IN_FOLDER(crashed_run_is_recovered_with_what_was_whole),
		IN_FOLDER(full_disk_loses_nothing_that_was_written),
		IN_FOLDER(run_that_was_cut_short_is_not_at_work_on_any_file_system),
		IN_FOLDER(what_cannot_be_read_of_a_journal_stays_in_it),
		IN_FOLDER(disk_that_is_full_when_it_is_synced_is_told),
		IN_FOLDER(run_whose_report_found_no_room_is_complete_when_there_is),
		IN_FOLDER(journal_whose_plan_is_lost_is_kept),
		IN_FOLDER(run_killed_while_it_writes_its_reports_leaves_none_by_half),
		IN_FOLDER(journal_of_another_run_is_not_overwritten),
		IN_FOLDER(run_that_goes_on_shows_what_it_has_and_nothing_is_written),
		IN_FOLDER(journal_without_a_byte_is_no_run),
		IN_FOLDER(discarded_run_leaves_nothing),
		IN_FOLDER(reports_of_cells_on_a_shelf_are_those_of_whole_ones),
		IN_FOLDER(file_that_is_cut_while_it_is_on_a_shelf_is_said),
		IN_FOLDER(wrong_cell_is_named_by_its_number),
		IN_FOLDER(nothing_to_recover_is_said),
		IN_FOLDER(run_that_was_cut_short_goes_on_where_it_was),
		IN_FOLDER(half_a_line_is_forgotten_when_a_run_goes_on),
		IN_FOLDER(cell_of_a_wrong_shape_in_a_journal_is_left_out_and_said),
		IN_FOLDER(line_that_is_no_json_in_a_journal_is_left_out_and_said),
		IN_FOLDER(journal_of_boards_that_are_none_is_refused_and_kept),
		IN_FOLDER(capture_has_its_name_only_when_it_is_whole),
		IN_FOLDER(captures_lie_below_their_folder_alone),
		IN_FOLDER(results_of_another_format_are_refused),
		IN_FOLDER(notice_of_the_run_stands_in_every_report),
		IN_FOLDER(folder_that_holds_a_run_is_not_written_over),
		cmocka_unit_test(exit_status_is_the_worst_of_all_cells),
	};

	if (argc == 3)
		return write_reports(argv[1], argv[2]);
	return cmocka_run_group_tests_name("view/results", tests, NULL, NULL);
}
