/*
 * data.h: captures for tests: found, read into lists of packets, decoded to JSON. For tests alone.
 */
#ifndef SHAKEDOWN_TESTS_FLOW_DATA_H
#define SHAKEDOWN_TESTS_FLOW_DATA_H

#include "base/assert.h"
#include "flow/capture.h"
#include "flow/packet_list.h"
#include "flow/tracker.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "<root of the repository>/captures/<name>"; tests run there, or $SHAKEDOWN_ROOT names it. */
static inline char *data_capture(const char *name)
{
	const char *root = getenv("SHAKEDOWN_ROOT");
	char *path = NULL;

	CHECK(asprintf(&path, "%s/captures/%s", root != NULL ? root : ".", name) > 0);
	return path;
}

/* Appends the packets of a capture to `packets`, and its secrets to `keylog`. */
static inline int data_read(struct capture *capture, struct packet_list *packets,
                            struct keylog *keylog, struct error *error)
{
	struct packet packet;

	capture_survey(capture, keylog);
	while (capture_next(capture, &packet))
		packet_list_add(packets, &packet);
	return capture_end(capture, error);
}

static inline void data_emit(const struct connection *connection, enum emit_format format,
                             struct memo *memo, struct buf *text)
{
	struct emit emit;

	buf_clear(text);
	emit_init(&emit, text, format);
	emit.memo = memo;
	emit_object(&emit, NULL);
	connection_emit(connection, &emit);
	emit_close(&emit);
}

/* What was told before, in this connection or another, is told again to the byte. */
static inline void data_check_memory(const struct connection *connection, enum emit_format format)
{
	static struct memo *memos[2]; /* of all connections of a test program */
	struct buf text = {0}, again = {0};

	if (memos[format] == NULL)
		memos[format] = memo_new();
	data_emit(connection, format, NULL, &text);
	for (int i = 0; i < 3; i++) {
		data_emit(connection, format, memos[format], &again);
		CHECK(again.len == text.len && memcmp(again.data, text.data, text.len) == 0);
	}
	buf_fini(&text);
	buf_fini(&again);
}

static inline void data_keep(void *context, struct connection *connection)
{
	struct buf text = {0};

	data_emit(connection, EMIT_JSON, NULL, &text);
	data_check_memory(connection, EMIT_JSON);
	data_check_memory(connection, EMIT_TEXT);
	CHECK(json_array_append_new(context, json_loadb(buf_string(&text), text.len, JSON_ALLOW_NUL,
	                                                NULL)) == 0);
	buf_fini(&text);
}

/* The decoded connections of `packets`, a list that the caller releases. */
static inline json_t *data_decode(const struct packet_list *packets, struct keylog *keylog)
{
	static const struct tracker_events events = {.finished = data_keep};
	json_t *list = json_array();
	struct tracker *tracker = tracker_new(TRACKER_DECODE, keylog, &events, list);

	for (size_t i = 0; i < packets->n; i++) {
		struct packet packet = packet_list_get(packets, i);

		tracker_packet(tracker, &packet);
	}
	tracker_finish_all(tracker);
	tracker_free(tracker);
	return list;
}

#endif
