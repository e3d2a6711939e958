#include "decode/keylog.h"

#include "base/assert.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define HASH_FACTOR 0x9e3779b97f4a7c15u /* 2^64 divided by the golden ratio */
#define FIRST_SIZE 16u /* secrets that the first allocation holds; a power of two */

struct secret {
	uint8_t client_random[KEYLOG_RANDOM_LEN];
	uint8_t label;
	uint8_t len;
	uint8_t bytes[KEYLOG_SECRET_MAX];
};

/* `slots` is a hash table with open addressing over `secrets`: index + 1, or 0 for a free slot. */
struct keylog {
	struct secret *secrets;
	uint32_t *slots; /* twice as many as `size` */
	size_t n_secrets;
	size_t size;
	size_t n_bad_lines;
	size_t n_rsa; /* secrets with the label RSA */
	EVP_PKEY *private_keys[KEYLOG_PRIVATE_KEYS_MAX]; /* a reference each */
	size_t n_private_keys;
};

static const char *const label_names[KEYLOG_LABEL_MAX] = {
	[KEYLOG_CLIENT_RANDOM] = "CLIENT_RANDOM",
	[KEYLOG_CLIENT_EARLY] = "CLIENT_EARLY_TRAFFIC_SECRET",
	[KEYLOG_CLIENT_HANDSHAKE] = "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
	[KEYLOG_SERVER_HANDSHAKE] = "SERVER_HANDSHAKE_TRAFFIC_SECRET",
	[KEYLOG_CLIENT_APPLICATION] = "CLIENT_TRAFFIC_SECRET_0",
	[KEYLOG_SERVER_APPLICATION] = "SERVER_TRAFFIC_SECRET_0",
	[KEYLOG_PREMASTER] = "PMS_CLIENT_RANDOM",
	[KEYLOG_RSA] = "RSA",
};

struct keylog *keylog_new(void)
{
	struct keylog *keylog = calloc(1, sizeof(*keylog));

	CHECK(keylog != NULL);
	return keylog;
}

void keylog_free(struct keylog *keylog)
{
	if (keylog == NULL)
		return;
	if (keylog->secrets != NULL)
		OPENSSL_cleanse(keylog->secrets, keylog->size * sizeof(*keylog->secrets));
	for (size_t i = 0; i < keylog->n_private_keys; i++)
		EVP_PKEY_free(keylog->private_keys[i]);
	free(keylog->secrets);
	free(keylog->slots);
	free(keylog);
}

/*
 * The slot that holds this secret, or the free one where it belongs. There is always a free one.
 * The sum begins with where the log lies, so that no log can have all its secrets in one place.
 */
static uint32_t *find_slot(const struct keylog *keylog, const uint8_t *client_random, uint8_t label)
{
	size_t mask = keylog->size * 2 - 1;
	uint64_t at = (uintptr_t)keylog ^ label;

	for (size_t i = 0; i < KEYLOG_RANDOM_LEN; i += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, client_random + i, sizeof(word));
		at = (at ^ word) * HASH_FACTOR;
		at ^= at >> 32;
	}
	at *= HASH_FACTOR; /* what differs in the last byte comes down to the low bits */
	at ^= at >> 32;
	for (;; at++) {
		uint32_t *slot = &keylog->slots[at & mask];
		const struct secret *secret = *slot != 0 ? &keylog->secrets[*slot - 1] : NULL;

		if (secret == NULL || (secret->label == label &&
		                       memcmp(secret->client_random, client_random,
		                              KEYLOG_RANDOM_LEN) == 0))
			return slot;
	}
}

static void grow(struct keylog *keylog)
{
	size_t size = keylog->size != 0 ? keylog->size * 2 : FIRST_SIZE;
	struct secret *secrets = calloc(size, sizeof(*secrets));

	CHECK(secrets != NULL);
	if (keylog->n_secrets > 0) {
		memcpy(secrets, keylog->secrets, keylog->n_secrets * sizeof(*secrets));
		OPENSSL_cleanse(keylog->secrets, keylog->size * sizeof(*keylog->secrets));
	}
	free(keylog->secrets);
	free(keylog->slots);
	keylog->secrets = secrets;
	keylog->slots = calloc(size * 2, sizeof(*keylog->slots));
	CHECK(keylog->slots != NULL);
	keylog->size = size;
	for (size_t i = 0; i < keylog->n_secrets; i++)
		*find_slot(keylog, secrets[i].client_random, secrets[i].label) = (uint32_t)i + 1;
}

