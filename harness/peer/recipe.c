#include "peer/recipe.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"
#include "base/schema.h"
#include "base/words.h"

#include <arpa/inet.h>
#include <openssl/objects.h>
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
	{"rsa-1024", "RSA", NULL, 1024, true, DER_TRADITIONAL},
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

const struct recipe *recipes_find(const struct recipes *recipes, const char *name)
{
	for (size_t i = 0; i < recipes->n; i++) {
		if (strcmp(recipes->list[i].name, name) == 0)
			return &recipes->list[i];
	}
	return NULL;
}

bool recipe_has_status(const struct recipe *recipe)
{
	return recipe->role == CERT_SERVER && recipe->refuse == NULL && recipe->issuer != NULL;
}

size_t recipe_needs(const struct recipe *recipe, const struct recipe *needs[RECIPE_NEEDS_MAX])
{
	const struct recipe *const others[] = {recipe->issuer, recipe->key_of, recipe->trust};
	size_t n = 0;

	for (size_t i = 0; i < COUNT(others); i++)
		if (others[i] != NULL)
			needs[n++] = others[i];
	for (size_t i = 0; i < recipe->n_chain; i++)
		if (recipe->chain[i] != recipe)
			needs[n++] = recipe->chain[i];
	return n;
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

/* --- a recipe that is like another ------------------------------------------------------------ */

static int complain_of_model(const struct json_node *like, const json_t *list, struct error *error)
{
	const char *name = json_string_value(like->value);
	json_t *known = json_made(json_array());
	struct buf sentence = {0};
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		json_array_append(known, json_object_get(item, "name"));
	words_unknown(&sentence, "certificate", name, known);
	json_complain(like, error, "%s", buf_string(&sentence));
	buf_fini(&sentence);
	json_decref(known);
	return ERR_INPUT;
}

/* A new object in *whole: the recipe at `node` with what it takes from its model. */
static int complete(const struct json_node *node, const json_t *list, json_t **whole,
                    struct error *error)
{
	static const char *const needed[] = {"role", "key", "subject", "key_usage", "days"};
	struct json_node like = json_member(node, "like");
	json_t *model = NULL;

	if (like.value != NULL) {
		model = json_find(list, "name", json_string_value(like.value));
		if (model == NULL)
			return complain_of_model(&like, list, error);
		if (json_object_get(model, "like") != NULL)
			return json_complain(&like, error, "\"%s\" is like another itself: name "
			                     "one that is written out",
			                     json_string_value(like.value));
	}
	*whole = json_made(model != NULL ? json_copy(model) : json_object());
	json_object_del(*whole, "why");
	json_object_del(*whole, "refuse");
	json_object_update(*whole, node->value);
	for (size_t i = 0; i < COUNT(needed); i++)
		if (json_object_get(*whole, needed[i]) == NULL)
			return json_complain(node, error, "\"%s\" is missing: give it, or name in "
			                     "\"like\" a certificate that has it", needed[i]);
	return 0;
}

/* Puts in the place of each recipe in the file the whole of it. */
static int complete_all(const char *path, json_t *json, struct error *error)
{
	struct json_node root = json_root(path, json);
	struct json_node list = json_member(&root, "certificates");
	json_t *wholes = json_made(json_array());
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < json_array_size(list.value); i++) {
		struct json_node node = json_item(&list, i);
		json_t *whole = NULL;

		rc = complete(&node, list.value, &whole, error);
		if (whole != NULL)
			json_array_append_new(wholes, whole);
	}
	json_object_set_new(json, "certificates", wholes);
	return rc;
}

/* --- what needs no other recipe --------------------------------------------------------------- */

/* A number of days, or a date that is checked later. `otherwise` if there is none. */
static struct recipe_date date_of(const json_t *value, int otherwise)
{
	const char *text = json_string_value(value);
	struct tm tm = {0};

	if (text == NULL)
		return (struct recipe_date){
			.days = value != NULL ? (int)json_integer_value(value) : otherwise,
		};
	strptime(text, "%Y-%m-%d", &tm);
	return (struct recipe_date){.fixed = true, .at = timegm(&tm)};
}

static struct recipe recipe_of(json_t *json)
{
	const json_t *path_length = json_object_get(json, "path_length");
	const json_t *ca = json_object_get(json, "ca");
	struct recipe recipe = {
		.name = json_text(json, "name"),
		.role = role_find(json_text(json, "role")),
		.key = key_type_find(json_text(json, "key")),
		.digest = json_string_value(json_object_get(json, "digest")),
		.subject = json_object_get(json, "subject"),
		.names = json_object_get(json, "names"),
		.more_names = (int)json_number(json, "more_names"),
		.key_usage = json_object_get(json, "key_usage"),
		.extended_key_usage = json_object_get(json, "extended_key_usage"),
		.extensions = json_object_get(json, "extensions"),
		.damage = json_object_get(json, "damage"),
		.serial = json_string_value(json_object_get(json, "serial")),
		.begins = date_of(json_object_get(json, "begins"), -1),
		.ends = date_of(json_object_get(json, "days"), 0),
		.path_length = path_length != NULL ? (int)json_integer_value(path_length) : -1,
		.has_chain = json_object_get(json, "chain") != NULL,
		.refuse = json_object_get(json, "refuse"),
		.json = json,
	};

