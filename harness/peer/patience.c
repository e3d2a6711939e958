#include "peer/patience.h"

#include "base/assert.h"
#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define NS_PER_MS 1000000u

static int watch_signal(int number)
{
	sigset_t asked;
	int fd;

	sigemptyset(&asked);
	sigaddset(&asked, number);
	fd = signalfd(-1, &asked, SFD_CLOEXEC);
	CHECK(fd >= 0);
	return fd;
}

void patience_init(struct patience *patience)
{
	*patience =
		(struct patience){.stop = watch_signal(SIGTERM), .last = watch_signal(SIGUSR1)};
}

void patience_fini(struct patience *patience)
{
	close(patience->stop);
	close(patience->last);
}

void patience_set(struct patience *patience, int timeout_ms)
{
	if (!patience->stopping)
		patience->deadline_ns = clock_steady_ns() + (uint64_t)timeout_ms * NS_PER_MS;
}

/* It was asked to end. */
static void begin_to_stop(struct patience *patience)
{
	patience_set(patience, PATIENCE_STOP_MS);
	patience->stopping = true;
}

enum step patience_check(struct patience *patience)
{
	struct pollfd stop = {.fd = patience->stop, .events = POLLIN};

	if (!patience->stopping && poll(&stop, 1, 0) == 1)
		begin_to_stop(patience);
	if (clock_steady_ns() < patience->deadline_ns)
		return STEP_ON;
	return patience->stopping ? STEP_STOPPED : STEP_TIMED_OUT;
}

static int ms_left(const struct patience *patience)
{
	uint64_t now_ns = clock_steady_ns();

	if (now_ns >= patience->deadline_ns)
		return 0;
	return (int)((patience->deadline_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS);
}

/* `last`: a descriptor that ends the wait, or -1. */
static enum step await(struct patience *patience, int fd, short events, int last)
{
	for (;;) {
		struct pollfd watched[] = {
			{.fd = fd, .events = events},
			{.fd = patience->stopping ? -1 : patience->stop, .events = POLLIN},
			{.fd = last, .events = POLLIN},
		};
		enum step step = patience_check(patience);
		int rc;

		if (step != STEP_ON)
			return step;
		rc = poll(watched, 3, patience->stopping ? 0 : ms_left(patience));
		CHECK(rc >= 0 || errno == EINTR);
		if (rc > 0 && watched[0].revents != 0)
			return STEP_ON;
		if (patience->stopping || watched[2].revents != 0)
			return STEP_STOPPED;
		if (rc > 0)
			begin_to_stop(patience);
	}
}

enum step patience_await(struct patience *patience, int fd, short events)
{
	return await(patience, fd, events, -1);
}

enum step patience_await_client(struct patience *patience, int listener)
{
	return await(patience, listener, POLLIN, patience->last);
}
