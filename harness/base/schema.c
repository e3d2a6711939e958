#include "base/schema.h"

#include "base/assert.h"
#include "base/words.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#define REF_HOPS_MAX 16 /* references that may lead to one another */

#define count_of(array) (sizeof(array) / sizeof((array)[0]))

struct pattern {
	const char *text; /* borrowed from the schema */
	regex_t compiled;
};

struct schema {
	char *name;
	json_t *root;
	struct pattern *patterns;
	size_t n_patterns;
};

/* A value, and the definition that it is checked against. */
struct place {
	const struct schema *schema;
	const struct json_node *node;
	const json_t *definition;
};

/* One keyword: what its argument must look like, and how a value is checked against it. */
struct keyword {
	const char *name;
	const char *argument; /* its type; NULL: any */
	/* What is asked of the argument beyond its type; or NULL. */
	int (*shape)(struct schema *schema, const struct json_node *argument, struct error *error);
	/* NULL for notes. */
	int (*check)(const struct place *at, const json_t *argument, struct error *error);
};

static int inspect(struct schema *schema, const struct json_node *definition, struct error *error);
static int check(const struct schema *schema, const struct json_node *node,
                 const json_t *definition, struct error *error);

/* Complains with the text in `sentence`, and frees it. */
static int complain_buf(const struct json_node *node, struct error *error, struct buf *sentence)
{
	int rc = json_complain(node, error, "%s", buf_string(sentence));

	buf_fini(sentence);
	return rc;
}

/* The types. */

static bool is_whole(const json_t *value)
{
	double number = json_number_value(value);

	/* 2.0 is an integer too (JSON Schema Core, section 4.2.3). */
	return json_is_integer(value) ||
	       (json_is_real(value) && number > -1e15 && number < 1e15 &&
	        (double)(long long)number == number);
}

static bool is_number(const json_t *value)
{
	return json_is_number(value);
}

static bool is_text(const json_t *value)
{
	return json_is_string(value);
}

static bool is_list(const json_t *value)
{
	return json_is_array(value);
}

static bool is_object(const json_t *value)
{
	return json_is_object(value);
}

static bool is_flag(const json_t *value)
{
	return json_is_boolean(value);
}

static bool is_null(const json_t *value)
{
	return json_is_null(value);
}

static const struct type {
	const char *name;
	const char *words;
	bool (*holds)(const json_t *value);
} types[] = {
	{"string", "a string", is_text},
	{"array", "a list", is_list},
	{"object", "an object", is_object},
	{"boolean", "true or false", is_flag},
	{"integer", "a whole number", is_whole},
	{"number", "a number", is_number},
	{"null", "null", is_null},
};

static const struct type *find_type(const json_t *name)
{
	for (size_t i = 0; i < count_of(types); i++)
		if (json_is_string(name) && strcmp(types[i].name, json_string_value(name)) == 0)
			return &types[i];
	return NULL;
}

/* Whether `value` is of the type `names`, a name or a list of names. */
static bool type_admits(const json_t *names, const json_t *value)
{
	json_t *name;
	size_t i;

	if (json_is_string(names))
		return find_type(names)->holds(value);
	json_array_foreach(names, i, name)
		if (find_type(name)->holds(value))
			return true;
	return false;
}

static void put_types(struct buf *out, const json_t *names)
{
	json_t *name;
	size_t i;

	if (json_is_string(names))
		buf_text(out, find_type(names)->words);
	json_array_foreach(names, i, name)
		buf_printf(out, "%s%s", i > 0 ? " or " : "", find_type(name)->words);
}

static int complain_type(const struct json_node *node, const json_t *names, struct error *error)
{
	struct buf sentence = {0};

	buf_text(&sentence, "must be ");
	put_types(&sentence, names);
	buf_text(&sentence, ", not ");
	if (json_is_object(node->value))
		buf_text(&sentence, "an object");
	else if (json_is_array(node->value))
		buf_text(&sentence, "a list");
	else
		words_show(&sentence, node->value);
	return complain_buf(node, error, &sentence);
}

static int check_type(const struct place *at, const json_t *names, struct error *error)
{
	return type_admits(names, at->node->value) ? 0 : complain_type(at->node, names, error);
}

/* Any value. */

