#include "verdict/facts.h"

#include "base/json.h"
#include "verdict/expectation.h"
#include "verdict/lack.h"

#include <string.h>

#define CLOSE_NOTIFY 0
#define USER_CANCELED 90

static const struct {
	uint64_t bit;
	const char *name;
} names[] = {
	{SKIPPED, "skipped"},
	{SERVER_TROUBLE, "server-trouble"},
	{RUNNER_TROUBLE, "runner-trouble"},
	{OTHER_TROUBLE, "other-trouble"},
	{BOARD_SPOKE, "board-spoke"},
	{BOARD_REBOOTED, "board-rebooted"},
	{BOARD_LOST, "board-lost"},
	{BOARD_SILENT, "board-silent"},
	{BOARD_UNREADY, "board-unready"},
	{BOARD_OK, "board-ok"},
	{BOARD_ERROR, "board-error"},
	{BOARD_IN_TLS, "board-in-tls"},
	{BOARD_IN_APP, "board-in-app"},
	{BOARD_ALERT_UNSEEN, "board-alert-unseen"},
	{SERVER_SPOKE, "server-spoke"},
	{WIRE_SPOKE, "wire-spoke"},
	{CONNECTED, "connected"},
	{HELLO, "hello"},
	{ESTABLISHED, "established"},
	{ECHOED, "echoed"},
	{SERVER_TIMED_OUT, "server-timed-out"},
	{CLOSED_BY_BOARD, "closed-by-board"},
	{CLOSED_BY_SERVER, "closed-by-server"},
	{ALERT_FROM_BOARD, "alert-from-board"},
	{ALERT_FROM_SERVER, "alert-from-server"},
	{SERVER_SAW_ALERT, "server-saw-alert"},
	{ALERT_CONTRADICTED, "alert-contradicted"},
	{ALERT_DENIED, "alert-denied"},
	{VALUES_DIFFER, "values-differ"},
	{NOT_OFFERED, "not-offered"},
	{DECLARED, "declared"},
	{CLOSE_NOTIFIED, "close-notified"},
	{CUT_SHORT, "cut-short"},
	{SEVERAL, "several"},
	{SERVER_CANNOT, "server-cannot"},
	{MAY_REFUSE, "may-refuse"},
	{MUST_REFUSE, "must-refuse"},
	{FORESEEN_ALERT, "foreseen-alert"},
	{FAULTY, "faulty"},
	{UNAPPLIED, "unapplied"},
	{ACCEPTED, "accepted"},
	{UNNOTICED, "unnoticed"},
	{TWIN_FAILED, "twin-failed"},
	{TWIN_LOST, "twin-lost"},
	{TWIN_UNCLEAR, "twin-unclear"},
	{WORDLESS, "wordless"},
	{OTHERWISE, "otherwise"},
	{BOARD_UNABLE, "board-unable"},
	{BOARD_UNCLEAR, "board-unclear"},
	{CONTROL_FAILED, "control-failed"},
	{BOARD_ALERTED, "board-alerted"},
	{BOARD_DIED, "board-died"},
	{WENT_AWAY, "went-away"},
};

const char *fact_name(uint64_t bit)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].bit == bit)
			return names[i].name;
	return NULL;
}

static bool is(const json_t *object, const char *key, const char *text)
{
	return strcmp(json_text(object, key), text) == 0;
}

bool alert_is_fatal(const json_t *alert, const char *version)
{
	const json_t *number = json_object_get(alert, "number");

	if (!json_is_integer(number) || json_integer_value(number) == CLOSE_NOTIFY)
		return false;
	if (strstr(version, "1.3") != NULL)
		return json_integer_value(number) != USER_CANCELED;
	return is(alert, "level", "fatal");
}

/* --- the harness ------------------------------------------------------------------------------ */

static uint32_t read_trouble(const json_t *cell, const json_t *server)
{
	static const struct {
		const char *who;
		uint32_t bit;
	} parts[] = {{"server", SERVER_TROUBLE}, {"runner", RUNNER_TROUBLE}, {"sniffer", 0}};
	uint32_t bits = is(server, "ended", "crashed") ? SERVER_TROUBLE : 0;
	const json_t *trouble;
	size_t i, k;

	json_array_foreach(json_object_get(cell, "trouble"), i, trouble) {
		for (k = 0; k < sizeof(parts) / sizeof(parts[0]); k++)
			if (is(trouble, "who", parts[k].who))
				break;
		bits |= k < sizeof(parts) / sizeof(parts[0]) ? parts[k].bit : OTHER_TROUBLE;
	}
	return bits | (json_text(cell, "skipped")[0] != '\0' ? SKIPPED : 0);
}

