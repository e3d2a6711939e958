/*
 * expectation.h: what a case expects of its board: one right answer, or several. Layer: verdict.
 * Pure: no I/O, no clock, no globals.
 *
 * An answer is {"result": "connect"}, with what the connection must be like under the names of the
 * server's testimony ("version", "resumed", ...), or {"result": "refuse"}, with the alerts that are
 * right ("alerts"; any if there are none), who refuses ("by": "client" if nothing is said, "server"
 * or "either"), the section that asks for it ("rfc") and, where only clients that offer it must
 * refuse, an extension ("offered"). A cell's "expect" is an answer or a list of them.
 */
#ifndef SHAKEDOWN_VERDICT_EXPECTATION_H
#define SHAKEDOWN_VERDICT_EXPECTATION_H

#include <jansson.h>
#include <stdbool.h>

/* Whether one of the right answers has this result, "connect" or "refuse". */
bool expectation_has(const json_t *expect, const char *result);

/* Whether a right answer is a refusal with this fatal alert (NULL: none was seen). */
bool expectation_names_alert(const json_t *expect, const json_t *alert);

/*
 * NULL if a connection with this testimony of the server's is a right answer, or if no answer is a
 * connection; else the first connection among the answers, with the first member that it is not
 * like in *member. Borrowed from `expect`.
 */
const json_t *expectation_unmet(const json_t *expect, const json_t *server, const char **member);

/*
 * Whether the refusal holds for a client with this "client_hello" of the wire's (NULL: none was
 * seen): one that is asked only of clients which offer an extension, its "offered", does not hold
 * for others.
 */
bool expectation_holds(const json_t *refusal, const json_t *hello);

/* The first refusal among the right answers, or NULL. Borrowed. */
const json_t *expectation_refusal(const json_t *expect);

#endif
