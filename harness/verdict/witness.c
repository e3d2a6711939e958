#include "verdict/witness.h"

#include "base/json.h"

#include <string.h>

const json_t *witness_extension(const json_t *hello, const char *name)
{
	return json_find(json_object_get(hello, "extensions"), "name", name);
}

static bool is_readable(const json_t *alert)
{
	return json_is_integer(json_object_get(alert, "number"));
}

void witness_alert(const json_t *alert, struct buf *out)
{
	const char *name = json_text(alert, "description");

	if (!is_readable(alert))
		buf_text(out, "an alert that could not be decrypted");
	else if (name[0] != '\0')
		buf_printf(out, "%s (%lld)", name, json_number(alert, "number"));
	else
		buf_printf(out, "%lld", json_number(alert, "number"));
}

void witness_named_alert(const json_t *alert, struct buf *out)
{
	if (is_readable(alert))
		buf_text(out, "alert ");
	witness_alert(alert, out);
}

void witness_status(const json_t *board, struct buf *out)
{
	const char *name = json_text(board, "status_name");

	const char *status = json_text(board, "status");

	buf_printf(out, "%s%s%s", status[0] != '\0' ? status : "no status",
	           name[0] != '\0' ? " " : "", name);
}

void witness_server_error(const json_t *server, struct buf *out)
{
	const json_t *error = json_array_get(json_object_get(server, "errors"), 0);

	if (error != NULL)
		buf_printf(out, "%s (%s)", json_text(error, "reason"), json_text(error, "code"));
}

static const char *party(const json_t *object, const char *key)
{
	return strcmp(json_text(object, key), "client") == 0 ? "the board" : "the server";
}

/* "alert handshake_failure (40) sent" for each alert but the last word of an orderly end. */
static void add_alerts(const json_t *testimony, const char *by_client, const char *by_server,
                       struct buf *out)
{
	const json_t *alert;
	size_t i;

	json_array_foreach(json_object_get(testimony, "alerts"), i, alert) {
		const json_t *number = json_object_get(alert, "number");

		if (json_is_integer(number) && json_integer_value(number) == 0)
			continue;
		buf_text(out, ", ");
		witness_named_alert(alert, out);
		buf_text(out,
		         strcmp(json_text(alert, "from"), "client") == 0 ? by_client : by_server);
	}
}

/* --- the server ------------------------------------------------------------------------------- */

static const char *server_state(const json_t *server)
{
	static const struct {
		const char *state, *words;
	} states[] = {
		{"listening", "saw no connection"},
		{"connected", "accepted the connection and took no ClientHello"},
		{"handshake", "did not complete the handshake"},
		{"established", "completed the handshake"},
		{"closed", "completed the handshake"},
	};
	const char *state = json_flag(server, "handshake") ? "established"
	                                                   : json_text(server, "state");

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(state, states[i].state) == 0)
			return states[i].words;
	return "left no word of how far it came";
}

static void add_values(const json_t *testimony, const char *prefix, struct buf *out)
{
	static const char *const keys[] = {"ciphersuite", "group", "signature_algorithm"};
	const char *version = json_text(testimony, "version");

	if (version[0] == '\0')
		return;
	buf_printf(out, " (%s%s", prefix, version);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_text(testimony, keys[i])[0] != '\0')
			buf_printf(out, ", %s", json_text(testimony, keys[i]));
	buf_char(out, ')');
}

static void add_end(const json_t *server, struct buf *out)
{
	static const struct {
		const char *by, *words;
	} ends[] = {
		{"client", ", the board closed"},
		{"server", ", the server closed"},
		{"timeout", ", and time was up"},
	};
	const char *by = json_text(server, "closed_by");

	if (strcmp(json_text(server, "ended"), "stopped") == 0 && strcmp(by, "client") != 0 &&
	    json_flag(server, "connected")) {
		buf_text(out, ", and was told to end as the board left the connection open");
		return;
	}
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (strcmp(by, ends[i].by) == 0)
			buf_text(out, ends[i].words);
}

