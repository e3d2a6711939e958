#include "flow/link_layer.h"

/* An inner header says what comes next by an EtherType; these two are not EtherTypes. */
enum { NEXT_NOTHING = 0, NEXT_IP = 1 /* version 4 or 6, as the header itself says */ };

enum { ERF_ETHERNET = 2, ERF_COLOR_ETHERNET = 11, ERF_IPV4 = 22, ERF_IPV6 = 23 };

#define LLC_IP 0x060603u     /* RFC 948 */
#define LLC_SNAP 0xaaaa03u   /* RFC 1042: DSAP, SSAP, control; then an OUI and an EtherType */
#define ETHERTYPE_MIN 0x0600 /* below it, the field is the frame's length (IEEE 802.3) */
#define NFLOG_PAYLOAD 9      /* the field of NFLOG that holds the packet */
#define MPLS_BOTTOM 0x100u   /* of the stack of labels */

/* RFC 1042: LLC and SNAP, then an EtherType. */
static uint16_t after_llc(struct reader *frame)
{
	uint32_t llc = reader_u24(frame, "llc");

	if (llc != LLC_SNAP)
		return llc == LLC_IP ? NEXT_IP : NEXT_NOTHING;
	reader_u24(frame, "snap_oui");
	return reader_u16(frame, "snap_protocol");
}

static uint16_t after_ethernet(struct reader *frame)
{
	struct bytes header = reader_bytes(frame, 14, "ethernet_header");
	uint16_t ethertype = bytes_u16(header, 12);

	return ethertype < ETHERTYPE_MIN ? after_llc(frame) : ethertype;
}

static uint16_t after_vlan_tag(struct reader *frame)
{
	uint16_t ethertype;

	reader_u16(frame, "vlan_tag");
	ethertype = reader_u16(frame, "ethertype");
	return ethertype < ETHERTYPE_MIN ? after_llc(frame) : ethertype;
}

/*
 * RFC 1661 section 2: Protocol of one or two bytes, of which the last is odd. RFC 1662 section 3.1:
 * Address 0xff and Control 0x03 before it, unless compressed away.
 */
static uint16_t after_ppp(struct reader *frame)
{
	static const struct {
		uint16_t protocol, ethertype;
	} protocols[] = {
		{0x0021, ETHERTYPE_IPV4},
		{0x0057, ETHERTYPE_IPV6},
		{0x0281, ETHERTYPE_MPLS},
		{0x0283, ETHERTYPE_MPLS_MULTICAST},
	};
	uint16_t protocol = reader_u8(frame, "ppp_protocol");

	if (protocol == 0xff) {
		reader_u8(frame, "ppp_control");
		protocol = reader_u8(frame, "ppp_protocol");
	}
	if ((protocol & 1) == 0)
		protocol = (uint16_t)(protocol << 8 | reader_u8(frame, "ppp_protocol"));
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (protocols[i].protocol == protocol)
			return protocols[i].ethertype;
	return NEXT_NOTHING;
}

/* RFC 2516 section 4: VER and TYPE, CODE (0 in a session), SESSION_ID, LENGTH. */
static uint16_t after_pppoe(struct reader *frame)
{
	reader_u8(frame, "pppoe_version_type");
	if (reader_u8(frame, "pppoe_code") != 0)
		return NEXT_NOTHING;
	reader_u32(frame, "pppoe_session_length");
	return after_ppp(frame);
}

/* Cisco HDLC: address, control, EtherType; PPP in HDLC-like framing begins with 0xff. */
static uint16_t after_hdlc(struct reader *frame)
{
	struct reader peek = *frame;

	if (reader_u8(&peek, "hdlc_address") == 0xff)
		return after_ppp(frame);
	reader_u16(frame, "hdlc_address_control");
	return reader_u16(frame, "hdlc_protocol");
}

/* A serial line: Cisco HDLC begins with 0x0f or, in a broadcast, 0x8f; anything else is PPP. */
static uint16_t after_serial(struct reader *frame)
{
	struct reader peek = *frame;
	uint8_t address = reader_u8(&peek, "hdlc_address");

	return address == 0x0f || address == 0x8f ? after_hdlc(frame) : after_ppp(frame);
}

/* A direction before the PPP header, or in place of its Address. */
static uint16_t after_ppp_direction(struct reader *frame)
{
	struct reader peek;

	reader_u8(frame, "ppp_direction");
	peek = *frame;
	if (reader_u8(&peek, "ppp_control") == 3)
		reader_u8(frame, "ppp_control");
	return after_ppp(frame);
}

