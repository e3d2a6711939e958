#include "keeper.h"

#include "base/assert.h"
#include "base/child.h"
#include "base/file.h"
#include "base/json.h"
#include "flow/private_network.h"
#include "lab_socket.h"
#include "peer/certs.h"
#include "peer/lock.h"
#include "scenario/lab.h"
#include "scenario/queue.h"
#include "visitor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/wait.h>
#include <unistd.h>

#define BURY_MS 10  /* between looks at whether all of a run is gone */
#define LOOK_MS 200 /* between looks at whose turn is over */

enum job_state {
	JOB_WAITING,
	JOB_RUNNING, /* its process has the visitor's socket */
	JOB_BURYING, /* its process is gone; what that had started is ended */
};

static const char *const state_words[] = {
	[JOB_WAITING] = "waiting", [JOB_RUNNING] = "running", [JOB_BURYING] = "ending"};

/* A run, from the request to its end; in several parts if it makes way for others. */
struct job {
	TAILQ_ENTRY(job) others;
	struct visitor *visitor;
	unsigned long id, came;
	json_t *request;
	enum job_state state;
	size_t *boards; /* it has these, in the order of its words; NULL while it waits */
	struct child *child;
	pid_t session;
	uv_timer_t bury;
	unsigned n_looks;
	uint64_t since_ms; /* its turn goes on: since its first cell on these boards; else 0 */
	json_t *done;      /* after it made way: what it had done */
	bool asked_to_yield, yielded, finished; /* this part of it */
	char why[CHILD_STDERR_MAX + 256]; /* its process ended without a last word */
	char cancelled_by[VISITOR_NAME_LEN];
	long long n_done, n_cells, n_failed;
};

struct user {
	uid_t uid;
	unsigned long served;
};

struct keeper {
	uv_loop_t loop;
	struct door door;
	uv_signal_t terminate, interrupt, orphaned;
	uv_timer_t turns; /* while anybody waits */
	struct lab lab;
	struct queue_board *boards; /* as the lab's profiles */
	struct job **holders;       /* of each board, or NULL */
	char **types;
	TAILQ_HEAD(, job) jobs;
	struct user *users;
	size_t n_users;
	unsigned long clock; /* counts what happens to the queue */
	unsigned long n_jobs;
	unsigned turn_s;
	bool stopping;
};

static void schedule(struct keeper *keeper);
static void stop_if_done(struct keeper *keeper);

static struct keeper *keeper_of(const struct visitor *visitor)
{
	return visitor->door->context;
}

/* --- jobs ------------------------------------------------------------------------------------- */

static void on_bury_closed(uv_handle_t *bury)
{
	free(bury->data);
}

static void forget_job(struct keeper *keeper, struct job *job)
{
	TAILQ_REMOVE(&keeper->jobs, job, others);
	if (job->visitor != NULL)
		job->visitor->job = NULL;
	json_decref(job->request);
	json_decref(job->done);
	free(job->boards);
	uv_close((uv_handle_t *)&job->bury, on_bury_closed);
}

/* A run that waits needs somebody who waits for it. */
static void forget_if_left(struct keeper *keeper, const struct visitor *visitor)
{
	struct job *job = visitor->job;

	if (visitor->leaving && job != NULL && job->state == JOB_WAITING)
		forget_job(keeper, job);
}

static struct user *user_of(struct keeper *keeper, uid_t uid)
{
	for (size_t i = 0; i < keeper->n_users; i++)
		if (keeper->users[i].uid == uid)
			return &keeper->users[i];
	keeper->users = realloc(keeper->users, (keeper->n_users + 1) * sizeof(*keeper->users));
	CHECK(keeper->users != NULL);
	keeper->users[keeper->n_users] = (struct user){.uid = uid};
	return &keeper->users[keeper->n_users++];
}

static const json_t *words_of(const struct job *job)
{
	return json_object_get(job->request, "boards");
}

static void free_boards(struct keeper *keeper, struct job *job)
{
	for (size_t i = 0; i < keeper->lab.n_profiles; i++)
		if (keeper->holders[i] == job) {
			keeper->holders[i] = NULL;
			keeper->boards[i].busy = false;
		}
	free(job->boards);
	job->boards = NULL;
}

