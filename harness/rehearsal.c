#include "rehearsal.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"
#include "flow/private_network.h"
#include "peer/board.h"
#include "peer/certs.h"
#include "peer/server.h"

#include <stdlib.h>
#include <string.h>

struct rehearsal {
	const json_t *cells;
	const struct rehearsal_events *events;
	void *context;
	json_t *profile; /* with "trace" in it, if that is wanted */
	uv_loop_t loop;
	struct apparatus apparatus;
	struct board *board;
	struct experiment *experiment; /* NULL between cells */
	size_t next;
	bool ending;
	struct error *error;
};

static const json_t *cell_now(const struct rehearsal *rehearsal)
{
	return json_array_get(rehearsal->cells, rehearsal->next);
}

static void end(struct rehearsal *rehearsal)
{
	if (rehearsal->ending)
		return;
	rehearsal->ending = true;
	if (rehearsal->experiment != NULL)
		experiment_cancel(rehearsal->experiment);
	if (rehearsal->board != NULL)
		board_stop(rehearsal->board);
	if (rehearsal->apparatus.server != NULL)
		server_stop(rehearsal->apparatus.server);
}

static void fail(struct rehearsal *rehearsal, int code, const char *why)
{
	if (rehearsal->error->code == 0)
		error_set(rehearsal->error, code, "%s", why);
	end(rehearsal);
}

static void on_done(void *context, struct observation *observation)
{
	struct rehearsal *rehearsal = context;
	const json_t *cell = cell_now(rehearsal);

	rehearsal->experiment = NULL;
	rehearsal->next++;
	rehearsal->events->done(rehearsal->context, cell, observation);
	json_decref(observation->timings_ms);
}

/* The next cell, as soon as the one before is over and the board ready for it. */
static void go_on(struct rehearsal *rehearsal)
{
	struct experiment_plan plan = {
		.profile = rehearsal->profile, .board = rehearsal->board};

	if (rehearsal->ending || rehearsal->experiment != NULL)
		return;
	plan.cell = cell_now(rehearsal);
	if (plan.cell == NULL)
		end(rehearsal);
	else if (rehearsal->apparatus.server != NULL && board_is_ready(rehearsal->board))
		rehearsal->experiment =
			experiment_start(&rehearsal->apparatus, &plan, on_done, rehearsal);
}

/* An experiment may be over before its board is ready again, or the reverse. */
static void on_turn(uv_check_t *turn)
{
	struct rehearsal *rehearsal = turn->data;

	go_on(rehearsal);
	if (rehearsal->ending && !uv_is_closing((uv_handle_t *)turn))
		uv_close((uv_handle_t *)turn, NULL);
}

/* --- the board -------------------------------------------------------------------------------- */

static void on_ready(void *context, const json_t *info)
{
	struct rehearsal *rehearsal = context;

	rehearsal->events->ready(rehearsal->context, info);
}

static void on_started(void *context, const char *id)
{
	(void)context;
	(void)id;
}

static void on_result(void *context, json_t *message)
{
	struct rehearsal *rehearsal = context;

	if (rehearsal->experiment != NULL)
		experiment_result(rehearsal->experiment, message);
}

static void on_failed(void *context, json_t *message)
{
	struct rehearsal *rehearsal = context;

	if (rehearsal->experiment != NULL)
		experiment_failed(rehearsal->experiment, message);
}

static void on_down(void *context, const char *who, const char *text)
{
	fail(context, strcmp(who, "profile") == 0 ? ERR_INPUT : ERR_ENVIRONMENT, text);
}

static void on_stopped(void *context)
{
	struct rehearsal *rehearsal = context;

	rehearsal->board = NULL;
}

static void on_trace(void *context, const char *what, const char *text)
{
	struct rehearsal *rehearsal = context;

	rehearsal->events->trace(rehearsal->context, what, text);
}

static const struct board_events board_events = {
	.ready = on_ready,
	.started = on_started,
	.result = on_result,
	.failed = on_failed,
	.down = on_down,
	.stopped = on_stopped,
	.trace = on_trace,
};

/* --- the server ------------------------------------------------------------------------------- */

/* Whether the server program speaks of what is at work now. */
static bool is_now(const struct rehearsal *rehearsal, const char *cell)
{
	return rehearsal->experiment != NULL && experiment_is(rehearsal->experiment, cell);
}

static void on_listening(void *context, const char *cell, int port)
{
	struct rehearsal *rehearsal = context;

	if (is_now(rehearsal, cell))
		experiment_listening(rehearsal->experiment, port);
}

static void on_refused(void *context, const char *cell, const char *text)
{
	(void)cell;
	fail(context, ERR_ENVIRONMENT, text);
}

static void on_testimony(void *context, const char *cell, json_t *message, struct bytes attached)
{
	struct rehearsal *rehearsal = context;

	if (is_now(rehearsal, cell))
		experiment_testimony(rehearsal->experiment, message, attached);
}

static void on_exited(void *context, const char *why)
{
	struct rehearsal *rehearsal = context;

	rehearsal->apparatus.server = NULL;
	if (why[0] != '\0')
		fail(rehearsal, ERR_ENVIRONMENT, why);
}

static const struct server_events server_events = {
	.listening = on_listening,
	.refused = on_refused,
	.testimony = on_testimony,
	.exited = on_exited,
};

/* --- all of it -------------------------------------------------------------------------------- */

static void start(struct rehearsal *rehearsal, uv_check_t *turn)
{
	struct error ignored = {0};

	CHECK(uv_check_init(&rehearsal->loop, turn) == 0);
	turn->data = rehearsal;
	uv_check_start(turn, on_turn);
	uv_unref((uv_handle_t *)turn);
	if (server_start(&rehearsal->apparatus.server, &rehearsal->loop, &server_events, rehearsal,
	                 rehearsal->error) != 0 ||
	    board_start(&rehearsal->board, &rehearsal->loop, rehearsal->profile, &board_events,
	                rehearsal, &ignored) != 0) {
		if (rehearsal->error->code == 0)
			*rehearsal->error = ignored;
		end(rehearsal);
	}
}

int rehearsal_run(const struct profile *profile, const json_t *cells,
                  const struct rehearsal_events *events, void *context, struct error *error)
{
	struct rehearsal rehearsal = {.cells = cells, .events = events, .context = context,
	                              .error = error};
	char *certificates = certs_folder(error);
	struct error no_network = {0};
	uv_check_t turn;

	if (certificates == NULL)
		return error->code;
	rehearsal.profile = json_made(json_copy(profile->json));
	if (events->trace != NULL)
		json_object_set_new(rehearsal.profile, "trace", json_true());
	rehearsal.apparatus = (struct apparatus){.loop = &rehearsal.loop,
	                                         .certificates = certificates};
	CHECK(uv_loop_init(&rehearsal.loop) == 0);
	if (profile->local)
		private_network_enter(&no_network); /* without one, the machine's own loopback */
	start(&rehearsal, &turn);
	uv_run(&rehearsal.loop, UV_RUN_DEFAULT);
	if (!uv_is_closing((uv_handle_t *)&turn))
		uv_close((uv_handle_t *)&turn, NULL);
	uv_run(&rehearsal.loop, UV_RUN_DEFAULT);
	CHECK(uv_loop_close(&rehearsal.loop) == 0);
	json_decref(rehearsal.profile);
	free(certificates);
	return error->code;
}
