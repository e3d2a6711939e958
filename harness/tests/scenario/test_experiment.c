#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "peer/board.h"
#include "peer/server.h"
#include "scenario/experiment.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define ID "suite/scenario/board"

/* A virtual board whose port is gone before its end is told: something else holds its output. */
#define BOARD_SLOW_TO_END "exec 3<&0; cat <&3 & exec %s --stack openssl"

/*
 * An experiment with the real server program, and, but where a test starts one, with a board that
 * never comes to speak.
 */
struct lab {
	uv_loop_t loop;
	struct apparatus apparatus;
	struct board *handle;
	struct experiment *experiment; /* NULL once `done` came */
	json_t *cell, *profile;
	json_t *board, *server, *trouble; /* what it observed */
	const char *lost_when_listening;
	bool cancelled_when_listening, server_gone;
	bool once_more; /* the same cell, before the server program goes on */
	int n_done, n_late; /* experiments that are over, and ports that came too late */
};

static void start(struct lab *lab);

static void on_listening(void *context, const char *cell, int port)
{
	struct lab *lab = context;

	assert_memory_equal(cell, ID, strlen(ID));
	assert_true(port > 0);
	if (!experiment_is(lab->experiment, cell)) {
		lab->n_late++;
		return;
	}
	if (lab->cancelled_when_listening) {
		experiment_cancel(lab->experiment);
		lab->experiment = NULL;
		server_stop(lab->apparatus.server);
	} else if (lab->lost_when_listening != NULL) {
		experiment_lost(lab->experiment, lab->lost_when_listening, "it fell silent");
		experiment_lost(lab->experiment, "runner", "it fell over the silence");
	}
}

static void on_refused(void *context, const char *cell, const char *text)
{
	struct lab *lab = context;

	(void)cell;
	experiment_refused(lab->experiment, text);
}

static void on_testimony(void *context, const char *cell, json_t *message, struct bytes attached)
{
	struct lab *lab = context;

	if (lab->experiment != NULL && experiment_is(lab->experiment, cell))
		experiment_testimony(lab->experiment, message, attached);
}

static void on_exited(void *context, const char *why)
{
	struct lab *lab = context;

	lab->apparatus.server = NULL;
	lab->server_gone = true;
	if (why[0] != '\0')
		experiment_lost(lab->experiment, "server", why);
}

static const struct server_events server_events = {
	.listening = on_listening,
	.refused = on_refused,
	.testimony = on_testimony,
	.exited = on_exited,
};

static void on_done(void *context, struct observation *observation)
{
	struct lab *lab = context;

	lab->n_done++;
	lab->experiment = NULL;
	lab->board = json_incref(json_object_get(observation->witnesses, "board"));
	lab->server = json_incref(json_object_get(observation->witnesses, "server"));
	lab->trouble = observation->trouble;
	json_decref(observation->witnesses);
	json_decref(observation->timings_ms);
	if (lab->once_more) {
		lab->once_more = false;
		json_decref(lab->board);
		json_decref(lab->server);
		json_decref(lab->trouble);
		start(lab);
		uv_kill(server_pid(lab->apparatus.server), SIGCONT);
	} else if (lab->apparatus.server != NULL) {
		server_stop(lab->apparatus.server);
	}
}

static int find_root(void **state)
{
	char *here = realpath(".", NULL);

	(void)state;
	setenv("SHAKEDOWN_ROOT", here, 0); /* for a build folder outside of the repository */
	free(here);
	return 0;
}

static void prepare(struct lab *lab, const char *address)
{
	struct error error = {0};

	assert_int_equal(uv_loop_init(&lab->loop), 0);
	lab->apparatus.loop = &lab->loop;
	if (server_start(&lab->apparatus.server, &lab->loop, &server_events, lab, &error) != 0)
		fail_msg("%s", error.text);
	lab->cell = json_made(json_pack("{s:s, s:{s:[s]}}", "id", ID, "server", "versions", "1.3"));
	lab->profile = json_made(json_pack("{s:s, s:s, s:i}", "name", "board", "address", address,
	                                   "timeout_ms", 5000));
}

static void start(struct lab *lab)
{
	struct experiment_plan plan = {
		.cell = lab->cell, .profile = lab->profile, .board = lab->handle};

	lab->experiment = experiment_start(&lab->apparatus, &plan, on_done, lab);
}

static void begin(struct lab *lab, const char *address)
{
	prepare(lab, address);
	start(lab);
}

