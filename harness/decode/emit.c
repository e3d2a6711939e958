#include "decode/emit.h"

#include "base/assert.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define INDENT 4     /* spaces of the text tree for each level */
#define LABEL_MAX 64 /* bytes of a label made from a key, with the final zero */
#define SHORT_MAX 256 /* bytes of formatted text, with the final zero */

struct label {
	const char *key;
	const char *label;
	const char *element;
};

static const struct label labels[] = {
#define ROW(key, label, element) {key, label, element},
#include "decode/labels.def"
#undef ROW
};

void emit_init(struct emit *emit, struct buf *out, enum emit_format format)
{
	*emit = (struct emit){.out = out, .format = format};
}

static const struct label *find_label(const char *key)
{
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (strcmp(labels[i].key, key) == 0)
			return &labels[i];
	return NULL;
}

/* "cipher_suite" -> "Cipher Suite". */
static const char *label_of(const char *key, char made[LABEL_MAX])
{
	const struct label *row = find_label(key);
	bool start = true;
	size_t i;

	if (row != NULL)
		return row->label;
	for (i = 0; key[i] != '\0' && i < LABEL_MAX - 1; i++) {
		made[i] = key[i];
		if (start && key[i] >= 'a' && key[i] <= 'z')
			made[i] = (char)(key[i] - 'a' + 'A');
		start = key[i] == '_';
		if (start)
			made[i] = ' ';
	}
	made[i] = '\0';
	return made;
}

/* What an element of the innermost list is called, unless its registry says it. */
static const char *element_label(const struct emit *emit, const char *otherwise)
{
	const char *key = emit->depth > 0 ? emit->levels[emit->depth - 1].key : NULL;
	const struct label *row = key != NULL ? find_label(key) : NULL;

	return row != NULL && row->element != NULL ? row->element : otherwise;
}

static void start_json(struct emit *emit, const char *key)
{
	size_t len = key != NULL ? strlen(key) : 0;
	uint8_t *at = buf_room(emit->out, len + 4);
	bool more = emit->more;

	emit->more = true;
	if (at == NULL)
		return;
	*at = ',';
	at += more;
	if (key != NULL) {
		*at++ = '"';
		memcpy(at, key, len);
		at += len;
		*at++ = '"';
		*at++ = ':';
	}
	buf_written(emit->out, at);
}

/* Ends in front of the value: `"key":` or, on a line of its own, `Label: `. */
static void start_value(struct emit *emit, const char *key, const char *element)
{
	char made[LABEL_MAX];

	if (emit->depth > 0)
		emit->levels[emit->depth - 1].n_elements++;
	if (emit->format == EMIT_JSON) {
		start_json(emit, key);
		return;
	}
	buf_printf(emit->out, "%*s%s: ", (int)emit->depth * INDENT, "",
	           key != NULL ? label_of(key, made) : element_label(emit, element));
}

static void end_value(struct emit *emit)
{
	if (emit->format == EMIT_TEXT)
		buf_char(emit->out, '\n');
}

static void push(struct emit *emit, char closer, const char *list_key)
{
	CHECK(emit->depth < EMIT_DEPTH_MAX);
	emit->levels[emit->depth++] =
		(struct emit_level){.closer = closer, .key = list_key, .head = emit->out->len};
	emit->more = false;
}

static void open_level(struct emit *emit, const char *key, char opener, char closer)
{
	char made[LABEL_MAX];

	if (emit->format == EMIT_JSON) {
		start_value(emit, key, NULL);
		buf_char(emit->out, opener);
	} else {
		buf_printf(emit->out, "%*s%s", (int)emit->depth * INDENT, "", label_of(key, made));
	}
	push(emit, closer, closer == ']' ? key : NULL);
	end_value(emit);
}

void emit_object(struct emit *emit, const char *key)
{
	if (key == NULL)
		emit_item(emit, "%s", element_label(emit, "Entry"));
	else
		open_level(emit, key, '{', '}');
}

void emit_list(struct emit *emit, const char *key)
{
	open_level(emit, key, '[', ']');
}

