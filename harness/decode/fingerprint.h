/*
 * fingerprint.h: JA3, JA3S and JA4 of hellos. Layer: decode. Pure: no I/O, no clock, no globals.
 *
 * JA3 (Salesforce): MD5 of "version,suites,extensions,groups,point formats", all decimal, in wire
 * order. JA3S: MD5 of "version,suite,extensions" of the ServerHello. JA4 (FoxIO): "t13d1516h2_<12
 * digits>_<12 digits>": transport, highest version, whether a server name is given, numbers of
 * suites and extensions, first and last character of the first ALPN protocol; then SHA-256 of the
 * sorted suites, and of the sorted extensions (without server_name and ALPN) followed by the
 * signature algorithms in wire order. JA4_r is the same with the lists in place of their hashes.
 * GREASE values (RFC 8701) count in none of them.
 */
#ifndef SHAKEDOWN_DECODE_FINGERPRINT_H
#define SHAKEDOWN_DECODE_FINGERPRINT_H

#include "decode/hello.h"

/* Append the text of a fingerprint to `out`, unhashed. */
void fingerprint_ja3_string(const struct client_hello *hello, struct buf *out);
void fingerprint_ja3s_string(const struct server_hello *hello, struct buf *out);
void fingerprint_ja4_r(const struct client_hello *hello, struct buf *out);

/* Append JA4 to `out`. */
void fingerprint_ja4(const struct client_hello *hello, struct buf *out);

/* Write the members "ja3", "ja3_string", "ja4" and "ja4_r" / "ja3s" and "ja3s_string". */
void fingerprint_tell_client(struct emit *emit, const struct client_hello *hello);
void fingerprint_tell_server(struct emit *emit, const struct server_hello *hello);

#endif
