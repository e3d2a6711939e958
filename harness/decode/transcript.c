#include "decode/transcript.h"

#include "base/assert.h"
#include "decode/extension.h"
#include "decode/handshake.h"
#include "decode/transcript_state.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_FIRST 16
#define PLAIN_IDLE_MAX 2048 /* bytes of memory kept for the plaintext of the next record */

static const char *const record_fault = "record";
static const char *const not_tls = "the stream does not begin with TLS";

/* Where a piece of content comes from. */
struct origin {
	enum side from;
	bool is_protected;
	enum epoch under; /* the keys it came under, and those that were due */
	enum epoch due;
	uint16_t record_version;
	uint64_t t_ns;
};

/* The next entry, NULL if there are too many. */
static struct entry *add_entry(struct transcript *transcript, const struct origin *origin,
                               uint8_t content_type, uint32_t length)
{
	bool is_data = content_type == CONTENT_application_data;
	struct entry *entry;

	if (transcript->n_entries >= (is_data ? TRANSCRIPT_RECORDS_MAX : TRANSCRIPT_MESSAGES_MAX)) {
		transcript->entries_cut = true;
		return NULL;
	}
	if (transcript->n_entries == transcript->entries_size) {
		size_t size =
			transcript->entries_size ? transcript->entries_size * 2 : ENTRIES_FIRST;

		transcript->entries = realloc(transcript->entries, size * sizeof(*entry));
		CHECK(transcript->entries != NULL);
		transcript->entries_size = size;
	}
	entry = &transcript->entries[transcript->n_entries++];
	for (; transcript->by_time && entry > transcript->entries &&
	       entry[-1].t_ns > origin->t_ns; entry--)
		*entry = entry[-1];
	*entry = (struct entry){.t_ns = origin->t_ns,
	                        .length = length,
	                        .record_version = origin->record_version,
	                        .content_type = content_type,
	                        .from_server = origin->from == SIDE_SERVER,
	                        .is_protected = origin->is_protected,
	                        .under = origin->under,
	                        .due = origin->due};
	return entry;
}

static struct alert *add_alert(struct transcript *transcript, const struct origin *origin)
{
	struct alert *alert;

	if (transcript->n_alerts == TRANSCRIPT_ALERTS_MAX)
		return NULL;
	if (transcript->alerts == NULL)
		transcript->alerts = calloc(TRANSCRIPT_ALERTS_MAX, sizeof(*alert));
	CHECK(transcript->alerts != NULL);
	alert = &transcript->alerts[transcript->n_alerts++];
	for (; transcript->by_time && alert > transcript->alerts &&
	       alert[-1].t_ns > origin->t_ns; alert--)
		*alert = alert[-1];
	*alert = (struct alert){.t_ns = origin->t_ns,
	                        .from_server = origin->from == SIDE_SERVER,
	                        .is_protected = origin->is_protected,
	                        .under = origin->under,
	                        .due = origin->due};
	return alert;
}

/* The group of the key share in a ServerHello or HelloRetryRequest, 0 if there is none. */
static uint16_t key_share_group(const struct server_hello *hello)
{
	struct bytes body = {0};
	struct fault fault;
	struct reader reader;

	if (hello->extensions.data != NULL &&
	    !extension_find(&hello->extensions, EXTENSION_key_share, &body))
		extension_find(&hello->extensions, EXTENSION_key_share_draft, &body);
	reader_init(&reader, body.data, body.len, &fault);
	return reader_u16(&reader, "group");
}

static void learn_client_hello(struct transcript *transcript, struct bytes message)
{
	struct client_hello hello;

	client_hello_read(&hello, message);
	keys_client_hello(&transcript->keys, &hello);
}

static void learn_server_hello(struct transcript *transcript, struct bytes message)
{
	struct server_hello hello;

	server_hello_read(&hello, message);
	keys_server_hello(&transcript->keys, &hello);
	if (!hello.has_cipher_suite)
		return;
	transcript->version = hello.version;
	transcript->cipher_suite = hello.cipher_suite;
	transcript->group = key_share_group(&hello);
}