/* One element of a list: an opened object, or in the text tree a line of its own. */
static void start_element(struct emit *emit, const char *format, va_list arguments)
{
	char text[SHORT_MAX];

	if (emit->format == EMIT_JSON) {
		start_value(emit, NULL, NULL);
		buf_char(emit->out, '{');
		return;
	}
	if (emit->depth > 0)
		emit->levels[emit->depth - 1].n_elements++;
	vsnprintf(text, sizeof(text), format, arguments);
	buf_printf(emit->out, "%*s%s\n", (int)emit->depth * INDENT, "", text);
}

void emit_item(struct emit *emit, const char *heading, ...)
{
	va_list arguments;

	va_start(arguments, heading);
	start_element(emit, heading, arguments);
	va_end(arguments);
	push(emit, '}', NULL);
}

bool emit_line(struct emit *emit, const char *line, ...)
{
	va_list arguments;

	va_start(arguments, line);
	start_element(emit, line, arguments);
	va_end(arguments);
	if (emit->format == EMIT_JSON)
		push(emit, '}', NULL);
	return emit->format == EMIT_JSON;
}

/* Puts " (12)" at the end of the heading of the list that is closing. */
static void add_count(struct emit *emit, const struct emit_level *level)
{
	char count[24];
	size_t n = (size_t)snprintf(count, sizeof(count), " (%zu)", level->n_elements);
	uint8_t *head;

	if (!buf_reserve(emit->out, n))
		return;
	head = emit->out->data + level->head;
	memmove(head + n, head, emit->out->len - level->head);
	memcpy(head, count, n);
	emit->out->len += n;
	emit->out->data[emit->out->len] = '\0';
}

void emit_close(struct emit *emit)
{
	const struct emit_level *level;

	CHECK(emit->depth > 0);
	level = &emit->levels[--emit->depth];
	if (emit->format == EMIT_JSON)
		buf_char(emit->out, level->closer);
	else if (level->key != NULL)
		add_count(emit, level);
	emit->more = true;
}

/* A byte that cannot stand as it is. */
static void add_escape(struct emit *emit, uint8_t byte)
{
	if (emit->format == EMIT_TEXT)
		buf_printf(emit->out, "\\x%02x", byte);
	else if (byte == '"' || byte == '\\')
		buf_add(emit->out, (char[]){'\\', (char)byte}, 2);
	else
		buf_printf(emit->out, "\\u%04x", byte);
}

/* One character: as it is, or escaped. Returns the bytes that it took. */
static size_t add_character(struct emit *emit, const uint8_t *text, size_t len)
{
	size_t n = utf8_length(text, len);
	bool control =
		text[0] < 0x20 || text[0] == 0x7f || (n == 2 && text[0] == 0xc2 && text[1] < 0xa0);
	bool special =
		emit->format == EMIT_JSON ? text[0] == '"' || text[0] == '\\' : text[0] == '\\';

	if (n == 0 || special || (control && (n == 1 || emit->format == EMIT_TEXT))) {
		add_escape(emit, text[0]);
		return 1;
	}
	buf_add(emit->out, text, n);
	return n;
}

static void add_characters(struct emit *emit, struct bytes text)
{
	size_t plain = 0;

	for (size_t i = 0; i < text.len;) {
		uint8_t c = text.data[i];

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			i++;
			continue;
		}
		buf_add(emit->out, text.data + plain, i - plain);
		i += add_character(emit, text.data + i, text.len - i);
		plain = i;
	}
	buf_add(emit->out, text.data + plain, text.len - plain);
}

void emit_string(struct emit *emit, const char *key, struct bytes text)
{
	start_value(emit, key, "Entry");
	if (emit->format == EMIT_JSON)
		buf_char(emit->out, '"');
	if (text.len > 0)
		add_characters(emit, text);
	if (emit->format == EMIT_JSON)
		buf_char(emit->out, '"');
	end_value(emit);
}

void emit_text(struct emit *emit, const char *key, const char *text)
{
	emit_string(emit, key, (struct bytes){(const uint8_t *)text, strlen(text)});
}

