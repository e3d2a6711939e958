#include "peer/fault_stream.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/json.h"
#include "decode/hello.h"
#include "decode/keylog.h"
#include "decode/suite.h"
#include "peer/fault_client.h"
#include "peer/fault_intake.h"
#include "peer/fault_repair.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#define CLOSE_NOTIFY 0 /* the alert; libssl has not said goodbye by it */

/* How one fault went. */
struct deed_done {
	bool done;
	uint64_t t_ns;   /* on the steady clock */
	size_t n_before; /* bytes that the client had sent */
};

struct fault_stream {
	struct fault_surroundings around;
	const struct fault_plan *plan;
	struct deed_done done[FAULTS_MAX_PLANNED];
	uint64_t start_ns;
	bool ended; /* a fault ended our direction: what libssl writes is dropped */
	bool reset; /* ... and the client's */

	/* the connection, as its server has it */
	struct fault_keys keys;
	struct fault_intake intake;

	/* as its client has it */
	struct buf client; /* all that it sent */
	struct buf retry;  /* the HelloRetryRequest that was sent */
	struct buf told;   /* the other handshake messages that were sent */
	uint8_t told_random[KEYLOG_RANDOM_LEN];
	bool changed; /* messages are not those of libssl any more */

	struct buf out; /* on its way to the socket */
	unsigned n_records;
};

/* The socket's errno; 0 once everything in `out` is on its way. */
static int send_out(struct fault_stream *stream)
{
	int fd = (int)BIO_get_fd(BIO_next(SSL_get_wbio(stream->around.ssl)), NULL);
	BIO *socket = BIO_next(SSL_get_wbio(stream->around.ssl));

	while (stream->out.len > 0) {
		struct pollfd watched[] = {{.fd = fd, .events = POLLOUT},
		                           {.fd = stream->around.stop, .events = POLLIN}};
		int n = BIO_write(socket, stream->out.data, (int)stream->out.len);

		if (n > 0)
			buf_consume(&stream->out, (size_t)n);
		else if (!BIO_should_retry(socket))
			return errno != 0 ? errno : EPIPE;
		else if (poll(watched, 2, FAULT_STREAM_STUCK_MS) == 0 || watched[1].revents != 0)
			return ETIMEDOUT;
	}
	return 0;
}

/* Ends our direction as the act says; the client's side stays open. */
static void end(struct fault_stream *stream, enum act act)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	int fd = (int)BIO_get_fd(BIO_next(SSL_get_wbio(stream->around.ssl)), NULL);

	stream->ended = true;
	if (act == ACT_CLOSE) {
		testimony_closed_by(stream->around.testimony, CLOSER_SERVER);
		shutdown(fd, SHUT_WR);
		wiretap_server_ended(stream->around.wiretap, ENDING_FIN);
	} else if (act == ACT_RESET) {
		stream->reset = true;
		testimony_closed_by(stream->around.testimony, CLOSER_SERVER);
		(void)connect(fd, &nobody, sizeof(nobody)); /* dissolves the connection: a reset */
		wiretap_server_ended(stream->around.wiretap, ENDING_RST);
	}
}

static void act_out(struct fault_stream *stream, const struct unit *unit)
{
	struct pollfd stop = {.fd = stream->around.stop, .events = POLLIN};

	if (send_out(stream) != 0)
		stream->ended = true;
	else if (unit->act == ACT_DELAY)
		poll(&stop, 1, unit->ms);
	else
		end(stream, unit->act);
}

/* The faults at this record, the one of the unit's that is `first`. */
static void spoil_record(struct fault_stream *stream, const struct unit *unit, bool first,
                         size_t at, size_t tag_len)
{
	stream->n_records++;
	for (size_t i = 0; first && i < unit->n_on_record; i++)
		fault_on_record(unit->on_record[i], &stream->out, at, tag_len);
	for (size_t i = 0; i < stream->plan->n_faults; i++) {
		const struct planned_fault *fault = &stream->plan->faults[i];

		if (strcmp(fault->place.message, "record") != 0 ||
		    fault->nth != stream->n_records)
			continue;
		fault_on_record(fault, &stream->out, at, tag_len);
		stream->done[i] = (struct deed_done){true, clock_steady_ns(), stream->client.len};
	}
}

