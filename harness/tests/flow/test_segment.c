#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/flow/frames.h"

static const struct frame hello = {
	.seq = 0x01020304, .ack = 0x05060708, .flags = TCP_ACK | TCP_PSH, .data = "hello"};

/* Decodes an exact-size copy, so that a sanitizer sees any step beyond it. */
static enum segment_result decode_copy(struct packet packet, struct segment *segment,
                                       struct buf *kept)
{
	uint8_t *copy = malloc(packet.data.len > 0 ? packet.data.len : 1);
	enum segment_result result;

	memcpy(copy, packet.data.data, packet.data.len);
	packet.data.data = copy;
	result = segment_decode(&packet, segment);
	if (result == SEGMENT_OK && kept != NULL) {
		buf_clear(kept);
		buf_bytes(kept, segment->data);
	}
	free(copy);
	return result;
}

static void check_hello(const struct buf *out, uint16_t linktype, bool ipv6)
{
	struct segment segment;
	struct buf kept = {0};
	char text[ENDPOINT_TEXT_MAX];

	assert_int_equal(decode_copy(frame_packet(out, linktype, 7), &segment, &kept), SEGMENT_OK);
	assert_string_equal(buf_string(&kept), "hello");
	assert_int_equal(segment.length, 5);
	assert_int_equal(segment.seq, hello.seq);
	assert_int_equal(segment.ack, hello.ack);
	assert_int_equal(segment.flags, hello.flags);
	assert_int_equal(segment.t_ns, 7);
	assert_int_equal(segment.from.port, 40000);
	assert_int_equal(segment.to.port, 443);
	assert_string_equal(endpoint_address(&segment.from, text), ipv6 ? "fd00::1" : "10.0.0.1");
	assert_string_equal(endpoint_address(&segment.to, text), ipv6 ? "fd00::2" : "10.0.0.2");
	/* Every shorter capture of it says something, and reads nothing beyond its end. */
	for (size_t len = 0; len < out->len; len++) {
		struct packet cut = frame_packet(out, linktype, 7);

		cut.data.len = len;
		if (decode_copy(cut, &segment, &kept) == SEGMENT_OK) {
			assert_true(kept.len <= 5);
			assert_int_equal(segment.length, 5);
		}
	}
	buf_fini(&kept);
}

/* A link's header before the IP header; \1 stands for the EtherType. */
static const struct {
	uint16_t linktype;
	const char *header;
	size_t len;
} links[] = {
	{LINKTYPE_ETHERNET, "DDDDDDSSSSSS\1", 13},
	{LINKTYPE_ETHERNET, "DDDDDDSSSSSS\x81\0\0\5\1", 17},
	{LINKTYPE_ETHERNET, "DDDDDDSSSSSS\x88\xa8\0\6\x81\0\0\5\1", 21},
	{LINKTYPE_LINUX_SLL, "\0\4\3\4\0\6AAAAAAAA\1", 15},
	{LINKTYPE_LINUX_SLL2, "\1\0\0\0\0\0\2\3\4\0\6AAAAAAAA", 19},
	{LINKTYPE_NULL, "\2\0\0\0", 4},
	{LINKTYPE_NULL, "\0\0\0\x1e", 4},
	{LINKTYPE_LOOP, "\0\0\0\2", 4},
	{LINKTYPE_RAW, "", 0},
	{LINKTYPE_RAW_BSD, "", 0},
	{LINKTYPE_RAW_OPENBSD, "", 0},
};

static void put_header(struct buf *out, size_t link, bool ipv6)
{
	for (size_t i = 0; i < links[link].len; i++) {
		char c = links[link].header[i];

		if (c == '\1' && (i == 0 || i == links[link].len - 1))
			buf_u16(out, ipv6 ? 0x86dd : 0x0800);
		else
			buf_char(out, c);
	}
}

static void every_link_layer_is_read_with_both_ip_versions(void **state)
{
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		for (int ipv6 = 0; ipv6 < 2; ipv6++) {
			buf_clear(&out);
			put_header(&out, i, ipv6);
			(ipv6 ? frame_put_ipv6 : frame_put_ipv4)(&out, &hello);
			check_hello(&out, links[i].linktype, ipv6);
		}
	}
	buf_fini(&out);
}

