#include "agenda.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/version.h"
#include "flow/interface.h"

#include <libgen.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static int load_suites(struct agenda *agenda, const json_t *names, struct error *error)
{
	const json_t *name;
	size_t i;
	int rc = 0;

	agenda->suites = calloc(json_array_size(names) + 1, sizeof(*agenda->suites));
	CHECK(agenda->suites != NULL);
	json_array_foreach(names, i, name) {
		rc = suite_load(&agenda->suites[i], json_string_value(name), error);
		if (rc != 0)
			return rc;
		agenda->plan.n_suites++;
	}
	return suite_check_set(agenda->suites, agenda->plan.n_suites, error);
}

static int load_profiles(struct agenda *agenda, const json_t *names, struct error *error)
{
	const json_t *name;
	size_t i;
	int rc = 0;

	agenda->profiles = calloc(json_array_size(names) + 1, sizeof(*agenda->profiles));
	CHECK(agenda->profiles != NULL);
	json_array_foreach(names, i, name) {
		rc = profile_load(&agenda->profiles[i], json_string_value(name), error);
		if (rc != 0)
			return rc;
		agenda->plan.n_profiles++;
	}
	return profile_check_set(agenda->profiles, agenda->plan.n_profiles, error);
}

/* known.json, beside the profile `file`. A new string. */
static char *known_path(const char *file)
{
	char *copy = strdup(file), *path;

	CHECK(copy != NULL);
	path = file_join(dirname(copy), "known.json");
	free(copy);
	return path;
}

static int load_known_of(struct agenda *agenda, size_t index, const char *schema,
                         struct error *error)
{
	char *path = known_path(agenda->profiles[index].file);
	int rc = 0;

	for (size_t i = 0; i < index && agenda->known[index] == NULL; i++) {
		char *earlier = known_path(agenda->profiles[i].file);

		if (strcmp(earlier, path) == 0)
			agenda->known[index] = agenda->known[i];
		free(earlier);
	}
	if (agenda->known[index] == NULL)
		rc = known_load(&agenda->known[index], path, schema, error);
	free(path);
	return rc;
}

static int load_known(struct agenda *agenda, const char *root, struct error *error)
{
	char *schema = file_join(root, "scenarios/schema/known.schema.json");
	int rc = 0;

	agenda->known = calloc(agenda->plan.n_profiles + 1, sizeof(agenda->known[0]));
	CHECK(agenda->known != NULL);
	for (size_t i = 0; rc == 0 && i < agenda->plan.n_profiles; i++)
		rc = load_known_of(agenda, i, schema, error);
	free(schema);
	return rc;
}

/* Whether this profile is the first that has its list of known failures. */
static bool owns_known(const struct agenda *agenda, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (agenda->known[i] == agenda->known[index])
			return false;
	return true;
}

static json_t *suite_names(const struct agenda *agenda)
{
	json_t *names = json_made(json_array());

	for (size_t i = 0; i < agenda->plan.n_suites; i++)
		json_array_append_new(names, json_made(json_string(suite_name(agenda->suites[i]))));
	return names;
}

json_t *agenda_stale(const struct agenda *agenda)
{
	json_t *suites = suite_names(agenda), *stale = json_made(json_array());

	for (size_t i = 0; i < agenda->plan.n_profiles; i++) {
		json_t *found;

		if (!owns_known(agenda, i))
			continue;
		found = known_stale(agenda->known[i], suites, agenda->boards);
		json_array_extend(stale, found);
		json_decref(found);
	}
	json_decref(suites);
	return stale;
}

/* The interface that carries the boards' connections: the one that has the host's address. */
static int find_interface(struct agenda *agenda, struct error *error)
{
	char name[IF_NAMESIZE];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < agenda->plan.n_profiles; i++) {
		const char *address = json_text(agenda->profiles[i].json, "address");

		rc = interface_of_address(address, name, error);
		if (rc != 0)
			error_prefix(error, "%s: $.address", agenda->profiles[i].file);
		else if (agenda->interface[0] == '\0' || strcmp(agenda->interface, name) == 0)
			strcpy(agenda->interface, name);
		else
			strcpy(agenda->interface, "any");
	}
	return rc;
}

