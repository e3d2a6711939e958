#include "verdict/judge.h"

#include "base/json.h"
#include "base/words.h"
#include "verdict/expectation.h"
#include "verdict/facts.h"
#include "verdict/lack.h"
#include "verdict/offer.h"
#include "verdict/status.h"
#include "verdict/witness.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* The first row that fits decides. Words in braces are filled in by the table of fillers below. */
static const struct judge_row rows[] = {
	/* Harness first: nothing is said of a board that our own parts failed. */
	{SKIPPED, 0, "skip", "skipped", "{skipped}"},
	{SERVER_TROUBLE, 0, "error", "server-failed", "Shakedown's server failed: {trouble}."},
	{RUNNER_TROUBLE, 0, "error", "runner-failed", "Shakedown's UART runner failed: {trouble}."},
	{OTHER_TROUBLE, 0, "error", "harness-failed", "Shakedown itself failed: {trouble}."},

	/* Where OpenSSL's own client fails too, the server is at fault, and so are we. */
	{CONTROL_FAILED | FAULTY, MAY_REFUSE | BOARD_OK | BOARD_UNABLE, "error", "control-failed",
	 "The suite's faults break the server for the control, an OpenSSL client, too, and the suite"
	 " expects a connection (say what is right in expect, such as a result of refuse): {control}"},
	{CONTROL_FAILED, MAY_REFUSE | BOARD_OK | BOARD_UNABLE, "error", "control-failed",
	 "The server is at fault: the control, an OpenSSL client, fails at it too: {control}"},
	{CONTROL_FAILED | BOARD_OK | SERVER_SAW_ALERT, MAY_REFUSE, "error", "control-failed",
	 "The server is at fault: it ends the connection of the control, an OpenSSL client, too:"
	 " {control}"},
	{CONTROL_FAILED | BOARD_OK | OTHERWISE, MAY_REFUSE, "error", "control-failed",
	 "The server is at fault: the connection of the control, an OpenSSL client, is not as it"
	 " should be either: {control}"},

	/* What a board must refuse; nothing is worse than to accept it. */
	{MUST_REFUSE | ACCEPTED, UNAPPLIED, "fail", "unsafe",
	 "The board accepted what it must refuse{flaw}."},
	{MUST_REFUSE | HELLO | BOARD_REBOOTED, TWIN_FAILED | UNAPPLIED, "fail", "reboot",
	 "The board restarted when it met what it must refuse{flaw}."},
	{MAY_REFUSE | TWIN_LOST, 0, "fail", "liveness",
	 "After this case the board no longer connects to a server without the flaw, as it did"
	 " before: {twin}"},
	{MUST_REFUSE | UNNOTICED, 0, "fail", "fault-unnoticed",
	 "The board went on as if nothing were wrong{flaw}; it stopped only when its answer or its"
	 " keys did not fit."},

	{MUST_REFUSE | HELLO | BOARD_DIED, TWIN_FAILED | UNAPPLIED, "fail", "reboot",
	 "The board's program ended when it met what it must refuse{flaw}: {failed}."},

	/* A board that cannot be heard proves nothing, whatever the others saw. */
	{MAY_REFUSE | TWIN_UNCLEAR, 0, "inconclusive", "no-match",
	 "Whether the board still connects to a server without the flaw is not known: {twin}"},
	{BOARD_REBOOTED, 0, "inconclusive", "reboot", "The board gave no result: {failed}."},
	{BOARD_LOST, 0, "inconclusive", "port-lost", "The board gave no result: {failed}."},
	{BOARD_SILENT, 0, "inconclusive", "silent", "The board gave no result: {failed}."},
	{BOARD_UNABLE, 0, "skip", "unable",
	 "Not run, as the board's firmware cannot do what the case asks of it: {failed}."},
	{BOARD_UNCLEAR, 0, "inconclusive", "no-match",
	 "The board gave no result that its profile knows: {failed}."},
	{BOARD_UNREADY, 0, "inconclusive", "board-not-ready",
	 "The board could not be brought to run the case: {failed}."},
	{0, SERVER_SPOKE, "error", "no-testimony", "Shakedown's server left no testimony."},
	{0, BOARD_SPOKE, "error", "no-testimony", "Shakedown's runner left no testimony."},

	/* Without a connection there was no TLS to judge. */
	{BOARD_OK, CONNECTED, "inconclusive", "witnesses-disagree",
	 "The board says that it connected, sent data and closed; the server saw no connection."},
	{BOARD_IN_TLS, CONNECTED, "inconclusive", "witnesses-disagree",
	 "The board says that it was in TLS ({board}); the server saw no connection."},
	{HELLO, CONNECTED, "inconclusive", "witnesses-disagree",
	 "The wire shows a ClientHello; the server saw no connection."},
	{0, CONNECTED, "inconclusive", "no-connection",
	 "The board did not reach the server: it reports {board}."},
	{SEVERAL | BOARD_ERROR, BOARD_IN_TLS, "inconclusive", "several-connections",
	 "The board connected {connections} times, and a case is one connection: the server took"
	 " the first, and the board reports {board}."},
	{SEVERAL, HELLO, "inconclusive", "several-connections",
	 "The board connected {connections} times, and a case is one connection: no ClientHello"
	 " came on the first, which the server took."},
	{HELLO | BOARD_ERROR, BOARD_IN_TLS, "inconclusive", "witnesses-disagree",
	 "The board says that it failed before TLS ({board}); a ClientHello of its came."},
	{BOARD_ERROR, HELLO | BOARD_IN_TLS, "inconclusive", "no-connection",
	 "The board gave up before TLS began: it reports {board}."},

	/* Alerts that cannot be: somebody else may have put them on the wire. */
	{ALERT_DENIED, 0, "inconclusive", "witnesses-disagree",
	 "The wire shows {alert} from the server's address; the"
	 " server says that it sent none."},
	{BOARD_ALERT_UNSEEN, 0, "inconclusive", "witnesses-disagree",
	 "The board reports an alert from the server; neither the server"
	 " nor the wire knows of one."},

	/* The board says that it succeeded. */
	{BOARD_OK | SERVER_SAW_ALERT | ALERT_CONTRADICTED, 0, "inconclusive", "witnesses-disagree",
	 "The board says that it succeeded and the wire shows no alert; the server testifies "
	 "{alert}."},
	{BOARD_OK | UNAPPLIED | ESTABLISHED | ECHOED, 0, "skip", "fault-not-applied",
	 "Not run, as the connection with this board, which worked, has no such place for the"
	 " server to break."},

	/* A refusal, where one is right. */
	{MAY_REFUSE | HELLO | BOARD_ERROR | TWIN_FAILED, ALERT_FROM_SERVER | NOT_OFFERED,
	 "inconclusive", "refuses-all",
	 "The board failed, but so it does at a server without the flaw, so that nothing follows:"
	 " {twin}"},
	{MAY_REFUSE | HELLO | BOARD_ERROR | TWIN_FAILED | FAULTY | ALERT_FROM_SERVER,
	 UNAPPLIED | NOT_OFFERED, "inconclusive", "refuses-all",
	 "The board failed, but so it does at a server without the flaw, so that nothing follows:"
	 " {twin}"},
	{MAY_REFUSE | HELLO | BOARD_ERROR | TWIN_FAILED | FORESEEN_ALERT, FAULTY, "inconclusive",
	 "refuses-all",
	 "The case ended as it should, but so does a server without the flaw for this board, so"
	 " that nothing follows: {twin}"},
	{MAY_REFUSE | HELLO | BOARD_ERROR | UNAPPLIED, TWIN_FAILED | NOT_OFFERED, "inconclusive",
	 "fault-not-applied",
	 "The board failed before the server came to what the case is about, so that nothing"
	 " follows: it reports {board}."},
	{MUST_REFUSE | HELLO | WORDLESS, TWIN_FAILED, "inconclusive", "wordless",
	 "The handshake was complete and the board left without a word, as it leaves a server"
	 " without the flaw: whether it refused does not show. Let it send something once it is"
	 " connected."},
	{MAY_REFUSE | HELLO | FORESEEN_ALERT, TWIN_FAILED, "pass", "refused",
	 "Refused with {alert}, as it should be."},
	{MAY_REFUSE | HELLO | ALERT_FROM_BOARD, TWIN_FAILED | BOARD_OK, "pass",
	 "refused-other-alert", "Refused, with {alert}{foreseen}."},
	{MAY_REFUSE | HELLO | BOARD_ERROR | CLOSED_BY_BOARD | ESTABLISHED,
	 FAULTY | ALERT_FROM_SERVER | TWIN_FAILED, "pass", "refused-late",
	 "Refused once the handshake was complete, before any data: the board closed without an"
	 " alert. It reports {board}."},
	{MAY_REFUSE | HELLO | BOARD_ERROR | CLOSED_BY_BOARD, ALERT_FROM_SERVER | TWIN_FAILED,
	 "pass", "refused-silently",
	 "Refused without an alert: the board closed the connection. It reports {board}."},
	{MAY_REFUSE | HELLO | BOARD_ERROR | WENT_AWAY,
	 ALERT_FROM_SERVER | SERVER_TIMED_OUT | TWIN_FAILED, "pass", "refused",
	 "The server went away, as the case has it, and the board took that for a failure: it"
	 " reports {board}."},
	{MAY_REFUSE | HELLO | BOARD_ERROR | BOARD_ALERTED | FAULTY,
	 ACCEPTED | UNNOTICED | UNAPPLIED | SERVER_TIMED_OUT | NOT_OFFERED | TWIN_FAILED,
	 "pass", "refused-silently",
	 "Refused, but with an alert that could not be read: the faulty server had confused the"
	 " two sides. The board reports {board}."},
	{MUST_REFUSE | HELLO | SERVER_TIMED_OUT, ALERT_FROM_SERVER, "fail", "hung",
	 "The board neither refused nor went on until time was up{flaw}."},

	{BOARD_OK | SERVER_SAW_ALERT | ALERT_FROM_SERVER, 0, "fail", "alert-from-server",
	 "The server ended the connection with {alert}{server-error}."},
	{BOARD_OK | SERVER_SAW_ALERT | ALERT_FROM_BOARD, 0, "fail", "alert-from-board",
	 "The board ended the connection with {alert}."},
	{BOARD_OK | ALERT_FROM_BOARD, 0, "inconclusive", "witnesses-disagree",
	 "The board says that it succeeded and the server saw no alert;"
	 " the wire shows {alert} from the board."},
	{BOARD_OK, ESTABLISHED, "inconclusive", "witnesses-disagree",
	 "The board says that it succeeded; the server never completed"
	 " the handshake{server-error}."},
	{BOARD_OK, ECHOED, "inconclusive", "witnesses-disagree",
	 "The board says that its data came back; the server received and returned none."},
	{BOARD_OK | CUT_SHORT, 0, "fail", "no-close-notify",
	 "The data came back; then the board closed the connection without close_notify."},
	{BOARD_OK, CLOSE_NOTIFIED, "inconclusive", "witnesses-disagree",
	 "The board says that it closed the connection in order; nobody saw its close_notify."},
	{BOARD_OK | VALUES_DIFFER, 0, "inconclusive", "witnesses-disagree",
	 "All say that it worked, but they name different values for the {differing}."},
	{BOARD_OK | OTHERWISE, 0, "fail", "not-as-expected",
	 "The connection worked, but not as it should: {otherwise}."},
	{BOARD_OK, 0, "pass", "connected", "Handshake, the data that was due, and an orderly end."},

	/* The board says that it failed, or never came to its end. */
	{ALERT_FROM_BOARD, HELLO, "fail", "no-client-hello",
	 "The board connected and sent {alert} in place of a ClientHello. It reports"
	 " {board}."},
	{BOARD_ERROR, HELLO, "fail", "no-client-hello",
	 "The board connected, and no ClientHello came{server-error}. It reports {board}."},
	{0, HELLO, "fail", "no-client-hello",
	 "The board connected, and no ClientHello came{server-error}."},
	{ALERT_FROM_SERVER | NOT_OFFERED | DECLARED, 0, "unsupported", "not-offered",
	 "The server needs {missing}; the board does not offer it, as its profile declares."},
	{ALERT_FROM_BOARD | NOT_OFFERED | DECLARED, 0, "unsupported", "not-offered",
	 "The server chose {missing}; the board does not take it, as its profile declares."},
	{MUST_REFUSE | NOT_OFFERED, 0, "inconclusive", "flaw-not-shown",
	 "The connection did not come to what is to be refused, as that needs {missing}, and the"
	 " board does not offer it: whether it would refuse is open."},
	{ALERT_FROM_SERVER | NOT_OFFERED, 0, "fail", "not-offered",
	 "The server needs {missing}; the board does not offer it, so the server refused with "
	 "{alert}."},
	{ALERT_FROM_BOARD | NOT_OFFERED, 0, "fail", "not-offered",
	 "The server chose {missing}; the board refused with {alert}."},
	{ALERT_FROM_SERVER | SERVER_CANNOT, 0, "fail", "server-cannot",
	 "This server can serve no client: it has {cannot}. It refused with"
	 " {alert}{server-error}."},
	{ALERT_FROM_SERVER, 0, "fail", "alert-from-server",
	 "The server ended the connection with {alert}{server-error}."},
	{ALERT_FROM_BOARD, 0, "fail", "alert-from-board",
	 "The board ended the connection with {alert}; it reports {board}."},
	{SERVER_TIMED_OUT, BOARD_ERROR, "fail", "timeout",
	 "The board did not come to an end: it was still in phase {phase} when time was up."},
	{0, BOARD_ERROR, "inconclusive", "no-result",
	 "The board tells neither of success nor of a failure: its last phase is {phase}."},
	{ESTABLISHED | ECHOED, BOARD_IN_APP, "inconclusive", "witnesses-disagree",
	 "The board says that it failed in the handshake ({board}); the server received data of"
	 " its and sent it back."},
	{ESTABLISHED | BOARD_IN_APP, 0, "fail", "app-data",
	 "The handshake worked; then the board failed with {board}."},
	{CLOSED_BY_SERVER, 0, "fail", "closed-by-server",
	 "The server closed the connection without an alert{server-error}."
	 " The board reports {board}."},
	{CLOSED_BY_BOARD, 0, "fail", "closed-by-board",
	 "The board closed the connection without an alert; it reports {board}."},
	{SERVER_TIMED_OUT, 0, "fail", "timeout",
	 "The server waited for the board until time was up; the board reports {board}."},
	{0, 0, "fail", "board-error",
	 "The board reports {board}; neither side sent an alert or closed the connection."},
};

