#include "decode/ech.h"

#include "decode/extension.h"

void ech_show_client_hello(struct emit *emit, struct reader *body)
{
	uint8_t type = reader_u8(body, "type");

	if (reader_ok(body))
		emit_name(emit, "type", REGISTRY_ECH_CLIENT_HELLO_TYPE, type);
	if (type == 1)
		return;
	tell_name(emit, body, "kdf_id", REGISTRY_HPKE_KDF);
	tell_name(emit, body, "aead_id", REGISTRY_HPKE_AEAD);
	tell_u8(emit, body, "config_id");
	tell_vec16(emit, body, "enc");
	tell_vec16(emit, body, "payload");
}

static void show_suites(struct emit *emit, struct reader list)
{
	struct fault own;
	struct reader suites = reader_isolate(&list, &own);

	emit_list(emit, "cipher_suites");
	while (reader_left(&suites) > 0) {
		emit_item(emit, "HPKE Symmetric Cipher Suite");
		tell_name(emit, &suites, "kdf_id", REGISTRY_HPKE_KDF);
		tell_name(emit, &suites, "aead_id", REGISTRY_HPKE_AEAD);
		emit_close(emit);
	}
	emit_close(emit);
	tell_end(&list, &suites, "cipher_suites");
}

static void show_extensions(struct emit *emit, struct reader list)
{
	struct extension extension;

	emit_list(emit, "extensions");
	while (extension_next(&list, &extension)) {
		emit_item(emit, "ECH Extension");
		emit_printf(emit, "type", "0x%04x", extension.type);
		emit_hex(emit, "data", reader_rest(&extension.body));
		emit_close(emit);
	}
	emit_close(emit);
}

/* ECHConfigContents, RFC 9849 section 4. */
static void show_contents(struct emit *emit, struct reader *contents)
{
	struct reader name;

	tell_u8(emit, contents, "config_id");
	tell_name(emit, contents, "kem_id", REGISTRY_HPKE_KEM);
	tell_vec16(emit, contents, "public_key");
	show_suites(emit, reader_vec16(contents, "cipher_suites"));
	tell_u8(emit, contents, "maximum_name_length");
	name = reader_vec8(contents, "public_name");
	emit_string(emit, "public_name", reader_rest(&name));
	show_extensions(emit, reader_vec16(contents, "extensions"));
	reader_end(contents, "ECHConfigContents");
}

static void show_config(struct emit *emit, struct reader *configs)
{
	uint16_t version = reader_u16(configs, "version");
	struct reader contents = reader_vec16(configs, "contents");
	struct fault own;
	struct reader fields = reader_isolate(&contents, &own);

	emit_item(emit, "ECH Configuration");
	emit_printf(emit, "version", "0x%04x", version);
	if (version == EXTENSION_encrypted_client_hello)
		show_contents(emit, &fields);
	else
		tell_rest(emit, &fields, "contents");
	emit_close(emit);
	tell_end(configs, &fields, "ECHConfigContents");
}

void ech_show_retry_configs(struct emit *emit, struct reader *body)
{
	struct reader list = reader_vec16(body, "retry_configs");
	struct fault own;
	struct reader configs = reader_isolate(&list, &own);

	emit_list(emit, "retry_configs");
	while (reader_left(&configs) > 0)
		show_config(emit, &configs);
	emit_close(emit);
	tell_end(&list, &configs, "retry_configs");
}

void ech_show_encrypted_sni(struct emit *emit, struct reader *body)
{
	tell_name(emit, body, "suite", REGISTRY_CIPHER_SUITE);
	tell_name(emit, body, "group", REGISTRY_NAMED_GROUP);
	tell_vec16(emit, body, "key_exchange");
	tell_vec16(emit, body, "record_digest");
	tell_vec16(emit, body, "encrypted_sni");
}

void ech_show_confirmation(struct emit *emit, struct reader *body)
{
	tell_bytes(emit, body, 8, "confirmation");
}

void ech_show_outer_extensions(struct emit *emit, struct reader *body)
{
	tell_names(emit, "outer_extensions", REGISTRY_EXTENSION_TYPE,
	           reader_vec8(body, "outer_extensions"));
}
