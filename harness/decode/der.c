#include "decode/der.h"

#include "decode/tell.h"

#include <stdio.h>
#include <string.h>

struct oid_row {
	const char *oid;
	const char *name;
};

static const struct oid_row oids[] = {
#define ROW(oid, name, source) {oid, name},
#include "decode/oid.def"
#undef ROW
};

uint8_t der_peek(const struct reader *reader)
{
	return reader_left(reader) > 0 ? reader->data[reader->pos] : 0;
}

static size_t read_length(struct reader *reader, size_t offset, const char *field)
{
	uint8_t first = reader_u8(reader, field);
	size_t n = first & 0x7f, length = 0;

	if (first < 0x80)
		return first;
	if (n == 0 || n > DER_LENGTH_MAX) {
		reader_refuse(reader, offset, field, "has a length that DER does not allow");
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		length = length << 8 | reader_u8(reader, field);
	return length;
}

struct reader der_next(struct reader *reader, uint8_t *tag, const char *field)
{
	size_t offset = reader_offset(reader), length;

	*tag = reader_u8(reader, field);
	if ((*tag & 0x1f) == 0x1f)
		reader_refuse(reader, offset, field, "has a tag that does not belong here");
	length = read_length(reader, offset, field);
	return reader_take(reader, length, field);
}

struct reader der_take(struct reader *reader, uint8_t tag, const char *field)
{
	size_t offset = reader_offset(reader);
	uint8_t found = der_peek(reader);

	if (found != tag && reader_left(reader) > 0)
		reader_refuse(reader, offset, field, "is not there, but something else");
	return der_next(reader, &found, field);
}

struct reader der_enter(struct reader *reader, uint8_t tag, const char *field, struct fault *own)
{
	struct reader content = der_take(reader, tag, field);

	return reader_isolate(&content, own);
}

bool der_option(struct reader *reader, uint8_t tag, const char *field, struct reader *content)
{
	if (der_peek(reader) != tag)
		return false;
	*content = der_take(reader, tag, field);
	return true;
}

static struct bytes without_zeros(struct bytes number)
{
	while (number.len > 1 && number.data[0] == 0) {
		number.data++;
		number.len--;
	}
	return number;
}

struct bytes der_integer(struct reader *reader, uint8_t tag, const char *field)
{
	struct reader content = der_take(reader, tag, field);

	return without_zeros(reader_rest(&content));
}

uint32_t der_number(struct reader *reader, uint8_t tag, const char *field)
{
	size_t offset = reader_offset(reader);
	struct bytes number = der_integer(reader, tag, field);
	uint32_t value = 0;

	if (number.len == 0 || number.len > 4 || (number.len == 4 && number.data[0] > 0x7f)) {
		reader_refuse(reader, offset, field, "is not a small number");
		return 0;
	}
	for (size_t i = 0; i < number.len; i++)
		value = value << 8 | number.data[i];
	return value;
}

struct bytes der_bits(struct reader *reader, uint8_t tag, const char *field, unsigned *n_unused)
{
	size_t offset = reader_offset(reader);
	struct reader content = der_take(reader, tag, field);

	*n_unused = reader_u8(&content, field);
	if (*n_unused > 7)
		reader_refuse(reader, offset, field, "leaves more than 7 bits unused");
	return reader_rest(&content);
}

static const char *known_name(const char *text)
{
	size_t low = 0, high = sizeof(oids) / sizeof(oids[0]);

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(oids[middle].oid, text);

		if (order == 0)
			return oids[middle].name;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* X.690 section 8.19. False if the bytes are not an identifier, or one that is too long. */
static bool write_dotted(struct bytes oid, char text[OID_TEXT_MAX])
{
	uint64_t arc = 0;
	size_t len = 0;

	for (size_t i = 0; i < oid.len; i++) {
		uint64_t top;

		if (arc >> 57 != 0)
			return false;
		arc = arc << 7 | (oid.data[i] & 0x7f);
		if (oid.data[i] & 0x80)
			continue;
		top = arc / 40 < 2 ? arc / 40 : 2;
		if (len == 0)
			len = (size_t)snprintf(text, OID_TEXT_MAX, "%u.%llu", (unsigned)top,
			                       (unsigned long long)(arc - top * 40));
		else
			len += (size_t)snprintf(text + len, OID_TEXT_MAX - len, ".%llu",
			                        (unsigned long long)arc);
		if (len > OID_TEXT_MAX - 22)
			return false;
		arc = 0;
	}
	return len > 0 && (oid.data[oid.len - 1] & 0x80) == 0;
}

const char *oid_name(struct bytes oid, char text[OID_TEXT_MAX])
{
	const char *name;

	if (!write_dotted(oid, text))
		return NULL;
	name = known_name(text);
	return name != NULL ? name : text;
}

const char *der_oid(struct reader *reader, const char *field, char text[OID_TEXT_MAX])
{
	size_t offset = reader_offset(reader);
	struct reader content = der_take(reader, DER_OID, field);
	const char *name = reader_ok(reader) ? oid_name(reader_rest(&content), text) : NULL;

	if (name == NULL) {
		reader_refuse(reader, offset, field, "is not an object identifier");
		text[0] = '\0';
	}
	return name != NULL ? name : text;
}

void der_tell_oid(struct emit *emit, const char *key, struct reader *reader, const char *field)
{
	char text[OID_TEXT_MAX];
	const char *name = der_oid(reader, field, text);

	if (name[0] != '\0')
		emit_text(emit, key, name);
}

/* The digits of a negative number in two's complement: each bit is turned, and one is added. */
static void put_negative(struct buf *out, struct bytes number)
{
	size_t end = number.len;

	while (end > 0 && number.data[end - 1] == 0)
		end--;
	buf_char(out, '-');
	for (size_t i = 0; i < number.len; i++) {
		unsigned turned = ~(unsigned)number.data[i] & 0xff;

		buf_printf(out, "%02x", i + 1 < end ? turned : i + 1 == end ? turned + 1 : 0);
	}
}

void der_tell_integer(struct emit *emit, const char *key, struct reader *reader, uint8_t tag,
                      const char *field)
{
	bool there = reader_left(reader) > 0;
	struct reader content = der_take(reader, tag, field);
	struct bytes number = reader_rest(&content);
	struct buf text = {0};

	if (number.len > 0 && number.data[0] > 0x7f) {
		put_negative(&text, number);
		emit_string(emit, key, buf_view(&text));
	} else if (there) {
		emit_hex(emit, key, without_zeros(number));
	}
	buf_fini(&text);
}

/* Digits of one field of a time; false if there are none. */
static bool next_digits(struct bytes *text, size_t n, const char **digits)
{
	*digits = (const char *)text->data;
	if (text->len < n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (text->data[i] < '0' || text->data[i] > '9')
			return false;
	text->data += n;
	text->len -= n;
	return true;
}

/* What may follow the minutes: seconds, a fraction of them. */
static void put_seconds(struct buf *out, struct bytes *text)
{
	const char *digits;

	if (next_digits(text, 2, &digits))
		buf_printf(out, ":%.2s", digits);
	else
		buf_text(out, ":00");
	if (text->len > 1 && (text->data[0] == '.' || text->data[0] == ',')) {
		buf_char(out, '.');
		text->data++;
		text->len--;
		while (next_digits(text, 1, &digits))
			buf_char(out, *digits);
	}
}

static bool put_zone(struct buf *out, struct bytes text)
{
	const char *hours, *minutes;
	char sign = text.len > 0 ? (char)text.data[0] : '\0';

	buf_char(out, sign);
	if (sign == 'Z')
		return text.len == 1;
	if (sign != '+' && sign != '-')
		return false;
	text.data++;
	text.len--;
	if (!next_digits(&text, 2, &hours) || !next_digits(&text, 2, &minutes))
		return false;
	buf_printf(out, "%.2s:%.2s", hours, minutes);
	return text.len == 0;
}

/* Writes the time as RFC 3339; false if it is none. */
static bool put_time(struct buf *out, uint8_t tag, struct bytes text)
{
	const char *year, *month, *day, *hour, *minute;

	if (!next_digits(&text, tag == DER_UTC_TIME ? 2 : 4, &year) ||
	    !next_digits(&text, 2, &month) || !next_digits(&text, 2, &day) ||
	    !next_digits(&text, 2, &hour) || !next_digits(&text, 2, &minute))
		return false;
	if (tag == DER_UTC_TIME)
		buf_printf(out, "%s%.2s", year[0] < '5' ? "20" : "19", year);
	else
		buf_printf(out, "%.4s", year);
	buf_printf(out, "-%.2s-%.2sT%.2s:%.2s", month, day, hour, minute);
	put_seconds(out, &text);
	return put_zone(out, text);
}

void der_tell_time(struct emit *emit, const char *key, struct reader *reader, const char *field)
{
	size_t offset = reader_offset(reader);
	struct buf text = {0};
	struct reader content;
	uint8_t tag;

	if (reader_left(reader) == 0) {
		reader_u8(reader, field);
		return;
	}
	content = der_next(reader, &tag, field);
	if ((tag == DER_UTC_TIME || tag == DER_GENERALIZED_TIME) &&
	    put_time(&text, tag, reader_rest(&content))) {
		emit_string(emit, key, buf_view(&text));
	} else {
		emit_string(emit, key, reader_rest(&content));
		reader_refuse(reader, offset, field, "is not a time");
	}
	buf_fini(&text);
}
