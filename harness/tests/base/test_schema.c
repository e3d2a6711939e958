#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/schema.h"

/* In this file JSON, and complaints about it, have ' for ", which C would have escaped. */
static void exchange(char *text, char from, char to)
{
	for (; *text != '\0'; text++)
		if (*text == from)
			*text = to;
}

static json_t *parse(const char *text)
{
	char *copy = strdup(text);
	json_t *value;

	assert_non_null(copy);
	exchange(copy, '\'', '"');
	value = json_loads(copy, JSON_DECODE_ANY, NULL);
	free(copy);
	assert_non_null(value);
	return value;
}

/* Checks `document` against `definition`: "" if it fits, else the complaint without "x.json: ". */
static const char *verdict(const char *definition, const char *document)
{
	static struct error error;
	json_t *rules = parse(definition);
	json_t *value = parse(document);
	struct schema *schema = NULL;
	int rc;

	error = (struct error){0};
	assert_int_equal(schema_new(&schema, "rules", rules, &error), 0);
	rc = schema_check(schema, "x.json", value, &error);
	assert_int_equal(rc, error.code);
	assert_true(error.code == 0 || strncmp(error.text, "x.json: ", 8) == 0);
	schema_free(schema);
	json_decref(value);
	json_decref(rules);
	exchange(error.text, '"', '\'');
	return error.text[0] != '\0' ? error.text + 8 : "";
}

struct row {
	const char *definition;
	const char *document;
	const char *complaint;
};