/* Takes from a whole message what later ones depend on. */
static void learn(struct transcript *transcript, const struct origin *origin, struct bytes message)
{
	bool from_server = origin->from == SIDE_SERVER;

	switch (message.data[0]) {
	case HANDSHAKE_client_hello:
		if (!from_server)
			learn_client_hello(transcript, message);
		break;
	case HANDSHAKE_server_hello:
		if (from_server)
			learn_server_hello(transcript, message);
		break;
	case HANDSHAKE_server_key_exchange:
		server_key_exchange_read(message, transcript->version, transcript->cipher_suite,
		                         &transcript->group, &transcript->signature_algorithm);
		break;
	case HANDSHAKE_certificate_verify:
		if (from_server)
			transcript->signature_algorithm =
				certificate_verify_read(message, transcript->version);
		break;
	default:
		break;
	}
}

/* The message has come to its end, or will not: an entry is made, and the next one may begin. */
static void end_message(struct transcript *transcript, enum side from)
{
	struct side_state *side = &transcript->sides[from];
	struct assembly message = side->message;
	struct origin origin = {.from = from,
	                        .is_protected = message.is_protected,
	                        .under = message.under,
	                        .due = message.due,
	                        .record_version = message.record_version,
	                        .t_ns = message.t_ns};
	bool has_length = message.n_header == HANDSHAKE_HEADER_LEN;
	bool whole = has_length && message.n_body == message.length;
	struct entry *entry = add_entry(transcript, &origin, CONTENT_handshake,
	                                has_length ? message.length : 0);

	side->message = (struct assembly){0};
	transcript->is_tls = true;
	if (entry != NULL) {
		entry->handshake_type = message.header[0];
		entry->no_length = !has_length;
		entry->kept_at = message.kept_at;
		entry->kept_len = message.kept_len;
	}
	if (whole && message.kept_len == HANDSHAKE_HEADER_LEN + message.length)
		learn(transcript, &origin,
		      (struct bytes){side->kept.data + message.kept_at, message.kept_len});
	if (whole)
		keys_message(&transcript->keys, from == SIDE_SERVER, message.header[0],
		             message.is_protected);
}

/* Something else came in the middle of a message. */
static void interrupt_message(struct transcript *transcript, enum side from, const char *by)
{
	const struct assembly *message = &transcript->sides[from].message;
	char name[REGISTRY_LABEL_MAX];
	const char *type;

	if (message->n_header == 0)
		return;
	type = registry_label(REGISTRY_HANDSHAKE_TYPE, message->header[0], name);
	if (message->n_header < HANDSHAKE_HEADER_LEN)
		faults_add(&transcript->faults, from == SIDE_SERVER, "handshake",
		           "%s is interrupted after %zu of the %d bytes of its header by %s", type,
		           message->n_header, HANDSHAKE_HEADER_LEN, by);
	else
		faults_add(&transcript->faults, from == SIDE_SERVER, "handshake",
		           "%s is interrupted after %zu of %zu bytes by %s", type,
		           message->n_header + message->n_body,
		           (size_t)HANDSHAKE_HEADER_LEN + message->length, by);
	end_message(transcript, from);
}

/* Keeps as many of the bytes as there is room for. */
static void keep(struct transcript *transcript, enum side from, struct bytes bytes)
{
	struct side_state *side = &transcript->sides[from];
	size_t room = TRANSCRIPT_KEPT_MAX - side->kept.len;

	if (bytes.len > room && side->n_not_kept++ == 0)
		faults_add(&transcript->faults, from == SIDE_SERVER, "handshake",
		           "more than %u bytes of messages; the rest is not decoded",
		           TRANSCRIPT_KEPT_MAX);
	if (bytes.len > room)
		bytes.len = room;
	buf_bytes(&side->kept, bytes);
	side->message.kept_len += (uint32_t)bytes.len;
}

