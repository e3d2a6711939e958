/*
 * What a server makes of a client's bytes beside libssl: an application's requests, in chunks; and
 * the hellos and the answer to a fault, in the stream as it came. An input is an application (1
 * byte), the size of chunks (1), how much of the stream came before the fault (2), and the bytes.
 */
#include "tests/fuzz/fuzz.h"

#include "peer/application.h"
#include "peer/fault_client.h"

#define PAGE 100

static void take_requests(int kind, size_t chunk, struct bytes bytes)
{
	struct conduct conduct = {.application = kind, .page_size = PAGE};
	struct application application;
	struct buf out = {0};
	struct fault fault;
	struct reader input = fuzz_reader(bytes.data, bytes.len, &fault);

	application_init(&application, &conduct);
	while (reader_left(&input) > 0) {
		struct bytes piece = fuzz_take(&input, chunk);

		application_take(&application, piece, &out);
		free((void *)piece.data);
		CHECK(application.held.len <= APPLICATION_HELD_MAX + chunk);
	}
	application_fini(&application);
	buf_fini(&out);
}

static void read_stream(size_t n_before, struct bytes stream)
{
	struct keylog *keylog = keylog_new();
	struct client_hellos hellos = {0};
	struct client_answer answer;

	client_hellos_read(&hellos, stream);
	for (size_t i = 0; i < hellos.n; i++)
		client_offers(buf_view(&hellos.messages[i]), 0x0304);
	client_answer_read(&answer, stream, n_before < stream.len ? n_before : stream.len,
	                   buf_view(&hellos.messages[1]), keylog);
	client_hellos_fini(&hellos);
	keylog_free(keylog);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault fault;
	struct reader input = fuzz_reader(data, size, &fault);
	int kind = reader_u8(&input, "") % 4;
	size_t chunk = 1 + (size_t)reader_u8(&input, "");
	size_t n_before = reader_u16(&input, "");
	struct bytes stream = fuzz_take(&input, size);

	take_requests(kind, chunk, stream);
	read_stream(n_before, stream);
	free((void *)stream.data);
	return 0;
}
