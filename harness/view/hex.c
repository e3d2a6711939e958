#include "view/hex.h"

#include "base/json.h"
#include "view/hello_map.h"
#include "view/text.h"

#define PER_LINE 16
#define STEP 2 /* columns that a field is further in than what holds it */

struct field {
	size_t offset, length, depth;
	const char *name, *value;
};

static size_t number_at(const json_t *list, size_t i)
{
	return (size_t)json_integer_value(json_array_get(list, i));
}

static struct field field_at(const json_t *map, size_t i)
{
	const json_t *field = json_array_get(map, i);

	return (struct field){number_at(field, 0), number_at(field, 1), number_at(field, 2),
	                      json_string_value(json_array_get(field, 3)),
	                      json_string_value(json_array_get(field, 4))};
}

static void put_bytes(struct bytes message, size_t from, size_t to, struct buf *out)
{
	for (size_t i = 0; i < PER_LINE; i++)
		if (from + i < to && from + i < message.len)
			buf_printf(out, "%02x ", message.data[from + i]);
		else
			buf_text(out, "   ");
}

static void end_line(struct buf *out)
{
	while (out->len > 0 && out->data[out->len - 1] == ' ')
		out->len--;
	buf_char(out, '\n');
}

/* The bytes up to `to`, which may be those before what the field holds. */
static void put_field(struct bytes message, const struct field *field, size_t to,
                      enum text_charset charset, struct buf *out)
{
	bool named = field->name[0] != '\0';

	buf_printf(out, "  %04zx  ", field->offset);
	put_bytes(message, field->offset, to, out);
	buf_printf(out, " %*s%s", (int)(field->depth * STEP), "", field->name);
	if (field->value[0] != '\0') {
		buf_text(out, named ? ": " : "");
		text_clean(out, field->value, charset);
	}
	end_line(out);
	for (size_t at = field->offset + PER_LINE; at < to; at += PER_LINE) {
		buf_printf(out, "  %04zx  ", at);
		put_bytes(message, at, to, out);
		end_line(out);
	}
}

/* Bytes that no field has: those of lengths. */
static void put_between(struct bytes message, size_t from, size_t to, const char *name,
                        struct buf *out)
{
	struct field field = {from, to - from, 0, name, ""};

	if (from < to)
		put_field(message, &field, to, TEXT_ASCII, out);
}

void hex_hello(struct bytes message, const struct terminal_options *options, struct buf *out)
{
	enum text_charset charset = terminal_charset(options);
	json_t *map = hello_map(message);
	size_t shown = 0, n = json_array_size(map);

	buf_printf(out, "ClientHello, %zu bytes\n", message.len);
	for (size_t i = 0; i < n; i++) {
		struct field field = field_at(map, i);
		bool holds_others = i + 1 < n && field_at(map, i + 1).depth > field.depth;
		size_t to = field.offset + field.length;

		if (holds_others)
			to = field_at(map, i + 1).offset;
		put_between(message, shown, field.offset, "length", out);
		put_field(message, &field, to, charset, out);
		shown = to > shown ? to : shown;
	}
	put_between(message, shown, message.len, "not decoded", out);
	json_decref(map);
}