static void begin_message(struct side_state *side, const struct origin *origin)
{
	side->message = (struct assembly){.kept_at = (uint32_t)side->kept.len,
	                                  .record_version = origin->record_version,
	                                  .is_protected = origin->is_protected,
	                                  .under = origin->under,
	                                  .due = origin->due,
	                                  .t_ns = origin->t_ns};
}

/* Reads what there is of a message's header; returns true when it is whole. */
static bool read_header(struct transcript *transcript, const struct origin *origin,
                        struct reader *reader)
{
	struct side_state *side = &transcript->sides[origin->from];
	struct assembly *message = &side->message;
	size_t missing = HANDSHAKE_HEADER_LEN - message->n_header, left = reader_left(reader);
	struct bytes got = reader_bytes(reader, left < missing ? left : missing, "header");

	if (message->n_header == 0)
		begin_message(side, origin);
	memcpy(message->header + message->n_header, got.data, got.len);
	message->n_header += got.len;
	message->length = (uint32_t)message->header[1] << 16 | (uint32_t)message->header[2] << 8 |
	                  message->header[3];
	keep(transcript, origin->from, got);
	return message->n_header == HANDSHAKE_HEADER_LEN;
}

static void handshake_bytes(struct transcript *transcript, const struct origin *origin,
                            struct bytes data)
{
	struct assembly *message = &transcript->sides[origin->from].message;
	struct fault fault;
	struct reader reader;

	if (message->n_header > 0 && message->is_protected != origin->is_protected)
		interrupt_message(transcript, origin->from, "a change of keys");
	buf_reserve(&transcript->sides[origin->from].kept, data.len);
	reader_init(&reader, data.data, data.len, &fault);
	while (reader_left(&reader) > 0) {
		size_t n;

		if (message->n_header < HANDSHAKE_HEADER_LEN &&
		    !read_header(transcript, origin, &reader))
			break;
		n = reader_left(&reader);
		if (n > message->length - message->n_body)
			n = message->length - message->n_body;
		keep(transcript, origin->from, reader_bytes(&reader, n, "body"));
		message->n_body += (uint32_t)n;
		message->t_ns = origin->t_ns;
		if (message->n_body == message->length)
			end_message(transcript, origin->from);
	}
}

/*
 * A client that cannot do with the ServerHello has no keys for what it says of it: alerts that may
 * mean the ServerHello are due in plaintext (RFC 8446 section 6).
 */
static bool may_mean_server_hello(uint8_t description)
{
	static const uint8_t descriptions[] = {
		ALERT_close_notify,          ALERT_unexpected_message,   ALERT_handshake_failure,
		ALERT_illegal_parameter,     ALERT_decode_error,         ALERT_protocol_version,
		ALERT_insufficient_security, ALERT_internal_error,       ALERT_user_canceled,
		ALERT_missing_extension,     ALERT_unsupported_extension};

	return memchr(descriptions, description, sizeof(descriptions)) != NULL;
}

/* The keys that are due for an alert; `origin` says it for any record. */
static enum epoch due_for_alert(const struct transcript *transcript, const struct origin *origin,
                                uint8_t description)
{
	bool silent = !transcript->keys.directions[origin->from].has_opened;

	if (origin->from == SIDE_CLIENT && origin->under == EPOCH_NONE &&
	    origin->due == EPOCH_HANDSHAKE && silent && may_mean_server_hello(description))
		return EPOCH_NONE;
	return origin->due;
}

static void alert_bytes(struct transcript *transcript, const struct origin *record,
                        struct bytes data)
{
	struct side_state *side = &transcript->sides[record->from];

	for (size_t i = 0; i < data.len; i++) {
		struct origin origin = *record;
		struct alert *alert;

		if (!side->has_alert_level) {
			side->alert_level = data.data[i];
			side->has_alert_level = true;
			continue;
		}
		side->has_alert_level = false;
		transcript->is_tls = true;
		origin.due = due_for_alert(transcript, record, data.data[i]);
		add_entry(transcript, &origin, CONTENT_alert, 2);
		alert = add_alert(transcript, &origin);
		if (alert != NULL) {
			alert->level = side->alert_level;
			alert->description = data.data[i];
		}
	}
}

