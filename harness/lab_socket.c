#include "lab_socket.h"

#include "base/assert.h"
#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SYSTEM_PATH "/run/shakedown/shakedown.sock"

static char *copy_of(const char *text)
{
	char *copy = strdup(text);

	CHECK(copy != NULL);
	return copy;
}

char *lab_socket_path(const char *named, int to_listen)
{
	const char *chosen = named != NULL ? named : getenv("SHAKEDOWN_DAEMON");
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char *own;

	if (chosen != NULL && chosen[0] != '\0')
		return copy_of(chosen);
	if (runtime == NULL || runtime[0] != '/')
		return copy_of(SYSTEM_PATH);
	own = file_join(runtime, "shakedown.sock");
	if (to_listen || access(own, F_OK) == 0)
		return own;
	free(own);
	return copy_of(SYSTEM_PATH);
}

int lab_socket_check_path(const char *path, struct error *error)
{
	const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	if (strlen(path) <= max)
		return 0;
	return error_set(error, ERR_ENVIRONMENT,
	                 "the path %s is too long for a Unix socket: name one of %zu bytes at most",
	                 path, max);
}

int lab_socket_connect(const char *path, struct error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (lab_socket_check_path(path, error) != 0)
		return error->code;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	error_system(error, ERR_ENVIRONMENT, errno, "cannot reach a lab's daemon at %s", path);
	if (errno == EACCES)
		error_append(error, "; its socket is not for your user: see docs/lab.md on --group");
	else
		error_append(error, "; start one by `shakedownd --lab FILE`, or name its socket by "
		                    "--daemon");
	close(fd);
	return ERR_ENVIRONMENT;
}
