#include "view/html.h"

#include "base/assert.h"
#include "base/json.h"
#include "view/html_cell.h"
#include "view/html_summary.h"
#include "view/page.h"
#include "view/report.h"
#include "view/text.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* What the places of the page are filled from. */
struct document {
	const struct report *report;
	struct buf summary; /* JSON */
	struct buf details; /* the elements with the blocks */
	struct buf *out;
};

/* --- encodings -------------------------------------------------------------------------------- */

static void put_base64(struct buf *out, struct bytes bytes)
{
	uint8_t *at = buf_room(out, (bytes.len + 2) / 3 * 4 + 1);

	CHECK(at != NULL);
	buf_written(out, at + EVP_EncodeBlock(at, bytes.data, (int)bytes.len));
}

/* 'sha256-...' of a script or style, as the policy wants it. */
static void put_hash(struct buf *out, struct bytes text)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	CHECK(EVP_Digest(text.data, text.len, digest, &len, EVP_sha256(), NULL) == 1);
	buf_text(out, "'sha256-");
	put_base64(out, (struct bytes){digest, len});
	buf_char(out, '\'');
}

/* JSON inside a script element, which "<" could end. It stands in strings alone. */
static void put_json(struct buf *out, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(9));
	const char *at = text;

	CHECK(text != NULL);
	for (size_t n = strcspn(at, "<"); at[n] != '\0'; n = strcspn(at, "<")) {
		buf_add(out, at, n);
		buf_text(out, "\\u003c");
		at += n + 1;
	}
	buf_text(out, at);
	free(text);
}

/* --- the details ------------------------------------------------------------------------------ */

/* The element "block-N": what `block` holds, deflated. */
static void put_block(struct buf *out, size_t number, const struct buf *block)
{
	uLongf len = compressBound((uLong)block->len);
	uint8_t *deflated = malloc(len);

	CHECK(deflated != NULL);
	CHECK(compress2(deflated, &len, block->data, (uLong)block->len, Z_BEST_COMPRESSION) ==
	      Z_OK);
	buf_printf(out, "<script type=\"application/octet-stream\" id=\"block-%zu\">", number);
	put_base64(out, (struct bytes){deflated, len});
	buf_text(out, "</script>\n");
	free(deflated);
}

/* One line of JSON. */
static void put_line(struct buf *block, const json_t *value)
{
	json_put(block, value, JSON_COMPACT | JSON_REAL_PRECISION(9));
	buf_char(block, '\n');
}

/* Details on their way into blocks. */
struct packing {
	struct buf *out;
	struct buf block; /* lines: cells, at last what they share */
	struct html_sharing sharing;
	size_t n_blocks, n_lines;
};

static void close_block(struct packing *packing)
{
	if (packing->n_lines == 0)
		return;
	put_line(&packing->block, packing->sharing.values);
	put_block(packing->out, packing->n_blocks++, &packing->block);
	buf_clear(&packing->block);
	html_sharing_fini(&packing->sharing);
	html_sharing_init(&packing->sharing);
	packing->n_lines = 0;
}

static void pack_cell(struct packing *packing, const json_t *cell, const struct shelf *shelf,
                      json_t *places)
{
	json_t *details = html_cell(cell, shelf, &packing->sharing);

	put_line(&packing->block, details);
	json_object_set_new(places, json_text(cell, "id"),
	                    json_made(json_pack("[I, I, o*]", (json_int_t)packing->n_blocks,
	                                        (json_int_t)packing->n_lines++,
	                                        html_times(details))));
	json_decref(details);
	if (packing->block.len > HTML_BLOCK_MAX)
		close_block(packing);
}

/*
 * Board after board, as the cells of one board are alike and deflate well. `places` gets
 * {id: [block, line, times]} (html_summary.h).
 */
static void put_details(struct document *document, json_t *places)
{
	const struct report *report = document->report;
	struct packing packing = {.out = &document->details};

	html_sharing_init(&packing.sharing);
	for (size_t board = 0; board < report->n_boards; board++)
		for (size_t suite = 0; suite < report->n_suites; suite++)
			for (size_t i = 0; i < report->suites[suite].n_rows; i++) {
				const json_t *cell = report->suites[suite].rows[i].cells[board];

				if (cell != NULL)
					pack_cell(&packing, cell, report->shelf, places);
			}
	close_block(&packing);
	html_sharing_fini(&packing.sharing);
	buf_fini(&packing.block);
}

/* --- the page --------------------------------------------------------------------------------- */

static void put_policy(const struct document *document)
{
	buf_text(document->out, "default-src 'none'; script-src ");
	put_hash(document->out, page_js);
	buf_text(document->out, "; style-src ");
	put_hash(document->out, page_css);
	buf_text(document->out, "; base-uri 'none'; form-action 'none'");
}

static void put_title(const struct document *document)
{
	const struct report *report = document->report;

	for (size_t i = 0; i < report->n_suites; i++) {
		buf_text(document->out, i > 0 ? ", " : "");
		text_xml(document->out, report->suites[i].name);
	}
}

static void put_style(const struct document *document)
{
	buf_bytes(document->out, page_css);
}

static void put_script(const struct document *document)
{
	buf_bytes(document->out, page_js);
}

static void put_summary(const struct document *document)
{
	buf_bytes(document->out, buf_view(&document->summary));
}

static void put_blocks(const struct document *document)
{
	buf_bytes(document->out, buf_view(&document->details));
}

static const struct {
	const char *name;
	void (*put)(const struct document *document);
} places[] = {
	{"policy", put_policy},   {"title", put_title},   {"style", put_style},
	{"summary", put_summary}, {"details", put_blocks}, {"script", put_script},
};

static void fill(const struct document *document, const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (strlen(places[i].name) == len && memcmp(places[i].name, name, len) == 0)
			places[i].put(document);
}

/* The page's own text is ASCII without "@" but for its places. */
static void put_page(const struct document *document)
{
	const char *at = (const char *)page_html.data, *end = at + page_html.len;

	while (at < end) {
		const char *open = memchr(at, '@', (size_t)(end - at));
		const char *close = open != NULL ? memchr(open + 1, '@', (size_t)(end - open - 1))
		                                 : NULL;

		if (close == NULL)
			break;
		buf_add(document->out, at, (size_t)(open - at));
		fill(document, open + 1, (size_t)(close - open - 1));
		at = close + 1;
	}
	buf_add(document->out, at, (size_t)(end - at));
}

void html_render(struct buf *out, const json_t *results, const struct shelf *shelf)
{
	struct report report;
	struct document document = {.report = &report, .out = out};
	json_t *summary, *where = json_made(json_object());

	report_init(&report, results, shelf);
	put_details(&document, where);
	summary = html_summary(&report, where);
	put_json(&document.summary, summary);
	put_page(&document);
	json_decref(summary);
	json_decref(where);
	buf_fini(&document.summary);
	buf_fini(&document.details);
	report_fini(&report);
}