const struct judge_row *judge_rows(size_t *n_rows)
{
	*n_rows = COUNT(rows);
	return rows;
}

/* --- sentences -------------------------------------------------------------------------------- */

struct scene {
	const json_t *cell, *profile;  /* the cell, and its board in results.json */
	const json_t *server, *board; /* two of the cell's testimonies */
	struct facts facts;
};

static void fill_skipped(const struct scene *scene, struct buf *out)
{
	buf_text(out, json_text(scene->cell, "skipped"));
}

/* What was said of the part that failed, without a full stop of its own. */
static void fill_trouble(const struct scene *scene, struct buf *out)
{
	const json_t *trouble;
	size_t i, n = 0;

	json_array_foreach(json_object_get(scene->cell, "trouble"), i, trouble)
		if (strcmp(json_text(trouble, "who"), "sniffer") != 0)
			buf_printf(out, "%s%s", n++ > 0 ? "; " : "", json_text(trouble, "text"));
	if (n == 0)
		buf_text(out, "the process of this case crashed");
}

static void fill_failed(const struct scene *scene, struct buf *out)
{
	const char *text = json_text(scene->board, "text");

	buf_text(out, text[0] != '\0' ? text : json_text(scene->board, "failed"));
}

/* Who came in the place of a passive board: its "from" may be wrong. */
static void fill_strangers(const struct scene *scene, struct buf *out)
{
	const json_t *from = json_object_get(scene->server, "strangers_from"), *address;
	long long n = json_number(scene->server, "strangers");
	size_t i;

	if (n <= 0)
		return;
	buf_printf(out, " (%lld connection%s came from other addresses than the profile's \"from\"", n,
	           n == 1 ? "" : "s");
	json_array_foreach(from, i, address)
		buf_printf(out, "%s%s", i == 0 ? ": " : ", ", json_string_value(address));
	buf_text(out, ")");
}

