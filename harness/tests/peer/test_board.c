#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "peer/board.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#define EVENTS_MAX 16
#define DEADLINE_MS 30000 /* only a failing test waits so long */

enum kind { READY, STARTED, RESULT, FAILED, DOWN, STOPPED };

struct event {
	enum kind kind;
	char who[16], text[1024];
	json_t *message; /* owned */
};

/* A board on a loop of its own, and what it said, in order. */
struct bench {
	uv_loop_t loop;
	uv_timer_t deadline;
	json_t *profile;
	struct board *board;
	struct event events[EVENTS_MAX];
	size_t n_events, n_taken;
	struct error error;
};

static struct event *add_event(struct bench *bench, enum kind kind, json_t *message)
{
	struct event *event = &bench->events[bench->n_events++];

	assert_true(bench->n_events <= EVENTS_MAX);
	*event = (struct event){.kind = kind, .message = message};
	return event;
}

static void on_ready(void *context, const json_t *info)
{
	add_event(context, READY, json_incref((json_t *)info));
}

static void on_started(void *context, const char *id)
{
	snprintf(add_event(context, STARTED, NULL)->text, 16, "%s", id);
}

static void on_result(void *context, json_t *message)
{
	add_event(context, RESULT, json_incref(message));
}

static void on_failed(void *context, json_t *message)
{
	add_event(context, FAILED, json_incref(message));
}

static void on_down(void *context, const char *who, const char *text)
{
	struct event *event = add_event(context, DOWN, NULL);

	snprintf(event->who, sizeof(event->who), "%s", who);
	snprintf(event->text, sizeof(event->text), "%s", text);
}

static void on_stopped(void *context)
{
	struct bench *bench = context;

	bench->board = NULL;
	add_event(bench, STOPPED, NULL);
}

static const struct board_events EVENTS = {.ready = on_ready,
                                           .started = on_started,
                                           .result = on_result,
                                           .failed = on_failed,
                                           .down = on_down,
                                           .stopped = on_stopped};

static void on_deadline(uv_timer_t *timer)
{
	(void)timer;
	fail_msg("the board said nothing for %d ms", DEADLINE_MS);
}

/* The next event, which must be of this kind. */
static struct event *next(struct bench *bench, enum kind kind)
{
	uv_timer_start(&bench->deadline, on_deadline, DEADLINE_MS, 0);
	while (bench->n_taken == bench->n_events)
		uv_run(&bench->loop, UV_RUN_ONCE);
	uv_timer_stop(&bench->deadline);
	if (bench->events[bench->n_taken].kind != kind)
		print_message("instead: %s %s\n", bench->events[bench->n_taken].who,
		              bench->events[bench->n_taken].text);
	assert_int_equal(bench->events[bench->n_taken].kind, kind);
	return &bench->events[bench->n_taken++];
}

/* Takes the profile. */
static int start(struct bench *bench, json_t *profile)
{
	*bench = (struct bench){.profile = json_made(profile)};
	assert_int_equal(uv_loop_init(&bench->loop), 0);
	uv_timer_init(&bench->loop, &bench->deadline);
	return board_start(&bench->board, &bench->loop, bench->profile, &EVENTS, bench, &bench->error);
}

/* Stops the board if there is one, and proves that nothing is left of it. */
static void finish(struct bench *bench)
{
	if (bench->board != NULL) {
		int pids[] = {board_runner_pid(bench->board), board_virtual_pid(bench->board)};

		board_stop(bench->board);
		next(bench, STOPPED);
		for (int i = 0; i < 2; i++)
			assert_true(pids[i] == 0 || (kill(pids[i], 0) != 0 && errno == ESRCH));
	}
	uv_close((uv_handle_t *)&bench->deadline, NULL);
	uv_run(&bench->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&bench->loop), 0);
	assert_int_equal(bench->n_taken, bench->n_events);
	for (size_t i = 0; i < bench->n_events; i++)
		json_decref(bench->events[i].message);
	json_decref(bench->profile);
}

static void start_virtual(struct bench *bench)
{
	assert_int_equal(start(bench, json_pack("{s:s, s:[s, s, s]}", "name", "bench", "virtual",
	                                        "shakedown-board", "--stack", "openssl")), 0);
	next(bench, READY);
}

