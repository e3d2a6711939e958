#include "base/skim.h"

#include <string.h>

static const uint8_t *past_space(const uint8_t *at, const uint8_t *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	return at;
}

/* `at` is its first quote. `end` if it has no last one. */
static const uint8_t *past_string(const uint8_t *at, const uint8_t *end)
{
	const uint8_t *first = at + 1;

	for (at = first; (at = memchr(at, '"', (size_t)(end - at))) != NULL; at++) {
		const uint8_t *escape = at;

		while (escape > first && escape[-1] == '\\')
			escape--;
		if ((at - escape) % 2 == 0)
			return at + 1;
	}
	return end;
}

/* `at` is the bracket that opens it. */
static const uint8_t *past_brackets(const uint8_t *at, const uint8_t *end)
{
	static const enum { OTHER, QUOTE, OPENS, CLOSES } kinds[256] = {
		['"'] = QUOTE, ['{'] = OPENS, ['['] = OPENS, ['}'] = CLOSES, [']'] = CLOSES};
	size_t depth = 0;

	while (at < end)
		switch (kinds[*at]) {
		case QUOTE:
			at = past_string(at, end);
			break;
		case OPENS:
			depth++;
			at++;
			break;
		case CLOSES:
			at++;
			if (--depth == 0)
				return at;
			break;
		default:
			at++;
		}
	return end;
}

static const uint8_t *past_value(const uint8_t *at, const uint8_t *end)
{
	if (at < end && *at == '"')
		return past_string(at, end);
	if (at < end && (*at == '{' || *at == '['))
		return past_brackets(at, end);
	while (at < end && memchr(",]} \t\n\r", *at, 7) == NULL)
		at++;
	return at;
}

void skim_init(struct skim *skim, struct bytes text)
{
	const uint8_t *end = text.data + text.len, *at = past_space(text.data, end);

	*skim = (struct skim){.at = end, .end = end};
	if (at == end || (*at != '{' && *at != '['))
		return;
	skim->named = *at == '{';
	skim->at = at + 1;
}

/* The key, and the colon behind it. */
static bool take_key(struct skim *skim)
{
	const uint8_t *at = skim->at, *behind;

	if (at == skim->end || *at != '"')
		return false;
	behind = past_string(at, skim->end);
	skim->key = (struct bytes){at + 1, (size_t)(behind - at - (behind - at > 1 ? 2 : 1))};
	at = past_space(behind, skim->end);
	if (at == skim->end || *at != ':')
		return false;
	skim->at = past_space(at + 1, skim->end);
	return true;
}

bool skim_next(struct skim *skim)
{
	const uint8_t *behind;

	skim->at = past_space(skim->at, skim->end);
	if (skim->at < skim->end && *skim->at == ',')
		skim->at = past_space(skim->at + 1, skim->end);
	if (skim->named && !take_key(skim))
		return false;
	behind = past_value(skim->at, skim->end);
	if (behind == skim->at)
		return false;
	skim->value = (struct bytes){skim->at, (size_t)(behind - skim->at)};
	skim->at = behind;
	return true;
}

bool skim_is(const struct skim *skim, const char *key)
{
	return skim->key.len == strlen(key) && memcmp(skim->key.data, key, skim->key.len) == 0;
}

bool skim_member(struct bytes text, const char *key, struct bytes *value)
{
	struct skim skim;

	skim_init(&skim, text);
	while (skim_next(&skim))
		if (skim.named && skim_is(&skim, key)) {
			*value = skim.value;
			return true;
		}
	return false;
}
