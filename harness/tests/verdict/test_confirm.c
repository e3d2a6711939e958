#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/verdict/cells.h"

static void merge_patch_is_that_of_rfc_7396(void **state)
{
	/* The examples of its appendix A. */
	static const char *const examples[][3] = {
		{"{'a':'b'}", "{'a':'c'}", "{'a':'c'}"},
		{"{'a':'b'}", "{'b':'c'}", "{'a':'b','b':'c'}"},
		{"{'a':'b'}", "{'a':null}", "{}"},
		{"{'a':'b','b':'c'}", "{'a':null}", "{'b':'c'}"},
		{"{'a':['b']}", "{'a':'c'}", "{'a':'c'}"},
		{"{'a':'c'}", "{'a':['b']}", "{'a':['b']}"},
		{"{'a':{'b':'c'}}", "{'a':{'b':'d','c':null}}", "{'a':{'b':'d'}}"},
		{"{'a':[{'b':'c'}]}", "{'a':[1]}", "{'a':[1]}"},
		{"['a','b']", "['c','d']", "['c','d']"},
		{"{'a':'b'}", "['c']", "['c']"},
		{"{'e':null}", "{'a':1}", "{'e':null,'a':1}"},
		{"[1,2]", "{'a':'b','c':null}", "{'a':'b'}"},
		{"{}", "{'a':{'bb':{'ccc':null}}}", "{'a':{'bb':{}}}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		json_t *target = parsed(examples[i][0]), *patch = parsed(examples[i][1]);
		json_t *expected = parsed(examples[i][2]), *result = json_merge_patched(target, patch);

		if (!json_equal(result, expected))
			fail_msg("%s changed by %s", examples[i][0], examples[i][1]);
		json_decref(target);
		json_decref(patch);
		json_decref(expected);
		json_decref(result);
	}
}

/* A diagnosed failure, then what else ran; and what is proven. */
struct proof {
	const char *said, *others;
	const char *confidence, *cell, *outcome; /* of the counterfactual; NULL: none */
	size_t n_also;
};

#define FAILED FAILED_WITH("")
#define FAILED_WITH(more) \
	"{" more "'id': 'failed', 'board': 'b', 'server': {'versions': ['1.2', '1.3']," \
	" 'certificate': ['rsa-2048']}, 'expect': {'result': 'connect'}, 'outcome': 'fail'," \
	" 'diagnosis': [{'id': 'r', 'title': 'Too long', 'confidence': 'likely', 'evidence': []," \
	" 'try': [{'certificate': ['ecdsa-p256']}, {'versions': ['1.2']}]}]}"
#define PERVASIVE \
	"{'id': 'failed', 'board': 'b', 'server': {'versions': ['1.2'], 'certificate': ['rsa-2048']}," \
	" 'expect': {'result': 'connect'}, 'outcome': 'fail'," \
	" 'diagnosis': [{'id': 'r', 'confidence': 'likely', 'pervasive': true," \
	" 'try': [{'certificate': ['ecdsa-p256']}]}]}"
#define OTHER(id, board, versions, certificate, rest) \
	"{'id': '" id "', 'board': '" board "', 'server': {'versions': " versions "," \
	" 'certificate': ['" certificate "']}, 'expect': {'result': 'connect'}, " rest "}"

static const struct proof proofs[] = {
	{"nothing else ran", "[" FAILED "]", "likely", NULL, NULL, 0},
	{"the first change passed",
	 "[" FAILED "," OTHER("x", "b", "['1.2', '1.3']", "ecdsa-p256", "'outcome': 'pass'") "]",
	 "confirmed", "x", "pass", 0},
	{"the order of versions says nothing",
	 "[" FAILED "," OTHER("x", "b", "['1.3', '1.2']", "ecdsa-p256", "'outcome': 'pass'") "]",
	 "confirmed", "x", "pass", 0},
	{"the first change failed, the second passed",
	 "[" OTHER("x", "b", "['1.2', '1.3']", "ecdsa-p256", "'outcome': 'fail'") "," FAILED ","
	 OTHER("y", "b", "['1.2']", "rsa-2048", "'outcome': 'pass'") "]",
	 "confirmed", "y", "pass", 1},
	{"both changes failed",
	 "[" FAILED "," OTHER("x", "b", "['1.2', '1.3']", "ecdsa-p256", "'outcome': 'fail'") ","
	 OTHER("y", "b", "['1.2']", "rsa-2048", "'outcome': 'fail'") "]",
	 "refuted", "x", "fail", 1},
	{"both changes failed, one of them in another way",
	 "[" FAILED "," OTHER("x", "b", "['1.2', '1.3']", "ecdsa-p256",
	                      "'outcome': 'fail', 'reason': 'timeout'") ","
	 OTHER("y", "b", "['1.2']", "rsa-2048", "'outcome': 'fail'") "]",
	 "likely", "x", "fail in another way", 1},
	{"what may show at every server failed at another one, too",
	 "[" PERVASIVE "," OTHER("x", "b", "['1.2']", "ecdsa-p256", "'outcome': 'fail'") "]",
	 "likely", "x", "fail", 0},
	{"neither lacks what the cell lacks",
	 "[" FAILED_WITH("'reason': 'not-offered', 'detail': 'P-256', ") ","
	 OTHER("x", "b", "['1.2', '1.3']", "ecdsa-p256",
	       "'outcome': 'fail', 'reason': 'not-offered', 'detail': 'P-384'") ","
	 OTHER("y", "b", "['1.2']", "rsa-2048",
	       "'outcome': 'fail', 'reason': 'not-offered', 'detail': 'P-384'") "]",
	 "likely", "x", "fail in another way", 1},
	{"a try of the cell itself passed",
	 "[" FAILED_WITH("'tries': [{'change': {'certificate': ['ecdsa-p256']}, 'outcome': 'fail'},"
	                 " {'change': {'versions': ['1.2']}, 'outcome': 'pass'}], ") "]",
	 "confirmed", NULL, "pass", 1},
	{"it passed on another board",
	 "[" FAILED "," OTHER("x", "c", "['1.2', '1.3']", "ecdsa-p256", "'outcome': 'pass'") "]",
	 "likely", NULL, NULL, 0},
	{"two factors changed",
	 "[" FAILED "," OTHER("x", "b", "['1.2']", "ecdsa-p256", "'outcome': 'pass'") "]", "likely",
	 NULL,
	 NULL, 0},
	{"the client was asked for something else",
	 "[" FAILED "," OTHER("x", "b", "['1.2', '1.3']", "ecdsa-p256",
	                      "'client': {'max': '1.2'}, 'outcome': 'pass'") "]",
	 "likely", NULL, NULL, 0},
	{"it passed by chance",
	 "[" FAILED "," OTHER("x", "b", "['1.2', '1.3']", "ecdsa-p256",
	                      "'flaky': true, 'outcome': 'pass'") "]",
	 "likely", NULL, NULL, 0},
	{"it did not come to a result",
	 "[" FAILED "," OTHER("x", "b", "['1.2', '1.3']", "ecdsa-p256", "'outcome': 'inconclusive'")
	 "]",
	 "likely", NULL, NULL, 0},
};

static const json_t *diagnosis_of(const json_t *cells, const char *id)
{
	const json_t *cell, *diagnosis;
	size_t i, k;

	json_array_foreach(cells, i, cell)
		json_array_foreach(json_object_get(cell, "diagnosis"), k, diagnosis)
			if (strcmp(json_text(diagnosis, "id"), id) == 0)
				return diagnosis;
	return NULL;
}

static void assert_proof(const struct proof *proof, const json_t *diagnosis)
{
	const json_t *result = json_object_get(diagnosis, "counterfactual");
	const char *outcome = json_flag(result, "otherwise") ? "fail in another way"
	                                                     : json_text(result, "outcome");

	if (strcmp(json_text(diagnosis, "confidence"), proof->confidence) != 0 ||
	    strcmp(json_text(result, "cell"), proof->cell != NULL ? proof->cell : "") != 0 ||
	    strcmp(outcome, proof->outcome != NULL ? proof->outcome : "") != 0 ||
	    json_array_size(json_object_get(diagnosis, "also_tried")) != proof->n_also)
		fail_msg("%s: %s", proof->said, json_dumps(diagnosis, JSON_COMPACT));
}

static void only_the_same_experiment_but_for_one_change_confirms(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(proofs) / sizeof(proofs[0]); i++) {
		json_t *cells = parsed(proofs[i].others);

		confirm_diagnoses(cells);
		assert_proof(&proofs[i], diagnosis_of(cells, "r"));
		confirm_diagnoses(cells); /* again: the same */
		assert_proof(&proofs[i], diagnosis_of(cells, "r"));
		json_decref(cells);
	}
}

