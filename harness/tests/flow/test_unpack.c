#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "flow/unpack.h"
#include "tests/flow/data.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static struct buf original;

/* A capture of 20,000 packets: more than any buffer on the way holds. */
static int make_original(void **state)
{
	char *path = data_capture("st-forum-rsa-refused.pcap");
	struct error error = {0};
	struct buf file = {0};

	(void)state;
	assert_int_equal(file_read(path, 1 << 20, &file, &error), 0);
	buf_add(&original, file.data, 24);
	for (int i = 0; i < 10000; i++)
		buf_add(&original, file.data + 24, file.len - 24);
	buf_fini(&file);
	free(path);
	return 0;
}

static int free_original(void **state)
{
	(void)state;
	buf_fini(&original);
	return 0;
}

static struct buf with_gzip(struct bytes bytes)
{
	struct buf out = {0};
	z_stream gzip = {0};

	assert_int_equal(deflateInit2(&gzip, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
	                 Z_OK);
	buf_reserve(&out, deflateBound(&gzip, bytes.len));
	gzip.next_in = (uint8_t *)bytes.data;
	gzip.avail_in = (uInt)bytes.len;
	gzip.next_out = out.data;
	gzip.avail_out = (uInt)deflateBound(&gzip, bytes.len);
	assert_int_equal(deflate(&gzip, Z_FINISH), Z_STREAM_END);
	out.len = gzip.total_out;
	deflateEnd(&gzip);
	return out;
}

static struct buf with_zstd(struct bytes bytes)
{
	struct buf out = {0};
	size_t bound = ZSTD_compressBound(bytes.len);

	buf_reserve(&out, bound);
	out.len = ZSTD_compress(out.data, bound, bytes.data, bytes.len, 1);
	assert_false(ZSTD_isError(out.len));
	return out;
}

static const struct {
	const char *name;
	struct buf (*pack)(struct bytes bytes);
} packers[] = {{"gzip", with_gzip}, {"zstd", with_zstd}};

#define N_PACKERS (sizeof(packers) / sizeof(packers[0]))

static void unpack_bytes(struct bytes packed, struct unpacked *unpacked)
{
	char path[] = "/tmp/shakedown-test-XXXXXX";
	struct error error = {0};
	int fd = mkstemp(path);

	assert_int_equal(write(fd, packed.data, packed.len), packed.len);
	close(fd);
	assert_int_equal(unpack(path, "x.pcap.gz", NULL, unpacked, &error), 0);
	unlink(path);
}

static void check_prefix(struct unpacked *unpacked)
{
	assert_true(unpacked->bytes.len <= original.len);
	if (unpacked->bytes.len > 0)
		assert_memory_equal(unpacked->bytes.data, original.data, unpacked->bytes.len);
}

static void let_go(struct unpacked *unpacked)
{
	if (unpacked->bytes.len > 0)
		munmap((void *)unpacked->bytes.data, unpacked->bytes.len);
	if (unpacked->fd >= 0)
		close(unpacked->fd);
}

static void what_was_packed_comes_out_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_PACKERS; i++) {
		struct buf packed = packers[i].pack(buf_view(&original));
		struct unpacked unpacked;

		unpack_bytes(buf_view(&packed), &unpacked);
		assert_true(unpacked.packed);
		assert_int_equal(unpacked.cut.code, 0);
		assert_int_equal(unpacked.bytes.len, original.len);
		check_prefix(&unpacked);
		let_go(&unpacked);
		buf_fini(&packed);
	}
}

static void several_members_come_out_as_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_PACKERS; i++) {
		struct bytes first = {original.data, 100000},
			     rest = {original.data + 100000, original.len - 100000};
		struct buf packed = packers[i].pack(first), second = packers[i].pack(rest);
		struct unpacked unpacked;

		buf_bytes(&packed, buf_view(&second));
		unpack_bytes(buf_view(&packed), &unpacked);
		assert_int_equal(unpacked.cut.code, 0);
		assert_int_equal(unpacked.bytes.len, original.len);
		check_prefix(&unpacked);
		let_go(&unpacked);
		buf_fini(&packed);
		buf_fini(&second);
	}
}

