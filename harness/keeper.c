#include "keeper.h"

#include "base/assert.h"
#include "base/child.h"
#include "base/file.h"
#include "base/json.h"
#include "base/message.h"
#include "base/message_stream.h"
#include "flow/private_network.h"
#include "lab_socket.h"
#include "peer/certs.h"
#include "peer/lock.h"
#include "scenario/lab.h"
#include "scenario/queue.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK 65536
#define FAREWELL_MS 5000 /* for a visitor to read the last word */
#define BURY_MS 10       /* between looks at whether all of a run is gone */
#define LOOK_MS 200      /* between looks at whose turn is over */
#define BACKLOG 64
#define NAME_LEN 64

struct keeper;
struct job;

/* Somebody who is connected. */
struct visitor {
	TAILQ_ENTRY(visitor) others;
	struct keeper *keeper;
	uv_pipe_t pipe;
	uv_timer_t patience; /* until it says what it wants, or has read the last word */
	uv_shutdown_t farewell;
	struct message_reader reader;
	uid_t uid;
	char user[NAME_LEN];
	struct job *job; /* its run, or NULL */
	bool leaving;
	int n_open; /* handles that libuv still knows */
	char chunk[CHUNK];
};

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
	bool asked_to_yield, finished;
	char why[CHILD_STDERR_MAX + 256]; /* its process ended without a last word */
	char cancelled_by[NAME_LEN];
	long long n_done, n_cells, n_failed;
};

struct user {
	uid_t uid;
	unsigned long served;
};

struct keeper {
	uv_loop_t loop;
	uv_pipe_t listener;
	uv_signal_t terminate, interrupt, orphaned;
	uv_timer_t turns; /* while anybody waits */
	struct lab lab;
	struct queue_board *boards; /* as the lab's profiles */
	struct job **holders;       /* of each board, or NULL */
	char **types;
	TAILQ_HEAD(, visitor) visitors;
	TAILQ_HEAD(, job) jobs;
	size_t n_visitors;
	struct user *users;
	size_t n_users;
	unsigned long clock; /* counts what happens to the queue */
	unsigned long n_jobs;
	unsigned turn_s;
	bool for_group, stopping;
};

static void schedule(struct keeper *keeper);
static void listen_to(struct visitor *visitor);
static void stop_if_done(struct keeper *keeper);

/* --- visitors --------------------------------------------------------------------------------- */

static void on_visitor_closed(uv_handle_t *handle)
{
	struct visitor *visitor = handle->data;
	struct keeper *keeper = visitor->keeper;

	if (--visitor->n_open > 0)
		return;
	TAILQ_REMOVE(&keeper->visitors, visitor, others);
	keeper->n_visitors--;
	message_reader_fini(&visitor->reader);
	free(visitor);
}

static void close_visitor(struct visitor *visitor)
{
	visitor->leaving = true;
	if (!uv_is_closing((uv_handle_t *)&visitor->pipe)) {
		uv_close((uv_handle_t *)&visitor->pipe, on_visitor_closed);
		uv_close((uv_handle_t *)&visitor->patience, on_visitor_closed);
	}
}

static void on_patience_over(uv_timer_t *patience)
{
	close_visitor(patience->data);
}

static void on_farewell(uv_shutdown_t *farewell, int status)
{
	(void)status;
	if (status != UV_ECANCELED)
		close_visitor(farewell->data);
}

/* One that leaves unread what it is told is not told more. */
static void say(struct visitor *visitor, json_t *event)
{
	uv_stream_t *stream = (uv_stream_t *)&visitor->pipe;

	if (!visitor->leaving && uv_stream_get_write_queue_size(stream) > KEEPER_UNREAD_MAX)
		close_visitor(visitor);
	if (!visitor->leaving)
		message_stream_write(stream, json_made(event), (struct bytes){0});
	json_decref(event);
}

/* The last word has been said. */
static void bid_farewell(struct visitor *visitor)
{
	if (visitor->leaving)
		return;
	visitor->leaving = true;
	uv_read_stop((uv_stream_t *)&visitor->pipe);
	uv_timer_start(&visitor->patience, on_patience_over, FAREWELL_MS, 0);
	visitor->farewell.data = visitor;
	if (uv_shutdown(&visitor->farewell, (uv_stream_t *)&visitor->pipe, on_farewell) != 0)
		close_visitor(visitor);
}

static void refuse(struct visitor *visitor, int code, const char *text)
{
	say(visitor, json_pack("{s:s, s:i, s:b, s:b, s:s}", "event", "finished", "status", -code,
	                       "begun", 0, "complete", 0, "error", text));
	bid_farewell(visitor);
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

	if (job->done != NULL)
		fix_words(keeper, job);
	free_boards(keeper, job);
	if (job->done != NULL && !job->finished && job->cancelled_by[0] == '\0' &&
	    !keeper->stopping) {
		job->state = JOB_WAITING;
		job->came = ++keeper->clock;
		job->asked_to_yield = false;
		listen_to(visitor); /* the process did, until now */
		say(visitor, json_pack("{s:s, s:s}", "event", "queued", "text",
		                       "The run makes way for others and waits for its boards."));
		return;
	}
	if (!job->finished) {
		snprintf(text, sizeof(text), "the run was cut short: %s",
		         job->done != NULL ? "its next part was cancelled" : job->why);
		say(visitor, json_pack("{s:s, s:i, s:b, s:b, s:s}", "event", "finished", "status",
		                       -ERR_ENVIRONMENT, "begun", 1, "complete", 0, "error", text));
	}
	bid_farewell(visitor);
	forget_job(keeper, job);
}

