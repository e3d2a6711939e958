#include "scenario/suite.h"

#include "base/assert.h"
#include "base/json.h"
#include "peer/context.h"
#include "peer/fault_plan.h"
#include "scenario/expect.h"
#include "scenario/matrix.h"
#include "scenario/neighbour.h"
#include "scenario/setting.h"
#include "scenario/shipped.h"
#include "scenario/sieve.h"

#include <stdlib.h>
#include <string.h>

struct scenario {
	const json_t *json; /* as in the file; borrowed from the suite's */
	json_t *server;     /* in normal form, with defaults; owned */
	json_t *client;     /* the same */
	struct matrix matrix;
	size_t first_case; /* in the suite */
};

struct suite {
	char *file;
	json_t *json;
	struct recipes recipes; /* of all certificates that scenarios may name */
	struct scenario *scenarios;
	size_t n_scenarios;
	size_t n_cases;
};

/* What checking a suite needs at hand. */
struct checker {
	struct suite *suite;
	json_t *names; /* scenario name -> index of its scenario */
	struct sieve_memory servers; /* that OpenSSL has taken */
	struct error *error;
};

static int check_name(struct checker *checker, const struct json_node *scenario, size_t index)
{
	struct json_node name = json_member(scenario, "name");
	const char *text = json_string_value(name.value);
	const json_t *earlier = json_object_get(checker->names, text);

	if (earlier != NULL)
		return json_complain(&name, checker->error,
		                     "$.scenarios[%lld] has the name \"%s\" too",
		                     json_integer_value(earlier), text);
	json_object_set_new(checker->names, text, json_made(json_integer((json_int_t)index)));
	return 0;
}

/* The value of one server.certificate: a name, or a list of names with keys of differing types. */
static int check_certificate(struct checker *checker, const struct json_node *value)
{
	const struct recipe *earlier[16];
	size_t n = json_is_string(value->value) ? 1 : json_array_size(value->value);

	for (size_t i = 0; i < n; i++) {
		struct json_node node = json_is_string(value->value) ? *value : json_item(value, i);
		const struct recipe *recipe =
			shipped_recipe(&node, &checker->suite->recipes, CERT_SERVER,
			               checker->error);

		if (recipe == NULL)
			return ERR_INPUT;
		for (size_t k = 0; k < i; k++)
			if (strcmp(earlier[k]->key->algorithm, recipe->key->algorithm) == 0)
				return json_complain(&node, checker->error,
				                     "\"%s\" and \"%s\" both have %s keys, of "
				                     "which a server holds one",
				                     earlier[k]->name, recipe->name,
				                     recipe->key->algorithm);
		CHECK(i < sizeof(earlier) / sizeof(earlier[0])); /* there are fewer types of key */
		earlier[i] = recipe;
	}
	return 0;
}

/* The certificates of a scenario's server, and those of the matrix. */
static int check_certificates(struct checker *checker, const struct json_node *scenario)
{
	struct json_node server = json_member(scenario, "server");
	struct json_node matrix = json_member(scenario, "matrix");
	struct json_node value = json_member(&server, "certificate");
	struct json_node axis = json_member(&matrix, "server.certificate");
	int rc = 0;

	if (value.value == NULL && axis.value == NULL)
		return json_complain(&server, checker->error,
		                     "\"certificate\" is missing, here and in the matrix");
	if (value.value != NULL)
		rc = check_certificate(checker, &value);
	for (size_t i = 0; rc == 0 && i < json_array_size(axis.value); i++) {
		struct json_node item = json_item(&axis, i);

		rc = check_certificate(checker, &item);
	}
	return rc;
}

/* A client whose lowest version is above its highest could offer nothing. */
static int check_versions(struct checker *checker, const struct json_node *node,
                          const json_t *client, const char *where)
{
	const char *min = json_text(client, "min"), *max = json_text(client, "max");

	if (max[0] == '\0' || strcmp(min, max) <= 0)
		return 0;
	return json_complain(node, checker->error, "client.min %s is above client.max %s%s", min,
	                     max, where);
}

/* Only a later connection can resume, and only one that resumes has keys for early data. */
static int check_resumption(struct checker *checker, const struct json_node *node,
                            const json_t *client, const char *where)
{
	bool resumes = json_flag(client, "resume");

	if (resumes && json_number(client, "connections") < 2)
		return json_complain(node, checker->error,
		                     "client.resume needs a second connection: set "
		                     "client.connections to 2 or more%s",
		                     where);
	if (json_flag(client, "early_data") && !resumes)
		return json_complain(node, checker->error,
		                     "client.early_data needs client.resume%s", where);
	return 0;
}

