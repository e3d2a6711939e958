/*
 * stack_netxduo.h: NetX Duo Secure on ThreadX: TLS of stack_netxduo.c over TCP of link_netxduo.c.
 * Firmware.
 *
 * Sizes may be set on the compiler's command line. The defaults take about 70 KB of static RAM,
 * which is what a server with a chain of 2048-bit RSA certificates and records of full length
 * needs.
 */
#ifndef SHAKEDOWN_FIRMWARE_GLUE_STACK_NETXDUO_H
#define SHAKEDOWN_FIRMWARE_GLUE_STACK_NETXDUO_H

#include "firmware/glue/stack.h"

#include <nx_api.h>
#include <nxd_dns.h>

#ifndef NETXDUO_METADATA_SIZE
#define NETXDUO_METADATA_SIZE 16384 /* for the cryptography of one session */
#endif
#ifndef NETXDUO_RECORD_SIZE
#define NETXDUO_RECORD_SIZE 18432 /* for the longest record that a server sends */
#endif
#ifndef NETXDUO_CHAIN
#define NETXDUO_CHAIN 4 /* certificates that a server may send */
#endif
#ifndef NETXDUO_CERTIFICATE_SIZE
#define NETXDUO_CERTIFICATE_SIZE 4096 /* for each of these */
#endif
#ifndef NETXDUO_ROOTS
#define NETXDUO_ROOTS 8 /* trusted certificates; those beyond are left out */
#endif
#ifndef NETXDUO_WINDOW
#define NETXDUO_WINDOW 8192 /* bytes of TCP receive window */
#endif

/*
 * Tells where the network is, before client_init(). Sockets and packets are made in `ip` and
 * `pool`, whose packets have to take a whole TCP segment; names are looked up by `dns`, or not at
 * all if it is NULL. All are borrowed for good. TLS has been initialized: nx_secure_tls_initialize.
 */
void netxduo_set_network(NX_IP *ip, NX_PACKET_POOL *pool, NX_DNS *dns);

/* The pool for packets. */
NX_PACKET_POOL *netxduo_pool(void);

/* The socket of a link that is connected. */
NX_TCP_SOCKET *netxduo_socket(void);

/* How long a call may wait now, in ticks of ThreadX. */
ULONG netxduo_wait(const struct link *link);

/* Notes in `link` what a status means for the connection. Returns true if it is NX_SUCCESS. */
bool netxduo_note(struct link *link, UINT status);

/* The status that was noted last. */
UINT netxduo_status(void);

/* Ends the call that the task for TLS waits in, with NX_WAIT_ABORTED. From another task. */
void netxduo_abort(void);

#endif
