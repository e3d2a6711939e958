#include "view/ladder.h"

#include "base/assert.h"
#include "base/json.h"
#include "verdict/witness.h"
#include "view/text.h"

#include <stdlib.h>
#include <string.h>

#define TIME_WIDTH 10 /* columns of "1234.567 ms" without the unit */
#define NEVER 1e300   /* the time of what has none: it comes last */
#define BOLD "1"
#define RED "1;31"
#define PLAIN "0"

enum lane { LANE_WIRE, LANE_CLIENT, LANE_SERVER };

struct event {
	double t_ms;
	size_t place; /* among those of one time */
	enum lane lane;
	bool from_client; /* on the wire */
	bool ends;        /* the end of the TCP connection */
	const json_t *alert;
	char *text;       /* owned, not clean */
};

struct ladder {
	const json_t *wire; /* NULL: nobody saw it there */
	const struct terminal_options *options;
	enum text_charset charset;
	size_t width;
	const char *client; /* what the left side is called */
	struct buf *out;
	struct event *events;
	size_t n, size;
	const struct event *first; /* what ended it first; NULL: nothing, or it is not known */
};

/* --- what happened ---------------------------------------------------------------------------- */

/* The event takes what `text` holds and leaves it empty. */
static struct event *add(struct ladder *ladder, enum lane lane, double t_ms, struct buf *text)
{
	if (ladder->n == ladder->size) {
		ladder->size = ladder->size * 2 + 16;
		ladder->events = realloc(ladder->events, ladder->size * sizeof(*ladder->events));
		CHECK(ladder->events != NULL);
	}
	ladder->events[ladder->n] = (struct event){
		.t_ms = t_ms, .place = ladder->n, .lane = lane, .text = strdup(buf_string(text))};
	CHECK(ladder->events[ladder->n].text != NULL);
	buf_clear(text);
	return &ladder->events[ladder->n++];
}

static double number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static bool is_from_client(const json_t *said)
{
	return strcmp(json_text(said, "from"), "client") == 0;
}

static bool is_named(const json_t *object, const char *key, const char *word)
{
	return strcmp(json_text(object, key), word) == 0;
}

static bool is_alert(const json_t *message)
{
	return is_named(message, "type", "alert") || is_named(message, "content_type", "alert");
}

/* An alert's words stand in a list beside the messages: the one of this side and time. */
static const json_t *alert_of(const json_t *wire, const json_t *message)
{
	const json_t *alert;
	size_t i;

	json_array_foreach(json_object_get(wire, "alerts"), i, alert)
		if (is_alert(message) && is_from_client(alert) == is_from_client(message) &&
		    number(alert, "t_ms") == number(message, "t_ms"))
			return alert;
	return NULL;
}

/* "alert internal_error (80), 2 bytes, plain"; a HelloRetryRequest is a ServerHello of its own. */
static void put_message(const json_t *message, const json_t *alert, bool retry, struct buf *text)
{
	bool opaque = is_named(message, "type", "encrypted");
	const char *content = json_text(message, "content_type");
	const char *keys = json_text(message, "protected_with");

	if (alert != NULL && json_is_integer(json_object_get(alert, "number"))) {
		buf_printf(text, "alert%s ", is_named(alert, "level", "warning") ? " warning" : "");
		witness_alert(alert, text);
	} else if (opaque) {
		buf_printf(text, "encrypted %s", content[0] != '\0' ? content : "record");
	} else {
		buf_text(text, retry ? "hello_retry_request" : json_text(message, "type"));
	}
	if (json_object_get(message, "length") != NULL)
		buf_printf(text, ", %lld byte%s", json_number(message, "length"),
		           json_number(message, "length") == 1 ? "" : "s");
	buf_text(text, opaque ? ", opaque"
	               : json_flag(message, "protected") ? ", decrypted" : ", plain");
	if (keys[0] != '\0')
		buf_printf(text, " with %s", keys);
}

