#include "view/hello_map.h"

#include "base/buf.h"
#include "base/json.h"
#include "decode/extension.h"
#include "decode/hello.h"

#define VALUE_BYTES_MAX 16 /* shown in hex; longer ones are named by their length */

static void add(json_t *map, size_t offset, size_t length, int depth, const char *name,
                const char *value)
{
	json_array_append_new(map, json_made(json_pack("[I, I, i, s, s]", (json_int_t)offset,
	                                               (json_int_t)length, depth, name, value)));
}

static void add_bytes(json_t *map, size_t offset, struct bytes bytes, int depth, const char *name)
{
	struct buf text = {0};

	if (bytes.len <= VALUE_BYTES_MAX)
		buf_hex(&text, bytes);
	else
		buf_printf(&text, "%zu bytes", bytes.len);
	add(map, offset, bytes.len, depth, name, buf_string(&text));
	buf_fini(&text);
}

/* Text from the wire as it may stand in JSON: other bytes than printable ASCII as \xNN. */
static void add_text(json_t *map, size_t offset, struct bytes text, int depth, const char *name)
{
	struct buf shown = {0};

	for (size_t i = 0; i < text.len; i++)
		buf_printf(&shown, text.data[i] >= ' ' && text.data[i] <= '~' ? "%c" : "\\x%02x",
		           text.data[i]);
	add(map, offset, text.len, depth, name, buf_string(&shown));
	buf_fini(&shown);
}

static void add_name(json_t *map, size_t offset, size_t width, int depth, const char *name,
                     enum registry registry, uint32_t value)
{
	char label[REGISTRY_LABEL_MAX];

	add(map, offset, width, depth, name, registry_label(registry, value, label));
}

/* Code points of `width` bytes each, as many as the list holds. */
static void add_names(json_t *map, struct reader *list, int depth, const char *name,
                      enum registry registry, unsigned width)
{
	while (reader_left(list) > 0) {
		size_t offset = reader_offset(list);
		uint32_t value = width == 1 ? reader_u8(list, name) : reader_u16(list, name);

		if (reader_ok(list))
			add_name(map, offset, width, depth, name, registry, value);
	}
}

/* --- extensions ------------------------------------------------------------------------------- */

/* Extensions that hold one vector of code points, with a length of `prefix` bytes before it. */
static const struct {
	uint16_t type;
	unsigned prefix, width;
	enum registry registry;
} lists[] = {
	{EXTENSION_supported_groups, 2, 2, REGISTRY_NAMED_GROUP},
	{EXTENSION_ec_point_formats, 1, 1, REGISTRY_EC_POINT_FORMAT},
	{EXTENSION_signature_algorithms, 2, 2, REGISTRY_SIGNATURE_SCHEME},
	{EXTENSION_signature_algorithms_cert, 2, 2, REGISTRY_SIGNATURE_SCHEME},
	{EXTENSION_supported_versions, 1, 2, REGISTRY_PROTOCOL_VERSION},
	{EXTENSION_psk_key_exchange_modes, 1, 1, REGISTRY_PSK_KEY_EXCHANGE_MODE},
	{EXTENSION_compress_certificate, 1, 2, REGISTRY_CERTIFICATE_COMPRESSION},
};

static bool add_list(json_t *map, uint16_t type, struct reader *body)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct reader list;

		if (lists[i].type != type)
			continue;
		list = lists[i].prefix == 1 ? reader_vec8(body, "list")
		                            : reader_vec16(body, "list");
		add_names(map, &list, 2, "", lists[i].registry, lists[i].width);
		return true;
	}
	return false;
}

/* RFC 6066 section 3. */
static void add_server_name(json_t *map, struct reader *body)
{
	struct reader names = reader_vec16(body, "server_name_list");

	while (reader_left(&names) > 0) {
		struct reader name;

		reader_u8(&names, "name_type");
		name = reader_vec16(&names, "host_name");
		add_text(map, reader_offset(&name), reader_rest(&name), 2, "host_name");
	}
}