/* Link layers that do not say with an EtherType at their end which IP version follows. */
static void link_layers_of_every_kind_are_read(void **state)
{
#define LLC "\xaa\xaa\3\0\0\0"
#define ROW(linktype, ipv6, header) {linktype, ipv6, header, sizeof(header) - 1}
	static const struct {
		uint16_t linktype;
		bool ipv6;
		const char *header;
		size_t len;
	} rows[] = {
		ROW(LINKTYPE_PPP, false, "\0\x21"),
		ROW(LINKTYPE_PPP, true, "\xff\3\0\x57"),
		ROW(LINKTYPE_PPP, false, "\x21"),
		ROW(LINKTYPE_PPP, true, "\2\x81\0\0\x11\x40"),
		ROW(LINKTYPE_PPP_HDLC, false, "\xff\3\0\x21"),
		ROW(LINKTYPE_PPP_HDLC, false, "\x0f\0\x08\0"),
		ROW(LINKTYPE_PPP, true, "\x8f\0\x86\xdd"),
		ROW(LINKTYPE_C_HDLC, true, "\x0f\0\x86\xdd"),
		ROW(LINKTYPE_C_HDLC, false, "\xff\3\0\x21"),
		ROW(LINKTYPE_PPP_WITH_DIR, false, "\1\xff\3\0\x21"),
		ROW(LINKTYPE_PPP_ETHER, true, "\x11\0\0\1\0\x50\0\x57"),
		ROW(LINKTYPE_ETHERNET, false, "DDDDDDSSSSSS\x88\x64\x11\0\0\1\0\x50\0\x21"),
		ROW(LINKTYPE_ETHERNET, false, "DDDDDDSSSSSS\0\x50" LLC "\x08\0"),
		ROW(LINKTYPE_ETHERNET, true, "DDDDDDSSSSSS\x88\x47\0\0\x10\x40\0\0\x11\x40"),
		ROW(LINKTYPE_ETHERNET, false, "DDDDDDSSSSSS\x88\x47\0\0\x11\x40\0\0\0\0DDDDDDSSSSSS\x08\0"),
		ROW(LINKTYPE_IEEE802_11, false, "\x08\1ttAAAAAABBBBBBCCCCCCss" LLC "\x08\0"),
		ROW(LINKTYPE_IEEE802_11, true, "\x88\3ttAAAAAABBBBBBCCCCCCssDDDDDDqq" LLC "\x86\xdd"),
		ROW(LINKTYPE_IEEE802_11, false, "\x88\1ttAAAAAABBBBBBCCCCCCss\0\0PP" LLC "\x08\0"),
		ROW(LINKTYPE_ETHERNET, false, "DDDDDDSSSSSS\0\x50\6\6\3"),
		ROW(LINKTYPE_ETHERNET, false, "DDDDDDSSSSSS\x88\xe7iiii" "DDDDDDSSSSSS\x08\0"),
		ROW(LINKTYPE_ETHERNET, true, "DDDDDDSSSSSS\x89\x26vvvv\x86\xdd"),
		ROW(LINKTYPE_ETHERNET, false,
	            "DDDDDDSSSSSS\x22\xf3\0\x7f" "eeii" "oooo" "DDDDDDSSSSSS\x08\0"),
		ROW(LINKTYPE_ETHERNET, true, "DDDDDDSSSSSS\x89\x4f\0\3\1\2" "ppppcccc"),
		ROW(LINKTYPE_PPP_PPPD, false, "\1\3\0\x21"),
		ROW(LINKTYPE_FRAME_RELAY, false, "\x18\x41\3\xcc"),
		ROW(LINKTYPE_FRAME_RELAY, true, "\x18\x41\3\0\x8e"),
		ROW(LINKTYPE_FRAME_RELAY, false, "\x18\x41\3\x80\0\0\0\x08\0"),
		ROW(LINKTYPE_FRAME_RELAY, false, "\x18\x40\x40\x41\x08\0"),
		ROW(LINKTYPE_SLIP, false, "\0sssssssssssssss"),
		ROW(LINKTYPE_ENC, true, "aaaassssffff"),
		ROW(LINKTYPE_PFLOG, false, "\x0d" "pppppppppppp" "\0\0\0"),
		ROW(LINKTYPE_IPNET, false, "\1iiiiiiiiiiiiiiiiiiiiiii"),
		ROW(LINKTYPE_NFLOG, false, "\2\0\0\0" "\5\0\1\0" "pPPP" "\4\0\x09\0"),
		ROW(LINKTYPE_TOKEN_RING, false, "afDDDDDD\1SSSSS" LLC "\x08\0"),
		ROW(LINKTYPE_TOKEN_RING, false, "afDDDDDD\x81SSSSS\x04rrr" LLC "\x08\0"),
		ROW(LINKTYPE_FDDI, true, "fDDDDDDSSSSSS" LLC "\x86\xdd"),
		ROW(LINKTYPE_FIREWIRE, false, "DDDDDDDDSSSSSSSS\x08\0"),
		ROW(LINKTYPE_ATM_LLC, false, LLC "\x08\0"),
		ROW(LINKTYPE_ATM_CLIP, false, LLC "\x08\0"),
		ROW(LINKTYPE_ATM_CLIP, true, ""),
		ROW(LINKTYPE_SUNATM, false, "\x82vcc" LLC "\x08\0"),
		ROW(LINKTYPE_MPLS, false, "\0\0\x11\x40"),
		ROW(LINKTYPE_IEEE802_11_AVS, false,
	            "\x80\x21\x10\1" "\0\0\0\x0a" "aa" "\x08\1ttAAAAAABBBBBBCCCCCCss" LLC "\x08\0"),
		ROW(LINKTYPE_PPI, true, "\0\0\x0a\0\1\0\0\0" "ff" "DDDDDDSSSSSS\x86\xdd"),
		ROW(LINKTYPE_PKTAP, false, "\x0e\0\0\0\1\0\0\0\x0c\0\0\0" "ff"),
		ROW(LINKTYPE_ERF, false,
	            "tttttttt\x82rrllww" "r" "\1eeeeeee" "pp" "DDDDDDSSSSSS\x08\0"),
		ROW(LINKTYPE_NETANALYZER, false, "nnnn" "DDDDDDSSSSSS\x08\0"),
		ROW(LINKTYPE_NETANALYZER_PREAMBLE, false, "nnnnpppppppp" "DDDDDDSSSSSS\x08\0"),
		ROW(LINKTYPE_ETHERNET_MPACKET, true, "pppppppp" "DDDDDDSSSSSS\x86\xdd"),
		ROW(LINKTYPE_IEEE802_11_RADIOTAP, false,
	            "\0\0\x0a\0rrrrrr\x88\x82ttAAAAAABBBBBBCCCCCCss\0\0hhhh" LLC "\x08\0"),
	};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_clear(&out);
		buf_add(&out, rows[i].header, rows[i].len);
		(rows[i].ipv6 ? frame_put_ipv6 : frame_put_ipv4)(&out, &hello);
		check_hello(&out, rows[i].linktype, rows[i].ipv6);
	}
	buf_fini(&out);
}

