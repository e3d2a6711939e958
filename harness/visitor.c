#include "visitor.h"

#include "base/assert.h"
#include "base/message_stream.h"
#include "lab_socket.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 64

/* --- going ------------------------------------------------------------------------------------ */

static void on_closed(uv_handle_t *handle)
{
	struct visitor *visitor = handle->data;
	struct door *door = visitor->door;

	if (--visitor->n_open > 0)
		return;
	TAILQ_REMOVE(&door->visitors, visitor, others);
	door->n_visitors--;
	message_reader_fini(&visitor->reader);
	free(visitor);
}

static void close_visitor(struct visitor *visitor)
{
	visitor->leaving = true;
	if (!uv_is_closing((uv_handle_t *)&visitor->pipe)) {
		uv_close((uv_handle_t *)&visitor->pipe, on_closed);
		uv_close((uv_handle_t *)&visitor->patience, on_closed);
	}
}

static void on_patience_over(uv_timer_t *patience)
{
	close_visitor(patience->data);
}

static void on_farewell(uv_shutdown_t *farewell, int status)
{
	if (status != UV_ECANCELED)
		close_visitor(farewell->data);
}

void visitor_dismiss(struct visitor *visitor)
{
	if (visitor->leaving)
		return;
	visitor->leaving = true;
	uv_read_stop((uv_stream_t *)&visitor->pipe);
	uv_timer_start(&visitor->patience, on_patience_over, VISITOR_FAREWELL_MS, 0);
	visitor->farewell.data = visitor;
	if (uv_shutdown(&visitor->farewell, (uv_stream_t *)&visitor->pipe, on_farewell) != 0)
		close_visitor(visitor);
}

/* --- being told ------------------------------------------------------------------------------- */

void visitor_tell(struct visitor *visitor, json_t *event)
{
	uv_stream_t *stream = (uv_stream_t *)&visitor->pipe;

	if (!visitor->leaving && uv_stream_get_write_queue_size(stream) > VISITOR_UNREAD_MAX)
		close_visitor(visitor);
	if (!visitor->leaving)
		message_stream_write(stream, json_made(event), (struct bytes){0});
	json_decref(event);
}

void visitor_finish(struct visitor *visitor, int code, bool begun, const char *text)
{
	visitor_tell(visitor, json_pack("{s:s, s:i, s:b, s:b, s:s}", "event", "finished", "status",
	                                -code, "begun", begun, "complete", 0, "error", text));
	visitor_dismiss(visitor);
}

/* --- being heard ------------------------------------------------------------------------------ */

static void take_words(struct visitor *visitor)
{
	struct bytes attached;
	struct error error = {0};
	json_t *message;
	int rc = 0;

	while (visitor->heard && !visitor->leaving &&
	       (rc = message_next(&visitor->reader, &message, &attached, &error)) == 1) {
		uv_timer_stop(&visitor->patience);
		visitor->door->events->said(visitor, message);
		json_decref(message);
	}
	if (!visitor->leaving && rc < 0)
		visitor_finish(visitor, ERR_INPUT, false, error.text);
	else if (!visitor->leaving && visitor->reader.held.len > VISITOR_REQUEST_MAX)
		visitor_finish(visitor, ERR_INPUT, false, "the request is too large");
}

static void on_words(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct visitor *visitor = stream->data;

	if (n >= 0) {
		message_feed(&visitor->reader, buffer->base, (size_t)n);
		take_words(visitor);
	} else {
		close_visitor(visitor);
	}
	visitor->door->events->paused(visitor);
}

static void give_chunk(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct visitor *visitor = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(visitor->chunk, sizeof(visitor->chunk));
}

void visitor_hear(struct visitor *visitor)
{
	visitor->heard = true;
	uv_read_start((uv_stream_t *)&visitor->pipe, give_chunk, on_words);
}

void visitor_leave_unheard(struct visitor *visitor)
{
	visitor->heard = false;
	uv_read_stop((uv_stream_t *)&visitor->pipe);
}

bool visitor_is_amid_words(const struct visitor *visitor)
{
	return visitor->reader.held.len > 0;
}

int visitor_fd(const struct visitor *visitor)
{
	uv_os_fd_t fd;

	CHECK(uv_fileno((const uv_handle_t *)&visitor->pipe, &fd) == 0);
	return fd;
}

/* --- coming ----------------------------------------------------------------------------------- */

static void name_user(struct visitor *visitor)
{
	const struct passwd *user = getpwuid(visitor->uid);

	if (user != NULL)
		snprintf(visitor->user, sizeof(visitor->user), "%s", user->pw_name);
	else
		snprintf(visitor->user, sizeof(visitor->user), "user %u", (unsigned)visitor->uid);
}

