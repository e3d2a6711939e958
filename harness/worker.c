#include "worker.h"

#include "base/assert.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/message.h"
#include "base/message_stream.h"
#include "flow/private_network.h"
#include "peer/certs.h"
#include "peer/python.h"
#include "run.h"
#include "verdict/outcome.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 65536
#define TICK_MS 10 /* between looks at what the client has read */

/* One end of a conversation. */
struct line {
	struct worker *worker;
	uv_pipe_t pipe;
	struct message_reader reader;
	void (*take)(struct worker *worker, const json_t *message);
	void (*gone)(struct worker *worker);
	bool open;
	char chunk[CHUNK];
};

struct worker {
	uv_loop_t loop;
	struct line client, keeper;
	uv_pipe_t news; /* to the keeper */
	bool has_keeper;
	uv_timer_t tick; /* while the client has much to read, and at the end */
	size_t unread;   /* by the client, when it last read something */
	uint64_t read_ms; /* when that was */
	struct run *run;
	bool held, over;
	long long n_done, n_cells, n_failed;
	uint64_t told_ms; /* the keeper, of progress */
};

static void tell_keeper(struct worker *worker, json_t *event)
{
	if (worker->has_keeper && worker->keeper.open)
		message_stream_write((uv_stream_t *)&worker->news, json_made(event),
		                     (struct bytes){0});
	json_decref(event);
}

static void close_line(struct line *line)
{
	if (!line->open)
		return;
	line->open = false;
	uv_close((uv_handle_t *)&line->pipe, NULL);
}

/* --- the end ---------------------------------------------------------------------------------- */

static size_t unread_by(const struct line *line)
{
	return line->open ? uv_stream_get_write_queue_size((const uv_stream_t *)&line->pipe) : 0;
}

static void leave(struct worker *worker)
{
	close_line(&worker->client);
	close_line(&worker->keeper);
	if (worker->has_keeper)
		uv_close((uv_handle_t *)&worker->news, NULL);
	uv_close((uv_handle_t *)&worker->tick, NULL);
}

static void lose_client(struct worker *worker, const char *why)
{
	close_line(&worker->client);
	if (worker->run != NULL)
		run_cancel(worker->run, why);
}

/* --- a client that reads slowly --------------------------------------------------------------- */

static void watch_reading(struct worker *worker)
{
	size_t unread = unread_by(&worker->client);

	if (unread != worker->unread || unread == 0)
		worker->read_ms = uv_now(&worker->loop);
	worker->unread = unread;
	if (uv_now(&worker->loop) - worker->read_ms > WORKER_PATIENCE_MS)
		lose_client(worker, "the client reads nothing any more");
}

static void on_tick(uv_timer_t *tick)
{
	struct worker *worker = tick->data;

	watch_reading(worker);
	if (worker->over) {
		if (unread_by(&worker->client) == 0)
			leave(worker);
	} else if (worker->held && unread_by(&worker->client) < WORKER_UNREAD_MAX / 2) {
		worker->held = false;
		uv_timer_stop(&worker->tick);
		run_hold(worker->run, false);
	}
}

static void begin_watching(struct worker *worker)
{
	worker->unread = unread_by(&worker->client);
	uv_update_time(&worker->loop);
	worker->read_ms = uv_now(&worker->loop);
	uv_timer_start(&worker->tick, on_tick, TICK_MS, TICK_MS);
}

static void send_client(struct worker *worker, const json_t *event, struct bytes attached)
{
	if (!worker->client.open)
		return;
	message_stream_write((uv_stream_t *)&worker->client.pipe, event, attached);
	if (worker->held || worker->run == NULL || unread_by(&worker->client) < WORKER_UNREAD_MAX)
		return;
	worker->held = true;
	run_hold(worker->run, true);
	begin_watching(worker);
}

/* --- the run ---------------------------------------------------------------------------------- */

static void report_progress(struct worker *worker)
{
	uint64_t now_ms = uv_now(&worker->loop);

	if (now_ms - worker->told_ms < WORKER_NEWS_MS && worker->n_done < worker->n_cells)
		return;
	worker->told_ms = now_ms;
	tell_keeper(worker, json_pack("{s:s, s:I, s:I, s:I}", "event", "progress", "done",
	                              (json_int_t)worker->n_done, "cells",
	                              (json_int_t)worker->n_cells, "failed",
	                              (json_int_t)worker->n_failed));
}

static void count_cell(struct worker *worker, const json_t *event)
{
	enum outcome outcome = outcome_named(json_text(event, "outcome"));

	worker->n_done++;
	worker->n_failed += outcome_exit_status(outcome) != 0;
	report_progress(worker);
}

/* The last word, and what follows it: nothing but that the client reads it. */
static void finish(struct worker *worker, const json_t *event, bool yielded)
{
	worker->run = NULL;
	worker->over = true;
	if (!yielded)
		send_client(worker, event, (struct bytes){0});
	else if (worker->client.open) /* what it says from now on is for the keeper */
		uv_read_stop((uv_stream_t *)&worker->client.pipe);
	tell_keeper(worker, yielded ? json_incref((json_t *)event)
	                            : json_pack("{s:s}", "event", "finished"));
	begin_watching(worker);
}

