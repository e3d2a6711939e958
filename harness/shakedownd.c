/* shakedownd: the daemon. Either the process of one run, or the keeper of a lab. */
#include "keeper.h"
#include "worker.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int refuse(void)
{
	fputs("usage: shakedownd --lab FILE [--socket PATH] [--group NAME] [--turn SECONDS]\n"
	      "man shakedownd and docs/lab.md tell more\n",
	      stderr);
	return 2;
}

static bool read_seconds(const char *word, unsigned *seconds)
{
	char *end;
	unsigned long number = strtoul(word, &end, 10);

	*seconds = (unsigned)number;
	return word[0] >= '0' && word[0] <= '9' && *end == '\0' && number <= 86400;
}

static bool take_option(struct keeper_options *options, const char *name, const char *word)
{
	if (strcmp(name, "--lab") == 0)
		options->lab = word;
	else if (strcmp(name, "--socket") == 0)
		options->socket = word;
	else if (strcmp(name, "--group") == 0)
		options->group = word;
	else
		return strcmp(name, "--turn") == 0 && read_seconds(word, &options->turn_s);
	return true;
}

static int keep_lab(char **arguments)
{
	struct keeper_options options = {.turn_s = KEEPER_TURN_S};
	struct error error = {0};
	int status;

	for (; *arguments != NULL; arguments += 2)
		if (arguments[1] == NULL || !take_option(&options, arguments[0], arguments[1]))
			return refuse();
	if (options.lab == NULL)
		return refuse();
	status = keeper_serve(&options, &error);
	if (status != 0)
		fprintf(stderr, "shakedownd: %s\n", error.text);
	return status;
}

int main(int argc, char **argv)
{
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is as a disk that is full */
	if (argc == 2 && strcmp(argv[1], "--run") == 0)
		return worker_serve();
	if (argc == 2 && strcmp(argv[1], "--run-for-lab") == 0)
		return worker_serve_lab();
	return keep_lab(argv + 1);
}
