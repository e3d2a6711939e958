/*
 * evidence.h: kept packets made into what a cell keeps of the wire: decoded connections and a
 * capture that Wireshark opens decrypted. Layer: flow. Pure: no I/O, no clock, no globals.
 */
#ifndef SHAKEDOWN_FLOW_EVIDENCE_H
#define SHAKEDOWN_FLOW_EVIDENCE_H

#include "flow/packet_list.h"

#include <jansson.h>

#define EVIDENCE_JSON_MAX (8u << 20) /* bytes of decoded connections; those beyond it are counted */

/*
 * Appends to `json` a list of the connections in `packets`, in the order in which they began, and
 * to `pcapng` a capture of interface `name` and link type `linktype`, decrypted with and holding
 * the secrets of `keylog` (SSLKEYLOGFILE text, may be empty). Returns how many connections found no
 * room in `json`.
 */
size_t evidence_make(const struct packet_list *packets, const char *name, uint16_t linktype,
                     struct bytes keylog, struct buf *json, struct buf *pcapng);

/*
 * How evidence goes from process to process, in a message (base/message.h): its attachment begins
 * with the list, as many bytes as the member "told" says, and the capture is the rest. A list that
 * is not looked at is not taken apart on the way.
 */
struct evidence {
	struct bytes connections; /* a list, as JSON text */
	struct bytes pcapng;
};

/* Sets "told" of `message`, and appends what is to be attached to it. */
void evidence_pack(const struct evidence *evidence, json_t *message, struct buf *attached);

/* What `message` carries in `attached`; nothing if it does not carry evidence. Views into it. */
struct evidence evidence_unpack(const json_t *message, struct bytes attached);

/* The list, the caller's to release; NULL if there is none. */
json_t *evidence_connections(const struct evidence *evidence);

#endif