static void change_cipher_spec(struct transcript *transcript, const struct origin *origin,
                               struct bytes data)
{
	bool from_server = origin->from == SIDE_SERVER;

	add_entry(transcript, origin, CONTENT_change_cipher_spec, (uint32_t)data.len);
	if (data.len != 1 || data.data[0] != 1)
		faults_add(&transcript->faults, from_server, "change_cipher_spec",
		           "is not the one byte 1 (RFC 8446 section 5)");
	if (keys_wants_exchange(&transcript->keys))
		transcript_exchange(transcript);
	if (from_server)
		transcript_remember(transcript);
	keys_change_cipher_spec(&transcript->keys, from_server);
}

static void content(struct transcript *transcript, const struct origin *origin, uint8_t type,
                    struct bytes data)
{
	char name[REGISTRY_LABEL_MAX];

	if (type == CONTENT_handshake) {
		handshake_bytes(transcript, origin, data);
		return;
	}
	if (transcript->sides[origin->from].message.n_header > 0)
		interrupt_message(transcript, origin->from,
		                  registry_label(REGISTRY_CONTENT_TYPE, type, name));
	if (type == CONTENT_alert)
		alert_bytes(transcript, origin, data);
	else if (type == CONTENT_change_cipher_spec)
		change_cipher_spec(transcript, origin, data);
	else
		add_entry(transcript, origin, type, (uint32_t)data.len);
}

static void sealed(struct transcript *transcript, struct origin *origin,
                   const struct record *record)
{
	struct entry *entry;
	struct alert *alert;

	origin->is_protected = true;
	interrupt_message(transcript, origin->from, "an encrypted record");
	entry = add_entry(transcript, origin, record->type, record->length);
	if (entry != NULL)
		entry->sealed = true;
	if (record->type != CONTENT_alert)
		return;
	transcript->is_tls = true;
	alert = add_alert(transcript, origin);
	if (alert != NULL)
		alert->sealed = true;
}

/* A record that no key opened, though there may be some. */
static void unopened(struct transcript *transcript, struct origin *origin,
                     const struct record *record)
{
	bool from_server = origin->from == SIDE_SERVER;
	char why[KEYS_EXPLANATION_MAX];

	if (keys_explain(&transcript->keys, from_server, why))
		faults_add(&transcript->faults, from_server, record_fault,
		           "a protected record of %u bytes stays closed: %s", record->length, why);
	sealed(transcript, origin, record);
}

/* Decodes the record; false if it has to wait for what the other side sends. */
static bool open_record(struct transcript *transcript, struct origin *origin,
                        const struct record *record)
{
	struct buf *plain = &transcript->plain;
	struct opening opening;
	enum seal seal =
		keys_open(&transcript->keys, origin->from == SIDE_SERVER, record, plain, &opening);

	if (seal == SEAL_WAITS)
		return false;
	if (seal == SEAL_CLOSED) {
		unopened(transcript, origin, record);
		return true;
	}
	origin->under = opening.under;
	origin->due = opening.due;
	if (seal == SEAL_NONE) {
		if (record->type != CONTENT_alert)
			origin->due = EPOCH_NONE;
		content(transcript, origin, record->type, record->body);
		return true;
	}
	origin->is_protected = true;
	content(transcript, origin, opening.type, buf_view(plain));
	OPENSSL_cleanse(plain->data, plain->len);
	buf_idle(plain, PLAIN_IDLE_MAX);
	return true;
}

static bool has_held(const struct transcript *transcript, enum side from)
{
	return transcript->sides[from].held.len > 0;
}

/*
 * Decodes into `out` what a side's records hold that waited, from `*at` on, which is moved. Returns
 * how many were decoded.
 */
