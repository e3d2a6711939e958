#include "peer/python.h"

#include "base/assert.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define USUAL "/usr/bin/python3"

/* Another package is called "serial" too, and lacks this function. */
#define TRIAL "import serial; serial.serial_for_url"

struct trial {
	const char *python; /* NULL: none */
	pid_t pid;
	int output;
};

static struct trial prepared;

static int spawn(const char *python, int output, pid_t *pid)
{
	char *const arguments[] = {(char *)python, "-c", TRIAL, NULL};
	posix_spawn_file_actions_t actions;
	int rc;

	CHECK(posix_spawn_file_actions_init(&actions) == 0);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	rc = posix_spawn(pid, python, &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

static struct trial begin_trial(const char *python)
{
	struct trial trial = {0};
	int ends[2];

	if (access(python, X_OK) != 0 || pipe2(ends, O_CLOEXEC) != 0)
		return trial;
	if (spawn(python, ends[1], &trial.pid) == 0)
		trial = (struct trial){.python = python, .pid = trial.pid, .output = ends[0]};
	else
		close(ends[0]);
	close(ends[1]);
	return trial;
}

/* The end of its output is the end of the trial, so that it can be waited for with a deadline. */
static bool end_trial(const struct trial *trial)
{
	struct pollfd output = {.fd = trial->output, .events = POLLIN};
	int status = -1;

	if (trial->python == NULL)
		return false;
	if (poll(&output, 1, PYTHON_DEADLINE_MS) <= 0)
		kill(trial->pid, SIGKILL);
	waitpid(trial->pid, &status, 0);
	close(trial->output);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool passes_trial(const char *python)
{
	struct trial trial = prepared;

	prepared.python = NULL;
	if (trial.python == NULL || strcmp(trial.python, python) != 0)
		trial = begin_trial(python);
	return end_trial(&trial);
}

/* Tries `python` and keeps it in `found`, or adds it to what the error names. */
static bool take_if_good(const char *python, char found[PATH_MAX], struct error *error)
{
	if (access(python, X_OK) != 0)
		return false;
	if (passes_trial(python)) {
		snprintf(found, PATH_MAX, "%s", python);
		return true;
	}
	error_append(error, " %s", python);
	return false;
}

static bool search_path(char found[PATH_MAX], struct error *error)
{
	const char *path = getenv("PATH");
	char candidate[PATH_MAX];

	for (const char *folder = path; folder != NULL && *folder != '\0';) {
		int len = (int)strcspn(folder, ":");

		snprintf(candidate, sizeof(candidate), "%.*s/python3", len, folder);
		if (len > 0 && strcmp(candidate, USUAL) != 0 &&
		    take_if_good(candidate, found, error))
			return true;
		folder += len + (folder[len] == ':');
	}
	return false;
}

void python_prepare(void)
{
	const char *named = getenv("SHAKEDOWN_PYTHON");

	prepared = begin_trial(named != NULL ? named : USUAL);
}

const char *python_find(struct error *error)
{
	static char found[PATH_MAX];
	const char *named = getenv("SHAKEDOWN_PYTHON");
	struct error tried = {0};

	if (found[0] != '\0')
		return found;
	if (named != NULL) {
		if (passes_trial(named)) {
			snprintf(found, sizeof(found), "%s", named);
			return found;
		}
		error_set(
			error, ERR_ENVIRONMENT,
			"SHAKEDOWN_PYTHON is %s, which does not run or has no pyserial: `%s -m pip "
			"install pyserial`, or name another",
			named, named);
		return NULL;
	}
	error_set(&tried, ERR_ENVIRONMENT, "no Python with pyserial; tried:");
	if (take_if_good(USUAL, found, &tried) || search_path(found, &tried))
		return found;
	error_set(error, ERR_ENVIRONMENT,
	          "%s; install the package python3-serial, or `pip install pyserial` for one",
	          tried.text);
	return NULL;
}
