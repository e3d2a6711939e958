/*
 * der.h: ASN.1 in its distinguished encoding (X.690), as certificates and OCSP responses hold it.
 * Layer: decode. Pure: no I/O, no clock, no globals.
 *
 * An element is a tag, a length and its content, which is read by a reader of its own (reader.h).
 * A container is entered with a fault of its own, so that what it holds is shown even if it runs
 * past its parent; tell_end passes that fault on. Refused, as a fault: lengths that DER does not
 * have (indefinite ones, more than DER_LENGTH_MAX bytes) and tags of more than one byte, which no
 * structure here uses.
 */
#ifndef SHAKEDOWN_DECODE_DER_H
#define SHAKEDOWN_DECODE_DER_H

#include "decode/emit.h"

#define DER_LENGTH_MAX 4 /* bytes of a length */
#define OID_TEXT_MAX 128 /* bytes of a dotted object identifier, with the final zero */
#define DER_RDNS_MAX 64  /* parts of a distinguished name */

enum der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_OID = 0x06,
	DER_ENUMERATED = 0x0a,
	DER_UTF8_STRING = 0x0c,
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
	DER_BMP_STRING = 0x1e,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
};
#define DER_IMPLICIT(n) (0x80 | (n)) /* a context-specific tag, of a plain type */
#define DER_EXPLICIT(n) (0xa0 | (n)) /* of a container */

/* The tag of the next element, 0 at the end and after a fault. */
uint8_t der_peek(const struct reader *reader);

/*
 * The content of the next element, whose tag is set. An empty one, with a fault, if there is none.
 */
struct reader der_next(struct reader *reader, uint8_t *tag, const char *field);

/* The same for an element that has to have this tag: another is a fault. */
struct reader der_take(struct reader *reader, uint8_t tag, const char *field);

/* The same, with the faults of the content in `own` (cleared here). */
struct reader der_enter(struct reader *reader, uint8_t tag, const char *field, struct fault *own);

/* True if the next element has this tag: then it is read. */
bool der_option(struct reader *reader, uint8_t tag, const char *field, struct reader *content);

/* The bytes of an INTEGER, or of what is like one, without leading zeros. */
struct bytes der_integer(struct reader *reader, uint8_t tag, const char *field);

/* A small INTEGER or ENUMERATED; a negative or longer one is a fault. */
uint32_t der_number(struct reader *reader, uint8_t tag, const char *field);

/* The bytes of a BIT STRING; *n_unused are the bits at its end that do not count. */
struct bytes der_bits(struct reader *reader, uint8_t tag, const char *field, unsigned *n_unused);

/*
 * An object identifier's name (oid.def), or its dotted text written to `text`. Empty text after a
 * fault.
 */
const char *der_oid(struct reader *reader, const char *field, char text[OID_TEXT_MAX]);

/* The same for an identifier without tag and length; NULL if it is none. */
const char *oid_name(struct bytes oid, char text[OID_TEXT_MAX]);

/* What follows writes one member or, with `key` NULL, one element of a list. */

/* An object identifier, as der_oid. */
void der_tell_oid(struct emit *emit, const char *key, struct reader *reader, const char *field);

/* An INTEGER in hexadecimal digits, with a sign if it is negative. */
void der_tell_integer(struct emit *emit, const char *key, struct reader *reader, uint8_t tag,
                      const char *field);

/* UTCTime or GeneralizedTime (RFC 5280 section 4.1.2.5) as RFC 3339, or its own text. */
void der_tell_time(struct emit *emit, const char *key, struct reader *reader, const char *field);

/*
 * A distinguished name in the form of RFC 4514. Text of any type is shown; a part that is no text,
 * or of a kind that oid.def does not have, as # and hexadecimal digits.
 */
void der_tell_name(struct emit *emit, const char *key, struct reader *reader, const char *field);

/*
 * A GeneralName (RFC 5280 section 4.2.1.6): "DNS:host", "IP:192.0.2.1", "IP:10.0.0.0/255.0.0.0"
 * (as constraints have), "email:", "URI:", "DirName:", "RID:", "other:<type>:", "EDI:", "X400:".
 */
void der_tell_general_name(struct emit *emit, const char *key, struct reader *reader);

/* A list of them, in `names`: the content of a container, whose fault it shares. */
void der_tell_general_names(struct emit *emit, const char *key, struct reader *names);

#endif
