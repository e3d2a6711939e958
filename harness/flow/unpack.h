/*
 * unpack.h: captures that come compressed, or through a pipe. Layer: flow. Does I/O.
 *
 * gzip (RFC 1952, several members too) and zstd (RFC 8878, several frames too) are told by their
 * first bytes, whatever the file is called. What comes out goes to a temporary file that has no
 * name ($TMPDIR, else /tmp), as it comes, and is mapped from there: of memory, only the
 * decompressor's window is needed.
 */
#ifndef SHAKEDOWN_FLOW_UNPACK_H
#define SHAKEDOWN_FLOW_UNPACK_H

#include "base/error.h"
#include "base/reader.h"

#define UNPACK_MAX (16ull << 30) /* bytes that come out; more are not read, and that is said */
#define UNPACK_MAGIC 4           /* bytes that tell what came out */
#define UNPACK_WINDOW_LOG_MAX 27 /* zstd: windows of 128 MB, what its own tool allows */

struct unpacked {
	struct bytes bytes; /* mapped, the caller's to unmap; NULL if there are none */
	int fd;             /* of the file that they are mapped from, the caller's; -1: none */
	bool packed;        /* they came compressed */
	struct error cut;   /* a sentence, if the packed data is cut off or damaged; else code 0 */
};

/* True if the file begins as packed ones do. False if it cannot be read. */
bool unpack_is_packed(const char *path);

/*
 * Reads the file `path` ("-": standard input) to its end and unpacks it if it is packed; `name`
 * stands for it in sentences. What comes out is shown to `is_wanted` (NULL: all is) as soon as there
 * are UNPACK_MAGIC bytes of it; if it says no, little more is read: a pipe may never end. ERR_INPUT
 * if the file cannot be read, ERR_ENVIRONMENT if there is no room for what comes out.
 */
int unpack(const char *path, const char *name, bool (*is_wanted)(const uint8_t *magic),
           struct unpacked *unpacked, struct error *error);

#endif
