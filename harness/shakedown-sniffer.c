/*
 * shakedown-sniffer: captures TCP on one interface and tells what was in it, port by port.
 *
 * It opens the capture, gives up every right, and only then looks at packets. It speaks messages
 * (base/message.h) on standard input and output:
 *   -> {"event":"ready","interface":"lo"}, or {"event":"refused","text":"<sentence>"} and exit 3
 *   <- {"op":"collect","port":39999,"from_us":1795445568655030,"connections":1,
 *       "keylog":"<SSLKEYLOGFILE text>","wait_ms":300}
 *   -> {"event":"collected","port":39999,"told":5310,"dropped":0} and evidence (flow/evidence.h)
 * It ends when its standard input closes. What a capture costs in memory is bounded: see
 * flow/collector.h.
 */
#include "base/assert.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/message.h"
#include "flow/collector.h"
#include "flow/live.h"
#include "flow/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sniffer {
	struct live *live;
	struct collector *collector;
	struct message_reader requests;
	struct buf answers;
	size_t n_written;   /* of the answers */
	uint64_t n_dropped; /* by the kernel's last count */
	bool over;          /* standard input has closed */
};

static void on_packet(void *context, const struct packet *packet)
{
	struct sniffer *sniffer = context;

	collector_packet(sniffer->collector, packet, sniffer->n_dropped);
}

static int read_packets(struct sniffer *sniffer, struct error *error)
{
	int rc = live_read(sniffer->live, on_packet, sniffer, error);

	sniffer->n_dropped = live_dropped(sniffer->live);
	return rc;
}

static int take_requests(struct sniffer *sniffer, struct error *error)
{
	struct bytes attached;
	json_t *request;
	int rc;

	while ((rc = message_next(&sniffer->requests, &request, &attached, error)) == 1) {
		bool taken = collector_ask(sniffer->collector, request, clock_steady_ns(),
		                           sniffer->n_dropped);

		json_decref(request);
		if (!taken)
			return error_set(error, ERR_INPUT, "a message that asks for no port");
	}
	return rc;
}

static int read_requests(struct sniffer *sniffer, struct error *error)
{
	uint8_t chunk[65536];
	ssize_t n = read(STDIN_FILENO, chunk, sizeof(chunk));

	if (n < 0 && errno != EINTR && errno != EAGAIN)
		return error_system(error, ERR_ENVIRONMENT, errno, "cannot read requests");
	if (n == 0)
		sniffer->over = true;
	if (n <= 0)
		return 0;
	message_feed(&sniffer->requests, chunk, (size_t)n);
	return take_requests(sniffer, error);
}

/*
 * Writes what the parent takes now: a parent that is busy must not keep the ring from being read.
 */
static int write_answers(struct sniffer *sniffer, struct error *error)
{
	ssize_t n = write(STDOUT_FILENO, sniffer->answers.data + sniffer->n_written,
	                  sniffer->answers.len - sniffer->n_written);

	if (n < 0 && errno == EPIPE)
		sniffer->over = true;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		return error_system(error, ERR_ENVIRONMENT, errno, "cannot write answers");
	if (n > 0)
		sniffer->n_written += (size_t)n;
	if (sniffer->n_written == sniffer->answers.len) {
		buf_clear(&sniffer->answers);
		sniffer->n_written = 0;
	}
	return 0;
}

static int turn(struct sniffer *sniffer, struct error *error)
{
	enum { PACKETS, REQUESTS, ANSWERS };
	size_t n_answers = sniffer->answers.len;
	struct pollfd polled[] = {
		[PACKETS] = {.fd = live_fd(sniffer->live), .events = POLLIN},
		[REQUESTS] = {.fd = STDIN_FILENO, .events = POLLIN},
		[ANSWERS] = {.fd = n_answers > 0 ? STDOUT_FILENO : -1, .events = POLLOUT},
	};
	int rc = 0;

	if (poll(polled, 3, collector_wait_ms(sniffer->collector, clock_steady_ns())) < 0 &&
	    errno != EINTR)
		return error_system(error, ERR_ENVIRONMENT, errno, "cannot wait for packets");
	if (polled[REQUESTS].revents != 0)
		rc = read_requests(sniffer, error);
	if (rc == 0)
		rc = read_packets(sniffer, error);
	if (rc == 0)
		collector_answer(sniffer->collector, clock_steady_ns(), sniffer->n_dropped,
		                 &sniffer->answers);
	if (rc == 0 && sniffer->answers.len > 0)
		rc = write_answers(sniffer, error);
	return rc;
}

/* Everything that needs a right, and then the end of all rights. */
static int prepare(struct sniffer *sniffer, const char *interface, struct error *error)
{
	int rc = live_open(&sniffer->live, interface, error);

	if (rc == 0)
		rc = rights_drop(error);
	if (rc != 0)
		return rc;
	rights_warm_up();
	fcntl(STDOUT_FILENO, F_SETFL, fcntl(STDOUT_FILENO, F_GETFL) | O_NONBLOCK);
	sniffer->collector = collector_new(interface, live_linktype(sniffer->live));
	return rights_confine(error);
}

static void tell(struct sniffer *sniffer, const char *event, const char *key, const char *value)
{
	json_t *message = json_made(json_pack("{s:s, s:s}", "event", event, key, value));

	message_put(&sniffer->answers, message, (struct bytes){0});
	json_decref(message);
}

static int run(const char *interface)
{
	struct sniffer sniffer = {0};
	struct error error = {0};
	int rc = prepare(&sniffer, interface, &error);

	if (rc != 0) {
		tell(&sniffer, "refused", "text", error.text);
		write_answers(&sniffer, &error);
		return -ERR_ENVIRONMENT;
	}
	tell(&sniffer, "ready", "interface", interface);
	while (rc == 0 && !sniffer.over)
		rc = turn(&sniffer, &error);
	if (rc != 0)
		fprintf(stderr, "shakedown-sniffer: %s\n", error.text);
	return -rc;
}

int main(int argc, char **argv)
{
	file_hold_standard();
	if (argc != 3 || strcmp(argv[1], "--interface") != 0) {
		fprintf(stderr, "usage: shakedown-sniffer --interface NAME\n"
		                "Speaks messages on its standard streams; shakedownd starts it.\n");
		return -ERR_INPUT;
	}
	rights_close_files();
	/* Ctrl-C goes to the whole group; the daemon then ends its children in order. */
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is as a disk that is full */
	/*
	 * Without exit handlers, such as a leak checker's: they need more than the filter allows.
	 */
	_exit(run(argv[2]));
}
