#include "base/file.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_CHUNK 65536

void file_hold_standard(void)
{
	/* The wrong way round, so that nothing is taken for read or written. */
	static const int modes[] = {
		[STDIN_FILENO] = O_WRONLY, [STDOUT_FILENO] = O_RDONLY, [STDERR_FILENO] = O_RDONLY};

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)!open("/dev/null", modes[fd]);
}

int file_write_all(int fd, struct bytes content)
{
	while (content.len > 0) {
		ssize_t n = write(fd, content.data, content.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		content.data += n;
		content.len -= (size_t)n;
	}
	return 0;
}

/* What the user's mask leaves of `mode`; there is no way to read the mask but to set it. */
static mode_t masked(mode_t mode)
{
	mode_t mask = umask(0777);

	umask(mask);
	return mode & ~mask;
}

/*
 * It has no name yet, so that nothing is left of it if we are killed; but where the file system has
 * no such file it has one from the beginning.
 */
int file_draft_begin(struct file_draft *draft, const char *path, struct error *error)
{
	char *folder = strdup(path);

	*draft = (struct file_draft){.path = strdup(path)};
	CHECK(folder != NULL && draft->path != NULL);
	CHECK(asprintf(&draft->temporary, "%s.XXXXXX", path) > 0);
	draft->fd = open(dirname(folder), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	draft->named = draft->fd < 0;
	free(folder);
	if (draft->named)
		draft->fd = mkostemp(draft->temporary, O_CLOEXEC);
	if (draft->fd >= 0)
		return 0;
	return error_system(error, ERR_ENVIRONMENT, errno, "cannot create %s", path);
}

/* Gives it a name that nobody has. */
static int name_draft(struct file_draft *draft, const char *of_process)
{
	int other = mkostemp(draft->temporary, O_CLOEXEC);

	if (other < 0)
		return -1;
	close(other);
	unlink(draft->temporary);
	if (linkat(AT_FDCWD, of_process, AT_FDCWD, draft->temporary, AT_SYMLINK_FOLLOW) != 0)
		return -1;
	draft->named = true;
	return 0;
}

/* Only to take another file's place it needs a name of its own first, for a moment. */
static int publish(struct file_draft *draft)
{
	char of_process[64];

	snprintf(of_process, sizeof(of_process), "/proc/self/fd/%d", draft->fd);
	if (!draft->named) {
		if (linkat(AT_FDCWD, of_process, AT_FDCWD, draft->path, AT_SYMLINK_FOLLOW) == 0)
			return 0;
		if (errno != EEXIST || name_draft(draft, of_process) != 0)
			return -1;
	}
	return rename(draft->temporary, draft->path);
}

int file_cannot_write(const char *path, struct error *error)
{
	bool limit = errno == EFBIG;
	int rc = error_system(error, ERR_ENVIRONMENT, errno, "cannot write %s", path);

	if (limit)
		error_append(error, " (this process may not write files as large: `ulimit -f`)");
	return rc;
}

int file_draft_add(struct file_draft *draft, struct bytes content, struct error *error)
{
	return file_write_all(draft->fd, content) == 0 ? 0 : file_cannot_write(draft->path, error);
}

int file_draft_end(struct file_draft *draft, mode_t mode, int rc, struct error *error)
{
	if (rc == 0 && (fchmod(draft->fd, masked(mode)) != 0 || fdatasync(draft->fd) != 0 ||
	                publish(draft) != 0))
		rc = file_cannot_write(draft->path, error);
	if (draft->fd >= 0) {
		if (rc != 0 && draft->named)
			unlink(draft->temporary);
		close(draft->fd);
	}
	free(draft->temporary);
	free(draft->path);
	return rc;
}

int file_write(const char *path, struct bytes content, mode_t mode, struct error *error)
{
	struct file_draft draft;
	int rc = file_draft_begin(&draft, path, error);

	if (rc == 0)
		rc = file_draft_add(&draft, content, error);
	return file_draft_end(&draft, mode, rc, error);
}

static int read_all(int fd, size_t max, struct buf *content)
{
	for (;;) {
		ssize_t n;

		if (!buf_reserve(content, READ_CHUNK))
			return -1;
		n = read(fd, content->data + content->len, READ_CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		content->len += (size_t)n;
		content->data[content->len] = '\0';
		if (n == 0)
			return 0;
		if (content->len > max) {
			errno = EFBIG;
			return -1;
		}
	}
}

int file_read(const char *path, size_t max, struct buf *content, struct error *error)
{
	bool standard_input = strcmp(path, "-") == 0;
	int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0)
		return error_system(error, ERR_INPUT, errno, "cannot open %s", path);
	if (read_all(fd, max, content) != 0)
		rc = error_system(error, ERR_INPUT, errno, "cannot read %s", path);
	if (!standard_input)
		close(fd);
	return rc;
}

static int make_one_folder(const char *path)
{
	struct stat there;

	if (mkdir(path, 0777) == 0)
		return 0;
	if (errno != EEXIST || stat(path, &there) != 0)
		return -1;
	errno = ENOTDIR;
	return S_ISDIR(there.st_mode) ? 0 : -1;
}

int file_make_folder(const char *path, struct error *error)
{
	char *copy = strdup(path);
	int rc = 0;

	CHECK(copy != NULL);
	for (char *slash = copy + 1; rc == 0 && *slash != '\0'; slash++) {
		if (*slash != '/')
			continue;
		*slash = '\0';
		rc = make_one_folder(copy);
		*slash = '/';
	}
	if (rc == 0)
		rc = make_one_folder(copy);
	if (rc != 0)
		rc = error_system(error, ERR_ENVIRONMENT, errno, "cannot make the folder %s", path);
	free(copy);
	return rc;
}

char *file_join(const char *folder, const char *name)
{
	char *joined = NULL;

	CHECK(asprintf(&joined, "%s/%s", folder, name) > 0);
	return joined;
}

static const char *program_path(void)
{
	static char path[PATH_MAX];

	if (path[0] == '\0' && readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
		snprintf(path, sizeof(path), "./shakedown");
	return path;
}

static bool holds_data(const char *folder)
{
	char *recipes = file_join(folder, "certs/recipes.json");
	bool found = access(recipes, R_OK) == 0;

	free(recipes);
	return found;
}

/* Makes `folder` the share/shakedown below it, if that is there. */
static bool use_installed(char folder[PATH_MAX])
{
	char *shared = file_join(folder, "share/shakedown");
	bool found = strlen(shared) < PATH_MAX && holds_data(shared);

	if (found)
		strcpy(folder, shared);
	free(shared);
	return found;
}

const char *file_data_root(struct error *error)
{
	static char folder[PATH_MAX];
	const char *named = getenv("SHAKEDOWN_ROOT");

	if (named != NULL) {
		if (holds_data(named))
			return named;
		error_set(error, ERR_INPUT,
		          "SHAKEDOWN_ROOT is %s, but there is no certs/recipes.json in it", named);
		return NULL;
	}
	if (folder[0] != '\0')
		return folder;
	snprintf(folder, sizeof(folder), "%s", program_path());
	while (strlen(folder) > 1) {
		dirname(folder);
		if (holds_data(folder) || use_installed(folder))
			return folder;
	}
	folder[0] = '\0';
	error_set(error, ERR_ENVIRONMENT,
	          "no certs/recipes.json in any folder above %s: set SHAKEDOWN_ROOT to the folder "
	          "that holds it",
	          program_path());
	return NULL;
}

char *file_sibling_program(const char *program)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof(folder), "%s", program_path());
	while (strlen(dirname(folder)) > 1) {
		char *path = file_join(folder, program);

		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	snprintf(folder, sizeof(folder), "%s", program_path());
	return file_join(dirname(folder), program);
}