/* --- the board -------------------------------------------------------------------------------- */

static uint64_t read_board_failure(const char *kind)
{
	static const struct {
		const char *kind;
		uint64_t bit;
	} kinds[] = {
		{"reboot", BOARD_REBOOTED}, {"silent", BOARD_SILENT}, {"lost", BOARD_LOST},
		{"port", BOARD_LOST},       {"unable", BOARD_UNABLE},
		{"board", BOARD_LOST | BOARD_DIED}, {"no-match", BOARD_UNCLEAR},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kind, kinds[i].kind) == 0)
			return kinds[i].bit;
	return BOARD_UNREADY;
}

static bool status_is_zero(const char *status)
{
	return status[0] == '\0' || strspn(status, "0x") == strlen(status);
}

static uint64_t read_board(const json_t *board)
{
	const char *failed = json_text(board, "failed");
	uint64_t bits = BOARD_SPOKE;

	if (!json_is_object(board))
		return 0;
	if (failed[0] != '\0')
		return read_board_failure(failed);
	if (!status_is_zero(json_text(board, "status")))
		bits |= BOARD_ERROR;
	else if (is(board, "phase", "close"))
		bits |= BOARD_OK;
	if (is(board, "phase", "app") || is(board, "phase", "close"))
		bits |= BOARD_IN_APP | BOARD_IN_TLS;
	if (is(board, "phase", "hs"))
		bits |= BOARD_IN_TLS;
	return bits;
}

/*
 * Programs and consoles often do not say how far they came. Then what the others saw stands: the
 * failure was in TLS if there was any, and after the handshake if that was completed.
 */
static uint64_t read_phase(const json_t *board, uint64_t bits)
{
	if ((bits & BOARD_ERROR) == 0 || json_text(board, "phase")[0] != '\0' ||
	    (bits & CONNECTED) == 0 || (bits & HELLO) == 0)
		return 0;
	return BOARD_IN_TLS | ((bits & ESTABLISHED) != 0 ? BOARD_IN_APP : 0);
}

/* --- the server and the wire ------------------------------------------------------------------ */

static uint32_t read_server(const json_t *server)
{
	uint32_t bits = SERVER_SPOKE;

	if (!json_is_object(server))
		return 0;
	if (json_flag(server, "connected"))
		bits |= CONNECTED;
	if (is(server, "state", "handshake") || is(server, "state", "established") ||
	    is(server, "state", "closed"))
		bits |= HELLO;
	if (json_flag(server, "handshake"))
		bits |= ESTABLISHED;
	if (json_number(server, "bytes_received") > 0 && json_number(server, "bytes_sent") > 0)
		bits |= ECHOED;
	if (is(server, "ended", "timeout"))
		bits |= SERVER_TIMED_OUT;
	return bits;
}

/* "close" or "reset", done */
static bool ends_the_connection(const json_t *fault)
{
	return json_flag(fault, "applied") &&
	       (is(fault, "do", "close") || is(fault, "do", "reset"));
}

static bool went_away(const json_t *server)
{
	const json_t *fault;
	size_t i;

	json_array_foreach(json_object_get(server, "faults"), i, fault)
		if (ends_the_connection(fault))
			return true;
	return false;
}

static uint64_t read_close(const json_t *server, const json_t *wire)
{
	const json_t *by = json_object_get(server, "closed_by");
	bool left_open = is(server, "ended", "stopped") || is(server, "ended", "timeout");

	if (!json_is_string(by))
		by = json_object_get(json_object_get(wire, "close"), "first");
	if (!json_is_string(by))
		return 0;
	if (strcmp(json_string_value(by), "client") == 0)
		return CLOSED_BY_BOARD;
	return strcmp(json_string_value(by), "server") == 0 && !left_open ? CLOSED_BY_SERVER : 0;
}