/* Makes one record of the content. */
static void put_record(struct fault_stream *stream, const struct unit *unit, struct bytes content,
                       bool first)
{
	struct protection *keys = NULL;
	size_t at = stream->out.len;

	if (stream->ended)
		return;
	if (unit->under != UNDER_NOTHING)
		keys = fault_keys_sealing(&stream->keys, unit->under);
	if (keys != NULL) {
		CHECK(protection_seal(keys, unit->content_type, unit->record_version, content,
		                      first ? unit->padding : 0, &stream->out));
	} else {
		buf_u8(&stream->out, unit->content_type);
		buf_u16(&stream->out, unit->record_version);
		buf_u16(&stream->out, (uint16_t)content.len);
		buf_bytes(&stream->out, content);
	}
	spoil_record(stream, unit, first, at, keys != NULL ? protection_tag_len(keys) : 0);
	if (first && unit->cut != ACT_NONE) {
		stream->out.len = at + (stream->out.len - at) / 2;
		if (send_out(stream) == 0)
			end(stream, unit->cut);
	}
}

/* Bytes of the `i`th record of the unit, of which `left` are to be written. */
static size_t piece_len(const struct unit *unit, size_t i, size_t left)
{
	const struct planned_fault *split = unit->split;
	size_t len = unit->fragment;

	if (unit->whole)
		return left;
	if (split != NULL)
		len = split->sizes[i < split->n_sizes ? i : split->n_sizes - 1];
	return len < left ? len : left;
}

static void put_unit(struct fault_stream *stream, const struct unit *unit, struct bytes content)
{
	size_t done = 0, n = 0;

	do {
		struct bytes piece = {content.data + done, 0};

		piece.len = piece_len(unit, n, content.len - done);
		put_record(stream, unit, piece, n == 0);
		done += piece.len;
		n++;
	} while (done < content.len);
}

/* Keeps what the client is told, and repairs what proves it before. */
static void tell_client(struct fault_stream *stream, struct unit *unit)
{
	bool retry = fault_message_name(unit->content_type, buf_view(&unit->data)) != NULL &&
	             strcmp(fault_message_name(unit->content_type, buf_view(&unit->data)),
	                    "hello_retry_request") == 0;
	struct server_hello hello;

	if (!unit_is_told(unit))
		return;
	buf_bytes(retry ? &stream->retry : &stream->told, buf_view(&unit->data));
	if (retry || unit->data.data[0] != HANDSHAKE_server_hello)
		return;
	server_hello_read(&hello, buf_view(&unit->data));
	if (hello.random.len == KEYLOG_RANDOM_LEN)
		memcpy(stream->told_random, hello.random.data, KEYLOG_RANDOM_LEN);
}

/* The handshake so far as the client has it: RFC 8446 section 4.4.1. */
static void add_transcript(const struct fault_stream *stream, const char *hash, struct buf *out)
{
	struct client_hellos hellos;

	client_hellos_read(&hellos, buf_view(&stream->client));
	if (stream->retry.len > 0) {
		uint8_t digest[EVP_MAX_MD_SIZE];
		size_t len = fault_hash(hash, buf_view(&hellos.messages[0]), digest);

		buf_u8(out, HANDSHAKE_message_hash);
		buf_u24(out, (uint32_t)len);
		buf_add(out, digest, len);
		buf_bytes(out, buf_view(&stream->retry));
		buf_bytes(out, buf_view(&hellos.messages[1]));
	} else {
		buf_bytes(out, buf_view(&hellos.messages[0]));
	}
	buf_bytes(out, buf_view(&stream->told));
	client_hellos_fini(&hellos);
}

static void repair(struct fault_stream *stream, struct unit *unit)
{
	struct keylog *keylog = fault_keys_log(&stream->keys);
	struct buf transcript = {0};
	struct fault_told told = {
		.client_random = stream->keys.client_random,
		.server_random = stream->told_random,
		.version = stream->keys.version,
		.hash = suite_describe(stream->keys.cipher_suite).hash,
		.secret = keylog_find(keylog, stream->keys.client_random, KEYLOG_SERVER_HANDSHAKE),
		.key = SSL_get_privatekey(stream->around.ssl),
	};

	if (told.hash != NULL) {
		add_transcript(stream, told.hash, &transcript);
		told.transcript = buf_view(&transcript);
		fault_repair(unit, &told);
	}
	buf_fini(&transcript);
	keylog_free(keylog);
}

