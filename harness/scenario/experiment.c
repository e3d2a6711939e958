#include "scenario/experiment.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "flow/evidence.h"
#include "flow/sniffer.h"
#include "peer/board.h"
#include "peer/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APP_DATA "shakedown"  /* what the board sends and the server echoes */
#define OWN_MARGIN_MS 2000     /* beyond what the board's handle allows */
#define CAPTURE_WAIT_MS 500   /* for the last segments to come by */
#define CAPTURE_IDLE_MS 20    /* where the server saw no connection */
#define HELD_UP_MS 20         /* a timer that comes later than this was held up with the loop, */
#define HELD_UP_GRACE_MS 100  /* and what came meanwhile is read first */

enum phase {
	PHASE_LISTEN,    /* the server binds a port */
	PHASE_BOARD,     /* the board connects, and says how it went */
	PHASE_LINGER,    /* the server comes to its end by itself */
	PHASE_TESTIMONY, /* the server was told to end */
	PHASE_CAPTURE,   /* the sniffer hands over what it saw */
	PHASE_DONE,
};

struct experiment {
	struct apparatus *apparatus;
	struct experiment_plan plan;
	void (*done)(void *context, struct observation *observation);
	void *context;
	char *id; /* of its case, for the server program */
	enum phase phase;
	uv_timer_t timer;
	uint64_t due_ms; /* when it is to come, by the loop's clock */
	uint64_t started_ns, phase_ns;
	uint64_t from_us; /* when it started, by the clock that captures have */
	uint64_t board_ns; /* when the board was told to connect, by the wall clock */
	int port;
	int n_connections;             /* that the board is to make, */
	int n_made;                    /* and has begun */
	json_t *server, *wire, *board; /* the testimonies; NULL until given */
	json_t *trouble, *timings_ms;
	char *keylog;
	struct buf capture;
	struct buf tapped, tap_capture; /* what the server's socket told: evidence, not read yet */
	unsigned sniffer; /* which one was there at the start; 0: none */
	bool blind;        /* it saw nothing of the connection that the server had */
	bool collecting;   /* the sniffer owes us an answer, */
	bool timer_closed; /* and libuv has let go of the timer: freed when neither holds us */
};

static void enter(struct experiment *experiment, enum phase phase);
static void proceed(struct experiment *experiment);
static void fall_back_on_tap(struct experiment *experiment);

static void on_timer(uv_timer_t *timer);

/* The loop's clock stands still while a callback works: rules that are compiled take seconds. */
static void set_timer(struct experiment *experiment, uint64_t timeout_ms)
{
	uv_loop_t *loop = experiment->apparatus->loop;

	uv_update_time(loop);
	experiment->due_ms = uv_now(loop) + timeout_ms;
	uv_timer_start(&experiment->timer, on_timer, timeout_ms, 0);
}

static void note_trouble(struct experiment *experiment, const char *who, const char *text)
{
	json_array_append_new(experiment->trouble,
	                      json_made(json_pack("{s:s, s:s}", "who", who, "text", text)));
}

/* Takes the board's testimony, whose log begins when it was told to connect. */
static void keep_board(struct experiment *experiment, json_t *board)
{
	experiment->board = board;
	if (experiment->board_ns != 0)
		json_object_set_new(board, "start_us",
		                    json_integer((json_int_t)(experiment->board_ns / 1000)));
}

/* Where no better word is to be had from the board. */
static void note_board_failure(struct experiment *experiment, const char *kind, const char *text)
{
	if (experiment->board == NULL)
		keep_board(experiment,
		           json_made(json_pack("{s:s, s:s}", "failed", kind, "text", text)));
}

/* --- what happens when a phase takes too long ------------------------------------------------ */

static void late_listen(struct experiment *experiment)
{
	note_trouble(experiment, "server", "the server program did not open a port in time");
	server_end_case(experiment->apparatus->server, experiment->id);
	enter(experiment, PHASE_DONE);
}

static void late_board(struct experiment *experiment)
{
	board_abort(experiment->plan.board);
	note_board_failure(experiment, "silent", "the board gave no result within its time-out");
	proceed(experiment);
}

