/* `shakedown board learn`: what a board's ClientHellos do not offer, as a profile declares it. */
#include "command.h"

#include "base/json.h"
#include "verdict/witness.h"

#include <stdio.h>
#include <string.h>

/* What servers of today may ask for, under the keys of "unsupported". */
static const struct {
	const char *key, *names;
} candidates[] = {
	{"versions", "1.2 1.3"},
	{"ciphersuites", "TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384"
	                 " TLS_CHACHA20_POLY1305_SHA256 TLS_AES_128_CCM_SHA256"
	                 " TLS_AES_128_CCM_8_SHA256"},
	{"cipher_list", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
	                " TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
	                " TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
	                " TLS_ECDHE_ECDSA_WITH_AES_128_CCM TLS_ECDHE_ECDSA_WITH_AES_256_CCM"
	                " TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8"
	                " TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"
	                " TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"
	                " TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"
	                " TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"
	                " TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
	                " TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
	                " TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
	                " TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"
	                " TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"
	                " TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"
	                " TLS_DHE_RSA_WITH_AES_128_GCM_SHA256 TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"
	                " TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
	                " TLS_RSA_WITH_AES_128_GCM_SHA256 TLS_RSA_WITH_AES_256_GCM_SHA384"
	                " TLS_RSA_WITH_AES_128_CBC_SHA256 TLS_RSA_WITH_AES_256_CBC_SHA256"
	                " TLS_RSA_WITH_AES_128_CBC_SHA TLS_RSA_WITH_AES_256_CBC_SHA"},
	{"groups", "x25519 secp256r1 secp384r1 secp521r1 x448 ffdhe2048"},
	{"signature_algorithms", "ecdsa_secp256r1_sha256 ecdsa_secp384r1_sha384"
	                         " ecdsa_secp521r1_sha512 rsa_pss_rsae_sha256"
	                         " rsa_pss_rsae_sha384 rsa_pss_rsae_sha512 rsa_pss_pss_sha256"
	                         " rsa_pkcs1_sha256 rsa_pkcs1_sha384 rsa_pkcs1_sha512 ed25519"},
};

/* Where a ClientHello has what is offered under each key; without a name: beside the extensions. */
static const struct {
	const char *key, *extension, *field;
} places[] = {
	{"versions", "supported_versions", "versions"},
	{"ciphersuites", NULL, "cipher_suites"},
	{"cipher_list", NULL, "cipher_suites"},
	{"groups", "supported_groups", "named_group_list"},
	{"signature_algorithms", "signature_algorithms", "supported_signature_algorithms"},
};

/* "TLS 1.3" is the version 1.3. */
static bool has_name(const json_t *list, const char *name)
{
	const json_t *offered;
	size_t i;

	json_array_foreach(list, i, offered) {
		const char *text = json_string_value(offered);

		if (text != NULL && strncmp(text, "TLS ", 4) == 0)
			text += 4;
		if (text != NULL && strcmp(text, name) == 0)
			return true;
	}
	return false;
}

static bool offers(const json_t *hello, size_t place, const char *name)
{
	const char *extension = places[place].extension;
	const json_t *holder = extension != NULL ? witness_extension(hello, extension) : hello;

	/* Before TLS 1.3 there is one version in the hello, and those below it may do. */
	if (strcmp(places[place].key, "versions") == 0 && holder == NULL)
		return strcmp(name, "1.3") != 0;
	return has_name(json_object_get(holder, places[place].field), name);
}

static bool any_offers(const json_t *hellos, size_t place, const char *name)
{
	const json_t *hello;
	size_t i;

	json_array_foreach(hellos, i, hello)
		if (offers(hello, place, name))
			return true;
	return false;
}

/* The candidates of one key that no hello offers: a new list. */
static json_t *lacking(const json_t *hellos, size_t place)
{
	json_t *list = json_made(json_array());
	char names[2048], *rest = names, *name;

	snprintf(names, sizeof(names), "%s", candidates[place].names);
	while ((name = strsep(&rest, " ")) != NULL)
		if (!any_offers(hellos, place, name))
			json_array_append_new(list, json_made(json_string(name)));
	return list;
}

int command_propose(const json_t *hellos, struct error *error)
{
	json_t *unsupported, *proposal;

	if (json_array_size(hellos) == 0)
		return error_set(error, ERR_ENVIRONMENT,
		                 "no ClientHello came: `shakedown board try` shows why");
	unsupported = json_made(json_object());
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		json_t *list = lacking(hellos, i);

		if (json_array_size(list) > 0)
			json_object_set(unsupported, places[i].key, list);
		json_decref(list);
	}
	proposal = json_made(json_pack("{s:o}", "unsupported", unsupported));
	json_dumpf(proposal, stdout, JSON_INDENT(2));
	putchar('\n');
	fprintf(stderr,
	        "From %zu ClientHellos. Take over into the profile only what the board need not "
	        "support: what stands there is shown as unsupported, not as a failure.\n",
	        json_array_size(hellos));
	json_decref(proposal);
	return 0;
}
