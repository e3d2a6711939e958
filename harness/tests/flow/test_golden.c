/*
 * Each folder of captures/golden/ holds in.pcap or in.pcapng and expect.json, what it decodes to.
 * "test_golden --write" writes every expect.json anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "tests/flow/data.h"

#include <dirent.h>
#include <unistd.h>

/* Calls `each` for every case, in the order of their names. Returns how many there were. */
static int for_each_case(void (*each)(const char *folder))
{
	char *golden = data_capture("golden");
	struct dirent **names = NULL;
	int n = scandir(golden, &names, NULL, alphasort), n_cases = 0;

	for (int i = 0; i < n; i++) {
		char *folder = file_join(golden, names[i]->d_name);

		if (names[i]->d_name[0] != '.') {
			each(folder);
			n_cases++;
		}
		free(folder);
		free(names[i]);
	}
	free(names);
	free(golden);
	return n_cases;
}

static json_t *decode(const char *folder)
{
	struct keylog *keylog = keylog_new();
	struct packet_list packets = {0};
	struct capture *capture = NULL;
	struct error error = {0};
	char *path = file_join(folder, "in.pcapng");
	json_t *list;

	if (access(path, F_OK) != 0)
		path[strlen(path) - 2] = '\0'; /* in.pcap */
	if (capture_open(&capture, path, &error) != 0 ||
	    data_read(capture, &packets, keylog, &error) != 0)
		fail_msg("%s", error.text);
	list = data_decode(&packets, keylog);
	packet_list_fini(&packets);
	capture_close(capture);
	keylog_free(keylog);
	free(path);
	return list;
}

static void compare(const char *folder)
{
	char *path = file_join(folder, "expect.json");
	json_t *expected = json_load_file(path, JSON_ALLOW_NUL, NULL);
	json_t *decoded = decode(folder);

	if (expected == NULL)
		fail_msg("%s is missing or no JSON: make golden writes it", path);
	if (!json_equal(expected, decoded)) {
		fprintf(stderr, "%s decodes to\n", folder);
		json_dumpf(decoded, stderr, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
		fail_msg("that is not what %s says; make golden rewrites it", path);
	}
	json_decref(expected);
	json_decref(decoded);
	free(path);
}

static void write_expected(const char *folder)
{
	char *path = file_join(folder, "expect.json");
	json_t *decoded = decode(folder);
	char *text = json_dumps(decoded, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
	struct buf content = {0};
	struct error error = {0};

	buf_printf(&content, "%s\n", text);
	if (file_write(path, buf_view(&content), 0644, &error) != 0)
		fail_msg("%s", error.text);
	buf_fini(&content);
	free(text);
	json_decref(decoded);
	free(path);
}

static void every_golden_capture_decodes_as_expected(void **state)
{
	(void)state;
	assert_true(for_each_case(compare) > 0);
}

static void every_expected_decode_is_written_anew(void **state)
{
	(void)state;
	assert_true(for_each_case(write_expected) > 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest compares[] = {
		cmocka_unit_test(every_golden_capture_decodes_as_expected),
	};
	const struct CMUnitTest writes[] = {
		cmocka_unit_test(every_expected_decode_is_written_anew),
	};

	if (argc > 1 && strcmp(argv[1], "--write") == 0)
		return cmocka_run_group_tests(writes, NULL, NULL);
	return cmocka_run_group_tests(compares, NULL, NULL);
}
