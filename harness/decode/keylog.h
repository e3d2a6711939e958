/*
 * keylog.h: the secrets of a key log (SSLKEYLOGFILE). Layer: decode. Pure: no I/O, no clock, no
 * globals.
 *
 * Lines are "LABEL <client random, hex> <secret, hex>" (draft-ietf-tls-keylogfile). Comments and
 * empty lines are skipped; lines of other forms are counted and skipped. The keylog owns its
 * secrets and wipes them when it is freed.
 */
#ifndef SHAKEDOWN_DECODE_KEYLOG_H
#define SHAKEDOWN_DECODE_KEYLOG_H

#include "base/buf.h"

#define KEYLOG_RANDOM_LEN 32           /* bytes of a ClientHello's random */
#define KEYLOG_SECRET_MAX 64           /* bytes of one secret */
#define KEYLOG_SECRETS_MAX (1u << 20)  /* secrets in one log; further lines count as bad */

enum keylog_label {
	KEYLOG_CLIENT_RANDOM, /* the master secret of TLS 1.2 and before */
	KEYLOG_CLIENT_EARLY,
	KEYLOG_CLIENT_HANDSHAKE,
	KEYLOG_SERVER_HANDSHAKE,
	KEYLOG_CLIENT_APPLICATION, /* CLIENT_TRAFFIC_SECRET_0 */
	KEYLOG_SERVER_APPLICATION, /* SERVER_TRAFFIC_SECRET_0 */
	KEYLOG_LABEL_MAX,
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

/* Appends the lines of all secrets of one ClientHello to `out`. */
void keylog_write(const struct keylog *keylog, const uint8_t client_random[KEYLOG_RANDOM_LEN],
                  struct buf *out);

/* Secrets held; lines that were not of the form. */
size_t keylog_count(const struct keylog *keylog);
size_t keylog_bad_lines(const struct keylog *keylog);

#endif
