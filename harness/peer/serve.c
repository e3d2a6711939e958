#include "peer/serve.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/json.h"
#include "peer/fault_stream.h"
#include "peer/testimony.h"
#include "peer/wiretap.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define NS_PER_MS 1000000u
#define RECORD_MAX 16384 /* bytes of plaintext in one record: RFC 8446 section 5.1 */

struct serve {
	const struct serve_plan *plan;
	struct testimony testimony;
	struct wiretap wiretap;
	struct fault_stream *faults; /* NULL: none */
	SSL *ssl;
	int connection;
	int stop; /* readable once SIGTERM came */
	bool stopping;
	uint64_t deadline_ns; /* of the present phase, on the steady clock */
	struct buf echo;      /* what is to be sent back, from `echoed` on */
	size_t echoed;
};

/* How a phase went on. */
enum step { STEP_ON, STEP_TIMED_OUT, STEP_STOPPED, STEP_BROKEN };

static void set_deadline(struct serve *serve, int timeout_ms)
{
	if (!serve->stopping)
		serve->deadline_ns = clock_steady_ns() + (uint64_t)timeout_ms * NS_PER_MS;
}

static enum step check_deadline(const struct serve *serve)
{
	if (clock_steady_ns() < serve->deadline_ns)
		return STEP_ON;
	return serve->stopping ? STEP_STOPPED : STEP_TIMED_OUT;
}