/* What has begun on some boards goes on with these, as the plan names them. */
static void fix_words(const struct keeper *keeper, struct job *job)
{
	json_t *names = json_made(json_array());
	size_t n = json_array_size(words_of(job));

	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			names, json_made(json_string(keeper->boards[job->boards[i]].name)));
	json_object_set_new(job->request, "boards", queue_rest(words_of(job), names));
	json_decref(names);
}

/* The run has ended, or it has made way and waits again. */
static void settle_job(struct keeper *keeper, struct job *job)
{
	struct visitor *visitor = job->visitor;
	char text[sizeof(job->why) + 64];

	if (job->yielded)
		fix_words(keeper, job);
	free_boards(keeper, job);
	if (job->yielded && !job->finished && job->cancelled_by[0] == '\0' &&
	    !keeper->stopping) {
		job->state = JOB_WAITING;
		job->came = ++keeper->clock;
		visitor_hear(visitor); /* the process did, until now */
		visitor_tell(visitor,
		             json_pack("{s:s, s:s}", "event", "queued", "text",
		                       "The run makes way for others and waits for its boards."));
		forget_if_left(keeper, visitor);
		return;
	}
	if (!job->finished) {
		snprintf(text, sizeof(text), "the run was cut short: %s",
		         job->yielded ? "its next part was cancelled" : job->why);
		visitor_finish(visitor, ERR_ENVIRONMENT, true, text);
	} else {
		visitor_dismiss(visitor);
	}
	forget_job(keeper, job);
}

/* Of runs; the runs' own processes are waited for by the loop. */
static void bury_orphans(const struct keeper *keeper)
{
	pid_t own[VISITORS_MAX];
	const struct job *job;
	size_t n = 0;

	TAILQ_FOREACH(job, &keeper->jobs, others)
		if (job->child != NULL && n < VISITORS_MAX)
			own[n++] = job->session;
	child_bury_orphans(own, n);
}

/* Orphans of the run come to us: see keeper_serve. */
static void on_bury(uv_timer_t *bury)
{
	struct job *job = bury->data;
	struct keeper *keeper = keeper_of(job->visitor);
	bool patient = ++job->n_looks * BURY_MS < CHILD_GRACE_MS;

	bury_orphans(keeper);
	if (kill(-job->session, patient ? 0 : SIGKILL) == 0 || errno != ESRCH)
		return;
	uv_timer_stop(bury);
	settle_job(keeper, job);
	schedule(keeper);
	stop_if_done(keeper);
}

static void take_progress(struct job *job, const json_t *message)
{
	if (job->since_ms == 0)
		job->since_ms = uv_now(&keeper_of(job->visitor)->loop);
	job->n_done = json_number(message, "done");
	job->n_cells = json_number(message, "cells");
	job->n_failed = json_number(message, "failed");
}

static void on_job_message(void *context, json_t *message, struct bytes attached)
{
	struct job *job = context;
	const char *event = json_text(message, "event");

	(void)attached;
	if (strcmp(event, "progress") == 0) {
		take_progress(job, message);
	} else if (strcmp(event, "yielded") == 0) {
		job->yielded = true;
		json_decref(job->done);
		job->done = json_incref(json_object_get(message, "done"));
	} else if (strcmp(event, "finished") == 0) {
		job->finished = true;
	}
}

static void on_job_exited(void *context, const char *why)
{
	struct job *job = context;

	job->child = NULL;
	job->state = JOB_BURYING;
	job->n_looks = 0;
	snprintf(job->why, sizeof(job->why), "%s", why);
	uv_timer_start(&job->bury, on_bury, 0, BURY_MS);
	bury_orphans(keeper_of(job->visitor)); /* those that stood behind it */
}

static const struct child_events job_events = {.message = on_job_message, .exited = on_job_exited};

/* A board as a run has it that calls it `name`; "unit" is its own name, if that is another. New. */
static json_t *lend_profile(const struct profile *profile, json_t *name)
{
	json_t *json = json_made(json_copy(profile->json));

	if (strcmp(json_string_value(name), profile_name(profile)) != 0) {
		json_object_set(json, "unit", json_object_get(json, "name"));
		json_object_set(json, "name", name);
	}
	return json_made(json_pack("{s:s, s:o, s:b}", "file", profile->file, "json", json, "local",
	                           profile->local));
}

