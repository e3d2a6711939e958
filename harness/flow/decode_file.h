/*
 * decode_file.h: a capture file told connection by connection: what `shakedown decode` does. Layer:
 * flow. Does I/O.
 */
#ifndef SHAKEDOWN_FLOW_DECODE_FILE_H
#define SHAKEDOWN_FLOW_DECODE_FILE_H

#include "base/error.h"
#include "decode/emit.h"
#include "flow/connection.h"
#include "flow/filter.h"

#include <jansson.h>
#include <stdio.h>

/* What to decode and how to write it. All members are borrowed. */
struct decode_request {
	const char *path;     /* of the capture; "-": standard input */
	const char *keylog;   /* path of a key log (SSLKEYLOGFILE); NULL: none */
	const char *const *private_keys; /* paths of private RSA keys */
	size_t n_private_keys;
	enum emit_format format;
	bool lint;            /* with what is to be said of each ClientHello (lint.h) */
	const char *fields;   /* instead of it: a line of these values (fields.h); NULL: none */
	/* Appends what is told in place of a connection's tree; `told` is its JSON. NULL: none. */
	void (*tell)(const struct connection *connection, const json_t *told, struct buf *out);
	struct filter filter; /* which connections are told */
	const char *write;    /* path of a capture of those with TLS (pick.h); NULL: none */
	bool confine;         /* the process, for good, before the packets are read (rights.h) */
};

/*
 * Decodes the capture to `out`. EMIT_TEXT: a heading and a tree for each connection, and a line
 * that sums up. EMIT_JSON: a line of JSON for each connection. A connection is written when it is
 * over, those without an end at the end of the file, in the order in which they began. Secrets in
 * the file, in the key log beside it and in the private keys open what they can. `notes` gets a
 * line on each oddity that hinders nothing.
 *
 * ERR_INPUT, with one sentence, if the file is not a capture, is cut off or damaged, or is of a
 * link type that is not read; what could be read has been written all the same. ERR_INPUT, before
 * anything is written, if the request is wrong. ERR_ENVIRONMENT if `out` fails.
 *
 * Packets are taken in the order of their times, whatever their order in the file: cards with many
 * queues mix them up, and files are put together from the captures of both directions. Memory does
 * not grow with a file whose packets are in order; of others, each packet takes some 50 bytes.
 */
int decode_file(const struct decode_request *request, FILE *out, FILE *notes, struct error *error);

/* Who is shown each connection, borrowed for the call; `number` counts them from 1. */
typedef void (*decode_visitor)(void *context, uint64_t number, const struct connection *connection);

/* What a capture held, all in all. */
struct decode_counts {
	uint64_t n_packets;
	uint64_t n_not_tcp; /* of them */
	uint64_t n_connections;
};

/*
 * As decode_file, but shows each connection that passes the filter to `visit` instead of writing
 * it; `format`, `fields` and `write` are not looked at. `counts` is set in any case. What could be
 * read before an error has been shown.
 */
int decode_visit(const struct decode_request *request, decode_visitor visit, void *context,
                 struct decode_counts *counts, FILE *notes, struct error *error);

#endif
