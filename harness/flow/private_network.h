/*
 * private_network.h: a network of the process's own, so that virtual boards can be tested and
 * captured without any privilege. Layer: flow. Changes the calling process, which has one thread; a
 * process enters once.
 *
 * The network has a loopback interface and nothing else. Capturing there needs CAP_NET_RAW, which
 * only the sniffer is given: no other child gets a right that the user does not have. Where the
 * user is root all children are root's, who may have to read what others own.
 */
#ifndef SHAKEDOWN_FLOW_PRIVATE_NETWORK_H
#define SHAKEDOWN_FLOW_PRIVATE_NETWORK_H

#include "base/error.h"

/*
 * Moves the process into a new network namespace, with the loopback interface up. A user without
 * privileges gets a new user namespace with it (user_namespaces(7)), in which nothing but the own
 * user and group exists. Tried in a child first: on ERR_ENVIRONMENT the process is as it was, and
 * the sentence names what forbids it.
 */
int private_network_enter(struct error *error);

/*
 * A service may be started with CAP_NET_RAW for all of its children (ambient): from here on only
 * those get it that are started between the two calls below. Does nothing otherwise.
 */
void private_network_keep_right(void);

/*
 * Between the two calls, a child that is started gets CAP_NET_RAW. Outside a private network, and
 * without that right, they do nothing. To be called on the thread that entered.
 */
void private_network_spawn_begin(void);
void private_network_spawn_end(void);

#endif
