/*
 * extension.h: the extensions of hellos and other handshake messages. Layer: decode. Pure: no I/O,
 * no clock, no globals.
 *
 * One table row and one small function for each extension. An extension without a decoder, and one
 * that cannot be decoded, shows its bytes; a fault in one never hides the others.
 */
#ifndef SHAKEDOWN_DECODE_EXTENSION_H
#define SHAKEDOWN_DECODE_EXTENSION_H

#include "decode/tell.h"

/* The message that an extension stands in: its form depends on it. */
enum extension_place {
	IN_CLIENT_HELLO,
	IN_SERVER_HELLO,
	IN_HELLO_RETRY_REQUEST,
	IN_ENCRYPTED_EXTENSIONS,
	IN_CERTIFICATE,
	IN_CERTIFICATE_REQUEST,
	IN_NEW_SESSION_TICKET,
	IN_CLIENT_EXTENSIONS, /* the client's answer under encryption, of drafts */
};

struct extension {
	uint16_t type;
	uint16_t length;    /* as written; `body` holds less if the block ends before */
	struct reader body; /* shares the block's fault */
};

/*
 * The next extension of a block (RFC 8446 section 4.2). False at the end and after a fault. A last
 * extension that runs past the block is yielded, with what is there.
 */
bool extension_next(struct reader *block, struct extension *extension);

/*
 * The body of the first extension of `type` in a block, which is left as it is; false if there is
 * none, and *body stays as it is.
 */
bool extension_find(const struct reader *block, uint16_t type, struct bytes *body);

/*
 * Writes the member "extensions", a list, and notes the faults. `block` may have run past its
 * parent.
 */
void extensions_tell(const struct tell *tell, struct reader *block, enum extension_place place);

/* Adds what in the bodies varies from one connection to the next: keys and tickets. */
void extensions_slots(const struct reader *block, enum extension_place place,
                      struct emit_slots *slots);

/*
 * Writes the members of a CertificateStatus (RFC 6066 section 8), which is also the body of
 * status_request in a Certificate of TLS 1.3.
 */
void certificate_status_tell(struct emit *emit, struct reader *body);

#endif