static size_t replay(struct transcript *out, enum side from, struct bytes held, size_t *at)
{
	size_t n = 0;

	while (*at < held.len) {
		struct origin origin = {.from = from};
		struct record record;
		struct fault fault;
		struct reader reader;

		reader_init(&reader, held.data + *at, held.len - *at, &fault);
		origin.t_ns = reader_u64(&reader, "t_ns");
		record_read(&record, reader_bytes(&reader, RECORD_HEADER_LEN, "header"));
		record.body = reader_bytes(&reader, record.length, "body");
		origin.record_version = record.version;
		if (!open_record(out, &origin, &record))
			break;
		*at += reader_offset(&reader);
		n++;
	}
	return n;
}

static bool release_side(struct transcript *transcript, enum side from)
{
	struct side_state *side = &transcript->sides[from];
	size_t n;

	if (!has_held(transcript, from) || keys_undecided(&transcript->keys, from == SIDE_SERVER))
		return false;
	n = replay(transcript, from, buf_view(&side->held), &side->held_at);
	if (side->held_at == side->held.len) {
		buf_fini(&side->held);
		side->held_at = 0;
	}
	return n > 0;
}

/* Decodes what need not wait any longer. What one side sent may tell what the other's means. */
static void release(struct transcript *transcript)
{
	while (release_side(transcript, SIDE_CLIENT) || release_side(transcript, SIDE_SERVER))
		;
}

/* Nothing waits in this connection any more. */
static void give_up(struct transcript *transcript)
{
	keys_give_up(&transcript->keys);
	release(transcript);
}

static void hold(struct transcript *transcript, const struct origin *origin,
                 const struct record *record)
{
	struct buf *held = &transcript->sides[origin->from].held;

	transcript->by_time = true;
	buf_u32(held, (uint32_t)(origin->t_ns >> 32));
	buf_u32(held, (uint32_t)origin->t_ns);
	buf_bytes(held, record->header);
	buf_bytes(held, record->body);
	if (held->len <= TRANSCRIPT_HELD_MAX)
		return;
	faults_add(&transcript->faults, origin->from == SIDE_SERVER, record_fault,
	           "more than %u bytes came before what the other side says of their keys",
	           TRANSCRIPT_HELD_MAX);
	give_up(transcript);
}

static void whole_record(struct transcript *transcript, struct origin *origin,
                         const struct record *record)
{
	if (has_held(transcript, origin->from) || !open_record(transcript, origin, record))
		hold(transcript, origin, record);
	if (has_held(transcript, SIDE_CLIENT) || has_held(transcript, SIDE_SERVER))
		release(transcript);
}

/* The SSLv2-style hello is kept like a message, but without a message's header. */
static void sslv2_record(struct transcript *transcript, const struct origin *origin,
                         const struct record *record)
{
	struct side_state *side = &transcript->sides[origin->from];
	struct entry *entry = add_entry(transcript, origin, CONTENT_handshake, record->length);

	transcript->is_tls = true;
	faults_add(&transcript->faults, origin->from == SIDE_SERVER, record_fault,
	           "begins with an SSLv2-style hello (RFC 5246 appendix E.2)");
	if (entry == NULL)
		return;
	entry->handshake_type = HANDSHAKE_client_hello;
	entry->sslv2 = true;
	entry->kept_at = (uint32_t)side->kept.len;
	entry->kept_len = (uint32_t)record->body.len;
	buf_bytes(&side->kept, record->body);
}

/* What stands where a record should: in hex, and as text where that is readable. */
static void stray_bytes(struct transcript *transcript, enum side from, const char *what,
                        struct bytes bytes)
{
	struct buf text = {0};

	for (size_t i = 0; i < bytes.len; i++)
		buf_printf(&text, i > 0 ? " %02x" : "%02x", bytes.data[i]);
	buf_text(&text, " (");
	for (size_t i = 0; i < bytes.len; i++)
		buf_char(&text,
		         bytes.data[i] >= 0x20 && bytes.data[i] < 0x7f ? (char)bytes.data[i] : '.');
	faults_add(&transcript->faults, from == SIDE_SERVER, record_fault, "%s: %s)", what,
	           buf_string(&text));
	buf_fini(&text);
}

