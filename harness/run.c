#include "run.h"

#include "agenda.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "control.h"
#include "flow/private_network.h"
#include "flow/sniffer.h"
#include "peer/server.h"
#include "station.h"
#include "trial.h"
#include "verdict/outcome.h"
#include "verdict/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CLOCK_JUMP_S 43200 /* less leaves the certificates as good as they were */
#define MAX_RESTARTS 3 /* of the server program or the sniffer, with no cell finished in between */

/* What one board has to do. */
struct seat {
	struct run *run;
	struct station *station; /* NULL once it is over */
	size_t next;             /* index in the plan of its next cell */
	struct trial *trial;     /* the cell at work, or NULL */
	struct trial_bench bench; /* of its trials */
	bool version_known;      /* what the board says of its stack was looked at */
};

struct run {
	uv_loop_t *loop;
	run_event *event;
	void *context;
	struct agenda agenda;
	struct seat *seats; /* one a board, in the same order */
	size_t n_seats;
	struct apparatus apparatus;
	struct control *control; /* NULL once it is gone */
	json_t *controls;        /* see trial.h */
	struct sniffer *sniffer; /* in apparatus only when it is ready */
	bool sniffer_settled;    /* it is ready, or it was found that there will be none */
	unsigned n_server_restarts, n_sniffer_restarts;
	size_t n_open; /* stations, server and sniffer that are not gone yet */
	int status;   /* the exit status so far */
	bool begun; /* all boards have answered: there is something to report */
	bool held, yielding, ending, cancelled;
	int64_t clock_setting_s; /* when it began */
	bool clock_was_set;      /* what is at work now proves nothing */
	struct error trouble; /* why the run ends early */
};

static void begin_where_possible(struct run *run);
static void end(struct run *run);
static void finish_when_all_is_gone(struct run *run);
static void call_control(struct seat *seat);
static void close_trial(struct seat *seat);

/* --- what the client is told ------------------------------------------------------------------ */

static void tell_with(struct run *run, json_t *event, struct bytes attached)
{
	run->event(run->context, json_made(event), attached);
	json_decref(event);
}

static void tell(struct run *run, json_t *event)
{
	tell_with(run, event, (struct bytes){0});
}

static void notice(struct run *run, const char *text)
{
	tell(run, json_pack("{s:s, s:s}", "event", "notice", "text", text));
}

/* --- cells ------------------------------------------------------------------------------------ */

/* Hands over a file of the cell's, and notes it as its evidence of that kind; nothing if empty. */
static void keep_file(struct run *run, json_t *cell, const char *kind, const char *suffix,
                      struct bytes content)
{
	json_t *evidence = json_object_get(cell, "evidence");
	char *name = NULL;

	if (content.len == 0)
		return;
	if (evidence == NULL) {
		evidence = json_made(json_object());
		json_object_set_new(cell, "evidence", evidence);
	}
	CHECK(asprintf(&name, "cells/%s.%s", json_text(cell, "id"), suffix) > 0);
	tell_with(run, json_pack("{s:s, s:s}", "event", "capture", "name", name), content);
	json_object_set_new(evidence, kind, json_made(json_string(name)));
	free(name);
}

/* That of the attempt that counts, in the place of an earlier one's. */
static void keep_evidence(struct run *run, json_t *cell, const struct observation *observation)
{
	json_object_del(cell, "evidence");
	keep_file(run, cell, "capture", "pcapng", observation->capture);
	keep_file(run, cell, "keylog", "keys", observation->keylog);
}

static const json_t *board_of(const struct seat *seat)
{
	return json_array_get(seat->run->agenda.boards, (size_t)(seat - seat->run->seats));
}

static void tell_cell(struct run *run, size_t index, const json_t *cell)
{
	struct buf text = {0};

	json_put(&text, cell, JSON_COMPACT);
	tell_with(run,
	          json_pack("{s:s, s:I, s:O, s:O, s:O}", "event", "cell", "index",
	                    (json_int_t)index, "id", json_object_get(cell, "id"), "outcome",
	                    json_object_get(cell, "outcome"), "reason",
	                    json_object_get(cell, "reason")),
	          buf_view(&text));
	buf_fini(&text);
}

/* The next cell of the board, from its present one on, that is to be run. */
static void pass_done(struct seat *seat)
{
	const struct agenda *agenda = &seat->run->agenda;
	size_t n_cells = plan_n_cells(&agenda->plan);

	while (seat->next < n_cells && agenda->done[seat->next] == '1')
		seat->next += seat->run->n_seats;
}

