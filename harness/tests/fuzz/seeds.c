/*
 * seeds: what the fuzz targets begin with, made of captures. Usage: seeds FOLDER CAPTURE...
 *
 * Writes FOLDER/<target>/<number> for the targets whose form no file has: see the head of each
 * target for its form. The same captures give the same seeds.
 */
#include "base/assert.h"
#include "base/file.h"
#include "decode/handshake.h"
#include "decode/suite.h"
#include "decode/transcript_state.h"
#include "flow/tracker.h"
#include "tests/flow/data.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define N_HELLOS 3 /* of fuzz_handshake.c, before handshake_kinds */

static const char *folder;

static void fail(const struct error *error)
{
	fprintf(stderr, "seeds: %s\n", error->text);
	exit(1);
}

static void write_seed(const char *target, const struct buf *content)
{
	static unsigned number;
	struct error error = {0};
	char *target_folder = file_join(folder, target), *path, name[16];

	snprintf(name, sizeof(name), "%04u", number++);
	path = file_join(target_folder, name);
	if (file_make_folder(target_folder, &error) != 0 ||
	    file_write(path, buf_view(content), 0644, &error) != 0)
		fail(&error);
	free(path);
	free(target_folder);
}

static void write_packets(const struct packet_list *packets)
{
	struct buf out = {0};

	for (size_t i = 0; i < packets->n; i++) {
		struct packet packet = packet_list_get(packets, i);

		buf_u16le(&out, packet.linktype);
		buf_u8(&out, 1);
		buf_u16le(&out, (uint16_t)packet.data.len);
		buf_bytes(&out, packet.data);
	}
	write_seed("packets", &out);
	buf_fini(&out);
}

/* The lower port is the server's in all captures of the repository. */
static void write_chunks(const struct packet_list *packets)
{
	struct buf out = {0};

	for (size_t i = 0; i < packets->n; i++) {
		struct packet packet = packet_list_get(packets, i);
		struct segment segment;

		if (segment_decode(&packet, &segment) != SEGMENT_OK || segment.data.len == 0)
			continue;
		buf_u8(&out, segment.from.port < segment.to.port);
		buf_u16le(&out, (uint16_t)segment.data.len);
		buf_bytes(&out, segment.data);
	}
	write_seed("transcript", &out);
	buf_fini(&out);
}

/* The client's stream, as it was sent if nothing was lost, for fuzz_client.c. */
static void write_client(const struct packet_list *packets)
{
	struct buf out = {0};

	buf_u8(&out, 0);
	buf_u8(&out, 255);
	buf_u16le(&out, 0);
	for (size_t i = 0; i < packets->n; i++) {
		struct packet packet = packet_list_get(packets, i);
		struct segment segment;

		if (segment_decode(&packet, &segment) == SEGMENT_OK &&
		    segment.from.port > segment.to.port)
			buf_bytes(&out, segment.data);
	}
	write_seed("client", &out);
	buf_fini(&out);
}

/* The place of `type` among what fuzz_handshake.c reads. */
static uint8_t kind_of(uint8_t type)
{
	for (size_t i = 0; i < n_handshake_kinds; i++)
		if (handshake_kinds[i].type == type)
			return (uint8_t)(N_HELLOS + i);
	return type == HANDSHAKE_server_hello;
}

static void write_message(const struct transcript *transcript, const struct entry *entry)
{
	struct buf out = {0};

	buf_u8(&out, kind_of(entry->handshake_type));
	buf_u8(&out, entry->from_server);
	buf_u16le(&out, entry->record_version);
	buf_u16le(&out, transcript->version);
	buf_u16le(&out, transcript->cipher_suite);
	buf_bytes(&out, entry_message(transcript, entry));
	write_seed("handshake", &out);
	buf_fini(&out);
}

/* The first of a chain (RFC 5246 section 7.4.2; RFC 8446 section 4.4.2 with an empty context). */
static void write_certificate(const struct transcript *transcript, const struct entry *entry)
{
	struct bytes message = entry_message(transcript, entry);
	struct fault fault;
	struct reader reader, chain;
	struct buf out = {0};

	reader_init(&reader, message.data, message.len, &fault);
	reader_bytes(&reader, transcript->version == 0x0304 ? 5 : 4, "header");
	chain = reader_vec24(&reader, "chain");
	if (reader_left(&chain) > 0) {
		struct reader der = reader_vec24(&chain, "der");

		buf_bytes(&out, reader_rest(&der));
		write_seed("certificate", &out);
	}
	buf_fini(&out);
}