/* The first fatal alert of a testimony; of `from` alone unless that is NULL. */
static const json_t *fatal_alert(const json_t *testimony, const char *from)
{
	const json_t *alert;
	size_t i;

	json_array_foreach(json_object_get(testimony, "alerts"), i, alert)
		if (alert_is_fatal(alert, json_text(testimony, "version")) &&
		    (from == NULL || is(alert, "from", from)))
			return alert;
	return NULL;
}

static bool any_alert_from_server(const json_t *testimony)
{
	const json_t *alert;
	size_t i;

	json_array_foreach(json_object_get(testimony, "alerts"), i, alert)
		if (is(alert, "from", "server") && json_number(alert, "number") != CLOSE_NOTIFY)
			return true;
	return false;
}

/* True if every alert of the connection must be among those that the capture shows. */
static bool wire_shows_all(const json_t *wire)
{
	const json_t *message;
	size_t i;

	if (json_flag(wire, "messages_cut") || json_number(wire, "dropped") > 0 ||
	    json_number(json_object_get(wire, "tcp"), "gaps") > 0 ||
	    json_array_size(json_object_get(wire, "faults")) > 0 ||
	    !json_is_string(json_object_get(json_object_get(wire, "close"), "first")))
		return false;
	json_array_foreach(json_object_get(wire, "messages"), i, message)
		if (is(message, "type", "encrypted"))
			return false;
	return json_array_size(json_object_get(wire, "messages")) > 0;
}

/* OpenSSL read to the end of the stream, and the last words were missing. */
static bool ended_early(const json_t *server)
{
	const json_t *error;
	size_t i;

	json_array_foreach(json_object_get(server, "errors"), i, error)
		if (is(error, "reason", "unexpected eof while reading"))
			return true;
	return false;
}

/*
 * A close_notify that the server did not come to read, because a reset came close behind it, may
 * still be on the wire. So that there was none is certain only if one of them saw all; the server's
 * tap saw no more than the server.
 */
static uint64_t read_farewell(const json_t *server, const json_t *wire, uint64_t bits)
{
	const json_t *alert;
	size_t i;

	if (is(server, "state", "closed") ||
	    json_flag(json_object_get(server, "close_notify"), "received"))
		return CLOSE_NOTIFIED;
	json_array_foreach(json_object_get(wire, "alerts"), i, alert)
		if (is(alert, "from", "client") && is(alert, "description", "close_notify"))
			return CLOSE_NOTIFIED;
	if ((bits & CLOSED_BY_BOARD) == 0)
		return 0;
	return ended_early(server) || (is(wire, "capture", "sniffer") && wire_shows_all(wire))
	               ? CUT_SHORT
	               : 0;
}

/*
 * Whether the first alert on the wire is one of the board's that the server could not read, as a
 * fault had set their keys apart: what the server says then answers bytes, not the board.
 */
static bool alert_went_unread(const json_t *wire)
{
	const json_t *first = json_array_get(json_object_get(wire, "alerts"), 0);

	return is(first, "from", "client") && json_text(first, "protected_with")[0] != '\0' &&
	       json_number(first, "number") != CLOSE_NOTIFY;
}

static void read_alerts(struct facts *facts, const json_t *server, const json_t *wire,
                        const json_t *board)
{
	const json_t *reported = json_object_get(board, "alert");
	const bool answers_end = went_away(server) && ended_early(server);
	const char *whose = (facts->bits & CLOSED_BY_BOARD) != 0 || answers_end ? "client" : NULL;
	const json_t *of_wire = fatal_alert(wire, whose);
	const json_t *of_server = fatal_alert(server, whose);

	facts->alert = of_wire != NULL ? of_wire : of_server;
	if (facts->alert != NULL)
		facts->bits |= is(facts->alert, "from", "client") ? ALERT_FROM_BOARD
		                                                  : ALERT_FROM_SERVER;
	if (of_server != NULL)
		facts->bits |= SERVER_SAW_ALERT;
	if (of_server != NULL && of_wire == NULL && wire_shows_all(wire))
		facts->bits |= ALERT_CONTRADICTED;
	if (fatal_alert(wire, "server") != NULL && fatal_alert(server, "server") == NULL)
		facts->bits |= ALERT_DENIED;
	if (is(reported, "from", "server") && json_number(reported, "number") != CLOSE_NOTIFY &&
	    !any_alert_from_server(server) && !any_alert_from_server(wire))
		facts->bits |= BOARD_ALERT_UNSEEN;
	if ((is(reported, "from", "client") && json_number(reported, "number") != CLOSE_NOTIFY) ||
	    alert_went_unread(wire))
		facts->bits |= BOARD_ALERTED;
}

