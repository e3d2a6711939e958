/*
 * evidence.h: kept packets made into what a cell keeps of the wire: decoded connections and a
 * capture that Wireshark opens decrypted. Layer: flow. Pure: no I/O, no clock, no globals.
 */
#ifndef SHAKEDOWN_FLOW_EVIDENCE_H
#define SHAKEDOWN_FLOW_EVIDENCE_H

#include "flow/packet_list.h"

#define EVIDENCE_JSON_MAX (8u << 20) /* bytes of decoded connections; those beyond it are counted */

/*
 * Appends to `json` a list of the connections in `packets`, in the order in which they began, and
 * to `pcapng` a capture of interface `name` and link type `linktype`, decrypted with and holding
 * the secrets of `keylog` (SSLKEYLOGFILE text, may be empty). Returns how many connections found no
 * room in `json`.
 */
size_t evidence_make(const struct packet_list *packets, const char *name, uint16_t linktype,
                     struct bytes keylog, struct buf *json, struct buf *pcapng);

#endif
