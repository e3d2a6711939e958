#include "decode/exchange.h"

#include "decode/registry.h"
#include "decode/suite.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>

#define RSA_MODULUS_MAX 2048 /* bytes */

/* Storage for a premaster secret that is decrypted. */
struct premaster {
	uint8_t bytes[RSA_MODULUS_MAX];
};

bool exchange_is_hopeful(const struct exchange *exchange)
{
	if (exchange->version < VERSION_TLS_1_0 || exchange->version > VERSION_TLS_1_2)
		return false;
	if (keylog_find(exchange->keylog, exchange->client_random, KEYLOG_PREMASTER).len > 0)
		return true;
	return keylog_opens_exchanges(exchange->keylog) &&
	       suite_exchange(exchange->cipher_suite).key_exchange == KX_RSA;
}

/* The server's own certificate, the first of its message. */
static struct bytes first_certificate(struct bytes message)
{
	struct fault fault;
	struct reader reader, list, first;

	reader_init(&reader, message.data, message.len, &fault);
	reader_bytes(&reader, HANDSHAKE_HEADER_LEN, "header");
	list = reader_vec24(&reader, "certificate_list");
	first = reader_vec24(&list, "certificate");
	return reader_ok(&first) ? reader_rest(&first) : (struct bytes){0};
}

static struct bytes encrypted_premaster(struct bytes message)
{
	struct fault fault;
	struct reader reader, encrypted;

	reader_init(&reader, message.data, message.len, &fault);
	reader_bytes(&reader, HANDSHAKE_HEADER_LEN, "header");
	encrypted = reader_vec16(&reader, "encrypted_pre_master_secret");
	return reader_ok(&encrypted) ? reader_rest(&encrypted) : (struct bytes){0};
}

static struct bytes find_encrypted(const struct keylog *keylog, struct bytes encrypted)
{
	uint8_t id[KEYLOG_RANDOM_LEN] = {0};

	if (encrypted.len < KEYLOG_RSA_ID_LEN)
		return (struct bytes){0};
	memcpy(id, encrypted.data, KEYLOG_RSA_ID_LEN);
	return keylog_find(keylog, id, KEYLOG_RSA);
}

static struct bytes decrypt(EVP_PKEY *key, struct bytes encrypted, struct premaster *out)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	size_t len = sizeof(out->bytes);
	bool done;

	ERR_set_mark();
	done = context != NULL && EVP_PKEY_decrypt_init(context) == 1 &&
	       EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
	       EVP_PKEY_decrypt(context, out->bytes, &len, encrypted.data, encrypted.len) == 1;
	ERR_pop_to_mark(); /* what does not decrypt is no error of the harness */
	EVP_PKEY_CTX_free(context);
	return (struct bytes){out->bytes, done && len == MASTER_SECRET_LEN ? len : 0};
}

static struct bytes find_premaster(const struct exchange *exchange, struct premaster *storage)
{
	struct bytes secret =
		keylog_find(exchange->keylog, exchange->client_random, KEYLOG_PREMASTER);
	struct bytes encrypted;
	EVP_PKEY *key;

	if (secret.len > 0 || suite_exchange(exchange->cipher_suite).key_exchange != KX_RSA)
		return secret;
	encrypted = encrypted_premaster(exchange->client_key_exchange);
	secret = find_encrypted(exchange->keylog, encrypted);
	if (secret.len > 0)
		return secret;
	key = keylog_private_key(exchange->keylog, first_certificate(exchange->certificate));
	return key != NULL ? decrypt(key, encrypted, storage) : (struct bytes){0};
}

/* RFC 7627 section 3: the hash of the messages, that of the PRF. */
static struct bytes session_hash(const struct exchange *exchange, uint8_t out[EVP_MAX_MD_SIZE])
{
	const char *hash = exchange->version < VERSION_TLS_1_2
	                           ? "MD5-SHA1"
	                           : suite_describe(exchange->cipher_suite).hash;
	size_t len = 0;
	bool done = hash != NULL &&
	            EVP_Q_digest(NULL, hash, NULL, exchange->messages.data, exchange->messages.len,
	                         out, &len) == 1;

	return (struct bytes){out, done ? len : 0};
}

bool exchange_master(const struct exchange *exchange, uint8_t out[MASTER_SECRET_LEN])
{
	struct premaster storage;
	struct bytes premaster = find_premaster(exchange, &storage);
	uint8_t hash[EVP_MAX_MD_SIZE];
	uint8_t randoms[2 * KEYLOG_RANDOM_LEN];
	struct bytes seed = {randoms, sizeof(randoms)};
	bool done;

	memcpy(randoms, exchange->client_random, KEYLOG_RANDOM_LEN);
	memcpy(randoms + KEYLOG_RANDOM_LEN, exchange->server_random, KEYLOG_RANDOM_LEN);
	if (exchange->extended_master_secret)
		seed = session_hash(exchange, hash);
	done = premaster.len > 0 && seed.len > 0 &&
	       protection_prf(exchange->version, exchange->cipher_suite, premaster,
	                      exchange->extended_master_secret ? "extended master secret"
	                                                       : "master secret",
	                      seed, out, MASTER_SECRET_LEN);
	OPENSSL_cleanse(&storage, sizeof(storage));
	return done;
}
