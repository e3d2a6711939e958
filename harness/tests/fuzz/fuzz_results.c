/* Stored results: judged again, and told in every form. */
#include "tests/fuzz/fuzz.h"

#include "verdict/judge.h"
#include "verdict/witness.h"
#include "view/junit.h"
#include "view/markdown.h"
#include "view/results.h"
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

static void render(const json_t *results)
{
	struct terminal_options options = {.width = 80};
	struct buf text = {0};

	terminal_render(results, &options, &text);
	junit_render(&text, results, "reports/fuzz");
	markdown_render(&text, results);
	results_exit_status(results);
	buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error error = {0};
	char path[FUZZ_PATH_MAX];
	char *schema = file_join(file_data_root(&error), "scenarios/schema/results.schema.json");
	int fd = fuzz_file((struct bytes){data, size}, path);
	json_t *results = NULL;
	int rc = results_load(path, schema, &results, &error);

	CHECK(rc == 0 || rc == ERR_INPUT);
	if (rc == 0) {
		render(results);
		judge_all(results);
		render(results);
	}
	json_decref(results);
	free(schema);
	close(fd);
	return 0;
}
