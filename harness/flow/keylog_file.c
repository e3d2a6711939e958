#include "flow/keylog_file.h"

#include "base/file.h"

#include <string.h>

#define FORM "\"CLIENT_RANDOM <64 hex digits> <secret in hex>\""

/*
 * Judges what a file with `n_bad` lines of another form and `n_secrets` was. One without secrets is
 * in order: a program whose handshake failed early has written none, or a comment at most.
 */
static int judge(const char *path, size_t n_bad, size_t n_secrets, FILE *notes,
                 struct error *error)
{
	if (n_secrets == 0 && n_bad > 0)
		return error_set(error, ERR_INPUT, "--keylog: %s is not a key log: not one of its "
		                 "lines reads as " FORM " (SSLKEYLOGFILE)", path);
	if (n_secrets == 0)
		fprintf(notes, "--keylog: %s has no secret yet: its program came to none, or had "
		        "not set SSLKEYLOGFILE when it started\n", path);
	if (n_bad > 0)
		fprintf(notes, "--keylog: %s: %zu line%s passed over: no secret of the form " FORM
		        "\n", path, n_bad, n_bad == 1 ? " was" : "s were");
	return 0;
}

int keylog_file_read(struct keylog *keylog, const char *path, FILE *notes, struct error *error)
{
	struct keylog *own = keylog_new(); /* what this file has, whatever there is already */
	struct buf text = {0};
	int rc = file_read(path, KEYLOG_FILE_MAX, &text, error);

	if (rc != 0)
		error_prefix(error, "--keylog");
	if (rc == 0 && text.len > 0)
		keylog_add(own, buf_string(&text), text.len);
	if (rc == 0)
		rc = judge(path, keylog_bad_lines(own), keylog_count(own), notes, error);
	if (rc == 0)
		keylog_add(keylog, buf_string(&text), text.len);
	if (text.len > 0)
		explicit_bzero(text.data, text.len);
	buf_fini(&text);
	keylog_free(own);
	return rc;
}