/* What results.json says of the boards. */
static void describe_boards(struct agenda *agenda)
{
	static const char *const keys[] = {"stack", "stack_version", "driver",
	                                   "client_certificate", "unsupported"};

	agenda->boards = json_made(json_array());
	for (size_t i = 0; i < agenda->plan.n_profiles; i++) {
		json_t *board =
			json_made(json_pack("{s:s}", "name", profile_name(&agenda->profiles[i])));

		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			if (json_object_get(agenda->profiles[i].json, keys[k]) != NULL)
				json_object_set(board, keys[k],
				                json_object_get(agenda->profiles[i].json, keys[k]));
		json_array_append_new(agenda->boards, board);
	}
}

static int read_control(struct agenda *agenda, const json_t *request, struct error *error)
{
	static const char *const words[] = {[CONTROL_ALWAYS] = "always",
	                                    [CONTROL_ON_FAILURE] = "on-failure",
	                                    [CONTROL_NEVER] = "never"};

	agenda->n_tries = (unsigned)json_number(request, "tries");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(json_text(request, "control"), words[i]) == 0) {
			agenda->control = (enum control_policy)i;
			return 0;
		}
	return error_set(error, ERR_INPUT,
	                 "--control is always, on-failure or never, not \"%s\"",
	                 json_text(request, "control"));
}

int agenda_load(struct agenda *agenda, const json_t *request, struct error *error)
{
	const char *root = file_data_root(error);
	int rc;

	*agenda = (struct agenda){0};
	if (root == NULL)
		return error->code;
	agenda->out = strdup(json_text(request, "out"));
	CHECK(agenda->out != NULL);
	agenda->certificates = file_join(root, "certs/out");
	rc = read_control(agenda, request, error);
	if (rc == 0)
		rc = load_suites(agenda, json_object_get(request, "suites"), error);
	if (rc == 0)
		rc = load_profiles(agenda, json_object_get(request, "boards"), error);
	agenda->plan.suites = agenda->suites;
	agenda->plan.profiles = agenda->profiles;
	if (rc == 0 && plan_n_cells(&agenda->plan) == 0)
		rc = error_set(error, ERR_INPUT,
		               "there is no cell to run: name a suite and a board");
	if (rc == 0)
		rc = find_interface(agenda, error);
	if (rc == 0)
		rc = rules_load_shipped(&agenda->rules, json_object_get(request, "rules"), error);
	if (rc == 0)
		rc = load_known(agenda, root, error);
	if (rc == 0)
		describe_boards(agenda);
	return rc;
}

void agenda_fini(struct agenda *agenda)
{
	for (size_t i = 0; i < agenda->plan.n_suites; i++)
		suite_free(agenda->suites[i]);
	for (size_t i = 0; agenda->known != NULL && i < agenda->plan.n_profiles; i++)
		if (owns_known(agenda, i))
			known_free(agenda->known[i]);
	for (size_t i = 0; i < agenda->plan.n_profiles; i++)
		profile_fini(&agenda->profiles[i]);
	free(agenda->known);
	free(agenda->suites);
	free(agenda->profiles);
	json_decref(agenda->boards);
	rules_free(agenda->rules);
	free(agenda->out);
	free(agenda->certificates);
}

bool agenda_is_local(const struct agenda *agenda)
{
	for (size_t i = 0; i < agenda->plan.n_profiles; i++)
		if (!agenda->profiles[i].local)
			return false;
	return true;
}

/* What results.json says of the run before its first cell. */
static json_t *describe_run(const struct agenda *agenda)
{
	char started[CLOCK_TEXT_MAX], *name = strdup(agenda->out);
	json_t *header;

	CHECK(name != NULL);
	header = json_made(
		json_pack("{s:s, s:o, s:s, s:{s:s, s:s}}", "id", basename(name), "suites",
	                  suite_names(agenda),
	                  "started", clock_text(clock_wall_ns(), started), "versions", "shakedown",
	                  SHAKEDOWN_VERSION, "openssl", OpenSSL_version(OPENSSL_VERSION_STRING)));
	free(name);
	return header;
}

json_t *agenda_header(const struct agenda *agenda)
{
	json_t *cells = json_made(json_array());

	for (size_t i = 0; i < plan_n_cells(&agenda->plan); i++)
		json_array_append_new(cells, plan_cell(&agenda->plan, i));
	return json_made(json_pack("{s:o, s:O, s:o}", "run", describe_run(agenda), "boards",
	                           agenda->boards, "plan", cells));
}