static void fill_board(const struct scene *scene, struct buf *out)
{
	const char *phase = json_text(scene->board, "phase");

	if (json_flag(scene->board, "passive")) {
		buf_text(out, "nothing, as it is not asked");
		fill_strangers(scene, out);
		return;
	}
	witness_status(scene->board, out);
	if (phase[0] != '\0')
		buf_printf(out, " in phase %s", phase);
}

static void fill_phase(const struct scene *scene, struct buf *out)
{
	const char *phase = json_text(scene->board, "phase");

	buf_text(out, phase[0] != '\0' ? phase : "(not told)");
}

static void fill_alert(const struct scene *scene, struct buf *out)
{
	witness_named_alert(scene->facts.alert, out);
}

static void fill_missing(const struct scene *scene, struct buf *out)
{
	lack_words(scene->facts.missing, out);
}

static void fill_cannot(const struct scene *scene, struct buf *out)
{
	static const struct {
		const char *what, *words;
	} table[] = {
		{"groups", "no group that can be used"},
		{"signature_algorithms", "no signature algorithm that its certificate can use"},
		{"cipher_list", "no cipher suite that its certificate can use"},
	};
	const char *version = json_text(scene->server, "version");

	for (size_t i = 0; i < COUNT(table); i++)
		if (strcmp(json_text(scene->cell, "cannot"), table[i].what) == 0)
			buf_text(out, table[i].words);
	if (version[0] != '\0')
		buf_printf(out, " in TLS %s", version);
}

