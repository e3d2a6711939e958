/*
 * Each handshake message alone, in every setting: a byte for what is read, one for its direction,
 * versions of the record and of the connection, the cipher suite (2 bytes each), the message with
 * its header.
 */
#include "tests/fuzz/fuzz.h"

#include "decode/handshake.h"
#include "decode/hello.h"

struct subject {
	struct tell tell;
	struct bytes message;
	void (*read)(const struct tell *tell, struct bytes message);
};

static void tell(struct emit *emit, const void *context)
{
	const struct subject *subject = context;
	struct tell with = subject->tell;

	with.emit = emit;
	subject->read(&with, subject->message);
}

static void choose(struct subject *subject, uint8_t kind)
{
	static void (*const hellos[])(const struct tell *tell, struct bytes message) = {
		client_hello_tell, server_hello_tell, sslv2_hello_tell};
	size_t n_hellos = sizeof(hellos) / sizeof(hellos[0]);
	size_t i = kind % (n_hellos + n_handshake_kinds);

	subject->read = i < n_hellos ? hellos[i] : handshake_kinds[i - n_hellos].tell;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct faults faults = {0};
	struct subject subject = {.tell = {.faults = &faults, .where = "fuzz"}};
	struct fault fault;
	struct reader input = fuzz_reader(data, size, &fault);
	uint16_t group, signature_algorithm;

	choose(&subject, reader_u8(&input, ""));
	subject.tell.from_server = (reader_u8(&input, "") & 1) != 0;
	subject.tell.record_version = reader_u16(&input, "");
	subject.tell.version = reader_u16(&input, "");
	subject.tell.cipher_suite = reader_u16(&input, "");
	subject.message = fuzz_take(&input, SIZE_MAX);
	fuzz_tell(tell, &subject);
	server_key_exchange_read(subject.message, subject.tell.version, subject.tell.cipher_suite,
	                         &group, &signature_algorithm);
	certificate_verify_read(subject.message, subject.tell.version);
	free((void *)subject.message.data);
	faults_fini(&faults);
	return 0;
}
