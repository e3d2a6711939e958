#include "decode/emit.h"

#include "base/assert.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
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

static int by_key(const void *key, const void *label)
{
	return strcmp(key, ((const struct label *)label)->key);
}

static const struct label *find_label(const char *key)
{
	return bsearch(key, labels, sizeof(labels) / sizeof(labels[0]), sizeof(labels[0]), by_key);
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

/* Text: the spaces that a line of this depth begins with. */
static void add_indent(struct emit *emit)
{
	size_t n = (size_t)emit->depth * INDENT;
	uint8_t *at = buf_room(emit->out, n);

	if (at == NULL)
		return;
	memset(at, ' ', n);
	buf_written(emit->out, at + n);
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
	add_indent(emit);
	buf_text(emit->out, key != NULL ? label_of(key, made) : element_label(emit, element));
	buf_text(emit->out, ": ");
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
		add_indent(emit);
		buf_text(emit->out, label_of(key, made));
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
	add_indent(emit);
	vsnprintf(text, sizeof(text), format, arguments);
	buf_text(emit->out, text);
	buf_char(emit->out, '\n');
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

/* What stands from `from` on has moved by `n` bytes. */
static void move_slots(struct emit_slots *slots, size_t from, size_t n)
{
	for (size_t i = 0; slots != NULL && i < slots->n_told; i++) {
		if (slots->slots[i].at < from)
			continue;
		slots->slots[i].at += n;
		slots->slots[i].end += n;
	}
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
	move_slots(emit->slots, level->head, n);
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

/* Nonzero if one of eight characters is not of ASCII, a control character, '"' or '\\'. */
static uint64_t odd_in(uint64_t eight)
{
	const uint64_t ones = UINT64_MAX / 255, tops = ones * 0x80;
	uint64_t quote = eight ^ ones * '"', backslash = eight ^ ones * '\\';

	/* A top bit is set by what is below the number that is taken away, or was set before. */
	return (eight | (eight - ones * 0x20) | (eight + ones) | (quote - ones) |
	        (backslash - ones)) &
	       tops;
}

/* Behind the characters from `i` on that stand as they are, looked at in eights. */
static size_t skip_plain(struct bytes text, size_t i)
{
	uint64_t eight;

	for (; text.len - i >= sizeof(eight); i += sizeof(eight)) {
		memcpy(&eight, text.data + i, sizeof(eight));
		if (odd_in(eight) != 0)
			break;
	}
	return i;
}

static void add_characters(struct emit *emit, struct bytes text)
{
	size_t plain = 0;

	for (size_t i = skip_plain(text, 0); i < text.len;) {
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

static void add_ms(struct buf *out, uint64_t t_ns, uint64_t t0_ns)
{
	uint64_t us = t_ns > t0_ns ? (t_ns - t0_ns) / 1000 : 0;
	char fraction[] = {'.', (char)('0' + us / 100 % 10), (char)('0' + us / 10 % 10),
	                   (char)('0' + us % 10)};

	buf_decimal(out, us / 1000);
	buf_add(out, fraction, sizeof(fraction));
}

static void add_slot(struct buf *out, const struct emit_slot *slot)
{
	switch (slot->kind) {
	case EMIT_SLOT_HEX:
		buf_hex(out, slot->hex);
		break;
	case EMIT_SLOT_MS:
		add_ms(out, slot->value, slot->t0_ns);
		break;
	case EMIT_SLOT_UINT:
		buf_decimal(out, slot->value);
		break;
	}
}

/* Tells what may stand in a slot, and notes where, if it is what the next one holds. */
static void tell_slot(struct emit *emit, const struct emit_slot *told)
{
	struct emit_slots *slots = emit->slots;
	size_t at = emit->out->len;
	struct emit_slot *next;

	add_slot(emit->out, told);
	if (slots == NULL || slots->n_told == slots->n)
		return;
	next = &slots->slots[slots->n_told];
	if (next->kind != told->kind || next->hex.data != told->hex.data ||
	    next->hex.len != told->hex.len || next->value != told->value)
		return;
	next->at = at;
	next->end = emit->out->len;
	slots->n_told++;
}

void emit_uint(struct emit *emit, const char *key, uint64_t value)
{
	start_value(emit, key, "Entry");
	tell_slot(emit, &(struct emit_slot){EMIT_SLOT_UINT, .value = value});
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
	if (bytes.len > 0)
		tell_slot(emit, &(struct emit_slot){EMIT_SLOT_HEX, .hex = bytes});
	if (bytes.len == 0 && emit->format == EMIT_TEXT)
		buf_text(emit->out, "(empty)");
	if (emit->format == EMIT_JSON)
		buf_char(emit->out, '"');
	end_value(emit);
}

void emit_ms(struct emit *emit, const char *key, uint64_t t_ns, uint64_t t0_ns)
{
	start_value(emit, key, "Entry");
	tell_slot(emit, &(struct emit_slot){EMIT_SLOT_MS, .value = t_ns, .t0_ns = t0_ns});
	end_value(emit);
}

/* Text: " (0x1301)" or " (40)". */
static void add_number(struct emit *emit, enum registry registry, uint32_t value)
{
	uint8_t bytes[] = {(uint8_t)(value >> 8), (uint8_t)value};
	size_t width = registry_width(registry);

	if (!registry_in_hex(registry)) {
		buf_text(emit->out, " (");
		buf_decimal(emit->out, value);
	} else {
		buf_text(emit->out, " (0x");
		if (value > UINT16_MAX)
			buf_printf(emit->out, "%x", value);
		else
			buf_hex(emit->out, (struct bytes){bytes + sizeof(bytes) - width, width});
	}
	buf_char(emit->out, ')');
}

void emit_name(struct emit *emit, const char *key, enum registry registry, uint32_t value)
{
	const char *name = registry_name(registry, value);
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
	buf_text(emit->out, name);
	add_number(emit, registry, value);
	buf_char(emit->out, '\n');
}

void emit_number(struct emit *emit, const char *key, uint32_t value)
{
	if (emit->format == EMIT_JSON)
		emit_uint(emit, key, value);
}

/* Takes the next slot: an empty one, or NULL if there is no room. */
static struct emit_slot *take_slot(struct emit_slots *slots, enum emit_slot_kind kind)
{
	struct emit_slot *slot = NULL;

	if (slots->n < EMIT_SLOTS_MAX) {
		slot = &slots->slots[slots->n];
		slot->kind = kind;
		slot->hex.data = NULL;
		slot->hex.len = 0;
		slot->value = 0;
	}
	slots->n++;
	return slot;
}

void emit_slots_hex(struct emit_slots *slots, struct bytes bytes)
{
	struct emit_slot *slot = bytes.len > 0 ? take_slot(slots, EMIT_SLOT_HEX) : NULL;

	if (slot != NULL)
		slot->hex = bytes;
}

void emit_slots_ms(struct emit_slots *slots, uint64_t t_ns, uint64_t t0_ns)
{
	struct emit_slot *slot = take_slot(slots, EMIT_SLOT_MS);

	if (slot == NULL)
		return;
	slot->value = t_ns;
	slot->t0_ns = t0_ns;
}

void emit_slots_uint(struct emit_slots *slots, uint64_t value)
{
	struct emit_slot *slot = take_slot(slots, EMIT_SLOT_UINT);

	if (slot != NULL)
		slot->value = value;
}

/* Whether bytes of `key` stand in slots that are being noted. */
static bool holds_slot(const struct emit *emit, struct bytes key)
{
	for (size_t i = 0; emit->slots != NULL && i < emit->slots->n; i++) {
		struct bytes hex = emit->slots->slots[i].hex;

		if ((uintptr_t)hex.data - (uintptr_t)key.data < key.len)
			return true;
	}
	return false;
}

/* In the text tree, what an element of a list of names is called depends on the list. */
static bool can_remember(const struct emit *emit, uint64_t tag, struct bytes key)
{
	return emit->memo != NULL &&
	       (emit->format == EMIT_JSON || tag >> 56 != EMIT_TAG_NAMES) &&
	       !holds_slot(emit, key);
}

/* In the text tree, how far a line is indented depends on its depth. */
static uint64_t tag_here(const struct emit *emit, uint64_t tag)
{
	return emit->format == EMIT_JSON ? tag : tag ^ (uint64_t)emit->depth << 48;
}

/* Writes what was told before: where each slot's text stood (32 bits), then the text around it. */
static void write_again(struct emit *emit, struct bytes value, const struct emit_slots *slots)
{
	size_t n = slots != NULL ? slots->n : 0, done = n * sizeof(uint32_t);

	for (size_t i = 0; i < n; i++) {
		uint32_t at;

		memcpy(&at, value.data + i * sizeof(at), sizeof(at));
		buf_add(emit->out, value.data + done, at - done);
		add_slot(emit->out, &slots->slots[i]);
		done = at;
	}
	buf_add(emit->out, value.data + done, value.len - done);
}

static bool tell_again(struct emit *emit, const struct emit_run *run)
{
	struct bytes value;

	if (!memo_find(emit->memo, tag_here(emit, run->tag), run->key, &value))
		return false;
	if (run->start > emit->out->len)
		buf_char(emit->out, ',');
	write_again(emit, value, run->slots);
	emit->more = true;
	if (emit->depth > 0)
		emit->levels[emit->depth - 1].n_elements++;
	return true;
}

bool emit_again(struct emit *emit, struct emit_run *run, uint64_t tag, struct bytes key)
{
	bool comma = emit->format == EMIT_JSON && emit->more;

	*run = (struct emit_run){tag, key, emit->out->len + comma, NULL};
	return can_remember(emit, tag, key) && tell_again(emit, run);
}

bool emit_again_with(struct emit *emit, struct emit_run *run, uint64_t tag, struct bytes key,
                     struct emit_slots *slots)
{
	bool comma = emit->format == EMIT_JSON && emit->more;

	CHECK(emit->slots == NULL);
	*run = (struct emit_run){tag, key, emit->out->len + comma, slots};
	if (emit->memo == NULL || slots->n > EMIT_SLOTS_MAX)
		return false;
	if (tell_again(emit, run))
		return true;
	slots->n_told = 0;
	emit->slots = slots;
	return false;
}

void emit_forget(struct emit *emit, const struct emit_run *run)
{
	if (emit->slots == run->slots)
		emit->slots = NULL;
}

/* What write_again takes. */
static void add_around_slots(const struct emit *emit, const struct emit_run *run, struct buf *value)
{
	const struct emit_slots *slots = run->slots;
	size_t n_cut = 0, done = run->start;

	for (size_t i = 0; i < slots->n; i++) {
		uint32_t at = (uint32_t)(slots->n * sizeof(at) + slots->slots[i].at - run->start -
		                         n_cut);

		buf_add(value, &at, sizeof(at));
		n_cut += slots->slots[i].end - slots->slots[i].at;
	}
	for (size_t i = 0; i < slots->n; i++) {
		buf_add(value, emit->out->data + done, slots->slots[i].at - done);
		done = slots->slots[i].end;
	}
	buf_add(value, emit->out->data + done, emit->out->len - done);
}

static void remember_with_slots(struct emit *emit, const struct emit_run *run)
{
	struct buf value = {0};

	if (emit->slots != run->slots || run->slots->n_told < run->slots->n)
		return;
	add_around_slots(emit, run, &value);
	memo_add(emit->memo, tag_here(emit, run->tag), run->key, buf_view(&value));
	buf_fini(&value);
}

void emit_remember(struct emit *emit, const struct emit_run *run)
{
	if (run->slots != NULL) {
		remember_with_slots(emit, run);
		emit_forget(emit, run);
	} else if (can_remember(emit, run->tag, run->key) && emit->out->len > run->start) {
		memo_add(emit->memo, tag_here(emit, run->tag), run->key,
		         (struct bytes){emit->out->data + run->start,
		                        emit->out->len - run->start});
	}
}
