/*
 * sniffer.h: the daemon's handle on one shakedown-sniffer. Layer: flow. Runs on a libuv loop; all
 * calls and callbacks on that loop's thread.
 */
#ifndef SHAKEDOWN_FLOW_SNIFFER_H
#define SHAKEDOWN_FLOW_SNIFFER_H

#include "base/error.h"
#include "base/reader.h"

#include <jansson.h>
#include <uv.h>

#define SNIFFER_START_MS 15000 /* for the capture to be opened: on a busy machine, seconds */

struct sniffer;

struct sniffer_events {
	/* The capture is open: connections that begin from now on are seen. */
	void (*ready)(void *context);
	/*
	 * No capture is to be had, or not within SNIFFER_START_MS; the sentence says why and what
	 * to do. `exited` follows.
	 */
	void (*refused)(void *context, const char *text);
	/*
	 * The sniffer is gone; the handle is freed after this call. `why` is one sentence, empty if
	 * it was asked to stop. Pending collects have been called back before.
	 */
	void (*exited)(void *context, const char *why);
};

/* What was collected: borrowed for the call. */
struct sniffer_collected {
	json_t *connections; /* a list of decoded connections; NULL: it has died, or told none */
	struct bytes pcapng;
	long long dropped;   /* packets that the kernel has dropped meanwhile, of all ports */
	const char *note;    /* a sentence, if something is missing; else empty */
};

/*
 * Starts `program` (a path; file_sibling_program("shakedown-sniffer")) on `interface`, with the
 * right to capture if the process is in a private network. `events` is borrowed for the handle's
 * life. ERR_ENVIRONMENT if it cannot be started; no callback comes then.
 */
int sniffer_start(struct sniffer **sniffer, uv_loop_t *loop, const char *program,
                  const char *interface, const struct sniffer_events *events, void *context,
                  struct error *error);

/*
 * Asks for the connections to `port` since `from_us` (clock_wall_ns, in microseconds): `collected`
 * is called once, as soon as there are `n_connections` or more, one at least, and all of them have
 * closed, or after wait_ms. `keylog` is SSLKEYLOGFILE text, copied. The sniffer then forgets the
 * port.
 */
void sniffer_collect(struct sniffer *sniffer, uint16_t port, uint64_t from_us,
                     size_t n_connections, const char *keylog, int wait_ms,
                     void (*collected)(void *context, const struct sniffer_collected *what),
                     void *context);

/* Asks the sniffer to end; pending collects are called back. `exited` still comes, once. */
void sniffer_stop(struct sniffer *sniffer);

/* The process id, for tests. */
int sniffer_pid(const struct sniffer *sniffer);

#endif
