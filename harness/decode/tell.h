/*
 * tell.h: what the decoders of messages share: where they write, and the faults they find. Layer:
 * decode. Pure: no I/O, no clock, no globals.
 *
 * A decoder of a message reads the fields in the order of the RFC and emits each as it goes. A
 * fault never hides what came before it, nor the vectors beside it: a vector that runs past its
 * parent shows the elements that are there.
 */
#ifndef SHAKEDOWN_DECODE_TELL_H
#define SHAKEDOWN_DECODE_TELL_H

#include "decode/emit.h"
#include "decode/suite.h"

#define FAULT_TEXT_MAX 160 /* bytes of a fault's sentence, with the final zero */
#define FAULTS_MAX 32      /* of one connection; further ones are counted */

/* One thing that a peer did wrong. `where` is static text: a message's name, "record". */
struct peer_fault {
	bool from_server;
	const char *where;
	char text[FAULT_TEXT_MAX];
};

/* Zero-initialised storage is an empty list; faults_fini frees it. */
struct faults {
	struct peer_fault *items;
	size_t n;
	size_t n_dropped;
};

void faults_fini(struct faults *faults);

/* Notes a sentence (printf format). */
void faults_add(struct faults *faults, bool from_server, const char *where, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* What a decoder of one message works with. */
struct tell {
	struct emit *emit;
	struct faults *faults;
	bool from_server;
	const char *where;     /* the message's name */
	uint16_t record_version; /* of the record that the message began in */
	uint16_t version;      /* negotiated, 0 if it was not seen */
	uint16_t cipher_suite; /* negotiated, with `version` */
};

/* Adds `fault` to the list, if it is one. */
void tell_fault(const struct tell *tell, const struct fault *fault);

/*
 * Elements are read by a reader with a fault of its own (reader_isolate), so that those that are
 * there are shown even if `list` ran past its parent. This passes the first fault on to `list`;
 * bytes that are left over are one.
 */
void tell_end(struct reader *list, struct reader *elements, const char *field);

/* A list `key` of code points, as many as `list` holds. */
void tell_names(struct emit *emit, const char *key, enum registry registry, struct reader list);

/*
 * What comes next in `reader`, if it is there: a code point; an integer; bytes, also those of a
 * vector, in hex. `field` is the key, and names what is wrong.
 */
void tell_name(struct emit *emit, struct reader *reader, const char *field, enum registry registry);
void tell_u8(struct emit *emit, struct reader *reader, const char *field);
void tell_u16(struct emit *emit, struct reader *reader, const char *field);
void tell_u32(struct emit *emit, struct reader *reader, const char *field);
void tell_bytes(struct emit *emit, struct reader *reader, size_t n, const char *field);
void tell_vec8(struct emit *emit, struct reader *reader, const char *field);
void tell_vec16(struct emit *emit, struct reader *reader, const char *field);

/* All that is left, in hex. */
void tell_rest(struct emit *emit, struct reader *reader, const char *field);

#endif
