/* Whole capture files: told in both forms, and the connections with TLS written to another one. */
#include "tests/fuzz/fuzz.h"

#include "flow/capture.h"
#include "flow/decode_file.h"
#include "flow/unpack.h"

static void decode(const struct decode_request *request)
{
	struct error error = {0};

	decode_file(request, fuzz_nowhere(), fuzz_nowhere(), &error);
}

/* What was picked is a whole capture again. */
static void write_and_read(const char *path)
{
	char *picked = file_join(fuzz_folder(), "picked.pcapng");
	struct decode_request request = {.path = path, .format = EMIT_JSON, .write = picked};
	struct capture *capture = NULL;
	struct packet packet;
	struct error error = {0};

	decode(&request);
	if (capture_open(&capture, picked, &error) == 0) {
		while (capture_next(capture, &packet))
			;
		CHECK(capture_end(capture, &error) == 0);
		capture_close(capture);
	}
	unlink(picked);
	free(picked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[FUZZ_PATH_MAX];
	int fd = fuzz_file((struct bytes){data, size}, path);

	/* Packed ones have a target of their own. */
	if (!unpack_is_packed(path)) {
		decode(&(struct decode_request){.path = path, .format = EMIT_TEXT});
		decode(&(struct decode_request){
			.path = path, .fields = "client.address,certificates.chain.names"});
		write_and_read(path);
	}
	close(fd);
	return 0;
}
