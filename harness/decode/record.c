#include "decode/record.h"

#include "decode/registry.h"

#include <string.h>

#define IDLE_MAX 1024 /* bytes of memory kept for the next incomplete record */
#define HELLO_MIN 38          /* bytes of the shortest hello's body */
#define FOREIGN_SHOWN_MAX 16  /* bytes of a stream that is not TLS, for the report */
#define SSLV2_HEADER_LEN 2
#define SSLV2_HELLO_MIN 9     /* RFC 5246 appendix E.2 */
#define ALERT_SEALED_MAX 512  /* with the longest padding */
#define ALERT_LEN (RECORD_HEADER_LEN + 2)

void record_stream_fini(struct record_stream *stream)
{
	buf_fini(&stream->held);
}

void record_stream_restart(struct record_stream *stream)
{
	struct buf held = stream->held;

	buf_idle(&held, IDLE_MAX);
	*stream = (struct record_stream){.held = held};
}

void record_read(struct record *record, struct bytes data)
{
	record->type = bytes_u8(data, 0);
	record->version = bytes_u16(data, 1);
	record->length = bytes_u16(data, 3);
	record->header.data = data.data;
	record->header.len = RECORD_HEADER_LEN;
	record->body.data = NULL;
	record->body.len = 0;
}

static bool can_be(const struct record *record)
{
	return record->type >= CONTENT_change_cipher_spec && record->type <= CONTENT_heartbeat &&
	       record->version >> 8 == 3 && (record->version & 0xff) <= 4 &&
	       record->length <= RECORD_BODY_MAX;
}

bool record_is_header(struct bytes data)
{
	struct record record;

	record_read(&record, data);
	return can_be(&record);
}

/* RFC 5246 appendix E.2: a 15-bit length with its top bit set, then CLIENT-HELLO and a version. */
bool record_is_sslv2(struct bytes data)
{
	uint16_t length = bytes_u16(data, 0), version = bytes_u16(data, 3);
	uint8_t type = bytes_u8(data, 2);

	return data.len >= RECORD_HEADER_LEN && (length & 0x8000) != 0 &&
	       (length & 0x7fff) >= SSLV2_HELLO_MIN && type == HANDSHAKE_client_hello &&
	       (version == VERSION_SSL_2_0 ||
	        (version >= VERSION_SSL_3_0 && version <= VERSION_TLS_1_3));
}

/* Whether a record's `body` begins with a hello: its header, and a version of TLS. */
static bool begins_hello(struct bytes body)
{
	struct fault fault;
	struct reader reader;
	uint8_t type;
	uint32_t length;
	uint16_t version;

	reader_init(&reader, body.data, body.len, &fault);
	type = reader_u8(&reader, "msg_type");
	length = reader_u24(&reader, "length");
	version = reader_u16(&reader, "legacy_version");
	return reader_ok(&reader) &&
	       (type == HANDSHAKE_client_hello || type == HANDSHAKE_server_hello) &&
	       length >= HELLO_MIN && length <= UINT16_MAX && version >> 8 == 3 &&
	       (version & 0xff) <= 4;
}

/*
 * Whether a handshake record holds whole messages, or the beginning of a hello. Many stacks put a
 * nonce of zeros before their first encrypted message, which must not pass for a HelloRequest.
 */
static bool holds_messages(const struct record *record)
{
	size_t left = record->length;
	struct fault fault;
	struct reader reader;

	reader_init(&reader, record->body.data, record->body.len, &fault);
	while (left > 0) {
		struct bytes rest = reader_rest(&reader);
		uint8_t type = reader_u8(&reader, "msg_type");
		size_t length = reader_u24(&reader, "length");

		if (!reader_ok(&reader)) /* what was captured, ends */
			return left < record->length && rest.len < left;
		if (registry_name(REGISTRY_HANDSHAKE_TYPE, type) == NULL ||
		    (type == HANDSHAKE_hello_request && record->length > HANDSHAKE_HEADER_LEN))
			return false;
		if (HANDSHAKE_HEADER_LEN + length > left)
			return begins_hello(rest);
		left -= HANDSHAKE_HEADER_LEN + length;
		reader_bytes(&reader, length, "body");
	}
	return true;
}

