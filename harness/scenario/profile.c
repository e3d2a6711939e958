#include "scenario/profile.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"
#include "scenario/shipped.h"
#include "scenario/unsupported.h"

#include <arpa/inet.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_ADDRESS "127.0.0.1"
#define DEFAULT_BAUD 115200
#define DEFAULT_TIMEOUT_MS 15000
#define DEFAULT_BOOT_TIMEOUT_MS 10000
#define DEFAULT_RETURN_TIMEOUT_MS 5000

static bool is_address(const char *text)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

/*
 * The node of the member `key`: where it stands, which for a board of a lab may be the entry that
 * gives it.
 */
static struct json_node stands_at(const struct json_node *root, const struct json_node *entry,
                                  const char *key)
{
	if (entry != NULL && json_object_get(entry->value, key) != NULL)
		return json_member(entry, key);
	return json_member(root, key);
}

static int check_one_address(const struct json_node *address, struct error *error)
{
	if (address->value == NULL || is_address(json_string_value(address->value)))
		return 0;
	return json_complain(address, error,
	                     "\"%s\" is not an IPv4 or IPv6 address (a name will not do: "
	                     "boards are told the address)",
	                     json_string_value(address->value));
}

static int check_address(const struct json_node *root, const struct json_node *entry,
                         struct error *error)
{
	struct json_node address = stands_at(root, entry, "address");
	struct json_node passive = json_member(root, "passive");
	struct json_node from = json_member(&passive, "from");
	int rc = check_one_address(&address, error);

	return rc != 0 ? rc : check_one_address(&from, error);
}

static int check_names(const struct json_node *root, struct error *error)
{
	struct json_node client = json_member(root, "client_certificate");
	struct json_node unsupported = json_member(root, "unsupported");
	struct json_node list = json_member(&unsupported, "certificate");
	struct recipes recipes;
	int rc = unsupported_check(&unsupported, error);

	if (rc == 0)
		rc = shipped_recipes(&recipes, error);
	if (rc != 0)
		return rc;
	if (client.value != NULL && shipped_recipe(&client, &recipes, CERT_CLIENT, error) == NULL)
		rc = ERR_INPUT;
	for (size_t i = 0; rc == 0 && i < json_array_size(list.value); i++) {
		struct json_node name = json_item(&list, i);

		if (shipped_recipe(&name, &recipes, CERT_SERVER, error) == NULL)
			rc = ERR_INPUT;
	}
	recipes_fini(&recipes);
	return rc;
}

/* The whole number under `key`, which a file may write as 9600.0 too, or `otherwise`. */
static void settle_number(json_t *json, const char *key, json_int_t otherwise)
{
	const json_t *given = json_object_get(json, key);
	json_int_t number = given != NULL ? (json_int_t)json_number_value(given) : otherwise;

	json_object_set_new(json, key, json_made(json_integer(number)));
}

static void add_defaults(json_t *json)
{
	json_t *defaults = json_made(json_pack("{s:s, s:s}", "driver", "agent", "address",
	                                       DEFAULT_ADDRESS));

	json_object_update_missing(json, defaults);
	json_decref(defaults);
	settle_number(json, "timeout_ms", DEFAULT_TIMEOUT_MS);
	settle_number(json, "boot_timeout_ms", DEFAULT_BOOT_TIMEOUT_MS);
	settle_number(json, "return_timeout_ms", DEFAULT_RETURN_TIMEOUT_MS);
	if (json_object_get(json, "port") != NULL)
		settle_number(json, "baud", DEFAULT_BAUD);
}

/* What each driver has: an object of its settings under its name, and how the board is reached. */
static const struct driver {
	const char *name;
	bool has_settings, takes_port, needs_port;
	const char *application; /* what the server says where the case leaves it open; NULL: echo */
} drivers[] = {
	{"agent", false, true, true, NULL},
	{"console", true, true, true, "none"},
	{"exec", true, false, false, "none"},
	{"passive", true, true, false, "none"},
};

