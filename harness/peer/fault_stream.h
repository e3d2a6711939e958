/*
 * fault_stream.h: the filter between libssl and the socket that does the faults. Layer: peer.
 *
 * What libssl writes is gathered (fault_intake.h) until it has said all it has to say for now,
 * opened with the key log's secrets (fault_keys.h), changed (fault_flight.h), repaired
 * (fault_repair.h), sealed again under sequence numbers of the filter's own, and written. What the
 * client sends passes, and is kept to tell how it took the faults. A tap on the socket's BIO sees
 * what really crossed the wire, and the key log opens it.
 *
 * What cannot be mended is left: a change to the ServerHello, or to its random in TLS 1.2, gives
 * the client other keys than ours. Padding that libssl put into records of TLS 1.3 is not kept.
 * Under a cipher suite that decode/ does not open, protected messages pass unchanged.
 *
 * The filter blocks: while it waits for the socket, at most FAULT_STREAM_STUCK_MS, and for each
 * pause of a fault, unless the server is asked to end.
 */
#ifndef SHAKEDOWN_PEER_FAULT_STREAM_H
#define SHAKEDOWN_PEER_FAULT_STREAM_H

#include "peer/fault_plan.h"
#include "peer/testimony.h"
#include "peer/wiretap.h"

#define FAULT_STREAM_STUCK_MS 10000
#define FAULT_STREAM_KEPT_MAX (1u << 20) /* bytes of the client's stream that are looked at */

struct fault_stream;

/* What surrounds the filter; all borrowed for its life. */
struct fault_surroundings {
	SSL *ssl;                    /* its BIO is the socket's, and no handshake has begun */
	struct testimony *testimony; /* the key log; told when a fault ends the connection */
	struct wiretap *wiretap;     /* told the same */
	int stop;                    /* readable once the server is to end */
};

/*
 * Puts a filter with the faults of `plan` (borrowed) on top of the socket's BIO, which the SSL goes
 * on to own. NULL, with nothing done, if the plan is NULL or empty. The caller frees the result
 * before the SSL; fault_stream_free(NULL) does nothing.
 */
struct fault_stream *fault_stream_start(const struct fault_plan *plan,
                                        const struct fault_surroundings *surroundings);
void fault_stream_free(struct fault_stream *stream);

/*
 * Adds to the testimony `told`: "faults", each with "at", "do", its "name" if it has one, "applied"
 * and, if so, "t_ms" since the filter began; and "accepted": whether the client went on after the
 * last of them; also "noticed", false, if one was at a hello of TLS 1.3, and only the keys that
 * the client made of it stopped it (fault_client.h). Does nothing for NULL.
 */
void fault_stream_tell(const struct fault_stream *stream, json_t *told);

#endif
