/*
 * choice.h: how a server chooses a cipher suite in TLS 1.2, and what is in its way. Layer: verdict.
 * Pure: no I/O, no clock, no globals of its own but what libssl made of the last cipher list; one
 * thread at a time.
 *
 * There the suite decides on everything else: it needs a certificate whose key it goes with, that
 * certificate a signature algorithm and, for ECDSA, a curve that the client has (RFC 5246 sections
 * 7.4.2 and 7.4.3, RFC 8422 section 5.1), and ECDHE a group. So it is not enough to compare lists.
 */
#ifndef SHAKEDOWN_VERDICT_CHOICE_H
#define SHAKEDOWN_VERDICT_CHOICE_H

#include "verdict/means.h"

#define CHOICE_CREDENTIALS_MAX 16 /* certificates of one server; with more nothing is certain */

/* A server's certificate beside what the ClientHello lets it do. */
struct choice_credential {
	const struct means_certificate *certificate;
	bool signs;     /* the server has a signature algorithm for it at all */
	bool curve;     /* an ECDSA key's curve is among the client's groups */
	bool signature; /* they have a signature algorithm in common */
	bool shared;    /* they have a suite for it in common */
};

/* Everything that bears on the choice. For reading. */
struct choice {
	struct choice_credential credentials[CHOICE_CREDENTIALS_MAX];
	size_t n_credentials;
	bool has_group;    /* the server has a group for ECDHE, */
	bool group;        /* and one in common with the client */
	bool signature;    /* ... a signature algorithm for any key: OpenSSL insists on one */
	bool shared;       /* ... a suite for one of the certificates */
	bool shared_ecdhe; /* ... one that needs a group */
	bool works;        /* ... and nothing else is in its way */
	json_t *servable;  /* owned; the suites that the server has for its certificates */
};

/*
 * What the server makes of the ClientHello (offered.h). False if its configuration has words that
 * are not known here; then nothing is certain. The caller frees with choice_fini in any case.
 */
bool choice_init(struct choice *choice, const json_t *server, const json_t *hello);
void choice_fini(struct choice *choice);

#endif
