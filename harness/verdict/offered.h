/*
 * offered.h: what a ClientHello offers, from what the wire saw of it. Layer: verdict. Pure: no I/O,
 * no clock, no globals.
 *
 * `hello` is the member "client_hello" of a decoded connection. Lists hold IANA's names. They are
 * borrowed from it, and NULL if the client sent no such list, which is another thing than an empty
 * one.
 */
#ifndef SHAKEDOWN_VERDICT_OFFERED_H
#define SHAKEDOWN_VERDICT_OFFERED_H

#include <jansson.h>

/*
 * A new list of the versions that the client can be taken to offer, "1.3": RFC 8446 section 4.2.1;
 * without that extension all up to legacy_version.
 */
json_t *offered_versions(const json_t *hello);

/* The highest version of a client without supported_versions, "1.2"; "" for one that sent it. */
const char *offered_legacy_version(const json_t *hello);

const json_t *offered_suites(const json_t *hello);
const json_t *offered_groups(const json_t *hello);     /* RFC 8446 section 4.2.7 */
const json_t *offered_signatures(const json_t *hello); /* RFC 8446 section 4.2.3 */
const json_t *offered_protocols(const json_t *hello);  /* ALPN, RFC 7301 */

#endif
