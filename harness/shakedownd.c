/* shakedownd: the daemon. Either the process of one run, or the keeper of a lab. */
#include "worker.h"

#include <stdio.h>
#include <string.h>

static int refuse(void)
{
	fputs("usage: shakedownd --lab FILE [--socket PATH] [--group NAME] [--turn SECONDS]\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--run") == 0)
		return worker_serve();
	if (argc == 2 && strcmp(argv[1], "--run-for-lab") == 0)
		return worker_serve_lab();
	return refuse();
}