/* A port of the loopback address: one that refuses, or one that takes connections and never speaks. */
static int open_port(bool listening, int *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	if (listening)
		assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static void run(struct bench *bench, const char *id, int port)
{
	json_t *message = json_made(json_pack("{s:s, s:s, s:i, s:i}", "id", id, "host", "127.0.0.1",
	                                      "port", port, "timeout_ms", 20000));

	assert_true(board_is_ready(bench->board));
	board_run(bench->board, message);
	assert_false(board_is_ready(bench->board));
	json_decref(message);
	assert_string_equal(next(bench, STARTED)->text, id);
}

/* Brings the board into the middle of a handshake: a server took its ClientHello and is silent. */
static int run_into_silence(struct bench *bench)
{
	int port, listener = open_port(true, &port), fd;
	char byte;

	run(bench, "1", port);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	assert_int_equal(read(fd, &byte, 1), 1);
	return fd;
}

static void virtual_board_runs_and_is_ready_again(void **state)
{
	static struct bench bench;
	int port, fd = open_port(false, &port);

	(void)state;
	start_virtual(&bench);
	assert_memory_equal(json_text(bench.events[0].message, "stack"), "OpenSSL", 7);
	for (int i = 1; i <= 2; i++) {
		struct event *result;
		char id[12];

		snprintf(id, sizeof(id), "%d", i);
		run(&bench, id, port);
		result = next(&bench, RESULT);
		assert_string_equal(json_text(result->message, "id"), id);
		assert_string_equal(json_text(json_object_get(result->message, "board"), "phase"), "tcp");
	}
	finish(&bench);
	close(fd);
}

static void run_in_progress_can_be_aborted(void **state)
{
	static struct bench bench;
	int fd;

	(void)state;
	start_virtual(&bench);
	fd = run_into_silence(&bench);
	board_abort(bench.board);
	assert_string_equal(
		json_text(json_object_get(next(&bench, RESULT)->message, "board"), "phase"), "hs");
	assert_true(board_is_ready(bench.board));
	finish(&bench);
	close(fd);
}

static void run_that_cannot_start_fails_and_the_board_stays_ready(void **state)
{
	static struct bench bench;
	json_t *message = json_made(json_pack("{s:s, s:s, s:i, s:s, s:i}", "id", "1", "host", "127.0.0.1",
	                                      "port", 1, "ca", "/nowhere.der", "timeout_ms", 1000));
	struct event *failed;

	(void)state;
	start_virtual(&bench);
	board_run(bench.board, message);
	failed = next(&bench, FAILED);
	assert_string_equal(json_text(failed->message, "kind"), "upload");
	assert_string_equal(json_text(failed->message, "text"),
	                    "cannot read /nowhere.der: No such file or directory");
	assert_true(board_is_ready(bench.board));
	finish(&bench);
	json_decref(message);
}

static void stop_in_the_middle_of_a_run_leaves_nothing(void **state)
{
	static struct bench bench;
	int fd;

	(void)state;
	start_virtual(&bench);
	fd = run_into_silence(&bench);
	finish(&bench);
	close(fd);
}

static void killed_in_the_middle_of_a_run(int (*victim)(const struct board *), const char *who,
                                          const char *text)
{
	static struct bench bench;
	struct event *down;
	int fd;

	start_virtual(&bench);
	fd = run_into_silence(&bench);
	assert_int_equal(kill(victim(bench.board), SIGKILL), 0);
	down = next(&bench, DOWN);
	assert_string_equal(down->who, who);
	assert_string_equal(down->text, text);
	board_restart(bench.board);
	next(&bench, READY);
	finish(&bench);
	close(fd);
}

static void killed_runner_takes_the_board_down_once(void **state)
{
	(void)state;
	killed_in_the_middle_of_a_run(board_runner_pid, "runner",
	                              "the runner of bench was ended by signal 9 (Killed)");
}

static void killed_virtual_board_takes_it_down_once(void **state)
{
	(void)state;
	killed_in_the_middle_of_a_run(board_virtual_pid, "board",
	                              "the virtual board bench was ended by signal 9 (Killed)");
}

static void virtual_board_that_ends_is_told_with_its_last_words(void **state)
{
	static struct bench bench;
	struct event *down;

	(void)state;
	assert_int_equal(start(&bench, json_pack("{s:s, s:[s, s, s]}", "name", "bench", "virtual",
	                                         "/bin/sh", "-c", "echo no fuel >&2; exit 7")), 0);
	down = next(&bench, DOWN);
	assert_string_equal(down->who, "board");
	assert_string_equal(down->text, "the virtual board bench ended with status 7: no fuel");
	finish(&bench);
}

static void virtual_board_that_is_not_built_is_refused(void **state)
{
	static struct bench bench;

	(void)state;
	assert_int_equal(start(&bench, json_pack("{s:s, s:[s]}", "name", "bench", "virtual",
	                                         "shakedown-board-nothing")), ERR_ENVIRONMENT);
	assert_non_null(strstr(bench.error.text,
	                       "cannot start the virtual board bench (shakedown-board-nothing): no such "
	                       "file or directory; if it is one of Shakedown's boards, install"));
	finish(&bench);
}

static void absent_port_is_down_with_reason_and_remedy(void **state)
{
	static struct bench bench;
	struct event *down;

	(void)state;
	assert_int_equal(start(&bench, json_pack("{s:s, s:s}", "name", "bench", "port",
	                                         "/dev/serial/by-id/nothing")), 0);
	down = next(&bench, DOWN);
	assert_string_equal(down->who, "port");
	assert_non_null(strstr(down->text, "bench: cannot open /dev/serial/by-id/nothing: No such file"));
	finish(&bench);
}

/* The port of a board that says nothing; the runner has it open once it greets the board. */
static int open_silent_port(char device[64])
{
	struct termios raw;
	int master, slave;

	assert_int_equal(openpty(&master, &slave, device, NULL, NULL), 0);
	tcgetattr(slave, &raw);
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
	fcntl(master, F_SETFL, O_NONBLOCK);
	fcntl(master, F_SETFD, FD_CLOEXEC); /* or the runner would hold the cable itself */
	close(slave);
	return master;
}

static void wait_for_greeting(struct bench *bench, int master)
{
	char byte;

	uv_timer_start(&bench->deadline, on_deadline, DEADLINE_MS, 0);
	while (read(master, &byte, 1) != 1)
		uv_run(&bench->loop, UV_RUN_NOWAIT);
	uv_timer_stop(&bench->deadline);
}

static bool port_is_free(const char *device)
{
	int fd = open(device, O_RDWR | O_NOCTTY | O_CLOEXEC);
	bool is_free = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;

	close(fd);
	return is_free;
}

static void port_belongs_to_one_board_until_it_is_stopped(void **state)
{
	static struct bench first, second;
	char device[64], rest;
	int master = open_silent_port(device);

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(start(&first, json_pack("{s:s, s:s, s:i}", "name", "first", "port", device,
		                                         "baud", 9600)), 0);
		wait_for_greeting(&first, master);
		assert_false(port_is_free(device));
		assert_int_equal(start(&second, json_pack("{s:s, s:s}", "name", "second", "port", device)),
		                 ERR_ENVIRONMENT);
		assert_non_null(strstr(second.error.text, "is in use by another board of this process"));
		finish(&second);
		finish(&first);
		assert_true(port_is_free(device));
		while (read(master, &rest, 1) == 1)
			;
	}
	close(master);
}

