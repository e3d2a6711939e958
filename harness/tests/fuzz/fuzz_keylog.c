/* Key logs: what was read is written, and reads the same again. */
#include "tests/fuzz/fuzz.h"

#include "decode/keylog.h"

static void write_and_read(const struct keylog *keylog, const uint8_t *random)
{
	struct keylog *again = keylog_new();
	struct buf text = {0};

	keylog_write(keylog, random, &text);
	keylog_add(again, buf_string(&text), text.len);
	CHECK(keylog_bad_lines(again) == 0);
	for (int label = 0; label < KEYLOG_RSA; label++) {
		struct bytes one = keylog_find(keylog, random, (enum keylog_label)label);
		struct bytes other = keylog_find(again, random, (enum keylog_label)label);

		CHECK(one.len == other.len &&
		      (one.len == 0 || memcmp(one.data, other.data, one.len) == 0));
	}
	buf_fini(&text);
	keylog_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t randoms[][KEYLOG_RANDOM_LEN] = {
		{0}, "0123456789abcdef0123456789abcde", "\x11\x11\x11\x11"};
	struct keylog *keylog = keylog_new();

	keylog_add(keylog, (const char *)data, size);
	keylog_add(keylog, (const char *)data, size / 2);
	for (size_t i = 0; i < sizeof(randoms) / sizeof(randoms[0]); i++)
		write_and_read(keylog, randoms[i]);
	keylog_free(keylog);
	return 0;
}
