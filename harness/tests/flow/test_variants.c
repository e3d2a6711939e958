/*
 * Real handshakes, made into what networks and capturing hosts make of them: cut differently, late,
 * twice, overlapping, in other files. Each must decode as the original does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "flow/pcapng.h"
#include "tests/flow/data.h"

static const char *const captures[] = {
	"st-forum-rsa-refused.pcap",
	"golden/tls-1.2-ecdsa/in.pcapng",
	"golden/tls-1.3-rsa-with-secrets/in.pcapng",
	"golden/hello-retry-request-over-ipv6/in.pcapng",
	"golden/mutual-tls-1.3/in.pcapng",
	"golden/unknown-ca-in-tls-1.3/in.pcapng",
};

/* A capture and what it decodes to. */
struct original {
	struct keylog *keylog;
	struct packet_list packets;
	json_t *decoded;
};

static struct original read_original(const char *name)
{
	struct original original = {.keylog = keylog_new()};
	struct capture *capture = NULL;
	struct error error = {0};
	char *path = data_capture(name);

	if (capture_open(&capture, path, &error) != 0 ||
	    data_read(capture, &original.packets, original.keylog, &error) != 0)
		fail_msg("%s", error.text);
	original.decoded = data_decode(&original.packets, original.keylog);
	capture_close(capture);
	free(path);
	return original;
}

static void free_original(struct original *original)
{
	keylog_free(original->keylog);
	packet_list_fini(&original->packets);
	json_decref(original->decoded);
}

/* Takes away what is of the packets and not of the conversation. */
static void forget_packets(json_t *value)
{
	static const char *const keys[] = {"t_ms", "tcp", "start"};
	const char *key;
	json_t *child;
	size_t i;

	for (i = 0; json_is_object(value) && i < sizeof(keys) / sizeof(keys[0]); i++)
		json_object_del(value, keys[i]);
	json_object_foreach(value, key, child)
		forget_packets(child);
	json_array_foreach(value, i, child)
		forget_packets(child);
}

static void check_same(const struct original *original, const struct packet_list *packets,
                       const char *name, const char *variant)
{
	json_t *expected = json_deep_copy(original->decoded);
	json_t *decoded = data_decode(packets, original->keylog);

	forget_packets(expected);
	forget_packets(decoded);
	if (!json_equal(expected, decoded)) {
		json_dumpf(decoded, stderr, JSON_INDENT(1));
		fail_msg("%s decodes differently: %s", name, variant);
	}
	json_decref(expected);
	json_decref(decoded);
}

/* Segments whose data is borrowed from the original's packets. */
struct segments {
	struct segment *all;
	size_t n;
};

static void add(struct segments *segments, const struct segment *segment)
{
	segments->all = reallocarray(segments->all, segments->n + 1, sizeof(*segment));
	assert_non_null(segments->all);
	segments->all[segments->n++] = *segment;
}

/* Adds the bytes `from` to `to` of a segment; its FIN stays with its last byte. */
static void add_part(struct segments *segments, const struct segment *segment, size_t from, size_t to)
{
	struct segment part = *segment;

	if (to > segment->data.len)
		to = segment->data.len;
	if (to < segment->data.len)
		part.flags &= (uint8_t)~TCP_FIN;
	part.seq += (uint32_t)from;
	part.data = (struct bytes){segment->data.data + from, to - from};
	part.length = (uint32_t)part.data.len;
	add(segments, &part);
}

static void in_pieces(const struct segments *in, struct segments *out, size_t step, size_t size)
{
	for (size_t i = 0; i < in->n; i++) {
		add_part(out, &in->all[i], 0, size);
		for (size_t at = step; at < in->all[i].data.len; at += step)
			add_part(out, &in->all[i], at, at + size);
	}
}

static void one_byte_at_a_time(const struct segments *in, struct segments *out)
{
	in_pieces(in, out, 1, 1);
}

static void overlapping(const struct segments *in, struct segments *out)
{
	in_pieces(in, out, 23, 40);
}

static void each_twice(const struct segments *in, struct segments *out)
{
	for (size_t i = 0; i < in->n; i++) {
		add(out, &in->all[i]);
		add(out, &in->all[i]);
	}
}

static bool same_run(const struct segment *a, const struct segment *b)
{
	return endpoint_equal(&a->from, &b->from) && ((a->flags | b->flags) & TCP_SYN) == 0;
}

/* The segments that one side sends without hearing of the other, the last first. */
static void late(const struct segments *in, struct segments *out)
{
	for (size_t begin = 0, end; begin < in->n; begin = end) {
		for (end = begin + 1; end < in->n && same_run(&in->all[begin], &in->all[end]); end++)
			;
		for (size_t i = end; i-- > begin;)
			add(out, &in->all[i]);
	}
}

