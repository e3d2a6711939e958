/*
 * hellos.h: the ClientHellos of a file, each kind once. Layer: flow. Does I/O.
 *
 * The file is a capture, or holds bare ClientHellos: handshake messages (RFC 8446 section 4) or the
 * records around them, one after the other, as tools and debuggers write them out. Of a connection
 * only its first ClientHello counts.
 *
 * Hellos are of one kind if they ask for the same (decode/hello_kind.h): then only the first is
 * kept, and the others are counted.
 */
#ifndef SHAKEDOWN_FLOW_HELLOS_H
#define SHAKEDOWN_FLOW_HELLOS_H

#include "base/buf.h"
#include "base/error.h"
#include "flow/decode_file.h"

#include <jansson.h>

#define HELLOS_MAX 4096            /* kinds of one file; what comes after is counted */
#define HELLOS_FILE_MAX (1u << 20) /* bytes of a file with bare hellos */
#define HELLOS_NUMBERS_MAX 8       /* connections named; all are counted */

struct hello {
	struct buf message; /* with its 4-byte header */
	struct buf key;     /* what the file's other hellos are compared with */
	uint64_t n;         /* hellos of this kind */
	uint64_t numbers[HELLOS_NUMBERS_MAX]; /* of their connections, from 1; of a bare file: 0 */
	/*
	 * The connection of the first one, as scenarios/schema/connection.schema.json has it; of a
	 * bare file "client_hello" and "faults" alone.
	 */
	json_t *connection;
};

struct hellos {
	struct hello *items;
	size_t n;
	uint64_t n_cut;     /* ClientHellos that are not whole */
	uint64_t first_cut; /* the connection of the first of these */
	uint64_t n_dropped; /* hellos of kinds beyond HELLOS_MAX */
};

/* What makes hellos of one kind: what they ask for, or also how their connections went on. */
enum hellos_apart { HELLOS_BY_OFFER, HELLOS_BY_COURSE };

/*
 * Reads request->path, with the secrets that the request names; of the rest of it, only the filter
 * is looked at. ERR_INPUT, with one sentence, if there is no whole ClientHello, or the file is none
 * that is read. `notes` as for decode_file. Afterwards hellos_fini in any case.
 */
int hellos_read(struct hellos *hellos, const struct decode_request *request,
                enum hellos_apart apart, FILE *notes, struct error *error);
void hellos_fini(struct hellos *hellos);

/* What is to be said of the ClientHello: the list that lint.h writes. A new one of the caller's. */
json_t *hello_lint(const struct hello *hello);

#endif