/* Tells of the judged cell of the seat, which goes on to its next. Takes `cell`. */
static void settle(struct seat *seat, json_t *cell)
{
	struct run *run = seat->run;
	int status;

	if (json_object_get(cell, "attempts") == NULL)
		json_object_set_new(cell, "attempts",
		                    json_made(json_pack("[{s:O, s:O}]", "outcome",
		                                        json_object_get(cell, "outcome"),
		                                        "reason",
		                                        json_object_get(cell, "reason"))));
	json_object_set_new(cell, "flaky", json_boolean(json_flag(cell, "flaky")));
	status = outcome_exit_status(outcome_named(json_text(cell, "outcome")));
	run->status = status > run->status ? status : run->status;
	tell_cell(run, seat->next, cell);
	run->agenda.done[seat->next] = '1';
	pass_done(seat);
	json_decref(cell);
}

/* The cells that a board which was given up does not come to are in the report, with the reason. */
static void skip_the_rest(struct seat *seat, const char *why)
{
	size_t n_cells = plan_n_cells(&seat->run->agenda.plan);

	while (seat->next < n_cells && !seat->run->ending) {
		json_t *cell = plan_cell(&seat->run->agenda.plan, seat->next);

		json_object_set_new(cell, "skipped", json_string(why));
		trial_skip(cell, board_of(seat), seat->run->agenda.rules);
		settle(seat, cell);
	}
}

/* --- stations --------------------------------------------------------------------------------- */

/* The first cell waits for all boards: if one is not there the run ends before it has begun. */
static bool ready_to_begin(const struct run *run)
{
	for (size_t i = 0; i < run->n_seats && !run->begun; i++)
		if (run->seats[i].station == NULL ||
		    station_identity(run->seats[i].station) == NULL)
			return false;
	return run->apparatus.server != NULL && run->sniffer_settled;
}

/*
 * The version of its stack is the board's to say, where the profile does not. Rules and status
 * codes depend on it, so a profile that says otherwise is pointed out.
 */
static void learn_version(struct seat *seat, const struct station *station)
{
	json_t *board = json_array_get(seat->run->agenda.boards, (size_t)(seat - seat->run->seats));
	const char *slash = strchr(json_text(station_identity(station), "stack"), '/');
	const char *profile = json_text(board, "stack_version");
	char text[ERROR_TEXT_MAX];

	if (slash == NULL || seat->version_known)
		return;
	seat->version_known = true;
	if (profile[0] == '\0') {
		json_object_set_new(board, "stack_version", json_string(slash + 1));
		tell(seat->run, json_pack("{s:s, s:O}", "event", "board", "board", board));
	} else if (strncmp(profile, slash + 1, strlen(profile)) != 0) {
		snprintf(text, sizeof(text),
		         "%s: the profile says stack_version %s, the board itself %s; "
		         "the profile is believed",
		         json_text(board, "name"), profile, slash + 1);
		notice(seat->run, text);
	}
}

static void on_station_ready(void *context, struct station *station)
{
	struct seat *seat = context;
	struct run *run = seat->run;

	learn_version(seat, station);
	if (run->ending || run->held || !ready_to_begin(run))
		return;
	if (!run->begun) {
		run->begun = true;
		begin_where_possible(run);
		return;
	}
	if (seat->trial == NULL &&
	    (run->yielding || seat->next >= plan_n_cells(&run->agenda.plan))) {
		station_stop(station);
		return;
	}
	if (seat->trial == NULL) {
		seat->trial = trial_begin(plan_cell(&run->agenda.plan, seat->next),
		                          plan_neighbours(&run->agenda.plan, seat->next),
		                          board_of(seat), &seat->bench);
		tell(run, json_pack("{s:s, s:O}", "event", "begins", "id",
		                    json_object_get(trial_cell(seat->trial), "id")));
	}
	if (trial_turn(seat->trial) == TRIAL_BOARD)
		station_begin(station, trial_next(seat->trial));
	else
		call_control(seat);
}

/*
 * A capture that sees nothing of what the servers have is on the wrong interface: the boards'
 * traffic takes another way. The servers' own sockets are the better witness then.
 */
