/*
 * material.h: the folder of files that is made from one recipe. Layer: peer. Does I/O.
 *
 * A folder appears under its name only when it is whole, by a rename. Its file "seal" holds a hash
 * of the recipe, the certificates that it needs (its issuer's above all) and all the other files,
 * so that a folder which no longer is what its recipe asks for, belongs to another issuer, or has a
 * file missing or damaged, is known.
 *
 * Only one process at a time may write under `out`: the caller holds the lock (certs.h).
 */
#ifndef SHAKEDOWN_PEER_MATERIAL_H
#define SHAKEDOWN_PEER_MATERIAL_H

#include "base/buf.h"
#include "peer/recipe.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <time.h>

#define MATERIAL_RENEW_DAYS 30         /* a certificate that ends sooner is made anew */
#define MATERIAL_FILE_MAX (128u << 10) /* bytes; a larger file is damaged */

/*
 * Zero-initialised storage with the borrowed pointers set is ready. The other materials are those
 * of the recipe's own pointers, and NULL where these are.
 */
struct material {
	const struct recipe *recipe;
	struct material *issuer;
	struct material *key_of;
	struct material *trust;
	struct material *chain[RECIPE_CHAIN_MAX];
	X509 *certificate;       /* owned; NULL until opened or made */
	EVP_PKEY *key;           /* owned; NULL until it is needed */
};

/* Frees certificate and key. */
void material_fini(struct material *material);

/*
 * Reads the folder in `out`, and sets `certificate`. False if it has to be made: the seal does not
 * fit, or the dates are not those of the recipe seen from `now`: the certificate has not begun, or
 * ends within MATERIAL_RENEW_DAYS. One that is not to have begun must not begin within these days,
 * and one that is to have ended must have; one with dates of its own stays for ever. The other
 * materials are opened before.
 */
bool material_open(struct material *material, const char *out, time_t now);

/*
 * Appends to `state` what the recipe asks for, and what the system tells of each file in its folder
 * in `out`: nobody can change a file without changing that. *latest_ns becomes the wall-clock time
 * of the latest change, if that is later. False if a file is missing.
 */
bool material_state(const struct recipe *recipe, const char *out, struct buf *state,
                    uint64_t *latest_ns);

/* Whether one of the materials that it needs has no certificate: is to be made itself. */
bool material_lacks(const struct material *material);

/*
 * Makes certificate and files anew in `out` from `key`, which is set before unless it is that of
 * another material, and the issuer. Keys of others are read if they have to be.
 * ERR_ENVIRONMENT with the reason; a folder that was there then stands as it was.
 */
int material_make(struct material *material, const char *out, time_t now, struct error *error);

/*
 * Removes what a process that was killed has left unfinished in `out`. ERR_ENVIRONMENT with the
 * system's reason.
 */
int material_tidy(const char *out, struct error *error);

#endif
