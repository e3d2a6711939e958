#include "client.h"

#include "base/assert.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/message.h"
#include "base/version.h"
#include "lab_socket.h"
#include "scenario/queue.h"
#include "verdict/outcome.h"
#include "view/progress.h"
#include "view/results.h"

#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LARGE_REPORT 10000 /* cells from which on its making is announced */
#define WAITING_MAX 16     /* cells that are made safe together */
#define BURY_STEP_MS 10    /* between looks at whether the last process of a run is gone */

struct client {
	pid_t daemon; /* the process of a run of our own; -1: there is none */
	int control;  /* the socket to it, or to a lab's daemon */
	int signals; /* signalfd */
	struct message_reader reader;
	bool terminal; /* stderr is one: progress is one line that changes */
	struct terminal_options look; /* of stderr */
	char *current; /* the id of the cell that began last, or NULL */
	uint64_t begun_ns; /* when the first did */
	long long n_failed;
	bool cancelled;
	long long n_cells, n_done;
	const char *out, *lab; /* `lab`: the daemon's socket, or NULL */
	const json_t *base;    /* to compare with, or NULL */
	json_t *request;
	json_t *header;          /* of the journal; NULL before the plan is known */
	struct results *results; /* NULL before the plan is known */
	json_t *waiting;         /* the events of cells that are not safe yet */
	struct error trouble;    /* in keeping the results: the run is stopped for it */
	int worst;               /* exit status that a cell asks for */
	int status; /* the run's exit status once it has finished; -1 before */
	bool is_new; /* the journal was begun here */
	bool begun, complete, unkept;
};

/* --- a process of our own --------------------------------------------------------------------- */

/*
 * It has a session of its own: a Ctrl-C reaches it through us alone, as a cancellation. `end` is
 * its end of the socket.
 */
