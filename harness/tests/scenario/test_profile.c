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
#include "scenario/profile.h"

/* A folder of its own for each test, with a "port" in it and a link to that. */
struct bench {
	char folder[64];
	char *port, *link;
};

static int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	strcpy(bench->folder, "/tmp/shakedown-profile-XXXXXX");
	assert_non_null(mkdtemp(bench->folder));
	bench->port = file_join(bench->folder, "ttyACM0");
	bench->link = file_join(bench->folder, "by-id-board");
	assert_int_equal(file_write(bench->port, (struct bytes){0}, 0600, NULL), 0);
	assert_int_equal(symlink(bench->port, bench->link), 0);
	*state = bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	unlink(bench->link);
	unlink(bench->port);
	assert_int_equal(rmdir(bench->folder), 0);
	free(bench->link);
	free(bench->port);
	free(bench);
	return 0;
}

/* Loads a profile of the board `name` on `port`, which has a fraction in its baud rate. */
static struct profile load_board(const struct bench *bench, const char *name, const char *port)
{
	char *path = file_join(bench->folder, "board.json");
	FILE *file = fopen(path, "w");
	struct profile profile;
	struct error error = {0};

	assert_non_null(file);
	fprintf(file, "{\"name\":\"%s\",\"why\":\"w\",\"stack\":\"wolfssl\",\"port\":\"%s\","
	        "\"address\":\"::1\",\"baud\":9600.0}", name, port);
	fclose(file);
	profile_load(&profile, path, &error);
	unlink(path);
	free(path);
	assert_string_equal(error.text, "");
	return profile;
}

static void shipped_boards_are_found_by_name(void **state)
{
	static const char *const names[] = {"netx-unallocated", "netx-fixed", "wolfssl", "mbedtls",
	                                    "openssl"};
	struct profile profiles[5];
	struct error error = {0};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(profile_load(&profiles[i], names[i], &error), 0);
		assert_string_equal(profile_name(&profiles[i]), names[i]);
	}
	assert_int_equal(profile_check_set(profiles, 5, &error), 0);
	for (size_t i = 0; i < 5; i++)
		profile_fini(&profiles[i]);
}

static void what_is_left_out_has_its_default(void **state)
{
	struct profile virtual_board, board = load_board(*state, "a", "/dev/ttyACM0");
	struct error error = {0};

	assert_int_equal(profile_load(&virtual_board, "netx-fixed", &error), 0);
	assert_string_equal(json_text(virtual_board.json, "address"), "127.0.0.1");
	assert_string_equal(json_text(virtual_board.json, "driver"), "agent");
	assert_int_equal(json_number(virtual_board.json, "timeout_ms"), 15000);
	assert_null(json_object_get(virtual_board.json, "baud"));
	assert_string_equal(json_text(board.json, "address"), "::1");
	assert_int_equal(json_number(board.json, "baud"), 9600);
	profile_fini(&virtual_board);
	profile_fini(&board);
}

static void same_board_twice_is_refused(void **state)
{
	struct profile boards[2] = {load_board(*state, "a", "/dev/ttyACM0"),
	                            load_board(*state, "a", "/dev/ttyACM1")};
	struct error error = {0};

	assert_int_equal(profile_check_set(boards, 1, &error), 0);
	assert_int_equal(profile_check_set(boards, 2, &error), ERR_INPUT);
	assert_non_null(strstr(error.text, "board.json: $.name: the board \"a\" is named twice ("));
	profile_fini(&boards[0]);
	profile_fini(&boards[1]);
}

static void two_boards_on_one_port_are_refused_by_whatever_path(void **state)
{
	const struct bench *bench = *state;
	struct profile boards[3] = {load_board(bench, "a", "/dev/shakedown-absent"),
	                            load_board(bench, "b", bench->port),
	                            load_board(bench, "c", bench->link)};
	struct error error = {0};

	assert_int_equal(profile_check_set(boards, 2, &error), 0);
	assert_int_equal(profile_check_set(boards, 3, &error), ERR_INPUT);
	assert_non_null(strstr(error.text, "by-id-board is the port of the board \"b\" too ("));
	for (size_t i = 0; i < 3; i++)
		profile_fini(&boards[i]);
}

static void absent_port_is_compared_as_written(void **state)
{
	struct profile boards[2] = {load_board(*state, "a", "/dev/shakedown-absent"),
	                            load_board(*state, "b", "/dev/shakedown-absent")};
	struct error error = {0};

	assert_int_equal(profile_check_set(boards, 2, &error), ERR_INPUT);
	profile_fini(&boards[0]);
	profile_fini(&boards[1]);
}

static void unknown_name_of_a_board_is_answered_with_those_there_are(void **state)
{
	struct profile profile;
	struct error error = {0};

	(void)state;
	assert_int_equal(profile_load(&profile, "netx", &error), ERR_INPUT);
	assert_non_null(strstr(error.text, "unknown board \"netx\""));
	assert_non_null(strstr(
		error.text, "known are at-modem, bearssl, curl, esp-idf-console, "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shipped_boards_are_found_by_name),
		cmocka_unit_test_setup_teardown(what_is_left_out_has_its_default, set_up,
	                                        tear_down),
		cmocka_unit_test_setup_teardown(same_board_twice_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(two_boards_on_one_port_are_refused_by_whatever_path,
	                                        set_up, tear_down),
		cmocka_unit_test_setup_teardown(absent_port_is_compared_as_written, set_up,
	                                        tear_down),
		cmocka_unit_test(unknown_name_of_a_board_is_answered_with_those_there_are),
	};
	char *here = getcwd(NULL, 0);

	setenv("SHAKEDOWN_ROOT", here, 0); /* for a build folder outside of the repository */
	free(here);
	return cmocka_run_group_tests_name("scenario/profile", tests, NULL, NULL);
}