static int check_enum(const struct place *at, const json_t *allowed, struct error *error)
{
	const char *nearest = NULL;
	struct buf sentence = {0};
	json_t *value;
	size_t i;

	json_array_foreach(allowed, i, value)
		if (json_equal(value, at->node->value))
			return 0;
	buf_text(&sentence, json_array_size(allowed) > 1 ? "must be one of " : "must be ");
	words_join(&sentence, allowed);
	buf_text(&sentence, ", not ");
	words_show(&sentence, at->node->value);
	if (json_is_string(at->node->value) && json_array_size(allowed) > 1)
		nearest = words_nearest(json_string_value(at->node->value), allowed);
	if (nearest != NULL)
		buf_printf(&sentence, " (did you mean \"%s\"?)", nearest);
	return complain_buf(at->node, error, &sentence);
}

static int check_const(const struct place *at, const json_t *allowed, struct error *error)
{
	json_t *only = json_made(json_pack("[O]", (json_t *)allowed));
	int rc = check_enum(at, only, error);

	json_decref(only);
	return rc;
}

/* The definition that "#/a/b" names, or NULL. */
static json_t *follow(const struct schema *schema, const char *pointer)
{
	json_t *found = schema->root;
	const char *step = pointer + 1;

	if (pointer[0] != '#')
		return NULL;
	while (found != NULL && *step == '/') {
		size_t len = strcspn(step + 1, "/");
		char *key = strndup(step + 1, len);

		CHECK(key != NULL);
		found = json_object_get(found, key);
		free(key);
		step += 1 + len;
	}
	return *step == '\0' ? found : NULL;
}

/* The end of a chain of references; `definition` itself if it has none. */
static json_t *resolve(const struct schema *schema, json_t *definition)
{
	json_t *ref;

	for (int hops = 0; hops < REF_HOPS_MAX; hops++) {
		ref = json_object_get(definition, "$ref");
		if (ref == NULL)
			return definition;
		definition = follow(schema, json_string_value(ref));
	}
	return NULL;
}

static int check_ref(const struct place *at, const json_t *pointer, struct error *error)
{
	return check(at->schema, at->node, follow(at->schema, json_string_value(pointer)), error);
}

/* No branch fits: the complaint of the first one that is meant for values of this type. */
static int complain_branches(const struct schema *schema, const struct json_node *node,
                             const json_t *branches, struct error *error)
{
	json_t *names = json_made(json_array());
	json_t *branch;
	size_t i;
	int rc;

	json_array_foreach(branches, i, branch) {
		json_t *type = json_object_get(resolve(schema, branch), "type");

		if (type == NULL || type_admits(type, node->value)) {
			rc = check(schema, node, branch, error);
			goto out;
		}
		if (json_is_string(type))
			json_array_append(names, type);
		else
			json_array_extend(names, type);
	}
	rc = complain_type(node, names, error);
out:
	json_decref(names);
	return rc;
}

static size_t count_fitting(const struct schema *schema, const struct json_node *node,
                            const json_t *branches)
{
	size_t n = 0, i;
	json_t *branch;

	json_array_foreach(branches, i, branch)
		n += check(schema, node, branch, NULL) == 0;
	return n;
}

static int check_any_of(const struct place *at, const json_t *branches, struct error *error)
{
	if (count_fitting(at->schema, at->node, branches) > 0)
		return 0;
	return complain_branches(at->schema, at->node, branches, error);
}

/* The keys of branches that each do nothing but require one key, as a new list; else NULL. */
static json_t *required_by_branches(const json_t *branches)
{
	json_t *keys = json_made(json_array());
	json_t *branch;
	size_t i;

	json_array_foreach(branches, i, branch) {
		json_t *required = json_object_get(branch, "required");

		if (json_object_size(branch) != 1 || json_array_size(required) != 1) {
			json_decref(keys);
			return NULL;
		}
		json_array_append(keys, json_array_get(required, 0));
	}
	return keys;
}

