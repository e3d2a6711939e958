#include "flow/sniffer.h"

#include "base/assert.h"
#include "base/child.h"
#include "base/json.h"
#include "flow/evidence.h"
#include "flow/private_network.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct collect {
	STAILQ_ENTRY(collect) in_order;
	uint16_t port;
	void (*collected)(void *context, const struct sniffer_collected *what);
	void *context;
};

struct sniffer {
	struct child *child;
	const struct sniffer_events *events;
	void *context;
	STAILQ_HEAD(, collect) pending;
	uv_timer_t patience; /* until it is ready */
};

/* Calls back one collect, and forgets it. */
static void give(struct sniffer *sniffer, struct collect *collect,
                 const struct sniffer_collected *what)
{
	STAILQ_REMOVE(&sniffer->pending, collect, collect, in_order);
	collect->collected(collect->context, what);
	free(collect);
}

static void give_all(struct sniffer *sniffer, const char *note)
{
	const struct sniffer_collected nothing = {.note = note};

	while (!STAILQ_EMPTY(&sniffer->pending))
		give(sniffer, STAILQ_FIRST(&sniffer->pending), &nothing);
}

static void on_collected(struct sniffer *sniffer, json_t *message, struct bytes attached)
{
	struct evidence evidence = evidence_unpack(message, attached);
	struct sniffer_collected what = {
		.connections = evidence_connections(&evidence),
		.pcapng = evidence.pcapng,
		.dropped = json_number(message, "dropped"),
		.note = json_text(message, "note"),
	};
	struct collect *collect;

	if (what.connections == NULL)
		what.note = "what the sniffer told of the wire cannot be read";

	STAILQ_FOREACH(collect, &sniffer->pending, in_order)
		if (collect->port == json_number(message, "port"))
			break;
	if (collect != NULL)
		give(sniffer, collect, &what);
	json_decref(what.connections);
}

static void on_message(void *context, json_t *message, struct bytes attached)
{
	struct sniffer *sniffer = context;
	const char *event = json_text(message, "event");

	if (strcmp(event, "collected") != 0)
		uv_timer_stop(&sniffer->patience);
	if (strcmp(event, "ready") == 0)
		sniffer->events->ready(sniffer->context);
	else if (strcmp(event, "refused") == 0)
		sniffer->events->refused(sniffer->context, json_text(message, "text"));
	else if (strcmp(event, "collected") == 0)
		on_collected(sniffer, message, attached);
}

static void on_patience_over(uv_timer_t *patience)
{
	struct sniffer *sniffer = patience->data;

	sniffer->events->refused(sniffer->context, "the sniffer did not open its capture in time");
	sniffer_stop(sniffer);
}

static void on_patience_closed(uv_handle_t *patience)
{
	free(patience->data);
}

static void on_exited(void *context, const char *why)
{
	struct sniffer *sniffer = context;

	give_all(sniffer, why);
	sniffer->events->exited(sniffer->context, why);
	uv_close((uv_handle_t *)&sniffer->patience, on_patience_closed);
}

static const struct child_events child_events = {.message = on_message, .exited = on_exited};

int sniffer_start(struct sniffer **started, uv_loop_t *loop, const char *program,
                  const char *interface, const struct sniffer_events *events, void *context,
                  struct error *error)
{
	char *const arguments[] = {(char *)program, "--interface", (char *)interface, NULL};
	struct sniffer *sniffer = calloc(1, sizeof(*sniffer));
	int rc;

	CHECK(sniffer != NULL);
	sniffer->events = events;
	sniffer->context = context;
	STAILQ_INIT(&sniffer->pending);
	CHECK(uv_timer_init(loop, &sniffer->patience) == 0);
	sniffer->patience.data = sniffer;
	private_network_spawn_begin();
	rc = child_start(&sniffer->child, loop, "the sniffer", arguments, NULL, &child_events,
	                 sniffer, error);
	private_network_spawn_end();
	if (rc != 0) {
		uv_close((uv_handle_t *)&sniffer->patience, on_patience_closed);
		return rc;
	}
	uv_timer_start(&sniffer->patience, on_patience_over, SNIFFER_START_MS, 0);
	*started = sniffer;
	return 0;
}

void sniffer_collect(struct sniffer *sniffer, uint16_t port, uint64_t from_us,
                     size_t n_connections, const char *keylog, int wait_ms,
                     void (*collected)(void *context, const struct sniffer_collected *what),
                     void *context)
{
	struct collect *collect = calloc(1, sizeof(*collect));
	json_t *request = json_made(json_pack("{s:s, s:i, s:I, s:I, s:s, s:i}", "op", "collect",
	                                      "port", (int)port, "from_us", (json_int_t)from_us,
	                                      "connections", (json_int_t)n_connections, "keylog",
	                                      keylog, "wait_ms", wait_ms));

	CHECK(collect != NULL);
	*collect = (struct collect){.port = port, .collected = collected, .context = context};
	STAILQ_INSERT_TAIL(&sniffer->pending, collect, in_order);
	child_send(sniffer->child, request);
	json_decref(request);
}

void sniffer_stop(struct sniffer *sniffer)
{
	give_all(sniffer, "the sniffer was stopped before it had answered");
	child_stop(sniffer->child);
}

int sniffer_pid(const struct sniffer *sniffer)
{
	return child_pid(sniffer->child);
}