	recipe.ca = ca != NULL ? json_is_true(ca) : is_ca(&recipe);
	return recipe;
}

static void fill(struct recipes *recipes, const json_t *list)
{
	recipes->n = json_array_size(list);
	recipes->list = calloc(recipes->n, sizeof(*recipes->list));
	recipes->order = calloc(recipes->n, sizeof(*recipes->order));
	CHECK(recipes->list != NULL && recipes->order != NULL);
	for (size_t i = 0; i < recipes->n; i++)
		recipes->list[i] = recipe_of(json_array_get(list, i));
	for (size_t i = 0; i < recipes->n; i++)
		recipes->list[i].like =
			recipes_find(recipes, json_text(recipes->list[i].json, "like"));
}

/* --- checks, and links to other recipes ------------------------------------------------------- */

static int check_name(const struct recipes *recipes, const struct recipe *recipe,
                      const struct json_node *node, struct error *error)
{
	const struct recipe *first = recipes_find(recipes, recipe->name);
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

/* A server's leaf may name itself. */
static bool signs_itself(const struct recipe *recipe, const json_t *issuer)
{
	return recipe->role == CERT_SERVER && json_is_string(issuer) &&
	       strcmp(json_string_value(issuer), recipe->name) == 0;
}

/* Sets recipe->issuer. */
static int link_issuer(const struct recipes *recipes, struct recipe *recipe,
                       const struct json_node *node, struct error *error)
{
	struct json_node issuer = json_member(node, "issuer");

	if (recipe->role == CERT_ROOT && issuer.value != NULL)
		return json_complain(&issuer, error, "a root signs itself: leave \"issuer\" out");
	if (recipe->role == CERT_ROOT || signs_itself(recipe, issuer.value))
		return 0;
	if (issuer.value == NULL)
		return json_complain(node, error,
		                     "\"issuer\" is missing: a certificate of role \"%s\" "
		                     "needs one",
		                     cert_role_name(recipe->role));
	recipe->issuer = recipes_find(recipes, json_string_value(issuer.value));
	if (recipe->issuer == NULL || !is_ca(recipe->issuer))
		return complain_of_issuer(recipes, recipe->issuer, &issuer, error);
	return 0;
}

/* Sets *found to the recipe that `node` names; to NULL if there is no node. */
static int link_other(const struct recipes *recipes, const struct json_node *node,
                      const struct recipe **found, struct error *error)
{
	json_t *list = json_object_get(recipes->json, "certificates");

	*found = NULL;
	if (node->value == NULL)
		return 0;
	*found = recipes_find(recipes, json_string_value(node->value));
	return *found != NULL ? 0 : complain_of_model(node, list, error);
}

static int link_key(const struct recipes *recipes, struct recipe *recipe,
                    const struct json_node *node, struct error *error)
{
	struct json_node key_of = json_member(node, "key_of");
	const struct recipe *other;

	if (link_other(recipes, &key_of, &other, error) != 0)
		return ERR_INPUT;
	recipe->key_of = other;
	if (other == NULL)
		return 0;
	if (other->key != recipe->key)
		return json_complain(&key_of, error, "%s has a key of another type: %s, not %s",
		                     other->name, other->key->name, recipe->key->name);
	if (json_object_get(other->json, "key_of") != NULL)
		return json_complain(&key_of, error, "%s has the key of %s: name that one",
		                     other->name, json_text(other->json, "key_of"));
	return 0;
}

static int link_trust(const struct recipes *recipes, struct recipe *recipe,
                      const struct json_node *node, struct error *error)
{
	struct json_node trust = json_member(node, "trust");

	if (link_other(recipes, &trust, &recipe->trust, error) != 0)
		return ERR_INPUT;
	if (recipe->trust != NULL && recipe->trust->role != CERT_ROOT)
		return json_complain(&trust, error,
		                     "%s is of role \"%s\", and only roots are trusted",
		                     recipe->trust->name, cert_role_name(recipe->trust->role));
	return 0;
}

static int link_chain(const struct recipes *recipes, struct recipe *recipe,
                      const struct json_node *node, struct error *error)
{
	struct json_node chain = json_member(node, "chain");
	int rc = 0;

	if (chain.value != NULL && recipe->role != CERT_SERVER)
		return json_complain(&chain, error, "only a certificate of role \"server\" is sent "
		                     "with a chain: leave \"chain\" out");
	recipe->n_chain = json_array_size(chain.value);
	CHECK(recipe->n_chain <= RECIPE_CHAIN_MAX); /* the schema allows no more */
	for (size_t i = 0; rc == 0 && i < recipe->n_chain; i++) {
		struct json_node item = json_item(&chain, i);

		rc = link_other(recipes, &item, &recipe->chain[i], error);
	}
	return rc;
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
			return json_complain(&name, error, "\"%s\" is no IPv4 or IPv6 address",
			                     text + 3);
	}
	return 0;
}