static int check_one_of(const struct place *at, const json_t *branches, struct error *error)
{
	size_t n = count_fitting(at->schema, at->node, branches);
	struct buf sentence = {0};
	json_t *keys;

	if (n == 1)
		return 0;
	keys = required_by_branches(branches);
	if (keys == NULL && n == 0)
		return complain_branches(at->schema, at->node, branches, error);
	if (keys == NULL)
		return json_complain(at->node, error,
		                     "fits more than one of the forms it may have");
	buf_text(&sentence, n == 0 ? "needs one of " : "may have only one of ");
	words_join(&sentence, keys);
	json_decref(keys);
	return complain_buf(at->node, error, &sentence);
}

/* Sizes. */

static int too_few(const struct json_node *node, struct error *error, size_t n, const json_t *limit,
                   const char *what)
{
	long long least = json_integer_value(limit);

	if ((long long)n >= least)
		return 0;
	if (n == 0 && least == 1)
		return json_complain(node, error, "must not be empty");
	return json_complain(node, error, "needs at least %lld %s%s, but has %zu", least, what,
	                     least == 1 ? "" : "s", n);
}

static int too_many(const struct json_node *node, struct error *error, size_t n,
                    const json_t *limit, const char *what)
{
	long long most = json_integer_value(limit);

	if ((long long)n <= most)
		return 0;
	return json_complain(node, error, "may have at most %lld %s%s, but has %zu", most, what,
	                     most == 1 ? "" : "s", n);
}

/* Code points of a text that jansson has found to be UTF-8. */
static size_t n_characters(const json_t *text)
{
	size_t n = 0;

	for (const char *at = json_string_value(text); *at != '\0'; at++)
		n += ((unsigned char)*at & 0xc0) != 0x80;
	return n;
}

static int check_min_length(const struct place *at, const json_t *limit, struct error *error)
{
	if (!json_is_string(at->node->value))
		return 0;
	return too_few(at->node, error, n_characters(at->node->value), limit, "character");
}

static int check_max_length(const struct place *at, const json_t *limit, struct error *error)
{
	if (!json_is_string(at->node->value))
		return 0;
	return too_many(at->node, error, n_characters(at->node->value), limit, "character");
}

static int check_min_items(const struct place *at, const json_t *limit, struct error *error)
{
	if (!json_is_array(at->node->value))
		return 0;
	return too_few(at->node, error, json_array_size(at->node->value), limit, "element");
}

static int check_max_items(const struct place *at, const json_t *limit, struct error *error)
{
	if (!json_is_array(at->node->value))
		return 0;
	return too_many(at->node, error, json_array_size(at->node->value), limit, "element");
}

static int check_min_properties(const struct place *at, const json_t *limit, struct error *error)
{
	if (!json_is_object(at->node->value))
		return 0;
	return too_few(at->node, error, json_object_size(at->node->value), limit, "member");
}

static int complain_limit(const struct json_node *node, struct error *error, const char *relation,
                          const json_t *limit)
{
	struct buf sentence = {0};

	buf_printf(&sentence, "must be at %s ", relation);
	words_show(&sentence, limit);
	buf_text(&sentence, ", not ");
	words_show(&sentence, node->value);
	return complain_buf(node, error, &sentence);
}

static int check_minimum(const struct place *at, const json_t *limit, struct error *error)
{
	if (!json_is_number(at->node->value) ||
	    json_number_value(at->node->value) >= json_number_value(limit))
		return 0;
	return complain_limit(at->node, error, "least", limit);
}

static int check_maximum(const struct place *at, const json_t *limit, struct error *error)
{
	if (!json_is_number(at->node->value) ||
	    json_number_value(at->node->value) <= json_number_value(limit))
		return 0;
	return complain_limit(at->node, error, "most", limit);
}

/* Strings. */

static const struct pattern *find_pattern(const struct schema *schema, const char *text)
{
	for (size_t i = 0; i < schema->n_patterns; i++)
		if (strcmp(schema->patterns[i].text, text) == 0)
			return &schema->patterns[i];
	return NULL;
}

static int check_pattern(const struct place *at, const json_t *text, struct error *error)
{
	const struct pattern *pattern = find_pattern(at->schema, json_string_value(text));
	const char *description = json_text(at->definition, "description");
	struct buf sentence = {0};

	if (!json_is_string(at->node->value) ||
	    regexec(&pattern->compiled, json_string_value(at->node->value), 0, NULL, 0) == 0)
		return 0;
	buf_printf(&sentence, "must be %s (%s), not ",
	           description[0] != '\0' ? description : "of the form", pattern->text);
	words_show(&sentence, at->node->value);
	return complain_buf(at->node, error, &sentence);
}

