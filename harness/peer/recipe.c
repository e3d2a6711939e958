#include "peer/recipe.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"
#include "base/schema.h"
#include "base/words.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SCHEMA "scenarios/schema/recipes.schema.json"

static const char *const role_names[CERT_N_ROLES] = {
	[CERT_ROOT] = "root",
	[CERT_INTERMEDIATE] = "intermediate",
	[CERT_SERVER] = "server",
	[CERT_CLIENT] = "client",
};

/* NetX Duo reads PKCS #1 and SEC 1 only; PKCS #8 is the one form of the other keys. */
#define DER_TRADITIONAL "type-specific"
#define DER_PKCS8 "PrivateKeyInfo"

static const struct key_type key_types[] = {
	{"rsa-2048", "RSA", NULL, 2048, true, DER_TRADITIONAL},
	{"rsa-3072", "RSA", NULL, 3072, true, DER_TRADITIONAL},
	{"rsa-4096", "RSA", NULL, 4096, true, DER_TRADITIONAL},
	{"rsa-pss-2048", "RSA-PSS", NULL, 2048, true, DER_PKCS8},
	{"ecdsa-p256", "EC", "P-256", 0, true, DER_TRADITIONAL},
	{"ecdsa-p384", "EC", "P-384", 0, true, DER_TRADITIONAL},
	{"ecdsa-p521", "EC", "P-521", 0, true, DER_TRADITIONAL},
	{"ed25519", "ED25519", NULL, 0, false, DER_PKCS8},
};

const char *cert_role_name(enum cert_role role)
{
	CHECK(role < CERT_N_ROLES);
	return role_names[role];
}

static enum cert_role role_find(const char *name)
{
	size_t role = 0;

	while (role < CERT_N_ROLES && strcmp(role_names[role], name) != 0)
		role++;
	CHECK(role < CERT_N_ROLES); /* the schema knows no other */
	return (enum cert_role)role;
}

static const struct key_type *key_type_find(const char *name)
{
	size_t i = 0;

	while (i < COUNT(key_types) && strcmp(key_types[i].name, name) != 0)
		i++;
	CHECK(i < COUNT(key_types)); /* the schema knows no other */
	return &key_types[i];
}

static bool is_ca(const struct recipe *recipe)
{
	return recipe->role == CERT_ROOT || recipe->role == CERT_INTERMEDIATE;
}

static struct recipe *recipe_find(const struct recipes *recipes, const char *name)
{
	for (size_t i = 0; i < recipes->n; i++) {
		if (strcmp(recipes->list[i].name, name) == 0)
			return &recipes->list[i];
	}
	return NULL;
}

static int check_against_schema(const char *path, json_t *json, struct error *error)
{
	const char *root = file_data_root(error);
	struct schema *schema = NULL;
	char *schema_path;
	int rc;

	if (root == NULL)
		return error->code;
	schema_path = file_join(root, SCHEMA);
	rc = schema_load(&schema, schema_path, error);
	if (rc == 0)
		rc = schema_check(schema, path, json, error);
	schema_free(schema);
	free(schema_path);
	return rc;
}

/* Fills in what needs no other recipe. */
static struct recipe recipe_of(json_t *json)
{
	const json_t *path_length = json_object_get(json, "path_length");

	return (struct recipe){
		.name = json_text(json, "name"),
		.role = role_find(json_text(json, "role")),
		.key = key_type_find(json_text(json, "key")),
		.digest = json_string_value(json_object_get(json, "digest")),
		.subject = json_object_get(json, "subject"),
		.names = json_object_get(json, "names"),
		.key_usage = json_object_get(json, "key_usage"),
		.extended_key_usage = json_object_get(json, "extended_key_usage"),
		.days = (int)json_number(json, "days"),
		.path_length = path_length != NULL ? (int)json_integer_value(path_length) : -1,
		.json = json,
	};
}

