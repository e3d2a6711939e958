#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "scenario/suite.h"

/* In this file JSON has ' for ", which C would have escaped. */
static void exchange(char *text, char from, char to)
{
	for (; *text != '\0'; text++)
		if (*text == from)
			*text = to;
}

/* Loads a suite "made" with one scenario "it", which has `members` after "name" and "why". */
static struct suite *load_made(const char *members, struct error *error)
{
	char path[] = "/tmp/shakedown-suite-XXXXXX.json";
	int fd = mkstemps(path, 5);
	struct suite *suite = NULL;
	struct buf text = {0};

	buf_printf(&text, "{'suite':'made','why':'w','scenarios':[{'name':'it','why':'w',%s}]}",
	           members);
	exchange((char *)text.data, '\'', '"');
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text.data, text.len), text.len);
	close(fd);
	buf_fini(&text);
	*error = (struct error){0};
	suite_load(&suite, path, error);
	unlink(path);
	return suite;
}

static struct suite *load_good(const char *members)
{
	struct error error;
	struct suite *suite = load_made(members, &error);

	assert_string_equal(error.text, "");
	assert_non_null(suite);
	return suite;
}

/* The ids of all cases, without the "made/it" before each, a blank after each. */
static char *ids_of(const struct suite *suite)
{
	struct buf ids = {0};

	for (size_t i = 0; i < suite_n_cases(suite); i++) {
		json_t *made = suite_case(suite, i);

		buf_printf(&ids, "%s ", json_text(made, "id") + strlen("made/it"));
		json_decref(made);
	}
	return (char *)ids.data;
}

static void assert_ids(const char *members, const char *expected)
{
	struct suite *suite = load_good(members);
	char *ids = ids_of(suite);

	assert_string_equal(ids, expected);
	free(ids);
	suite_free(suite);
}

/* One member of a case as compact JSON. */
static void assert_member(const struct suite *suite, size_t index, const char *key,
                          const char *expected)
{
	json_t *made = suite_case(suite, index);
	char *text = json_dumps(json_object_get(made, key),
	                        JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);

	exchange(text, '"', '\'');
	assert_string_equal(text, expected);
	free(text);
	json_decref(made);
}

static void story_has_six_cases_with_the_names_of_the_thread(void **state)
{
	static const char *const ids[] = {
		"story/rsa-certificate-in-tls-1.3",   "story/rsa-certificate-in-tls-1.2",
		"story/rsa-certificate-in-tls-1.2-and-1.3", "story/ecdsa-certificate-in-tls-1.3",
		"story/ecdsa-certificate-in-tls-1.2", "story/ecdsa-certificate-in-tls-1.2-and-1.3",
	};
	struct error error = {0};
	struct suite *suite = NULL;

	(void)state;
	assert_int_equal(suite_load(&suite, "story", &error), 0);
	assert_string_equal(suite_name(suite), "story");
	assert_int_equal(suite_n_cases(suite), 6);
	for (size_t i = 0; i < 6; i++) {
		json_t *made = suite_case(suite, i);

		assert_string_equal(json_text(made, "id"), ids[i]);
		assert_string_equal(json_text(made, "case"), strchr(ids[i], '/') + 1);
		assert_string_not_equal(json_text(made, "why"), "");
		json_decref(made);
	}
	assert_member(suite, 2, "server",
	              "{'certificate':['rsa-2048'],'client_auth':'none','tickets':true,"
	              "'versions':['1.2','1.3']}");
	assert_member(suite, 2, "client", "{}");
	suite_free(suite);
}

static void what_is_left_out_has_its_default_and_values_one_form(void **state)
{
	struct suite *suite = load_good("'server':{'certificate':'rsa-2048'}");

	(void)state;
	assert_member(suite, 0, "server",
	              "{'certificate':['rsa-2048'],'client_auth':'none','tickets':true,"
	              "'versions':['1.2','1.3']}");
	assert_member(suite, 0, "expect", "{'result':'connect'}");
	suite_free(suite);
	suite = load_good("'server':{'certificate':['rsa-2048'],'versions':['1.3','1.1'],"
	                  "'groups':'X25519:P-256','cipher_list':['AES:CAMELLIA','ARIA'],'tickets':0,"
	                  "'alpn':['h2']},'client':{'min':'1.2'}");
	assert_member(suite, 0, "server",
	              "{'alpn':['h2'],'certificate':['rsa-2048'],'cipher_list':['AES','CAMELLIA','ARIA'],"
	              "'client_auth':'none','groups':['X25519','P-256'],'tickets':false,"
	              "'versions':['1.1','1.3']}");
	assert_member(suite, 0, "client", "{'min':'1.2'}");
	suite_free(suite);
}

