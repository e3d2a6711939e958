/*
 * Records that claim to be protected, under the keys of any cipher suite and version: what a MAC
 * does not cover, paddings and lengths.
 *
 * An input is a cipher suite, a version (2 bytes each), a byte of flags, then records: a byte (type
 * or, with bits 6 and 7, a gap or an update), a length (2 bytes), the body.
 */
#include "tests/fuzz/fuzz.h"

#include "decode/protection.h"

enum { FLAG_SERVER = 1, FLAG_ENCRYPT_THEN_MAC = 2, FLAG_SECRET_48 = 4, FLAG_NO_SECRET = 8 };
enum { STEP_GAP = 0x40, STEP_UPDATE = 0x80 };

static const uint8_t secret[48] = "a secret of forty-eight bytes, or less of it";

static struct protection *make(struct reader *input, uint16_t *version)
{
	struct protection_secrets secrets = {.client_random = secret, .server_random = secret + 16};
	uint8_t flags;

	secrets.cipher_suite = reader_u16(input, "");
	*version = secrets.version = reader_u16(input, "");
	flags = reader_u8(input, "");
	secrets.encrypt_then_mac = (flags & FLAG_ENCRYPT_THEN_MAC) != 0;
	if ((flags & FLAG_NO_SECRET) == 0)
		secrets.master_secret = (struct bytes){secret, sizeof(secret)};
	if (*version != 0x0304)
		return protection_tls12(&secrets, (flags & FLAG_SERVER) != 0);
	return protection_tls13(secrets.cipher_suite,
	                        (struct bytes){secret, (flags & FLAG_SECRET_48) != 0 ? 48 : 32});
}

static void try_record(struct protection *protection, struct reader *input, uint16_t version)
{
	struct record record = {.version = version};
	struct buf plain = {0}, header = {0};
	uint8_t step = reader_u8(input, ""), type;

	record.type = step & 0x3f;
	record.length = reader_u16(input, "");
	if ((step & STEP_GAP) != 0)
		protection_gap(protection);
	if ((step & STEP_UPDATE) != 0)
		protection_update(protection);
	record.body = fuzz_take(input, record.length);
	record.length = (uint16_t)record.body.len;
	buf_u8(&header, record.type);
	buf_u16(&header, record.version);
	buf_u16(&header, record.length);
	record.header = buf_view(&header);
	protection_open(protection, &record, &plain, &type);
	free((void *)record.body.data);
	buf_fini(&plain);
	buf_fini(&header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault fault;
	struct reader input = fuzz_reader(data, size, &fault);
	uint16_t version;
	struct protection *protection = make(&input, &version);

	while (protection != NULL && reader_left(&input) > 0)
		try_record(protection, &input, version);
	protection_free(protection);
	return 0;
}
