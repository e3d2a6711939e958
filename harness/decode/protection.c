#include "decode/protection.h"

#include "base/assert.h"
#include "decode/registry.h"
#include "decode/suite.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 32
#define IV_LEN 12       /* of every AEAD here */
#define SALT_LEN 4      /* of GCM's and CCM's nonce in TLS 1.2 (RFC 5288 section 3) */
#define EXPLICIT_LEN 8  /* the part of it that the record carries */
#define BLOCK_MAX 16
#define RANDOM_LEN 32
#define KEY_BLOCK_MAX (2 * (EVP_MAX_MD_SIZE + KEY_MAX + BLOCK_MAX))

struct protection {
	bool tls13;
	uint8_t draft; /* of TLS 1.3; 0 for the RFC */
	uint16_t version;
	struct suite suite;
	EVP_CIPHER *cipher; /* owned; NULL for MODE_NULL */
	EVP_CIPHER_CTX *context;
	uint64_t sequence;
	bool keyless;  /* MODE_NULL without the secret: its content is read, its MAC not checked */
	unsigned lost; /* records that may come before the count is right again, after a gap */
	bool encrypt_then_mac;
	uint8_t key[KEY_MAX];
	uint8_t iv[BLOCK_MAX]; /* AEAD: the nonce's base or its salt. CBC in TLS 1.0: the last block
	                        */
	uint8_t mac_key[EVP_MAX_MD_SIZE];
	size_t mac_len;
	uint8_t secret[EVP_MAX_MD_SIZE]; /* TLS 1.3 */
	size_t secret_len;
};

/* One step of a derivation by libcrypto's KDF `name`. */
static bool derive(const char *name, OSSL_PARAM *params, uint8_t *out, size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, name, NULL);
	EVP_KDF_CTX *context = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	bool done = context != NULL && EVP_KDF_derive(context, out, len, params) == 1;

	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	return done;
}

/* HKDF-Expand-Label with an empty context, and with the prefix of labels that the version has. */
static bool expand_prefixed(const char *hash, struct bytes secret, const char *prefix,
                            const char *label, uint8_t *out, size_t len)
{
	struct buf info = {0};
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	bool done;

	buf_u16(&info, (uint16_t)len);
	buf_u8(&info, (uint8_t)(strlen(prefix) + strlen(label)));
	buf_text(&info, prefix);
	buf_text(&info, label);
	buf_u8(&info, 0);
	done = derive(
		OSSL_KDF_NAME_HKDF,
		(OSSL_PARAM[]){
			OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)hash, 0),
			OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
			OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret.data,
	                                                  secret.len),
			OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data, info.len),
			OSSL_PARAM_construct_end(),
		},
		out, len);
	buf_fini(&info);
	return done;
}

bool hkdf_expand_label(const char *hash, struct bytes secret, const char *label, uint8_t *out,
                       size_t len)
{
	return expand_prefixed(hash, secret, "tls13 ", label, out, len);
}

bool protection_prf(uint16_t version, uint16_t cipher_suite, struct bytes secret, const char *label,
                    struct bytes seed, uint8_t *out, size_t len)
{
	const char *hash =
		version < VERSION_TLS_1_2 ? "MD5-SHA1" : suite_describe(cipher_suite).hash;
	struct buf whole = {0};
	bool done;

	if (hash == NULL)
		return false;
	buf_text(&whole, label);
	buf_bytes(&whole, seed);
	done = derive(
		OSSL_KDF_NAME_TLS1_PRF,
		(OSSL_PARAM[]){
			OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)hash, 0),
			OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET,
	                                                  (void *)secret.data, secret.len),
			OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, whole.data,
	                                                  whole.len),
			OSSL_PARAM_construct_end(),
		},
		out, len);
	buf_fini(&whole);
	return done;
}

static bool expand_master(const struct protection_secrets *secrets, uint8_t *out, size_t len)
{
	uint8_t randoms[2 * RANDOM_LEN];

	memcpy(randoms, secrets->server_random, RANDOM_LEN);
	memcpy(randoms + RANDOM_LEN, secrets->client_random, RANDOM_LEN);
	return protection_prf(secrets->version, secrets->cipher_suite, secrets->master_secret,
	                      "key expansion", (struct bytes){randoms, sizeof(randoms)}, out, len);
}

