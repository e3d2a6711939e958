#define ZLIB_CONST
#include "flow/unpack.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define CHUNK (64u << 10)
#define MAGIC_MAX 4

struct unpacking {
	const struct codec *codec;
	const char *name;
	bool (*is_wanted)(const uint8_t *magic); /* NULL: all is */
	int in, out;
	uint64_t n_read, n_written;
	uint8_t magic[UNPACK_MAGIC]; /* what came out first */
	bool between; /* nothing, or a whole member or frame, lies behind */
	struct unpacked *unpacked;
	struct error *error;
	z_stream gzip;
	ZSTD_DStream *zstd;
	uint8_t out_chunk[CHUNK];
};

/* How a format is told, and what is done with its bytes. */
struct codec {
	const char *name, *magic;
	size_t magic_len;
	void (*begin)(struct unpacking *unpacking);
	/* The next bytes. False if no more are wanted: `cut` or `error` tells why. */
	bool (*feed)(struct unpacking *unpacking, struct bytes in);
	void (*end)(struct unpacking *unpacking);
};

/* What comes after n_written bytes. False once it is known to be of no use. */
static bool look_at(struct unpacking *unpacking, const uint8_t *data, size_t len)
{
	size_t at = (size_t)unpacking->n_written;

	if (unpacking->is_wanted == NULL || unpacking->n_written >= UNPACK_MAGIC)
		return true;
	while (at < UNPACK_MAGIC && len-- > 0)
		unpacking->magic[at++] = *data++;
	return at < UNPACK_MAGIC || unpacking->is_wanted(unpacking->magic);
}

/* Writes what came out. False if no more is to come. */
static bool put(struct unpacking *unpacking, const uint8_t *data, size_t len)
{
	bool wanted = look_at(unpacking, data, len);

	if (len > UNPACK_MAX - unpacking->n_written) {
		error_set(&unpacking->unpacked->cut, ERR_INPUT,
		          "%s holds more than %llu GB; what came before was read", unpacking->name,
		          UNPACK_MAX >> 30);
		return false;
	}
	while (len > 0) {
		ssize_t n = write(unpacking->out, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			error_system(unpacking->error, ERR_ENVIRONMENT, errno,
			             "cannot keep the content of %s in a temporary file (TMPDIR "
			             "says where)", unpacking->name);
			return false;
		}
		data += n;
		len -= (size_t)n;
		unpacking->n_written += (uint64_t)n;
	}
	return wanted;
}

static bool put_out(struct unpacking *unpacking, size_t len)
{
	return put(unpacking, unpacking->out_chunk, len);
}

/* `left` bytes of what was read last are not used. */
static void say_damaged(struct unpacking *unpacking, size_t left, const char *reason)
{
	error_set(&unpacking->unpacked->cut, ERR_INPUT,
	          "%s: its %s data is damaged at byte %llu (%s); what came before was read",
	          unpacking->name, unpacking->codec->name,
	          (unsigned long long)(unpacking->n_read - left), reason);
}

static void begin_gzip(struct unpacking *unpacking)
{
	CHECK(inflateInit2(&unpacking->gzip, 16 + MAX_WBITS) == Z_OK); /* 16: gzip alone */
}

static void end_gzip(struct unpacking *unpacking)
{
	inflateEnd(&unpacking->gzip);
}

static bool feed_gzip(struct unpacking *unpacking, struct bytes in)
{
	z_stream *gzip = &unpacking->gzip;

	gzip->next_in = in.data;
	gzip->avail_in = (uInt)in.len;
	do {
		int rc;

		if (unpacking->between && gzip->avail_in > 0) {
			if (gzip->next_in[0] == 0) /* tapes and disks fill up with zeros */
				return false;
			inflateReset(gzip);
			unpacking->between = false;
		}
		gzip->next_out = unpacking->out_chunk;
		gzip->avail_out = CHUNK;
		rc = inflate(gzip, Z_NO_FLUSH);
		if (!put_out(unpacking, CHUNK - gzip->avail_out))
			return false;
		unpacking->between = rc == Z_STREAM_END;
		if (rc != Z_OK && rc != Z_BUF_ERROR && rc != Z_STREAM_END) {
			say_damaged(unpacking, gzip->avail_in,
			            gzip->msg != NULL ? gzip->msg : "it does not go on");
			return false;
		}
	} while (gzip->avail_in > 0 || (gzip->avail_out == 0 && !unpacking->between));
	return true;
}

static void begin_zstd(struct unpacking *unpacking)
{
	unpacking->zstd = ZSTD_createDStream();
	CHECK(unpacking->zstd != NULL);
	ZSTD_DCtx_setParameter(unpacking->zstd, ZSTD_d_windowLogMax, UNPACK_WINDOW_LOG_MAX);
}

static void end_zstd(struct unpacking *unpacking)
{
	ZSTD_freeDStream(unpacking->zstd);
}

