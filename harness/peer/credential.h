/*
 * credential.h: the certificates and keys of servers, each read once. Layer: peer, for context.c
 * and its parts. Reads files.
 *
 * What is read from files, taken apart and prepared here is so for all servers with that
 * certificate, and for the processes that are forked for them: reading a key takes longer than many
 * a handshake.
 */
#ifndef SHAKEDOWN_PEER_CREDENTIAL_H
#define SHAKEDOWN_PEER_CREDENTIAL_H

#include "peer/certs.h"
#include "peer/recent.h"

#include <openssl/x509.h>
#include <stdbool.h>
#include <time.h>

#define CREDENTIALS_MAX 32 /* kept; the one that was not asked for longest makes room */

struct credential {
	struct timespec written; /* its certificate's file */
	struct cert_files files;
	STACK_OF(X509) *chain;   /* the leaf first */
	EVP_PKEY *key;
};

/* Zero-initialised storage is ready; credentials_fini frees it. */
struct credentials {
	bool for_children; /* keys are made ready to sign, for processes that are forked later */
	uint64_t n_asked;
	struct recent names[CREDENTIALS_MAX]; /* of the following */
	struct credential slots[CREDENTIALS_MAX];
};

/*
 * The server's certificate `name` in the folder `certificates` (certs_make), read now if it is new
 * or was written since. Borrowed until the next call. NULL if it cannot be had: with the error set
 * if there is no such certificate; else *refused, a new string that the caller frees, is the file
 * that OpenSSL does not take, and OpenSSL's error queue tells why.
 */
const struct credential *credentials_get(struct credentials *credentials, const char *certificates,
                                         const char *name, char **refused, struct error *error);
void credentials_fini(struct credentials *credentials);

/* When the certificate was last written; zeros if it is not there. */
struct timespec credential_written(const char *certificates, const char *name);

#endif
