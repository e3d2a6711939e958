/*
 * offer.h: what a ClientHello lacks for a server's configuration. Layer: verdict. Pure but for what
 * choice.h keeps: no I/O, no clock; one thread at a time.
 *
 * What the client has (offered.h) is held against what the server has (means.h), as OpenSSL 3
 * does: the version is settled first, on the highest that both sides have (RFC 8446 section 4.2.1),
 * and everything else is looked for in that version alone. So a client that also offers an older
 * version is not saved by it. In TLS 1.2 the suite then decides (choice.h).
 *
 * A lack is claimed only if it is certain: the refusal must fit it (the alert and when it came),
 * and all words of the configuration must be known here. In doubt nothing is claimed, and the cell
 * stays a plain failure.
 */
#ifndef SHAKEDOWN_VERDICT_OFFER_H
#define SHAKEDOWN_VERDICT_OFFER_H

#include <jansson.h>
#include <stdbool.h>

/*
 * A new list of what is missing (lack.h); empty if nothing is, or nothing is certain. `server` is
 * the suite's server object, `wire` the connection that the wire saw, `alert` the first fatal alert
 * (NULL: none).
 */
json_t *offer_missing(const json_t *server, const json_t *wire, const json_t *alert);

/*
 * What the server itself lacks in the settled version, so that it can serve no client in it: its
 * "groups", "signature_algorithms" (for its certificates) or "cipher_list". Static text; NULL if
 * nothing, or nothing is certain. Then nothing is missing in the offer.
 */
const char *offer_cannot(const json_t *server, const json_t *wire, const json_t *alert);

/*
 * True if it is certain that `server` refuses the ClientHello that `wire` shows: what-if without
 * OpenSSL, from the same knowledge, so that it costs nothing. False in doubt.
 */
bool offer_refuses(const json_t *server, const json_t *wire);

/*
 * What each side has, whatever came of it: a new list of {"what": a key of `server`, "version",
 * "server": [...], "client": [...] or null (it sent no such list)}. First the versions; then, for
 * the settled one, suites, groups, signature algorithms (those that go with the server's
 * certificates) and ALPN. What is not certain is left out; the list is empty without a ClientHello.
 */
json_t *offer_sets(const json_t *server, const json_t *wire);

#endif
