#include "view/text.h"

#include <stdbool.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

struct point {
	uint32_t value;
	size_t len; /* bytes; at least 1 */
	bool valid;
};

/* The code point at `at`, which is not the end. RFC 3629. */
static struct point point_at(const char *at)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *p = (const unsigned char *)at;
	size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	struct point point = {.value = p[0], .len = 1, .valid = p[0] < 0x80};

	if (len == 1 || p[0] < 0xc2 || p[0] > 0xf4)
		return point;
	point.value = p[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return (struct point){.value = p[0], .len = 1};
		point.value = point.value << 6 | (p[i] & 0x3f);
	}
	point.len = len;
	point.valid = point.value >= least[len] && point.value <= 0x10ffff &&
	              (point.value < 0xd800 || point.value > 0xdfff);
	return point;
}

/* Controls, and what is not seen or changes how its neighbours are seen. */
static bool is_unsafe(uint32_t value)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},
		{0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
		{0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff},
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (value >= ranges[i].first && value <= ranges[i].last)
			return true;
	return false;
}

static bool is_space(uint32_t value)
{
	return value == ' ' || value == '\t' || value == '\n' || value == '\r';
}

void text_clean(struct buf *out, const char *text, enum text_charset charset)
{
	bool spaced = false;

	while (*text != '\0') {
		struct point point = point_at(text);

		if (is_space(point.value) && point.value != ' ') {
			if (!spaced)
				buf_char(out, ' ');
		} else if (!point.valid || is_unsafe(point.value)) {
			buf_printf(out, "<%02x>", point.value);
		} else if (charset == TEXT_ASCII && point.value > 0x7f) {
			buf_char(out, '?');
		} else {
			buf_add(out, text, point.len);
		}
		spaced = is_space(point.value);
		text += point.len;
	}
}

/* XML 1.0, production 2: what a document may hold; less the C1 controls. */
static bool is_xml(const struct point *point)
{
	if (!point->valid || (point->value >= 0x7f && point->value <= 0x9f))
		return false;
	if (point->value < 0x20)
		return is_space(point->value);
	return point->value != 0xfffe && point->value != 0xffff;
}

static const char *xml_entity(uint32_t value)
{
	switch (value) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	default:
		return NULL;
	}
}

void text_xml(struct buf *out, const char *text)
{
	while (*text != '\0') {
		struct point point = point_at(text);
		const char *entity = xml_entity(point.value);

		if (!is_xml(&point))
			buf_text(out, REPLACEMENT);
		else if (entity != NULL)
			buf_text(out, entity);
		else
			buf_add(out, text, point.len);
		text += point.len;
	}
}

void text_markdown(struct buf *out, const char *text)
{
	struct buf clean = {0};

	text_clean(&clean, text, TEXT_UTF8);
	for (const char *at = buf_string(&clean); *at != '\0'; at++) {
		if (*at == '<' || *at == '>' || *at == '&') {
			buf_text(out, xml_entity((unsigned char)*at));
			continue;
		}
		if (strchr("\\`*_[]|#~@", *at) != NULL)
			buf_char(out, '\\');
		buf_char(out, *at);
	}
	buf_fini(&clean);
}

const char *text_line(const char **rest, size_t *len)
{
	const char *line = *rest;

	if (line[0] == '\0')
		return NULL;
	*len = strcspn(line, "\n");
	*rest = line + *len + (line[*len] == '\n');
	return line;
}

size_t text_width(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; n++)
		text += point_at(text).len;
	return n;
}

/* The place `n` code points on. */
static const char *skip(const char *text, size_t n)
{
	for (; n > 0 && *text != '\0'; n--)
		text += point_at(text).len;
	return text;
}

void text_column(struct buf *out, const char *text, size_t width, enum text_charset charset)
{
	size_t have = text_width(text);
	size_t dots = charset == TEXT_UTF8 ? 1 : 3;

	if (have <= width) {
		buf_printf(out, "%s%*s", text, (int)(width - have), "");
		return;
	}
	if (width > dots) {
		size_t tail = (width - dots) / 2, head = width - dots - tail;

		buf_add(out, text, (size_t)(skip(text, head) - text));
		buf_text(out, charset == TEXT_UTF8 ? "…" : "...");
		buf_text(out, skip(text, have - tail));
		return;
	}
	buf_add(out, text, (size_t)(skip(text, width) - text));
}

void text_wrap(struct buf *out, const char *text, size_t indent, size_t width)
{
	size_t at = indent;
	bool first = true;

	while (*(text += strspn(text, " ")) != '\0') {
		size_t len = strcspn(text, " ");
		size_t columns = 0;

		for (const char *p = text; p < text + len; p += point_at(p).len)
			columns++;
		if (!first && at + 1 + columns > width) {
			buf_printf(out, "\n%*s", (int)indent, "");
			at = indent;
			first = true;
		}
		buf_text(out, first ? "" : " ");
		buf_add(out, text, len);
		at += columns + (first ? 0 : 1);
		first = false;
		text += len;
	}
	buf_char(out, '\n');
}