static void proof_that_is_gone_is_forgotten(void **state)
{
	json_t *cells = parsed(proofs[1].others);

	(void)state;
	confirm_diagnoses(cells);
	json_array_remove(cells, 1);
	confirm_diagnoses(cells);
	assert_proof(&proofs[0], diagnosis_of(cells, "r"));
	json_decref(cells);
}

static void what_is_refuted_is_never_told_as_the_cause(void **state)
{
	const struct proof *refuted = &proofs[4];
	json_t *cells = parsed(refuted->others);
	const json_t *told;

	(void)state;
	json_object_set_new(json_array_get(cells, 0), "detail", json_string("It left."));
	for (int i = 0; i < 2; i++) {
		confirm_diagnoses(cells);
		told = json_object_get(json_array_get(cells, 0), "diagnosis");
		assert_int_equal(json_array_size(told), 2);
		assert_string_equal(json_text(json_array_get(told, 0), "id"), "unexplained");
		assert_string_equal(json_text(json_array_get(told, 0), "cause"),
		                    "It left. It looked like \"Too long\", but what should help"
		                    " then did not.");
		assert_proof(refuted, json_array_get(told, 1));
	}
	json_array_remove(cells, 2); /* one of its two remedies did not run */
	confirm_diagnoses(cells);
	told = json_object_get(json_array_get(cells, 0), "diagnosis");
	assert_int_equal(json_array_size(told), 1);
	assert_string_equal(json_text(json_array_get(told, 0), "confidence"), "likely");
	json_decref(cells);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merge_patch_is_that_of_rfc_7396),
		cmocka_unit_test(only_the_same_experiment_but_for_one_change_confirms),
		cmocka_unit_test(proof_that_is_gone_is_forgotten),
		cmocka_unit_test(what_is_refuted_is_never_told_as_the_cause),
	};

	return cmocka_run_group_tests_name("verdict/confirm", tests, NULL, NULL);
}
