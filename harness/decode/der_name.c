/* Names in DER: der_tell_name and der_tell_general_name of der.h. */
#include "decode/der.h"

#include "decode/tell.h"

#include <stdio.h>
#include <string.h>

/* One character in UTF-8. */
static void put_character(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_u8(out, (uint8_t)c);
	} else if (c < 0x800) {
		buf_u8(out, (uint8_t)(0xc0 | c >> 6));
		buf_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_u8(out, (uint8_t)(0xe0 | c >> 12));
		buf_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
		buf_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
	} else {
		buf_u8(out, (uint8_t)(0xf0 | (c >> 18 & 7)));
		buf_u8(out, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
		buf_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
		buf_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
	}
}

/* UTF-16 (BMPString) or UTF-32 (UniversalString), both big-endian. */
static void put_wide(struct buf *out, struct reader text, unsigned width)
{
	struct fault own;
	struct reader reader = reader_isolate(&text, &own);

	while (reader_left(&reader) >= width) {
		uint32_t c = width == 2 ? reader_u16(&reader, "character")
		                        : reader_u32(&reader, "character");

		if (c >= 0xd800 && c < 0xdc00 && reader_left(&reader) >= 2)
			c = 0x10000 + ((c & 0x3ff) << 10) +
			    (reader_u16(&reader, "character") & 0x3ff);
		put_character(out, c);
	}
}

/*
 * Whether a tag is that of text, whose bytes are shown as they are: UTF8String, the strings of
 * X.680 section 41 that are ASCII, and TeletexString, which by custom holds Latin-1 or UTF-8.
 */
static bool is_text(uint8_t tag)
{
	return tag == DER_UTF8_STRING || (tag >= 0x12 && tag <= 0x16) ||
	       (tag >= 0x19 && tag <= 0x1b);
}

/* The text of a value; false if it is none. */
static bool put_text(struct buf *out, uint8_t tag, struct reader content)
{
	if (is_text(tag))
		buf_bytes(out, reader_rest(&content));
	else if (tag == 0x1c || tag == DER_BMP_STRING)
		put_wide(out, content, tag == 0x1c ? 4 : 2);
	else
		return false;
	return true;
}

/* RFC 4514 section 2.4. */
static void put_escaped(struct buf *out, struct bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = (char)text.data[i];
		bool edge = (i == 0 && (c == ' ' || c == '#')) || (i + 1 == text.len && c == ' ');

		if ((unsigned char)c < 0x20 || c == 0x7f) {
			buf_printf(out, "\\%02X", (unsigned)(unsigned char)c);
			continue;
		}
		if (edge || (c != '\0' && strchr(",+\"\\<>;", c) != NULL))
			buf_char(out, '\\');
		buf_char(out, c);
	}
}

/* AttributeTypeAndValue: "CN=board". */
static void put_attribute(struct buf *out, struct reader *attributes)
{
	struct fault own;
	struct reader attribute =
		der_enter(attributes, DER_SEQUENCE, "AttributeTypeAndValue", &own);
	char text[OID_TEXT_MAX];
	const char *type = der_oid(&attribute, "AttributeType", text);
	struct bytes whole = reader_rest(&attribute);
	struct buf value = {0};
	struct reader content;
	uint8_t tag;

	content = der_next(&attribute, &tag, "AttributeValue");
	buf_printf(out, "%s=", type);
	if (type != text && put_text(&value, tag, content)) {
		put_escaped(out, buf_view(&value));
	} else {
		buf_char(out, '#');
		buf_hex(out, whole);
	}
	buf_fini(&value);
	tell_end(attributes, &attribute, "AttributeTypeAndValue");
}

static void put_rdn(struct buf *out, struct reader *rdn)
{
	struct fault own;
	struct reader attributes = reader_isolate(rdn, &own);
	const char *separator = "";

	for (; reader_left(&attributes) > 0; separator = "+") {
		buf_text(out, separator);
		put_attribute(out, &attributes);
	}
	tell_end(rdn, &attributes, "RelativeDistinguishedName");
}