static void check_rows(const struct row rows[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_string_equal(verdict(rows[i].definition, rows[i].document),
		                    rows[i].complaint);
}

#define check_all(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void each_keyword_has_its_sentence(void **state)
{
	static const struct row rows[] = {
		{"{'type':'array'}", "{}", "$: must be a list, not an object"},
		{"{'type':['string','null']}", "3", "$: must be a string or null, not 3"},
		{"{'type':'integer'}", "2.5", "$: must be a whole number, not 2.5"},
		{"{'enum':['none','require']}", "'requires'",
		 "$: must be one of 'none', 'require', not 'requires' (did you mean 'require'?)"},
		{"{'const':'connect'}", "1", "$: must be 'connect', not 1"},
		{"{'minLength':1}", "''", "$: must not be empty"},
		{"{'maxLength':2}", "'\\u00e9\\u00e9\\u00e9'",
		 "$: may have at most 2 characters, but has 3"},
		{"{'pattern':'^[a-z]+$','description':'small letters'}", "'A'",
		 "$: must be small letters (^[a-z]+$), not 'A'"},
		{"{'pattern':'^[a-z]+$'}", "'A'", "$: must be of the form (^[a-z]+$), not 'A'"},
		{"{'enum':['1.2','1.3']}", "'1.4'",
		 "$: must be one of '1.2', '1.3', not '1.4'"},
		{"{'minimum':1}", "0", "$: must be at least 1, not 0"},
		{"{'maximum':1.5}", "2", "$: must be at most 1.5, not 2"},
		{"{'minItems':2}", "[1]", "$: needs at least 2 elements, but has 1"},
		{"{'maxItems':1}", "[1,2]", "$: may have at most 1 element, but has 2"},
		{"{'uniqueItems':true}", "[[1],2,[1]]",
		 "$[2]: stands in this list for the second time"},
		{"{'items':{'type':'string'}}", "['a',null]",
		 "$[1]: must be a string, not null"},
		{"{'minProperties':1}", "{}", "$: must not be empty"},
		{"{'required':['a','b']}", "{'a':1}",
		 "$: 'b' is missing; needed are 'a', 'b'"},
		{"{'dependentRequired':{'port':['address']}}", "{'port':1}",
		 "$: 'port' needs 'address' beside it"},
		{"{'properties':{'cipher_list':{},'groups':{}},'additionalProperties':false}",
		 "{'cipherlist':1}",
		 "$: unknown key 'cipherlist' (did you mean 'cipher_list'?); known are cipher_list, groups"},
		{"{'additionalProperties':{'type':'string'}}", "{'a b':1}",
		 "$['a b']: must be a string, not 1"},
		{"{'anyOf':[{'type':'null'},{'type':'object','required':['a']}]}", "{}",
		 "$: 'a' is missing; needed are 'a'"},
		{"{'anyOf':[{'type':'null'},{'type':'object'}]}", "true",
		 "$: must be null or an object, not true"},
		{"{'oneOf':[{'required':['port']},{'required':['virtual']}]}", "{}",
		 "$: needs one of 'port', 'virtual'"},
		{"{'oneOf':[{'required':['port']},{'required':['virtual']}]}",
		 "{'port':1,'virtual':1}", "$: may have only one of 'port', 'virtual'"},
		{"{'oneOf':[{'minimum':1},{'maximum':5}]}", "3",
		 "$: fits more than one of the forms it may have"},
		{"{'properties':{'a':{'$ref':'#/$defs/a'}},'$defs':{'a':{'type':'null'}}}",
		 "{'a':[]}", "$.a: must be null, not a list"},
	};

	(void)state;
	check_all(rows);
}

static void what_fits_is_accepted(void **state)
{
	static const struct row rows[] = {
		{"{'type':'integer','minimum':2,'maximum':2}", "2.0", ""},
		{"{'type':'number'}", "2", ""},
		{"{'type':['string','array'],'minLength':1,'minItems':1}", "[0]", ""},
		{"{'maxLength':3,'pattern':'^.+$'}", "'\\u00e9\\u00e9\\u00e9'", ""},
		{"{'uniqueItems':true}", "[1,'1',[1],{'a':1}]", ""},
		{"{'uniqueItems':false}", "[1,1]", ""},
		{"{'pattern':'^a$','required':['b'],'minProperties':3}", "7", ""},
		{"{'anyOf':[{'type':'null'},{'$ref':'#/$defs/n'}],'$defs':{'n':{'minimum':3}}}",
		 "4", ""},
		{"{'oneOf':[{'required':['a']},{'required':['b']}]}", "{'b':1}", ""},
		{"{'items':{'$ref':'#'},'type':'array'}", "[[],[[]]]", ""},
		{"{'title':'t','default':1,'examples':[2]}", "{}", ""},
	};

	(void)state;
	check_all(rows);
}

static void unknown_keys_come_before_missing_ones_and_those_before_members(void **state)
{
	static const char definition[] =
		"{'properties':{'a':{'type':'null'},'b':{'type':'null'}},"
		"'required':['b'],'additionalProperties':false}";

	(void)state;
	assert_string_equal(verdict(definition, "{'a':1,'zzzzz':1}"),
	                    "$: unknown key 'zzzzz'; known are a, b");
	assert_string_equal(verdict(definition, "{'a':1}"),
	                    "$: 'b' is missing; needed are 'b'");
	assert_string_equal(verdict(definition, "{'b':1,'a':2}"), "$.b: must be null, not 1");
}

static void long_values_are_cut_between_characters(void **state)
{
	(void)state;
	assert_string_equal(
		verdict("{'type':'null'}",
	                "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\u00e9\\u00e9'"),
		"$: must be null, not 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...");
}

/* What schema_new says about a schema that cannot be used. */
static const char *refusal(const char *definition)
{
	static struct error error;
	json_t *rules = parse(definition);
	struct schema *schema = NULL;

	error = (struct error){0};
	assert_int_equal(schema_new(&schema, "rules", rules, &error), ERR_ENVIRONMENT);
	json_decref(rules);
	exchange(error.text, '"', '\'');
	return error.text;
}

static void schema_outside_the_subset_is_refused_when_loaded(void **state)
{
	(void)state;
	assert_string_equal(refusal("{'properties':{'a':{'format':'ipv4'}}}"),
	                    "rules: $.properties.a: the keyword 'format' is not understood");
	assert_string_equal(refusal("{'$defs':{'a':{'minItems':'1'}}}"),
	                    "rules: $.$defs.a.minItems: must be a whole number, not '1'");
	assert_string_equal(refusal("{'items':{'$ref':'#/$defs/b'}}"),
	                    "rules: $.items.$ref: leads to no definition");
	assert_string_equal(refusal("{'$defs':{'a':{'$ref':'#/$defs/a'}}}"),
	                    "rules: $.$defs.a.$ref: leads to no definition");
	assert_string_equal(refusal("{'type':'text'}"), "rules: $.type: must be a type, or a list of types");
	assert_string_equal(refusal("{'anyOf':[true]}"), "rules: $.anyOf[0]: must be an object");
	assert_string_equal(refusal("{'required':[1]}"),
	                    "rules: $.required: must be a list of keys");
	assert_non_null(strstr(refusal("{'pattern':'^(a$'}"), "is no regular expression"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_keyword_has_its_sentence),
		cmocka_unit_test(what_fits_is_accepted),
		cmocka_unit_test(unknown_keys_come_before_missing_ones_and_those_before_members),
		cmocka_unit_test(long_values_are_cut_between_characters),
		cmocka_unit_test(schema_outside_the_subset_is_refused_when_loaded),
	};

	return cmocka_run_group_tests_name("base/schema", tests, NULL, NULL);
}
