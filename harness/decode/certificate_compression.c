#include "decode/certificate_compression.h"

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

/* Unpacks into `room` bytes at `out`; *len is how many were written. */
typedef bool unpack_function(struct bytes packed, uint8_t *out, size_t room, size_t *len);

static bool unpack_zlib(struct bytes packed, uint8_t *out, size_t room, size_t *len)
{
	uLongf written = room;
	bool whole = uncompress(out, &written, packed.data, packed.len) == Z_OK;

	*len = written;
	return whole;
}

static bool unpack_brotli(struct bytes packed, uint8_t *out, size_t room, size_t *len)
{
	*len = room;
	return BrotliDecoderDecompress(packed.len, packed.data, len, out) ==
	       BROTLI_DECODER_RESULT_SUCCESS;
}

static bool unpack_zstd(struct bytes packed, uint8_t *out, size_t room, size_t *len)
{
	*len = ZSTD_decompress(out, room, packed.data, packed.len);
	return !ZSTD_isError(*len);
}

/* By IANA's number. */
static unpack_function *const functions[] = {
	[1] = unpack_zlib,
	[2] = unpack_brotli,
	[3] = unpack_zstd,
};

const char *certificate_unpack(uint16_t algorithm, struct bytes packed, uint32_t length,
                               struct buf *out)
{
	size_t len;

	if (algorithm >= sizeof(functions) / sizeof(functions[0]) || functions[algorithm] == NULL)
		return "is packed by an algorithm that is not known";
	if (length > CERTIFICATE_UNPACKED_MAX)
		return "would unpack to more than 256 KB";
	buf_reserve(out, length + 1);
	if (!functions[algorithm](packed, out->data, length, &len))
		return "does not unpack to uncompressed_length bytes";
	out->len = len;
	return len == length ? NULL : "unpacks to fewer than uncompressed_length bytes";
}