/* The request with the boards that the run has got. New. */
static json_t *make_request(const struct keeper *keeper, const struct job *job)
{
	json_t *request = json_made(json_copy(job->request)), *profiles = json_made(json_array());
	json_t *names = queue_names(words_of(job), keeper->boards, job->boards), *name;
	size_t i;

	json_array_foreach(names, i, name)
		json_array_append_new(profiles,
		                      lend_profile(&keeper->lab.profiles[job->boards[i]], name));
	json_decref(names);
	json_object_set_new(request, "profiles", profiles);
	json_object_set_new(request, "op", json_made(json_string("run")));
	if (job->done != NULL)
		json_object_set(request, "done", job->done);
	return request;
}

static int start_process(struct keeper *keeper, struct job *job, struct error *error)
{
	char *program = file_sibling_program("shakedownd");
	char *const arguments[] = {program, "--run-for-lab", NULL};
	json_t *request = make_request(keeper, job);
	int rc;

	private_network_spawn_begin();
	rc = child_start_with(&job->child, &keeper->loop, "the run's process", arguments, NULL,
	                      visitor_fd(job->visitor), &job_events, job, error);
	private_network_spawn_end();
	if (rc == 0) {
		job->session = child_pid(job->child);
		child_send(job->child, request);
	}
	json_decref(request);
	free(program);
	return rc;
}

static void begin_job(struct keeper *keeper, struct job *job, const size_t chosen[])
{
	size_t n = json_array_size(words_of(job));
	struct error error = {0};

	job->boards = calloc(n, sizeof(*job->boards));
	CHECK(job->boards != NULL);
	memcpy(job->boards, chosen, n * sizeof(*chosen));
	for (size_t i = 0; i < n; i++) {
		keeper->boards[chosen[i]].busy = true;
		keeper->holders[chosen[i]] = job;
	}
	user_of(keeper, job->visitor->uid)->served = ++keeper->clock;
	visitor_leave_unheard(job->visitor);
	job->state = JOB_RUNNING;
	job->asked_to_yield = job->yielded = job->finished = false;
	job->since_ms = 0;
	if (start_process(keeper, job, &error) == 0)
		return;
	free_boards(keeper, job);
	visitor_finish(job->visitor, error.code, job->done != NULL, error.text);
	forget_job(keeper, job);
}

/* --- the queue -------------------------------------------------------------------------------- */

/* The jobs as the queue sees them: a new list, and the jobs in the same order. */
static struct queue_run *list_runs(struct keeper *keeper, struct job ***jobs, size_t *n)
{
	struct queue_run *runs;
	struct job *job;

	*n = 0;
	TAILQ_FOREACH(job, &keeper->jobs, others)
		(*n)++;
	runs = calloc(*n + 1, sizeof(*runs));
	*jobs = calloc(*n + 1, sizeof(struct job *));
	CHECK(runs != NULL && *jobs != NULL);
	*n = 0;
	TAILQ_FOREACH(job, &keeper->jobs, others) {
		bool waits = job->state == JOB_WAITING && !visitor_is_amid_words(job->visitor);

		(*jobs)[*n] = job;
		runs[(*n)++] = (struct queue_run){
			.words = words_of(job),
			.served = user_of(keeper, job->visitor->uid)->served,
			.came = job->came,
			.waits = waits,
		};
	}
	return runs;
}

static bool begin_next(struct keeper *keeper)
{
	size_t chosen[QUEUE_WORDS_MAX], n, next;
	struct job **jobs;
	struct queue_run *runs = list_runs(keeper, &jobs, &n);

	next = queue_next(runs, n, keeper->boards, keeper->lab.n_profiles, chosen);
	if (next < n)
		begin_job(keeper, jobs[next], chosen);
	free(runs);
	free(jobs);
	return next < n;
}

static void on_turns(uv_timer_t *timer);

static void schedule(struct keeper *keeper)
{
	struct job *job;
	bool waiting = false;

	while (!keeper->stopping && begin_next(keeper))
		;
	TAILQ_FOREACH(job, &keeper->jobs, others)
		waiting = waiting || job->state == JOB_WAITING;
	if (!waiting)
		uv_timer_stop(&keeper->turns);
	else if (!uv_is_active((uv_handle_t *)&keeper->turns))
		uv_timer_start(&keeper->turns, on_turns, LOOK_MS, LOOK_MS);
}

/*
 * A run whose turn is over, and which has done a cell at least, makes way for those that could use
 * its boards.
 */
