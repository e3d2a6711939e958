/*
 * What stands inside protected records: the input is sealed with the keys that the decoder has, so
 * that whatever the fuzzer makes up is opened and read.
 *
 * An input is a byte (which cipher suite), then records: a byte of flags, a content type, a length (2
 * bytes), plaintext.
 */
#include "tests/fuzz/fuzz.h"

#include "decode/transcript.h"

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#define TAG_LEN 16
#define IV_LEN 12
#define PLAIN_MAX 17000 /* bytes in a record: a little more than is allowed */

enum {
	FLAG_SERVER = 1,
	FLAG_HANDSHAKE_KEYS = 2, /* else those of the application */
	FLAG_UPDATE = 4,         /* the next generation of keys, before this record */
	FLAG_DAMAGE = 8,         /* the tag is wrong */
	FLAG_PLAIN = 16,         /* not sealed at all */
	FLAG_PADDING = 32,
};

/* The suites that are sealed with here: of TLS 1.3 and, without a name, one that does not encrypt. */
static const struct cipher {
	uint16_t suite;
	const char *name, *digest;
	size_t key_len, secret_len;
} ciphers[] = {
	{0x003b, NULL, "SHA256", 0, 32},
	{0x1301, "AES-128-GCM", "SHA256", 16, 32},
	{0x1302, "AES-256-GCM", "SHA384", 32, 48},
	{0x1303, "ChaCha20-Poly1305", "SHA256", 32, 32},
};

static const char *const labels[2][2] = {
	{"CLIENT_TRAFFIC_SECRET_0", "CLIENT_HANDSHAKE_TRAFFIC_SECRET"},
	{"SERVER_TRAFFIC_SECRET_0", "SERVER_HANDSHAKE_TRAFFIC_SECRET"},
};

/* The keys of one direction at one stage. */
struct sealer {
	uint8_t secret[48];
	uint64_t sequence;
};

struct ends {
	const struct cipher *cipher;
	struct sealer sealers[2][2]; /* by side, and by whether they are the handshake's */
	struct transcript *transcript;
	struct keylog *keylog;
};

/* HKDF-Expand-Label (RFC 8446 section 7.1), by libcrypto. */
static void expand(const struct cipher *cipher, const uint8_t *secret, const char *label,
                   uint8_t *out, size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int("mode", &mode),
		OSSL_PARAM_construct_utf8_string("digest", (char *)cipher->digest, 0),
		OSSL_PARAM_construct_octet_string("key", (void *)secret, cipher->secret_len),
		OSSL_PARAM_construct_octet_string("prefix", "tls13 ", 6),
		OSSL_PARAM_construct_octet_string("label", (void *)label, strlen(label)),
		OSSL_PARAM_construct_end(),
	};

	CHECK(EVP_KDF_derive(context, out, len, params) == 1);
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
}

/* RFC 8446 section 5.2: `header` is authenticated; sealed bytes and tag go behind it. */
static void seal(const struct cipher *cipher, struct sealer *sealer, struct bytes plain,
                 struct buf *record)
{
	EVP_CIPHER *evp = EVP_CIPHER_fetch(NULL, cipher->name, NULL);
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint8_t key[32], iv[IV_LEN], tag[TAG_LEN], *sealed = malloc(plain.len + 1);
	int n;

	CHECK(evp != NULL && context != NULL && sealed != NULL);
	expand(cipher, sealer->secret, "key", key, cipher->key_len);
	expand(cipher, sealer->secret, "iv", iv, sizeof(iv));
	for (int i = 0; i < 8; i++)
		iv[IV_LEN - 1 - i] ^= (uint8_t)(sealer->sequence >> 8 * i);
	sealer->sequence++;
	EVP_EncryptInit_ex2(context, evp, key, iv, NULL);
	EVP_EncryptUpdate(context, NULL, &n, record->data, (int)record->len);
	EVP_EncryptUpdate(context, sealed, &n, plain.data, (int)plain.len);
	buf_add(record, sealed, plain.len);
	EVP_EncryptFinal_ex(context, sealed, &n);
	CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, tag) == 1);
	buf_add(record, tag, sizeof(tag));
	free(sealed);
	EVP_CIPHER_CTX_free(context);
	EVP_CIPHER_free(evp);
}

static void put_header(struct buf *record, uint8_t type, size_t length)
{
	buf_u8(record, type);
	buf_u16(record, 0x0303);
	buf_u16(record, (uint16_t)length);
}

