#include "scenario/unsupported.h"

#include "base/words.h"
#include "decode/registry.h"

#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define CODE_POINT_MAX 0xffffu

static const struct list {
	const char *key, *what;
	enum registry registry;
} lists[] = {
	{"ciphersuites", "cipher suite", REGISTRY_CIPHER_SUITE},
	{"cipher_list", "cipher suite", REGISTRY_CIPHER_SUITE},
	{"groups", "group", REGISTRY_NAMED_GROUP},
	{"signature_algorithms", "signature algorithm", REGISTRY_SIGNATURE_SCHEME},
};

static json_t *names_of(enum registry registry)
{
	json_t *names = json_made(json_array());

	for (uint32_t value = 0; value <= CODE_POINT_MAX; value++) {
		const char *name = registry_name(registry, value);

		if (name != NULL)
			json_array_append_new(names, json_made(json_string(name)));
	}
	return names;
}

/* Capitals do not count, here as in the comparison with what a case needs. */
static bool is_known(const struct list *list, const char *word, const json_t *names)
{
	const json_t *name;
	size_t i;

	if (strncmp(word, "0x", 2) == 0 && strspn(word + 2, "0123456789abcdef") == strlen(word + 2))
		return true;
	if (list->registry == REGISTRY_NAMED_GROUP &&
	    (EC_curve_nist2nid(word) != NID_undef || OBJ_sn2nid(word) != NID_undef))
		return true;
	json_array_foreach(names, i, name)
		if (strcasecmp(json_string_value(name), word) == 0)
			return true;
	return false;
}

/* The registered name of what OpenSSL's cipher_list calls `word`, as suites do; NULL if it is none. */
static const char *name_in_openssl(const char *word, const json_t *names)
{
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
		if (strcasecmp(OPENSSL_cipher_name(json_string_value(name)), word) == 0)
			return json_string_value(name);
	return NULL;
}

static int complain(const struct list *list, const struct json_node *node, const json_t *names,
                    struct error *error)
{
	struct buf sentence = {0};

	const char *word = json_string_value(node->value);
	const char *meant = name_in_openssl(word, names);

	if (meant != NULL)
		buf_printf(&sentence, "\"%s\" is OpenSSL's name: write \"%s\", as reports do", word,
		           meant);
	else
		words_unknown(&sentence, list->what, word, names);
	json_complain(node, error, "%s", buf_string(&sentence));
	buf_fini(&sentence);
	return error->code;
}

static int check_list(const struct list *list, const struct json_node *node, struct error *error)
{
	json_t *names = node->value != NULL ? names_of(list->registry) : NULL;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < json_array_size(node->value); i++) {
		struct json_node word = json_item(node, i);

		if (!is_known(list, json_string_value(word.value), names))
			rc = complain(list, &word, names, error);
	}
	json_decref(names);
	return rc;
}

int unsupported_check(const struct json_node *unsupported, struct error *error)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct json_node node = json_member(unsupported, lists[i].key);

		rc = check_list(&lists[i], &node, error);
	}
	return rc;
}
