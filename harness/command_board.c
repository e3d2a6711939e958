/* `shakedown board`: what there is, whether it answers, and what a profile makes of it. */
#include "command.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"
#include "base/words.h"
#include "peer/listener.h"
#include "peer/runner.h"
#include "rehearsal.h"
#include "scenario/lab.h"
#include "scenario/shipped.h"
#include "verdict/judge.h"
#include "view/text.h"

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BOARD_NAMES, BOARD_PORT, BOARD_ADDRESS, BOARD_BAUD, BOARD_LAB };

static void put_clean(const char *text)
{
	struct buf clean = {0};

	text_clean(&clean, text, TEXT_UTF8);
	fputs(buf_string(&clean), stdout);
	buf_fini(&clean);
}

/* --- which board ------------------------------------------------------------------------------ */

/* A board that is in no lab, with what the options add to its profile. */
static int load_alone(const struct option_words *options, struct profile *profile,
                      struct error *error)
{
	static const struct {
		int option;
		const char *key;
	} rows[] = {{BOARD_PORT, "port"}, {BOARD_ADDRESS, "address"}};
	json_t *identity = json_made(json_object());
	long baud;
	int rc = command_number(&options[BOARD_BAUD], 1, INT_MAX, 0, &baud, error);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (options[rows[i].option].n > 0)
			json_object_set_new(identity, rows[i].key,
			                    json_made(json_string(
						    command_word(&options[rows[i].option]))));
	if (rc == 0 && baud > 0)
		json_object_set_new(identity, "baud", json_integer(baud));
	if (rc == 0)
		rc = profile_load_as(profile, options[BOARD_NAMES].words[0], NULL, identity, error);
	json_decref(identity);
	return rc;
}

/* The board `name` of the lab; what was loaded with it is released. */
static int load_from_lab(const char *file, const char *name, struct profile *profile,
                         struct error *error)
{
	const struct profile *found;
	struct lab lab;
	int rc = lab_load(&lab, file, error);

	if (rc != 0)
		return rc;
	found = lab_find(&lab, name, error);
	if (found != NULL) {
		*profile = *found;
		profile->file = strdup(found->file);
		CHECK(profile->file != NULL);
		json_incref(profile->json);
	}
	lab_fini(&lab);
	return found != NULL ? 0 : error->code;
}

static int load_board(const struct option_words *options, struct profile *profile,
                      struct error *error)
{
	if (options[BOARD_NAMES].n != 1)
		return error_set(error, ERR_INPUT, "name one board: a profile's file or name, or "
		                                   "with --lab a board of that lab");
	if (options[BOARD_LAB].n > 0)
		return load_from_lab(command_word(&options[BOARD_LAB]),
		                     options[BOARD_NAMES].words[0], profile, error);
	return load_alone(options, profile, error);
}

/* --- list ------------------------------------------------------------------------------------- */

static void list_one(const json_t *board)
{
	const char *version = json_text(board, "stack_version");
	const char *driver = json_text(board, "driver");
	const json_t *tag;
	size_t i;

	printf("%-18s %-8s ", json_text(board, "name"), driver[0] != '\0' ? driver : "agent");
	printf("%s%s%s", json_text(board, "stack"), version[0] != '\0' ? " " : "", version);
	if (json_object_get(board, "port") != NULL)
		printf("  on %s", json_text(board, "port"));
	else if (json_object_get(board, "virtual") != NULL)
		fputs("  virtual", stdout);
	json_array_foreach(json_object_get(board, "tags"), i, tag)
		printf("%s%s", i == 0 ? "  #" : " #", json_string_value(tag));
	fputs("\n    ", stdout);
	put_clean(json_text(board, "why"));
	putchar('\n');
}

static int list_file(const char *path, struct error *error)
{
	json_t *board;
	int rc = shipped_load_checked(path, "board.schema.json", &board, error);

	if (rc == 0)
		list_one(board);
	json_decref(board);
	return rc;
}

static int list_named(const char *name, struct error *error)
{
	char *path;
	int rc = shipped_path("board", "scenarios/boards", name, &path, error);

	if (rc == 0) {
		rc = list_file(path, error);
		free(path);
	}
	return rc;
}

static int list_shipped(struct error *error)
{
	const char *root = file_data_root(error);
	char *pattern;
	glob_t found = {0};
	int rc = 0;

	if (root == NULL)
		return error->code;
	pattern = file_join(root, "scenarios/boards/*.json");
	glob(pattern, 0, NULL, &found);
	for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
		if (strstr(found.gl_pathv[i], "/known.json") == NULL)
			rc = list_file(found.gl_pathv[i], error);
	globfree(&found);
	free(pattern);
	return rc;
}

