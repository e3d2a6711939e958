#include "verdict/infer.h"

#include "base/json.h"
#include "verdict/facts.h"
#include "verdict/offer.h"
#include "verdict/witness.h"

#include <math.h>
#include <string.h>

/* --- which servers fit ------------------------------------------------------------------------ */

static const json_t *first_alert(const json_t *connection, const char *from)
{
	const json_t *alert;
	size_t i;

	json_array_foreach(json_object_get(connection, "alerts"), i, alert)
		if (alert_is_fatal(alert, json_text(connection, "version")) &&
		    (from == NULL || strcmp(json_text(alert, "from"), from) == 0))
			return alert;
	return NULL;
}

static bool has(const json_t *connection, const char *member)
{
	return json_object_get(connection, member) != NULL;
}

/* Whether the first that came from the server was no record. */
static bool server_speaks_no_tls(const json_t *connection)
{
	const json_t *faults = json_object_get(connection, "faults"), *fault;
	size_t i;

	if (json_find(json_object_get(connection, "messages"), "from", "server") != NULL)
		return false;
	json_array_foreach(faults, i, fault)
		if (strcmp(json_text(fault, "from"), "server") == 0 &&
		    strcmp(json_text(fault, "where"), "record") == 0)
			return true;
	return false;
}

bool infer_failed(const json_t *connection)
{
	return first_alert(connection, NULL) != NULL || server_speaks_no_tls(connection);
}

bool infer_client_refused(const json_t *connection)
{
	return strcmp(json_text(first_alert(connection, NULL), "from"), "client") == 0;
}

/* True also where one of the two does not say. */
static bool agree(const char *answered, const char *captured)
{
	return answered[0] == '\0' || captured[0] == '\0' || strcmp(answered, captured) == 0;
}

static bool chose_the_same(const json_t *answer, const json_t *connection)
{
	const char *version = json_text(connection, "version");

	if (strncmp(version, "TLS ", 4) == 0)
		version += 4;
	return strcmp(json_text(answer, "version"), version) == 0 &&
	       agree(json_text(answer, "ciphersuite"), json_text(connection, "cipher_suite")) &&
	       agree(json_text(answer, "group"), json_text(connection, "group")) &&
	       agree(json_text(answer, "signature_algorithm"),
	             json_text(connection, "signature_algorithm"));
}

/* The group that a HelloRetryRequest asks for. */
static const char *wanted_group(const json_t *connection)
{
	const json_t *retry = json_object_get(connection, "hello_retry_request");

	return json_text(witness_extension(retry, "key_share"), "selected_group");
}

bool infer_fits(const json_t *answer, const json_t *connection)
{
	const char *word = json_text(answer, "answer");
	const json_t *alert = first_alert(connection, "server");

	if (has(connection, "hello_retry_request"))
		return strcmp(word, "hello_retry_request") == 0 &&
		       agree(json_text(answer, "group"), wanted_group(connection));
	if (has(connection, "server_hello"))
		return strcmp(word, "server_hello") == 0 && chose_the_same(answer, connection);
	return alert != NULL && strcmp(word, "alert") == 0 &&
	       json_number(json_object_get(answer, "alert"), "number") ==
		       json_number(alert, "number");
}

/* --- causes ----------------------------------------------------------------------------------- */

/* What the server would have testified, as far as its answer and the wire tell. */
static json_t *server_testimony(const json_t *answer, const json_t *connection)
{
	json_t *errors = json_made(json_array()), *error = json_object_get(answer, "error");
	json_t *alerts = json_object_get(connection, "alerts");

	if (error != NULL)
		json_array_append(errors, error);
	return json_made(json_pack("{s:b, s:s, s:b, s:O?, s:O, s:o}", "connected", 1, "state",
	                           "handshake", "handshake", 0, "version",
	                           json_object_get(answer, "version"), "alerts", alerts, "errors",
	                           errors));
}