/* --- what they all name ----------------------------------------------------------------------- */

/* "TLS 1.3" and "1.3" are the same. */
static const char *bare(const char *value)
{
	return strncmp(value, "TLS ", 4) == 0 ? value + 4 : value;
}

/* Firmware may have words of its own; only names as the registries spell them are compared. */
static bool comparable(const char *value)
{
	return (bare(value)[0] >= '0' && bare(value)[0] <= '9') || strncmp(value, "TLS_", 4) == 0;
}

static bool differ(const char *a, const char *b)
{
	return comparable(a) && comparable(b) && strcmp(bare(a), bare(b)) != 0;
}

static const char *differing_value(const json_t *server, const json_t *wire, const json_t *board)
{
	static const struct {
		const char *what, *of_peers, *of_wire;
	} values[] = {
		{"TLS version", "version", "version"},
		{"cipher suite", "ciphersuite", "cipher_suite"},
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		const char *s = json_text(server, values[i].of_peers);
		const char *w = json_text(wire, values[i].of_wire);
		const char *b = json_text(board, values[i].of_peers);

		if (differ(s, w) || differ(s, b) || differ(w, b))
			return values[i].what;
	}
	return NULL;
}

/* --- the expectation -------------------------------------------------------------------------- */

/* Whether every fault of the server's stream was left undone: the connection ended before it. */
static uint64_t read_faults(const json_t *cell, const json_t *server)
{
	const json_t *planned = json_object_get(json_object_get(cell, "server"), "faults");
	const json_t *fault;
	size_t i;

	if (json_array_size(planned) == 0)
		return 0;
	json_array_foreach(json_object_get(server, "faults"), i, fault)
		if (json_flag(fault, "applied"))
			return FAULTY | (went_away(server) ? WENT_AWAY : 0);
	return FAULTY | UNAPPLIED;
}

/*
 * Where the server breaks the protocol, it says itself whether the board went on; a bad certificate
 * is accepted once the board sends data.
 */
static uint64_t read_acceptance(const json_t *server, uint64_t bits)
{
	const json_t *noticed = json_object_get(server, "noticed");
	uint64_t made = json_is_false(noticed) ? UNNOTICED : 0;
	bool data = (bits & FAULTY) == 0 && json_number(server, "bytes_received") > 0;

	if ((bits & CONNECTED) == 0 || (bits & HELLO) == 0)
		return 0;
	if (json_flag(server, "accepted") || data ||
	    ((bits & BOARD_OK) != 0 && (bits & (ESTABLISHED | UNAPPLIED)) == ESTABLISHED))
		made |= ACCEPTED;
	return made;
}

bool twin_connects(const json_t *result)
{
	return is(result, "outcome", "pass") ||
	       (is(result, "outcome", "fail") && is(result, "reason", "no-close-notify"));
}

/* A failure of the harness' own says nothing of the board, nor do words that nobody understands. */
static uint64_t read_twin(const json_t *twin)
{
	const json_t *before = json_object_get(twin, "before");
	const json_t *after = json_object_get(twin, "after");

	if (before == NULL)
		return 0;
	if (!twin_connects(before))
		return TWIN_FAILED;
	if (after == NULL || twin_connects(after) || is(after, "outcome", "error"))
		return 0;
	return is(after, "reason", "no-match") ? TWIN_UNCLEAR : TWIN_LOST;
}

static void read_expectation(struct facts *facts, const json_t *cell, const json_t *server,
                             const json_t *wire)
{
	const json_t *expect = json_object_get(cell, "expect");

	if (expectation_has(expect, "refuse") &&
	    expectation_holds(expectation_refusal(expect), json_object_get(wire, "client_hello"))) {
		facts->bits |= MAY_REFUSE | (expectation_has(expect, "connect") ? 0 : MUST_REFUSE);
		facts->bits |= read_twin(json_object_get(cell, "twin"));
	}
	if (expectation_names_alert(expect, facts->alert))
		facts->bits |= FORESEEN_ALERT;
	facts->bits |= read_faults(cell, server);
	facts->bits |= read_acceptance(server, facts->bits);
	facts->unmet = expectation_unmet(expect, server, &facts->otherwise);
	if (facts->unmet != NULL)
		facts->bits |= OTHERWISE;
}