/* Arrays. */

static int check_unique_items(const struct place *at, const json_t *wanted, struct error *error)
{
	json_t *seen = json_made(json_object());
	json_t *element;
	int rc = 0;
	size_t i;

	if (!json_is_true(wanted))
		goto out;
	json_array_foreach(at->node->value, i, element) {
		char *text = json_dumps(element, JSON_ENCODE_ANY | JSON_SORT_KEYS);
		struct json_node item = json_item(at->node, i);
		bool again;

		CHECK(text != NULL);
		again = json_object_get(seen, text) != NULL;
		json_object_set_new(seen, text, json_true());
		free(text);
		if (again) {
			rc = json_complain(&item, error, "stands in this list for the second time");
			goto out;
		}
	}
out:
	json_decref(seen);
	return rc;
}

static int check_items(const struct place *at, const json_t *of_each, struct error *error)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < json_array_size(at->node->value); i++) {
		struct json_node item = json_item(at->node, i);

		rc = check(at->schema, &item, of_each, error);
	}
	return rc;
}

/* Objects. */

static json_t *keys_of(const json_t *object)
{
	json_t *keys = json_made(json_array());
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value)
		json_array_append_new(keys, json_made(json_string(key)));
	return keys;
}

static int complain_unknown_key(const struct json_node *node, const char *key,
                                const json_t *properties, struct error *error)
{
	json_t *known = keys_of(properties);
	struct buf sentence = {0};

	words_unknown(&sentence, "key", key, known);
	json_decref(known);
	return complain_buf(node, error, &sentence);
}