/* The recipe of the server's certificate if that is to be refused, else NULL. */
static const struct recipe *flawed_certificate(const struct suite *suite, const json_t *server)
{
	const json_t *names = json_object_get(server, "certificate");
	const struct recipe *recipe = NULL;

	if (json_array_size(names) == 1)
		recipe = recipes_find(&suite->recipes,
		                      json_string_value(json_array_get(names, 0)));
	return recipe != NULL && recipe->refuse != NULL ? recipe : NULL;
}

/* The right answers of a case with this `server`, a new reference. */
static json_t *answers_of(const struct suite *suite, const struct scenario *scenario,
                          const json_t *server)
{
	return expect_complete(json_object_get(scenario->json, "expect"),
	                       flawed_certificate(suite, server));
}

/* Where the first refusal says what takes the place of the flaw; `expect` if it says nothing. */
static struct json_node instead_node(const struct json_node *expect)
{
	struct json_node instead = json_member(expect, "instead");

	for (size_t i = 0; instead.value == NULL && i < json_array_size(expect->value); i++) {
		struct json_node answer = json_item(expect, i);

		instead = json_member(&answer, "instead");
	}
	return instead.value != NULL ? instead : *expect;
}

/* Boards must connect to the good twin, so OpenSSL has to take it. */
static int check_twin(struct checker *checker, const struct json_node *expect, const json_t *twin)
{
	struct json_node instead = instead_node(expect);
	struct error reason = {0};
	const char *key;

	if (!sieve_server_passes(&checker->servers, twin) ||
	    context_check(twin, &key, &reason) == 0)
		return 0;
	return json_complain(&instead, checker->error,
	                     "the server without its flaw cannot be: its \"%s\" %s", key,
	                     reason.text);
}

/* What is refused must differ from what is not, or the refusal would show nothing. */
static int check_twins(struct checker *checker, const struct json_node *node,
                       const struct scenario *scenario)
{
	struct json_node expect = json_member(node, "expect");
	int rc = expect_check(&expect, checker->error);

	if (expect.value == NULL)
		return 0; /* a refusal is taken from the certificate's recipe, as is its twin */
	for (size_t i = 0; rc == 0 && i < scenario->matrix.n_cases; i++) {
		json_t *server = json_made(json_copy(scenario->server));
		json_t *client = json_made(json_object()), *answers, *twin;

		matrix_apply(&scenario->matrix, i, server, client);
		answers = answers_of(checker->suite, scenario, server);
		twin = expect_twin(answers, server);
		json_decref(answers);
		if (twin == NULL)
			i = scenario->matrix.n_cases - 1; /* and so it is in all other cases */
		else if (json_equal(twin, server))
			rc = json_complain(
				&expect, checker->error,
				"a refusal, but nothing is wrong with the server%s: give it"
				" faults or a certificate that is to be refused, or say"
				" with \"instead\" what it would be without the flaw",
				scenario->matrix.n_axes > 0 ? " in a case of the matrix" : "");
		else
			rc = check_twin(checker, &expect, twin);
		json_decref(twin);
		json_decref(client);
		json_decref(server);
	}
	return rc;
}

/* What the client is to do in the case `index`. */
static int check_client(struct checker *checker, const struct json_node *node,
                        const struct scenario *scenario, size_t index)
{
	const char *where = scenario->matrix.n_axes > 0 ? " in a case of the matrix" : "";
	json_t *client = json_made(json_copy(scenario->client));
	json_t *server = json_made(json_object());
	int rc;

	matrix_apply(&scenario->matrix, index, server, client);
	rc = check_versions(checker, node, client, where);
	if (rc == 0)
		rc = check_resumption(checker, node, client, where);
	json_decref(server);
	json_decref(client);
	return rc;
}

