#include "flow/capture.h"

#include "base/assert.h"
#include "flow/pcapng.h"
#include "flow/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PCAP_FILE_HEADER_LEN 24u
#define PCAP_PACKET_HEADER_LEN 16u
#define BLOCK_OVERHEAD 12u /* type and length, and the length again at the end */
#define MICROSECONDS 1000000u
#define NANOSECONDS 1000000000u
#define PAGES_HELD ((size_t)2 << 20) /* bytes of a mapped file, read already, that stay in memory */
#define WINDOW ((size_t)256 << 10) /* bytes of a file read at once: they stay in the CPU's cache */
#define BLOCK_MAX (CAPTURE_PACKET_MAX + (64u << 10)) /* bytes: a packet and its options */

struct interface {
	uint16_t linktype;
	uint32_t snaplen;  /* 0: no limit */
	uint64_t units;    /* of the timestamps, in a second */
	uint64_t offset_s; /* to add to them; two's complement */
};

struct capture {
	char *name;
	void *mapped;        /* to be unmapped, unless NULL */
	int fd;              /* of the file that is mapped, else -1 */
	struct error source_end; /* where and why its bytes ended too early */
	size_t n_given_back; /* bytes at its start whose pages were given back */
	struct bytes bytes;
	size_t size;         /* where reading ends: behind them, unless the file has shrunk */
	uint8_t *window;     /* owned: a part of the file, unless packets are kept */
	size_t window_size;
	bool kept;
	bool (*next)(struct capture *capture, struct packet *packet);
	struct keylog *keylog; /* borrowed: where secrets go; NULL: nowhere */
	struct reader reader; /* of all the bytes, or of the window */
	struct fault fault, body_fault;
	size_t n_packets;    /* handed out */
	bool over;
	struct error end;    /* where and why it ended too early */
	uint64_t last_ns;    /* for packets without a time */
	uint32_t unit_ns;    /* pcap: of the timestamps' second word */
	uint16_t linktype;   /* pcap */
	struct interface *interfaces; /* pcapng: of this section */
	size_t n_interfaces;
};

struct block {
	uint32_t type;
	size_t begin;  /* offset in the file */
	size_t length; /* that it claims */
	bool cut;      /* the file ends inside it */
	struct reader body;
};

enum block_result { BLOCK_OK, BLOCK_NO_MORE, BLOCK_DAMAGED };

