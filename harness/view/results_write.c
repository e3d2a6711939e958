#include "view/results.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"
#include "view/html.h"
#include "view/junit.h"
#include "view/markdown.h"

#include <stdlib.h>
#include <string.h>

/* --- results.json ----------------------------------------------------------------------------- */

static void put_member(struct buf *out, const char *key, const json_t *value, size_t flags)
{
	buf_printf(out, "\"%s\": ", key);
	json_put(out, value, flags | JSON_ENCODE_ANY);
	buf_text(out, ",\n");
}

static void put_cell(struct buf *out, const json_t *cell, const struct shelf *shelf,
                     bool is_first)
{
	buf_text(out, is_first ? "\n" : ",\n");
	shelf_put_text(shelf, cell, out);
}

/* The list, one line for each cell; each goes to the file as soon as it is whole. */
static int write_cells(struct file_draft *file, const json_t *cells, const struct shelf *shelf,
                       struct error *error)
{
	struct buf out = {0};
	const json_t *cell;
	size_t i;
	int rc = 0;

	buf_text(&out, "\"cells\": [");
	json_array_foreach(cells, i, cell) {
		put_cell(&out, cell, shelf, i == 0);
		rc = file_draft_add(file, buf_view(&out), error);
		buf_clear(&out);
		if (rc != 0)
			break;
	}
	buf_text(&out, "\n]");
	if (rc == 0)
		rc = file_draft_add(file, buf_view(&out), error);
	buf_fini(&out);
	return rc != 0 ? rc : shelf_check(shelf, error);
}

/* Behind the cells. */
static void put_baseline(struct buf *out, const json_t *baseline)
{
	json_t *head = json_made(json_copy((json_t *)baseline));
	const json_t *cell;
	char *text;
	size_t i;

	json_object_del(head, "cells");
	text = json_dumps(head, JSON_COMPACT);
	CHECK(text != NULL);
	buf_printf(out, ",\n\"baseline\": %.*s, \"cells\": [", (int)(strlen(text) - 1), text);
	free(text);
	json_array_foreach(json_object_get(baseline, "cells"), i, cell)
		put_cell(out, cell, NULL, i == 0);
	buf_text(out, "\n]}");
	json_decref(head);
}

/* Readable at its head. */
static void put_head(struct buf *out, const json_t *results)
{
	buf_text(out, "{\n");
	put_member(out, "format", json_object_get(results, "format"), 0);
	put_member(out, "run", json_object_get(results, "run"), JSON_INDENT(2));
	put_member(out, "boards", json_object_get(results, "boards"), JSON_INDENT(2));
}

static int write_results(const char *path, const json_t *results, const struct shelf *shelf,
                         struct error *error)
{
	struct file_draft file;
	struct buf head = {0}, rest = {0};
	int rc = file_draft_begin(&file, path, error);

	put_head(&head, results);
	if (json_object_get(results, "baseline") != NULL)
		put_baseline(&rest, json_object_get(results, "baseline"));
	buf_text(&rest, "\n}\n");
	if (rc == 0)
		rc = file_draft_add(&file, buf_view(&head), error);
	if (rc == 0)
		rc = write_cells(&file, json_object_get(results, "cells"), shelf, error);
	if (rc == 0)
		rc = file_draft_add(&file, buf_view(&rest), error);
	buf_fini(&head);
	buf_fini(&rest);
	return file_draft_end(&file, 0666, rc, error);
}

/* --- all of them ------------------------------------------------------------------------------ */

static int write_file(const char *folder, const char *name, struct buf *text, struct error *error)
{
	char *path = file_join(folder, name);
	int rc = file_write(path, buf_view(text), 0666, error);

	free(path);
	buf_fini(text);
	return rc;
}

int results_write(const char *folder, const json_t *results, const struct shelf *shelf,
                  struct error *error)
{
	static const struct {
		const char *name;
		void (*put)(struct buf *out, const json_t *results, const struct shelf *shelf);
	} reports[] = {
		{"summary.md", markdown_render},
		{"index.html", html_render},
	};
	char *path = file_join(folder, "results.json");
	int rc = write_results(path, results, shelf, error);
	struct buf out = {0};

	free(path);
	for (size_t i = 0; rc == 0 && i < sizeof(reports) / sizeof(reports[0]); i++) {
		reports[i].put(&out, results, shelf);
		rc = write_file(folder, reports[i].name, &out, error);
	}
	if (rc == 0) {
		junit_render(&out, results, shelf, folder);
		rc = write_file(folder, "junit.xml", &out, error);
	}
	return rc != 0 ? rc : shelf_check(shelf, error);
}