/* Whether the client's hello offers the version that the fault is only for, if it is for one. */
static bool is_offered(const struct fault_stream *stream, uint16_t version)
{
	struct client_hellos hellos;
	bool offered;

	if (version == 0)
		return true;
	client_hellos_read(&hellos, buf_view(&stream->client));
	offered = client_offers(buf_view(&hellos.messages[0]), version);
	client_hellos_fini(&hellos);
	return offered;
}

static void do_faults(struct fault_stream *stream)
{
	for (size_t i = 0; i < stream->plan->n_faults; i++) {
		const struct planned_fault *fault = &stream->plan->faults[i];

		if (stream->done[i].done || !is_offered(stream, fault->offered) ||
		    !flight_do(&stream->intake.flight, fault, stream->keys.version,
		               fault_intake_seen, &stream->intake))
			continue;
		stream->done[i] = (struct deed_done){true, clock_steady_ns(), stream->client.len};
		stream->changed = stream->changed || fault_changes_messages(fault);
		if (fault->deed == DO_ALERT && fault->with.data[1] != CLOSE_NOTIFY)
			testimony_alert_sent(stream->around.testimony, stream->around.ssl,
			                     buf_view(&fault->with));
	}
}

/* A KeyUpdate that was sent changes the keys behind it. */
static void follow_sealing(struct fault_stream *stream, const struct unit *unit)
{
	if (stream->keys.version == VERSION_TLS_1_3 && unit->under == UNDER_APPLICATION &&
	    unit->content_type == CONTENT_handshake && unit->data.len > 0 &&
	    unit->data.data[0] == HANDSHAKE_key_update &&
	    stream->keys.sealing[UNDER_APPLICATION] != NULL)
		protection_update(stream->keys.sealing[UNDER_APPLICATION]);
}

/* Changes the flight and writes it. The socket's errno; 0: all is on its way. */
static int send_flight(struct fault_stream *stream)
{
	struct flight *flight = &stream->intake.flight;
	struct buf joined = {0};
	struct unit *first = NULL;

	do_faults(stream);
	for (size_t i = 0; i < flight->n; i++) {
		struct unit *unit = &flight->units[i];

		if (unit->act != ACT_NONE) {
			act_out(stream, unit);
			continue;
		}
		if (stream->changed)
			repair(stream, unit);
		tell_client(stream, unit);
		buf_bytes(&joined, buf_view(&unit->data));
		first = first != NULL ? first : unit;
		if (unit->joined && i + 1 < flight->n)
			continue;
		put_unit(stream, first, buf_view(&joined));
		follow_sealing(stream, unit);
		buf_clear(&joined);
		first = NULL;
	}
	buf_fini(&joined);
	flight_clear(flight);
	return stream->ended ? 0 : send_out(stream);
}

/* Whether libssl has said all that it has to say, without flushing: all but handshakes is so. */
static bool is_complete(const struct fault_stream *stream)
{
	const struct flight *flight = &stream->intake.flight;
	uint8_t last = flight->n > 0 ? flight->units[flight->n - 1].content_type
	                             : CONTENT_handshake;

	return last == CONTENT_application_data || last == CONTENT_alert;
}

static int on_write(BIO *bio, const char *data, size_t len, size_t *n_written)
{
	struct fault_stream *stream = BIO_get_data(bio);
	int failure = 0;

	BIO_clear_retry_flags(bio);
	fault_intake_feed(&stream->intake, (struct bytes){(const uint8_t *)data, len});
	if (is_complete(stream))
		failure = send_flight(stream);
	*n_written = len;
	errno = failure;
	return failure == 0;
}

static int on_read(BIO *bio, char *data, size_t size, size_t *n_read)
{
	struct fault_stream *stream = BIO_get_data(bio);
	int rc;

	BIO_clear_retry_flags(bio);
	if (stream->reset) {
		errno = ECONNRESET;
		return 0;
	}
	rc = BIO_read_ex(BIO_next(bio), data, size, n_read);
	BIO_copy_next_retry(bio);
	if (rc == 1 && stream->client.len + *n_read <= FAULT_STREAM_KEPT_MAX)
		buf_add(&stream->client, data, *n_read);
	return rc;
}

