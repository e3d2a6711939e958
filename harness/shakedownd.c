/* shakedownd: the daemon. Either the process of one run, or the keeper of a lab. */
#include "base/file.h"
#include "keeper.h"
#include "worker.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURN_MAX_S 86400

static void usage(FILE *out)
{
	fputs("usage: shakedownd --lab FILE [--socket PATH] [--group NAME] [--turn SECONDS]\n"
	      "man shakedownd and docs/lab.md tell more\n",
	      out);
}

static bool read_seconds(const char *word, unsigned *seconds)
{
	char *end;
	unsigned long number = strtoul(word, &end, 10);

	*seconds = (unsigned)number;
	return word[0] >= '0' && word[0] <= '9' && *end == '\0' && number <= TURN_MAX_S;
}

/* `word` is NULL where the option stands last. */
static int take_option(struct keeper_options *options, const char *name, const char *word,
                       struct error *error)
{
	const struct {
		const char *name, *needs;
		const char **value;
	} rows[] = {{"--lab", "the file of a lab", &options->lab},
	            {"--socket", "the path of a socket", &options->socket},
	            {"--group", "the name of a group", &options->group}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(name, rows[i].name) == 0) {
			*rows[i].value = word;
			return word != NULL ? 0
			                    : error_set(error, ERR_INPUT, "%s needs %s", name,
			                                rows[i].needs);
		}
	if (strcmp(name, "--turn") != 0)
		return error_set(error, ERR_INPUT, "there is no option %s (shakedownd --help)", name);
	if (word != NULL && read_seconds(word, &options->turn_s))
		return 0;
	return error_set(error, ERR_INPUT, "--turn takes seconds, from 0 to %d, not %s", TURN_MAX_S,
	                 word != NULL ? word : "nothing");
}

static int take_options(struct keeper_options *options, char **arguments, struct error *error)
{
	int rc = 0;

	for (; rc == 0 && *arguments != NULL; arguments += 1 + (arguments[1] != NULL))
		rc = take_option(options, arguments[0], arguments[1], error);
	if (rc == 0 && options->lab == NULL)
		rc = error_set(error, ERR_INPUT,
		               "name the boards by --lab and the file of a lab (docs/lab.md)");
	return rc;
}

static int keep_lab(char **arguments)
{
	struct keeper_options options = {.turn_s = KEEPER_TURN_S};
	struct error error = {0};
	int status = -take_options(&options, arguments, &error);

	if (status == 0)
		status = keeper_serve(&options, &error);
	if (status != 0)
		fprintf(stderr, "shakedownd: %s\n", error.text);
	return status;
}

int main(int argc, char **argv)
{
	file_hold_standard();
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is as a disk that is full */
	if (argc == 2 && strcmp(argv[1], "--run") == 0)
		return worker_serve();
	if (argc == 2 && strcmp(argv[1], "--run-for-lab") == 0)
		return worker_serve_lab();
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		usage(stdout);
		return 0;
	}
	return keep_lab(argv + 1);
}
