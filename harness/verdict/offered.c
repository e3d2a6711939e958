#include "verdict/offered.h"

#include "base/json.h"
#include "verdict/witness.h"
#include "verdict/word_list.h"

#include <string.h>

/* The list `field` of the extension `name`. */
static const json_t *extension_list(const json_t *hello, const char *name, const char *field)
{
	return json_object_get(witness_extension(hello, name), field);
}

/* "1.2" from "TLS 1.2"; "" for what is not a version of TLS. */
static const char *bare_version(const char *name)
{
	return strncmp(name, "TLS ", 4) == 0 ? name + 4 : "";
}

const char *offered_legacy_version(const json_t *hello)
{
	if (extension_list(hello, "supported_versions", "versions") != NULL)
		return "";
	return bare_version(json_text(hello, "legacy_version"));
}

json_t *offered_versions(const json_t *hello)
{
	static const char *const ladder[] = {"1.0", "1.1", "1.2"};
	const json_t *list = extension_list(hello, "supported_versions", "versions");
	const char *legacy = offered_legacy_version(hello);
	json_t *versions = json_made(json_array());
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (json_is_string(item) && bare_version(json_string_value(item))[0] != '\0')
			word_list_add(versions, bare_version(json_string_value(item)));
	for (i = 0; i < sizeof(ladder) / sizeof(ladder[0]); i++)
		if (strcmp(ladder[i], legacy) <= 0)
			word_list_add(versions, ladder[i]);
	return versions;
}

const json_t *offered_suites(const json_t *hello)
{
	return json_object_get(hello, "cipher_suites");
}

const json_t *offered_groups(const json_t *hello)
{
	return extension_list(hello, "supported_groups", "named_group_list");
}

const json_t *offered_signatures(const json_t *hello)
{
	return extension_list(hello, "signature_algorithms", "supported_signature_algorithms");
}

const json_t *offered_protocols(const json_t *hello)
{
	return extension_list(hello, "application_layer_protocol_negotiation",
	                      "protocol_name_list");
}
