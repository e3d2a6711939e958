#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/message.h"

static void reals_are_as_short_as_they_were_meant(void **state)
{
	json_t *sent = json_pack("{s:f, s:f}", "ms", 2382 / 1e3, "total", 123456789.001);
	struct buf wire = {0};

	(void)state;
	message_put(&wire, sent, (struct bytes){0});
	assert_non_null(strstr(buf_string(&wire), "{\"ms\":2.382,\"total\":123456789.001}"));
	buf_fini(&wire);
	json_decref(sent);
}

static void message_comes_whole_however_it_is_cut(void **state)
{
	json_t *sent = json_pack("{s:s}", "op", "collect");
	struct buf wire = {0};
	struct bytes attached = {(const uint8_t *)"\n{}\n\0", 5};

	(void)state;
	message_put(&wire, sent, attached);
	message_put(&wire, sent, (struct bytes){0});
	for (size_t cut = 1; cut < wire.len; cut++) {
		struct message_reader reader = {0};
		struct error error = {0};
		struct bytes got;
		json_t *message;
		int n = 0;

		for (size_t pos = 0; pos < wire.len; pos += cut) {
			size_t len = wire.len - pos < cut ? wire.len - pos : cut;

			message_feed(&reader, wire.data + pos, len);
			while (message_next(&reader, &message, &got, &error) == 1) {
				assert_string_equal(json_string_value(json_object_get(message, "op")),
				                    "collect");
				assert_int_equal(got.len, n == 0 ? 5 : 0);
				if (n == 0)
					assert_memory_equal(got.data, attached.data, 5);
				json_decref(message);
				n++;
			}
		}
		assert_int_equal(n, 2);
		message_reader_fini(&reader);
	}
	buf_fini(&wire);
	json_decref(sent);
}

static void text_that_is_no_message_is_refused(void **state)
{
	struct message_reader reader = {0};
	struct error error = {0};
	struct bytes attached;
	json_t *message;

	(void)state;
	message_feed(&reader, "hello\n", 6);
	assert_int_equal(message_next(&reader, &message, &attached, &error), ERR_ENVIRONMENT);
	assert_string_equal(error.text, "not a message: hello");
	message_reader_fini(&reader);
}

static int other_end;

static void on_alarm(int number)
{
	(void)number;
	assert_int_equal(write(other_end, "{}\n", 3), 3);
}

static void a_signal_while_one_waits_is_no_answer(void **state)
{
	const struct sigaction alarm = {.sa_handler = on_alarm};
	const struct itimerval soon = {.it_value = {.tv_usec = 20000}};
	struct message_reader reader = {0};
	struct error error = {0};
	struct bytes attached;
	json_t *message;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	other_end = ends[1];
	assert_int_equal(sigaction(SIGALRM, &alarm, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	assert_int_equal(message_read(ends[0], &reader, -1, &message, &attached, &error), 1);
	json_decref(message);
	close(ends[1]);
	assert_int_equal(message_read(ends[0], &reader, -1, &message, &attached, &error),
	                 ERR_ENVIRONMENT);
	assert_string_equal(error.text, "");
	close(ends[0]);
	message_reader_fini(&reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reals_are_as_short_as_they_were_meant),
		cmocka_unit_test(message_comes_whole_however_it_is_cut),
		cmocka_unit_test(text_that_is_no_message_is_refused),
		cmocka_unit_test(a_signal_while_one_waits_is_no_answer),
	};

	return cmocka_run_group_tests_name("base/message", tests, NULL, NULL);
}
