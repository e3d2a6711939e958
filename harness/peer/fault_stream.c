#include "peer/fault_stream.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/json.h"
#include "decode/extension.h"
#include "decode/hello.h"
#include "decode/keylog.h"
#include "decode/protection.h"
#include "decode/suite.h"
#include "peer/fault_client.h"
#include "peer/fault_flight.h"
#include "peer/fault_repair.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#define NS_PER_MS 1000000u
#define CLOSE_NOTIFY 0 /* the alert; libssl has not said goodbye by it */
#define SEEN_MAX 24 /* kinds of messages kept to be copied */
#define FRAGMENT_MAX 16384

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

	/* from libssl */
	struct record_stream records;
	struct buf message;      /* an incomplete handshake message */
	size_t fragment;         /* plaintext of the record that it began in */
	enum under written;      /* what libssl seals under */
	struct flight flight;
	struct {
		const char *name; /* static */
		unsigned n;
		struct buf last;
	} seen[SEEN_MAX];
	size_t n_seen;

	/* the connection, as its server has it */
	uint16_t version, cipher_suite;
	bool encrypt_then_mac;
	uint8_t client_random[KEYLOG_RANDOM_LEN], server_random[KEYLOG_RANDOM_LEN];
	struct protection *opening[N_UNDER], *sealing[N_UNDER];

	/* as its client has it */
	struct buf client; /* all that it sent */
	struct buf retry;  /* the HelloRetryRequest that was sent */
	struct buf told;   /* the other handshake messages that were sent */
	uint8_t told_random[KEYLOG_RANDOM_LEN];
	bool changed; /* messages are not those of libssl any more */

	struct buf out; /* on its way to the socket */
	unsigned n_records;
};

static struct keylog *read_keylog(const struct fault_stream *stream)
{
	const struct buf *text = &stream->around.testimony->keylog;
	struct keylog *keylog = keylog_new();

	keylog_add(keylog, buf_string(text), text->len);
	return keylog;
}

/* New keys of the server's direction. NULL if decode/ does not have the cipher. */
static struct protection *make_protection(const struct fault_stream *stream, enum under under)
{
	struct keylog *keylog = read_keylog(stream);
	struct protection *protection;

	if (stream->version == VERSION_TLS_1_3) {
		protection = protection_tls13(
			stream->cipher_suite,
			keylog_find(keylog, stream->client_random,
		                    under == UNDER_HANDSHAKE ? KEYLOG_SERVER_HANDSHAKE
		                                             : KEYLOG_SERVER_APPLICATION));
	} else {
		struct protection_secrets secrets = {
			.master_secret = keylog_find(keylog, stream->client_random,
			                             KEYLOG_CLIENT_RANDOM),
			.client_random = stream->client_random,
			.server_random = stream->server_random,
			.version = stream->version,
			.cipher_suite = stream->cipher_suite,
			.encrypt_then_mac = stream->encrypt_then_mac,
		};

		protection = protection_tls12(&secrets, true);
	}
	keylog_free(keylog);
	return protection;
}

/* The keys to open or to seal with, made when they are first needed. */
static struct protection *keys_of(const struct fault_stream *stream, struct protection **keys,
                                  enum under under)
{
	if (keys[under] == NULL)
		keys[under] = make_protection(stream, under);
	return keys[under];
}

/* What the server settled on. */
static void note_server_hello(struct fault_stream *stream, struct bytes message)
{
	struct client_hellos hellos;
	struct client_hello client;
	struct server_hello server;
	struct bytes ignored;

	server_hello_read(&server, message);
	stream->version = server.version;
	stream->cipher_suite = server.cipher_suite;
	if (server.is_retry || server.random.len != KEYLOG_RANDOM_LEN)
		return;
	memcpy(stream->server_random, server.random.data, KEYLOG_RANDOM_LEN);
	stream->encrypt_then_mac =
		server.extensions.data != NULL &&
		extension_find(&server.extensions, EXTENSION_encrypt_then_mac, &ignored);
	client_hellos_read(&hellos, buf_view(&stream->client));
	client_hello_read(&client, buf_view(&hellos.messages[0]));
	if (client.random.len == KEYLOG_RANDOM_LEN)
		memcpy(stream->client_random, client.random.data, KEYLOG_RANDOM_LEN);
	client_hellos_fini(&hellos);
	if (stream->version == VERSION_TLS_1_3)
		stream->written = UNDER_HANDSHAKE;
}

