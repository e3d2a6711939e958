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
 * A new certificate (X.509 v3, RFC 5280) for `key`, valid from a day before `now` to recipe->days
 * after it, with a random serial number. `issuer` and `issuer_key` sign it; both are NULL for a
 * certificate that signs itself. The caller frees *certificate.
 */
int issue_certificate(const struct recipe *recipe, EVP_PKEY *key, X509 *issuer,
                      EVP_PKEY *issuer_key, time_t now, X509 **certificate, struct error *error);

/*
 * Writes "cannot make the certificate NAME: <OpenSSL's reason>" and empties OpenSSL's error queue.
 * Returns ERR_ENVIRONMENT.
 */
int issue_failed(const struct recipe *recipe, struct error *error);

#endif
