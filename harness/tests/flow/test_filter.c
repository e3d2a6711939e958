/* Which connections are wanted, by the words of the command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flow/filter.h"

typedef int add_word(struct filter *filter, const char *word, struct error *error);

/* In the order of `kinds`. */
enum kind { PORT, HOST, NAME, ALERT };

static const struct {
	add_word *add;
	const char *good, *too_many;
} kinds[] = {
	[PORT] = {filter_add_port, "443", "--port was given more than 256 times"},
	[HOST] = {filter_add_host, "2001:db8::1", "--host was given more than 256 times"},
	[NAME] = {filter_add_name, "*.example", "--sni was given more than 256 times"},
	[ALERT] = {filter_add_alert, "40", "--alert was given more than 256 times"},
};

static void words_that_are_none_are_refused_in_a_sentence(void **state)
{
	static const struct {
		enum kind kind;
		const char *word, *complaint;
	} rows[] = {
		{PORT, "65536", "--port: 65536 is no port; ports are 0 to 65535"},
		{PORT, "44a", "--port: 44a is no port; ports are 0 to 65535"},
		{PORT, "-1", "--port: -1 is no port; ports are 0 to 65535"},
		{HOST, "example.org",
	         "--host: example.org is no IPv4 or IPv6 address; --sni takes names"},
		{ALERT, "256",
	         "--alert: 256 is no alert; give a number up to 255 or a name such as "
	         "handshake_failure"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct filter filter = {0};
		struct error error = {0};

		assert_int_equal(kinds[rows[i].kind].add(&filter, rows[i].word, &error), ERR_INPUT);
		assert_string_equal(error.text, rows[i].complaint);
	}
}

static void there_is_room_for_so_many_words_of_each_kind(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct filter filter = {0};
		struct error error = {0};

		for (int n = 0; n < FILTER_MAX; n++)
			assert_int_equal(kinds[i].add(&filter, kinds[i].good, &error), 0);
		assert_int_equal(kinds[i].add(&filter, kinds[i].good, &error), ERR_INPUT);
		assert_string_equal(error.text, kinds[i].too_many);
	}
}

#define HELLO(name) "{\"extensions\": [{\"server_name_list\": [\"" name "\"]}]}"

static void one_of_the_names_and_one_of_the_alerts_is_wanted(void **state)
{
	static const struct {
		const char *name, *alert, *decoded;
		bool wanted;
	} rows[] = {
		{"*.EXAMPLE", NULL, "{\"client_hello\": " HELLO("a.example") "}", true},
		{"*.example", NULL, "{\"client_hello\": " HELLO("a.invalid") "}", false},
		{"a.b", NULL, "{\"client_hello_2\": " HELLO("a.b") "}", true},
		{"a.b", NULL, "{\"later_hellos\": [" HELLO("x") ", " HELLO("a.b") "]}", true},
		{NULL, "handshake_failure", "{\"alerts\": [{\"number\": 0}, {\"number\": 40}]}",
	         true},
		{NULL, "40", "{\"alerts\": [{\"number\": 80}, {}]}", false},
		{"a.b", "40", "{\"alerts\": [{\"number\": 40}]}", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *decoded = json_loads(rows[i].decoded, 0, NULL);
		struct filter filter = {0};
		struct error error = {0};

		assert_non_null(decoded);
		if (rows[i].name != NULL)
			assert_int_equal(filter_add_name(&filter, rows[i].name, &error), 0);
		if (rows[i].alert != NULL)
			assert_int_equal(filter_add_alert(&filter, rows[i].alert, &error), 0);
		assert_true(filter_has_content(&filter));
		assert_int_equal(filter_content(&filter, decoded), rows[i].wanted);
		json_decref(decoded);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_that_are_none_are_refused_in_a_sentence),
		cmocka_unit_test(there_is_room_for_so_many_words_of_each_kind),
		cmocka_unit_test(one_of_the_names_and_one_of_the_alerts_is_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
