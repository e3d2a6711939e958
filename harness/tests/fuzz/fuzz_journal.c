/* Journals of runs that were cut short: taken up, and closed, which makes the reports. */
#include "tests/fuzz/fuzz.h"

#include "view/results.h"

static void put_journal(const char *folder, struct bytes content)
{
	char *path = file_join(folder, "journal.jsonl");
	struct error error = {0};

	CHECK(file_write(path, content, 0600, &error) == 0);
	free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *folder = fuzz_folder();
	struct results *results;
	struct error error = {0};
	json_t *header = NULL;
	struct buf done = {0};
	int rc;

	put_journal(folder, (struct bytes){data, size});
	rc = results_resume(&results, folder, &header, &done, &error);
	CHECK(rc == 0 || rc == ERR_INPUT);
	if (rc == 0)
		rc = results_close(results, false, NULL, NULL, NULL, &error);
	CHECK(rc == 0 || rc == ERR_INPUT);
	json_decref(header);
	buf_fini(&done);
	return 0;
}