/* The last part comes first: RFC 4514 section 2.1. */
static void put_name(struct buf *out, struct reader *reader, const char *field)
{
	struct fault own;
	struct reader name = der_enter(reader, DER_SEQUENCE, field, &own);
	struct reader rdns[DER_RDNS_MAX];
	size_t n = 0;

	while (reader_left(&name) > 0 && n < DER_RDNS_MAX)
		rdns[n++] = der_take(&name, DER_SET, "RelativeDistinguishedName");
	tell_end(reader, &name, field);
	for (size_t i = n; i-- > 0;) {
		put_rdn(out, &rdns[i]);
		if (i > 0)
			buf_char(out, ',');
	}
	if (reader_ok(reader))
		*reader->fault = own;
}

void der_tell_name(struct emit *emit, const char *key, struct reader *reader, const char *field)
{
	bool there = reader_left(reader) > 0;
	struct buf text = {0};

	put_name(&text, reader, field);
	if (there)
		emit_string(emit, key, buf_view(&text));
	buf_fini(&text);
}

static void put_ipv4(struct buf *out, struct bytes a)
{
	buf_printf(out, "%u.%u.%u.%u", a.data[0], a.data[1], a.data[2], a.data[3]);
}

static void put_ipv6(struct buf *out, struct bytes a)
{
	for (size_t i = 0; i < 16; i += 2)
		buf_printf(out, i > 0 ? ":%x" : "%x", (unsigned)(a.data[i] << 8 | a.data[i + 1]));
}

/* An address or, in constraints, an address and its mask. False if the length is neither's. */
static bool put_address(struct buf *out, struct bytes address)
{
	void (*put)(struct buf *, struct bytes) = address.len % 16 == 0 ? put_ipv6 : put_ipv4;
	size_t half = address.len == 8 || address.len == 32 ? address.len / 2 : 0;

	if (address.len != 4 && address.len != 16 && half == 0)
		return false;
	put(out, address);
	if (half > 0) {
		buf_char(out, '/');
		put(out, (struct bytes){address.data + half, half});
	}
	return true;
}

/* OtherName: a type, and a value that is shown if it is text. */
static void put_other(struct buf *out, struct reader *content)
{
	char text[OID_TEXT_MAX];
	struct reader explicit, value;
	struct bytes whole;
	uint8_t tag;

	buf_printf(out, "other:%s:", der_oid(content, "type-id", text));
	explicit = der_take(content, DER_EXPLICIT(0), "value");
	whole = reader_rest(&explicit);
	value = der_next(&explicit, &tag, "value");
	if (!put_text(out, tag, value))
		buf_hex(out, whole);
}

static void put_general_name(struct buf *out, uint8_t tag, struct reader *content)
{
	struct bytes bytes = reader_rest(content);
	char text[OID_TEXT_MAX];
	const char *oid;

	switch (tag) {
	case DER_EXPLICIT(0):
		put_other(out, content);
		return;
	case DER_EXPLICIT(4):
		buf_text(out, "DirName:");
		put_name(out, content, "directoryName");
		return;
	case DER_IMPLICIT(7):
		buf_text(out, "IP:");
		if (!put_address(out, bytes)) {
			buf_hex(out, bytes);
			reader_refuse(content, reader_offset(content), "iPAddress",
			              "is not an address");
		}
		return;
	case DER_IMPLICIT(8):
		oid = oid_name(bytes, text);
		buf_printf(out, "RID:%s", oid != NULL ? oid : "");
		return;
	case DER_IMPLICIT(1):
		buf_text(out, "email:");
		break;
	case DER_IMPLICIT(2):
		buf_text(out, "DNS:");
		break;
	case DER_IMPLICIT(6):
		buf_text(out, "URI:");
		break;
	default:
		buf_text(out, tag == DER_EXPLICIT(3)   ? "X400:"
		              : tag == DER_EXPLICIT(5) ? "EDI:"
		                                       : "unknown:");
		buf_hex(out, bytes);
		return;
	}
	buf_bytes(out, bytes);
}

void der_tell_general_name(struct emit *emit, const char *key, struct reader *reader)
{
	struct buf text = {0};
	struct reader content;
	uint8_t tag;

	content = der_next(reader, &tag, "GeneralName");
	put_general_name(&text, tag, &content);
	emit_string(emit, key, buf_view(&text));
	buf_fini(&text);
}

void der_tell_general_names(struct emit *emit, const char *key, struct reader *names)
{
	emit_list(emit, key);
	while (reader_left(names) > 0)
		der_tell_general_name(emit, NULL, names);
	emit_close(emit);
}