static int spawn_daemon(struct client *client, int end, struct error *error)
{
	extern char **environ;
	char *program = file_sibling_program("shakedownd");
	char *const arguments[] = {program, "--run", NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int rc;

	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, end, STDIN_FILENO);
	rc = posix_spawn(&client->daemon, program, &actions, &attributes, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	if (rc != 0)
		error_system(error, ERR_ENVIRONMENT, rc, "cannot start the daemon %s", program);
	free(program);
	return rc == 0 ? 0 : ERR_ENVIRONMENT;
}

static int start_daemon(struct client *client, struct error *error)
{
	int ends[2], rc;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	client->control = ends[0];
	rc = spawn_daemon(client, ends[1], error);
	close(ends[1]);
	return rc;
}

static int reach_daemon(struct client *client, struct error *error)
{
	if (client->lab == NULL)
		return start_daemon(client, error);
	client->control = lab_socket_connect(client->lab, error);
	return client->control >= 0 ? 0 : client->control;
}

/*
 * Waits for the end of the daemon and of all that it started: they are one process group, and
 * orphans come to us. Most end by themselves when the daemon does; what hangs is killed.
 */
static void bury_daemon(struct client *client)
{
	int patience_ms = CHILD_GRACE_MS;
	pid_t found;

	if (client->daemon <= 0)
		return;
	waitpid(client->daemon, NULL, 0);
	while ((found = waitpid(-client->daemon, NULL, WNOHANG)) >= 0) {
		if (found > 0)
			continue;
		if (patience_ms == 0)
			kill(-client->daemon, SIGKILL);
		patience_ms -= BURY_STEP_MS;
		poll(NULL, 0, BURY_STEP_MS);
	}
}

/* --- progress --------------------------------------------------------------------------------- */

static void clear_line(const struct client *client)
{
	if (client->terminal)
		fputs("\r\033[K", stderr);
}

/* On a terminal. */
static void show_progress(const struct client *client)
{
	struct progress progress = {
		.n_cells = client->n_cells,
		.n_done = client->n_done,
		.n_failed = client->n_failed,
		.elapsed_ms = (clock_steady_ns() - client->begun_ns) / 1000000,
		.current = client->current != NULL ? client->current : "",
	};
	struct buf line = {0};

	clear_line(client);
	progress_line(&progress, &client->look, &line);
	fputs(buf_string(&line), stderr);
	fflush(stderr);
	buf_fini(&line);
}

static void show_cell(struct client *client, const json_t *event, bool failed)
{
	client->n_done++;
	client->n_failed += failed;
	if (client->terminal)
		show_progress(client);
	else
		fprintf(stderr, "%lld/%lld %s %s\n", client->n_done, client->n_cells,
		        json_text(event, "outcome"), json_text(event, "id"));
	fflush(stderr);
}

static void on_begins(struct client *client, const json_t *event, struct bytes attached)
{
	(void)attached;
	if (client->begun_ns == 0)
		client->begun_ns = clock_steady_ns();
	free(client->current);
	client->current = strdup(json_text(event, "id"));
	if (client->terminal)
		show_progress(client);
}

static void stop(struct client *client)
{
	json_t *message = json_made(json_pack("{s:s}", "op", "cancel"));

	message_write(client->control, message, (struct bytes){0}, NULL);
	json_decref(message);
}

/* The results cannot be kept: there is no use in going on. */
static void stop_if_failed(struct client *client, int rc)
{
	if (rc == 0)
		return;
	client->unkept = true;
	stop(client);
}

static struct error *first_trouble(struct client *client)
{
	return client->trouble.code == 0 ? &client->trouble : NULL;
}

static json_t *names_of(const json_t *boards)
{
	json_t *names = json_made(json_array()), *board;
	size_t i;

	json_array_foreach(boards, i, board)
		json_array_append(names, json_object_get(board, "name"));
	return names;
}

static json_t *make_header(struct client *client, const json_t *event)
{
	json_t *run = json_made(json_deep_copy(json_object_get(event, "run")));
	const json_t *boards = json_object_get(event, "boards");
	json_t *request = json_made(json_copy(client->request));
	char *name = strdup(client->out);

	CHECK(name != NULL);
	json_object_set_new(run, "id", json_made(json_string(basename(name))));
	if (client->lab != NULL) {
		/* Which boards it has got is known only now. */
		json_t *names = names_of(boards);

		json_object_set_new(request, "boards",
		                    queue_rest(json_object_get(request, "boards"), names));
		json_decref(names);
		json_object_set_new(request, "daemon", json_made(json_string(client->lab)));
	}
	free(name);
	return json_made(json_pack("{s:o, s:O, s:O, s:o}", "run", run, "boards", boards,
	                           "profiles", json_object_get(event, "profiles"), "request",
	                           request));
}

static int open_results(struct client *client, const json_t *event)
{
	int rc;

	client->header = make_header(client, event);
	client->is_new = true;
	rc = results_open(&client->results, client->out, client->header, &client->trouble);
	if (rc == ERR_ENVIRONMENT)
		error_append(&client->trouble, "; name another folder with --out");
	return rc;
}

/* The boards of a run that goes on are those of before. */
static int check_boards(struct client *client, const json_t *event)
{
	json_t *before = names_of(json_object_get(client->header, "boards"));
	json_t *now = names_of(json_object_get(event, "boards"));
	int rc = 0;

	if (!json_equal(before, now))
		rc = error_set(&client->trouble, ERR_INPUT,
		               "the run in %s was on other boards: it cannot go on with these",
		               client->out);
	json_decref(before);
	json_decref(now);
	return rc;
}

static void on_plan(struct client *client, const json_t *event, struct bytes attached)
{
	(void)attached;
	client->n_cells = json_number(event, "cells");
	if (client->header != NULL)
		stop_if_failed(client, check_boards(client, event));
	else
		stop_if_failed(client, open_results(client, event));
}

static void on_board(struct client *client, const json_t *event, struct bytes attached)
{
	(void)attached;
	if (client->results != NULL)
		results_board(client->results, json_object_get(event, "board"), NULL);
}

static void on_notice(struct client *client, const json_t *event, struct bytes attached)
{
	(void)attached;
	clear_line(client);
	fprintf(stderr, "%s\n", json_text(event, "text"));
	if (client->results != NULL) /* a full disk shows with the next cell */
		results_notice(client->results, json_text(event, "text"), NULL);
}

/* What a lab's daemon says of the queue; no matter of the results. */
static void on_queued(struct client *client, const json_t *event, struct bytes attached)
{
	(void)attached;
	clear_line(client);
	fprintf(stderr, "%s\n", json_text(event, "text"));
}

static void on_capture(struct client *client, const json_t *event, struct bytes attached)
{
	if (client->results != NULL && client->trouble.code == 0)
		stop_if_failed(client, results_capture(client->results, json_text(event, "name"),
		                                       attached, first_trouble(client)));
}

static void on_cell(struct client *client, const json_t *event, struct bytes attached)
{
	int rc;

	if (client->results == NULL || client->trouble.code != 0)
		return;
	rc = results_add(client->results, (size_t)json_number(event, "index"), attached,
	                 first_trouble(client));
	stop_if_failed(client, rc);
	if (rc == 0)
		json_array_append(client->waiting, (json_t *)event);
}

/* The cells that came are made safe, and count; those that cannot be kept will be run again. */
static void settle(struct client *client)
{
	const json_t *event;
	size_t i;
	int rc;

	if (client->results == NULL)
		return;
	rc = results_sync(client->results, first_trouble(client));
	stop_if_failed(client, rc);
	json_array_foreach(client->waiting, i, event) {
		int status = outcome_exit_status(outcome_named(json_text(event, "outcome")));

		if (rc != 0)
			break;
		client->worst = status > client->worst ? status : client->worst;
		show_cell(client, event, status != 0);
	}
	json_array_clear(client->waiting);
}

static void on_finished(struct client *client, const json_t *event, struct bytes attached)
{
	(void)attached;
	client->status = (int)json_number(event, "status");
	client->begun = json_flag(event, "begun");
	client->complete = json_flag(event, "complete");
	if (json_text(event, "error")[0] != '\0')
		error_set(first_trouble(client), -client->status, "%s", json_text(event, "error"));
}

static const struct {
	const char *event;
	void (*take)(struct client *client, const json_t *event, struct bytes attached);
} events[] = {
	{"plan", on_plan},
	{"board", on_board},
	{"notice", on_notice},
	{"queued", on_queued},
	{"begins", on_begins},
	{"capture", on_capture},
	{"cell", on_cell},
	{"finished", on_finished},
};

static void take_event(struct client *client, const json_t *event, struct bytes attached)
{
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (strcmp(json_text(event, "event"), events[i].event) == 0)
			events[i].take(client, event, attached);
}

/* --- the conversation ------------------------------------------------------------------------- */

static void cancel(struct client *client)
{
	struct signalfd_siginfo signal;

	if (read(client->signals, &signal, sizeof(signal)) != sizeof(signal))
		return;
	clear_line(client);
	if (client->cancelled) {
		fputs("Stopping at once.\n", stderr);
		if (client->daemon > 0)
			kill(-client->daemon, SIGKILL);
		shutdown(client->control, SHUT_RDWR);
	} else {
		fputs("Stopping: the boards are released and the report of what was done is "
		      "written.\n",
		      stderr);
		stop(client);
	}
	client->cancelled = true;
}

/*
 * Until the run has finished, or the daemon is gone. What came is made safe when there is nothing
 * to take at once, so that a slow disk is asked once for several cells.
 */
static void converse(struct client *client)
{
	struct pollfd ready[] = {{.fd = client->control, .events = POLLIN},
	                         {.fd = client->signals, .events = POLLIN}};
	struct bytes attached;
	json_t *event;
	int rc = 0;

	while (client->status < 0 && rc >= 0) {
		rc = message_read(client->control, &client->reader, 0, &event, &attached, NULL);
		if (rc == 1) {
			take_event(client, event, attached);
			json_decref(event);
			if (json_array_size(client->waiting) >= WAITING_MAX)
				settle(client);
			continue;
		}
		settle(client);
		child_bury_orphans(&client->daemon, 1);
		if (rc == 0 && poll(ready, 2, -1) > 0 && ready[1].revents != 0)
			cancel(client);
	}
	settle(client);
	clear_line(client); /* the last cells may have come with the end */
}

/* --- the end ---------------------------------------------------------------------------------- */

/* How a daemon of our own ended. It is waited for, and left for bury_daemon. */
static void describe_death(const struct client *client, char *text, size_t size)
{
	siginfo_t end;

	shutdown(client->control, SHUT_RDWR);
	if (client->daemon <= 0 ||
	    waitid(P_PID, (id_t)client->daemon, &end, WEXITED | WNOWAIT) != 0)
		snprintf(text, size, "died");
	else if (end.si_code == CLD_EXITED)
		snprintf(text, size, "ended with status %d", end.si_status);
	else
		snprintf(text, size, "was ended by signal %d (%s)", end.si_status,
		         strsignal(end.si_status));
}

/* The daemon is gone without a last word. */
static void explain_silence(struct client *client)
{
	char death[128];

	if (client->status >= 0)
		return;
	client->begun = true;
	client->status = -ERR_ENVIRONMENT;
	describe_death(client, death, sizeof(death));
	if (client->cancelled)
		error_set(first_trouble(client), ERR_ENVIRONMENT, "the run was stopped");
	else
		error_set(first_trouble(client), ERR_ENVIRONMENT,
		          "the daemon %s in the middle of the run", death);
}

/* Nothing was done, and nobody asked for a report of nothing. */
static bool is_nothing(const struct client *client)
{
	return !client->begun && client->n_done == 0 && client->is_new;
}

static void close_results(struct client *client, struct shelf *shelf, json_t **written)
{
	struct error unwritten = {0};
	bool complete = client->complete && !client->unkept;

	if (client->results == NULL)
		return;
	if (is_nothing(client)) {
		results_discard(client->results);
		return;
	}
	if (client->n_cells >= LARGE_REPORT)
		fprintf(stderr, "The report of %lld cells is made now: that takes a while.\n",
		        client->n_cells);
	if (results_close(client->results, complete, client->base, shelf, written, &unwritten) != 0) {
		if (client->trouble.code == 0)
			client->trouble = unwritten;
		error_append(&client->trouble,
		             "; the report could not be written: see to that, then "
		             "`shakedown report %s` does it",
		             client->out);
	} else if (!complete) {
		error_append(&client->trouble,
		             "; the report of what was done is in %s, and `shakedown run --resume %s` "
		             "goes on",
		             client->out, client->out);
	}
}

static void take_signals(struct client *client)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	client->signals = signalfd(-1, &set, SFD_CLOEXEC);
	CHECK(client->signals >= 0);
	signal(SIGPIPE, SIG_IGN);
}