static void send_record(struct ends *ends, struct reader *input)
{
	static const uint8_t no_mac[32]; /* nobody knows the secret that it would be made with */
	uint8_t flags = reader_u8(input, ""), type = reader_u8(input, "");
	enum side from = (flags & FLAG_SERVER) != 0 ? SIDE_SERVER : SIDE_CLIENT;
	struct sealer *sealer = &ends->sealers[from][(flags & FLAG_HANDSHAKE_KEYS) != 0];
	size_t n = reader_u16(input, "") % PLAIN_MAX;
	struct bytes content = fuzz_take(input, n);
	struct buf plain = {0}, record = {0};

	buf_bytes(&plain, content);
	if ((flags & FLAG_UPDATE) != 0) {
		expand(ends->cipher, sealer->secret, "traffic upd", sealer->secret,
		       ends->cipher->secret_len);
		sealer->sequence = 0;
	}
	if ((flags & FLAG_PLAIN) != 0 || ends->cipher->name == NULL) {
		buf_add(&plain, no_mac, (flags & FLAG_PLAIN) != 0 ? 0 : sizeof(no_mac));
		put_header(&record, type, plain.len);
		buf_bytes(&record, buf_view(&plain));
	} else {
		buf_u8(&plain, type);
		buf_add(&plain, "\0\0\0", (flags & FLAG_PADDING) != 0 ? 3 : 0);
		put_header(&record, 23, plain.len + TAG_LEN);
		seal(ends->cipher, sealer, buf_view(&plain), &record);
	}
	if ((flags & FLAG_DAMAGE) != 0)
		record.data[record.len - 1] ^= 1;
	transcript_feed(ends->transcript, from, buf_view(&record), 0);
	free((void *)content.data);
	buf_fini(&plain);
	buf_fini(&record);
}

static void add_secrets(struct ends *ends)
{
	struct buf text = {0};

	for (int side = 0; side < 2; side++)
		for (int handshake = 0; handshake < 2; handshake++) {
			struct sealer *sealer = &ends->sealers[side][handshake];

			memset(sealer->secret, 0x20 + 2 * side + handshake, sizeof(sealer->secret));
			buf_printf(&text, "%s %064d ", labels[side][handshake], 0);
			buf_hex(&text, (struct bytes){sealer->secret, ends->cipher->secret_len});
			buf_char(&text, '\n');
		}
	keylog_add(ends->keylog, buf_string(&text), text.len);
	CHECK(keylog_count(ends->keylog) == 4);
	buf_fini(&text);
}

static void send_hello(struct ends *ends, enum side from, const struct buf *body)
{
	struct buf record = {0};

	put_header(&record, 22, 4 + body->len);
	buf_u8(&record, from == SIDE_CLIENT ? 1 : 2);
	buf_u24(&record, (uint32_t)body->len);
	buf_bytes(&record, buf_view(body));
	transcript_feed(ends->transcript, from, buf_view(&record), 0);
	buf_fini(&record);
}

/* The shortest hellos that say what decryption needs, and the ChangeCipherSpec of TLS 1.2. */
static void send_hellos(struct ends *ends)
{
	static const uint8_t random[32], versions[] = {0, 6, 0, 43, 0, 2, 3, 4};
	static const uint8_t change[] = {20, 3, 3, 0, 1, 1};
	struct buf client = {0}, server = {0};

	buf_u16(&client, 0x0303);
	buf_add(&client, random, sizeof(random));
	buf_add(&client, "\0\0\2", 3);
	buf_u16(&client, ends->cipher->suite);
	buf_add(&client, "\1\0", 2);
	send_hello(ends, SIDE_CLIENT, &client);
	buf_u16(&server, 0x0303);
	buf_add(&server, random, sizeof(random));
	buf_char(&server, '\0');
	buf_u16(&server, ends->cipher->suite);
	buf_char(&server, '\0');
	if (ends->cipher->name != NULL)
		buf_add(&server, versions, sizeof(versions));
	send_hello(ends, SIDE_SERVER, &server);
	for (enum side from = SIDE_CLIENT; from <= SIDE_SERVER && ends->cipher->name == NULL; from++)
		transcript_feed(ends->transcript, from, (struct bytes){change, sizeof(change)}, 0);
	buf_fini(&client);
	buf_fini(&server);
}

static void tell(struct emit *emit, const void *transcript)
{
	transcript_emit(transcript, 0, emit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ends ends = {.keylog = keylog_new()};
	struct fault fault;
	struct reader input = fuzz_reader(data, size, &fault);

	ends.cipher = &ciphers[reader_u8(&input, "") % (sizeof(ciphers) / sizeof(ciphers[0]))];
	ends.transcript = transcript_new(ends.keylog);
	add_secrets(&ends);
	send_hellos(&ends);
	while (reader_left(&input) > 0)
		send_record(&ends, &input);
	fuzz_tell(tell, ends.transcript);
	transcript_free(ends.transcript);
	keylog_free(ends.keylog);
	return 0;
}