/* Where the file says `key` of the case `index`; the server itself if it does not say. */
static struct json_node blamed(const struct json_node *scenario, const struct matrix *matrix,
                               size_t index, const char *key)
{
	struct json_node server = json_member(scenario, "server");
	struct json_node axes = json_member(scenario, "matrix");
	struct json_node member = json_member(&server, key), axis;
	struct buf path = {0};
	int value;

	buf_printf(&path, "server.%s", key);
	axis = json_member(&axes, buf_string(&path));
	value = matrix_value(matrix, index, buf_string(&path));
	buf_fini(&path);
	if (value >= 0)
		return json_item(&axis, (size_t)value);
	return member.value != NULL ? member : server;
}

/* Whether OpenSSL takes the server of the case `index`, and it does not contradict itself. */
static int check_server(struct checker *checker, const struct json_node *node,
                        const struct scenario *scenario, size_t index)
{
	json_t *server = json_made(json_copy(scenario->server));
	json_t *client = json_made(json_object());
	struct error reason = {0};
	const char *key;
	int rc = 0;

	matrix_apply(&scenario->matrix, index, server, client);
	if (sieve_server_passes(&checker->servers, server))
		rc = context_check(server, &key, &reason);
	if (rc != 0) {
		struct json_node place = blamed(node, &scenario->matrix, index, key);
		struct buf name = {0};

		matrix_name(&scenario->matrix, index, &name);
		rc = json_complain(&place, checker->error, "%s%s%s", reason.text,
		                   name.len > 0 ? ", in the case " : "", buf_string(&name));
		buf_fini(&name);
	}
	json_decref(client);
	json_decref(server);
	return rc;
}

/* The first of the server's certificates that has nothing to staple, NULL if there is none. */
static const char *without_status(const struct suite *suite, const json_t *server)
{
	const json_t *names = json_object_get(server, "certificate"), *name;
	size_t i;

	json_array_foreach(names, i, name)
		if (!recipe_has_status(recipes_find(&suite->recipes, json_string_value(name))))
			return json_string_value(name);
	return NULL;
}

/* A server can staple only what there is. */
static int check_staple(struct checker *checker, const struct json_node *node,
                        const struct scenario *scenario, size_t index)
{
	json_t *server = json_made(json_copy(scenario->server));
	json_t *client = json_made(json_object());
	const char *word, *name;
	int rc = 0;

	matrix_apply(&scenario->matrix, index, server, client);
	word = json_text(server, "ocsp");
	name = without_status(checker->suite, server);
	if (word[0] != '\0' && strcmp(word, "missing") != 0 && name != NULL) {
		struct json_node place = blamed(node, &scenario->matrix, index, "ocsp");

		rc = json_complain(&place, checker->error,
		                   "\"%s\" has no OCSP responses: these are made of certificates "
		                   "for servers that are good and signed by another",
		                   name);
	}
	json_decref(client);
	json_decref(server);
	return rc;
}

/* The place in the file that `faults` of a case come from: the server's, or a value of the axis. */
static struct json_node faults_node(const struct json_node *scenario, const json_t *faults)
{
	struct json_node server = json_member(scenario, "server");
	struct json_node matrix = json_member(scenario, "matrix");
	struct json_node axis = json_member(&matrix, "server.faults");

	for (size_t i = 0; i < json_array_size(axis.value); i++)
		if (json_array_get(axis.value, i) == faults)
			return json_item(&axis, i);
	return json_member(&server, "faults");
}

/* A fault is of use in a case only if all versions of its server have the place. */
static int check_faults(struct checker *checker, const struct json_node *node,
                        const struct scenario *scenario, size_t index)
{
	json_t *server = json_made(json_copy(scenario->server));
	json_t *client = json_made(json_object());
	struct fault_plan *plan = NULL;
	const json_t *faults;
	int rc = 0;

	matrix_apply(&scenario->matrix, index, server, client);
	faults = json_object_get(server, "faults");
	if (faults != NULL) {
		struct json_node written = faults_node(node, faults);

		rc = fault_plan_new(&plan, &written,
		                    fault_versions(json_object_get(server, "versions")),
		                    checker->error);
	}
	fault_plan_free(plan);
	json_decref(client);
	json_decref(server);
	return rc;
}

/* What is asked of the client, and of faults, beside the server as a whole. */
static const struct key_set client_sets[] = {
	{{"min", "max"}},
	{{"resume", "connections", "early_data"}},
};
static const struct key_set staple_sets[] = {{{"certificate", "ocsp"}}};
static const struct key_set fault_sets[] = {{{"faults", "versions"}}};