#define N_DRIVERS (sizeof(drivers) / sizeof(drivers[0]))

static const struct driver *driver_of(const json_t *json)
{
	const char *name = json_text(json, "driver");

	for (size_t i = 0; i < N_DRIVERS; i++)
		if (strcmp(drivers[i].name, name) == 0)
			return &drivers[i];
	return &drivers[0];
}

/* The driver's own settings are there, and no other's. */
static int check_driver(const struct json_node *root, struct error *error)
{
	const struct driver *driver = driver_of(root->value);

	if (driver->has_settings && json_object_get(root->value, driver->name) == NULL)
		return json_complain(root, error,
		                     "the driver \"%s\" needs the key \"%s\" with its settings",
		                     driver->name, driver->name);
	for (size_t i = 0; i < N_DRIVERS; i++) {
		struct json_node other = json_member(root, drivers[i].name);

		if (&drivers[i] != driver && other.value != NULL)
			return json_complain(&other, error,
			                     "belongs to \"driver\": \"%s\", and this board's is "
			                     "\"%s\"",
			                     drivers[i].name, driver->name);
	}
	return 0;
}

/* How the board is reached; what the schema cannot say, as an entry of a lab may add to it. */
static int check_place(const struct json_node *root, const struct json_node *entry,
                       struct error *error)
{
	const struct json_node *where = entry != NULL ? entry : root;
	const struct driver *driver = driver_of(root->value);
	bool virtual = json_object_get(root->value, "virtual") != NULL;
	bool port = json_object_get(root->value, "port") != NULL;

	if (virtual && port)
		return json_complain(where, error,
		                     "may have only one of \"virtual\", \"port\"");
	if (!driver->takes_port && (virtual || port))
		return json_complain(where, error,
		                     "the driver \"%s\" takes no \"virtual\" and no \"port\"",
		                     driver->name);
	if (!virtual && !port && driver->needs_port)
		return json_complain(where, error,
		                     "needs one of \"virtual\", \"port\"%s",
		                     entry != NULL ? ", \"serial_number\""
		                                   : " (or a lab file that names this profile)");
	if (virtual && json_object_get(root->value, "baud") != NULL)
		return json_complain(where, error, "\"baud\" needs \"port\" beside it");
	if (strcmp(driver->name, "passive") == 0 && json_object_get(root->value, "address") == NULL)
		return json_complain(where, error,
		                     "the driver \"passive\" needs \"address\", at which the "
		                     "board looks for its server");
	if (port && json_object_get(root->value, "address") == NULL)
		return json_complain(where, error,
		                     "\"port\" needs \"address\" beside it, here or in the profile");
	return 0;
}

/* A program that is named by a path lies beside the profile that names it. */
static void settle_program(const char *file, json_t *words)
{
	const char *named = json_string_value(json_array_get(words, 0));
	char *copy, *path;

	if (named == NULL || strchr(named, '/') == NULL || named[0] == '/')
		return;
	copy = strdup(file);
	CHECK(copy != NULL);
	path = file_join(dirname(copy), named);
	json_array_set_new(words, 0, json_made(json_string(path)));
	free(path);
	free(copy);
}

/* What is left out gets its default. */
static void settle(struct profile *profile)
{
	json_t *json = profile->json;
	const struct driver *driver = driver_of(json);

	profile->local = json_object_get(json, "virtual") != NULL ||
	                 (!driver->takes_port && json_object_get(json, "address") == NULL);
	add_defaults(json);
	if (driver->application != NULL && json_object_get(json, "application") == NULL)
		json_object_set_new(json, "application",
		                    json_made(json_string(driver->application)));
	settle_program(profile->file, json_object_get(json_object_get(json, "exec"), "command"));
	settle_program(profile->file, json_object_get(json_object_get(json, "passive"), "trigger"));
	settle_program(profile->file, json_object_get(json, "reset"));
	settle_program(profile->file, json_object_get(json_object_get(json, "power"), "off"));
	settle_program(profile->file, json_object_get(json_object_get(json, "power"), "on"));
}