bool record_looks_sealed(const struct record *record)
{
	switch (record->type) {
	case CONTENT_change_cipher_spec:
		return record->length != 1;
	case CONTENT_alert:
		return record->length >= RECORD_ALERT_SEALED_MIN;
	case CONTENT_handshake:
		return !holds_messages(record);
	default:
		return record->type == CONTENT_application_data;
	}
}

/* Takes up to `n` bytes from the start of *data. */
static struct bytes take(struct bytes *data, size_t n)
{
	struct bytes got = {data->data, n < data->len ? n : data->len};

	if (got.len > 0) /* an empty range may have no address */
		data->data += got.len;
	data->len -= got.len;
	return got;
}

/* Whether `data`, RECORD_START_LEN bytes or more, begins with a record that begins with a hello. */
static bool is_hello(struct bytes data)
{
	struct record record;

	record_read(&record, data);
	if (!can_be(&record) || record.type != CONTENT_handshake)
		return false;
	take(&data, RECORD_HEADER_LEN);
	return begins_hello(data);
}

/* Whether `data` begins with a record that holds one alert in plaintext. */
static bool is_alert(struct bytes data)
{
	uint8_t level = bytes_u8(data, RECORD_HEADER_LEN);
	uint8_t description = bytes_u8(data, RECORD_HEADER_LEN + 1);
	struct record record;

	if (data.len < ALERT_LEN)
		return false;
	record_read(&record, data);
	return can_be(&record) && record.type == CONTENT_alert && record.length == 2 &&
	       registry_name(REGISTRY_ALERT_LEVEL, level) != NULL &&
	       registry_name(REGISTRY_ALERT_DESCRIPTION, description) != NULL;
}

/* Holds bytes of *data until there are `n`. False if there are not enough yet. */
static bool hold(struct record_stream *stream, struct bytes *data, size_t n)
{
	if (stream->held.len < n)
		buf_bytes(&stream->held, take(data, n - stream->held.len));
	return stream->held.len >= n;
}

/* What would be next if `held` and *data were one: at least `n` bytes, or an empty range. */
static struct bytes peek(struct record_stream *stream, struct bytes *data, size_t n)
{
	if (stream->held.len == 0 && data->len >= n)
		return *data;
	return hold(stream, data, n) ? buf_view(&stream->held) : (struct bytes){0};
}

static enum record_event sslv2(struct record_stream *stream, struct bytes *data,
                               struct record *record)
{
	struct bytes head = peek(stream, data, RECORD_HEADER_LEN);
	size_t length = (size_t)(head.data[0] & 0x7f) << 8 | head.data[1];

	if (!hold(stream, data, SSLV2_HEADER_LEN + length))
		return RECORD_NONE;
	head = buf_view(&stream->held);
	*record = (struct record){.type = CONTENT_handshake,
	                          .length = (uint16_t)length,
	                          .header = take(&head, SSLV2_HEADER_LEN),
	                          .body = {head.data, length}};
	stream->handed_out = SSLV2_HEADER_LEN + length;
	stream->state = RECORDS_FLOW;
	return RECORD_SSLV2;
}

/* The start of the stream: anything that can be TLS is taken for it. */
static enum record_event start(struct record_stream *stream, struct bytes *data,
                               struct record *record)
{
	struct bytes head = peek(stream, data, RECORD_HEADER_LEN);

	if (head.len == 0)
		return RECORD_NONE;
	if (record_is_sslv2(head))
		return sslv2(stream, data, record);
	if (record_is_header(head)) {
		stream->state = RECORDS_FLOW;
		return RECORD_NONE;
	}
	stream->state = RECORDS_SEARCH;
	*record = (struct record){.body = take(&head, FOREIGN_SHOWN_MAX)};
	return RECORD_FOREIGN;
}

