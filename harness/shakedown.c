/* shakedown: the command. One row a subcommand; the usage is printed from the same rows. */
#include "command.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

static const struct command {
	const char *name, *takes, *does;
	int (*run)(char **arguments, struct error *error); /* returns the exit status */
} commands[] = {
	{"run", "SUITE... --board NAME... [--out FOLDER]\n"
	        "                   [--control always|on-failure|never] [--tries N]\n"
	        "                   [--rules FILE]",
	 "run suites on boards and report", command_run},
	{"plan", "SUITE...", "list the cases of suites without running them", command_plan},
	{"report", "FOLDER [--rules FILE]", "print a run's matrix and write its reports again",
	 command_report},
	{"decode", "FILE [--json | --fields PATH,...] [--lint] [--keylog FILE] [--key FILE]\n"
	           "                   [--port N] [--host ADDRESS] [--sni NAME] [--alert [N]]\n"
	           "                   [--write OUT.pcapng]",
	 "print the TLS connections of a capture", command_decode},
	{"whatif", "CAPTURE|HELLO.bin --suite SUITE... [--json]",
	 "tell what each server of suites would answer to captured ClientHellos", command_whatif},
	{"explain", "CAPTURE [--suite SUITE...] [--keylog FILE] [--key FILE] [--rules FILE]",
	 "tell why the connections of a capture failed, and what would help", command_explain},
	{"certs", "", "make the certificates that suites name", command_certs},
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *file)
{
	fputs("usage:\n", file);
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(file, "  shakedown %s%s%s\n      %s\n", commands[i].name,
		        commands[i].takes[0] != '\0' ? " " : "", commands[i].takes,
		        commands[i].does);
	fputs("SUITE and board NAME are files (with a slash or .json), or what ships with Shakedown:\n"
	      "a name that is none lists them all. README.md and docs/ tell more.\n"
	      "exit status: 0 all as expected, 1 some cell failed, 2 wrong usage or input,\n"
	      "             3 the harness could not do its work\n",
	      file);
}

static bool asks_for_help(char **arguments)
{
	static const char *const words[] = {"--help", "-h"};

	for (; *arguments != NULL; arguments++)
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strcmp(*arguments, words[i]) == 0)
				return true;
	return false;
}

int main(int argc, char **argv)
{
	struct error error = {0};
	int status = 2;

	setlocale(LC_CTYPE, "");
	if (argc > 1 && (strcmp(argv[1], "help") == 0 || asks_for_help(argv + 1))) {
		usage(stdout);
		return 0;
	}
	for (size_t i = 0; argc > 1 && i < N_COMMANDS; i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		status = commands[i].run(argv + 2, &error);
		if (error.text[0] != '\0')
			fprintf(stderr, "shakedown: %s\n", error.text);
		return status;
	}
	if (argc > 1)
		fprintf(stderr, "shakedown: there is no command \"%s\"\n", argv[1]);
	usage(stderr);
	return status;
}