/* Ends the reading, for a reason. */
static void stop(struct capture *capture, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void stop(struct capture *capture, const char *format, ...)
{
	char reason[ERROR_TEXT_MAX / 2];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	capture->over = true;
	error_set(&capture->end, ERR_INPUT, "%s: %s; what came before was read", capture->name,
	          reason);
}

static void stop_cut(struct capture *capture, const char *what, size_t begin, size_t length)
{
	stop(capture,
	     "the file ends at byte %zu, inside %s, which begins at byte %zu and takes %zu bytes",
	     capture->size, what, begin, length);
}

static void stop_cut_packet(struct capture *capture, size_t begin, size_t length)
{
	char what[40];

	snprintf(what, sizeof(what), "packet %zu", capture->n_packets + 1);
	stop_cut(capture, what, begin, length);
}

/* Reads `n` bytes of the file that stand at `offset`, fewer where it ends. */
static size_t read_at(struct capture *capture, uint8_t *data, size_t n, size_t offset)
{
	size_t len = 0;

	while (len < n) {
		ssize_t got = pread(capture->fd, data + len, n - len, (off_t)(offset + len));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			error_system(&capture->source_end, ERR_INPUT, errno,
			             "cannot read %s at byte %zu", capture->name, offset + len);
		if (got <= 0) {
			capture->size = offset + len;
			break;
		}
		len += (size_t)got;
	}
	return len;
}

/* Moves the window to the next byte and fills it: `n` bytes or more. */
static void slide(struct capture *capture, size_t n)
{
	struct reader *reader = &capture->reader;
	size_t left = reader->len - reader->pos, offset = reader_offset(reader);
	size_t size = n > WINDOW ? n : WINDOW;

	if (left > 0)
		memmove(capture->window, capture->window + reader->pos, left);
	if (size > capture->window_size) {
		capture->window = realloc(capture->window, size);
		CHECK(capture->window != NULL);
		capture->window_size = size;
	}
	if (size > capture->size - offset)
		size = capture->size - offset;
	if (size > left)
		left += read_at(capture, capture->window + left, size - left, offset + left);
	reader->data = capture->window;
	reader->len = left;
	reader->pos = 0;
	reader->base = offset;
}

/* Sees to it that the reader has `n` bytes, or all that the file still has. */
static inline void look_ahead(struct capture *capture, size_t n)
{
	const struct reader *reader = &capture->reader;

	if (n > reader->len - reader->pos && reader->base + reader->len < capture->size)
		slide(capture, n);
}

/* Bytes that the file still has. */
static size_t file_left(const struct capture *capture)
{
	return capture->size - reader_offset(&capture->reader);
}

/* Nanoseconds of a time in `units` of a second. What is finer is cut, so that nothing overflows. */
static uint64_t to_ns(uint64_t seconds, uint64_t part, uint64_t units)
{
	for (; units > 16ull * NANOSECONDS; units /= 10)
		part /= 10;
	return seconds * NANOSECONDS + part * NANOSECONDS / units;
}

static uint32_t pcap_u32(const struct capture *capture, struct bytes header, size_t at)
{
	uint32_t value = bytes_u32(header, at);

	return capture->reader.little ? __builtin_bswap32(value) : value;
}

/*
 * pcap, one packet
 *   seconds, micro- or nanoseconds, captured length, original length, the captured bytes
 */
static bool next_of_pcap(struct capture *capture, struct packet *packet)
{
	struct reader *reader = &capture->reader;
	size_t begin = reader_offset(reader), captured_len;
	struct bytes header;

	look_ahead(capture, PCAP_PACKET_HEADER_LEN);
	if (reader_left(reader) == 0) {
		capture->over = true;
		return false;
	}
	header = reader_bytes(reader, PCAP_PACKET_HEADER_LEN, "packet_header");
	if (header.len < PCAP_PACKET_HEADER_LEN) {
		stop_cut_packet(capture, begin, PCAP_PACKET_HEADER_LEN);
		return false;
	}
	packet->t_ns = (uint64_t)pcap_u32(capture, header, 0) * NANOSECONDS +
	               (uint64_t)pcap_u32(capture, header, 4) * capture->unit_ns;
	captured_len = pcap_u32(capture, header, 8);
	packet->original_len = pcap_u32(capture, header, 12);
	if (captured_len > CAPTURE_PACKET_MAX) {
		stop(capture,
		     "the file is damaged at byte %zu, where packet %zu claims to hold %zu bytes",
		     begin, capture->n_packets + 1, captured_len);
		return false;
	}
	look_ahead(capture, captured_len); /* from here on `header` is gone */
	packet->linktype = capture->linktype;
	packet->data = reader_bytes(reader, captured_len, "packet");
	if (!reader_ok(reader))
		stop_cut_packet(capture, begin, PCAP_PACKET_HEADER_LEN + captured_len);
	return true;
}

/*
 * pcap, the file's header
 *   magic, major and minor version, two words that nobody uses, snapshot length, link type
 */
static void begin_pcap(struct capture *capture, bool little, uint32_t units)
{
	struct reader *reader = &capture->reader;

	reader->little = little;
	capture->unit_ns = NANOSECONDS / units;
	capture->next = next_of_pcap;
	reader_bytes(reader, 20, "file_header");
	/* The upper half tells of frame check sequences, which the IP length cuts off. */
	capture->linktype = (uint16_t)reader_u32(reader, "linktype");
	if (!reader_ok(reader))
		stop_cut(capture, "the file's header", 0, PCAP_FILE_HEADER_LEN);
}

/* A section says its byte order after its length: it has to be known before. */
static enum block_result set_byte_order(struct reader *reader, uint32_t magic)
{
	if (magic != PCAPNG_BYTE_ORDER_MAGIC && magic != __builtin_bswap32(PCAPNG_BYTE_ORDER_MAGIC))
		return BLOCK_DAMAGED;
	reader->little = magic != PCAPNG_BYTE_ORDER_MAGIC;
	return BLOCK_OK;
}

/*
 * Looks at the type (and, of a section, at the byte order) without moving. False if the file ends
 * before.
 */
static bool peek_block(struct reader *reader, struct block *block, enum block_result *result)
{
	struct reader peek = *reader;

	block->length = 8;
	if (reader_left(reader) < block->length)
		return false;
	peek.little = false;
	*result = BLOCK_OK;
	if (reader_u32(&peek, "block_type") != PCAPNG_SECTION)
		return true;
	block->length = BLOCK_OVERHEAD;
	if (reader_left(reader) < block->length)
		return false;
	reader_u32(&peek, "block_length");
	*result = set_byte_order(reader, reader_u32(&peek, "byte_order_magic"));
	return true;
}

/* Block: type, length of all of it, the body, the length again. */
static enum block_result next_block(struct capture *capture, struct block *block)
{
	struct reader *reader = &capture->reader;
	enum block_result result = BLOCK_OK;
	size_t body_len, left;

	look_ahead(capture, BLOCK_OVERHEAD);
	left = file_left(capture);
	*block = (struct block){.begin = reader_offset(reader), .cut = true, .body = *reader};
	if (left == 0)
		return BLOCK_NO_MORE;
	if (!peek_block(reader, block, &result)) {
		block->body = reader_take(reader, left, "block_header");
		return BLOCK_OK;
	}
	block->type = reader_u32(reader, "block_type");
	block->length = reader_u32(reader, "block_length");
	block->cut = block->length > left;
	if (result != BLOCK_OK || block->length < BLOCK_OVERHEAD ||
	    (block->length > BLOCK_MAX && !block->cut))
		return BLOCK_DAMAGED;
	body_len = block->length - BLOCK_OVERHEAD;
	look_ahead(capture, block->length < BLOCK_MAX ? block->length : BLOCK_MAX);
	left = reader_left(reader);
	block->body = reader_take(reader, body_len < left ? body_len : left, "block_body");
	/* Lengths are multiples of four; a writer that forgets it is forgiven. */
	left = reader_left(reader);
	body_len = 4 + (-body_len & 3);
	reader_bytes(reader, body_len < left ? body_len : left, "block_end");
	return BLOCK_OK;
}

static void read_resolution(struct interface *interface, unsigned resolution)
{
	unsigned power = resolution & 0x7f;

	interface->units = 1;
	if ((resolution & 0x80) != 0)
		interface->units <<= power < 64 ? power : 63;
	else
		for (; power > 0 && interface->units < UINT64_MAX / 10; power--)
			interface->units *= 10;
}

/* Options: code, length, the value, padding to a multiple of four. */
static void read_interface_options(struct interface *interface, struct reader *body)
{
	while (reader_left(body) >= 4) {
		uint16_t code = reader_u16(body, "option_code");
		uint16_t length = reader_u16(body, "option_length");
		struct reader value = reader_take(body, length, "option");

		if (code == PCAPNG_OPTION_END)
			return;
		if (code == PCAPNG_IF_TSRESOL)
			read_resolution(interface, reader_u8(&value, "if_tsresol"));
		if (code == PCAPNG_IF_TSOFFSET)
			interface->offset_s = reader_u64(&value, "if_tsoffset");
		reader_bytes(body, -(size_t)length & 3, "padding");
	}
}

static void read_interface(struct capture *capture, struct reader *body)
{
	struct interface interface = {.units = MICROSECONDS};
	size_t n = capture->n_interfaces + 1;

	interface.linktype = reader_u16(body, "linktype");
	reader_u16(body, "reserved");
	interface.snaplen = reader_u32(body, "snaplen");
	read_interface_options(&interface, body);
	capture->interfaces = reallocarray(capture->interfaces, n, sizeof(interface));
	CHECK(capture->interfaces != NULL);
	capture->interfaces[capture->n_interfaces++] = interface;
}

/*
 * Sets what the packet's interface says of it. False, and the reading ends, if there is no such
 * interface.
 */
static bool set_interface(struct capture *capture, const struct block *block, uint32_t number,
                          struct packet *packet)
{
	if (number >= capture->n_interfaces) {
		stop(capture,
		     "the file is damaged at byte %zu, where a packet names interface %u of %zu",
		     block->begin, number, capture->n_interfaces);
		return false;
	}
	packet->linktype = capture->interfaces[number].linktype;
	return true;
}

/*
 * Enhanced Packet Block: interface, timestamp (high word first), captured and original length,
 * bytes. The obsolete Packet Block has a shorter interface number, and a drop count in the other
 * half of the word.
 */
static bool read_packet(struct capture *capture, struct block *block, struct packet *packet)
{
	struct reader *body = &block->body;
	const struct interface *interface;
	uint32_t number, captured_len;
	uint64_t time;

	if (block->type == PCAPNG_PACKET) {
		number = reader_u16(body, "interface_id");
		reader_u16(body, "drops_count");
	} else {
		number = reader_u32(body, "interface_id");
	}
	time = (uint64_t)reader_u32(body, "timestamp_high") << 32;
	time |= reader_u32(body, "timestamp_low");
	captured_len = reader_u32(body, "captured_len");
	packet->original_len = reader_u32(body, "original_len");
	if (!reader_ok(body) || !set_interface(capture, block, number, packet))
		return false;
	interface = &capture->interfaces[number];
	packet->t_ns = to_ns(time / interface->units + interface->offset_s, time % interface->units,
	                     interface->units);
	packet->data = reader_bytes(body, captured_len, "packet");
	return true;
}

/* Simple Packet Block: original length, bytes. It has no time: the last one is as good as any. */
static bool read_simple_packet(struct capture *capture, struct block *block, struct packet *packet)
{
	size_t captured_len = packet->original_len = reader_u32(&block->body, "original_len");

	if (!reader_ok(&block->body) || !set_interface(capture, block, 0, packet))
		return false;
	if (capture->interfaces[0].snaplen != 0 && captured_len > capture->interfaces[0].snaplen)
		captured_len = capture->interfaces[0].snaplen;
	packet->t_ns = capture->last_ns;
	packet->data = reader_bytes(&block->body, captured_len, "packet");
	return true;
}

static void read_secrets(struct keylog *keylog, struct reader *body)
{
	uint32_t type = reader_u32(body, "secrets_type");
	uint32_t length = reader_u32(body, "secrets_length");
	struct bytes text = reader_bytes(body, length, "secrets");

	if (type == PCAPNG_TLS_KEYLOG)
		keylog_add(keylog, (const char *)text.data, text.len);
}

/* Reads one block. True if it holds a packet. */
static bool read_block(struct capture *capture, struct block *block, struct packet *packet)
{
	switch (block->type) {
	case PCAPNG_SECTION:
		capture->n_interfaces = 0;
		return false;
	case PCAPNG_INTERFACE:
		read_interface(capture, &block->body);
		return false;
	case PCAPNG_SECRETS:
		if (capture->keylog != NULL)
			read_secrets(capture->keylog, &block->body);
		return false;
	case PCAPNG_PACKET:
	case PCAPNG_ENHANCED_PACKET:
		return read_packet(capture, block, packet);
	case PCAPNG_SIMPLE_PACKET:
		return read_simple_packet(capture, block, packet);
	default:
		return false;
	}
}

static bool next_of_pcapng(struct capture *capture, struct packet *packet)
{
	bool found = false;

	while (!found && !capture->over) {
		struct block block;
		enum block_result result = next_block(capture, &block);

		if (result == BLOCK_DAMAGED)
			stop(capture, "the file is damaged at byte %zu, where a block should begin",
			     block.begin);
		if (result == BLOCK_NO_MORE)
			capture->over = true;
		if (result != BLOCK_OK)
			return false;
		/* What is wrong inside one block does not end the reading of the next. */
		block.body = reader_isolate(&block.body, &capture->body_fault);
		found = read_block(capture, &block, packet);
		if (block.cut)
			stop_cut(capture, "a block", block.begin, block.length);
		else if (!capture->over && !reader_ok(&block.body))
			stop(capture,
			     "the file is damaged at byte %zu, where a block ends too early",
			     block.begin);
	}
	if (found)
		capture->last_ns = packet->t_ns;
	return found;
}

static void begin_pcapng(struct capture *capture, bool little, uint32_t units)
{
	(void)little, (void)units;
	capture->next = next_of_pcapng;
}

/* How the first four bytes, read as big-endian, tell the format. */
static const struct format {
	uint32_t magic;
	void (*begin)(struct capture *capture, bool little, uint32_t units);
	bool little;
	uint32_t units;
} formats[] = {
	{0xa1b2c3d4, begin_pcap, false, MICROSECONDS},
	{0xd4c3b2a1, begin_pcap, true, MICROSECONDS},
	{0xa1b23c4d, begin_pcap, false, NANOSECONDS},
	{0x4d3cb2a1, begin_pcap, true, NANOSECONDS},
	{PCAPNG_SECTION, begin_pcapng, false, 0},
};

/* What people hand over instead. */
static const struct stranger {
	const char *magic, *advice;
} strangers[] = {
	{"\xfd" "7zXZ", ", which is xz: unpack it first"},
	{"BZh", ", which is bzip2: unpack it first"},
	{"PK\x03\x04", ", which is zip: unpack it first"},
	{"snoop", ", which is a snoop capture: tshark -r IN -w OUT converts it"},
	{"\xa1\xb2\xcd\x34", ", which is a patched pcap: tshark -r IN -w OUT converts it"},
	{"\x34\xcd\xb2\xa1", ", which is a patched pcap: tshark -r IN -w OUT converts it"},
};

static int refuse(const char *name, struct bytes content, struct error *error)
{
	size_t n = content.len < 8 ? content.len : 8;

	if (n == 0)
		return error_set(error, ERR_INPUT, "%s is empty; pcap and pcapng files are read",
		                 name);
	error_set(error, ERR_INPUT, "%s is not a capture: it begins with the bytes", name);
	for (size_t i = 0; i < n; i++)
		error_append(error, " %02x", content.data[i]);
	for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
		size_t len = strlen(strangers[i].magic);

		if (content.len >= len && memcmp(content.data, strangers[i].magic, len) == 0)
			error_append(error, "%s", strangers[i].advice);
	}
	return error_append(error, "; pcap and pcapng files are read");
}

