#include "peer/fault_repair.h"

#include "decode/protection.h"
#include "decode/registry.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#define RANDOM_LEN 32
#define SIGNATURE_MAX 1024 /* bytes; a key of 8192 bits */

/* How a signature scheme signs. */
static const struct scheme {
	uint16_t value;
	int key; /* EVP_PKEY_* */
	bool pss;
	const char *hash; /* NULL: a part of the scheme */
} schemes[] = {
	{0x0201, EVP_PKEY_RSA, false, "SHA1"},       {0x0203, EVP_PKEY_EC, false, "SHA1"},
	{0x0401, EVP_PKEY_RSA, false, "SHA256"},     {0x0403, EVP_PKEY_EC, false, "SHA256"},
	{0x0501, EVP_PKEY_RSA, false, "SHA384"},     {0x0503, EVP_PKEY_EC, false, "SHA384"},
	{0x0601, EVP_PKEY_RSA, false, "SHA512"},     {0x0603, EVP_PKEY_EC, false, "SHA512"},
	{0x0804, EVP_PKEY_RSA, true, "SHA256"},      {0x0805, EVP_PKEY_RSA, true, "SHA384"},
	{0x0806, EVP_PKEY_RSA, true, "SHA512"},      {0x0807, EVP_PKEY_ED25519, false, NULL},
	{0x0808, EVP_PKEY_ED448, false, NULL},       {0x0809, EVP_PKEY_RSA_PSS, true, "SHA256"},
	{0x080a, EVP_PKEY_RSA_PSS, true, "SHA384"},  {0x080b, EVP_PKEY_RSA_PSS, true, "SHA512"},
};

size_t fault_hash(const char *hash, struct bytes bytes, uint8_t out[EVP_MAX_MD_SIZE])
{
	size_t len = 0;

	if (EVP_Q_digest(NULL, hash, NULL, bytes.data, bytes.len, out, &len) != 1)
		return 0;
	return len;
}

static const struct scheme *find_scheme(uint16_t value, EVP_PKEY *key)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (schemes[i].value == value && key != NULL &&
		    EVP_PKEY_get_base_id(key) == schemes[i].key)
			return &schemes[i];
	return NULL;
}

/* Signs `content`; false, with nothing in `signature`, if it cannot be. */
static bool sign(const struct scheme *scheme, EVP_PKEY *key, struct bytes content,
                 struct buf *signature)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *parameters = NULL;
	uint8_t made[SIGNATURE_MAX];
	size_t len = sizeof(made);
	bool done;

	ERR_set_mark();
	done = context != NULL &&
	       EVP_DigestSignInit_ex(context, &parameters, scheme->hash, NULL, NULL, key,
	                             NULL) == 1 &&
	       (!scheme->pss ||
	        (EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
	         EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1)) &&
	       EVP_DigestSign(context, made, &len, content.data, content.len) == 1;
	ERR_pop_to_mark();
	EVP_MD_CTX_free(context);
	buf_add(signature, made, done ? len : 0);
	return done;
}

/* Finds the field `name` of the unit. */
static bool find(const struct unit *unit, const char *name, uint16_t version,
                 struct fault_range *range)
{
	const struct fault_place place = {.message = unit->name, .way = name};

	return fault_place_find(&place, buf_view(&unit->data), version, range);
}

static uint16_t algorithm_at(const struct unit *unit, const struct fault_range *range)
{
	const uint8_t *at = unit->data.data + range->at;

	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Puts a signature over `content` into the unit. */
static void sign_unit(struct unit *unit, const struct fault_told *told, struct bytes content)
{
	struct fault_range algorithm, signature;
	const struct scheme *scheme;
	struct buf made = {0};

	if (!find(unit, "algorithm", told->version, &algorithm) ||
	    !find(unit, "signature", told->version, &signature))
		return;
	scheme = find_scheme(algorithm_at(unit, &algorithm), told->key);
	if (scheme != NULL && sign(scheme, told->key, content, &made))
		unit_edit(unit, &signature, signature.at, signature.len, buf_view(&made));
	buf_fini(&made);
}

static void repair_certificate_verify(struct unit *unit, const struct fault_told *told)
{
	struct buf content = {0};
	uint8_t hash[EVP_MAX_MD_SIZE];
	size_t len = fault_hash(told->hash, told->transcript, hash);

	for (int i = 0; i < 64; i++)
		buf_char(&content, ' ');
	buf_text(&content, "TLS 1.3, server CertificateVerify");
	buf_u8(&content, 0);
	buf_add(&content, hash, len);
	sign_unit(unit, told, buf_view(&content));
	buf_fini(&content);
}

static void repair_server_key_exchange(struct unit *unit, const struct fault_told *told)
{
	struct fault_range algorithm;
	struct buf content = {0};

	if (!find(unit, "algorithm", told->version, &algorithm))
		return;
	buf_add(&content, told->client_random, RANDOM_LEN);
	buf_add(&content, told->server_random, RANDOM_LEN);
	buf_add(&content, unit->data.data + HANDSHAKE_HEADER_LEN,
	        algorithm.at - HANDSHAKE_HEADER_LEN);
	sign_unit(unit, told, buf_view(&content));
	buf_fini(&content);
}

static void repair_finished(struct unit *unit, const struct fault_told *told)
{
	uint8_t hash[EVP_MAX_MD_SIZE], key[EVP_MAX_MD_SIZE], data[EVP_MAX_MD_SIZE];
	size_t len = fault_hash(told->hash, told->transcript, hash), made = 0;
	struct fault_range range;

	if (!find(unit, "verify_data", told->version, &range) ||
	    !hkdf_expand_label(told->hash, told->secret, "finished", key, len) ||
	    EVP_Q_mac(NULL, "HMAC", NULL, told->hash, NULL, key, len, hash, len, data,
	              sizeof(data), &made) == NULL)
		return;
	unit_edit(unit, &range, range.at, range.len, (struct bytes){data, made});
}

static const struct {
	const char *name;
	uint16_t version;
	void (*repair)(struct unit *unit, const struct fault_told *told);
} repairs[] = {
	{"certificate_verify", VERSION_TLS_1_3, repair_certificate_verify},
	{"finished", VERSION_TLS_1_3, repair_finished},
	{"server_key_exchange", VERSION_TLS_1_2, repair_server_key_exchange},
};

void fault_repair(struct unit *unit, const struct fault_told *told)
{
	for (size_t i = 0; i < sizeof(repairs) / sizeof(repairs[0]); i++)
		if (unit->name != NULL && strcmp(repairs[i].name, unit->name) == 0 &&
		    repairs[i].version == told->version && !unit->broken)
			repairs[i].repair(unit, told);
}