static void overlapping_and_late(const struct segments *in, struct segments *out)
{
	struct segments pieces = {0};

	overlapping(in, &pieces);
	late(&pieces, out);
	free(pieces.all);
}

static void pieces_late_and_twice(const struct segments *in, struct segments *out)
{
	struct segments pieces = {0}, turned = {0};

	in_pieces(in, &pieces, 17, 17);
	late(&pieces, &turned);
	each_twice(&turned, out);
	free(pieces.all);
	free(turned.all);
}

/* Both sides' sequence numbers pass zero within the first bytes of the handshake. */
static void sequence_numbers_wrap(const struct segments *in, struct segments *out)
{
	uint32_t shift = 0xffffffe0u - in->all[0].seq, other_shift = 0xfffffff0u;
	bool known = false;

	for (size_t i = 0; i < in->n; i++) {
		struct segment segment = in->all[i];
		bool first_side = endpoint_equal(&segment.from, &in->all[0].from);

		if (!known && !first_side) {
			other_shift -= segment.seq;
			known = true;
		}
		segment.seq += first_side ? shift : other_shift;
		segment.flags &= known ? 0xff : (uint8_t)~TCP_ACK;
		segment.ack += first_side ? other_shift : shift;
		add(out, &segment);
	}
}

static void without_syn(const struct segments *in, struct segments *out)
{
	for (size_t i = 0; i < in->n; i++)
		if ((in->all[i].flags & TCP_SYN) == 0)
			add(out, &in->all[i]);
}

static void with_keep_alives(const struct segments *in, struct segments *out)
{
	for (size_t i = 0; i < in->n; i++) {
		struct segment probe = in->all[i];

		add(out, &in->all[i]);
		if ((probe.flags & (TCP_SYN | TCP_FIN | TCP_RST)) != 0)
			continue;
		probe.seq += probe.length - 1;
		probe.length = 1;
		probe.data = (struct bytes){(const uint8_t *)"?", 1};
		add(out, &probe);
	}
}

static const struct variant {
	const char *name;
	void (*make)(const struct segments *in, struct segments *out);
	bool needs_syn; /* without one, nothing tells that the first segment is a late one */
} variants[] = {
	{"one byte at a time", one_byte_at_a_time, false},
	{"overlapping pieces", overlapping, false},
	{"each packet twice", each_twice, false},
	{"packets of one side in reverse", late, true},
	{"overlapping pieces in reverse", overlapping_and_late, true},
	{"pieces in reverse, each twice", pieces_late_and_twice, true},
	{"sequence numbers that wrap", sequence_numbers_wrap, false},
	{"the SYNs missing", without_syn, false},
	{"keep-alives in between", with_keep_alives, false},
};

static void put_address(struct buf *out, const struct endpoint *endpoint)
{
	buf_add(out, endpoint->address, endpoint->ipv6 ? 16 : 4);
}

/* Raw IP, all checksums unfilled. */
static void put_segment(struct packet_list *packets, const struct segment *segment)
{
	struct packet packet = {.t_ns = segment->t_ns, .linktype = LINKTYPE_RAW};
	uint16_t length = (uint16_t)(20 + segment->data.len);
	struct buf out = {0};

	buf_u32(&out, segment->from.ipv6 ? 0x60000000 : 0x45000000u + 20 + length);
	if (segment->from.ipv6) {
		buf_u16(&out, length);
		buf_u16(&out, 0x0640);
	} else {
		buf_u32(&out, 0);
		buf_u32(&out, 0x40060000);
	}
	put_address(&out, &segment->from);
	put_address(&out, &segment->to);
	buf_u16(&out, segment->from.port);
	buf_u16(&out, segment->to.port);
	buf_u32(&out, segment->seq);
	buf_u32(&out, segment->ack);
	buf_u16(&out, 0x5000 | segment->flags);
	buf_add(&out, "\x20\0\0\0\0\0", 6);
	buf_bytes(&out, segment->data);
	packet.data = buf_view(&out);
	packet.original_len = (uint32_t)out.len;
	packet_list_add(packets, &packet);
	buf_fini(&out);
}

static void check_variant(const struct original *original, const char *name,
                          const struct variant *variant)
{
	struct segments in = {0}, out = {0};
	struct packet_list packets = {0};

	for (size_t i = 0; i < original->packets.n; i++) {
		struct packet packet = packet_list_get(&original->packets, i);
		struct segment segment;

		assert_int_equal(segment_decode(&packet, &segment), SEGMENT_OK);
		add(&in, &segment);
	}
	variant->make(&in, &out);
	for (size_t i = 0; i < out.n; i++)
		put_segment(&packets, &out.all[i]);
	check_same(original, &packets, name, variant->name);
	packet_list_fini(&packets);
	free(in.all);
	free(out.all);
}

static bool has_syn(const struct original *original)
{
	json_t *connection = json_array_get(original->decoded, 0);

	return json_is_true(json_object_get(json_object_get(connection, "tcp"), "syn"));
}

