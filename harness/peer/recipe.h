/*
 * recipe.h: certs/recipes.json, read and checked: how every certificate that suites may name is to
 * be made. Layer: peer. Reads one file.
 *
 * A recipe has a name (also the name of its folder of files), a role, and what goes into the
 * certificate (RFC 5280 section 4). The role says what Shakedown uses the certificate for; usages
 * are stated apart from it and not derived. Recipes may stand in any order in the file. A recipe
 * may be "like" another, and then states what is different; the model itself is written out in
 * full.
 *
 * All complaints are ERR_INPUT, with file and JSON path.
 */
#ifndef SHAKEDOWN_PEER_RECIPE_H
#define SHAKEDOWN_PEER_RECIPE_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define RECIPE_CHAIN_MAX 12                     /* certificates that are sent after a leaf */
#define RECIPE_NEEDS_MAX (RECIPE_CHAIN_MAX + 3) /* and its issuer, its root, its key's owner */

enum cert_role {
	CERT_ROOT,         /* signs itself; boards trust it */
	CERT_INTERMEDIATE, /* signed by a root or an intermediate, signs others */
	CERT_SERVER,       /* a leaf that suites may name under server.certificate */
	CERT_CLIENT,       /* a leaf that a board shows to a server that asks */
	CERT_N_ROLES,
};

/* "root", "intermediate", "server" or "client": static text. */
const char *cert_role_name(enum cert_role role);

/* A kind of key, as named in recipes: "rsa-2048". Static. */
struct key_type {
	const char *name;
	const char *algorithm; /* OpenSSL's name of the key type */
	const char *group;     /* OpenSSL's name of the curve; NULL for other keys */
	unsigned bits;         /* of the modulus; 0 for other keys */
	bool takes_digest;     /* signing with this key needs a digest; Ed25519 has its own */
	const char *der;       /* OpenSSL's name of the form that stacks read from DER */
};

/*
 * A day of a certificate: some days after it is made (before, if negative), or a date of its own.
 */
struct recipe_date {
	bool fixed;
	time_t at; /* if fixed */
	int days;  /* if not */
};

/* One certificate. All pointers are borrowed from the struct recipes that it belongs to. */
struct recipe {
	const char *name;
	enum cert_role role;
	const struct key_type *key;
	const struct recipe *like;   /* what it is like, but for its flaw; NULL: nothing */
	const struct recipe *issuer; /* NULL: the certificate signs itself */
	const struct recipe *key_of; /* whose key it has; NULL: one of its own */
	const struct recipe *trust;  /* the root given to those who verify; NULL: its own */
	const struct recipe *chain[RECIPE_CHAIN_MAX]; /* what is sent after it, if has_chain */
	size_t n_chain;
	bool has_chain; /* else it is sent with those above it, without the root */
	const char *digest;          /* of the issuer's signature; NULL if its key takes none */
	const json_t *subject;       /* object of texts: "O", "OU", "CN" */
	const json_t *names;         /* list of "DNS:..." and "IP:..."; NULL: none */
	int more_names;              /* names made up, that stand before those */
	const json_t *key_usage;     /* list of OpenSSL's words, which are those of RFC 5280 */
	const json_t *extended_key_usage; /* the same; NULL: none */
	const json_t *extensions;    /* list of further ones; NULL: none */
	const json_t *damage;        /* list of the words of issue.h; NULL: none */
	const char *serial;          /* decimal; NULL: a random one */
	struct recipe_date begins, ends;
	bool ca;                     /* has basicConstraints with cA true */
	int path_length;             /* intermediates allowed below it; -1: any number, or no CA */
	const json_t *refuse;        /* why a client is to refuse it; NULL: it is good */
	json_t *json;                /* the whole recipe, with what it takes from another */
};

struct recipes {
	struct recipe *list; /* as in the file */
	const struct recipe **order; /* the same recipes, each after those that it needs */
	size_t n;
	json_t *json; /* the file, "like" resolved; owned */
};

/* Reads `path`. On success the caller frees with recipes_fini; on failure nothing is left. */
int recipes_load(struct recipes *recipes, const char *path, struct error *error);
void recipes_fini(struct recipes *recipes);

/* A new JSON list of the names of one role, in the order of the file; the caller releases it. */
json_t *recipes_names(const struct recipes *recipes, enum cert_role role);

/* The recipe `name`, or NULL; borrowed. */
const struct recipe *recipes_find(const struct recipes *recipes, const char *name);

/* Whether OCSP responses are made for it: for good leaves of servers that another has signed. */
bool recipe_has_status(const struct recipe *recipe);

/* Writes the other recipes that this one cannot be made without; returns their number. */
size_t recipe_needs(const struct recipe *recipe, const struct recipe *needs[RECIPE_NEEDS_MAX]);

/*
 * The recipe as one line that stays the same as long as what it asks for does: keys sorted, and
 * without "why", "like" and "refuse". The caller frees it.
 */
char *recipe_canonical(const struct recipe *recipe);

#endif
