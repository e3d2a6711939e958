/*
 * facts.h: what the three witnesses of a cell said, as yes-or-no facts. Layer: verdict. Pure: no
 * I/O, no clock, no globals.
 *
 * Facts only: what they mean stands in the judge's table. Testimony that is not there leaves its
 * facts unset. Alerts are fatal here if they end the connection: by their level, or, in TLS 1.3, by
 * being neither close_notify nor user_canceled, whatever their level (RFC 8446 section 6). An alert
 * that the server sends to a board that has closed already ends nothing: OpenSSL answers an early
 * end of the stream with decode_error. Nor did the server close if it was told to end, or its time
 * was up: then the board had left the connection open.
 */
#ifndef SHAKEDOWN_VERDICT_FACTS_H
#define SHAKEDOWN_VERDICT_FACTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum fact {
	/* the harness */
	SKIPPED = 1u << 0,        /* the cell was not to be run */
	SERVER_TROUBLE = 1u << 1, /* our server program failed, or crashed in this case */
	RUNNER_TROUBLE = 1u << 2, /* our UART runner failed */
	OTHER_TROUBLE = 1u << 3,  /* another part failed; the sniffer does not count */

	/* the board */
	BOARD_SPOKE = 1u << 4, /* it gave a result */
	BOARD_REBOOTED = 1u << 5,
	BOARD_LOST = 1u << 6,    /* its port vanished */
	BOARD_SILENT = 1u << 7,  /* it stopped answering */
	BOARD_UNREADY = 1u << 8, /* it could not be brought to run the case */
	BOARD_OK = 1u << 9,      /* phase close, status 0: connected, data echoed, closed */
	BOARD_ERROR = 1u << 10,  /* a status other than 0 */
	BOARD_IN_TLS = 1u << 11, /* its phase is hs, app or close */
	BOARD_IN_APP = 1u << 12, /* its phase is app or close */
	BOARD_ALERT_UNSEEN = 1u << 13, /* it reports a server's alert that nobody else saw */

	/* the server and the wire */
	SERVER_SPOKE = 1u << 14,
	WIRE_SPOKE = 1u << 15,  /* a capture showed the connection */
	CONNECTED = 1u << 16,   /* the server accepted a connection */
	HELLO = 1u << 17,       /* a ClientHello came */
	ESTABLISHED = 1u << 18, /* the server completed the handshake */
	ECHOED = 1u << 19,      /* the server sent back what it received, or was not to echo */
	SERVER_TIMED_OUT = 1u << 20,
	CLOSED_BY_BOARD = 1u << 21,
	CLOSED_BY_SERVER = 1u << 22,
	ALERT_FROM_BOARD = 1u << 23,   /* the first fatal alert came from the board */
	ALERT_FROM_SERVER = 1u << 24,  /* ... from the server */
	SERVER_SAW_ALERT = 1u << 25,   /* the server testifies a fatal alert, sent or received */
	ALERT_CONTRADICTED = 1u << 26, /* a capture that would show that alert does not */
	ALERT_DENIED = 1u << 27,       /* the wire shows a fatal alert that the server denies */
	VALUES_DIFFER = 1u << 28,      /* the witnesses name different versions or cipher suites */

	/* the offer (offer.h) */
	NOT_OFFERED = 1u << 29, /* what the ClientHello lacks explains the refusal */
	DECLARED = 1u << 30,    /* the board's profile declares all of it unsupported */

	/* how the board left */
	CLOSE_NOTIFIED = 1u << 31, /* its close_notify came */
	CUT_SHORT = 1ull << 32,    /* it closed, and certainly without close_notify */
	SEVERAL = 1ull << 33,      /* it connected more than once; the server takes one */

	SERVER_CANNOT = 1ull << 34, /* the server's configuration can serve nobody (offer.h) */

	/* the expectation (expectation.h), and what the board did with it */
	MAY_REFUSE = 1ull << 35,     /* a refusal is right, or one of the right answers */
	MUST_REFUSE = 1ull << 36,    /* nothing but a refusal is right */
	FORESEEN_ALERT = 1ull << 37, /* the first fatal alert is one that the expectation names */
	FAULTY = 1ull << 38,         /* the server breaks the protocol on purpose */
	UNAPPLIED = 1ull << 39,      /* ... but the connection did not come to that place */
	ACCEPTED = 1ull << 40,       /* the board went on with what it was given to refuse */
	UNNOTICED = 1ull << 41,      /* it met only what followed from the fault, not the fault */
	TWIN_FAILED = 1ull << 42,    /* the board does not connect to the good twin either */
	TWIN_LOST = 1ull << 43,      /* it did before the case, and no longer after it */
	WORDLESS = 1ull << 52,       /* it left as it does a good server, where it says nothing either */
	TWIN_UNCLEAR = 1ull << 51,   /* what it did after the case, its profile does not tell */
	OTHERWISE = 1ull << 44,      /* a connection, but not as it should be */

	BOARD_UNCLEAR = 1ull << 50, /* it spoke, and its profile does not say what that means */

	CONTROL_FAILED = 1ull << 46, /* an OpenSSL client fails at the same server */
	BOARD_UNABLE = 1ull << 45, /* its firmware cannot do what the case asks of the client */
	BOARD_ALERTED = 1ull << 47, /* it sent an alert, by its word, or one that the server misread */
	BOARD_DIED = 1ull << 48,    /* it is virtual, and its program ended */
	WENT_AWAY = 1ull << 49,     /* the server ended the connection on purpose, without a word */
};

struct facts {
	uint64_t bits;            /* of enum fact */
	const json_t *alert;      /* borrowed: the first fatal alert, or NULL */
	const json_t *missing;    /* borrowed from the cell: its "missing", or NULL */
	const char *differing;    /* static: "TLS version", "cipher suite" (VALUES_DIFFER) */
	const json_t *unmet;      /* borrowed: the answer of "expect" that came nearest, and */
	const char *otherwise;    /* the first member of it that is not met (OTHERWISE) */
};

/*
 * Reads the cell's witnesses and "trouble". `board` is its element of results.json's "boards". The
 * caller has set the cell's "missing" and "cannot" (offer.h) before; everything is borrowed.
 */
void facts_read(struct facts *facts, const json_t *cell, const json_t *board);

/* The name of one fact as documents write it, "board-ok"; NULL if the bit has none. Static text. */
const char *fact_name(uint64_t bit);

/*
 * Whether the board took the good twin for good, by what was kept of it: {outcome, reason}. One
 * that has connected and had its data back did, though it may have left without close_notify.
 */
bool twin_connects(const json_t *result);

/* True if this alert ends a connection of this version ("1.3" or "TLS 1.3"; "" if not known). */
bool alert_is_fatal(const json_t *alert, const char *version);

#endif
