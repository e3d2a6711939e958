/*
 * Packets of every link type, through fragments, segments and streams to connections.
 *
 * An input is a run of packets: link type (2 bytes), milliseconds since the one before (1), length
 * (2), bytes. The time is what lets the tracker give up what does not come.
 */
#include "tests/fuzz/fuzz.h"

#include "flow/tracker.h"

static void tell_connection(struct emit *emit, const void *connection)
{
	connection_emit(connection, emit);
}

static void tell(void *context, struct connection *connection)
{
	(void)context;
	fuzz_tell(tell_connection, connection);
}

static const struct tracker_events events = {.finished = tell};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tracker *tracker = tracker_new(TRACKER_DECODE, NULL, &events, NULL);
	struct tracker *follower = tracker_new(TRACKER_FOLLOW, NULL, &events, NULL);
	struct fault fault;
	struct reader input = fuzz_reader(data, size, &fault);
	struct packet packet = {.t_ns = 0};

	while (reader_left(&input) > 0) {
		packet.linktype = reader_u16(&input, "");
		packet.t_ns += reader_u8(&input, "") * UINT64_C(1000000);
		packet.original_len = reader_u16(&input, "");
		packet.data = fuzz_take(&input, packet.original_len);
		tracker_packet(tracker, &packet);
		tracker_packet(follower, &packet);
		tracker_settle(tracker, packet.t_ns);
		free((void *)packet.data.data);
	}
	tracker_finish_all(tracker);
	tracker_free(tracker);
	tracker_free(follower);
	return 0;
}
