/* Stored results: judged again, compared, and told in every form. */
#include "tests/fuzz/fuzz.h"

#include "verdict/accept.h"
#include "verdict/baseline.h"
#include "verdict/judge.h"
#include "verdict/witness.h"
#include "view/annotations.h"
#include "view/html.h"
#include "view/junit.h"
#include "view/markdown.h"
#include "view/merge.h"
#include "view/protocol.h"
#include "view/results.h"
#include "view/show.h"
#include "view/terminal.h"

static void judge_all(json_t *results)
{
	size_t i;
	json_t *cell;

	json_array_foreach(json_object_get(results, "cells"), i, cell) {
		judge_cell(cell, json_array_get(json_object_get(results, "boards"), 0));
		json_decref(witness_statements(cell));
	}
}

static void render(const json_t *results, const struct shelf *shelf)
{
	struct terminal_options options = {.width = 80};
	const json_t *cell = json_array_get(json_object_get(results, "cells"), 0);
	struct buf text = {0};

	if (cell != NULL) {
		json_t *whole = shelf_whole(shelf, cell);

		show_cell(results, whole, "reports/fuzz", &options, &text);
		json_decref(whole);
	}
	annotations_render(&text, results);
	protocol_render(&text, results, shelf);
	html_render(&text, results, shelf);
	terminal_render(results, shelf, &options, &text);
	junit_render(&text, results, shelf, "reports/fuzz");
	markdown_render(&text, results, shelf);
	results_exit_status(results);
	buf_fini(&text);
}

/* Against what they were before they were judged again, and as the only shard. */
static void compare(json_t *base, json_t *results)
{
	struct merge_part part = {"reports/fuzz", results};
	json_t *merged = NULL;
	struct error error = {0};
	int rc = merge_results(&part, 1, NULL, "merged", &merged, &error);

	CHECK(rc == 0 || rc == ERR_INPUT);
	json_decref(merged);
	json_decref(accept_entries(results));
	json_object_set_new(results, "baseline", baseline_compare(base, results));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error error = {0};
	char path[FUZZ_PATH_MAX];
	char *schema = file_join(file_data_root(&error), "scenarios/schema/results.schema.json");
	int fd = fuzz_file((struct bytes){data, size}, path);
	struct shelf *shelf = shelf_new();
	json_t *results = NULL, *base;
	int rc = results_load(path, schema, NULL, &results, &error);

	CHECK(rc == 0 || rc == ERR_INPUT);
	if (rc == 0) {
		base = json_deep_copy(results);
		judge_all(results);
		compare(base, results);
		render(results, NULL);
		render(base, NULL);
		json_decref(base);
	}
	json_decref(results);
	results = NULL;
	CHECK(results_load(path, schema, shelf, &results, &error) == rc);
	if (rc == 0)
		render(results, shelf);
	json_decref(results);
	shelf_free(shelf);
	free(schema);
	close(fd);
	return 0;
}