static int ms_left(const struct serve *serve)
{
	uint64_t now_ns = clock_steady_ns();

	if (now_ns >= serve->deadline_ns)
		return 0;
	return (int)((serve->deadline_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS);
}

/*
 * Waits until `fd` has one of `events`. What has arrived goes before a request to stop: when the
 * board has reported its end, the alert that it sent may still lie here unread.
 */
static enum step await(struct serve *serve, int fd, short events)
{
	for (;;) {
		struct pollfd watched[] = {
			{.fd = fd, .events = events},
			{.fd = serve->stopping ? -1 : serve->stop, .events = POLLIN},
		};
		enum step step = check_deadline(serve);
		int rc;

		if (step != STEP_ON)
			return step;
		rc = poll(watched, 2, serve->stopping ? 0 : ms_left(serve));
		CHECK(rc >= 0 || errno == EINTR);
		if (rc > 0 && watched[0].revents != 0)
			return STEP_ON;
		if (serve->stopping)
			return STEP_STOPPED;
		if (rc > 0) {
			set_deadline(serve, SERVE_STOP_MS);
			serve->stopping = true;
		}
	}
}

static enum step accept_client(struct serve *serve)
{
	socklen_t len = sizeof(serve->testimony.client);
	enum step step;

	set_deadline(serve, serve->plan->timeout_ms);
	do {
		step = await(serve, serve->plan->listener, POLLIN);
		if (step == STEP_ON)
			serve->connection = accept4(serve->plan->listener,
			                            (struct sockaddr *)&serve->testimony.client,
			                            &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	} while (step == STEP_ON && serve->connection < 0);
	close(serve->plan->listener);
	if (step != STEP_ON)
		return step;
	serve->testimony.accepted_ns = clock_steady_ns();
	testimony_reach(&serve->testimony, REACHED_CONNECTED);
	return STEP_ON;
}

/* Tickets that boards keep from earlier cases must mean nothing in this one. */
static void renew_ticket_keys(SSL_CTX *context)
{
	unsigned char fresh[128];
	long len = SSL_CTX_get_tlsext_ticket_keys(context, NULL, 0);

	CHECK(len > 0 && (size_t)len <= sizeof(fresh) && RAND_bytes(fresh, (int)len) == 1);
	CHECK(SSL_CTX_set_tlsext_ticket_keys(context, fresh, len) == 1);
	CHECK(SSL_CTX_set_session_id_context(context, fresh, 16) == 1);
}

static void open_tls(struct serve *serve)
{
	int on = 1;

	renew_ticket_keys(serve->plan->context);
	testimony_watch_context(serve->plan->context);
	setsockopt(serve->connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	serve->ssl = SSL_new(serve->plan->context);
	CHECK(serve->ssl != NULL && SSL_set_fd(serve->ssl, serve->connection) == 1);
	testimony_watch(&serve->testimony, serve->ssl);
	wiretap_start(&serve->wiretap, SSL_get_rbio(serve->ssl), &serve->testimony.client);
	serve->faults = fault_stream_start(serve->plan->faults,
	                                   &(struct fault_surroundings){serve->ssl,
	                                                                &serve->testimony,
	                                                                &serve->wiretap,
	                                                                serve->stop});
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
static enum step note_broken(struct serve *serve, int ssl_error)
{
	int system_errno = errno;

	if (ssl_error == SSL_ERROR_SYSCALL && system_errno != 0 && ERR_peek_error() == 0)
		ERR_raise(ERR_LIB_SYS, system_errno);
	if (ssl_error == SSL_ERROR_SYSCALL || BIO_eof(SSL_get_rbio(serve->ssl)))
		testimony_closed_by(&serve->testimony, CLOSER_CLIENT);
	else
		testimony_closed_by(&serve->testimony, CLOSER_SERVER);
	testimony_take_errors(&serve->testimony);
	return STEP_BROKEN;
}

static enum step shake_hands(struct serve *serve)
{
	enum step step = STEP_ON;

	set_deadline(serve, serve->plan->timeout_ms);
	open_tls(serve);
	while (step == STEP_ON) {
		int rc, ssl_error;

		forget_errors();
		rc = SSL_accept(serve->ssl);
		if (rc == 1)
			break;
		ssl_error = SSL_get_error(serve->ssl, rc);
		if (ssl_error == SSL_ERROR_WANT_READ)
			step = await(serve, serve->connection, POLLIN);
		else if (ssl_error == SSL_ERROR_WANT_WRITE)
			step = await(serve, serve->connection, POLLOUT);
		else
			step = note_broken(serve, ssl_error);
	}
	serve->testimony.shaken_ns = clock_steady_ns();
	if (step != STEP_ON)
		return step;
	serve->testimony.handshake = true;
	testimony_reach(&serve->testimony, REACHED_ESTABLISHED);
	return STEP_ON;
}

static size_t unsent(const struct serve *serve)
{
	return serve->echo.len - serve->echoed;
}

static void forget_sent(struct serve *serve)
{
	buf_consume(&serve->echo, serve->echoed);
	serve->echoed = 0;
}

/* Reads one record at most. SSL_get_error's value. */
static int receive(struct serve *serve)
{
	uint8_t record[RECORD_MAX];
	int n;

	forget_errors();
	n = SSL_read(serve->ssl, record, sizeof(record));
	if (n <= 0)
		return SSL_get_error(serve->ssl, n);
	serve->testimony.bytes_received += (uint64_t)n;
	buf_add(&serve->echo, record, (size_t)n);
	return SSL_ERROR_NONE;
}

/* Sends as much of the echo as the socket takes. SSL_get_error's value. */
static int send_back(struct serve *serve)
{
	while (unsent(serve) > 0) {
		size_t len = unsent(serve) < RECORD_MAX ? unsent(serve) : RECORD_MAX;
		int n;

		forget_errors();
		n = SSL_write(serve->ssl, serve->echo.data + serve->echoed, (int)len);
		if (n <= 0)
			return SSL_get_error(serve->ssl, n);
		serve->testimony.bytes_sent += (uint64_t)n;
		serve->echoed += (size_t)n;
		if (serve->echoed >= SERVE_UNSENT_MAX)
			forget_sent(serve);
	}
	forget_sent(serve);
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
static enum step send_rest(struct serve *serve)
{
	enum step step = STEP_ON;

	while (step == STEP_ON && unsent(serve) > 0) {
		int ssl_error = send_back(serve);

		if (is_broken(ssl_error))
			break;
		if (ssl_error != SSL_ERROR_NONE)
			step = await(serve, serve->connection, POLLOUT);
	}
	return step;
}

static enum step echo(struct serve *serve)
{
	enum step step = STEP_ON;

	set_deadline(serve, serve->plan->timeout_ms);
	while (step == STEP_ON) {
		bool full = unsent(serve) >= SERVE_UNSENT_MAX;
		int received = full ? SSL_ERROR_WANT_WRITE : receive(serve);
		int sent;

		if (received == SSL_ERROR_ZERO_RETURN)
			return send_rest(serve);
		if (is_broken(received))
			return note_broken(serve, received);
		sent = send_back(serve);
		if (is_broken(sent))
			return note_broken(serve, sent);
		if (received == SSL_ERROR_NONE)
			step = check_deadline(serve);
		else
			step = await(serve, serve->connection,
			             (short)((full ? 0 : POLLIN) | (unsent(serve) > 0 ? POLLOUT : 0)));
	}
	return step;
}

/*
 * Closes our side and reads on until the client has closed its own: closing a socket with bytes
 * unread would send a reset, which may destroy our alert before the client has read it.
 */
static void farewell(struct serve *serve, enum step step)
{
	BIO *socket = SSL_get_rbio(serve->ssl);
	uint8_t dropped[RECORD_MAX];

	forget_errors();
	if (serve->testimony.handshake && step != STEP_BROKEN)
		SSL_shutdown(serve->ssl);
	if (serve->testimony.handshake && serve->testimony.close_notify_sent &&
	    serve->testimony.close_notify_received)
		testimony_reach(&serve->testimony, REACHED_CLOSED);
	shutdown(serve->connection, SHUT_WR);
	wiretap_server_ended(&serve->wiretap, ENDING_FIN);
	set_deadline(serve, SERVE_FAREWELL_MS);
	while (!BIO_eof(socket) && await(serve, serve->connection, POLLIN) == STEP_ON)
		if (BIO_read(socket, dropped, sizeof(dropped)) <= 0 && !BIO_should_retry(socket))
			break;
	close(serve->connection);
}

static enum ended ended_of(const struct serve *serve, enum step step)
{
	switch (step) {
	case STEP_TIMED_OUT:
		return ENDED_TIMEOUT;
	case STEP_STOPPED:
		return ENDED_STOPPED;
	default:
		return serve->testimony.handshake ? ENDED_CLOSED : ENDED_HANDSHAKE_FAILED;
	}
}

static void live(struct serve *serve)
{
	enum step step = accept_client(serve);

	if (step == STEP_ON) {
		step = shake_hands(serve);
		if (step == STEP_ON)
			step = echo(serve);
		if (step == STEP_TIMED_OUT)
			testimony_closed_by(&serve->testimony, CLOSER_TIMEOUT);
		farewell(serve, step);
	} else if (step == STEP_TIMED_OUT) {
		testimony_closed_by(&serve->testimony, CLOSER_TIMEOUT);
	}
	serve->testimony.ended = ended_of(serve, step);
	serve->testimony.ended_ns = clock_steady_ns();
}

static int open_stop(void)
{
	sigset_t asked;
	int stop;

	sigemptyset(&asked);
	sigaddset(&asked, SIGTERM);
	stop = signalfd(-1, &asked, SFD_CLOEXEC);
	CHECK(stop >= 0);
	return stop;
}

json_t *serve(const struct serve_plan *plan, struct buf *capture)
{
	struct serve serve = {.plan = plan, .connection = -1, .stop = open_stop()};
	json_t *message;

	testimony_init(&serve.testimony, plan->reached);
	live(&serve);
	message = json_made(json_pack("{s:o, s:s}", "testimony",
	                              testimony_tell(&serve.testimony, serve.ssl), "keylog",
	                              buf_string(&serve.testimony.keylog)));
	fault_stream_tell(serve.faults, json_object_get(message, "testimony"));
	json_object_set_new(message, "connections",
	                    wiretap_collect(&serve.wiretap, buf_view(&serve.testimony.keylog),
	                                    capture));
	fault_stream_free(serve.faults);
	SSL_free(serve.ssl);
	close(serve.stop);
	buf_fini(&serve.echo);
	testimony_fini(&serve.testimony);
	return message;
}
