#include "decode/hello.h"

#include "decode/extension.h"
#include "decode/fingerprint.h"

#include <string.h>

#define RANDOM_LEN 32

/* SHA-256 of "HelloRetryRequest", RFC 8446 section 4.1.3. */
static const uint8_t retry_random[RANDOM_LEN] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
	0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
	0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

bool version_is_tls13(uint16_t version)
{
	return version == VERSION_TLS_1_3 || version >> 8 == 0x7f || version >> 8 == 0xfb;
}

/* The next vector, or an absent one if the hello ended before. */
static struct reader next_vector(struct reader *reader, unsigned width, const char *field)
{
	if (!reader_ok(reader))
		return (struct reader){0};
	return width == 1 ? reader_vec8(reader, field) : reader_vec16(reader, field);
}

/* Returns the length that the message's header gives. */
static size_t read_length(struct reader *reader)
{
	reader_u8(reader, "msg_type");
	return reader_u24(reader, "length");
}

/*
 * The extensions, absent if nothing is left (RFC 5246 section 7.4.1.2); nothing may follow them. A
 * message of which less came than `length` ends in a fault.
 */
static struct reader last_vector(struct reader *reader, size_t length)
{
	struct reader extensions = {0};
	size_t end = HANDSHAKE_HEADER_LEN + length;

	if (reader_left(reader) > 0)
		extensions = reader_vec16(reader, "extensions");
	if (end > reader_offset(reader) + reader_left(reader))
		reader_bytes(reader, end - reader_offset(reader), "hello");
	reader_end(reader, "hello");
	return extensions;
}

/*
 * Whether a ServerHello is one of the drafts up to 21, which had neither a session nor a
 * compression method in it (draft-ietf-tls-tls13-21 section 4.1.3).
 */
static bool is_short_draft(uint16_t version)
{
	return version >> 8 == 0x7f && version <= VERSION_TLS_1_3_DRAFT_21;
}

static struct bytes next_random(struct reader *reader)
{
	return reader_ok(reader) ? reader_bytes(reader, RANDOM_LEN, "random") : (struct bytes){0};
}

void client_hello_read(struct client_hello *hello, struct bytes message)
{
	struct reader reader;
	size_t length;

	*hello = (struct client_hello){0};
	reader_init(&reader, message.data, message.len, &hello->fault);
	length = read_length(&reader);
	hello->legacy_version = reader_u16(&reader, "legacy_version");
	hello->has_version = reader_ok(&reader);
	hello->random = next_random(&reader);
	hello->legacy_session_id = next_vector(&reader, 1, "legacy_session_id");
	hello->cipher_suites = next_vector(&reader, 2, "cipher_suites");
	hello->legacy_compression_methods = next_vector(&reader, 1, "legacy_compression_methods");
	hello->extensions = last_vector(&reader, length);
}

bool hello_is_retry(struct bytes message)
{
	/* Behind the message's header and legacy_version. */
	struct bytes random = bytes_part(message, HANDSHAKE_HEADER_LEN + 2, RANDOM_LEN);

	return random.len == RANDOM_LEN && memcmp(random.data, retry_random, RANDOM_LEN) == 0;
}

/* What the server chose: supported_versions goes before legacy_version (RFC 8446 section 4.2.1). */
static uint16_t chosen_version(const struct server_hello *hello)
{
	struct fault fault;
	struct reader reader;
	struct bytes body;
	uint16_t version = 0;

	if (hello->extensions.data != NULL &&
	    extension_find(&hello->extensions, EXTENSION_supported_versions, &body)) {
		reader_init(&reader, body.data, body.len, &fault);
		version = reader_u16(&reader, "selected_version");
	}
	return version != 0 ? version : hello->legacy_version;
}