/* Until nothing is left of the experiment and of the server program. */
static void live(struct lab *lab)
{
	uv_run(&lab->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&lab->loop), 0);
	assert_true(lab->server_gone);
}

static void finish(struct lab *lab)
{
	json_decref(lab->cell);
	json_decref(lab->profile);
	json_decref(lab->board);
	json_decref(lab->server);
	json_decref(lab->trouble);
}

static void assert_trouble(const struct lab *lab, const char *who)
{
	assert_int_equal(json_array_size(lab->trouble), 1);
	assert_string_equal(json_text(json_array_get(lab->trouble, 0), "who"), who);
}

static void refused_server_is_trouble_of_ours(void **state)
{
	struct lab lab = {0};

	(void)state;
	begin(&lab, "no address");
	live(&lab);
	assert_int_equal(lab.n_done, 1);
	assert_trouble(&lab, "server");
	assert_true(json_is_null(lab.board));
	finish(&lab);
}

static void lost_board_is_testimony_and_the_server_still_gives_its_own(void **state)
{
	struct lab lab = {.lost_when_listening = "board"};

	(void)state;
	begin(&lab, "127.0.0.1");
	experiment_lost(lab.experiment, "board", "it is gone"); /* before there is a port */
	live(&lab);
	assert_int_equal(lab.n_done, 1);
	assert_string_equal(json_text(lab.board, "failed"), "board");
	assert_string_equal(json_text(lab.board, "text"), "it is gone");
	assert_string_equal(json_text(lab.server, "state"), "listening");
	finish(&lab);
}

static void on_ready(void *context, const json_t *info)
{
	(void)context;
	(void)info;
}

static void on_down(void *context, const char *who, const char *text)
{
	struct lab *lab = context;

	experiment_lost(lab->experiment, who, text);
	board_stop(lab->handle);
}

static void on_stopped(void *context)
{
	(void)context;
}

/* Of a board that does no run. */
static const struct board_events board_events = {
	.ready = on_ready, .down = on_down, .stopped = on_stopped};

static void start_board(struct lab *lab)
{
	char *program = file_sibling_program("shakedown-board");
	char command[1024];
	struct error error = {0};

	snprintf(command, sizeof(command), BOARD_SLOW_TO_END, program);
	json_object_set_new(lab->profile, "virtual",
	                    json_made(json_pack("[s, s, s]", "sh", "-c", command)));
	if (board_start(&lab->handle, &lab->loop, lab->profile, &board_events, lab, &error) != 0)
		fail_msg("%s", error.text);
	while (!board_is_ready(lab->handle))
		uv_run(&lab->loop, UV_RUN_ONCE);
	free(program);
}

static void port_that_is_gone_when_the_server_listens_is_testimony(void **state)
{
	struct lab lab = {0};

	(void)state;
	prepare(&lab, "127.0.0.1");
	start_board(&lab);
	start(&lab);
	uv_kill(board_virtual_pid(lab.handle), SIGKILL);
	while (board_is_ready(lab.handle))
		uv_run(&lab.loop, UV_RUN_ONCE);
	experiment_listening(lab.experiment, 1); /* whether the board ended too is not known yet */
	live(&lab);
	assert_int_equal(lab.n_done, 1);
	assert_string_equal(json_text(lab.board, "failed"), "port");
	assert_int_equal(json_array_size(lab.trouble), 0);
	finish(&lab);
}

static void runner_that_ends_when_the_board_has_testified_is_no_trouble(void **state)
{
	struct lab lab = {.lost_when_listening = "board"};

	(void)state;
	begin(&lab, "127.0.0.1");
	experiment_lost(lab.experiment, "port", "the board was unplugged");
	live(&lab);
	assert_int_equal(json_array_size(lab.trouble), 0);
	assert_string_equal(json_text(lab.board, "failed"), "port");
	finish(&lab);
}

static void lost_runner_is_trouble_of_ours(void **state)
{
	struct lab lab = {0};

	(void)state;
	begin(&lab, "127.0.0.1");
	experiment_lost(lab.experiment, "runner", "it crashed");
	live(&lab);
	assert_trouble(&lab, "runner");
	assert_string_equal(json_text(lab.board, "failed"), "runner");
	finish(&lab);
}

static void lost_server_program_ends_the_cell_at_once(void **state)
{
	struct lab lab = {0};

	(void)state;
	begin(&lab, "127.0.0.1");
	uv_kill(server_pid(lab.apparatus.server), SIGKILL);
	live(&lab);
	assert_int_equal(lab.n_done, 1);
	assert_trouble(&lab, "server");
	finish(&lab);
}