static void on_run_event(void *context, const json_t *event, struct bytes attached)
{
	struct worker *worker = context;
	const char *name = json_text(event, "event");

	if (strcmp(name, "finished") == 0) {
		finish(worker, event, false);
		return;
	}
	if (strcmp(name, "yielded") == 0) {
		finish(worker, event, true);
		return;
	}
	send_client(worker, event, attached);
	if (strcmp(name, "plan") == 0)
		worker->n_cells = json_number(event, "cells");
	else if (strcmp(name, "cell") == 0)
		count_cell(worker, event);
}

static size_t count_done(const json_t *request)
{
	const char *done = json_text(request, "done");
	size_t n = 0;

	for (; *done != '\0'; done++)
		n += *done == '1';
	return n;
}

/* A client of its own has seen to the certificates; a lab may have made its own long ago. */
static int start(struct worker *worker, const json_t *request, struct error *error)
{
	struct certs_made made;

	if (worker->has_keeper && certs_make_own(&made, error) != 0)
		return error->code;
	return run_start(&worker->run, &worker->loop, request, on_run_event, worker, error);
}

static void begin(struct worker *worker, const json_t *request)
{
	struct error error = {0};
	json_t *event;

	if (worker->run != NULL || worker->over)
		return;
	worker->n_done = (long long)count_done(request);
	if (start(worker, request, &error) == 0)
		return;
	event = json_made(json_pack("{s:s, s:i, s:b, s:b, s:s}", "event", "finished", "status",
	                            -error.code, "begun", 0, "complete", 0, "error", error.text));
	finish(worker, event, false);
	json_decref(event);
}

/* --- the lines -------------------------------------------------------------------------------- */

static void take_from_client(struct worker *worker, const json_t *message)
{
	const char *op = json_text(message, "op");

	if (strcmp(op, "run") == 0 && !worker->has_keeper)
		begin(worker, message);
	else if (strcmp(op, "cancel") == 0 && worker->run != NULL)
		run_cancel(worker->run, "the run was stopped");
}

static void on_client_gone(struct worker *worker)
{
	lose_client(worker, "the client is gone");
	if (worker->run == NULL && !worker->over)
		leave(worker);
}

static void take_from_keeper(struct worker *worker, const json_t *message)
{
	const char *op = json_text(message, "op");

	if (strcmp(op, "run") == 0)
		begin(worker, message);
	else if (strcmp(op, "yield") == 0 && worker->run != NULL)
		run_yield(worker->run);
	else if (strcmp(op, "cancel") == 0 && worker->run != NULL)
		run_cancel(worker->run, json_text(message, "why"));
}

static void on_keeper_gone(struct worker *worker)
{
	close_line(&worker->keeper);
	if (worker->run != NULL)
		run_cancel(worker->run, "the lab's daemon ended in the middle of the run");
	else if (!worker->over)
		leave(worker);
}

static void give_chunk(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct line *line = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(line->chunk, sizeof(line->chunk));
}

static void on_words(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct line *line = stream->data;
	struct bytes attached;
	json_t *message;
	int rc = -1;

	if (n >= 0) {
		message_feed(&line->reader, buffer->base, (size_t)n);
		while ((rc = message_next(&line->reader, &message, &attached, NULL)) == 1) {
			line->take(line->worker, message);
			json_decref(message);
		}
	}
	if (rc < 0 && line->open)
		line->gone(line->worker);
}

static void open_line(struct worker *worker, struct line *line, int fd)
{
	line->worker = worker;
	CHECK(uv_pipe_init(&worker->loop, &line->pipe, 0) == 0);
	CHECK(uv_pipe_open(&line->pipe, fd) == 0);
	CHECK(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0);
	line->pipe.data = line;
	line->open = true;
	uv_read_start((uv_stream_t *)&line->pipe, give_chunk, on_words);
}

static void init(struct worker *worker)
{
	signal(SIGPIPE, SIG_IGN);
	private_network_keep_right();
	python_prepare(); /* while the request comes and is read */
	CHECK(uv_loop_init(&worker->loop) == 0);
	CHECK(uv_timer_init(&worker->loop, &worker->tick) == 0);
	worker->tick.data = worker;
	worker->client.take = take_from_client;
	worker->client.gone = on_client_gone;
	worker->keeper.take = take_from_keeper;
	worker->keeper.gone = on_keeper_gone;
}

static int work(struct worker *worker)
{
	uv_run(&worker->loop, UV_RUN_DEFAULT);
	message_reader_fini(&worker->client.reader);
	message_reader_fini(&worker->keeper.reader);
	uv_loop_close(&worker->loop);
	return 0;
}

int worker_serve(void)
{
	static struct worker worker;

	init(&worker);
	open_line(&worker, &worker.client, STDIN_FILENO);
	return work(&worker);
}

int worker_serve_lab(void)
{
	static struct worker worker;

	/* All that the run starts is in a session with it, so that nothing is left behind. */
	setsid();
	init(&worker);
	worker.has_keeper = true;
	CHECK(uv_pipe_init(&worker.loop, &worker.news, 0) == 0);
	CHECK(uv_pipe_open(&worker.news, STDOUT_FILENO) == 0);
	open_line(&worker, &worker.keeper, STDIN_FILENO);
	open_line(&worker, &worker.client, CHILD_PASSED);
	return work(&worker);
}