static void numbers_and_keys_have_names_too(void **state)
{
	(void)state;
	assert_ids("'server':{'certificate':'rsa-2048'},'matrix':{'server.tickets':[0,8],"
	           "'client.psk':[{'identity':'Board_7','key':'00ff'}]}",
	           "/no-tickets,board_7 /8,board_7 ");
}

static void last_axis_changes_fastest_and_takes_the_place_of_the_servers_value(void **state)
{
	struct suite *suite = load_good(
		"'server':{'certificate':'rsa-2048','versions':['1.0']},"
		"'matrix':{'server.versions':[['1.3'],['1.3','1.2']],'client.max':['1.2','1.3']}");
	char *ids = ids_of(suite);

	(void)state;
	assert_string_equal(ids, "/1.3,1.2 /1.3,1.3 /1.2+1.3,1.2 /1.2+1.3,1.3 ");
	free(ids);
	assert_member(suite, 2, "case", "'it/1.2+1.3,1.2'");
	assert_member(suite, 2, "client", "{'max':'1.2'}");
	assert_member(suite, 2, "server",
	              "{'certificate':['rsa-2048'],'client_auth':'none','tickets':true,"
	              "'versions':['1.2','1.3']}");
	suite_free(suite);
}

static void exclude_leaves_out_what_matches_all_that_it_names(void **state)
{
	(void)state;
	assert_ids("'server':{},'matrix':{'server.certificate':['rsa-2048','ed25519'],"
	           "'server.versions':[['1.2'],['1.3'],['1.2','1.3']]},"
	           "'exclude':[{'server.certificate':['ed25519'],'server.versions':['1.3','1.2']},"
	           "{'server.versions':['1.2']}]",
	           "/rsa-2048,1.3 /rsa-2048,1.2+1.3 /ed25519,1.3 ");
}

static void names_of_values_are_safe_for_files(void **state)
{
	(void)state;
	assert_ids("'server':{'certificate':'rsa-2048'},'matrix':{'client.alpn':"
	           "['ECDHE+AESGCM:!aNULL','DEFAULT@SECLEVEL=0','../../x/y','~'],"
	           "'server.tickets':[true,false]}",
	           "/ecdhe+aesgcm-anull,tickets /ecdhe+aesgcm-anull,no-tickets "
	           "/default-seclevel-0,tickets /default-seclevel-0,no-tickets "
	           "/-.-..-x-y,tickets /-.-..-x-y,no-tickets /-,tickets /-,no-tickets ");
}

static void values_whose_names_come_out_alike_are_numbered(void **state)
{
	(void)state;
	assert_ids("'server':{'certificate':'rsa-2048'},'matrix':{'client.alpn':"
	           "['!PSK','AES','-PSK','aes','@PSK']}",
	           "/-psk /aes /-psk=2 /aes=2 /-psk=3 ");
}

static void long_names_are_cut_and_stay_different(void **state)
{
	struct suite *suite = load_good(
		"'server':{'certificate':'rsa-2048'},'matrix':{"
		"'server.alpn':[['abcdefghijklmnopqrstuvwxyz01234','abcdefghijklmnopqrstuvwxyz0123'],"
		"['abcdefghijklmnopqrstuvwxyz01234','abcdefghijklmnopqrstuvwxyz']],"
		"'server.groups':['P-256'],'server.versions':[['1.2','1.3']],"
		"'server.tickets':[true]}");
	char *ids = ids_of(suite);

	(void)state;
	assert_string_equal(ids, "/abcdefghijklmnopqrst,p-256,1.2+1.3,tickets "
	                         "/abcdefghijklmnopqrst=2,p-256,1.2+1.3,tickets ");
	free(ids);
	suite_free(suite);
}

static void unknown_name_of_a_suite_is_answered_with_those_there_are(void **state)
{
	struct error error = {0};
	struct suite *suite = NULL;

	(void)state;
	assert_int_equal(suite_load(&suite, "stroy", &error), ERR_INPUT);
	assert_non_null(strstr(error.text, "unknown suite \"stroy\" (did you mean \"story\"?)"));
	assert_int_equal(suite_load(&suite, "no/such.json", &error), ERR_INPUT);
	assert_string_equal(error.text, "cannot open no/such.json: No such file or directory");
}

static void two_suites_of_one_name_cannot_run_together(void **state)
{
	struct suite *suites[2] = {load_good("'server':{'certificate':'rsa-2048'}"),
	                           load_good("'server':{'certificate':'ed25519'}")};
	struct error error = {0};

	(void)state;
	assert_int_equal(suite_check_set(suites, 1, &error), 0);
	assert_int_equal(suite_check_set(suites, 2, &error), ERR_INPUT);
	assert_non_null(strstr(error.text, "is a suite \"made\" too"));
	suite_free(suites[0]);
	suite_free(suites[1]);
}

