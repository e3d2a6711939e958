#include "verdict/offer.h"

#include "base/assert.h"
#include "base/json.h"
#include "verdict/witness.h"

#include <openssl/ssl.h>
#include <string.h>
#include <strings.h>

#define ALERT_HANDSHAKE_FAILURE 40
#define ALERT_PROTOCOL_VERSION 70
#define ALERT_MISSING_EXTENSION 109
#define ALERT_UNRECOGNIZED_NAME 112
#define ALERT_NO_APPLICATION_PROTOCOL 120

enum key { KEY_UNKNOWN, KEY_RSA, KEY_RSA_PSS, KEY_EC, KEY_ED25519 };

/* The certificates that Shakedown makes (certs/recipes.json), and their keys. */
static const struct certificate {
	const char *name;
	enum key key;
	const char *curve;
} certificates[] = {
	{"rsa-2048", KEY_RSA, NULL},
	{"rsa-3072", KEY_RSA, NULL},
	{"rsa-4096", KEY_RSA, NULL},
	{"rsa-pss-2048", KEY_RSA_PSS, NULL},
	{"ecdsa-p256", KEY_EC, "secp256r1"},
	{"ecdsa-p384", KEY_EC, "secp384r1"},
	{"ecdsa-p521", KEY_EC, "secp521r1"},
	{"ed25519", KEY_ED25519, NULL},
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
	"algorithms-differ", "wrong-extended-key-usage", "wrong-key-usage", "key-agreement-only",
	"sha1-signature", "malformed-date", "malformed-names", "duplicate-extension", "not-der",
	"negative-serial",
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

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* One question to one ClientHello. */
struct question {
	const json_t *server;
	const json_t *hello;
	const char *version; /* the settled one, "1.3" */
	long long alert;     /* its number */
	json_t *missing;     /* the answer: what the client lacks, */
	const char *cannot;  /* or what the server itself lacks, whatever is offered; else NULL */
};

/* --- lists of words --------------------------------------------------------------------------- */

static bool has(const json_t *list, const char *word)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (json_is_string(item) && strcasecmp(json_string_value(item), word) == 0)
			return true;
	return false;
}

static void add(json_t *list, const char *word)
{
	if (!has(list, word))
		json_array_append_new(list, json_made(json_string(word)));
}

static bool overlap(const json_t *a, const json_t *b)
{
	const json_t *item;
	size_t i;

	json_array_foreach(a, i, item)
		if (has(b, json_string_value(item)))
			return true;
	return false;
}

static bool covers(const json_t *declared, const json_t *needed)
{
	const json_t *item;
	size_t i;

	json_array_foreach(needed, i, item)
		if (!has(declared, json_string_value(item)))
			return false;
	return json_array_size(needed) > 0;
}

/* Adds the words of "a:b:c", each once. */
static void add_words(json_t *list, const char *text)
{
	while (text != NULL && *text != '\0') {
		size_t len = strcspn(text, ":");
		json_t *word = json_made(json_stringn(text, len));

		add(list, json_string_value(word));
		json_decref(word);
		text += len + (text[len] == ':');
	}
}

/*
 * The words under `key`, a string or a list of them, each maybe several with colons. New, maybe
 * empty.
 */
static json_t *configured(const json_t *server, const char *key)
{
	const json_t *value = json_object_get(server, key);
	json_t *list = json_made(json_array());
	const json_t *item;
	size_t i;

	add_words(list, json_string_value(value));
	json_array_foreach(value, i, item)
		add_words(list, json_string_value(item));
	return list;
}

/* The list `field` of the ClientHello's extension `name`; NULL if it has no such extension. */
static const json_t *extension_list(const json_t *hello, const char *name, const char *field)
{
	return json_object_get(witness_extension(hello, name), field);
}

static void lacks(struct question *question, const char *what, json_t *needed,
                  const json_t *offered)
{
	json_t *copy = offered != NULL ? json_deep_copy(offered) : json_array();

	json_array_append_new(question->missing,
	                      json_made(json_pack("{s:s, s:s, s:o, s:o}", "what", what, "version",
	                                          question->version, "needed", json_incref(needed),
	                                          "offered", json_made(copy))));
}

