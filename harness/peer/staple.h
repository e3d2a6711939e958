/*
 * staple.h: the OCSP responses that a server staples to its certificate (RFC 6960, RFC 6066 section
 * 8), made with libcrypto. Layer: peer. No files, no clock.
 */
#ifndef SHAKEDOWN_PEER_STAPLE_H
#define SHAKEDOWN_PEER_STAPLE_H

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

enum staple {
	STAPLE_GOOD,    /* the certificate is good */
	STAPLE_REVOKED, /* it was revoked on its first day, for keyCompromise */
	STAPLE_EXPIRED, /* as STAPLE_GOOD, but the answer itself ended when the certificate began */
};

/*
 * Writes to `out` the DER of an OCSPResponse about `certificate`, signed by its issuer itself with
 * `digest` (NULL if the key takes none). The answer holds from the certificate's first day to its
 * last, so that it stays as good as its certificate. False with OpenSSL's reason in its error
 * queue.
 */
bool staple_write(enum staple kind, X509 *certificate, X509 *issuer, EVP_PKEY *issuer_key,
                  const EVP_MD *digest, BIO *out);

#endif
