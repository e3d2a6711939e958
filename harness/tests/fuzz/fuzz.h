/*
 * fuzz.h: what the fuzz targets share. For tests alone.
 *
 * Each fuzz_*.c is one target of clang's libFuzzer: a reader of foreign bytes, given whatever the
 * fuzzer makes up. A target fails by a sanitizer's word, by a CHECK, or by taking too long or too
 * much memory. run.sh knows what each begins with; seeds.c makes those that no file has.
 */
#ifndef SHAKEDOWN_TESTS_FUZZ_H
#define SHAKEDOWN_TESTS_FUZZ_H

#include "base/assert.h"
#include "base/file.h"
#include "decode/emit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define FUZZ_PATH_MAX 64

/* What libFuzzer calls with each input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A reader over an input, little-endian; past its end it yields zeros. */
static inline struct reader fuzz_reader(const uint8_t *data, size_t size, struct fault *fault)
{
	struct reader input;

	reader_init(&input, data, size, fault);
	input.little = true;
	return input;
}

/* Up to `n` bytes, as many as there are, in a copy of just that size; the caller frees `data`. */
static inline struct bytes fuzz_take(struct reader *input, size_t n)
{
	struct bytes got = reader_bytes(input, n < reader_left(input) ? n : reader_left(input), "");
	uint8_t *copy = malloc(got.len > 0 ? got.len : 1);

	CHECK(copy != NULL);
	for (size_t i = 0; i < got.len; i++)
		copy[i] = got.data[i];
	return (struct bytes){copy, got.len};
}

/* A file that lies in memory alone; `path` leads to it as long as the descriptor is open. */
static inline int fuzz_file(struct bytes content, char path[FUZZ_PATH_MAX])
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	CHECK(fd >= 0 && file_write_all(fd, content) == 0);
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	snprintf(path, FUZZ_PATH_MAX, "/proc/self/fd/%d", fd);
	return fd;
}

/* The folder for files of a target's own; run.sh removes it. */
static inline const char *fuzz_folder(void)
{
	const char *folder = getenv("TMPDIR");

	return folder != NULL ? folder : "/tmp";
}

/* Where output goes that nobody reads. */
static inline FILE *fuzz_nowhere(void)
{
	static FILE *nowhere;

	if (nowhere == NULL)
		nowhere = fopen("/dev/null", "w");
	CHECK(nowhere != NULL);
	return nowhere;
}

/*
 * What `tell` writes about `subject` is one object in JSON, with each key once, and holds no control
 * character but ends of lines in either form.
 */
static inline void fuzz_tell(void (*tell)(struct emit *emit, const void *subject),
                             const void *subject)
{
	for (enum emit_format format = EMIT_JSON; format <= EMIT_TEXT; format++) {
		struct buf text = {0};
		struct emit emit;

		emit_init(&emit, &text, format);
		emit_object(&emit, NULL);
		tell(&emit, subject);
		emit_close(&emit);
		if (format == EMIT_JSON) {
			json_t *value = json_loadb(buf_string(&text), text.len,
			                           JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

			CHECK(value != NULL);
			json_decref(value);
		}
		for (size_t i = 0; i < text.len; i++)
			CHECK(text.data[i] == '\n' || (text.data[i] >= 0x20 && text.data[i] != 0x7f));
		buf_fini(&text);
	}
}

#endif
