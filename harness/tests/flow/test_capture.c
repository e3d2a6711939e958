#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flow/capture.h"
#include "flow/pcapng.h"

#include <sys/stat.h>
#include <unistd.h>

/* Writes integers in the byte order of the file under test. */
struct writer {
	struct buf out;
	bool big;
};

static void put16(struct writer *writer, uint16_t value)
{
	(writer->big ? buf_u16 : buf_u16le)(&writer->out, value);
}

static void put32(struct writer *writer, uint32_t value)
{
	(writer->big ? buf_u32 : buf_u32le)(&writer->out, value);
}

static void put64(struct writer *writer, uint64_t value)
{
	put32(writer, (uint32_t)(writer->big ? value >> 32 : value));
	put32(writer, (uint32_t)(writer->big ? value : value >> 32));
}

static void put_padded(struct writer *writer, const char *data, size_t len)
{
	buf_add(&writer->out, data, len);
	buf_add(&writer->out, "\0\0\0", -len & 3);
}

static void put_pcap_header(struct writer *writer, uint32_t magic, uint32_t linktype)
{
	put32(writer, magic);
	put16(writer, 2);
	put16(writer, 4);
	put64(writer, 0);
	put32(writer, 65535);
	put32(writer, linktype);
}

static void put_pcap_packet(struct writer *writer, uint32_t seconds, uint32_t part,
                            const char *data)
{
	put32(writer, seconds);
	put32(writer, part);
	put32(writer, (uint32_t)strlen(data));
	put32(writer, (uint32_t)strlen(data) + 1);
	buf_text(&writer->out, data);
}

/* A block around what `body` holds, which is emptied. */
static void put_block(struct writer *writer, uint32_t type, struct writer *body)
{
	uint32_t length = (uint32_t)(12 + body->out.len);

	put32(writer, type);
	put32(writer, length);
	buf_bytes(&writer->out, buf_view(&body->out));
	put32(writer, length);
	buf_fini(&body->out);
}

static void put_section(struct writer *writer)
{
	struct writer body = {.big = writer->big};

	put32(&body, PCAPNG_BYTE_ORDER_MAGIC);
	put32(&body, writer->big ? 0x00010000 : 1);
	put64(&body, UINT64_MAX);
	put_block(writer, PCAPNG_SECTION, &body);
}

/* `resolution`: the if_tsresol option, or -1 for none. */
static void put_interface(struct writer *writer, uint16_t linktype, uint32_t snaplen,
                          int resolution, int offset_s)
{
	struct writer body = {.big = writer->big};

	put16(&body, linktype);
	put16(&body, 0);
	put32(&body, snaplen);
	put16(&body, PCAPNG_IF_NAME);
	put16(&body, 4);
	put_padded(&body, "eth0", 4);
	if (resolution >= 0) {
		put16(&body, PCAPNG_IF_TSRESOL);
		put16(&body, 1);
		put_padded(&body, (char[]){(char)resolution}, 1);
	}
	if (offset_s != 0) {
		put16(&body, PCAPNG_IF_TSOFFSET);
		put16(&body, 8);
		put64(&body, (uint64_t)(int64_t)offset_s);
	}
	put32(&body, 0);
	put_block(writer, PCAPNG_INTERFACE, &body);
}

static void put_packet(struct writer *writer, uint32_t interface, uint64_t time, const char *data)
{
	struct writer body = {.big = writer->big};
	size_t len = strlen(data);

	put32(&body, interface);
	put32(&body, (uint32_t)(time >> 32));
	put32(&body, (uint32_t)time);
	put32(&body, (uint32_t)len);
	put32(&body, (uint32_t)len + 1);
	put_padded(&body, data, len);
	put_block(writer, PCAPNG_ENHANCED_PACKET, &body);
}

static void put_obsolete_packet(struct writer *writer, uint16_t interface, uint64_t time,
                                const char *data)
{
	struct writer body = {.big = writer->big};
	size_t len = strlen(data);

	put16(&body, interface);
	put16(&body, 0xffff); /* drops */
	put32(&body, (uint32_t)(time >> 32));
	put32(&body, (uint32_t)time);
	put32(&body, (uint32_t)len);
	put32(&body, (uint32_t)len + 1);
	put_padded(&body, data, len);
	put_block(writer, PCAPNG_PACKET, &body);
}

