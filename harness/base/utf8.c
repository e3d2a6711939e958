#include "base/utf8.h"

#include <string.h>

size_t utf8_length(const uint8_t *text, size_t len)
{
	size_t n;

	if (len == 0)
		return 0;
	n = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	if ((text[0] >= 0x80 && text[0] < 0xc2) || text[0] > 0xf4 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and what lies beyond U+10FFFF. */
	if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
	    (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
		return 0;
	return n;
}

bool utf8_is_valid(const char *text)
{
	size_t left = strlen(text), n = 0;

	for (; left > 0; text += n, left -= n) {
		n = utf8_length((const uint8_t *)text, left);
		if (n == 0)
			return false;
	}
	return true;
}

char *utf8_repair(char *text)
{
	size_t left = strlen(text);

	for (char *at = text; left > 0;) {
		size_t n = utf8_length((const uint8_t *)at, left);

		if (n == 0) {
			*at = '?';
			n = 1;
		}
		at += n;
		left -= n;
	}
	return text;
}
