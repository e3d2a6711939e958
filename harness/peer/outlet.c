#include "peer/outlet.h"

#include "base/assert.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

#define DRAIN_MS 200 /* at most so long until the client's system has room for a segment */

/*
 * Waits until the system has put all bytes on the wire: what still lies there when more comes, it
 * sends in one segment with it.
 */
static void drain(BIO *socket, struct patience *patience)
{
	int fd = (int)BIO_get_fd(socket, NULL), unsent = 0;

	for (int ms = 0; ms < DRAIN_MS && patience_check(patience) == STEP_ON; ms++) {
		if (ioctl(fd, SIOCOUTQNSD, &unsent) != 0 || unsent == 0)
			return;
		poll(NULL, 0, 1);
	}
}

static void pause_once(struct outlet *outlet)
{
	struct pollfd stop = {.fd = outlet->patience->stop, .events = POLLIN};

	if (outlet->pause_ms > 0 && !outlet->waited)
		(void)poll(&stop, 1, (int)outlet->pause_ms);
	outlet->waited = true;
}

static int write_some(BIO *bio, const char *data, size_t len, size_t *n_done)
{
	struct outlet *outlet = BIO_get_data(bio);
	BIO *socket = BIO_next(bio);

	*n_done = 0;
	pause_once(outlet);
	BIO_clear_retry_flags(bio);
	while (*n_done < len) {
		size_t n = len - *n_done, n_now = 0;

		if (outlet->segment > 0 && n > outlet->segment)
			n = outlet->segment;
		if (outlet->segment > 0)
			drain(socket, outlet->patience);
		if (BIO_write_ex(socket, data + *n_done, n, &n_now) != 1)
			break;
		*n_done += n_now;
	}
	BIO_copy_next_retry(bio);
	return *n_done > 0;
}

static int read_some(BIO *bio, char *data, size_t size, size_t *n_done)
{
	int rc = BIO_read_ex(BIO_next(bio), data, size, n_done);

	BIO_clear_retry_flags(bio);
	BIO_copy_next_retry(bio);
	return rc;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
	return BIO_ctrl(BIO_next(bio), command, number, pointer);
}

BIO *outlet_new(struct outlet *outlet, BIO *socket)
{
	BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_FILTER, "outlet");
	BIO *bio;

	CHECK(method != NULL);
	BIO_meth_set_write_ex(method, write_some);
	BIO_meth_set_read_ex(method, read_some);
	BIO_meth_set_ctrl(method, control);
	bio = BIO_new(method); /* the method lives as long as the process, which serves one case */
	CHECK(bio != NULL);
	BIO_set_data(bio, outlet);
	BIO_set_init(bio, 1);
	return BIO_push(bio, socket);
}

void outlet_turn(struct outlet *outlet)
{
	outlet->waited = false;
}