/* The cell that a run with that server would have given, without a board's word. */
static json_t *cell_of(const json_t *answer, const json_t *connection)
{
	json_t *server = json_object_get(answer, "server");
	const json_t *alert = first_alert(connection, NULL);
	const char *from = json_text(alert, "from");
	const char *reason = from[0] == '\0'               ? "board-error"
	                     : strcmp(from, "server") == 0 ? "alert-from-server"
	                                                   : "alert-from-board";

	return json_made(json_pack("{s:O, s:{}, s:s, s:s, s:s, s:b, s:o, s:O*, s:{s:o, s:O, s:n}}",
	                           "server", server, "client", "outcome", "fail", "reason", reason,
	                           "detail", "", "inferred", 1, "missing",
	                           offer_missing(server, connection, alert), "alert", alert,
	                           "witnesses", "server", server_testimony(answer, connection),
	                           "wire", connection, "board"));
}

/* What these witnesses did not say is no evidence. */
static void forget_witness(json_t *diagnosis, const char *witness)
{
	json_t *evidence = json_object_get(diagnosis, "evidence");

	for (size_t i = json_array_size(evidence); i-- > 0;)
		if (strcmp(json_text(json_array_get(evidence, i), "witness"), witness) == 0)
			json_array_remove(evidence, i);
}

static json_t *find_cause(const json_t *causes, const char *id)
{
	json_t *cause;
	size_t i;

	json_array_foreach(causes, i, cause)
		if (strcmp(json_text(json_object_get(cause, "diagnosis"), "id"), id) == 0)
			return cause;
	return NULL;
}

/* Where no rule explains a refusal, OpenSSL's reason does as well as it can; NULL without one. */
static json_t *bare_reason(const json_t *answer)
{
	const char *reason = json_text(json_object_get(answer, "error"), "reason");

	if (reason[0] == '\0')
		return NULL;
	return json_made(json_pack("{s:s, s:s+, s:s, s:[]}", "id", reason, "title",
	                           "The server refuses, and OpenSSL's reason is: ", reason,
	                           "confidence", "none", "evidence"));
}

static void add_cause(json_t *causes, json_t *diagnosis, json_t *answer)
{
	bool explained = strcmp(json_text(diagnosis, "confidence"), "none") != 0;
	bool stands_in = json_object_get(answer, "answer") != NULL;
	json_t *told = explained ? json_incref(diagnosis) : bare_reason(answer), *cause;

	if (told == NULL)
		return;
	cause = find_cause(causes, json_text(told, "id"));
	if (cause == NULL) {
		cause = json_made(json_pack("{s:O, s:[]}", "diagnosis", told, "answers"));
		forget_witness(told, "board");
		if (json_object_get(answer, "error") == NULL)
			forget_witness(told, "server");
		json_array_append_new(causes, cause);
	}
	if (stands_in)
		json_array_append(json_object_get(cause, "answers"), answer);
	json_decref(told);
}

static void add_causes(json_t *causes, struct rules *rules, const json_t *connection,
                       json_t *answer)
{
	json_t *cell = cell_of(answer, connection), *board = json_made(json_object());
	json_t *diagnosis;
	size_t i;

	rules_diagnose(rules, cell, board);
	json_array_foreach(json_object_get(cell, "diagnosis"), i, diagnosis)
		add_cause(causes, diagnosis, answer);
	json_decref(board);
	json_decref(cell);
}

/* Where no server stands in, the rules have what the wire shows. */
json_t *infer_causes(struct rules *rules, const json_t *connection, const json_t *answers)
{
	json_t *causes = json_made(json_array()), *unknown, *answer;
	bool any = false;
	size_t i;

	if (!infer_failed(connection))
		return causes;
	json_array_foreach(answers, i, answer) {
		if (!infer_fits(answer, connection))
			continue;
		add_causes(causes, rules, connection, answer);
		any = true;
	}
	if (any)
		return causes;
	unknown = json_made(json_pack("{s:{}}", "server"));
	add_causes(causes, rules, connection, unknown);
	json_decref(unknown);
	return causes;
}