static void do_without_blind_sniffer(struct run *run)
{
	char text[ERROR_TEXT_MAX];

	if (run->apparatus.sniffer == NULL)
		return;
	run->apparatus.sniffer = NULL;
	snprintf(text, sizeof(text),
	         "The capture on %s saw none of the %u connections that the servers had so far: the "
	         "boards' way does not lead through it. The servers' own sockets tell instead.",
	         run->agenda.interface, run->apparatus.n_unseen);
	notice(run, text);
}

/*
 * Certificates are made for the time of the run, and boards that share this machine's clock look at
 * their dates. So a clock that is set ends the run, and what was at work is not judged.
 */
static bool clock_was_set(struct run *run)
{
	char before[CLOCK_TEXT_MAX], now[CLOCK_TEXT_MAX];
	int64_t jump_s = clock_setting_s() - run->clock_setting_s;
	uint64_t now_ns = clock_wall_ns();

	if (run->ending || (jump_s < CLOCK_JUMP_S && jump_s > -CLOCK_JUMP_S))
		return run->clock_was_set;
	run->clock_was_set = true;
	error_set(&run->trouble, ERR_ENVIRONMENT,
	          "this machine's clock was set from %s to %s in the middle of the run, and its "
	          "certificates were made for the former: see that the clock is right now",
	          clock_text(now_ns - (uint64_t)(jump_s * 1000000000), before),
	          clock_text(now_ns, now));
	end(run);
	return true;
}

static void end_trial(struct seat *seat)
{
	json_t *cell = trial_end(seat->trial);

	seat->trial = NULL;
	settle(seat, cell);
}

/* What the board, or the control, made of the trial's present run. */
static void take(struct seat *seat, struct observation *observation)
{
	bool is_case = trial_take(seat->trial, observation->witnesses, observation->trouble,
	                          observation->timings_ms);

	if (clock_was_set(seat->run))
		return;
	seat->run->n_server_restarts = 0;
	seat->run->n_sniffer_restarts = 0;
	if (is_case)
		keep_evidence(seat->run, trial_cell(seat->trial), observation);
	if (trial_turn(seat->trial) == TRIAL_OVER)
		end_trial(seat);
}

/* The board goes no further: what it has shown of its cell is judged and kept. */
static void close_trial(struct seat *seat)
{
	if (seat->trial == NULL)
		return;
	if (seat->run->control != NULL)
		control_forget(seat->run->control, (size_t)(seat - seat->run->seats));
	if (!seat->run->clock_was_set && trial_close(seat->trial)) {
		end_trial(seat);
	} else {
		json_decref(trial_end(seat->trial));
		seat->trial = NULL;
	}
}

static void on_station_done(void *context, struct station *station, struct observation *observation)
{
	struct seat *seat = context;

	(void)station;
	if (observation->blind)
		do_without_blind_sniffer(seat->run);
	take(seat, observation);
}

static void on_station_notice(void *context, const char *text)
{
	struct seat *seat = context;

	notice(seat->run, text);
}

static void on_station_over(void *context, struct station *station, const char *why)
{
	struct seat *seat = context;
	struct run *run = seat->run;

	if (why[0] != '\0' && station_identity(station) == NULL && run->trouble.code == 0) {
		error_set(&run->trouble,
		          station_is_misdescribed(station) ? ERR_INPUT : ERR_ENVIRONMENT, "%s",
		          why);
		end(run);
	} else if (why[0] != '\0' && !run->ending) {
		notice(run, why);
		close_trial(seat);
		skip_the_rest(seat, why);
	}
	seat->station = NULL;
	run->n_open--;
	finish_when_all_is_gone(run);
}

static const struct station_events station_events = {
	.ready = on_station_ready,
	.done = on_station_done,
	.notice = on_station_notice,
	.over = on_station_over,
};

/* --- the control ------------------------------------------------------------------------------ */

static void call_control(struct seat *seat)
{
	struct run *run = seat->run;
	size_t index = (size_t)(seat - run->seats);

	control_run(run->control, index, trial_next(seat->trial),
	            json_object_get(run->agenda.profiles[index].json, "sni"));
}

/* The board that waited goes on. */
static void go_on(struct seat *seat)
{
	if (trial_turn(seat->trial) == TRIAL_OVER)
		end_trial(seat);
	if (seat->station != NULL)
		station_go_on(seat->station);
}

