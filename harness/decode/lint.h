/*
 * lint.h: what a ClientHello does against the MUSTs and SHOULDs of the RFCs, and what is unwise in
 * it. Layer: decode. Pure: no I/O, no clock, no globals.
 *
 * One row of a table and one small function for each finding. Findings judge the ClientHello alone:
 * a server may let much of it pass, so they stand beside what happened and never change it.
 */
#ifndef SHAKEDOWN_DECODE_LINT_H
#define SHAKEDOWN_DECODE_LINT_H

#include "decode/emit.h"

/*
 * Writes the member "lint" into the object that is open: a list of
 * {"id", "severity": "error"|"warning"|"note", "rfc", "text"} in the order of the table, empty if
 * there is nothing to say. An error breaks a MUST, a warning a SHOULD or what is safe today; a note
 * is a matter of taste that may explain something. `message` is a ClientHello with its 4-byte
 * header; of one that is cut short, what is there is looked at. Empty: the list is empty.
 */
void lint_tell(struct emit *emit, struct bytes message);

#endif
