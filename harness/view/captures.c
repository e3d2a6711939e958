#include "view/captures.h"

#include "base/assert.h"
#include "base/file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "cells/"

bool captures_may_be_named(const char *name)
{
	const char *c = name + strlen(FOLDER);

	if (strncmp(name, FOLDER, strlen(FOLDER)) != 0)
		return false;
	for (; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && strchr("._+=,~/-", *c) == NULL)
			return false;
	return strstr(name, "/.") == NULL;
}

/* A file that nobody has yet. */
static int create(const char *path)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, CAPTURES_MODE);

	if (fd < 0 && errno == EEXIST && unlink(path) == 0)
		fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, CAPTURES_MODE);
	return fd;
}

/* Most of them come into a folder that is there. */
static int create_in_folder(const char *path, int *fd, struct error *error)
{
	char *folder;
	int rc;

	*fd = create(path);
	if (*fd >= 0 || errno != ENOENT)
		return *fd >= 0 ? 0 : file_cannot_write(path, error);
	folder = strdup(path);
	CHECK(folder != NULL);
	rc = file_make_folder(dirname(folder), error);
	free(folder);
	if (rc != 0)
		return rc;
	*fd = create(path);
	return *fd >= 0 ? 0 : file_cannot_write(path, error);
}

/* It takes its name when all of it is there. */
static int write_draft(const char *path, struct bytes capture, int *fd, struct error *error)
{
	char *draft = NULL;
	int rc;

	CHECK(asprintf(&draft, "%s" CAPTURES_DRAFT, path) > 0);
	rc = create_in_folder(draft, fd, error);
	if (rc == 0 && (file_write_all(*fd, capture) != 0 || rename(draft, path) != 0)) {
		rc = file_cannot_write(path, error);
		unlink(draft);
		close(*fd);
	}
	free(draft);
	return rc;
}

int captures_write(struct captures *captures, const char *path, struct bytes capture,
                   struct error *error)
{
	int rc = captures->n_open < CAPTURES_OPEN_MAX ? 0 : captures_sync(captures, error);
	int fd;

	if (rc == 0)
		rc = write_draft(path, capture, &fd, error);
	if (rc != 0)
		return rc;
	captures->open[captures->n_open].fd = fd;
	captures->open[captures->n_open].path = strdup(path);
	CHECK(captures->open[captures->n_open++].path != NULL);
	return 0;
}

/* All are on their way to the disk before the first is waited for: so they share its work. */
int captures_sync(struct captures *captures, struct error *error)
{
	int rc = 0;

	for (size_t i = 0; captures->n_open > 1 && i < captures->n_open; i++)
		sync_file_range(captures->open[i].fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	for (size_t i = 0; rc == 0 && i < captures->n_open; i++)
		if (fdatasync(captures->open[i].fd) != 0)
			rc = file_cannot_write(captures->open[i].path, error);
	captures_fini(captures);
	return rc;
}

void captures_fini(struct captures *captures)
{
	while (captures->n_open > 0) {
		captures->n_open--;
		close(captures->open[captures->n_open].fd);
		free(captures->open[captures->n_open].path);
	}
}
