#include "base/child.h"

#include "base/assert.h"
#include "base/message.h"
#include "base/message_stream.h"
#include "base/utf8.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK 65536

struct child {
	const struct child_events *events;
	void *context;
	char *name;
	uv_process_t process;
	uv_pipe_t input, output, errors; /* the child's, seen from the child */
	uv_timer_t grace;
	int n_open; /* handles that libuv still knows */
	bool stopping, exited, output_ended, errors_ended, told;
	int64_t status;
	int signal;
	struct message_reader reader;
	struct error broken; /* its output was not made of messages */
	struct buf words;    /* the end of its standard error */
	char chunk[CHUNK];
};

static bool is_one_of(pid_t pid, const pid_t list[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == pid)
			return true;
	return false;
}

void child_bury_orphans(const pid_t own[], size_t n_own)
{
	siginfo_t end = {0};

	while (waitid(P_ALL, 0, &end, WEXITED | WNOHANG | WNOWAIT) == 0 && end.si_pid != 0 &&
	       !is_one_of(end.si_pid, own, n_own))
		waitpid(end.si_pid, NULL, 0);
}

static void on_closed(uv_handle_t *handle)
{
	struct child *child = handle->data;

	if (--child->n_open > 0)
		return;
	message_reader_fini(&child->reader);
	buf_fini(&child->words);
	free(child->name);
	free(child);
}

static void close_handle(uv_handle_t *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, on_closed);
}

static void close_all(struct child *child)
{
	close_handle((uv_handle_t *)&child->process);
	close_handle((uv_handle_t *)&child->input);
	close_handle((uv_handle_t *)&child->output);
	close_handle((uv_handle_t *)&child->errors);
	close_handle((uv_handle_t *)&child->grace);
}

static const char *last_line(struct child *child)
{
	char *text = (char *)buf_string(&child->words);
	size_t len = child->words.len;
	char *line;

	while (len > 0 && strchr("\r\n ", text[len - 1]) != NULL)
		text[--len] = '\0';
	line = len > 0 ? strrchr(text, '\n') : NULL;
	return line != NULL ? line + 1 : text;
}

/* A program that fails may say anything, and its last line may be cut: see utf8.h. */
static void describe_end(struct child *child, char *why, size_t size)
{
	const char *words = last_line(child);
	const char *separator = words[0] != '\0' ? ": " : "";

	if (child->stopping && child->broken.code == 0)
		why[0] = '\0';
	else if (child->broken.code != 0)
		snprintf(why, size, "%s sent what is no message and was stopped (%s)", child->name,
		         child->broken.text);
	else if (child->signal != 0)
		snprintf(why, size, "%s was ended by signal %d (%s)%s%s", child->name,
		         child->signal, strsignal(child->signal), separator, words);
	else
		snprintf(why, size, "%s ended with status %lld%s%s", child->name,
		         (long long)child->status, separator, words);
	utf8_repair(why);
}

static void tell_when_over(struct child *child)
{
	char why[CHILD_STDERR_MAX + 256];

	if (!child->exited || !child->output_ended || !child->errors_ended || child->told)
		return;
	child->told = true;
	describe_end(child, why, sizeof(why));
	child->events->exited(child->context, why);
	close_all(child);
}

/* A process that is gone has no number to send a signal to: it may be another's by now. */
static void kill_now(struct child *child)
{
	if (!child->exited)
		uv_process_kill(&child->process, SIGKILL);
}

static void end_output(struct child *child)
{
	uv_read_stop((uv_stream_t *)&child->output);
	child->output_ended = true;
}

static void end_errors(struct child *child)
{
	uv_read_stop((uv_stream_t *)&child->errors);
	child->errors_ended = true;
}

static void on_grace_over(uv_timer_t *timer)
{
	struct child *child = timer->data;

	if (!child->exited) {
		kill_now(child);
		return;
	}
	/* Something that it started holds on to its pipes, and may do so for ever. */
	end_output(child);
	end_errors(child);
	tell_when_over(child);
}

static void on_exit_of_child(uv_process_t *process, int64_t status, int signal)
{
	struct child *child = process->data;

	child->exited = true;
	child->status = status;
	child->signal = signal;
	uv_timer_start(&child->grace, on_grace_over, CHILD_GRACE_MS, 0);
	tell_when_over(child);
}

static void give_chunk(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct child *child = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(child->chunk, sizeof(child->chunk));
}

static void deliver(struct child *child)
{
	json_t *message;
	struct bytes attached;
	int rc;

	while ((rc = message_next(&child->reader, &message, &attached, &child->broken)) == 1) {
		if (!child->stopping)
			child->events->message(child->context, message, attached);
		json_decref(message);
	}
	if (rc < 0) {
		end_output(child);
		kill_now(child);
	}
}

