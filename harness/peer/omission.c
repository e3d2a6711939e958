#include "peer/omission.h"

#include "base/assert.h"
#include "decode/extension.h"
#include "decode/hello.h"
#include "decode/keylog.h"
#include "decode/protection.h"
#include "decode/registry.h"
#include "decode/suite.h"
#include "peer/fault_flight.h"
#include "peer/fault_repair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 4096
#define VERIFY_DATA_LEN 12 /* RFC 5246 section 7.4.9 */
#define FINISHED_LEN (HANDSHAKE_HEADER_LEN + VERIFY_DATA_LEN)

enum { FROM_CLIENT, FROM_SERVER, N_SIDES };

static const char *const labels[] = {[FROM_CLIENT] = "client finished",
                                     [FROM_SERVER] = "server finished"};

static const struct {
	unsigned bit;
	const char *way; /* in a ServerHello */
} extensions[] = {
	{OMIT_RENEGOTIATION_INFO, "extensions.renegotiation_info"},
	{OMIT_MAX_FRAGMENT_LENGTH, "extensions.max_fragment_length"},
};

/* What one side sends. */
struct stream {
	struct buf held;  /* came, and was not looked at */
	struct buf out;   /* on its way to the other side */
	bool sealed;      /* its change_cipher_spec came */
	bool finished;    /* and its Finished */
	struct buf told;  /* the handshake so far, as this side has it */
};

struct omission {
	SSL *ssl; /* borrowed */
	unsigned extensions;
	bool answered; /* the ServerHello has passed */
	bool over;     /* the rest passes as it is */
	uint8_t randoms[N_SIDES][KEYLOG_RANDOM_LEN];
	uint16_t cipher_suite;
	bool encrypt_then_mac;
	struct stream streams[N_SIDES];
};

/* The verify_data of `from` over the handshake as `side` has it. */
static bool verify_data(const struct omission *omission, struct bytes master_secret, int from,
                        int side, uint8_t out[VERIFY_DATA_LEN])
{
	const char *name = suite_describe(omission->cipher_suite).hash;
	uint8_t hash[EVP_MAX_MD_SIZE];
	size_t len = name == NULL ? 0
	                          : fault_hash(name, buf_view(&omission->streams[side].told), hash);

	return len > 0 && protection_prf(VERSION_TLS_1_2, omission->cipher_suite, master_secret,
	                                 labels[from], (struct bytes){hash, len}, out,
	                                 VERIFY_DATA_LEN);
}

/* Opens the Finished of `from`, and seals it again as the other side has to have it. */
static bool mend(struct omission *omission, int from, const struct record *record,
                 const struct protection_secrets *secrets)
{
	struct protection *opening = protection_tls12(secrets, from == FROM_SERVER);
	struct protection *sealing = protection_tls12(secrets, from == FROM_SERVER);
	uint8_t right[VERIFY_DATA_LEN], other[FINISHED_LEN];
	struct buf plain = {0};
	uint8_t type;
	bool done = opening != NULL && protection_open(opening, record, &plain, &type) &&
	            plain.len == FINISHED_LEN && plain.data[0] == HANDSHAKE_finished &&
	            verify_data(omission, secrets->master_secret, from, from, right) &&
	            memcmp(plain.data + HANDSHAKE_HEADER_LEN, right, sizeof(right)) == 0 &&
	            verify_data(omission, secrets->master_secret, from, !from,
	                        other + HANDSHAKE_HEADER_LEN);

	if (done) {
		memcpy(other, plain.data, HANDSHAKE_HEADER_LEN);
		buf_bytes(&omission->streams[from].told, buf_view(&plain));
		buf_add(&omission->streams[!from].told, other, sizeof(other));
		done = protection_seal(sealing, record->type, record->version,
		                       (struct bytes){other, sizeof(other)}, 0,
		                       &omission->streams[from].out);
	}
	buf_fini(&plain);
	protection_free(opening);
	protection_free(sealing);
	return done;
}

