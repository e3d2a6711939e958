#include "flow/collector.h"

#include "base/assert.h"
#include "base/json.h"
#include "base/message.h"
#include "flow/evidence.h"
#include "flow/tracker.h"

#include <stdlib.h>
#include <string.h>

#define PORTS 65536
#define NS_PER_MS 1000000u
#define NS_PER_US 1000u

struct port {
	TAILQ_ENTRY(port) in_order;
	uint16_t number;
	struct packet_list packets;
	size_t n_bytes;          /* that they take */
	uint64_t n_left_out;     /* packets beyond COLLECTOR_PORT_MAX */
	uint64_t dropped_before; /* the kernel's count when the first packet came */
};

struct request {
	STAILQ_ENTRY(request) in_order;
	uint16_t port;
	char *keylog;
	long long n_connections; /* that the server has met */
	uint64_t deadline_ns;
	uint64_t dropped_before;
};

struct collector {
	char *name;
	uint16_t linktype;
	struct tracker *tracker;
	struct port *ports[PORTS];
	TAILQ_HEAD(, port) order; /* the one idle longest first */
	STAILQ_HEAD(, request) requests;
	size_t n_bytes; /* that all packets take */
};

static void on_finished(void *context, struct connection *connection)
{
	(void)context, (void)connection; /* its packets stay with their port */
}

static const struct tracker_events events = {.finished = on_finished};

struct collector *collector_new(const char *name, uint16_t linktype)
{
	struct collector *collector = calloc(1, sizeof(*collector));

	CHECK(collector != NULL);
	collector->name = strdup(name);
	CHECK(collector->name != NULL);
	collector->linktype = linktype;
	collector->tracker = tracker_new(TRACKER_FOLLOW, NULL, &events, NULL);
	TAILQ_INIT(&collector->order);
	STAILQ_INIT(&collector->requests);
	return collector;
}

/* Follows no longer the port's connections that began before `t_ns`. */
static void finish_connections(struct collector *collector, uint16_t port, uint64_t t_ns)
{
	struct connection *connection = tracker_next(collector->tracker, NULL);

	while (connection != NULL) {
		struct connection *next = tracker_next(collector->tracker, connection);

		if (connection->end[SIDE_SERVER].port == port && connection->start_ns < t_ns)
			tracker_finish(collector->tracker, connection);
		connection = next;
	}
}

/* Forgets the packets of a port, and its connections. */
static void forget(struct collector *collector, struct port *port)
{
	finish_connections(collector, port->number, UINT64_MAX);
	collector->ports[port->number] = NULL;
	collector->n_bytes -= port->n_bytes;
	TAILQ_REMOVE(&collector->order, port, in_order);
	packet_list_fini(&port->packets);
	free(port);
}

static void drop_request(struct collector *collector, struct request *request)
{
	STAILQ_REMOVE(&collector->requests, request, request, in_order);
	free(request->keylog);
	free(request);
}

void collector_free(struct collector *collector)
{
	if (collector == NULL)
		return;
	while (!TAILQ_EMPTY(&collector->order))
		forget(collector, TAILQ_FIRST(&collector->order));
	while (!STAILQ_EMPTY(&collector->requests))
		drop_request(collector, STAILQ_FIRST(&collector->requests));
	tracker_free(collector->tracker);
	free(collector->name);
	free(collector);
}

static struct port *port_of(struct collector *collector, uint16_t number, uint64_t n_dropped)
{
	struct port *port = collector->ports[number];

	if (port == NULL) {
		port = calloc(1, sizeof(*port));
		CHECK(port != NULL);
		port->number = number;
		port->dropped_before = n_dropped;
		collector->ports[number] = port;
	} else {
		TAILQ_REMOVE(&collector->order, port, in_order);
	}
	TAILQ_INSERT_TAIL(&collector->order, port, in_order);
	return port;
}

void collector_packet(struct collector *collector, const struct packet *packet, uint64_t n_dropped)
{
	struct connection *connection = tracker_packet(collector->tracker, packet);
	size_t cost = packet_list_cost(packet);
	struct port *port;

	if (connection == NULL)
		return;
	port = port_of(collector, connection->end[SIDE_SERVER].port, n_dropped);
	if (port->n_bytes + cost > COLLECTOR_PORT_MAX) {
		port->n_left_out++;
		return;
	}
	packet_list_add(&port->packets, packet);
	port->n_bytes += cost;
	collector->n_bytes += cost;
	while (collector->n_bytes > COLLECTOR_ALL_MAX)
		forget(collector, TAILQ_FIRST(&collector->order));
}

/* What came to the port before was for another server. */
static void forget_before(struct collector *collector, struct port *port, uint64_t t_ns)
{
	struct packet_list all = port->packets;

	if (all.n == 0 || packet_list_get(&all, 0).t_ns >= t_ns)
		return;
	finish_connections(collector, port->number, t_ns);
	collector->n_bytes -= port->n_bytes;
	port->packets = (struct packet_list){0};
	port->n_bytes = 0;
	for (size_t i = 0; i < all.n; i++) {
		struct packet packet = packet_list_get(&all, i);

		if (packet.t_ns < t_ns)
			continue;
		packet_list_add(&port->packets, &packet);
		port->n_bytes += packet_list_cost(&packet);
	}
	collector->n_bytes += port->n_bytes;
	packet_list_fini(&all);
}

