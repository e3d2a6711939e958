/*
 * schema.h: checks JSON against a JSON Schema, with one sentence for the user. Layer: base. Does
 * I/O in schema_load.
 *
 * The schemas are the project's own, shipped for editors too, so that what the program refuses and
 * what an editor marks is the same by construction. Understood is this subset of draft 2020-12:
 *
 *   any value   type (a name or a list of names), enum, const, anyOf, oneOf, $ref ("#/..." only)
 *   string      minLength, maxLength (in code points), pattern
 *   number      minimum, maximum
 *   array       items, minItems, maxItems, uniqueItems
 *   object      properties, required, additionalProperties (false or a schema), minProperties,
 *               dependentRequired
 *   notes       $schema, $id, $defs, $comment, title, description, default, examples
 *
 * Any other keyword is refused when the schema is loaded. Patterns are POSIX extended regular
 * expressions here and ECMA-262 in editors: keep to what means the same in both (no classes such as
 * \d or [:alpha:], no lazy or grouped specials), and anchor them with ^ and $.
 *
 * The first fault is reported. At each object unknown keys come first, then missing ones, then the
 * faults of its members in the order of the document. Of the branches of anyOf the complaint is
 * that of the first whose type fits. The complaint of a pattern is "must be <description>
 * (<pattern>)", with the `description` that stands beside it: word that to fit.
 */
#ifndef SHAKEDOWN_BASE_SCHEMA_H
#define SHAKEDOWN_BASE_SCHEMA_H

#include "base/error.h"
#include "base/json.h"

struct schema;

/*
 * Loads the schema file `path`; the caller frees it with schema_free. ERR_INPUT if it cannot be
 * read; ERR_ENVIRONMENT, with the place, if it is not a schema of the subset above.
 */
int schema_load(struct schema **schema, const char *path, struct error *error);

/* The same from `value`, which the schema holds on to. `name` is for complaints, and is copied. */
int schema_new(struct schema **schema, const char *name, json_t *value, struct error *error);

/* schema_free(NULL) does nothing. */
void schema_free(struct schema *schema);

/*
 * Checks `value`. ERR_INPUT with "<file>: <path>: <sentence>" if it does not fit:
 *   x.json: $.scenarios[0].server: unknown key "cipherlist" (did you mean "cipher_list"?);
 *   known are versions, certificate, ...
 * `file` is how the user knows the document.
 */
int schema_check(const struct schema *schema, const char *file, json_t *value, struct error *error);

/*
 * The same for a part of a document that is not read as a whole: `node` against the definition at
 * `pointer` ("#/$defs/cell"), which the schema has.
 */
int schema_check_part(const struct schema *schema, const char *pointer,
                      const struct json_node *node, struct error *error);

#endif
