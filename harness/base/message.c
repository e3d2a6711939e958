#include "base/message.h"

#include "base/assert.h"
#include "base/json.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

void message_reader_fini(struct message_reader *reader)
{
	buf_fini(&reader->held);
	json_decref(reader->waiting);
	*reader = (struct message_reader){0};
}

/* What the last message_next lent out is let go of here. */
static void drop_lent(struct message_reader *reader)
{
	if (reader->waiting == NULL && reader->n_attached > 0) {
		buf_consume(&reader->held, reader->n_attached);
		reader->n_attached = 0;
	}
}

void message_feed(struct message_reader *reader, const void *data, size_t len)
{
	drop_lent(reader);
	buf_add(&reader->held, data, len);
}

static int parse_line(struct message_reader *reader, size_t line_len, struct error *error)
{
	json_error_t where;
	/* What a peer sent may stand in it, zero bytes included. */
	json_t *message =
		json_loadb((char *)reader->held.data, line_len, JSON_ALLOW_NUL, &where);
	json_int_t n_attached = json_integer_value(json_object_get(message, "attached"));

	if (!json_is_object(message) || n_attached < 0 ||
	    n_attached > (json_int_t)MESSAGE_ATTACHED_MAX) {
		json_decref(message);
		return error_set(error, ERR_ENVIRONMENT, "not a message: %.*s",
		                 line_len < 200 ? (int)line_len : 200, (char *)reader->held.data);
	}
	buf_consume(&reader->held, line_len + 1);
	reader->scanned = 0;
	reader->waiting = message;
	reader->n_attached = (size_t)n_attached;
	return 0;
}

static int find_line(struct message_reader *reader, struct error *error)
{
	const uint8_t *end = NULL;

	if (reader->held.len > reader->scanned)
		end = memchr(reader->held.data + reader->scanned, '\n',
		             reader->held.len - reader->scanned);
	if (end != NULL)
		return parse_line(reader, (size_t)(end - reader->held.data), error);
	reader->scanned = reader->held.len;
	if (reader->held.len > MESSAGE_LINE_MAX)
		return error_set(error, ERR_ENVIRONMENT, "a message of more than %u bytes",
		                 MESSAGE_LINE_MAX);
	return 0;
}

int message_next(struct message_reader *reader, json_t **message, struct bytes *attached,
                 struct error *error)
{
	int rc = 0;

	drop_lent(reader);
	if (reader->waiting == NULL)
		rc = find_line(reader, error);
	if (rc != 0 || reader->waiting == NULL || reader->held.len < reader->n_attached)
		return rc;
	*message = reader->waiting;
	*attached = (struct bytes){reader->held.data, reader->n_attached};
	reader->waiting = NULL;
	return 1;
}

void message_put(struct buf *out, const json_t *message, struct bytes attached)
{
	json_t *copy = NULL;

	if (attached.len > 0) {
		copy = json_copy((json_t *)message);
		CHECK(copy != NULL);
		json_object_set_new(copy, "attached", json_integer((json_int_t)attached.len));
	}
	json_put(out, copy != NULL ? copy : message, JSON_COMPACT);
	buf_char(out, '\n');
	buf_bytes(out, attached);
	json_decref(copy);
}

int message_write(int fd, const json_t *message, struct bytes attached, struct error *error)
{
	struct buf out = {0};
	int rc = 0;

	message_put(&out, message, attached);
	for (size_t done = 0; rc == 0 && done < out.len;) {
		ssize_t n = write(fd, out.data + done, out.len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			rc = error_system(error, ERR_ENVIRONMENT, errno,
			                  "cannot write to the other end");
	}
	buf_fini(&out);
	return rc;
}

int message_read(int fd, struct message_reader *reader, int timeout_ms, json_t **message,
                 struct bytes *attached, struct error *error)
{
	uint8_t chunk[65536];

	for (;;) {
		struct pollfd readable = {.fd = fd, .events = POLLIN};
		int rc = message_next(reader, message, attached, error);
		ssize_t n;

		if (rc != 0)
			return rc;
		rc = poll(&readable, 1, timeout_ms);
		if (rc == 0)
			return 0;
		if (rc < 0 && errno == EINTR)
			continue;
		n = read(fd, chunk, sizeof(chunk));
		if (n == 0)
			return error_set(error, ERR_ENVIRONMENT, "%s", "");
		if (n < 0)
			return error_system(error, ERR_ENVIRONMENT, errno,
			                    "cannot read from the other end");
		message_feed(reader, chunk, (size_t)n);
	}
}
