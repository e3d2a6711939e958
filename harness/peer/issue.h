/*
 * issue.h: a recipe's key and certificate, made with libcrypto. Layer: peer. No files.
 *
 * Failures are ERR_ENVIRONMENT with OpenSSL's reason: a recipe that was loaded can be made.
 */
#ifndef SHAKEDOWN_PEER_ISSUE_H
#define SHAKEDOWN_PEER_ISSUE_H

#include "peer/recipe.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <time.h>

/* A new key of the recipe's type. Callable from several threads. The caller frees *key. */
int issue_key(const struct recipe *recipe, EVP_PKEY **key, struct error *error);

/*
 * A new certificate (X.509 v3, RFC 5280) for `key`, made on the day of `now`. `issuer` and
 * `issuer_key` sign it; both are NULL for a certificate that signs itself. The caller frees
 * *certificate.
 *
 * The recipe's damage: "signature", one bit of it is turned; "algorithm", the one named beside the
 * signature is not the one that is signed (RFC 5280 section 4.1.1.2); "end-date", notAfter is in
 * the thirteenth month, and is signed as such.
 */
int issue_certificate(const struct recipe *recipe, EVP_PKEY *key, X509 *issuer,
                      EVP_PKEY *issuer_key, time_t now, X509 **certificate, struct error *error);

/*
 * Writes "cannot make the certificate NAME: <OpenSSL's reason>" and empties OpenSSL's error queue.
 * Returns ERR_ENVIRONMENT.
 */
int issue_failed(const struct recipe *recipe, struct error *error);

#endif