static size_t hash_len(const char *name)
{
	EVP_MD *md = EVP_MD_fetch(NULL, name, NULL);
	int len = md != NULL ? EVP_MD_get_size(md) : 0;

	EVP_MD_free(md);
	return len > 0 ? (size_t)len : 0;
}

/* A protection without keys, or NULL if libcrypto does not have the cipher. */
static struct protection *new_protection(struct suite suite)
{
	struct protection *protection;

	if (suite.cipher == NULL)
		return NULL;
	protection = calloc(1, sizeof(*protection));
	CHECK(protection != NULL);
	protection->suite = suite;
	protection->context = EVP_CIPHER_CTX_new();
	CHECK(protection->context != NULL);
	if (suite.cipher->fetch == NULL)
		return protection;
	ERR_set_mark();
	protection->cipher = EVP_CIPHER_fetch(NULL, suite.cipher->fetch, NULL);
	ERR_pop_to_mark();
	if (protection->cipher != NULL)
		return protection;
	protection_free(protection);
	return NULL;
}

void protection_free(struct protection *protection)
{
	if (protection == NULL)
		return;
	EVP_CIPHER_CTX_free(protection->context);
	EVP_CIPHER_free(protection->cipher);
	OPENSSL_cleanse(protection, sizeof(*protection));
	free(protection);
}

static bool is_before_draft(const struct protection *protection, unsigned draft)
{
	return protection->draft != 0 && protection->draft < draft;
}

/* Key and IV of a traffic secret, RFC 8446 section 7.3. */
static bool set_traffic_keys(struct protection *protection)
{
	struct bytes secret = {protection->secret, protection->secret_len};
	const char *hash = protection->suite.hash;

	const char *prefix = is_before_draft(protection, 20) ? "TLS 1.3, " : "tls13 ";

	protection->sequence = 0;
	return expand_prefixed(hash, secret, prefix, "key", protection->key,
	                       protection->suite.cipher->key_len) &&
	       expand_prefixed(hash, secret, prefix, "iv", protection->iv, IV_LEN);
}

struct protection *protection_tls13(uint16_t cipher_suite, struct bytes secret)
{
	return protection_tls13_draft(VERSION_TLS_1_3, cipher_suite, secret);
}

struct protection *protection_tls13_draft(uint16_t version, uint16_t cipher_suite,
                                          struct bytes secret)
{
	struct protection *protection = NULL;

	if (secret.len > 0)
		protection = new_protection(suite_describe(cipher_suite));
	if (protection == NULL)
		return NULL;
	protection->tls13 = true;
	protection->draft = version == VERSION_TLS_1_3 ? 0 : version & 0xff;
	protection->secret_len = hash_len(protection->suite.hash);
	if (protection->suite.cipher->tag_len > 0 && secret.len == protection->secret_len) {
		memcpy(protection->secret, secret.data, secret.len);
		if (set_traffic_keys(protection))
			return protection;
	}
	protection_free(protection);
	return NULL;
}

void protection_update(struct protection *protection)
{
	struct bytes secret = {protection->secret, protection->secret_len};
	uint8_t next[EVP_MAX_MD_SIZE];

	if (!protection->tls13)
		return;
	if (is_before_draft(protection, 20))
		CHECK(expand_prefixed(protection->suite.hash, secret, "TLS 1.3, ",
		                      "application traffic secret", next, secret.len));
	else
		CHECK(hkdf_expand_label(protection->suite.hash, secret, "traffic upd", next,
		                        secret.len));
	memcpy(protection->secret, next, secret.len);
	OPENSSL_cleanse(next, sizeof(next));
	CHECK(set_traffic_keys(protection));
}

struct protection *protection_next(const struct protection *protection)
{
	struct protection *next = new_protection(protection->suite);

	CHECK(protection->tls13 && next != NULL);
	next->tls13 = true;
	next->draft = protection->draft;
	next->secret_len = protection->secret_len;
	memcpy(next->secret, protection->secret, protection->secret_len);
	protection_update(next);
	return next;
}

/* Bytes of IV in the key block: GCM and CCM have a salt there, CBC a block until TLS 1.0. */
static size_t key_block_iv_len(const struct protection *protection)
{
	switch (protection->suite.cipher->mode) {
	case MODE_GCM:
	case MODE_CCM:
		return SALT_LEN;
	case MODE_CHACHA20_POLY1305:
		return IV_LEN;
	case MODE_CBC:
		return protection->version <= VERSION_TLS_1_0 ? protection->suite.cipher->block_len
		                                              : 0;
	case MODE_NULL:
		break;
	}
	return 0;
}

