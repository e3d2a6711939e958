/*
 * prefetch.h: memory that will be read soon. Layer: base. Pure: no I/O, no clock, no globals.
 */
#ifndef SHAKEDOWN_BASE_PREFETCH_H
#define SHAKEDOWN_BASE_PREFETCH_H

#include <stddef.h>

#define PREFETCH_LINE 64 /* bytes of a line in the CPU's cache, on most */

/* Asks the CPU to bring these bytes into its cache meanwhile. Any address is allowed. */
static inline void prefetch(const void *data, size_t len)
{
	for (size_t at = 0; at < len; at += PREFETCH_LINE)
		__builtin_prefetch((const char *)data + at);
}

#endif
