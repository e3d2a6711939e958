#include "station.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/json.h"
#include "peer/board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long to wait before a board that went down is started again. */
static const unsigned restart_delays_ms[STATION_MAX_RESTARTS] = {0, 1000, 5000};

#define RETURN_STEP_MS 300 /* between looks at whether a port is back */

struct station {
	struct apparatus *apparatus;
	const json_t *profile;
	const struct station_events *events;
	void *context;
	struct board *board;
	struct experiment *experiment; /* NULL between cells */
	json_t *identity; /* NULL until the board was ready once */
	uv_timer_t pause; /* before a restart */
	char *why_down;   /* NULL while the board is up */
	bool wrong_profile;     /* it went down for what its profile says */
	bool port_down;         /* it went down for its port, */
	char *why_gone;         /* and a real one is gone: what was said first, or NULL, */
	uint64_t gone_ns;       /* and since when */
	bool stopping;
	unsigned n_restarts; /* since a cell was finished */
	unsigned n_silences; /* since the board gave a result */
};

/* --- going down and coming back --------------------------------------------------------------- */

static bool is_virtual(const struct station *station)
{
	return json_object_get(station->profile, "virtual") != NULL;
}

static void on_pause_closed(uv_handle_t *pause)
{
	struct station *station = pause->data;

	json_decref(station->identity);
	free(station->why_down);
	free(station->why_gone);
	free(station);
}

static void on_stopped(void *context)
{
	struct station *station = context;

	station->events->over(station->context, station,
	                      station->why_down != NULL ? station->why_down : "");
	uv_close((uv_handle_t *)&station->pause, on_pause_closed);
}

static void on_pause_over(uv_timer_t *pause)
{
	struct station *station = pause->data;

	free(station->why_down);
	station->why_down = NULL;
	board_restart(station->board);
}

/*
 * A port that is gone may come back, when the board is plugged in again or has restarted. If it does
 * not, what was said when it went tells more than that it cannot be opened.
 */
static bool waits_for_port(struct station *station)
{
	uint64_t patience_ms = (uint64_t)json_number(station->profile, "return_timeout_ms");
	uint64_t now_ns = clock_steady_ns();

	if (station->why_gone == NULL) {
		station->gone_ns = now_ns;
		station->why_gone = strdup(station->why_down);
		CHECK(station->why_gone != NULL);
		station->events->notice(station->context, station->why_down);
	}
	if (now_ns - station->gone_ns >= patience_ms * 1000000u) {
		free(station->why_down);
		station->why_down = station->why_gone;
		station->why_gone = NULL;
		return false;
	}
	uv_timer_start(&station->pause, on_pause_over, RETURN_STEP_MS, 0);
	return true;
}

/*
 * A board that was never ready is given up at once: its port or its program is not there, or not
 * right. But the port of a virtual board is new each time, and what was killed may live next time.
 */
static void restart_or_give_up(struct station *station)
{
	bool was_ready = station->identity != NULL, is_new = is_virtual(station);
	bool may_live = was_ready || board_was_killed(station->board);
	bool hopeless = station->port_down ? !is_new : !may_live;

	if (station->port_down && !is_new && was_ready && waits_for_port(station))
		return;
	if (hopeless || station->n_restarts == STATION_MAX_RESTARTS) {
		station->stopping = true;
		board_stop(station->board);
		return;
	}
	station->events->notice(station->context, station->why_down);
	uv_timer_start(&station->pause, on_pause_over, restart_delays_ms[station->n_restarts++], 0);
}

static void give_up_as_silent(struct station *station)
{
	free(station->why_down);
	if (asprintf(&station->why_down,
	             "%s was silent in %d cells in a row and is given up: restart it",
	             json_text(station->profile, "name"), STATION_MAX_SILENCES) < 0)
		CHECK(false);
	station->stopping = true;
	board_stop(station->board);
}

