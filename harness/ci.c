#include "ci.h"

#include "base/file.h"
#include "view/annotations.h"
#include "view/protocol.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>

void ci_begin(struct ci *ci)
{
	uint64_t random[2] = {0};

	if (!ci->github)
		return;
	while (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		;
	snprintf(ci->token, sizeof(ci->token), "%016llx%016llx", (unsigned long long)random[0],
	         (unsigned long long)random[1]);
	printf("::stop-commands::%s\n", ci->token);
	fflush(stdout);
}

static void annotate(const struct ci *ci, const json_t *results)
{
	struct buf out = {0};

	fflush(stderr);
	printf("::%s::\n", ci->token);
	if (results != NULL)
		annotations_render(&out, results);
	fputs(buf_string(&out), stdout);
	fflush(stdout);
	buf_fini(&out);
}

int ci_end(const struct ci *ci, const json_t *results, const struct shelf *shelf,
           struct error *error)
{
	struct buf out = {0};
	int rc;

	if (ci->github)
		annotate(ci, results);
	if (ci->tap == NULL || results == NULL)
		return 0;
	protocol_render(&out, results, shelf);
	rc = file_write(ci->tap, buf_view(&out), 0666, error);
	buf_fini(&out);
	return rc;
}
