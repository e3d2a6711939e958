#include "decode/keys.h"

#include "decode/extension.h"

#include <string.h>

static void clear(struct direction_keys *keys)
{
	for (size_t i = 0; i < keys->n_tries; i++)
		protection_free(keys->tries[i]);
	keys->n_tries = 0;
	keys->current = 0;
}

void keys_fini(struct keys *keys)
{
	for (int i = 0; i < 2; i++) {
		clear(&keys->directions[i]);
		protection_free(keys->directions[i].pending);
		keys->directions[i] = (struct direction_keys){0};
	}
}

size_t keys_memory(const struct keys *keys, bool from_server)
{
	const struct direction_keys *direction = &keys->directions[from_server];

	return (direction->n_tries + (direction->pending != NULL)) * PROTECTION_MEMORY;
}

/* Takes over `protection`, which may be NULL. */
static void append(struct direction_keys *keys, struct protection *protection)
{
	if (protection != NULL && keys->n_tries < KEYS_MAX)
		keys->tries[keys->n_tries++] = protection;
	else
		protection_free(protection);
}

/* Early data is under the suite of the session that is resumed: one of those on offer. */
static void add_early_keys(struct keys *keys, const struct client_hello *hello, struct bytes secret)
{
	struct fault fault;
	struct reader suites = reader_isolate(&hello->cipher_suites, &fault);
	struct direction_keys *client = &keys->directions[0];

	while (reader_left(&suites) >= 2 && client->n_tries < KEYS_EARLY_MAX) {
		uint16_t suite = reader_u16(&suites, "cipher_suites");

		if (suite >> 8 == 0x13)
			append(client, protection_tls13(suite, secret));
	}
}

void keys_client_hello(struct keys *keys, const struct client_hello *hello)
{
	struct bytes secret;

	if (hello->random.len != KEYLOG_RANDOM_LEN)
		return;
	memcpy(keys->client_random, hello->random.data, KEYLOG_RANDOM_LEN);
	secret = keylog_find(keys->keylog, keys->client_random, KEYLOG_CLIENT_EARLY);
	if (secret.len > 0 && keys->directions[0].n_tries == 0)
		add_early_keys(keys, hello, secret);
}

static void add_traffic_keys(struct keys *keys, uint16_t cipher_suite)
{
	static const enum keylog_label labels[2][2] = {
		{KEYLOG_CLIENT_HANDSHAKE, KEYLOG_CLIENT_APPLICATION},
		{KEYLOG_SERVER_HANDSHAKE, KEYLOG_SERVER_APPLICATION},
	};

	for (int side = 0; side < 2; side++)
		for (int epoch = 0; epoch < 2; epoch++)
			append(&keys->directions[side],
			       protection_tls13(cipher_suite,
			                        keylog_find(keys->keylog, keys->client_random,
			                                    labels[side][epoch])));
}

static void prepare_connection_keys(struct keys *keys, const struct server_hello *hello)
{
	struct bytes ignored;
	struct protection_secrets secrets = {
		.master_secret =
			keylog_find(keys->keylog, keys->client_random, KEYLOG_CLIENT_RANDOM),
		.client_random = keys->client_random,
		.server_random = hello->random.data,
		.version = hello->version,
		.cipher_suite = hello->cipher_suite,
		.encrypt_then_mac =
			hello->extensions.data != NULL &&
			extension_find(&hello->extensions, EXTENSION_encrypt_then_mac, &ignored),
	};

	for (int side = 0; side < 2; side++) {
		protection_free(keys->directions[side].pending);
		keys->directions[side].pending = protection_tls12(&secrets, side == 1);
	}
}

void keys_server_hello(struct keys *keys, const struct server_hello *hello)
{
	if (!hello->has_cipher_suite || hello->random.len != KEYLOG_RANDOM_LEN)
		return;
	keys->version = hello->version;
	if (hello->is_retry)
		return;
	if (version_is_tls13(hello->version))
		add_traffic_keys(keys, hello->cipher_suite);
	else
		prepare_connection_keys(keys, hello);
}

static void use_pending(struct direction_keys *direction)
{
	clear(direction);
	append(direction, direction->pending);
	direction->pending = NULL;
	direction->changed = true;
	direction->unsure = false;
}

/*
 * In TLS 1.3 it says nothing (RFC 8446 appendix D.4), but that is not known before the
 * ServerHello.
 */
void keys_change_cipher_spec(struct keys *keys, bool from_server)
{
	struct direction_keys *direction = &keys->directions[from_server];

	if (version_is_tls13(keys->version))
		return;
	if (keys->version != 0)
		use_pending(direction);
	direction->changed = true;
}

void keys_update(struct keys *keys, bool from_server)
{
	struct direction_keys *direction = &keys->directions[from_server];

	if (version_is_tls13(keys->version) && direction->n_tries > 0)
		protection_update(direction->tries[direction->current]);
}

void keys_gap(struct keys *keys, bool from_server)
{
	struct direction_keys *direction = &keys->directions[from_server];

	direction->unsure = true;
	for (size_t i = 0; i < direction->n_tries; i++)
		protection_gap(direction->tries[i]);
	if (direction->pending != NULL)
		protection_gap(direction->pending);
}

bool keys_has(const struct keys *keys, bool from_server)
{
	const struct direction_keys *direction = &keys->directions[from_server];

	return direction->n_tries > 0 || (direction->unsure && direction->pending != NULL);
}

bool keys_is_sealed(const struct keys *keys, bool from_server, const struct record *record)
{
	const struct direction_keys *direction = &keys->directions[from_server];

	if (record->type == CONTENT_application_data)
		return true;
	/* Some boards send an alert as it is after their ChangeCipherSpec: sealed, it is longer. */
	if (version_is_tls13(keys->version) || (record->type == CONTENT_alert &&
	                                        record->length < RECORD_ALERT_SEALED_MIN))
		return false;
	if (direction->changed && keys->version != 0)
		return true;
	/* A gap may hold the ChangeCipherSpec, and without a ServerHello it may be TLS 1.3's. */
	if (direction->changed || direction->unsure)
		return record_looks_sealed(record);
	/* The capture may have begun in the middle of the connection. */
	return keys->version == 0 && record->type == CONTENT_alert;
}

/* Opens a record with the keys of which it is not known whether they are in use. */
static bool open_pending(struct direction_keys *direction, const struct record *record,
                         struct buf *plain, uint8_t *type)
{
	if (!direction->unsure || direction->pending == NULL ||
	    !protection_open(direction->pending, record, plain, type))
		return false;
	use_pending(direction);
	return true;
}

enum seal keys_open(struct keys *keys, bool from_server, const struct record *record,
                    struct buf *plain, uint8_t *type)
{
	struct direction_keys *direction = &keys->directions[from_server];

	if (!keys_is_sealed(keys, from_server, record))
		return SEAL_NONE;
	for (size_t i = 0; i < direction->n_tries; i++) {
		size_t at = (direction->current + i) % direction->n_tries;

		if (protection_open(direction->tries[at], record, plain, type)) {
			direction->current = at;
			return SEAL_OPENED;
		}
	}
	return open_pending(direction, record, plain, type) ? SEAL_OPENED : SEAL_CLOSED;
}