static void add_messages(struct ladder *ladder)
{
	const json_t *messages = json_object_get(ladder->wire, "messages"), *message, *retry = NULL;
	struct buf text = {0};
	size_t i;

	if (json_is_object(json_object_get(ladder->wire, "hello_retry_request")))
		retry = json_find(messages, "type", "server_hello");
	json_array_foreach(messages, i, message) {
		const json_t *alert = alert_of(ladder->wire, message);
		struct event *event;

		put_message(message, alert, message == retry, &text);
		event = add(ladder, LANE_WIRE, number(message, "t_ms"), &text);
		event->from_client = is_from_client(message);
		event->alert = alert;
	}
	if (json_flag(ladder->wire, "messages_cut")) {
		buf_text(&text, "more messages, which were not kept");
		add(ladder, LANE_CLIENT, NEVER, &text);
	}
	buf_fini(&text);
}

static void add_beginning(struct ladder *ladder)
{
	struct buf text = {0};

	if (json_flag(json_object_get(ladder->wire, "tcp"), "syn")) {
		buf_text(&text, "TCP connection");
		add(ladder, LANE_WIRE, 0, &text)->from_client = true;
	}
	buf_fini(&text);
}

static void add_end(struct ladder *ladder)
{
	const json_t *close = json_object_get(ladder->wire, "close");
	const char *who = json_text(close, "first");
	struct buf text = {0};
	struct event *event;

	if (who[0] == '\0')
		return;
	buf_text(&text, is_named(close, who, "rst") ? "TCP reset" : "TCP end");
	event = add(ladder, LANE_WIRE, number(close, "t_ms"), &text);
	event->from_client = strcmp(who, "client") == 0;
	event->ends = true;
	buf_fini(&text);
}

/* What a witness's own times count from, after the first packet; NEVER if it is not known. */
static double zero_of(const struct ladder *ladder, const json_t *witness)
{
	const json_t *own = json_object_get(witness, "start_us");
	const json_t *wire = json_object_get(ladder->wire, "start_us");

	if (own == NULL || wire == NULL)
		return NEVER;
	return (double)(json_integer_value(own) - json_integer_value(wire)) / 1000;
}

static double at(double zero, double t_ms)
{
	return zero == NEVER ? NEVER : zero + t_ms;
}

static void add_server(struct ladder *ladder, const json_t *server)
{
	const json_t *times = json_object_get(server, "timings_ms");
	double zero = zero_of(ladder, server), accepted = number(times, "accept");
	struct buf text = {0};

	if (!json_flag(server, "connected"))
		return;
	buf_text(&text, "takes the connection");
	add(ladder, LANE_SERVER, at(zero, accepted), &text);
	if (json_is_number(json_object_get(times, "handshake"))) {
		bool done = json_flag(server, "handshake");

		buf_text(&text, done ? "handshake complete" : "handshake fails: ");
		if (!done)
			witness_server_error(server, &text);
		add(ladder, LANE_SERVER, at(zero, accepted + number(times, "handshake")), &text);
	}
	buf_printf(&text, "ends: %s", json_text(server, "ended"));
	add(ladder, LANE_SERVER, at(zero, number(times, "total")), &text);
	buf_fini(&text);
}

/* A line of the log begins with "[ seconds] ". */
static void add_log_line(struct ladder *ladder, double zero, const char *line, size_t len)
{
	char *end = NULL;
	double seconds = line[0] == '[' ? strtod(line + 1, &end) : 0;
	struct buf text = {0};

	if (end == NULL || end == line + 1 || *end != ']' || end >= line + len)
		return;
	end += end[1] == ' ' ? 2 : 1;
	if (end < line + len)
		buf_add(&text, end, (size_t)(line + len - end));
	add(ladder, LANE_CLIENT, at(zero, seconds * 1000), &text);
	buf_fini(&text);
}

