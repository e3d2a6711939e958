/* shakedown: the command. One row a subcommand; the usage is printed from the same rows. */
#include "command.h"

#include "base/file.h"
#include "base/version.h"

#include <locale.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct command {
	const char *name, *takes, *does;
	int (*run)(char **arguments, struct error *error); /* returns the exit status */
} commands[] = {
	{"run", "SUITE... --board NAME... [--case NAME...] [--out FOLDER] [--verbose]\n"
	        "                   [--control always|on-failure|never] [--tries N]\n"
	        "                   [--rules FILE] [--shard K/N [--durations FOLDER]]\n"
	        "                   [--baseline FOLDER] [--attempts N] [--known FILE]\n"
	        "                   [--daemon [SOCKET]] [--github] [--tap FILE]",
	 "run suites on boards and report", command_run},
	{"run", "--resume FOLDER [--daemon [SOCKET]]", "go on with a run that was cut short",
	 command_run},
	{"status", "[--daemon SOCKET]", "show a lab's boards, and the runs on them and waiting",
	 command_status},
	{"cancel", "[RUN] [--daemon SOCKET]", "end a run in a lab", command_cancel},
	{"plan", "SUITE...", "list the cases of suites without running them", command_plan},
	{"report", "FOLDER [--rules FILE] [--baseline FOLDER] [--github] [--tap FILE]",
	 "print a run's matrix and write its reports again", command_report},
	{"merge", "FOLDER... --out FOLDER", "join the runs of all shards of a plan into one report",
	 command_merge},
	{"slurm", "submit SUITE... --boards TYPE... --shards N [--out FOLDER] [--dry-run]\n"
	          "                   [--daemon SOCKET] [options of run]",
	 "run shards as jobs of Slurm, where the boards are, and merge them", command_slurm},
	{"show", "FOLDER CELL", "tell all that is known of one cell of a run, with its ladder",
	 command_show},
	{"compare", "BASE NEW",
	 "tell what differs between two runs, and end with 1 on a regression",
	 command_compare},
	{"accept", "FOLDER", "propose entries of known.json for a run's failures, to be reviewed",
	 command_accept},
	{"decode", "FILE [--json | [--ladder] [--hex] | --fields PATH,...] [--lint]\n"
	           "                   [--keylog FILE] [--key FILE]\n"
	           "                   [--port N] [--host ADDRESS] [--sni NAME] [--alert [N]]\n"
	           "                   [--write OUT.pcapng]",
	 "print the TLS connections of a capture", command_decode},
	{"whatif", "CAPTURE|HELLO.bin --suite SUITE... [--json]",
	 "tell what each server of suites would answer to captured ClientHellos", command_whatif},
	{"explain", "CAPTURE [--suite SUITE...] [--keylog FILE] [--key FILE] [--rules FILE]\n"
	            "                   [--json]",
	 "tell why the connections of a capture failed, and what would help", command_explain},
	{"board", "list | check NAME | try NAME | reset NAME | learn NAME\n"
	          "                   [--port PORT] [--baud N] [--address ADDRESS] [--lab FILE]",
	 "list boards, try one and show each step, or restart it", command_board},
	{"certs", "", "make the certificates that suites name", command_certs},
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void put_command(const struct command *command, FILE *file)
{
	fprintf(file, "  shakedown %s%s%s\n      %s\n", command->name,
	        command->takes[0] != '\0' ? " " : "", command->takes, command->does);
}

/* Of one command, or of all: NULL. */
static void usage(const struct command *command, FILE *file)
{
	fputs("usage:\n", file);
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (command == NULL || command == &commands[i])
			put_command(&commands[i], file);
	if (command == NULL)
		fputs("  shakedown --version\n      tell the versions of Shakedown and OpenSSL\n",
		      file);
	fputs("SUITE and board NAME are files (with a slash or .json), or what ships with Shakedown:\n"
	      "a name that is none lists them all. README.md and docs/ tell more.\n"
	      "exit status: 0 all as expected, 1 some cell failed, 2 wrong usage or input,\n"
	      "             3 the harness could not do its work\n",
	      file);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; name != NULL && i < N_COMMANDS; i++)
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	return NULL;
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

/* Whether what was printed came through. The reader of a pipe may have had enough of it. */
static int check_output(struct error *error)
{
	struct stat status;

	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	if (fstat(STDOUT_FILENO, &status) == 0 && S_ISFIFO(status.st_mode))
		return 0;
	return error_set(error, ERR_ENVIRONMENT,
	                 "cannot write all to standard output: is the disk full?");
}

static int run_command(const struct command *command, char **arguments)
{
	struct error error = {0};
	int status = command->run(arguments, &error);

	if (error.text[0] == '\0' && check_output(&error) != 0)
		status = -error.code;
	if (error.text[0] != '\0')
		fprintf(stderr, "shakedown: %s\n", error.text);
	return status;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;
	bool help = word != NULL && strcmp(word, "help") == 0;
	const struct command *command = find_command(help ? argv[2] : word);

	file_hold_standard();
	setlocale(LC_CTYPE, "");
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is as a disk that is full */
	if (help || asks_for_help(argv + 1)) {
		usage(command, stdout);
		return 0;
	}
	if (word != NULL && strcmp(word, "--version") == 0) {
		printf("shakedown %s, with %s\n", SHAKEDOWN_VERSION,
		       OpenSSL_version(OPENSSL_VERSION));
		return 0;
	}
	if (command != NULL)
		return run_command(command, argv + 2);
	if (word != NULL)
		fprintf(stderr, "shakedown: there is no command \"%s\"\n", word);
	usage(NULL, stderr);
	return 2;
}
