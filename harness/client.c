#include "client.h"

#include "base/assert.h"
#include "base/child.h"
#include "base/file.h"
#include "base/json.h"
#include "base/message.h"
#include "view/results.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONNECT_TRIES 500 /* of 10 ms: how long the daemon may take to listen */
#define BURY_STEP_MS 10   /* between looks at whether the last process of a run is gone */

struct client {
	pid_t daemon;
	int control; /* the socket to the daemon */
	int signals; /* signalfd */
	struct message_reader reader;
	bool terminal; /* stderr is one: progress is one line that changes */
	bool cancelled;
	long long n_cells, n_done;
	const char *out;
	int status; /* the run's exit status once it has finished; -1 before */
};

/* --- a private daemon ------------------------------------------------------------------------- */

/* The daemon has a session of its own: a Ctrl-C reaches it through us alone, as a cancellation. */
static int spawn_daemon(struct client *client, const char *socket_path, struct error *error)
{
	extern char **environ;
	char *program = file_sibling_program("shakedownd");
	char *const arguments[] = {program, "--socket", (char *)socket_path, NULL};
	posix_spawnattr_t attributes;
	sigset_t none;
	int rc;

	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attributes, &none);
	rc = posix_spawn(&client->daemon, program, NULL, &attributes, arguments, environ);
	posix_spawnattr_destroy(&attributes);
	if (rc != 0)
		error_system(error, ERR_ENVIRONMENT, rc, "cannot start the daemon %s", program);
	free(program);
	return rc == 0 ? 0 : ERR_ENVIRONMENT;
}

static int connect_daemon(struct client *client, const char *socket_path, struct error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(socket_path) >= sizeof(address.sun_path))
		return error_set(error, ERR_ENVIRONMENT,
		                 "the path %s is too long for a Unix socket", socket_path);
	strcpy(address.sun_path, socket_path);
	client->control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	for (int i = 0; i < CONNECT_TRIES; i++) {
		if (connect(client->control, (struct sockaddr *)&address, sizeof(address)) == 0)
			return 0;
		if (waitpid(client->daemon, NULL, WNOHANG) == client->daemon) {
			client->daemon = -1;
			return error_set(error, ERR_ENVIRONMENT,
			                 "the daemon ended before it listened on %s", socket_path);
		}
		poll(NULL, 0, 10);
	}
	return error_system(error, ERR_ENVIRONMENT, errno, "cannot reach the daemon at %s",
	                    socket_path);
}

/* The socket's folder is gone again as soon as we are connected: nothing is left behind. */
static int start_daemon(struct client *client, struct error *error)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char *folder = file_join(runtime != NULL && access(runtime, W_OK) == 0 ? runtime : "/tmp",
	                         "shakedown-XXXXXX");
	char *socket_path = NULL;
	int rc;

	if (mkdtemp(folder) == NULL) {
		rc = error_system(error, ERR_ENVIRONMENT, errno, "cannot make the folder %s",
		                  folder);
		goto out;
	}
	socket_path = file_join(folder, "control");
	rc = spawn_daemon(client, socket_path, error);
	if (rc == 0)
		rc = connect_daemon(client, socket_path, error);
	unlink(socket_path);
	rmdir(folder);
out:
	free(socket_path);
	free(folder);
	return rc;
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

static void show_cell(struct client *client, const json_t *event)
{
	client->n_done++;
	clear_line(client);
	fprintf(stderr, client->terminal ? "%lld/%lld %s %s" : "%lld/%lld %s %s\n", client->n_done,
	        client->n_cells, json_text(event, "outcome"), json_text(event, "id"));
	fflush(stderr);
}

static void on_plan(struct client *client, const json_t *event, struct error *error)
{
	(void)error;
	client->n_cells = json_number(event, "cells");
}

static void on_notice(struct client *client, const json_t *event, struct error *error)
{
	(void)error;
	clear_line(client);
	fprintf(stderr, "%s\n", json_text(event, "text"));
}

static void on_cell(struct client *client, const json_t *event, struct error *error)
{
	(void)error;
	show_cell(client, event);
}

static void on_finished(struct client *client, const json_t *event, struct error *error)
{
	clear_line(client);
	client->status = (int)json_number(event, "status");
	if (json_text(event, "error")[0] != '\0')
		error_set(error, -client->status, "%s", json_text(event, "error"));
}

static const struct {
	const char *event;
	void (*show)(struct client *client, const json_t *event, struct error *error);
} events[] = {
	{"plan", on_plan},
	{"notice", on_notice},
	{"cell", on_cell},
	{"finished", on_finished},
};

static void take_event(struct client *client, const json_t *event, struct error *error)
{
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (strcmp(json_text(event, "event"), events[i].event) == 0)
			events[i].show(client, event, error);
}

/* --- the conversation ------------------------------------------------------------------------- */

static void cancel(struct client *client)
{
	json_t *message = json_made(json_pack("{s:s}", "op", "cancel"));
	struct signalfd_siginfo signal;

	if (read(client->signals, &signal, sizeof(signal)) != sizeof(signal))
		return;
	clear_line(client);
	if (client->cancelled) {
		fputs("Stopping at once.\n", stderr);
		kill(-client->daemon, SIGKILL);
	} else {
		fputs("Stopping: the boards are released and the report of what was done is "
		      "written.\n",
		      stderr);
		message_write(client->control, message, (struct bytes){0}, NULL);
	}
	client->cancelled = true;
	json_decref(message);
}

/* Until the run has finished, or the daemon is gone. */
static void converse(struct client *client, struct error *error)
{
	struct pollfd ready[] = {{.fd = client->control, .events = POLLIN},
	                         {.fd = client->signals, .events = POLLIN}};
	struct bytes attached;
	json_t *event;
	int rc = 0;

	while (client->status < 0 && rc >= 0) {
		rc = message_read(client->control, &client->reader, 0, &event, &attached, NULL);
		if (rc == 1) {
			take_event(client, event, error);
			json_decref(event);
		} else if (rc == 0 && poll(ready, 2, -1) > 0 && ready[1].revents != 0) {
			cancel(client);
		}
	}
}

/* The daemon is gone without a last word: what it had done stands in its journal. */
static int recover(struct client *client, struct error *error)
{
	struct error unwritten = {0};
	int rc = results_recover(client->out, &unwritten);

	if (client->cancelled)
		error_set(error, ERR_ENVIRONMENT, "the run was stopped");
	else
		error_set(error, ERR_ENVIRONMENT, "the daemon died in the middle of the run");
	if (rc == 0)
		error_append(error, "; the report of what was done is in %s", client->out);
	else
		error_append(error, "; no report could be made of what was done (%s)",
		             unwritten.text);
	return -ERR_ENVIRONMENT;
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

int client_run(const json_t *request, struct error *error)
{
	struct client client = {.daemon = -1,
	                        .control = -1,
	                        .terminal = isatty(STDERR_FILENO),
	                        .out = json_text(request, "out"),
	                        .status = -1};
	int rc;

	take_signals(&client);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	rc = start_daemon(&client, error);
	if (rc == 0)
		rc = message_write(client.control, request, (struct bytes){0}, error);
	if (rc == 0)
		converse(&client, error);
	if (client.control >= 0)
		close(client.control);
	bury_daemon(&client);
	if (rc == 0)
		rc = client.status >= 0 ? client.status : recover(&client, error);
	close(client.signals);
	message_reader_fini(&client.reader);
	return rc < 0 ? -rc : rc;
}