static int begin(struct capture *capture, struct error *error)
{
	struct reader peek;
	uint32_t magic;

	if (capture->fd < 0 || capture->kept)
		reader_init(&capture->reader, capture->bytes.data, capture->bytes.len,
		            &capture->fault);
	else
		reader_init(&capture->reader, NULL, 0, &capture->fault);
	look_ahead(capture, PCAP_FILE_HEADER_LEN);
	peek = reader_isolate(&capture->reader, &capture->body_fault);
	magic = reader_u32(&peek, "magic");
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (reader_ok(&peek) && magic == formats[i].magic) {
			formats[i].begin(capture, formats[i].little, formats[i].units);
			return 0;
		}
	}
	return refuse(capture->name, reader_rest(&capture->reader), error);
}

static struct capture *new_capture(const char *name)
{
	struct capture *capture = calloc(1, sizeof(*capture));

	CHECK(capture != NULL);
	capture->name = strdup(name);
	CHECK(capture->name != NULL);
	capture->fd = -1;
	return capture;
}

static int hand_over(struct capture *capture, int rc, struct capture **opened, struct error *error)
{
	capture->size = capture->bytes.len;
	if (rc == 0)
		rc = begin(capture, error);
	if (rc != 0)
		capture_close(capture);
	else
		*opened = capture;
	return rc;
}