static void frames_of_other_content_are_no_tcp(void **state)
{
	static const struct {
		uint16_t linktype;
		bool ipv6;
		const char *header;
		size_t len;
	} rows[] = {
		/* PPPoE's discovery; the control protocol of PPP; another EtherType. */
		ROW(LINKTYPE_ETHERNET, false, "DDDDDDSSSSSS\x88\x64\x11\x09\0\1\0\x50\0\x21"),
		ROW(LINKTYPE_PPP, false, "\xff\3\xc0\x21"),
		ROW(LINKTYPE_ETHERNET, false, "DDDDDDSSSSSS\x08\x06"),
		/* IEEE 802.11: a beacon, encrypted data, several frames in one. */
		ROW(LINKTYPE_IEEE802_11, false, "\x80\1ttAAAAAABBBBBBCCCCCCss" LLC "\x08\0"),
		ROW(LINKTYPE_IEEE802_11, false, "\x08\x41ttAAAAAABBBBBBCCCCCCss" LLC "\x08\0"),
		ROW(LINKTYPE_IEEE802_11, false, "\x88\1ttAAAAAABBBBBBCCCCCCss\x80\0" LLC "\x08\0"),
		/* NFLOG whose attribute is shorter than its own header; ERF of another kind. */
		ROW(LINKTYPE_NFLOG, false, "\2\0\0\0" "\3\0\1\0" "\4\0\x09\0"),
		ROW(LINKTYPE_ERF, false, "tttttttt\1rrllww" "pp" "DDDDDDSSSSSS\x08\0"),
	};
	struct buf out = {0};
	struct segment segment;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_clear(&out);
		buf_add(&out, rows[i].header, rows[i].len);
		frame_put_ipv4(&out, &hello);
		assert_int_equal(decode_copy(frame_packet(&out, rows[i].linktype, 7), &segment, NULL),
		                 SEGMENT_OTHER);
	}
	buf_fini(&out);
}

