#include "base/words.h"

#include "base/assert.h"
#include "base/json.h"
#include "base/utf8.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define FOLDED_MAX 64 /* longer words are compared by their beginnings */
#define KNOWN_SHOWN_MAX 480 /* bytes of the known words, about: more are "others" */
#define GUESSED_MIN 3 /* letters; any two shorter words are near to each other */

/* Writes `word` without what people mix up: case and separators. Returns the length. */
static size_t fold(const char *word, char folded[FOLDED_MAX])
{
	size_t len = 0;

	for (; *word != '\0' && len < FOLDED_MAX; word++)
		if (strchr("-_. ", *word) == NULL)
			folded[len++] = (char)tolower((unsigned char)*word);
	return len;
}

/* How many letters must be changed, added or removed to make one word of the other. */
static size_t distance(const char *a, const char *b)
{
	char fa[FOLDED_MAX], fb[FOLDED_MAX];
	size_t na = fold(a, fa), nb = fold(b, fb);
	size_t row[FOLDED_MAX + 1];

	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t changed = diagonal + (fa[i - 1] != fb[j - 1]);
			size_t removed = row[j] + 1, added = row[j - 1] + 1;

			diagonal = row[j];
			row[j] = changed < removed ? changed : removed;
			row[j] = row[j] < added ? row[j] : added;
		}
	}
	return row[nb];
}

const char *words_nearest(const char *word, const json_t *known)
{
	size_t limit = (strlen(word) + 2) / 3 + 1;
	const char *nearest = NULL;
	char folded[FOLDED_MAX];
	json_t *candidate;
	size_t i;

	if (fold(word, folded) < GUESSED_MIN)
		return NULL;
	json_array_foreach(known, i, candidate) {
		size_t d = distance(word, json_string_value(candidate));

		if (d < limit) {
			nearest = json_string_value(candidate);
			limit = d;
		}
	}
	return nearest;
}

void words_unknown(struct buf *out, const char *what, const char *word, const json_t *known)
{
	const char *nearest = words_nearest(word, known);
	char *repaired = strdup(word); /* words of a command line may be in any encoding */
	json_t *shown, *name;
	size_t start, i;

	CHECK(repaired != NULL);
	shown = json_made(json_string(utf8_repair(repaired)));
	buf_printf(out, "unknown %s ", what);
	words_show(out, shown);
	json_decref(shown);
	free(repaired);
	if (nearest != NULL)
		buf_printf(out, " (did you mean \"%s\"?)", nearest);
	buf_text(out, "; known are ");
	start = out->len;
	json_array_foreach(known, i, name) {
		if (out->len - start > KNOWN_SHOWN_MAX) {
			buf_text(out, " and others");
			return;
		}
		buf_printf(out, "%s%s", i > 0 ? ", " : "", json_string_value(name));
	}
}

void words_join(struct buf *out, const json_t *list)
{
	json_t *element;
	size_t i;

	json_array_foreach(list, i, element) {
		if (i > 0)
			buf_text(out, ", ");
		words_show(out, element);
	}
}

void words_show(struct buf *out, const json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	size_t len;

	CHECK(text != NULL);
	len = strlen(text);
	if (len > WORDS_SHOWN_MAX) {
		len = WORDS_SHOWN_MAX;
		/* Not in the middle of a character. */
		while (((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	buf_add(out, text, len);
	if (text[len] != '\0')
		buf_text(out, "...");
	free(text);
}