static void late_linger(struct experiment *experiment)
{
	server_end_case(experiment->apparatus->server, experiment->id);
	enter(experiment, PHASE_TESTIMONY);
}

static void late_testimony(struct experiment *experiment)
{
	note_trouble(experiment, "server", "the server program gave no testimony in time");
	experiment->server = json_null();
	proceed(experiment);
}

static void late_capture(struct experiment *experiment)
{
	note_trouble(experiment, "sniffer", "the sniffer did not hand over its capture in time");
	enter(experiment, PHASE_DONE);
}

static const struct {
	const char *name;
	uint64_t timeout_ms; /* 0: the board's own, with a margin */
	void (*late)(struct experiment *experiment);
} phases[] = {
	[PHASE_LISTEN] = {"listen", 5000, late_listen},
	[PHASE_BOARD] = {"board", 0, late_board},
	[PHASE_LINGER] = {"linger", 300, late_linger},
	[PHASE_TESTIMONY] = {"testimony", 6000, late_testimony},
	[PHASE_CAPTURE] = {"capture", 3000, late_capture},
	[PHASE_DONE] = {"done", 1, NULL},
};

/* --- the end ---------------------------------------------------------------------------------- */

static void free_when_unused(struct experiment *experiment)
{
	if (experiment->collecting || !experiment->timer_closed)
		return;
	json_decref(experiment->server);
	json_decref(experiment->wire);
	json_decref(experiment->board);
	json_decref(experiment->trouble);
	json_decref(experiment->timings_ms);
	free(experiment->keylog);
	free(experiment->id);
	buf_fini(&experiment->capture);
	buf_fini(&experiment->tapped);
	buf_fini(&experiment->tap_capture);
	free(experiment);
}

static void on_timer_closed(uv_handle_t *timer)
{
	struct experiment *experiment = timer->data;

	experiment->timer_closed = true;
	free_when_unused(experiment);
}

static json_t *or_null(json_t *testimony)
{
	return testimony != NULL ? json_incref(testimony) : json_null();
}

static void hand_over(struct experiment *experiment)
{
	const char *keylog = experiment->keylog != NULL ? experiment->keylog : "";
	struct observation observation;

	fall_back_on_tap(experiment);
	observation = (struct observation){
		.witnesses = json_made(
			json_pack("{s:o, s:o, s:o}", "server", or_null(experiment->server), "wire",
	                          or_null(experiment->wire), "board", or_null(experiment->board))),
		.trouble = json_incref(experiment->trouble),
		.timings_ms = json_incref(experiment->timings_ms),
		.capture = buf_view(&experiment->capture),
		.keylog = {(const uint8_t *)keylog, strlen(keylog)},
		.blind = experiment->blind,
	};

	experiment->done(experiment->context, &observation);
	uv_close((uv_handle_t *)&experiment->timer, on_timer_closed);
}

static void on_timer(uv_timer_t *timer)
{
	struct experiment *experiment = timer->data;

	if (experiment->phase == PHASE_DONE)
		hand_over(experiment);
	else if (uv_now(timer->loop) - experiment->due_ms > HELD_UP_MS)
		set_timer(experiment, HELD_UP_GRACE_MS);
	else
		phases[experiment->phase].late(experiment);
}

static double ms_since(uint64_t then_ns)
{
	uint64_t us = (clock_steady_ns() - then_ns) / 1000;

	return (double)us / 1000.0;
}

/* For one run of the board's. */
static uint64_t board_timeout_ms(const struct experiment *experiment)
{
	return (uint64_t)json_number(experiment->plan.profile, "timeout_ms") +
	       board_run_margin_ms(experiment->plan.profile) + OWN_MARGIN_MS;
}

