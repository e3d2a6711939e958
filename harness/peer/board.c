#include "peer/board.h"

#include "base/assert.h"
#include "base/child.h"
#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "peer/listener.h"
#include "peer/lock.h"
#include "peer/python.h"
#include "peer/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARGUMENTS_MAX 32
#define SENTENCE_MAX 1024
/* When a pty vanishes, its virtual board most likely ended: so long its own end is waited for. */
#define SUSPICION_MS 200

enum state {
	STATE_VIRTUAL, /* the virtual board starts */
	STATE_RUNNER,  /* the runner starts and greets the board */
	STATE_READY,
	STATE_RUNNING,
	STATE_SUSPECT, /* the runner lost the virtual board's port; is that board gone? */
	STATE_DOWN,
	STATE_RESTART, /* down, and to start again once all children are gone */
	STATE_STOPPING,
};

struct board {
	uv_loop_t *loop;
	const json_t *profile;
	const struct board_events *events;
	void *context;
	enum state state;
	struct lock *lock;              /* of a real board's device */
	struct child *virtual, *runner; /* NULL while there is none */
	uv_timer_t timer;               /* of the state */
	bool killed;                    /* down for a child that was */
	char lost[SENTENCE_MAX];        /* in STATE_SUSPECT: what the runner said */
};

static void on_timer(uv_timer_t *timer);

static void enter(struct board *board, enum state state, uint64_t timeout_ms)
{
	board->state = state;
	uv_timer_start(&board->timer, on_timer, timeout_ms, 0);
}

static void enter_for_ever(struct board *board, enum state state)
{
	board->state = state;
	uv_timer_stop(&board->timer);
}

/* For a board that is silent until the last of the ways to restart it has been taken. */
static uint64_t waking_ms(const json_t *profile)
{
	uint64_t boot_ms = (uint64_t)json_number(profile, "boot_timeout_ms");
	uint64_t return_ms = (uint64_t)json_number(profile, "return_timeout_ms");
	uint64_t n_ways = (uint64_t)(json_object_get(profile, "reset") != NULL) +
	                  (uint64_t)(json_object_get(profile, "power") != NULL);

	return boot_ms + n_ways * (boot_ms + return_ms + BOARD_RESTART_MS);
}

/* How long the runner may take to greet the board. */
static uint64_t start_ms(const struct board *board)
{
	return waking_ms(board->profile) + BOARD_START_MS;
}

uint64_t board_run_margin_ms(const json_t *profile)
{
	bool console = json_object_get(profile, "console") != NULL;

	return BOARD_RUN_MARGIN_MS + waking_ms(profile) + (console ? BOARD_SETUP_MS : 0);
}

static const char *board_name(const struct board *board)
{
	return json_text(board->profile, "name");
}

/* ---- The end of things ---- */

static void on_timer_closed(uv_handle_t *handle)
{
	struct board *board = handle->data;

	board->events->stopped(board->context);
	free(board);
}

/* Goes on with what had to wait until both children were gone. */
static void proceed_if_alone(struct board *board)
{
	if (board->virtual != NULL || board->runner != NULL)
		return;
	if (board->state == STATE_RESTART) {
		enter(board, STATE_RESTART, 0);
	} else if (board->state == STATE_STOPPING && !uv_is_closing((uv_handle_t *)&board->timer)) {
		lock_release(board->lock);
		uv_close((uv_handle_t *)&board->timer, on_timer_closed);
	}
}

/*
 * The runner first: it still has to let go of the port, and may have a run to abort. A virtual
 * board stays until then: the name of its pty would be free for others, and a runner that is only
 * just starting would open theirs.
 */
static void stop_children(struct board *board)
{
	if (board->runner != NULL)
		child_stop(board->runner);
	else if (board->virtual != NULL)
		child_stop(board->virtual);
}

static void go_down(struct board *board, const char *who, const char *text)
{
	enter_for_ever(board, STATE_DOWN);
	stop_children(board);
	board->events->down(board->context, who, text);
}

static bool is_up(const struct board *board)
{
	return board->state < STATE_DOWN;
}

static void go_down_with(struct board *board, const struct child *child, const char *who,
                         const char *why)
{
	board->killed = child_was_killed(child);
	go_down(board, who, why);
}

/* ---- The runner ---- */

static void on_lost(struct board *board, json_t *message)
{
	const char *who = json_text(message, "who");

	if (strcmp(who, "port") == 0 && board->virtual != NULL) {
		snprintf(board->lost, sizeof(board->lost), "%s", json_text(message, "text"));
		utf8_repair(board->lost); /* it may have been cut */
		enter(board, STATE_SUSPECT, SUSPICION_MS);
		return;
	}
	go_down(board, who, json_text(message, "text"));
}