/* The schema knows the form of a date only: 2023-02-31 is none. */
static int check_date(const struct json_node *node, const char *key,
                      const struct recipe_date *date, struct error *error)
{
	struct json_node place = json_member(node, key);
	char text[16];
	struct tm tm;

	if (!date->fixed)
		return 0;
	gmtime_r(&date->at, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d", &tm);
	if (strcmp(text, json_string_value(place.value)) == 0)
		return 0;
	return json_complain(&place, error, "\"%s\" is no day of the calendar",
	                     json_string_value(place.value));
}

static int check_dates(const struct recipe *recipe, const struct json_node *node,
                       struct error *error)
{
	struct json_node days = json_member(node, "days");

	if (check_date(node, "begins", &recipe->begins, error) != 0 ||
	    check_date(node, "days", &recipe->ends, error) != 0)
		return ERR_INPUT;
	if (!recipe->begins.fixed && !recipe->ends.fixed &&
	    recipe->begins.days >= recipe->ends.days)
		return json_complain(&days, error, "the certificate ends before it begins (day %d)",
		                     recipe->begins.days);
	return 0;
}

static int check_extensions(const struct recipe *recipe, const struct json_node *node,
                            struct error *error)
{
	struct json_node list = json_member(node, "extensions");

	for (size_t i = 0; i < json_array_size(recipe->extensions); i++) {
		struct json_node extension = json_item(&list, i);
		struct json_node id = json_member(&extension, "id");
		ASN1_OBJECT *object = OBJ_txt2obj(json_string_value(id.value), 0);

		if (object == NULL)
			return json_complain(&id, error, "\"%s\" is neither an object identifier "
			                     "nor OpenSSL's name of one",
			                     json_string_value(id.value));
		ASN1_OBJECT_free(object);
		if (json_object_size(extension.value) !=
		    2 + (size_t)(json_object_get(extension.value, "critical") != NULL))
			return json_complain(&extension, error, "give the value of the extension "
			                     "once: \"text\", \"hex\" or \"bytes\"");
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
		rc = link_key(recipes, recipe, node, error);
	if (rc == 0)
		rc = link_trust(recipes, recipe, node, error);
	if (rc == 0)
		rc = link_chain(recipes, recipe, node, error);
	if (rc == 0)
		rc = check_digest(recipe, node, error);
	if (rc == 0)
		rc = check_path_length(recipe, node, error);
	if (rc == 0)
		rc = check_addresses(recipe, node, error);
	if (rc == 0)
		rc = check_dates(recipe, node, error);
	if (rc == 0)
		rc = check_extensions(recipe, node, error);
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

static bool is_placed(const struct recipes *recipes, size_t n_placed, const struct recipe *recipe)
{
	size_t i = 0;

	while (i < n_placed && recipes->order[i] != recipe)
		i++;
	return i < n_placed;
}

static bool is_ready(const struct recipes *recipes, size_t n_placed, const struct recipe *recipe)
{
	const struct recipe *needs[RECIPE_NEEDS_MAX];
	size_t n = recipe_needs(recipe, needs);

	for (size_t i = 0; i < n; i++)
		if (!is_placed(recipes, n_placed, needs[i]))
			return false;
	return true;
}

/* The recipe that cannot be placed first in the file. */
static int complain_of_needs(const struct recipes *recipes, size_t n_placed,
                             const struct json_node *list, struct error *error)
{
	struct json_node node;
	size_t i = 0;

	while (is_placed(recipes, n_placed, &recipes->list[i]))
		i++;
	node = json_item(list, i);
	return json_complain(&node, error, "%s needs what is in need of it: follow \"issuer\", "
	                     "\"key_of\", \"trust\" and \"chain\"", recipes->list[i].name);
}

/* Fills recipes->order: each comes after those that it needs. */
static int put_in_order(struct recipes *recipes, const struct json_node *list, struct error *error)
{
	size_t n_placed = 0, before;

	for (size_t i = 0; i < recipes->n; i++) {
		if (depth_of(&recipes->list[i], recipes->n) == recipes->n)
			return complain_of_loop(recipes, &recipes->list[i], list, error);
	}
	do {
		before = n_placed;
		for (size_t i = 0; i < recipes->n; i++) {
			const struct recipe *recipe = &recipes->list[i];

			if (!is_placed(recipes, n_placed, recipe) &&
			    is_ready(recipes, n_placed, recipe))
				recipes->order[n_placed++] = recipe;
		}
	} while (n_placed > before);
	return n_placed == recipes->n ? 0 : complain_of_needs(recipes, n_placed, list, error);
}

int recipes_load(struct recipes *recipes, const char *path, struct error *error)
{
	struct json_node root, list;
	int rc;

	*recipes = (struct recipes){0};
	rc = json_load_path(path, &recipes->json, error);
	if (rc == 0)
		rc = check_against_schema(path, recipes->json, error);
	if (rc == 0)
		rc = complete_all(path, recipes->json, error);
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
	json_object_del(copy, "like");
	json_object_del(copy, "refuse");
	line = json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS);
	CHECK(line != NULL);
	json_decref(copy);
	return line;
}