/*
 * RFC 2427 section 3: an address of which the last byte is odd, control, maybe a pad, and a network
 * layer identifier: of IP, or of SNAP. Cisco's way: an EtherType after the address.
 */
static uint16_t after_frame_relay(struct reader *frame)
{
	struct reader peek;
	uint8_t next;

	while ((reader_u8(frame, "frame_relay_address") & 1) == 0)
		if (!reader_ok(frame))
			return NEXT_NOTHING;
	peek = *frame;
	if (reader_u8(&peek, "frame_relay_control") != 3)
		return reader_u16(frame, "frame_relay_protocol");
	reader_u8(frame, "frame_relay_control");
	next = reader_u8(frame, "frame_relay_nlpid");
	if (next == 0)
		next = reader_u8(frame, "frame_relay_nlpid");
	if (next == 0x80) {
		reader_u24(frame, "snap_oui");
		return reader_u16(frame, "snap_protocol");
	}
	return next == 0xcc || next == 0x8e ? NEXT_IP : NEXT_NOTHING;
}

/* A fixed header of libpcap's before IP: of OpenBSD's enc, of Solaris' ipnet, of SLIP. */
static uint16_t after_enc(struct reader *frame)
{
	reader_bytes(frame, 12, "enc_header");
	return NEXT_IP;
}

static uint16_t after_ipnet(struct reader *frame)
{
	reader_bytes(frame, 24, "ipnet_header");
	return NEXT_IP;
}

static uint16_t after_slip(struct reader *frame)
{
	reader_bytes(frame, 16, "slip_header");
	return NEXT_IP;
}

/* OpenBSD's pf: a header that begins with its length, padded to words. */
static uint16_t after_pflog(struct reader *frame)
{
	size_t length = reader_u8(frame, "pflog_length");

	reader_bytes(frame, length > 0 ? (length + 3) / 4 * 4 - 1 : 0, "pflog_header");
	return NEXT_IP;
}

/* Linux' netfilter: family, version, identifier; fields with their length and type, padded. */
static uint16_t after_nflog(struct reader *frame)
{
	reader_u32(frame, "nflog_header");
	while (reader_left(frame) > 0) {
		size_t length = reader_u8(frame, "nflog_length");
		uint16_t type;

		length |= (size_t)reader_u8(frame, "nflog_length") << 8;
		type = reader_u8(frame, "nflog_type");
		type |= (uint16_t)(reader_u8(frame, "nflog_type") << 8);
		if (type == NFLOG_PAYLOAD)
			return NEXT_IP;
		if (length < 4)
			break;
		reader_bytes(frame, (length + 3) / 4 * 4 - 4, "nflog_value");
	}
	return NEXT_NOTHING;
}

/* IEEE 802.5: two bytes of control, addresses, a route if the source's first bit says so; LLC. */
static uint16_t after_token_ring(struct reader *frame)
{
	struct reader peek;
	bool routed;

	reader_bytes(frame, 8, "token_ring_destination");
	routed = (reader_u8(frame, "token_ring_source") & 0x80) != 0;
	reader_bytes(frame, 5, "token_ring_source");
	peek = *frame;
	if (routed)
		reader_bytes(frame, reader_u8(&peek, "token_ring_route") & 0x1f,
		             "token_ring_route");
	return after_llc(frame);
}

static uint16_t after_fddi(struct reader *frame)
{
	reader_bytes(frame, 13, "fddi_header");
	return after_llc(frame);
}

/* IP over IEEE 1394 as Apple's hosts show it: two addresses of 8 bytes, EtherType. */
static uint16_t after_firewire(struct reader *frame)
{
	reader_bytes(frame, 16, "firewire_addresses");
	return reader_u16(frame, "ethertype");
}

/* Classical IP over ATM (RFC 2225): LLC, or IP at once. */
static uint16_t after_clip(struct reader *frame)
{
	struct reader peek = *frame;

	return reader_u24(&peek, "llc") == LLC_SNAP ? after_llc(frame) : NEXT_IP;
}

/* SunATM: flags of which 4 bits tell the traffic (2: LLC), VPI, VCI. */
static uint16_t after_sunatm(struct reader *frame)
{
	uint8_t flags = reader_u8(frame, "sunatm_flags");

	reader_u24(frame, "sunatm_vpi_vci");
	return (flags & 15) == 2 ? after_llc(frame) : NEXT_NOTHING;
}

