#include "firmware/virtual_board.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/message.h"
#include "firmware/glue/client.h"
#include "firmware/glue/port.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

static struct {
	const struct virtual_board_options *options;
	int master,
		slave; /* the slave stays open, or the master fails when the host closes the port */
	pthread_mutex_t uart; /* held while a thread writes to `master` */
	uint64_t started_ns;  /* on the steady clock */
	bool reset_due;
	bool has_task; /* for TLS; it is there from the first run on */
	pthread_mutex_t turn; /* held to look at `at_work` */
	pthread_cond_t turned;
	bool at_work; /* the task is at a run, or is to begin one */
} board = {.master = -1,
           .slave = -1,
           .uart = PTHREAD_MUTEX_INITIALIZER,
           .turn = PTHREAD_MUTEX_INITIALIZER,
           .turned = PTHREAD_COND_INITIALIZER};

/* ---- The platform ---- */

/*
 * What finds no room is lost, as on a UART that nobody listens to. The lock is needed: a descriptor
 * that does not block also refuses what comes while another thread writes.
 */
void port_write(const char *text, size_t len)
{
	ssize_t n = 0;

	pthread_mutex_lock(&board.uart);
	for (size_t done = 0; done < len && n >= 0; done += (size_t)n) {
		do {
			n = write(board.master, text + done, len - done);
		} while (n < 0 && errno == EINTR);
	}
	pthread_mutex_unlock(&board.uart);
}

/* With the time since the board started. */
void port_log(const char *format, ...)
{
	uint64_t ms = (clock_steady_ns() - board.started_ns) / 1000000;
	char line[256];
	va_list arguments;
	int len = snprintf(line, sizeof(line), "[%5llu.%03llu] ", (unsigned long long)(ms / 1000),
	                   (unsigned long long)(ms % 1000));

	va_start(arguments, format);
	len += vsnprintf(line + len, sizeof(line) - 2 - (size_t)len, format, arguments);
	va_end(arguments);
	if (len > (int)sizeof(line) - 3)
		len = (int)sizeof(line) - 3;
	memcpy(line + len, "\r\n", 2);
	port_write(line, (size_t)len + 2);
}

uint32_t port_now_ms(void)
{
	return (uint32_t)(clock_steady_ns() / 1000000);
}

int64_t port_unix_s(void)
{
	return (int64_t)(clock_wall_ns() / 1000000000);
}

uint32_t port_boot_nonce(void)
{
	uint32_t nonce;

	CHECK(getrandom(&nonce, sizeof(nonce), 0) == sizeof(nonce));
	return nonce;
}

/* Waits until the task is at work, or until it is not. The turn is held before and after. */
static void await_turn(bool at_work)
{
	while (board.at_work != at_work)
		CHECK(pthread_cond_wait(&board.turned, &board.turn) == 0);
}

static void set_turn(bool at_work)
{
	board.at_work = at_work;
	CHECK(pthread_cond_signal(&board.turned) == 0);
}

/* The task for TLS, as a real board has one: it does one run after the other, and never ends. */
static void *serve_runs(void *context)
{
	CHECK(pthread_mutex_lock(&board.turn) == 0);
	for (;;) {
		await_turn(true);
		pthread_mutex_unlock(&board.turn);
		client_work();
		pthread_mutex_lock(&board.turn);
		set_turn(false);
	}
	return context;
}

static void await_run(void)
{
	CHECK(pthread_mutex_lock(&board.turn) == 0);
	await_turn(false);
	pthread_mutex_unlock(&board.turn);
}

/* The last run has told how it went, and is at its end. */
void port_wake(void)
{
	pthread_t task;

	if (!board.has_task)
		CHECK(pthread_create(&task, NULL, serve_runs, NULL) == 0 &&
		      pthread_detach(task) == 0);
	board.has_task = true;
	await_run();
	CHECK(pthread_mutex_lock(&board.turn) == 0);
	set_turn(true);
	pthread_mutex_unlock(&board.turn);
}

void port_reset(void)
{
	board.reset_due = true;
}

/* ---- The board's life ---- */

static void boot(void)
{
	const struct stack *stack = board.options->stack;
	const char *const *states = stack->states;
	int state = board.options->state;

	client_abort();
	await_run();
	board.reset_due = false;
	board.started_ns = clock_steady_ns();
	port_write("\r\n\r\n", 4);
	port_log("Shakedown virtual board: %s%s%s", stack->version(), states != NULL ? ", " : "",
	         states != NULL ? states[state] : "");
	client_init(stack, state, board.options->deadline_ms);
	port_log("agent: protocol 1 on this UART");
}

/* Bytes that follow a RESET in the same chunk are lost with the restart. */
static void take_input(void)
{
	uint8_t chunk[256];
	ssize_t n = read(board.master, chunk, sizeof(chunk));

	for (ssize_t i = 0; i < n && !board.reset_due; i++)
		client_receive(chunk[i]);
	if (board.reset_due)
		boot();
}

/* True once standard input has ended; what comes there is ignored. */
static bool parent_is_gone(void)
{
	char ignored[256];
	ssize_t n = read(STDIN_FILENO, ignored, sizeof(ignored));

	return n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN);
}

static void serve(void)
{
	struct pollfd fds[] = {
		{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = board.master, .events = POLLIN},
	};

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents != 0 && parent_is_gone())
			return;
		if (fds[1].revents != 0)
			take_input();
	}
}

static int open_pty(char device[64], struct error *error)
{
	struct termios raw;

	board.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (board.master < 0 || grantpt(board.master) != 0 || unlockpt(board.master) != 0 ||
	    ptsname_r(board.master, device, 64) != 0)
		return error_system(error, ERR_ENVIRONMENT, errno,
		                    "cannot make a pseudo-terminal (is /dev/pts mounted?)");
	board.slave = open(device, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (board.slave < 0 || tcgetattr(board.slave, &raw) != 0)
		return error_system(error, ERR_ENVIRONMENT, errno, "cannot open %s", device);
	cfmakeraw(&raw);
	if (tcsetattr(board.slave, TCSANOW, &raw) != 0)
		return error_system(error, ERR_ENVIRONMENT, errno, "cannot make %s raw", device);
	return 0;
}

static int publish(const char *device, struct error *error)
{
	json_t *message = json_pack("{s:s, s:s}", "event", "ready", "device", device);
	int rc;

	CHECK(message != NULL);
	rc = message_write(STDOUT_FILENO, message, (struct bytes){0}, error);
	json_decref(message);
	return rc;
}

int virtual_board_serve(const struct virtual_board_options *options, struct error *error)
{
	char device[64];
	int rc;

	board.options = options;
	rc = open_pty(device, error);
	if (rc == 0) {
		boot();
		rc = publish(device, error);
	}
	if (rc == 0)
		serve();
	client_abort();
	await_run();
	if (board.slave >= 0)
		close(board.slave);
	if (board.master >= 0)
		close(board.master);
	return rc;
}
