/*
 * x509_extension.h: the extensions of certificates (RFC 5280 section 4.2) and of OCSP responses
 * (RFC 6960 section 4.4). Layer: decode. Pure: no I/O, no clock, no globals.
 *
 * One table row and one small function for each. One without a function, and one that cannot be
 * decoded, shows its bytes; a fault in one never hides the others.
 */
#ifndef SHAKEDOWN_DECODE_X509_EXTENSION_H
#define SHAKEDOWN_DECODE_X509_EXTENSION_H

#include "decode/tell.h"

/*
 * Writes the member "extensions": of each "name" (or its dotted identifier), "critical", its
 * fields. `reader` stands before the SEQUENCE of them and keeps the first fault.
 */
void x509_extensions_tell(struct emit *emit, struct reader *reader);

/*
 * Finds the extension with this name (oid.def). `reader` stands before the explicit tag of the
 * extensions and is not moved. *value, the content of extnValue, shares its fault.
 */
bool x509_extension_find(const struct reader *reader, const char *name, struct reader *value);

#endif