/*
 * RFC 3032 section 2.1, labels: Label 20 bits, Exp 3 bits, S 1 bit (the last label), TTL 8 bits.
 * Nothing says what comes next but its first four bits (RFC 4385): 4 and 6 are IP, 0 is the control
 * word of a pseudowire, here of Ethernet.
 */
static uint16_t after_mpls(struct reader *frame)
{
	struct reader peek;
	unsigned version;
	int n = 0;

	while ((reader_u32(frame, "mpls_label") & MPLS_BOTTOM) == 0)
		if (!reader_ok(frame) || ++n == LINK_HEADERS_MAX)
			return NEXT_NOTHING;
	peek = *frame;
	version = reader_u8(&peek, "version") >> 4;
	if (version != 0)
		return version == 4 || version == 6 ? NEXT_IP : NEXT_NOTHING;
	reader_u32(frame, "control_word");
	return ETHERTYPE_BRIDGED;
}

static uint16_t after_sll(struct reader *frame)
{
	reader_bytes(frame, 14, "sll_header");
	return reader_u16(frame, "sll_protocol");
}

static uint16_t after_sll2(struct reader *frame)
{
	uint16_t ethertype = reader_u16(frame, "sll2_protocol");

	reader_bytes(frame, 18, "sll2_header");
	return ethertype;
}

/* The family's value for IPv6 differs between systems: the version in the IP header decides. */
static uint16_t after_family(struct reader *frame)
{
	reader_bytes(frame, 4, "address_family");
	return NEXT_IP;
}

static uint16_t after_nothing(struct reader *frame)
{
	(void)frame;
	return NEXT_IP;
}

/*
 * IEEE 802.11-2020 section 9.3.2.1, data frames
 *   Frame Control, Duration, three addresses, Sequence Control, a fourth address between access
 *   points, QoS Control, HT Control
 */
static uint16_t after_wifi(struct reader *frame)
{
	uint8_t kind = reader_u8(frame, "frame_control"), flags = reader_u8(frame, "frame_control");
	bool qos = (kind & 0x80) != 0, is_data = (kind & 0x4c) == 0x08;
	uint8_t qos_control = 0;
	struct reader peek;

	if (!is_data || (flags & 0x40) != 0) /* no data, or encrypted */
		return NEXT_NOTHING;
	reader_bytes(frame, (flags & 3) == 3 ? 28 : 22, "ieee80211_addresses");
	if (qos) {
		qos_control = reader_u8(frame, "qos_control");
		reader_bytes(frame, (flags & 0x80) != 0 ? 5 : 1, "qos_and_ht_control");
	}
	if ((qos_control & 0x80) != 0) /* several frames in one */
		return NEXT_NOTHING;
	/* Some cards pad the header to a multiple of four bytes. */
	peek = *frame;
	if (qos && reader_u24(&peek, "llc") != LLC_SNAP)
		reader_u16(frame, "padding");
	return after_llc(frame);
}

/* Radiotap: version, a pad, its length (little-endian), fields of the radio. */
static uint16_t after_radiotap(struct reader *frame)
{
	size_t length;

	reader_u16(frame, "radiotap_version");
	length = reader_u8(frame, "radiotap_length");
	length |= (size_t)reader_u8(frame, "radiotap_length") << 8;
	if (length < 4)
		return NEXT_NOTHING;
	reader_bytes(frame, length - 4, "radiotap");
	return after_wifi(frame);
}

/*
 * The older headers of radios: AVS says its length, that of Prism chips is 144 bytes long (some
 * drivers put the first under the name of the second).
 */
static uint16_t after_prism(struct reader *frame)
{
	struct reader peek = *frame;
	bool is_avs = reader_u32(&peek, "avs_version") == 0x80211001;
	size_t length = is_avs ? reader_u32(&peek, "avs_length") : 144;

	reader_bytes(frame, length, "prism_header");
	return after_wifi(frame);
}

/* hilscher's netANALYZER: 4 bytes before an Ethernet frame, or before its preamble. */
static uint16_t after_netanalyzer(struct reader *frame)
{
	reader_u32(frame, "netanalyzer_header");
	return after_ethernet(frame);
}

static uint16_t after_preamble(struct reader *frame)
{
	reader_u64(frame, "preamble");
	return after_ethernet(frame);
}

static uint16_t after_netanalyzer_preamble(struct reader *frame)
{
	reader_u32(frame, "netanalyzer_header");
	return after_preamble(frame);
}

