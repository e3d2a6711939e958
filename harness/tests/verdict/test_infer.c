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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_fit_by_the_first_answer),
		cmocka_unit_test(retry_fits_by_its_group),
		cmocka_unit_test(changes_are_of_one_key_and_told_once),
		cmocka_unit_test(refusal_without_a_rule_keeps_the_reason_of_openssl),
		cmocka_unit_test(connection_without_a_fatal_alert_has_no_cause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