bool collector_ask(struct collector *collector, const json_t *message, uint64_t now_ns,
                   uint64_t n_dropped)
{
	long long port = json_number(message, "port"), wait_ms = json_number(message, "wait_ms");
	long long from_us = json_number(message, "from_us");
	long long n_connections = json_number(message, "connections");
	struct request *request;

	if (strcmp(json_text(message, "op"), "collect") != 0 || port < 1 || port >= PORTS ||
	    wait_ms < 0 || wait_ms > INT32_MAX || from_us < 0 || n_connections < 0)
		return false;
	if (collector->ports[port] != NULL)
		forget_before(collector, collector->ports[port], (uint64_t)from_us * NS_PER_US);
	request = calloc(1, sizeof(*request));
	CHECK(request != NULL);
	request->port = (uint16_t)port;
	request->keylog = strdup(json_text(message, "keylog"));
	CHECK(request->keylog != NULL);
	request->n_connections = n_connections;
	request->deadline_ns = now_ns + (uint64_t)wait_ms * NS_PER_MS;
	request->dropped_before = n_dropped;
	STAILQ_INSERT_TAIL(&collector->requests, request, in_order);
	return true;
}

/*
 * True once as many connections to the port as the server has met, one at least, were seen, and all
 * of them have closed. The kernel hands packets over in blocks: the next one may hold a connection.
 */
static bool is_complete(const struct collector *collector, const struct request *request)
{
	struct connection *connection = NULL;
	long long n_seen = 0;

	while ((connection = tracker_next(collector->tracker, connection)) != NULL) {
		if (connection->end[SIDE_SERVER].port != request->port)
			continue;
		if (!connection_closed(connection))
			return false;
		n_seen++;
	}
	return n_seen > 0 && n_seen >= request->n_connections;
}

static void add_note(json_t *message, uint64_t n_left_out, size_t n_omitted)
{
	struct buf note = {0};

	if (n_left_out > 0)
		buf_printf(&note, "%llu packets beyond the %u MB kept of one port were left out",
		           (unsigned long long)n_left_out, COLLECTOR_PORT_MAX >> 20);
	if (n_omitted > 0)
		buf_printf(&note, "%s%zu connections are in the capture alone, for want of room",
		           note.len > 0 ? "; " : "", n_omitted);
	if (note.len > 0)
		json_object_set_new(message, "note", json_made(json_string(buf_string(&note))));
	buf_fini(&note);
}

static void answer(struct collector *collector, const struct request *request, uint64_t n_dropped,
                   struct buf *out)
{
	static const struct port no_port;
	const struct port *port = collector->ports[request->port];
	struct bytes keylog = {(const uint8_t *)request->keylog, strlen(request->keylog)};
	uint64_t dropped_before = port != NULL ? port->dropped_before : request->dropped_before;
	struct buf json = {0}, pcapng = {0}, attached = {0};
	struct evidence evidence;
	json_t *message;
	size_t n_omitted;

	if (port == NULL)
		port = &no_port;
	n_omitted = evidence_make(&port->packets, collector->name, collector->linktype, keylog,
	                          &json, &pcapng);
	message = json_made(json_pack("{s:s, s:i, s:I}", "event", "collected", "port",
	                              (int)request->port, "dropped",
	                              (json_int_t)(n_dropped - dropped_before)));
	add_note(message, port->n_left_out, n_omitted);
	evidence = (struct evidence){buf_view(&json), buf_view(&pcapng)};
	evidence_pack(&evidence, message, &attached);
	message_put(out, message, buf_view(&attached));
	json_decref(message);
	buf_fini(&json);
	buf_fini(&pcapng);
	buf_fini(&attached);
}

void collector_answer(struct collector *collector, uint64_t now_ns, uint64_t n_dropped,
                      struct buf *out)
{
	struct request *request = STAILQ_FIRST(&collector->requests);

	while (request != NULL) {
		struct request *next = STAILQ_NEXT(request, in_order);
		struct port *port = collector->ports[request->port];

		if (now_ns >= request->deadline_ns || is_complete(collector, request)) {
			answer(collector, request, n_dropped, out);
			if (port != NULL)
				forget(collector, port);
			drop_request(collector, request);
		}
		request = next;
	}
}

int collector_wait_ms(const struct collector *collector, uint64_t now_ns)
{
	uint64_t first = UINT64_MAX;
	const struct request *request;

	STAILQ_FOREACH(request, &collector->requests, in_order)
		if (request->deadline_ns < first)
			first = request->deadline_ns;
	if (first == UINT64_MAX)
		return -1;
	return first > now_ns ? (int)((first - now_ns + NS_PER_MS - 1) / NS_PER_MS) : 0;
}
