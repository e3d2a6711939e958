#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "flow/evidence.h"

#include <string.h>

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static void list_and_capture_arrive_as_they_were_sent(void **state)
{
	const struct evidence sent = {bytes_of("[{\"port\":1}]"), bytes_of("a capture")};
	json_t *message = json_made(json_object()), *connections;
	struct buf attached = {0};
	struct evidence arrived;

	(void)state;
	evidence_pack(&sent, message, &attached);
	arrived = evidence_unpack(message, buf_view(&attached));
	connections = evidence_connections(&arrived);
	assert_int_equal(json_number(json_array_get(connections, 0), "port"), 1);
	assert_int_equal(arrived.pcapng.len, sent.pcapng.len);
	assert_memory_equal(arrived.pcapng.data, sent.pcapng.data, sent.pcapng.len);
	json_decref(connections);
	json_decref(message);
	buf_fini(&attached);
}

/* The attachment is in a copy of just its size, so that a sanitizer sees a read beyond it. */
static void a_length_that_cannot_be_is_no_evidence(void **state)
{
	static const char *const told[] = {"{}", "{\"told\":0}", "{\"told\":-1}", "{\"told\":3}",
	                                   "{\"told\":9223372036854775807}", "{\"told\":\"2\"}"};
	uint8_t attached[2] = "[]";

	(void)state;
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		json_t *message = json_made(json_loads(told[i], 0, NULL));
		struct evidence evidence =
			evidence_unpack(message, (struct bytes){attached, sizeof(attached)});

		assert_int_equal(evidence.connections.len + evidence.pcapng.len, 0);
		assert_null(evidence_connections(&evidence));
		json_decref(message);
	}
}

static void what_is_no_list_is_none(void **state)
{
	static const char *const texts[] = {"{}", "null", "[", "", "[]]"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_null(evidence_connections(&(struct evidence){bytes_of(texts[i]), {0}}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_and_capture_arrive_as_they_were_sent),
		cmocka_unit_test(a_length_that_cannot_be_is_no_evidence),
		cmocka_unit_test(what_is_no_list_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
