#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "view/progress.h"
#include "view/text.h"

#define LONG "story/a-case-with-a-name-that-is-far-too-long-for-the-line/board-of-mine"

static void line_tells_how_far_the_run_is(void **state)
{
	static const struct {
		struct progress progress;
		const char *line;
	} examples[] = {
		{{24, 0, 0, 0, ""}, "0/24"},
		{{24, 2, 0, 100, "s/c/b"}, "2/24: s/c/b"},
		{{24, 12, 1, 5500, "s/c/b"}, "12/24, 1 failed, about 6 s left: s/c/b"},
		{{1000, 10, 0, 10000, "s/c/b"}, "10/1000, about 17 min left: s/c/b"},
		{{100000, 10, 0, 10000, "s/c/b"}, "10/100000, about 28 h left: s/c/b"},
		{{24, 24, 0, 5500, ""}, "24/24"},
		{{24, 1, 0, 5, "s/\x1b[2J\n/b"}, "1/24: s/<1b>[2J /b"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		struct buf out = {0};

		progress_line(&examples[i].progress, &(struct terminal_options){0}, &out);
		assert_string_equal(buf_string(&out), examples[i].line);
		buf_fini(&out);
	}
}

static void line_never_reaches_the_last_column(void **state)
{
	struct progress progress = {24, 12, 1, 5500, LONG};

	(void)state;
	for (int width = 40; width < 140; width++) {
		struct buf out = {0};

		progress_line(&progress,
		              &(struct terminal_options){.unicode = true, .width = width}, &out);
		assert_true(text_width(buf_string(&out)) < (size_t)width);
		buf_fini(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_tells_how_far_the_run_is),
		cmocka_unit_test(line_never_reaches_the_last_column),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