/* Another version's plan may have other cells, and its verdicts other reasons. */
static int check_version(const struct client *client, struct error *error)
{
	const char *version = json_text(client->request, "version");

	if (strcmp(version, SHAKEDOWN_VERSION) == 0)
		return 0;
	return error_set(error, ERR_INPUT,
	                 "the run in %s was begun by Shakedown %s, and this is %s: go on with it by "
	                 "the former",
	                 client->out, version, SHAKEDOWN_VERSION);
}

/* What is asked for: a new run, or the rest of one. */
static int prepare(struct client *client, const struct client_order *order, struct error *error)
{
	struct buf done = {0};
	int rc;

	if (order->request != NULL) {
		client->request = json_made(json_copy((json_t *)order->request));
		return results_check_unused(order->out, error);
	}
	rc = results_resume(&client->results, order->out, &client->header, &done, error);
	if (rc != 0)
		return rc;
	client->request = json_made(json_copy(json_object_get(client->header, "request")));
	if (client->lab == NULL && json_object_get(client->request, "daemon") != NULL)
		client->lab = json_text(client->request, "daemon");
	json_object_set_new(client->request, "done",
	                    json_made(json_stringn(buf_string(&done), done.len)));
	for (size_t i = 0; i < done.len; i++)
		client->n_done += done.data[i] == '1';
	buf_fini(&done);
	return check_version(client, error);
}