static bool feed_zstd(struct unpacking *unpacking, struct bytes in)
{
	ZSTD_inBuffer from = {in.data, in.len, 0};
	ZSTD_outBuffer to = {unpacking->out_chunk, CHUNK, 0};

	do {
		size_t rc;

		to.pos = 0;
		rc = ZSTD_decompressStream(unpacking->zstd, &to, &from);
		if (!put_out(unpacking, to.pos))
			return false;
		if (ZSTD_isError(rc)) {
			say_damaged(unpacking, from.size - from.pos, ZSTD_getErrorName(rc));
			return false;
		}
		unpacking->between = rc == 0;
	} while (from.pos < from.size || to.pos == to.size);
	return true;
}

static void begin_plain(struct unpacking *unpacking)
{
	unpacking->unpacked->packed = false;
}

static void end_plain(struct unpacking *unpacking)
{
	(void)unpacking;
}

static bool feed_plain(struct unpacking *unpacking, struct bytes in)
{
	unpacking->between = true;
	return put(unpacking, in.data, in.len);
}

/* The last one stands for everything else. */
static const struct codec codecs[] = {
	{"gzip", "\x1f\x8b", 2, begin_gzip, feed_gzip, end_gzip},
	{"zstd", "\x28\xb5\x2f\xfd", 4, begin_zstd, feed_zstd, end_zstd},
	{"", "", 0, begin_plain, feed_plain, end_plain},
};

static const struct codec *find_codec(struct bytes begin)
{
	const struct codec *codec = codecs;

	while (begin.len < codec->magic_len ||
	       memcmp(begin.data, codec->magic, codec->magic_len) != 0)
		codec++;
	return codec;
}

/* Reads until `size` bytes are there or the file ends. -1 if it cannot be read. */
static ssize_t read_chunk(int fd, uint8_t *data, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, data + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

bool unpack_is_packed(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t magic[MAGIC_MAX];
	ssize_t n = fd >= 0 ? read_chunk(fd, magic, sizeof(magic)) : -1;

	if (fd >= 0)
		close(fd);
	return n > 0 && find_codec((struct bytes){magic, (size_t)n})->magic_len > 0;
}

static void run(struct unpacking *unpacking)
{
	uint8_t chunk[CHUNK];
	ssize_t n;
	bool wanted = true;

	while (wanted && (n = read_chunk(unpacking->in, chunk, sizeof(chunk))) != 0) {
		if (n < 0) {
			error_system(unpacking->error, ERR_INPUT, errno, "cannot read %s",
			             unpacking->name);
			break;
		}
		if (unpacking->codec == NULL) {
			unpacking->codec = find_codec((struct bytes){chunk, (size_t)n});
			unpacking->unpacked->packed = true;
			unpacking->codec->begin(unpacking);
		}
		unpacking->n_read += (uint64_t)n;
		wanted = unpacking->codec->feed(unpacking, (struct bytes){chunk, (size_t)n});
	}
	if (unpacking->codec == NULL)
		return;
	if (wanted && !unpacking->between)
		error_set(&unpacking->unpacked->cut, ERR_INPUT,
		          "%s: the file ends at byte %llu, inside its %s data; what came before "
		          "was read",
		          unpacking->name, (unsigned long long)unpacking->n_read,
		          unpacking->codec->name);
	unpacking->codec->end(unpacking);
}

/* A file without a name. */
static int open_temporary(void)
{
	const char *folder = getenv("TMPDIR");
	char *path = NULL;
	int fd;

	CHECK(asprintf(&path, "%s/shakedown-XXXXXX",
	               folder != NULL && folder[0] != '\0' ? folder : "/tmp") > 0);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	free(path);
	return fd;
}

static int map(struct unpacking *unpacking)
{
	void *mapped;

	if (unpacking->n_written == 0)
		return 0;
	mapped = mmap(NULL, unpacking->n_written, PROT_READ, MAP_PRIVATE, unpacking->out, 0);
	if (mapped == MAP_FAILED)
		return error_system(unpacking->error, ERR_ENVIRONMENT, errno,
		                    "cannot map the content of %s", unpacking->name);
	unpacking->unpacked->bytes = (struct bytes){mapped, unpacking->n_written};
	unpacking->unpacked->fd = unpacking->out;
	unpacking->out = -1;
	return 0;
}

int unpack(const char *path, const char *name, bool (*is_wanted)(const uint8_t *magic),
           struct unpacked *unpacked, struct error *error)
{
	bool standard_input = strcmp(path, "-") == 0;
	struct unpacking *unpacking = calloc(1, sizeof(*unpacking));
	struct error failed = {0};

	CHECK(unpacking != NULL);
	*unpacked = (struct unpacked){.fd = -1};
	unpacking->name = name;
	unpacking->is_wanted = is_wanted;
	unpacking->unpacked = unpacked;
	unpacking->error = &failed;
	unpacking->out = -1;
	unpacking->in = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (unpacking->in < 0)
		error_system(&failed, ERR_INPUT, errno, "cannot open %s", path);
	else if ((unpacking->out = open_temporary()) < 0)
		error_system(&failed, ERR_ENVIRONMENT, errno,
		             "cannot make a temporary file for the content of %s (TMPDIR says "
		             "where)", name);
	else
		run(unpacking);
	if (failed.code == 0)
		map(unpacking);
	if (unpacking->in >= 0 && !standard_input)
		close(unpacking->in);
	if (unpacking->out >= 0)
		close(unpacking->out);
	free(unpacking);
	if (failed.code != 0)
		*error = failed;
	return failed.code;
}
