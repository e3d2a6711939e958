/*
 * quic_parameters.h: the extension quic_transport_parameters (RFC 9001 section 8.2). Layer: decode.
 * Pure: no I/O, no clock, no globals.
 */
#ifndef SHAKEDOWN_DECODE_QUIC_PARAMETERS_H
#define SHAKEDOWN_DECODE_QUIC_PARAMETERS_H

#include "decode/tell.h"

/*
 * Writes the parameters (RFC 9000 section 18) with IANA's names, integers as such and the others
 * as bytes, as far as they can be read. A fault is left in `body`.
 */
void quic_parameters_show(struct emit *emit, struct reader *body);

#endif