/* Boards that wait for what was just done for another. */
static void share_control(struct run *run)
{
	for (size_t i = 0; i < run->n_seats; i++) {
		struct seat *seat = &run->seats[i];

		if (seat->trial == NULL || !trial_share_control(seat->trial))
			continue;
		control_forget(run->control, i);
		go_on(seat);
	}
}

static void on_control_done(void *context, size_t index, struct observation *observation)
{
	struct run *run = context;
	struct seat *seat = &run->seats[index];

	if (observation != NULL) {
		take(seat, observation);
		share_control(run);
		if (seat->station != NULL)
			station_go_on(seat->station);
	} else {
		trial_do_without_control(seat->trial);
		go_on(seat);
	}
}

static void on_control_notice(void *context, const char *text)
{
	notice(context, text);
}

static void on_control_over(void *context)
{
	struct run *run = context;

	run->control = NULL;
	finish_when_all_is_gone(run);
}

static const struct control_events control_events = {
	.done = on_control_done,
	.notice = on_control_notice,
	.over = on_control_over,
};

/* Boards that were ready before the apparatus was, or before the last of them. */
static void begin_where_possible(struct run *run)
{
	for (size_t i = 0; i < run->n_seats && ready_to_begin(run); i++)
		if (run->seats[i].station != NULL)
			station_go_on(run->seats[i].station);
}

static void lose(struct run *run, const char *who, const char *why)
{
	for (size_t i = 0; i < run->n_seats; i++)
		if (run->seats[i].station != NULL)
			station_lost(run->seats[i].station, who, why);
	if (run->control != NULL)
		control_lost(run->control, who, why);
}

/* --- the server program ----------------------------------------------------------------------- */

static struct experiment *experiment_of(struct run *run, const char *cell)
{
	struct experiment *experiment = NULL;

	for (size_t i = 0; i < run->n_seats && experiment == NULL; i++)
		if (run->seats[i].station != NULL)
			experiment = station_experiment(run->seats[i].station, cell);
	if (experiment == NULL && run->control != NULL)
		experiment = control_experiment(run->control, cell);
	return experiment;
}

static void on_listening(void *context, const char *cell, int port)
{
	struct experiment *experiment = experiment_of(context, cell);

	if (experiment != NULL)
		experiment_listening(experiment, port);
}

static void on_refused(void *context, const char *cell, const char *text)
{
	struct experiment *experiment = experiment_of(context, cell);

	if (experiment != NULL)
		experiment_refused(experiment, text);
}

static void on_testimony(void *context, const char *cell, json_t *message, struct bytes attached)
{
	struct experiment *experiment = experiment_of(context, cell);

	if (experiment != NULL)
		experiment_testimony(experiment, message, attached);
}

static void start_server(struct run *run);

static void on_server_exited(void *context, const char *why)
{
	struct run *run = context;

	run->apparatus.server = NULL;
	run->n_open--;
	if (why[0] != '\0' && !run->ending) {
		lose(run, "server", why);
		notice(run, why);
		if (run->n_server_restarts++ < MAX_RESTARTS) {
			start_server(run);
		} else {
			error_set(&run->trouble, ERR_ENVIRONMENT, "%s", why);
			end(run);
		}
	}
	finish_when_all_is_gone(run);
}

static const struct server_events server_events = {
	.listening = on_listening,
	.refused = on_refused,
	.testimony = on_testimony,
	.exited = on_server_exited,
};

static void start_server(struct run *run)
{
	if (server_start(&run->apparatus.server, run->loop, &server_events, run,
	                 &run->trouble) != 0) {
		end(run);
		return;
	}
	run->n_open++;
	begin_where_possible(run);
}

/* --- the sniffer ------------------------------------------------------------------------------ */

static void start_sniffer(struct run *run);

static void settle_sniffer(struct run *run, struct sniffer *sniffer)
{
	run->apparatus.sniffer = sniffer;
	run->apparatus.n_sniffers += sniffer != NULL;
	run->sniffer_settled = true;
	begin_where_possible(run);
}

/* The servers' own sockets become the wire's witness. */
static void do_without_sniffer(struct run *run, const char *why)
{
	char text[ERROR_TEXT_MAX + 128];

	snprintf(text, sizeof(text),
	         "No capture: %s. What crosses the wire is told by the servers' own sockets.", why);
	notice(run, utf8_repair(text));
	settle_sniffer(run, NULL);
}