static void put_simple_packet(struct writer *writer, uint32_t original_len, const char *data)
{
	struct writer body = {.big = writer->big};

	put32(&body, original_len);
	put_padded(&body, data, strlen(data));
	put_block(writer, PCAPNG_SIMPLE_PACKET, &body);
}

static void put_secrets(struct writer *writer, uint32_t type, const char *text)
{
	struct writer body = {.big = writer->big};

	put32(&body, type);
	put32(&body, (uint32_t)strlen(text));
	put_padded(&body, text, strlen(text));
	put_block(writer, PCAPNG_SECRETS, &body);
}

static void put_unknown(struct writer *writer)
{
	struct writer body = {.big = writer->big};

	put_padded(&body, "whatever", 8);
	put_block(writer, 0x00000bad, &body);
}

static struct capture *open_bytes(struct bytes content)
{
	struct capture *capture = NULL;
	struct error error = {0};

	assert_int_equal(capture_from_bytes(&capture, "test", content, &error), 0);
	return capture;
}

static void assert_next(struct capture *capture, uint16_t linktype, uint64_t t_ns, const char *data)
{
	struct packet packet;

	assert_true(capture_next(capture, &packet));
	assert_int_equal(packet.linktype, linktype);
	assert_int_equal(packet.t_ns, t_ns);
	assert_int_equal(packet.data.len, strlen(data));
	assert_memory_equal(packet.data.data, data, packet.data.len);
	assert_int_equal(packet.original_len, packet.data.len + 1);
}

static void assert_end(struct capture *capture, const char *sentence)
{
	struct packet packet;
	struct error error = {0};

	assert_false(capture_next(capture, &packet));
	assert_int_equal(capture_end(capture, &error), sentence[0] != '\0' ? ERR_INPUT : 0);
	assert_string_equal(error.text, sentence);
	capture_close(capture);
}

static void pcap_is_read_in_both_byte_orders_and_both_units(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		bool nano = (i & 1) != 0;
		struct writer writer = {.big = (i & 2) != 0};
		struct capture *capture;

		put_pcap_header(&writer, nano ? 0xa1b23c4d : 0xa1b2c3d4, 0x40000000 | 113);
		put_pcap_packet(&writer, 1700000000, nano ? 123456789 : 123456, "one");
		put_pcap_packet(&writer, 1700000001, 0, "two!");
		capture = open_bytes(buf_view(&writer.out));
		assert_next(capture, 113, 1700000000123456000u + (nano ? 789 : 0), "one");
		assert_next(capture, 113, 1700000001000000000u, "two!");
		assert_end(capture, "");
		buf_fini(&writer.out);
	}
}

static void put_everything(struct writer *writer)
{
	put_section(writer);
	put_interface(writer, 1, 3, -1, 0);
	put_interface(writer, 113, 4, 9, 100);
	put_unknown(writer);
	put_packet(writer, 0, 1700000000123456u, "micro");
	put_packet(writer, 1, 1700000000123456789u, "nano, and an offset");
	put_obsolete_packet(writer, 1, 1700000000123456790u, "obsolete");
	put_simple_packet(writer, 4, "abc");
	writer->big = !writer->big;
	put_section(writer);
	put_interface(writer, 101, 4, 0x80 | 20, 0);
	put_packet(writer, 0, (1700000000ull << 20) + (1u << 19), "half a second, in a power of two");
	put_simple_packet(writer, 5, "cut.");
	put_interface(writer, 276, 0, 18, 0);
	put_packet(writer, 1, 1123456789123456789u, "fine");
}

static void pcapng_is_read_with_all_its_ways_to_hold_a_packet(void **state)
{
	(void)state;
	for (int big = 0; big < 2; big++) {
		struct writer writer = {.big = big};
		struct capture *capture;

		put_everything(&writer);
		capture = open_bytes(buf_view(&writer.out));
		assert_next(capture, 1, 1700000000123456000u, "micro");
		assert_next(capture, 113, 1700000100123456789u, "nano, and an offset");
		assert_next(capture, 113, 1700000100123456790u, "obsolete");
		assert_next(capture, 1, 1700000100123456790u, "abc");
		assert_next(capture, 101, 1700000000500000000u, "half a second, in a power of two");
		assert_next(capture, 101, 1700000000500000000u, "cut.");
		assert_next(capture, 276, 1123456789u, "fine");
		assert_end(capture, "");
		buf_fini(&writer.out);
	}
}