/* --- changes ---------------------------------------------------------------------------------- */

/* Adds the members of `a` that `b` has otherwise: with b's value, or null where it has none. */
static void add_differences(json_t *patch, const json_t *a, const json_t *b)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)a, key, value) {
		json_t *other = json_object_get(b, key);

		if (other == NULL)
			json_object_set_new(patch, key, json_null());
		else if (!json_equal(value, other))
			json_object_set(patch, key, other);
	}
}

/* The merge patch that leads from `from` to `to`. */
static json_t *change_between(const json_t *from, const json_t *to)
{
	json_t *patch = json_made(json_object());
	const char *key;
	json_t *value;

	add_differences(patch, from, to);
	json_object_foreach((json_t *)to, key, value)
		if (json_object_get(from, key) == NULL)
			json_object_set(patch, key, value);
	return patch;
}

void infer_add_change(json_t *changes, json_t *change, json_t *answer)
{
	const json_t *other;
	size_t i;

	json_array_foreach(changes, i, other)
		if (json_equal(json_object_get(other, "change"), change))
			return;
	json_array_append_new(changes, json_made(json_pack("{s:O, s:O}", "change", change, "answer",
	                                                   answer)));
}

static bool has_same_keys(const json_t *answer, const json_t *other)
{
	const json_t *a = json_object_get(answer, "server"), *b = json_object_get(other, "server");
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)a, key, value)
		if (json_object_get(b, key) == NULL)
			return false;
	return json_object_size(a) == json_object_size(b);
}

void infer_changes(const json_t *from, const json_t *answers, json_t *changes)
{
	const json_t *begin;
	json_t *answer;
	size_t i, k;

	json_array_foreach(from, i, begin) {
		if (!has_same_keys(begin, json_array_get(from, 0)))
			continue;
		json_array_foreach(answers, k, answer) {
			json_t *change = change_between(json_object_get(begin, "server"),
			                                json_object_get(answer, "server"));

			if (json_object_size(change) == 1)
				infer_add_change(changes, change, answer);
			json_decref(change);
		}
	}
}

/* --- what happened ---------------------------------------------------------------------------- */

static double t_ms(const json_t *event)
{
	return json_number_value(json_object_get(event, "t_ms"));
}

static void add_first_word(const json_t *connection, struct buf *out)
{
	if (has(connection, "hello_retry_request"))
		buf_printf(out,
		           "The server asks for another ClientHello, with a key share of %s.\n",
		           wanted_group(connection));
	if (has(connection, "server_hello"))
		buf_printf(out, "The server chooses %s and %s%s%s.\n",
		           json_text(connection, "version"), json_text(connection, "cipher_suite"),
		           json_text(connection, "group")[0] != '\0' ? " with " : "",
		           json_text(connection, "group"));
}

/* Those after `from_ms` and up to `to_ms`. */
static void add_alerts(const json_t *connection, double from_ms, double to_ms, struct buf *out)
{
	const json_t *alert;
	size_t i;

	json_array_foreach(json_object_get(connection, "alerts"), i, alert) {
		if (t_ms(alert) <= from_ms || t_ms(alert) > to_ms)
			continue;
		buf_printf(out, "The %s sends ", json_text(alert, "from"));
		witness_alert(alert, out);
		buf_printf(out, ", %.1f ms after the connection's first packet%s.\n", t_ms(alert),
		           strcmp(json_text(alert, "from"), "server") == 0 &&
		                           !has(connection, "server_hello")
		                   ? " and without a ServerHello"
		                   : "");
	}
}

static bool has_message(const json_t *connection, const char *type)
{
	return json_find(json_object_get(connection, "messages"), "type", type) != NULL;
}

/* Whether the connection broke off without a word, as far as words could be read. */
static bool is_silent(const json_t *connection)
{
	return json_array_size(json_object_get(connection, "alerts")) == 0 &&
	       !has_message(connection, "encrypted") &&
	       !has_message(connection, "application_data");
}

