#include "decode/keys.h"

#include "decode/extension.h"
#include "decode/exchange.h"
#include "decode/suite.h"

#include <openssl/crypto.h>
#include <stdio.h>
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
		protection_free(keys->directions[i].before_update);
		keys->directions[i] = (struct direction_keys){0};
	}
	OPENSSL_cleanse(keys->master_secret, sizeof(keys->master_secret));
}

void keys_init(struct keys *keys, const struct keylog *keylog)
{
	*keys = (struct keys){.keylog = keylog};
	keys->hopeful = keylog != NULL &&
	                (keylog_count(keylog) > 0 || keylog_opens_exchanges(keylog));
}

size_t keys_memory(const struct keys *keys, bool from_server)
{
	const struct direction_keys *direction = &keys->directions[from_server];

	return (direction->n_tries + (direction->pending != NULL) +
	        (direction->before_update != NULL)) * PROTECTION_MEMORY;
}

/* Takes over `protection`, which may be NULL. */
static void append(struct direction_keys *keys, enum epoch epoch, struct protection *protection)
{
	if (protection == NULL || keys->n_tries == KEYS_MAX) {
		protection_free(protection);
		return;
	}
	if (keys->unsure)
		protection_gap(protection);
	keys->epochs[keys->n_tries] = epoch;
	keys->tries[keys->n_tries++] = protection;
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
			append(client, EPOCH_EARLY, protection_tls13(suite, secret));
	}
}

/* The label of the secret that gives one side's keys of an epoch. */
static enum keylog_label label_of(bool from_server, enum epoch epoch)
{
	if (epoch == EPOCH_EARLY)
		return KEYLOG_CLIENT_EARLY;
	if (epoch == EPOCH_HANDSHAKE)
		return from_server ? KEYLOG_SERVER_HANDSHAKE : KEYLOG_CLIENT_HANDSHAKE;
	if (epoch == EPOCH_CONNECTION)
		return KEYLOG_CLIENT_RANDOM;
	return from_server ? KEYLOG_SERVER_APPLICATION : KEYLOG_CLIENT_APPLICATION;
}

static struct bytes find_secret(const struct keys *keys, enum keylog_label label)
{
	return keylog_find(keys->keylog, keys->client_random, label);
}

static void add_traffic_keys(struct keys *keys)
{
	for (int side = 0; side < 2; side++)
		for (int epoch = EPOCH_HANDSHAKE; epoch <= EPOCH_APPLICATION; epoch++) {
			struct bytes secret = find_secret(keys, label_of(side, (enum epoch)epoch));

			append(&keys->directions[side], (enum epoch)epoch,
			       protection_tls13_draft(keys->version, keys->cipher_suite, secret));
		}
}

static void prepare_connection_keys(struct keys *keys, struct bytes master_secret)
{
	struct protection_secrets secrets = {
		.master_secret = master_secret,
		.client_random = keys->client_random,
		.server_random = keys->server_random,
		.version = keys->version,
		.cipher_suite = keys->cipher_suite,
		.encrypt_then_mac = keys->encrypt_then_mac,
	};

	for (int side = 0; side < 2; side++) {
		struct direction_keys *direction = &keys->directions[side];

		protection_free(direction->pending);
		direction->pending = protection_tls12(&secrets, side == 1);
		if (direction->unsure && direction->pending != NULL)
			protection_gap(direction->pending);
	}
}

/* Both hellos of a handshake are known, or that of the server, which is enough for some suites. */
static void agree(struct keys *keys)
{
	struct bytes master_secret;
	struct exchange exchange = {
		.keylog = keys->keylog,
		.version = keys->version,
		.cipher_suite = keys->cipher_suite,
		.client_random = keys->client_random,
	};

	if (version_is_tls13(keys->version)) {
		add_traffic_keys(keys);
		return;
	}
	master_secret = find_secret(keys, KEYLOG_CLIENT_RANDOM);
	keys->needs_exchange = master_secret.len == 0 && exchange_is_hopeful(&exchange);
	if (master_secret.len == 0 && keys->has_master_secret)
		master_secret = (struct bytes){keys->master_secret, MASTER_SECRET_LEN};
	prepare_connection_keys(keys, master_secret);
}