void station_go_on(struct station *station)
{
	if (station->stopping || station->experiment != NULL)
		return;
	if (station->n_silences == STATION_MAX_SILENCES)
		give_up_as_silent(station);
	else if (board_is_ready(station->board))
		station->events->ready(station->context, station);
	else if (station->why_down != NULL && !uv_is_active((uv_handle_t *)&station->pause))
		restart_or_give_up(station);
}

/* --- what the board says ---------------------------------------------------------------------- */

static void on_ready(void *context, const json_t *info)
{
	struct station *station = context;

	free(station->why_gone);
	station->why_gone = NULL;
	if (station->identity == NULL)
		station->identity = json_made(json_deep_copy(info));
	station_go_on(station);
}

static void on_started(void *context, const char *id)
{
	(void)context;
	(void)id;
}

static void on_result(void *context, json_t *message)
{
	struct station *station = context;

	station->n_silences = 0;
	if (station->experiment != NULL)
		experiment_result(station->experiment, message);
	station_go_on(station);
}

static void on_failed(void *context, json_t *message)
{
	struct station *station = context;

	station->n_silences += strcmp(json_text(message, "kind"), "silent") == 0;
	if (station->experiment != NULL)
		experiment_failed(station->experiment, message);
	station_go_on(station);
}

static void on_down(void *context, const char *who, const char *text)
{
	struct station *station = context;

	station->why_down = strdup(text);
	CHECK(station->why_down != NULL);
	station->port_down = strcmp(who, "port") == 0;
	station->wrong_profile = strcmp(who, "profile") == 0;
	if (station->experiment != NULL)
		experiment_lost(station->experiment, who, text);
	station_go_on(station);
}

static const struct board_events board_events = {
	.ready = on_ready,
	.started = on_started,
	.result = on_result,
	.failed = on_failed,
	.down = on_down,
	.stopped = on_stopped,
};

/* --- the cell at work ------------------------------------------------------------------------- */

static void on_done(void *context, struct observation *observation)
{
	struct station *station = context;

	station->experiment = NULL;
	if (station->why_down == NULL)
		station->n_restarts = 0;
	station->events->done(station->context, station, observation);
	station_go_on(station);
}

int station_start(struct station **started, struct apparatus *apparatus,
                  const json_t *profile, const struct station_events *events, void *context,
                  struct error *error)
{
	struct station *station = calloc(1, sizeof(*station));
	int rc;

	CHECK(station != NULL);
	station->apparatus = apparatus;
	station->profile = profile;
	station->events = events;
	station->context = context;
	CHECK(uv_timer_init(apparatus->loop, &station->pause) == 0);
	station->pause.data = station;
	rc = board_start(&station->board, apparatus->loop, profile, &board_events, station, error);
	if (rc != 0) {
		uv_close((uv_handle_t *)&station->pause, on_pause_closed);
		return rc;
	}
	*started = station;
	return 0;
}

void station_begin(struct station *station, const json_t *cell)
{
	struct experiment_plan plan = {
		.cell = cell, .profile = station->profile, .board = station->board};

	station->experiment = experiment_start(station->apparatus, &plan, on_done, station);
}

void station_stop(struct station *station)
{
	if (station->stopping)
		return;
	station->stopping = true;
	if (station->experiment != NULL)
		experiment_cancel(station->experiment);
	station->experiment = NULL;
	uv_timer_stop(&station->pause);
	free(station->why_down);
	station->why_down = NULL;
	board_stop(station->board);
}

struct experiment *station_experiment(const struct station *station, const char *cell)
{
	if (station->experiment == NULL || !experiment_is(station->experiment, cell))
		return NULL;
	return station->experiment;
}

void station_lost(struct station *station, const char *who, const char *text)
{
	if (station->experiment != NULL)
		experiment_lost(station->experiment, who, text);
}

bool station_is_misdescribed(const struct station *station)
{
	return station->wrong_profile;
}

const json_t *station_identity(const struct station *station)
{
	return station->identity;
}