static void client_fini(struct client *client)
{
	if (client->control >= 0)
		close(client->control);
	bury_daemon(client);
	message_reader_fini(&client->reader);
	json_decref(client->request);
	json_decref(client->header);
	json_decref(client->waiting);
	close(client->signals);
	free(client->current);
}

/* The request is one message. */
static int check_size(const json_t *request, struct error *error)
{
	size_t size = json_dumpb(request, NULL, 0, JSON_COMPACT);

	if (size <= MESSAGE_LINE_MAX)
		return 0;
	return error_set(error, ERR_INPUT,
	                 "the suites of this run are %zu MB of JSON, more than the %u that one run "
	                 "takes: let a \"matrix\" make the cases of scenarios that are alike, or run "
	                 "the suites one by one",
	                 size >> 20, MESSAGE_LINE_MAX >> 20);
}

int client_run(const struct client_order *order, struct shelf *shelf, json_t **results,
               struct error *error)
{
	struct client client = {.daemon = -1,
	                        .control = -1,
	                        .terminal = isatty(STDERR_FILENO),
	                        .look = terminal_options_for(stderr),
	                        .waiting = json_made(json_array()),
	                        .out = order->out,
	                        .lab = order->daemon,
	                        .base = order->base,
	                        .status = -1};
	int rc;

	take_signals(&client);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	rc = prepare(&client, order, &client.trouble);
	if (rc == 0)
		rc = check_size(client.request, &client.trouble);
	if (rc == 0)
		rc = reach_daemon(&client, &client.trouble);
	if (rc == 0) {
		if (message_write(client.control, client.request, (struct bytes){0}, NULL) == 0)
			converse(&client);
		explain_silence(&client);
	}
	close_results(&client, shelf, results);
	client_fini(&client);
	*error = client.trouble;
	if (client.trouble.code != 0)
		return -client.trouble.code;
	return client.status > client.worst ? client.status : client.worst;
}
