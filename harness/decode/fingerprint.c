#include "decode/fingerprint.h"

#include "base/assert.h"
#include "decode/extension.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define JA4_HASH_DIGITS 12
#define JA4_COUNT_MAX 99

/* Code points in wire order, without GREASE. */
struct code_points {
	uint16_t *values; /* owned */
	size_t n;
};

static struct code_points with_room_for(size_t n)
{
	struct code_points points = {.values = malloc((n + 1) * sizeof(uint16_t))};

	CHECK(points.values != NULL);
	return points;
}

static void add(struct code_points *points, uint16_t value)
{
	if (!grease16(value))
		points->values[points->n++] = value;
}

/* All that `list` holds, be it cut short or not. */
static struct code_points read_u16s(const struct reader *list)
{
	struct fault fault;
	struct reader reader = reader_isolate(list, &fault);
	struct code_points points = with_room_for(reader_left(&reader) / 2);

	while (reader_left(&reader) >= 2)
		add(&points, reader_u16(&reader, "value"));
	return points;
}

static struct code_points read_extension_types(const struct reader *block)
{
	struct fault fault;
	struct reader reader = reader_isolate(block, &fault);
	struct code_points points = with_room_for(reader_left(&reader) / 4);
	struct extension extension;

	while (extension_next(&reader, &extension))
		add(&points, extension.type);
	return points;
}

/* A reader over the vector that is the body of an extension; empty if there is none. */
static struct reader extension_vector(const struct reader *block, uint16_t type, unsigned width,
                                      struct fault *fault)
{
	struct reader reader;
	struct bytes body = {0};

	if (block->data != NULL)
		extension_find(block, type, &body);
	reader_init(&reader, body.data, body.len, fault);
	if (body.len == 0)
		return reader;
	return width == 1 ? reader_vec8(&reader, "list") : reader_vec16(&reader, "list");
}

/* The code points that an extension lists. */
static struct code_points read_extension(const struct reader *block, uint16_t type, unsigned width)
{
	struct fault fault;
	struct reader list = extension_vector(block, type, width, &fault);

	return read_u16s(&list);
}

static struct code_points types_of(const struct reader *block)
{
	return block->data != NULL ? read_extension_types(block) : with_room_for(0);
}

static void add_decimals(struct buf *out, const struct code_points *points)
{
	for (size_t i = 0; i < points->n; i++) {
		if (i > 0)
			buf_char(out, '-');
		buf_decimal(out, points->values[i]);
	}
}

static void add_hex(struct buf *out, const struct code_points *points)
{
	for (size_t i = 0; i < points->n; i++) {
		uint8_t digits[] = {(uint8_t)(points->values[i] >> 8), (uint8_t)points->values[i]};

		if (i > 0)
			buf_char(out, ',');
		buf_hex(out, (struct bytes){digits, sizeof(digits)});
	}
}

void fingerprint_ja3_string(const struct client_hello *hello, struct buf *out)
{
	struct code_points suites = read_u16s(&hello->cipher_suites);
	struct code_points types = types_of(&hello->extensions);
	struct code_points groups =
		read_extension(&hello->extensions, EXTENSION_supported_groups, 2);
	struct fault fault;
	struct reader formats =
		extension_vector(&hello->extensions, EXTENSION_ec_point_formats, 1, &fault);
	struct bytes list = reader_rest(&formats);

	buf_printf(out, "%u,", hello->legacy_version);
	add_decimals(out, &suites);
	buf_char(out, ',');
	add_decimals(out, &types);
	buf_char(out, ',');
	add_decimals(out, &groups);
	buf_char(out, ',');
	for (size_t i = 0; i < list.len; i++)
		buf_printf(out, i > 0 ? "-%u" : "%u", list.data[i]);
	free(suites.values);
	free(types.values);
	free(groups.values);
}

void fingerprint_ja3s_string(const struct server_hello *hello, struct buf *out)
{
	struct code_points types = types_of(&hello->extensions);

	buf_printf(out, "%u,%u,", hello->legacy_version, hello->cipher_suite);
	add_decimals(out, &types);
	free(types.values);
}