/* False if the log is full. A secret that is there already is replaced. */
static bool insert(struct keylog *keylog, const struct secret *secret)
{
	uint32_t *slot;

	if (keylog->n_secrets == keylog->size) {
		if (keylog->size >= KEYLOG_SECRETS_MAX)
			return false;
		grow(keylog);
	}
	slot = find_slot(keylog, secret->client_random, secret->label);
	if (*slot == 0) {
		*slot = (uint32_t)++keylog->n_secrets;
		keylog->n_rsa += secret->label == KEYLOG_RSA;
	}
	keylog->secrets[*slot - 1] = *secret;
	return true;
}

/* The text up to the next space, which is passed over. */
static struct bytes word(struct reader *line)
{
	struct bytes rest = reader_rest(line);
	size_t len = 0;

	while (len < rest.len && rest.data[len] != ' ' && rest.data[len] != '\t')
		len++;
	reader_bytes(line, len < rest.len ? len + 1 : len, "word");
	return (struct bytes){rest.data, len};
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Returns the number of bytes written, 0 if `text` is not an even number of digits that fit. */
static size_t from_hex(struct bytes text, uint8_t *out, size_t size)
{
	if (text.len % 2 != 0 || text.len / 2 > size)
		return 0;
	for (size_t i = 0; i < text.len; i += 2) {
		int high = hex_digit(text.data[i]);
		int low = hex_digit(text.data[i + 1]);

		if (high < 0 || low < 0)
			return 0;
		out[i / 2] = (uint8_t)(high << 4 | low);
	}
	return text.len / 2;
}

static enum keylog_label find_label(struct bytes name)
{
	for (int i = 0; i < KEYLOG_LABEL_MAX; i++)
		if (strlen(label_names[i]) == name.len &&
		    memcmp(label_names[i], name.data, name.len) == 0)
			return (enum keylog_label)i;
	return KEYLOG_LABEL_MAX;
}

static bool add_line(struct keylog *keylog, struct reader line)
{
	struct bytes name = word(&line);
	enum keylog_label label = find_label(name);
	struct secret secret = {.label = (uint8_t)label};
	size_t id_len = label == KEYLOG_RSA ? KEYLOG_RSA_ID_LEN : KEYLOG_RANDOM_LEN;
	bool good;

	if (name.len == 0 || name.data[0] == '#')
		return reader_left(&line) == 0 || (name.len > 0 && name.data[0] == '#');
	good = from_hex(word(&line), secret.client_random, KEYLOG_RANDOM_LEN) == id_len;
	secret.len = (uint8_t)from_hex(word(&line), secret.bytes, sizeof(secret.bytes));
	good = good && secret.len > 0 && reader_left(&line) == 0;
	if (good && label != KEYLOG_LABEL_MAX)
		good = insert(keylog, &secret);
	OPENSSL_cleanse(&secret, sizeof(secret));
	return good;
}

void keylog_add(struct keylog *keylog, const char *text, size_t len)
{
	struct fault fault;
	struct reader all;

	reader_init(&all, text, len, &fault);
	while (reader_left(&all) > 0) {
		struct bytes rest = reader_rest(&all);
		const uint8_t *end = memchr(rest.data, '\n', rest.len);
		size_t n = end != NULL ? (size_t)(end - rest.data) : rest.len;
		bool cr = n > 0 && rest.data[n - 1] == '\r';
		struct reader line = reader_take(&all, cr ? n - 1 : n, "line");

		if (!add_line(keylog, line))
			keylog->n_bad_lines++;
		reader_bytes(&all, (size_t)cr + (end != NULL), "end of line");
	}
}

struct bytes keylog_find(const struct keylog *keylog,
                         const uint8_t client_random[KEYLOG_RANDOM_LEN], enum keylog_label label)
{
	const struct secret *secret;
	uint32_t slot;

	if (keylog == NULL || keylog->size == 0)
		return (struct bytes){0};
	slot = *find_slot(keylog, client_random, (uint8_t)label);
	if (slot == 0)
		return (struct bytes){0};
	secret = &keylog->secrets[slot - 1];
	return (struct bytes){secret->bytes, secret->len};
}

const char *keylog_label_name(enum keylog_label label)
{
	return label_names[label];
}

bool keylog_knows(const struct keylog *keylog, const uint8_t client_random[KEYLOG_RANDOM_LEN])
{
	for (int i = 0; i < KEYLOG_RSA; i++)
		if (keylog_find(keylog, client_random, (enum keylog_label)i).len > 0)
			return true;
	return false;
}

bool keylog_add_private_key(struct keylog *keylog, EVP_PKEY *key)
{
	if (keylog->n_private_keys == KEYLOG_PRIVATE_KEYS_MAX)
		return false;
	CHECK(EVP_PKEY_up_ref(key) == 1);
	keylog->private_keys[keylog->n_private_keys++] = key;
	return true;
}

EVP_PKEY *keylog_private_key(const struct keylog *keylog, struct bytes certificate)
{
	const uint8_t *der = certificate.data;
	EVP_PKEY *found = NULL;
	X509 *x509;

	if (keylog == NULL || keylog->n_private_keys == 0 || certificate.len == 0)
		return NULL;
	ERR_set_mark();
	x509 = d2i_X509(NULL, &der, (long)certificate.len);
	for (size_t i = 0; x509 != NULL && found == NULL && i < keylog->n_private_keys; i++) {
		const EVP_PKEY *public = X509_get0_pubkey(x509);

		if (public != NULL && EVP_PKEY_eq(public, keylog->private_keys[i]) == 1)
			found = keylog->private_keys[i];
	}
	X509_free(x509);
	ERR_pop_to_mark(); /* a certificate that does not parse is no error of the harness */
	return found;
}

static bool session_digest(struct bytes session, uint8_t out[KEYLOG_RANDOM_LEN])
{
	return session.len > 0 &&
	       EVP_Digest(session.data, session.len, out, NULL, EVP_sha256(), NULL) == 1;
}

void keylog_remember(struct keylog *keylog, struct bytes session, struct bytes master_secret)
{
	struct secret secret = {.label = KEYLOG_SESSION, .len = (uint8_t)master_secret.len};

	CHECK(master_secret.len <= sizeof(secret.bytes));
	memcpy(secret.bytes, master_secret.data, master_secret.len);
	if (session_digest(session, secret.client_random))
		insert(keylog, &secret);
	OPENSSL_cleanse(&secret, sizeof(secret));
}

struct bytes keylog_recall(const struct keylog *keylog, struct bytes session)
{
	uint8_t digest[KEYLOG_RANDOM_LEN];