static void add_board(struct ladder *ladder, const json_t *board)
{
	const char *failed = json_text(board, "failed"), *phase = json_text(board, "phase");
	const char *rest = json_text(board, "log"), *line;
	double zero = zero_of(ladder, board);
	struct buf text = {0};
	size_t len;

	while (zero != NEVER && (line = text_line(&rest, &len)) != NULL)
		add_log_line(ladder, zero, line, len);
	if (failed[0] != '\0') {
		buf_printf(&text, "%s: %s", failed, json_text(board, "text"));
	} else if (phase[0] != '\0') {
		buf_text(&text, "reports ");
		witness_status(board, &text);
		buf_printf(&text, " in phase %s", phase);
	}
	if (text.len > 0)
		add(ladder, LANE_CLIENT, NEVER, &text);
	buf_fini(&text);
}

static int in_time(const void *a, const void *b)
{
	const struct event *one = a, *other = b;

	if (one->t_ms != other->t_ms)
		return one->t_ms < other->t_ms ? -1 : 1;
	return one->place < other->place ? -1 : 1;
}

/* close_notify and user_canceled end a connection in order. */
static bool is_parting(const json_t *alert)
{
	long long value = json_number(alert, "number");

	return json_is_integer(json_object_get(alert, "number")) && (value == 0 || value == 90);
}

/*
 * Who failed first: the first alert that is none of order, else, where no handshake came about, who
 * left first.
 */
static void find_first(struct ladder *ladder, bool established)
{
	for (size_t i = 0; i < ladder->n && ladder->first == NULL; i++)
		if (ladder->events[i].alert != NULL && !is_parting(ladder->events[i].alert) &&
		    !is_named(ladder->events[i].alert, "level", "warning"))
			ladder->first = &ladder->events[i];
	for (size_t i = 0; i < ladder->n && ladder->first == NULL && !established; i++)
		if (ladder->events[i].ends)
			ladder->first = &ladder->events[i];
}

/* --- as text ---------------------------------------------------------------------------------- */

static void paint(const struct ladder *ladder, const char *sgr)
{
	if (ladder->options->colour)
		buf_printf(ladder->out, "\x1b[%sm", sgr);
}

static const char *arrow_of(const struct ladder *ladder, const struct event *event)
{
	bool unicode = ladder->options->unicode;

	if (event->from_client)
		return unicode ? "──▶" : "-->";
	return unicode ? "◀──" : "<--";
}

/* "     2.427  board ──▶ server  "; returns its columns. */
static size_t put_rails(const struct ladder *ladder, const struct event *event)
{
	struct buf *out = ladder->out;
	size_t left = strlen(ladder->client);

	if (event->t_ms == NEVER)
		buf_printf(out, "%*s", TIME_WIDTH, "");
	else
		buf_printf(out, "%*.3f", TIME_WIDTH, event->t_ms);
	buf_printf(out, "  %-*s ", (int)left, event->lane == LANE_SERVER ? "" : ladder->client);
	buf_text(out, event->lane == LANE_WIRE ? arrow_of(ladder, event) : "   ");
	buf_printf(out, " %-6s  ", event->lane == LANE_CLIENT ? "" : "server");
	return TIME_WIDTH + 2 + left + 1 + 3 + 1 + 6 + 2;
}

static void put_event(const struct ladder *ladder, const struct event *event)
{
	bool first = event == ladder->first;
	struct buf clean = {0};
	size_t indent;

	if (first)
		paint(ladder, RED);
	indent = put_rails(ladder, event);
	text_clean(&clean, event->text, ladder->charset);
	if (first)
		buf_text(&clean, ladder->options->unicode ? " ◀ ended it first"
		                                          : " <== ended it first");
	text_wrap(ladder->out, buf_string(&clean), indent, ladder->width);
	if (first)
		paint(ladder, PLAIN);
	buf_fini(&clean);
}

