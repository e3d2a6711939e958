/*
 * shakedown-server: OpenSSL servers, one forked process for each case, so that nothing carries over
 * and a crash costs one case. Messages (base/message.h) on standard input and output:
 *
 *   <- {"op":"start","cell":C,"server":{...},"address":A,"port":P or 0,"from":"<address>" or "",
 *       "wait_ms":W or 0,"timeout_ms":T,"connections":N}
 *   -> {"event":"listening","cell":C,"port":P}
 *      or {"event":"refused","cell":C,"text":"<sentence>"}
 *   -> {"event":"testimony","cell":C,"testimony":{...},"keylog":"...","told":5310}
 *      and, unless the child crashed, evidence (flow/evidence.h)
 *   <- {"op":"last","cell":C}   nobody connects any more: what goes on is served to its end
 *   <- {"op":"stop","cell":C}
 *
 * The parent builds the contexts and listens; the child does everything with the connection. A
 * child has the listener as its standard input, the pipe to the parent as its standard output,
 * and nothing else open. When standard input closes, all end.
 */
#include "base/assert.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/message.h"
#include "peer/certs.h"
#include "peer/context.h"
#include "peer/listener.h"
#include "peer/serve.h"
#include "peer/testimony.h"
#include "peer/visit.h"
#include "peer/warmup.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CASES_MAX 256       /* servers at one time */
#define OVERDUE_MS 4000     /* a child that is silent this long after its end was due is killed */
#define TIMEOUT_MAX_MS 3600000
#define CHUNK 65536

struct running {
	char *cell; /* NULL: free */
	pid_t pid;
	int pipe;
	bool testified;
	uint64_t due_ns; /* on the steady clock; killed then */
	struct message_reader reader;
};

static struct running cases[CASES_MAX];
static atomic_int *reached; /* one for each case, shared with its child */
static struct contexts contexts;

static void end_all(int status)
{
	for (size_t i = 0; i < CASES_MAX; i++)
		if (cases[i].cell != NULL)
			kill(cases[i].pid, SIGKILL);
	while (wait(NULL) > 0)
		;
	exit(status);
}

/* Sends a message and releases it. Without a daemon to hear it there is nothing left to do. */
static void tell(json_t *message, struct bytes attached)
{
	struct error error = {0};
	int rc = message_write(STDOUT_FILENO, json_made(message), attached, &error);

	json_decref(message);
	if (rc != 0)
		end_all(-rc);
}

static void tell_refused(const char *cell, const char *text)
{
	tell(json_pack("{s:s, s:s, s:s}", "event", "refused", "cell", cell, "text", text),
	     (struct bytes){0});
}

static struct running *find_case(const char *cell)
{
	for (size_t i = 0; i < CASES_MAX; i++)
		if (cases[i].cell != NULL && !cases[i].testified &&
		    strcmp(cases[i].cell, cell) == 0)
			return &cases[i];
	return NULL;
}

static struct running *free_case(void)
{
	for (size_t i = 0; i < CASES_MAX; i++)
		if (cases[i].cell == NULL)
			return &cases[i];
	return NULL;
}

static void set_due(struct running *running, uint64_t ms)
{
	running->due_ns = clock_steady_ns() + (ms + OVERDUE_MS) * 1000000u;
}

static int port_of(int listener)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	char port[NI_MAXSERV];

	CHECK(getsockname(listener, (struct sockaddr *)&address, &len) == 0);
	CHECK(getnameinfo((struct sockaddr *)&address, len, NULL, 0, port, sizeof(port),
	                  NI_NUMERICSERV) == 0);
	return atoi(port);
}

/* The forked child, from its first breath to its last. Its patience's signals are blocked. */
static void live_as_child(const struct serve_plan *plan, const char *cell, int out, pid_t parent)
{
	struct serve_plan own = *plan;
	struct buf attached = {0};
	struct error error = {0};
	json_t *message;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || dup2(plan->listener, STDIN_FILENO) < 0 ||
	    dup2(out, STDOUT_FILENO) < 0)
		_exit(-ERR_ENVIRONMENT);
	closefrom(STDERR_FILENO + 1);
	own.listener = STDIN_FILENO;
	message = serve(&own, &attached);
	json_object_set_new(message, "event", json_string("testimony"));
	json_object_set_new(message, "cell", json_string(cell));
	_exit(-message_write(STDOUT_FILENO, message, buf_view(&attached), &error));
}

