#include "flow/tunnel.h"

#include "flow/link_layer.h"

#define UDP_HEADER_LEN 8
#define TZSP_TAG_PADDING 0
#define TZSP_TAG_END 1
#define GTP_EXTENSIONS_MAX 16 /* extension headers of one GTP packet; more are not followed */

/*
 * ERSPAN: the mirrored frame begins after 8 bytes, in type I at once, in type III after 12, and
 * another 8 if the last bit says so (draft-foschiano-erspan-03).
 */
static bool skip_erspan(struct reader *gre, bool has_header)
{
	if (has_header)
		reader_u64(gre, "erspan_header");
	return link_skip(gre, LINKTYPE_ETHERNET);
}

static bool skip_erspan_3(struct reader *gre)
{
	reader_u64(gre, "erspan_header");
	if ((reader_u32(gre, "erspan_header") & 1) != 0)
		reader_u64(gre, "erspan_platform");
	return link_skip(gre, LINKTYPE_ETHERNET);
}

/*
 * RFC 2784 section 2, RFC 2890: flags and version, EtherType; a checksum, a key and a sequence
 * number where the flags say so. Version 1 (RFC 2637) carries PPP, with an acknowledgment.
 */
bool tunnel_skip_gre(struct reader *gre)
{
	uint16_t flags = reader_u16(gre, "gre_flags");
	uint16_t ethertype = reader_u16(gre, "gre_protocol");
	bool version_1 = (flags & 7) == 1, has_sequence = (flags & 0x1000) != 0;
	size_t n_words = (size_t)((flags & 0x8000) != 0) + ((flags & 0x2000) != 0) + has_sequence +
	                 (version_1 && (flags & 0x0080) != 0);

	if ((flags & 0x4000) != 0) /* routing */
		return false;
	reader_bytes(gre, n_words * 4, "gre_fields");
	if (ethertype == ETHERTYPE_ERSPAN)
		return skip_erspan(gre, has_sequence);
	return ethertype == ETHERTYPE_ERSPAN_3 ? skip_erspan_3(gre)
	                                       : link_skip_ethertype(gre, ethertype);
}

/* RFC 3378 section 3: a version, and zero. */
bool tunnel_skip_etherip(struct reader *etherip)
{
	return reader_u16(etherip, "etherip_version") == 0x3000 &&
	       link_skip(etherip, LINKTYPE_ETHERNET);
}

/* IP of whichever version. */
static bool skip_to_ip(struct reader *udp)
{
	return link_skip(udp, LINKTYPE_RAW);
}

/* RFC 7348 section 5: flags (8: the identifier is there), reserved, VNI, reserved; Ethernet. */
static bool skip_vxlan(struct reader *udp)
{
	uint8_t flags = reader_u8(udp, "vxlan_flags");

	reader_bytes(udp, 7, "vxlan_vni");
	return (flags & 8) != 0 && link_skip(udp, LINKTYPE_ETHERNET);
}

/* draft-ietf-nvo3-vxlan-gpe-13 section 3: the same, with what comes next in the fourth byte. */
static bool skip_vxlan_gpe(struct reader *udp)
{
	uint8_t next;

	reader_u24(udp, "vxlan_flags");
	next = reader_u8(udp, "vxlan_next_protocol");
	reader_u32(udp, "vxlan_vni");
	if (next == 3)
		return link_skip(udp, LINKTYPE_ETHERNET);
	return (next == 1 || next == 2) && skip_to_ip(udp);
}

/* RFC 8926 section 3.4: version 2 bits, length of the options in words, flags, EtherType, VNI. */
static bool skip_geneve(struct reader *udp)
{
	uint8_t version_length = reader_u8(udp, "geneve_option_length");
	uint16_t ethertype;

	reader_u8(udp, "geneve_flags");
	ethertype = reader_u16(udp, "geneve_protocol");
	reader_u32(udp, "geneve_vni");
	reader_bytes(udp, (size_t)(version_length & 0x3f) * 4, "geneve_options");
	return version_length >> 6 == 0 && link_skip_ethertype(udp, ethertype);
}

/* TS 29.281 section 5.2: each has its length in words, and what comes next in its last byte. */
static bool skip_gtp_extensions(struct reader *udp, uint8_t next)
{
	for (int n = 0; next != 0 && n < GTP_EXTENSIONS_MAX; n++) {
		size_t n_words = reader_u8(udp, "gtp_extension_length");

		if (n_words == 0)
			return false;
		reader_bytes(udp, n_words * 4 - 2, "gtp_extension");
		next = reader_u8(udp, "gtp_next_extension");
	}
	return next == 0;
}

/*
 * TS 29.281 section 5.1: version 3 bits, protocol type, spare, flags E, S and PN; message type (255
 * is a packet of the user's); length, TEID; with a flag: sequence number, N-PDU number, extension.
 */
static bool skip_gtp(struct reader *udp)
{
	uint8_t flags = reader_u8(udp, "gtp_flags");
	uint8_t type = reader_u8(udp, "gtp_message_type");
	uint8_t next = 0;

	if (flags >> 4 != 3 || type != 255)
		return false;
	reader_bytes(udp, 6, "gtp_length_teid");
	if ((flags & 7) != 0) {
		reader_u24(udp, "gtp_sequence_number");
		next = reader_u8(udp, "gtp_next_extension");
	}
	return ((flags & 4) == 0 || skip_gtp_extensions(udp, next)) && skip_to_ip(udp);
}

