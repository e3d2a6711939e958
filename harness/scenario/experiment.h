/*
 * experiment.h: the life of one cell, from the server that listens to the three testimonies. Layer:
 * scenario. Runs on a libuv loop; all calls and callbacks on that loop's thread.
 *
 * A case may have several connections (client.connections): the board makes them one after the
 * other as long as they go well, and testifies of the last. The server tells of the others in
 * short, and the wire's testimony counts them; the capture has them all.
 *
 * The owner holds the apparatus (server program, sniffer, board) and passes on to the experiment
 * what they say about its cell. The experiment moves through its phases, each of which has a
 * time-out, and hands over an observation exactly once, whatever happens. It judges nothing.
 */
#ifndef SHAKEDOWN_SCENARIO_EXPERIMENT_H
#define SHAKEDOWN_SCENARIO_EXPERIMENT_H

#include "base/error.h"
#include "base/reader.h"

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

struct board;
struct server;
struct sniffer;

/*
 * What the cells of one run share; borrowed for the life of the experiments. The owner sets a part
 * to NULL or to its successor when it is gone, and says so with experiment_lost.
 */
struct apparatus {
	uv_loop_t *loop;
	struct server *server;
	struct sniffer *sniffer; /* NULL: the server's own tap is the only witness of the wire */
	unsigned n_sniffers;     /* how many there have been, */
	unsigned lost_sniffer;   /* the number of the last that ended by itself; 0: none, */
	char sniffer_end[ERROR_TEXT_MAX]; /* and how: a sentence */
	bool sniffer_sees;   /* one of them had connections to tell of, */
	unsigned n_unseen;   /* or this many that a server had, and it had not */
	const char *certificates; /* the folder certs/out */
	unsigned n_runs;          /* counts the boards' runs, whose ids must differ, */
	unsigned n_experiments;   /* and the cases of servers, for the same reason */
};

/* The facts of one attempt at a cell. The JSON is the receiver's from here on. */
struct observation {
	json_t *witnesses;    /* {"server", "wire", "board"}, as in results.json; or null */
	json_t *trouble;      /* [{"who", "text"}]: what went wrong in the harness itself */
	json_t *timings_ms;   /* whole phases of this attempt */
	struct bytes capture; /* pcapng with secrets, borrowed for the call; or empty */
	struct bytes keylog;  /* the secrets alone, the same */
	bool blind;           /* see apparatus_is_blind */
};

struct experiment_plan {
	const json_t *cell;    /* as the plan made it: id, server, client */
	const json_t *profile; /* the board's: address, timeout_ms, sni, client_certificate */
	struct board *board;   /* ready */
};

struct experiment;

#define APPARATUS_UNSEEN_MAX 3 /* a slow sniffer may miss the first connections of a run */

/*
 * Takes account of one connection that the server had, and of `connections`, a list of what the
 * sniffer had to tell of its port. True if the sniffer looks where no board's way leads: it has
 * told of none yet, and this is the APPARATUS_UNSEEN_MAX-th time. One that told of a connection
 * once looks at the right place, and has merely missed the others.
 */
bool apparatus_is_blind(struct apparatus *apparatus, const json_t *connections);

/*
 * Starts a cell. `plan` is copied; what it points to, and `apparatus`, is borrowed until `done` was
 * called. `done` is called once, never from within experiment_start; the experiment is freed after
 * it.
 */
struct experiment *experiment_start(struct apparatus *apparatus,
                                    const struct experiment_plan *plan,
                                    void (*done)(void *context, struct observation *observation),
                                    void *context);

/*
 * Ends the experiment without `done`, and its server. The board may still be at it: the owner ends
 * that.
 */
void experiment_cancel(struct experiment *experiment);

/*
 * Whether the server program means this one by `cell`. A cell may run several times in a row, and
 * what comes late of one server is not another's.
 */
bool experiment_is(const struct experiment *experiment, const char *cell);

/* What the server program says of this cell (peer/server.h). JSON is borrowed. */
void experiment_listening(struct experiment *experiment, int port);
void experiment_refused(struct experiment *experiment, const char *text);
void experiment_testimony(struct experiment *experiment, json_t *message, struct bytes attached);

/* What the board says (peer/board.h). JSON is borrowed. */
void experiment_result(struct experiment *experiment, json_t *message);
void experiment_failed(struct experiment *experiment, json_t *message);

/*
 * A part of the apparatus is gone: the "server" program, or of the board "board" (a virtual one),
 * "runner" or "port". A board or port that vanishes is testimony about the board; the rest is
 * trouble of ours. Nothing happens if that witness had testified. (A lost sniffer tells of itself.)
 */
void experiment_lost(struct experiment *experiment, const char *who, const char *text);

#endif