static bool has_extension(const struct reader *extensions, uint16_t type)
{
	struct bytes ignored;

	return extensions->data != NULL && extension_find(extensions, type, &ignored);
}

/* Whether both sides are in the same handshake of the connection. */
static bool in_step(const struct keys *keys)
{
	return keys->directions[0].n_changes == keys->directions[1].n_changes ||
	       keys->directions[0].unsure || keys->directions[1].unsure;
}

static void set_master_secret(struct keys *keys, struct bytes master_secret)
{
	keys->has_master_secret = master_secret.len == MASTER_SECRET_LEN;
	if (keys->has_master_secret)
		memcpy(keys->master_secret, master_secret.data, MASTER_SECRET_LEN);
}

/* The master secret of the session that the client offers to resume, if it was seen before. */
static void recall_session(struct keys *keys, const struct client_hello *hello)
{
	struct bytes ticket = {0}, secret;

	keys->has_master_secret = false;
	if (!keys->hopeful || hello->legacy_session_id.data == NULL)
		return;
	if (hello->extensions.data != NULL)
		extension_find(&hello->extensions, EXTENSION_session_ticket, &ticket);
	secret = keylog_recall(keys->keylog, ticket);
	if (secret.len == 0)
		secret = keylog_recall(keys->keylog, reader_rest(&hello->legacy_session_id));
	set_master_secret(keys, secret);
}

void keys_client_hello(struct keys *keys, const struct client_hello *hello)
{
	struct direction_keys *client = &keys->directions[0];
	bool first = !client->hello;

	if (hello->random.len != KEYLOG_RANDOM_LEN)
		return;
	client->hello = true;
	client->late = false;
	memcpy(keys->client_random, hello->random.data, KEYLOG_RANDOM_LEN);
	keys->offers_early_data |= has_extension(&hello->extensions, EXTENSION_early_data);
	recall_session(keys, hello);
	keys->hopeful = keys->hopeful && (keylog_knows(keys->keylog, keys->client_random) ||
	                                  keylog_opens_exchanges(keys->keylog) ||
	                                  keys->has_master_secret);
	keys->has_tls13_secrets = keys->hopeful &&
	                          (find_secret(keys, KEYLOG_CLIENT_HANDSHAKE).len > 0 ||
	                           find_secret(keys, KEYLOG_SERVER_HANDSHAKE).len > 0);
	if (client->n_tries == 0 && find_secret(keys, KEYLOG_CLIENT_EARLY).len > 0)
		add_early_keys(keys, hello, find_secret(keys, KEYLOG_CLIENT_EARLY));
	if (first && keys->directions[1].hello && in_step(keys))
		agree(keys);
}

void keys_server_hello(struct keys *keys, const struct server_hello *hello)
{
	struct direction_keys *server = &keys->directions[1];
	bool first = !server->hello;

	if (!hello->has_cipher_suite || hello->random.len != KEYLOG_RANDOM_LEN)
		return;
	keys->version = hello->version;
	if (hello->is_retry)
		return;
	server->hello = true;
	server->late = false;
	keys->cipher_suite = hello->cipher_suite;
	memcpy(keys->server_random, hello->random.data, KEYLOG_RANDOM_LEN);
	keys->encrypt_then_mac = has_extension(&hello->extensions, EXTENSION_encrypt_then_mac);
	keys->extended_master_secret =
		has_extension(&hello->extensions, EXTENSION_extended_master_secret);
	if (in_step(keys) &&
	    (!version_is_tls13(hello->version) || (first && keys->directions[0].hello)))
		agree(keys);
}

struct bytes keys_master_secret(const struct keys *keys)
{
	if (keys->has_master_secret)
		return (struct bytes){keys->master_secret, MASTER_SECRET_LEN};
	return keys->hopeful ? find_secret(keys, KEYLOG_CLIENT_RANDOM) : (struct bytes){0};
}

bool keys_wants_exchange(const struct keys *keys)
{
	return keys->needs_exchange && keys->directions[0].flight && keys->directions[1].flight;
}

void keys_exchange(struct keys *keys, struct bytes master_secret)
{
	keys->needs_exchange = false;
	set_master_secret(keys, master_secret);
	prepare_connection_keys(keys, master_secret);
}

