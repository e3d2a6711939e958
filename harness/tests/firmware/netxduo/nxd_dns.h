/* nxd_dns.h: see tx_api.h. */
#ifndef TESTS_NETXDUO_NXD_DNS_H
#define TESTS_NETXDUO_NXD_DNS_H

#include "nx_api.h"

#define NX_DNS_QUERY_FAILED 0xA3

typedef struct {
	ULONG nx_dns_id;
} NX_DNS;

UINT nxd_dns_host_by_name_get(NX_DNS *dns, UCHAR *name, NXD_ADDRESS *address, ULONG wait_option,
                              UINT lookup_type);

#endif
