#include "decode/hello_kind.h"

#include "decode/extension.h"
#include "decode/hello.h"

static void add_list(struct buf *out, const struct reader *list)
{
	buf_u16(out, (uint16_t)list->len);
	buf_bytes(out, (struct bytes){list->data, list->len});
}

/* RFC 8446 section 4.2.8. */
static void add_key_shares(struct buf *out, struct reader body)
{
	struct reader shares = reader_vec16(&body, "client_shares");

	while (reader_left(&shares) > 0) {
		buf_u16(out, reader_u16(&shares, "group"));
		buf_u16(out, (uint16_t)reader_vec16(&shares, "key_exchange").len);
	}
}

static void add_extension(struct buf *out, const struct extension *extension)
{
	struct fault fault;

	buf_u16(out, extension->type);
	buf_u16(out, extension->length);
	switch (extension->type) {
	case EXTENSION_key_share:
		add_key_shares(out, reader_isolate(&extension->body, &fault));
		break;
	case EXTENSION_session_ticket:
	case EXTENSION_pre_shared_key:
		break;
	default:
		buf_bytes(out, (struct bytes){extension->body.data, extension->body.len});
	}
}

void hello_kind(struct bytes message, struct buf *out)
{
	struct client_hello hello;
	struct extension extension;

	client_hello_read(&hello, message);
	buf_u24(out, (uint32_t)message.len);
	buf_u16(out, hello.legacy_version);
	buf_u8(out, (uint8_t)hello.legacy_session_id.len);
	add_list(out, &hello.cipher_suites);
	add_list(out, &hello.legacy_compression_methods);
	while (hello.extensions.data != NULL && extension_next(&hello.extensions, &extension))
		add_extension(out, &extension);
}