void emit_printf(struct emit *emit, const char *key, const char *format, ...)
{
	char text[SHORT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	emit_text(emit, key, text);
}

void emit_uint(struct emit *emit, const char *key, uint64_t value)
{
	start_value(emit, key, "Entry");
	buf_decimal(emit->out, value);
	end_value(emit);
}

void emit_bool(struct emit *emit, const char *key, bool value)
{
	start_value(emit, key, "Entry");
	buf_text(emit->out, value ? "true" : "false");
	end_value(emit);
}

void emit_null(struct emit *emit, const char *key)
{
	start_value(emit, key, "Entry");
	buf_text(emit->out, emit->format == EMIT_JSON ? "null" : "unknown");
	end_value(emit);
}

void emit_hex(struct emit *emit, const char *key, struct bytes bytes)
{
	start_value(emit, key, "Entry");
	if (emit->format == EMIT_JSON)
		buf_char(emit->out, '"');
	buf_hex(emit->out, bytes);
	if (bytes.len == 0 && emit->format == EMIT_TEXT)
		buf_text(emit->out, "(empty)");
	if (emit->format == EMIT_JSON)
		buf_char(emit->out, '"');
	end_value(emit);
}

void emit_ms(struct emit *emit, const char *key, uint64_t t_ns, uint64_t t0_ns)
{
	uint64_t us = t_ns > t0_ns ? (t_ns - t0_ns) / 1000 : 0;
	char fraction[] = {'.', (char)('0' + us / 100 % 10), (char)('0' + us / 10 % 10),
	                   (char)('0' + us % 10)};

	start_value(emit, key, "Entry");
	buf_decimal(emit->out, us / 1000);
	buf_add(emit->out, fraction, sizeof(fraction));
	end_value(emit);
}

void emit_name(struct emit *emit, const char *key, enum registry registry, uint32_t value)
{
	const char *name = registry_name(registry, value);
	int digits = (int)registry_width(registry) * 2;
	char label[REGISTRY_LABEL_MAX];

	start_value(emit, key, registry_title(registry));
	if (emit->format == EMIT_JSON) {
		buf_char(emit->out, '"');
		buf_text(emit->out, name != NULL ? name : registry_label(registry, value, label));
		buf_char(emit->out, '"');
		return;
	}
	if (name == NULL)
		name = registry_is_grease(registry, value) ? "GREASE" : "Unknown";
	if (registry_in_hex(registry))
		buf_printf(emit->out, "%s (0x%0*x)\n", name, digits, value);
	else
		buf_printf(emit->out, "%s (%u)\n", name, value);
}

void emit_number(struct emit *emit, const char *key, uint32_t value)
{
	if (emit->format == EMIT_JSON)
		emit_uint(emit, key, value);
}

/* In the text tree, what an element of a list of names is called depends on the list. */
static bool can_remember(const struct emit *emit, uint64_t tag)
{
	return emit->memo != NULL && (emit->format == EMIT_JSON || tag >> 56 != EMIT_TAG_NAMES);
}

/* In the text tree, how far a line is indented depends on its depth. */
static uint64_t tag_here(const struct emit *emit, uint64_t tag)
{
	return emit->format == EMIT_JSON ? tag : tag ^ (uint64_t)emit->depth << 48;
}

bool emit_again(struct emit *emit, struct emit_run *run, uint64_t tag, struct bytes key)
{
	bool comma = emit->format == EMIT_JSON && emit->more;
	struct bytes value;

	*run = (struct emit_run){tag, key, emit->out->len + comma};
	if (!can_remember(emit, tag) || !memo_find(emit->memo, tag_here(emit, tag), key, &value))
		return false;
	if (comma)
		buf_char(emit->out, ',');
	buf_bytes(emit->out, value);
	emit->more = true;
	if (emit->depth > 0)
		emit->levels[emit->depth - 1].n_elements++;
	return true;
}

void emit_remember(struct emit *emit, const struct emit_run *run)
{
	if (can_remember(emit, run->tag) && emit->out->len > run->start)
		memo_add(emit->memo, tag_here(emit, run->tag), run->key,
		         (struct bytes){emit->out->data + run->start,
		                        emit->out->len - run->start});
}
