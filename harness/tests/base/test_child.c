#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/child.h"
#include "base/json.h"
#include "base/utf8.h"

#include <stdio.h>

/* For a process that the shell $$ has left behind: waits until the shell is gone for good. */
#define ORPHANED "while kill -0 $$ 2>/dev/null; do :; done; "

struct seen {
	struct child *child;
	char said[64]; /* the member "said" of the last message */
	char why[CHILD_STDERR_MAX + 256];
	int n_messages, n_ends;
	bool stop_at_once; /* when a message comes */
};

static void on_message(void *context, json_t *message, struct bytes attached)
{
	struct seen *seen = context;

	(void)attached;
	seen->n_messages++;
	snprintf(seen->said, sizeof(seen->said), "%s", json_text(message, "said"));
	if (seen->stop_at_once)
		child_stop(seen->child);
}

static void on_exited(void *context, const char *why)
{
	struct seen *seen = context;

	seen->n_ends++;
	snprintf(seen->why, sizeof(seen->why), "%s", why);
}

static const struct child_events events = {on_message, on_exited};

static int start(struct seen *seen, uv_loop_t *loop, const char *script, struct error *error)
{
	char *const arguments[] = {"/bin/sh", "-c", (char *)script, NULL};
	char *const environment[] = {"HOME=of the test", NULL};

	return child_start(&seen->child, loop, "the child", arguments, environment, &events, seen,
	                   error);
}

/* Runs `script` until nothing of its handle is left. */
static void live(struct seen *seen, const char *script)
{
	struct error error = {0};
	uv_loop_t loop;

	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(start(seen, &loop, script, &error), 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	assert_int_equal(seen->n_ends, 1);
}

static void message_comes_and_the_added_environment_counts(void **state)
{
	struct seen seen = {0};

	(void)state;
	live(&seen, "echo '{\"said\":\"'$HOME'\"}'");
	assert_int_equal(seen.n_messages, 1);
	assert_string_equal(seen.said, "of the test");
	assert_string_equal(seen.why, "the child ended with status 0");
}

static void last_line_of_standard_error_says_why(void **state)
{
	struct seen seen = {0};

	(void)state;
	live(&seen, "echo first >&2; echo 'no such thing ' >&2; exit 7");
	assert_string_equal(seen.why, "the child ended with status 7: no such thing");
}

static void words_that_come_after_the_end_are_waited_for(void **state)
{
	struct seen seen = {0};

	(void)state;
	live(&seen, "(exec >&-; " ORPHANED "echo too late >&2) & exit 4");
	assert_string_equal(seen.why, "the child ended with status 4: too late");
}

static void words_that_are_no_text_still_make_a_sentence(void **state)
{
	struct seen seen = {0};

	(void)state;
	live(&seen, "printf 'caf\\351' >&2; exit 5");
	assert_true(utf8_is_valid(seen.why));
	assert_string_equal(seen.why, "the child ended with status 5: caf?");
}

static void signal_is_named(void **state)
{
	struct seen seen = {0};

	(void)state;
	live(&seen, "kill -KILL $$");
	assert_string_equal(seen.why, "the child was ended by signal 9 (Killed)");
}

static void child_that_says_nonsense_is_killed(void **state)
{
	struct seen seen = {0};

	(void)state;
	live(&seen, "echo nonsense; exec cat");
	assert_string_equal(seen.why, "the child sent what is no message and was stopped "
	                              "(not a message: nonsense)");
}

static void nonsense_that_comes_after_the_end_is_its_end_too(void **state)
{
	struct seen seen = {0};

	(void)state;
	live(&seen, "(exec 2>&-; " ORPHANED "echo nonsense) & exit 0");
	assert_string_equal(seen.why, "the child sent what is no message and was stopped "
	                              "(not a message: nonsense)");
}

static void pipes_that_an_orphan_holds_are_given_up(void **state)
{
	struct seen seen = {0};

	(void)state;
	live(&seen, "exec 3<&0; cat <&3 & exit 3"); /* cat ends when our side is closed */
	assert_string_equal(seen.why, "the child ended with status 3");
}

static void child_that_was_asked_to_stop_says_no_more(void **state)
{
	struct seen seen = {.stop_at_once = true};

	(void)state;
	live(&seen, "echo '{}'; cat; echo '{}'; exit 9");
	assert_int_equal(seen.n_messages, 1);
	assert_string_equal(seen.why, "");
}

static void child_that_does_not_heed_the_end_of_its_input_is_killed(void **state)
{
	struct seen seen = {.stop_at_once = true};

	(void)state;
	live(&seen, "echo '{}'; while :; do read x < /dev/zero; done");
	assert_string_equal(seen.why, "");
}

static void program_that_is_not_there_is_an_error_and_no_event(void **state)
{
	char *const arguments[] = {"/nowhere/program", NULL};
	struct seen seen = {0};
	struct error error = {0};
	uv_loop_t loop;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(child_start(&seen.child, &loop, "the child", arguments, NULL, &events, &seen,
	                             &error),
	                 ERR_ENVIRONMENT);
	assert_string_equal(error.text,
	                    "cannot start the child (/nowhere/program): no such file or directory");
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	assert_int_equal(seen.n_ends, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_comes_and_the_added_environment_counts),
		cmocka_unit_test(last_line_of_standard_error_says_why),
		cmocka_unit_test(words_that_come_after_the_end_are_waited_for),
		cmocka_unit_test(words_that_are_no_text_still_make_a_sentence),
		cmocka_unit_test(signal_is_named),
		cmocka_unit_test(child_that_says_nonsense_is_killed),
		cmocka_unit_test(nonsense_that_comes_after_the_end_is_its_end_too),
		cmocka_unit_test(pipes_that_an_orphan_holds_are_given_up),
		cmocka_unit_test(child_that_was_asked_to_stop_says_no_more),
		cmocka_unit_test(child_that_does_not_heed_the_end_of_its_input_is_killed),
		cmocka_unit_test(program_that_is_not_there_is_an_error_and_no_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