	if (!session_digest(session, digest))
		return (struct bytes){0};
	return keylog_find(keylog, digest, KEYLOG_SESSION);
}

bool keylog_opens_exchanges(const struct keylog *keylog)
{
	return keylog != NULL && (keylog->n_private_keys > 0 || keylog->n_rsa > 0);
}

static void write_line(enum keylog_label label, const uint8_t *client_random, struct bytes secret,
                       struct buf *out)
{
	buf_printf(out, "%s ", label_names[label]);
	buf_hex(out, (struct bytes){client_random, KEYLOG_RANDOM_LEN});
	buf_char(out, ' ');
	buf_hex(out, secret);
	buf_char(out, '\n');
}

void keylog_write(const struct keylog *keylog, const uint8_t client_random[KEYLOG_RANDOM_LEN],
                  struct buf *out)
{
	for (int i = 0; i < KEYLOG_RSA; i++) {
		struct bytes secret = keylog_find(keylog, client_random, (enum keylog_label)i);

		if (secret.len > 0)
			write_line((enum keylog_label)i, client_random, secret, out);
	}
}

void keylog_write_master(const uint8_t client_random[KEYLOG_RANDOM_LEN], struct bytes master_secret,
                         struct buf *out)
{
	write_line(KEYLOG_CLIENT_RANDOM, client_random, master_secret, out);
}

size_t keylog_count(const struct keylog *keylog)
{
	return keylog->n_secrets;
}

size_t keylog_bad_lines(const struct keylog *keylog)
{
	return keylog->n_bad_lines;
}