/* The twin has the certificate that the flawed one is like. */
static void what_a_flawed_certificate_must_meet_is_taken_from_its_recipe(void **state)
{
	struct suite *suite = load_good("'server':{'certificate':'missing-intermediate'}");

	(void)state;
	assert_member(suite, 0, "expect",
	              "{'alerts':['unknown_ca','bad_certificate','certificate_unknown'],"
	              "'instead':{'certificate':'ecdsa-p256'},'result':'refuse',"
	              "'rfc':'RFC 8446 section 4.4.2','why':'the server does not send the intermediate,"
	              " and the board has only the root'}");
	assert_member(suite, 0, "twin",
	              "{'server':{'certificate':['ecdsa-p256'],'client_auth':'none','tickets':true,"
	              "'versions':['1.2','1.3']}}");
	suite_free(suite);
}

static void each_case_of_a_matrix_has_the_expectation_of_its_certificate(void **state)
{
	struct suite *suite = load_good("'server':{},'matrix':{'server.certificate':["
	                                "'ecdsa-p256','expired','negative-serial']}");
	json_t *negative = suite_case(suite, 2);

	(void)state;
	assert_member(suite, 0, "expect", "{'result':'connect'}");
	assert_int_equal(json_array_size(json_object_get(negative, "expect")), 2);
	assert_non_null(json_object_get(negative, "twin"));
	json_decref(negative);
	suite_free(suite);
}

static void what_the_suite_says_of_a_refusal_goes_before_the_recipe(void **state)
{
	struct suite *suite = load_good("'server':{'certificate':'expired'},'expect':{"
	                                "'result':'refuse','alerts':['certificate_expired'],'why':'x'}");

	(void)state;
	assert_member(suite, 0, "expect",
	              "{'alerts':['certificate_expired'],'instead':{'certificate':'ecdsa-p256'},"
	              "'result':'refuse','rfc':'RFC 5280 section 6.1.3 (a)(2)','why':'x'}");
	suite_free(suite);
	suite = load_good("'server':{'certificate':'expired'},'expect':{'result':'connect'}");
	assert_member(suite, 0, "expect", "{'result':'connect'}");
	suite_free(suite);
}

static void what_contradicts_itself_in_the_middle_of_a_matrix_is_found(void **state)
{
	struct error error;

	(void)state;
	assert_null(load_made("'server':{'certificate':'ed25519'},'matrix':{"
	                      "'server.alpn':[['a'],['b'],['c']],"
	                      "'server.versions':[['1.3'],['1.2']],"
	                      "'server.record_padding':[64,128]},"
	                      "'exclude':[{'server.alpn':['a'],'server.versions':['1.2']}]",
	                      &error));
	assert_non_null(strstr(error.text, "$.scenarios[0].matrix[\"server.record_padding\"][0]: "
	                                   "concerns TLS 1.3 alone"));
	assert_non_null(strstr(error.text, "in the case b,1.2,64"));
}

/* The flaw is in the second value of an axis that others come before. */
static void a_client_that_could_offer_nothing_is_found_in_the_middle_of_a_matrix(void **state)
{
	struct error error;

	(void)state;
	assert_null(load_made("'server':{'certificate':'ed25519'},'client':{'max':'1.2'},"
	                      "'matrix':{'client.sni':['a','b'],'client.min':['1.2','1.3']}",
	                      &error));
	assert_non_null(strstr(error.text, "client.min 1.3 is above client.max 1.2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(story_has_six_cases_with_the_names_of_the_thread),
		cmocka_unit_test(what_is_left_out_has_its_default_and_values_one_form),
		cmocka_unit_test(numbers_and_keys_have_names_too),
		cmocka_unit_test(last_axis_changes_fastest_and_takes_the_place_of_the_servers_value),
		cmocka_unit_test(exclude_leaves_out_what_matches_all_that_it_names),
		cmocka_unit_test(names_of_values_are_safe_for_files),
		cmocka_unit_test(values_whose_names_come_out_alike_are_numbered),
		cmocka_unit_test(long_names_are_cut_and_stay_different),
		cmocka_unit_test(unknown_name_of_a_suite_is_answered_with_those_there_are),
		cmocka_unit_test(two_suites_of_one_name_cannot_run_together),
		cmocka_unit_test(what_a_flawed_certificate_must_meet_is_taken_from_its_recipe),
		cmocka_unit_test(each_case_of_a_matrix_has_the_expectation_of_its_certificate),
		cmocka_unit_test(what_the_suite_says_of_a_refusal_goes_before_the_recipe),
		cmocka_unit_test(what_contradicts_itself_in_the_middle_of_a_matrix_is_found),
		cmocka_unit_test(
			a_client_that_could_offer_nothing_is_found_in_the_middle_of_a_matrix),
	};
	char *here = getcwd(NULL, 0);

	setenv("SHAKEDOWN_ROOT", here, 0); /* for a build folder outside of the repository */
	free(here);
	return cmocka_run_group_tests_name("scenario/suite", tests, NULL, NULL);
}