static void on_turns(uv_timer_t *timer)
{
	struct keeper *keeper = timer->data;
	size_t n, n_boards = keeper->lab.n_profiles;
	struct job **jobs;
	struct queue_run *runs = list_runs(keeper, &jobs, &n);
	json_t *yield = json_made(json_pack("{s:s}", "op", "yield"));
	bool *mine = calloc(n_boards + 1, sizeof(bool));

	CHECK(mine != NULL);
	for (size_t i = 0; i < n; i++) {
		if (jobs[i]->state != JOB_RUNNING || jobs[i]->asked_to_yield ||
		    jobs[i]->since_ms == 0 ||
		    uv_now(&keeper->loop) - jobs[i]->since_ms < keeper->turn_s * 1000ull)
			continue;
		for (size_t k = 0; k < n_boards; k++)
			mine[k] = keeper->holders[k] == jobs[i];
		if (!queue_wants_any(runs, n, keeper->boards, n_boards, mine))
			continue;
		jobs[i]->asked_to_yield = true;
		child_send(jobs[i]->child, yield);
	}
	free(mine);
	free(runs);
	free(jobs);
	json_decref(yield);
}

static void tell_wait(struct keeper *keeper, struct job *job)
{
	size_t n_before = 0;
	struct job *other;
	char text[160];

	TAILQ_FOREACH(other, &keeper->jobs, others)
		n_before += other != job;
	snprintf(text, sizeof(text),
	         "Waiting for boards as run %lu, beside %zu other run%s; `shakedown status` shows "
	         "them.",
	         job->id, n_before, n_before == 1 ? "" : "s");
	visitor_tell(job->visitor, json_pack("{s:s, s:s}", "event", "queued", "text", text));
}

/* --- what visitors want ----------------------------------------------------------------------- */

static void take_run(struct visitor *visitor, const json_t *request)
{
	struct keeper *keeper = keeper_of(visitor);
	struct error error = {0};
	struct job *job;

	if (queue_check(keeper->boards, keeper->lab.n_profiles, json_object_get(request, "boards"),
	                &error) != 0) {
		visitor_finish(visitor, error.code, false, error.text);
		return;
	}
	job = calloc(1, sizeof(*job));
	CHECK(job != NULL);
	job->visitor = visitor;
	job->request = json_made(json_copy((json_t *)request));
	job->id = ++keeper->n_jobs;
	job->came = ++keeper->clock;
	CHECK(uv_timer_init(&keeper->loop, &job->bury) == 0);
	job->bury.data = job;
	visitor->job = job;
	TAILQ_INSERT_TAIL(&keeper->jobs, job, others);
	schedule(keeper);
	if (visitor->job == job && job->state == JOB_WAITING)
		tell_wait(keeper, job);
}

static json_t *describe_board(const struct keeper *keeper, size_t i)
{
	const struct queue_board *board = &keeper->boards[i];
	const struct job *holder = keeper->holders[i];
	json_t *described = json_made(json_pack("{s:s, s:s, s:O*}", "name", board->name, "type",
	                                        board->type, "tags", board->tags));

	if (holder != NULL) {
		json_object_set_new(described, "run", json_integer((json_int_t)holder->id));
		json_object_set_new(described, "user", json_string(holder->visitor->user));
	}
	return described;
}

static json_t *describe_job(const struct keeper *keeper, const struct job *job)
{
	json_t *described = json_made(json_pack(
		"{s:I, s:s, s:s, s:O, s:I, s:I, s:I}", "run", (json_int_t)job->id, "user",
		job->visitor->user, "state", state_words[job->state], "wants", words_of(job), "done",
		(json_int_t)job->n_done, "cells", (json_int_t)job->n_cells, "failed",
		(json_int_t)job->n_failed));
	json_t *boards = json_made(json_array());

	for (size_t i = 0; i < keeper->lab.n_profiles; i++)
		if (keeper->holders[i] == job)
			json_array_append_new(boards, json_string(keeper->boards[i].name));
	json_object_set_new(described, "boards", boards);
	return described;
}

static void take_status(struct visitor *visitor, const json_t *request)
{
	const struct keeper *keeper = keeper_of(visitor);
	json_t *boards = json_made(json_array()), *runs = json_made(json_array());
	const struct job *job;

	(void)request;
	for (size_t i = 0; i < keeper->lab.n_profiles; i++)
		json_array_append_new(boards, describe_board(keeper, i));
	TAILQ_FOREACH(job, &keeper->jobs, others)
		json_array_append_new(runs, describe_job(keeper, job));
	visitor_tell(visitor, json_pack("{s:s, s:o, s:o}", "event", "status", "boards", boards,
	                                "runs", runs));
}

