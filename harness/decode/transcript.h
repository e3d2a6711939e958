/*
 * transcript.h: the two byte streams of one connection, decoded as TLS. Layer: decode. Pure: no
 * I/O, no clock, no globals.
 *
 * A transcript is fed the stream of each side, in order, in chunks of any size. It finds the
 * records (RFC 8446 section 5, RFC 5246 section 6), opens the protected ones if the key log has
 * their secrets, joins handshake messages that are split over records, and keeps them.
 * transcript_emit tells what was seen. Whatever the peers send is data: a fault is noted and told,
 * never an error.
 *
 * The sides need not come in step: with secrets at hand, what one side sends ahead of the other
 * side's hello waits for it, and then takes its place by its time.
 *
 * TLS that begins after other text (STARTTLS, a proxy's CONNECT) is found. Bytes that are not TLS
 * are passed over without being kept.
 *
 * Limits, for one connection: the constants below, FAULTS_MAX (tell.h), RECORD_SEARCH_MAX
 * (record.h). What goes over one is counted or said, and decoding continues.
 */
#ifndef SHAKEDOWN_DECODE_TRANSCRIPT_H
#define SHAKEDOWN_DECODE_TRANSCRIPT_H

#include "decode/emit.h"
#include "decode/keylog.h"

#define TRANSCRIPT_MESSAGES_MAX 512      /* messages told in order; then "messages_cut" */
#define TRANSCRIPT_RECORDS_MAX 256       /* from here on, without application data, likewise */
#define TRANSCRIPT_ALERTS_MAX 32         /* alerts told */
#define TRANSCRIPT_KEPT_MAX (256u << 10) /* bytes of handshake messages kept of each side */
#define TRANSCRIPT_HELD_MAX (256u << 10) /* bytes of records that wait for the other side's hello */

/* Who sent something; an index where there is one of a thing for each. */
enum side { SIDE_CLIENT, SIDE_SERVER };

/* What transcript_guess makes of a stream's first bytes. */
enum guess { GUESS_UNKNOWN, GUESS_CLIENT, GUESS_SERVER };

struct transcript;

/*
 * A new transcript, the caller's to free. `keylog` is borrowed for the transcript's life and may
 * be NULL; its secrets are looked up when the hellos have come, and sessions that are resumed later
 * are remembered in it. transcript_free(NULL) does nothing.
 */
struct transcript *transcript_new(struct keylog *keylog);
void transcript_free(struct transcript *transcript);

/*
 * Makes the transcript a new one, with the same key log, for another connection: what memory it
 * has is used again, unless it is much.
 */
void transcript_restart(struct transcript *transcript);

/*
 * The next bytes of one side's stream, seen at `t_ns` (any clock). `data` is copied where needed.
 */
void transcript_feed(struct transcript *transcript, enum side from, struct bytes data,
                     uint64_t t_ns);

/*
 * `n_bytes` of one side's stream are missing here. Decoding resumes at the next record that is
 * found.
 */
void transcript_gap(struct transcript *transcript, enum side from, uint64_t n_bytes, uint64_t t_ns);

/*
 * Says before anything else that the streams were not captured from their beginning. Until a side
 * says hello, what looks protected is taken for it, as in a renegotiation.
 */
void transcript_begin_late(struct transcript *transcript);

/* Bytes of memory that the transcript takes. */
size_t transcript_memory(const struct transcript *transcript);

/*
 * True once a TLS record with a handshake message, the beginning of one or an alert was recognised
 * on either side.
 */
bool transcript_is_tls(const struct transcript *transcript);

/* Who sends this, going by the first bytes of a stream or of a segment. */
enum guess transcript_guess(struct bytes first_payload);

/*
 * Writes what was seen as members of the object that is open in `emit`: "client_hello",
 * "hello_retry_request", "client_hello_2", "server_hello", "version", "cipher_suite", "group",
 * "signature_algorithm", "certificates", the other handshake messages by name, "messages",
 * "alerts", "faults". Members of what was not seen are left out, but for the last three lists.
 * `t0_ns` is the zero of every "t_ms".
 */
void transcript_emit(const struct transcript *transcript, uint64_t t0_ns, struct emit *emit);

/*
 * Brings what transcript_emit reads into the CPU's cache, in two stages that may be some time
 * apart: the transcript, what it points to.
 */
void transcript_fetch(const struct transcript *transcript, int stage);

/*
 * Appends the lines of a key log that open the connection again without the private key or the
 * premaster secret by which it was opened; nothing if none was.
 */
void transcript_write_secrets(const struct transcript *transcript, struct buf *out);

/*
 * The first ClientHello message, with its 4-byte header; empty if none came whole. Valid until the
 * transcript is fed again or freed.
 */
struct bytes transcript_client_hello(const struct transcript *transcript);

#endif
