/* Known failures: known.json, held against cells that its patterns may name. */
#include "tests/fuzz/fuzz.h"

#include "base/json.h"
#include "verdict/known.h"

static json_t *cell_that(const char *outcome, const char *reason)
{
	return json_made(json_pack("{s:s, s:s, s:s, s:s, s:{s:s}}", "id",
	                           "story/a-case/1.3/board", "outcome", outcome, "reason", reason,
	                           "detail", "It failed.", "alert", "description",
	                           "handshake_failure"));
}

static void apply(struct known *known)
{
	static const char *const words[][2] = {
		{"pass", ""}, {"fail", "not-offered"}, {"fail", "unsafe"}, {"inconclusive", "silent"}};
	json_t *board = json_made(
		json_pack("{s:s, s:s}", "name", "board", "stack_version", "2.28.3"));
	json_t *suites = json_made(json_pack("[s]", "story"));
	json_t *boards = json_made(json_pack("[O]", board));

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		json_t *cell = cell_that(words[i][0], words[i][1]);

		known_apply(known, cell, board);
		CHECK(json_text(cell, "outcome")[0] != '\0');
		json_decref(cell);
	}
	json_decref(known_stale(known, suites, boards));
	json_decref(suites);
	json_decref(boards);
	json_decref(board);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct known *known = NULL;
	struct error error = {0};
	char path[FUZZ_PATH_MAX];
	char *schema = file_join(file_data_root(&error), "scenarios/schema/known.schema.json");
	int fd = fuzz_file((struct bytes){data, size}, path);
	int rc = known_load(&known, path, schema, &error);

	CHECK(rc == 0 || rc == ERR_INPUT);
	if (rc == 0)
		apply(known);
	if (rc == 0)
		known_free(known);
	free(schema);
	close(fd);
	return 0;
}
