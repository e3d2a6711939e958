/*
 * Every golden capture cut at every byte, and with bits turned; every handshake message in them cut
 * at every byte, and with every bit turned. Each in a copy of just its size, for the sanitizers.
 *
 * Of a capture, the bytes up to TURNED_WHOLE have each of their bits turned: the file's and the first
 * packets' headers and the hellos. Of the bytes behind them, one bit in every TURNED_STRIDE.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "decode/handshake.h"
#include "decode/hello.h"
#include "decode/transcript_state.h"
#include "tests/flow/data.h"

#include <glob.h>

#define TURNED_WHOLE 500
#define TURNED_STRIDE 101 /* bits */
#define CUT_WHOLE 8192   /* captures up to this size are cut at every byte, others at fewer */
#define CUT_STRIDE 13

/* How many messages were told, and of how many connections. */
struct sum {
	size_t n_messages, n_connections;
};

static void tell(void *context, struct connection *connection)
{
	static struct buf text;
	static struct memo *memo; /* what was not damaged need not be read thousands of times */
	struct sum *sum = context;

	if (memo == NULL)
		memo = memo_new();
	data_emit(connection, EMIT_JSON, memo, &text);
	sum->n_messages += connection->transcript->n_entries;
	sum->n_connections++;
}

/* Shows `events` each connection of a capture file. What is no capture has none. */
static void track(struct bytes file, const struct tracker_events *events, void *context)
{
	struct keylog *keylog = keylog_new();
	struct tracker *tracker = tracker_new(TRACKER_DECODE, keylog, events, context);
	struct capture *capture = NULL;
	struct packet packet;
	struct error error = {0};

	if (capture_from_bytes(&capture, "part", file, &error) == 0) {
		capture_survey(capture, keylog);
		while (capture_next(capture, &packet))
			tracker_packet(tracker, &packet);
	}
	tracker_finish_all(tracker);
	tracker_free(tracker);
	keylog_free(keylog);
	capture_close(capture);
}

/* Decodes an exact-size copy of the bytes. */
static struct sum decode(struct bytes file)
{
	static const struct tracker_events telling = {.finished = tell};
	uint8_t *copy = malloc(file.len > 0 ? file.len : 1);
	struct sum sum = {0};

	memcpy(copy, file.data, file.len);
	track((struct bytes){copy, file.len}, &telling, &sum);
	free(copy);
	return sum;
}

/* Calls `check` with the bytes of each capture. */
static void each_capture(void (*check)(struct buf *file))
{
	char *patterns[] = {data_capture("*.pcap*"), data_capture("golden/*/in.pcap*")};
	glob_t found = {0};

	for (int i = 0; i < 2; i++) {
		assert_int_equal(glob(patterns[i], i == 0 ? 0 : GLOB_APPEND, NULL, &found), 0);
		free(patterns[i]);
	}
	assert_true(found.gl_pathc >= 9);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct buf file = {0};
		struct error error = {0};

		assert_int_equal(file_read(found.gl_pathv[i], 1 << 24, &file, &error), 0);
		check(&file);
		buf_fini(&file);
	}
	globfree(&found);
}

/* Of a file that goes on longer, no less is told. */
static void cut_everywhere(struct buf *file)
{
	struct sum before = {0};

	for (size_t len = 0; len <= file->len; len += file->len <= CUT_WHOLE ? 1 : CUT_STRIDE) {
		struct sum sum = decode((struct bytes){file->data, len});

		assert_true(sum.n_connections >= before.n_connections);
		assert_true(sum.n_messages >= before.n_messages);
		before = sum;
	}
	assert_true(before.n_messages > 0);
}