static void handle(struct transcript *transcript, enum record_event event, struct origin *origin,
                   const struct record *record)
{
	switch (event) {
	case RECORD_NONE:
		break;
	case RECORD_WHOLE:
		whole_record(transcript, origin, record);
		break;
	case RECORD_PASSED_OVER:
		unopened(transcript, origin, record);
		break;
	case RECORD_SSLV2:
		sslv2_record(transcript, origin, record);
		break;
	case RECORD_FOREIGN:
		stray_bytes(transcript, origin->from, not_tls, record->body);
		break;
	case RECORD_BROKEN:
		interrupt_message(transcript, origin->from, "bytes that are no record");
		stray_bytes(transcript, origin->from, "no record begins where one should",
		            record->body);
		break;
	}
}

void transcript_feed(struct transcript *transcript, enum side from, struct bytes data,
                     uint64_t t_ns)
{
	struct record_stream *records = &transcript->sides[from].records;
	const struct record_stream *peer = &transcript->sides[from == SIDE_CLIENT].records;
	enum record_event event;

	if (data.len == 0)
		return;
	records->answers_tls = peer->state == RECORDS_FLOW;
	do {
		struct record record;
		struct origin origin;

		records->want_application_data = keys_has(&transcript->keys, from == SIDE_SERVER);
		event = record_stream_next(records, &data, &record);
		if (event == RECORD_NONE)
			break;
		origin = (struct origin){
			.from = from, .record_version = record.version, .t_ns = t_ns};
		handle(transcript, event, &origin, &record);
	} while (true);
}

/* Takes what came of the record in which a gap begins. */
static void cut_record(struct transcript *transcript, enum side from, uint64_t t_ns)
{
	struct origin origin = {.from = from, .t_ns = t_ns};
	struct record record;

	if (!record_stream_incomplete(&transcript->sides[from].records, &record))
		return;
	origin.record_version = record.version;
	if (keys_is_sealed(&transcript->keys, from == SIDE_SERVER, &record))
		sealed(transcript, &origin, &record);
	else if (record.type == CONTENT_handshake)
		handshake_bytes(transcript, &origin, record.body);
}

void transcript_gap(struct transcript *transcript, enum side from, uint64_t n_bytes, uint64_t t_ns)
{
	if (has_held(transcript, from))
		give_up(transcript);
	transcript->sides[from].message.t_ns = t_ns;
	transcript->sides[from].has_alert_level = false;
	cut_record(transcript, from, t_ns);
	interrupt_message(transcript, from, "a gap in the capture");
	faults_add(&transcript->faults, from == SIDE_SERVER, record_fault,
	           "%llu bytes are missing in the capture", (unsigned long long)n_bytes);
	record_stream_gap(&transcript->sides[from].records, n_bytes);
	keys_gap(&transcript->keys, from == SIDE_SERVER);
}

void transcript_begin_late(struct transcript *transcript)
{
	keys_begin_late(&transcript->keys);
}

/* True if a side has begun a handshake message in plaintext that is not whole. */
static bool has_begun_message(const struct transcript *transcript, enum side from)
{
	const struct side_state *side = &transcript->sides[from];
	struct record record;

	return side->message.n_header > 0 ||
	       (record_stream_incomplete(&side->records, &record) &&
	        record.type == CONTENT_handshake && record.body.len > 0 &&
	        !keys_is_sealed(&transcript->keys, from == SIDE_SERVER, &record));
}

bool transcript_is_tls(const struct transcript *transcript)
{
	return transcript->is_tls || has_begun_message(transcript, SIDE_CLIENT) ||
	       has_begun_message(transcript, SIDE_SERVER);
}

