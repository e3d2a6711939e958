/*
 * whatif.h: what a server would answer to a ClientHello. Layer: peer. Pure but for libssl, which
 * looks at the clock: no I/O, no globals.
 *
 * The hello is given to libssl, under a context as the servers of a run have it (context.h), in
 * memory. What comes back is the server's first word: a ServerHello, a HelloRetryRequest, or an
 * alert. Whether the client would then accept that word is beyond this.
 *
 * Sessions and tickets from elsewhere mean nothing to the server, as in a run. Faults
 * (fault_plan.h) are not done to its answer.
 */
#ifndef SHAKEDOWN_PEER_WHATIF_H
#define SHAKEDOWN_PEER_WHATIF_H

#include "base/reader.h"
#include "decode/registry.h"
#include "peer/context.h"

#include <jansson.h>

enum whatif_answer {
	WHATIF_SERVER_HELLO,
	WHATIF_HELLO_RETRY_REQUEST, /* `group` is the one that it asks for */
	WHATIF_ALERT,
	WHATIF_SILENCE, /* libssl gave up without a word */
};

struct whatif {
	enum whatif_answer answer;
	const char *version; /* that was settled on, "1.3", also before an alert; NULL: none */
	const char *ciphersuite; /* IANA's name; NULL: none */
	char group[REGISTRY_LABEL_MAX]; /* "": none, as also in the next */
	char signature_algorithm[REGISTRY_LABEL_MAX];
	bool alerted; /* also by a warning before a ServerHello */
	uint8_t alert_level, alert_description;
	unsigned long error; /* OpenSSL's first reason; 0: none */
};

/*
 * Asks the server of `context`, whose callback for server names is set here. `hello` is a whole
 * ClientHello message with its 4-byte header; one that libssl finds too long is refused by it.
 */
void whatif_ask(struct whatif *whatif, struct context *context, struct bytes hello);

/*
 * A new object: {"answer": "alert", "version", "ciphersuite", "group", "signature_algorithm",
 * "alert": {"from", "level", "description", "number"}, "error": {"code", "reason"}}, without the
 * members that there is nothing for.
 */
json_t *whatif_tell(const struct whatif *whatif);

#endif
