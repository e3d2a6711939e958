#include "firmware/virtual_board.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/message.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

struct virtual_board {
	const struct stack *stack;
	struct agent_ops ops;
	int state;
	uint32_t deadline_ms;
	int master,
		slave; /* the slave stays open, or the master fails when the host closes the port */
	pthread_mutex_t uart; /* held while a thread writes to `master` */
	int abort_fd;         /* an event counter: readable once the run is to end */
	struct agent agent;
	uint8_t store[VIRTUAL_BOARD_STORE];
	uint64_t started_ns; /* on the steady clock */
	int64_t clock_offset_s;
	bool reset_due;
	pthread_t thread;
	bool has_thread; /* the thread of the last run has to be joined */
	bool has_run;
	pthread_mutex_t lock;
	bool running; /* under `lock`; the run's thread owns `run` and `report` while it is set */
	struct stack_run run;
	struct stack_report report;
};

/* ---- The UART ---- */

/*
 * What finds no room is lost, as on a UART that nobody listens to. The lock is needed: a descriptor
 * that does not block also refuses what comes while another thread writes.
 */
static void uart_write(void *context, const char *text, size_t len)
{
	struct virtual_board *board = context;
	ssize_t n = 0;

	pthread_mutex_lock(&board->uart);
	for (size_t done = 0; done < len && n >= 0; done += (size_t)n) {
		do {
			n = write(board->master, text + done, len - done);
		} while (n < 0 && errno == EINTR);
	}
	pthread_mutex_unlock(&board->uart);
}

void virtual_board_log(struct virtual_board *board, const char *format, ...)
{
	uint64_t ms = (clock_steady_ns() - board->started_ns) / 1000000;
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
	uart_write(board, line, (size_t)len + 2);
}

/* ---- A run ---- */

static void run_to_the_end(struct virtual_board *board)
{
	const struct stack_run *run = &board->run;
	struct stack_report *report = &board->report;
	struct addrinfo *addresses;
	struct link link;

	*report = (struct stack_report){.phase = "dns"};
	link_init(&link, board->abort_fd, clock_steady_ns() + board->deadline_ms * 1000000ull);
	if (link_resolve(&link, run->host, run->port, &addresses) == 0) {
		report->phase = "tcp";
		if (link_connect(&link, addresses) == 0) {
			virtual_board_log(board, "tcp: connected to %s port %u", run->host,
			                  run->port);
			stack_drive(board->stack, run, &link, report);
		}
	}
	if (report->status[0] == '\0')
		board->stack->link_status(link.end, report);
	virtual_board_log(board, "run: phase %s, status %s", report->phase, report->status);
	link_fini(&link);
}

static void *run_thread(void *context)
{
	struct virtual_board *board = context;

	run_to_the_end(board);
	pthread_mutex_lock(&board->lock);
	board->running = false;
	pthread_mutex_unlock(&board->lock);
	return NULL;
}

static bool is_running(struct virtual_board *board)
{
	bool running;

	pthread_mutex_lock(&board->lock);
	running = board->running;
	pthread_mutex_unlock(&board->lock);
	return running;
}

static void join_run(struct virtual_board *board)
{
	eventfd_t count;

	if (board->has_thread)
		CHECK(pthread_join(board->thread, NULL) == 0);
	board->has_thread = false;
	(void)eventfd_read(board->abort_fd, &count);
}

/* ---- The agent's operations ---- */

static uint32_t op_boot_nonce(void *context)
{
	uint32_t nonce;

	(void)context;
	CHECK(getrandom(&nonce, sizeof(nonce), 0) == sizeof(nonce));
	return nonce;
}

static bool has_cap(const char *caps, const char *key)
{
	size_t len = strlen(key);

	for (const char *at = strstr(caps, key); at != NULL; at = strstr(at + 1, key)) {
		if ((at == caps || at[-1] == ',') && (at[len] == ',' || at[len] == '\0'))
			return true;
	}
	return false;
}

