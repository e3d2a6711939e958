/*
 * infer.h: what a capture alone lets one say of a connection that failed: which servers would have
 * acted as the one that was captured, and what the rules say if it was one of these. Layer:
 * verdict. Pure: no I/O, no clock, no globals.
 *
 * A capture shows neither the server's configuration nor its errors nor the client's. The first two
 * are taken from servers that would have given the same first answer to the ClientHello (lineup.h);
 * so whatever follows from them is inferred, and says of which servers.
 */
#ifndef SHAKEDOWN_VERDICT_INFER_H
#define SHAKEDOWN_VERDICT_INFER_H

#include "base/buf.h"
#include "verdict/rules.h"

#include <jansson.h>
#include <stdbool.h>

/*
 * Whether `connection` (connection.schema.json) shows a fatal alert that could be read, or a server
 * that does not speak TLS.
 */
bool infer_failed(const json_t *connection);

/* Whether the first fatal alert is the client's: what it refuses is in the capture. */
bool infer_client_refused(const json_t *connection);

/* Whether the server of `answer` would have given the first answer that `connection` shows. */
bool infer_fits(const json_t *answer, const json_t *connection);

/*
 * What the rules say of `connection`, for each server of `answers` that fits: a new list, in the
 * order of the answers, the commonest servers first:
 *   [{"diagnosis": as of rules_diagnose, "answers": [those whose servers it was found with]}]
 * If no server fits, they are asked with the capture alone, and "answers" is empty; the cell that
 * they see has "inferred": true in any case.
 * Statements of a board, of which there is none, are left out of the evidence. Where no rule
 * explains a refusal, "diagnosis" has OpenSSL's reason as its title, and the confidence "none".
 * Empty if no rule explains it, or the connection did not fail.
 */
json_t *infer_causes(struct rules *rules, const json_t *connection, const json_t *answers);

/* Adds {"change", "answer"} to `changes` unless the change is there already. */
void infer_add_change(json_t *changes, json_t *change, json_t *answer);

/*
 * Adds to `changes` each change of one key alone that leads from one of the servers of `from`, as
 * far as they set the same keys as the first, to another of `answers`: as a merge patch (RFC 7396),
 * with that answer.
 */
void infer_changes(const json_t *from, const json_t *answers, json_t *changes);

/* Appends, a sentence a line, what happened on the wire, in the order in which it did. */
void infer_course(const json_t *connection, struct buf *out);

#endif
