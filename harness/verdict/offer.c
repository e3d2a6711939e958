#include "verdict/offer.h"

#include "base/json.h"
#include "verdict/choice.h"
#include "verdict/lack.h"
#include "verdict/means.h"
#include "verdict/offered.h"
#include "verdict/witness.h"
#include "verdict/word_list.h"

#include <string.h>

#define ALERT_HANDSHAKE_FAILURE 40
#define ALERT_PROTOCOL_VERSION 70
#define ALERT_MISSING_EXTENSION 109
#define ALERT_UNRECOGNIZED_NAME 112
#define ALERT_NO_APPLICATION_PROTOCOL 120

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

static void lacks(struct question *question, const char *what, json_t *needed,
                  const json_t *offered)
{
	lack_add(question->missing, what, question->version, needed, offered);
}

/* --- the version ------------------------------------------------------------------------------ */

/* The highest version that both have, borrowed from `server`; "" if there is none. */
static const char *settled_version(const json_t *server, const json_t *offered)
{
	const char *highest = "";
	const json_t *item;
	size_t i;

	json_array_foreach(server, i, item) {
		const char *version = json_string_value(item);

		if (version != NULL && word_list_has(offered, version) &&
		    strcmp(version, highest) > 0)
			highest = version;
	}
	return highest;
}

/* A client without supported_versions that refuses the older version which the server chose. */
static bool refused_older_version(const struct question *question, const json_t *alert)
{
	return question->alert == ALERT_PROTOCOL_VERSION &&
	       strcmp(json_text(alert, "from"), "client") == 0 &&
	       strcmp(question->version, offered_legacy_version(question->hello)) < 0;
}

static void look_at_version(struct question *question, const json_t *alert, const json_t *offered)
{
	json_t *needed = word_list_configured(question->server, "versions");

	if (question->alert == ALERT_PROTOCOL_VERSION && json_array_size(offered) > 0 &&
	    (question->version[0] == '\0' || refused_older_version(question, alert))) {
		question->version = "";
		lacks(question, "versions", needed, offered);
	}
	json_decref(needed);
}

/* --- TLS 1.3 ---------------------------------------------------------------------------------- */

static void look_at_13_suites(struct question *question)
{
	const json_t *offered = offered_suites(question->hello);
	json_t *needed = means_suites_13(question->server);

	if (!word_list_overlap(needed, offered))
		lacks(question, "ciphersuites", needed, offered);
	json_decref(needed);
}

/* What an extension lists. Takes over `needed`, which is NULL if it is not certain. */
static void look_at_13_list(struct question *question, const char *what, json_t *needed,
                            const json_t *offered)
{
	if (needed != NULL && json_array_size(needed) == 0)
		question->cannot = what;
	else if (needed != NULL && offered != NULL && !word_list_overlap(needed, offered))
		lacks(question, what, needed, offered);
	json_decref(needed);
}

static void look_at_13(struct question *question)
{
	const json_t *server = question->server, *hello = question->hello;

	look_at_13_suites(question);
	look_at_13_list(question, "groups", means_groups(server, "1.3"), offered_groups(hello));
	if (offered_signatures(hello) != NULL)
		look_at_13_list(question, "signature_algorithms", means_signatures(server, "1.3"),
		                offered_signatures(hello));
}

/* --- TLS 1.2 ---------------------------------------------------------------------------------- */

/*
 * A group, if all suites in common need one; or the curves of the certificates, if none of those
 * that there is a suite for has one that is offered.
 */
static void lacks_groups(struct question *question, const struct choice *choice)
{
	bool lacking = choice->group || choice->shared_ecdhe;
	json_t *needed = choice->group ? json_made(json_array())
	                               : means_groups(question->server, question->version);

	for (size_t i = 0; choice->group && i < choice->n_credentials; i++) {
		const struct choice_credential *credential = &choice->credentials[i];

		if (!credential->shared)
			continue;
		lacking &= !credential->curve;
		if (!credential->curve)
			word_list_add(needed, credential->certificate->curve);
	}
	if (lacking && json_array_size(needed) > 0)
		lacks(question, "groups", needed, offered_groups(question->hello));
	json_decref(needed);
}

/* Signature algorithms, if each certificate that counts lacks one that is offered. */
static void lacks_signatures(struct question *question, const struct choice *choice)
{
	json_t *needed = json_made(json_array());
	bool lacking = true;

	for (size_t i = 0; i < choice->n_credentials; i++) {
		const struct choice_credential *credential = &choice->credentials[i];

		if (choice->shared && !credential->shared)
			continue;
		lacking &= !credential->signature;
		means_add_signatures(needed, credential->certificate, question->server,
		                     question->version);
	}
	if (lacking && json_array_size(needed) > 0)
		lacks(question, "signature_algorithms", needed,
		      offered_signatures(question->hello));
	json_decref(needed);
}

static void look_at_12(struct question *question)
{
	struct choice choice;

	if (!choice_init(&choice, question->server, question->hello) || choice.works)
		goto out;
	if (json_array_size(choice.servable) == 0) {
		question->cannot = "cipher_list";
		goto out;
	}
	if (!choice.shared)
		lacks(question, "cipher_list", choice.servable, offered_suites(question->hello));
	if (choice.shared)
		lacks_groups(question, &choice);
	if (choice.shared || !choice.signature)
		lacks_signatures(question, &choice);
out:
	choice_fini(&choice);
}

/* --- what no version decides ------------------------------------------------------------------ */

static void look_at_alpn(struct question *question)
{
	const json_t *offered = offered_protocols(question->hello);
	json_t *needed = word_list_configured(question->server, "alpn");

	if (json_array_size(needed) > 0 && offered != NULL && !word_list_overlap(needed, offered))
		lacks(question, "alpn", needed, offered);
	json_decref(needed);
}

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
		look_at_13(question);
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
	versions = word_list_configured(question->server, "versions");
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
	struct choice choice;
	json_t *suites;

	choice_init(&choice, question->server, question->hello);
	suites = json_incref(choice.servable);
	choice_fini(&choice);
	return suites;
}

static void put_sets_of_version(json_t *sets, const struct question *question)
{
	const json_t *server = question->server, *hello = question->hello;
	const char *version = question->version;
	bool in_13 = strcmp(version, "1.3") == 0;

	put_set(sets, question, in_13 ? "ciphersuites" : "cipher_list",
	        in_13 ? means_suites_13(server) : suites_12(question), offered_suites(hello));
	put_set(sets, question, "groups", means_groups(server, version), offered_groups(hello));
	if (strcmp(version, "1.2") >= 0)
		put_set(sets, question, "signature_algorithms", means_signatures(server, version),
		        offered_signatures(hello));
	put_set(sets, question, "alpn", word_list_configured(server, "alpn"),
	        offered_protocols(hello));
}

json_t *offer_sets(const json_t *server, const json_t *wire)
{
	struct question question = {.server = server,
	                            .hello = json_object_get(wire, "client_hello")};
	json_t *sets = json_made(json_array()), *offered, *versions;

	if (!json_is_object(question.hello))
		return sets;
	offered = offered_versions(question.hello);
	versions = word_list_configured(server, "versions");
	question.version = settled_version(versions, offered);
	put_set(sets, &question, "versions", json_incref(versions), offered);
	if (question.version[0] != '\0')
		put_sets_of_version(sets, &question);
	json_decref(offered);
	json_decref(versions);
	return sets;
}
