/* Lab files. */
#include "tests/fuzz/fuzz.h"

#include "scenario/lab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lab lab;
	struct error error = {0};
	char path[FUZZ_PATH_MAX];
	int fd = fuzz_file((struct bytes){data, size}, path);
	int rc = lab_load(&lab, path, &error);

	CHECK(rc == 0 || rc == ERR_INPUT);
	for (size_t i = 0; rc == 0 && i < lab.n_profiles; i++)
		CHECK(lab_find(&lab, profile_name(&lab.profiles[i]), &error) == &lab.profiles[i]);
	if (rc == 0)
		lab_fini(&lab);
	close(fd);
	return 0;
}
