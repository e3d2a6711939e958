#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "view/markdown.h"
#include "view/terminal.h"
#include "view/text.h"

#define RUN "harness/tests/view/run/"

/*
 * The reports of one stored run with every kind of outcome, byte for byte. With SHAKEDOWN_GOLDEN
 * set in the environment they are written anew, to be read as a diff.
 */
static json_t *stored_run(void)
{
	json_t *results = NULL;
	struct error error = {0};

	if (json_load_path(RUN "results.json", &results, &error) != 0)
		fail_msg("%s", error.text);
	return results;
}

static void assert_golden(const char *path, const struct buf *out)
{
	struct buf expected = {0};
	struct error error = {0};
	size_t same = 0, line = 1;

	if (getenv("SHAKEDOWN_GOLDEN") != NULL)
		file_write(path, buf_view(out), 0644, &error);
	if (file_read(path, 1 << 20, &expected, &error) != 0)
		fail_msg("%s", error.text);
	while (same < out->len && same < expected.len && out->data[same] == expected.data[same])
		line += out->data[same++] == '\n';
	if (same != out->len || same != expected.len)
		fail_msg("%s differs from line %zu on", path, line);
	buf_fini(&expected);
}

static void assert_rendered(const char *path, const struct terminal_options *options)
{
	json_t *results = stored_run();
	struct buf out = {0};

	terminal_render(results, NULL, options, &out);
	assert_golden(path, &out);
	buf_fini(&out);
	json_decref(results);
}

static void run_is_told_in_unicode(void **state)
{
	(void)state;
	assert_rendered(RUN "terminal-utf8.txt", &(struct terminal_options){.unicode = true});
}

static void run_is_told_in_ascii_and_less_width(void **state)
{
	(void)state;
	assert_rendered(RUN "terminal-ascii.txt", &(struct terminal_options){.width = 72});
}

static void run_is_told_in_markdown(void **state)
{
	json_t *results = stored_run();
	struct buf out = {0};

	(void)state;
	markdown_render(&out, results, NULL);
	assert_golden(RUN "summary.md", &out);
	buf_fini(&out);
	json_decref(results);
}