enum guess transcript_guess(struct bytes first_payload)
{
	if (first_payload.len >= RECORD_HEADER_LEN && record_is_sslv2(first_payload))
		return GUESS_CLIENT;
	if (first_payload.len < RECORD_HEADER_LEN + 1 || !record_is_header(first_payload) ||
	    first_payload.data[0] != CONTENT_handshake)
		return GUESS_UNKNOWN;
	switch (first_payload.data[RECORD_HEADER_LEN]) {
	case HANDSHAKE_client_hello:
	case HANDSHAKE_client_key_exchange:
		return GUESS_CLIENT;
	case HANDSHAKE_hello_request: /* or the zeros of a nonce, with more behind them */
		return bytes_u16(first_payload, 3) == HANDSHAKE_HEADER_LEN ? GUESS_SERVER
		                                                           : GUESS_UNKNOWN;
	case HANDSHAKE_server_hello:
	case HANDSHAKE_certificate_status:
	case HANDSHAKE_server_key_exchange:
	case HANDSHAKE_certificate_request:
	case HANDSHAKE_server_hello_done:
		return GUESS_SERVER;
	default:
		return GUESS_UNKNOWN;
	}
}

struct bytes transcript_client_hello(const struct transcript *transcript)
{
	for (size_t i = 0; i < transcript->n_entries; i++) {
		const struct entry *entry = &transcript->entries[i];

		if (entry->handshake_type == HANDSHAKE_client_hello && !entry->sealed &&
		    !entry->sslv2 && !entry->from_server &&
		    entry->kept_len == HANDSHAKE_HEADER_LEN + entry->length)
			return entry_message(transcript, entry);
	}
	return (struct bytes){0};
}

static bool is_unfinished(const struct transcript *transcript, enum side from)
{
	const struct side_state *side = &transcript->sides[from];

	return side->message.n_header > 0 || side->has_alert_level || side->held.len > 0 ||
	       record_stream_pending(&side->records) > 0;
}

/* Makes an entry of what one side began. */
static void finish(struct transcript *made, const struct transcript *transcript, enum side from)
{
	const struct record_stream *records = &transcript->sides[from].records;
	struct origin origin = {.from = from, .t_ns = transcript->sides[from].message.t_ns};
	size_t n = record_stream_pending(records);
	size_t held_at = transcript->sides[from].held_at;
	struct record record;
	struct bytes foreign;

	if (has_held(transcript, from)) {
		replay(made, from, buf_view(&transcript->sides[from].held), &held_at);
		faults_add(&made->faults, from == SIDE_SERVER, record_fault,
		           "protected records stay closed: the capture lacks the %s's part of "
		           "their handshake", from == SIDE_SERVER ? "client" : "server");
	}
	if (record_stream_foreign(records, &foreign))
		stray_bytes(made, from, not_tls, foreign);
	else if (n > 0)
		faults_add(&made->faults, from == SIDE_SERVER, record_fault,
		           "the stream ends inside a record, of which %zu byte%s came", n,
		           n == 1 ? "" : "s");
	if (transcript->sides[from].has_alert_level)
		faults_add(&made->faults, from == SIDE_SERVER, "alert", "has one byte of two");
	if (record_stream_incomplete(records, &record) && record.type == CONTENT_handshake &&
	    !keys_is_sealed(&transcript->keys, from == SIDE_SERVER, &record)) {
		origin.record_version = record.version;
		handshake_bytes(made, &origin, record.body);
	}
	if (made->sides[from].message.n_header > 0)
		end_message(made, from);
}

/*
 * A copy in which what both sides began and did not end has become entries. NULL if nothing is
 * unfinished. The caller frees it.
 */
static struct transcript *finished_copy(const struct transcript *transcript)
{
	struct transcript *made;

	if (!is_unfinished(transcript, SIDE_CLIENT) && !is_unfinished(transcript, SIDE_SERVER))
		return NULL;
	made = transcript_copy(transcript);
	finish(made, transcript, SIDE_CLIENT);
	finish(made, transcript, SIDE_SERVER);
	return made;
}

void transcript_emit(const struct transcript *transcript, uint64_t t0_ns, struct emit *emit)
{
	struct transcript *finished = finished_copy(transcript);

	transcript_tell(finished != NULL ? finished : transcript, t0_ns, emit);
	transcript_free(finished);
}
