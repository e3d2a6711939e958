#include "scenario/lab.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"
#include "base/words.h"
#include "scenario/shipped.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *copy_of(const char *text)
{
	char *copy = strdup(text);

	CHECK(copy != NULL);
	return copy;
}

/* A new string: where the profile that an entry names is: beside the lab file, or a shipped one. */
static char *profile_path(const struct lab *lab, const char *named)
{
	char *file, *path;

	if (!shipped_is_path(named) || named[0] == '/')
		return copy_of(named);
	file = copy_of(lab->file);
	path = file_join(dirname(file), named);
	free(file);
	return path;
}

/* The members of profiles that an entry may have too. */
static json_t *identity_of(const json_t *entry)
{
	static const char *const keys[] = {"name", "port", "address", "tags"};
	const char *number = json_text(entry, "serial_number");
	json_t *identity = json_made(json_object());
	struct buf port = {0};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_object_get(entry, keys[i]) != NULL)
			json_object_set(identity, keys[i], json_object_get(entry, keys[i]));
	if (number[0] != '\0') {
		buf_printf(&port, "%s%s", LAB_SERIAL_NUMBER, number);
		json_object_set_new(identity, "port", json_made(json_string(buf_string(&port))));
		buf_fini(&port);
	}
	return identity;
}

static int load_board(struct lab *lab, const struct json_node *entry, struct profile *profile,
                      struct error *error)
{
	char *path = profile_path(lab, json_text(entry->value, "profile"));
	json_t *identity = identity_of(entry->value);
	int rc = 0;

	if (json_object_get(entry->value, "port") != NULL &&
	    json_object_get(entry->value, "serial_number") != NULL)
		rc = json_complain(entry, error,
		                   "give the board a port or a serial_number, not both");
	if (rc == 0)
		rc = profile_load_as(profile, path, entry, identity, error);
	json_decref(identity);
	free(path);
	return rc;
}

static int load_boards(struct lab *lab, const struct json_node *list, struct error *error)
{
	size_t n = json_array_size(list->value);
	int rc = 0;

	lab->profiles = calloc(n, sizeof(*lab->profiles));
	CHECK(lab->profiles != NULL);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct json_node entry = json_item(list, i);

		rc = load_board(lab, &entry, &lab->profiles[i], error);
		lab->n_profiles += rc == 0;
	}
	return rc != 0 ? rc : profile_check_set(lab->profiles, lab->n_profiles, error);
}

int lab_load(struct lab *lab, const char *path, struct error *error)
{
	struct json_node root, list;
	json_t *json;
	int rc = shipped_load_checked(path, "lab.schema.json", &json, error);

	*lab = (struct lab){0};
	if (rc != 0)
		return rc;
	lab->file = copy_of(path);
	root = json_root(lab->file, json);
	list = json_member(&root, "boards");
	rc = load_boards(lab, &list, error);
	json_decref(json);
	/* A profile may be complained of for what stands in the lab file alone. */
	if (rc != 0 && error != NULL && strncmp(error->text, path, strlen(path)) != 0)
		error_prefix(error, "%s", path);
	if (rc != 0)
		lab_fini(lab);
	return rc;
}

void lab_fini(struct lab *lab)
{
	for (size_t i = 0; i < lab->n_profiles; i++)
		profile_fini(&lab->profiles[i]);
	free(lab->profiles);
	free(lab->file);
	*lab = (struct lab){0};
}

const struct profile *lab_find(const struct lab *lab, const char *name, struct error *error)
{
	json_t *known = json_made(json_array());
	struct buf sentence = {0};

	for (size_t i = 0; i < lab->n_profiles; i++) {
		if (strcmp(profile_name(&lab->profiles[i]), name) == 0) {
			json_decref(known);
			return &lab->profiles[i];
		}
		json_array_append_new(known,
		                      json_made(json_string(profile_name(&lab->profiles[i]))));
	}
	words_unknown(&sentence, "board", name, known);
	error_set(error, ERR_INPUT, "%s: %s", lab->file, buf_string(&sentence));
	buf_fini(&sentence);
	json_decref(known);
	return NULL;
}