/*
 * Endace's records: time, type (its first bit: more headers of 8 bytes, which say so likewise),
 * flags, lengths; Ethernet after a pad of two bytes.
 */
static uint16_t after_erf(struct reader *frame)
{
	uint8_t type, more;

	reader_u64(frame, "erf_time");
	more = type = reader_u8(frame, "erf_type");
	reader_bytes(frame, 7, "erf_lengths");
	while ((more & 0x80) != 0 && reader_ok(frame)) {
		more = reader_u8(frame, "erf_extension");
		reader_bytes(frame, 7, "erf_extension");
	}
	type &= 0x7f;
	if (type == ERF_IPV4 || type == ERF_IPV6)
		return NEXT_IP;
	if (type != ERF_ETHERNET && type != ERF_COLOR_ETHERNET)
		return NEXT_NOTHING;
	reader_u16(frame, "erf_pad");
	return after_ethernet(frame);
}

static uint16_t after_inner(struct reader *frame, uint32_t linktype);

static uint32_t u32_little(struct reader *frame, const char *field)
{
	uint32_t value = reader_u8(frame, field);

	value |= (uint32_t)reader_u8(frame, field) << 8;
	value |= (uint32_t)reader_u8(frame, field) << 16;
	return value | (uint32_t)reader_u8(frame, field) << 24;
}

/* Per-packet information: version, flags, its length, the link type of what follows it. */
static uint16_t after_ppi(struct reader *frame)
{
	uint32_t length = u32_little(frame, "ppi_length") >> 16;
	uint32_t linktype = u32_little(frame, "ppi_dlt");

	reader_bytes(frame, length > 8 ? length - 8 : 0, "ppi_fields");
	return after_inner(frame, linktype);
}

/* Apple's: its length, a type (1: a packet), the link type of what follows it. */
static uint16_t after_pktap(struct reader *frame)
{
	uint32_t length = u32_little(frame, "pktap_length");
	uint32_t type = u32_little(frame, "pktap_type");
	uint32_t linktype = u32_little(frame, "pktap_dlt");

	reader_bytes(frame, length > 12 ? length - 12 : 0, "pktap_fields");
	return type == 1 ? after_inner(frame, linktype) : NEXT_NOTHING;
}

/* IEEE 802.1BR's tag in Ethernet, as VN-Tag. */
static uint16_t after_vntag(struct reader *frame)
{
	reader_u32(frame, "vntag");
	return reader_u16(frame, "ethertype");
}

/* IEEE 802.1ah: a service tag, then a whole frame. */
static uint16_t after_service_tag(struct reader *frame)
{
	reader_u32(frame, "service_tag");
	return ETHERTYPE_BRIDGED;
}

/* RFC 6325 section 3: version, options' length 5 bits in words, hops; two nicknames; a frame. */
static uint16_t after_trill(struct reader *frame)
{
	size_t n_words = reader_u16(frame, "trill_options_length") >> 6 & 0x1f;

	reader_bytes(frame, 4 + n_words * 4, "trill_nicknames");
	return ETHERTYPE_BRIDGED;
}

/* RFC 8300 section 2.2: flags, length 6 bits in words, type, what comes next; paths. */
static uint16_t after_nsh(struct reader *frame)
{
	static const uint16_t next[] = {NEXT_NOTHING,      NEXT_IP,      NEXT_IP,
	                                ETHERTYPE_BRIDGED, NEXT_NOTHING, ETHERTYPE_MPLS};
	size_t n_words = reader_u16(frame, "nsh_length") & 0x3f;
	uint8_t protocol;

	reader_u8(frame, "nsh_type");
	protocol = reader_u8(frame, "nsh_next_protocol");
	reader_bytes(frame, n_words > 0 ? (n_words - 1) * 4 : 0, "nsh_paths");
	return protocol < sizeof(next) / sizeof(next[0]) ? next[protocol] : NEXT_NOTHING;
}

/* Each passes over one header and tells what comes next. */
struct header {
	uint16_t type;
	uint16_t (*skip)(struct reader *frame);
};