/* The keys after a KeyUpdate; those before it are kept for records that still come under them. */
static void update(struct direction_keys *direction)
{
	struct protection **current;

	if (direction->n_tries == 0 || direction->epochs[direction->current] != EPOCH_APPLICATION)
		return;
	current = &direction->tries[direction->current];
	protection_free(direction->before_update);
	direction->before_update = *current;
	*current = protection_next(direction->before_update);
}

void keys_message(struct keys *keys, bool from_server, uint8_t handshake_type, bool is_protected)
{
	struct direction_keys *direction = &keys->directions[from_server];
	uint8_t end_of_flight = from_server ? HANDSHAKE_server_hello_done
	                                    : HANDSHAKE_client_key_exchange;

	if (handshake_type == end_of_flight)
		direction->flight = true;
	if (handshake_type == HANDSHAKE_server_hello_done)
		keys->has_master_secret = false; /* no session is resumed */
	if (!is_protected || !version_is_tls13(keys->version))
		return;
	if (handshake_type == HANDSHAKE_finished)
		direction->finished = true;
	else if (handshake_type == HANDSHAKE_end_of_early_data && !from_server)
		keys->early_data_over = true;
	else if (handshake_type == HANDSHAKE_key_update)
		update(direction);
}

static void use_pending(struct direction_keys *direction)
{
	clear(direction);
	append(direction, EPOCH_CONNECTION, direction->pending);
	direction->pending = NULL;
	direction->changed = true;
	direction->unsure = false;
	direction->hello = false;
	direction->flight = false;
	direction->n_changes++;
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

void keys_gap(struct keys *keys, bool from_server)
{
	struct direction_keys *direction = &keys->directions[from_server];

	direction->unsure = true;
	for (size_t i = 0; i < direction->n_tries; i++)
		protection_gap(direction->tries[i]);
	if (direction->pending != NULL)
		protection_gap(direction->pending);
}

void keys_begin_late(struct keys *keys)
{
	keys->directions[0].late = keys->directions[1].late = true;
}

bool keys_has(const struct keys *keys, bool from_server)
{
	const struct direction_keys *direction = &keys->directions[from_server];

	return direction->n_tries > 0 || (direction->unsure && direction->pending != NULL) ||
	       keys_undecided(keys, from_server);
}

bool keys_undecided(const struct keys *keys, bool from_server)
{
	const struct direction_keys *own = &keys->directions[from_server];
	const struct direction_keys *peer = &keys->directions[!from_server];

	if (!keys->hopeful || own->unsure || peer->unsure)
		return false;
	if (own->n_changes != peer->n_changes)
		return own->n_changes > peer->n_changes;
	if (!own->hello || !peer->hello)
		return own->hello;
	return keys->needs_exchange && own->flight && !peer->flight;
}

void keys_give_up(struct keys *keys)
{
	keys->hopeful = false;
	keys_gap(keys, false);
	keys_gap(keys, true);
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
	/* And some a protected one before it. */
	if ((direction->changed && keys->version != 0) || record->type == CONTENT_alert)
		return true;
	/*
	 * A gap may hold the ChangeCipherSpec, so may what was not captured, and without a
	 * ServerHello it may be TLS 1.3's.
	 */
	return (direction->changed || direction->unsure || direction->late) &&
	       record_looks_sealed(record);
}

/* What this side ought to protect its next record with. */
static enum epoch epoch_due(const struct keys *keys, bool from_server)
{
	const struct direction_keys *direction = &keys->directions[from_server];

	if (!version_is_tls13(keys->version))
		return direction->changed && keys->version != 0 ? EPOCH_CONNECTION : EPOCH_NONE;
	if (!keys->directions[0].hello || !keys->directions[1].hello)
		return EPOCH_NONE;
	return direction->finished ? EPOCH_APPLICATION : EPOCH_HANDSHAKE;
}

/* Opens a record with the keys that are in use, or may be. */
static bool open_tries(struct direction_keys *direction, const struct record *record,
                       struct buf *plain, struct opening *opening)
{
	for (size_t i = 0; i < direction->n_tries; i++) {
		size_t at = (direction->current + i) % direction->n_tries;

		if (protection_open(direction->tries[at], record, plain, &opening->type)) {
			direction->current = at;
			opening->under = direction->epochs[at];
			return true;
		}
	}
	return false;
}

/*
 * Opens a record with keys that should not be in use: those before a KeyUpdate; in TLS 1.2 those
 * before whose ChangeCipherSpec an alert comes, or whose ChangeCipherSpec a gap may hold.
 */
static bool open_others(struct direction_keys *direction, const struct record *record,
                        struct buf *plain, struct opening *opening)
{
	if (direction->before_update != NULL &&
	    protection_open(direction->before_update, record, plain, &opening->type)) {
		opening->under = EPOCH_BEFORE_UPDATE;
		return true;
	}
	if (direction->pending == NULL || !(direction->unsure || record->type == CONTENT_alert) ||
	    !protection_open(direction->pending, record, plain, &opening->type))
		return false;
	opening->under = EPOCH_CONNECTION;
	if (direction->unsure) {
		opening->due = EPOCH_CONNECTION;
		use_pending(direction);
	}
	return true;
}

/* After a record was opened: what it says of the keys that are due. */
static void settle_due(struct keys *keys, bool from_server, struct opening *opening)
{
	struct direction_keys *direction = &keys->directions[from_server];

	if (direction->unsure && opening->under == EPOCH_APPLICATION)
		direction->finished = true; /* the gap hid the Finished */
	if (direction->unsure ||
	    (opening->under == EPOCH_EARLY && !keys->early_data_over && !direction->finished))
		opening->due = opening->under;
	if (opening->under == EPOCH_HANDSHAKE && !from_server)
		keys->early_data_over = true;
}

enum seal keys_open(struct keys *keys, bool from_server, const struct record *record,
                    struct buf *plain, struct opening *opening)
{
	struct direction_keys *direction = &keys->directions[from_server];

	*opening = (struct opening){record->type, EPOCH_NONE, epoch_due(keys, from_server)};
	if (record->type == CONTENT_change_cipher_spec && !version_is_tls13(keys->version) &&
	    !keys->has_tls13_secrets && keys_undecided(keys, from_server))
		return SEAL_WAITS;
	if (!keys_is_sealed(keys, from_server, record)) {
		if (direction->unsure)
			opening->due = EPOCH_NONE;
		return SEAL_NONE;
	}
	if (open_tries(direction, record, plain, opening) ||
	    open_others(direction, record, plain, opening)) {
		settle_due(keys, from_server, opening);
		direction->has_opened = true;
		return SEAL_OPENED;
	}
	return keys_undecided(keys, from_server) ? SEAL_WAITS : SEAL_CLOSED;
}

/* The secret that the key log ought to have for the record that did not open. */
static enum epoch epoch_missing(const struct keys *keys, bool from_server)
{
	bool early = !from_server && keys->offers_early_data && !keys->early_data_over;

	if (early && version_is_tls13(keys->version) &&
	    find_secret(keys, KEYLOG_CLIENT_EARLY).len == 0)
		return EPOCH_EARLY;
	return epoch_due(keys, from_server);
}

bool keys_explain(struct keys *keys, bool from_server, char text[KEYS_EXPLANATION_MAX])
{
	struct direction_keys *direction = &keys->directions[from_server];
	enum epoch epoch = epoch_missing(keys, from_server);
	enum keylog_label label;
	char name[REGISTRY_LABEL_MAX];

	if (keys->keylog == NULL || epoch == EPOCH_NONE || direction->unsure ||
	    (direction->explained & 1u << epoch) != 0)
		return false;
	direction->explained |= 1u << epoch;
	if (!keys->has_master_secret && !keylog_knows(keys->keylog, keys->client_random))
		return false;
	label = label_of(from_server, epoch);
	if (suite_describe(keys->cipher_suite).cipher == NULL)
		snprintf(text, KEYS_EXPLANATION_MAX, "records under %s are not opened here",
		         registry_label(REGISTRY_CIPHER_SUITE, keys->cipher_suite, name));
	else if (epoch == EPOCH_CONNECTION && keys->has_master_secret)
		snprintf(text, KEYS_EXPLANATION_MAX,
		         "the master secret of the key exchange does not open it");
	else if (find_secret(keys, label).len > 0)
		snprintf(text, KEYS_EXPLANATION_MAX, "the key log's %s does not open it",
		         keylog_label_name(label));
	else
		snprintf(text, KEYS_EXPLANATION_MAX,
		         "the key log knows the connection but lacks its %s",
		         keylog_label_name(label));
	return true;
}