int capture_from_bytes(struct capture **capture, const char *name, struct bytes content,
                       struct error *error)
{
	struct capture *made = new_capture(name);

	made->bytes = content;
	return hand_over(made, 0, capture, error);
}

static int map_file(struct capture *capture, const char *path, size_t size, struct error *error)
{
	void *mapped = MAP_FAILED;

	capture->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (capture->fd >= 0)
		mapped = mmap(NULL, size, PROT_READ, MAP_PRIVATE, capture->fd, 0);
	if (mapped == MAP_FAILED)
		return error_system(error, ERR_INPUT, errno, "cannot read %s", path);
	capture->mapped = mapped;
	capture->bytes = (struct bytes){mapped, size};
	return 0;
}

/* By its first bytes. */
static bool is_capture(const uint8_t *magic)
{
	uint32_t number = (uint32_t)magic[0] << 24 | (uint32_t)magic[1] << 16 |
	                  (uint32_t)magic[2] << 8 | magic[3];

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (number == formats[i].magic)
			return true;
	return false;
}

static int map_unpacked(struct capture *capture, const char *path, struct error *error)
{
	struct unpacked unpacked;
	int rc = unpack(path, capture->name, is_capture, &unpacked, error);
	char *name = NULL;

	capture->mapped = (void *)unpacked.bytes.data;
	capture->bytes = unpacked.bytes;
	capture->fd = unpacked.fd;
	capture->source_end = unpacked.cut;
	if (rc == 0 && unpacked.bytes.len == 0 && unpacked.cut.code != 0) {
		*error = unpacked.cut;
		rc = error->code;
	}
	if (unpacked.packed) {
		CHECK(asprintf(&name, "%s, unpacked", capture->name) > 0);
		free(capture->name);
		capture->name = name;
	}
	return rc;
}