static void fill(struct recipes *recipes, const json_t *list)
{
	recipes->n = json_array_size(list);
	recipes->list = calloc(recipes->n, sizeof(*recipes->list));
	recipes->order = calloc(recipes->n, sizeof(*recipes->order));
	CHECK(recipes->list != NULL && recipes->order != NULL);
	for (size_t i = 0; i < recipes->n; i++)
		recipes->list[i] = recipe_of(json_array_get(list, i));
}

static int check_name(const struct recipes *recipes, const struct recipe *recipe,
                      const struct json_node *node, struct error *error)
{
	const struct recipe *first = recipe_find(recipes, recipe->name);
	struct json_node name = json_member(node, "name");

	if (first == recipe)
		return 0;
	return json_complain(&name, error, "\"%s\" is the name of $.certificates[%zu] already",
	                     recipe->name, (size_t)(first - recipes->list));
}

/* `found` is the recipe of that name, or NULL. */
static int complain_of_issuer(const struct recipes *recipes, const struct recipe *found,
                              const struct json_node *issuer, struct error *error)
{
	json_t *known = recipes_names(recipes, CERT_ROOT);
	json_t *intermediates = recipes_names(recipes, CERT_INTERMEDIATE);
	const char *name = json_string_value(issuer->value);
	struct buf sentence = {0};
	int rc;

	CHECK(json_array_extend(known, intermediates) == 0);
	if (found != NULL)
		buf_printf(&sentence, "\"%s\" is of role \"%s\" and signs no others", name,
		           cert_role_name(found->role));
	else
		words_unknown(&sentence, "issuer", name, known);
	rc = json_complain(issuer, error, "%s", buf_string(&sentence));
	buf_fini(&sentence);
	json_decref(intermediates);
	json_decref(known);
	return rc;
}

/* Sets recipe->issuer. */
static int link_issuer(const struct recipes *recipes, struct recipe *recipe,
                       const struct json_node *node, struct error *error)
{
	struct json_node issuer = json_member(node, "issuer");

	if (recipe->role == CERT_ROOT && issuer.value != NULL)
		return json_complain(&issuer, error, "a root signs itself: leave \"issuer\" out");
	if (recipe->role == CERT_ROOT)
		return 0;
	if (issuer.value == NULL)
		return json_complain(node, error,
		                     "\"issuer\" is missing: a certificate of role \"%s\" needs one",
		                     cert_role_name(recipe->role));
	recipe->issuer = recipe_find(recipes, json_string_value(issuer.value));
	if (recipe->issuer == NULL || !is_ca(recipe->issuer))
		return complain_of_issuer(recipes, recipe->issuer, &issuer, error);
	return 0;
}

static int check_digest(const struct recipe *recipe, const struct json_node *node,
                        struct error *error)
{
	const struct recipe *signer = recipe->issuer != NULL ? recipe->issuer : recipe;
	struct json_node digest = json_member(node, "digest");

	if (signer->key->takes_digest && recipe->digest == NULL)
		return json_complain(node, error,
		                     "\"digest\" is missing: %s signs with its %s key and a digest",
		                     signer->name, signer->key->name);
	if (!signer->key->takes_digest && recipe->digest != NULL)
		return json_complain(&digest, error,
		                     "%s signs with its %s key, which takes no digest: "
		                     "leave \"digest\" out",
		                     signer->name, signer->key->name);
	return 0;
}

static int check_path_length(const struct recipe *recipe, const struct json_node *node,
                             struct error *error)
{
	struct json_node path_length = json_member(node, "path_length");

	if (recipe->path_length < 0 || is_ca(recipe))
		return 0;
	return json_complain(&path_length, error, "a certificate of role \"%s\" signs no others: "
	                     "leave \"path_length\" out", cert_role_name(recipe->role));
}

static int check_addresses(const struct recipe *recipe, const struct json_node *node,
                           struct error *error)
{
	struct json_node names = json_member(node, "names");
	struct in6_addr address;

	for (size_t i = 0; i < json_array_size(recipe->names); i++) {
		struct json_node name = json_item(&names, i);
		const char *text = json_string_value(name.value);

		if (strncmp(text, "IP:", 3) == 0 && inet_pton(AF_INET, text + 3, &address) != 1 &&
		    inet_pton(AF_INET6, text + 3, &address) != 1)
			return json_complain(&name, error, "\"%s\" is no IPv4 or IPv6 address", text + 3);
	}
	return 0;
}

