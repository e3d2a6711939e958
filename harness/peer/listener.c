#include "peer/listener.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 8 /* connections that wait for the first, and are then reset */
#define LINE_MAX_BYTES 512
#define LISTENING 0x0a /* TCP_LISTEN, as /proc/net/tcp writes it */
#define COMM_MAX 64

/* --- who is there ----------------------------------------------------------------------------- */

/* The inode of a socket that listens on `port`, as the table at `path` has it; 0 if none does. */
static unsigned long listening_inode(const char *path, int port)
{
	FILE *table = fopen(path, "re");
	char line[LINE_MAX_BYTES];
	unsigned long inode = 0, found = 0;
	unsigned local, state;

	while (table != NULL && found == 0 && fgets(line, sizeof(line), table) != NULL)
		if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*s %*s %lu",
		           &local, &state, &inode) == 3 &&
		    local == (unsigned)port && state == LISTENING)
			found = inode;
	if (table != NULL)
		fclose(table);
	return found;
}

/* Whether a process has the socket open, as far as this user may look. */
static bool holds_socket(const char *pid, const char *socket_name)
{
	char path[PATH_MAX], target[64];
	struct dirent *entry;
	bool holds = false;
	DIR *folder;
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	folder = opendir(path);
	while (folder != NULL && !holds && (entry = readdir(folder)) != NULL) {
		len = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);
		target[len > 0 ? len : 0] = '\0';
		holds = strcmp(target, socket_name) == 0;
	}
	if (folder != NULL)
		closedir(folder);
	return holds;
}

static void read_comm(const char *pid, char comm[COMM_MAX])
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	file = fopen(path, "re");
	comm[0] = '\0';
	if (file != NULL && fgets(comm, COMM_MAX, file) != NULL)
		comm[strcspn(comm, "\n")] = '\0';
	if (file != NULL)
		fclose(file);
}

/* Appends who listens on the port, and what to do about it. */
static void tell_occupant(int port, struct error *error)
{
	unsigned long inode = listening_inode("/proc/net/tcp", port);
	char name[64], comm[COMM_MAX];
	struct dirent *entry = NULL;
	DIR *folder = opendir("/proc");
	bool found = false;

	if (inode == 0)
		inode = listening_inode("/proc/net/tcp6", port);
	snprintf(name, sizeof(name), "socket:[%lu]", inode);
	while (folder != NULL && inode != 0 && !found && (entry = readdir(folder)) != NULL)
		found = isdigit((unsigned char)entry->d_name[0]) &&
		        holds_socket(entry->d_name, name);
	if (found) {
		read_comm(entry->d_name, comm);
		error_append(error, "; %s (process %s) listens there: end it", comm, entry->d_name);
	} else {
		error_append(error,
		             "; `sudo ss -ltnp 'sport = :%d'` shows who listens there: end that", port);
	}
	error_append(error, ", or give the board another port (\"listen\" in its profile)");
	if (folder != NULL)
		closedir(folder);
}

/* --- the socket ------------------------------------------------------------------------------- */

static void complain(const char *address, int port, int number, struct error *error)
{
	if (port == 0)
		error_system(error, ERR_ENVIRONMENT, number, "cannot listen on %s", address);
	else
		error_system(error, ERR_ENVIRONMENT, number, "cannot listen on %s port %d", address,
		             port);
	if (number == EADDRINUSE && port != 0)
		tell_occupant(port, error);
	else
		error_append(error, "; `ip address` shows this machine's addresses");
}

/* The ports that the kernel gives to those who ask for none. */
static void read_range(int *first, int *last)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");

	if (file == NULL || fscanf(file, "%d %d", first, last) != 2 || *first < 1 ||
	    *last < *first || *last > UINT16_MAX) {
		*first = 32768;
		*last = 60999;
	}
	if (file != NULL)
		fclose(file);
}

static void set_port(struct sockaddr *address, int port)
{
	if (address->sa_family == AF_INET6)
		((struct sockaddr_in6 *)address)->sin6_port = htons((uint16_t)port);
	else
		((struct sockaddr_in *)address)->sin_port = htons((uint16_t)port);
}

/*
 * Binds to the next free port. The kernel would give one anew that was free for a moment only, and
 * whoever captures tells servers by their ports.
 */
static int bind_in_turn(int fd, struct sockaddr *address, socklen_t len)
{
	static int first, last, next;
	uint16_t luck = 0;

	if (next == 0) {
		read_range(&first, &last);
		(void)!getrandom(&luck, sizeof(luck), 0);
		next = first + luck % (last - first + 1);
	}
	for (int i = first; i <= last; i++) {
		set_port(address, next);
		next = next == last ? first : next + 1;
		if (bind(fd, address, len) == 0)
			return 0;
		if (errno != EADDRINUSE)
			return -1;
	}
	return -1;
}

static int bind_to(int fd, const struct addrinfo *where, int port)
{
	int on = 1;

	if (port == 0)
		return bind_in_turn(fd, where->ai_addr, where->ai_addrlen);
	/* A port that a board knows is used in each case, and stays busy for a while after each. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(fd, where->ai_addr, where->ai_addrlen);
}

int listener_open(const char *address, int port, struct error *error)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
	                               .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	char service[16];
	int rc, fd;

	snprintf(service, sizeof(service), "%d", port);
	rc = getaddrinfo(address, service, &hints, &found);
	if (rc != 0) {
		error_set(error, ERR_INPUT, "\"%s\" is no numeric IPv4 or IPv6 address: %s",
		          address, gai_strerror(rc));
		return -1;
	}
	fd = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, found->ai_protocol);
	if (fd < 0 || bind_to(fd, found, port) != 0 || listen(fd, BACKLOG) != 0) {
		complain(address, port, errno, error);
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

int listener_try(const char *address, int port, struct error *error)
{
	int fd = listener_open(address, port, error);

	if (fd < 0)
		return error->code;
	close(fd);
	return 0;
}