/* Calls `check` for the cases that have a new combination of values on one of the sets. */
static int check_cases(struct checker *checker, const struct json_node *node,
                       const struct scenario *scenario, struct sieve *sieve,
                       int (*check)(struct checker *checker, const struct json_node *node,
                                    const struct scenario *scenario, size_t index))
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < scenario->matrix.n_cases; i++)
		if (sieve_passes(sieve, i))
			rc = check(checker, node, scenario, i);
	sieve_free(sieve);
	return rc;
}

static int check_servers(struct checker *checker, const struct json_node *node,
                         const struct scenario *scenario)
{
	size_t n;
	const struct key_set *sets = context_key_sets(&n);

	return check_cases(checker, node, scenario,
	                   sieve_new(&scenario->matrix, "server", sets, n), check_server);
}

static int check_clients(struct checker *checker, const struct json_node *node,
                         const struct scenario *scenario)
{
	return check_cases(checker, node, scenario,
	                   sieve_new(&scenario->matrix, "client", client_sets,
	                             sizeof(client_sets) / sizeof(client_sets[0])),
	                   check_client);
}

static int check_staples(struct checker *checker, const struct json_node *node,
                            const struct scenario *scenario)
{
	return check_cases(checker, node, scenario,
	                   sieve_new(&scenario->matrix, "server", staple_sets, 1), check_staple);
}

static int check_all_faults(struct checker *checker, const struct json_node *node,
                            const struct scenario *scenario)
{
	return check_cases(checker, node, scenario,
	                   sieve_new(&scenario->matrix, "server", fault_sets, 1), check_faults);
}

static json_t *with_defaults(json_t *server)
{
	json_t *defaults = json_made(json_pack("{s:[ss], s:s, s:b}", "versions", "1.2", "1.3",
	                                       "client_auth", "none", "tickets", 1));

	json_object_update_missing(server, defaults);
	json_decref(defaults);
	return server;
}

static int add_scenario(struct checker *checker, const struct json_node *node, size_t index)
{
	struct suite *suite = checker->suite;
	struct scenario *scenario = &suite->scenarios[index];
	int rc = check_name(checker, node, index);

	if (rc == 0)
		rc = check_certificates(checker, node);
	if (rc == 0)
		rc = matrix_init(&scenario->matrix, node, checker->error);
	if (rc != 0)
		return rc;
	scenario->json = node->value;
	scenario->server =
		with_defaults(setting_normal_all(json_object_get(node->value, "server")));
	scenario->client = setting_normal_all(json_object_get(node->value, "client"));
	scenario->first_case = suite->n_cases;
	suite->n_cases += scenario->matrix.n_cases;
	rc = check_servers(checker, node, scenario);
	if (rc == 0)
		rc = check_staples(checker, node, scenario);
	if (rc == 0)
		rc = check_clients(checker, node, scenario);
	if (rc == 0)
		rc = check_all_faults(checker, node, scenario);
	return rc != 0 ? rc : check_twins(checker, node, scenario);
}

static int add_scenarios(struct suite *suite, struct error *error)
{
	struct json_node root = json_root(suite->file, suite->json);
	struct json_node list = json_member(&root, "scenarios");
	struct checker checker = {.suite = suite, .error = error};
	int rc = shipped_recipes(&suite->recipes, error);

	if (rc != 0)
		return rc;
	checker.names = json_made(json_object());
	sieve_memory_init(&checker.servers);
	suite->n_scenarios = json_array_size(list.value);
	suite->scenarios = calloc(suite->n_scenarios, sizeof(suite->scenarios[0]));
	CHECK(suite->scenarios != NULL);
	for (size_t i = 0; rc == 0 && i < suite->n_scenarios; i++) {
		struct json_node node = json_item(&list, i);

		rc = add_scenario(&checker, &node, i);
	}
	json_decref(checker.names);
	sieve_memory_fini(&checker.servers);
	return rc;
}

/* Takes the scenarios of what was read with `rc`, and hands it over, or frees it. */
static int hand_over(struct suite *made, int rc, struct suite **suite, struct error *error)
{
	if (rc == 0)
		rc = add_scenarios(made, error);
	if (rc == 0)
		*suite = made;
	else
		suite_free(made);
	return rc;
}

int suite_load(struct suite **suite, const char *name, struct error *error)
{
	struct suite *made = calloc(1, sizeof(*made));
	int rc;

	CHECK(made != NULL);
	rc = shipped_path("suite", "scenarios", name, &made->file, error);
	if (rc == 0)
		rc = shipped_load_checked(made->file, "suite.schema.json", &made->json, error);
	return hand_over(made, rc, suite, error);
}

