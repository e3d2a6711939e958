#include "peer/wiretap.h"

#include "base/assert.h"
#include "base/clock.h"

#include <errno.h>

/* Times of one connection are told apart by the clock that never jumps. */
static uint64_t now_ns(const struct wiretap *wiretap)
{
	return wiretap->start_wall_ns + (clock_steady_ns() - wiretap->start_steady_ns);
}

static void client_ended(struct wiretap *wiretap, enum ending ending)
{
	if (wiretap->client_ended)
		return;
	wiretap->client_ended = true;
	tap_close(wiretap->tap, SIDE_CLIENT, ending, now_ns(wiretap));
}

/* What a read that brought nothing says of the client. errno is still the socket's. */
static void note_end(struct wiretap *wiretap, BIO *socket)
{
	if (BIO_eof(socket))
		client_ended(wiretap, ENDING_FIN);
	else if (errno == ECONNRESET)
		client_ended(wiretap, ENDING_RST);
}

/*
 * A client that never ceases to send would keep libssl in one call, which goes on until it has data
 * for us. Once the time is over, nothing is there to be read.
 */
static bool is_refused(const struct wiretap *wiretap, BIO *socket)
{
	if (patience_check(wiretap->patience) == STEP_ON)
		return false;
	BIO_set_retry_read(socket);
	errno = EAGAIN;
	return true;
}

/* libcrypto calls this before (without BIO_CB_RETURN) and after each operation on the BIO. */
static long on_operation(BIO *socket, int operation, const char *data, size_t len, int number,
                         long more, int rc, size_t *n_done)
{
	struct wiretap *wiretap = (struct wiretap *)BIO_get_callback_arg(socket);
	int system_errno = errno;

	if (operation == BIO_CB_READ && is_refused(wiretap, socket))
		return -1;
	(void)len;
	(void)number;
	(void)more;
	if (operation == (BIO_CB_WRITE | BIO_CB_RETURN) && rc > 0)
		tap_data(wiretap->tap, SIDE_SERVER, (struct bytes){(const uint8_t *)data, *n_done},
		         now_ns(wiretap));
	else if (operation == (BIO_CB_READ | BIO_CB_RETURN) && rc > 0)
		tap_data(wiretap->tap, SIDE_CLIENT, (struct bytes){(const uint8_t *)data, *n_done},
		         now_ns(wiretap));
	else if (operation == (BIO_CB_READ | BIO_CB_RETURN))
		note_end(wiretap, socket);
	errno = system_errno;
	return rc;
}

void wiretap_start(struct wiretap *wiretap, BIO *socket, const struct sockaddr_storage *client,
                   struct patience *patience)
{
	struct sockaddr_storage server = {0};
	socklen_t len = sizeof(server);

	CHECK(getsockname((int)BIO_get_fd(socket, NULL), (struct sockaddr *)&server, &len) == 0);
	wiretap->patience = patience;
	wiretap->start_wall_ns = clock_wall_ns();
	wiretap->start_steady_ns = clock_steady_ns();
	wiretap->tap = tap_new(client, &server, wiretap->start_wall_ns);
	BIO_set_callback_arg(socket, (char *)wiretap);
	BIO_set_callback_ex(socket, on_operation);
}

void wiretap_server_ended(struct wiretap *wiretap, enum ending ending)
{
	if (wiretap->tap == NULL || wiretap->server_ended)
		return;
	wiretap->server_ended = true;
	tap_close(wiretap->tap, SIDE_SERVER, ending, now_ns(wiretap));
}

void wiretap_collect(struct wiretap *wiretap, struct bytes keylog, struct buf *json,
                     struct buf *pcapng)
{
	if (wiretap->tap == NULL)
		return;
	tap_collect(wiretap->tap, keylog, json, pcapng);
	tap_free(wiretap->tap);
	*wiretap = (struct wiretap){0};
}
