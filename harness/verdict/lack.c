#include "verdict/lack.h"

#include "base/json.h"
#include "verdict/means.h"
#include "verdict/word_list.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

void lack_add(json_t *lacks, const char *what, const char *version, json_t *needed,
              const json_t *offered)
{
	json_t *copy = offered != NULL ? json_deep_copy(offered) : json_array();

	json_array_append_new(lacks, json_made(json_pack("{s:s, s:s, s:O, s:o}", "what", what,
	                                                 "version", version, "needed", needed,
	                                                 "offered", json_made(copy))));
}

/* OpenSSL's reasons for a refusal, and what it can be that was missing. */
static const struct {
	const char *reason, *what[4];
} reasons[] = {
	{"no shared cipher", {"ciphersuites", "cipher_list", "groups", "signature_algorithms"}},
	{"no suitable key share", {"groups"}},
	{"no suitable signature algorithm", {"signature_algorithms"}},
	{"no shared signature algorithms", {"signature_algorithms"}},
	{"no application protocol", {"alpn"}},
	{"callback failed", {"sni"}},
};

static bool reason_names(const char *reason, const char *what)
{
	for (size_t i = 0; i < COUNT(reasons); i++)
		for (size_t k = 0; k < COUNT(reasons[i].what); k++)
			if (strcmp(reason, reasons[i].reason) == 0 && reasons[i].what[k] != NULL &&
			    strcmp(what, reasons[i].what[k]) == 0)
				return true;
	return false;
}

bool lack_explains(const char *what, const json_t *errors)
{
	const json_t *error;
	bool explains = json_array_size(errors) == 0 || strcmp(what, "versions") == 0;
	size_t i;

	json_array_foreach(errors, i, error)
		explains |= reason_names(json_text(error, "reason"), what);
	return explains;
}

/* The certificates are declared, and it is they alone that need what is missing. */
static bool certificates_declared(const json_t *lack, const json_t *server,
                                  const json_t *unsupported)
{
	const char *what = json_text(lack, "what");
	json_t *names = word_list_configured(server, "certificate");
	bool declared = word_list_covers(json_object_get(unsupported, "certificate"), names);

	json_decref(names);
	if (!declared || json_object_get(server, what) != NULL)
		return false;
	return strcmp(what, "signature_algorithms") == 0 || strcmp(what, "cipher_list") == 0 ||
	       (strcmp(what, "groups") == 0 && strcmp(json_text(lack, "version"), "1.2") == 0);
}

/* The profile's words for the group, if they are OpenSSL's, become the registered names. */
static bool values_declared(const json_t *lack, const json_t *unsupported)
{
	const char *what = json_text(lack, "what");
	json_t *words = word_list_configured(unsupported, what);
	json_t *names = json_made(json_array());
	const json_t *item;
	bool declared;
	size_t i;

	json_array_foreach(words, i, item) {
		const char *word = json_string_value(item);
		const char *group = strcmp(what, "groups") == 0 ? means_group_name(word) : NULL;

		word_list_add(names, group != NULL ? group : word);
	}
	declared = word_list_covers(names, json_object_get(lack, "needed"));
	json_decref(words);
	json_decref(names);
	return declared;
}

bool lack_all_declared(const json_t *lacks, const json_t *server, const json_t *unsupported)
{
	const json_t *lack;
	size_t i;

	json_array_foreach(lacks, i, lack)
		if (!values_declared(lack, unsupported) &&
		    !certificates_declared(lack, server, unsupported))
			return false;
	return json_array_size(lacks) > 0;
}

static const char *missing_words(const char *what)
{
	static const struct {
		const char *what, *words;
	} table[] = {
		{"ciphersuites", "a cipher suite"},
		{"cipher_list", "a cipher suite for its certificate"},
		{"groups", "a group"},
		{"signature_algorithms", "a signature algorithm for its certificate"},
		{"alpn", "an application protocol"},
		{"sni", "the extension with the server's name"},
	};

	for (size_t i = 0; i < COUNT(table); i++)
		if (strcmp(what, table[i].what) == 0)
			return table[i].words;
	return what;
}

/* "a, b or c"; a long list is cut. */
static void list_words(const json_t *list, const char *prefix, struct buf *out)
{
	size_t n = json_array_size(list), shown = n > 5 ? 4 : n;

	for (size_t i = 0; i < shown; i++)
		buf_printf(out, "%s%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", prefix,
		           json_string_value(json_array_get(list, i)));
	if (shown < n)
		buf_printf(out, " or %zu others", n - shown);
}

void lack_words(const json_t *lacks, struct buf *out)
{
	const json_t *lack;
	size_t i;

	json_array_foreach(lacks, i, lack) {
		const char *what = json_text(lack, "what");

		buf_text(out, i > 0 ? ", and " : "");
		if (strcmp(what, "versions") == 0) {
			list_words(json_object_get(lack, "needed"), "TLS ", out);
			continue;
		}
		buf_printf(out, "%s in TLS %s (", missing_words(what), json_text(lack, "version"));
		list_words(json_object_get(lack, "needed"), "", out);
		buf_text(out, ")");
	}
}