static void what_pcapng_h_writes_is_read_back(void **state)
{
	static const char keylog[] = "CLIENT_RANDOM "
				     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f "
				     "0001\n";
	struct packet packet = {.t_ns = 1700000000123456789u,
	                        .linktype = LINKTYPE_LINUX_SLL2,
	                        .data = {(const uint8_t *)"written", 7},
	                        .original_len = 8};
	struct keylog *secrets = keylog_new();
	struct capture *capture;
	struct buf out = {0};

	(void)state;
	pcapng_begin(&out, "any", LINKTYPE_LINUX_SLL2,
	             (struct bytes){(const uint8_t *)keylog, sizeof(keylog) - 1});
	pcapng_packet(&out, &packet);
	capture = open_bytes(buf_view(&out));
	capture_survey(capture, secrets);
	assert_int_equal(keylog_count(secrets), 1);
	assert_next(capture, LINKTYPE_LINUX_SLL2, packet.t_ns, "written");
	assert_end(capture, "");
	keylog_free(secrets);
	buf_fini(&out);
}

static void secrets_are_found_in_every_section_and_after_the_packets(void **state)
{
	static const char line[] = "CLIENT_RANDOM "
				   "%02x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f "
				   "0001";
	struct keylog *secrets = keylog_new();
	struct writer writer = {0};
	struct capture *capture;
	char text[sizeof(line)];

	(void)state;
	put_everything(&writer);
	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), line, i);
		put_secrets(&writer, i < 2 ? PCAPNG_TLS_KEYLOG : 0x57474b4c, text);
		put_section(&writer);
	}
	capture = open_bytes(buf_view(&writer.out));
	capture_survey(capture, secrets);
	assert_int_equal(keylog_count(secrets), 2);
	assert_int_equal(keylog_bad_lines(secrets), 0);
	capture_close(capture);
	keylog_free(secrets);
	buf_fini(&writer.out);
}

/* How many packets a file holds that was cut after `len` bytes; it must say where it ended. */
static size_t count_packets(const struct buf *whole, size_t len)
{
	uint8_t *copy = malloc(len);
	struct keylog *secrets = keylog_new();
	struct capture *capture;
	struct packet packet;
	struct error error = {0};
	char cut_at[64];
	size_t n = 0;

	memcpy(copy, whole->data, len);
	capture = open_bytes((struct bytes){copy, len});
	capture_survey(capture, secrets);
	while (capture_next(capture, &packet))
		n++;
	snprintf(cut_at, sizeof(cut_at), "the file ends at byte %zu, inside", len);
	if (capture_end(capture, &error) != 0)
		assert_non_null(strstr(error.text, cut_at));
	capture_close(capture);
	keylog_free(secrets);
	free(copy);
	return n;
}

static void cut_everywhere(const struct buf *whole, size_t n_packets)
{
	size_t n_before = 0;

	for (size_t len = 4; len < whole->len; len++) {
		size_t n = count_packets(whole, len);

		assert_true(n == n_before || n == n_before + 1);
		n_before = n;
	}
	assert_int_equal(count_packets(whole, whole->len), n_packets);
}

static void a_file_cut_at_any_byte_is_read_up_to_the_cut(void **state)
{
	struct writer pcap = {0}, pcapng = {.big = true};

	(void)state;
	put_pcap_header(&pcap, 0xa1b2c3d4, 1);
	put_pcap_packet(&pcap, 1, 2, "one");
	put_pcap_packet(&pcap, 3, 4, "two");
	cut_everywhere(&pcap.out, 2);
	put_everything(&pcapng);
	cut_everywhere(&pcapng.out, 7);
	buf_fini(&pcap.out);
	buf_fini(&pcapng.out);
}

static void a_cut_file_says_where_it_ended(void **state)
{
	struct writer writer = {0};
	struct packet packet;
	struct capture *capture;

	(void)state;
	put_pcap_header(&writer, 0xa1b2c3d4, 1);
	put_pcap_packet(&writer, 1, 2, "one");
	put_pcap_packet(&writer, 3, 4, "two");
	writer.out.len -= 2;
	capture = open_bytes(buf_view(&writer.out));
	assert_true(capture_next(capture, &packet));
	assert_true(capture_next(capture, &packet));
	assert_int_equal(packet.data.len, 1);
	assert_int_equal(packet.original_len, 4);
	assert_end(capture, "test: the file ends at byte 60, inside packet 2, which begins at byte 43 "
	                    "and takes 19 bytes; what came before was read");
	buf_fini(&writer.out);
}

