#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "peer/python.h"

#include <stdlib.h>

/* In this order: what was found once is remembered. */

static void named_python_without_pyserial_is_refused(void **state)
{
	struct error error = {0};

	(void)state;
	setenv("SHAKEDOWN_PYTHON", "/bin/false", 1);
	assert_null(python_find(&error));
	assert_int_equal(error.code, ERR_ENVIRONMENT);
	assert_string_equal(error.text,
	                    "SHAKEDOWN_PYTHON is /bin/false, which does not run or has no pyserial: "
	                    "`/bin/false -m pip install pyserial`, or name another");
	python_prepare();
	assert_null(python_find(&error));
	setenv("SHAKEDOWN_PYTHON", "/nowhere/python3", 1);
	assert_null(python_find(&error));
	unsetenv("SHAKEDOWN_PYTHON");
}

static void python_that_has_pyserial_is_found_and_remembered(void **state)
{
	struct error error = {0};
	const char *python;

	(void)state;
	python_prepare();
	python = python_find(&error);
	assert_non_null(python);
	assert_int_equal(error.code, 0);
	setenv("PATH", "/nowhere", 1);
	assert_ptr_equal(python_find(&error), python);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(named_python_without_pyserial_is_refused),
		cmocka_unit_test(python_that_has_pyserial_is_found_and_remembered),
	};

	return cmocka_run_group_tests_name("peer/python", tests, NULL, NULL);
}
