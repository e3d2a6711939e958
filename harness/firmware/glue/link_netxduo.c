#include "firmware/glue/stack_netxduo.h"

#include "firmware/glue/port.h"

#include <tx_api.h>

static struct {
	NX_IP *ip;
	NX_PACKET_POOL *pool;
	NX_DNS *dns;
	NX_TCP_SOCKET socket;
	NXD_ADDRESS address;
	UINT port;
	UINT status;       /* the last one */
	TX_THREAD *thread; /* that runs the link */
	bool created, bound;
} network;

void netxduo_set_network(NX_IP *ip, NX_PACKET_POOL *pool, NX_DNS *dns)
{
	network.ip = ip;
	network.pool = pool;
	network.dns = dns;
}

NX_PACKET_POOL *netxduo_pool(void)
{
	return network.pool;
}

NX_TCP_SOCKET *netxduo_socket(void)
{
	return &network.socket;
}

UINT netxduo_status(void)
{
	return network.status;
}

void netxduo_abort(void)
{
	if (network.thread != NULL)
		(void)tx_thread_wait_abort(network.thread);
}

static uint32_t ms_left(const struct link *link)
{
	int32_t ms = (int32_t)(link->deadline_ms - port_now_ms());

	return ms > 0 && !atomic_load(link->aborted) ? (uint32_t)ms : 0;
}

ULONG netxduo_wait(const struct link *link)
{
	return (ULONG)((uint64_t)ms_left(link) * NX_IP_PERIODIC_RATE / 1000);
}

/* NetX Duo has one status for a connection that was refused, reset or given up. */
bool netxduo_note(struct link *link, UINT status)
{
	network.status = status;
	if (status == NX_SUCCESS)
		return true;
	if (link->end != LINK_UP)
		return false;
	if (atomic_load(link->aborted))
		link->end = LINK_ABORTED;
	else if (ms_left(link) == 0)
		link->end = LINK_TIMEOUT;
	else if (status == NX_NOT_CONNECTED)
		link->end = LINK_RESET;
	return false;
}

void link_init(struct link *link, const atomic_bool *aborted, uint32_t ms)
{
	*link = (struct link){.fd = -1, .aborted = aborted, .deadline_ms = port_now_ms() + ms};
	network.status = NX_SUCCESS;
	network.thread = tx_thread_identify();
}

/* Reads "192.168.1.10". False if it is something else. */
static bool read_ipv4(const char *text, ULONG *address)
{
	ULONG sum = 0;

	for (int part = 0; part < 4; part++) {
		unsigned value = 0;
		int n_digits = 0;

		for (; *text >= '0' && *text <= '9' && n_digits < 3; n_digits++)
			value = value * 10 + (unsigned)(*text++ - '0');
		if (n_digits == 0 || value > 255 || *text != (part < 3 ? '.' : '\0'))
			return false;
		text++;
		sum = sum << 8 | value;
	}
	*address = sum;
	return true;
}

/* Names, and IPv4 addresses in text. */
int link_resolve(struct link *link, const char *host, uint16_t port)
{
	UINT status = NX_DNS_QUERY_FAILED;

	network.port = port;
	network.address.nxd_ip_version = NX_IP_VERSION_V4;
	if (read_ipv4(host, &network.address.nxd_ip_address.v4))
		status = NX_SUCCESS;
	else if (network.dns != NULL)
		status = nxd_dns_host_by_name_get(network.dns, (UCHAR *)host, &network.address,
		                                  netxduo_wait(link), NX_IP_VERSION_V4);
	if (netxduo_note(link, status))
		return 0;
	if (link->end == LINK_UP)
		link->end = LINK_NO_NAME;
	return -1;
}

int link_connect(struct link *link)
{
	UINT status = nx_tcp_socket_create(network.ip, &network.socket, (CHAR *)"shakedown",
	                                   NX_IP_NORMAL, NX_FRAGMENT_OKAY, NX_IP_TIME_TO_LIVE,
	                                   NETXDUO_WINDOW, NX_NULL, NX_NULL);

	network.created = status == NX_SUCCESS;
	if (network.created)
		status = nx_tcp_client_socket_bind(&network.socket, NX_ANY_PORT,
		                                   netxduo_wait(link));
	network.bound = network.created && status == NX_SUCCESS;
	if (network.bound)
		status = nxd_tcp_client_socket_connect(&network.socket, &network.address,
		                                       network.port, netxduo_wait(link));
	if (netxduo_note(link, status))
		return 0;
	if (link->end == LINK_UP || link->end == LINK_RESET)
		link->end = network.bound ? LINK_REFUSED : LINK_UNREACHABLE;
	return -1;
}

void link_hurry(struct link *link, uint32_t ms)
{
	if (ms_left(link) > ms)
		link->deadline_ms = port_now_ms() + ms;
}

void link_fini(struct link *link)
{
	(void)link;
	if (network.bound) {
		(void)nx_tcp_socket_disconnect(&network.socket, NX_NO_WAIT);
		(void)nx_tcp_client_socket_unbind(&network.socket);
	}
	if (network.created)
		(void)nx_tcp_socket_delete(&network.socket);
	network.bound = network.created = false;
	network.thread = NULL;
}