void server_hello_read(struct server_hello *hello, struct bytes message)
{
	struct reader reader;
	size_t length;
	bool short_draft;

	*hello = (struct server_hello){0};
	reader_init(&reader, message.data, message.len, &hello->fault);
	length = read_length(&reader);
	hello->legacy_version = reader_u16(&reader, "legacy_version");
	hello->has_version = reader_ok(&reader);
	hello->random = next_random(&reader);
	short_draft = is_short_draft(hello->legacy_version);
	if (!short_draft)
		hello->legacy_session_id_echo = next_vector(&reader, 1, "legacy_session_id_echo");
	hello->cipher_suite = reader_u16(&reader, "cipher_suite");
	hello->has_cipher_suite = reader_ok(&reader);
	if (!short_draft)
		hello->legacy_compression_method = reader_u8(&reader, "legacy_compression_method");
	hello->has_compression_method = !short_draft && reader_ok(&reader);
	hello->extensions = last_vector(&reader, length);
	hello->is_retry = hello_is_retry(message);
	hello->version = chosen_version(hello);
}

/* The members that both hellos begin with. */
static void tell_start(const struct tell *tell, bool has_version, uint16_t legacy_version,
                       struct bytes random)
{
	emit_name(tell->emit, "record_version", REGISTRY_PROTOCOL_VERSION, tell->record_version);
	if (has_version)
		emit_name(tell->emit, "legacy_version", REGISTRY_PROTOCOL_VERSION, legacy_version);
	if (random.data != NULL)
		emit_hex(tell->emit, "random", random);
}

/*
 * A fault in the extensions does not change the fingerprints; a hello that is cut short has none.
 */
static bool has_fingerprint(const struct fault *fault)
{
	return fault->kind == FAULT_NONE || fault->kind == FAULT_TRAILING;
}

/*
 * Hellos of one stack to one kind of server differ in little but their random numbers: the others
 * are told again, with these in their slots.
 */
struct hello_run {
	struct emit_run run;
	struct emit_slots slots;
	struct buf key; /* the message without what is in the slots */
	size_t n_faults; /* noted before */
};

static void make_key(struct buf *key, struct bytes message, const struct emit_slots *slots)
{
	const uint8_t *done = message.data, *end = message.data + message.len;

	buf_reserve(key, message.len);
	for (size_t i = 0; i < slots->n && i < EMIT_SLOTS_MAX; i++) {
		struct bytes varying = slots->slots[i].bytes;

		buf_add(key, done, (size_t)(varying.data - done));
		done = varying.data + varying.len;
	}
	buf_add(key, done, (size_t)(end - done));
}

/* True if all members have been written. Otherwise they are, and then end_hello is called. */
static bool tell_hello_again(const struct tell *tell, struct hello_run *hello, struct bytes message,
                             enum extension_place place, struct bytes random,
                             const struct reader *session_id, const struct reader *extensions)
{
	uint64_t head = (uint64_t)place << 40 | (uint64_t)tell->record_version << 24 | message.len;
	bool again;

	hello->slots.n = 0;
	hello->key = (struct buf){0};
	hello->n_faults = tell->faults->n + tell->faults->n_dropped;
	emit_slots_hex(&hello->slots, random);
	if (session_id->data != NULL)
		emit_slots_hex(&hello->slots, reader_rest(session_id));
	if (extensions->data != NULL)
		extensions_slots(extensions, place, &hello->slots);
	make_key(&hello->key, message, &hello->slots);
	again = emit_again_with(tell->emit, &hello->run, EMIT_TAG(EMIT_TAG_HELLO, head),
	                        buf_view(&hello->key), &hello->slots);
	if (again)
		buf_fini(&hello->key);
	return again;
}

static void end_hello(const struct tell *tell, struct hello_run *hello)
{
	if (tell->faults->n + tell->faults->n_dropped == hello->n_faults)
		emit_remember(tell->emit, &hello->run);
	else
		emit_forget(tell->emit, &hello->run);
	buf_fini(&hello->key);
}