static int check_additional(const struct place *at, const json_t *allowed, struct error *error)
{
	const json_t *properties = json_object_get(at->definition, "properties");
	const char *key;
	json_t *value;

	json_object_foreach(at->node->value, key, value) {
		struct json_node member;
		int rc;

		if (json_object_get(properties, key) != NULL)
			continue;
		if (json_is_false(allowed))
			return complain_unknown_key(at->node, key, properties, error);
		member = json_member(at->node, key);
		rc = check(at->schema, &member, allowed, error);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int check_required(const struct place *at, const json_t *keys, struct error *error)
{
	struct buf sentence = {0};
	json_t *key;
	size_t i;

	if (!json_is_object(at->node->value))
		return 0;
	json_array_foreach(keys, i, key) {
		if (json_object_get(at->node->value, json_string_value(key)) != NULL)
			continue;
		buf_printf(&sentence, "\"%s\" is missing; needed are ", json_string_value(key));
		words_join(&sentence, keys);
		return complain_buf(at->node, error, &sentence);
	}
	return 0;
}

static int check_dependent(const struct place *at, const json_t *dependencies, struct error *error)
{
	json_t *keys, *key;
	const char *given;
	size_t i;

	json_object_foreach((json_t *)dependencies, given, keys) {
		if (json_object_get(at->node->value, given) == NULL)
			continue;
		json_array_foreach(keys, i, key)
			if (json_object_get(at->node->value, json_string_value(key)) == NULL)
				return json_complain(at->node, error,
				                     "\"%s\" needs \"%s\" beside it", given,
				                     json_string_value(key));
	}
	return 0;
}

static int check_properties(const struct place *at, const json_t *properties, struct error *error)
{
	const char *key;
	json_t *value;

	json_object_foreach(at->node->value, key, value) {
		const json_t *of_member = json_object_get(properties, key);
		struct json_node member = json_member(at->node, key);
		int rc = of_member != NULL ? check(at->schema, &member, of_member, error) : 0;

		if (rc != 0)
			return rc;
	}
	return 0;
}

/* What the arguments of keywords must look like. */

static int shape_filled(struct schema *schema, const struct json_node *argument,
                        struct error *error)
{
	(void)schema;
	return json_array_size(argument->value) > 0
	           ? 0
	           : json_complain(argument, error, "must not be empty");
}

static int shape_names(struct schema *schema, const struct json_node *argument, struct error *error)
{
	json_t *name;
	size_t i;

	(void)schema;
	json_array_foreach(argument->value, i, name)
		if (!json_is_string(name))
			return json_complain(argument, error, "must be a list of keys");
	return 0;
}

static int shape_types(struct schema *schema, const struct json_node *argument, struct error *error)
{
	json_t *name;
	size_t i;

	(void)schema;
	if (json_is_string(argument->value) && find_type(argument->value) != NULL)
		return 0;
	if (json_array_size(argument->value) == 0)
		return json_complain(argument, error, "must be a type, or a list of types");
	json_array_foreach(argument->value, i, name)
		if (find_type(name) == NULL)
			return json_complain(argument, error, "has an unknown type");
	return 0;
}

static int shape_ref(struct schema *schema, const struct json_node *argument, struct error *error)
{
	json_t *definition = argument->value;

	for (int hops = 0; hops < REF_HOPS_MAX && definition != NULL; hops++) {
		definition = json_is_string(definition)
		                 ? follow(schema, json_string_value(definition))
		                 : NULL;
		if (json_is_object(definition) && json_object_get(definition, "$ref") == NULL)
			return 0;
		definition = json_object_get(definition, "$ref");
	}
	return json_complain(argument, error, "leads to no definition");
}

static int shape_pattern(struct schema *schema, const struct json_node *argument,
                         struct error *error)
{
	struct pattern *added;
	char reason[128];
	int rc;

	if (find_pattern(schema, json_string_value(argument->value)) != NULL)
		return 0;
	added = reallocarray(schema->patterns, schema->n_patterns + 1, sizeof(*added));
	CHECK(added != NULL);
	schema->patterns = added;
	added += schema->n_patterns;
	added->text = json_string_value(argument->value);
	rc = regcomp(&added->compiled, added->text, REG_EXTENDED | REG_NOSUB);
	if (rc != 0) {
		regerror(rc, &added->compiled, reason, sizeof(reason));
		return json_complain(argument, error, "is no regular expression: %s", reason);
	}
	schema->n_patterns++;
	return 0;
}

static int shape_definition(struct schema *schema, const struct json_node *argument,
                            struct error *error)
{
	return inspect(schema, argument, error);
}

static int shape_additional(struct schema *schema, const struct json_node *argument,
                            struct error *error)
{
	return json_is_false(argument->value) ? 0 : inspect(schema, argument, error);
}

static int shape_branches(struct schema *schema, const struct json_node *argument,
                          struct error *error)
{
	int rc = shape_filled(schema, argument, error);

	for (size_t i = 0; rc == 0 && i < json_array_size(argument->value); i++) {
		struct json_node branch = json_item(argument, i);

		rc = inspect(schema, &branch, error);
	}
	return rc;
}

/* An object whose members all have the shape `shape`. */
static int shape_members(struct schema *schema, const struct json_node *argument,
                         int (*shape)(struct schema *, const struct json_node *, struct error *),
                         struct error *error)
{
	const char *key;
	json_t *value;
	int rc = 0;

	json_object_foreach(argument->value, key, value) {
		struct json_node member = json_member(argument, key);

		rc = shape(schema, &member, error);
		if (rc != 0)
			break;
	}
	return rc;
}

static int shape_definitions(struct schema *schema, const struct json_node *argument,
                             struct error *error)
{
	return shape_members(schema, argument, shape_definition, error);
}

static int shape_dependencies(struct schema *schema, const struct json_node *argument,
                              struct error *error)
{
	return shape_members(schema, argument, shape_names, error);
}

/* In the order in which a value is checked, which is the order of complaints. */
static const struct keyword keywords[] = {
	{"type", NULL, shape_types, check_type},
	{"$ref", "string", shape_ref, check_ref},
	{"enum", "array", shape_filled, check_enum},
	{"const", NULL, NULL, check_const},
	{"minLength", "integer", NULL, check_min_length},
	{"maxLength", "integer", NULL, check_max_length},
	{"pattern", "string", shape_pattern, check_pattern},
	{"minimum", "number", NULL, check_minimum},
	{"maximum", "number", NULL, check_maximum},
	{"minItems", "integer", NULL, check_min_items},
	{"maxItems", "integer", NULL, check_max_items},
	{"additionalProperties", NULL, shape_additional, check_additional},
	{"minProperties", "integer", NULL, check_min_properties},
	{"required", "array", shape_names, check_required},
	{"dependentRequired", "object", shape_dependencies, check_dependent},
	{"anyOf", "array", shape_branches, check_any_of},
	{"oneOf", "array", shape_branches, check_one_of},
	{"properties", "object", shape_definitions, check_properties},
	{"items", "object", shape_definition, check_items},
	{"uniqueItems", "boolean", NULL, check_unique_items},
	{"$defs", "object", shape_definitions, NULL},
	{"$schema", "string", NULL, NULL},
	{"$id", "string", NULL, NULL},
	{"$comment", "string", NULL, NULL},
	{"title", "string", NULL, NULL},
	{"description", "string", NULL, NULL},
	{"default", NULL, NULL, NULL},
	{"examples", "array", NULL, NULL},
};

static const struct keyword *find_keyword(const char *name)
{
	for (size_t i = 0; i < count_of(keywords); i++)
		if (strcmp(keywords[i].name, name) == 0)
			return &keywords[i];
	return NULL;
}

static int inspect_keyword(struct schema *schema, const struct json_node *definition,
                           const char *key, struct error *error)
{
	const struct keyword *keyword = find_keyword(key);
	struct json_node argument = json_member(definition, key);
	json_t *type;
	int rc = 0;

	if (keyword == NULL)
		return json_complain(definition, error, "the keyword \"%s\" is not understood",
		                     key);
	if (keyword->argument != NULL) {
		type = json_made(json_string(keyword->argument));
		if (!type_admits(type, argument.value))
			rc = complain_type(&argument, type, error);
		json_decref(type);
	}
	if (rc == 0 && keyword->shape != NULL)
		rc = keyword->shape(schema, &argument, error);
	return rc;
}

/* Checks that `definition` uses the subset alone, and compiles its patterns. */
static int inspect(struct schema *schema, const struct json_node *definition, struct error *error)
{
	const char *key;
	json_t *value;
	int rc = 0;

	if (!json_is_object(definition->value))
		return json_complain(definition, error, "must be an object");
	json_object_foreach(definition->value, key, value) {
		rc = inspect_keyword(schema, definition, key, error);
		if (rc != 0)
			break;
	}
	return rc;
}

static int check(const struct schema *schema, const struct json_node *node,
                 const json_t *definition, struct error *error)
{
	const struct place at = {schema, node, definition};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count_of(keywords); i++) {
		const json_t *argument = json_object_get(definition, keywords[i].name);

		if (argument != NULL && keywords[i].check != NULL)
			rc = keywords[i].check(&at, argument, error);
	}
	return rc;
}

int schema_new(struct schema **schema, const char *name, json_t *value, struct error *error)
{
	struct schema *made = calloc(1, sizeof(*made));
	struct json_node root;
	int rc;

	CHECK(made != NULL);
	made->name = strdup(name);
	CHECK(made->name != NULL);
	made->root = json_incref(value);
	root = json_root(made->name, value);
	rc = inspect(made, &root, error);
	if (rc != 0) {
		schema_free(made);
		if (error != NULL)
			error->code = ERR_ENVIRONMENT;
		return ERR_ENVIRONMENT;
	}
	*schema = made;
	return 0;
}

int schema_load(struct schema **schema, const char *path, struct error *error)
{
	json_t *value = NULL;
	int rc = json_load_path(path, &value, error);

	if (rc == 0)
		rc = schema_new(schema, path, value, error);
	json_decref(value);
	return rc;
}

void schema_free(struct schema *schema)
{
	if (schema == NULL)
		return;
	for (size_t i = 0; i < schema->n_patterns; i++)
		regfree(&schema->patterns[i].compiled);
	free(schema->patterns);
	json_decref(schema->root);
	free(schema->name);
	free(schema);
}

int schema_check(const struct schema *schema, const char *file, json_t *value, struct error *error)
{
	struct json_node root = json_root(file, value);

	return check(schema, &root, schema->root, error);
}

int schema_check_part(const struct schema *schema, const char *pointer,
                      const struct json_node *node, struct error *error)
{
	const json_t *definition = follow(schema, pointer);

	CHECK(definition != NULL);
	return check(schema, node, definition, error);
}