/* An outer IP header with `protocol`, what stands between, and the inner packet. */
static void put_tunnel(struct buf *out, bool outer_ipv6, uint8_t protocol, struct bytes between,
                       bool ipv6)
{
	const struct frame none = {0};
	struct buf inner = {0};
	size_t at = out->len;

	buf_bytes(&inner, between);
	(ipv6 ? frame_put_ipv6 : frame_put_ipv4)(&inner, &hello);
	(outer_ipv6 ? frame_put_ipv6 : frame_put_ipv4)(out, &none);
	out->len -= 20; /* TCP */
	out->data[at + (outer_ipv6 ? 6 : 9)] = protocol;
	out->data[at + (outer_ipv6 ? 5 : 3)] = (uint8_t)(inner.len + (outer_ipv6 ? 0 : 20));
	buf_bytes(out, buf_view(&inner));
	buf_fini(&inner);
}

static void what_is_inside_a_tunnel_is_read(void **state)
{
#define UDP(port) "\x99\x99" port "\0\x50\0\0"
#define TUNNEL(protocol, ipv6, between) {protocol, ipv6, between, sizeof(between) - 1}
	static const struct {
		uint8_t protocol;
		bool ipv6;
		const char *between;
		size_t len;
	} tunnels[] = {
		TUNNEL(4, false, ""),
		TUNNEL(41, true, ""),
		TUNNEL(47, false, "\0\0\x08\0"),
		TUNNEL(47, true, "\xb0\0\x86\xdd\0\0\0\0kkkkssss"),
		TUNNEL(47, false, "\0\0\x65\x58" "DDDDDDSSSSSS\x08\0"),
		TUNNEL(47, false, "\x30\x81\x88\x0b\0\x10\0\1ssssaaaa\xff\3\0\x21"),
		TUNNEL(137, false, "\0\0\x11\x40"),
		TUNNEL(17, false, "\x99\x99\x12\xb5\0\x50\0\0\x08\0\0\0vvv\0DDDDDDSSSSSS\x08\0"),
		TUNNEL(47, false, "\x10\0\x88\xbe" "ssss" "eeeeeeee" "DDDDDDSSSSSS\x08\0"),
		TUNNEL(47, false, "\0\0\x88\xbe" "DDDDDDSSSSSS\x08\0"),
		TUNNEL(47, true, "\x10\0\x22\xeb" "ssss" "eeeeeeeeeee\1" "pppppppp"
	               "DDDDDDSSSSSS\x86\xdd"),
		TUNNEL(97, false, "\x30\0" "DDDDDDSSSSSS\x08\0"),
		TUNNEL(17, true, UDP("\x12\xb6") "\x0c\0\0\2vvv\0"),
		TUNNEL(17, false, UDP("\x12\xb6") "\x0c\0\0\3vvv\0" "DDDDDDSSSSSS\x08\0"),
		TUNNEL(17, false, UDP("\x08\x68") "\x30\xff\0\x50tttt"),
		TUNNEL(17, true, UDP("\x08\x68") "\x34\xff\0\x50tttt" "ss\0\x85" "\1\x10\x09\0"),
		TUNNEL(17, true, UDP("\x0d\xd8")),
		TUNNEL(17, true, UDP("\x0d\xd8") "\0\1\1\2" "iaannnnnnnnc" "\0\0ppaaaa"),
		TUNNEL(17, false, UDP("\x06\xa5") "\x4a\2" "llttssnnrr" "\0\1" "o" "\xff\3\0\x21"),
		TUNNEL(17, false, UDP("\x14\x7f") "\0\x10\2\0ffff" "DDDDDDSSSSSS\x08\0"),
		TUNNEL(17, false, UDP("\x14\x7f") "\0\x10\3\0ffff" "\x08\1ttAAAAAABBBBBBCCCCCCss"
	               LLC "\x08\0"),
		TUNNEL(17, true, UDP("\x10\xf5") "nnnniiii"),
		TUNNEL(17, false, UDP("\x12\x92") "\0\0\x08\0"),
		TUNNEL(17, false, UDP("\x19\xeb") "\0\0\x11\x40"),
		TUNNEL(17, false, UDP("\x90\x90") "\1\0\0\1" "\0" "\x0a\1r" "\1" "DDDDDDSSSSSS\x08\0"),
		TUNNEL(17, true, "\x17\xc1\x99\x99\0\x50\0\0\1\0\x65\x58vvv\0oooo"
	               "DDDDDDSSSSSS\x86\xdd"),
		TUNNEL(17, true, "\x99\x99\x17\xc1\0\x50\0\0\1\0\x65\x58vvv\0ooooDDDDDDSSSSSS\x86\xdd"),
	};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
		for (int outer_ipv6 = 0; outer_ipv6 < 2; outer_ipv6++) {
			struct bytes between = {(const uint8_t *)tunnels[i].between, tunnels[i].len};

			buf_clear(&out);
			put_tunnel(&out, outer_ipv6, tunnels[i].protocol, between, tunnels[i].ipv6);
			check_hello(&out, LINKTYPE_RAW, tunnels[i].ipv6);
		}
	}
	buf_fini(&out);
}

