#include "agenda.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/version.h"
#include "flow/interface.h"
#include "peer/certs.h"

#include <libgen.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Who asks may be of another installation, on another machine. */
static int check_version(const json_t *request, struct error *error)
{
	const char *version = json_text(request, "version");

	if (strcmp(version, SHAKEDOWN_VERSION) == 0)
		return 0;
	return error_set(error, ERR_INPUT,
	                 "the command is Shakedown %s, the daemon %s: install the same version of "
	                 "both",
	                 version, SHAKEDOWN_VERSION);
}

static int load_suites(struct agenda *agenda, const json_t *documents, struct error *error)
{
	const json_t *document;
	size_t i;
	int rc = 0;

	agenda->suites = calloc(json_array_size(documents) + 1, sizeof(*agenda->suites));
	CHECK(agenda->suites != NULL);
	json_array_foreach(documents, i, document) {
		rc = suite_take(&agenda->suites[i], document, error);
		if (rc != 0)
			return rc;
		agenda->plan.n_suites++;
	}
	return suite_check_set(agenda->suites, agenda->plan.n_suites, error);
}

/* The boards of a lab, whose daemon has checked them. */
static void take_profiles(struct agenda *agenda, const json_t *documents)
{
	const json_t *document;
	size_t i;

	agenda->in_lab = true;
	agenda->profiles = calloc(json_array_size(documents) + 1, sizeof(*agenda->profiles));
	CHECK(agenda->profiles != NULL);
	json_array_foreach(documents, i, document) {
		struct profile *profile = &agenda->profiles[agenda->plan.n_profiles++];

		profile->file = strdup(json_text(document, "file"));
		CHECK(profile->file != NULL);
		profile->json = json_incref(json_object_get(document, "json"));
		profile->local = json_flag(document, "local");
	}
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

static int load_known(struct agenda *agenda, const char *root, const json_t *own,
                      struct error *error)
{
	char *schema = file_join(root, "scenarios/schema/known.schema.json");
	int rc = 0;

	agenda->known = calloc(agenda->plan.n_profiles + 1, sizeof(agenda->known[0]));
	CHECK(agenda->known != NULL);
	if (json_array_size(own) > 0)
		rc = known_take(&agenda->own, json_array_get(own, 0), schema, error);
	for (size_t i = 0; rc == 0 && i < agenda->plan.n_profiles; i++) {
		rc = load_known_of(agenda, i, schema, error);
		if (rc == 0)
			known_ask_first(agenda->known[i], agenda->own);
	}
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

/* --- a part of the plan ----------------------------------------------------------------------- */

/* A case that the former run did not have takes as long as its average one. */
static double average(const json_t *durations)
{
	const char *id;
	const json_t *duration;
	double sum = 0;

	json_object_foreach((json_t *)durations, id, duration)
		sum += json_number_value(duration);
	return sum > 0 ? sum / (double)json_object_size(durations) : 1;
}

/* How long each case takes, by what is known of a former run, or all alike. New. */
static double *expected_durations(const struct plan *plan, const json_t *known)
{
	size_t n_cases = plan_n_all_cases(plan);
	double *durations = calloc(n_cases + 1, sizeof(*durations)), other = average(known);

	CHECK(durations != NULL);
	for (size_t i = 0; i < n_cases; i++)
		durations[i] = other;
	for (size_t i = 0; known != NULL && i < n_cases; i++) {
		json_t *of_plan = plan_case(plan, i);
		const json_t *duration = json_object_get(known, json_text(of_plan, "id"));

		if (duration != NULL)
			durations[i] = json_number_value(duration);
		json_decref(of_plan);
	}
	return durations;
}

/* Leaves the run its shard of the plan, if it is to have one. */
static int take_shard(struct agenda *agenda, const json_t *request, struct error *error)
{
	const char *text = json_text(request, "shard");
	double *durations;
	int rc;

	if (text[0] == '\0')
		return 0;
	rc = shard_read(&agenda->shard, text, error);
	if (rc != 0)
		return rc;
	durations = expected_durations(&agenda->plan, json_object_get(request, "durations"));
	agenda->cases = shard_pick(&agenda->shard, durations, plan_n_all_cases(&agenda->plan),
	                           &agenda->plan.n_cases);
	agenda->plan.cases = agenda->cases;
	free(durations);
	if (agenda->plan.n_cases == 0)
		return error_set(error, ERR_INPUT,
		                 "the shard %s is empty, as the plan has %zu cases: make fewer shards",
		                 text, plan_n_all_cases(&agenda->plan));
	return 0;
}

/* By its name as `shakedown plan` prints it, or with its suite before it. */
static bool is_named(const json_t *of_plan, const char *name)
{
	return strcmp(json_text(of_plan, "case"), name) == 0 ||
	       strcmp(json_text(of_plan, "id"), name) == 0;
}

/* Whether one of `names` names the case; those that do are noted in `found`, by their place. */
static bool is_among(const json_t *of_plan, const json_t *names, bool *found)
{
	const json_t *name;
	bool among = false;
	size_t i;

	json_array_foreach(names, i, name)
		if (is_named(of_plan, json_string_value(name)))
			among = found[i] = true;
	return among;
}

/* Leaves the run the cases that the request names, if it names some. */
static int take_cases(struct agenda *agenda, const json_t *request, struct error *error)
{
	const json_t *names = json_object_get(request, "cases");
	size_t n = plan_n_all_cases(&agenda->plan), n_names = json_array_size(names);
	bool *found;
	int rc = 0;

	if (n_names == 0)
		return 0;
	if (agenda->shard.count > 0)
		return error_set(error, ERR_INPUT, "--shard and --case exclude each other");
	agenda->cases = calloc(n, sizeof(*agenda->cases));
	found = calloc(n_names, sizeof(*found));
	CHECK(agenda->cases != NULL && found != NULL);
	for (size_t i = 0; i < n; i++) {
		json_t *of_plan = plan_case(&agenda->plan, i);

		if (is_among(of_plan, names, found))
			agenda->cases[agenda->plan.n_cases++] = i;
		json_decref(of_plan);
	}
	agenda->plan.cases = agenda->cases;
	for (size_t i = 0; rc == 0 && i < n_names; i++)
		if (!found[i])
			rc = error_set(error, ERR_INPUT,
			               "no suite of this run has the case %s: `shakedown plan "
			               "SUITE` lists them",
			               json_string_value(json_array_get(names, i)));
	free(found);
	return rc;
}

/* Whether one run can have all these cells. */
static int check_size(const struct plan *plan, struct error *error)
{
	size_t n = plan_n_cells(plan), n_parts = (n + PLAN_CELLS_MAX - 1) / PLAN_CELLS_MAX;

	if (n <= PLAN_CELLS_MAX)
		return 0;
	return error_set(error, ERR_INPUT,
	                 "the plan has %zu cells (%zu cases on %zu boards), more than the %d that "
	                 "one report can hold: run it in parts, --shard 1/%zu and so on, or choose "
	                 "cases with --case",
	                 n, n / plan->n_profiles, plan->n_profiles, PLAN_CELLS_MAX, n_parts);
}

/* What tells two plans apart: SHA-256 over the boards' names and all cases, in hexadecimal. */
static void plan_digest(const struct agenda *agenda, char text[2 * EVP_MAX_MD_SIZE + 1])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	CHECK(context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1);
	for (size_t i = 0; i < agenda->plan.n_profiles; i++) {
		const char *name = profile_name(&agenda->profiles[i]);

		EVP_DigestUpdate(context, name, strlen(name) + 1);
	}
	for (size_t i = 0; i < plan_n_all_cases(&agenda->plan); i++) {
		json_t *of_plan = plan_case(&agenda->plan, i);
		char *dump = json_dumps(of_plan, JSON_COMPACT | JSON_SORT_KEYS);

		CHECK(dump != NULL);
		EVP_DigestUpdate(context, dump, strlen(dump) + 1);
		free(dump);
		json_decref(of_plan);
	}
	CHECK(EVP_DigestFinal_ex(context, digest, &len) == 1);
	EVP_MD_CTX_free(context);
	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

/* The indices of the cases that the run has of its plan. */
static json_t *case_indices(const struct agenda *agenda)
{
	json_t *cases = json_made(json_array());

	for (size_t i = 0; i < agenda->plan.n_cases; i++)
		json_array_append_new(cases, json_integer((json_int_t)agenda->cases[i]));
	return cases;
}

static json_t *describe_shard(const struct agenda *agenda)
{
	char digest[2 * EVP_MAX_MD_SIZE + 1];

	plan_digest(agenda, digest);
	return json_made(json_pack("{s:i, s:i, s:s, s:I, s:o}", "index",
	                           (int)agenda->shard.index, "count", (int)agenda->shard.count,
	                           "plan", digest, "plan_cases",
	                           (json_int_t)plan_n_all_cases(&agenda->plan), "cases",
	                           case_indices(agenda)));
}

/* --- known failures --------------------------------------------------------------------------- */

static json_t *suite_names(const struct agenda *agenda)
{
	json_t *names = json_made(json_array());

	for (size_t i = 0; i < agenda->plan.n_suites; i++)
		json_array_append_new(names, json_made(json_string(suite_name(agenda->suites[i]))));
	return names;
}

static void add_stale(const struct agenda *agenda, const struct known *known, const json_t *suites,
                      json_t *stale)
{
	json_t *found = known_stale(known, suites, agenda->boards);

	json_array_extend(stale, found);
	json_decref(found);
}

json_t *agenda_stale(const struct agenda *agenda)
{
	json_t *suites = suite_names(agenda), *stale = json_made(json_array());

	if (agenda->cases == NULL && agenda->own != NULL)
		add_stale(agenda, agenda->own, suites, stale);
	for (size_t i = 0; agenda->cases == NULL && i < agenda->plan.n_profiles; i++) {
		if (owns_known(agenda, i))
			add_stale(agenda, agenda->known[i], suites, stale);
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
	static const char *const keys[] = {"stack", "stack_version", "driver", "sni",
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
	agenda->n_attempts = (unsigned)json_number(request, "attempts");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(json_text(request, "control"), words[i]) == 0) {
			agenda->control = (enum control_policy)i;
			return 0;
		}
	return error_set(error, ERR_INPUT,
	                 "--control is always, on-failure or never, not \"%s\"",
	                 json_text(request, "control"));
}

/* What was run in an earlier part of the run. */
static void take_done(struct agenda *agenda, const json_t *done)
{
	size_t n = plan_n_cells(&agenda->plan), len = json_string_length(done);

	agenda->done = malloc(n + 1);
	CHECK(agenda->done != NULL);
	memset(agenda->done, '0', n);
	agenda->done[n] = '\0';
	memcpy(agenda->done, len > 0 ? json_string_value(done) : "", len < n ? len : n);
	agenda->is_rest = len > 0;
}

int agenda_load(struct agenda *agenda, const json_t *request, struct error *error)
{
	const char *root = file_data_root(error);
	const json_t *profiles = json_object_get(request, "profiles");
	int rc;

	*agenda = (struct agenda){0};
	if (root == NULL)
		return error->code;
	agenda->certificates = certs_folder(error);
	if (agenda->certificates == NULL)
		return error->code;
	rc = check_version(request, error);
	if (rc == 0)
		rc = read_control(agenda, request, error);
	if (rc == 0)
		rc = load_suites(agenda, json_object_get(request, "suites"), error);
	if (rc == 0 && profiles != NULL)
		take_profiles(agenda, profiles);
	else if (rc == 0)
		rc = load_profiles(agenda, json_object_get(request, "boards"), error);
	agenda->plan.suites = agenda->suites;
	agenda->plan.profiles = agenda->profiles;
	if (rc == 0 && plan_n_cells(&agenda->plan) == 0)
		rc = error_set(error, ERR_INPUT,
		               "there is no cell to run: name a suite and a board");
	if (rc == 0)
		rc = take_shard(agenda, request, error);
	if (rc == 0)
		rc = take_cases(agenda, request, error);
	if (rc == 0)
		rc = check_size(&agenda->plan, error);
	if (rc == 0)
		rc = find_interface(agenda, error);
	if (rc == 0)
		rc = rules_load_shipped(&agenda->rules, json_object_get(request, "rules"), error);
	if (rc == 0)
		rc = load_known(agenda, root, json_object_get(request, "known"), error);
	if (rc == 0)
		describe_boards(agenda);
	if (rc == 0)
		take_done(agenda, json_object_get(request, "done"));
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
	known_free(agenda->own);
	free(agenda->known);
	free(agenda->cases);
	free(agenda->suites);
	free(agenda->profiles);
	json_decref(agenda->boards);
	rules_free(agenda->rules);
	free(agenda->done);
	free(agenda->certificates);
}

bool agenda_is_local(const struct agenda *agenda)
{
	for (size_t i = 0; i < agenda->plan.n_profiles; i++)
		if (!agenda->profiles[i].local)
			return false;
	return true;
}

/* What of `path` is below `folder`, both without links; NULL if it is elsewhere. */
static const char *below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return len > 1 && strncmp(path, folder, len) == 0 && path[len] == '/' ? path + len + 1
	                                                                       : NULL;
}

/*
 * A file's path as a shared report may tell it, and as a shell finds it from any folder. The home
 * folder's name is nobody's business: "~/suites/gateway.json".
 */
static json_t *tell_path(const char *file)
{
	char real[PATH_MAX], home[PATH_MAX];
	const char *path = realpath(file, real) != NULL ? real : file;
	const char *named = getenv("HOME");
	const char *rest = named != NULL && realpath(named, home) != NULL ? below(path, home) : NULL;

	return json_made(rest != NULL ? json_sprintf("~/%s", rest) : json_string(path));
}

/* Notes that what is called `name` came from a file of the user's own, and is not one that ships. */
static void note_file(json_t *files, const char *name, const char *file)
{
	struct error error = {0};
	const char *root = file_data_root(&error);
	char *shipped = root != NULL ? file_join(root, "scenarios/") : NULL;

	if (shipped == NULL || strncmp(file, shipped, strlen(shipped)) != 0)
		json_object_set_new(files, name, tell_path(file));
	free(shipped);
}

/* What "run" has to be given to find the same suites and boards: files, or a lab's daemon. */
static json_t *describe_files(const struct agenda *agenda)
{
	json_t *suites = json_made(json_object()), *boards = json_made(json_object());

	for (size_t i = 0; i < agenda->plan.n_suites; i++)
		note_file(suites, suite_name(agenda->suites[i]), suite_file(agenda->suites[i]));
	for (size_t i = 0; !agenda->in_lab && i < agenda->plan.n_profiles; i++)
		note_file(boards, profile_name(&agenda->profiles[i]), agenda->profiles[i].file);
	return json_made(json_pack("{s:o, s:o, s:b}", "suites", suites, "boards", boards, "lab",
	                           (int)agenda->in_lab));
}

json_t *agenda_run(const struct agenda *agenda)
{
	char started[CLOCK_TEXT_MAX];

	json_t *described = json_made(json_pack(
		"{s:o, s:s, s:{s:s, s:s}}", "suites", suite_names(agenda), "started",
		clock_text(clock_wall_ns(), started), "versions", "shakedown", SHAKEDOWN_VERSION,
		"openssl", OpenSSL_version(OPENSSL_VERSION_STRING)));

	json_object_set_new(described, "files", describe_files(agenda));
	if (agenda->shard.count > 0)
		json_object_set_new(described, "shard", describe_shard(agenda));
	else if (agenda->cases != NULL)
		json_object_set_new(described, "cases", case_indices(agenda));
	return described;
}

json_t *agenda_profiles(const struct agenda *agenda)
{
	json_t *profiles = json_made(json_array());

	for (size_t i = 0; i < agenda->plan.n_profiles; i++) {
		const json_t *json = agenda->profiles[i].json;

		json_array_append_new(profiles,
		                      json_made(json_pack("{s:s, s:O*}", "name",
		                                          json_text(json, "name"), "application",
		                                          json_object_get(json, "application"))));
	}
	return profiles;
}