static void enter(struct experiment *experiment, enum phase phase)
{
	uint64_t timeout_ms = phases[phase].timeout_ms;

	json_object_set_new(experiment->timings_ms, phases[experiment->phase].name,
	                    json_real(ms_since(experiment->phase_ns)));
	experiment->phase_ns = clock_steady_ns();
	experiment->phase = phase;
	if (phase == PHASE_DONE) {
		json_object_set_new(experiment->timings_ms, "total",
		                    json_real(ms_since(experiment->started_ns)));
		timeout_ms = 0; /* the next turn of the loop: no caller loses the ground */
	} else if (timeout_ms == 0) {
		timeout_ms = board_timeout_ms(experiment);
	}
	set_timer(experiment, timeout_ms);
}

/* --- the wire --------------------------------------------------------------------------------- */

/* The connection that the server took, if there are several: a board may try twice. */
static json_t *choose_connection(const struct experiment *experiment, json_t *connections)
{
	long long port = json_number(json_object_get(experiment->server, "client"), "port");
	json_t *connection;
	size_t i;

	json_array_foreach(connections, i, connection)
		if (json_number(json_object_get(connection, "client"), "port") == port)
			return connection;
	return json_array_get(connections, 0);
}

static void keep_wire(struct experiment *experiment, json_t *connections, struct bytes capture,
                      const char *source)
{
	json_t *chosen = choose_connection(experiment, connections);

	if (chosen == NULL)
		return;
	buf_bytes(&experiment->capture, capture);
	experiment->wire = json_made(json_copy(chosen));
	json_object_set_new(experiment->wire, "capture", json_string(source));
	json_object_set_new(experiment->wire, "connections",
	                    json_integer((json_int_t)json_array_size(connections)));
}

/* What the server's socket told counts where the sniffer saw nothing. */
static void fall_back_on_tap(struct experiment *experiment)
{
	struct evidence evidence = {.connections = buf_view(&experiment->tapped)};
	json_t *connections = NULL;

	if (experiment->wire == NULL && experiment->tapped.len > 0)
		connections = evidence_connections(&evidence);
	if (connections != NULL)
		keep_wire(experiment, connections, buf_view(&experiment->tap_capture),
		          "server-tap");
	json_decref(connections);
}

bool apparatus_is_blind(struct apparatus *apparatus, const json_t *connections)
{
	if (json_array_size(connections) > 0)
		apparatus->sniffer_sees = true;
	else
		apparatus->n_unseen++;
	return !apparatus->sniffer_sees && apparatus->n_unseen >= APPARATUS_UNSEEN_MAX;
}

static void on_collected(void *context, const struct sniffer_collected *what)
{
	struct experiment *experiment = context;

	experiment->collecting = false;
	if (experiment->phase != PHASE_CAPTURE) {
		free_when_unused(experiment);
		return;
	}
	experiment->blind = json_flag(experiment->server, "connected") &&
	                    json_is_array(what->connections) && what->dropped == 0 &&
	                    apparatus_is_blind(experiment->apparatus, what->connections);
	if (what->connections == NULL)
		note_trouble(experiment, "sniffer", what->note);
	else
		keep_wire(experiment, what->connections, what->pcapng, "sniffer");
	fall_back_on_tap(experiment);
	if (experiment->wire != NULL && what->note[0] != '\0')
		json_object_set_new(experiment->wire, "note", json_string(what->note));
	if (experiment->wire != NULL && what->dropped > 0)
		json_object_set_new(experiment->wire, "dropped", json_integer(what->dropped));
	enter(experiment, PHASE_DONE);
}

static unsigned sniffer_number(const struct apparatus *apparatus)
{
	return apparatus->sniffer != NULL ? apparatus->n_sniffers : 0;
}

/* A sniffer that the owner does without, because it sees nothing, was not lost. */
static void note_lost_sniffer(struct experiment *experiment)
{
	const struct apparatus *apparatus = experiment->apparatus;
	char text[ERROR_TEXT_MAX + 64];

	if (experiment->sniffer == 0 || experiment->sniffer > apparatus->lost_sniffer)
		return;
	snprintf(text, sizeof(text), "the sniffer was lost in the middle of the cell: %s",
	         apparatus->sniffer_end);
	note_trouble(experiment, "sniffer", text);
}

