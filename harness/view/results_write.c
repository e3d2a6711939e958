#include "view/results.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"
#include "view/html.h"
#include "view/junit.h"
#include "view/markdown.h"

#include <pthread.h>
#include <signal.h>
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
	size_t i;

	json_object_del(head, "cells");
	buf_text(out, ",\n\"baseline\": ");
	json_put(out, head, JSON_COMPACT);
	out->len--; /* its closing brace comes behind the cells */
	buf_text(out, ", \"cells\": [");
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

/* The page takes longer than all the rest: it is made meanwhile. */
struct page {
	const json_t *results;
	const struct shelf *shelf;
	struct buf text;
	pthread_t maker; /* at work while `making` */
	bool making;
};

static void *make_page(void *argument)
{
	struct page *page = argument;

	html_render(&page->text, page->results, page->shelf);
	return NULL;
}

static void begin_page(struct page *page)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* they are for the caller's thread */
	page->making = pthread_create(&page->maker, NULL, make_page, page) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!page->making)
		make_page(page);
}

/* Writes it if all is well so far. */
static int end_page(struct page *page, const char *folder, int rc, struct error *error)
{
	if (page->making)
		pthread_join(page->maker, NULL);
	if (rc == 0)
		rc = write_file(folder, "index.html", &page->text, error);
	buf_fini(&page->text);
	return rc;
}

static int write_summary(const char *folder, const json_t *results, const struct shelf *shelf,
                         struct error *error)
{
	struct buf out = {0};

	markdown_render(&out, results, shelf);
	return write_file(folder, "summary.md", &out, error);
}

static int write_junit(const char *folder, const json_t *results, const struct shelf *shelf,
                       struct error *error)
{
	struct buf out = {0};

	junit_render(&out, results, shelf, folder);
	return write_file(folder, "junit.xml", &out, error);
}

int results_write(const char *folder, const json_t *results, const struct shelf *shelf,
                  struct error *error)
{
	struct page page = {.results = results, .shelf = shelf};
	char *path = file_join(folder, "results.json");
	int rc;

	begin_page(&page);
	rc = write_results(path, results, shelf, error);
	if (rc == 0)
		rc = write_summary(folder, results, shelf, error);
	if (rc == 0)
		rc = write_junit(folder, results, shelf, error);
	free(path);
	rc = end_page(&page, folder, rc, error);
	return rc != 0 ? rc : shelf_check(shelf, error);
}