int capture_open(struct capture **capture, const char *path, struct error *error)
{
	bool standard_input = strcmp(path, "-") == 0;
	struct capture *made = new_capture(standard_input ? "standard input" : path);
	struct stat status;
	int rc;

	if (!standard_input && stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
	    status.st_size > 0 && !unpack_is_packed(path))
		rc = map_file(made, path, (size_t)status.st_size, error);
	else
		rc = map_unpacked(made, path, error);
	return hand_over(made, rc, capture, error);
}

void capture_close(struct capture *capture)
{
	if (capture == NULL)
		return;
	if (capture->mapped != NULL)
		munmap(capture->mapped, capture->bytes.len);
	if (capture->fd >= 0)
		close(capture->fd);
	free(capture->window);
	free(capture->interfaces);
	free(capture->name);
	free(capture);
}

/* What was read up to `pos`: else all of a large file would count as memory in use. */
static void give_back_pages(struct capture *capture, size_t pos)
{
	uint8_t *mapped = capture->mapped;

	if (!capture->kept || mapped == NULL || pos < capture->n_given_back + 2 * PAGES_HELD)
		return;
	if (madvise(mapped + capture->n_given_back, PAGES_HELD, MADV_DONTNEED) == 0)
		capture->n_given_back += PAGES_HELD;
}