static bool may_cancel(const struct visitor *visitor, const struct job *job)
{
	return visitor->uid == 0 || visitor->uid == geteuid() ||
	       visitor->uid == job->visitor->uid;
}

/* The run that is meant: by its number, or the user's only one. NULL if there is none. */
static struct job *find_job(const struct visitor *visitor, const json_t *number,
                            struct error *error)
{
	struct job *job, *found = NULL;
	size_t n = 0;

	TAILQ_FOREACH(job, &keeper_of(visitor)->jobs, others) {
		if (number != NULL ? json_integer_value(number) != (json_int_t)job->id
		                   : visitor->uid != job->visitor->uid)
			continue;
		found = job;
		n++;
	}
	if (n == 1)
		return found;
	if (number != NULL)
		error_set(error, ERR_INPUT, "there is no run %lld: `shakedown status` shows all",
		          (long long)json_integer_value(number));
	else
		error_set(error, ERR_INPUT, n == 0 ? "you have no run here to cancel"
		                                   : "you have several runs here: name one by its "
		                                     "number, as `shakedown status` shows it");
	return NULL;
}

static void cancel_job(struct keeper *keeper, struct job *job, const char *who)
{
	char why[VISITOR_NAME_LEN + 64];
	json_t *order;

	snprintf(job->cancelled_by, sizeof(job->cancelled_by), "%s", who);
	snprintf(why, sizeof(why), "the run was cancelled by %s", who);
	if (job->state == JOB_WAITING) {
		visitor_finish(job->visitor, ERR_ENVIRONMENT, job->done != NULL, why);
		forget_job(keeper, job);
	} else if (job->child != NULL) {
		order = json_made(json_pack("{s:s, s:s}", "op", "cancel", "why", why));
		child_send(job->child, order);
		json_decref(order);
	}
}

static void take_cancel(struct visitor *visitor, const json_t *request)
{
	struct error error = {0};
	struct job *job = find_job(visitor, json_object_get(request, "run"), &error);
	unsigned long id = job != NULL ? job->id : 0;

	if (job != NULL && !may_cancel(visitor, job)) {
		error_set(&error, ERR_INPUT, "run %lu is %s's: only its user may cancel it", id,
		          job->visitor->user);
		job = NULL;
	}
	if (job == NULL) {
		visitor_finish(visitor, error.code, false, error.text);
		return;
	}
	cancel_job(keeper_of(visitor), job, visitor->user);
	visitor_tell(visitor, json_pack("{s:s, s:I}", "event", "done", "run", (json_int_t)id));
	schedule(keeper_of(visitor));
}

static void on_said(struct visitor *visitor, const json_t *request)
{
	static const struct {
		const char *op;
		void (*take)(struct visitor *visitor, const json_t *request);
	} ops[] = {{"run", take_run}, {"status", take_status}, {"cancel", take_cancel}};
	const char *op = json_text(request, "op");

	if (visitor->job != NULL) { /* all that it may do is to think better of it */
		if (strcmp(op, "cancel") == 0)
			cancel_job(keeper_of(visitor), visitor->job, visitor->user);
		return;
	}
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (strcmp(op, ops[i].op) == 0) {
			ops[i].take(visitor, request);
			return;
		}
	visitor_finish(visitor, ERR_INPUT, false, "this daemon knows no such request");
}

static void on_paused(struct visitor *visitor)
{
	struct keeper *keeper = keeper_of(visitor);

	forget_if_left(keeper, visitor);
	schedule(keeper);
}

static const struct door_events door_events = {.said = on_said, .paused = on_paused};

/* --- beginning and end ------------------------------------------------------------------------ */