static void on_runner_message(void *context, json_t *message, struct bytes attached)
{
	struct board *board = context;
	const char *event = json_text(message, "event");

	(void)attached;
	if (!is_up(board))
		return;
	if (strcmp(event, "trace") == 0) {
		if (board->events->trace != NULL)
			board->events->trace(board->context, json_text(message, "what"),
			                     json_text(message, "text"));
	} else if (strcmp(event, "lost") == 0) {
		on_lost(board, message);
	} else if (strcmp(event, "ready") == 0 && board->state == STATE_RUNNER) {
		enter_for_ever(board, STATE_READY);
		board->events->ready(board->context, message);
	} else if (strcmp(event, "started") == 0 && board->state == STATE_RUNNING) {
		board->events->started(board->context, json_text(message, "id"));
	} else if (strcmp(event, "result") == 0 && board->state == STATE_RUNNING) {
		enter_for_ever(board, STATE_READY);
		board->events->result(board->context, message);
	} else if (strcmp(event, "failed") == 0 && board->state == STATE_RUNNING) {
		enter_for_ever(board, STATE_READY);
		board->events->failed(board->context, message);
	}
}

static void on_runner_exited(void *context, const char *why)
{
	struct board *board = context;
	const struct child *runner = board->runner;

	board->runner = NULL;
	if (is_up(board) && board->state != STATE_SUSPECT)
		go_down_with(board, runner, "runner", why);
	if (!is_up(board))
		stop_children(board);
	proceed_if_alone(board);
}

static const struct child_events RUNNER_EVENTS = {
	.message = on_runner_message,
	.exited = on_runner_exited,
};

/* `device` is empty for a board that needs none. `held`: that device, open already, or -1. */
static int start_runner(struct board *board, const char *device, int held, struct error *error)
{
	struct runner runner;
	char name[SENTENCE_MAX];
	int rc = runner_init(&runner, board->profile, device, NULL, error);

	if (rc != 0)
		return rc;
	snprintf(name, sizeof(name), "the runner of %s", board_name(board));
	rc = child_start_with(&board->runner, board->loop, name, runner.arguments,
	                      runner.environment, held, &RUNNER_EVENTS, board, error);
	runner_fini(&runner);
	if (rc == 0)
		enter(board, STATE_RUNNER, start_ms(board));
	return rc;
}

/* ---- The virtual board ---- */

/*
 * The runner opens the pty by its name, which another pty may have by then if the board has gone.
 * So it is given the pty open too: as long as it has that, no other one gets the name.
 */
