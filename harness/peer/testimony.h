/*
 * testimony.h: what a server saw of one connection. Layer: peer.
 *
 * The facts are gathered from libssl's callbacks while visit.h leads the connection, and told as
 * JSON once it is over. Nothing here judges: a malformed ClientHello is as good a fact as an
 * echo.
 */
#ifndef SHAKEDOWN_PEER_TESTIMONY_H
#define SHAKEDOWN_PEER_TESTIMONY_H

#include "base/buf.h"
#include "decode/registry.h"

#include <jansson.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <sys/socket.h>

#define TESTIMONY_ALERTS_MAX 64        /* alerts told */
#define TESTIMONY_ERRORS_MAX 64        /* entries of OpenSSL's error queue told */
#define TESTIMONY_KEYLOG_MAX (64u << 10) /* bytes of key log told */

/* How far the connection came. A server forked from another shares this word with it. */
enum reached {
	REACHED_LISTENING,   /* nobody connected */
	REACHED_CONNECTED,   /* TCP, but no ClientHello that could be read */
	REACHED_HANDSHAKE,   /* a ClientHello came */
	REACHED_ESTABLISHED, /* the client's Finished was verified */
	REACHED_CLOSED,      /* after that, close_notify in both directions */
};

enum ended {
	ENDED_CLOSED, /* the connection was over after a handshake, orderly or not */
	ENDED_HANDSHAKE_FAILED,
	ENDED_TIMEOUT,
	ENDED_STOPPED, /* it was asked to end */
	ENDED_CRASHED,
};

/* Who ended the connection: the first close_notify, fatal alert, FIN, reset or time-out counts. */
enum closer { CLOSER_NONE, CLOSER_CLIENT, CLOSER_SERVER, CLOSER_TIMEOUT };

struct testimony {
	atomic_int *reached; /* an enum reached; borrowed */
	enum ended ended;
	enum closer closed_by;
	struct sockaddr_storage client;
	int version; /* that the server settled on, as in SSL_version(); 0: none */
	bool handshake;
	char signature_algorithm[REGISTRY_LABEL_MAX]; /* of the server's signature; "": none */
	const char *openssl_state; /* the last before an error; static, NULL before the handshake */
	json_t *sni, *alerts, *errors;
	bool close_notify_sent, close_notify_received;
	/* What was asked for after the handshake, and what came of it; static, NULL: nothing. */
	const char *key_update, *post_handshake_auth;
	uint64_t bytes_received, bytes_sent; /* application data */
	/* On the steady clock; 0: not reached. */
	uint64_t listening_ns, accepted_ns, shaken_ns, ended_ns;
	struct buf keylog;
};

/* Starts an empty testimony at REACHED_LISTENING, now. `reached` outlives it. */
void testimony_init(struct testimony *testimony, atomic_int *reached);
void testimony_fini(struct testimony *testimony);

/* Moves on to `reached`; never back. */
void testimony_reach(struct testimony *testimony, enum reached reached);

/* Notes who ended the connection, unless that is known. */
void testimony_closed_by(struct testimony *testimony, enum closer closer);

/* Notes an alert (level and description) that was sent without libssl's knowledge. */
void testimony_alert_sent(struct testimony *testimony, SSL *ssl, struct bytes alert);

/*
 * Sets the callbacks that fill the testimony: on `context` before, and on `ssl` after SSL_new.
 * Both are for one connection alone; the testimony outlives them.
 */
void testimony_watch_context(SSL_CTX *context);
void testimony_watch(struct testimony *testimony, SSL *ssl);

/* Takes over OpenSSL's error queue, oldest first, and leaves it empty. */
void testimony_take_errors(struct testimony *testimony);

/*
 * The testimony as JSON, the caller's to release. `ssl` is the connection, or NULL if nobody
 * connected.
 */
json_t *testimony_tell(const struct testimony *testimony, SSL *ssl);

/* A new object: what tells one connection of several from the others. */
json_t *testimony_shorten(const json_t *told);

/*
 * What is left to say of a server that died at `reached` by `signal` (0: it ended without a
 * word).
 */
json_t *testimony_of_crashed(enum reached reached, int signal);

#endif