/* Counts the messages of each name and keeps the last. Returns the count. */
static unsigned note_seen(struct fault_stream *stream, const char *name, struct bytes data)
{
	size_t i = 0;

	while (i < stream->n_seen && strcmp(stream->seen[i].name, name) != 0)
		i++;
	CHECK(i < SEEN_MAX);
	if (i == stream->n_seen)
		stream->seen[stream->n_seen++].name = name;
	buf_clear(&stream->seen[i].last);
	buf_bytes(&stream->seen[i].last, data);
	return ++stream->seen[i].n;
}

static struct bytes find_seen(const void *context, const char *name)
{
	const struct fault_stream *stream = context;

	for (size_t i = 0; i < stream->n_seen; i++)
		if (strcmp(stream->seen[i].name, name) == 0)
			return buf_view(&stream->seen[i].last);
	return (struct bytes){0};
}

static void add_unit(struct fault_stream *stream, uint8_t type, uint16_t version, struct bytes data,
                     size_t fragment)
{
	struct unit unit = {.name = fault_message_name(type, data),
	                    .content_type = type,
	                    .record_version = version,
	                    .under = stream->written,
	                    .fragment = fragment};

	if (type == CONTENT_change_cipher_spec)
		unit.under = UNDER_NOTHING;
	if (unit.name != NULL)
		unit.nth = note_seen(stream, unit.name, data);
	buf_bytes(&unit.data, data);
	flight_insert(&stream->flight, stream->flight.n, &unit);
}

/* What libssl does after this message, which changes how its next records are sealed. */
static void follow_keys(struct fault_stream *stream, uint8_t type, struct bytes data)
{
	bool tls13 = stream->version == VERSION_TLS_1_3;

	if (type == CONTENT_change_cipher_spec && !tls13 && stream->version != 0)
		stream->written = UNDER_HANDSHAKE;
	if (type != CONTENT_handshake)
		return;
	if (data.data[0] == HANDSHAKE_server_hello)
		note_server_hello(stream, data);
	else if (data.data[0] == HANDSHAKE_finished && tls13)
		stream->written = UNDER_APPLICATION;
	else if (data.data[0] == HANDSHAKE_key_update && tls13)
		protection_update(stream->opening[UNDER_APPLICATION]);
}

static void take_handshake(struct fault_stream *stream, uint16_t version, struct bytes plain)
{
	if (stream->message.len == 0)
		stream->fragment = plain.len;
	buf_bytes(&stream->message, plain);
	for (;;) {
		struct bytes message = {stream->message.data, 0};
		bool split = stream->message.len > plain.len;
		struct fault fault;
		struct reader reader;

		reader_init(&reader, stream->message.data, stream->message.len, &fault);
		reader_u8(&reader, "msg_type");
		reader_vec24(&reader, "body");
		if (!reader_ok(&reader))
			return;
		message.len = reader_offset(&reader);
		add_unit(stream, CONTENT_handshake, version, message,
		         split ? stream->fragment : FRAGMENT_MAX);
		follow_keys(stream, CONTENT_handshake, message);
		buf_consume(&stream->message, message.len);
	}
}

static bool is_sealed(const struct fault_stream *stream, const struct record *record)
{
	return stream->written != UNDER_NOTHING &&
	       (stream->version != VERSION_TLS_1_3 || record->type == CONTENT_application_data);
}

/* A record that cannot be opened goes on as it is. */
static void pass_on(struct fault_stream *stream, const struct record *record)
{
	struct unit unit = {.content_type = record->type,
	                    .record_version = record->version,
	                    .whole = true};

	buf_bytes(&unit.data, record->body);
	flight_insert(&stream->flight, stream->flight.n, &unit);
}

