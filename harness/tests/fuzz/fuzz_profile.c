/* Profiles of boards. */
#include "tests/fuzz/fuzz.h"

#include "scenario/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct profile profile;
	struct error error = {0};
	char path[FUZZ_PATH_MAX];
	int fd = fuzz_file((struct bytes){data, size}, path);
	int rc = profile_load(&profile, path, &error);

	CHECK(rc == 0 || rc == ERR_INPUT);
	if (rc == 0) {
		CHECK(profile_name(&profile)[0] != '\0');
		profile_fini(&profile);
	}
	close(fd);
	return 0;
}
