/*
 * Every folder scenarios/invalid/<case>/ holds an input.json, a suite or (board-...) a profile, and
 * the exact sentence that it is refused with, but for "*" where OpenSSL's release stands. Run in the
 * root of the repository.
 *
 * With arguments it is a helper of test_schemas.py: `test_invalid suite|board FILE...` prints for
 * each file a line of JSON, {"file", "schema": complaint or null, "loader": complaint or null}.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <glob.h>
#include <openssl/crypto.h>

#include "base/file.h"
#include "base/json.h"
#include "scenario/profile.h"
#include "scenario/shipped.h"
#include "scenario/suite.h"

static int load_suite(const char *path, struct error *error)
{
	struct suite *suite = NULL;
	int rc = suite_load(&suite, path, error);

	suite_free(suite);
	return rc;
}

static int load_board(const char *path, struct error *error)
{
	struct profile profile = {0};
	int rc = profile_load(&profile, path, error);

	profile_fini(&profile);
	return rc;
}

static const struct kind {
	const char *name;
	const char *schema;
	int (*load)(const char *path, struct error *error);
} kinds[] = {
	{"suite", "suite.schema.json", load_suite},
	{"board", "board.schema.json", load_board},
};

/* Sentences that repeat OpenSSL's words name its release, which is another on each machine. */
static void forget_release(char *text)
{
	const char *release = OpenSSL_version(OPENSSL_VERSION_STRING);
	char *at = strstr(text, release);

	if (at == NULL)
		return;
	at[0] = '*';
	memmove(at + 1, at + strlen(release), strlen(at + strlen(release)) + 1);
}

/* Loads input.json in `folder`. False, with both sentences on stderr, if they differ. */
static bool refused_as_written(const char *root, const char *folder)
{
	const struct kind *kind = &kinds[strstr(folder, "/board-") != NULL];
	struct error error = {0};
	struct buf expected = {0};
	bool same;
	int rc;

	assert_int_equal(chdir(folder), 0);
	assert_int_equal(file_read("error", ERROR_TEXT_MAX, &expected, &error), 0);
	rc = kind->load("input.json", &error);
	forget_release(error.text);
	same = rc == ERR_INPUT && strlen(error.text) + 1 == expected.len &&
	       strncmp(error.text, buf_string(&expected), strlen(error.text)) == 0;
	if (!same)
		fprintf(stderr, "%s\n  says   %s\n  not    %s", folder, error.text,
		        buf_string(&expected));
	buf_fini(&expected);
	assert_int_equal(chdir(root), 0);
	return same;
}

static void every_invalid_file_is_refused_with_its_sentence(void **state)
{
	char *root = getcwd(NULL, 0);
	size_t n_wrong = 0;
	glob_t folders;

	(void)state;
	assert_non_null(root);
	assert_int_equal(glob("scenarios/invalid/*", GLOB_ONLYDIR, NULL, &folders), 0);
	assert_true(folders.gl_pathc >= 20);
	for (size_t i = 0; i < folders.gl_pathc; i++)
		n_wrong += !refused_as_written(root, folders.gl_pathv[i]);
	assert_int_equal(n_wrong, 0);
	globfree(&folders);
	free(root);
}

static json_t *text_or_null(int rc, const struct error *error)
{
	return rc == 0 ? json_null() : json_made(json_string(error->text));
}

static int answer(const struct kind *kind, const char *path)
{
	struct error by_schema = {0}, by_loader = {0};
	json_t *json = NULL;
	int schema_rc = shipped_load_checked(path, kind->schema, &json, &by_schema);
	int loader_rc = kind->load(path, &by_loader);
	json_t *line = json_made(json_pack("{s:s, s:o, s:o}", "file", path, "schema",
	                                   text_or_null(schema_rc, &by_schema), "loader",
	                                   text_or_null(loader_rc, &by_loader)));
	int rc = json_dumpf(line, stdout, JSON_COMPACT);

	putchar('\n');
	json_decref(line);
	json_decref(json);
	return rc;
}

static int answer_all(int argc, char **argv)
{
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		if (strcmp(argv[1], kinds[k].name) != 0)
			continue;
		for (int i = 2; i < argc; i++)
			if (answer(&kinds[k], argv[i]) != 0)
				return 3;
		return 0;
	}
	fprintf(stderr, "usage: test_invalid [suite|board FILE...]\n");
	return 2;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_invalid_file_is_refused_with_its_sentence),
	};
	char *here = getcwd(NULL, 0);

	setenv("SHAKEDOWN_ROOT", here, 0);
	free(here);
	if (argc > 1)
		return answer_all(argc, argv);
	return cmocka_run_group_tests_name("scenario/invalid", tests, NULL, NULL);
}