/* Ten boards, ten thousand cases, and half of the cells fail for a cause of their own. */
static void markdown_of_a_hundred_thousand_cells_fits_a_step_summary(void **state)
{
	json_t *results = json_pack("{s:{s:b}, s:[]}", "run", "complete", 1, "cells");
	json_t *cells = json_object_get(results, "cells");
	struct buf out = {0};

	(void)state;
	for (int i = 0; i < 100000; i++) {
		char name[64], id[128], board[16];

		snprintf(name, sizeof(name), "s/a-case-with-a-name-of-usual-length/%d", i / 10);
		snprintf(board, sizeof(board), "board-%d", i % 10);
		snprintf(id, sizeof(id), "%s/%s", name, board);
		json_array_append_new(
			cells, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:[{s:s, s:s, s:s, "
		                         "s:s}]}",
		                         "id", id, "suite", "s", "case", name, "board", board,
		                         "outcome", i % 2 ? "pass" : "fail", "reason", "timeout",
		                         "detail", id, "diagnosis", "id", "unexplained", "title",
		                         "Not explained", "cause", id, "confidence", "none"));
	}
	markdown_render(&out, results, NULL);
	assert_in_range(out.len, 500000, MARKDOWN_MAX);
	assert_non_null(strstr(buf_string(&out), "50000 pass, 50000 fail"));
	assert_true(strstr(buf_string(&out), "## Why") < strstr(buf_string(&out), "| case |"));
	buf_fini(&out);
	json_decref(results);
}

/* What a terminal shows of `out` without colours: their sequences are taken out. */
static void without_colours(struct buf *out)
{
	char *to = (char *)out->data;

	for (const char *at = buf_string(out); *at != '\0';) {
		if (*at == '\x1b') {
			at += strcspn(at, "m") + 1;
			continue;
		}
		*to++ = *at++;
	}
	out->len = (size_t)(to - (char *)out->data);
	*to = '\0';
}

static void colours_change_no_character(void **state)
{
	struct terminal_options options = {.unicode = true, .colour = true};
	json_t *results = stored_run();
	struct buf coloured = {0}, plain = {0};

	(void)state;
	terminal_render(results, NULL, &options, &coloured);
	assert_non_null(strstr(buf_string(&coloured), "\x1b[1;31m"));
	options.colour = false;
	terminal_render(results, NULL, &options, &plain);
	without_colours(&coloured);
	assert_string_equal(buf_string(&coloured), buf_string(&plain));
	buf_fini(&coloured);
	buf_fini(&plain);
	json_decref(results);
}

static void assert_lines_fit(const struct buf *out, size_t width)
{
	char *copy = strdup(buf_string(out)), *rest = copy, *line;

	while ((line = strsep(&rest, "\n")) != NULL)
		if (text_width(line) > width && strstr(line, "://") == NULL &&
		    strchr(line, '/') == NULL)
			fail_msg("%zu columns: %s", text_width(line), line);
	free(copy);
}

static void every_width_is_kept(void **state)
{
	json_t *results = stored_run();
	struct buf out = {0};

	(void)state;
	for (int width = 1; width < 200; width += 7) {
		struct terminal_options options = {.unicode = true, .width = width};

		buf_clear(&out);
		terminal_render(results, NULL, &options, &out);
		assert_lines_fit(&out, width < TERMINAL_WIDTH_LEAST ? TERMINAL_WIDTH_LEAST
		                                                    : (size_t)width);
	}
	buf_fini(&out);
	json_decref(results);
}

/* Puts `text` in place of every string below `value`. */
static void poison(json_t *value, const char *text)
{
	const char *key;
	json_t *member;
	size_t i;

	json_object_foreach(value, key, member) {
		if (json_is_string(member) && strcmp(key, "outcome") != 0)
			json_string_set(member, text);
		poison(member, text);
	}
	if (json_is_array(value))
		json_array_foreach(value, i, member)
			poison(member, text);
}

static void nothing_in_a_run_reaches_the_terminal_as_a_control(void **state)
{
	static const char *const evil[] = {"\x1b]0;owned\x07", "a\rb\nc\td",
	                                   "\u202e\u2066\302\2331m\u200b",
	                                   "\x7f\x01\x08"};
	struct terminal_options options = {.unicode = true};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(evil) / sizeof(evil[0]); i++) {
		json_t *results = stored_run();

		poison(results, evil[i]);
		buf_clear(&out);
		terminal_render(results, NULL, &options, &out);
		for (size_t k = 0; k < out.len; k++)
			assert_true((out.data[k] >= ' ' && out.data[k] != 0x7f) ||
			            out.data[k] == '\n');
		assert_null(strstr(buf_string(&out), "\u202e"));
		assert_null(strstr(buf_string(&out), "\xc2\x9b"));
		assert_null(strstr(buf_string(&out), "\u200b"));
		json_decref(results);
	}
	buf_fini(&out);
}

static void run_without_cells_or_boards_is_told_too(void **state)
{
	json_t *results = json_loads("{\"run\": {}, \"boards\": [], \"cells\": []}", 0, NULL);
	struct buf out = {0};

	(void)state;
	terminal_render(results, NULL, &(struct terminal_options){.unicode = true}, &out);
	markdown_render(&out, results, NULL);
	assert_non_null(strstr(buf_string(&out), "0 cells on 0 boards"));
	buf_fini(&out);
	json_decref(results);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(run_is_told_in_unicode),
		cmocka_unit_test(run_is_told_in_ascii_and_less_width),
		cmocka_unit_test(run_is_told_in_markdown),
		cmocka_unit_test(markdown_of_a_hundred_thousand_cells_fits_a_step_summary),
		cmocka_unit_test(colours_change_no_character),
		cmocka_unit_test(every_width_is_kept),
		cmocka_unit_test(nothing_in_a_run_reaches_the_terminal_as_a_control),
		cmocka_unit_test(run_without_cells_or_boards_is_told_too),
	};

	return cmocka_run_group_tests_name("view/terminal", tests, NULL, NULL);
}
