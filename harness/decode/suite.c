#include "decode/suite.h"

#include "decode/registry.h"

#include <string.h>

struct exchange {
	const char *name;
	struct suite_exchange is;
};

static const struct exchange exchanges[] = {
	{"RSA", {KX_RSA, false}},
	{"DH_DSS", {KX_DH, false}},
	{"DH_RSA", {KX_DH, false}},
	{"DH_anon", {KX_DHE, false}},
	{"DHE_DSS", {KX_DHE, true}},
	{"DHE_RSA", {KX_DHE, true}},
	{"ECDH_ECDSA", {KX_ECDH, false}},
	{"ECDH_RSA", {KX_ECDH, false}},
	{"ECDH_anon", {KX_ECDHE, false}},
	{"ECDHE_ECDSA", {KX_ECDHE, true}},
	{"ECDHE_RSA", {KX_ECDHE, true}},
	{"PSK", {KX_PSK, false}},
	{"RSA_PSK", {KX_RSA_PSK, false}},
	{"DHE_PSK", {KX_DHE_PSK, false}},
	{"PSK_DHE", {KX_DHE_PSK, false}}, /* so spelt in RFC 6655 */
	{"ECDHE_PSK", {KX_ECDHE_PSK, false}},
	{"SRP_SHA", {KX_SRP, false}},
	{"SRP_SHA_RSA", {KX_SRP, true}},
	{"SRP_SHA_DSS", {KX_SRP, true}},
	{"ECCPWD", {KX_ECCPWD, false}},
	{"KRB5", {KX_KRB5, false}},
};

static const struct suite_cipher ciphers[] = {
	{"NULL", NULL, MODE_NULL, 0, 0, 0},
	{"3DES_EDE_CBC", "DES-EDE3-CBC", MODE_CBC, 24, 8, 0},
	{"AES_128_CBC", "AES-128-CBC", MODE_CBC, 16, 16, 0},
	{"AES_256_CBC", "AES-256-CBC", MODE_CBC, 32, 16, 0},
	{"AES_128_GCM", "AES-128-GCM", MODE_GCM, 16, 0, 16},
	{"AES_256_GCM", "AES-256-GCM", MODE_GCM, 32, 0, 16},
	{"AES_128_CCM", "AES-128-CCM", MODE_CCM, 16, 0, 16},
	{"AES_256_CCM", "AES-256-CCM", MODE_CCM, 32, 0, 16},
	{"AES_128_CCM_8", "AES-128-CCM", MODE_CCM, 16, 0, 8},
	{"AES_256_CCM_8", "AES-256-CCM", MODE_CCM, 32, 0, 8},
	{"ARIA_128_CBC", "ARIA-128-CBC", MODE_CBC, 16, 16, 0},
	{"ARIA_256_CBC", "ARIA-256-CBC", MODE_CBC, 32, 16, 0},
	{"ARIA_128_GCM", "ARIA-128-GCM", MODE_GCM, 16, 0, 16},
	{"ARIA_256_GCM", "ARIA-256-GCM", MODE_GCM, 32, 0, 16},
	{"CAMELLIA_128_CBC", "CAMELLIA-128-CBC", MODE_CBC, 16, 16, 0},
	{"CAMELLIA_256_CBC", "CAMELLIA-256-CBC", MODE_CBC, 32, 16, 0},
	{"CHACHA20_POLY1305", "ChaCha20-Poly1305", MODE_CHACHA20_POLY1305, 32, 0, 16},
};

/* The hash at the end of a name, and the one that TLS 1.2's PRF then uses (RFC 5246 section 5). */
static const struct hash {
	const char *name;
	const char *mac;
	const char *prf;
} hashes[] = {
	{"", "SHA256", "SHA256"}, /* AES_128_CCM: RFC 6655 section 3 */
	{"MD5", "MD5", "SHA256"},
	{"SHA", "SHA1", "SHA256"},
	{"SHA256", "SHA256", "SHA256"},
	{"SHA384", "SHA384", "SHA384"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What stands in `name` after `beginning`; NULL if it begins otherwise. */
static const char *after(const char *name, const char *beginning)
{
	for (; *beginning != '\0'; name++, beginning++)
		if (*name != *beginning)
			return NULL;
	return name;
}

static struct suite_exchange find_exchange(const char *name, size_t len)
{
	const size_t n_export = strlen("_EXPORT"); /* the same messages, weaker keys */

	if (len > n_export && strncmp(name + len - n_export, "_EXPORT", n_export) == 0)
		len -= n_export;
	for (size_t i = 0; i < COUNT(exchanges); i++)
		if (after(name, exchanges[i].name) == name + len)
			return exchanges[i].is;
	return (struct suite_exchange){0};
}

static const struct hash *find_hash(const char *name)
{
	for (size_t i = 0; i < COUNT(hashes); i++)
		if (strcmp(hashes[i].name, name) == 0)
			return &hashes[i];
	return NULL;
}

/* Reads "<cipher>_<hash>" into the suite. */
static void read_protection(const char *name, struct suite *suite)
{
	for (size_t i = 0; i < COUNT(ciphers); i++) {
		const char *end = after(name, ciphers[i].name);
		bool ends = end != NULL && (*end == '\0' || *end == '_');
		const struct hash *hash = ends ? find_hash(end + (*end == '_')) : NULL;

		if (hash == NULL)
			continue;
		suite->cipher = &ciphers[i];
		suite->mac = ciphers[i].tag_len > 0 ? NULL : hash->mac;
		suite->hash = hash->prf;
		break;
	}
}

/* Where the key exchange begins in the suite's name; NULL if it is none. */
static const char *after_tls(uint16_t cipher_suite)
{
	const char *name = registry_name(REGISTRY_CIPHER_SUITE, cipher_suite);

	return name != NULL ? after(name, "TLS_") : NULL;
}

struct suite_exchange suite_exchange(uint16_t cipher_suite)
{
	const char *name = after_tls(cipher_suite);
	const char *with = name != NULL ? strstr(name, "_WITH_") : NULL;

	return with != NULL ? find_exchange(name, (size_t)(with - name))
	                    : (struct suite_exchange){0};
}

struct suite suite_describe(uint16_t cipher_suite)
{
	const char *name = after_tls(cipher_suite);
	struct suite suite = {.exchange = suite_exchange(cipher_suite)};
	const char *with = name != NULL ? strstr(name, "_WITH_") : NULL;

	if (name != NULL)
		read_protection(with != NULL ? with + 6 : name, &suite);
	return suite;
}
