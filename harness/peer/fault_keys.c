#include "peer/fault_keys.h"

#include "decode/extension.h"
#include "decode/hello.h"
#include "decode/suite.h"
#include "peer/fault_client.h"

#include <string.h>

struct keylog *fault_keys_log(const struct fault_keys *keys)
{
	struct keylog *keylog = keylog_new();

	keylog_add(keylog, buf_string(keys->keylog), keys->keylog->len);
	return keylog;
}

/* New keys of the server's direction. NULL if decode/ does not have the cipher. */
static struct protection *make_protection(const struct fault_keys *keys, enum under under)
{
	struct keylog *keylog = fault_keys_log(keys);
	struct protection *protection;

	if (keys->version == VERSION_TLS_1_3) {
		protection = protection_tls13(
			keys->cipher_suite,
			keylog_find(keylog, keys->client_random,
		                    under == UNDER_HANDSHAKE ? KEYLOG_SERVER_HANDSHAKE
		                                             : KEYLOG_SERVER_APPLICATION));
	} else {
		struct protection_secrets secrets = {
			.master_secret = keylog_find(keylog, keys->client_random,
			                             KEYLOG_CLIENT_RANDOM),
			.client_random = keys->client_random,
			.server_random = keys->server_random,
			.version = keys->version,
			.cipher_suite = keys->cipher_suite,
			.encrypt_then_mac = keys->encrypt_then_mac,
		};

		protection = protection_tls12(&secrets, true);
	}
	keylog_free(keylog);
	return protection;
}

struct protection *fault_keys_opening(struct fault_keys *keys, enum under under)
{
	if (keys->opening[under] == NULL)
		keys->opening[under] = make_protection(keys, under);
	return keys->opening[under];
}

struct protection *fault_keys_sealing(struct fault_keys *keys, enum under under)
{
	if (keys->sealing[under] == NULL)
		keys->sealing[under] = make_protection(keys, under);
	return keys->sealing[under];
}

bool fault_keys_settle(struct fault_keys *keys, struct bytes message, struct bytes client_stream)
{
	struct client_hellos hellos;
	struct client_hello client;
	struct server_hello server;
	struct bytes ignored;

	server_hello_read(&server, message);
	keys->version = server.version;
	keys->cipher_suite = server.cipher_suite;
	if (server.is_retry || server.random.len != KEYLOG_RANDOM_LEN)
		return false;
	memcpy(keys->server_random, server.random.data, KEYLOG_RANDOM_LEN);
	keys->encrypt_then_mac =
		server.extensions.data != NULL &&
		extension_find(&server.extensions, EXTENSION_encrypt_then_mac, &ignored);
	client_hellos_read(&hellos, client_stream);
	client_hello_read(&client, buf_view(&hellos.messages[0]));
	if (client.random.len == KEYLOG_RANDOM_LEN)
		memcpy(keys->client_random, client.random.data, KEYLOG_RANDOM_LEN);
	client_hellos_fini(&hellos);
	return true;
}

void fault_keys_fini(struct fault_keys *keys)
{
	for (size_t i = 0; i < N_UNDER; i++) {
		protection_free(keys->opening[i]);
		protection_free(keys->sealing[i]);
	}
}