static void stop_if_done(struct keeper *keeper)
{
	if (!keeper->stopping || !TAILQ_EMPTY(&keeper->jobs))
		return;
	door_clear(&keeper->door);
	if (uv_is_closing((uv_handle_t *)&keeper->turns))
		return;
	uv_close((uv_handle_t *)&keeper->turns, NULL);
	uv_close((uv_handle_t *)&keeper->terminate, NULL);
	uv_close((uv_handle_t *)&keeper->interrupt, NULL);
	uv_close((uv_handle_t *)&keeper->orphaned, NULL);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct keeper *keeper = handle->data;
	struct job *job, *next;

	(void)number;
	if (!keeper->stopping)
		door_close(&keeper->door);
	keeper->stopping = true;
	for (job = TAILQ_FIRST(&keeper->jobs); job != NULL; job = next) {
		next = TAILQ_NEXT(job, others);
		cancel_job(keeper, job, "the end of the lab's daemon");
	}
	stop_if_done(keeper);
}

/* What a board is: its profile's file, without the folder and ".json". A new string. */
static char *type_of(const struct profile *profile)
{
	const char *slash = strrchr(profile->file, '/');
	const char *name = slash != NULL ? slash + 1 : profile->file;
	char *type = strdup(name), *dot;

	CHECK(type != NULL);
	dot = strrchr(type, '.');
	if (dot != NULL && strcmp(dot, ".json") == 0)
		*dot = '\0';
	return type;
}

static void list_boards(struct keeper *keeper)
{
	size_t n = keeper->lab.n_profiles;

	keeper->boards = calloc(n + 1, sizeof(*keeper->boards));
	keeper->holders = calloc(n + 1, sizeof(struct job *));
	keeper->types = calloc(n + 1, sizeof(char *));
	CHECK(keeper->boards != NULL && keeper->holders != NULL && keeper->types != NULL);
	for (size_t i = 0; i < n; i++) {
		const struct profile *profile = &keeper->lab.profiles[i];

		keeper->types[i] = type_of(profile);
		keeper->boards[i] = (struct queue_board){
			.name = profile_name(profile),
			.type = keeper->types[i],
			.tags = json_object_get(profile->json, "tags"),
		};
	}
}

static void on_child(uv_signal_t *handle, int number)
{
	(void)number;
	bury_orphans(handle->data);
}

static void watch_signal(struct keeper *keeper, uv_signal_t *handle, int number, uv_signal_cb take)
{
	CHECK(uv_signal_init(&keeper->loop, handle) == 0);
	handle->data = keeper;
	CHECK(uv_signal_start(handle, take, number) == 0);
}

static void keeper_fini(struct keeper *keeper)
{
	for (size_t i = 0; keeper->types != NULL && i < keeper->lab.n_profiles; i++)
		free(keeper->types[i]);
	free(keeper->types);
	free(keeper->boards);
	free(keeper->holders);
	free(keeper->users);
	lab_fini(&keeper->lab);
}

static int serve(struct keeper *keeper, const char *path, const char *group, struct error *error)
{
	int rc;

	CHECK(uv_loop_init(&keeper->loop) == 0);
	CHECK(uv_timer_init(&keeper->loop, &keeper->turns) == 0);
	keeper->turns.data = keeper;
	rc = door_open(&keeper->door, &keeper->loop, path, group, &door_events, keeper, error);
	if (rc != 0)
		return rc;
	watch_signal(keeper, &keeper->terminate, SIGTERM, on_signal);
	watch_signal(keeper, &keeper->interrupt, SIGINT, on_signal);
	watch_signal(keeper, &keeper->orphaned, SIGCHLD, on_child);
	fprintf(stderr, "shakedownd: %zu boards of %s at %s\n", keeper->lab.n_profiles,
	        keeper->lab.file, path);
	uv_run(&keeper->loop, UV_RUN_DEFAULT);
	uv_loop_close(&keeper->loop);
	return 0;
}

int keeper_serve(const struct keeper_options *options, struct error *error)
{
	static struct keeper keeper;
	char *path = lab_socket_path(options->socket, true);
	struct certs_made made;
	struct lock *lock = NULL;
	int rc;

	signal(SIGPIPE, SIG_IGN);
	private_network_keep_right();
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* what a run leaves is ours to end */
	TAILQ_INIT(&keeper.jobs);
	keeper.turn_s = options->turn_s;
	rc = lab_load(&keeper.lab, options->lab, error);
	if (rc == 0) {
		list_boards(&keeper);
		rc = lock_take(path, &lock, error);
	}
	if (rc == 0)
		rc = certs_make_own(&made, error);
	if (rc == 0)
		rc = serve(&keeper, path, options->group, error);
	lock_release(lock);
	keeper_fini(&keeper);
	free(path);
	return -rc;
}