/* A Finished that cannot be mended passes, for the other side to refuse it. */
static bool take_finished(struct omission *omission, int from, const struct record *record)
{
	uint8_t master_secret[MASTER_SECRET_LEN];
	const SSL_SESSION *session = SSL_get_session(omission->ssl);
	size_t len = session == NULL ? 0
	                             : SSL_SESSION_get_master_key(session, master_secret,
	                                                          sizeof(master_secret));
	const struct protection_secrets secrets = {
		.master_secret = {master_secret, len},
		.client_random = omission->randoms[FROM_CLIENT],
		.server_random = omission->randoms[FROM_SERVER],
		.version = VERSION_TLS_1_2,
		.cipher_suite = omission->cipher_suite,
		.encrypt_then_mac = omission->encrypt_then_mac,
	};
	bool done = mend(omission, from, record, &secrets);

	OPENSSL_cleanse(master_secret, sizeof(master_secret));
	omission->streams[from].finished = true;
	omission->over = !done || omission->streams[!from].finished;
	return done;
}

/* Takes the extensions out of the message. True if one of them was there. */
static bool shorten(const struct omission *omission, struct unit *hello)
{
	struct fault_range range;
	bool found = false;

	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		const struct fault_place place = {.message = "server_hello",
		                                  .way = extensions[i].way,
		                                  .target = TARGET_EXTENSION};

		if ((omission->extensions & extensions[i].bit) == 0 ||
		    !fault_place_find(&place, buf_view(&hello->data), VERSION_TLS_1_2, &range))
			continue;
		unit_edit(hello, &range, range.whole_at, range.whole_len, (struct bytes){0});
		found = true;
	}
	return found;
}

static void settle(struct omission *omission, const struct server_hello *hello)
{
	struct bytes client = buf_view(&omission->streams[FROM_CLIENT].told), ignored;
	struct client_hello first;

	omission->cipher_suite = hello->cipher_suite;
	omission->encrypt_then_mac =
		hello->extensions.data != NULL &&
		extension_find(&hello->extensions, EXTENSION_encrypt_then_mac, &ignored);
	client_hello_read(&first, client);
	CHECK(first.random.len == KEYLOG_RANDOM_LEN && hello->random.len == KEYLOG_RANDOM_LEN);
	memcpy(omission->randoms[FROM_CLIENT], first.random.data, KEYLOG_RANDOM_LEN);
	memcpy(omission->randoms[FROM_SERVER], hello->random.data, KEYLOG_RANDOM_LEN);
}

/* libssl has its ServerHello in a record of its own. */
static bool take_server_hello(struct omission *omission, const struct record *record)
{
	struct stream *stream = &omission->streams[FROM_SERVER];
	struct unit unit = {.name = "server_hello"};
	struct server_hello hello;
	bool shortened;

	server_hello_read(&hello, record->body);
	buf_bytes(&unit.data, record->body);
	shortened = hello.version == VERSION_TLS_1_2 && shorten(omission, &unit);
	omission->over = !shortened;
	if (shortened) {
		settle(omission, &hello);
		buf_bytes(&stream->told, record->body);
		buf_bytes(&omission->streams[FROM_CLIENT].told, buf_view(&unit.data));
		buf_u8(&stream->out, record->type);
		buf_u16(&stream->out, record->version);
		buf_u16(&stream->out, (uint16_t)unit.data.len);
		buf_bytes(&stream->out, buf_view(&unit.data));
	}
	buf_fini(&unit.data);
	return shortened;
}

/* Takes the record into account. True if another one has been put in its place. */
static bool take_record(struct omission *omission, int from, const struct record *record)
{
	struct stream *stream = &omission->streams[from];

	if (stream->finished)
		return false;
	if (stream->sealed)
		return take_finished(omission, from, record);
	if (record->type == CONTENT_change_cipher_spec)
		stream->sealed = true;
	if (record->type != CONTENT_handshake || record->body.len == 0)
		return false;
	/* The first that the server says; later records may begin anywhere in a message. */
	if (from == FROM_SERVER && !omission->answered) {
		omission->answered = true;
		return take_server_hello(omission, record);
	}
	for (int side = 0; side < N_SIDES; side++)
		buf_bytes(&omission->streams[side].told, record->body);
	return false;
}

/* The first record that is held, or false if it is not whole. What is no record ends the work. */
static bool next_record(struct omission *omission, struct stream *stream, struct record *record)
{
	struct fault fault;
	struct reader reader;

	reader_init(&reader, stream->held.data, stream->held.len, &fault);
	*record = (struct record){.type = reader_u8(&reader, "type"),
	                          .version = reader_u16(&reader, "version")};
	record->length = reader_u16(&reader, "length");
	if (reader_ok(&reader) &&
	    (record->type < CONTENT_change_cipher_spec ||
	     record->type > CONTENT_application_data || record->length > RECORD_BODY_MAX))
		omission->over = true;
	record->body = reader_bytes(&reader, record->length, "fragment");
	return reader_ok(&reader) && !omission->over;
}

