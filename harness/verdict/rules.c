#include "verdict/rules.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"
#include "base/schema.h"
#include "verdict/condition.h"
#include "verdict/filter.h"
#include "verdict/witness.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (1u << 20) /* bytes of one rule file, and of the prelude */

#define KEY_SIZE 24    /* of a rule's number in text */
#define CONDITIONS 128 /* rules whose conditions are one filter: see filter.h */
#define WORDS 2        /* rules whose sentences are one filter */

struct rule {
	char *file;
	json_t *json;
};

struct rules {
	struct rule *rules;
	size_t n_rules;
	struct buf prelude;
	struct filter *conditions[RULES_MAX / CONDITIONS + 1]; /* NULL: not made yet */
	struct filter *words[RULES_MAX / WORDS + 1]; /* the same; made when one of its rules fits */
	bool careful;         /* a condition fails in jq, which must not spoil those beside it */
	struct buf complaint; /* why there are no conditions */
	pthread_t compiler;   /* at work while `compiling` */
	bool compiling;
};

/* --- files ------------------------------------------------------------------------------------ */

static int is_rule_file(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".json") == 0;
}

/* `file` and `json` are taken over; the latter is read from the file if it is NULL. */
static int add_rule(struct rules *rules, char *file, json_t *json, const struct schema *schema,
                    struct error *error)
{
	struct rule *rule = &rules->rules[rules->n_rules];
	int rc = 0;

	CHECK(file != NULL);
	*rule = (struct rule){file, json};
	rules->n_rules++;
	if (json == NULL)
		rc = json_load_path(rule->file, &rule->json, error);
	return rc != 0 ? rc : schema_check(schema, rule->file, rule->json, error);
}

static int load_files(struct rules *rules, const char *folder, size_t n_more,
                      const struct schema *schema, struct error *error)
{
	struct dirent **entries = NULL;
	int n = scandir(folder, &entries, is_rule_file, alphasort);
	int rc = 0;

	if (n < 0)
		return error_system(error, ERR_INPUT, errno, "cannot read the rules in %s", folder);
	if ((size_t)n + n_more > RULES_MAX)
		rc = error_set(error, ERR_INPUT, "%s holds %d rules; at most %d are read", folder,
		               n, RULES_MAX);
	rules->rules = calloc((size_t)n + n_more + 1, sizeof(*rules->rules));
	CHECK(rules->rules != NULL);
	for (int i = 0; i < n; i++) {
		if (rc == 0)
			rc = add_rule(rules, file_join(folder, entries[i]->d_name), NULL, schema,
			              error);
		free(entries[i]);
	}
	free(entries);
	return rc;
}

static int load_own(struct rules *rules, const json_t *own, const struct schema *schema,
                    struct error *error)
{
	json_t *one;
	size_t i;
	int rc = 0;

	json_array_foreach(own, i, one) {
		if (rc == 0 && json_is_string(one))
			rc = add_rule(rules, strdup(json_string_value(one)), NULL, schema, error);
		else if (rc == 0)
			rc = add_rule(rules, strdup(json_text(one, "file")),
			              json_incref(json_object_get(one, "json")), schema, error);
	}
	return rc;
}

static int by_order(const void *a, const void *b)
{
	const struct rule *x = a, *y = b;
	long long difference = json_number(x->json, "order") - json_number(y->json, "order");

	if (difference != 0)
		return difference < 0 ? -1 : 1;
	return strcmp(json_text(x->json, "id"), json_text(y->json, "id"));
}

static int check_ids(const struct rules *rules, struct error *error)
{
	for (size_t i = 0; i < rules->n_rules; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(json_text(rules->rules[i].json, "id"),
			           json_text(rules->rules[k].json, "id")) == 0)
				return error_set(error, ERR_INPUT,
				                 "%s and %s are both the rule \"%s\"",
				                 rules->rules[k].file, rules->rules[i].file,
				                 json_text(rules->rules[i].json, "id"));
	return 0;
}

/* --- the rules in jq -------------------------------------------------------------------------- */

typedef void put_terms(struct buf *out, const struct rules *rules, size_t number);