/* Reads the client's and the server's part of the key block and keeps one of them. */
static void pick(struct reader *block, bool from_server, uint8_t *out, size_t len)
{
	struct bytes client = reader_bytes(block, len, "client_write");
	struct bytes server = reader_bytes(block, len, "server_write");

	memcpy(out, from_server ? server.data : client.data, len);
}

/* RFC 5246 section 6.3. */
static bool set_connection_keys(struct protection *protection,
                                const struct protection_secrets *secrets, bool from_server)
{
	uint8_t block[KEY_BLOCK_MAX];
	size_t key_len = protection->suite.cipher->key_len;
	size_t iv_len = key_block_iv_len(protection);
	size_t needed = 2 * (protection->mac_len + key_len + iv_len);
	struct fault fault;
	struct reader reader;

	if (secrets->master_secret.len == 0 ||
	    !expand_master(secrets, block, needed))
		return false;
	reader_init(&reader, block, needed, &fault);
	pick(&reader, from_server, protection->mac_key, protection->mac_len);
	pick(&reader, from_server, protection->key, key_len);
	pick(&reader, from_server, protection->iv, iv_len);
	OPENSSL_cleanse(block, sizeof(block));
	return true;
}

struct protection *protection_tls12(const struct protection_secrets *secrets, bool from_server)
{
	struct protection *protection = NULL;
	struct suite suite = {0};

	if (secrets->version >= VERSION_TLS_1_0 && secrets->version <= VERSION_TLS_1_2)
		suite = suite_describe(secrets->cipher_suite);
	/* Without the secret, only what is not encrypted can be read. */
	if (suite.cipher != NULL &&
	    (secrets->master_secret.len > 0 || suite.cipher->mode == MODE_NULL))
		protection = new_protection(suite);
	if (protection == NULL)
		return NULL;
	protection->version = secrets->version;
	protection->encrypt_then_mac = secrets->encrypt_then_mac;
	if (protection->suite.mac != NULL)
		protection->mac_len = hash_len(protection->suite.mac);
	protection->keyless = protection->suite.cipher->mode == MODE_NULL &&
	                      secrets->master_secret.len == 0;
	if (protection->keyless || set_connection_keys(protection, secrets, from_server))
		return protection;
	protection_free(protection);
	return NULL;
}

void protection_gap(struct protection *protection)
{
	protection->lost = PROTECTION_SEARCH_MAX;
}

/* The nonce of TLS 1.3 and of RFC 7905: the IV, exclusive-or the sequence number. */
static void nonce_by_sequence(const struct protection *protection, uint64_t sequence,
                              uint8_t nonce[IV_LEN])
{
	memcpy(nonce, protection->iv, IV_LEN);
	for (size_t i = 0; i < sizeof(sequence); i++)
		nonce[IV_LEN - 1 - i] ^= (uint8_t)(sequence >> (8 * i));
}

/*
 * CCM's interface: the tag and the length come first, and the one update says if it is authentic.
 */
static bool open_ccm(struct protection *protection, const uint8_t *nonce, struct bytes aad,
                     struct bytes sealed, uint8_t *out)
{
	EVP_CIPHER_CTX *context = protection->context;
	int tag_len = protection->suite.cipher->tag_len;
	int len = (int)sealed.len - tag_len;
	int n;

	return EVP_DecryptInit_ex(context, protection->cipher, NULL, NULL, NULL) == 1 &&
	       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, IV_LEN, NULL) == 1 &&
	       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, tag_len,
	                           (void *)(sealed.data + len)) == 1 &&
	       EVP_DecryptInit_ex(context, NULL, NULL, protection->key, nonce) == 1 &&
	       EVP_DecryptUpdate(context, NULL, &n, NULL, len) == 1 &&
	       EVP_DecryptUpdate(context, NULL, &n, aad.data, (int)aad.len) == 1 &&
	       EVP_DecryptUpdate(context, out, &n, sealed.data, len) == 1;
}