/* A server with another application than echo: the board was told to send nothing. */
static uint64_t read_application(const json_t *cell, uint64_t bits)
{
	const char *application = json_text(json_object_get(cell, "server"), "application");

	if (application[0] == '\0' || strcmp(application, "echo") == 0)
		return 0;
	return (bits & (ESTABLISHED | BOARD_OK)) == (ESTABLISHED | BOARD_OK) ? ECHOED : 0;
}

/* One, unless the case has more. */
static long long connections_asked_for(const json_t *cell)
{
	long long n = json_number(json_object_get(cell, "client"), "connections");

	return n > 1 ? n : 1;
}

/*
 * A passive board says nothing: what it did is its word. It was content if it spoke over the
 * established connection, or stayed; one that leaves without a word may have looked for reasons to
 * refuse until then, but that shows only in one that speaks to the good twin.
 */
static void read_passive(struct facts *facts, const json_t *cell, const json_t *server)
{
	const json_t *expect = json_object_get(cell, "expect");
	const json_t *twin = json_object_get(json_object_get(cell, "twin"), "before");
	bool must_refuse = expectation_has(expect, "refuse") && !expectation_has(expect, "connect");
	bool stayed = json_number(server, "bytes_received") > 0 ||
	              (facts->bits & CLOSED_BY_BOARD) == 0 ||
	              ((facts->bits & CLOSE_NOTIFIED) != 0 && !must_refuse);

	if ((facts->bits & CONNECTED) == 0 || (facts->bits & HELLO) == 0)
		return;
	facts->bits |= BOARD_IN_TLS;
	if ((facts->bits & ESTABLISHED) != 0)
		facts->bits |= BOARD_IN_APP;
	if ((facts->bits & ESTABLISHED) == 0 || facts->alert != NULL || !stayed) {
		facts->bits |= BOARD_ERROR;
		if ((facts->bits & ESTABLISHED) != 0 && facts->alert == NULL && must_refuse &&
		    !json_flag(twin, "spoke"))
			facts->bits |= WORDLESS;
		return;
	}
	facts->bits |= BOARD_OK | ECHOED | CLOSE_NOTIFIED;
	facts->bits &= ~(uint64_t)(CUT_SHORT | SERVER_TIMED_OUT);
}

void facts_read(struct facts *facts, const json_t *cell, const json_t *board)
{
	const json_t *witnesses = json_object_get(cell, "witnesses");
	const json_t *server = json_object_get(witnesses, "server");
	const json_t *wire = json_object_get(witnesses, "wire");
	const json_t *result = json_object_get(witnesses, "board");

	*facts = (struct facts){.bits = read_trouble(cell, server)};
	facts->bits |= read_board(result) | read_server(server) | read_close(server, wire);
	facts->bits |= read_application(cell, facts->bits);
	if (json_is_object(wire) && !is(wire, "capture", "none"))
		facts->bits |= WIRE_SPOKE;
	if (json_is_object(json_object_get(wire, "client_hello")))
		facts->bits |= HELLO;
	facts->bits |= read_phase(result, facts->bits);
	if (json_number(wire, "connections") > connections_asked_for(cell))
		facts->bits |= SEVERAL;
	facts->bits |= read_farewell(server, wire, facts->bits);
	read_alerts(facts, server, wire, result);
	if (json_flag(result, "passive"))
		read_passive(facts, cell, server);
	facts->differing = differing_value(server, wire, result);
	if (facts->differing != NULL)
		facts->bits |= VALUES_DIFFER;
	facts->missing = json_object_get(cell, "missing");
	if (json_array_size(facts->missing) > 0)
		facts->bits |= NOT_OFFERED;
	if (json_text(cell, "cannot")[0] != '\0')
		facts->bits |= SERVER_CANNOT;
	if (lack_all_declared(facts->missing, json_object_get(cell, "server"),
	                   json_object_get(board, "unsupported")))
		facts->bits |= DECLARED;
	read_expectation(facts, cell, server, wire);
	if (is(json_object_get(cell, "control"), "outcome", "fail"))
		facts->bits |= CONTROL_FAILED;
}
