#include "verdict/means.h"

#include "base/json.h"
#include "verdict/word_list.h"

#include <string.h>
#include <strings.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* The certificates that Shakedown makes (certs/recipes.json), and their keys. */
static const struct means_certificate certificates[] = {
	{"rsa-2048", KEY_RSA, NULL, false},
	{"rsa-3072", KEY_RSA, NULL, false},
	{"rsa-4096", KEY_RSA, NULL, false},
	{"rsa-pss-2048", KEY_RSA_PSS, NULL, false},
	{"ecdsa-p256", KEY_EC, "secp256r1", false},
	{"ecdsa-p384", KEY_EC, "secp384r1", false},
	{"ecdsa-p521", KEY_EC, "secp521r1", false},
	{"ed25519", KEY_ED25519, NULL, false},
	{"wrong-key-usage", KEY_EC, "secp256r1", true},
	{"key-agreement-only", KEY_EC, "secp256r1", true},
};

/* Those that are otherwise odd, and have the keys of these. */
static const char *const with_p256[] = {
	"chain-length-1", "chain-length-2", "chain-length-3", "chain-length-4", "chain-length-5",
	"chain-length-6", "chain-length-7", "chain-length-8", "chain-length-9", "chain-length-10",
	"chain-size-1-kb", "chain-size-4-kb", "chain-size-15-9-kb", "chain-size-17-kb",
	"chain-size-40-kb", "many-names", "order-reversed", "extra-certificate",
	"extra-certificate-first", "duplicate-leaf", "duplicate-intermediate", "root-included",
	"cross-signed-root", "cross-signed-by-expired-root", "ecdsa-under-rsa", "wildcard",
	"name-in-capitals", "no-common-name", "no-usages", "unknown-extension", "must-staple",
	"no-well-defined-end", "serial-of-20-octets", "name-constraints-kept", "expired",
	"not-yet-valid", "valid-in-1970-only", "intermediate-has-expired", "five-years",
	"wrong-dns-name", "wrong-name-right-common-name", "name-in-common-name-only",
	"wildcard-over-two-labels", "wildcard-not-leftmost", "wildcard-alone", "wildcard-below",
	"wildcard-within-label", "name-with-nul", "ip-address-of-another",
	"ip-address-as-dns-name", "unknown-root", "unknown-root-is-sent", "impostor-root",
	"cross-signed-intermediate", "self-signed", "missing-intermediate", "issuer-is-no-ca",
	"issuer-has-no-basic-constraints", "issuer-must-not-sign", "path-length-exceeded",
	"name-not-permitted", "name-excluded", "unknown-critical-extension",
	"issuer-has-unknown-critical-extension", "broken-signature", "issuer-has-broken-signature",
	"algorithms-differ", "wrong-extended-key-usage", "sha1-signature", "malformed-date",
	"malformed-names", "duplicate-extension", "not-der", "negative-serial",
};
static const char *const with_rsa[] = {
	"rsa-1024", "expired-rsa", "wrong-dns-name-rsa", "unknown-root-rsa", "self-signed-rsa",
	"missing-intermediate-rsa", "issuer-is-no-ca-rsa", "broken-signature-rsa",
	"wrong-extended-key-usage-rsa", "wrong-key-usage-rsa", "encipherment-only-rsa",
	"sha1-signature-rsa", "malformed-names-rsa", "duplicate-extension-rsa",
};

/*
 * Signature schemes (RFC 8446 section 4.2.3). In TLS 1.3 an ECDSA scheme names its curve and PKCS
 * #1 v1.5 does not sign handshakes; in TLS 1.2 an ECDSA scheme goes with any curve.
 */