/* Reads what `writer` holds to its end, which must be early, with `sentence`. */
static void check_damage(struct writer *writer, const char *sentence)
{
	struct capture *capture = open_bytes(buf_view(&writer->out));
	struct packet packet;
	struct error error = {0};

	while (capture_next(capture, &packet))
		;
	assert_int_equal(capture_end(capture, &error), ERR_INPUT);
	assert_non_null(strstr(error.text, sentence));
	capture_close(capture);
	buf_fini(&writer->out);
}

static void damage_ends_the_reading_with_its_place(void **state)
{
	struct writer writer = {0};

	(void)state;
	put_pcap_header(&writer, 0xa1b2c3d4, 1);
	put32(&writer, 1), put32(&writer, 1), put32(&writer, UINT32_MAX), put32(&writer, 9);
	check_damage(&writer, "damaged at byte 24, where packet 1 claims to hold 4294967295 bytes");
	put_section(&writer);
	put32(&writer, 7), put32(&writer, 0), put32(&writer, 0);
	check_damage(&writer, "damaged at byte 28, where a block should begin");
	put_section(&writer);
	put_packet(&writer, 3, 0, "whose?");
	check_damage(&writer, "damaged at byte 28, where a packet names interface 3 of 0");
	put_section(&writer);
	put_interface(&writer, 1, 0, -1, 0);
	put_packet(&writer, 0, 0, "four");
	writer.out.data[writer.out.len - 16] = 99; /* the captured length */
	check_damage(&writer, "where a block ends too early");
	put_section(&writer);
	writer.out.data[8] = 0;
	check_damage(&writer, "damaged at byte 0, where a block should begin");
}

#define NO_CAPTURE "x.pcap is not a capture: it begins with the bytes "
#define READ "; pcap and pcapng files are read"

static void refuse(const char *content, size_t len, const char *sentence)
{
	struct capture *capture = NULL;
	struct error error = {0};
	struct bytes bytes = {(const uint8_t *)content, len};

	assert_int_equal(capture_from_bytes(&capture, "x.pcap", bytes, &error), ERR_INPUT);
	assert_null(capture);
	assert_string_equal(error.text, sentence);
}

static void what_is_no_capture_is_refused_in_one_sentence(void **state)
{
	(void)state;
	refuse("", 0, "x.pcap is empty" READ);
	refuse("\xd4\xc3", 2, NO_CAPTURE "d4 c3" READ);
	refuse("hello, world", 12, NO_CAPTURE "68 65 6c 6c 6f 2c 20 77" READ);
	refuse("BZh9", 4, NO_CAPTURE "42 5a 68 39, which is bzip2: unpack it first" READ);
}

static void a_file_that_cannot_be_read_is_named_with_the_reason(void **state)
{
	struct capture *capture = NULL;
	struct error error = {0};

	(void)state;
	assert_int_equal(capture_open(&capture, "/nowhere/x.pcap", &error), ERR_INPUT);
	assert_string_equal(error.text, "cannot open /nowhere/x.pcap: No such file or directory");
	assert_int_equal(capture_open(&capture, "/", &error), ERR_INPUT);
	assert_string_equal(error.text, "cannot read /: Is a directory");
	assert_null(capture);
}

/* A pipe stands for standard input and for anything that cannot be mapped. */
static void a_capture_comes_through_a_pipe(void **state)
{
	struct writer writer = {0};
	struct capture *capture = NULL;
	struct error error = {0};
	char path[32];
	int ends[2];

	(void)state;
	put_pcap_header(&writer, 0xa1b2c3d4, 1);
	put_pcap_packet(&writer, 1, 0, "one");
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], writer.out.data, writer.out.len), writer.out.len);
	close(ends[1]);
	snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
	assert_int_equal(capture_open(&capture, path, &error), 0);
	close(ends[0]);
	assert_next(capture, 1, 1000000000u, "one");
	assert_end(capture, "");
	buf_fini(&writer.out);
}

static char *write_file(struct bytes content)
{
	char *path = strdup("/tmp/shakedown-test-XXXXXX");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content.data, content.len), content.len);
	close(fd);
	return path;
}

