/*
 * Journals of runs that were cut short: taken up, and closed, which makes the reports. Lines are
 * torn, doubled, in any order, of other runs; but a header, a board or a cell in them is one that
 * fits the schema: a journal is the run's own file, and nobody writes one by hand.
 */
#include "tests/fuzz/fuzz.h"

#include "base/json.h"
#include "base/schema.h"
#include "view/results.h"

#define TIME "2026-01-01T00:00:00.000Z"

static struct schema *schema;

static void load_schema(void)
{
	struct error error = {0};
	char *path = file_join(file_data_root(&error), "scenarios/schema/results.schema.json");

	CHECK(schema_load(&schema, path, &error) == 0);
	free(path);
}

/* Whether results with this header, board and cell, as far as they are there, fit the schema. */
static bool fits(const json_t *entry)
{
	json_t *header = json_object_get(entry, "header"), *board = json_object_get(entry, "board");
	json_t *cell = json_object_get(entry, "cell");
	json_t *results = json_made(json_pack("{s:s, s:{s:s, s:[], s:s, s:{}}, s:[], s:[]}",
	                                      "format", RESULTS_FORMAT, "run", "id", "x", "suites",
	                                      "started", TIME, "versions", "boards", "cells"));
	struct error error = {0};
	bool good;

	if (header != NULL)
		json_object_set_new(results, "run", json_deep_copy(json_object_get(header, "run")));
	json_object_set_new(json_object_get(results, "run"), "finished", json_string(TIME));
	json_object_set_new(json_object_get(results, "run"), "complete", json_false());
	if (header != NULL)
		json_object_set_new(results, "boards",
		                    json_deep_copy(json_object_get(header, "boards")));
	if (board != NULL)
		json_array_append(json_object_get(results, "boards"), board);
	if (cell != NULL)
		json_array_append(json_object_get(results, "cells"), cell);
	good = schema_check(schema, "journal", results, &error) == 0;
	json_decref(results);
	return good;
}

/* The lines that fit, and all that are no JSON. */
static void put_journal(const char *folder, struct reader *input)
{
	char *path = file_join(folder, "journal.jsonl");
	struct error error = {0};
	struct buf text = {0};

	while (reader_left(input) > 0) {
		struct bytes rest = reader_rest(input);
		const uint8_t *end = memchr(rest.data, '\n', rest.len);
		size_t len = end != NULL ? (size_t)(end - rest.data) + 1 : rest.len;
		struct bytes line = reader_bytes(input, len, "");
		json_t *entry = json_loadb((const char *)line.data, line.len, JSON_ALLOW_NUL, NULL);

		if (entry == NULL || fits(entry))
			buf_bytes(&text, line);
		json_decref(entry);
	}
	CHECK(file_write(path, buf_view(&text), 0600, &error) == 0);
	buf_fini(&text);
	free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *folder = fuzz_folder();
	struct fault fault;
	struct reader input = fuzz_reader(data, size, &fault);
	struct results *results;
	struct error error = {0};
	json_t *header = NULL;
	struct buf done = {0};
	int rc;

	if (schema == NULL)
		load_schema();
	put_journal(folder, &input);
	rc = results_resume(&results, folder, &header, &done, &error);
	CHECK(rc == 0 || rc == ERR_INPUT);
	if (rc == 0)
		rc = results_close(results, false, &error);
	CHECK(rc == 0 || rc == ERR_INPUT);
	json_decref(header);
	buf_fini(&done);
	return 0;
}
