/*
 * shipped.h: what the user calls a suite or a board: a path, or the name of a shipped one.
 * Layer: scenario. Reads files.
 */
#ifndef SHAKEDOWN_SCENARIO_SHIPPED_H
#define SHAKEDOWN_SCENARIO_SHIPPED_H

#include "base/error.h"
#include "base/schema.h"
#include "peer/recipe.h"

#include <stdbool.h>

/* Whether `name` is a path (it has a slash, or ends in .json), not the name of a shipped file. */
bool shipped_is_path(const char *name);

/*
 * Sets *path to a new string. A `name` with a slash, or that ends in .json, is a path and stays as
 * it is; any other is that of the file NAME.json in `folder` of the data root. ERR_INPUT, with the
 * names there are, if there is no such file; `what` is what the user calls it ("suite", "board").
 */
int shipped_path(const char *what, const char *folder, const char *name, char **path,
                 struct error *error);

/*
 * Reads `path` and checks it against the schema `schema` ("suite.schema.json"). The caller owns
 * *json. Errors as of json_load_path and schema_check.
 */
int shipped_load_checked(const char *path, const char *schema, json_t **json, struct error *error);

/* Checks `json`, which came from `file`, against the schema `schema`. Errors as above. */
int shipped_check(const char *file, const char *schema, json_t *json, struct error *error);

/* Reads certs/recipes.json of the data root; the caller frees with recipes_fini. */
int shipped_recipes(struct recipes *recipes, struct error *error);

/*
 * The recipe of the certificate that the string at `node` names, which must have `role`; NULL with
 * a complaint, and the names there are, if there is none.
 */
const struct recipe *shipped_recipe(const struct json_node *node, const struct recipes *recipes,
                                    enum cert_role role, struct error *error);

#endif
