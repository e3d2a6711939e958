/*
 * The two byte streams of a connection, in chunks and with gaps. However a side's bytes are cut, the
 * same is told of them.
 *
 * An input is a run of chunks: a byte (bit 0: from the server; bits 5 to 7 set: a gap), a length (2
 * bytes), and for what is no gap the bytes.
 */
#include "tests/fuzz/fuzz.h"

#include "decode/transcript.h"

#define GAP 0xe0
#define CUTS 16 /* sizes of pieces, from 1 on; the input's size chooses */

static void tell(struct emit *emit, const void *transcript)
{
	transcript_emit(transcript, 0, emit);
}

/* What is told, but for the faults: they show the bytes that were there when they were found. */
static json_t *told(const struct transcript *transcript)
{
	struct buf text = {0};
	struct emit emit;
	json_t *value;

	emit_init(&emit, &text, EMIT_JSON);
	emit_object(&emit, NULL);
	transcript_emit(transcript, 0, &emit);
	emit_close(&emit);
	value = json_loadb(buf_string(&text), text.len, JSON_ALLOW_NUL, NULL);
	CHECK(value != NULL);
	json_object_del(value, "faults");
	buf_fini(&text);
	return value;
}

/* Feeds all chunks, cut to `step` bytes. */
static void feed(struct transcript *transcript, const uint8_t *data, size_t size, size_t step)
{
	struct fault fault;
	struct reader input = fuzz_reader(data, size, &fault);

	while (reader_left(&input) > 0) {
		uint8_t kind = reader_u8(&input, "");
		enum side from = (kind & 1) != 0 ? SIDE_SERVER : SIDE_CLIENT;
		size_t n = reader_u16(&input, "");

		if ((kind & GAP) == GAP) {
			transcript_gap(transcript, from, n, 0);
			continue;
		}
		for (size_t taken; n > 0 && reader_left(&input) > 0; n -= taken) {
			struct bytes chunk = fuzz_take(&input, n < step ? n : step);

			taken = chunk.len;
			transcript_feed(transcript, from, chunk, 0);
			free((void *)chunk.data);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct transcript *whole = transcript_new(NULL), *cut = transcript_new(NULL);
	json_t *one, *other;

	feed(whole, data, size, SIZE_MAX);
	feed(cut, data, size, 1 + size % CUTS);
	fuzz_tell(tell, whole);
	one = told(whole);
	other = told(cut);
	CHECK(json_equal(one, other));
	json_decref(one);
	json_decref(other);
	transcript_free(whole);
	transcript_free(cut);
	return 0;
}
