#include "view/inspection.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

int inspection_init(struct inspection *inspection, const char *path, struct error *error)
{
	const char *root = file_data_root(error);
	char *schema;
	int rc;

	*inspection = (struct inspection){.path = path};
	if (root == NULL)
		return ERR_ENVIRONMENT;
	schema = file_join(root, "scenarios/schema/results.schema.json");
	rc = schema_load(&inspection->schema, schema, error);
	free(schema);
	return rc;
}

void inspection_fini(struct inspection *inspection)
{
	schema_free(inspection->schema);
	inspection->schema = NULL;
}

bool inspection_line(struct inspection *inspection, const json_t *entry)
{
	if (entry != NULL)
		return true;
	if (inspection->schema != NULL && inspection->n_left_out++ == 0)
		error_set(&inspection->first, ERR_INPUT, "%s, line %zu: is not JSON",
		          inspection->path, inspection->line);
	return false;
}

static bool is_sound(struct inspection *inspection, const json_t *entry, const char *key,
                     const char *definition)
{
	struct json_node node = {.value = json_object_get(entry, key)};
	struct error error = {0};
	char *file;
	int rc;

	if (inspection->schema == NULL || node.value == NULL)
		return json_is_object(node.value);
	CHECK(asprintf(&file, "%s, line %zu", inspection->path, inspection->line) > 0);
	node.file = file;
	snprintf(node.path, sizeof(node.path), "$.%s", key);
	rc = schema_check_part(inspection->schema, definition, &node, &error);
	free(file);
	if (rc != 0 && inspection->n_left_out++ == 0)
		inspection->first = error;
	return rc == 0;
}

bool inspection_cell(struct inspection *inspection, const json_t *entry)
{
	return is_sound(inspection, entry, "cell", "#/$defs/cell");
}

bool inspection_board(struct inspection *inspection, const json_t *entry)
{
	return is_sound(inspection, entry, "board", "#/$defs/board");
}

int inspection_frame(const struct inspection *inspection, json_t *frame, struct error *error)
{
	if (inspection->schema == NULL)
		return 0;
	return schema_check(inspection->schema, inspection->path, frame, error);
}

bool inspection_left_out(const struct inspection *inspection, char *text, size_t size)
{
	int n;

	if (inspection->n_left_out == 0)
		return false;
	n = snprintf(text, size, "A line that no run writes is left out: %s.",
	             inspection->first.text);
	if (inspection->n_left_out > 1 && n >= 0 && (size_t)n < size)
		snprintf(text + n, size - (size_t)n, " So are %zu more.",
		         inspection->n_left_out - 1);
	return true;
}