static void add_end(const json_t *connection, struct buf *out)
{
	const json_t *close = json_object_get(connection, "close");
	const char *first = json_text(close, "first");
	bool reset = strcmp(json_text(close, first), "rst") == 0;

	if (first[0] == '\0') {
		buf_text(out, "The capture does not show who ended the connection.\n");
		return;
	}
	buf_printf(out, "The %s %s the connection first, after %.1f ms.\n", first,
	           reset ? "resets" : "closes", t_ms(close));
	if (is_silent(connection) && !server_speaks_no_tls(connection))
		buf_printf(out, "Nobody sent an alert: only the log of the %s can tell why.\n",
		           first);
}

/*
 * What came in TLS 1.3 after the ServerHello and is closed to the reader: the length tells an alert
 * (RFC 8446 section 6), which no message of a handshake is as short as.
 */
static bool is_alert_by_length(const json_t *connection, const json_t *message)
{
	bool short_tag = strstr(json_text(connection, "cipher_suite"), "_CCM_8_") != NULL;

	return json_number(message, "length") == 2 + 1 + (short_tag ? 8 : 16);
}

/* The next closed record from message `*i` on, of whichever side; NULL if there is none. */
static const json_t *next_closed(const json_t *messages, size_t *i)
{
	while (*i < json_array_size(messages)) {
		const json_t *message = json_array_get(messages, (*i)++);

		if (strcmp(json_text(message, "type"), "encrypted") == 0)
			return message;
	}
	return NULL;
}

/* Passes over closed records of this side: the first of the other. */
static const json_t *first_after(const json_t *messages, size_t *i, const char *from)
{
	const json_t *message = next_closed(messages, i);

	while (message != NULL && strcmp(json_text(message, "from"), from) == 0)
		message = next_closed(messages, i);
	return message;
}

/*
 * The client's alert in the place of its Finished; or the server's, once the client is done: where
 * all is well it sends tickets or data before it closes, or closes after the client.
 */
static void add_closed_alert(const json_t *connection, struct buf *out)
{
	const json_t *messages = json_object_get(connection, "messages"), *of_client, *of_server;
	size_t i = 0;

	while (i < json_array_size(messages) &&
	       strcmp(json_text(json_array_get(messages, i), "type"), "server_hello") != 0)
		i++;
	of_client = first_after(messages, &i, "server");
	if (of_client != NULL && is_alert_by_length(connection, of_client)) {
		buf_text(out, "Where the client's Finished is due comes a record with the length "
		              "of an alert: most likely it refuses what the server sent, its "
		              "certificate above all.\n");
		return;
	}
	of_server = first_after(messages, &i, "client");
	if (of_server != NULL && is_alert_by_length(connection, of_server) &&
	    strcmp(json_text(json_object_get(connection, "close"), "first"), "server") == 0)
		buf_text(out, "The server's first record after the client's last flight has the "
		              "length of an alert: most likely it refuses the client, whose "
		              "certificate it may have asked for.\n");
}

void infer_course(const json_t *connection, struct buf *out)
{
	const json_t *close = json_object_get(connection, "close");
	double end_ms = json_text(close, "first")[0] != '\0' ? t_ms(close) : INFINITY;

	add_first_word(connection, out);
	if (has_message(connection, "application_data"))
		buf_text(out, "Application data follow.\n");
	if (has_message(connection, "encrypted"))
		buf_text(out, "What follows is encrypted; a key log (--keylog) opens it.\n");
	if (strcmp(json_text(connection, "version"), "TLS 1.3") == 0)
		add_closed_alert(connection, out);
	if (server_speaks_no_tls(connection))
		buf_text(out, "What the server answers is no TLS.\n");
	else if (!has(connection, "server_hello") && !has(connection, "hello_retry_request") &&
	         first_alert(connection, "server") == NULL)
		buf_text(out, "No answer of the server is in the capture.\n");
	add_alerts(connection, -INFINITY, end_ms, out);
	add_end(connection, out);
	add_alerts(connection, end_ms, INFINITY, out);
}