/* --- the version ------------------------------------------------------------------------------ */

/* "1.2" from "TLS 1.2"; "" for what is not a version of TLS. */
static const char *bare_version(const char *name)
{
	return strncmp(name, "TLS ", 4) == 0 ? name + 4 : "";
}

/*
 * What the client can be taken to offer: RFC 8446 section 4.2.1; without it all up to
 * legacy_version.
 */
static json_t *offered_versions(const json_t *hello)
{
	static const char *const ladder[] = {"1.0", "1.1", "1.2"};
	const json_t *list = extension_list(hello, "supported_versions", "versions");
	const char *legacy = bare_version(json_text(hello, "legacy_version"));
	json_t *versions = json_made(json_array());
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (json_is_string(item) && bare_version(json_string_value(item))[0] != '\0')
			add(versions, bare_version(json_string_value(item)));
	for (i = 0; list == NULL && i < COUNT(ladder); i++)
		if (strcmp(ladder[i], legacy) <= 0)
			add(versions, ladder[i]);
	return versions;
}

/* The highest version that both have, borrowed from `server`; "" if there is none. */
static const char *settled_version(const json_t *server, const json_t *offered)
{
	const char *highest = "";
	const json_t *item;
	size_t i;

	json_array_foreach(server, i, item) {
		const char *version = json_string_value(item);

		if (version != NULL && has(offered, version) && strcmp(version, highest) > 0)
			highest = version;
	}
	return highest;
}

/* A client without supported_versions that refuses the older version which the server chose. */
static bool refused_older_version(const struct question *question, const json_t *alert)
{
	const char *legacy = bare_version(json_text(question->hello, "legacy_version"));

	return question->alert == ALERT_PROTOCOL_VERSION &&
	       strcmp(json_text(alert, "from"), "client") == 0 &&
	       extension_list(question->hello, "supported_versions", "versions") == NULL &&
	       strcmp(question->version, legacy) < 0;
}

static void look_at_version(struct question *question, const json_t *alert, const json_t *offered)
{
	json_t *needed = configured(question->server, "versions");

	if (question->alert == ALERT_PROTOCOL_VERSION && json_array_size(offered) > 0 &&
	    (question->version[0] == '\0' || refused_older_version(question, alert))) {
		question->version = "";
		lacks(question, "versions", needed, offered);
	}
	json_decref(needed);
}

/* --- groups ----------------------------------------------------------------------------------- */

static const struct group *group_named(const char *word)
{
	for (size_t i = 0; i < COUNT(groups); i++)
		if (strcasecmp(word, groups[i].name) == 0 ||
		    (groups[i].words[0] != NULL && strcasecmp(word, groups[i].words[0]) == 0) ||
		    (groups[i].words[1] != NULL && strcasecmp(word, groups[i].words[1]) == 0))
			return &groups[i];
	return NULL;
}

/*
 * Those of the server's groups that it uses in the settled version, by their registered names.
 * New, maybe empty; NULL if a word is not known.
 */
static json_t *server_groups(const struct question *question)
{
	json_t *words = configured(question->server, "groups");
	json_t *list = json_made(json_array());
	bool in_13 = strcmp(question->version, "1.3") == 0;
	const json_t *item;
	size_t i;

	for (i = 0; json_array_size(words) == 0 && i < COUNT(groups); i++)
		if (groups[i].usual && (in_13 ? groups[i].in_13 : groups[i].in_12))
			add(list, groups[i].name);
	json_array_foreach(words, i, item) {
		const struct group *group = group_named(json_string_value(item));

		if (group == NULL) {
			json_decref(list);
			list = NULL;
			break;
		}
		if (in_13 ? group->in_13 : group->in_12)
			add(list, group->name);
	}
	json_decref(words);
	return list;
}

/* --- certificates and signatures -------------------------------------------------------------- */