/* The connections that the server has met; those of a single one it does not list. */
static size_t count_connections(const json_t *server)
{
	size_t n = json_array_size(json_object_get(server, "connections"));

	return !json_flag(server, "connected") ? 0 : n > 0 ? n : 1;
}

static void collect(struct experiment *experiment)
{
	size_t n_connections = count_connections(experiment->server);
	bool gone = experiment->sniffer != sniffer_number(experiment->apparatus);

	note_lost_sniffer(experiment);
	if (gone || experiment->sniffer == 0 || experiment->port == 0) {
		enter(experiment, PHASE_DONE);
		return;
	}
	enter(experiment, PHASE_CAPTURE);
	experiment->collecting = true;
	sniffer_collect(experiment->apparatus->sniffer, (uint16_t)experiment->port,
	                experiment->from_us, n_connections,
	                experiment->keylog != NULL ? experiment->keylog : "",
	                n_connections > 0 ? CAPTURE_WAIT_MS : CAPTURE_IDLE_MS, on_collected,
	                experiment);
}

/* --- the phases ------------------------------------------------------------------------------- */

/* The board is done. Nothing of a virtual one can still be on its way. */
static void linger(struct experiment *experiment)
{
	enter(experiment, PHASE_LINGER);
	if (experiment->server == NULL &&
	    json_object_get(experiment->plan.profile, "virtual") != NULL)
		server_no_more(experiment->apparatus->server, experiment->id);
}

/* Moves on as soon as the testimony that the phase waits for is there. */
static void proceed(struct experiment *experiment)
{
	if (experiment->phase == PHASE_BOARD && experiment->board != NULL)
		linger(experiment);
	if ((experiment->phase == PHASE_LINGER || experiment->phase == PHASE_TESTIMONY) &&
	    experiment->server != NULL)
		collect(experiment);
}

/* How many connections the case has: one unless it says more. */
static int connections_of(const json_t *cell)
{
	long long n = json_number(json_object_get(cell, "client"), "connections");

	return n > 0 ? (int)n : 1;
}

struct experiment *experiment_start(struct apparatus *apparatus,
                                    const struct experiment_plan *plan,
                                    void (*done)(void *context, struct observation *observation),
                                    void *context)
{
	struct experiment *experiment = calloc(1, sizeof(*experiment));
	const json_t *passive = json_object_get(plan->profile, "passive");
	struct server_place place;

	CHECK(experiment != NULL);
	experiment->apparatus = apparatus;
	experiment->plan = *plan;
	experiment->done = done;
	experiment->context = context;
	CHECK(asprintf(&experiment->id, "%s#%u", json_text(plan->cell, "id"),
	               ++apparatus->n_experiments) > 0);
	experiment->sniffer = sniffer_number(apparatus);
	experiment->trouble = json_made(json_array());
	experiment->timings_ms = json_made(json_object());
	experiment->started_ns = experiment->phase_ns = clock_steady_ns();
	experiment->from_us = clock_wall_ns() / 1000;
	CHECK(uv_timer_init(apparatus->loop, &experiment->timer) == 0);
	experiment->timer.data = experiment;
	set_timer(experiment, phases[PHASE_LISTEN].timeout_ms);
	experiment->n_connections = connections_of(plan->cell);
	place = (struct server_place){.address = json_text(plan->profile, "address"),
	                              .port = (int)json_number(passive, "listen"),
	                              .from = json_text(passive, "from")};
	/* What a board needs before it connects is its own time; a passive one is awaited alone. */
	if (passive == NULL)
		place.wait_ms = (int)board_timeout_ms(experiment);
	server_case(apparatus->server, experiment->id, json_object_get(plan->cell, "server"),
	            &place, (int)json_number(plan->profile, "timeout_ms"),
	            experiment->n_connections);
	return experiment;
}

/* certs/out/<name>/<file>, as a JSON string. */
static json_t *certificate_file(const struct experiment *experiment, const char *name,
                                const char *file)
{
	char *folder = file_join(experiment->apparatus->certificates, name);
	char *path = file_join(folder, file);
	json_t *text = json_made(json_string(path));

	free(folder);
	free(path);
	return text;
}