/* The highest version on offer, in two characters. */
static const char *ja4_version(const struct client_hello *hello)
{
	struct code_points offered =
		read_extension(&hello->extensions, EXTENSION_supported_versions, 1);
	uint16_t highest = offered.n == 0 ? hello->legacy_version : 0;

	for (size_t i = 0; i < offered.n; i++)
		if (offered.values[i] > highest)
			highest = offered.values[i];
	free(offered.values);
	switch (highest) {
	case VERSION_TLS_1_3:
		return "13";
	case VERSION_TLS_1_2:
		return "12";
	case VERSION_TLS_1_1:
		return "11";
	case VERSION_TLS_1_0:
		return "10";
	case VERSION_SSL_3_0:
		return "s3";
	case VERSION_SSL_2_0:
		return "s2";
	default:
		return "00";
	}
}

static bool is_alphanumeric(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/*
 * First and last character of the first protocol; of its hexadecimal form if one is not a letter
 * or digit.
 */
static void add_ja4_alpn(struct buf *out, const struct client_hello *hello)
{
	static const char digits[] = "0123456789abcdef";
	struct fault fault;
	struct reader list = extension_vector(
		&hello->extensions, EXTENSION_application_layer_protocol_negotiation, 2, &fault);
	struct reader protocol = reader_vec8(&list, "protocol_name");
	struct bytes name = reader_rest(&protocol);
	uint8_t first, last;

	if (name.len == 0) {
		buf_text(out, "00");
		return;
	}
	first = name.data[0];
	last = name.data[name.len - 1];
	if (is_alphanumeric(first) && is_alphanumeric(last))
		buf_printf(out, "%c%c", first, last);
	else
		buf_printf(out, "%c%c", digits[first >> 4], digits[last & 15]);
}

static int by_value(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

static void sort(struct code_points *points)
{
	qsort(points->values, points->n, sizeof(points->values[0]), by_value);
}

static void remove_type(struct code_points *points, uint16_t type)
{
	size_t kept = 0;

	for (size_t i = 0; i < points->n; i++)
		if (points->values[i] != type)
			points->values[kept++] = points->values[i];
	points->n = kept;
}

static unsigned count_of(const struct code_points *points)
{
	return points->n > JA4_COUNT_MAX ? JA4_COUNT_MAX : (unsigned)points->n;
}

/* The three parts of JA4_r, each appended to a buffer of its own. */
static void ja4_parts(const struct client_hello *hello, struct buf *a, struct buf *b, struct buf *c)
{
	struct code_points suites = read_u16s(&hello->cipher_suites);
	struct code_points types = types_of(&hello->extensions);
	struct code_points schemes =
		read_extension(&hello->extensions, EXTENSION_signature_algorithms, 2);
	struct bytes body;
	bool named = hello->extensions.data != NULL &&
	             extension_find(&hello->extensions, EXTENSION_server_name, &body);

	buf_printf(a, "t%s%c%02u%02u", ja4_version(hello), named ? 'd' : 'i', count_of(&suites),
	           count_of(&types));
	add_ja4_alpn(a, hello);
	sort(&suites);
	add_hex(b, &suites);
	remove_type(&types, EXTENSION_server_name);
	remove_type(&types, EXTENSION_application_layer_protocol_negotiation);
	sort(&types);
	add_hex(c, &types);
	if (schemes.n > 0)
		buf_char(c, '_');
	add_hex(c, &schemes);
	free(suites.values);
	free(types.values);
	free(schemes.values);
}

void fingerprint_ja4_r(const struct client_hello *hello, struct buf *out)
{
	struct buf b = {0}, c = {0};

	ja4_parts(hello, out, &b, &c);
	buf_char(out, '_');
	buf_bytes(out, buf_view(&b));
	buf_char(out, '_');
	buf_bytes(out, buf_view(&c));
	buf_fini(&b);
	buf_fini(&c);
}

/* "_" and the start of SHA-256 of the text; zeros for an empty one. */
static void add_ja4_hash(struct buf *out, const struct buf *text)
{
	uint8_t digest[EVP_MAX_MD_SIZE] = {0};

	if (text->len > 0)
		CHECK(EVP_Digest(text->data, text->len, digest, NULL, EVP_sha256(), NULL) == 1);
	buf_char(out, '_');
	buf_hex(out, (struct bytes){digest, JA4_HASH_DIGITS / 2});
}

void fingerprint_ja4(const struct client_hello *hello, struct buf *out)
{
	struct buf b = {0}, c = {0};

	ja4_parts(hello, out, &b, &c);
	add_ja4_hash(out, &b);
	add_ja4_hash(out, &c);
	buf_fini(&b);
	buf_fini(&c);
}

/* The MD5 of `text`, or null where libcrypto is set up without MD5 (FIPS). */
static void tell_md5(struct emit *emit, const char *key, const struct buf *text)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len;

	if (EVP_Digest(text->data, text->len, digest, &len, EVP_md5(), NULL) == 1)
		emit_hex(emit, key, (struct bytes){digest, len});
	else
		emit_null(emit, key);
}

static void tell_client(struct emit *emit, const struct client_hello *hello)
{
	struct buf text = {0};

	fingerprint_ja3_string(hello, &text);
	tell_md5(emit, "ja3", &text);
	emit_string(emit, "ja3_string", buf_view(&text));
	buf_clear(&text);
	fingerprint_ja4(hello, &text);
	emit_string(emit, "ja4", buf_view(&text));
	buf_clear(&text);
	fingerprint_ja4_r(hello, &text);
	emit_string(emit, "ja4_r", buf_view(&text));
	buf_fini(&text);
}

/* Of these extensions, fingerprints look at the body; of all others at the type alone. */
static bool body_counts(uint16_t type)
{
	return type == EXTENSION_supported_groups || type == EXTENSION_ec_point_formats ||
	       type == EXTENSION_signature_algorithms || type == EXTENSION_supported_versions ||
	       type == EXTENSION_application_layer_protocol_negotiation;
}

/* Appends what of the extensions the fingerprints depend on. */
static void add_extensions_key(struct buf *key, const struct reader *block, bool with_bodies)
{
	struct fault fault;
	struct reader reader;
	struct extension extension;

	if (block->data == NULL)
		return;
	reader = reader_isolate(block, &fault);
	while (extension_next(&reader, &extension)) {
		struct bytes body = reader_rest(&extension.body);

		buf_u16(key, extension.type);
		if (!with_bodies || !body_counts(extension.type))
			continue;
		buf_u16(key, (uint16_t)body.len);
		buf_bytes(key, body);
	}
}

void fingerprint_tell_client(struct emit *emit, const struct client_hello *hello)
{
	struct bytes suites = reader_rest(&hello->cipher_suites);
	struct buf key = {0};
	struct emit_run run;

	buf_u16(&key, hello->legacy_version);
	buf_u16(&key, (uint16_t)suites.len);
	buf_bytes(&key, suites);
	add_extensions_key(&key, &hello->extensions, true);
	if (!emit_again(emit, &run, EMIT_TAG(EMIT_TAG_CLIENT_FINGERPRINT, 0), buf_view(&key))) {
		tell_client(emit, hello);
		emit_remember(emit, &run);
	}
	buf_fini(&key);
}

static void tell_server(struct emit *emit, const struct server_hello *hello)
{
	struct buf text = {0};

	fingerprint_ja3s_string(hello, &text);
	tell_md5(emit, "ja3s", &text);
	emit_string(emit, "ja3s_string", buf_view(&text));
	buf_fini(&text);
}

void fingerprint_tell_server(struct emit *emit, const struct server_hello *hello)
{
	struct buf key = {0};
	struct emit_run run;

	buf_u16(&key, hello->legacy_version);
	buf_u16(&key, hello->cipher_suite);
	add_extensions_key(&key, &hello->extensions, false);
	if (!emit_again(emit, &run, EMIT_TAG(EMIT_TAG_SERVER_FINGERPRINT, 0), buf_view(&key))) {
		tell_server(emit, hello);
		emit_remember(emit, &run);
	}
	buf_fini(&key);
}
