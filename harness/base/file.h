/*
 * file.h: whole files, written so that a reader never sees half of one. Layer: base. Does I/O.
 */
#ifndef SHAKEDOWN_BASE_FILE_H
#define SHAKEDOWN_BASE_FILE_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * Writes `content` to a file that has no name until it is whole and synced, and then takes that of
 * `path`; `mode`, less the umask, is the new file's (0600 for private keys). On failure, and if the
 * process is killed, the old file stands as it was and nothing else is left. ERR_ENVIRONMENT with
 * the system's reason. Not for two threads at once.
 */
int file_write(const char *path, struct bytes content, mode_t mode, struct error *error);

/* A file that is written piece by piece, and is there only when it is whole. */
struct file_draft {
	char *path;      /* owned; the file's name */
	char *temporary; /* owned; the draft's, where `named` */
	bool named;
	int fd;
};

/*
 * As file_write: file_draft_begin and any number of file_draft_add, each ERR_ENVIRONMENT with the
 * system's reason; then, whatever they returned, file_draft_end with the worst of it: it puts the
 * file in its place if that is 0, removes it otherwise, and returns what came of it.
 */
int file_draft_begin(struct file_draft *draft, const char *path, struct error *error);
int file_draft_add(struct file_draft *draft, struct bytes content, struct error *error);
int file_draft_end(struct file_draft *draft, mode_t mode, int rc, struct error *error);

/*
 * To be called first of all: what a program opens takes the lowest number that is free, and were
 * that of a standard stream which its caller has closed, what is said there would go into a report
 * or to another process. Reading and writing such a stream fails as before.
 */
void file_hold_standard(void);

/* Writes all of `content` to `fd`. 0, or -1 with errno set. */
int file_write_all(int fd, struct bytes content);

/* Complains that `path` cannot be written, with errno's reason. Returns ERR_ENVIRONMENT. */
int file_cannot_write(const char *path, struct error *error);

/*
 * Appends all of `path` ("-": standard input) to `content`, which the caller frees with buf_fini
 * in any case. Refuses content of more than `max` bytes. ERR_INPUT with the system's reason: the
 * user named the file.
 */
int file_read(const char *path, size_t max, struct buf *content, struct error *error);

/*
 * Makes the folder and those above it (mode 0777 less the umask). 0 also if it is there already;
 * ERR_ENVIRONMENT with the system's reason.
 */
int file_make_folder(const char *path, struct error *error);

/* A new string "<folder>/<name>"; the caller frees it. */
char *file_join(const char *folder, const char *name);

/*
 * The folder that holds certs/recipes.json, scenarios/ and harness/: $SHAKEDOWN_ROOT, or the
 * nearest folder above the running program, or share/shakedown in it. Borrowed, for the life of the
 * process. NULL if there is none: ERR_INPUT if the user named it, else ERR_ENVIRONMENT.
 */
const char *file_data_root(struct error *error);

/*
 * A new string: the path of `program` in the folder of the running program, or in the nearest above
 * it (tests lie deeper than programs); in the former if it is nowhere. The caller frees it.
 */
char *file_sibling_program(const char *program);

#endif
