/*
 * Diagnosis rules: checked and compiled. They are not run, as what a rule says is a program, which
 * may take for ever by right.
 */
#include "tests/fuzz/fuzz.h"

#include "verdict/rules.h"

#include <errno.h>

/* A folder with the shipped prelude, for the life of the process. */
static const char *folder(void)
{
	static char *path;
	struct error error = {0};
	const char *root = file_data_root(&error);
	char *prelude, *link;

	if (path != NULL)
		return path;
	path = file_join(fuzz_folder(), "rules");
	CHECK(root != NULL && file_make_folder(path, &error) == 0);
	prelude = file_join(root, "harness/verdict/rules/prelude.jq");
	link = file_join(path, "prelude.jq");
	CHECK(symlink(prelude, link) == 0 || errno == EEXIST);
	free(prelude);
	free(link);
	return path;
}

static char *schema_path(void)
{
	struct error error = {0};

	return file_join(file_data_root(&error), "scenarios/schema/rules.schema.json");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rules *rules = NULL;
	struct error error = {0};
	char *path = file_join(folder(), "rule.json"), *schema = schema_path();
	int rc;

	CHECK(file_write(path, (struct bytes){data, size}, 0600, &error) == 0);
	rc = rules_load(&rules, folder(), schema, &error);
	CHECK(rc == 0 || rc == ERR_INPUT);
	if (rc == 0)
		json_decref(rules_ids(rules));
	rules_free(rules);
	free(path);
	free(schema);
	return 0;
}
