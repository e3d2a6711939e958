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

/* Another package is called "serial" too, and lacks this function. */
#define TRIAL "import serial; serial.serial_for_url"

static int start_trial(const char *python, int output, pid_t *pid)
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

/* The end of its output is the end of the trial, so that it can be waited for with a deadline. */
static bool passes_trial(const char *python)
{
	struct pollfd output;
	int ends[2], status = -1;
	pid_t pid;
	int rc;

	if (access(python, X_OK) != 0 || pipe2(ends, O_CLOEXEC) != 0)
		return false;
	rc = start_trial(python, ends[1], &pid);
	close(ends[1]);
	if (rc == 0) {
		output = (struct pollfd){.fd = ends[0], .events = POLLIN};
		if (poll(&output, 1, PYTHON_DEADLINE_MS) <= 0)
			kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	close(ends[0]);
	return rc == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
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
		if (len > 0 && strcmp(candidate, "/usr/bin/python3") != 0 &&
		    take_if_good(candidate, found, error))
			return true;
		folder += len + (folder[len] == ':');
	}
	return false;
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
	if (take_if_good("/usr/bin/python3", found, &tried) || search_path(found, &tried))
		return found;
	error_set(error, ERR_ENVIRONMENT,
	          "%s; install the package python3-serial, or `pip install pyserial` for one",
	          tried.text);
	return NULL;
}