static void add_trust(struct experiment *experiment, json_t *run)
{
	const json_t *server = json_object_get(experiment->plan.cell, "server");
	const json_t *certificates = json_object_get(server, "certificate");
	json_t *roots = json_made(json_array()), *pems = json_made(json_array());
	const json_t *name;
	size_t i;

	json_array_foreach(certificates, i, name) {
		const char *folder = json_string_value(name);

		json_array_append_new(roots, certificate_file(experiment, folder, "ca.der"));
		json_array_append_new(pems, certificate_file(experiment, folder, "ca.pem"));
	}
	json_object_set_new(run, "ca", roots);
	json_object_set_new(run, "ca_pem", pems);
}

static void add_client_certificate(struct experiment *experiment, json_t *run)
{
	const json_t *server = json_object_get(experiment->plan.cell, "server");
	const char *name = json_text(experiment->plan.profile, "client_certificate");

	if (strcmp(json_text(server, "client_auth"), "none") == 0 || name[0] == '\0')
		return;
	json_object_set_new(run, "cert", certificate_file(experiment, name, "leaf.der"));
	json_object_set_new(run, "key", certificate_file(experiment, name, "key.der"));
	json_object_set_new(run, "cert_pem", certificate_file(experiment, name, "chain.pem"));
	json_object_set_new(run, "key_pem", certificate_file(experiment, name, "key.pem"));
}

void experiment_cancel(struct experiment *experiment)
{
	if (experiment->apparatus->server != NULL)
		server_end_case(experiment->apparatus->server, experiment->id);
	experiment->phase = PHASE_DONE;
	uv_close((uv_handle_t *)&experiment->timer, on_timer_closed);
}

/* "board-7:0123456789abcdef" */
static void add_psk(const json_t *client, json_t *run)
{
	const json_t *psk = json_object_get(client, "psk");
	struct buf text = {0};

	if (psk == NULL)
		return;
	buf_printf(&text, "%s:%s", json_text(psk, "identity"), json_text(psk, "key"));
	json_object_set_new(run, "psk", json_made(json_string(buf_string(&text))));
	buf_fini(&text);
}

/* From the second connection on the board may take up the session of the one before. */
static void add_resumption(const struct experiment *experiment, const json_t *client, json_t *run)
{
	if (experiment->n_made == 0 || !json_flag(client, "resume"))
		return;
	json_object_set_new(run, "resume", json_string("1"));
	if (json_flag(client, "early_data"))
		json_object_set_new(run, "early", json_string("1"));
}

/* Only an echo can come up to what the board expects of what it sends. */
static bool server_echoes(const json_t *server)
{
	const char *application = json_text(server, "application");

	return application[0] == '\0' || strcmp(application, "echo") == 0;
}

/* What the board is told to do: RUN of docs/agent-protocol.md. */
static json_t *run_message(struct experiment *experiment)
{
	static const char *const keys[] = {"sni", "alpn", "min", "max"};
	static const char *const conduct[] = {"application", "close"};
	const json_t *client = json_object_get(experiment->plan.cell, "client");
	const json_t *server = json_object_get(experiment->plan.cell, "server");
	const json_t *sni = json_object_get(experiment->plan.profile, "sni");
	char id[16];
	json_t *run;

	snprintf(id, sizeof(id), "%u", ++experiment->apparatus->n_runs);
	run = json_made(json_pack("{s:s, s:s, s:i, s:I}", "id", id, "host",
	                          json_text(experiment->plan.profile, "address"), "port",
	                          experiment->port, "timeout_ms",
	                          json_number(experiment->plan.profile, "timeout_ms")));
	if (server_echoes(json_object_get(experiment->plan.cell, "server")))
		json_object_set_new(run, "send", json_string(APP_DATA));
	if (sni != NULL)
		json_object_set(run, "sni", (json_t *)sni);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_object_get(client, keys[i]) != NULL)
			json_object_set(run, keys[i], json_object_get(client, keys[i]));
	for (size_t i = 0; i < sizeof(conduct) / sizeof(conduct[0]); i++)
		if (json_object_get(server, conduct[i]) != NULL)
			json_object_set(run, conduct[i], json_object_get(server, conduct[i]));
	add_psk(client, run);
	add_resumption(experiment, client, run);
	add_trust(experiment, run);
	add_client_certificate(experiment, run);
	return run;
}