static void fill_differing(const struct scene *scene, struct buf *out)
{
	buf_text(out, scene->facts.differing != NULL ? scene->facts.differing : "");
}

static void fill_connections(const struct scene *scene, struct buf *out)
{
	const json_t *wire = json_object_get(json_object_get(scene->cell, "witnesses"), "wire");

	buf_printf(out, "%lld", json_number(wire, "connections"));
}

static void fill_server_error(const struct scene *scene, struct buf *out)
{
	struct buf error = {0};

	witness_server_error(scene->server, &error);
	if (error.len > 0)
		buf_printf(out, ": %s", buf_string(&error));
	buf_fini(&error);
}

static const json_t *refusal_of(const struct scene *scene)
{
	return expectation_refusal(json_object_get(scene->cell, "expect"));
}

/* ": a certificate that has expired (RFC 5280 section 6.1.3)", as far as the suite says. */
static void fill_flaw(const struct scene *scene, struct buf *out)
{
	const json_t *refusal = refusal_of(scene);

	if (json_text(refusal, "why")[0] != '\0')
		buf_printf(out, ": %s", json_text(refusal, "why"));
	if (json_text(refusal, "rfc")[0] != '\0')
		buf_printf(out, " (%s)", json_text(refusal, "rfc"));
}

static void fill_foreseen(const struct scene *scene, struct buf *out)
{
	const json_t *alerts = json_object_get(refusal_of(scene), "alerts"), *name;
	size_t i;

	json_array_foreach(alerts, i, name)
		buf_printf(out, "%s%s", i == 0 ? " where the suite names " : " or ",
		           json_string_value(name));
}