static void on_virtual_message(void *context, json_t *message, struct bytes attached)
{
	struct board *board = context;
	struct error error = {0};
	const char *device = json_text(message, "device");
	int held;

	(void)attached;
	if (board->state != STATE_VIRTUAL || strcmp(json_text(message, "event"), "ready") != 0)
		return;
	held = open(device, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (held < 0) {
		error_system(&error, ERR_ENVIRONMENT, errno, "cannot open %s, which %s named",
		             device, board_name(board));
		go_down(board, "board", error.text);
		return;
	}
	if (start_runner(board, device, held, &error) != 0)
		go_down(board, "runner", error.text);
	close(held);
}

/* What a program that left before it was a board said is all there is; most say nothing. */
static void tell_early_end(struct board *board, const char *why)
{
	const json_t *command = json_object_get(board->profile, "virtual");
	char text[2 * SENTENCE_MAX];

	if (strstr(why, ": ") != NULL) {
		go_down(board, "board", why);
		return;
	}
	snprintf(text, sizeof(text),
	         "%s before it named its device, which is the first that a virtual board does; is "
	         "\"%s\" one, as shakedown-board is?",
	         why, json_string_value(json_array_get(command, 0)));
	go_down(board, "board", text);
}

static void on_virtual_exited(void *context, const char *why)
{
	struct board *board = context;
	const struct child *virtual = board->virtual;

	board->virtual = NULL;
	if (board->state == STATE_VIRTUAL && !child_was_killed(virtual))
		tell_early_end(board, why);
	else if (is_up(board))
		go_down_with(board, virtual, "board", why);
	proceed_if_alone(board);
}

static const struct child_events VIRTUAL_EVENTS = {
	.message = on_virtual_message,
	.exited = on_virtual_exited,
};

/* A new string: the path of a program of Shakedown's, else the name as it stands. */
static char *find_program(const char *name)
{
	char *sibling = strchr(name, '/') == NULL ? file_sibling_program(name) : NULL;
	char *program;

	if (sibling != NULL && access(sibling, X_OK) == 0)
		return sibling;
	free(sibling);
	program = strdup(name);
	CHECK(program != NULL);
	return program;
}

static int start_virtual(struct board *board, const json_t *command, struct error *error)
{
	char *program = find_program(json_string_value(json_array_get(command, 0)));
	char *arguments[ARGUMENTS_MAX] = {program};
	char name[SENTENCE_MAX];
	int rc;

	CHECK(json_array_size(command) < ARGUMENTS_MAX);
	for (size_t i = 1; i < json_array_size(command); i++)
		arguments[i] = (char *)json_string_value(json_array_get(command, i));
	snprintf(name, sizeof(name), "the virtual board %s", board_name(board));
	rc = child_start(&board->virtual, board->loop, name, arguments, NULL, &VIRTUAL_EVENTS,
	                 board, error);
	if (rc == 0)
		enter(board, STATE_VIRTUAL, BOARD_START_MS);
	else if (strchr(program, '/') == NULL)
		error_append(error,
		             "; if it is one of Shakedown's boards, install its TLS library's "
		             "development package (packages.txt) and run `make`");
	free(program);
	return rc;
}

/* ---- The board ---- */

/* What any board lacks, and that a passive one finds its server's port free. */
static int check_surroundings(const json_t *profile, struct error *error)
{
	const json_t *passive = json_object_get(profile, "passive");

	if (file_data_root(error) == NULL || python_find(error) == NULL)
		return error->code;
	if (passive == NULL || listener_try(json_text(profile, "address"),
	                                    (int)json_number(passive, "listen"), error) == 0)
		return 0;
	return error_prefix(error, "%s", json_text(profile, "name"));
}

static int begin(struct board *board, struct error *error)
{
	const json_t *command = json_object_get(board->profile, "virtual");

	if (command != NULL)
		return start_virtual(board, command, error);
	return start_runner(board, json_text(board->profile, "port"), -1, error);
}

static void begin_again(struct board *board)
{
	struct error error = {0};
	bool virtual = json_object_get(board->profile, "virtual") != NULL;

	if (begin(board, &error) != 0)
		go_down(board, virtual ? "board" : "runner", error.text);
}

static void on_timer(uv_timer_t *timer)
{
	struct board *board = timer->data;
	char text[SENTENCE_MAX];

	switch (board->state) {
	case STATE_VIRTUAL:
		snprintf(text, sizeof(text),
		         "the virtual board %s did not name its device in %d ms", board_name(board),
		         BOARD_START_MS);
		go_down(board, "board", text);
		break;
	case STATE_RUNNER:
		snprintf(text, sizeof(text), "the runner of %s was not ready in %llu ms",
		         board_name(board), (unsigned long long)start_ms(board));
		go_down(board, "runner", text);
		break;
	case STATE_RUNNING:
		snprintf(text, sizeof(text), "the runner of %s did not end a run in its time",
		         board_name(board));
		go_down(board, "runner", text);
		break;
	case STATE_SUSPECT:
		go_down(board, "port", board->lost);
		break;
	case STATE_RESTART:
		begin_again(board);
		break;
	case STATE_READY:
	case STATE_DOWN:
	case STATE_STOPPING:
		CHECK(!"a timer in a state without one");
	}
}

static void on_never_started(uv_handle_t *handle)
{
	free(handle->data);
}

int board_start(struct board **started, uv_loop_t *loop, const json_t *profile,
                const struct board_events *events, void *context, struct error *error)
{
	const json_t *port = json_object_get(profile, "port");
	struct board *board;
	int rc = 0;

	rc = check_surroundings(profile, error);
	if (rc != 0)
		return rc;
	board = calloc(1, sizeof(*board));
	CHECK(board != NULL);
	*board = (struct board){
		.loop = loop, .profile = profile, .events = events, .context = context};
	if (port != NULL)
		rc = lock_take(json_string_value(port), &board->lock, error);
	if (rc != 0) {
		free(board);
		return rc;
	}
	CHECK(uv_timer_init(loop, &board->timer) == 0);
	board->timer.data = board;
	rc = begin(board, error);
	if (rc != 0) {
		lock_release(board->lock);
		uv_close((uv_handle_t *)&board->timer, on_never_started);
		return rc;
	}
	*started = board;
	return 0;
}

void board_run(struct board *board, const json_t *run)
{
	json_t *message = json_made(json_copy((json_t *)run));

	CHECK(board->state == STATE_READY);
	json_object_set_new(message, "op", json_string("run"));
	child_send(board->runner, message);
	json_decref(message);
	enter(board, STATE_RUNNING,
	      (uint64_t)json_number(run, "timeout_ms") + board_run_margin_ms(board->profile));
}

bool board_is_ready(const struct board *board)
{
	return board->state == STATE_READY;
}

void board_abort(struct board *board)
{
	json_t *message;

	if (board->state != STATE_RUNNING)
		return;
	message = json_made(json_pack("{s:s}", "op", "abort"));
	child_send(board->runner, message);
	json_decref(message);
}

bool board_was_killed(const struct board *board)
{
	return board->killed;
}

void board_restart(struct board *board)
{
	CHECK(board->state == STATE_DOWN);
	board->killed = false;
	board->state = STATE_RESTART;
	proceed_if_alone(board);
}

void board_stop(struct board *board)
{
	enter_for_ever(board, STATE_STOPPING);
	stop_children(board);
	proceed_if_alone(board);
}

int board_runner_pid(const struct board *board)
{
	return board->runner != NULL ? child_pid(board->runner) : 0;
}

int board_virtual_pid(const struct board *board)
{
	return board->virtual != NULL ? child_pid(board->virtual) : 0;
}
