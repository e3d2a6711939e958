#include "decode/transcript_state.h"

#include "decode/exchange.h"

#include <openssl/crypto.h>
#include <string.h>

/* The last message of that type from one side: its place, or `n_entries`. */
static size_t last_of(const struct transcript *transcript, enum side from, uint8_t handshake_type)
{
	for (size_t i = transcript->n_entries; i-- > 0;) {
		const struct entry *entry = &transcript->entries[i];

		if (entry->content_type == CONTENT_handshake && !entry->sealed &&
		    entry->from_server == (from == SIDE_SERVER) &&
		    entry->handshake_type == handshake_type)
			return i;
	}
	return transcript->n_entries;
}

/* Appends one side's messages from entry `first` to its first of type `last`, which is returned. */
static struct bytes add_messages(const struct transcript *transcript, enum side from, size_t first,
                                 uint8_t last, struct buf *out)
{
	for (size_t i = first; i < transcript->n_entries; i++) {
		const struct entry *entry = &transcript->entries[i];
		struct bytes message = entry_message(transcript, entry);

		if (entry->content_type != CONTENT_handshake || entry->sealed ||
		    entry->from_server != (from == SIDE_SERVER) ||
		    entry->handshake_type == HANDSHAKE_hello_request)
			continue;
		buf_bytes(out, message);
		if (entry->handshake_type == last)
			return message;
	}
	return (struct bytes){0};
}

/*
 * The session hash covers the ClientHello, the server's flight and the client's messages up to its
 * ClientKeyExchange (RFC 7627 section 3).
 */
void transcript_exchange(struct transcript *transcript)
{
	struct keys *keys = &transcript->keys;
	size_t client = last_of(transcript, SIDE_CLIENT, HANDSHAKE_client_hello);
	size_t server = last_of(transcript, SIDE_SERVER, HANDSHAKE_server_hello);
	struct exchange exchange = {.keylog = keys->keylog,
	                            .version = keys->version,
	                            .cipher_suite = keys->cipher_suite,
	                            .client_random = keys->client_random,
	                            .server_random = keys->server_random,
	                            .extended_master_secret = keys->extended_master_secret};
	struct buf messages = {0}, flight = {0};
	uint8_t master_secret[MASTER_SECRET_LEN];
	bool done;

	add_messages(transcript, SIDE_CLIENT, client, HANDSHAKE_client_hello, &messages);
	exchange.certificate = add_messages(transcript, SIDE_SERVER, server, HANDSHAKE_certificate,
	                                    &flight);
	add_messages(transcript, SIDE_SERVER, server, HANDSHAKE_server_hello_done, &messages);
	exchange.client_key_exchange = add_messages(transcript, SIDE_CLIENT, client + 1,
	                                            HANDSHAKE_client_key_exchange, &messages);
	exchange.messages = buf_view(&messages);
	done = exchange_master(&exchange, master_secret);
	keys_exchange(keys, (struct bytes){master_secret, done ? sizeof(master_secret) : 0});
	if (!done)
		faults_add(&transcript->faults, false, "client_key_exchange",
		           "no private key or premaster secret at hand opens it");
	OPENSSL_cleanse(master_secret, sizeof(master_secret));
	buf_fini(&messages);
	buf_fini(&flight);
}

/* A session ticket's bytes: RFC 5077 section 3.3. */
static struct bytes ticket_of(struct bytes message)
{
	struct fault fault;
	struct reader reader, ticket;

	reader_init(&reader, message.data, message.len, &fault);
	reader_bytes(&reader, HANDSHAKE_HEADER_LEN, "header");
	reader_u32(&reader, "ticket_lifetime_hint");
	ticket = reader_vec16(&reader, "ticket");
	return reader_ok(&ticket) ? reader_rest(&ticket) : (struct bytes){0};
}

/* Keeps what is known of a session, for connections that resume it by its id or a ticket. */
static void remember_session(struct transcript *transcript, struct bytes session)
{
	uint8_t master_secret[MASTER_SECRET_LEN]; /* the key log may move its own */
	struct bytes known = keys_master_secret(&transcript->keys);

	if (session.len == 0 || known.len != MASTER_SECRET_LEN)
		return;
	memcpy(master_secret, known.data, MASTER_SECRET_LEN);
	keylog_remember(transcript->keylog, session,
	                (struct bytes){master_secret, MASTER_SECRET_LEN});
	OPENSSL_cleanse(master_secret, sizeof(master_secret));
}

void transcript_remember(struct transcript *transcript)
{
	size_t at = last_of(transcript, SIDE_SERVER, HANDSHAKE_server_hello);
	size_t ticket = last_of(transcript, SIDE_SERVER, HANDSHAKE_new_session_ticket);
	struct server_hello hello;

	if (at == transcript->n_entries || keys_master_secret(&transcript->keys).len == 0)
		return;
	server_hello_read(&hello, entry_message(transcript, &transcript->entries[at]));
	if (hello.legacy_session_id_echo.data != NULL)
		remember_session(transcript, reader_rest(&hello.legacy_session_id_echo));
	if (ticket < transcript->n_entries)
		remember_session(transcript, ticket_of(entry_message(transcript,
		                                       &transcript->entries[ticket])));
}

void transcript_write_secrets(const struct transcript *transcript, struct buf *out)
{
	const struct keys *keys = &transcript->keys;

	if (keys->has_master_secret)
		keylog_write_master(keys->client_random,
		                    (struct bytes){keys->master_secret, MASTER_SECRET_LEN}, out);
}
