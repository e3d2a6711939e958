/*
 * What processes, and users of the control socket, send each other: JSON lines with attachments. The
 * first byte is the size of the chunks in which they come. What is read is written, and reads the
 * same again, but for digits of numbers that json_put does not keep.
 */
#include "tests/fuzz/fuzz.h"

#include "base/json.h"
#include "base/message.h"

#define DIGITS 15 /* that json_put keeps */

/* A copy, which the caller releases. */
static json_t *rounded(const json_t *value)
{
	char *text = json_dumps(value, JSON_REAL_PRECISION(DIGITS));
	json_t *copy = json_made(json_loads(text, JSON_ALLOW_NUL, NULL));

	free(text);
	return copy;
}

static void write_and_read(json_t *message, struct bytes attached)
{
	struct message_reader reader = {0};
	struct bytes attached_again;
	struct error error = {0};
	struct buf text = {0};
	json_t *again = NULL, *expected;

	json_object_del(message, "attached");
	expected = rounded(message);
	message_put(&text, message, attached);
	message_feed(&reader, text.data, text.len);
	CHECK(message_next(&reader, &again, &attached_again, &error) == 1);
	CHECK(attached_again.len == attached.len);
	json_object_del(again, "attached");
	CHECK(json_equal(expected, again));
	json_decref(expected);
	json_decref(again);
	message_reader_fini(&reader);
	buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message_reader reader = {0};
	struct fault fault;
	struct reader input = fuzz_reader(data, size, &fault);
	size_t step = 1 + (size_t)reader_u8(&input, "");
	int rc = 0;

	while (rc >= 0 && reader_left(&input) > 0) {
		struct bytes chunk = fuzz_take(&input, step), attached;
		struct error error = {0};
		json_t *message = NULL;

		message_feed(&reader, chunk.data, chunk.len);
		free((void *)chunk.data);
		while ((rc = message_next(&reader, &message, &attached, &error)) == 1) {
			write_and_read(message, attached);
			json_decref(message);
		}
	}
	message_reader_fini(&reader);
	return 0;
}
