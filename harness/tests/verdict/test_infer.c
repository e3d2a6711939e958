/* What a capture alone lets one say: which servers fit it, and what follows from that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "verdict/infer.h"

#include "cells.h"

static bool fits(const char *answer, const char *connection)
{
	json_t *a = parsed(answer), *c = parsed(connection);
	bool fitting = infer_fits(a, c);

	json_decref(a);
	json_decref(c);
	return fitting;
}

static void servers_fit_by_the_first_answer(void **state)
{
	static const char refused[] =
		"{'alerts': [{'from': 'server', 'level': 'fatal', 'number': 40}]}";
	static const char chosen[] =
		"{'server_hello': {}, 'version': 'TLS 1.2', 'cipher_suite': 'S', 'group': 'x25519',"
		" 'alerts': [{'from': 'client', 'level': 'fatal', 'number': 48}]}";

	(void)state;
	assert_true(fits("{'answer': 'alert', 'alert': {'number': 40}}", refused));
	assert_false(fits("{'answer': 'alert', 'alert': {'number': 70}}", refused));
	assert_false(fits("{'answer': 'server_hello', 'version': '1.2'}", refused));
	assert_true(fits("{'answer': 'server_hello', 'version': '1.2', 'ciphersuite': 'S',"
	                 " 'group': 'x25519'}", chosen));
	assert_false(fits("{'answer': 'server_hello', 'version': '1.2', 'ciphersuite': 'T'}",
	                  chosen));
	assert_false(fits("{'answer': 'alert', 'alert': {'number': 48}}", chosen));
	assert_false(fits("{'answer': 'alert', 'alert': {'number': 40}}", "{'alerts': []}"));
}

static void retry_fits_by_its_group(void **state)
{
	static const char retried[] =
		"{'hello_retry_request': {'extensions': [{'name': 'key_share',"
		" 'selected_group': 'secp384r1'}]}, 'server_hello': {}, 'version': 'TLS 1.3'}";

	(void)state;
	assert_true(fits("{'answer': 'hello_retry_request', 'group': 'secp384r1'}", retried));
	assert_false(fits("{'answer': 'hello_retry_request', 'group': 'x25519'}", retried));
	assert_false(fits("{'answer': 'server_hello', 'version': '1.3'}", retried));
}

static void changes_are_of_one_key_and_told_once(void **state)
{
	json_t *answers = parsed("[{'server': {'v': 1, 'c': 'a'}}, {'server': {'v': 2, 'c': 'a'}},"
	                         " {'server': {'v': 1, 'c': 'b'}}, {'server': {'v': 2, 'c': 'b'}},"
	                         " {'server': {'v': 1}}, {'server': {'v': 2, 'c': 'a', 'g': 0}}]");
	json_t *expected = parsed("[{'v': 2}, {'c': 'b'}, {'c': null}]");
	json_t *from = json_pack("[O, O]", json_array_get(answers, 0), json_array_get(answers, 5));
	json_t *changes = json_array(), *item;
	size_t i;

	(void)state;
	infer_changes(from, answers, changes);
	assert_int_equal(json_array_size(changes), json_array_size(expected));
	json_array_foreach(changes, i, item)
		assert_true(json_equal(json_object_get(item, "change"),
		                       json_array_get(expected, i)));
	json_decref(answers);
	json_decref(expected);
	json_decref(from);
	json_decref(changes);
}

static json_t *causes_of(const char *connection, const char *answers)
{
	struct error error = {0};
	const char *root = file_data_root(&error);
	char *folder, *schema;
	json_t *c = parsed(connection), *a = parsed(answers), *causes;
	struct rules *rules;

	assert_non_null(root);
	folder = file_join(root, "harness/verdict/rules");
	schema = file_join(root, "scenarios/schema/rules.schema.json");
	if (rules_load(&rules, folder, schema, &error) != 0)
		fail_msg("%s", error.text);
	causes = infer_causes(rules, c, a);
	rules_free(rules);
	free(folder);
	free(schema);
	json_decref(c);
	json_decref(a);
	return causes;
}

static void refusal_without_a_rule_keeps_the_reason_of_openssl(void **state)
{
	json_t *causes = causes_of(
		"{'alerts': [{'from': 'server', 'level': 'fatal', 'number': 80}], 'messages': []}",
		"[{'answer': 'alert', 'alert': {'number': 80}, 'server': {},"
		"  'error': {'code': '0A000044', 'reason': 'a reason of no rule'}},"
		" {'answer': 'alert', 'alert': {'number': 40}, 'server': {}}]");
	const json_t *cause = json_array_get(causes, 0);

	(void)state;
	assert_int_equal(json_array_size(causes), 1);
	assert_int_equal(json_array_size(json_object_get(cause, "answers")), 1);
	assert_non_null(strstr(json_text(json_object_get(cause, "diagnosis"), "title"),
	                       "a reason of no rule"));
	json_decref(causes);
}

static void connection_without_a_fatal_alert_has_no_cause(void **state)
{
	json_t *causes = causes_of(
		"{'server_hello': {}, 'version': 'TLS 1.3', 'messages': [],"
		" 'alerts': [{'from': 'client', 'level': 'warning', 'number': 0}]}",
		"[{'answer': 'server_hello', 'version': '1.3', 'server': {'versions': ['1.3']}}]");

	(void)state;
	assert_int_equal(json_array_size(causes), 0);
	json_decref(causes);
}

/* The commonest servers would not have chosen so, or there is none that speaks TLS. */
static void what_the_wire_shows_needs_no_server_to_stand_in(void **state)
{
	static const struct {
		const char *connection, *id;
	} seen[] = {
		{"{'messages': [{'from': 'client', 'type': 'client_hello'}], 'alerts': [],"
		 " 'faults': [{'from': 'server', 'where': 'record',"
		 " 'text': 'the stream does not begin with TLS: 48 54 54 50 (HTTP)'}]}",
		 "server-speaks-no-tls"},
		{"{'server_hello': {}, 'version': 'TLS 1.2', 'cipher_suite': 'S', 'messages': [],"
		 " 'start': '2026-02-01T00:00:00Z', 'certificates': [{'from': 'server', 'chain':"
		 " [{'subject': 'CN=a', 'issuer': 'CN=b', 'not_after': '2026-01-01T00:00:00Z'}]}],"
		 " 'alerts': [{'from': 'client', 'level': 'fatal', 'number': 42,"
		 " 'description': 'bad_certificate'}]}",
		 "certificate-expired"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
		json_t *causes = causes_of(seen[i].connection, "[{'answer': 'server_hello',"
		                           " 'version': '1.3', 'server': {}}]");
		const json_t *cause = json_array_get(causes, 0);

		assert_string_equal(json_text(json_object_get(cause, "diagnosis"), "id"),
		                    seen[i].id);
		assert_int_equal(json_array_size(json_object_get(cause, "answers")), 0);
		json_decref(causes);
	}
}

static char *course_of(const char *connection)
{
	json_t *parts = parsed(connection);
	struct buf course = {0};
	char *text;

	infer_course(parts, &course);
	text = strdup(buf_string(&course));
	assert_non_null(text);
	buf_fini(&course);
	json_decref(parts);
	return text;
}

static void events_are_told_in_their_order(void **state)
{
	char *course = course_of(
		"{'messages': [], 'alerts': [{'from': 'client', 'level': 'fatal', 't_ms': 4,"
		" 'number': 40, 'description': 'handshake_failure'}],"
		" 'close': {'first': 'server', 'server': 'fin', 't_ms': 2}}");

	(void)state;
	assert_string_equal(course, "No answer of the server is in the capture.\n"
	                            "The server closes the connection first, after 2.0 ms.\n"
	                            "The client sends handshake_failure (40), 4.0 ms after the "
	                            "connection's first packet.\n");
	free(course);
}

#define CLOSED(from, length) \
	"{'from': '" from "', 'type': 'encrypted', 'length': " length "}"
#define COURSE(suite, messages) \
	"{'server_hello': {}, 'version': 'TLS 1.3', 'cipher_suite': '" suite "', 'alerts': []," \
	" 'messages': [" CLOSED("client", "19") ", {'from': 'server', 'type': 'server_hello'}, " \
	CLOSED("server", "900") ", " messages "], 'close': {'first': 'server'}}"

static bool course_has(const char *connection, const char *words)
{
	char *course = course_of(connection);
	bool has = strstr(course, words) != NULL;

	free(course);
	return has;
}

static void alert_of_tls13_shows_by_its_length(void **state)
{
	static const char of_client[] = "Where the client's Finished is due";
	static const char of_server[] = "The server's first record after the client's last flight";

	(void)state;
	assert_true(course_has(COURSE("S", CLOSED("client", "19")), of_client));
	assert_true(course_has(COURSE("TLS_AES_128_CCM_8_SHA256", CLOSED("client", "11")),
	                       of_client));
	assert_false(course_has(COURSE("TLS_AES_128_CCM_8_SHA256", CLOSED("client", "19")),
	                        of_client));
	assert_false(course_has(COURSE("S", CLOSED("client", "53") ", " CLOSED("client", "19")),
	                        of_client));
	assert_true(course_has(COURSE("S", CLOSED("client", "53") ", " CLOSED("server", "19")),
	                       of_server));
	assert_false(course_has(COURSE("S", CLOSED("client", "53") ", " CLOSED("server", "255")
	                               ", " CLOSED("server", "19")), of_server));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_fit_by_the_first_answer),
		cmocka_unit_test(retry_fits_by_its_group),
		cmocka_unit_test(changes_are_of_one_key_and_told_once),
		cmocka_unit_test(refusal_without_a_rule_keeps_the_reason_of_openssl),
		cmocka_unit_test(connection_without_a_fatal_alert_has_no_cause),
		cmocka_unit_test(what_the_wire_shows_needs_no_server_to_stand_in),
		cmocka_unit_test(events_are_told_in_their_order),
		cmocka_unit_test(alert_of_tls13_shows_by_its_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