static void pulled_cable_is_told_of_the_port(void **state)
{
	static struct bench bench;
	struct event *down;
	char device[64];
	int master = open_silent_port(device);

	(void)state;
	assert_int_equal(start(&bench, json_pack("{s:s, s:s}", "name", "bench", "port", device)), 0);
	wait_for_greeting(&bench, master);
	close(master);
	down = next(&bench, DOWN);
	assert_string_equal(down->who, "port");
	assert_non_null(strstr(down->text, "is gone"));
	finish(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(virtual_board_runs_and_is_ready_again),
		cmocka_unit_test(run_in_progress_can_be_aborted),
		cmocka_unit_test(run_that_cannot_start_fails_and_the_board_stays_ready),
		cmocka_unit_test(stop_in_the_middle_of_a_run_leaves_nothing),
		cmocka_unit_test(killed_runner_takes_the_board_down_once),
		cmocka_unit_test(killed_virtual_board_takes_it_down_once),
		cmocka_unit_test(virtual_board_that_ends_is_told_with_its_last_words),
		cmocka_unit_test(virtual_board_that_is_not_built_is_refused),
		cmocka_unit_test(absent_port_is_down_with_reason_and_remedy),
		cmocka_unit_test(port_belongs_to_one_board_until_it_is_stopped),
		cmocka_unit_test(pulled_cable_is_told_of_the_port),
	};

	return cmocka_run_group_tests_name("peer/board", tests, NULL, NULL);
}