static const char *refused_by_caps(const char *caps, const char *const text[])
{
	static const char *const keys[AGENT_N_RUN_TEXTS] = {
		[AGENT_SNI] = "sni",   [AGENT_MIN] = "min",       [AGENT_MAX] = "max",
		[AGENT_ALPN] = "alpn", [AGENT_PSK] = "psk",       [AGENT_RESUME] = "resume",
		[AGENT_EARLY] = "early",
	};

	for (int i = 0; i < AGENT_N_RUN_TEXTS; i++) {
		if (text[i] != NULL && keys[i] != NULL && !has_cap(caps, keys[i]))
			return keys[i];
	}
	return NULL;
}

static bool is_version(const char *text)
{
	return strlen(text) == 3 && strncmp(text, "1.", 2) == 0 && text[2] >= '0' && text[2] <= '3';
}

/*
 * Narrows what the stack has to the bounds that the host set. NULL, or the key that leaves nothing.
 */
static const char *narrow_versions(const struct stack *stack, const char *const text[],
                                   struct stack_run *run)
{
	const char *min = text[AGENT_MIN] != NULL ? text[AGENT_MIN] : stack->lowest;
	const char *max = text[AGENT_MAX] != NULL ? text[AGENT_MAX] : stack->highest;

	if (!is_version(min) || strcmp(min, stack->highest) > 0)
		return "min";
	if (!is_version(max) || strcmp(max, stack->lowest) < 0 || strcmp(max, min) < 0)
		return "max";
	if (strcmp(min, stack->lowest) < 0)
		min = stack->lowest;
	if (strcmp(max, stack->highest) > 0)
		max = stack->highest;
	snprintf(run->min, sizeof(run->min), "%s", min);
	snprintf(run->max, sizeof(run->max), "%s", max);
	return NULL;
}

static bool is_one(const char *text)
{
	return text != NULL && strcmp(text, "1") == 0;
}

static void copy_text(char out[AGENT_LINE_MAX], const char *text)
{
	snprintf(out, AGENT_LINE_MAX, "%s", text != NULL ? text : "");
}

static struct bytes blob_bytes(const struct virtual_board *board, enum agent_blob_name name)
{
	struct agent_blob blob = agent_blob(&board->agent, name);

	return (struct bytes){blob.data, blob.len};
}

static const char *op_run(void *context, uint16_t port, const char *const text[])
{
	struct virtual_board *board = context;
	struct stack_run *run = &board->run;
	const char *refused = refused_by_caps(board->stack->caps, text);

	join_run(board);
	if (refused == NULL)
		refused = narrow_versions(board->stack, text, run);
	if (refused == NULL && !stack_read_psk(text[AGENT_PSK], run))
		refused = "psk";
	if (refused != NULL)
		return refused;
	run->resume = is_one(text[AGENT_RESUME]);
	run->early = is_one(text[AGENT_EARLY]);
	copy_text(run->host, text[AGENT_HOST]);
	copy_text(run->sni, text[AGENT_SNI]);
	copy_text(run->alpn, text[AGENT_ALPN]);
	copy_text(run->send, text[AGENT_SEND]);
	run->port = port;
	run->ca = blob_bytes(board, AGENT_CA);
	run->cert = blob_bytes(board, AGENT_CERT);
	run->key = blob_bytes(board, AGENT_KEY);
	run->clock_offset_s = board->clock_offset_s;
	run->now_s = (int64_t)(clock_wall_ns() / 1000000000) + board->clock_offset_s;
	run->state = board->state;
	run->board = board;
	board->running = true;
	board->has_run = true;
	CHECK(pthread_create(&board->thread, NULL, run_thread, board) == 0);
	board->has_thread = true;
	return NULL;
}