static void turn_bits(struct buf *file)
{
	size_t n_bits = file->len * 8, step;

	for (size_t bit = 0; bit < n_bits; bit += step) {
		step = bit < TURNED_WHOLE * 8 ? 1 : TURNED_STRIDE;
		file->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		decode(buf_view(file));
		file->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void a_capture_cut_at_any_byte_is_told_up_to_the_cut(void **state)
{
	(void)state;
	each_capture(cut_everywhere);
}

static void a_capture_with_any_bit_turned_is_told(void **state)
{
	(void)state;
	each_capture(turn_bits);
}

/* What tells a message of a type. */
static void (*teller(uint8_t type))(const struct tell *tell, struct bytes message)
{
	if (type == HANDSHAKE_client_hello)
		return client_hello_tell;
	if (type == HANDSHAKE_server_hello)
		return server_hello_tell;
	for (size_t i = 0; i < n_handshake_kinds; i++)
		if (handshake_kinds[i].type == type)
			return handshake_kinds[i].tell;
	return NULL;
}

static void tell_message(const struct transcript *transcript, const struct entry *entry,
                         struct bytes message)
{
	static struct buf text;
	struct faults faults = {0};
	struct emit emit;
	struct tell with = {.emit = &emit, .faults = &faults, .where = "message"};
	uint8_t *copy = malloc(message.len > 0 ? message.len : 1);

	memcpy(copy, message.data, message.len);
	with.from_server = entry->from_server;
	with.record_version = entry->record_version;
	with.version = transcript->version;
	with.cipher_suite = transcript->cipher_suite;
	buf_clear(&text);
	emit_init(&emit, &text, EMIT_JSON);
	emit_object(&emit, NULL);
	teller(entry->handshake_type)(&with, (struct bytes){copy, message.len});
	emit_close(&emit);
	faults_fini(&faults);
	free(copy);
}

static void damage_message(const struct transcript *transcript, const struct entry *entry)
{
	struct bytes message = entry_message(transcript, entry);
	struct buf turned = {0};

	buf_bytes(&turned, message);
	for (size_t len = 0; len <= message.len; len++)
		tell_message(transcript, entry, (struct bytes){message.data, len});
	for (size_t bit = 0; bit < message.len * 8; bit++) {
		turned.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		tell_message(transcript, entry, buf_view(&turned));
		turned.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	buf_fini(&turned);
}

static void damage_messages(void *context, struct connection *connection)
{
	const struct transcript *transcript = connection->transcript;
	uint64_t *types = context;

	for (size_t i = 0; i < transcript->n_entries; i++) {
		const struct entry *entry = &transcript->entries[i];

		if (entry->kept_len == 0 || teller(entry->handshake_type) == NULL)
			continue;
		damage_message(transcript, entry);
		if (entry->handshake_type < 64)
			*types |= UINT64_C(1) << entry->handshake_type;
	}
}

/* The types that the captures have had so far. */
static uint64_t types_seen;

static void damage_all_messages(struct buf *file)
{
	static const struct tracker_events damaging = {.finished = damage_messages};

	track(buf_view(file), &damaging, &types_seen);
}

static void every_message_is_told_cut_at_any_byte_and_with_any_bit_turned(void **state)
{
	static const uint8_t types[] = {
		HANDSHAKE_client_hello,       HANDSHAKE_server_hello,
		HANDSHAKE_new_session_ticket, HANDSHAKE_encrypted_extensions,
		HANDSHAKE_certificate,        HANDSHAKE_server_key_exchange,
		HANDSHAKE_certificate_request, HANDSHAKE_certificate_verify,
		HANDSHAKE_client_key_exchange, HANDSHAKE_finished,
	};

	(void)state;
	each_capture(damage_all_messages);
	for (size_t i = 0; i < sizeof(types); i++)
		if ((types_seen >> types[i] & 1) == 0)
			fail_msg("no capture has a message of type %u", types[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_capture_cut_at_any_byte_is_told_up_to_the_cut),
		cmocka_unit_test(a_capture_with_any_bit_turned_is_told),
		cmocka_unit_test(every_message_is_told_cut_at_any_byte_and_with_any_bit_turned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
