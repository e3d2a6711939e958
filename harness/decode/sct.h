/*
 * sct.h: signed certificate timestamps (RFC 6962 section 3, RFC 9162 section 4.8). Layer: decode.
 * Pure: no I/O, no clock, no globals.
 */
#ifndef SHAKEDOWN_DECODE_SCT_H
#define SHAKEDOWN_DECODE_SCT_H

#include "decode/tell.h"

/*
 * Writes the member "sct_list": of each timestamp "version", "log_id", "timestamp" (RFC 3339),
 * "extensions", "signature_algorithm", "signature"; of one of a later version its bytes.
 */
void sct_list_tell(struct emit *emit, struct reader *body);

/* The same of RFC 9162's TransItemList: "trans_item_list", each with its "versioned_type". */
void trans_item_list_tell(struct emit *emit, struct reader *body);

#endif