/* A board that is no longer ready is about to be down: its handle only finds out why. */
static void connect_board(struct experiment *experiment)
{
	json_t *run;

	set_timer(experiment, board_timeout_ms(experiment));
	if (!board_is_ready(experiment->plan.board))
		return;
	run = run_message(experiment);
	experiment->n_made++;
	experiment->board_ns = clock_wall_ns();
	board_run(experiment->plan.board, run);
	json_decref(run);
}

bool experiment_is(const struct experiment *experiment, const char *cell)
{
	return strcmp(experiment->id, cell) == 0;
}

void experiment_listening(struct experiment *experiment, int port)
{
	if (experiment->phase != PHASE_LISTEN)
		return;
	experiment->port = port;
	enter(experiment, PHASE_BOARD);
	connect_board(experiment);
}

void experiment_refused(struct experiment *experiment, const char *text)
{
	if (experiment->phase != PHASE_LISTEN)
		return;
	note_trouble(experiment, "server", text);
	enter(experiment, PHASE_DONE);
}

void experiment_testimony(struct experiment *experiment, json_t *message, struct bytes attached)
{
	struct evidence evidence = evidence_unpack(message, attached);

	if (experiment->server != NULL || experiment->phase >= PHASE_CAPTURE)
		return;
	experiment->server = json_incref(json_object_get(message, "testimony"));
	experiment->keylog = strdup(json_text(message, "keylog"));
	buf_bytes(&experiment->tapped, evidence.connections);
	buf_bytes(&experiment->tap_capture, evidence.pcapng);
	/* A board that is not asked does not know when it is over. */
	if (json_object_get(experiment->plan.profile, "passive") != NULL)
		board_abort(experiment->plan.board);
	proceed(experiment);
}

void experiment_result(struct experiment *experiment, json_t *message)
{
	const json_t *board = json_object_get(message, "board");

	if (experiment->phase != PHASE_BOARD || experiment->board != NULL)
		return;
	if (experiment->n_made < experiment->n_connections &&
	    strcmp(json_text(board, "status"), "0") == 0) {
		connect_board(experiment);
		return;
	}
	keep_board(experiment, json_made(json_copy((json_t *)board)));
	json_object_set(experiment->board, "log", json_object_get(message, "log"));
	proceed(experiment);
}

void experiment_failed(struct experiment *experiment, json_t *message)
{
	if (experiment->phase != PHASE_BOARD || experiment->board != NULL)
		return;
	note_board_failure(experiment, json_text(message, "kind"), json_text(message, "text"));
	json_object_set(experiment->board, "log", json_object_get(message, "log"));
	proceed(experiment);
}

static void lose_server(struct experiment *experiment, const char *text)
{
	note_trouble(experiment, "server", text);
	if (experiment->phase == PHASE_BOARD)
		board_abort(experiment->plan.board);
	enter(experiment, PHASE_DONE);
}

static void lose_board(struct experiment *experiment, const char *who, const char *text)
{
	if (strcmp(who, "runner") == 0)
		note_trouble(experiment, who, text);
	note_board_failure(experiment, who, text);
	if (experiment->phase == PHASE_LISTEN)
		enter(experiment, PHASE_LINGER);
	proceed(experiment);
}

/* Who has testified already is not missed. */
void experiment_lost(struct experiment *experiment, const char *who, const char *text)
{
	if (strcmp(who, "server") == 0) {
		if (experiment->phase < PHASE_CAPTURE && experiment->server == NULL)
			lose_server(experiment, text);
	} else if (experiment->phase != PHASE_DONE && experiment->board == NULL) {
		lose_board(experiment, who, text);
	}
}