/*
 * One record that is held goes out, changed if need be; all, once the rest passes as it is. False
 * if there is none.
 */
static bool move_on(struct omission *omission, int from)
{
	struct stream *stream = &omission->streams[from];
	struct record record;
	size_t len;

	if (!omission->over && next_record(omission, stream, &record)) {
		len = RECORD_HEADER_LEN + record.body.len;
		if (!take_record(omission, from, &record))
			buf_add(&stream->out, stream->held.data, len);
	} else if (omission->over) {
		len = stream->held.len;
		buf_bytes(&stream->out, buf_view(&stream->held));
	} else {
		return false;
	}
	buf_consume(&stream->held, len);
	return len > 0;
}

/* Writes what is on its way. False if the socket takes no more now, or has failed. */
static bool push_out(BIO *bio, struct buf *out)
{
	while (out->len > 0) {
		int n = BIO_write(BIO_next(bio), out->data, (int)out->len);

		BIO_copy_next_retry(bio);
		if (n <= 0)
			return false;
		buf_consume(out, (size_t)n);
	}
	return true;
}

/* What was taken is remembered, so that a socket that is full holds it up at the next call. */
static int on_write(BIO *bio, const char *data, size_t len, size_t *n_written)
{
	struct omission *omission = BIO_get_data(bio);
	struct stream *stream = &omission->streams[FROM_SERVER];

	BIO_clear_retry_flags(bio);
	if (!push_out(bio, &stream->out))
		return 0;
	buf_add(&stream->held, data, len);
	while (move_on(omission, FROM_SERVER))
		;
	*n_written = len;
	(void)push_out(bio, &stream->out);
	BIO_clear_retry_flags(bio);
	return 1;
}

/* Record by record: only what libssl has read before makes the secret that the Finished needs. */
static int on_read(BIO *bio, char *data, size_t size, size_t *n_read)
{
	struct omission *omission = BIO_get_data(bio);
	struct stream *stream = &omission->streams[FROM_CLIENT];
	char chunk[CHUNK];
	size_t n;

	BIO_clear_retry_flags(bio);
	while (stream->out.len == 0 && !move_on(omission, FROM_CLIENT)) {
		int rc = BIO_read_ex(BIO_next(bio), chunk, sizeof(chunk), &n);

		BIO_copy_next_retry(bio);
		if (rc != 1)
			return 0;
		buf_add(&stream->held, chunk, n);
	}
	*n_read = size < stream->out.len ? size : stream->out.len;
	memcpy(data, stream->out.data, *n_read);
	buf_consume(&stream->out, *n_read);
	return 1;
}

static long on_control(BIO *bio, int command, long number, void *pointer)
{
	struct omission *omission = BIO_get_data(bio);

	if (command == BIO_CTRL_FLUSH && !push_out(bio, &omission->streams[FROM_SERVER].out))
		return -1;
	return BIO_ctrl(BIO_next(bio), command, number, pointer);
}

static BIO_METHOD *filter_method(void)
{
	static BIO_METHOD *method; /* one for the process, never freed */

	if (method == NULL) {
		method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_FILTER, "omission");
		CHECK(method != NULL && BIO_meth_set_write_ex(method, on_write) == 1 &&
		      BIO_meth_set_read_ex(method, on_read) == 1 &&
		      BIO_meth_set_ctrl(method, on_control) == 1);
	}
	return method;
}

struct omission *omission_start(SSL *ssl, unsigned set)
{
	struct omission *omission;
	BIO *filter, *socket = SSL_get_wbio(ssl);

	if (set == 0)
		return NULL;
	omission = calloc(1, sizeof(*omission));
	filter = BIO_new(filter_method());
	CHECK(omission != NULL && filter != NULL && BIO_up_ref(socket) == 1);
	omission->ssl = ssl;
	omission->extensions = set;
	BIO_set_data(filter, omission);
	BIO_set_init(filter, 1);
	BIO_push(filter, socket);
	SSL_set_bio(ssl, filter, filter);
	return omission;
}

void omission_free(struct omission *omission)
{
	if (omission == NULL)
		return;
	for (int side = 0; side < N_SIDES; side++) {
		buf_fini(&omission->streams[side].held);
		buf_fini(&omission->streams[side].out);
		buf_fini(&omission->streams[side].told);
	}
	free(omission);
}