static void on_sniffer_ready(void *context)
{
	struct run *run = context;

	settle_sniffer(run, run->sniffer);
}

static void on_sniffer_refused(void *context, const char *text)
{
	do_without_sniffer(context, text);
}

static void note_sniffer_end(struct apparatus *apparatus, const char *why)
{
	apparatus->lost_sniffer = apparatus->n_sniffers;
	snprintf(apparatus->sniffer_end, sizeof(apparatus->sniffer_end), "%s", why);
	utf8_repair(apparatus->sniffer_end);
}

static void on_sniffer_exited(void *context, const char *why)
{
	struct run *run = context;
	bool was_at_work = run->apparatus.sniffer != NULL;

	if (was_at_work && why[0] != '\0')
		note_sniffer_end(&run->apparatus, why);
	run->sniffer = NULL;
	run->apparatus.sniffer = NULL;
	run->n_open--;
	if (why[0] != '\0' && !run->ending && (was_at_work || !run->sniffer_settled)) {
		run->sniffer_settled = false;
		if (run->n_sniffer_restarts++ < MAX_RESTARTS) {
			notice(run, why);
			start_sniffer(run);
		} else {
			do_without_sniffer(run, why);
		}
	}
	finish_when_all_is_gone(run);
}

static const struct sniffer_events sniffer_events = {
	.ready = on_sniffer_ready,
	.refused = on_sniffer_refused,
	.exited = on_sniffer_exited,
};

