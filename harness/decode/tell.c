#include "decode/tell.h"

#include "base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void faults_fini(struct faults *faults)
{
	free(faults->items);
	*faults = (struct faults){0};
}

/* The next free item, or NULL if the list is full. The list grows to 1, 2, 4, ... items. */
static struct peer_fault *next_item(struct faults *faults)
{
	bool at_power = (faults->n & (faults->n - 1)) == 0;

	if (faults->n == FAULTS_MAX) {
		faults->n_dropped++;
		return NULL;
	}
	if (at_power) {
		size_t size = faults->n > 0 ? faults->n * 2 : 1;

		faults->items = realloc(faults->items, size * sizeof(*faults->items));
		CHECK(faults->items != NULL);
	}
	return &faults->items[faults->n++];
}

void faults_add(struct faults *faults, bool from_server, const char *where, const char *format, ...)
{
	struct peer_fault *item = next_item(faults);
	va_list arguments;

	if (item == NULL)
		return;
	item->from_server = from_server;
	item->where = where;
	va_start(arguments, format);
	vsnprintf(item->text, sizeof(item->text), format, arguments);
	va_end(arguments);
}

void tell_fault(const struct tell *tell, const struct fault *fault)
{
	char text[FAULT_TEXT_MAX];

	if (fault->kind != FAULT_NONE)
		faults_add(tell->faults, tell->from_server, tell->where, "%s",
		           fault_text(fault, text, sizeof(text)));
}

void tell_end(struct reader *list, struct reader *elements, const char *field)
{
	reader_end(elements, field);
	if (reader_ok(list))
		*list->fault = *elements->fault;
}

static uint32_t read_code_point(struct reader *reader, const char *field, enum registry registry)
{
	return registry_width(registry) == 1 ? reader_u8(reader, field) : reader_u16(reader, field);
}

static void tell_elements(struct emit *emit, const char *field, enum registry registry,
                          struct reader *elements)
{
	while (reader_left(elements) > 0) {
		uint32_t value = read_code_point(elements, field, registry);

		if (reader_ok(elements))
			emit_name(emit, NULL, registry, value);
	}
}

void tell_names(struct emit *emit, const char *key, enum registry registry, struct reader list)
{
	struct fault own;
	struct reader elements = reader_isolate(&list, &own);
	struct emit_run run;

	emit_list(emit, key);
	if (emit_again(emit, &run, EMIT_TAG(EMIT_TAG_NAMES, registry), reader_rest(&elements))) {
		reader_bytes(&elements, reader_left(&elements), key);
	} else {
		tell_elements(emit, key, registry, &elements);
		if (reader_ok(&elements))
			emit_remember(emit, &run);
	}
	emit_close(emit);
	tell_end(&list, &elements, key);
}

void tell_name(struct emit *emit, struct reader *reader, const char *field, enum registry registry)
{
	uint32_t value = read_code_point(reader, field, registry);

	if (reader_ok(reader))
		emit_name(emit, field, registry, value);
}

static void tell_integer(struct emit *emit, const struct reader *reader, const char *field,
                         uint32_t value)
{
	if (reader_ok(reader))
		emit_uint(emit, field, value);
}

void tell_u8(struct emit *emit, struct reader *reader, const char *field)
{
	uint8_t value = reader_u8(reader, field);

	tell_integer(emit, reader, field, value);
}

void tell_u16(struct emit *emit, struct reader *reader, const char *field)
{
	uint16_t value = reader_u16(reader, field);

	tell_integer(emit, reader, field, value);
}

void tell_u32(struct emit *emit, struct reader *reader, const char *field)
{
	uint32_t value = reader_u32(reader, field);

	tell_integer(emit, reader, field, value);
}

void tell_bytes(struct emit *emit, struct reader *reader, size_t n, const char *field)
{
	bool there = reader_ok(reader);
	struct bytes bytes = reader_bytes(reader, n, field);

	if (there)
		emit_hex(emit, field, bytes);
}

void tell_vec8(struct emit *emit, struct reader *reader, const char *field)
{
	bool there = reader_left(reader) > 0;
	struct reader vector = reader_vec8(reader, field);

	if (there)
		emit_hex(emit, field, reader_rest(&vector));
}

void tell_vec16(struct emit *emit, struct reader *reader, const char *field)
{
	bool there = reader_left(reader) > 1;
	struct reader vector = reader_vec16(reader, field);

	if (there)
		emit_hex(emit, field, reader_rest(&vector));
}

void tell_rest(struct emit *emit, struct reader *reader, const char *field)
{
	tell_bytes(emit, reader, reader_left(reader), field);
}