static void draw(struct ladder *ladder, bool established)
{
	size_t shown = ladder->n < LADDER_LINES_MAX ? ladder->n : LADDER_LINES_MAX;

	if (ladder->n == 0)
		return;
	qsort(ladder->events, ladder->n, sizeof(*ladder->events), in_time);
	find_first(ladder, established);
	paint(ladder, BOLD);
	buf_printf(ladder->out, "%*s\n", TIME_WIDTH, "ms");
	paint(ladder, PLAIN);
	for (size_t i = 0; i < shown; i++)
		put_event(ladder, &ladder->events[i]);
	if (ladder->n > shown)
		buf_printf(ladder->out, "and %zu more lines\n", ladder->n - shown);
	for (size_t i = 0; i < ladder->n; i++)
		free(ladder->events[i].text);
	free(ladder->events);
}

static struct ladder begin(const json_t *wire, const char *client,
                           const struct terminal_options *options, struct buf *out)
{
	return (struct ladder){
		.wire = wire,
		.options = options,
		.charset = terminal_charset(options),
		.width = terminal_width(options),
		.client = client,
		.out = out,
	};
}

/* --- contradictions --------------------------------------------------------------------------- */

/* "TLS 1.3" and "1.3" are one. */
static const char *bare(const char *text)
{
	return strncmp(text, "TLS ", 4) == 0 ? text + 4 : text;
}

/* Once the handshake is complete all know what was agreed on: who says otherwise is marked. */
static void put_differences(struct ladder *ladder, const json_t *witnesses)
{
	static const struct {
		const char *what, *own, *wire;
	} members[] = {{"TLS version", "version", "version"},
	               {"cipher suite", "ciphersuite", "cipher_suite"}};
	static const char *const names[] = {"board", "wire", "server"};
	struct buf text = {0};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const char *one = NULL;
		bool differ = false;

		buf_clear(&text);
		buf_printf(&text, "%s The witnesses disagree on the %s:",
		           ladder->options->unicode ? "≠" : "!=", members[i].what);
		for (size_t k = 0; k < 3; k++) {
			const json_t *witness = json_object_get(witnesses, names[k]);
			const char *said = bare(json_text(witness, k == 1 ? members[i].wire
			                                                  : members[i].own));

			if (said[0] == '\0')
				continue;
			differ = differ || (one != NULL && strcasecmp(one, said) != 0);
			one = one != NULL ? one : said;
			buf_printf(&text, " the %s says %s;", names[k], said);
		}
		if (differ) {
			struct buf clean = {0};

			text.data[text.len - 1] = '.';
			text_clean(&clean, buf_string(&text), ladder->charset);
			text_wrap(ladder->out, buf_string(&clean), 0, ladder->width);
			buf_fini(&clean);
		}
	}
	buf_fini(&text);
}

void ladder_cell(const json_t *cell, const struct terminal_options *options, struct buf *out)
{
	const json_t *witnesses = json_object_get(cell, "witnesses");
	const json_t *server = json_object_get(witnesses, "server");
	bool established = json_flag(server, "handshake");
	struct ladder ladder = begin(json_object_get(witnesses, "wire"), "board", options, out);

	add_beginning(&ladder);
	add_server(&ladder, server);
	add_messages(&ladder);
	add_board(&ladder, json_object_get(witnesses, "board"));
	add_end(&ladder);
	draw(&ladder, established || is_named(cell, "outcome", "pass"));
	if (established)
		put_differences(&ladder, witnesses);
}

/* As far as the wire shows: data were sent, or both sides sent their Finished. */
static bool is_established(const json_t *connection)
{
	bool client = false, server = false;
	const json_t *message;
	size_t i;

	json_array_foreach(json_object_get(connection, "messages"), i, message) {
		if (is_named(message, "type", "application_data") ||
		    is_named(message, "content_type", "application_data"))
			return true;
		if (is_named(message, "type", "finished") ||
		    is_named(message, "content_type", "handshake"))
			*(is_from_client(message) ? &client : &server) = true;
	}
	return client && server;
}

void ladder_connection(const json_t *connection, const struct terminal_options *options,
                       struct buf *out)
{
	struct ladder ladder = begin(connection, "client", options, out);

	add_beginning(&ladder);
	add_messages(&ladder);
	add_end(&ladder);
	draw(&ladder, is_established(connection));
}