static void tell_server(const json_t *server, struct buf *out)
{
	struct buf error = {0};

	if (!json_is_object(server)) {
		buf_text(out, "no testimony");
		return;
	}
	buf_text(out, server_state(server));
	if (json_flag(server, "handshake")) {
		add_values(server, "TLS ", out);
		buf_printf(out, ", received %lld and returned %lld bytes of data",
		           json_number(server, "bytes_received"),
		           json_number(server, "bytes_sent"));
	}
	witness_server_error(server, &error);
	if (error.len > 0)
		buf_printf(out, ": %s", buf_string(&error));
	add_alerts(server, " received", " sent", out);
	add_end(server, out);
	buf_fini(&error);
}

/* --- the wire --------------------------------------------------------------------------------- */

static const json_t *last_handshake_message(const json_t *wire)
{
	const json_t *messages = json_object_get(wire, "messages");

	for (size_t i = json_array_size(messages); i-- > 0;)
		if (strcmp(json_text(json_array_get(messages, i), "type"), "alert") != 0)
			return json_array_get(messages, i);
	return NULL;
}

static void tell_wire(const json_t *wire, struct buf *out)
{
	const json_t *last = last_handshake_message(wire);
	const json_t *close = json_object_get(wire, "close");
	size_t n = json_array_size(json_object_get(wire, "messages"));
	const char *note = json_text(wire, "note");

	if (!json_is_object(wire) || strcmp(json_text(wire, "capture"), "none") == 0) {
		buf_printf(out, "no capture%s%s", note[0] != '\0' ? ": " : "", note);
		return;
	}
	buf_printf(out, "%zu TLS message%s", n, n == 1 ? "" : "s");
	if (last != NULL)
		buf_printf(out, ", the last %s from %s", json_text(last, "type"),
		           party(last, "from"));
	add_alerts(wire, " from the board", " from the server", out);
	if (json_is_string(json_object_get(close, "first")))
		buf_printf(out, ", %s ended the TCP connection first", party(close, "first"));
	if (json_array_size(json_object_get(wire, "faults")) > 0)
		buf_printf(out, ", %s",
		           json_text(json_array_get(json_object_get(wire, "faults"), 0), "text"));
}

/* --- the board -------------------------------------------------------------------------------- */

static void add_own_alert(const json_t *board, struct buf *out)
{
	const json_t *alert = json_object_get(board, "alert");

	if (json_is_object(alert))
		buf_printf(out, ", alert %lld %s", json_number(alert, "number"),
		           strcmp(json_text(alert, "from"), "client") == 0 ? "sent" : "received");
}

static void tell_board(const json_t *board, struct buf *out)
{
	const char *meaning = json_text(board, "status_meaning");

	if (!json_is_object(board)) {
		buf_text(out, "no testimony");
		return;
	}
	if (json_text(board, "failed")[0] != '\0') {
		buf_printf(out, "no result (%s): %s", json_text(board, "failed"),
		           json_text(board, "text"));
		return;
	}
	witness_status(board, out);
	if (json_text(board, "phase")[0] != '\0')
		buf_printf(out, " in phase %s", json_text(board, "phase"));
	if (meaning[0] != '\0')
		buf_printf(out, ": %s", meaning);
	add_own_alert(board, out);
}

json_t *witness_statements(const json_t *cell)
{
	static const struct {
		const char *name;
		void (*tell)(const json_t *testimony, struct buf *out);
	} witnesses[] = {{"server", tell_server}, {"wire", tell_wire}, {"board", tell_board}};
	const json_t *testimonies = json_object_get(cell, "witnesses");
	json_t *list = json_made(json_array());
	struct buf out = {0};

	for (size_t i = 0; i < sizeof(witnesses) / sizeof(witnesses[0]); i++) {
		buf_clear(&out);
		witnesses[i].tell(json_object_get(testimonies, witnesses[i].name), &out);
		json_array_append_new(
			list, json_made(json_pack("{s:s, s:s}", "witness", witnesses[i].name,
		                                  "text", buf_string(&out))));
	}
	buf_fini(&out);
	return list;
}