/* The same cell runs again, as where it is tried at other servers. */
static void port_that_comes_too_late_is_not_that_of_the_next_server(void **state)
{
	struct lab lab = {.lost_when_listening = "board", .once_more = true};

	(void)state;
	begin(&lab, "127.0.0.1");
	uv_kill(server_pid(lab.apparatus.server), SIGSTOP);
	live(&lab);
	assert_int_equal(lab.n_done, 2);
	assert_int_equal(lab.n_late, 1);
	assert_string_equal(json_text(lab.board, "failed"), "board"); /* its own server came */
	assert_string_equal(json_text(lab.server, "state"), "listening");
	finish(&lab);
}

static void cancelled_experiment_hands_over_nothing(void **state)
{
	struct lab lab = {.cancelled_when_listening = true};

	(void)state;
	begin(&lab, "127.0.0.1");
	live(&lab);
	assert_int_equal(lab.n_done, 0);
	finish(&lab);
}

static void experiment_that_was_over_can_be_cancelled(void **state)
{
	struct lab lab = {0};

	(void)state;
	begin(&lab, "127.0.0.1");
	experiment_lost(lab.experiment, "server", "it is gone"); /* `done` is due */
	experiment_cancel(lab.experiment);
	server_stop(lab.apparatus.server);
	live(&lab);
	assert_int_equal(lab.n_done, 0);
	finish(&lab);
}

/* A run with a first sniffer, which is gone when the server gives its testimony. */
static void lose_the_sniffer(struct lab *lab, unsigned lost, const char *how)
{
	lab->lost_when_listening = "board";
	prepare(lab, "127.0.0.1");
	lab->apparatus.sniffer = (struct sniffer *)lab; /* nobody asks it */
	lab->apparatus.n_sniffers = 1;
	start(lab);
	lab->apparatus.sniffer = NULL;
	lab->apparatus.lost_sniffer = lost;
	snprintf(lab->apparatus.sniffer_end, sizeof(lab->apparatus.sniffer_end), "%s", how);
	live(lab);
}

static void trouble_with_a_lost_sniffer_says_how_it_ended(void **state)
{
	struct lab lab = {0};

	(void)state;
	lose_the_sniffer(&lab, 1, "it was ended by signal 9");
	assert_trouble(&lab, "sniffer");
	assert_non_null(strstr(json_text(json_array_get(lab.trouble, 0), "text"),
	                       "in the middle of the cell: it was ended by signal 9"));
	finish(&lab);
}

static void sniffer_that_is_done_without_was_not_lost(void **state)
{
	struct lab lab = {0};

	(void)state;
	lose_the_sniffer(&lab, 0, "");
	assert_int_equal(json_array_size(lab.trouble), 0);
	finish(&lab);
}

static void sniffer_is_blind_only_where_it_never_saw_a_connection(void **state)
{
	struct apparatus never = {0}, slow = {0};
	json_t *none = json_array(), *one = json_pack("[{}]");

	(void)state;
	for (int i = 1; i < APPARATUS_UNSEEN_MAX; i++) {
		assert_false(apparatus_is_blind(&never, none));
		assert_false(apparatus_is_blind(&slow, none));
	}
	assert_true(apparatus_is_blind(&never, none));
	assert_false(apparatus_is_blind(&slow, one));
	for (int i = 0; i < 2 * APPARATUS_UNSEEN_MAX; i++)
		assert_false(apparatus_is_blind(&slow, none));
	json_decref(none);
	json_decref(one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_server_is_trouble_of_ours),
		cmocka_unit_test(lost_board_is_testimony_and_the_server_still_gives_its_own),
		cmocka_unit_test(port_that_is_gone_when_the_server_listens_is_testimony),
		cmocka_unit_test(runner_that_ends_when_the_board_has_testified_is_no_trouble),
		cmocka_unit_test(lost_runner_is_trouble_of_ours),
		cmocka_unit_test(lost_server_program_ends_the_cell_at_once),
		cmocka_unit_test(port_that_comes_too_late_is_not_that_of_the_next_server),
		cmocka_unit_test(cancelled_experiment_hands_over_nothing),
		cmocka_unit_test(experiment_that_was_over_can_be_cancelled),
		cmocka_unit_test(trouble_with_a_lost_sniffer_says_how_it_ended),
		cmocka_unit_test(sniffer_that_is_done_without_was_not_lost),
		cmocka_unit_test(sniffer_is_blind_only_where_it_never_saw_a_connection),
	};

	return cmocka_run_group_tests(tests, find_root, NULL);
}