static long on_control(BIO *bio, int command, long number, void *pointer)
{
	struct fault_stream *stream = BIO_get_data(bio);

	if (command == BIO_CTRL_FLUSH && stream->intake.flight.n > 0) {
		int failure = send_flight(stream);

		errno = failure;
		if (failure != 0)
			return -1;
	}
	if (command == BIO_CTRL_EOF && stream->reset)
		return 1;
	return BIO_ctrl(BIO_next(bio), command, number, pointer);
}

static BIO_METHOD *filter_method(void)
{
	static BIO_METHOD *method; /* one for the process, never freed */

	if (method == NULL) {
		method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_FILTER, "faults");
		CHECK(method != NULL && BIO_meth_set_write_ex(method, on_write) == 1 &&
		      BIO_meth_set_read_ex(method, on_read) == 1 &&
		      BIO_meth_set_ctrl(method, on_control) == 1);
	}
	return method;
}

struct fault_stream *fault_stream_start(const struct fault_plan *plan,
                                        const struct fault_surroundings *surroundings)
{
	struct fault_stream *stream;
	BIO *filter, *socket;

	if (plan == NULL || plan->n_faults == 0)
		return NULL;
	stream = calloc(1, sizeof(*stream));
	filter = BIO_new(filter_method());
	CHECK(stream != NULL && filter != NULL);
	stream->around = *surroundings;
	stream->plan = plan;
	stream->start_ns = clock_steady_ns();
	stream->keys.keylog = &surroundings->testimony->keylog;
	fault_intake_init(&stream->intake, &stream->keys, &stream->client);
	socket = SSL_get_wbio(surroundings->ssl);
	BIO_set_data(filter, stream);
	BIO_set_init(filter, 1);
	BIO_up_ref(socket);
	BIO_push(filter, socket);
	SSL_set_bio(surroundings->ssl, filter, filter);
	return stream;
}

void fault_stream_free(struct fault_stream *stream)
{
	if (stream == NULL)
		return;
	fault_intake_fini(&stream->intake);
	fault_keys_fini(&stream->keys);
	buf_fini(&stream->client);
	buf_fini(&stream->retry);
	buf_fini(&stream->told);
	buf_fini(&stream->out);
	free(stream);
}

static json_t *fault_done_as_json(const struct fault_stream *stream, size_t i)
{
	const struct planned_fault *fault = &stream->plan->faults[i];
	const struct deed_done *done = &stream->done[i];
	json_t *told = json_made(json_pack("{s:s, s:s, s:b}", "at", fault->at, "do", fault->word,
	                                   "applied", done->done));

	if (fault->name != NULL)
		json_object_set_new(told, "name", json_string(fault->name));
	if (done->done) {
		uint64_t us = (done->t_ns - stream->start_ns) / 1000;

		json_object_set_new(told, "t_ms", json_real((double)us / 1e3));
	}
	return told;
}

/* True if one of the faults that were done is at a hello of TLS 1.3, of which keys are made. */
static bool is_at_hello(const struct fault_stream *stream)
{
	for (size_t i = 0; i < stream->plan->n_faults; i++) {
		const struct planned_fault *fault = &stream->plan->faults[i];

		if (stream->done[i].done && fault_changes_messages(fault) &&
		    (strcmp(fault->place.message, "server_hello") == 0 ||
		     strcmp(fault->place.message, "hello_retry_request") == 0))
			return stream->keys.version == VERSION_TLS_1_3;
	}
	return false;
}

void fault_stream_tell(const struct fault_stream *stream, json_t *told)
{
	struct client_answer answer = {0};
	json_t *faults;
	struct keylog *keylog;
	size_t n_before = 0;
	bool done = false;

	if (stream == NULL)
		return;
	faults = json_made(json_array());
	for (size_t i = 0; i < stream->plan->n_faults; i++) {
		json_array_append_new(faults, fault_done_as_json(stream, i));
		done = done || stream->done[i].done;
		if (stream->done[i].done && stream->done[i].n_before > n_before)
			n_before = stream->done[i].n_before;
	}
	keylog = fault_keys_log(&stream->keys);
	if (done)
		client_answer_read(&answer, buf_view(&stream->client), n_before,
		                   fault_intake_seen(&stream->intake, "server_hello"), keylog);
	keylog_free(keylog);
	json_object_set_new(told, "faults", faults);
	json_object_set_new(told, "accepted", json_boolean(answer.went_on));
	if (is_at_hello(stream) && answer.other_keys)
		json_object_set_new(told, "noticed", json_false());
}