/* RFC 4380 section 5.1.1: the authentication and the origin may stand before IPv6. */
static bool skip_teredo(struct reader *udp)
{
	struct reader peek = *udp;
	uint16_t kind = reader_u16(&peek, "teredo_indicator");

	if (kind == 1) {
		size_t n_id, n_value;

		reader_u16(udp, "teredo_indicator");
		n_id = reader_u8(udp, "teredo_id_length");
		n_value = reader_u8(udp, "teredo_authentication_length");
		reader_bytes(udp, n_id + n_value + 9, "teredo_authentication");
		peek = *udp;
		kind = reader_u16(&peek, "teredo_indicator");
	}
	if (kind == 0)
		reader_u64(udp, "teredo_origin");
	return skip_to_ip(udp);
}

/*
 * RFC 2661 section 3.1: flags T (control), L (length), S (sequence numbers), O (offset), version;
 * tunnel and session; PPP.
 */
static bool skip_l2tp(struct reader *udp)
{
	uint16_t flags = reader_u16(udp, "l2tp_flags");

	if ((flags & 0x800f) != 2)
		return false;
	if ((flags & 0x4000) != 0)
		reader_u16(udp, "l2tp_length");
	reader_u32(udp, "l2tp_tunnel_session");
	if ((flags & 0x0800) != 0)
		reader_u32(udp, "l2tp_sequence_numbers");
	if ((flags & 0x0200) != 0)
		reader_bytes(udp, reader_u16(udp, "l2tp_offset"), "l2tp_padding");
	return link_skip(udp, LINKTYPE_PPP);
}

/*
 * RFC 5415 section 4.3, a data packet: preamble (0), header length 5 bits in words, RID 5 bits,
 * WBID 5 bits, flag T (a native frame: IEEE 802.11), F (a fragment), others.
 */
static bool skip_capwap(struct reader *udp)
{
	struct reader peek = *udp;
	uint8_t preamble = reader_u8(&peek, "capwap_preamble");
	uint32_t bits = reader_u24(&peek, "capwap_flags");
	size_t n_words = bits >> 19;

	if (preamble != 0 || n_words < 2 || (bits & 0x80) != 0)
		return false;
	reader_bytes(udp, n_words * 4, "capwap_header");
	return link_skip(udp, (bits & 0x100) != 0 ? LINKTYPE_IEEE802_11 : LINKTYPE_ETHERNET);
}

/* RFC 9300 section 5.3: flags, nonce, identifiers. */
static bool skip_lisp(struct reader *udp)
{
	reader_u64(udp, "lisp_header");
	return skip_to_ip(udp);
}

static bool skip_mpls(struct reader *udp)
{
	return link_skip_ethertype(udp, ETHERTYPE_MPLS);
}

/* TaZmen Sniffer Protocol: version 1, type (0: a received frame), what is inside, tags. */
static bool skip_tzsp(struct reader *udp)
{
	bool is_packet = reader_u16(udp, "tzsp_version_type") == 0x0100;
	uint16_t inside = reader_u16(udp, "tzsp_protocol");
	uint8_t tag = TZSP_TAG_PADDING;

	while (is_packet && reader_left(udp) > 0 &&
	       (tag = reader_u8(udp, "tzsp_tag")) != TZSP_TAG_END)
		if (tag != TZSP_TAG_PADDING)
			reader_bytes(udp, reader_u8(udp, "tzsp_length"), "tzsp_value");
	if (tag != TZSP_TAG_END)
		return false;
	if (inside == 1)
		return link_skip(udp, LINKTYPE_ETHERNET);
	return inside == 18 && link_skip(udp, LINKTYPE_IEEE802_11);
}

static const struct tunnel {
	uint16_t port;
	bool (*skip)(struct reader *udp);
} tunnels[] = {
	{1701, skip_l2tp},
	{2152, skip_gtp},
	{3544, skip_teredo},
	{4341, skip_lisp},
	{4754, tunnel_skip_gre},
	{4789, skip_vxlan},
	{4790, skip_vxlan_gpe},
	{5247, skip_capwap},
	{6081, skip_geneve},
	{6635, skip_mpls},
	{8472, skip_vxlan}, /* Linux's default */
	{37008, skip_tzsp},
};

static const struct tunnel *find(uint16_t port)
{
	for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++)
		if (tunnels[i].port == port)
			return &tunnels[i];
	return NULL;
}

/* Some tunnels answer from their port to another. */
bool tunnel_skip_udp(struct reader *udp)
{
	const struct tunnel *tunnel;
	uint16_t source, destination;

	if (reader_left(udp) < UDP_HEADER_LEN)
		return false;
	source = reader_u16(udp, "source_port");
	destination = reader_u16(udp, "destination_port");
	reader_u32(udp, "length_checksum");
	tunnel = find(destination);
	if (tunnel == NULL)
		tunnel = find(source);
	return tunnel != NULL && tunnel->skip(udp);
}