/* Decrypts all but the tag at the end of `sealed` to `out`; false if it is not authentic. */
static bool open_aead(struct protection *protection, const uint8_t *nonce, struct bytes aad,
                      struct bytes sealed, uint8_t *out)
{
	EVP_CIPHER_CTX *context = protection->context;
	int tag_len = protection->suite.cipher->tag_len;
	int len = (int)sealed.len - tag_len;
	uint8_t rest[BLOCK_MAX];
	int n;

	if (protection->suite.cipher->mode == MODE_CCM)
		return open_ccm(protection, nonce, aad, sealed, out);
	return EVP_DecryptInit_ex(context, protection->cipher, NULL, NULL, NULL) == 1 &&
	       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, IV_LEN, NULL) == 1 &&
	       EVP_DecryptInit_ex(context, NULL, NULL, protection->key, nonce) == 1 &&
	       EVP_DecryptUpdate(context, NULL, &n, aad.data, (int)aad.len) == 1 &&
	       EVP_DecryptUpdate(context, out, &n, sealed.data, len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, tag_len,
	                           (void *)(sealed.data + len)) == 1 &&
	       EVP_DecryptFinal_ex(context, rest, &n) == 1;
}

/* TLSInnerPlaintext, RFC 8446 section 5.2: content, its type, zeros. */
static bool open_tls13(struct protection *protection, const struct record *record,
                       uint64_t sequence, struct buf *plain, uint8_t *type)
{
	size_t tag_len = protection->suite.cipher->tag_len;
	struct bytes covered = record->header;
	uint8_t nonce[IV_LEN];
	size_t len;

	if (is_before_draft(protection, 25))
		covered.len = 0;
	if (record->type != CONTENT_application_data || record->body.len < tag_len + 1)
		return false;
	nonce_by_sequence(protection, sequence, nonce);
	len = record->body.len - tag_len;
	if (!open_aead(protection, nonce, covered, record->body, plain->data + plain->len))
		return false;
	while (len > 0 && plain->data[plain->len + len - 1] == 0)
		len--;
	*type = len > 0 ? plain->data[plain->len + len - 1] : 0;
	plain->len += len > 0 ? len - 1 : 0;
	return true;
}

/*
 * What a MAC or an AEAD of TLS 1.2 covers beside the content: RFC 5246 sections 6.2.3.1 and
 * 6.2.3.3.
 */
static void add_cover(struct buf *cover, uint64_t sequence, const struct record *record, size_t len)
{
	buf_u32(cover, (uint32_t)(sequence >> 32));
	buf_u32(cover, (uint32_t)sequence);
	buf_u8(cover, record->type);
	buf_u16(cover, record->version);
	buf_u16(cover, (uint16_t)len);
}

static bool open_tls12_aead(struct protection *protection, const struct record *record,
                            uint64_t sequence, struct buf *plain)
{
	bool carries = protection->suite.cipher->mode != MODE_CHACHA20_POLY1305;
	size_t tag_len = protection->suite.cipher->tag_len;
	struct buf cover = {0};
	struct fault fault;
	struct reader body;
	struct bytes explicit, sealed;
	uint8_t nonce[IV_LEN];
	bool opened;

	reader_init(&body, record->body.data, record->body.len, &fault);
	explicit = reader_bytes(&body, carries ? EXPLICIT_LEN : 0, "nonce_explicit");
	sealed = reader_rest(&body);
	if (!reader_ok(&body) || sealed.len < tag_len)
		return false;
	nonce_by_sequence(protection, sequence, nonce);
	if (carries) {
		memcpy(nonce, protection->iv, SALT_LEN);
		memcpy(nonce + SALT_LEN, explicit.data, EXPLICIT_LEN);
	}
	add_cover(&cover, sequence, record, sealed.len - tag_len);
	opened = open_aead(protection, nonce, buf_view(&cover), sealed, plain->data + plain->len);
	if (opened)
		plain->len += sealed.len - tag_len;
	buf_fini(&cover);
	return opened;
}

/* The MAC over the record's cover and `content`, to `mac`. */
static bool make_mac(const struct protection *protection, const struct record *record,
                     uint64_t sequence, struct bytes content, uint8_t mac[EVP_MAX_MD_SIZE])
{
	struct buf covered = {0};
	size_t len = 0;
	bool done;

	add_cover(&covered, sequence, record, content.len);
	buf_bytes(&covered, content);
	done = EVP_Q_mac(NULL, "HMAC", NULL, protection->suite.mac, NULL, protection->mac_key,
	                 protection->mac_len, covered.data, covered.len, mac, EVP_MAX_MD_SIZE,
	                 &len) != NULL;
	buf_fini(&covered);
	return done && len == protection->mac_len;
}

