/*
 * context.h: a suite's `server` object as an SSL_CTX and a conduct, each built once. Layer: peer.
 *
 * The keys are those of suites (docs/suites.md); their words are OpenSSL's. An absent key leaves
 * OpenSSL's default. The machine's openssl.cnf is not read, so that a configuration means the same
 * everywhere; the security level is the one that OpenSSL was built with, or 0 once TLS 1.0 or 1.1
 * is on offer.
 *
 * Whatever OpenSSL does not take is refused with the key, the word and its reason (ERR_INPUT). That
 * includes words that OpenSSL passes over in silence, as it does in cipher lists.
 */
#ifndef SHAKEDOWN_PEER_CONTEXT_H
#define SHAKEDOWN_PEER_CONTEXT_H

#include "base/buf.h"
#include "base/error.h"
#include "peer/credential.h"
#include "peer/fault_plan.h"
#include "peer/recent.h"

#include <jansson.h>
#include <openssl/ssl.h>

#define CONTEXT_PSK_MAX 64           /* bytes of a pre-shared key */
#define CONTEXT_CERTIFICATES_MAX 16
#define CONTEXT_EARLY_DATA_MAX 16384 /* bytes of early data that tickets allow */

enum sni_policy { SNI_IGNORE, SNI_REQUIRE, SNI_WARNING, SNI_FATAL };
enum early_data { EARLY_DATA_NONE, EARLY_DATA_REFUSE, EARLY_DATA_ACCEPT };
enum close_manner { CLOSE_NOTIFY, CLOSE_FIN, CLOSE_RESET, CLOSE_SILENCE };
enum application_kind { APPLICATION_ECHO, APPLICATION_HTTP, APPLICATION_MQTT, APPLICATION_NONE };

/* What a server does that no setting of libssl makes it do; zeros are the defaults. */
struct conduct {
	bool alpn_ignores_mismatch;
	int sni;                /* an enum sni_policy */
	bool refuses_resumption;
	size_t ticket_size;     /* bytes that each ticket is made longer by */
	int early_data;         /* an enum early_data */
	size_t segment;         /* bytes of a TCP segment at most; 0: as they come */
	size_t pause_ms;        /* before each flight */
	unsigned omitted;       /* a set of OMIT_* (omission.h) */
	size_t cookie;          /* bytes of ours in the cookie that clients bring back; 0: none */
	int key_update;         /* 1: asked for once the handshake is over */
	bool post_handshake_auth;
	int close;              /* an enum close_manner: how it ends what went well */
	int application;        /* an enum application_kind */
	size_t page_size;       /* bytes of the page that `http` serves */
};

struct context {
	SSL_CTX *ssl;
	struct buf alpn; /* ProtocolNameList without its length (RFC 7301 section 3.1) */
	struct conduct conduct;
	struct fault_plan *faults; /* NULL: none; fault_stream.h does them */
	struct {
		char *identity; /* NULL: none */
		unsigned char key[CONTEXT_PSK_MAX];
		size_t key_len;
	} psk;
	/* The stapled OCSP responses (DER), one for each certificate; none without `ocsp`. */
	struct staple {
		X509 *certificate;
		struct buf response;
	} staples[CONTEXT_CERTIFICATES_MAX];
	size_t n_staples;
};

/*
 * Builds `server`. `certificates` is the folder that certs_make filled (certs/out). The caller
 * frees the result; NULL with the error set on failure.
 */
struct context *context_new(const json_t *server, const char *certificates, struct error *error);
void context_free(struct context *context);

/* The context that a connection's SSL_CTX belongs to. */
const struct context *context_of(const SSL *ssl);

/*
 * How the server answers the client's server name (NULL: it sent none): for the servername callback
 * of libssl, which sets *alert. The names that it knows are those of its certificate, and not
 * what a wildcard there would match.
 */
int context_answer_name(const SSL *ssl, const char *name, int *alert);

/*
 * Checks before anything runs what needs no file: each word, and that the keys do not contradict
 * each other (suites of TLS 1.3 where the versions leave it out, a list of groups that none of the
 * versions can use, ...). ERR_INPUT, with the key of `server` to blame in *key (borrowed from
 * `server`), and a sentence that does not repeat it.
 */
int context_check(const json_t *server, const char **key, struct error *error);

#define KEY_SET_MAX 6

/* Keys whose values are held against each other; ends with NULL. */
struct key_set {
	const char *keys[KEY_SET_MAX + 1];
};

/*
 * What context_check holds against each other: a server passes if and only if, for each of these
 * sets, one with the keys of that set alone passes. Every key is in one of them. *n is how many.
 */
const struct key_set *context_key_sets(size_t *n);

#define CONTEXTS_MAX 64 /* contexts kept; the one that was not asked for longest makes room */

/*
 * The contexts that were built, found again by what they mean. Zero-initialised but for the folder,
 * and for credentials.for_children where processes are forked to use them.
 */
struct contexts {
	const char *certificates; /* borrowed; as for context_new */
	struct credentials credentials;
	uint64_t n_asked;
	struct recent meanings[CONTEXTS_MAX]; /* of the following */
	struct context *contexts[CONTEXTS_MAX];
};

/*
 * The context of `server`, built now if it is new, if its configuration was dropped, or if one of
 * the certificate files that it names has changed since. Borrowed until the next call. NULL with
 * the error set on failure.
 */
struct context *contexts_get(struct contexts *contexts, const json_t *server, struct error *error);
void contexts_fini(struct contexts *contexts);

#endif