static void take_identity(json_t *json, const json_t *identity)
{
	const json_t *tags = json_object_get(identity, "tags");
	json_t *own = json_object_get(json, "tags");
	json_t *all = own != NULL ? json_copy(own) : json_array();
	json_t *tag;
	size_t i;

	json_made(all);
	json_array_foreach(tags, i, tag)
		json_array_append(all, tag);
	json_object_update(json, (json_t *)identity);
	json_object_set_new(json, "tags", all);
}

int profile_load_as(struct profile *profile, const char *name, const struct json_node *entry,
                    const json_t *identity, struct error *error)
{
	struct json_node root;
	int rc;

	*profile = (struct profile){0};
	rc = shipped_path("board", "scenarios/boards", name, &profile->file, error);
	if (rc == 0)
		rc = shipped_load_checked(profile->file, "board.schema.json", &profile->json,
		                          error);
	if (rc == 0 && identity != NULL)
		take_identity(profile->json, identity);
	root = json_root(profile->file, profile->json);
	if (rc == 0)
		rc = check_driver(&root, error);
	if (rc == 0)
		rc = check_place(&root, entry, error);
	if (rc == 0)
		rc = check_address(&root, entry, error);
	if (rc == 0)
		rc = check_names(&root, error);
	if (rc == 0)
		settle(profile);
	else
		profile_fini(profile);
	return rc;
}

int profile_load(struct profile *profile, const char *name, struct error *error)
{
	return profile_load_as(profile, name, NULL, NULL, error);
}

void profile_fini(struct profile *profile)
{
	json_decref(profile->json);
	free(profile->file);
	*profile = (struct profile){0};
}

const char *profile_name(const struct profile *profile)
{
	return json_text(profile->json, "name");
}

/* Where a port's path leads (/dev/serial/by-id has links); the path itself if it is not there. */
static void real_port(const char *port, char real[PATH_MAX])
{
	if (realpath(port, real) == NULL)
		snprintf(real, PATH_MAX, "%s", port);
}

/* The TCP port at which a passive board's server waits for it; 0 for others. */
static long long waits_at(const struct profile *profile)
{
	return json_number(json_object_get(profile->json, "passive"), "listen");
}

static int check_pair(const struct profile *earlier, const struct profile *later,
                      struct error *error)
{
	const char *port = json_text(later->json, "port");
	char real[PATH_MAX], other[PATH_MAX];
	struct json_node root = json_root(later->file, later->json);
	struct json_node place = json_member(&root, "name");

	if (strcmp(profile_name(earlier), profile_name(later)) == 0)
		return json_complain(&place, error,
		                     "the board \"%s\" is named twice (%s); name each board once",
		                     profile_name(later), earlier->file);
	if (waits_at(later) != 0 && waits_at(earlier) == waits_at(later) &&
	    strcmp(json_text(earlier->json, "address"), json_text(later->json, "address")) == 0) {
		place = json_member(&root, "passive");
		return json_complain(&place, error,
		                     "the board \"%s\" connects to the same port %lld (%s): "
		                     "boards of one run cannot share one",
		                     profile_name(earlier), waits_at(later), earlier->file);
	}
	real_port(port, real);
	real_port(json_text(earlier->json, "port"), other);
	if (port[0] == '\0' || strcmp(real, other) != 0)
		return 0;
	place = json_member(&root, "port");
	return json_complain(&place, error,
	                     "%s is the port of the board \"%s\" too (%s): boards cannot share one",
	                     port, profile_name(earlier), earlier->file);
}

int profile_check_set(const struct profile profiles[], size_t n_profiles, struct error *error)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n_profiles; i++)
		for (size_t k = 0; rc == 0 && k < i; k++)
			rc = check_pair(&profiles[k], &profiles[i], error);
	return rc;
}
