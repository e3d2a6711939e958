/*
 * certificate_compression.h: what CompressedCertificate holds (RFC 8879). Layer: decode. Pure: no
 * I/O, no clock, no globals.
 */
#ifndef SHAKEDOWN_DECODE_CERTIFICATE_COMPRESSION_H
#define SHAKEDOWN_DECODE_CERTIFICATE_COMPRESSION_H

#include "base/buf.h"

#define CERTIFICATE_UNPACKED_MAX (256u << 10) /* bytes; longer messages stay packed */

/*
 * Unpacks `packed` by `algorithm` (RFC 8879 section 3: zlib, brotli, zstd) into `out`, which is empty and the caller's to
 * free. Returns NULL, or what is wrong, to be put behind the name of the field: it does not unpack,
 * or not to `length` bytes, or `length` is over the limit. Static text.
 */
const char *certificate_unpack(uint16_t algorithm, struct bytes packed, uint32_t length,
                               struct buf *out);

#endif
