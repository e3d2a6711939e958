/* status and cancel: what one asks of a lab's daemon beside runs. */
#include "command.h"

#include "base/json.h"
#include "base/message.h"
#include "lab_socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MS 10000

enum { LAB_WORDS, LAB_DAEMON };

/* Takes `request`. The answer is the caller's; NULL with the error set. */
static json_t *ask(const struct option_words *daemon, json_t *request, struct error *error)
{
	char *path = lab_socket_path(command_word(daemon), false);
	int fd = lab_socket_connect(path, error);
	struct message_reader reader = {0};
	json_t *answer = NULL;
	struct bytes attached;
	int rc = fd < 0 ? fd : message_write(fd, request, attached = (struct bytes){0}, error);

	if (rc == 0)
		rc = message_read(fd, &reader, ANSWER_MS, &answer, &attached, error);
	if (rc != 1 && (error->code == 0 || error->text[0] == '\0'))
		error_set(error, ERR_ENVIRONMENT, "the daemon at %s does not answer", path);
	if (rc == 1 && strcmp(json_text(answer, "event"), "finished") == 0)
		error_set(error, -(int)json_number(answer, "status"), "%s",
		          json_text(answer, "error"));
	if (fd >= 0)
		close(fd);
	message_reader_fini(&reader);
	json_decref(request);
	free(path);
	if (rc == 1 && error->code == 0)
		return answer;
	json_decref(answer);
	return NULL;
}

static void print_words(const json_t *list)
{
	const json_t *word;
	size_t i;

	json_array_foreach(list, i, word)
		printf("%s%s", i > 0 ? " " : "", json_string_value(word));
}

static void print_boards(const json_t *boards)
{
	const json_t *board;
	size_t i;

	printf("%-24s %-20s %-20s %s\n", "BOARD", "TYPE", "STATE", "TAGS");
	json_array_foreach(boards, i, board) {
		char state[80] = "free";

		if (json_object_get(board, "run") != NULL)
			snprintf(state, sizeof(state), "run %lld, %s", json_number(board, "run"),
			         json_text(board, "user"));
		printf("%-24s %-20s %-20s ", json_text(board, "name"), json_text(board, "type"),
		       state);
		print_words(json_object_get(board, "tags"));
		putchar('\n');
	}
}

static void print_runs(const json_t *runs)
{
	const json_t *run;
	size_t i;

	printf("\n%-6s %-16s %-10s %-20s %s\n", "RUN", "USER", "STATE", "CELLS", "BOARDS");
	json_array_foreach(runs, i, run) {
		const json_t *boards = json_object_get(run, "boards");
		char cells[64];

		snprintf(cells, sizeof(cells), "%lld/%lld, %lld failed", json_number(run, "done"),
		         json_number(run, "cells"), json_number(run, "failed"));
		printf("%-6lld %-16s %-10s %-20s ", json_number(run, "run"),
		       json_text(run, "user"), json_text(run, "state"),
		       json_number(run, "cells") > 0 ? cells : "-");
		print_words(json_array_size(boards) > 0 ? boards : json_object_get(run, "wants"));
		putchar('\n');
	}
	if (json_array_size(runs) == 0)
		puts("none");
}

int command_status(char **arguments, struct error *error)
{
	struct option_words options[] = {
		[LAB_WORDS] = {0},
		[LAB_DAEMON] = {.name = "--daemon", .one = "the socket of a lab's daemon"},
		{0},
	};
	json_t *answer;
	int rc = command_sort(arguments, options, error);

	if (rc == 0 && options[LAB_WORDS].n > 0)
		rc = error_set(error, ERR_INPUT, "status takes no words");
	if (rc != 0)
		return -rc;
	answer = ask(&options[LAB_DAEMON], json_made(json_pack("{s:s}", "op", "status")), error);
	if (answer == NULL)
		return -error->code;
	print_boards(json_object_get(answer, "boards"));
	print_runs(json_object_get(answer, "runs"));
	json_decref(answer);
	return 0;
}

int command_cancel(char **arguments, struct error *error)
{
	struct option_words options[] = {
		[LAB_WORDS] = {0},
		[LAB_DAEMON] = {.name = "--daemon", .one = "the socket of a lab's daemon"},
		{0},
	};
	json_t *request = json_made(json_pack("{s:s}", "op", "cancel")), *answer;
	int rc = command_sort(arguments, options, error);
	char *end = NULL;
	long number = 0;

	if (rc == 0 && options[LAB_WORDS].n > 0) {
		number = strtol(options[LAB_WORDS].words[0], &end, 10);
		if (options[LAB_WORDS].n > 1 || *end != '\0' || number < 1)
			rc = error_set(error, ERR_INPUT,
			               "cancel takes the number of one run, as status shows it");
		json_object_set_new(request, "run", json_integer(number));
	}
	if (rc != 0) {
		json_decref(request);
		return -rc;
	}
	answer = ask(&options[LAB_DAEMON], request, error);
	if (answer == NULL)
		return -error->code;
	printf("Run %lld is cancelled.\n", json_number(answer, "run"));
	json_decref(answer);
	return 0;
}
