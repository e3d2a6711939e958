/* Records of every suite that is known, sealed and opened again. */
#include "decode/protection.h"
#include "decode/suite.h"
#include "tests/decode/support.h"

#define N_RECORDS 3
#define VERSION_TLS_1_2 0x0303

static const uint8_t randoms[] = "thirty-two bytes of the client's, thirty-two bytes of the server";
static const uint8_t secret[] = "forty-eight bytes that only the two ends know of";

struct variant {
	uint16_t suite, version;
	bool encrypt_then_mac;
};

static struct protection *make(const struct variant *variant)
{
	const struct protection_secrets secrets = {
		.master_secret = {secret, MASTER_SECRET_LEN},
		.client_random = randoms,
		.server_random = randoms + 32,
		.version = variant->version,
		.cipher_suite = variant->suite,
		.encrypt_then_mac = variant->encrypt_then_mac,
	};
	bool sha384 = strcmp(suite_describe(variant->suite).hash, "SHA384") == 0;

	if (variant->version == 0x0304)
		return protection_tls13(variant->suite, (struct bytes){secret, sha384 ? 48 : 32});
	return protection_tls12(&secrets, true);
}

/* The record that lies at the beginning of `wire`, in pieces. */
static struct record record_in(const struct buf *wire)
{
	struct fault fault;
	struct reader reader;
	struct record record = {0};

	reader_init(&reader, wire->data, wire->len, &fault);
	record.type = reader_u8(&reader, "type");
	record.version = reader_u16(&reader, "version");
	record.length = reader_u16(&reader, "length");
	record.body = reader_rest(&reader);
	record.header = (struct bytes){wire->data, 5};
	assert_int_equal(record.body.len, record.length);
	return record;
}

/* One record there and back; what was changed on its way is not opened, and costs nothing. */
static void send(struct protection *sealing, struct protection *opening, size_t len)
{
	uint8_t text[100];
	struct bytes message = {text, len};
	struct buf wire = {0}, plain = {0};
	struct record record;
	uint8_t type;

	memset(text, 'a', sizeof(text));
	assert_true(
		protection_seal(sealing, CONTENT_handshake, VERSION_TLS_1_2, message, 7, &wire));
	record = record_in(&wire);
	wire.data[wire.len - 1] ^= 1;
	assert_false(protection_open(opening, &record, &plain, &type));
	wire.data[wire.len - 1] ^= 1;
	assert_true(protection_open(opening, &record, &plain, &type));
	assert_int_equal(type, CONTENT_handshake);
	assert_int_equal(plain.len, len);
	assert_memory_equal(plain.data, text, len);
	assert_true(protection_tag_len(sealing) > 0 && protection_tag_len(sealing) < wire.len);
	buf_fini(&wire);
	buf_fini(&plain);
}

static bool goes_through(const struct variant *variant)
{
	struct protection *sealing = make(variant), *opening = make(variant);
	bool had = sealing != NULL && opening != NULL;

	for (size_t i = 0; had && i < N_RECORDS; i++)
		send(sealing, opening, 15 * i + 1);
	protection_free(sealing);
	protection_free(opening);
	return had;
}

static void what_is_sealed_is_opened_under_every_suite_and_version(void **state)
{
	size_t n = 0;

	(void)state;
	for (uint32_t suite = 0; suite <= UINT16_MAX; suite++) {
		uint16_t first = suite >> 8 == 0x13 ? 0x0304 : 0x0301;
		uint16_t last = suite >> 8 == 0x13 ? 0x0304 : 0x0303;

		if (suite_describe((uint16_t)suite).cipher == NULL)
			continue;
		for (uint16_t version = first; version <= last; version++) {
			n += goes_through(&(struct variant){(uint16_t)suite, version, false});
			n += goes_through(&(struct variant){(uint16_t)suite, version, true});
		}
	}
	assert_true(n > 100); /* libcrypto may lack some of them */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sealed_is_opened_under_every_suite_and_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