/* Forks the child of a case. Its pipe is set; -1 if the system does not let us. */
static pid_t fork_child(struct running *running, const struct serve_plan *plan, const char *cell)
{
	sigset_t stop, before;
	pid_t parent = getpid(), pid;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGUSR1);
	sigprocmask(SIG_BLOCK, &stop, &before);
	pid = fork();
	if (pid == 0)
		live_as_child(plan, cell, ends[1], parent);
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(ends[1]);
	if (pid < 0)
		close(ends[0]);
	running->pipe = ends[0];
	return pid;
}

static int start_child(struct running *running, const char *cell, struct serve_plan *plan,
                       struct error *error)
{
	plan->reached = &reached[running - cases];
	atomic_store(plan->reached, REACHED_LISTENING);
	running->pid = fork_child(running, plan, cell);
	if (running->pid < 0)
		return error_system(error, ERR_ENVIRONMENT, errno, "cannot start a server process");
	running->cell = strdup(cell);
	CHECK(running->cell != NULL);
	running->testified = false;
	set_due(running,
	        (uint64_t)plan->connections *
	                ((uint64_t)plan->wait_ms + 3 * (uint64_t)plan->timeout_ms + VISIT_FAREWELL_MS));
	return 0;
}

static int start_case(const char *cell, const json_t *message, struct error *error)
{
	struct serve_plan plan = {.timeout_ms = (int)json_number(message, "timeout_ms"),
	                          .connections = (int)json_number(message, "connections")};
	struct running *running = free_case();
	struct context *context;
	int port, rc;

	if (find_case(cell) != NULL)
		return error_set(error, ERR_INPUT, "the case %s is running already", cell);
	if (running == NULL)
		return error_set(error, ERR_ENVIRONMENT, "%d servers are running already",
		                 CASES_MAX);
	plan.wait_ms = (int)json_number(message, "wait_ms");
	if (plan.wait_ms == 0)
		plan.wait_ms = plan.timeout_ms;
	if (plan.timeout_ms < 1 || plan.timeout_ms > TIMEOUT_MAX_MS)
		return error_set(error, ERR_INPUT, "timeout_ms must be 1 to %d", TIMEOUT_MAX_MS);
	if (plan.connections < 1 || plan.connections > SERVE_CONNECTIONS_MAX)
		return error_set(error, ERR_INPUT, "connections must be 1 to %d",
		                 SERVE_CONNECTIONS_MAX);
	context = contexts_get(&contexts, json_object_get(message, "server"), error);
	if (context == NULL)
		return error->code;
	plan.context = context;
	plan.from = json_text(message, "from");
	plan.listener = listener_open(json_text(message, "address"),
	                              (int)json_number(message, "port"), error);
	if (plan.listener < 0)
		return error->code;
	port = port_of(plan.listener);
	rc = start_child(running, cell, &plan, error);
	close(plan.listener);
	if (rc == 0)
		tell(json_pack("{s:s, s:s, s:i}", "event", "listening", "cell", cell, "port", port),
		     (struct bytes){0});
	return rc;
}

static void on_start(const char *cell, const json_t *message)
{
	struct error error = {0};

	if (start_case(cell, message, &error) != 0)
		tell_refused(cell, error.text);
}

static void on_last(const char *cell, const json_t *message)
{
	const struct running *running = find_case(cell);

	(void)message;
	if (running != NULL)
		kill(running->pid, SIGUSR1);
}

static void on_stop(const char *cell, const json_t *message)
{
	struct running *running = find_case(cell);

	(void)message;
	if (running == NULL)
		return; /* it has testified: the two messages crossed */
	kill(running->pid, SIGTERM);
	set_due(running, PATIENCE_STOP_MS);
}

static void on_message(const json_t *message)
{
	static const struct {
		const char *op;
		void (*handle)(const char *cell, const json_t *message);
	} ops[] = {
		{"start", on_start},
		{"last", on_last},
		{"stop", on_stop},
	};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (strcmp(ops[i].op, json_text(message, "op")) == 0) {
			ops[i].handle(json_text(message, "cell"), message);
			return;
		}
	fprintf(stderr, "unknown op \"%s\"\n", json_text(message, "op"));
	end_all(-ERR_INPUT);
}

