#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/reader.h"

static void integers_are_big_endian_unless_asked(void **state)
{
	static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4};
	struct fault fault;
	struct reader r;

	(void)state;
	reader_init(&r, data, sizeof(data), &fault);
	assert_int_equal(reader_u8(&r, "a"), 1);
	assert_int_equal(reader_u16(&r, "b"), 0x0203);
	assert_int_equal(reader_u24(&r, "c"), 0x040506);
	assert_int_equal(reader_u16(&r, "d"), 0x0708);
	r.little = true;
	assert_int_equal(reader_u32(&r, "e"), 0x04030201);
	reader_end(&r, "message");
	assert_true(reader_ok(&r));
}

static void first_fault_sticks_and_names_its_field(void **state)
{
	static const uint8_t data[] = {0, 5, 1, 2};
	struct fault fault;
	struct reader r, suites;
	char text[128];

	(void)state;
	reader_init(&r, data, sizeof(data), &fault);
	suites = reader_vec16(&r, "cipher_suites");
	assert_int_equal(reader_rest(&suites).len, 2);
	assert_int_equal(reader_u8(&r, "later"), 0);
	assert_string_equal(fault_text(&fault, text, sizeof(text)),
	                    "cipher_suites at byte 2 runs 3 bytes past its end");
}

static void child_cannot_leave_its_parent(void **state)
{
	static const uint8_t data[] = {2, 7, 8, 9};
	struct fault fault;
	struct reader r, child;

	(void)state;
	reader_init(&r, data, sizeof(data), &fault);
	child = reader_vec8(&r, "list");
	assert_int_equal(reader_u16(&child, "item"), 0x0708);
	assert_int_equal(reader_u8(&child, "item"), 0);
	assert_int_equal(fault.offset, 3);
	assert_int_equal(fault.n_bytes, 1);
}

static void isolated_fault_stays_in_its_extension(void **state)
{
	static const uint8_t data[] = {9, 1};
	struct fault fault, own;
	struct reader r, isolated;

	(void)state;
	reader_init(&r, data, sizeof(data), &fault);
	isolated = reader_isolate(&r, &own);
	reader_vec8(&isolated, "names");
	assert_false(reader_ok(&isolated));
	assert_true(reader_ok(&r));
	assert_int_equal(reader_u8(&r, "next"), 9);
}

static void bytes_left_over_are_a_fault(void **state)
{
	struct fault fault;
	struct reader r;
	char text[128];

	(void)state;
	reader_init(&r, "ab", 2, &fault);
	reader_u8(&r, "a");
	reader_end(&r, "alert");
	assert_string_equal(fault_text(&fault, text, sizeof(text)),
	                    "alert leaves 1 byte unread at byte 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_big_endian_unless_asked),
		cmocka_unit_test(first_fault_sticks_and_names_its_field),
		cmocka_unit_test(child_cannot_leave_its_parent),
		cmocka_unit_test(isolated_fault_stays_in_its_extension),
		cmocka_unit_test(bytes_left_over_are_a_fault),
	};

	return cmocka_run_group_tests_name("base/reader", tests, NULL, NULL);
}