static const struct header links[] = {
	{LINKTYPE_NULL, after_family},
	{LINKTYPE_ETHERNET, after_ethernet},
	{LINKTYPE_TOKEN_RING, after_token_ring},
	{LINKTYPE_SLIP, after_slip},
	{LINKTYPE_PPP, after_serial},
	{LINKTYPE_FDDI, after_fddi},
	{LINKTYPE_RAW_BSD, after_nothing},
	{LINKTYPE_RAW_OPENBSD, after_nothing},
	{LINKTYPE_PPP_HDLC, after_serial},
	{LINKTYPE_PPP_ETHER, after_pppoe},
	{LINKTYPE_ATM_LLC, after_llc},
	{LINKTYPE_RAW, after_nothing},
	{LINKTYPE_C_HDLC, after_hdlc},
	{LINKTYPE_IEEE802_11, after_wifi},
	{LINKTYPE_ATM_CLIP, after_clip},
	{LINKTYPE_FRAME_RELAY, after_frame_relay},
	{LINKTYPE_LOOP, after_family},
	{LINKTYPE_ENC, after_enc},
	{LINKTYPE_LINUX_SLL, after_sll},
	{LINKTYPE_PFLOG, after_pflog},
	{LINKTYPE_IEEE802_11_PRISM, after_prism},
	{LINKTYPE_SUNATM, after_sunatm},
	{LINKTYPE_IEEE802_11_RADIOTAP, after_radiotap},
	{LINKTYPE_FIREWIRE, after_firewire},
	{LINKTYPE_IEEE802_11_AVS, after_prism},
	{LINKTYPE_PPP_PPPD, after_ppp_direction},
	{LINKTYPE_PPI, after_ppi},
	{LINKTYPE_ERF, after_erf},
	{LINKTYPE_PPP_WITH_DIR, after_ppp_direction},
	{LINKTYPE_MPLS, after_mpls},
	{LINKTYPE_IPNET, after_ipnet},
	{LINKTYPE_IPV4, after_nothing},
	{LINKTYPE_IPV6, after_nothing},
	{LINKTYPE_NFLOG, after_nflog},
	{LINKTYPE_NETANALYZER, after_netanalyzer},
	{LINKTYPE_NETANALYZER_PREAMBLE, after_netanalyzer_preamble},
	{LINKTYPE_PKTAP, after_pktap},
	{LINKTYPE_ETHERNET_MPACKET, after_preamble},
	{LINKTYPE_LINUX_SLL2, after_sll2},
};

static const struct header ethertypes[] = {
	{ETHERTYPE_BRIDGED, after_ethernet},
	{ETHERTYPE_VLAN, after_vlan_tag},
	{ETHERTYPE_PPP, after_ppp},
	{ETHERTYPE_MPLS, after_mpls},
	{ETHERTYPE_MPLS_MULTICAST, after_mpls},
	{ETHERTYPE_PPPOE, after_pppoe},
	{ETHERTYPE_QINQ, after_vlan_tag},
	{ETHERTYPE_QINQ_OLD, after_vlan_tag},
	{ETHERTYPE_TRILL, after_trill},
	{ETHERTYPE_SERVICE_TAG, after_service_tag},
	{ETHERTYPE_VNTAG, after_vntag},
	{ETHERTYPE_NSH, after_nsh},
};

static const struct header *find(const struct header *headers, size_t n, uint16_t type)
{
	for (size_t i = 0; i < n; i++)
		if (headers[i].type == type)
			return &headers[i];
	return NULL;
}

/* What a header names that stands before any other; those that do so do not nest. */
static uint16_t after_inner(struct reader *frame, uint32_t linktype)
{
	const struct header *link = NULL;

	if (linktype != LINKTYPE_PPI && linktype != LINKTYPE_PKTAP && linktype <= UINT16_MAX)
		link = find(links, sizeof(links) / sizeof(links[0]), (uint16_t)linktype);
	return link != NULL ? link->skip(frame) : NEXT_NOTHING;
}

bool link_is_read(uint16_t linktype)
{
	return find(links, sizeof(links) / sizeof(links[0]), linktype) != NULL;
}

bool link_skip_ethertype(struct reader *frame, uint16_t ethertype)
{
	for (int n = 0; n < LINK_HEADERS_MAX && reader_ok(frame); n++) {
		const struct header *header;

		if (ethertype == ETHERTYPE_IPV4 || ethertype == ETHERTYPE_IPV6 ||
		    ethertype == NEXT_IP)
			return true;
		header = find(ethertypes, sizeof(ethertypes) / sizeof(ethertypes[0]), ethertype);
		if (header == NULL)
			return false;
		ethertype = header->skip(frame);
	}
	return false;
}

bool link_skip(struct reader *frame, uint16_t linktype)
{
	const struct header *link = find(links, sizeof(links) / sizeof(links[0]), linktype);

	return link != NULL && link_skip_ethertype(frame, link->skip(frame));
}
