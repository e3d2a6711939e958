/*
 * unsupported.h: what a board's profile declares that the board does not support. Layer: scenario.
 * Pure: no I/O, no clock, no globals.
 *
 * A name that nobody knows would declare nothing, and the cells that it is about would stay red.
 */
#ifndef SHAKEDOWN_SCENARIO_UNSUPPORTED_H
#define SHAKEDOWN_SCENARIO_UNSUPPORTED_H

#include "base/json.h"

/*
 * Checks the names of cipher suites, groups and signature algorithms under `unsupported`, the
 * profile's member of that name, which may be missing: they are IANA's, as reports show them
 * (RFC 8446 appendix B), groups also OpenSSL's ("P-256"). A code point that has no name may stand
 * as its number ("0x1234"). ERR_INPUT, with the place and the nearest name. Versions are the
 * schema's to check, certificates profile.h's; of application protocols any may be.
 */
int unsupported_check(const struct json_node *unsupported, struct error *error);

#endif