/* All messages of one side, in a record each, as fuzz_decryption.c seals them. */
static void write_plaintexts(const struct transcript *transcript)
{
	struct buf out = {0};

	buf_u8(&out, 0);
	for (size_t i = 0; i < transcript->n_entries; i++) {
		struct bytes message = entry_message(transcript, &transcript->entries[i]);

		if (!transcript->entries[i].is_protected || message.len == 0)
			continue;
		buf_u8(&out, 2 | transcript->entries[i].from_server);
		buf_u8(&out, 22);
		buf_u16le(&out, (uint16_t)message.len);
		buf_bytes(&out, message);
	}
	if (out.len > 1)
		write_seed("decryption", &out);
	buf_fini(&out);
}

static void write_messages(void *context, struct connection *connection)
{
	const struct transcript *transcript = connection->transcript;

	(void)context;
	for (size_t i = 0; i < transcript->n_entries; i++) {
		const struct entry *entry = &transcript->entries[i];

		if (entry->kept_len == 0)
			continue;
		write_message(transcript, entry);
		if (entry->handshake_type == HANDSHAKE_certificate)
			write_certificate(transcript, entry);
	}
	write_plaintexts(transcript);
}

static void read_capture(const char *path)
{
	static const struct tracker_events events = {.finished = write_messages};
	struct capture *capture = NULL;
	struct packet_list packets = {0};
	struct keylog *keylog = keylog_new();
	struct tracker *tracker = tracker_new(TRACKER_DECODE, keylog, &events, NULL);
	struct error error = {0};

	if (capture_open(&capture, path, &error) != 0 ||
	    data_read(capture, &packets, keylog, &error) != 0)
		fail(&error);
	write_packets(&packets);
	write_chunks(&packets);
	write_client(&packets);
	for (size_t i = 0; i < packets.n; i++) {
		struct packet packet = packet_list_get(&packets, i);

		tracker_packet(tracker, &packet);
	}
	tracker_finish_all(tracker);
	tracker_free(tracker);
	keylog_free(keylog);
	packet_list_fini(&packets);
	capture_close(capture);
}

/* The file with both packers. */
static void pack(const char *path)
{
	struct error error = {0};
	struct buf content = {0}, packed = {0};
	z_stream stream = {0};

	if (file_read(path, SIZE_MAX, &content, &error) != 0)
		fail(&error);
	CHECK(buf_reserve(&packed, 2 * content.len + 1000));
	CHECK(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16 /* gzip */, 8, 0) == Z_OK);
	stream.next_in = content.data;
	stream.avail_in = (uInt)content.len;
	stream.next_out = packed.data;
	stream.avail_out = (uInt)(packed.size - 1);
	CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
	packed.len = stream.total_out;
	deflateEnd(&stream);
	write_seed("unpack", &packed);
	packed.len = ZSTD_compress(packed.data, packed.size - 1, content.data, content.len, 3);
	CHECK(!ZSTD_isError(packed.len));
	write_seed("unpack", &packed);
	buf_fini(&content);
	buf_fini(&packed);
}

/* One record under each suite that records are opened for. */
static void write_suites(void)
{
	for (uint32_t number = 0; number <= UINT16_MAX; number++) {
		struct suite suite = suite_describe((uint16_t)number);
		struct buf out = {0};

		if (suite.cipher == NULL)
			continue;
		buf_u16le(&out, (uint16_t)number);
		buf_u16le(&out, number >> 8 == 0x13 ? 0x0304 : 0x0303);
		buf_u8(&out, 0);
		buf_u8(&out, 22);
		buf_u16le(&out, 64);
		for (int i = 0; i < 64; i++)
			buf_u8(&out, (uint8_t)i);
		write_seed("protection", &out);
		buf_fini(&out);
	}
}

static void write_secrets(void)
{
	static const char *const labels[] = {
		"CLIENT_RANDOM", "CLIENT_EARLY_TRAFFIC_SECRET", "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
		"SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0",
		"SERVER_TRAFFIC_SECRET_0", "EXPORTER_SECRET"};
	struct buf out = {0};

	buf_text(&out, "# a key log\r\n\n");
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		buf_printf(&out, "%s %064d %096d\n", labels[i], 0, 0);
	write_seed("keylog", &out);
	buf_fini(&out);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: seeds FOLDER CAPTURE...\n");
		return 2;
	}
	folder = argv[1];
	for (int i = 2; i < argc; i++) {
		read_capture(argv[i]);
		pack(argv[i]);
	}
	write_suites();
	write_secrets();
	return 0;
}
