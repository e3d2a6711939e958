#include "peer/lock.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_LEN 200 /* of a device in the name of its lock; the end of a longer one is used */

struct lock {
	int fd; /* holds the lock */
	char path[PATH_MAX];
};

static int use_folder(const char *folder, struct error *error)
{
	struct stat status;

	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		return error_system(error, ERR_ENVIRONMENT, errno,
		                    "cannot make the folder %s for the locks of serial ports",
		                    folder);
	if (lstat(folder, &status) != 0)
		return error_system(error, ERR_ENVIRONMENT, errno, "cannot use %s", folder);
	/* Anybody may have made it in /tmp, or put a link there. */
	if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077) != 0)
		return error_set(
			error, ERR_ENVIRONMENT,
			"%s, for the locks of serial ports, is not a folder that only you may "
			"enter: remove it",
			folder);
	return 0;
}

/* The lock's path. One device has one, whatever names lead to it. */
static int name_lock(const char *device, char path[PATH_MAX], struct error *error)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char *real = realpath(device, NULL);
	const char *name = real != NULL ? real : device;
	size_t len = strlen(name);
	char folder[PATH_MAX / 2];
	int rc;

	if (runtime != NULL && runtime[0] == '/' && access(runtime, W_OK) == 0)
		snprintf(folder, sizeof(folder), "%s/shakedown", runtime);
	else
		snprintf(folder, sizeof(folder), "/tmp/shakedown-%u", (unsigned)geteuid());
	rc = use_folder(folder, error);
	if (len > NAME_LEN)
		name += len - NAME_LEN;
	len = strlen(folder) + 1;
	snprintf(path, PATH_MAX, "%s/%s.lock", folder, name);
	for (char *slash = path + len; (slash = strchr(slash, '/')) != NULL;)
		*slash = '_';
	free(real);
	return rc;
}

static int say_busy(int fd, const char *device, struct error *error)
{
	char text[32] = "";
	long pid;

	if (pread(fd, text, sizeof(text) - 1, 0) < 0)
		text[0] = '\0';
	pid = strtol(text, NULL, 10);
	if (pid == (long)getpid())
		return error_set(error, ERR_ENVIRONMENT,
		                 "%s is in use by another board of this process: give each board "
		                 "its own port",
		                 device);
	if (pid == 0)
		return error_set(error, ERR_ENVIRONMENT,
		                 "%s is in use by another Shakedown: wait for its end", device);
	return error_set(
		error, ERR_ENVIRONMENT,
		"%s is in use by another Shakedown (process %ld): wait for its end, or stop it",
		device, pid);
}

/* Locks the file at `path` and returns its descriptor, -1 to try again, or an error's code. */
static int lock_file(const char *path, const char *device, struct error *error)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat held, named;
	int rc;

	if (fd < 0)
		return error_system(error, ERR_ENVIRONMENT, errno, "cannot make the lock %s of %s",
		                    path, device);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		rc = errno == EWOULDBLOCK ? say_busy(fd, device, error)
		                          : error_system(error, ERR_ENVIRONMENT, errno,
		                                         "cannot lock %s of %s", path, device);
		close(fd);
		return rc;
	}
	/*
	 * Its last holder may have removed the file between open and flock: then this lock is
	 * nobody's.
	 */
	if (fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino)
		return fd;
	close(fd);
	return -1;
}

int lock_take(const char *device, struct lock **taken, struct error *error)
{
	struct lock *lock = calloc(1, sizeof(*lock));
	int rc;

	CHECK(lock != NULL);
	rc = name_lock(device, lock->path, error);
	if (rc == 0) {
		do
			rc = lock_file(lock->path, device, error);
		while (rc == -1);
	}
	if (rc < 0) {
		free(lock);
		return rc;
	}
	lock->fd = rc;
	/* The number is a help for people; the lock holds without it, on a full disk say. */
	if (ftruncate(lock->fd, 0) == 0)
		dprintf(lock->fd, "%d\n", (int)getpid());
	*taken = lock;
	return 0;
}

void lock_release(struct lock *lock)
{
	if (lock == NULL)
		return;
	/* Before the lock is let go of, so that nobody removes another's file. */
	unlink(lock->path);
	close(lock->fd);
	free(lock);
}
