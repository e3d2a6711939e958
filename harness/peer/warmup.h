/*
 * warmup.h: what libssl does when it is used for the first time, done before it counts. Layer:
 * peer.
 *
 * The first handshake of a process resolves a thousand symbols, looks up each algorithm and seeds
 * the random generator. A process that is forked for one connection would do all of that again; it
 * inherits what its parent has done. Nothing of a handshake itself is left behind: certificate and
 * key are made up, and gone at the end.
 */
#ifndef SHAKEDOWN_PEER_WARMUP_H
#define SHAKEDOWN_PEER_WARMUP_H

/*
 * Lets a client and a server in memory shake hands in TLS 1.2 and in TLS 1.3, with a word there and
 * back. Takes some milliseconds. Where the system's OpenSSL is set up to refuse that, it does as
 * much as it may; the error queue is empty afterwards.
 */
void warmup(void);

#endif