static bool is_among(const char *name, const char *const names[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static const struct certificate *certificate_named(const char *name)
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

/* False if one of the server's certificates or signature algorithms is not known here. */
static bool all_words_known(const json_t *server)
{
	json_t *names = configured(server, "certificate");
	json_t *words = configured(server, "signature_algorithms");
	bool known = json_array_size(names) > 0;
	const json_t *item;
	size_t i;

	json_array_foreach(names, i, item)
		known &= certificate_named(json_string_value(item)) != NULL;
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

static bool fits(const struct certificate *certificate, const struct scheme *scheme, bool in_13)
{
	if (certificate->key != scheme->key || (in_13 && !scheme->in_13))
		return false;
	return !in_13 || certificate->curve == NULL ||
	       strcmp(certificate->curve, scheme->curve) == 0;
}

/* Adds the schemes that the server can sign with, by this certificate, in this version. */
static void add_schemes(json_t *list, const struct certificate *certificate, const json_t *server,
                        bool in_13)
{
	json_t *allowed = configured(server, "signature_algorithms");

	for (size_t i = 0; i < COUNT(schemes); i++)
		if (fits(certificate, &schemes[i], in_13) && server_signs(allowed, &schemes[i]))
			add(list, schemes[i].name);
	json_decref(allowed);
}

/* --- TLS 1.3 ---------------------------------------------------------------------------------- */

/* Those of the server: without words of its own, libssl's three. New. */
static json_t *suites_13(const json_t *server)
{
	static const char *const usual[] = {
		"TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"};
	json_t *suites = configured(server, "ciphersuites");

	for (size_t i = 0; json_object_get(server, "ciphersuites") == NULL && i < COUNT(usual); i++)
		add(suites, usual[i]);
	return suites;
}

static void look_at_13_suites(struct question *question)
{
	const json_t *offered = json_object_get(question->hello, "cipher_suites");
	json_t *needed = suites_13(question->server);

	if (!overlap(needed, offered))
		lacks(question, "ciphersuites", needed, offered);
	json_decref(needed);
}

static void look_at_13_groups(struct question *question)
{
	const json_t *offered = extension_list(question->hello, "supported_groups",
	                                       "named_group_list");
	json_t *needed = server_groups(question);

	if (needed != NULL && json_array_size(needed) == 0)
		question->cannot = "groups";
	else if (needed != NULL && offered != NULL && !overlap(needed, offered))
		lacks(question, "groups", needed, offered);
	json_decref(needed);
}

static void look_at_13_signatures(struct question *question)
{
	const json_t *offered = extension_list(question->hello, "signature_algorithms",
	                                       "supported_signature_algorithms");
	json_t *names = configured(question->server, "certificate");
	json_t *needed = json_made(json_array());
	const json_t *item;
	size_t i;

	if (offered == NULL || !all_words_known(question->server))
		goto out;
	json_array_foreach(names, i, item)
		add_schemes(needed, certificate_named(json_string_value(item)), question->server,
		            true);
	if (json_array_size(needed) == 0)
		question->cannot = "signature_algorithms";
	else if (!overlap(needed, offered))
		lacks(question, "signature_algorithms", needed, offered);
out:
	json_decref(names);
	json_decref(needed);
}

/* --- TLS 1.2 ---------------------------------------------------------------------------------- */

/* A server's certificate beside what the ClientHello lets it do in TLS 1.2. */
struct credential {
	const struct certificate *certificate;
	bool signs;     /* the server has a signature algorithm for it at all */
	bool curve;     /* an ECDSA key's curve is among the client's groups (RFC 8422, 5.1) */
	bool signature; /* they have a signature algorithm in common */
	bool shared;    /* they have a suite for it in common */
};

/* Everything that bears on the choice of a suite in TLS 1.2. */
struct choice {
	struct credential credentials[16];
	size_t n_credentials;
	bool has_group;    /* the server has a group for ECDHE, */
	bool group;        /* and one in common with the client */
	bool scheme;       /* ... a signature algorithm for any key: OpenSSL insists on one */
	bool shared;       /* ... a suite for one of the certificates */
	bool shared_ecdhe; /* ... one that needs a group */
	bool works;        /* ... and nothing else is in its way */
	json_t *servable; /* the suites that the server has for its certificates */
};

static void look_at_credential(struct choice *choice, const struct question *question,
                               const struct certificate *certificate)
{
	const json_t *curves = extension_list(question->hello, "supported_groups",
	                                      "named_group_list");
	const json_t *signatures = extension_list(question->hello, "signature_algorithms",
	                                          "supported_signature_algorithms");
	struct credential *credential = &choice->credentials[choice->n_credentials++];
	json_t *usable = json_made(json_array());

	add_schemes(usable, certificate, question->server, false);
	*credential = (struct credential){
		.certificate = certificate,
		.signs = json_array_size(usable) > 0,
		.curve = certificate->curve == NULL || curves == NULL ||
	                 has(curves, certificate->curve),
		.signature = signatures == NULL || overlap(usable, signatures),
	};
	json_decref(usable);
}

static bool authenticates(const SSL_CIPHER *suite, enum key key)
{
	switch (SSL_CIPHER_get_auth_nid(suite)) {
	case NID_auth_rsa:
		return key == KEY_RSA ||
		       (key == KEY_RSA_PSS && SSL_CIPHER_get_kx_nid(suite) != NID_kx_rsa);
	case NID_auth_ecdsa:
		return key == KEY_EC || key == KEY_ED25519;
	case NID_auth_null:
		return true;
	default:
		return false; /* passwords, which the server has none of; pre-shared keys: below */
	}
}

/* What the server could do with this suite and certificate if all were offered. */
static bool could_serve(const struct choice *choice, const struct credential *credential,
                        const SSL_CIPHER *suite)
{
	int exchange = SSL_CIPHER_get_kx_nid(suite);

	return authenticates(suite, credential->certificate->key) &&
	       (exchange == NID_kx_rsa || credential->signs) &&
	       (exchange != NID_kx_ecdhe || choice->has_group);
}

/*
 * A static RSA suite needs neither group nor curve. It signs nothing, but OpenSSL wants a signature
 * algorithm for its key all the same.
 */
static bool works(const struct choice *choice, const struct credential *credential,
                  const SSL_CIPHER *suite)
{
	int exchange = SSL_CIPHER_get_kx_nid(suite);

	if (!choice->scheme || !credential->signature)
		return false;
	return exchange == NID_kx_rsa ||
	       (credential->curve && (exchange != NID_kx_ecdhe || choice->group));
}

/*
 * Suites with a pre-shared key need no certificate's signature. Whether the client has the server's
 * key is not to be seen in its offer.
 */
static void look_at_psk_suite(struct choice *choice, const struct question *question,
                              const SSL_CIPHER *suite)
{
	bool needs_group = SSL_CIPHER_get_kx_nid(suite) == NID_kx_ecdhe_psk;
	const char *name = SSL_CIPHER_standard_name(suite);

	if (json_object_get(question->server, "psk") == NULL || (needs_group && !choice->has_group))
		return;
	add(choice->servable, name);
	if (!has(json_object_get(question->hello, "cipher_suites"), name))
		return;
	choice->shared = true;
	choice->shared_ecdhe |= needs_group;
	choice->works |= !needs_group || choice->group;
}

static bool has_psk(const SSL_CIPHER *suite)
{
	int exchange = SSL_CIPHER_get_kx_nid(suite);

	return exchange == NID_kx_psk || exchange == NID_kx_ecdhe_psk ||
	       exchange == NID_kx_dhe_psk || exchange == NID_kx_rsa_psk;
}

static void look_at_suite(struct choice *choice, const struct question *question,
                          const SSL_CIPHER *suite)
{
	const json_t *offered = json_object_get(question->hello, "cipher_suites");
	const char *name = SSL_CIPHER_standard_name(suite);

	if (name == NULL || strcmp(SSL_CIPHER_get_version(suite), "TLSv1.3") == 0)
		return;
	if (has_psk(suite)) {
		look_at_psk_suite(choice, question, suite);
		return;
	}
	for (size_t i = 0; i < choice->n_credentials; i++) {
		struct credential *credential = &choice->credentials[i];

		if (!could_serve(choice, credential, suite))
			continue;
		add(choice->servable, name);
		if (!has(offered, name))
			continue;
		credential->shared = true;
		choice->shared = true;
		choice->shared_ecdhe |= SSL_CIPHER_get_kx_nid(suite) == NID_kx_ecdhe;
		choice->works |= works(choice, credential, suite);
	}
}

/* A new context with what libssl makes of the words; NULL if it refuses them. */
static SSL_CTX *expanded(const char *words)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	CHECK(context != NULL);
	if (words[0] != '\0' && SSL_CTX_set_cipher_list(context, words) != 1) {
		SSL_CTX_free(context);
		context = NULL;
	}
	return context;
}

/*
 * libssl's own expansion of the server's cipher list, until the next call; NULL if it refuses the
 * words. The last one is kept: servers that are held against a ClientHello differ in one thing from
 * each other, which is rarely this.
 */
static const SSL_CTX *context_with_ciphers(const json_t *server)
{
	static SSL_CTX *last;
	static struct buf last_words;
	static bool known;
	json_t *words = configured(server, "cipher_list");
	struct buf text = {0};
	const json_t *item;
	size_t i;

	json_array_foreach(words, i, item)
		buf_printf(&text, "%s%s", i > 0 ? ":" : "", json_string_value(item));
	if (known && strcmp(buf_string(&text), buf_string(&last_words)) == 0) {
		buf_fini(&text);
	} else {
		SSL_CTX_free(last);
		buf_fini(&last_words);
		last = expanded(buf_string(&text));
		last_words = text;
		known = true;
	}
	json_decref(words);
	return last;
}

/* A server whose list is not configured signs with all that is common. */
static bool any_common_scheme(const struct question *question)
{
	const json_t *offered = extension_list(question->hello, "signature_algorithms",
	                                       "supported_signature_algorithms");
	json_t *allowed = configured(question->server, "signature_algorithms");
	bool any = offered == NULL || json_array_size(allowed) == 0;
	const json_t *item;
	size_t i;

	json_array_foreach(allowed, i, item) {
		const struct scheme *scheme = scheme_named(json_string_value(item));

		any = any || scheme == NULL || has(offered, scheme->name);
	}
	json_decref(allowed);
	return any;
}

/* False if the configuration has words that are not known here. */
static bool make_choice(struct choice *choice, const struct question *question)
{
	const SSL_CTX *context = context_with_ciphers(question->server);
	json_t *names = configured(question->server, "certificate");
	json_t *groups_here = server_groups(question);
	bool known = context != NULL && groups_here != NULL && all_words_known(question->server) &&
	             json_array_size(names) <= COUNT(choice->credentials);
	const json_t *item;
	size_t i;

	if (!known)
		goto out;
	choice->has_group = json_array_size(groups_here) > 0;
	choice->group = overlap(groups_here, extension_list(question->hello, "supported_groups",
	                                                    "named_group_list"));
	choice->scheme = any_common_scheme(question);
	json_array_foreach(names, i, item)
		look_at_credential(choice, question, certificate_named(json_string_value(item)));
	for (int k = 0; k < sk_SSL_CIPHER_num(SSL_CTX_get_ciphers(context)); k++)
		look_at_suite(choice, question,
		              sk_SSL_CIPHER_value(SSL_CTX_get_ciphers(context), k));
out:
	json_decref(groups_here);
	json_decref(names);
	return known;
}

/*
 * A group, if all suites in common need one; or the curves of the certificates, if none of those
 * that there is a suite for has one that is offered.
 */
static void lacks_groups(struct question *question, const struct choice *choice)
{
	bool lacking = choice->group || choice->shared_ecdhe;
	json_t *needed = choice->group ? json_made(json_array()) : server_groups(question);

	for (size_t i = 0; choice->group && i < choice->n_credentials; i++) {
		const struct credential *credential = &choice->credentials[i];

		if (!credential->shared)
			continue;
		lacking &= !credential->curve;
		if (!credential->curve)
			add(needed, credential->certificate->curve);
	}
	if (lacking && json_array_size(needed) > 0)
		lacks(question, "groups", needed,
		      extension_list(question->hello, "supported_groups", "named_group_list"));
	json_decref(needed);
}

/* Signature algorithms, if each certificate that counts lacks one that is offered. */
static void lacks_schemes(struct question *question, const struct choice *choice)
{
	json_t *needed = json_made(json_array());
	bool lacking = true;

	for (size_t i = 0; i < choice->n_credentials; i++) {
		const struct credential *credential = &choice->credentials[i];

		if (choice->shared && !credential->shared)
			continue;
		lacking &= !credential->signature;
		add_schemes(needed, credential->certificate, question->server, false);
	}
	if (lacking && json_array_size(needed) > 0)
		lacks(question, "signature_algorithms", needed,
		      extension_list(question->hello, "signature_algorithms",
		                     "supported_signature_algorithms"));
	json_decref(needed);
}

static void look_at_12(struct question *question)
{
	struct choice choice = {.servable = json_made(json_array())};

	if (!make_choice(&choice, question) || choice.works)
		goto out;
	if (json_array_size(choice.servable) == 0) {
		question->cannot = "cipher_list";
		goto out;
	}
	if (!choice.shared)
		lacks(question, "cipher_list", choice.servable,
		      json_object_get(question->hello, "cipher_suites"));
	if (choice.shared)
		lacks_groups(question, &choice);
	if (choice.shared || !choice.scheme)
		lacks_schemes(question, &choice);
out:
	json_decref(choice.servable);
}

/* --- ALPN ------------------------------------------------------------------------------------- */

static void look_at_alpn(struct question *question)
{
	const json_t *offered = extension_list(question->hello,
	                                       "application_layer_protocol_negotiation",
	                                       "protocol_name_list");
	json_t *needed = configured(question->server, "alpn");

	if (json_array_size(needed) > 0 && offered != NULL && !overlap(needed, offered))
		lacks(question, "alpn", needed, offered);
	json_decref(needed);
}

/* --- the server's name ------------------------------------------------------------------------ */

/* A server that insists on a name, and a client that sent none. An unknown one is no lack. */
static void look_at_name(struct question *question)
{
	json_t *needed;

	if (strcmp(json_text(question->server, "sni"), "require") != 0 ||
	    witness_extension(question->hello, "server_name") != NULL)
		return;
	needed = json_made(json_pack("[s]", "server_name"));
	lacks(question, "sni", needed, NULL);
	json_decref(needed);
}

/* --- the answers ------------------------------------------------------------------------------ */

static void look_in_version(struct question *question)
{
	if (question->alert == ALERT_NO_APPLICATION_PROTOCOL) {
		look_at_alpn(question);
	} else if (question->alert == ALERT_MISSING_EXTENSION ||
	           question->alert == ALERT_UNRECOGNIZED_NAME) {
		look_at_name(question);
	} else if (question->alert == ALERT_HANDSHAKE_FAILURE &&
	           strcmp(question->version, "1.3") == 0) {
		look_at_13_suites(question);
		look_at_13_groups(question);
		look_at_13_signatures(question);
	} else if (question->alert == ALERT_HANDSHAKE_FAILURE &&
	           strcmp(question->version, "1.2") == 0) {
		look_at_12(question);
	}
}

/* Asks all that the alert leaves open; what the client lacks is nothing to a server that cannot. */
static void ask(struct question *question, const json_t *wire, const json_t *alert)
{
	json_t *offered, *versions;

	question->missing = json_made(json_array());
	question->hello = json_object_get(wire, "client_hello");
	question->alert = json_number(alert, "number");
	if (!json_is_object(question->hello) || alert == NULL)
		return;
	offered = offered_versions(question->hello);
	versions = configured(question->server, "versions");
	question->version = settled_version(versions, offered);
	look_at_version(question, alert, offered);
	if (strcmp(json_text(alert, "from"), "server") == 0 &&
	    json_object_get(wire, "server_hello") == NULL && question->version[0] != '\0')
		look_in_version(question);
	if (question->cannot != NULL)
		json_array_clear(question->missing);
	json_decref(offered);
	json_decref(versions);
}

json_t *offer_missing(const json_t *server, const json_t *wire, const json_t *alert)
{
	struct question question = {.server = server};

	ask(&question, wire, alert);
	return question.missing;
}

const char *offer_cannot(const json_t *server, const json_t *wire, const json_t *alert)
{
	struct question question = {.server = server};

	ask(&question, wire, alert);
	json_decref(question.missing);
	return question.cannot;
}

bool offer_refuses(const json_t *server, const json_t *wire)
{
	static const int alerts[] = {ALERT_HANDSHAKE_FAILURE, ALERT_PROTOCOL_VERSION,
	                             ALERT_NO_APPLICATION_PROTOCOL, ALERT_MISSING_EXTENSION,
	                             ALERT_UNRECOGNIZED_NAME};
	json_t *hello = json_made(json_pack("{s:O?}", "client_hello",
	                                    json_object_get(wire, "client_hello")));
	bool refuses = false;

	for (size_t i = 0; i < COUNT(alerts) && !refuses; i++) {
		struct question question = {.server = server};
		json_t *alert = json_made(json_pack("{s:s, s:i}", "from", "server", "number",
		                                    alerts[i]));

		ask(&question, hello, alert);
		refuses = question.cannot != NULL || json_array_size(question.missing) > 0;
		json_decref(question.missing);
		json_decref(alert);
	}
	json_decref(hello);
	return refuses;
}

/* --- both sides ------------------------------------------------------------------------------- */

/* Takes `server`; NULL or empty: it is not certain, or not configured. */
static void put_set(json_t *sets, const struct question *question, const char *what, json_t *server,
                    const json_t *client)
{
	if (json_array_size(server) > 0)
		json_array_append_new(
			sets, json_made(json_pack("{s:s, s:s, s:O, s:O?}", "what", what, "version",
		                                  question->version, "server", server, "client",
		                                  (json_t *)client)));
	json_decref(server);
}

static json_t *suites_12(const struct question *question)
{
	struct choice choice = {.servable = json_made(json_array())};

	make_choice(&choice, question);
	return choice.servable;
}

/* NULL if a word is not known. */
static json_t *server_schemes(const struct question *question)
{
	json_t *names, *schemes_here;
	const json_t *item;
	size_t i;

	if (!all_words_known(question->server))
		return NULL;
	names = configured(question->server, "certificate");
	schemes_here = json_made(json_array());
	json_array_foreach(names, i, item)
		add_schemes(schemes_here, certificate_named(json_string_value(item)),
		            question->server, strcmp(question->version, "1.3") == 0);
	json_decref(names);
	return schemes_here;
}

static void put_sets_of_version(json_t *sets, const struct question *question)
{
	const json_t *hello = question->hello;
	bool in_13 = strcmp(question->version, "1.3") == 0;

	put_set(sets, question, in_13 ? "ciphersuites" : "cipher_list",
	        in_13 ? suites_13(question->server) : suites_12(question),
	        json_object_get(hello, "cipher_suites"));
	put_set(sets, question, "groups", server_groups(question),
	        extension_list(hello, "supported_groups", "named_group_list"));
	if (strcmp(question->version, "1.2") >= 0)
		put_set(sets, question, "signature_algorithms", server_schemes(question),
		        extension_list(hello, "signature_algorithms",
		                       "supported_signature_algorithms"));
	put_set(sets, question, "alpn", configured(question->server, "alpn"),
	        extension_list(hello, "application_layer_protocol_negotiation",
	                       "protocol_name_list"));
}

json_t *offer_sets(const json_t *server, const json_t *wire)
{
	struct question question = {.server = server,
	                            .hello = json_object_get(wire, "client_hello")};
	json_t *sets = json_made(json_array()), *offered, *versions;

	if (!json_is_object(question.hello))
		return sets;
	offered = offered_versions(question.hello);
	versions = configured(server, "versions");
	question.version = settled_version(versions, offered);
	put_set(sets, &question, "versions", json_incref(versions), offered);
	if (question.version[0] != '\0')
		put_sets_of_version(sets, &question);
	json_decref(offered);
	json_decref(versions);
	return sets;
}

/* OpenSSL's reasons for a refusal, and what it can be that was missing. */
static const struct {
	const char *reason, *what[4];
} reasons[] = {
	{"no shared cipher", {"ciphersuites", "cipher_list", "groups", "signature_algorithms"}},
	{"no suitable key share", {"groups"}},
	{"no suitable signature algorithm", {"signature_algorithms"}},
	{"no shared signature algorithms", {"signature_algorithms"}},
	{"no application protocol", {"alpn"}},
	{"callback failed", {"sni"}},
};

static bool reason_names(const char *reason, const char *what)
{
	for (size_t i = 0; i < COUNT(reasons); i++)
		for (size_t k = 0; k < COUNT(reasons[i].what); k++)
			if (strcmp(reason, reasons[i].reason) == 0 && reasons[i].what[k] != NULL &&
			    strcmp(what, reasons[i].what[k]) == 0)
				return true;
	return false;
}

bool offer_explains(const char *what, const json_t *errors)
{
	const json_t *error;
	bool explains = json_array_size(errors) == 0 || strcmp(what, "versions") == 0;
	size_t i;

	json_array_foreach(errors, i, error)
		explains |= reason_names(json_text(error, "reason"), what);
	return explains;
}

/* The certificates are declared, and it is they alone that need what is missing. */
static bool certificates_declared(const json_t *lack, const json_t *server,
                                  const json_t *unsupported)
{
	const char *what = json_text(lack, "what");
	json_t *names = configured(server, "certificate");
	bool declared = covers(json_object_get(unsupported, "certificate"), names);

	json_decref(names);
	if (!declared || json_object_get(server, what) != NULL)
		return false;
	return strcmp(what, "signature_algorithms") == 0 || strcmp(what, "cipher_list") == 0 ||
	       (strcmp(what, "groups") == 0 && strcmp(json_text(lack, "version"), "1.2") == 0);
}

/* The profile's words for the group, if they are OpenSSL's, become the registered names. */
static bool values_declared(const json_t *lack, const json_t *unsupported)
{
	const char *what = json_text(lack, "what");
	json_t *words = configured(unsupported, what);
	json_t *names = json_made(json_array());
	const json_t *item;
	bool declared;
	size_t i;

	json_array_foreach(words, i, item) {
		const struct group *group = group_named(json_string_value(item));

		add(names, strcmp(what, "groups") == 0 && group != NULL ? group->name
		                                                        : json_string_value(item));
	}
	declared = covers(names, json_object_get(lack, "needed"));
	json_decref(words);
	json_decref(names);
	return declared;
}

bool offer_declared(const json_t *missing, const json_t *server, const json_t *unsupported)
{
	const json_t *lack;
	size_t i;

	json_array_foreach(missing, i, lack)
		if (!values_declared(lack, unsupported) &&
		    !certificates_declared(lack, server, unsupported))
			return false;
	return json_array_size(missing) > 0;
}

static const char *missing_words(const char *what)
{
	static const struct {
		const char *what, *words;
	} table[] = {
		{"ciphersuites", "a cipher suite"},
		{"cipher_list", "a cipher suite for its certificate"},
		{"groups", "a group"},
		{"signature_algorithms", "a signature algorithm for its certificate"},
		{"alpn", "an application protocol"},
		{"sni", "the extension with the server's name"},
	};

	for (size_t i = 0; i < COUNT(table); i++)
		if (strcmp(what, table[i].what) == 0)
			return table[i].words;
	return what;
}

/* "a, b or c"; a long list is cut. */
static void list_words(const json_t *list, const char *prefix, struct buf *out)
{
	size_t n = json_array_size(list), shown = n > 5 ? 4 : n;

	for (size_t i = 0; i < shown; i++)
		buf_printf(out, "%s%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", prefix,
		           json_string_value(json_array_get(list, i)));
	if (shown < n)
		buf_printf(out, " or %zu others", n - shown);
}

void offer_words(const json_t *missing, struct buf *out)
{
	const json_t *lack;
	size_t i;

	json_array_foreach(missing, i, lack) {
		const char *what = json_text(lack, "what");

		buf_text(out, i > 0 ? ", and " : "");
		if (strcmp(what, "versions") == 0) {
			list_words(json_object_get(lack, "needed"), "TLS ", out);
			continue;
		}
		buf_printf(out, "%s in TLS %s (", missing_words(what), json_text(lack, "version"));
		list_words(json_object_get(lack, "needed"), "", out);
		buf_text(out, ")");
	}
}