/* A record in the middle of a TLS stream: a header whose length fits its type. */
static bool is_record_again(struct bytes data)
{
	struct record record;

	record_read(&record, data);
	if (!can_be(&record) || record.version > VERSION_TLS_1_2)
		return false;
	switch (record.type) {
	case CONTENT_change_cipher_spec:
		return record.length == 1;
	case CONTENT_alert:
		return record.length == 2 || (record.length >= RECORD_ALERT_SEALED_MIN &&
		                              record.length <= ALERT_SEALED_MAX);
	case CONTENT_handshake:
	case CONTENT_application_data:
		return record.length >= 4;
	default:
		return false;
	}
}

static size_t start_len(const struct record_stream *stream)
{
	return stream->in_step_before ? RECORD_HEADER_LEN : RECORD_START_LEN;
}

static bool begins_tls(const struct record_stream *stream, struct bytes data)
{
	if (stream->in_step_before)
		return is_record_again(data);
	return is_hello(data) || (stream->answers_tls && is_alert(data));
}

/* Takes `n` bytes of `window` in which nothing begins. */
static void pass(struct record_stream *stream, struct bytes *window, size_t n)
{
	take(window, n);
	stream->n_searched += n;
}

/*
 * Moves to an alert in the end of `window`, which is too short for a hello and may be the end of
 * the stream.
 */
static bool find_alert(struct record_stream *stream, struct bytes *window)
{
	for (size_t at = 0; at + ALERT_LEN <= window->len; at++)
		if (is_alert(bytes_part(*window, at, ALERT_LEN))) {
			pass(stream, window, at);
			return true;
		}
	return false;
}

/* Moves to the first record that begins in `window`; false, near its end, if none does. */
static bool find_start(struct record_stream *stream, struct bytes *window)
{
	while (window->len >= start_len(stream)) {
		if (begins_tls(stream, *window))
			return true;
		pass(stream, window, 1);
	}
	return stream->answers_tls && !stream->in_step_before && find_alert(stream, window);
}

/* Looks for a start that begins in `held` and ends in *data. False if there is none. */
static bool search_edge(struct record_stream *stream, struct bytes *data)
{
	size_t n_held = stream->held.len;
	struct bytes ahead = *data;
	struct bytes window;
	bool found;

	buf_bytes(&stream->held, take(&ahead, start_len(stream) - 1));
	window = buf_view(&stream->held);
	found = find_start(stream, &window);
	if (found || ahead.len == 0)
		take(data, stream->held.len - n_held);
	if (found || ahead.len == 0)
		buf_consume(&stream->held, stream->held.len - window.len);
	else
		buf_clear(&stream->held);
	return found;
}

/* Looks for the start of TLS, or for the next record. `held` is the end of what was searched. */
static void search(struct record_stream *stream, struct bytes *data)
{
	bool found = stream->held.len > 0 && search_edge(stream, data);

	if (!found && data->len > 0) {
		found = find_start(stream, data);
		if (!found)
			buf_bytes(&stream->held, take(data, data->len));
	}
	if (found)
		stream->state = RECORDS_FLOW;
	else if (stream->n_searched > RECORD_SEARCH_MAX)
		stream->state = RECORDS_GIVEN_UP;
}

static enum record_event pass_over(struct record_stream *stream, struct bytes head, size_t whole,
                                   struct record *record)
{
	size_t n_held = stream->held.len < whole ? stream->held.len : whole;

	memcpy(stream->header, head.data, RECORD_HEADER_LEN);
	record->header.data = stream->header;
	buf_consume(&stream->held, n_held);
	stream->skip = whole - n_held;
	return RECORD_PASSED_OVER;
}

/* The next record of a stream that is in step. */
static enum record_event flow(struct record_stream *stream, struct bytes *data,
                              struct record *record)
{
	struct bytes head = peek(stream, data, RECORD_HEADER_LEN);
	size_t whole;