static void take_record(struct fault_stream *stream, const struct record *record)
{
	struct bytes content = record->body;
	uint8_t type = record->type;
	struct buf plain = {0};

	if (is_sealed(stream, record)) {
		struct protection *keys = keys_of(stream, stream->opening, stream->written);

		if (keys == NULL || !protection_open(keys, record, &plain, &type)) {
			pass_on(stream, record);
			buf_fini(&plain);
			return;
		}
		content = buf_view(&plain);
	}
	if (type == CONTENT_handshake) {
		take_handshake(stream, record->version, content);
	} else {
		add_unit(stream, type, record->version, content, FRAGMENT_MAX);
		follow_keys(stream, type, content);
	}
	buf_fini(&plain);
}

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
		connect(fd, &nobody, sizeof(nobody)); /* dissolves the connection: a reset */
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
		keys = keys_of(stream, stream->sealing, unit->under);
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
	struct keylog *keylog = read_keylog(stream);
	struct buf transcript = {0};
	struct fault_told told = {
		.client_random = stream->client_random,
		.server_random = stream->told_random,
		.version = stream->version,
		.hash = suite_describe(stream->cipher_suite).hash,
		.secret = keylog_find(keylog, stream->client_random, KEYLOG_SERVER_HANDSHAKE),
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
		    !flight_do(&stream->flight, fault, stream->version, find_seen, stream))
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
	if (stream->version == VERSION_TLS_1_3 && unit->under == UNDER_APPLICATION &&
	    unit->content_type == CONTENT_handshake && unit->data.len > 0 &&
	    unit->data.data[0] == HANDSHAKE_key_update &&
	    stream->sealing[UNDER_APPLICATION] != NULL)
		protection_update(stream->sealing[UNDER_APPLICATION]);
}

/* Changes the flight and writes it. The socket's errno; 0: all is on its way. */
static int send_flight(struct fault_stream *stream)
{
	struct buf joined = {0};
	struct unit *first = NULL;

	do_faults(stream);
	for (size_t i = 0; i < stream->flight.n; i++) {
		struct unit *unit = &stream->flight.units[i];

		if (unit->act != ACT_NONE) {
			act_out(stream, unit);
			continue;
		}
		if (stream->changed)
			repair(stream, unit);
		tell_client(stream, unit);
		buf_bytes(&joined, buf_view(&unit->data));
		first = first != NULL ? first : unit;
		if (unit->joined && i + 1 < stream->flight.n)
			continue;
		put_unit(stream, first, buf_view(&joined));
		follow_sealing(stream, unit);
		buf_clear(&joined);
		first = NULL;
	}
	buf_fini(&joined);
	flight_clear(&stream->flight);
	return stream->ended ? 0 : send_out(stream);
}

/* Whether libssl has said all that it has to say, without flushing: all but handshakes is so. */
static bool is_complete(const struct fault_stream *stream)
{
	uint8_t last = stream->flight.n > 0
	                       ? stream->flight.units[stream->flight.n - 1].content_type
	                       : CONTENT_handshake;

	return last == CONTENT_application_data || last == CONTENT_alert;
}

static int on_write(BIO *bio, const char *data, size_t len, size_t *n_written)
{
	struct fault_stream *stream = BIO_get_data(bio);
	struct bytes bytes = {(const uint8_t *)data, len};
	struct record record;
	int failure = 0;

	BIO_clear_retry_flags(bio);
	while (record_stream_next(&stream->records, &bytes, &record) == RECORD_WHOLE)
		take_record(stream, &record);
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

	if (command == BIO_CTRL_FLUSH && stream->flight.n > 0) {
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
	stream->records.want_application_data = true;
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
	for (size_t i = 0; i < N_UNDER; i++) {
		protection_free(stream->opening[i]);
		protection_free(stream->sealing[i]);
	}
	for (size_t i = 0; i < stream->n_seen; i++)
		buf_fini(&stream->seen[i].last);
	record_stream_fini(&stream->records);
	flight_fini(&stream->flight);
	buf_fini(&stream->message);
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
	if (done->done)
		json_object_set_new(told, "t_ms",
		                    json_real((double)(done->t_ns - stream->start_ns) / NS_PER_MS));
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
			return stream->version == VERSION_TLS_1_3;
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
	keylog = read_keylog(stream);
	if (done)
		client_answer_read(&answer, buf_view(&stream->client), n_before,
		                   find_seen(stream, "server_hello"), keylog);
	keylog_free(keylog);
	json_object_set_new(told, "faults", faults);
	json_object_set_new(told, "accepted", json_boolean(answer.went_on));
	if (is_at_hello(stream) && answer.other_keys)
		json_object_set_new(told, "noticed", json_false());
}
