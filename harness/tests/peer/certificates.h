/*
 * certificates.h: the repository's certificates, made if need be. For tests alone.
 */
#ifndef SHAKEDOWN_TESTS_PEER_CERTIFICATES_H
#define SHAKEDOWN_TESTS_PEER_CERTIFICATES_H

#include "base/file.h"
#include "peer/certs.h"

#include <stdlib.h>

/* A new string: the folder certs/out, with all that the recipes ask for. Fails the test otherwise. */
static inline char *certificates_made(void)
{
	struct error error = {0};
	const char *root = file_data_root(&error);
	struct certs_made made;
	char *recipes, *out;

	if (root == NULL) { /* the build is outside of the repository; the test runs in it */
		char *here = realpath(".", NULL);

		setenv("SHAKEDOWN_ROOT", here, 0);
		free(here);
		root = file_data_root(&error);
	}
	if (root == NULL)
		fail_msg("%s", error.text);
	recipes = file_join(root, "certs/recipes.json");
	out = file_join(root, "certs/out");
	if (certs_make(recipes, out, &made, &error) != 0)
		fail_msg("%s", error.text);
	free(recipes);
	return out;
}

#endif
