/*
 * means.h: what a suite's server has to bring a handshake about: groups, signatures, suites. Layer:
 * verdict. Pure: no I/O, no clock, no globals.
 *
 * `server` is a suite's server object. What it does not say is as in the OpenSSL releases that
 * Shakedown runs with. Versions are as in suites, "1.3"; for those before 1.2 the answers are those
 * of 1.2. Lists are new ones of IANA's names.
 */
#ifndef SHAKEDOWN_VERDICT_MEANS_H
#define SHAKEDOWN_VERDICT_MEANS_H

#include <jansson.h>
#include <stdbool.h>

enum key { KEY_RSA, KEY_RSA_PSS, KEY_EC, KEY_ED25519 };

/* A certificate that Shakedown makes (certs/recipes.json), and its key. Static. */
struct means_certificate {
	const char *name;
	enum key key;
	const char *curve; /* "secp256r1"; NULL but for KEY_EC */
	bool only_in_13;   /* its keyUsage forbids to sign, where OpenSSL looks at that */
};

/* The certificate that has the key of the one of this name; NULL if it is not known here. */
const struct means_certificate *means_certificate(const char *name);

/* IANA's name of what OpenSSL calls `word`, "secp256r1" of "P-256"; NULL if it is not known here. */
const char *means_group_name(const char *word);
const char *means_signature_name(const char *word);

/* False if one of the server's certificates or signature algorithms is not known here. */
bool means_are_known(const json_t *server);

/* The groups that the server uses in this version; NULL if a word is not known here. */
json_t *means_groups(const json_t *server, const char *version);

/*
 * The signature algorithms that the server can sign with, by any of its certificates; NULL if a word
 * is not known here. means_add_signatures adds those of one certificate to `list`.
 */
json_t *means_signatures(const json_t *server, const char *version);
void means_add_signatures(json_t *list, const struct means_certificate *certificate,
                          const json_t *server, const char *version);

/* The server's suites of TLS 1.3. */
json_t *means_suites_13(const json_t *server);

#endif