/* What came of the good twin, the last time that it ran; a sentence. */
static void fill_twin(const struct scene *scene, struct buf *out)
{
	const json_t *twin = json_object_get(scene->cell, "twin");
	const json_t *last = json_object_get(twin, "after");

	if (last == NULL)
		last = json_object_get(twin, "before");
	buf_text(out, json_text(last, "detail"));
}

static void fill_control(const struct scene *scene, struct buf *out)
{
	buf_text(out, json_text(json_object_get(scene->cell, "control"), "detail"));
}

static void show_member(const json_t *object, const char *key, struct buf *out)
{
	const json_t *value = json_object_get(object, key);

	if (value != NULL)
		words_show(out, value);
	else
		buf_text(out, "not known");
}

/* "resumed is false, not true" */
static void fill_otherwise(const struct scene *scene, struct buf *out)
{
	const json_t *answer = scene->facts.unmet;

	buf_printf(out, "%s is ", scene->facts.otherwise);
	show_member(scene->server, scene->facts.otherwise, out);
	buf_text(out, ", not ");
	show_member(answer, scene->facts.otherwise, out);
}

static const struct {
	const char *word;
	void (*fill)(const struct scene *scene, struct buf *out);
} fillers[] = {
	{"{skipped}", fill_skipped},     {"{trouble}", fill_trouble},
	{"{failed}", fill_failed},       {"{board}", fill_board},
	{"{phase}", fill_phase},         {"{alert}", fill_alert},
	{"{missing}", fill_missing},     {"{differing}", fill_differing},
	{"{cannot}", fill_cannot},       {"{connections}", fill_connections},
	{"{server-error}", fill_server_error}, {"{flaw}", fill_flaw},
	{"{foreseen}", fill_foreseen},   {"{twin}", fill_twin},
	{"{otherwise}", fill_otherwise}, {"{control}", fill_control},
};

