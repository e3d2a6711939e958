#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/verdict/cells.h"
#include "view/answers.h"
#include "view/text.h"

#define NAME "a-scenario-with-a-name-that-takes-much-room"

static char *rendered(int width)
{
	const struct terminal_options options = {.unicode = true, .width = width};
	json_t *answers = parsed(
		"[{'suite': 's', 'case': '" NAME "', 'answer': 'server_hello', 'version': '1.2',"
		" 'ciphersuite': 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'group': 'secp256r1',"
		" 'signature_algorithm': 'ecdsa_secp256r1_sha256'},"
		" {'suite': 's', 'case': '" NAME "-2', 'answer': 'alert', 'alert': {'description':"
		" 'handshake_failure', 'number': 40}, 'error': {'reason':"
		" 'no suitable signature algorithm, and more words'}}]");
	struct buf out = {0};

	answers_render(answers, &options, &out);
	json_decref(answers);
	return (char *)out.data;
}

static void table_keeps_to_the_terminals_width(void **state)
{
	(void)state;
	for (int width = TERMINAL_WIDTH_LEAST; width < 160; width++) {
		char *text = rendered(width), *rest = text;

		assert_non_null(strstr(text, "TLS 1.2"));
		for (char *line; (line = strsep(&rest, "\n")) != NULL;)
			if (text_width(line) > (size_t)width)
				fail_msg("in %d columns: %s", width, line);
		free(text);
	}
}

static void table_is_whole_where_there_is_no_terminal(void **state)
{
	char *text = rendered(0);

	(void)state;
	assert_non_null(strstr(text, NAME "-2"));
	assert_non_null(strstr(text, "ecdsa_secp256r1_sha256"));
	assert_non_null(strstr(text, "and more words"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_keeps_to_the_terminals_width),
		cmocka_unit_test(table_is_whole_where_there_is_no_terminal),
	};

	return cmocka_run_group_tests_name("view/answers", tests, NULL, NULL);
}