/* RFC 7301 section 3.1. */
static void add_alpn(json_t *map, struct reader *body)
{
	struct reader names = reader_vec16(body, "protocol_name_list");

	while (reader_left(&names) > 0) {
		struct reader name = reader_vec8(&names, "protocol_name");

		add_text(map, reader_offset(&name), reader_rest(&name), 2, "protocol_name");
	}
}

/* RFC 8446 section 4.2.8. */
static void add_key_share(json_t *map, struct reader *body)
{
	struct reader shares = reader_vec16(body, "client_shares");

	while (reader_left(&shares) > 0) {
		size_t offset = reader_offset(&shares);
		uint16_t group = reader_u16(&shares, "group");
		struct reader key = reader_vec16(&shares, "key_exchange");

		if (!reader_ok(&shares))
			break;
		add_name(map, offset, 2, 2, "group", REGISTRY_NAMED_GROUP, group);
		add_bytes(map, reader_offset(&key), reader_rest(&key), 2, "key_exchange");
	}
}

static const struct {
	uint16_t type;
	void (*add)(json_t *map, struct reader *body);
} forms[] = {
	{EXTENSION_server_name, add_server_name},
	{EXTENSION_application_layer_protocol_negotiation, add_alpn},
	{EXTENSION_key_share, add_key_share},
};

/* The whole of it, with its type and length, and then what it holds. */
static void add_extension(json_t *map, struct extension *extension)
{
	struct bytes data = reader_rest(&extension->body);
	size_t offset = reader_offset(&extension->body);
	char label[REGISTRY_LABEL_MAX];
	struct fault own;
	struct reader body = reader_isolate(&extension->body, &own);

	add(map, offset - 4, data.len + 4, 1, "extension",
	    registry_label(REGISTRY_EXTENSION_TYPE, extension->type, label));
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (forms[i].type == extension->type) {
			forms[i].add(map, &body);
			return;
		}
	if (!add_list(map, extension->type, &body) && data.len > 0)
		add_bytes(map, offset, data, 2, "data");
}

static void add_extensions(json_t *map, struct reader *block)
{
	struct bytes all = reader_rest(block);
	struct fault own;
	struct reader rest = reader_isolate(block, &own);
	struct extension extension;

	add_bytes(map, reader_offset(block), all, 0, "extensions");
	while (extension_next(&rest, &extension))
		add_extension(map, &extension);
}

/* --- the message ------------------------------------------------------------------------------ */

/* A vector of the message's own: all of it, and then its code points. */
static void add_vector(json_t *map, struct reader list, const char *name, enum registry registry,
                       unsigned width)
{
	struct bytes all = reader_rest(&list);
	struct fault own;
	struct reader elements;

	if (list.data == NULL)
		return;
	elements = reader_isolate(&list, &own);
	add_bytes(map, reader_offset(&list), all, 0, name);
	add_names(map, &elements, 1, "", registry, width);
}

json_t *hello_map(struct bytes message)
{
	json_t *map = json_made(json_array());
	struct client_hello hello;
	size_t random_at = HANDSHAKE_HEADER_LEN + 2;

	client_hello_read(&hello, message);
	if (!hello.has_version)
		return map;
	add_name(map, 0, 1, 0, "msg_type", REGISTRY_HANDSHAKE_TYPE, HANDSHAKE_client_hello);
	add_bytes(map, 1, (struct bytes){message.data + 1, 3}, 0, "length");
	add_name(map, HANDSHAKE_HEADER_LEN, 2, 0, "legacy_version", REGISTRY_PROTOCOL_VERSION,
	         hello.legacy_version);
	if (hello.random.data != NULL)
		add_bytes(map, random_at, hello.random, 0, "random");
	if (hello.legacy_session_id.data != NULL)
		add_bytes(map, reader_offset(&hello.legacy_session_id),
		          reader_rest(&hello.legacy_session_id), 0, "legacy_session_id");
	add_vector(map, hello.cipher_suites, "cipher_suites", REGISTRY_CIPHER_SUITE, 2);
	add_vector(map, hello.legacy_compression_methods, "legacy_compression_methods",
	           REGISTRY_COMPRESSION_METHOD, 1);
	if (hello.extensions.data != NULL)
		add_extensions(map, &hello.extensions);
	return map;
}
