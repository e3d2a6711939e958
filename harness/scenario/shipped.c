#include "scenario/shipped.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/words.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUFFIX ".json"

bool shipped_is_path(const char *name)
{
	size_t len = strlen(name);

	return strchr(name, '/') != NULL ||
	       (len > strlen(SUFFIX) && strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0);
}

/* Lies among profiles and is none: verdict/known.h. */
#define KNOWN_FAILURES "known" SUFFIX

/* A new list of the names of the suites or profiles in `folder`, sorted. */
static json_t *names_in(const char *folder)
{
	json_t *names = json_made(json_array());
	char *pattern = file_join(folder, "*" SUFFIX);
	glob_t found = {0};

	glob(pattern, 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *name = strrchr(found.gl_pathv[i], '/') + 1;

		if (strcmp(name, KNOWN_FAILURES) == 0)
			continue;
		json_array_append_new(names,
		                      json_made(json_stringn(name, strlen(name) - strlen(SUFFIX))));
	}
	globfree(&found);
	free(pattern);
	return names;
}

static int refuse_name(const char *what, const char *folder, const char *name, struct error *error)
{
	json_t *known = names_in(folder);
	struct buf sentence = {0};
	int rc;

	words_unknown(&sentence, what, name, known);
	rc = error_set(error, ERR_INPUT,
	               "%s; a file of your own needs a slash or " SUFFIX " in its name",
	               buf_string(&sentence));
	buf_fini(&sentence);
	json_decref(known);
	return rc;
}

int shipped_path(const char *what, const char *folder, const char *name, char **path,
                 struct error *error)
{
	const char *root;
	char *within, *file;
	int rc = 0;

	if (shipped_is_path(name)) {
		*path = strdup(name);
		CHECK(*path != NULL);
		return 0;
	}
	root = file_data_root(error);
	if (root == NULL)
		return ERR_ENVIRONMENT;
	within = file_join(root, folder);
	file = file_join(within, name);
	*path = NULL;
	CHECK(asprintf(path, "%s" SUFFIX, file) > 0);
	if (name[0] == '\0' || access(*path, F_OK) != 0) {
		rc = refuse_name(what, within, name, error);
		free(*path);
		*path = NULL;
	}
	free(file);
	free(within);
	return rc;
}

/* Files that are given for one another, by a key that each of them needs. */
static const struct sort {
	const char *schema, *key, *what, *use;
} sorts[] = {
	{"lab.schema.json", "boards", "a lab file",
	 "`shakedownd --lab FILE` serves its boards to `shakedown run --daemon --board NAME`, and "
	 "`shakedown board` takes it with --lab"},
	{"board.schema.json", "stack", "one board's profile", "it belongs behind --board"},
	{"suite.schema.json", "scenarios", "a suite", "`shakedown run SUITE --board NAME` runs it"},
};

#define N_SORTS (sizeof(sorts) / sizeof(sorts[0]))

/* Says of a file that is of another sort than the wanted one what it is, and where it belongs. */
static int check_sort(const char *file, const char *schema, const json_t *json, struct error *error)
{
	const struct sort *wanted = NULL, *found = NULL;

	for (size_t i = 0; i < N_SORTS; i++)
		if (strcmp(sorts[i].schema, schema) == 0)
			wanted = &sorts[i];
		else if (found == NULL && json_object_get(json, sorts[i].key) != NULL)
			found = &sorts[i];
	if (wanted == NULL || found == NULL || json_object_get(json, wanted->key) != NULL ||
	    json_object_get(json, "format") != NULL)
		return 0;
	return error_set(error, ERR_INPUT, "%s is %s, where %s is needed: %s", file, found->what,
	                 wanted->what, found->use);
}

int shipped_check(const char *file, const char *schema, json_t *json, struct error *error)
{
	const char *root = file_data_root(error);
	struct schema *rules = NULL;
	char *folder, *path;
	int rc;

	if (root == NULL)
		return ERR_ENVIRONMENT;
	folder = file_join(root, "scenarios/schema");
	path = file_join(folder, schema);
	rc = schema_load(&rules, path, error);
	if (rc == 0)
		rc = schema_check(rules, file, json, error);
	schema_free(rules);
	free(path);
	free(folder);
	return rc;
}

int shipped_load_checked(const char *path, const char *schema, json_t **json, struct error *error)
{
	int rc = file_data_root(error) != NULL ? 0 : ERR_ENVIRONMENT;

	*json = NULL;
	if (rc == 0)
		rc = json_load_path(path, json, error);
	if (rc == 0)
		rc = check_sort(path, schema, *json, error);
	if (rc == 0)
		rc = shipped_check(path, schema, *json, error);
	if (rc != 0) {
		json_decref(*json);
		*json = NULL;
	}
	return rc;
}

int shipped_recipes(struct recipes *recipes, struct error *error)
{
	const char *root = file_data_root(error);
	char *path;
	int rc;

	if (root == NULL)
		return ERR_ENVIRONMENT;
	path = file_join(root, "certs/recipes.json");
	rc = recipes_load(recipes, path, error);
	free(path);
	return rc;
}

const struct recipe *shipped_recipe(const struct json_node *node, const struct recipes *recipes,
                                    enum cert_role role, struct error *error)
{
	const char *name = json_string_value(node->value);
	struct buf sentence = {0};
	char what[32];
	json_t *known;

	for (size_t i = 0; i < recipes->n; i++)
		if (recipes->list[i].role == role && strcmp(recipes->list[i].name, name) == 0)
			return &recipes->list[i];
	known = recipes_names(recipes, role);
	snprintf(what, sizeof(what), "%s certificate", cert_role_name(role));
	words_unknown(&sentence, what, name, known);
	json_complain(node, error, "%s", buf_string(&sentence));
	buf_fini(&sentence);
	json_decref(known);
	return NULL;
}