/* The same MAC, compared with `mac`. */
static bool is_authentic(const struct protection *protection, const struct record *record,
                         uint64_t sequence, struct bytes content, const uint8_t *mac)
{
	uint8_t computed[EVP_MAX_MD_SIZE];

	return make_mac(protection, record, sequence, content, computed) &&
	       memcmp(computed, mac, protection->mac_len) == 0;
}

/*
 * Decrypts whole blocks to `out`, and drops the padding (RFC 5246 section 6.2.3.2). False if it is
 * wrong.
 */
static bool decrypt_cbc(struct protection *protection, const uint8_t *iv, struct bytes sealed,
                        uint8_t *out, size_t *len)
{
	size_t block_len = protection->suite.cipher->block_len;
	size_t padding;
	int n;

	if (sealed.len == 0 || sealed.len % block_len != 0)
		return false;
	if (EVP_DecryptInit_ex(protection->context, protection->cipher, NULL, protection->key,
	                       iv) != 1 ||
	    EVP_CIPHER_CTX_set_padding(protection->context, 0) != 1 ||
	    EVP_DecryptUpdate(protection->context, out, &n, sealed.data, (int)sealed.len) != 1)
		return false;
	padding = (size_t)out[sealed.len - 1] + 1;
	if (padding > sealed.len)
		return false;
	for (size_t i = 0; i < padding; i++)
		if (out[sealed.len - 1 - i] != padding - 1)
			return false;
	*len = sealed.len - padding;
	return true;
}

static bool open_cbc(struct protection *protection, const struct record *record, uint64_t sequence,
                     struct buf *plain)
{
	size_t block_len = protection->suite.cipher->block_len;
	size_t mac_len = protection->mac_len;
	bool etm = protection->encrypt_then_mac;
	bool chained = protection->version <= VERSION_TLS_1_0;
	uint8_t *out = plain->data + plain->len;
	struct fault fault;
	struct reader body;
	struct bytes covered, iv, sealed;
	size_t len;

	if (record->body.len < mac_len)
		return false;
	covered = (struct bytes){record->body.data, record->body.len - (etm ? mac_len : 0)};
	reader_init(&body, covered.data, covered.len, &fault);
	iv = reader_bytes(&body, chained ? 0 : block_len, "IV");
	sealed = reader_rest(&body);
	if (!reader_ok(&body))
		return false;
	if (etm && !is_authentic(protection, record, sequence, covered, covered.data + covered.len))
		return false;
	if (!decrypt_cbc(protection, chained ? protection->iv : iv.data, sealed, out, &len))
		return false;
	if (!etm && (len < mac_len || !is_authentic(protection, record, sequence,
	                                            (struct bytes){out, len - mac_len},
	                                            out + len - mac_len)))
		return false;
	if (chained)
		memcpy(protection->iv, sealed.data + sealed.len - block_len, block_len);
	plain->len += len - (etm ? 0 : mac_len);
	return true;
}

static bool open_null(struct protection *protection, const struct record *record, uint64_t sequence,
                      struct buf *plain)
{
	size_t mac_len = protection->mac_len;
	struct bytes content = record->body;

	if (content.len < mac_len)
		return false;
	content.len -= mac_len;
	if (!protection->keyless &&
	    !is_authentic(protection, record, sequence, content, content.data + content.len))
		return false;
	buf_bytes(plain, content);
	return true;
}

static bool open_tls12(struct protection *protection, const struct record *record,
                       uint64_t sequence, struct buf *plain, uint8_t *type)
{
	*type = record->type;
	switch (protection->suite.cipher->mode) {
	case MODE_NULL:
		return open_null(protection, record, sequence, plain);
	case MODE_CBC:
		return open_cbc(protection, record, sequence, plain);
	case MODE_GCM:
	case MODE_CCM:
	case MODE_CHACHA20_POLY1305:
		return open_tls12_aead(protection, record, sequence, plain);
	}
	return false;
}