/* Reads what has come on `fd`. False at its end. */
static bool feed(int fd, struct message_reader *reader)
{
	char chunk[CHUNK];
	ssize_t n = read(fd, chunk, sizeof(chunk));

	if (n < 0 && errno == EINTR)
		return true;
	if (n > 0)
		message_feed(reader, chunk, (size_t)n);
	return n > 0;
}

static void hear_daemon(struct message_reader *reader)
{
	struct error error = {0};
	struct bytes attached;
	json_t *message;
	int rc;

	if (!feed(STDIN_FILENO, reader))
		end_all(0);
	while ((rc = message_next(reader, &message, &attached, &error)) == 1) {
		on_message(message);
		json_decref(message);
	}
	if (rc < 0) {
		fprintf(stderr, "%s\n", error.text);
		end_all(-rc);
	}
}

/* The child has closed its pipe: it has ended, or is about to. */
static void bury(struct running *running)
{
	enum reached got_to = (enum reached)atomic_load(&reached[running - cases]);
	int status = 0;

	while (waitpid(running->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!running->testified)
		tell(json_pack("{s:s, s:s, s:o, s:s}", "event", "testimony", "cell", running->cell,
		               "testimony",
		               testimony_of_crashed(got_to,
		                                    WIFSIGNALED(status) ? WTERMSIG(status) : 0),
		               "keylog", ""),
		     (struct bytes){0});
	close(running->pipe);
	message_reader_fini(&running->reader);
	free(running->cell);
	*running = (struct running){0};
}

static void hear_child(struct running *running)
{
	struct error error = {0};
	struct bytes attached;
	json_t *message;
	bool going_on = feed(running->pipe, &running->reader);

	if (!running->testified &&
	    message_next(&running->reader, &message, &attached, &error) == 1) {
		running->testified = true;
		json_object_del(message, "attached");
		tell(message, attached);
	}
	if (!going_on)
		bury(running);
}

/* Kills the children whose end is overdue. Returns the milliseconds until the next is; -1: none. */
static int kill_overdue(void)
{
	uint64_t now_ns = clock_steady_ns(), next_ns = UINT64_MAX;

	for (size_t i = 0; i < CASES_MAX; i++) {
		if (cases[i].cell == NULL)
			continue;
		if (cases[i].due_ns <= now_ns) {
			kill(cases[i].pid, SIGKILL);
			set_due(&cases[i], 0);
		}
		if (cases[i].due_ns < next_ns)
			next_ns = cases[i].due_ns;
	}
	return next_ns == UINT64_MAX ? -1 : (int)((next_ns - now_ns) / 1000000u) + 1;
}

/* Only what is there is waited for: poll refuses more places than a process may have descriptors. */
static void run(struct message_reader *reader)
{
	struct pollfd watched[CASES_MAX + 1] = {{.fd = STDIN_FILENO, .events = POLLIN}};
	struct running *owners[CASES_MAX + 1] = {NULL};
	int timeout_ms = kill_overdue();
	nfds_t n = 1;
	int rc;

	for (size_t i = 0; i < CASES_MAX; i++) {
		if (cases[i].cell == NULL)
			continue;
		owners[n] = &cases[i];
		watched[n++] = (struct pollfd){.fd = cases[i].pipe, .events = POLLIN};
	}
	rc = poll(watched, n, timeout_ms);
	CHECK(rc >= 0 || errno == EINTR);
	if (rc <= 0)
		return;
	for (nfds_t i = 1; i < n; i++)
		if (watched[i].revents != 0)
			hear_child(owners[i]);
	if (watched[0].revents != 0)
		hear_daemon(reader);
}

int main(void)
{
	struct message_reader reader = {0};
	struct error error = {0};

	file_hold_standard();
	contexts.certificates = certs_folder(&error);
	if (contexts.certificates == NULL) {
		fprintf(stderr, "%s\n", error.text);
		return -error.code;
	}
	contexts.credentials.for_children = true;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is as a disk that is full */
	signal(SIGINT, SIG_IGN); /* Ctrl-C is the daemon's to hear; it closes our standard input */
	reached = mmap(NULL, sizeof(*reached) * CASES_MAX, PROT_READ | PROT_WRITE,
	               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(reached != MAP_FAILED);
	warmup();
	for (;;)
		run(&reader);
}
