#include "decode/transcript_state.h"

#include "decode/handshake.h"

#include <stdio.h>

#define HELLOS_MAX 4 /* of one handshake, with a HelloRetryRequest */
#define AT_ONCE 8    /* messages that are told again together */

/* What the tellers of one transcript share. */
struct teller {
	const struct transcript *transcript;
	struct emit *emit;
	uint64_t t0_ns;
	struct faults faults; /* found while telling */
	struct tell tell;
	const struct entry *hellos[HELLOS_MAX]; /* told by a member of their own */
	size_t n_hellos;
};

static const char *side_name(bool from_server)
{
	return from_server ? "server" : "client";
}

/* What a decoder of this entry's message works with. */
static const struct tell *tell_for(struct teller *teller, const struct entry *entry,
                                   const char *where)
{
	teller->tell = (struct tell){.emit = teller->emit,
	                             .faults = &teller->faults,
	                             .from_server = entry->from_server,
	                             .where = where,
	                             .record_version = entry->record_version,
	                             .version = teller->transcript->version,
	                             .cipher_suite = teller->transcript->cipher_suite};
	return &teller->tell;
}

static bool is_kept(const struct entry *entry, uint8_t handshake_type)
{
	return entry->content_type == CONTENT_handshake && !entry->sealed && entry->kept_len > 0 &&
	       entry->handshake_type == handshake_type;
}

/* The next message of that type from `*at` on, which is moved behind it; NULL if there is none. */
static const struct entry *next_of(const struct teller *teller, uint8_t handshake_type, size_t *at)
{
	while (*at < teller->transcript->n_entries) {
		const struct entry *entry = &teller->transcript->entries[(*at)++];

		if (is_kept(entry, handshake_type))
			return entry;
	}
	return NULL;
}

static void tell_origin(const struct teller *teller, const struct entry *entry)
{
	emit_text(teller->emit, "from", side_name(entry->from_server));
	emit_bool(teller->emit, "protected", entry->is_protected);
}

static void tell_client_hello(struct teller *teller, const struct entry *entry, const char *key)
{
	struct bytes message = entry_message(teller->transcript, entry);

	teller->hellos[teller->n_hellos++] = entry;
	emit_object(teller->emit, key);
	if (entry->sslv2)
		sslv2_hello_tell(tell_for(teller, entry, key), message);
	else
		client_hello_tell(tell_for(teller, entry, key), message);
	emit_close(teller->emit);
}

static void tell_server_hello(struct teller *teller, const struct entry *entry, const char *key)
{
	teller->hellos[teller->n_hellos++] = entry;
	emit_object(teller->emit, key);
	server_hello_tell(tell_for(teller, entry, key), entry_message(teller->transcript, entry));
	emit_close(teller->emit);
}

/*
 * Hellos in the order in which they came: a HelloRetryRequest and the ClientHello after it are
 * told too, that also where the server's side is missing.
 */
static void tell_hellos(struct teller *teller)
{
	const struct entry *client, *server;
	size_t client_at = 0, server_at = 0;
	bool retry;

	client = next_of(teller, HANDSHAKE_client_hello, &client_at);
	if (client != NULL)
		tell_client_hello(teller, client,
		                  client->sslv2 ? "sslv2_client_hello" : "client_hello");
	server = next_of(teller, HANDSHAKE_server_hello, &server_at);
	retry = server != NULL && hello_is_retry(entry_message(teller->transcript, server));
	if (retry)
		tell_server_hello(teller, server, "hello_retry_request");
	if (retry || server == NULL) {
		client = next_of(teller, HANDSHAKE_client_hello, &client_at);
		if (client != NULL && !client->is_protected)
			tell_client_hello(teller, client, "client_hello_2");
	}
	if (retry)
		server = next_of(teller, HANDSHAKE_server_hello, &server_at);
	if (server != NULL)
		tell_server_hello(teller, server, "server_hello");
}

