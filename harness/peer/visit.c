#include "peer/visit.h"

#include "base/assert.h"
#include "base/clock.h"
#include "peer/cookie.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <unistd.h>

#define RECORD_MAX 16384 /* bytes of plaintext in one record: RFC 8446 section 5.1 */

/* What is sent passes faults, outlet and tap in this order, and then the socket. */
static void lay_outlet(struct visit *visit)
{
	const struct conduct *conduct = &visit->context->conduct;
	BIO *socket = SSL_get_rbio(visit->ssl), *outlet;

	visit->outlet = (struct outlet){.segment = conduct->segment,
	                                .pause_ms = conduct->pause_ms,
	                                .patience = visit->patience};
	if (conduct->segment == 0 && conduct->pause_ms == 0)
		return;
	CHECK(BIO_up_ref(socket) == 1);
	outlet = outlet_new(&visit->outlet, socket);
	SSL_set_bio(visit->ssl, outlet, outlet);
}

static void open_tls(struct visit *visit)
{
	SSL_CTX *context = visit->context->ssl;
	int on = 1;

	testimony_watch_context(context);
	setsockopt(visit->connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	visit->ssl = SSL_new(context);
	CHECK(visit->ssl != NULL && SSL_set_fd(visit->ssl, visit->connection) == 1);
	testimony_watch(&visit->testimony, visit->ssl);
	wiretap_start(&visit->wiretap, SSL_get_rbio(visit->ssl), &visit->testimony.client,
	              visit->patience);
	lay_outlet(visit);
	visit->omission = omission_start(visit->ssl, visit->context->conduct.omitted);
	visit->faults = fault_stream_start(
		visit->context->faults,
		&(struct fault_surroundings){visit->ssl, &visit->testimony, &visit->wiretap,
	                                     visit->patience->stop});
}

/*
 * Before each call of libssl, so that neither an old error nor an old errno is taken for a new
 * one.
 */
static void forget_errors(void)
{
	ERR_clear_error();
	errno = 0;
}

/* The connection failed in libssl's hands: keeps the reasons. */
static enum step note_broken(struct visit *visit, int ssl_error)
{
	int system_errno = errno;

	if (ssl_error == SSL_ERROR_SYSCALL && system_errno != 0 && ERR_peek_error() == 0)
		ERR_raise(ERR_LIB_SYS, system_errno);
	if (ssl_error == SSL_ERROR_SYSCALL || BIO_eof(SSL_get_rbio(visit->ssl)))
		testimony_closed_by(&visit->testimony, CLOSER_CLIENT);
	else
		testimony_closed_by(&visit->testimony, CLOSER_SERVER);
	testimony_take_errors(&visit->testimony);
	return STEP_BROKEN;
}

/* Hands what came to the application, which may have an answer. */
static void take(struct visit *visit, struct bytes data)
{
	visit->testimony.bytes_received += data.len;
	application_take(&visit->application, data, &visit->out);
}

/* Waits for what libssl wants, or notes what broke the connection. */
static enum step wait_for(struct visit *visit, int ssl_error)
{
	enum step step;

	if (ssl_error == SSL_ERROR_WANT_WRITE)
		return patience_await(visit->patience, visit->connection, POLLOUT);
	if (ssl_error != SSL_ERROR_WANT_READ)
		return note_broken(visit, ssl_error);
	step = patience_await(visit->patience, visit->connection, POLLIN);
	outlet_turn(&visit->outlet);
	return step;
}

/* Takes what comes before the client's Finished: RFC 8446 section 4.2.10. */
static enum step hear_early_data(struct visit *visit)
{
	uint8_t record[RECORD_MAX];
	enum step step = STEP_ON;

	while (step == STEP_ON) {
		size_t n = 0;
		int rc;

		forget_errors();
		rc = SSL_read_early_data(visit->ssl, record, sizeof(record), &n);
		if (n > 0)
			take(visit, (struct bytes){record, n});
		if (rc == SSL_READ_EARLY_DATA_FINISH)
			break;
		if (rc == SSL_READ_EARLY_DATA_ERROR)
			step = wait_for(visit, SSL_get_error(visit->ssl, 0));
	}
	return step;
}

static enum step ask_for_cookie(struct visit *visit)
{
	int rc;
	enum step step = cookie_exchange(visit->ssl, visit->connection, visit->patience, &rc);

	return step == STEP_BROKEN ? note_broken(visit, SSL_get_error(visit->ssl, rc)) : step;
}

static enum step shake_hands(struct visit *visit)
{
	enum step step = STEP_ON;

	patience_set(visit->patience, visit->timeout_ms);
	open_tls(visit);
	if (visit->context->conduct.cookie > 0)
		step = ask_for_cookie(visit);
	if (step == STEP_ON && visit->context->conduct.early_data != EARLY_DATA_NONE)
		step = hear_early_data(visit);
	while (step == STEP_ON) {
		int rc;

		forget_errors();
		rc = SSL_accept(visit->ssl);
		if (rc == 1)
			break;
		step = wait_for(visit, SSL_get_error(visit->ssl, rc));
	}
	visit->testimony.shaken_ns = clock_steady_ns();
	if (step != STEP_ON)
		return step;
	visit->testimony.handshake = true;
	testimony_reach(&visit->testimony, REACHED_ESTABLISHED);
	return STEP_ON;
}

/* What TLS 1.3 lets a server ask once the handshake is over: RFC 8446 sections 4.6.2 and 4.6.3. */
static void ask_more(struct visit *visit)
{
	const struct conduct *conduct = &visit->context->conduct;
	struct testimony *testimony = &visit->testimony;

	if (SSL_version(visit->ssl) != TLS1_3_VERSION)
		return;
	forget_errors();
	if (conduct->key_update == 1 && SSL_key_update(visit->ssl, SSL_KEY_UPDATE_REQUESTED) == 1)
		testimony->key_update = "asked";
	if (conduct->post_handshake_auth)
		testimony->post_handshake_auth =
			SSL_verify_client_post_handshake(visit->ssl) == 1 ? "asked" : "not-offered";
	(void)SSL_do_handshake(visit->ssl); /* sends them; a socket that is full does so later */
	ERR_clear_error();
}

static size_t unsent(const struct visit *visit)
{
	return visit->out.len - visit->sent;
}

static void forget_sent(struct visit *visit)
{
	buf_consume(&visit->out, visit->sent);
	visit->sent = 0;
}

/* Reads one record at most. SSL_get_error's value. */
static int receive(struct visit *visit)
{
	uint8_t record[RECORD_MAX];
	int n;

	forget_errors();
	n = SSL_read(visit->ssl, record, sizeof(record));
	if (n <= 0)
		return SSL_get_error(visit->ssl, n);
	take(visit, (struct bytes){record, (size_t)n});
	outlet_turn(&visit->outlet);
	return SSL_ERROR_NONE;
}

/* Sends as much as the socket takes. SSL_get_error's value. */
static int send_out(struct visit *visit)
{
	while (unsent(visit) > 0) {
		size_t len = unsent(visit) < RECORD_MAX ? unsent(visit) : RECORD_MAX;
		int n;

		forget_errors();
		n = SSL_write(visit->ssl, visit->out.data + visit->sent, (int)len);
		if (n <= 0)
			return SSL_get_error(visit->ssl, n);
		visit->testimony.bytes_sent += (uint64_t)n;
		visit->sent += (size_t)n;
		if (visit->sent >= VISIT_UNSENT_MAX)
			forget_sent(visit);
	}
	forget_sent(visit);
	return SSL_ERROR_NONE;
}

static bool is_broken(int ssl_error)
{
	return ssl_error != SSL_ERROR_NONE && ssl_error != SSL_ERROR_WANT_READ &&
	       ssl_error != SSL_ERROR_WANT_WRITE;
}

/*
 * The client has sent its close_notify, and may still want to read the rest: RFC 8446 section
 * 6.1.
 */
static enum step send_rest(struct visit *visit)
{
	enum step step = STEP_ON;

	while (step == STEP_ON && unsent(visit) > 0) {
		int ssl_error = send_out(visit);

		if (is_broken(ssl_error))
			break;
		if (ssl_error != SSL_ERROR_NONE)
			step = patience_await(visit->patience, visit->connection, POLLOUT);
	}
	return step;
}

static enum step talk(struct visit *visit)
{
	enum step step = STEP_ON;

	patience_set(visit->patience, visit->timeout_ms);
	while (step == STEP_ON) {
		bool full = unsent(visit) >= VISIT_UNSENT_MAX;
		int received = full ? SSL_ERROR_WANT_WRITE : receive(visit);
		int sent;

		if (received == SSL_ERROR_ZERO_RETURN)
			return send_rest(visit);
		if (is_broken(received))
			return note_broken(visit, received);
		sent = send_out(visit);
		if (is_broken(sent))
			return note_broken(visit, sent);
		if (visit->application.said_all && unsent(visit) == 0)
			return STEP_ON;
		if (received == SSL_ERROR_NONE)
			step = patience_check(visit->patience);
		else
			step = patience_await(
				visit->patience, visit->connection,
				(short)((full ? 0 : POLLIN) | (unsent(visit) > 0 ? POLLOUT : 0)));
	}
	return step;
}

/* Lets go of the socket with a reset, which takes with it what is under way. */
static void reset(struct visit *visit)
{
	const struct linger at_once = {.l_onoff = 1};

	setsockopt(visit->connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	wiretap_server_ended(&visit->wiretap, ENDING_RST);
	close(visit->connection);
}

/*
 * Reads on until the client has closed its side: closing a socket with bytes unread would send a
 * reset, which may destroy our alert before the client has read it.
 */
static void hear_out(struct visit *visit, int timeout_ms)
{
	BIO *socket = SSL_get_rbio(visit->ssl);
	uint8_t dropped[RECORD_MAX];

	patience_set(visit->patience, timeout_ms);
	while (!BIO_eof(socket) &&
	       patience_await(visit->patience, visit->connection, POLLIN) == STEP_ON)
		if (BIO_read(socket, dropped, sizeof(dropped)) <= 0 && !BIO_should_retry(socket))
			break;
	close(visit->connection);
}

/* The client's close_notify may come after ours, if the server has said all first. */
static enum step part(struct visit *visit)
{
	enum step step = STEP_ON;
	int rc;

	patience_set(visit->patience, VISIT_FAREWELL_MS);
	rc = SSL_shutdown(visit->ssl);
	shutdown(visit->connection, SHUT_WR);
	wiretap_server_ended(&visit->wiretap, ENDING_FIN);
	while (rc == 0 && step == STEP_ON) {
		uint8_t dropped[RECORD_MAX];
		int n;

		forget_errors();
		n = SSL_read(visit->ssl, dropped, sizeof(dropped));
		if (n <= 0 && SSL_get_error(visit->ssl, n) != SSL_ERROR_WANT_READ)
			break;
		if (n <= 0)
			step = patience_await(visit->patience, visit->connection, POLLIN);
	}
	return step;
}

static void farewell(struct visit *visit, enum step step)
{
	bool orderly = visit->testimony.handshake && step != STEP_BROKEN;
	enum close_manner manner =
		orderly ? (enum close_manner)visit->context->conduct.close : CLOSE_FIN;

	forget_errors();
	if (manner == CLOSE_RESET) {
		reset(visit);
		return;
	}
	if (manner == CLOSE_NOTIFY) {
		part(visit);
	} else if (manner == CLOSE_FIN) {
		shutdown(visit->connection, SHUT_WR);
		wiretap_server_ended(&visit->wiretap, ENDING_FIN);
	}
	hear_out(visit, manner == CLOSE_SILENCE ? visit->timeout_ms : VISIT_FAREWELL_MS);
	if (visit->testimony.handshake && visit->testimony.close_notify_sent &&
	    visit->testimony.close_notify_received)
		testimony_reach(&visit->testimony, REACHED_CLOSED);
}

static enum ended ended_of(const struct visit *visit, enum step step)
{
	switch (step) {
	case STEP_TIMED_OUT:
		return ENDED_TIMEOUT;
	case STEP_STOPPED:
		return ENDED_STOPPED;
	default:
		return visit->testimony.handshake ? ENDED_CLOSED : ENDED_HANDSHAKE_FAILED;
	}
}

static enum step lead(struct visit *visit)
{
	enum step step = shake_hands(visit);

	if (step == STEP_ON) {
		ask_more(visit);
		step = talk(visit);
	}
	if (step == STEP_TIMED_OUT)
		testimony_closed_by(&visit->testimony, CLOSER_TIMEOUT);
	farewell(visit, step);
	return step;
}

void visit_lead(struct visit *visit, int connection, enum step met)
{
	enum step step = met;

	visit->connection = connection;
	if (met == STEP_ON) {
		visit->testimony.accepted_ns = clock_steady_ns();
		testimony_reach(&visit->testimony, REACHED_CONNECTED);
		step = lead(visit);
	} else if (met == STEP_TIMED_OUT) {
		testimony_closed_by(&visit->testimony, CLOSER_TIMEOUT);
	}
	visit->testimony.ended = ended_of(visit, step);
	visit->testimony.ended_ns = clock_steady_ns();
}

void visit_init(struct visit *visit, struct context *context, struct patience *patience,
                int timeout_ms, atomic_int *reached)
{
	*visit = (struct visit){.context = context,
	                        .patience = patience,
	                        .timeout_ms = timeout_ms,
	                        .connection = -1};
	testimony_init(&visit->testimony, reached);
	application_init(&visit->application, &context->conduct);
}

json_t *visit_tell(const struct visit *visit)
{
	json_t *told = testimony_tell(&visit->testimony, visit->ssl);

	fault_stream_tell(visit->faults, told);
	return told;
}

void visit_fini(struct visit *visit)
{
	fault_stream_free(visit->faults);
	SSL_free(visit->ssl);
	omission_free(visit->omission);
	buf_fini(&visit->out);
	application_fini(&visit->application);
	testimony_fini(&visit->testimony);
}
