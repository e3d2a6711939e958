/*
 * keylog.h: the secrets of a key log (SSLKEYLOGFILE), and private keys. Layer: decode. Pure: no
 * I/O, no clock, no globals.
 *
 * Lines are "LABEL <client random, hex> <secret, hex>" (draft-ietf-tls-keylogfile); with the label
 * RSA, the first 8 bytes of the encrypted premaster secret stand for the random. Comments and
 * empty lines are skipped; lines of other forms are counted and skipped. The keylog owns its
 * secrets and wipes them when it is freed.
 *
 * Private RSA keys open the key exchange of cipher suites without forward secrecy. The sessions
 * that they open are remembered here, so that their resumption in another connection opens too.
 */
#ifndef SHAKEDOWN_DECODE_KEYLOG_H
#define SHAKEDOWN_DECODE_KEYLOG_H

#include "base/buf.h"

#include <openssl/types.h>

#define KEYLOG_RANDOM_LEN 32           /* bytes of a ClientHello's random */
#define KEYLOG_RSA_ID_LEN 8            /* bytes of an encrypted premaster secret, its name */
#define KEYLOG_SECRET_MAX 66           /* bytes of one secret; those of a P-521 exchange */
#define KEYLOG_SECRETS_MAX (1u << 20)  /* secrets in one log; further lines count as bad */
#define KEYLOG_PRIVATE_KEYS_MAX 64

enum keylog_label {
	KEYLOG_CLIENT_RANDOM, /* the master secret of TLS 1.2 and before */
	KEYLOG_CLIENT_EARLY,
	KEYLOG_CLIENT_HANDSHAKE,
	KEYLOG_SERVER_HANDSHAKE,
	KEYLOG_CLIENT_APPLICATION, /* CLIENT_TRAFFIC_SECRET_0 */
	KEYLOG_SERVER_APPLICATION, /* SERVER_TRAFFIC_SECRET_0 */
	KEYLOG_PREMASTER,          /* PMS_CLIENT_RANDOM: the premaster secret of TLS 1.2 */
	KEYLOG_RSA,                /* the same; the last one, as no client_random names it */
	KEYLOG_LABEL_MAX,
	KEYLOG_SESSION = KEYLOG_LABEL_MAX, /* a master secret that keylog_remember holds */
};

struct keylog;

/* An empty log, the caller's to free. keylog_free(NULL) does nothing. */
struct keylog *keylog_new(void);
void keylog_free(struct keylog *keylog);

/*
 * Adds the lines of `text` (`len` bytes, copied; "\n" or "\r\n"; the last line may lack its end).
 * Each call starts a new line. Labels that decoding does not use (EXPORTER_SECRET, ...) are
 * skipped.
 */
void keylog_add(struct keylog *keylog, const char *text, size_t len);

/*
 * The secret, valid until the next keylog_add; empty if the log has none, or if `keylog` is NULL.
 */
struct bytes keylog_find(const struct keylog *keylog,
                         const uint8_t client_random[KEYLOG_RANDOM_LEN], enum keylog_label label);

/* The label as it stands in key logs. */
const char *keylog_label_name(enum keylog_label label);

/* True if there is a secret with this random, under any label. */
bool keylog_knows(const struct keylog *keylog, const uint8_t client_random[KEYLOG_RANDOM_LEN]);

/*
 * Adds a private RSA key, which is referenced, not copied. False if there are
 * KEYLOG_PRIVATE_KEYS_MAX.
 */
bool keylog_add_private_key(struct keylog *keylog, EVP_PKEY *key);

/* The private key that belongs to the certificate (DER), borrowed; NULL if there is none. */
EVP_PKEY *keylog_private_key(const struct keylog *keylog, struct bytes certificate);

/* True if it may open the key exchange of a connection whose random it does not know. */
bool keylog_opens_exchanges(const struct keylog *keylog);

/*
 * Keeps the master secret of a session of TLS 1.2, found by decoding, for the connections that
 * resume it; `session` is its id or ticket. keylog_recall: the secret, as keylog_find; empty if
 * the session is not known.
 */
void keylog_remember(struct keylog *keylog, struct bytes session, struct bytes master_secret);
struct bytes keylog_recall(const struct keylog *keylog, struct bytes session);

/* Appends the lines of all secrets of one ClientHello to `out`. */
void keylog_write(const struct keylog *keylog, const uint8_t client_random[KEYLOG_RANDOM_LEN],
                  struct buf *out);

/* Appends the line of a master secret that was not in the log. */
void keylog_write_master(const uint8_t client_random[KEYLOG_RANDOM_LEN], struct bytes master_secret,
                         struct buf *out);

/* Secrets held; lines that were not of the form. */
size_t keylog_count(const struct keylog *keylog);
size_t keylog_bad_lines(const struct keylog *keylog);

#endif