bool protection_open(struct protection *protection, const struct record *record, struct buf *plain,
                     uint8_t *type)
{
	uint64_t last = protection->sequence + (protection->lost > 0 ? PROTECTION_LOST_MAX : 0);
	uint64_t sequence = protection->sequence;
	bool opened = false;

	if (!buf_reserve(plain, record->body.len))
		return false;
	ERR_set_mark();
	for (; sequence <= last && !opened; sequence++)
		opened = protection->tls13 ? open_tls13(protection, record, sequence, plain, type)
		                           : open_tls12(protection, record, sequence, plain, type);
	ERR_pop_to_mark(); /* a record that does not open is no error of the harness */
	if (opened) {
		protection->sequence = sequence;
		protection->lost = 0;
	} else if (protection->lost > 0) {
		protection->lost--;
	}
	return opened;
}

/* Nonce of a record of TLS 1.2: the part that it carries is the sequence number. */
static void nonce_to_seal(const struct protection *protection, bool carries, uint8_t nonce[IV_LEN])
{
	nonce_by_sequence(protection, protection->sequence, nonce);
	if (!carries)
		return;
	memcpy(nonce, protection->iv, SALT_LEN);
	for (size_t i = 0; i < EXPLICIT_LEN; i++)
		nonce[IV_LEN - 1 - i] = (uint8_t)(protection->sequence >> (8 * i));
}

/* Appends `plain`, encrypted, and the tag to `out`. */
static bool seal_aead(struct protection *protection, const uint8_t *nonce, struct bytes aad,
                      struct bytes plain, struct buf *out)
{
	EVP_CIPHER_CTX *context = protection->context;
	int tag_len = protection->suite.cipher->tag_len;
	bool ccm = protection->suite.cipher->mode == MODE_CCM;
	uint8_t rest[BLOCK_MAX];
	uint8_t *sealed;
	int n = 0;

	CHECK(buf_reserve(out, plain.len + (size_t)tag_len));
	sealed = out->data + out->len;
	if (EVP_EncryptInit_ex(context, protection->cipher, NULL, NULL, NULL) != 1 ||
	    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, IV_LEN, NULL) != 1 ||
	    (ccm && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, tag_len, NULL) != 1) ||
	    EVP_EncryptInit_ex(context, NULL, NULL, protection->key, nonce) != 1 ||
	    (ccm && EVP_EncryptUpdate(context, NULL, &n, NULL, (int)plain.len) != 1) ||
	    EVP_EncryptUpdate(context, NULL, &n, aad.data, (int)aad.len) != 1 ||
	    EVP_EncryptUpdate(context, sealed, &n, plain.data, (int)plain.len) != 1 ||
	    EVP_EncryptFinal_ex(context, rest, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, tag_len, sealed + plain.len) != 1)
		return false;
	out->len += plain.len + (size_t)tag_len;
	return true;
}

/* Appends a record's header. */
static void add_header(struct buf *out, uint8_t type, uint16_t version, size_t len)
{
	buf_u8(out, type);
	buf_u16(out, version);
	buf_u16(out, (uint16_t)len);
}

static bool seal_tls13(struct protection *protection, uint8_t type, uint16_t version,
                       struct bytes plain, size_t padding, struct buf *out)
{
	struct buf inner = {0}, header = {0};
	uint8_t nonce[IV_LEN];
	bool sealed;

	buf_bytes(&inner, plain);
	buf_u8(&inner, type);
	for (size_t i = 0; i < padding; i++)
		buf_u8(&inner, 0);
	add_header(&header, CONTENT_application_data, version,
	           inner.len + protection->suite.cipher->tag_len);
	nonce_to_seal(protection, false, nonce);
	buf_bytes(out, buf_view(&header));
	sealed = seal_aead(protection, nonce, buf_view(&header), buf_view(&inner), out);
	buf_fini(&header);
	buf_fini(&inner);
	return sealed;
}

static bool seal_tls12_aead(struct protection *protection, const struct record *record,
                            struct bytes plain, struct buf *out)
{
	bool carries = protection->suite.cipher->mode != MODE_CHACHA20_POLY1305;
	size_t explicit_len = carries ? EXPLICIT_LEN : 0;
	struct buf cover = {0};
	uint8_t nonce[IV_LEN];
	bool sealed;

	nonce_to_seal(protection, carries, nonce);
	add_header(out, record->type, record->version,
	           explicit_len + plain.len + protection->suite.cipher->tag_len);
	buf_add(out, nonce + SALT_LEN, explicit_len);
	add_cover(&cover, protection->sequence, record, plain.len);
	sealed = seal_aead(protection, nonce, buf_view(&cover), plain, out);
	buf_fini(&cover);
	return sealed;
}