static const struct scheme {
	const char *name;
	const char *word; /* OpenSSL's other word for it, or NULL */
	enum key key;
	const char *curve;
	bool in_13;
} schemes[] = {
	{"ecdsa_secp256r1_sha256", "ECDSA+SHA256", KEY_EC, "secp256r1", true},
	{"ecdsa_secp384r1_sha384", "ECDSA+SHA384", KEY_EC, "secp384r1", true},
	{"ecdsa_secp521r1_sha512", "ECDSA+SHA512", KEY_EC, "secp521r1", true},
	{"ed25519", NULL, KEY_ED25519, NULL, true},
	{"rsa_pss_rsae_sha256", "RSA-PSS+SHA256", KEY_RSA, NULL, true},
	{"rsa_pss_rsae_sha384", "RSA-PSS+SHA384", KEY_RSA, NULL, true},
	{"rsa_pss_rsae_sha512", "RSA-PSS+SHA512", KEY_RSA, NULL, true},
	{"rsa_pss_pss_sha256", NULL, KEY_RSA_PSS, NULL, true},
	{"rsa_pss_pss_sha384", NULL, KEY_RSA_PSS, NULL, true},
	{"rsa_pss_pss_sha512", NULL, KEY_RSA_PSS, NULL, true},
	{"rsa_pkcs1_sha256", "RSA+SHA256", KEY_RSA, NULL, false},
	{"rsa_pkcs1_sha384", "RSA+SHA384", KEY_RSA, NULL, false},
	{"rsa_pkcs1_sha512", "RSA+SHA512", KEY_RSA, NULL, false},
	{"rsa_pkcs1_sha1", "RSA+SHA1", KEY_RSA, NULL, false},
	{"ecdsa_sha224", "ECDSA+SHA224", KEY_EC, "", false},
	{"rsa_sha224", "RSA+SHA224", KEY_RSA, NULL, false},
	{"ecdsa_sha1", "ECDSA+SHA1", KEY_EC, "", false},
};

/*
 * Groups under OpenSSL's words, and where libssl uses them. `usual` ones are in the default lists
 * of the OpenSSL releases that Shakedown runs with; counting a few too many only makes claims
 * rarer.
 */
static const struct group {
	const char *name;
	const char *words[2];
	bool usual, in_12, in_13;
} groups[] = {
	{"x25519", {NULL, NULL}, true, true, true},
	{"secp256r1", {"P-256", "prime256v1"}, true, true, true},
	{"x448", {NULL, NULL}, true, true, true},
	{"secp521r1", {"P-521", NULL}, true, true, true},
	{"secp384r1", {"P-384", NULL}, true, true, true},
	{"ffdhe2048", {NULL, NULL}, true, false, true},
	{"ffdhe3072", {NULL, NULL}, true, false, true},
	{"ffdhe4096", {NULL, NULL}, true, false, true},
	{"ffdhe6144", {NULL, NULL}, true, false, true},
	{"ffdhe8192", {NULL, NULL}, true, false, true},
	{"X25519MLKEM768", {NULL, NULL}, true, false, true},
	{"SecP256r1MLKEM768", {NULL, NULL}, true, false, true},
	{"SecP384r1MLKEM1024", {NULL, NULL}, true, false, true},
	{"secp224r1", {"P-224", NULL}, false, true, false},
	{"secp256k1", {NULL, NULL}, false, true, false},
	{"brainpoolP256r1", {NULL, NULL}, false, true, false},
	{"brainpoolP384r1", {NULL, NULL}, false, true, false},
	{"brainpoolP512r1", {NULL, NULL}, false, true, false},
};

static bool is_13(const char *version)
{
	return strcmp(version, "1.3") == 0;
}

static const struct group *group_named(const char *word)
{
	for (size_t i = 0; i < COUNT(groups); i++)
		if (strcasecmp(word, groups[i].name) == 0 ||
		    (groups[i].words[0] != NULL && strcasecmp(word, groups[i].words[0]) == 0) ||
		    (groups[i].words[1] != NULL && strcasecmp(word, groups[i].words[1]) == 0))
			return &groups[i];
	return NULL;
}

const char *means_group_name(const char *word)
{
	const struct group *group = group_named(word);

	return group != NULL ? group->name : NULL;
}

