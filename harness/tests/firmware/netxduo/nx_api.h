/* nx_api.h: see tx_api.h. */
#ifndef TESTS_NETXDUO_NX_API_H
#define TESTS_NETXDUO_NX_API_H

#include "tx_api.h"

#define NX_NULL ((void *)0)
#define NX_SUCCESS 0x00
#define NX_NOT_CONNECTED 0x38
#define NX_NO_WAIT 0
#define NX_ANY_PORT 0
#define NX_IP_PERIODIC_RATE 100
#define NX_IP_NORMAL 0x00000000UL
#define NX_FRAGMENT_OKAY 0x00000000UL
#define NX_IP_TIME_TO_LIVE 0x00000080UL
#define NX_IP_VERSION_V4 0x4
#define NETXDUO_MAJOR_VERSION 6
#define NETXDUO_MINOR_VERSION 4
#define NETXDUO_PATCH_VERSION 1

typedef struct {
	ULONG nx_ip_id;
} NX_IP;

typedef struct {
	ULONG nx_packet_pool_id;
} NX_PACKET_POOL;

typedef struct {
	ULONG nx_packet_length;
} NX_PACKET;

typedef struct NX_TCP_SOCKET_STRUCT {
	ULONG nx_tcp_socket_id;
} NX_TCP_SOCKET;

typedef struct {
	ULONG nxd_ip_version;
	union {
		ULONG v4;
		ULONG v6[4];
	} nxd_ip_address;
} NXD_ADDRESS;

UINT nx_tcp_socket_create(NX_IP *ip, NX_TCP_SOCKET *socket, CHAR *name, ULONG type_of_service,
                          ULONG fragment, UINT time_to_live, ULONG window_size,
                          VOID (*urgent_data)(NX_TCP_SOCKET *socket),
                          VOID (*disconnected)(NX_TCP_SOCKET *socket));
UINT nx_tcp_socket_delete(NX_TCP_SOCKET *socket);
UINT nx_tcp_client_socket_bind(NX_TCP_SOCKET *socket, UINT port, ULONG wait_option);
UINT nx_tcp_client_socket_unbind(NX_TCP_SOCKET *socket);
UINT nxd_tcp_client_socket_connect(NX_TCP_SOCKET *socket, NXD_ADDRESS *server, UINT port,
                                   ULONG wait_option);
UINT nx_tcp_socket_disconnect(NX_TCP_SOCKET *socket, ULONG wait_option);
UINT nx_packet_release(NX_PACKET *packet);
UINT nx_packet_data_append(NX_PACKET *packet, VOID *data, ULONG size, NX_PACKET_POOL *pool,
                           ULONG wait_option);
UINT nx_packet_data_extract_offset(NX_PACKET *packet, ULONG offset, VOID *buffer, ULONG size,
                                   ULONG *n_copied);

#endif