static void what_was_not_packed_stays_as_it_is(void **state)
{
	struct unpacked unpacked;

	(void)state;
	unpack_bytes(buf_view(&original), &unpacked);
	assert_false(unpacked.packed);
	assert_int_equal(unpacked.bytes.len, original.len);
	check_prefix(&unpacked);
	let_go(&unpacked);
}

static void a_packed_file_that_is_cut_gives_what_came_before(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_PACKERS; i++) {
		struct buf packed = packers[i].pack(buf_view(&original));

		for (size_t len = packers[i].pack == with_gzip ? 2 : 4; len < packed.len;
		     len += len < 40 ? 1 : packed.len / 20) {
			struct unpacked unpacked;
			char sentence[200];

			unpack_bytes((struct bytes){packed.data, len}, &unpacked);
			snprintf(sentence, sizeof(sentence),
			         "x.pcap.gz: the file ends at byte %zu, inside its %s data; what "
			         "came before was read", len, packers[i].name);
			assert_string_equal(unpacked.cut.text, sentence);
			check_prefix(&unpacked);
			let_go(&unpacked);
		}
		buf_fini(&packed);
	}
}

static void damage_is_said_with_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_PACKERS; i++) {
		struct buf packed = packers[i].pack(buf_view(&original));
		struct unpacked unpacked;
		size_t n_said = 0;

		for (size_t at = 4; at < packed.len; at += packed.len / 20) {
			packed.data[at] ^= 0x55;
			unpack_bytes(buf_view(&packed), &unpacked);
			n_said += unpacked.cut.code != 0;
			packed.data[at] ^= 0x55;
			let_go(&unpacked);
		}
		assert_true(n_said > (packers[i].pack == with_gzip ? 10 : 0)); /* zstd needs no checksum */
		buf_text(&packed, "and so on");
		unpack_bytes(buf_view(&packed), &unpacked);
		assert_non_null(strstr(unpacked.cut.text, " data is damaged at byte "));
		assert_int_equal(unpacked.bytes.len, original.len);
		let_go(&unpacked);
		buf_fini(&packed);
	}
}

static void no_room_for_the_content_is_said(void **state)
{
	char *path = data_capture("st-forum-rsa-refused.pcap");
	struct unpacked unpacked;
	struct error error = {0};

	(void)state;
	setenv("TMPDIR", "/nowhere", 1);
	assert_int_equal(unpack(path, path, NULL, &unpacked, &error), ERR_ENVIRONMENT);
	assert_non_null(strstr(error.text, "cannot make a temporary file for the content of "));
	unsetenv("TMPDIR");
	free(path);
}

/* As on a full disk: no file grows beyond a limit. */
static void a_disk_without_room_is_told_with_what_to_do(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_PACKERS; i++) {
		struct buf packed = packers[i].pack(buf_view(&original));
		char path[] = "/tmp/shakedown-test-XXXXXX";
		struct error error = {0};
		struct unpacked unpacked;
		struct rlimit before, small;
		int fd = mkstemp(path), rc;

		assert_int_equal(write(fd, packed.data, packed.len), packed.len);
		close(fd);
		assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
		small = (struct rlimit){.rlim_cur = original.len / 2, .rlim_max = before.rlim_max};
		signal(SIGXFSZ, SIG_IGN);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
		rc = unpack(path, "x.pcap.gz", NULL, &unpacked, &error);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		signal(SIGXFSZ, SIG_DFL);
		assert_int_equal(rc, ERR_ENVIRONMENT);
		assert_non_null(strstr(error.text, "cannot keep the content of x.pcap.gz in a "
		                                   "temporary file (TMPDIR says where)"));
		unlink(path);
		buf_fini(&packed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_without_room_is_told_with_what_to_do),
		cmocka_unit_test(what_was_packed_comes_out_again),
		cmocka_unit_test(several_members_come_out_as_one),
		cmocka_unit_test(what_was_not_packed_stays_as_it_is),
		cmocka_unit_test(a_packed_file_that_is_cut_gives_what_came_before),
		cmocka_unit_test(damage_is_said_with_its_place),
		cmocka_unit_test(no_room_for_the_content_is_said),
	};

	return cmocka_run_group_tests(tests, make_original, free_original);
}
