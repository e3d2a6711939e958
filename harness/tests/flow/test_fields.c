/* Paths of --fields against the shipped schema, and the values that stand there. */
#include "flow/fields.h"

#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static json_t *schema;

static int load(void **state)
{
	struct error error = {0};

	(void)state;
	return json_load_path("scenarios/schema/connection.schema.json", &schema, &error);
}

static int unload(void **state)
{
	(void)state;
	json_decref(schema);
	return 0;
}

static void paths_that_a_connection_can_have_are_taken(void **state)
{
	static const char *const paths[] = {
		"client.address,server.port",
		"client_hello",
		"client_hello.extensions.name",
		"client_hello.extensions.3.named_group_list.0",
		"client_hello_2.ja4",
		"later_hellos.0.cipher_suites",
		"certificates.chain.subject",
		"certificates.0.chain.0.extensions.key_usage",
		"certificate_status.ocsp_response.responses.cert_status",
		"key_updates.request_update",
		"tcp.longest_pause.waited_for",
		"close.first",
	};
	struct error error = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (fields_check(paths[i], schema, &error) != 0)
			fail_msg("%s", error.text);
}

static void a_mistyped_path_gets_the_nearest_right_one(void **state)
{
	static const struct {
		const char *paths;
		const char *complaint;
	} cases[] = {
		{"client.address,client_hello.cipher_suits.0",
	         "--fields: no connection has client_hello.cipher_suits.0; "
	         "did you mean client_hello.cipher_suites.0?"},
		{"clint.address",
	         "--fields: no connection has clint.address; did you mean client.address?"},
		{"alerts.0.nummber",
	         "--fields: no connection has alerts.0.nummber; did you mean alerts.0.number?"},
		{"tcp.longest_pause.x",
	         "--fields: no connection has tcp.longest_pause.x; "
	         "unknown member \"x\"; known are ms, t_ms, waited_for"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error error = {0};

		assert_int_equal(fields_check(cases[i].paths, schema, &error), ERR_INPUT);
		assert_string_equal(error.text, cases[i].complaint);
	}
}

static void values_stand_in_one_line_whatever_a_peer_put_into_them(void **state)
{
	json_t *decoded = json_made(json_pack(
		"{s:s, s:{s:[{s:i}, {s:i}]}, s:n, s:{s:b}}", "name", "a\tb\nc\\d\x1b\x7f",
		"hello", "extensions", "type", 10, "type", 43, "nothing", "close", "orderly", 1));
	struct buf out = {0};

	(void)state;
	fields_write(&out, "name,hello.extensions.type,hello.extensions.1.type,nothing,close",
	             decoded);
	assert_string_equal(buf_string(&out), "a\\tb\\nc\\\\d\\u001b\\u007f\t10,43\t43\t\t"
	                                      "{\"orderly\":true}\n");
	buf_clear(&out);
	fields_write(&out,
	             "hello.a_name_that_is_longer_than_any_member_of_a_connection_could_ever_be,"
	             "hello.extensions.2.type",
	             decoded);
	assert_string_equal(buf_string(&out), "\t\n");
	buf_fini(&out);
	json_decref(decoded);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_that_a_connection_can_have_are_taken),
		cmocka_unit_test(a_mistyped_path_gets_the_nearest_right_one),
		cmocka_unit_test(values_stand_in_one_line_whatever_a_peer_put_into_them),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