static void every_disorder_of_packets_decodes_as_the_original(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(captures) / sizeof(captures[0]); i++) {
		struct original original = read_original(captures[i]);

		assert_int_equal(json_array_size(original.decoded), 1);
		for (size_t j = 0; j < sizeof(variants) / sizeof(variants[0]); j++)
			if (has_syn(&original) || !variants[j].needs_syn)
				check_variant(&original, captures[i], &variants[j]);
		free_original(&original);
	}
}

/* Writes the packets as pcap; `put` says in which byte order. */
static void put_pcap(struct buf *out, const struct packet_list *packets, bool nano,
                     void (*put)(struct buf *, uint32_t))
{
	put(out, nano ? 0xa1b23c4d : 0xa1b2c3d4);
	put(out, 0);
	put(out, 0);
	put(out, 0);
	put(out, 0);
	put(out, packet_list_get(packets, 0).linktype);
	for (size_t i = 0; i < packets->n; i++) {
		struct packet packet = packet_list_get(packets, i);

		put(out, (uint32_t)(packet.t_ns / 1000000000u));
		put(out, (uint32_t)(packet.t_ns % 1000000000u / (nano ? 1 : 1000)));
		put(out, (uint32_t)packet.data.len);
		put(out, packet.original_len);
		buf_bytes(out, packet.data);
	}
}

static void put_pcapng(struct buf *out, const struct packet_list *packets)
{
	pcapng_begin(out, "test", packet_list_get(packets, 0).linktype, (struct bytes){0});
	for (size_t i = 0; i < packets->n; i++) {
		struct packet packet = packet_list_get(packets, i);

		pcapng_packet(out, &packet);
	}
}

/* Reads a file back and checks it; with `exact`, times and counts too. */
static void check_file(const struct original *original, const char *name, const struct buf *file,
                       bool exact)
{
	struct keylog *unused = keylog_new();
	struct packet_list packets = {0};
	struct capture *capture = NULL;
	struct error error = {0};

	assert_int_equal(capture_from_bytes(&capture, name, buf_view(file), &error), 0);
	assert_int_equal(data_read(capture, &packets, unused, &error), 0);
	check_same(original, &packets, name, "in another file");
	if (exact) {
		json_t *decoded = data_decode(&packets, original->keylog);

		assert_true(json_equal(original->decoded, decoded));
		json_decref(decoded);
	}
	packet_list_fini(&packets);
	capture_close(capture);
	keylog_free(unused);
}

static void every_kind_of_file_decodes_as_the_original(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(captures) / sizeof(captures[0]); i++) {
		struct original original = read_original(captures[i]);

		for (int kind = 0; kind < 5; kind++) {
			bool nano = (kind & 1) != 0;
			struct buf file = {0};

			if (kind < 4)
				put_pcap(&file, &original.packets, nano,
				         (kind & 2) != 0 ? buf_u32 : buf_u32le);
			else
				put_pcapng(&file, &original.packets);
			check_file(&original, captures[i], &file, nano || kind == 4);
			buf_fini(&file);
		}
		free_original(&original);
	}
}

/* Decodes what is left of a file; the sentence on how it ended is checked elsewhere. */
static json_t *decode_bytes(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len);
	struct keylog *keylog = keylog_new();
	struct packet_list packets = {0};
	struct capture *capture = NULL;
	struct error error = {0};
	json_t *decoded;

	memcpy(copy, data, len);
	if (capture_from_bytes(&capture, "part", (struct bytes){copy, len}, &error) == 0)
		data_read(capture, &packets, keylog, &error);
	decoded = data_decode(&packets, keylog);
	packet_list_fini(&packets);
	capture_close(capture);
	keylog_free(keylog);
	free(copy);
	return decoded;
}

/* A small generator, so that each run of the test is the same. */
static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Whatever bytes are wrong, decoding ends, and the sanitizers have nothing to say. */
static void damaged_captures_are_decoded_to_something(void **state)
{
	uint32_t random = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(captures) / sizeof(captures[0]); i++) {
		char *path = data_capture(captures[i]);
		struct buf file = {0};
		struct error error = {0};

		assert_int_equal(file_read(path, 1 << 20, &file, &error), 0);
		for (int round = 0; round < 300; round++) {
			struct buf damaged = {0};

			buf_bytes(&damaged, buf_view(&file));
			for (uint32_t n = next_random(&random) % 8; n < 8; n++)
				damaged.data[next_random(&random) % damaged.len] =
					(uint8_t)next_random(&random);
			json_decref(decode_bytes(damaged.data, damaged.len));
			buf_fini(&damaged);
		}
		buf_fini(&file);
		free(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_captures_are_decoded_to_something),
		cmocka_unit_test(every_disorder_of_packets_decodes_as_the_original),
		cmocka_unit_test(every_kind_of_file_decodes_as_the_original),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