static bool is_later_hello(const struct teller *teller, const struct entry *entry)
{
	if (entry->sslv2 || (!is_kept(entry, HANDSHAKE_client_hello) &&
	                     !is_kept(entry, HANDSHAKE_server_hello)))
		return false;
	for (size_t i = 0; i < teller->n_hellos; i++)
		if (teller->hellos[i] == entry)
			return false;
	return true;
}

static void tell_later_hello(struct teller *teller, const struct entry *entry)
{
	const char *type = registry_name(REGISTRY_HANDSHAKE_TYPE, entry->handshake_type);
	struct bytes message = entry_message(teller->transcript, entry);

	emit_item(teller->emit, "From the %s", side_name(entry->from_server));
	emit_name(teller->emit, "type", REGISTRY_HANDSHAKE_TYPE, entry->handshake_type);
	tell_origin(teller, entry);
	if (entry->handshake_type == HANDSHAKE_client_hello)
		client_hello_tell(tell_for(teller, entry, type), message);
	else
		server_hello_tell(tell_for(teller, entry, type), message);
	emit_close(teller->emit);
}

/*
 * What came after the first handshake's: of renegotiations (RFC 5746), or sent without an answer.
 */
static void tell_later_hellos(struct teller *teller)
{
	const struct transcript *transcript = teller->transcript;
	bool any = false;

	for (size_t i = 0; i < transcript->n_entries; i++) {
		if (!is_later_hello(teller, &transcript->entries[i]))
			continue;
		if (!any)
			emit_list(teller->emit, "later_hellos");
		any = true;
		tell_later_hello(teller, &transcript->entries[i]);
	}
	if (any)
		emit_close(teller->emit);
}

static void tell_agreed(const struct teller *teller)
{
	const struct transcript *transcript = teller->transcript;
	struct emit *emit = teller->emit;

	if (transcript->version == 0)
		return;
	emit_name(emit, "version", REGISTRY_PROTOCOL_VERSION, transcript->version);
	emit_name(emit, "cipher_suite", REGISTRY_CIPHER_SUITE, transcript->cipher_suite);
	if (transcript->group != 0)
		emit_name(emit, "group", REGISTRY_NAMED_GROUP, transcript->group);
	if (transcript->signature_algorithm != 0)
		emit_name(emit, "signature_algorithm", REGISTRY_SIGNATURE_SCHEME,
		          transcript->signature_algorithm);
}

/* All messages of one kind: an object, or a list of them. */
static void tell_kind(struct teller *teller, const struct handshake_kind *kind)
{
	size_t at = 0;
	const struct entry *entry = next_of(teller, kind->type, &at);
	const char *where = registry_name(REGISTRY_HANDSHAKE_TYPE, kind->type);

	if (entry == NULL)
		return;
	if (!kind->many) {
		emit_object(teller->emit, kind->key);
		kind->tell(tell_for(teller, entry, where),
		           entry_message(teller->transcript, entry));
		emit_close(teller->emit);
		return;
	}
	emit_list(teller->emit, kind->key);
	for (; entry != NULL; entry = next_of(teller, kind->type, &at)) {
		emit_item(teller->emit, "From the %s", side_name(entry->from_server));
		tell_origin(teller, entry);
		kind->tell(tell_for(teller, entry, where),
		           entry_message(teller->transcript, entry));
		emit_close(teller->emit);
	}
	emit_close(teller->emit);
}

#define KEYS_TEXT_MAX 80

/* What is to be said if a message came under other keys than it should have; else empty. */
static const char *keys_text(uint8_t under, uint8_t due, char text[KEYS_TEXT_MAX])
{
	static const char *const names[EPOCH_MAX] = {
		[EPOCH_NONE] = "no keys",
		[EPOCH_EARLY] = "early data keys",
		[EPOCH_HANDSHAKE] = "handshake keys",
		[EPOCH_APPLICATION] = "application keys",
		[EPOCH_BEFORE_UPDATE] = "the keys before the KeyUpdate",
		[EPOCH_CONNECTION] = "the connection's keys",
	};

	text[0] = '\0';
	if (under != due)
		snprintf(text, KEYS_TEXT_MAX, "%s, where %s are due", names[under],
		         due == EPOCH_NONE ? "none" : names[due]);
	return text;
}

