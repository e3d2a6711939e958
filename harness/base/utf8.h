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

/*
 * Whether the character of `n` bytes (or 0, where there is none) that begins with `text[0]` is a
 * control character, which would drive a terminal: U+0000 to U+001F, U+007F to U+009F.
 */
static inline bool utf8_is_control(const uint8_t *text, size_t n)
{
	return text[0] < 0x20 || text[0] == 0x7f ||
	       (n == 2 && text[0] == 0xc2 && text[1] < 0xa0);
}

/* Whether all of `text` is UTF-8. */
bool utf8_is_valid(const char *text);

/* Makes a '?' of each byte that belongs to no character. Returns `text`. */
char *utf8_repair(char *text);

#endif