	if (head.len == 0)
		return RECORD_NONE;
	record_read(record, head);
	whole = RECORD_HEADER_LEN + (size_t)record->length;
	if (!can_be(record)) {
		record->body = (struct bytes){head.data, RECORD_HEADER_LEN};
		stream->state = RECORDS_SEARCH;
		stream->in_step_before = true;
		return RECORD_BROKEN;
	}
	if (record->type == CONTENT_application_data && !stream->want_application_data)
		return pass_over(stream, head, whole, record);
	if (stream->held.len == 0 && data->len >= whole) {
		head = take(data, whole);
	} else {
		if (!hold(stream, data, whole))
			return RECORD_NONE;
		head = buf_view(&stream->held);
		stream->handed_out = whole;
	}
	record->header = take(&head, RECORD_HEADER_LEN);
	record->body = (struct bytes){head.data, record->length};
	return RECORD_WHOLE;
}

static void drop_handed_out(struct record_stream *stream)
{
	buf_consume(&stream->held, stream->handed_out);
	if (stream->held.len == 0)
		buf_idle(&stream->held, IDLE_MAX);
	stream->handed_out = 0;
}

enum record_event record_stream_next(struct record_stream *stream, struct bytes *data,
                                     struct record *record)
{
	enum record_event event = RECORD_NONE;

	if (stream->handed_out > 0)
		drop_handed_out(stream);
	if (stream->skip > 0)
		stream->skip -= take(data, stream->skip).len;
	if (stream->skip > 0)
		return RECORD_NONE;
	if (stream->state == RECORDS_START)
		event = start(stream, data, record);
	if (stream->state == RECORDS_SEARCH && event == RECORD_NONE)
		search(stream, data);
	if (stream->state == RECORDS_FLOW && event == RECORD_NONE) {
		stream->n_searched = 0;
		event = flow(stream, data, record);
	}
	if (stream->state == RECORDS_GIVEN_UP) {
		take(data, data->len);
		buf_fini(&stream->held);
	}
	return event;
}

void record_stream_gap(struct record_stream *stream, uint64_t n_bytes)
{
	size_t left = stream->skip;

	drop_handed_out(stream);
	if (stream->state == RECORDS_FLOW && stream->held.len >= RECORD_HEADER_LEN) {
		struct record record;

		record_read(&record, buf_view(&stream->held));
		left = RECORD_HEADER_LEN + record.length - stream->held.len;
	}
	buf_clear(&stream->held);
	stream->skip = 0;
	if (stream->state == RECORDS_FLOW && left > 0 && n_bytes <= left) {
		stream->skip = left - (size_t)n_bytes;
	} else if (stream->state == RECORDS_FLOW || stream->state == RECORDS_START) {
		stream->state = RECORDS_SEARCH;
		stream->in_step_before = true;
	}
}

size_t record_stream_pending(const struct record_stream *stream)
{
	bool in_step = stream->state == RECORDS_START || stream->state == RECORDS_FLOW;
	struct record passed_over;

	if (stream->skip > 0) {
		record_read(&passed_over, (struct bytes){stream->header, RECORD_HEADER_LEN});
		return RECORD_HEADER_LEN + (size_t)passed_over.length - stream->skip;
	}
	return in_step ? stream->held.len - stream->handed_out : 0;
}

bool record_stream_incomplete(const struct record_stream *stream, struct record *record)
{
	struct bytes held = buf_view(&stream->held);

	take(&held, stream->handed_out);
	if (stream->state != RECORDS_FLOW || held.len < RECORD_HEADER_LEN)
		return false;
	record_read(record, held);
	take(&held, RECORD_HEADER_LEN);
	record->body = held;
	return true;
}

bool record_stream_foreign(const struct record_stream *stream, struct bytes *bytes)
{
	uint8_t first;

	*bytes = buf_view(&stream->held);
	if (stream->state != RECORDS_START || bytes->len == 0)
		return false;
	first = bytes_u8(*bytes, 0);
	if ((first & 0x80) != 0) /* of an SSLv2-style hello */
		return false;
	return first < CONTENT_change_cipher_spec || first > CONTENT_heartbeat ||
	       (bytes->len > 1 && bytes_u8(*bytes, 1) != 3);
}
