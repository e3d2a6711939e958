/*
 * shakedownd: the daemon. Listens on a Unix socket of mode 0600, takes one client, does the run
 * that it asks for (run.h), and ends when that is over and the client has gone. A client that goes
 * earlier cancels its run.
 */
#include "base/assert.h"
#include "base/json.h"
#include "base/message.h"
#include "base/message_stream.h"
#include "run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLIENT_TIMEOUT_MS 10000 /* for the client to connect */
#define CHUNK 65536

struct daemon {
	uv_loop_t loop;
	uv_pipe_t listener, client;
	uv_timer_t patience;
	struct message_reader reader;
	struct run *run;
	bool client_gone;
	char chunk[CHUNK];
};

static void send_event(struct daemon *daemon, const json_t *event)
{
	if (!daemon->client_gone)
		message_stream_write((uv_stream_t *)&daemon->client, event);
}

static void leave_client(struct daemon *daemon)
{
	if (daemon->client_gone)
		return;
	daemon->client_gone = true;
	uv_close((uv_handle_t *)&daemon->client, NULL);
}

static void on_run_event(void *context, const json_t *event)
{
	struct daemon *daemon = context;

	send_event(daemon, event);
	if (strcmp(json_text(event, "event"), "finished") == 0)
		daemon->run = NULL;
}

static void finish_with_error(struct daemon *daemon, const struct error *error)
{
	json_t *event = json_made(json_pack("{s:s, s:i, s:s}", "event", "finished", "status",
	                                    -error->code, "error", error->text));

	send_event(daemon, event);
	json_decref(event);
}

static void begin_run(struct daemon *daemon, const json_t *request)
{
	struct error error = {0};

	if (daemon->run != NULL)
		error_set(&error, ERR_INPUT, "this daemon is at work on a run already");
	else
		run_start(&daemon->run, &daemon->loop, request, on_run_event, daemon, &error);
	if (error.code != 0)
		finish_with_error(daemon, &error);
}

static void take_request(struct daemon *daemon, const json_t *request)
{
	const char *op = json_text(request, "op");

	if (strcmp(op, "run") == 0)
		begin_run(daemon, request);
	else if (strcmp(op, "cancel") == 0 && daemon->run != NULL)
		run_cancel(daemon->run);
}

static void give_chunk(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct daemon *daemon = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(daemon->chunk, sizeof(daemon->chunk));
}

static void on_request(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct daemon *daemon = stream->data;
	struct bytes attached;
	json_t *request;
	int rc = -1;

	if (n >= 0) {
		message_feed(&daemon->reader, buffer->base, (size_t)n);
		while ((rc = message_next(&daemon->reader, &request, &attached, NULL)) == 1) {
			take_request(daemon, request);
			json_decref(request);
		}
	}
	if (rc < 0) {
		leave_client(daemon);
		if (daemon->run != NULL)
			run_cancel(daemon->run);
	}
}

static void on_client(uv_stream_t *listener, int status)
{
	struct daemon *daemon = listener->data;

	if (status != 0 || uv_accept(listener, (uv_stream_t *)&daemon->client) != 0)
		return;
	uv_close((uv_handle_t *)listener, NULL); /* libuv removes the socket's file */
	uv_close((uv_handle_t *)&daemon->patience, NULL);
	uv_read_start((uv_stream_t *)&daemon->client, give_chunk, on_request);
}

static void on_nobody_came(uv_timer_t *patience)
{
	struct daemon *daemon = patience->data;

	uv_close((uv_handle_t *)&daemon->listener, NULL);
	uv_close((uv_handle_t *)&daemon->patience, NULL);
	leave_client(daemon);
}

static int listen_at(struct daemon *daemon, const char *path)
{
	mode_t before = umask(0177);
	int rc = uv_pipe_bind(&daemon->listener, path);

	umask(before);
	if (rc == 0)
		rc = uv_listen((uv_stream_t *)&daemon->listener, 1, on_client);
	if (rc != 0)
		fprintf(stderr, "shakedownd: cannot listen on %s: %s\n", path, uv_strerror(rc));
	return rc;
}

int main(int argc, char **argv)
{
	static struct daemon daemon;

	if (argc != 3 || strcmp(argv[1], "--socket") != 0) {
		fputs("usage: shakedownd --socket PATH\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	CHECK(uv_loop_init(&daemon.loop) == 0);
	CHECK(uv_pipe_init(&daemon.loop, &daemon.listener, 0) == 0);
	CHECK(uv_pipe_init(&daemon.loop, &daemon.client, 0) == 0);
	CHECK(uv_timer_init(&daemon.loop, &daemon.patience) == 0);
	daemon.listener.data = daemon.client.data = daemon.patience.data = &daemon;
	if (listen_at(&daemon, argv[2]) != 0)
		return 3;
	uv_timer_start(&daemon.patience, on_nobody_came, CLIENT_TIMEOUT_MS, 0);
	uv_run(&daemon.loop, UV_RUN_DEFAULT);
	message_reader_fini(&daemon.reader);
	uv_loop_close(&daemon.loop);
	return 0;
}