static void start_sniffer(struct run *run)
{
	struct error error = {0};
	char *program = file_sibling_program("shakedown-sniffer");

	if (sniffer_start(&run->sniffer, run->loop, program, run->agenda.interface, &sniffer_events,
	                  run, &error) != 0)
		do_without_sniffer(run, error.text);
	else
		run->n_open++;
	free(program);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void stop_apparatus(struct run *run)
{
	if (run->apparatus.server != NULL)
		server_stop(run->apparatus.server);
	if (run->sniffer != NULL)
		sniffer_stop(run->sniffer);
}

static void end(struct run *run)
{
	if (run->ending)
		return;
	run->ending = true;
	for (size_t i = 0; i < run->n_seats; i++) {
		if (run->seats[i].station != NULL)
			station_stop(run->seats[i].station);
		close_trial(&run->seats[i]); /* nobody is at its cell any more */
	}
	if (run->control != NULL && !control_stop(run->control))
		run->control = NULL;
	stop_apparatus(run);
}

static void run_free(struct run *run)
{
	for (size_t i = 0; i < run->n_seats; i++)
		json_decref(run->seats[i].bench.seen);
	json_decref(run->controls);
	free(run->seats);
	agenda_fini(&run->agenda);
	free(run);
}

static void tell_stale(struct run *run)
{
	json_t *stale = agenda_stale(&run->agenda);
	const json_t *sentence;
	size_t i;

	json_array_foreach(stale, i, sentence)
		notice(run, json_string_value(sentence));
	json_decref(stale);
}

static bool is_all_done(const struct run *run)
{
	return strchr(run->agenda.done, '0') == NULL;
}

/* Whether the run ends to make way, with more to do. */
static bool is_making_way(const struct run *run)
{
	return run->yielding && run->trouble.code == 0 && !is_all_done(run);
}

static void tell_end(struct run *run)
{
	bool complete = run->trouble.code == 0;

	if (is_making_way(run)) {
		tell(run, json_pack("{s:s, s:s}", "event", "yielded", "done", run->agenda.done));
		return;
	}
	if (complete && !run->agenda.is_rest)
		tell_stale(run);
	if (!complete)
		run->status = -run->trouble.code;
	else if (run->status == -ERR_ENVIRONMENT)
		error_set(&run->trouble, ERR_ENVIRONMENT,
		          "in some cells Shakedown or its server failed, which tells nothing of the "
		          "board: see those marked \"error\"");
	tell(run, json_pack("{s:s, s:i, s:b, s:b, s:s}", "event", "finished", "status",
	                    run->status, "begun", run->begun || run->cancelled, "complete",
	                    complete, "error", run->trouble.text));
}

/* When the boards are done the apparatus goes; when that is gone too the run is over. */
static void finish_when_all_is_gone(struct run *run)
{
	bool boards_done = true;

	for (size_t i = 0; i < run->n_seats; i++)
		boards_done = boards_done && run->seats[i].station == NULL;
	if (boards_done && !run->ending)
		end(run);
	if (!run->ending || run->n_open > 0 || run->control != NULL)
		return;
	tell_end(run);
	run_free(run);
}

void run_cancel(struct run *run, const char *why)
{
	if (run->ending && !is_making_way(run)) /* nothing is cut short any more */
		return;
	error_set(&run->trouble, ERR_ENVIRONMENT, "%s", why);
	run->cancelled = true;
	end(run);
}

void run_yield(struct run *run)
{
	run->yielding = true;
	if (run->begun)
		begin_where_possible(run);
	else
		end(run);
}

void run_hold(struct run *run, bool held)
{
	run->held = held;
	if (!held)
		begin_where_possible(run);
}

/* --- the beginning ---------------------------------------------------------------------------- */

static void start_stations(struct run *run)
{
	run->n_seats = run->agenda.plan.n_profiles;
	run->seats = calloc(run->n_seats, sizeof(*run->seats));
	CHECK(run->seats != NULL);
	run->controls = json_made(json_object());
	run->control = control_new(&run->apparatus, run->n_seats, &control_events, run);
	for (size_t i = 0; i < run->n_seats; i++) {
		const json_t *profile = run->agenda.profiles[i].json;

		run->seats[i].run = run;
		run->seats[i].next = i;
		pass_done(&run->seats[i]);
		run->seats[i].bench = (struct trial_bench){.rules = run->agenda.rules,
		                                           .known = run->agenda.known[i],
		                                           .control = run->agenda.control,
		                                           .n_tries = run->agenda.n_tries,
		                                           .n_attempts = run->agenda.n_attempts,
		                                           .seen = json_made(json_object()),
		                                           .controls = run->controls,
		                                           .name = json_text(profile, "sni")};
		if (run->ending)
			continue;
		if (station_start(&run->seats[i].station, &run->apparatus, profile,
		                  &station_events, &run->seats[i], &run->trouble) == 0)
			run->n_open++;
		else
			end(run);
	}
}

/* Files of Shakedown's own that were written later than now: it is not now. */
static void look_at_clock(struct run *run)
{
	const char *root = file_data_root(NULL);
	char *path = file_join(root != NULL ? root : "", "certs/recipes.json");
	char text[CLOCK_TEXT_MAX + 256], now[CLOCK_TEXT_MAX];
	uint64_t now_ns = clock_wall_ns();
	struct stat status;

	if (stat(path, &status) == 0 &&
	    (uint64_t)status.st_mtim.tv_sec > now_ns / 1000000000u + CLOCK_JUMP_S) {
		snprintf(text, sizeof(text),
		         "This machine's clock says %s, and Shakedown was installed later than that: "
		         "set it, as certificates are made for its date.",
		         clock_text(now_ns, now));
		notice(run, text);
	}
	free(path);
}

int run_start(struct run **started, uv_loop_t *loop, const json_t *request, run_event *event,
              void *context, struct error *error)
{
	struct run *run = calloc(1, sizeof(*run));
	struct error no_network = {0};
	int rc;

	CHECK(run != NULL);
	run->loop = run->apparatus.loop = loop;
	run->event = event;
	run->context = context;
	run->clock_setting_s = clock_setting_s();
	rc = agenda_load(&run->agenda, request, error);
	if (rc != 0) {
		run_free(run);
		return rc;
	}
	run->apparatus.certificates = run->agenda.certificates;
	*started = run;
	tell(run, json_pack("{s:s, s:I, s:o, s:O, s:o}", "event", "plan", "cells",
	                    (json_int_t)plan_n_cells(&run->agenda.plan), "run",
	                    agenda_run(&run->agenda), "boards", run->agenda.boards, "profiles",
	                    agenda_profiles(&run->agenda)));
	look_at_clock(run);
	if (agenda_is_local(&run->agenda) && private_network_enter(&no_network) != 0) {
		error_prefix(&no_network, "No private network");
		notice(run, no_network.text);
	}
	rules_prepare(run->agenda.rules); /* while the boards wake up; a namespace wants one thread */
	uv_update_time(loop); /* a large plan took its time, which no child's patience is charged */
	start_stations(run);
	if (!run->ending)
		start_server(run);
	if (!run->ending)
		start_sniffer(run);
	if (run->n_open == 0 && run->control == NULL)
		finish_when_all_is_gone(run);
	return 0;
}