static const char *known(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static enum agent_state op_status(void *context, struct agent_report *report)
{
	struct virtual_board *board = context;
	const struct stack_report *run = &board->report;

	if (!board->has_run)
		return AGENT_IDLE;
	if (is_running(board))
		return AGENT_BUSY;
	if (report == NULL)
		return AGENT_DONE;
	report->text[AGENT_PHASE] = run->phase;
	report->text[AGENT_STATUS] = run->status;
	report->text[AGENT_ALERT] = known(run->alert);
	report->text[AGENT_VERSION] = known(run->version);
	report->text[AGENT_SUITE] = known(run->ciphersuite);
	report->text[AGENT_MS] = known(run->handshake_ms);
	report->text[AGENT_GROUP] = known(run->group);
	report->text[AGENT_SIGNATURE] = known(run->signature);
	return AGENT_DONE;
}

static void op_abort(void *context)
{
	struct virtual_board *board = context;

	if (is_running(board))
		(void)eventfd_write(board->abort_fd, 1);
}

static bool op_set_time(void *context, uint32_t unix_s)
{
	struct virtual_board *board = context;

	board->clock_offset_s = (int64_t)unix_s - (int64_t)(clock_wall_ns() / 1000000000);
	return true;
}

static void op_reset(void *context)
{
	struct virtual_board *board = context;

	board->reset_due = true;
}

/* ---- The board's life ---- */

static void boot(struct virtual_board *board)
{
	const char *const *states = board->stack->states;

	op_abort(board);
	join_run(board);
	board->has_run = false;
	if (board->stack->forget != NULL)
		board->stack->forget();
	board->reset_due = false;
	board->clock_offset_s = 0;
	board->started_ns = clock_steady_ns();
	uart_write(board, "\r\n\r\n", 4);
	virtual_board_log(board, "Shakedown virtual board: %s%s%s", board->stack->version(),
	                  states != NULL ? ", " : "", states != NULL ? states[board->state] : "");
	agent_init(&board->agent, &board->ops, board, board->store, sizeof(board->store));
	virtual_board_log(board, "agent: protocol 1 on this UART");
}

/* Bytes that follow a RESET in the same chunk are lost with the restart. */
static void take_input(struct virtual_board *board)
{
	uint8_t chunk[256];
	ssize_t n = read(board->master, chunk, sizeof(chunk));

	for (ssize_t i = 0; i < n && !board->reset_due; i++)
		agent_receive(&board->agent, chunk[i]);
	if (board->reset_due)
		boot(board);
}

/* True once standard input has ended; what comes there is ignored. */
static bool parent_is_gone(void)
{
	char ignored[256];
	ssize_t n = read(STDIN_FILENO, ignored, sizeof(ignored));

	return n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN);
}

static void serve(struct virtual_board *board)
{
	struct pollfd fds[] = {
		{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = board->master, .events = POLLIN},
	};

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents != 0 && parent_is_gone())
			return;
		if (fds[1].revents != 0)
			take_input(board);
	}
}

static int open_pty(struct virtual_board *board, char device[64], struct error *error)
{
	struct termios raw;

	board->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (board->master < 0 || grantpt(board->master) != 0 || unlockpt(board->master) != 0 ||
	    ptsname_r(board->master, device, 64) != 0)
		return error_system(error, ERR_ENVIRONMENT, errno,
		                    "cannot make a pseudo-terminal (is /dev/pts mounted?)");
	board->slave = open(device, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (board->slave < 0 || tcgetattr(board->slave, &raw) != 0)
		return error_system(error, ERR_ENVIRONMENT, errno, "cannot open %s", device);
	cfmakeraw(&raw);
	if (tcsetattr(board->slave, TCSANOW, &raw) != 0)
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
	static struct virtual_board board = {
		.master = -1,
		.slave = -1,
		.uart = PTHREAD_MUTEX_INITIALIZER,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	char device[64];
	int rc;

	board.stack = options->stack;
	board.state = options->state;
	board.deadline_ms = options->deadline_ms;
	board.ops = (struct agent_ops){
		.stack = options->stack->version(),
		.caps = options->stack->caps,
		.write = uart_write,
		.boot_nonce = op_boot_nonce,
		.run = op_run,
		.status = op_status,
		.abort = op_abort,
		.set_time = op_set_time,
		.reset = op_reset,
	};
	board.abort_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (board.abort_fd < 0)
		return error_system(error, ERR_ENVIRONMENT, errno, "cannot make an event counter");
	rc = open_pty(&board, device, error);
	if (rc == 0) {
		boot(&board);
		rc = publish(device, error);
	}
	if (rc == 0)
		serve(&board);
	op_abort(&board);
	join_run(&board);
	close(board.abort_fd);
	if (board.slave >= 0)
		close(board.slave);
	if (board.master >= 0)
		close(board.master);
	return rc;
}