static int list(const struct option_words *options, struct error *error)
{
	struct lab lab;
	int rc = 0;

	if (options[BOARD_LAB].n > 0) {
		rc = lab_load(&lab, command_word(&options[BOARD_LAB]), error);
		for (size_t i = 0; rc == 0 && i < lab.n_profiles; i++)
			list_one(lab.profiles[i].json);
		if (rc == 0)
			lab_fini(&lab);
		return -rc;
	}
	for (size_t i = 0; rc == 0 && i < options[BOARD_NAMES].n; i++)
		rc = list_named(options[BOARD_NAMES].words[i], error);
	if (options[BOARD_NAMES].n == 0)
		rc = list_shipped(error);
	return -rc;
}

/* --- check and reset -------------------------------------------------------------------------- */

/* Whether servers can be where a passive board looks for them: 0, or 1 with the reason told. */
static int check_listener(const struct profile *profile)
{
	const json_t *passive = json_object_get(profile->json, "passive");
	const char *address = json_text(profile->json, "address");
	int port = (int)json_number(passive, "listen");
	struct error error = {0};

	if (passive == NULL)
		return 0;
	if (listener_try(address, port, &error) != 0) {
		printf("no   %s\n", error.text);
		return 1;
	}
	printf("ok   its servers can listen on %s port %d\n", address, port);
	return 0;
}

static int do_task(const struct option_words *options, const char *task, struct error *error)
{
	struct profile profile;
	int rc = load_board(options, &profile, error);

	if (rc != 0)
		return -rc;
	if (json_object_get(profile.json, "virtual") != NULL) {
		printf("ok   %s is virtual: each run starts it anew\n", profile_name(&profile));
		rc = 0;
	} else {
		rc = runner_do(profile.json, json_text(profile.json, "port"), task, error);
	}
	if (rc == 0 && strcmp(task, "check") == 0)
		rc = check_listener(&profile);
	profile_fini(&profile);
	return rc < 0 ? -rc : rc;
}

static int check(const struct option_words *options, struct error *error)
{
	return do_task(options, "check", error);
}

static int reset(const struct option_words *options, struct error *error)
{
	return do_task(options, "reset", error);
}

/* --- try -------------------------------------------------------------------------------------- */

static void show_trace(void *context, const char *what, const char *text)
{
	static const struct {
		const char *what, *sign;
	} signs[] = {{"sent", ">"}, {"came", "<"}, {"note", "="}};

	(void)context;
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (strcmp(what, signs[i].what) == 0)
			printf("%s ", signs[i].sign);
	put_clean(text);
	putchar('\n');
	fflush(stdout);
}

static void show_ready(void *context, const json_t *info)
{
	(void)context;
	printf("= ready%s%s\n", json_text(info, "stack")[0] != '\0' ? ": " : "",
	       json_text(info, "stack"));
}

struct attempt {
	const struct profile *profile;
	bool passed;
};

/* What the board is taken to have said, member by member. */
static void show_testimony(json_t *board)
{
	const char *key;
	const json_t *value;

	json_object_foreach(board, key, value) {
		if (!json_is_string(value) || json_string_value(value)[0] == '\0' ||
		    strcmp(key, "log") == 0)
			continue;
		printf("= %s: ", key);
		put_clean(json_string_value(value));
		putchar('\n');
	}
}

static void show_verdict(void *context, const json_t *cell, struct observation *observation)
{
	struct attempt *attempt = context;
	json_t *judged = json_made(json_copy((json_t *)cell));

	json_object_set_new(judged, "witnesses", observation->witnesses);
	json_object_set_new(judged, "trouble", observation->trouble);
	judge_cell(judged, attempt->profile->json);
	show_testimony(json_object_get(observation->witnesses, "board"));
	printf("\n%s (%s): ", json_text(judged, "outcome"), json_text(judged, "reason"));
	put_clean(json_text(judged, "detail"));
	putchar('\n');
	attempt->passed = strcmp(json_text(judged, "outcome"), "pass") == 0;
	json_decref(judged);
}

