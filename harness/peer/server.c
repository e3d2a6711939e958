#include "peer/server.h"

#include "base/assert.h"
#include "base/child.h"
#include "base/file.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

struct server {
	const struct server_events *events;
	void *context;
	struct child *child;
};

static void on_message(void *context, json_t *message, struct bytes attached)
{
	struct server *server = context;
	const char *event = json_text(message, "event");
	const char *cell = json_text(message, "cell");

	if (strcmp(event, "listening") == 0)
		server->events->listening(server->context, cell, (int)json_number(message, "port"));
	else if (strcmp(event, "refused") == 0)
		server->events->refused(server->context, cell, json_text(message, "text"));
	else if (strcmp(event, "testimony") == 0)
		server->events->testimony(server->context, cell, message, attached);
}

static void on_exited(void *context, const char *why)
{
	struct server *server = context;

	server->events->exited(server->context, why);
	free(server);
}

int server_start(struct server **started, uv_loop_t *loop, const struct server_events *events,
                 void *context, struct error *error)
{
	static const struct child_events child_events = {on_message, on_exited};
	char *program = file_sibling_program("shakedown-server");
	char *arguments[] = {program, NULL};
	/*
	 * What a thread sets aside of freed memory is scattered, and each page of it that a forked
	 * child takes is copied first. Who has said how memory is to be had keeps that.
	 */
	char *environment[] = {"GLIBC_TUNABLES=glibc.malloc.tcache_count=0", NULL};
	struct server *server = calloc(1, sizeof(*server));
	int rc;

	CHECK(server != NULL);
	server->events = events;
	server->context = context;
	rc = child_start(&server->child, loop, "shakedown-server", arguments,
	                 getenv("GLIBC_TUNABLES") == NULL ? environment : NULL, &child_events,
	                 server, error);
	free(program);
	if (rc != 0) {
		free(server);
		return rc;
	}
	*started = server;
	return 0;
}

static void send_made(struct server *server, json_t *message)
{
	child_send(server->child, json_made(message));
	json_decref(message);
}

void server_case(struct server *server, const char *cell, const json_t *configuration,
                 const struct server_place *place, int timeout_ms, int connections)
{
	send_made(server, json_pack("{s:s, s:s, s:O, s:s, s:i, s:s, s:i, s:i, s:i}", "op", "start",
	                            "cell", cell, "server", configuration, "address",
	                            place->address, "port", place->port, "from", place->from,
	                            "wait_ms", place->wait_ms, "timeout_ms", timeout_ms,
	                            "connections", connections));
}

void server_no_more(struct server *server, const char *cell)
{
	send_made(server, json_pack("{s:s, s:s}", "op", "last", "cell", cell));
}

void server_end_case(struct server *server, const char *cell)
{
	send_made(server, json_pack("{s:s, s:s}", "op", "stop", "cell", cell));
}

void server_stop(struct server *server)
{
	child_stop(server->child);
}

int server_pid(const struct server *server)
{
	return child_pid(server->child);
}