/* Pads `blocks` (RFC 5246 section 6.2.3.2) and encrypts them in place. */
static bool encrypt_cbc(struct protection *protection, const uint8_t *iv, struct buf *blocks)
{
	size_t block_len = protection->suite.cipher->block_len, padding;
	int n = 0;

	CHECK(block_len > 0);
	padding = block_len - blocks->len % block_len;
	for (size_t i = 0; i < padding; i++)
		buf_u8(blocks, (uint8_t)(padding - 1));
	return EVP_EncryptInit_ex(protection->context, protection->cipher, NULL, protection->key,
	                          iv) == 1 &&
	       EVP_CIPHER_CTX_set_padding(protection->context, 0) == 1 &&
	       EVP_EncryptUpdate(protection->context, blocks->data, &n, blocks->data,
	                         (int)blocks->len) == 1;
}

static bool seal_cbc(struct protection *protection, const struct record *record,
                     struct bytes plain, struct buf *out)
{
	size_t block_len = protection->suite.cipher->block_len;
	bool etm = protection->encrypt_then_mac, chained = protection->version <= VERSION_TLS_1_0;
	uint8_t mac[EVP_MAX_MD_SIZE], iv[BLOCK_MAX] = {0};
	struct buf blocks = {0}, body = {0};
	bool sealed;

	for (size_t i = 0; i < sizeof(protection->sequence) && i < block_len; i++)
		iv[block_len - 1 - i] = (uint8_t)(protection->sequence >> (8 * i));
	buf_bytes(&blocks, plain);
	sealed = etm || make_mac(protection, record, protection->sequence, plain, mac);
	buf_add(&blocks, mac, etm ? 0 : protection->mac_len);
	sealed = sealed && encrypt_cbc(protection, chained ? protection->iv : iv, &blocks);
	buf_add(&body, iv, chained ? 0 : block_len);
	buf_bytes(&body, buf_view(&blocks));
	if (sealed && etm)
		sealed = make_mac(protection, record, protection->sequence, buf_view(&body), mac);
	buf_add(&body, mac, sealed && etm ? protection->mac_len : 0);
	if (sealed && chained)
		memcpy(protection->iv, blocks.data + blocks.len - block_len, block_len);
	add_header(out, record->type, record->version, body.len);
	buf_bytes(out, buf_view(&body));
	buf_fini(&blocks);
	buf_fini(&body);
	return sealed;
}

static bool seal_null(struct protection *protection, const struct record *record,
                      struct bytes plain, struct buf *out)
{
	uint8_t mac[EVP_MAX_MD_SIZE];

	if (!make_mac(protection, record, protection->sequence, plain, mac))
		return false;
	add_header(out, record->type, record->version, plain.len + protection->mac_len);
	buf_bytes(out, plain);
	buf_add(out, mac, protection->mac_len);
	return true;
}

static bool seal_tls12(struct protection *protection, const struct record *record,
                       struct bytes plain, struct buf *out)
{
	switch (protection->suite.cipher->mode) {
	case MODE_NULL:
		return seal_null(protection, record, plain, out);
	case MODE_CBC:
		return seal_cbc(protection, record, plain, out);
	case MODE_GCM:
	case MODE_CCM:
	case MODE_CHACHA20_POLY1305:
		return seal_tls12_aead(protection, record, plain, out);
	}
	return false;
}

bool protection_seal(struct protection *protection, uint8_t type, uint16_t version,
                     struct bytes plain, size_t padding, struct buf *out)
{
	struct record record = {.type = type, .version = version};
	size_t before = out->len;
	bool sealed;

	ERR_set_mark();
	sealed = protection->tls13
	                 ? seal_tls13(protection, type, version, plain, padding, out)
	                 : seal_tls12(protection, &record, plain, out);
	ERR_pop_to_mark();
	if (sealed)
		protection->sequence++;
	else
		out->len = before;
	return sealed;
}

size_t protection_tag_len(const struct protection *protection)
{
	const struct suite_cipher *cipher = protection->suite.cipher;

	if (cipher->tag_len > 0)
		return cipher->tag_len;
	return protection->encrypt_then_mac || cipher->block_len == 0 ? protection->mac_len
	                                                              : cipher->block_len;
}
