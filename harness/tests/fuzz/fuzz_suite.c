/* Suite files. Of one that loads, the first and the last cases are made. */
#include "tests/fuzz/fuzz.h"

#include "scenario/suite.h"

#define CASES_MADE 20 /* at each end */

static void make_cases(const struct suite *suite)
{
	size_t n = suite_n_cases(suite);

	CHECK(n > 0);
	for (size_t i = 0; i < n && i < CASES_MADE; i++) {
		json_decref(suite_case(suite, i));
		json_decref(suite_case(suite, n - 1 - i));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct suite *suite = NULL;
	struct error error = {0};
	char path[FUZZ_PATH_MAX];
	int fd = fuzz_file((struct bytes){data, size}, path);
	int rc = suite_load(&suite, path, &error);

	CHECK(rc == 0 || rc == ERR_INPUT);
	if (rc == 0)
		make_cases(suite);
	suite_free(suite);
	close(fd);
	return 0;
}