static void tunnels_in_tunnels_without_end_are_not_followed(void **state)
{
	struct segment segment;
	struct buf out = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_add(&out, "\x45\0\0\0\0\0\0\0\x40\4\0\0\x0a\0\0\1\x0a\0\0\2", 20);
	assert_int_equal(decode_copy(frame_packet(&out, LINKTYPE_RAW, 0), &segment, NULL),
	                 SEGMENT_OTHER);
	buf_fini(&out);
}

static void link_types_of_one_ip_version_are_read(void **state)
{
	struct buf out = {0};

	(void)state;
	frame_put_ipv4(&out, &hello);
	check_hello(&out, LINKTYPE_IPV4, false);
	buf_clear(&out);
	frame_put_ipv6(&out, &hello);
	check_hello(&out, LINKTYPE_IPV6, true);
	buf_fini(&out);
}

static void padding_of_a_short_ethernet_frame_is_no_payload(void **state)
{
	struct frame bare = {.flags = TCP_ACK};
	struct segment segment;
	struct buf out = {0};

	(void)state;
	put_header(&out, 0, false);
	frame_put_ipv4(&out, &bare);
	buf_add(&out, "PADDIN", 6);
	assert_int_equal(decode_copy(frame_packet(&out, LINKTYPE_ETHERNET, 0), &segment, NULL),
	                 SEGMENT_OK);
	assert_int_equal(segment.length, 0);
	assert_int_equal(segment.data.len, 0);
	buf_fini(&out);
}

static void ipv4_options_are_passed_over(void **state)
{
	struct buf plain = {0}, out = {0};

	(void)state;
	frame_put_ipv4(&plain, &hello);
	buf_add(&out, plain.data, 20);
	buf_add(&out, "\x94\4\0\0", 4); /* router alert */
	buf_add(&out, plain.data + 20, plain.len - 20);
	out.data[0] = 0x46;
	out.data[3] += 4;
	check_hello(&out, LINKTYPE_RAW, false);
	buf_fini(&plain);
	buf_fini(&out);
}

static void ipv6_extension_headers_are_passed_over(void **state)
{
	/* hop by hop, routing, destination, authentication, an atomic fragment */
	static const char headers[] = "\x2b\0\1\4\0\0\0\0" "\x3c\0\0\0\0\0\0\0" "\x33\0\1\4\0\0\0\0"
				      "\x2c\4\0\0\0\0\0\0" "\0\0\0\0AAAABBBBCCCC" "\6\0\0\0\0\0\0\1";
	struct buf plain = {0}, out = {0};

	(void)state;
	frame_put_ipv6(&plain, &hello);
	buf_add(&out, plain.data, 40);
	buf_add(&out, headers, sizeof(headers) - 1);
	buf_add(&out, plain.data + 40, plain.len - 40);
	out.data[5] += sizeof(headers) - 1;
	out.data[6] = 0;
	check_hello(&out, LINKTYPE_RAW, true);
	buf_fini(&plain);
	buf_fini(&out);
}

static void zero_length_of_segmentation_offload_ends_with_the_frame(void **state)
{
	struct buf out = {0};

	(void)state;
	frame_put_ipv4(&out, &hello);
	out.data[2] = out.data[3] = 0;
	check_hello(&out, LINKTYPE_RAW, false);
	buf_clear(&out);
	frame_put_ipv6(&out, &hello);
	out.data[4] = out.data[5] = 0;
	check_hello(&out, LINKTYPE_RAW, true);
	buf_fini(&out);
}

static void payload_beyond_the_snapshot_length_is_counted(void **state)
{
	struct segment segment;
	struct buf out = {0};
	struct packet packet = frame_raw(&out, &hello);

	(void)state;
	packet.data.len -= 3;
	assert_int_equal(segment_decode(&packet, &segment), SEGMENT_OK);
	assert_int_equal(segment.data.len, 2);
	assert_int_equal(segment.length, 5);
	buf_fini(&out);
}

