/*
 * shakedown-board: a virtual board: the agent on a pseudo-terminal over a real TLS stack. Built
 * twice: with the stacks of firmware/stacks.c, and as shakedown-board-wolfssl with wolfSSL alone.
 *
 * Exit status: 0 when standard input has ended, 2 wrong usage, 3 no pseudo-terminal to be had.
 */
#include "base/file.h"
#include "firmware/virtual_board.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(const char *program)
{
	printf("usage: %s --stack NAME [--state NAME] [--deadline MS]\n\n"
	       "A virtual board: the board's end of the agent protocol on a pseudo-terminal.\n"
	       "Tells its device on standard output, in a line of JSON, and ends when standard\n"
	       "input does.\n\n"
	       "  --deadline MS  ends a longer run with the stack's time-out status; default %d\n",
	       program, VIRTUAL_BOARD_DEADLINE_MS);
	for (const struct stack *const *stack = STACKS; *stack != NULL; stack++) {
		printf("\n--stack %s: %s\n%s", (*stack)->name, (*stack)->version(), (*stack)->help);
		for (const char *const *state = (*stack)->states; state != NULL && *state != NULL;
		     state++)
			printf("  --state %s\n", *state);
	}
}

static int find_stack(const char *name, const struct stack **found, struct error *error)
{
	if (name == NULL)
		return error_set(error, ERR_INPUT, "--stack is missing; --help lists the stacks");
	for (const struct stack *const *stack = STACKS; *stack != NULL; stack++) {
		if (strcmp((*stack)->name, name) == 0) {
			*found = *stack;
			return 0;
		}
	}
	error_set(error, ERR_INPUT, "there is no stack \"%s\" in this program, only", name);
	for (const struct stack *const *stack = STACKS; *stack != NULL; stack++)
		error_append(error, " %s", (*stack)->name);
	return ERR_INPUT;
}

static int find_state(const struct stack *stack, const char *name, int *found, struct error *error)
{
	const char *const *states = stack->states;

	if (states == NULL && name == NULL)
		return 0;
	if (states == NULL)
		return error_set(error, ERR_INPUT, "stack %s has no states: leave --state out",
		                 stack->name);
	for (int i = 0; name != NULL && states[i] != NULL; i++) {
		if (strcmp(states[i], name) == 0) {
			*found = i;
			return 0;
		}
	}
	error_set(error, ERR_INPUT, "stack %s needs --state with one of", stack->name);
	for (; *states != NULL; states++)
		error_append(error, " %s", *states);
	return ERR_INPUT;
}

static int read_deadline(const char *text, uint32_t *deadline_ms, struct error *error)
{
	char *end;
	unsigned long ms = strtoul(text, &end, 10);

	if (*end != '\0' || ms == 0 || ms > 3600000)
		return error_set(error, ERR_INPUT,
		                 "--deadline %s: give milliseconds, from 1 to 3600000", text);
	*deadline_ms = (uint32_t)ms;
	return 0;
}

static int read_options(int argc, char **argv, struct virtual_board_options *options,
                        struct error *error)
{
	static const struct option known[] = {
		{"stack", required_argument, NULL, 's'},
		{"state", required_argument, NULL, 't'},
		{"deadline", required_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	const char *stack = NULL, *state = NULL;
	int option, rc = 0;

	while (rc == 0 && (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 's')
			stack = optarg;
		else if (option == 't')
			state = optarg;
		else if (option == 'd')
			rc = read_deadline(optarg, &options->deadline_ms, error);
		else if (option == 'h')
			print_help(argv[0]);
		if (option == 'h')
			exit(0);
		if (option == '?') /* getopt has said what is wrong */
			exit(-ERR_INPUT);
	}
	if (rc == 0 && optind < argc)
		rc = error_set(error, ERR_INPUT, "\"%s\" is no option", argv[optind]);
	if (rc == 0)
		rc = find_stack(stack, &options->stack, error);
	if (rc == 0)
		rc = find_state(options->stack, state, &options->state, error);
	return rc;
}

int main(int argc, char **argv)
{
	struct virtual_board_options options = {.deadline_ms = VIRTUAL_BOARD_DEADLINE_MS};
	struct error error = {0};
	int rc;

	file_hold_standard();
	rc = read_options(argc, argv, &options, &error);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is as a disk that is full */
	if (rc == 0)
		rc = virtual_board_serve(&options, &error);
	if (rc != 0)
		fprintf(stderr, "%s: %s\n", argv[0], error.text);
	return -rc;
}
