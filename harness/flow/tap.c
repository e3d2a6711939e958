#include "flow/tap.h"

#include "base/assert.h"
#include "flow/evidence.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENT_DATA_MAX 16384 /* bytes of payload put into one packet */

struct tap {
	struct endpoint end[2];
	uint32_t next[2]; /* sequence numbers */
	struct packet_list packets;
	size_t n_bytes; /* that the packets take */
};

static struct endpoint endpoint_of(const struct sockaddr_storage *address)
{
	struct endpoint endpoint = {.ipv6 = address->ss_family == AF_INET6};

	if (endpoint.ipv6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;

		memcpy(endpoint.address, &in6->sin6_addr, 16);
		endpoint.port = ntohs(in6->sin6_port);
	} else {
		const struct sockaddr_in *in = (const struct sockaddr_in *)address;

		memcpy(endpoint.address, &in->sin_addr, 4);
		endpoint.port = ntohs(in->sin_port);
	}
	return endpoint;
}

/* The sum that checksums of IP and TCP are made of (RFC 1071). */
static uint32_t add_words(uint32_t sum, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
	return sum;
}

static void set_checksum(struct buf *out, size_t offset, uint32_t sum)
{
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	out->data[offset] = (uint8_t)(~sum >> 8);
	out->data[offset + 1] = (uint8_t)~sum;
}

/* RFC 791 section 3.1 */
static void put_ipv4(struct buf *out, const struct endpoint *from, const struct endpoint *to,
                     size_t payload_len)
{
	buf_u16(out, 0x4500); /* version 4, five words of header */
	buf_u16(out, (uint16_t)(20 + payload_len));
	buf_u32(out, 0x4000); /* do not fragment */
	buf_u16(out, 0x4006); /* time to live 64, TCP */
	buf_u16(out, 0);
	buf_add(out, from->address, 4);
	buf_add(out, to->address, 4);
	set_checksum(out, 10, add_words(0, out->data, 20));
}

/* RFC 8200 section 3 */
static void put_ipv6(struct buf *out, const struct endpoint *from, const struct endpoint *to,
                     size_t payload_len)
{
	buf_u32(out, 0x60000000);
	buf_u16(out, (uint16_t)payload_len);
	buf_u16(out, 0x0640); /* TCP, hop limit 64 */
	buf_add(out, from->address, 16);
	buf_add(out, to->address, 16);
}

/* RFC 9293 section 3.1 */
static void put_tcp(struct buf *out, const struct tap *tap, enum side from, uint8_t flags,
                    struct bytes data)
{
	const struct endpoint *source = &tap->end[from], *destination = &tap->end[side_other(from)];
	size_t begin = out->len, address_len = source->ipv6 ? 16 : 4;
	uint32_t sum = 6; /* of the pseudo header: addresses, protocol, length */

	buf_u16(out, source->port);
	buf_u16(out, destination->port);
	buf_u32(out, tap->next[from]);
	buf_u32(out, (flags & TCP_ACK) != 0 ? tap->next[side_other(from)] : 0);
	buf_u8(out, 0x50); /* five words of header */
	buf_u8(out, flags);
	buf_u16(out, 0xffff); /* the window */
	buf_u32(out, 0);
	buf_bytes(out, data);
	sum = add_words(sum, source->address, address_len);
	sum = add_words(sum, destination->address, address_len);
	sum = add_words(sum + (uint32_t)(out->len - begin), out->data + begin, out->len - begin);
	set_checksum(out, begin + 16, sum);
}

static void add_packet(struct tap *tap, enum side from, uint8_t flags, struct bytes data,
                       uint64_t t_ns)
{
	const struct endpoint *source = &tap->end[from], *destination = &tap->end[side_other(from)];
	struct packet packet = {.t_ns = t_ns, .linktype = LINKTYPE_RAW};
	struct buf out = {0};

	(source->ipv6 ? put_ipv6 : put_ipv4)(&out, source, destination, 20 + data.len);
	put_tcp(&out, tap, from, flags, data);
	packet.data = buf_view(&out);
	packet.original_len = (uint32_t)out.len;
	if (tap->n_bytes + packet_list_cost(&packet) <= TAP_BYTES_MAX) {
		packet_list_add(&tap->packets, &packet);
		tap->n_bytes += packet_list_cost(&packet);
	}
	buf_fini(&out);
	tap->next[from] += (uint32_t)data.len + ((flags & (TCP_SYN | TCP_FIN)) != 0);
}

struct tap *tap_new(const struct sockaddr_storage *client, const struct sockaddr_storage *server,
                    uint64_t t_ns)
{
	struct tap *tap = calloc(1, sizeof(*tap));
	struct bytes none = {0};

	CHECK(tap != NULL);
	tap->end[SIDE_CLIENT] = endpoint_of(client);
	tap->end[SIDE_SERVER] = endpoint_of(server);
	CHECK(tap->end[SIDE_CLIENT].ipv6 == tap->end[SIDE_SERVER].ipv6);
	add_packet(tap, SIDE_CLIENT, TCP_SYN, none, t_ns);
	add_packet(tap, SIDE_SERVER, TCP_SYN | TCP_ACK, none, t_ns);
	add_packet(tap, SIDE_CLIENT, TCP_ACK, none, t_ns);
	return tap;
}

void tap_free(struct tap *tap)
{
	if (tap == NULL)
		return;
	packet_list_fini(&tap->packets);
	free(tap);
}

void tap_data(struct tap *tap, enum side from, struct bytes data, uint64_t t_ns)
{
	while (data.len > 0) {
		size_t n = data.len < SEGMENT_DATA_MAX ? data.len : SEGMENT_DATA_MAX;

		add_packet(tap, from, TCP_PSH | TCP_ACK, (struct bytes){data.data, n}, t_ns);
		data.data += n;
		data.len -= n;
	}
}

void tap_close(struct tap *tap, enum side from, enum ending ending, uint64_t t_ns)
{
	struct bytes none = {0};

	CHECK(ending != ENDING_NONE);
	add_packet(tap, from, (ending == ENDING_FIN ? TCP_FIN : TCP_RST) | TCP_ACK, none, t_ns);
}

void tap_collect(const struct tap *tap, struct bytes keylog, struct buf *json, struct buf *pcapng)
{
	evidence_make(&tap->packets, "server-tap", LINKTYPE_RAW, keylog, json, pcapng);
}
