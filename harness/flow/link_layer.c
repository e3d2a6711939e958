#include "flow/link_layer.h"

/* An inner header says what comes next by an EtherType; these two are not EtherTypes. */
enum { NEXT_NOTHING = 0, NEXT_IP = 1 /* version 4 or 6, as the header itself says */ };

#define LLC_SNAP 0xaaaa03u   /* RFC 1042: DSAP, SSAP, control; then an OUI and an EtherType */
#define ETHERTYPE_MIN 0x0600 /* below it, the field is the frame's length (IEEE 802.3) */
#define MPLS_BOTTOM 0x100u   /* of the stack of labels */

/* RFC 1042: LLC and SNAP, then an EtherType. */
static uint16_t after_llc(struct reader *frame)
{
	if (reader_u24(frame, "llc") != LLC_SNAP)
		return NEXT_NOTHING;
	reader_u24(frame, "snap_oui");
	return reader_u16(frame, "snap_protocol");
}

static uint16_t after_ethernet(struct reader *frame)
{
	uint16_t ethertype;

	reader_bytes(frame, 12, "ethernet_addresses");
	ethertype = reader_u16(frame, "ethertype");
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

/* A direction before the PPP header. */
static uint16_t after_ppp_direction(struct reader *frame)
{
	reader_u8(frame, "ppp_direction");
	return after_ppp(frame);
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

/* Each passes over one header and tells what comes next. */
struct header {
	uint16_t type;
	uint16_t (*skip)(struct reader *frame);
};

static const struct header links[] = {
	{LINKTYPE_NULL, after_family},
	{LINKTYPE_ETHERNET, after_ethernet},
	{LINKTYPE_PPP, after_ppp},
	{LINKTYPE_RAW_BSD, after_nothing},
	{LINKTYPE_RAW_OPENBSD, after_nothing},
	{LINKTYPE_PPP_HDLC, after_hdlc},
	{LINKTYPE_PPP_ETHER, after_pppoe},
	{LINKTYPE_RAW, after_nothing},
	{LINKTYPE_C_HDLC, after_hdlc},
	{LINKTYPE_IEEE802_11, after_wifi},
	{LINKTYPE_LOOP, after_family},
	{LINKTYPE_LINUX_SLL, after_sll},
	{LINKTYPE_IEEE802_11_RADIOTAP, after_radiotap},
	{LINKTYPE_PPP_WITH_DIR, after_ppp_direction},
	{LINKTYPE_IPV4, after_nothing},
	{LINKTYPE_IPV6, after_nothing},
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
};

static const struct header *find(const struct header *headers, size_t n, uint16_t type)
{
	for (size_t i = 0; i < n; i++)
		if (headers[i].type == type)
			return &headers[i];
	return NULL;
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