static const char *fill_word(const struct scene *scene, const char *at, struct buf *out)
{
	for (size_t i = 0; i < COUNT(fillers); i++) {
		size_t len = strlen(fillers[i].word);

		if (strncmp(at, fillers[i].word, len) == 0) {
			fillers[i].fill(scene, out);
			return at + len;
		}
	}
	buf_char(out, *at);
	return at + 1;
}

/* What the board was told cannot be held against it. */
static void add_orders(const struct scene *scene, struct buf *out)
{
	static const struct {
		const char *key, *words;
	} bounds[] = {{"min", "at least"}, {"max", "at most"}};
	const json_t *client = json_object_get(scene->cell, "client");
	const json_t *lack = json_array_get(scene->facts.missing, 0);

	for (size_t i = 0; i < COUNT(bounds); i++)
		if (strcmp(json_text(lack, "what"), "versions") == 0 &&
		    json_text(client, bounds[i].key)[0] != '\0')
			buf_printf(out, " The suite told it to offer %s TLS %s.", bounds[i].words,
			           json_text(client, bounds[i].key));
	if (strcmp(json_text(lack, "what"), "alpn") == 0 && json_text(client, "alpn")[0] != '\0')
		buf_printf(out, " The suite told it to offer %s.", json_text(client, "alpn"));
}

/* Nobody can present what he was not given. */
static void add_certificate(const struct scene *scene, struct buf *out)
{
	const json_t *error = json_array_get(json_object_get(scene->server, "errors"), 0);

	if (strcmp(json_text(error, "reason"), "peer did not return a certificate") == 0 &&
	    json_is_object(scene->profile) &&
	    json_object_get(scene->profile, "client_certificate") == NULL)
		buf_text(out, " The server requires a client certificate, and the board's profile"
		              " names none to give it.");
}

static bool board_alert_came(const json_t *testimony, long long number)
{
	const json_t *alert;
	size_t i;

	json_array_foreach(json_object_get(testimony, "alerts"), i, alert)
		if (strcmp(json_text(alert, "from"), "client") == 0 &&
		    (!json_is_integer(json_object_get(alert, "number")) ||
		     json_number(alert, "number") == number))
			return true;
	return false;
}

/* An alert that a board means to have sent may have been lost in its own reset. */
static void add_unseen_alert(const struct scene *scene, struct buf *out)
{
	const json_t *wire = json_object_get(json_object_get(scene->cell, "witnesses"), "wire");
	const json_t *alert = json_object_get(scene->board, "alert");

	if (strcmp(json_text(alert, "from"), "client") == 0 && scene->facts.alert == NULL &&
	    !board_alert_came(scene->server, json_number(alert, "number")) &&
	    !board_alert_came(wire, json_number(alert, "number")))
		buf_printf(out, " It says that it sent alert %lld; none came.",
		           json_number(alert, "number"));
}

/* What a verdict leaves open is said beside it. */
static void add_notes(const struct scene *scene, const struct judge_row *row, struct buf *out)
{
	uint64_t bits = scene->facts.bits;

	if ((bits & BOARD_OK) != 0 &&
	    (strcmp(row->outcome, "fail") == 0 || strcmp(row->outcome, "pass") == 0) &&
	    (bits & (ALERT_FROM_BOARD | ALERT_FROM_SERVER | CUT_SHORT)) != 0)
		buf_text(out, " The board believes that it succeeded.");
	if (strcmp(row->outcome, "fail") == 0 && json_flag(scene->cell, "flaky"))
		buf_text(out, " The case ran more than once on this board, and did not fail"
		              " each time.");
	if ((bits & NOT_OFFERED) != 0 && strstr(row->detail, "{control}") == NULL)
		add_orders(scene, out); /* the control's own sentence has them */
	if (strcmp(row->reason, "alert-from-server") == 0)
		add_certificate(scene, out);
	if ((bits & CONNECTED) != 0)
		add_unseen_alert(scene, out);
	if ((bits & SEVERAL) != 0 && strcmp(row->reason, "several-connections") != 0)
		buf_text(out, " It connected more than once; the server took the first connection,"
		              " and what the board reports may be of another.");
	if ((bits & CONNECTED) != 0 && (bits & WIRE_SPOKE) == 0)
		buf_text(out, " There is no capture of it: the wire's witness is missing.");
}

