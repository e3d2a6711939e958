/*
 * utf8.h: where characters begin and end (RFC 3629). Layer: base. Pure: no I/O, no clock, no
 * globals.
 *
 * JSON holds UTF-8 alone. What comes from elsewhere (a program's last words, the name of a file, a
 * sentence that was cut at a limit) is repaired before it goes there.
 */
#ifndef SHAKEDOWN_BASE_UTF8_H
#define SHAKEDOWN_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at the start of `text`; 0 if there is none. */
size_t utf8_length(const uint8_t *text, size_t len);

/* Whether all of `text` is UTF-8. */
bool utf8_is_valid(const char *text);

/* Makes a '?' of each byte that belongs to no character. Returns `text`. */
char *utf8_repair(char *text);

#endif
