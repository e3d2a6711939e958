/*
 * One direction of a connection, out of order. Every byte has the value that its sequence number
 * gives, so what is handed on can be held against where it stands.
 *
 * An input is a first sequence number (4 bytes) and a run of steps of six bytes: the segment's place
 * after that number (2), its length (2), how much of it was not captured (1), and what happens (1).
 */
#include "tests/fuzz/fuzz.h"

#include "flow/stream.h"

enum step { STEP_SYN = 1, STEP_FIN = 2, STEP_ACKNOWLEDGE = 4, STEP_ASSUME = 8, STEP_LATER = 16 };

struct check {
	struct stream stream;
	bool begun;
	uint32_t next;
};

static uint8_t value_at(uint32_t seq)
{
	return (uint8_t)(seq * 2654435761u >> 24);
}

/* The stream has moved on when it tells what it moved over. */
static void on_data(void *context, enum side from, struct bytes data, uint64_t t_ns)
{
	struct check *check = context;
	uint32_t seq = check->stream.next - (uint32_t)data.len;

	(void)from;
	(void)t_ns;
	CHECK(!check->begun || seq == check->next);
	for (size_t i = 0; i < data.len; i++)
		CHECK(data.data[i] == value_at(seq + (uint32_t)i));
	check->begun = true;
	check->next = check->stream.next;
}

static void on_gap(void *context, enum side from, uint64_t n_bytes, uint64_t t_ns)
{
	struct check *check = context;

	(void)from;
	(void)t_ns;
	CHECK(n_bytes > 0);
	CHECK(!check->begun || check->next + (uint32_t)n_bytes == check->stream.next);
	check->begun = true;
	check->next = check->stream.next;
}

static const struct stream_events events = {.data = on_data, .gap = on_gap};

static void take_segment(struct check *check, uint32_t seq, size_t length, size_t n_cut,
                         uint8_t steps, uint64_t t_ns)
{
	size_t n = n_cut < length ? length - n_cut : 0;
	uint8_t *bytes = malloc(n > 0 ? n : 1);
	struct segment segment = {.t_ns = t_ns, .seq = seq, .data = {bytes, n}};

	CHECK(bytes != NULL);
	segment.length = (uint32_t)length;
	segment.flags = (uint8_t)(((steps & STEP_SYN) != 0 ? TCP_SYN : 0) |
	                          ((steps & STEP_FIN) != 0 ? TCP_FIN : 0));
	for (size_t i = 0; i < n; i++)
		bytes[i] = value_at(seq + ((steps & STEP_SYN) != 0) + (uint32_t)i);
	stream_segment(&check->stream, &segment);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct check check = {0};
	struct fault fault;
	struct reader input = fuzz_reader(data, size, &fault);
	uint32_t base = reader_u32(&input, "");
	uint64_t t_ns = 0;
	size_t budget = 0;

	stream_init(&check.stream, SIDE_CLIENT, &events, &check, &budget);
	while (reader_left(&input) >= 6) {
		uint32_t seq = base + reader_u16(&input, "");
		uint16_t length = reader_u16(&input, "");
		uint8_t n_cut = reader_u8(&input, "");
		uint8_t steps = reader_u8(&input, "");

		t_ns += (steps & STEP_LATER) != 0 ? STREAM_REORDER_NS + 1 : 1;
		if ((steps & STEP_ACKNOWLEDGE) != 0)
			stream_acknowledged(&check.stream, seq, t_ns);
		else if ((steps & STEP_ASSUME) != 0)
			stream_assume_start(&check.stream, seq);
		else
			take_segment(&check, seq, length, n_cut, steps, t_ns);
		CHECK(check.stream.n_held == budget && budget <= STREAM_HELD_MAX);
		CHECK(check.stream.n_pieces <= STREAM_PIECES_MAX);
	}
	stream_finish(&check.stream, t_ns);
	CHECK(budget == 0);
	stream_fini(&check.stream);
	return 0;
}
