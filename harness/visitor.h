/*
 * visitor.h: those who are connected to the socket of a lab's daemon: they are let in, known by
 * name, heard, told and let go. A program's part, above all layers; keeper.h says what they want.
 *
 * Everything happens in the loop that the door was opened with; nothing blocks. A visitor belongs
 * to the door, which frees it some time after it was closed: one that is `leaving` is told no more.
 */
#ifndef SHAKEDOWN_VISITOR_H
#define SHAKEDOWN_VISITOR_H

#include "base/error.h"
#include "base/json.h"
#include "base/message.h"

#include <stdbool.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <uv.h>

#define VISITORS_MAX 256                /* at once; more are closed */
#define VISITOR_ASK_MS 10000            /* for one to say what it wants */
#define VISITOR_FAREWELL_MS 5000        /* for one to read the last word */
#define VISITOR_REQUEST_MAX (24u << 20) /* bytes */
#define VISITOR_UNREAD_MAX (1u << 20)   /* bytes that one who waits may leave unread */
#define VISITOR_NAME_LEN 64

struct door;
struct job;

struct visitor {
	/* To be read. */
	struct door *door;
	uid_t uid; /* who it is, by the kernel's word */
	char user[VISITOR_NAME_LEN];
	bool leaving;
	/* The owner's. */
	struct job *job;
	/* visitor.c's own. */
	TAILQ_ENTRY(visitor) others;
	uv_pipe_t pipe;
	uv_timer_t patience;
	uv_shutdown_t farewell;
	struct message_reader reader;
	bool heard;
	int n_open; /* handles that libuv still knows */
	char chunk[65536];
};

struct door_events {
	/* A whole message, borrowed. None comes while the visitor is not heard. */
	void (*said)(struct visitor *visitor, const json_t *message);
	/*
	 * All that has come is taken. If it is `leaving`, this is the last event of it; but none
	 * comes if it was closed while it was told something, and not heard.
	 */
	void (*paused)(struct visitor *visitor);
};

struct door {
	uv_pipe_t listener;
	const struct door_events *events;
	void *context; /* the owner's */
	bool for_group, closed;
	TAILQ_HEAD(, visitor) visitors;
	size_t n_visitors;
};

/*
 * Listens at `path`, in place of what a daemon that was killed left there; one that just begins
 * must have been excluded before. The keeper's user and root come in, and with `group` (else NULL)
 * all who may open the socket, which is given to that group. `events` must outlive the door.
 * ERR_INPUT: no such group, or what is at `path` is no socket; ERR_ENVIRONMENT, also if a program
 * listens there.
 */
int door_open(struct door *door, uv_loop_t *loop, const char *path, const char *group,
              const struct door_events *events, void *context, struct error *error);

/* Nobody is let in any more, and the socket is removed. Once. */
void door_close(struct door *door);

/* Closes those who are not leaving by themselves. */
void door_clear(struct door *door);

/* Begins to hear it, or goes on. One who has just come is heard. */
void visitor_hear(struct visitor *visitor);

/* Somebody else reads the socket from now on. Of what has come, the rest is kept for later. */
void visitor_leave_unheard(struct visitor *visitor);

/* It has sent the first part of a message only: nobody else can read the socket now. */
bool visitor_is_amid_words(const struct visitor *visitor);

/* Its socket, which stays the visitor's. */
int visitor_fd(const struct visitor *visitor);

/*
 * Tells it `event`, which is taken. One that leaves too much unread is closed instead: whoever tells
 * it something outside of the door's events looks afterwards whether it is `leaving`.
 */
void visitor_tell(struct visitor *visitor, json_t *event);

/* The last word has been said: closed when it has been read, or is not. */
void visitor_dismiss(struct visitor *visitor);

/*
 * Says that its run is over, after something of it was done or (`begun` false) nothing, and why
 * (`code`: an ERR_); and dismisses it.
 */
void visitor_finish(struct visitor *visitor, int code, bool begun, const char *text);

#endif