static void on_output(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct child *child = stream->data;

	if (n >= 0) {
		message_feed(&child->reader, buffer->base, (size_t)n);
		deliver(child);
	} else {
		end_output(child);
	}
	tell_when_over(child);
}

static void on_words(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct child *child = stream->data;

	if (n < 0) {
		end_errors(child);
		tell_when_over(child);
		return;
	}
	buf_add(&child->words, buffer->base, (size_t)n);
	if (child->words.len > CHILD_STDERR_MAX)
		buf_consume(&child->words, child->words.len - CHILD_STDERR_MAX);
}

static void open_pipe(struct child *child, uv_loop_t *loop, uv_pipe_t *pipe)
{
	CHECK(uv_pipe_init(loop, pipe, 0) == 0);
	pipe->data = child;
	child->n_open++;
}

static bool is_among(const char *variable, char *const added[])
{
	size_t name_len = strcspn(variable, "=") + 1;

	for (; *added != NULL; added++)
		if (strncmp(variable, *added, name_len) == 0)
			return true;
	return false;
}

/* A new list of borrowed strings, each variable once: programs differ on which of two counts. */
static char **whole_environment(char *const added[])
{
	extern char **environ;
	size_t n = 0, n_added = 0;
	char **all;

	while (environ[n] != NULL)
		n++;
	while (added[n_added] != NULL)
		n_added++;
	all = calloc(n + n_added + 1, sizeof(*all));
	CHECK(all != NULL);
	memcpy(all, added, n_added * sizeof(*all));
	for (size_t i = 0; i < n; i++)
		if (!is_among(environ[i], added))
			all[n_added++] = environ[i];
	return all;
}

static int spawn(struct child *child, uv_loop_t *loop, char *const arguments[],
                 char *const environment[], int passed)
{
	uv_stdio_container_t stdio[] = {
		{.flags = UV_CREATE_PIPE | UV_READABLE_PIPE,
		 .data.stream = (uv_stream_t *)&child->input},
		{.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
		 .data.stream = (uv_stream_t *)&child->output},
		{.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
		 .data.stream = (uv_stream_t *)&child->errors},
		{.flags = UV_INHERIT_FD, .data.fd = passed},
	};
	uv_process_options_t options = {.exit_cb = on_exit_of_child,
	                                .file = arguments[0],
	                                .args = (char **)arguments,
	                                .stdio = stdio,
	                                .stdio_count = passed >= 0 ? 4 : 3};
	int rc;

	if (environment != NULL)
		options.env = whole_environment(environment);
	rc = uv_spawn(loop, &child->process, &options);
	free(options.env);
	return rc;
}

int child_start(struct child **started, uv_loop_t *loop, const char *name, char *const arguments[],
                char *const environment[], const struct child_events *events, void *context,
                struct error *error)
{
	return child_start_with(started, loop, name, arguments, environment, -1, events, context,
	                        error);
}

int child_start_with(struct child **started, uv_loop_t *loop, const char *name,
                     char *const arguments[], char *const environment[], int passed,
                     const struct child_events *events, void *context, struct error *error)
{
	struct child *child = calloc(1, sizeof(*child));
	int rc;

	CHECK(child != NULL);
	child->events = events;
	child->context = context;
	child->name = strdup(name);
	CHECK(child->name != NULL);
	child->process.data = child;
	open_pipe(child, loop, &child->input);
	open_pipe(child, loop, &child->output);
	open_pipe(child, loop, &child->errors);
	CHECK(uv_timer_init(loop, &child->grace) == 0);
	child->grace.data = child;
	child->n_open += 2; /* the timer, and the process even if it did not start */
	rc = spawn(child, loop, arguments, environment, passed);
	if (rc != 0) {
		error_set(error, ERR_ENVIRONMENT, "cannot start %s (%s): %s", name, arguments[0],
		          uv_strerror(rc));
		close_all(child);
		return ERR_ENVIRONMENT;
	}
	uv_read_start((uv_stream_t *)&child->output, give_chunk, on_output);
	uv_read_start((uv_stream_t *)&child->errors, give_chunk, on_words);
	*started = child;
	return 0;
}

void child_send(struct child *child, const json_t *message)
{
	if (child->stopping || child->exited)
		return;
	if (uv_stream_get_write_queue_size((uv_stream_t *)&child->input) > CHILD_UNSENT_MAX) {
		kill_now(child);
		return;
	}
	message_stream_write((uv_stream_t *)&child->input, message, (struct bytes){0});
}

void child_stop(struct child *child)
{
	if (child->stopping)
		return;
	child->stopping = true;
	close_handle((uv_handle_t *)&child->input);
	if (!child->exited)
		uv_timer_start(&child->grace, on_grace_over, CHILD_GRACE_MS, 0);
}

bool child_was_killed(const struct child *child)
{
	return child->signal != 0 && !child->stopping && child->broken.code == 0;
}

int child_pid(const struct child *child)
{
	return uv_process_get_pid(&child->process);
}