/* Who the other end is; false if it may not come in. */
static bool identify(struct visitor *visitor)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(visitor_fd(visitor), SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return false;
	visitor->uid = peer.uid;
	name_user(visitor);
	return visitor->door->for_group || peer.uid == 0 || peer.uid == geteuid();
}

static void on_visitor(uv_stream_t *listener, int status)
{
	struct door *door = listener->data;
	struct visitor *visitor = calloc(1, sizeof(*visitor));

	CHECK(visitor != NULL);
	visitor->door = door;
	CHECK(uv_pipe_init(listener->loop, &visitor->pipe, 0) == 0);
	CHECK(uv_timer_init(listener->loop, &visitor->patience) == 0);
	visitor->pipe.data = visitor->patience.data = visitor;
	visitor->n_open = 2;
	TAILQ_INSERT_TAIL(&door->visitors, visitor, others);
	door->n_visitors++;
	if (status != 0 || uv_accept(listener, (uv_stream_t *)&visitor->pipe) != 0 ||
	    door->n_visitors > VISITORS_MAX || door->closed) {
		close_visitor(visitor);
		return;
	}
	if (!identify(visitor)) {
		visitor_finish(visitor, ERR_INPUT, false, "this daemon serves another user");
		return;
	}
	uv_timer_start(&visitor->patience, on_patience_over, VISITOR_ASK_MS, 0);
	visitor_hear(visitor);
}

/* --- the door --------------------------------------------------------------------------------- */

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

/* libuv calls it a lack of rights, too, if there is no such folder. */
static int check_folder(const char *path, struct error *error)
{
	char *copy = strdup(path);
	const char *folder;
	int rc = 0;

	CHECK(copy != NULL);
	folder = dirname(copy);
	if (access(folder, W_OK) != 0) {
		rc = error_system(error, ERR_ENVIRONMENT, errno,
		                  "cannot listen on %s: nothing can be made in the folder %s", path,
		                  folder);
		error_append(error, "; name another path by --socket");
	}
	free(copy);
	return rc;
}

/* Whether a program listens there: one of another kind, or a daemon whose lock lies elsewhere. */
static bool is_listened_at(const char *path)
{
	struct error nobody = {0};
	int fd = lab_socket_connect(path, &nobody);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Removes the socket that a daemon which was killed left; what else is there is somebody's. */
static int make_room(const char *path, struct error *error)
{
	struct stat there;

	if (lab_socket_check_path(path, error) != 0)
		return error->code;
	if (lstat(path, &there) == 0 && !S_ISSOCK(there.st_mode))
		return error_set(error, ERR_INPUT,
		                 "cannot listen on %s: it is there already, and no socket; name "
		                 "another path by --socket",
		                 path);
	if (check_folder(path, error) != 0)
		return error->code;
	if (is_listened_at(path))
		return error_set(error, ERR_ENVIRONMENT,
		                 "cannot listen on %s: a program listens there already; end it, "
		                 "or name another path by --socket",
		                 path);
	unlink(path);
	return 0;
}

static int listen_at(struct door *door, const char *path, struct error *error)
{
	mode_t before = umask(0177);
	int rc = uv_pipe_bind(&door->listener, path);

	umask(before);
	if (rc == 0)
		rc = uv_listen((uv_stream_t *)&door->listener, BACKLOG, on_visitor);
	if (rc == 0)
		return 0;
	return error_set(error, ERR_ENVIRONMENT, "cannot listen on %s: %s", path, uv_strerror(rc));
}

int door_open(struct door *door, uv_loop_t *loop, const char *path, const char *group,
              const struct door_events *events, void *context, struct error *error)
{
	int rc = make_room(path, error);

	if (rc != 0)
		return rc;
	*door = (struct door){.events = events, .context = context, .for_group = group != NULL};
	TAILQ_INIT(&door->visitors);
	CHECK(uv_pipe_init(loop, &door->listener, 0) == 0);
	door->listener.data = door;
	rc = listen_at(door, path, error);
	if (rc == 0 && group != NULL) {
		rc = give_to_group(path, group, error);
		if (rc != 0)
			unlink(path);
	}
	return rc;
}

void door_close(struct door *door)
{
	door->closed = true;
	uv_close((uv_handle_t *)&door->listener, NULL); /* and removes the socket */
}

void door_clear(struct door *door)
{
	struct visitor *visitor;

	TAILQ_FOREACH(visitor, &door->visitors, others)
		if (!visitor->leaving)
			close_visitor(visitor);
}
