#include "view/results.h"

#include "base/assert.h"
#include "base/json.h"
#include "base/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESULTS_KIND "shakedown.results/"
#define WHOLE_MAX ((size_t)4 << 30) /* bytes of a file that is read at once */
#define CELLS_BEGIN "\"cells\": [\n"

/* A results.json while it is read, line by line, as results_write makes it. */
struct reading {
	const char *path;
	const struct schema *schema;
	struct shelf *shelf;
	struct buf frame; /* all but the cells */
	json_t *cells;
	off_t offset; /* of the line that is read */
	struct error *error;
};

/* One cell, with or without a comma. ERR_ENVIRONMENT if it is not of that form. */
static int take_cell(struct reading *reading, const char *line, size_t len)
{
	struct json_node node = {.file = reading->path};
	int rc;

	while (len > 0 && strchr("\n,", line[len - 1]) != NULL)
		len--;
	node.value = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	if (!json_is_object(node.value)) {
		json_decref(node.value);
		return ERR_ENVIRONMENT;
	}
	snprintf(node.path, sizeof(node.path), "$.cells[%zu]", json_array_size(reading->cells));
	rc = schema_check_part(reading->schema, "#/$defs/cell", &node, reading->error);
	if (rc == 0)
		shelf_put(reading->shelf, node.value, reading->offset,
		          (struct bytes){(const uint8_t *)line, len});
	json_array_append_new(reading->cells, node.value);
	return rc;
}

/* The lines of cells, which "]" ends, are left out of the frame. */
static int take_lines(struct reading *reading, FILE *file)
{
	enum { BEFORE, CELLS, BEHIND } where = BEFORE;
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	int rc = 0;

	while (rc == 0 && (n = getline(&line, &size, file)) > 0) {
		if (where == CELLS && line[0] == ']')
			where = BEHIND;
		if (where == CELLS)
			rc = take_cell(reading, line, (size_t)n);
		else
			buf_add(&reading->frame, line, (size_t)n);
		if (where == BEFORE && strcmp(line, CELLS_BEGIN) == 0)
			where = CELLS;
		reading->offset += n;
	}
	free(line);
	return rc == 0 && where != BEHIND ? ERR_ENVIRONMENT : rc;
}

/* As schema_check; results of another version of Shakedown are called that. */
static int check_form(const struct schema *schema, const char *path, json_t *value,
                      struct error *error)
{
	const char *format = json_text(value, "format");

	if (strncmp(format, RESULTS_KIND, strlen(RESULTS_KIND)) == 0 &&
	    strcmp(format + strlen(RESULTS_KIND), "1") != 0)
		return error_set(error, ERR_INPUT,
		                 "%s has the format %s, and this version of Shakedown reads "
		                 "%s1: read it with the version that wrote it",
		                 path, format, RESULTS_KIND);
	return schema_check(schema, path, value, error);
}

/* ERR_ENVIRONMENT if the file is of another form, and has to be read as a whole. */
static int read_by_lines(struct reading *reading, json_t **results)
{
	FILE *file = fopen(reading->path, "re");
	json_t *frame = NULL;
	int rc = ERR_ENVIRONMENT;

	if (file == NULL)
		return rc;
	rc = shelf_open(reading->shelf, reading->path, NULL);
	if (rc == 0)
		rc = take_lines(reading, file);
	if (rc == 0) {
		frame = json_loadb(buf_string(&reading->frame), reading->frame.len,
		                   JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
		rc = json_array_size(json_object_get(frame, "cells")) > 0 || frame == NULL
		             ? ERR_ENVIRONMENT
		             : check_form(reading->schema, reading->path, frame,
		                          reading->error);
	}
	fclose(file);
	if (rc != 0) {
		json_decref(frame);
		return rc;
	}
	json_object_set(frame, "cells", reading->cells);
	*results = frame;
	return 0;
}

static int read_whole(const char *path, const struct schema *schema, json_t **results,
                      struct error *error)
{
	json_t *value = NULL;
	int rc = json_load_large(path, WHOLE_MAX, &value, error);

	if (rc == 0)
		rc = check_form(schema, path, value, error);
	if (rc == 0)
		*results = value;
	else
		json_decref(value);
	return rc;
}

int results_load(const char *path, const char *schema_path, struct shelf *shelf, json_t **results,
                 struct error *error)
{
	struct reading reading = {.path = path, .shelf = shelf, .error = error};
	struct schema *schema = NULL;
	int rc = schema_load(&schema, schema_path, error);

	if (rc != 0)
		return rc;
	rc = ERR_ENVIRONMENT;
	if (shelf != NULL) {
		reading.schema = schema;
		reading.cells = json_made(json_array());
		rc = read_by_lines(&reading, results);
		json_decref(reading.cells);
		buf_fini(&reading.frame);
	}
	if (rc == ERR_ENVIRONMENT)
		rc = read_whole(path, schema, results, error);
	schema_free(schema);
	return rc;
}