json_t *means_groups(const json_t *server, const char *version)
{
	json_t *words = word_list_configured(server, "groups");
	json_t *list = json_made(json_array());
	const json_t *item;
	size_t i;

	for (i = 0; json_array_size(words) == 0 && i < COUNT(groups); i++)
		if (groups[i].usual && (is_13(version) ? groups[i].in_13 : groups[i].in_12))
			word_list_add(list, groups[i].name);
	json_array_foreach(words, i, item) {
		const struct group *group = group_named(json_string_value(item));

		if (group == NULL) {
			json_decref(list);
			list = NULL;
			break;
		}
		if (is_13(version) ? group->in_13 : group->in_12)
			word_list_add(list, group->name);
	}
	json_decref(words);
	return list;
}

static bool is_among(const char *name, const char *const names[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

const struct means_certificate *means_certificate(const char *name)
{
	if (is_among(name, with_p256, COUNT(with_p256)))
		name = "ecdsa-p256";
	else if (is_among(name, with_rsa, COUNT(with_rsa)))
		name = "rsa-2048";
	for (size_t i = 0; i < COUNT(certificates); i++)
		if (strcmp(name, certificates[i].name) == 0)
			return &certificates[i];
	return NULL;
}

static const struct scheme *scheme_named(const char *word)
{
	for (size_t i = 0; i < COUNT(schemes); i++)
		if (strcasecmp(word, schemes[i].name) == 0 ||
		    (schemes[i].word != NULL && strcasecmp(word, schemes[i].word) == 0))
			return &schemes[i];
	return NULL;
}

const char *means_signature_name(const char *word)
{
	const struct scheme *scheme = scheme_named(word);

	return scheme != NULL ? scheme->name : NULL;
}

bool means_are_known(const json_t *server)
{
	json_t *names = word_list_configured(server, "certificate");
	json_t *words = word_list_configured(server, "signature_algorithms");
	bool known = json_array_size(names) > 0;
	const json_t *item;
	size_t i;

	json_array_foreach(names, i, item)
		known &= means_certificate(json_string_value(item)) != NULL;
	json_array_foreach(words, i, item)
		known &= scheme_named(json_string_value(item)) != NULL;
	json_decref(names);
	json_decref(words);
	return known;
}

static bool server_signs(const json_t *allowed, const struct scheme *scheme)
{
	const json_t *item;
	size_t i;

	json_array_foreach(allowed, i, item)
		if (scheme_named(json_string_value(item)) == scheme)
			return true;
	return json_array_size(allowed) == 0;
}

static bool fits(const struct means_certificate *certificate, const struct scheme *scheme,
                 bool in_13)
{
	if (certificate->key != scheme->key || (in_13 && !scheme->in_13))
		return false;
	return !in_13 || certificate->curve == NULL ||
	       strcmp(certificate->curve, scheme->curve) == 0;
}

void means_add_signatures(json_t *list, const struct means_certificate *certificate,
                          const json_t *server, const char *version)
{
	json_t *allowed = word_list_configured(server, "signature_algorithms");

	for (size_t i = 0; i < COUNT(schemes); i++)
		if (fits(certificate, &schemes[i], is_13(version)) &&
		    server_signs(allowed, &schemes[i]))
			word_list_add(list, schemes[i].name);
	json_decref(allowed);
}

json_t *means_signatures(const json_t *server, const char *version)
{
	json_t *names, *list;
	const json_t *item;
	size_t i;

	if (!means_are_known(server))
		return NULL;
	names = word_list_configured(server, "certificate");
	list = json_made(json_array());
	json_array_foreach(names, i, item)
		means_add_signatures(list, means_certificate(json_string_value(item)), server,
		                     version);
	json_decref(names);
	return list;
}

json_t *means_suites_13(const json_t *server)
{
	static const char *const usual[] = {
		"TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"};
	json_t *suites = word_list_configured(server, "ciphersuites");

	for (size_t i = 0; json_object_get(server, "ciphersuites") == NULL && i < COUNT(usual); i++)
		word_list_add(suites, usual[i]);
	return suites;
}
