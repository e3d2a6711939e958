/*
 * certs.h: the test certificates, made from certs/recipes.json into a folder (certs/out), and found
 * there by name. Layer: peer. Does I/O.
 *
 * Every recipe NAME has a folder out/NAME:
 *   all              ca.pem, ca.der (its root), key.pem
 *   but roots        chain.pem (the certificate and those above it, without the root)
 *   leaves           leaf.der, key.der (PKCS #1 for RSA, SEC 1 for ECDSA, else PKCS #8)
 *   good servers     ocsp-good.der, ocsp-revoked.der, ocsp-expired.der (staple.h)
 *   seal             what it was made from (material.h)
 * and out/index.json lists the names by role. Keys are readable by their owner only. Folders of
 * recipes that are gone stay, but are not in the index.
 */
#ifndef SHAKEDOWN_PEER_CERTS_H
#define SHAKEDOWN_PEER_CERTS_H

#include "peer/recipe.h"

#include <time.h>

/*
 * A new string: the folder for the certificates of this user. $SHAKEDOWN_STATE/certs if that is
 * set; certs/out in a checkout of the user's own (or root's); else certs in the user's folder for
 * state, $XDG_STATE_HOME/shakedown or ~/.local/state/shakedown: keys are not shared between users.
 * NULL with the error set if there is none of these.
 */
char *certs_folder(struct error *error);

struct certs_made {
	size_t n_made; /* certificates made in this call */
	size_t n_kept; /* certificates that were as they should be */
};

/*
 * Makes what is missing, what its recipe or its issuer no longer asks for, and what no longer has
 * the dates that its recipe asks for (material_open). What was found good once is looked into again
 * a day later, or when the system tells that a file has changed: that takes a third of the time.
 * Keys are made on all processors. Waits while another process is making certificates in the same
 * folder. May be killed at any time: what is there is whole, and the next call makes the rest.
 * ERR_INPUT if the recipes are wrong; ERR_ENVIRONMENT, with the system's reason, if `out` cannot be
 * written. `made` is set on success only.
 */
int certs_make(const char *recipes, const char *out, struct certs_made *made, struct error *error);

/* The same, of the recipes that ship, into certs_folder. Fails as that does, too. */
int certs_make_own(struct certs_made *made, struct error *error);

/* certs_make as if it were `now`. */
int certs_make_at(const char *recipes, const char *out, time_t now, struct certs_made *made,
                  struct error *error);

/*
 * A new JSON list of the names of one role, without making any; the caller releases it. Errors as
 * of recipes_load.
 */
int certs_names(const char *recipes, enum cert_role role, json_t **names, struct error *error);

/* Paths of one leaf's files; each is owned, cert_files_fini frees them. */
struct cert_files {
	char *folder; /* that all of them lie in */
	char *chain_pem;
	char *key_pem;
	char *leaf_der;
	char *key_der;
	char *ca_pem;
	char *ca_der;
};

/*
 * Finds the leaf `name`, of role CERT_SERVER or CERT_CLIENT, in the folder `out`. ERR_INPUT if
 * there is none, with the names there are; ERR_ENVIRONMENT if no certificates were made there.
 * `files` needs cert_files_fini on success only.
 */
int certs_find(const char *out, enum cert_role role, const char *name, struct cert_files *files,
               struct error *error);
void cert_files_fini(struct cert_files *files);

#endif