/* What a packet becomes when some bytes of raw IPv4 are changed. */
static enum segment_result changed(size_t offset, uint8_t value)
{
	struct segment segment;
	struct buf out = {0};
	enum segment_result result;

	frame_put_ipv4(&out, &hello);
	out.data[offset] = value;
	result = decode_copy(frame_packet(&out, LINKTYPE_RAW, 0), &segment, NULL);
	buf_fini(&out);
	return result;
}

static void what_is_not_a_whole_tcp_packet_is_told_apart(void **state)
{
	struct packet zigbee = {.linktype = 195, .data = {(const uint8_t *)"x", 1}};
	struct segment segment;

	(void)state;
	assert_int_equal(changed(9, 17), SEGMENT_OTHER);       /* UDP */
	assert_int_equal(changed(0, 0x55), SEGMENT_OTHER);     /* IP version 5 */
	assert_int_equal(changed(6, 0x20), SEGMENT_FRAGMENT);  /* more fragments */
	assert_int_equal(changed(7, 1), SEGMENT_FRAGMENT);     /* an offset */
	assert_int_equal(changed(6, 0x40), SEGMENT_OK);        /* do not fragment */
	assert_int_equal(changed(0, 0x44), SEGMENT_MALFORMED); /* a header of four words */
	assert_int_equal(changed(3, 19), SEGMENT_MALFORMED);   /* shorter than its header */
	assert_int_equal(changed(32, 0x40), SEGMENT_MALFORMED); /* a TCP header of four words */
	assert_int_equal(changed(32, 0xf0), SEGMENT_MALFORMED); /* one longer than the packet */
	assert_int_equal(changed(10, 0xff), SEGMENT_OK);       /* a wrong checksum */
	assert_int_equal(segment_decode(&zigbee, &segment), SEGMENT_LINK);
}

static void no_packet_is_longer_than_its_frame(void **state)
{
	struct buf out = {0};
	struct segment segment;

	(void)state;
	frame_put_ipv4(&out, &hello);
	out.data[2] = 0x10; /* 4096 bytes more, it says */
	assert_int_equal(segment_decode(&(struct packet){.linktype = LINKTYPE_RAW,
	                                                 .data = buf_view(&out),
	                                                 .original_len = (uint32_t)out.len},
	                                &segment),
	                 SEGMENT_OK);
	assert_int_equal(segment.length, 5);
	buf_fini(&out);
}

static void endless_tags_and_extension_headers_are_not_followed(void **state)
{
	struct segment segment;
	struct buf out = {0};

	(void)state;
	buf_add(&out, "DDDDDDSSSSSS", 12);
	for (int i = 0; i < 1000; i++)
		buf_add(&out, "\x81\0\0\1", 4);
	assert_int_equal(decode_copy(frame_packet(&out, LINKTYPE_ETHERNET, 0), &segment, NULL),
	                 SEGMENT_OTHER);
	buf_clear(&out);
	frame_put_ipv6(&out, &hello);
	out.data[4] = 0xff;
	out.data[6] = 0;
	out.len = 40;
	for (int i = 0; i < 1000; i++)
		buf_add(&out, "\0\0\1\4\0\0\0\0", 8);
	assert_int_equal(decode_copy(frame_packet(&out, LINKTYPE_RAW, 0), &segment, NULL),
	                 SEGMENT_MALFORMED);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_link_layer_is_read_with_both_ip_versions),
		cmocka_unit_test(link_layers_of_every_kind_are_read),
		cmocka_unit_test(frames_of_other_content_are_no_tcp),
		cmocka_unit_test(what_is_inside_a_tunnel_is_read),
		cmocka_unit_test(tunnels_in_tunnels_without_end_are_not_followed),
		cmocka_unit_test(link_types_of_one_ip_version_are_read),
		cmocka_unit_test(padding_of_a_short_ethernet_frame_is_no_payload),
		cmocka_unit_test(ipv4_options_are_passed_over),
		cmocka_unit_test(ipv6_extension_headers_are_passed_over),
		cmocka_unit_test(zero_length_of_segmentation_offload_ends_with_the_frame),
		cmocka_unit_test(payload_beyond_the_snapshot_length_is_counted),
		cmocka_unit_test(what_is_not_a_whole_tcp_packet_is_told_apart),
		cmocka_unit_test(no_packet_is_longer_than_its_frame),
		cmocka_unit_test(endless_tags_and_extension_headers_are_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