/* The same packets and the same end, be the content a file or in memory; also the second time. */
static void check_file(struct bytes content)
{
	char *path = write_file(content);
	struct capture *file = NULL, *memory = NULL;
	struct error from_file = {0}, from_memory = {0};

	assert_int_equal(capture_open(&file, path, &from_file), 0);
	assert_int_equal(capture_from_bytes(&memory, path, content, &from_memory), 0);
	for (int pass = 0; pass < 2; pass++) {
		struct packet a, b;
		bool more;

		do {
			more = capture_next(memory, &b);
			assert_int_equal(capture_next(file, &a), more);
			if (!more)
				break;
			assert_int_equal(a.t_ns, b.t_ns);
			assert_int_equal(a.original_len, b.original_len);
			assert_int_equal(a.data.len, b.data.len);
			assert_memory_equal(a.data.data, b.data.data, a.data.len);
		} while (more);
		assert_int_equal(capture_end(file, &from_file), capture_end(memory, &from_memory));
		assert_string_equal(from_file.text, from_memory.text);
		capture_keep(file);
		capture_keep(memory);
	}
	capture_close(file);
	capture_close(memory);
	unlink(path);
	free(path);
}

static void a_file_larger_than_what_is_read_at_once_is_read_whole(void **state)
{
	static char data[700000];
	struct writer pcap = {0}, pcapng = {.big = true};

	(void)state;
	memset(data, 'x', sizeof(data) - 1);
	put_pcap_header(&pcap, 0xa1b2c3d4, 1);
	put_section(&pcapng);
	put_interface(&pcapng, 1, 0, -1, 0);
	for (uint32_t i = 0; i < 1000; i++) {
		/* Most are small; a few are longer than any window. */
		const char *packet = data + sizeof(data) - 1 - (i % 400 == 399 ? 600000 : i);

		put_pcap_packet(&pcap, i, 0, packet);
		put_packet(&pcapng, 0, i, packet);
	}
	check_file(buf_view(&pcap.out));
	check_file(buf_view(&pcapng.out));
	check_file((struct bytes){pcap.out.data, pcap.out.len - 300});
	check_file((struct bytes){pcapng.out.data, pcapng.out.len - 300});
	buf_fini(&pcap.out);
	buf_fini(&pcapng.out);
}

static void a_file_that_shrinks_while_it_is_read_ends_there(void **state)
{
	static char data[100000];
	struct writer writer = {0};
	struct capture *capture = NULL;
	struct error error = {0};
	struct packet packet;
	char *path;

	(void)state;
	memset(data, 'x', sizeof(data) - 1);
	put_pcap_header(&writer, 0xa1b2c3d4, 1);
	for (uint32_t i = 0; i < 10; i++)
		put_pcap_packet(&writer, i, 0, data);
	path = write_file(buf_view(&writer.out));
	assert_int_equal(capture_open(&capture, path, &error), 0);
	assert_true(capture_next(capture, &packet));
	assert_int_equal(truncate(path, 500000), 0);
	while (capture_next(capture, &packet))
		;
	assert_int_equal(capture_end(capture, &error), ERR_INPUT);
	assert_non_null(strstr(error.text, "the file ends at byte 500000, inside packet 5"));
	capture_close(capture);
	unlink(path);
	free(path);
	buf_fini(&writer.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pcap_is_read_in_both_byte_orders_and_both_units),
		cmocka_unit_test(pcapng_is_read_with_all_its_ways_to_hold_a_packet),
		cmocka_unit_test(what_pcapng_h_writes_is_read_back),
		cmocka_unit_test(secrets_are_found_in_every_section_and_after_the_packets),
		cmocka_unit_test(a_file_cut_at_any_byte_is_read_up_to_the_cut),
		cmocka_unit_test(a_cut_file_says_where_it_ended),
		cmocka_unit_test(damage_ends_the_reading_with_its_place),
		cmocka_unit_test(what_is_no_capture_is_refused_in_one_sentence),
		cmocka_unit_test(a_file_that_cannot_be_read_is_named_with_the_reason),
		cmocka_unit_test(a_capture_comes_through_a_pipe),
		cmocka_unit_test(a_file_larger_than_what_is_read_at_once_is_read_whole),
		cmocka_unit_test(a_file_that_shrinks_while_it_is_read_ends_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