int suite_take(struct suite **suite, const json_t *document, struct error *error)
{
	struct suite *made = calloc(1, sizeof(*made));
	int rc;

	CHECK(made != NULL);
	made->file = strdup(json_text(document, "file"));
	CHECK(made->file != NULL);
	made->json = json_incref(json_object_get(document, "json"));
	rc = made->json != NULL
	             ? shipped_check(made->file, "suite.schema.json", made->json, error)
	             : error_set(error, ERR_INPUT, "%s: there is no suite in it", made->file);
	return hand_over(made, rc, suite, error);
}

void suite_free(struct suite *suite)
{
	if (suite == NULL)
		return;
	for (size_t i = 0; i < suite->n_scenarios; i++) {
		matrix_fini(&suite->scenarios[i].matrix);
		json_decref(suite->scenarios[i].server);
		json_decref(suite->scenarios[i].client);
	}
	free(suite->scenarios);
	recipes_fini(&suite->recipes);
	json_decref(suite->json);
	free(suite->file);
	free(suite);
}

int suite_check_set(struct suite *const suites[], size_t n_suites, struct error *error)
{
	for (size_t i = 0; i < n_suites; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(suite_name(suites[i]), suite_name(suites[k])) == 0)
				return error_set(error, ERR_INPUT,
				                 "%s: $.suite: %s is a suite \"%s\" too; "
				                 "name each suite once",
				                 suites[i]->file, suites[k]->file,
				                 suite_name(suites[k]));
	return 0;
}

const char *suite_file(const struct suite *suite)
{
	return suite->file;
}

const char *suite_name(const struct suite *suite)
{
	return json_text(suite->json, "suite");
}

size_t suite_n_cases(const struct suite *suite)
{
	return suite->n_cases;
}

/* The scenario of the case `index`: the last that begins at it or before. */
static const struct scenario *find_scenario(const struct suite *suite, size_t index)
{
	size_t low = 0, high = suite->n_scenarios;

	CHECK(index < suite->n_cases);
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (suite->scenarios[middle].first_case <= index)
			low = middle;
		else
			high = middle;
	}
	return &suite->scenarios[low];
}

json_t *suite_case(const struct suite *suite, size_t index)
{
	const struct scenario *scenario = find_scenario(suite, index);
	const char *name = json_text(scenario->json, "name");
	json_t *server = json_made(json_copy(scenario->server));
	json_t *client = json_made(json_copy(scenario->client));
	json_t *expect, *twin;
	struct buf values = {0}, id = {0};
	json_t *made;

	matrix_apply(&scenario->matrix, index - scenario->first_case, server, client);
	matrix_name(&scenario->matrix, index - scenario->first_case, &values);
	expect = answers_of(suite, scenario, server);
	buf_printf(&id, "%s/%s", suite_name(suite), name);
	if (values.len > 0)
		buf_printf(&id, "/%s", buf_string(&values));
	made = json_made(json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:s}",
	                           "id", buf_string(&id),
	                           "suite", suite_name(suite),
	                           "scenario", name,
	                           "case", buf_string(&id) + strlen(suite_name(suite)) + 1,
	                           "server", server,
	                           "client", client,
	                           "expect", expect,
	                           "why", json_text(scenario->json, "why")));
	if (scenario->matrix.n_axes > 0)
		json_object_set_new(made, "matrix",
		                    matrix_values(&scenario->matrix, index - scenario->first_case));
	twin = expect_twin(expect, server);
	if (twin != NULL)
		json_object_set_new(made, "twin", json_made(json_pack("{s:o}", "server", twin)));
	buf_fini(&values);
	buf_fini(&id);
	return made;
}

json_t *suite_neighbours(const struct suite *suite, size_t index)
{
	const struct scenario *scenario = find_scenario(suite, index);
	json_t *server = json_made(json_copy(scenario->server));
	json_t *client = json_made(json_object());
	json_t *axes = matrix_axes(&scenario->matrix), *list;

	matrix_apply(&scenario->matrix, index - scenario->first_case, server, client);
	list = neighbours_of(server, axes);
	json_decref(server);
	json_decref(client);
	json_decref(axes);
	return list;
}
