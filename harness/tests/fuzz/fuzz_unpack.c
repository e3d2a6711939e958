/* Files packed with gzip and zstd, and what is broken in them. */
#include "tests/fuzz/fuzz.h"

#include "flow/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct unpacked unpacked = {0};
	struct error error = {0};
	char path[FUZZ_PATH_MAX];
	int fd = fuzz_file((struct bytes){data, size}, path);

	if (unpack(path, "fuzz", NULL, &unpacked, &error) == 0 && unpacked.bytes.data != NULL)
		CHECK(munmap((void *)unpacked.bytes.data, unpacked.bytes.len) == 0);
	close(fd);
	return 0;
}
