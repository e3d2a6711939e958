/*
 * lack.h: what was missing in an offer, as told in diagnoses. Layer: verdict. Pure: no I/O, no
 * clock, no globals.
 *
 * A lack is an object {"what": a key of `server`, "version": the settled one ("" if none is
 * common), "needed": [...], "offered": [...]}: any one of `needed` would have done. With "sni" that
 * is the extension itself. offer.h finds them.
 */
#ifndef SHAKEDOWN_VERDICT_LACK_H
#define SHAKEDOWN_VERDICT_LACK_H

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>

/* Adds a lack to the list `lacks`. `needed` is shared, `offered` (NULL: nothing) is copied. */
void lack_add(json_t *lacks, const char *what, const char *version, json_t *needed,
              const json_t *offered);

/*
 * True if OpenSSL's error queue, of a server's testimony, does not gainsay that the refusal was for
 * the lack of `what`. An empty queue gainsays nothing.
 */
bool lack_explains(const char *what, const json_t *errors);

/*
 * True if there are lacks and `unsupported` (of the board's profile) declares all of them: the
 * needed values themselves, or the certificates of `server` that need them.
 */
bool lack_all_declared(const json_t *lacks, const json_t *server, const json_t *unsupported);

/*
 * Appends "TLS 1.3", or "a signature algorithm for its certificate in TLS 1.3
 * (rsa_pss_rsae_sha256 or rsa_pss_rsae_sha384)".
 */
void lack_words(const json_t *lacks, struct buf *out);

#endif