static json_t *detail(const struct scene *scene, const struct judge_row *row)
{
	const char *at = row->detail;
	struct buf out = {0};
	json_t *text;

	while (*at != '\0')
		at = fill_word(scene, at, &out);
	add_notes(scene, row, &out);
	text = json_made(json_string(buf_string(&out)));
	buf_fini(&out);
	return text;
}

/* --- the judgement ---------------------------------------------------------------------------- */

static const struct judge_row *first_fitting(uint64_t bits)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if ((bits & rows[i].need) == rows[i].need && (bits & rows[i].exclude) == 0)
			return &rows[i];
	return &rows[COUNT(rows) - 1]; /* it needs and excludes nothing */
}

static void name_status(json_t *testimony, const json_t *board)
{
	struct status status;
	json_t *flags = status_verify_flags(json_text(board, "stack"), json_text(testimony, "log"));

	if (json_array_size(flags) > 0)
		json_object_set(testimony, "verify_flags", flags);
	json_decref(flags);
	if (!json_is_string(json_object_get(testimony, "status")))
		return;
	status_look_up(&status, json_text(board, "stack"), json_text(board, "stack_version"),
	               json_text(testimony, "status"));
	json_object_set_new(testimony, "status_name", json_made(json_string(status.name)));
	json_object_set_new(testimony, "status_meaning", json_made(json_string(status.meaning)));
}

/* True if OpenSSL's own reason is none of these lacks. */
static bool gainsaid(const json_t *missing, const json_t *errors)
{
	const json_t *lack;
	size_t i;

	json_array_foreach(missing, i, lack)
		if (lack_explains(json_text(lack, "what"), errors))
			return false;
	return true;
}

/* The first look at the facts finds the alert that what is missing must explain. */
static void look_at_offer(json_t *cell, const json_t *board)
{
	const json_t *witnesses = json_object_get(cell, "witnesses");
	const json_t *wire = json_object_get(witnesses, "wire");
	const json_t *server = json_object_get(cell, "server");
	const json_t *errors = json_object_get(json_object_get(witnesses, "server"), "errors");
	struct facts facts;
	json_t *missing;
	const char *cannot;

	json_object_del(cell, "missing");
	json_object_del(cell, "cannot");
	facts_read(&facts, cell, board);
	missing = offer_missing(server, wire, facts.alert);
	cannot = offer_cannot(server, wire, facts.alert);
	if (json_array_size(missing) > 0 && !gainsaid(missing, errors))
		json_object_set(cell, "missing", missing);
	if (cannot != NULL && lack_explains(cannot, errors))
		json_object_set_new(cell, "cannot", json_made(json_string(cannot)));
	json_decref(missing);
}

void judge_cell(json_t *cell, const json_t *board)
{
	json_t *witnesses = json_object_get(cell, "witnesses");
	struct scene scene = {.cell = cell,
	                      .profile = board,
	                      .server = json_object_get(witnesses, "server"),
	                      .board = json_object_get(witnesses, "board")};
	const struct judge_row *row;

	name_status(json_object_get(witnesses, "board"), board);
	look_at_offer(cell, board);
	facts_read(&scene.facts, cell, board);
	row = first_fitting(scene.facts.bits);
	json_object_set_new(cell, "outcome", json_made(json_string(row->outcome)));
	json_object_set_new(cell, "reason", json_made(json_string(row->reason)));
	json_object_set_new(cell, "detail", detail(&scene, row));
	json_object_del(cell, "alert");
	if (scene.facts.alert != NULL)
		json_object_set_new(cell, "alert", json_made(json_deep_copy(scene.facts.alert)));
}
