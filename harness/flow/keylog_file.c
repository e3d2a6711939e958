#include "flow/keylog_file.h"

#include "base/file.h"

#include <string.h>

#define FORM "\"CLIENT_RANDOM <64 hex digits> <secret in hex>\""

int keylog_file_read(struct keylog *keylog, const char *path, FILE *notes, struct error *error)
{
	size_t n_bad = keylog_bad_lines(keylog), n_before = keylog_count(keylog);
	struct buf text = {0};
	int rc = file_read(path, KEYLOG_FILE_MAX, &text, error);

	if (rc != 0) {
		buf_fini(&text);
		return error_prefix(error, "--keylog");
	}
	if (text.len > 0)
		keylog_add(keylog, buf_string(&text), text.len);
	n_bad = keylog_bad_lines(keylog) - n_bad;
	if (text.len == 0)
		rc = error_set(error, ERR_INPUT, "--keylog: %s is empty; set SSLKEYLOGFILE to it "
		               "where the TLS program starts", path);
	else if (keylog_count(keylog) == n_before && n_bad > 0)
		rc = error_set(error, ERR_INPUT, "--keylog: %s is not a key log: not one of its lines "
		               "reads as " FORM " (SSLKEYLOGFILE)", path);
	else if (keylog_count(keylog) == n_before)
		rc = error_set(error, ERR_INPUT, "--keylog: %s has no secret that opens TLS, such as "
		               FORM " (SSLKEYLOGFILE)", path);
	else if (n_bad > 0)
		fprintf(notes, "--keylog: %s: %zu line%s passed over: no secret of the form " FORM "\n",
		        path, n_bad, n_bad == 1 ? " was" : "s were");
	if (text.len > 0)
		explicit_bzero(text.data, text.len);
	buf_fini(&text);
	return rc;
}
