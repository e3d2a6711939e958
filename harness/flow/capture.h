/*
 * capture.h: reading capture files. Layer: flow. Does I/O.
 *
 * Reads pcap (both byte orders, micro- and nanoseconds) and pcapng (sections in either byte order,
 * interfaces with link types and time resolutions of their own, enhanced, simple and obsolete
 * packet blocks, decryption secrets with TLS key logs); other blocks and options are skipped.
 * Files may be packed with gzip or zstd; what comes through a pipe may, too (unpack.h).
 *
 * A file that is cut off or damaged is read up to that place, and a sentence says where that was.
 * Of a packet that is cut, what is there is handed out, as from a capture with a short snapshot
 * length.
 *
 * Formats: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.
 */
#ifndef SHAKEDOWN_FLOW_CAPTURE_H
#define SHAKEDOWN_FLOW_CAPTURE_H

#include "base/buf.h"
#include "base/error.h"
#include "decode/keylog.h"
#include "flow/packet.h"

#define CAPTURE_PACKET_MAX (64u << 20) /* bytes; a packet that claims more is damaged */

struct capture;

/*
 * Opens the file `path` ("-": standard input, read to its end) and reads its header. ERR_INPUT,
 * with what was found and what is read, if it is not a capture. The caller frees *capture with
 * capture_close.
 */
int capture_open(struct capture **capture, const char *path, struct error *error);

/*
 * The same over bytes in memory, which are borrowed; `name` (copied) stands for the file in
 * sentences.
 */
int capture_from_bytes(struct capture **capture, const char *name, struct bytes content,
                       struct error *error);

/* capture_close(NULL) does nothing. */
void capture_close(struct capture *capture);

/*
 * Reads the whole capture, to begin again with the first packet: adds the key logs of all secrets
 * blocks to `keylog`, also of those after the packets that need them. True if no packet's time is
 * before the one of the packet before.
 */
bool capture_survey(struct capture *capture, struct keylog *keylog);

/*
 * From now on packets stay, and the first one is the next. Pages of a file that were read are given
 * back to the system, which reads them again if they are used again.
 */
void capture_keep(struct capture *capture);

/*
 * The next packet. Its bytes are borrowed until the next call; after capture_keep, and from bytes
 * in memory, until the capture is closed. False at the end.
 */
bool capture_next(struct capture *capture, struct packet *packet);

/*
 * After capture_next has returned false: 0 if that was the end of a whole file, else ERR_INPUT and
 * one sentence on where it ended and why.
 */
int capture_end(const struct capture *capture, struct error *error);

#endif