static int check_recipe(const struct recipes *recipes, struct recipe *recipe,
                        const struct json_node *node, struct error *error)
{
	int rc = check_name(recipes, recipe, node, error);

	if (rc == 0)
		rc = link_issuer(recipes, recipe, node, error);
	if (rc == 0)
		rc = check_digest(recipe, node, error);
	if (rc == 0)
		rc = check_path_length(recipe, node, error);
	if (rc == 0)
		rc = check_addresses(recipe, node, error);
	return rc;
}

/* The steps up to the root; n if the steps lead into a loop. */
static size_t depth_of(const struct recipe *recipe, size_t n)
{
	size_t depth = 0;

	while (recipe->issuer != NULL && depth < n) {
		recipe = recipe->issuer;
		depth++;
	}
	return depth;
}

/* `recipe` leads into a loop. After n steps one is inside it, wherever one began. */
static int complain_of_loop(const struct recipes *recipes, const struct recipe *recipe,
                            const struct json_node *list, struct error *error)
{
	struct json_node node, issuer;
	const struct recipe *first;

	for (size_t i = 0; i < recipes->n; i++)
		recipe = recipe->issuer;
	first = recipe;
	node = json_item(list, (size_t)(first - recipes->list));
	issuer = json_member(&node, "issuer");
	json_complain(&issuer, error, "the issuers go round in a loop and reach no root: %s",
	              first->name);
	do {
		recipe = recipe->issuer;
		error_append(error, ", %s", recipe->name);
	} while (recipe != first);
	return ERR_INPUT;
}

/* Fills recipes->order by the steps up to the root: an issuer comes before what it signs. */
static int put_in_order(struct recipes *recipes, const struct json_node *list, struct error *error)
{
	size_t placed = 0;

	for (size_t i = 0; i < recipes->n; i++) {
		if (depth_of(&recipes->list[i], recipes->n) == recipes->n)
			return complain_of_loop(recipes, &recipes->list[i], list, error);
	}
	for (size_t depth = 0; placed < recipes->n; depth++) {
		for (size_t i = 0; i < recipes->n; i++) {
			if (depth_of(&recipes->list[i], recipes->n) == depth)
				recipes->order[placed++] = &recipes->list[i];
		}
	}
	return 0;
}

int recipes_load(struct recipes *recipes, const char *path, struct error *error)
{
	struct json_node root, list;
	int rc;

	*recipes = (struct recipes){0};
	rc = json_load_path(path, &recipes->json, error);
	if (rc == 0)
		rc = check_against_schema(path, recipes->json, error);
	if (rc != 0)
		goto out;
	root = json_root(path, recipes->json);
	list = json_member(&root, "certificates");
	fill(recipes, list.value);
	for (size_t i = 0; rc == 0 && i < recipes->n; i++) {
		struct json_node node = json_item(&list, i);

		rc = check_recipe(recipes, &recipes->list[i], &node, error);
	}
	if (rc == 0)
		rc = put_in_order(recipes, &list, error);
out:
	if (rc != 0)
		recipes_fini(recipes);
	return rc;
}

void recipes_fini(struct recipes *recipes)
{
	free(recipes->list);
	free(recipes->order);
	json_decref(recipes->json);
	*recipes = (struct recipes){0};
}

json_t *recipes_names(const struct recipes *recipes, enum cert_role role)
{
	json_t *names = json_made(json_array());

	for (size_t i = 0; i < recipes->n; i++) {
		if (recipes->list[i].role == role)
			json_array_append_new(names, json_made(json_string(recipes->list[i].name)));
	}
	return names;
}

char *recipe_canonical(const struct recipe *recipe)
{
	json_t *copy = json_made(json_copy(recipe->json));
	char *line;

	json_object_del(copy, "why");
	line = json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS);
	CHECK(line != NULL);
	json_decref(copy);
	return line;
}