/* Yields the rule's number where its condition holds; where it fails, with care, {rule, error}. */
static void put_condition(struct buf *out, const struct rules *rules, size_t number)
{
	buf_text(out, rules->careful ? "(try (" : "(");
	condition_put(out, json_text(rules->rules[number].json, "when"));
	buf_printf(out, " | %zu", number);
	if (rules->careful)
		buf_printf(out, ") catch {rule: %zu, error: tostring}", number);
	buf_char(out, ')');
}

/*
 * Yields {rule, cause, evidence} if the rule is among those given, or {rule, error}. A sentence is
 * the inside of a jq string, so that "\(...)" is filled in.
 */
static void put_words(struct buf *out, const struct rules *rules, size_t number)
{
	const json_t *rule = rules->rules[number].json, *evidence;
	size_t i;

	buf_printf(out, "(select($given[\"%zu\"]) | try {rule: %zu, cause: \"%s\", evidence: [",
	           number, number, json_text(rule, "cause"));
	json_array_foreach(json_object_get(rule, "evidence"), i, evidence)
		buf_printf(out, "%s{witness: \"%s\", text: \"%s\"}", i > 0 ? ", " : "",
		           json_text(evidence, "witness"), json_text(evidence, "text"));
	buf_printf(out, "]} catch {rule: %zu, error: tostring})", number);
}

static void put_whole(struct buf *out, const struct rules *rules, size_t number)
{
	put_condition(out, rules, number);
	buf_text(out, ",\n");
	put_words(out, rules, number);
}

/* Of `n` rules from `first` on, or fewer where there are not so many; no rule is fine, too. */
static struct filter *compile(const struct rules *rules, size_t first, size_t n, put_terms *put,
                              struct buf *complaint)
{
	struct buf terms = {0};
	struct filter *filter;

	for (size_t i = first; i < first + n && i < rules->n_rules; i++) {
		buf_text(&terms, i > first ? ",\n" : "");
		put(&terms, rules, i);
	}
	buf_text(&terms, terms.len == 0 ? "empty" : "");
	filter = filter_new(buf_string(&rules->prelude), buf_string(&terms), complaint);
	buf_fini(&terms);
	return filter;
}

/* Whether `n` rules from `first` on compile alone; if not, `complaint` is theirs. */
static bool compiles(const struct rules *rules, size_t first, size_t n, struct buf *complaint)
{
	struct filter *filter;

	buf_clear(complaint);
	filter = compile(rules, first, n, put_whole, complaint);
	filter_free(filter);
	return filter != NULL;
}

/* The file at fault from the rule `first` on, NULL if there is none; `complaint` is about it. */
static const char *culprit(const struct rules *rules, size_t first, struct buf *complaint)
{
	if (!compiles(rules, 0, 0, complaint))
		return "prelude.jq";
	for (size_t i = first; i < rules->n_rules; i += WORDS)
		if (!compiles(rules, i, WORDS, complaint))
			for (size_t k = i; k < i + WORDS && k < rules->n_rules; k++)
				if (!compiles(rules, k, 1, complaint))
					return rules->rules[k].file;
	return NULL;
}

/* jq's own words, without the place in the program, which is not the user's. */
static const char *without_place(struct buf *complaint)
{
	char *at = strstr((char *)complaint->data, " at <top-level>");

	if (at != NULL)
		*at = '\0';
	return buf_string(complaint);
}

/* Refuses rules that jq cannot read, from the rule `first` on. */
static int check_jq(const struct rules *rules, size_t first, struct error *error)
{
	struct buf complaint = {0};
	const char *file = culprit(rules, first, &complaint);

	if (file != NULL)
		error_set(error, ERR_INPUT, "%s: its jq does not compile: %s", file,
		          without_place(&complaint));
	buf_fini(&complaint);
	return file != NULL ? ERR_INPUT : 0;
}

static void *compile_conditions(void *context)
{
	struct rules *rules = context;

	for (size_t i = 0; i * CONDITIONS < rules->n_rules && rules->complaint.len == 0; i++)
		rules->conditions[i] = compile(rules, i * CONDITIONS, CONDITIONS, put_condition,
		                               &rules->complaint);
	return NULL;
}

static void forget_conditions(struct rules *rules)
{
	for (size_t i = 0; i * CONDITIONS < rules->n_rules; i++) {
		filter_free(rules->conditions[i]);
		rules->conditions[i] = NULL;
	}
}