/* Orphans of the run come to us: see keeper_serve. */
static void on_bury(uv_timer_t *bury)
{
	struct job *job = bury->data;
	struct keeper *keeper = job->visitor->keeper;
	bool patient = ++job->n_looks * BURY_MS < CHILD_GRACE_MS;

	while (waitpid(-job->session, NULL, WNOHANG) > 0)
		;
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
		job->since_ms = uv_now(&job->visitor->keeper->loop);
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
	uv_os_fd_t fd;
	int rc;

	CHECK(uv_fileno((uv_handle_t *)&job->visitor->pipe, &fd) == 0);
	private_network_spawn_begin();
	rc = child_start_with(&job->child, &keeper->loop, "the run's process", arguments, NULL, fd,
	                      &job_events, job, error);
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
	uv_read_stop((uv_stream_t *)&job->visitor->pipe);
	job->state = JOB_RUNNING;
	job->since_ms = 0;
	if (start_process(keeper, job, &error) == 0)
		return;
	free_boards(keeper, job);
	refuse(job->visitor, error.code, error.text);
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
		/* Half a message is the keeper's to read. */
		bool waits = job->state == JOB_WAITING && job->visitor->reader.held.len == 0;

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
	say(job->visitor, json_pack("{s:s, s:s}", "event", "queued", "text", text));
}

/* --- what visitors want ----------------------------------------------------------------------- */

