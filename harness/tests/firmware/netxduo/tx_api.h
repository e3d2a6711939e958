/*
 * tx_api.h and its neighbours here: what the glue for NetX Duo Secure uses of ThreadX and NetX Duo,
 * declared after their reference manuals, so that the glue is compiled where the real headers are
 * not at hand. Types have the members that the glue uses, no more: nothing can be linked with them.
 */
#ifndef TESTS_NETXDUO_TX_API_H
#define TESTS_NETXDUO_TX_API_H

typedef char CHAR;
typedef unsigned char UCHAR;
typedef unsigned short USHORT;
typedef unsigned int UINT;
typedef unsigned long ULONG;
#define VOID void

typedef struct {
	UINT tx_thread_id;
} TX_THREAD;

TX_THREAD *tx_thread_identify(VOID);
UINT tx_thread_wait_abort(TX_THREAD *thread);

#endif
