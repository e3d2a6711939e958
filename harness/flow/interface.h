/*
 * interface.h: which network interface has an address. Layer: flow. Asks the system.
 */
#ifndef SHAKEDOWN_FLOW_INTERFACE_H
#define SHAKEDOWN_FLOW_INTERFACE_H

#include "base/error.h"

#include <net/if.h>

/*
 * Writes the name of the interface that has the numeric `address` (IPv4 or IPv6). ERR_INPUT if none
 * has it: addresses come from the user's board profiles.
 */
int interface_of_address(const char *address, char name[IF_NAMESIZE], struct error *error);

#endif