static void take_run(struct visitor *visitor, const json_t *request)
{
	struct keeper *keeper = visitor->keeper;
	struct error error = {0};
	struct job *job;

	if (queue_check(keeper->boards, keeper->lab.n_profiles, json_object_get(request, "boards"),
	                &error) != 0) {
		refuse(visitor, error.code, error.text);
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
	const struct keeper *keeper = visitor->keeper;
	json_t *boards = json_made(json_array()), *runs = json_made(json_array());
	const struct job *job;

	(void)request;
	for (size_t i = 0; i < keeper->lab.n_profiles; i++)
		json_array_append_new(boards, describe_board(keeper, i));
	TAILQ_FOREACH(job, &keeper->jobs, others)
		json_array_append_new(runs, describe_job(keeper, job));
	say(visitor, json_pack("{s:s, s:o, s:o}", "event", "status", "boards", boards, "runs",
	                       runs));
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

	TAILQ_FOREACH(job, &visitor->keeper->jobs, others) {
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
	char why[NAME_LEN + 64];
	json_t *order;

	snprintf(job->cancelled_by, sizeof(job->cancelled_by), "%s", who);
	snprintf(why, sizeof(why), "the run was cancelled by %s", who);
	if (job->state == JOB_WAITING) {
		struct visitor *visitor = job->visitor;

		forget_job(keeper, job);
		say(visitor, json_pack("{s:s, s:i, s:b, s:b, s:s}", "event", "finished", "status",
		                       -ERR_ENVIRONMENT, "begun", job->done != NULL, "complete", 0,
		                       "error", why));
		bid_farewell(visitor);
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
		refuse(visitor, error.code, error.text);
		return;
	}
	cancel_job(visitor->keeper, job, visitor->user);
	say(visitor, json_pack("{s:s, s:I}", "event", "done", "run", (json_int_t)id));
	schedule(visitor->keeper);
}

static void take_request(struct visitor *visitor, const json_t *request)
{
	static const struct {
		const char *op;
		void (*take)(struct visitor *visitor, const json_t *request);
	} ops[] = {{"run", take_run}, {"status", take_status}, {"cancel", take_cancel}};
	const char *op = json_text(request, "op");

	uv_timer_stop(&visitor->patience);
	if (visitor->job != NULL) { /* all that it may do is to think better of it */
		if (strcmp(op, "cancel") == 0)
			cancel_job(visitor->keeper, visitor->job, visitor->user);
		return;
	}
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (strcmp(op, ops[i].op) == 0) {
			ops[i].take(visitor, request);
			return;
		}
	refuse(visitor, ERR_INPUT, "this daemon knows no such request");
}

static void give_chunk(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct visitor *visitor = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(visitor->chunk, sizeof(visitor->chunk));
}

/* Until its run begins, or it is gone, a visitor is heard here. */
static void hear(struct visitor *visitor)
{
	struct bytes attached;
	struct error error = {0};
	json_t *request;
	int rc = 0;

	while (!visitor->leaving &&
	       (visitor->job == NULL || visitor->job->state == JOB_WAITING) &&
	       (rc = message_next(&visitor->reader, &request, &attached, &error)) == 1) {
		take_request(visitor, request);
		json_decref(request);
	}
	if (!visitor->leaving && rc < 0)
		refuse(visitor, ERR_INPUT, error.text);
	else if (!visitor->leaving && visitor->reader.held.len > KEEPER_REQUEST_MAX)
		refuse(visitor, ERR_INPUT, "the request is too large");
}

static void on_words(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct visitor *visitor = stream->data;
	struct keeper *keeper = visitor->keeper;

	if (n >= 0) {
		message_feed(&visitor->reader, buffer->base, (size_t)n);
		hear(visitor);
	}
	if ((n < 0 || visitor->leaving) && visitor->job != NULL &&
	    visitor->job->state == JOB_WAITING)
		forget_job(keeper, visitor->job);
	if (n < 0)
		close_visitor(visitor);
	schedule(keeper);
}

static void listen_to(struct visitor *visitor)
{
	uv_read_start((uv_stream_t *)&visitor->pipe, give_chunk, on_words);
}

/* --- the door --------------------------------------------------------------------------------- */

static void name_user(struct visitor *visitor)
{
	const struct passwd *user = getpwuid(visitor->uid);

	if (user != NULL)
		snprintf(visitor->user, sizeof(visitor->user), "%s", user->pw_name);
	else
		snprintf(visitor->user, sizeof(visitor->user), "user %u", (unsigned)visitor->uid);
}

/* Who the other end is, by the kernel's word. */
static bool identify(struct visitor *visitor)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	uv_os_fd_t fd;

	if (uv_fileno((uv_handle_t *)&visitor->pipe, &fd) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return false;
	visitor->uid = peer.uid;
	name_user(visitor);
	return visitor->keeper->for_group || peer.uid == 0 || peer.uid == geteuid();
}

static void on_visitor(uv_stream_t *listener, int status)
{
	struct keeper *keeper = listener->data;
	struct visitor *visitor = calloc(1, sizeof(*visitor));

	CHECK(visitor != NULL);
	visitor->keeper = keeper;
	CHECK(uv_pipe_init(&keeper->loop, &visitor->pipe, 0) == 0);
	CHECK(uv_timer_init(&keeper->loop, &visitor->patience) == 0);
	visitor->pipe.data = visitor->patience.data = visitor;
	visitor->n_open = 2;
	TAILQ_INSERT_TAIL(&keeper->visitors, visitor, others);
	keeper->n_visitors++;
	if (status != 0 || uv_accept(listener, (uv_stream_t *)&visitor->pipe) != 0 ||
	    keeper->n_visitors > KEEPER_VISITORS_MAX || keeper->stopping) {
		close_visitor(visitor);
		return;
	}
	if (!identify(visitor)) {
		refuse(visitor, ERR_INPUT, "this daemon serves another user");
		return;
	}
	uv_timer_start(&visitor->patience, on_patience_over, KEEPER_ASK_MS, 0);
	listen_to(visitor);
}

static int give_to_group(const char *path, const char *name, struct error *error)
{
	const struct group *group = getgrnam(name);

	if (group == NULL)
		return error_set(error, ERR_INPUT, "--group %s: there is no such group", name);
	if (chown(path, (uid_t)-1, group->gr_gid) != 0 || chmod(path, 0660) != 0)
		return error_system(error, ERR_ENVIRONMENT, errno,
		                    "cannot give %s to the group %s", path, name);
	return 0;
}

/* What a daemon that was killed left is in the way; one at work holds the lock. */
static int listen_at(struct keeper *keeper, const char *path, const char *group,
                     struct error *error)
{
	mode_t before = umask(0177);
	int rc;

	unlink(path);
	rc = uv_pipe_bind(&keeper->listener, path);
	umask(before);
	if (rc == 0)
		rc = uv_listen((uv_stream_t *)&keeper->listener, BACKLOG, on_visitor);
	if (rc != 0)
		return error_set(error, ERR_ENVIRONMENT, "cannot listen on %s: %s", path,
		                 uv_strerror(rc));
	return group != NULL ? give_to_group(path, group, error) : 0;
}

/* --- beginning and end ------------------------------------------------------------------------ */

static void stop_if_done(struct keeper *keeper)
{
	struct visitor *visitor;

	if (!keeper->stopping || !TAILQ_EMPTY(&keeper->jobs))
		return;
	TAILQ_FOREACH(visitor, &keeper->visitors, others)
		if (!visitor->leaving)
			close_visitor(visitor);
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
		uv_close((uv_handle_t *)&keeper->listener, NULL); /* and removes the socket */
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
	struct keeper *keeper = handle->data;
	struct job *job;

	(void)number;
	TAILQ_FOREACH(job, &keeper->jobs, others)
		child_bury_orphans(job->session);
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
	CHECK(uv_pipe_init(&keeper->loop, &keeper->listener, 0) == 0);
	CHECK(uv_timer_init(&keeper->loop, &keeper->turns) == 0);
	keeper->listener.data = keeper->turns.data = keeper;
	rc = listen_at(keeper, path, group, error);
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
	TAILQ_INIT(&keeper.visitors);
	TAILQ_INIT(&keeper.jobs);
	keeper.turn_s = options->turn_s;
	keeper.for_group = options->group != NULL;
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