/* A server that nearly every client can connect to; what it says is what the board is made for. */
static json_t *good_cell(const char *id, const json_t *versions, const struct profile *profile)
{
	json_t *cell = json_made(json_pack(
		"{s:s, s:{s:O, s:[s, s], s:s}, s:{}, s:{s:s}}", "id", id, "server", "versions",
		versions, "certificate", "ecdsa-p256", "rsa-2048", "client_auth", "none", "client",
		"expect", "result", "connect"));
	json_t *application = json_object_get(profile->json, "application");

	if (application != NULL)
		json_object_set(json_object_get(cell, "server"), "application", application);
	return cell;
}

static int attempt(const struct option_words *options, struct error *error)
{
	static const struct rehearsal_events events = {show_trace, show_ready, show_verdict};
	struct profile profile;
	struct attempt attempt = {.profile = &profile};
	struct certs_made made;
	json_t *cells, *versions;
	int rc = load_board(options, &profile, error);

	if (rc != 0)
		return -rc;
	versions = json_made(json_pack("[s, s]", "1.2", "1.3"));
	cells = json_made(json_pack("[o]", good_cell("try", versions, &profile)));
	rc = certs_make_own(&made, error);
	if (rc == 0)
		rc = rehearsal_run(&profile, cells, &events, &attempt, error);
	json_decref(versions);
	json_decref(cells);
	profile_fini(&profile);
	return rc != 0 ? -rc : !attempt.passed;
}

/* --- learn ------------------------------------------------------------------------------------ */

static void learn_nothing_yet(void *context, const json_t *info)
{
	(void)context;
	(void)info;
}

/* Keeps the ClientHello of each cell. */
static void keep_hello(void *context, const json_t *cell, struct observation *observation)
{
	json_t *hellos = context;
	const json_t *wire = json_object_get(observation->witnesses, "wire");
	json_t *hello = json_object_get(wire, "client_hello");

	(void)cell;
	if (json_is_object(hello))
		json_array_append(hellos, hello);
	json_decref(observation->witnesses);
	json_decref(observation->trouble);
}

static int learn(const struct option_words *options, struct error *error)
{
	static const struct rehearsal_events events = {NULL, learn_nothing_yet, keep_hello};
	static const char *const offers[] = {"[\"1.2\", \"1.3\"]", "[\"1.2\"]", "[\"1.3\"]"};
	json_t *cells = json_made(json_array()), *hellos = json_made(json_array());
	struct profile profile;
	struct certs_made made;
	int rc = load_board(options, &profile, error);

	for (size_t i = 0; rc == 0 && i < sizeof(offers) / sizeof(offers[0]); i++) {
		json_t *versions = json_made(json_loads(offers[i], 0, NULL));
		char id[16];

		snprintf(id, sizeof(id), "learn-%zu", i);
		json_array_append_new(cells, good_cell(id, versions, &profile));
		json_decref(versions);
	}
	if (rc == 0) {
		rc = certs_make_own(&made, error);
		if (rc == 0)
			rc = rehearsal_run(&profile, cells, &events, hellos, error);
		profile_fini(&profile);
	}
	if (rc == 0)
		rc = command_propose(hellos, error);
	json_decref(cells);
	json_decref(hellos);
	return -rc;
}

/* --- the command ------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	int (*run)(const struct option_words *options, struct error *error);
} deeds[] = {
	{"list", list}, {"check", check}, {"try", attempt}, {"reset", reset}, {"learn", learn},
};

int command_board(char **arguments, struct error *error)
{
	struct option_words options[] = {
		[BOARD_NAMES] = {0},
		[BOARD_PORT] = {.name = "--port", .one = "a device, or a URL that pyserial knows"},
		[BOARD_ADDRESS] = {.name = "--address", .one = "an address of this host"},
		[BOARD_BAUD] = {.name = "--baud", .one = "a number"},
		[BOARD_LAB] = {.name = "--lab", .one = "the file of a lab"},
		{0},
	};
	const char *deed = arguments[0] != NULL ? arguments[0] : "";
	struct buf sentence = {0};
	json_t *known;

	if (command_check_names(arguments, error) != 0)
		return -error->code;
	known = json_made(json_array());
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		json_array_append_new(known, json_made(json_string(deeds[i].name)));
		if (strcmp(deed, deeds[i].name) != 0)
			continue;
		json_decref(known);
		if (command_sort(arguments + 1, options, error) != 0)
			return -error->code;
		return deeds[i].run(options, error);
	}
	words_unknown(&sentence, "deed of board", deed, known);
	error_set(error, ERR_INPUT, "%s", buf_string(&sentence));
	buf_fini(&sentence);
	json_decref(known);
	return -error->code;
}