static void tell_keys(const struct teller *teller, uint8_t under, uint8_t due)
{
	char text[KEYS_TEXT_MAX];

	if (under != due)
		emit_text(teller->emit, "protected_with", keys_text(under, due, text));
}

static double ms_since(uint64_t t_ns, uint64_t t0_ns)
{
	return t_ns > t0_ns ? (double)(t_ns - t0_ns) / 1e6 : 0;
}

static void tell_entry(const struct teller *teller, const struct entry *entry)
{
	struct emit *emit = teller->emit;
	char type[REGISTRY_LABEL_MAX], keys[KEYS_TEXT_MAX], length[24] = "cut short";
	enum registry registry = entry->content_type == CONTENT_handshake && !entry->sealed
	                                 ? REGISTRY_HANDSHAKE_TYPE
	                                 : REGISTRY_CONTENT_TYPE;
	uint32_t value = registry == REGISTRY_HANDSHAKE_TYPE ? entry->handshake_type
	                                                     : entry->content_type;

	if (emit->format == EMIT_TEXT) {
		if (!entry->no_length)
			snprintf(length, sizeof(length), "%u bytes", entry->length);
		emit_line(emit, "%10.3f ms  %s: %s%s, %s%s%s%s",
		          ms_since(entry->t_ns, teller->t0_ns), side_name(entry->from_server),
		          entry->sealed ? "encrypted " : "", registry_label(registry, value, type),
		          length,
		          entry->is_protected && !entry->sealed ? ", decrypted" : "",
		          entry->under != entry->due ? "; with " : "",
		          keys_text(entry->under, entry->due, keys));
		return;
	}
	emit_item(emit, "Message");
	emit_ms(emit, "t_ms", entry->t_ns, teller->t0_ns);
	emit_text(emit, "from", side_name(entry->from_server));
	if (entry->sealed)
		emit_text(emit, "type", "encrypted");
	emit_name(emit, entry->sealed ? "content_type" : "type", registry, value);
	if (!entry->no_length)
		emit_uint(emit, "length", entry->length);
	emit_bool(emit, "protected", entry->is_protected);
	tell_keys(teller, entry->under, entry->due);
	emit_close(emit);
}

/* All that tell_entry depends on, but the time. */
static uint64_t entry_key(const struct entry *entry)
{
	return (uint64_t)entry->length << 32 | (uint64_t)entry->content_type << 24 |
	       (uint64_t)entry->handshake_type << 16 | (uint64_t)entry->under << 8 |
	       (uint64_t)entry->due << 4 | (uint64_t)entry->from_server << 2 |
	       (uint64_t)entry->no_length << 3 | (uint64_t)entry->is_protected << 1 | entry->sealed;
}

/* The flights of a handshake are often the same, but for their times. */
static void tell_entries_at_once(const struct teller *teller, const struct entry *entries, size_t n)
{
	struct emit *emit = teller->emit;
	uint64_t key[AT_ONCE];
	struct emit_slots slots;
	struct emit_run run;

	slots.n = 0;
	for (size_t i = 0; i < n; i++) {
		key[i] = entry_key(&entries[i]);
		emit_slots_ms(&slots, entries[i].t_ns, teller->t0_ns);
	}
	if (emit_again_with(emit, &run, EMIT_TAG(EMIT_TAG_MESSAGES, 0),
	                    (struct bytes){(const uint8_t *)key, n * sizeof(key[0])}, &slots))
		return;
	for (size_t i = 0; i < n; i++)
		tell_entry(teller, &entries[i]);
	emit_remember(emit, &run);
}

static void tell_entries(const struct teller *teller)
{
	const struct transcript *transcript = teller->transcript;

	emit_list(teller->emit, "messages");
	for (size_t i = 0; i < transcript->n_entries; i += AT_ONCE) {
		size_t left = transcript->n_entries - i;

		tell_entries_at_once(teller, &transcript->entries[i],
		                     left < AT_ONCE ? left : AT_ONCE);
	}
	emit_close(teller->emit);
	if (teller->transcript->entries_cut)
		emit_bool(teller->emit, "messages_cut", true);
}