static void tell_client_members(const struct tell *tell, struct client_hello *hello)
{
	struct emit *emit = tell->emit;

	tell_start(tell, hello->has_version, hello->legacy_version, hello->random);
	if (hello->legacy_session_id.data != NULL)
		emit_hex(emit, "legacy_session_id", reader_rest(&hello->legacy_session_id));
	if (hello->cipher_suites.data != NULL)
		tell_names(emit, "cipher_suites", REGISTRY_CIPHER_SUITE, hello->cipher_suites);
	if (hello->legacy_compression_methods.data != NULL)
		tell_names(emit, "compression_methods", REGISTRY_COMPRESSION_METHOD,
		           hello->legacy_compression_methods);
	if (hello->extensions.data != NULL)
		extensions_tell(tell, &hello->extensions, IN_CLIENT_HELLO);
	if (has_fingerprint(&hello->fault))
		fingerprint_tell_client(emit, hello);
	tell_fault(tell, &hello->fault);
}

void client_hello_tell(const struct tell *tell, struct bytes message)
{
	struct client_hello hello;
	struct hello_run run;

	client_hello_read(&hello, message);
	if (tell_hello_again(tell, &run, message, IN_CLIENT_HELLO, hello.random,
	                     &hello.legacy_session_id, &hello.extensions))
		return;
	tell_client_members(tell, &hello);
	end_hello(tell, &run);
}

static void tell_server_members(const struct tell *tell, struct server_hello *hello,
                                enum extension_place place)
{
	struct emit *emit = tell->emit;

	tell_start(tell, hello->has_version, hello->legacy_version, hello->random);
	if (hello->legacy_session_id_echo.data != NULL)
		emit_hex(emit, "legacy_session_id_echo",
		         reader_rest(&hello->legacy_session_id_echo));
	if (hello->has_cipher_suite)
		emit_name(emit, "cipher_suite", REGISTRY_CIPHER_SUITE, hello->cipher_suite);
	if (hello->has_compression_method)
		emit_name(emit, "compression_method", REGISTRY_COMPRESSION_METHOD,
		          hello->legacy_compression_method);
	if (hello->extensions.data != NULL)
		extensions_tell(tell, &hello->extensions, place);
	if (has_fingerprint(&hello->fault))
		fingerprint_tell_server(emit, hello);
	tell_fault(tell, &hello->fault);
}

void server_hello_tell(const struct tell *tell, struct bytes message)
{
	struct server_hello hello;
	struct hello_run run;
	enum extension_place place;

	server_hello_read(&hello, message);
	place = hello.is_retry ? IN_HELLO_RETRY_REQUEST : IN_SERVER_HELLO;
	if (tell_hello_again(tell, &run, message, place, hello.random,
	                     &hello.legacy_session_id_echo, &hello.extensions))
		return;
	tell_server_members(tell, &hello, place);
	end_hello(tell, &run);
}

/* Suites of three bytes: those that begin with 0 are TLS's. */
static void tell_cipher_specs(const struct tell *tell, struct reader specs)
{
	struct fault own;
	struct reader elements = reader_isolate(&specs, &own);

	emit_list(tell->emit, "cipher_specs");
	while (reader_left(&elements) > 0) {
		uint32_t spec = reader_u24(&elements, "cipher_specs");

		if (!reader_ok(&elements))
			break;
		if (spec <= UINT16_MAX)
			emit_name(tell->emit, NULL, REGISTRY_CIPHER_SUITE, spec);
		else
			emit_printf(tell->emit, NULL, "0x%06x", spec);
	}
	emit_close(tell->emit);
	tell_end(&specs, &elements, "cipher_specs");
}

void sslv2_hello_tell(const struct tell *tell, struct bytes body)
{
	struct fault fault;
	struct reader reader;
	uint16_t specs_len, session_id_len, challenge_len;

	reader_init(&reader, body.data, body.len, &fault);
	reader_u8(&reader, "msg_type");
	tell_name(tell->emit, &reader, "version", REGISTRY_PROTOCOL_VERSION);
	specs_len = reader_u16(&reader, "cipher_spec_length");
	session_id_len = reader_u16(&reader, "session_id_length");
	challenge_len = reader_u16(&reader, "challenge_length");
	tell_cipher_specs(tell, reader_take(&reader, specs_len, "cipher_specs"));
	tell_bytes(tell->emit, &reader, session_id_len, "session_id");
	tell_bytes(tell->emit, &reader, challenge_len, "challenge");
	reader_end(&reader, "hello");
	tell_fault(tell, &fault);
}
