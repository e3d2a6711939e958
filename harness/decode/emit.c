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
	emit->out = out;
	emit->format = format;
	emit->depth = 0;
	emit->more = false;
	emit->memo = NULL;
	emit->slots = NULL;
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
	for (i = 0; i < LABEL_MAX - 1 && key[i] != '\0'; i++) {
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
	bool control = utf8_is_control(text, n);
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

/* The slot that is told next, if it is this one. */
static struct emit_slot *next_slot(const struct emit *emit, const struct emit_slot *told)
{
	struct emit_slots *slots = emit->slots;
	struct emit_slot *slot;

	if (slots == NULL || slots->n_told == slots->n)
		return NULL;
	slot = &slots->slots[slots->n_told];
	return slot->kind == told->kind && slot->bytes.data == told->bytes.data &&
	                       slot->bytes.len == told->bytes.len && slot->value == told->value
	               ? slot
	               : NULL;
}

static void add_ms(struct buf *out, uint64_t t_ns, uint64_t t0_ns)
{
	uint64_t us = t_ns > t0_ns ? (t_ns - t0_ns) / 1000 : 0;
	uint8_t *at = buf_room(out, BUF_DECIMAL_MAX + 4);

	if (at == NULL)
		return;
	at = buf_put_decimal(at, us / 1000);
	*at++ = '.';
	*at++ = (uint8_t)('0' + us / 100 % 10);
	*at++ = (uint8_t)('0' + us / 10 % 10);
	*at++ = (uint8_t)('0' + us % 10);
	buf_written(out, at);
}

static void add_slot(struct emit *emit, const struct emit_slot *slot)
{
	switch (slot->kind) {
	case EMIT_SLOT_HEX:
		buf_hex(emit->out, slot->bytes);
		break;
	case EMIT_SLOT_TEXT:
		add_characters(emit, slot->bytes);
		break;
	case EMIT_SLOT_MS:
		add_ms(emit->out, slot->value, slot->t0_ns);
		break;
	case EMIT_SLOT_UINT:
		buf_decimal(emit->out, slot->value);
		break;
	}
}

/* Tells what a slot may hold. */
static void tell_slot(struct emit *emit, const struct emit_slot *varying)
{
	struct emit_slot *slot = next_slot(emit, varying);
	size_t at = emit->out->len;

	add_slot(emit, varying);
	if (slot == NULL)
		return;
	slot->at = at;
	slot->end = emit->out->len;
	emit->slots->n_told++;
}

void emit_string(struct emit *emit, const char *key, struct bytes text)
{
	start_value(emit, key, "Entry");
	if (emit->format == EMIT_JSON)
		buf_char(emit->out, '"');
	if (text.len > 0)
		tell_slot(emit, &(struct emit_slot){EMIT_SLOT_TEXT, .bytes = text});
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
		tell_slot(emit, &(struct emit_slot){EMIT_SLOT_HEX, .bytes = bytes});
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

static void add_to_slots(struct emit_slots *slots, struct emit_slot slot)
{
	if (slots->n < EMIT_SLOTS_MAX)
		slots->slots[slots->n] = slot;
	slots->n++;
}

void emit_slots_hex(struct emit_slots *slots, struct bytes bytes)
{
	if (bytes.len > 0)
		add_to_slots(slots, (struct emit_slot){EMIT_SLOT_HEX, .bytes = bytes});
}

void emit_slots_ms(struct emit_slots *slots, uint64_t t_ns, uint64_t t0_ns)
{
	add_to_slots(slots, (struct emit_slot){EMIT_SLOT_MS, .value = t_ns, .t0_ns = t0_ns});
}

void emit_slots_uint(struct emit_slots *slots, uint64_t value)
{
	add_to_slots(slots, (struct emit_slot){EMIT_SLOT_UINT, .value = value});
}

void emit_slots_text(struct emit_slots *slots, const char *text)
{
	struct bytes bytes = {(const uint8_t *)text, strlen(text)};

	add_to_slots(slots, (struct emit_slot){EMIT_SLOT_TEXT, .bytes = bytes});
}

/* Whether bytes of `key` stand in slots that are being noted. */
static bool holds_slot(const struct emit *emit, struct bytes key)
{
	for (size_t i = 0; emit->slots != NULL && i < emit->slots->n; i++) {
		const uint8_t *data = emit->slots->slots[i].bytes.data;

		if ((uintptr_t)data - (uintptr_t)key.data < key.len)
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
		add_slot(emit, &slots->slots[i]);
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