void rules_prepare(struct rules *rules)
{
	sigset_t all, before;

	if (rules->conditions[0] != NULL || rules->compiling)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* they are for the caller's thread */
	rules->compiling = pthread_create(&rules->compiler, NULL, compile_conditions, rules) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Waits for rules_prepare, or does its work. False if the rules do not compile. */
static bool is_ready(struct rules *rules)
{
	if (rules->compiling)
		pthread_join(rules->compiler, NULL);
	else if (rules->conditions[0] == NULL && rules->complaint.len == 0)
		compile_conditions(rules);
	rules->compiling = false;
	return rules->complaint.len == 0;
}

/* --- loading ---------------------------------------------------------------------------------- */

static int load_prelude(struct rules *rules, const char *folder, struct error *error)
{
	char *path = file_join(folder, "prelude.jq");
	int rc = file_read(path, FILE_MAX, &rules->prelude, error);

	free(path);
	return rc;
}

/* Rules and prelude as they stand in their files; *n_of_folder counts those that are not `own`. */
static int read_files(struct rules *rules, const char *folder, const json_t *own,
                      const char *schema_path, size_t *n_of_folder, struct error *error)
{
	struct schema *schema = NULL;
	int rc = schema_load(&schema, schema_path, error);

	if (rc == 0)
		rc = load_prelude(rules, folder, error);
	if (rc == 0)
		rc = load_files(rules, folder, json_array_size(own), schema, error);
	*n_of_folder = rules->n_rules;
	if (rc == 0)
		rc = load_own(rules, own, schema, error);
	schema_free(schema);
	return rc != 0 ? rc : check_ids(rules, error);
}

/* Ends a load that came to `rc`. */
static int loaded(struct rules *rules, int rc, struct rules **out)
{
	if (rc != 0)
		rules_free(rules);
	else
		*out = rules;
	return rc;
}

static struct rules *rules_new(void)
{
	struct rules *rules = calloc(1, sizeof(*rules));

	CHECK(rules != NULL);
	return rules;
}

int rules_load(struct rules **out, const char *folder, const char *schema, struct error *error)
{
	struct rules *rules = rules_new();
	size_t n_of_folder;
	int rc = read_files(rules, folder, NULL, schema, &n_of_folder, error);

	if (rc == 0)
		rc = check_jq(rules, 0, error);
	if (rc == 0)
		qsort(rules->rules, rules->n_rules, sizeof(*rules->rules), by_order);
	return loaded(rules, rc, out);
}

int rules_load_shipped(struct rules **out, const json_t *own, struct error *error)
{
	const char *root = file_data_root(error);
	struct rules *rules;
	size_t n_of_folder;
	char *folder, *schema;
	int rc;

	if (root == NULL)
		return error->code;
	rules = rules_new();
	folder = file_join(root, "harness/verdict/rules");
	schema = file_join(root, "scenarios/schema/rules.schema.json");
	rc = read_files(rules, folder, own, schema, &n_of_folder, error);
	if (rc == 0 && rules->n_rules > n_of_folder) /* Shakedown's are known to compile */
		rc = check_jq(rules, n_of_folder, error);
	if (rc == 0)
		qsort(rules->rules, rules->n_rules, sizeof(*rules->rules), by_order);
	free(folder);
	free(schema);
	return loaded(rules, rc, out);
}

void rules_free(struct rules *rules)
{
	if (rules == NULL)
		return;
	if (rules->compiling)
		pthread_join(rules->compiler, NULL);
	for (size_t i = 0; i < rules->n_rules; i++) {
		free(rules->rules[i].file);
		json_decref(rules->rules[i].json);
	}
	forget_conditions(rules);
	for (size_t i = 0; i * WORDS < rules->n_rules; i++)
		filter_free(rules->words[i]);
	free(rules->rules);
	buf_fini(&rules->prelude);
	buf_fini(&rules->complaint);
	free(rules);
}

json_t *rules_ids(const struct rules *rules)
{
	json_t *ids = json_made(json_array());

	for (size_t i = 0; i < rules->n_rules; i++)
		json_array_append(ids, json_object_get(rules->rules[i].json, "id"));
	return ids;
}

/* --- diagnosing ------------------------------------------------------------------------------- */

/* The board's remedy is the one for its stack. */
static json_t *fix_for(const json_t *rule, const json_t *board)
{
	const json_t *fix = json_object_get(rule, "fix");
	json_t *of_board = json_object_get(json_object_get(fix, "board"),
	                                   json_text(board, "stack"));

	return json_made(json_pack("{s:O*, s:O*}", "board", of_board, "server",
	                           json_object_get(fix, "server")));
}

static json_t *diagnosis(const json_t *rule, const json_t *found, const json_t *board)
{
	json_t *made = json_made(json_pack("{s:O, s:O, s:O, s:s, s:O, s:o}", "id",
	                                   json_object_get(rule, "id"), "title",
	                                   json_object_get(rule, "title"), "cause",
	                                   json_object_get(found, "cause"), "confidence", "likely",
	                                   "evidence", json_object_get(found, "evidence"), "fix",
	                                   fix_for(rule, board)));
	static const char *const kept[] = {"rfc", "refs", "try", "pervasive"};

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (json_object_get(rule, kept[i]) != NULL)
			json_object_set(made, kept[i], json_object_get(rule, kept[i]));
	return made;
}

/* What is known without a rule is the judge's reason. */
static const char *title_of(const char *reason)
{
	static const struct {
		const char *reason, *title;
	} titles[] = {
		{"unsafe", "The board accepts what it must refuse"},
		{"fault-unnoticed", "The board does not notice a breach of the protocol"},
		{"hung", "The board neither refuses nor goes on"},
		{"liveness", "The board does not come through a refusal"},
		{"refuses-all", "The board fails at the good server too"},
		{"wordless", "The board leaves every server without a word"},
		{"flaw-not-shown", "The board does not offer what the server needs"},
		{"fault-not-applied", "The connection did not come to the fault"},
		{"not-as-expected", "The connection is not what it should be"},
		{"not-offered", "The board does not offer what the server needs"},
		{"server-cannot", "The server's configuration can serve no client"},
		{"alert-from-server", "The server ended the connection"},
		{"alert-from-board", "The board ended the connection"},
		{"closed-by-server", "The server closed without a word"},
		{"closed-by-board", "The board closed without a word"},
		{"no-client-hello", "The board never sent a ClientHello"},
		{"timeout", "Time was up"},
		{"app-data", "The handshake worked, what followed did not"},
		{"no-close-notify", "The board closed without close_notify"},
		{"control-failed", "The server is at fault: OpenSSL's own client fails at it too"},
		{"board-error", "The board reports an error"},
		{"no-connection", "No TLS connection came about"},
		{"witnesses-disagree", "The witnesses disagree"},
		{"reboot", "The board restarted"},
		{"port-lost", "The board's port vanished"},
		{"silent", "The board stopped answering"},
		{"no-match", "The board's words say nothing that its profile knows"},
		{"board-not-ready", "The board did not take the run"},
		{"no-result", "The board tells no result"},
		{"server-failed", "Shakedown's server did not come about"},
		{"several-connections", "The board connected more than once"},
	};

	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		if (strcmp(reason, titles[i].reason) == 0)
			return titles[i].title;
	return "Shakedown itself failed";
}

json_t *rules_plain_account(const json_t *cell, const char *cause, json_t *evidence)
{
	return json_made(json_pack("{s:s, s:s, s:s, s:s, s:o, s:{}}", "id", UNEXPLAINED, "title",
	                           title_of(json_text(cell, "reason")), "cause", cause,
	                           "confidence", "none", "evidence", evidence, "fix"));
}

static void add_fault(json_t *cell, const char *file, const char *text)
{
	json_t *faults = json_object_get(cell, "rule_faults");

	if (faults == NULL) {
		faults = json_made(json_array());
		json_object_set_new(cell, "rule_faults", faults);
	}
	json_array_append_new(faults, json_made(json_pack("{s:s, s:s}", "file", file, "text", text)));
}

static const json_t *found_of(const json_t *found, size_t rule)
{
	char key[KEY_SIZE];

	snprintf(key, sizeof(key), "%zu", rule);
	return json_object_get(found, key);
}

static void set_found(json_t *found, size_t rule, json_t *what)
{
	char key[KEY_SIZE];

	snprintf(key, sizeof(key), "%zu", rule);
	json_object_set(found, key, what);
}

/* Takes what the filter makes into `found`, by the numbers of rules. False if it fails. */
static bool ask(struct filter *filter, const json_t *cell, const json_t *board,
                const json_t *fitting, json_t *found)
{
	json_t *all = filter_run(filter, cell, board, fitting), *one;
	size_t i;

	json_array_foreach(all, i, one) {
		bool is_bare = json_is_integer(one); /* its condition holds */

		set_found(found, (size_t)(is_bare ? json_integer_value(one) : json_number(one, "rule")),
		          is_bare ? json_true() : one);
	}
	json_decref(all);
	return all != NULL;
}

/* Where one condition fails, each is guarded from there on: that takes jq a fifth longer. */
static void ask_conditions(struct rules *rules, const json_t *cell, const json_t *board,
                           json_t *found)
{
	bool fine = is_ready(rules);

	for (size_t i = 0; i * CONDITIONS < rules->n_rules && fine; i++)
		fine = ask(rules->conditions[i], cell, board, NULL, found);
	if (fine || rules->careful || rules->complaint.len > 0)
		return;
	rules->careful = true;
	forget_conditions(rules);
	ask_conditions(rules, cell, board, found);
}

/* Those of the rules from `first` on that share a filter and whose conditions hold. */
static json_t *fitting(const json_t *found, size_t first)
{
	json_t *fit = json_made(json_object());

	for (size_t i = first; i < first + WORDS; i++)
		if (json_is_true(found_of(found, i)))
			set_found(fit, i, json_true());
	return fit;
}

/* Replaces what fits in `found` by {cause, evidence} or {error}. */
static void ask_words(struct rules *rules, const json_t *cell, const json_t *board, json_t *found)
{
	for (size_t i = 0; i * WORDS < rules->n_rules; i++) {
		json_t *fit = fitting(found, i * WORDS);
		bool any = json_object_size(fit) > 0;

		if (any && rules->words[i] == NULL)
			rules->words[i] = compile(rules, i * WORDS, WORDS, put_words,
			                          &rules->complaint);
		if (any && rules->words[i] != NULL)
			ask(rules->words[i], cell, board, fit, found);
		json_decref(fit);
	}
}

static void take_findings(struct rules *rules, json_t *cell, const json_t *board, json_t *diagnoses)
{
	json_t *all = json_made(json_object()), *fallbacks = json_made(json_array());

	ask_conditions(rules, cell, board, all);
	ask_words(rules, cell, board, all);
	for (size_t i = 0; i < rules->n_rules; i++) {
		const json_t *found = found_of(all, i), *rule = rules->rules[i].json;

		if (json_object_get(found, "error") != NULL)
			add_fault(cell, rules->rules[i].file, json_text(found, "error"));
		else if (json_object_get(found, "cause") != NULL)
			json_array_append_new(json_flag(rule, "fallback") ? fallbacks : diagnoses,
			                      diagnosis(rule, found, board));
	}
	if (rules->complaint.len > 0) /* somebody has edited them */
		add_fault(cell, "one of Shakedown's own", without_place(&rules->complaint));
	if (json_array_size(diagnoses) == 0) /* these say where to look on, not what it is */
		json_array_extend(diagnoses, fallbacks);
	json_decref(fallbacks);
	json_decref(all);
}

/* Which outcomes the rules explain, and which get a plain account at least. */
static bool is_one_of(const char *outcome, const char *const *outcomes)
{
	for (; *outcomes != NULL; outcomes++)
		if (strcmp(outcome, *outcomes) == 0)
			return true;
	return false;
}

void rules_diagnose(struct rules *rules, json_t *cell, const json_t *board)
{
	static const char *const by_rule[] = {"fail", "unsupported", "inconclusive", NULL};
	static const char *const at_least[] = {"fail", "unsupported", "inconclusive", "error",
	                                       NULL};
	const char *outcome = json_text(cell, "outcome");
	json_t *diagnoses = json_made(json_array());

	json_object_del(cell, "rule_faults");
	json_object_del(cell, "diagnosis");
	if (is_one_of(outcome, by_rule))
		take_findings(rules, cell, board, diagnoses);
	if (json_array_size(diagnoses) == 0 && is_one_of(outcome, at_least))
		json_array_append_new(diagnoses, rules_plain_account(cell, json_text(cell, "detail"),
		                                                     witness_statements(cell)));
	json_object_set_new(cell, "diagnosis", diagnoses);
}