static void tell_alert(const struct teller *teller, const struct alert *alert)
{
	struct emit *emit = teller->emit;
	char name[REGISTRY_LABEL_MAX];

	emit_item(emit, "Alert from the %s: %s", side_name(alert->from_server),
	          alert->sealed
	                  ? "encrypted"
	                  : registry_label(REGISTRY_ALERT_DESCRIPTION, alert->description, name));
	emit_text(emit, "from", side_name(alert->from_server));
	if (alert->sealed) {
		emit_null(emit, "level");
		emit_null(emit, "description");
		emit_null(emit, "number");
	} else {
		emit_name(emit, "level", REGISTRY_ALERT_LEVEL, alert->level);
		emit_name(emit, "description", REGISTRY_ALERT_DESCRIPTION, alert->description);
		emit_number(emit, "number", alert->description);
	}
	emit_bool(emit, "protected", alert->is_protected);
	tell_keys(teller, alert->under, alert->due);
	emit_ms(emit, "t_ms", alert->t_ns, teller->t0_ns);
	emit_close(emit);
}

/* All that tell_alert depends on, but the time. */
static uint64_t alert_key(const struct alert *alert)
{
	return (uint64_t)alert->level << 24 | (uint64_t)alert->description << 16 |
	       (uint64_t)alert->under << 8 | (uint64_t)alert->due << 4 |
	       (uint64_t)alert->from_server << 2 | (uint64_t)alert->is_protected << 1 |
	       alert->sealed;
}

static void tell_alert_again(const struct teller *teller, const struct alert *alert)
{
	struct emit_slots slots;
	struct emit_run run;

	slots.n = 0;
	emit_slots_ms(&slots, alert->t_ns, teller->t0_ns);
	if (emit_again_with(teller->emit, &run, EMIT_TAG(EMIT_TAG_ALERT, alert_key(alert)),
	                    (struct bytes){0}, &slots))
		return;
	tell_alert(teller, alert);
	emit_remember(teller->emit, &run);
}

static void tell_alerts(const struct teller *teller)
{
	emit_list(teller->emit, "alerts");
	for (size_t i = 0; i < teller->transcript->n_alerts; i++)
		tell_alert_again(teller, &teller->transcript->alerts[i]);
	emit_close(teller->emit);
}

static void tell_fault_list(struct emit *emit, const struct faults *faults)
{
	for (size_t i = 0; i < faults->n; i++) {
		const struct peer_fault *fault = &faults->items[i];

		if (!emit_line(emit, "%s, %s: %s", side_name(fault->from_server), fault->where,
		               fault->text))
			continue;
		emit_text(emit, "from", side_name(fault->from_server));
		emit_text(emit, "where", fault->where);
		emit_text(emit, "text", fault->text);
		emit_close(emit);
	}
}

void transcript_tell(const struct transcript *transcript, uint64_t t0_ns, struct emit *emit)
{
	struct teller teller = {.transcript = transcript, .emit = emit, .t0_ns = t0_ns};
	bool came[UINT8_MAX + 1] = {false};
	size_t n_dropped;

	tell_hellos(&teller);
	tell_later_hellos(&teller);
	tell_agreed(&teller);
	for (size_t i = 0; i < transcript->n_entries; i++)
		came[transcript->entries[i].handshake_type] = true;
	for (size_t i = 0; i < n_handshake_kinds; i++)
		if (came[handshake_kinds[i].type])
			tell_kind(&teller, &handshake_kinds[i]);
	tell_entries(&teller);
	tell_alerts(&teller);
	emit_list(emit, "faults");
	tell_fault_list(emit, &transcript->faults);
	tell_fault_list(emit, &teller.faults);
	emit_close(emit);
	n_dropped = transcript->faults.n_dropped + teller.faults.n_dropped;
	if (n_dropped > 0)
		emit_uint(emit, "faults_dropped", n_dropped);
	faults_fini(&teller.faults);
}
