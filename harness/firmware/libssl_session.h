/*
 * libssl_session.h: a session over OpenSSL's libssl, shared by the stacks openssl and netx. Virtual
 * board, not for firmware.
 *
 * The functions fit into struct stack; what differs from one stack to the other is in
 * `libssl_kind`: what the client offers, and how an outcome becomes a status.
 */
#ifndef SHAKEDOWN_FIRMWARE_LIBSSL_SESSION_H
#define SHAKEDOWN_FIRMWARE_LIBSSL_SESSION_H

#include "firmware/glue/stack.h"

#include <openssl/ssl.h>

struct libssl_session;

struct libssl_kind {
	/* Sets what is offered, but for the versions. False if libssl refuses. */
	bool (*offer)(SSL_CTX *context);

	/* The stack sends no alert to a server that has closed the connection; libssl does. */
	bool quiet_at_end;

	/* Decides on the server's chain; see SSL_CTX_set_cert_verify_callback. */
	int (*verify)(X509_STORE_CTX *chain, void *session);

	/*
	 * Writes the status of a call that failed: `ssl_error` is SSL_get_error's answer, `error`
	 * the code of libssl's last error (0 if it left none).
	 */
	void (*status)(struct libssl_session *session, int ssl_error, unsigned long error);
};

struct libssl_session {
	struct stack_job job;
	const struct libssl_kind *kind;
	SSL_CTX *context;
	SSL *ssl;
	bool early_data_taken; /* what is to be written first has been, as early data */
	int verify_status;     /* for the kind's own use: what `verify` found */
};

/* The session of whichever stack runs. */
extern struct libssl_session libssl_the_session;

/*
 * Makes context and SSL of the kind for the session's job, with its certificates, over its link;
 * `kind` is borrowed for the session's life. False with the status set. libssl_free frees them in
 * any case, and keeps the TLS session for a run that resumes it.
 */
bool libssl_open(const struct libssl_kind *kind, struct libssl_session *session);

/* As the members of struct stack of these names (glue/stack.h); `session` is a libssl_session. */
bool libssl_handshake(void *session);
bool libssl_write(void *session, const void *data, size_t len);
int libssl_read(void *session, void *data, size_t size);
bool libssl_close(void *session);
void libssl_describe(void *session);
void libssl_free(void *session);

/* Drops the session that libssl_free kept for the next run. */
void libssl_forget(void);

#endif
