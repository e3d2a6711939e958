#include "verdict/condition.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static bool is_in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static const char *skip_group(const char *at);

/* From its first quote to behind its last; NULL if there is none. What is filled in is jq again. */
static const char *skip_string(const char *at)
{
	at++;
	while (at != NULL && *at != '"') {
		if (*at == '\0')
			return NULL;
		if (at[0] == '\\' && at[1] == '(')
			at = skip_group(at + 1);
		else
			at += at[0] == '\\' && at[1] != '\0' ? 2 : 1;
	}
	return at != NULL ? at + 1 : NULL;
}

/* A string, a pair of brackets with all inside, a word with its sign, or an operator's part. */
static const char *skip_one(const char *at)
{
	if (*at == '"')
		return skip_string(at);
	if (strchr("([{", *at) != NULL)
		return skip_group(at);
	if (strchr("=!<>", *at) != NULL && at[1] == '=')
		return at + 2;
	if (!is_in_word(*at) && strchr(".$@", *at) == NULL)
		return at + 1;
	for (at++; is_in_word(*at);)
		at++;
	return at;
}

/* From its first bracket to behind its last; NULL if there is none, or a comment. */
static const char *skip_group(const char *at)
{
	at++;
	while (at != NULL && *at != '\0' && *at != '#') {
		if (strchr(")]}", *at) != NULL)
			return at + 1;
		at = skip_one(at);
	}
	return NULL;
}

static bool is_word(const char *at, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(at, word, len) == 0;
}

/* Whether this reaches further than `and` does, or is not understood here. */
static bool reaches_further(const char *at, size_t len)
{
	static const char *const words[] = {"or",     "as",      "if",    "def", "try",
	                                    "reduce", "foreach", "label", "__loc__"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (is_word(at, len, words[i]))
			return true;
	return len == 1 && strchr("|,;=#)]}/", *at) != NULL;
}

static void put_part(struct buf *out, const char *part, const char *end)
{
	/* A newline ends a comment. */
	buf_printf(out, "%sselect(%.*s\n)", out->len > 0 ? " | " : "", (int)(end - part), part);
}

void condition_put(struct buf *out, const char *when)
{
	bool is_plain = strlen(when) <= CONDITION_SPLIT_MAX;
	const char *part = when, *at = when;
	struct buf parts = {0};

	while (is_plain && *at != '\0') {
		const char *next = skip_one(at);

		is_plain = next != NULL && !reaches_further(at, (size_t)(next - at));
		if (is_plain && is_word(at, (size_t)(next - at), "and")) {
			put_part(&parts, part, at);
			part = next;
		}
		at = next;
	}
	if (is_plain) {
		put_part(&parts, part, at);
	} else {
		buf_clear(&parts);
		put_part(&parts, when, when + strlen(when));
	}
	buf_text(out, buf_string(&parts));
	buf_fini(&parts);
}
