/*
 * json.h: JSON from files of the user's, with the place named in every complaint. Layer: base.
 * Does I/O in json_load_path and json_load_large.
 *
 * A node is a borrowed jansson value and the path that leads to it ("$.scenarios[0].server"). All
 * complaints read "<file>: <path>: <sentence>" and carry ERR_INPUT.
 */
#ifndef SHAKEDOWN_BASE_JSON_H
#define SHAKEDOWN_BASE_JSON_H

#include "base/buf.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>

#define JSON_FILE_MAX (64u << 20) /* bytes; larger files are refused */
#define JSON_PATH_MAX 256         /* longer paths are cut in complaints */

struct json_node {
	json_t *value;    /* borrowed */
	const char *file; /* borrowed */
	char path[JSON_PATH_MAX];
};

/*
 * Reads `path` ("-": standard input) as one JSON value (RFC 8259; duplicate keys are refused). The
 * caller owns *value and releases it with json_decref. ERR_INPUT, with line and column, if it is no
 * JSON or cannot be read.
 */
int json_load_path(const char *path, json_t **value, struct error *error);

/* The same for a file of Shakedown's own making, of at most `max` bytes. */
int json_load_large(const char *path, size_t max, json_t **value, struct error *error);

/* The node "$" of a file. Both arguments are borrowed and outlive the node. */
struct json_node json_root(const char *file, json_t *value);

/* The member `key` of an object; its `value` is NULL if it is not there. */
struct json_node json_member(const struct json_node *object, const char *key);

/* The element `index` of an array. */
struct json_node json_item(const struct json_node *array, size_t index);

/* Sets the complaint "<file>: <path>: <sentence>". Returns ERR_INPUT. */
int json_complain(const struct json_node *node, struct error *error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Shorthands for values that a schema has already checked: "" / 0 / false when not there. */
const char *json_text(const json_t *object, const char *key);
long long json_number(const json_t *object, const char *key);
bool json_flag(const json_t *object, const char *key);

/*
 * The first object in `list` whose member `key` is the text `text`, borrowed; NULL if there is
 * none, or no list.
 */
json_t *json_find(const json_t *list, const char *key, const char *text);

/* `target` changed by an RFC 7396 merge patch. New; both arguments stay as they are. */
json_t *json_merge_patched(const json_t *target, const json_t *patch);

/*
 * Appends `value` as text, as json_dumps does with these flags; reals in 15 digits where they tell
 * no precision: 2.382, not 2.3820000000000001.
 */
void json_put(struct buf *out, const json_t *value, size_t flags);

/* json_pack and friends fail only without memory: CHECKs that `value` is there and returns it. */
json_t *json_made(json_t *value);

#endif
