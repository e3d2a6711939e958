/*
 * context.h: a suite's `server` object as an SSL_CTX, each built once. Layer: peer.
 *
 * The keys are those of suites: versions, cipher_list, ciphersuites, groups,
 * signature_algorithms, certificate, client_auth, alpn, tickets, faults; their words are OpenSSL's. An
 * absent key leaves OpenSSL's default. The machine's openssl.cnf is not read, so that a
 * configuration means the same everywhere; the security level is the one that OpenSSL was built
 * with, or 0 once TLS 1.0 or 1.1 is on offer.
 *
 * Whatever OpenSSL does not take is refused with the key, the word and its reason (ERR_INPUT). That
 * includes words that OpenSSL passes over in silence, as it does in cipher lists.
 */
#ifndef SHAKEDOWN_PEER_CONTEXT_H
#define SHAKEDOWN_PEER_CONTEXT_H

#include "base/buf.h"
#include "base/error.h"
#include "peer/fault_plan.h"

#include <jansson.h>
#include <openssl/ssl.h>

struct context {
	SSL_CTX *ssl;
	struct buf alpn; /* ProtocolNameList without its length (RFC 7301 section 3.1) */
	struct fault_plan *faults; /* NULL: none; fault_stream.h does them */
};

/*
 * Builds `server`. `certificates` is the folder that certs_make filled (certs/out). The caller
 * frees the result; NULL with the error set on failure.
 */
struct context *context_new(const json_t *server, const char *certificates, struct error *error);
void context_free(struct context *context);

#define CONTEXTS_MAX 64 /* contexts kept; the one that was not asked for longest makes room */

/*
 * The contexts that were built, found again by what they mean. Zero-initialised but for the
 * folder.
 */
struct contexts {
	const char *certificates; /* borrowed; as for context_new */
	uint64_t n_asked;
	struct context_slot {
		char *key; /* NULL: empty slot */
		struct context *context;
		uint64_t asked;
	} slots[CONTEXTS_MAX];
};

/*
 * The context of `server`, built now if it is new, if its configuration was dropped, or if one of
 * the certificate files that it names has changed since. Borrowed until the next call. NULL with
 * the error set on failure.
 */
struct context *contexts_get(struct contexts *contexts, const json_t *server, struct error *error);
void contexts_fini(struct contexts *contexts);

#endif
