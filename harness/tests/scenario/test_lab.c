#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "scenario/lab.h"

#define TYPE                                                                                       \
	"{\"name\":\"type\",\"why\":\"w\",\"stack\":\"wolfssl\",\"tags\":[\"h5\"],"                     \
	"\"address\":\"10.0.0.1\"}"

static char folder[64];

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/shakedown-lab-XXXXXX");
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static void write_file(const char *name, const char *text)
{
	char *path = file_join(folder, name);

	assert_int_equal(file_write(path, (struct bytes){(const uint8_t *)text, strlen(text)}, 0600,
	                            NULL),
	                 0);
	free(path);
}

static int tear_down(void **state)
{
	static const char *const files[] = {"type.json", "lab.json"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char *path = file_join(folder, files[i]);

		unlink(path);
		free(path);
	}
	return rmdir(folder);
}

/* Loads a lab file with these entries; a path in it leads to a type without a port. */
static int load(struct lab *lab, const char *entries, struct error *error)
{
	char *path = file_join(folder, "lab.json");
	struct buf text = {0};
	int rc;

	write_file("type.json", TYPE);
	buf_printf(&text, "{\"boards\":[%s]}", entries);
	write_file("lab.json", buf_string(&text));
	rc = lab_load(lab, path, error);
	buf_fini(&text);
	free(path);
	return rc;
}

static void boards_of_a_lab_have_their_type_and_their_own_place(void **state)
{
	struct lab lab;
	struct error error = {0};
	const struct profile *board;

	(void)state;
	load(&lab,
	     "{\"name\":\"left\",\"profile\":\"type.json\",\"serial_number\":\"0037\"},"
	     "{\"name\":\"right\",\"profile\":\"type.json\",\"port\":\"/dev/ttyACM1\","
	     "\"address\":\"::1\",\"tags\":[\"bench\"]},"
	     "{\"name\":\"virtual\",\"profile\":\"netx-fixed\"}",
	     &error);
	assert_string_equal(error.text, "");
	assert_int_equal(lab.n_profiles, 3);
	board = lab_find(&lab, "left", &error);
	assert_ptr_equal(board, &lab.profiles[0]);
	assert_string_equal(json_text(board->json, "port"), LAB_SERIAL_NUMBER "0037");
	assert_string_equal(json_text(board->json, "address"), "10.0.0.1");
	assert_string_equal(json_text(board->json, "stack"), "wolfssl");
	board = lab_find(&lab, "right", &error);
	assert_string_equal(json_text(board->json, "address"), "::1");
	assert_int_equal(json_array_size(json_object_get(board->json, "tags")), 2);
	assert_string_equal(profile_name(lab_find(&lab, "virtual", &error)), "virtual");
	assert_null(lab_find(&lab, "rigth", &error));
	assert_non_null(strstr(error.text, "lab.json: unknown board \"rigth\" (did you mean \"right\"?)"));
	lab_fini(&lab);
}

static void faulty_labs_are_refused_with_the_place(void **state)
{
	static const struct {
		const char *entries, *sentence;
	} cases[] = {
		{"", "lab.json: $.boards: "},
		{"{\"name\":\"a\",\"profile\":\"type.json\"}",
	         "lab.json: $.boards[0]: needs one of \"virtual\", \"port\", \"serial_number\""},
		{"{\"name\":\"a\",\"profile\":\"type.json\",\"port\":\"p\",\"serial_number\":\"1\"}",
	         "lab.json: $.boards[0]: give the board a port or a serial_number, not both"},
		{"{\"name\":\"a\",\"profile\":\"type.json\",\"port\":\"p\",\"address\":\"pc\"}",
	         "lab.json: $.boards[0].address: \"pc\" is not an IPv4 or IPv6 address"},
		{"{\"name\":\"a\",\"profile\":\"netx-fixed\",\"port\":\"p\"}",
	         "lab.json: $.boards[0]: may have only one of"},
		{"{\"name\":\"a\",\"profile\":\"type.json\",\"port\":\"p\"},"
	         "{\"name\":\"a\",\"profile\":\"type.json\",\"port\":\"q\"}",
	         "the board \"a\" is named twice"},
		{"{\"name\":\"a\",\"profile\":\"type.json\",\"port\":\"p\"},"
	         "{\"name\":\"b\",\"profile\":\"type.json\",\"port\":\"p\"}",
	         "p is the port of the board \"a\" too"},
		{"{\"name\":\"a\",\"profile\":\"nucleo\"}", "unknown board \"nucleo\""},
		{"{\"name\":\"a\",\"profile\":\"type.json\",\"speed\":1}",
	         "lab.json: $.boards[0]: unknown key \"speed\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error error = {0};
		struct lab lab;

		assert_int_equal(load(&lab, cases[i].entries, &error), ERR_INPUT);
		assert_non_null(strstr(error.text, "lab.json: "));
		if (strstr(error.text, cases[i].sentence) == NULL)
			fail_msg("says \"%s\", not \"%s\"", error.text, cases[i].sentence);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(boards_of_a_lab_have_their_type_and_their_own_place,
	                                        set_up, tear_down),
		cmocka_unit_test_setup_teardown(faulty_labs_are_refused_with_the_place, set_up,
	                                        tear_down),
	};
	char *here = getcwd(NULL, 0);

	setenv("SHAKEDOWN_ROOT", here, 0);
	free(here);
	return cmocka_run_group_tests_name("scenario/lab", tests, NULL, NULL);
}