bool capture_next(struct capture *capture, struct packet *packet)
{
	if (capture->over || !capture->next(capture, packet))
		return false;
	capture->n_packets++;
	give_back_pages(capture, capture->reader.pos);
	return true;
}

/* Begins again with the first packet. */
static void rewind_to_start(struct capture *capture)
{
	capture->over = false;
	capture->end = (struct error){0};
	capture->n_packets = 0;
	capture->last_ns = 0;
	capture->n_interfaces = 0;
	capture->n_given_back = 0;
	begin(capture, &capture->end);
}

bool capture_survey(struct capture *capture, struct keylog *keylog)
{
	struct packet packet;
	uint64_t last_ns = 0;
	bool in_order = true;

	capture->keylog = keylog;
	while (capture_next(capture, &packet)) {
		in_order = in_order && packet.t_ns >= last_ns;
		last_ns = packet.t_ns;
	}
	capture->keylog = NULL;
	rewind_to_start(capture);
	return in_order;
}

void capture_keep(struct capture *capture)
{
	capture->kept = true;
	rewind_to_start(capture);
}

int capture_end(const struct capture *capture, struct error *error)
{
	/* Where the bytes end is why the rest ends, too. */
	const struct error *end =
		capture->source_end.code != 0 ? &capture->source_end : &capture->end;

	if (end->code != 0)
		*error = *end;
	return end->code;
}
