#include "flow/interface.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool has_address(const struct ifaddrs *interface, int family, const void *address)
{
	if (interface->ifa_addr == NULL || interface->ifa_addr->sa_family != family)
		return false;
	if (family == AF_INET)
		return memcmp(&((struct sockaddr_in *)(void *)interface->ifa_addr)->sin_addr,
		              address, sizeof(struct in_addr)) == 0;
	return memcmp(&((struct sockaddr_in6 *)(void *)interface->ifa_addr)->sin6_addr, address,
	              sizeof(struct in6_addr)) == 0;
}

int interface_of_address(const char *address, char name[IF_NAMESIZE], struct error *error)
{
	unsigned char wanted[sizeof(struct in6_addr)];
	int family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
	struct ifaddrs *all;
	int rc = ERR_INPUT;

	if (inet_pton(family, address, wanted) != 1)
		return error_set(error, ERR_INPUT, "\"%s\" is not an IP address", address);
	if (getifaddrs(&all) != 0)
		return error_system(error, ERR_ENVIRONMENT, errno,
		                    "cannot list the network interfaces");
	for (const struct ifaddrs *one = all; one != NULL && rc != 0; one = one->ifa_next) {
		if (!has_address(one, family, wanted))
			continue;
		snprintf(name, IF_NAMESIZE, "%s", one->ifa_name);
		rc = 0;
	}
	freeifaddrs(all);
	if (rc != 0)
		error_set(error, rc, "no network interface of this machine has the address %s",
		          address);
	return rc;
}
