#include "command.h"

#include <stdio.h>

int command_certs(char **arguments, struct error *error)
{
	struct option_words options[] = {{0}, {0}};
	struct certs_made made = {0};
	int rc = command_sort(arguments, options, error);

	if (rc == 0 && options[0].n > 0)
		rc = error_set(error, ERR_INPUT, "certs takes no names");
	if (rc == 0)
		rc = certs_make_own(&made, error);
	if (rc == 0)
		printf("certificates: %zu made, %zu kept\n", made.n_made, made.n_kept);
	return -rc;
}
